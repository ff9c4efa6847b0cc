"""W3C PROV: the statements of a provenance, written as PROV-JSON or PROV-N.

Runs are activities, datasets and parameters entities, versions of jobs plans. Whatever ran was told to by
this CHRONOS, on behalf of an organisation. A step's run was started by its workflow's.
"""

from __future__ import annotations

import datetime
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from chronos_plugin.exporters.provenance import Provenance, dataset_key, digest, job_key, parameters_of
from chronos_plugin.lineage.model import Dataset, Direction, Job, JobKind, Run

_ENGINE = "chronos:engine"
_ORGANISATION = "chronos:organisation"
_ARGUMENTS = {
    "entity": (),
    "activity": ("prov:startTime", "prov:endTime"),
    "agent": (),
    "used": ("prov:activity", "prov:entity", "prov:time"),
    "wasGeneratedBy": ("prov:entity", "prov:activity", "prov:time"),
    "wasAssociatedWith": ("prov:activity", "prov:agent", "prov:plan"),
    "wasStartedBy": ("prov:activity", "prov:trigger", "prov:starter", "prov:time"),
    "actedOnBehalfOf": ("prov:delegate", "prov:responsible", "prov:activity"),
}
"""Kinds of statements, in the order of writing, with the places that PROV-N gives to what they name."""
_ELEMENTS = ("entity", "activity", "agent")
_TIMES = ("prov:startTime", "prov:endTime", "prov:time")


@dataclass(frozen=True)
class Statement:
    """One statement of PROV.

    Attributes:
        kind: Its name in PROV-N.
        id: Of an element; empty for a relation.
        arguments: Qualified names and times by their names in PROV-JSON.
        attributes: Numbers, texts, and qualified names as :class:`Name`.
    """

    kind: str
    id: str = ""
    arguments: Mapping[str, str] = field(default_factory=dict)
    attributes: Mapping[str, Any] = field(default_factory=dict)


class Name(str):
    """A qualified name as a value."""

    __slots__ = ()


def prefixes(provenance: Provenance) -> dict[str, str]:
    """Return the namespaces of a provenance's names."""
    ours = f"urn:chronos:{provenance.instance}:"
    return {
        "chronos": f"{ours}vocabulary:",
        "dataset": f"{ours}dataset:",
        "job": f"{ours}job:",
        "parameter": f"{ours}parameter:",
        "run": "urn:uuid:",
    }


def statements(provenance: Provenance) -> Iterator[Statement]:
    """Yield all statements of a provenance, elements before the relations between them."""
    yield from _agents(provenance)
    yield from (_dataset(key, dataset) for key, dataset in provenance.datasets().items())
    yield from (_plan(job) for job in {job_key(r.job): r.job for r in provenance.runs}.values())
    known = {run.id for run in provenance.runs}
    for run in provenance.runs:
        yield _activity(run)
        yield from _relations(run, run.parent in known)


def prov_json(provenance: Provenance) -> str:
    """Return a provenance as PROV-JSON (W3C member submission of 2013)."""
    document: dict[str, Any] = {"prefix": prefixes(provenance)}
    for number, statement in enumerate(statements(provenance)):
        value = {**statement.arguments, **{k: _json_value(v) for k, v in statement.attributes.items()}}
        document.setdefault(statement.kind, {})[statement.id or f"_:r{number}"] = value
    return json.dumps(document, indent=1)


def prov_n(provenance: Provenance) -> str:
    """Return a provenance as PROV-N (W3C recommendation of 2013)."""
    lines = ["document"]
    lines += [f"  prefix {name} <{uri}>" for name, uri in prefixes(provenance).items()]
    lines.append("")
    lines += [f"  {_n_line(statement)}" for statement in statements(provenance)]
    return "\n".join([*lines, "endDocument", ""])


# -- what is stated --------------------------------------------------------------------------------


def _agents(provenance: Provenance) -> Iterator[Statement]:
    agent = provenance.agent
    more = {"prov:location": agent.uri} if agent.uri else {}
    yield Statement(
        "agent", _ORGANISATION, {}, {"prov:type": Name("prov:Organization"), "prov:label": agent.name, **more}
    )
    yield Statement(
        "agent",
        _ENGINE,
        {},
        {
            "prov:type": Name("prov:SoftwareAgent"),
            "prov:label": "CHRONOS",
            "chronos:version": provenance.engine_version,
        },
    )
    yield Statement("actedOnBehalfOf", "", {"prov:delegate": _ENGINE, "prov:responsible": _ORGANISATION})


