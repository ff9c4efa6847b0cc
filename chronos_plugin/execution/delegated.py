"""A subworkflow, or the whole workflow, of a run that Toil runs as one piece.

::

    work/STEP[@N]/@toil-1/      the first delegation of it (``delegation/leader.py`` says what lies there)

A failed one is resumed from its job store, as long as its inputs are the same and none has succeeded since
somebody wanted it anew.
"""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from chronos_plugin.execution import context
from chronos_plugin.execution.bindings.delegation import Delegated
from chronos_plugin.execution.bindings.document import TargetSetting
from chronos_plugin.execution.delegation.request import Delegation, ToilOptions
from chronos_plugin.execution.remote import remote_again, stage_in
from chronos_plugin.execution.run import SKIPPED, SUCCESS, Run
from chronos_plugin.execution.store import RESULT, Key, read_json, strip, write_json

_MARK = "generation.json"


def prepare(
    run: Run,
    key: Key,
    setting: TargetSetting,
    given: Delegated,
    *,
    generation: int = 0,
    airflow_try: int | None = None,
) -> Delegation | dict[str, Any]:
    """Return what Toil is to run, or the result where that stands already or ``when`` skips it.

    Args:
        setting: The target, of kind ``toil``.
        generation: Changes when somebody wants it executed anew.
        airflow_try: Number of the task instance's try, for the record.

    Raises:
        SettingInvalid: If an option is wrong.
        StepFailed: If an input cannot be fetched or evaluated.
    """
    known = run.store.read(key, RESULT)
    if known is not None and known.get("generation") == generation:
        return dict(known)
    path = tuple(name for name, _ in key)
    inputs = run.scope_inputs(key)
    if inputs is None:
        skipped = {"status": SKIPPED, "outputs": dict.fromkeys(_ports(run, path)), "generation": generation}
        run.store.write(key, RESULT, skipped)
        return skipped
    options = ToilOptions.parse(
        {**setting.options, **given.options},
        container_engine=setting.container_engine or run.options.container_engine,
    )
    inputs = stage_in(run, inputs)
    folder = _folder(run.store.work(key), inputs, generation)
    context.begin(
        run.store,
        key,
        folder,
        target=setting.name,
        why=f"delegated as one piece: {given.why}",
        node=os.uname().nodename,
        airflow_try=airflow_try,
    )
    return Delegation(
        document=run.document.file,
        folder=folder,
        inputs=inputs,
        step=path,
        requirements=tuple(run.extra_requirements),
        options=options,
    )


def succeeded(
    run: Run, key: Key, delegation: Delegation, outputs: Mapping[str, Any], generation: int
) -> dict[str, Any]:
    """Keep the output object of a delegation; return the result, as of a step."""
    path = tuple(name for name, _ in key)
    result = {
        "status": SUCCESS,
        "inputs": remote_again(run, strip(delegation.inputs)),
        "outputs": remote_again(run, {port: strip(outputs.get(port)) for port in _ports(run, path)}),
        "command": ["toil-cwl-runner", delegation.document.name, *(["#" + "/".join(path)] if path else [])],
        "exit_code": 0,
        "work": str(delegation.folder),
        "generation": generation,
    }
    run.store.write(key, RESULT, result)
    context.update(run.store, key, delegation.folder, state=SUCCESS, ended=time.time(), exit_code=0)
    return result


def failed(run: Run, key: Key, delegation: Delegation, error: Exception) -> None:
    """Keep that a start of a delegation has failed."""
    code = getattr(error, "exit_code", None)
    more = {"state": "failed", "ended": time.time(), "exit_code": code, "message": str(error)}
    context.update(run.store, key, delegation.folder, **more)


def _folder(root: Path, inputs: Mapping[str, Any], generation: int) -> Path:
    """Return the last delegation's folder where it is to be gone on with, else a new one."""
    known = sorted(root.glob("@toil-*"), key=context.number_of)
    if known:
        mark = read_json(known[-1] / _MARK)
        over = any((read_json(f) or {}).get("code") == 0 for f in known[-1].glob("exit-*.json"))
        if mark is not None and mark["inputs"] == inputs and (not over or mark["generation"] == generation):
            return known[-1]
    folder = root / f"@toil-{1 + (context.number_of(known[-1]) if known else 0)}"
    write_json(folder / _MARK, {"inputs": inputs, "generation": generation})
    return folder


def _ports(run: Run, path: tuple[str, ...]) -> list[str]:
    from chronos_plugin.execution import links

    return links.ports(run.step(path)) if path else [p.name for p in run.document.graph.outputs]
