"""Rows into the values of :mod:`chronos_plugin.lineage.model`."""

from __future__ import annotations

import datetime
from collections.abc import Collection, Iterable
from typing import TYPE_CHECKING
from uuid import UUID

from chronos_plugin.db.store import read
from chronos_plugin.db.store.dictionaries import Dictionaries, JobEntry
from chronos_plugin.db.store.packing import LinkEntry, unpack_checksum, unpack_links
from chronos_plugin.db.store.read import DatasetRow, RunRow
from chronos_plugin.db.store.rows import NO_EXIT_CODE
from chronos_plugin.lineage import names
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


def links_of_row(connection: Connection, row: RunRow, dictionaries: Dictionaries) -> tuple[Link, ...]:
    """Return the links of a run's row."""
    entries = unpack_links(row.number, row.links)
    rows = read.datasets(connection, {entry.dataset for entry in entries})
    found = {identity: dataset_of(one, dictionaries) for identity, one in rows.items()}
    return links_of(entries, dictionaries.job(row.job), found)


def moment(milliseconds: int) -> datetime.datetime:
    """Return the moment of milliseconds since 1970."""
    return datetime.datetime.fromtimestamp(milliseconds / 1000, datetime.UTC)


def milliseconds(value: datetime.datetime) -> int:
    """Return milliseconds since 1970."""
    return round(value.timestamp() * 1000)