def _dataset(key: str, dataset: Dataset) -> Statement:
    return Statement(
        "entity",
        f"dataset:{key}",
        {},
        _known(
            {
                "prov:label": dataset.name,
                "prov:location": dataset.location,
                "chronos:productType": dataset.type,
                "chronos:size": dataset.size,
                "chronos:checksum": dataset.checksum,
            }
        ),
    )


def _plan(job: Job) -> Statement:
    return Statement(
        "entity",
        f"job:{job_key(job)}",
        {},
        _known(
            {
                "prov:type": Name("prov:Plan"),
                "prov:label": job.name,
                "chronos:kind": job.kind.value,
                "chronos:version": job.version,
                "chronos:image": job.image,
            }
        ),
    )


def _activity(run: Run) -> Statement:
    times = {"prov:startTime": _time(run.started)}
    if run.ended is not None:
        times["prov:endTime"] = _time(run.ended)
    kind = "WorkflowRun" if run.job.kind is JobKind.WORKFLOW else "ProcessRun"
    return Statement(
        "activity",
        f"run:{run.id}",
        times,
        _known(
            {
                "prov:type": Name(f"chronos:{kind}"),
                "prov:label": run.job.name,
                "chronos:state": run.state.name,
                "chronos:attempt": run.attempt,
                "chronos:element": run.element,
                "chronos:target": run.target,
                "chronos:node": run.node,
                "chronos:exitCode": run.exit_code,
                "chronos:error": run.error,
            }
        ),
    )


def _relations(run: Run, has_parent: bool) -> Iterator[Statement]:
    activity = f"run:{run.id}"
    plan = f"job:{job_key(run.job)}"
    yield Statement(
        "wasAssociatedWith", "", {"prov:activity": activity, "prov:agent": _ENGINE, "prov:plan": plan}
    )
    if has_parent:
        arguments = {
            "prov:activity": activity,
            "prov:starter": f"run:{run.parent}",
            "prov:time": _time(run.started),
        }
        yield Statement("wasStartedBy", "", arguments)
    for port, value in parameters_of(run).items():
        text = json.dumps(value, sort_keys=True, default=str)
        identity = f"parameter:{digest(str(run.id), port)}"
        yield Statement("entity", identity, {}, {"prov:label": port, "prov:value": text})
        yield _link(Direction.INPUT, activity, identity, port, run)
    for link in run.links or ():
        yield _link(link.direction, activity, f"dataset:{dataset_key(link.dataset)}", link.port, run)


def _link(direction: Direction, activity: str, entity: str, port: str, run: Run) -> Statement:
    role = {"prov:role": port} if port else {}
    arguments = {"prov:activity": activity, "prov:entity": entity}
    if direction is Direction.INPUT:
        return Statement("used", "", {**arguments, "prov:time": _time(run.started)}, role)
    time = {"prov:time": _time(run.ended)} if run.ended else {}
    return Statement("wasGeneratedBy", "", {**arguments, **time}, role)


# -- how it is written -----------------------------------------------------------------------------


def _known(values: Mapping[str, Any]) -> dict[str, Any]:
    return {k: v for k, v in values.items() if v is not None and v != ""}


def _time(moment: datetime.datetime) -> str:
    return moment.isoformat()


def _json_value(value: Any) -> Any:
    if isinstance(value, Name):
        return {"$": str(value), "type": "prov:QUALIFIED_NAME"}
    return value


def _n_line(statement: Statement) -> str:
    parts = [statement.id] if statement.id else []
    places = _ARGUMENTS[statement.kind]
    if any(name in statement.arguments for name in places) or statement.kind not in _ELEMENTS:
        parts += [statement.arguments.get(name, "-") for name in places]
    attributes = ", ".join(f"{k}={_n_value(v)}" for k, v in statement.attributes.items())
    if attributes:
        parts.append(f"[{attributes}]")
    return f"{statement.kind}({', '.join(parts)})"


def _n_value(value: Any) -> str:
    if isinstance(value, Name):
        return f"'{value}'"
    if isinstance(value, int) and not isinstance(value, bool):
        return f'"{value}" %% xsd:int' if abs(value) < 1 << 31 else f'"{value}" %% xsd:long'
    text = str(value).replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{text}"'
