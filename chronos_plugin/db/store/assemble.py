"""Rows into the values of :mod:`chronos_plugin.lineage.model`."""

from __future__ import annotations

import dataclasses
import datetime
from collections.abc import Collection, Iterable
from typing import TYPE_CHECKING, Any
from uuid import UUID

from chronos_plugin.db.store import read
from chronos_plugin.db.store.dictionaries import Dictionaries, JobEntry
from chronos_plugin.db.store.packing import LinkEntry, unpack_checksum, unpack_links
from chronos_plugin.db.store.read import DatasetRow, RunRow
from chronos_plugin.db.store.rows import NO_EXIT_CODE
from chronos_plugin.lineage import names
from chronos_plugin.lineage.facets import full_context
from chronos_plugin.lineage.model import Dataset, Direction, Link, Run, RunState, Usage

if TYPE_CHECKING:
    from sqlalchemy import Connection


def dataset_of(row: DatasetRow, dictionaries: Dictionaries) -> Dataset:
    """Return the dataset of a row, without facets, version and copies."""
    namespace, template, kind = dictionaries.template(row.template)
    path = names.decode(template, row.numbers)
    recognised = dictionaries.types.recognise(path.rpartition("/")[2], kind=kind)
    return Dataset(
        namespace=namespace,
        path=path,
        size=row.size,
        checksum=unpack_checksum(row.checksum),
        type=kind or recognised.type,
        id=row.id,
        attributes=recognised.attributes,
    )


def run_of(row: RunRow, dictionaries: Dictionaries, parents: dict[int, UUID] | None = None) -> Run:
    """Return the run of a row, without facets and links.

    Args:
        parents: Ids of runs by number.
    """
    started = moment(row.started)
    return Run(
        id=row.uuid,
        parent=(parents or {}).get(row.parent),
        job=dictionaries.job(row.job).job,
        state=RunState(row.state),
        started=started,
        ended=None if row.duration < 0 else started + datetime.timedelta(milliseconds=row.duration),
        attempt=row.attempt,
        map_index=row.map_index,
        target=dictionaries.label(row.target),
        node=dictionaries.label(row.node),
        exit_code=None if row.exit_code == NO_EXIT_CODE else row.exit_code,
        usage=Usage(
            cpu_seconds=None if row.cpu < 0 else row.cpu / 1000,
            max_rss_bytes=None if row.memory < 0 else row.memory * 1024,
            wait_seconds=None if row.wait < 0 else row.wait / 1000,
        ),
        error=dictionaries.label(row.error),
        number=row.number,
    )


def runs_of(connection: Connection, rows: Collection[RunRow], dictionaries: Dictionaries) -> list[Run]:
    """Return the runs of rows, their parents named."""
    identities = {row.number: row.uuid for row in rows}
    lacking = {row.parent for row in rows if row.parent and row.parent not in identities}
    identities.update(read.run_ids(connection, lacking))
    return [run_of(row, dictionaries, identities) for row in rows]


def links_of(entries: Iterable[LinkEntry], job: JobEntry, datasets: dict[int, Dataset]) -> tuple[Link, ...]:
    """Return a run's links; those to datasets that are not given are left out."""
    links = []
    for identity, port, output in entries:
        if identity not in datasets:
            continue
        ports = job.outputs if output else job.inputs
        direction = Direction.OUTPUT if output else Direction.INPUT
        links.append(Link(direction, ports[port] if port < len(ports) else "", datasets[identity]))
    return tuple(links)


def full_runs(connection: Connection, rows: Collection[RunRow], dictionaries: Dictionaries) -> list[Run]:
    """Return the runs of rows with links and facets, in a few statements for all of them."""
    entries = {row.number: unpack_links(row.number, row.links) for row in rows}
    wanted = {entry.dataset for listed in entries.values() for entry in listed}
    datasets = {
        identity: dataset_of(row, dictionaries) for identity, row in read.datasets(connection, wanted).items()
    }
    facets = read.facets_of_runs(connection, list(entries))
    return [
        _complete(run, facets.get(row.number, {}), links_of(entries[row.number], job, datasets))
        for run, row in zip(runs_of(connection, rows, dictionaries), rows, strict=True)
        for job in (dictionaries.job(row.job),)
    ]


def _complete(run: Run, facets: dict[str, Any], links: tuple[Link, ...]) -> Run:
    """Return a run with its links and what the store keeps as facets."""
    if "context" in facets:
        facets = {**facets, "context": full_context(facets["context"])}
    return dataclasses.replace(
        run,
        facets={k: v for k, v in facets.items() if k not in ("element", "error")},
        element=str(facets.get("element", "")),
        error=str(facets.get("error", run.error)),
        links=links,
    )


def moment(milliseconds: int) -> datetime.datetime:
    """Return the moment of milliseconds since 1970."""
    return datetime.datetime.fromtimestamp(milliseconds / 1000, datetime.UTC)


def milliseconds(value: datetime.datetime) -> int:
    """Return milliseconds since 1970."""
    return round(value.timestamp() * 1000)
