"""An abstract CWL document of a workflow, from what the history knows: where the document itself is gone."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from chronos_plugin.exporters.provenance import Provenance, parameters_of
from chronos_plugin.lineage.model import Direction, Run

_WHY = (
    "Made from the history of runs: the CWL document that was run is not there any more, or has changed. "
    "Steps are abstract operations; what connects them follows from the files that they exchanged."
)


def abstract_document(provenance: Provenance) -> bytes:
    """Return a CWL v1.2 workflow of abstract operations with the steps and ports that were seen.

    It is valid CWL, and cannot be run.
    """
    main = provenance.main
    steps: dict[str, list[Run]] = {}
    for run in provenance.parts:
        if run.job.workflow == main.job.workflow:
            steps.setdefault(run.job.step or run.job.name, []).append(run)
    document = {
        "cwlVersion": "v1.2",
        "class": "Workflow",
        "doc": _WHY,
        "inputs": {},
        "outputs": {},
        "steps": {name.replace("/", "__"): _step(runs) for name, runs in sorted(steps.items())},
    }
    return json.dumps(document, indent=2).encode() + b"\n"


def _step(runs: Iterable[Run]) -> dict[str, Any]:
    inputs, outputs = dict[str, str](), dict[str, str]()
    for run in runs:
        inputs.update(dict.fromkeys(parameters_of(run), "Any"))
        for link in run.links or ():
            if link.port:
                side = inputs if link.direction is Direction.INPUT else outputs
                side[link.port] = "File" if link.direction is Direction.OUTPUT else "Any"
    operation = {
        "class": "Operation",
        # An abstract step names no source of its inputs; so none of them may be needed.
        "inputs": {
            name: {"type": f"{kind}?" if kind != "Any" else ["null", "Any"]} for name, kind in inputs.items()
        },
        "outputs": {name: {"type": "Any"} for name in outputs},
    }
    return {"in": {}, "out": sorted(outputs), "run": operation}
