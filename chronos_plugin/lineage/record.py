"""Records: what operators, triggers, agents and other systems hand to the recorder, as JSON values.

A record is one run as it is known now. Records of one run may come twice, or again when it has ended: the
id of the run decides, and what has ended stays as it was recorded first.
"""

from __future__ import annotations

import datetime
import hashlib
import json
from collections.abc import Mapping
from typing import Any, NamedTuple
from uuid import UUID

from chronos_plugin.errors import InputInvalid
from chronos_plugin.lineage.model import Dataset, Direction, Job, JobKind, Link, Run, RunState, Usage

FORMAT = 1


class Product(NamedTuple):
    """A dataset of a record, and where it lay before it was published (empty: nowhere)."""

    dataset: Dataset
    port: str
    was: str = ""


class Record(NamedTuple):
    """A run with the datasets on both sides."""

    run: Run
    inputs: tuple[Product, ...]
    outputs: tuple[Product, ...]


def run_id(moment: datetime.datetime, *parts: object) -> UUID:
    """Return the id of a run that whoever knows the same parts also gives it.

    Args:
        moment: When it was asked for; ids sort by it (UUID version 7).
        parts: What makes it unique.
    """
    digest = hashlib.sha256(json.dumps([str(p) for p in parts]).encode()).digest()
    milliseconds = int(moment.timestamp() * 1000) & ((1 << 48) - 1)
    value = milliseconds << 80 | int.from_bytes(digest[:10], "big")
    value = value & ~(0xF << 76) | 7 << 76
    return UUID(int=value & ~(3 << 62) | 2 << 62)


def part_id(whole: UUID, *parts: object) -> UUID:
    """Return the id of a part of what has the id ``whole``: one element of a batch."""
    if whole.version == 7:
        moment = datetime.datetime.fromtimestamp((whole.int >> 80) / 1000, datetime.UTC)
    else:
        moment = datetime.datetime.fromtimestamp(0, datetime.UTC)
    return run_id(moment, whole, *parts)


def to_json(record: Record) -> dict[str, Any]:
    """Return a record as a JSON value; what is not known is left out."""
    run = record.run
    job = run.job
    value = {
        "format": FORMAT,
        "id": str(run.id),
        "parent": str(run.parent) if run.parent else None,
        "job": _short(
            namespace=job.namespace,
            name=job.name,
            version=job.version,
            kind=job.kind.value,
            workflow=job.workflow,
            step=job.step,
            image=job.image,
            facets=dict(job.facets),
        ),
        "state": run.state.name,
        "started": run.started.isoformat(),
        "ended": run.ended.isoformat() if run.ended else None,
        "attempt": run.attempt,
        "map_index": run.map_index,
        "element": run.element,
        "target": run.target,
        "node": run.node,
        "exit_code": run.exit_code,
        "cpu_seconds": run.usage.cpu_seconds,
        "max_rss_bytes": run.usage.max_rss_bytes,
        "wait_seconds": run.usage.wait_seconds,
        "error": run.error,
        "facets": dict(run.facets),
        "inputs": [_product_json(p) for p in record.inputs],
        "outputs": [_product_json(p) for p in record.outputs],
    }
    return _short(**value)


def from_json(value: Mapping[str, Any]) -> Record:
    """Return the record of a JSON value.

    Raises:
        InputInvalid: If it is none.
    """
    try:
        if value.get("format") != FORMAT:
            raise InputInvalid(f"a record of format {value.get('format')!r}; this CHRONOS reads {FORMAT}")
        inputs = tuple(_product(p) for p in value.get("inputs", ()))
        outputs = tuple(_product(p) for p in value.get("outputs", ()))
        return Record(_run(value, inputs, outputs), inputs, outputs)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise InputInvalid(f"not a record of a run: {type(error).__name__}: {error}") from error


def _run(value: Mapping[str, Any], inputs: tuple[Product, ...], outputs: tuple[Product, ...]) -> Run:
    links = (
        *(Link(Direction.INPUT, p.port, p.dataset) for p in inputs),
        *(Link(Direction.OUTPUT, p.port, p.dataset) for p in outputs),
    )
    return Run(
        id=UUID(value["id"]),
        parent=UUID(value["parent"]) if value.get("parent") else None,
        job=_job(value["job"]),
        state=RunState[value["state"]],
        started=_moment(value["started"]),
        ended=_moment(value["ended"]) if value.get("ended") else None,
        attempt=int(value.get("attempt", 1)),
        map_index=int(value.get("map_index", -1)),
        element=str(value.get("element", "")),
        target=str(value.get("target", "local")),
        node=str(value.get("node", "")),
        exit_code=value.get("exit_code"),
        usage=Usage(value.get("cpu_seconds"), value.get("max_rss_bytes"), value.get("wait_seconds")),
        error=str(value.get("error", "")),
        facets=dict(value.get("facets", {})),
        links=links,
    )


def _job(value: Mapping[str, Any]) -> Job:
    return Job(
        namespace=str(value["namespace"]),
        name=str(value["name"]),
        version=str(value.get("version", "")),
        kind=JobKind(value.get("kind", "other")),
        workflow=str(value.get("workflow", "")),
        step=str(value.get("step", "")),
        image=str(value.get("image", "")),
        facets=dict(value.get("facets", {})),
    )


def _product_json(product: Product) -> dict[str, Any]:
    dataset = product.dataset
    return _short(
        namespace=dataset.namespace,
        path=dataset.path,
        port=product.port,
        size=dataset.size,
        checksum=dataset.checksum,
        type=dataset.type,
        facets=dict(dataset.facets),
        was=product.was,
    )


def _product(value: Mapping[str, Any]) -> Product:
    size = value.get("size")
    dataset = Dataset(
        namespace=str(value["namespace"]),
        path=str(value["path"]),
        size=None if size is None else int(size),
        checksum=str(value.get("checksum", "")),
        type=str(value.get("type", "")),
        facets=dict(value.get("facets", {})),
    )
    return Product(dataset, str(value.get("port", "")), str(value.get("was", "")))


def _short(**values: Any) -> dict[str, Any]:
    return {k: v for k, v in values.items() if v is not None and v != "" and v != {} and v != []}


def _moment(text: str) -> datetime.datetime:
    moment = datetime.datetime.fromisoformat(text)
    return moment if moment.tzinfo else moment.replace(tzinfo=datetime.UTC)
