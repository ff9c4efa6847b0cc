"""Targets files and bindings files, read and checked; mistakes are named with line and column."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

from chronos_plugin.errors import SettingInvalid, SourceLocation
from chronos_plugin.execution.bindings.schema import BINDINGS_FILE, TARGETS_FILE

SUFFIX = ".targets.yaml"
WORKER = "worker"
"""Name of the target that always is: the worker that has the step's task runs the tool itself."""
LOCAL = "local"
"""Name of a target that is there unless the targets file says otherwise: processes on this host."""


@dataclass(frozen=True)
class Condition:
    """A bound on a number: ``>= 4``."""

    comparison: str
    bound: float

    def holds(self, value: float) -> bool:
        """Whether ``value`` keeps to it."""
        return {
            ">=": value >= self.bound,
            "<=": value <= self.bound,
            ">": value > self.bound,
            "<": value < self.bound,
            "=": value == self.bound,
        }[self.comparison]

    def __str__(self) -> str:
        return f"{self.comparison} {self.bound:g}"


@dataclass(frozen=True)
class Burst:
    """Where to go when the target's queue is too long; ``when_waiting`` in seconds."""

    to: str
    when_waiting: float
    options: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Rule:
    """One binding; what it does not name matches anything."""

    target: str
    location: SourceLocation
    workflow: tuple[str, ...] = ()
    step: tuple[str, ...] = ()
    needs: Mapping[str, Condition] = field(default_factory=dict)
    label: tuple[str, ...] = ()
    options: Mapping[str, Any] = field(default_factory=dict)
    burst: Burst | None = None
    delegate: bool = False

    @property
    def default(self) -> bool:
        """Whether it has no condition: what to do where nobody says better."""
        return not (self.workflow or self.step or self.needs or self.label)


@dataclass(frozen=True)
class TargetSetting:
    """One target of a targets file.

    Attributes:
        max_in_flight: Jobs that are submitted and have not ended, for each triggerer.
        max_cores, max_ram: Of those jobs together (cores; MiB); None: no bound.
        submit_rate: Submissions a second.
        poll_interval: Seconds between two looks at all jobs.
        container_engine: Of its nodes; None: the deployment's.
    """

    name: str
    kind: str
    description: str = ""
    max_in_flight: int = 1000
    max_cores: float | None = None
    max_ram: float | None = None
    submit_rate: float = 20.0
    poll_interval: float = 5.0
    container_engine: str | None = None
    options: Mapping[str, Any] = field(default_factory=dict)
    location: SourceLocation | None = None


@dataclass(frozen=True)
class TargetsFile:
    """Targets by name, and rules in their order."""

    targets: Mapping[str, TargetSetting]
    bindings: tuple[Rule, ...] = ()


def deployment(path: Path) -> TargetsFile:
    """Return the deployment's targets and bindings; the built-in targets alone if there is no such file.

    Raises:
        SettingInvalid: If the file is wrong; the message gives line and column.
    """
    found = _load(path, whole=True)
    targets = {
        WORKER: TargetSetting(WORKER, WORKER, "the worker that has the step's task"),
        LOCAL: _built_in_local(),
        **found.targets,
    }
    if targets[WORKER].kind != WORKER:
        raise SettingInvalid(
            f"{targets[WORKER].location}: the target 'worker' is built in; name yours otherwise"
        )
    _check_names(found.bindings, targets)
    return TargetsFile(targets, found.bindings)


def beside(document: Path, targets: Mapping[str, TargetSetting]) -> tuple[Rule, ...]:
    """Return the rules of ``NAME.targets.yaml`` beside a document, none if there is no such file.

    Raises:
        SettingInvalid: If the file is wrong or names a target that the deployment does not have.
    """
    rules = _load(document.with_name(document.stem + SUFFIX), whole=False).bindings
    _check_names(rules, targets)
    return rules


def _built_in_local() -> TargetSetting:
    cores = float(os.cpu_count() or 1)
    return TargetSetting(
        LOCAL, LOCAL, "processes on the triggerer's host", max_cores=cores, poll_interval=1.0
    )


def _check_names(rules: Sequence[Rule], targets: Mapping[str, TargetSetting]) -> None:
    for rule in rules:
        for name in (rule.target, rule.burst.to if rule.burst else rule.target):
            if name not in targets:
                known = ", ".join(sorted(targets))
                raise SettingInvalid(f"{rule.location}: there is no target {name!r}; there are: {known}")


def _load(path: Path, *, whole: bool) -> TargetsFile:
    try:
        status = path.stat()
    except OSError:
        return TargetsFile({})
    return _parsed(path, status.st_mtime_ns, status.st_size, whole)


@lru_cache(maxsize=256)
def _parsed(path: Path, changed: int, size: int, whole: bool) -> TargetsFile:
    del changed, size
    import yaml

    from chronos_plugin.cwl.yaml import load_yaml
    from chronos_plugin.errors import InputInvalid

    raw = path.read_bytes()
    try:
        value = load_yaml(raw, str(path)) or {}
    except InputInvalid as error:
        raise SettingInvalid(str(error)) from error
    places = _Places(path, yaml.compose(raw, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader)))
    _validate(value, TARGETS_FILE if whole else BINDINGS_FILE, places)
    return TargetsFile(
        {
            name: TargetSetting(name, **entry, location=places.at(("targets", name)))
            for name, entry in (value.get("targets") or {}).items()
        },
        tuple(_rule(r, places.at(("bindings", i))) for i, r in enumerate(value.get("bindings") or [])),
    )


class _Places:
    """Where each value of a YAML document stands."""

    def __init__(self, path: Path, root: Any) -> None:
        self._path, self._root = path, root

    def at(self, steps: Sequence[str | int]) -> SourceLocation:
        """Return the place of the value at ``steps``, or of the last that there is on the way."""
        node, mark = self._root, self._root.start_mark if self._root is not None else None
        for step in steps:
            child = None
            if isinstance(step, int):
                child = node.value[step] if step < len(node.value) else None
            else:
                for key, value in getattr(node, "value", ()):
                    if key.value == step:
                        mark, child = key.start_mark, value
            if child is None:
                break
            if isinstance(step, int):
                mark = child.start_mark
            node = child
        if mark is None:
            return SourceLocation(str(self._path), 1, 1)
        return SourceLocation(str(self._path), mark.line + 1, mark.column + 1)


def _validate(value: Any, schema: Mapping[str, Any], places: _Places) -> None:
    from jsonschema import Draft202012Validator
    from jsonschema.exceptions import best_match

    error = best_match(Draft202012Validator(schema).iter_errors(value))
    if error is None:
        return
    steps = list(error.absolute_path)
    message = str(error.message)
    if error.validator == "additionalProperties":
        unknown = re.findall(r"'([^']*)'", message)
        known = ", ".join(sorted(error.schema.get("properties", {})))
        if unknown:
            steps.append(unknown[0])
            message = f"there is no field {unknown[0]!r} here; fields are: {known}"
    elif error.validator == "required":
        message = f"{message.replace('is a required property', 'is missing')}"
    raise SettingInvalid(f"{places.at(steps)}: {message}")


def _rule(value: Mapping[str, Any], location: SourceLocation) -> Rule:
    burst = value.get("burst")
    return Rule(
        target=value["target"],
        location=location,
        workflow=_globs(value.get("workflow")),
        step=_globs(value.get("step")),
        needs={name: _condition(text) for name, text in (value.get("needs") or {}).items()},
        label=_globs(value.get("label")),
        options=value.get("options") or {},
        burst=burst and Burst(burst["to"], burst["when_waiting"] * 60.0, burst.get("options") or {}),
        delegate=bool(value.get("delegate", False)),
    )


def _globs(value: Any) -> tuple[str, ...]:
    if value is None:
        return ()
    return (value,) if isinstance(value, str) else tuple(value)


def _condition(value: Any) -> Condition:
    match = re.match(r"\s*(>=|<=|>|<|=)?\s*(.+)", str(value))
    assert match is not None
    return Condition(match[1] or ">=", float(match[2]))
