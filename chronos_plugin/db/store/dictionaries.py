"""What repeats, and its numbers: labels, templates, jobs. Small tables, kept in memory by their users."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from sqlalchemy import Connection, Table, func, select

from chronos_plugin.db.store import partitions
from chronos_plugin.db.store.packing import MOST_PORTS
from chronos_plugin.db.tables import lineage as tables
from chronos_plugin.lineage.model import Job, JobKind
from chronos_plugin.lineage.product_types import ProductTypes

Key = tuple[str, ...]


@dataclass
class JobEntry:
    """A job as the store has it: its id, and the ports that links count."""

    id: int
    job: Job
    inputs: list[str] = field(default_factory=list)
    outputs: list[str] = field(default_factory=list)


class Dictionaries:
    """The texts of one database, read once and followed; ids count from 1, and 0 is none.

    A loader gives new ids while it holds the lock on the numbers (:mod:`chronos_plugin.db.store.loader`).
    """

    def __init__(self, types: ProductTypes) -> None:
        self.types = types
        self.forget()

    def forget(self) -> None:
        """Read all anew at the next use: another process wrote, or a transaction was rolled back."""
        self._labels: dict[Key, int] = {}
        self._label_texts: dict[int, str] = {0: ""}
        self._templates: dict[Key, int] = {}
        self._template_texts: dict[int, tuple[str, str, str]] = {}
        self._templates_by_name: dict[str, list[int]] = {}
        self._jobs: dict[Key, JobEntry] = {}
        self._jobs_by_id: dict[int, JobEntry] = {}
        self._ports: int | None = None

    def follow(self, connection: Connection) -> None:
        """Read what others have added since the last time."""
        label, template, job, ports, changes = connection.execute(_NEWEST).one()
        if connection.info.get(partitions.CHANGES) != changes:
            connection.info[partitions.CHANGES] = changes
            connection.info.pop("chronos_partitions", None)
        if ports != self._ports:
            self._jobs.clear()
            self._jobs_by_id.clear()
            self._ports = ports
        for row in _newer(connection, tables.label, self._label_texts, label):
            self._add_label((row.kind, row.text), row.id)
        for row in _newer(connection, tables.template, self._template_texts, template):
            self._add_template((row.namespace, row.text), row.id, row.type)
        for row in _newer(connection, tables.job, self._jobs_by_id, job):
            self._add_job(_entry(row))

    # -- reading -------------------------------------------------------------------------------

    def label(self, number: int) -> str:
        """Return a label's text."""
        return self._label_texts.get(number, "")

    def label_id(self, kind: str, text: str) -> int | None:
        """Return a label's id; None if there is none."""
        return self._labels.get((kind, text)) if text else 0

    def template(self, number: int) -> tuple[str, str, str]:
        """Return a template's namespace, text and product type."""
        return self._template_texts[number]

    def templates(self) -> Iterable[tuple[int, tuple[str, str, str]]]:
        """Return all templates by id."""
        return self._template_texts.items()

    def template_id(self, namespace: str, text: str) -> int | None:
        """Return a template's id; None if there is none."""
        return self._templates.get((namespace, text))

    def templates_named(self, name: str) -> list[int]:
        """Return the templates of names with this template, in whatever folder."""
        return self._templates_by_name.get(name, [])

    def job(self, number: int) -> JobEntry:
        """Return a job."""
        return self._jobs_by_id[number]

    def jobs(self) -> Iterable[JobEntry]:
        """Return all jobs."""
        return self._jobs_by_id.values()

    # -- writing -------------------------------------------------------------------------------

    def need_label(self, connection: Connection, kind: str, text: str) -> int:
        """Return a label's id, giving it one."""
        if not text:
            return 0
        if (found := self._labels.get((kind, text))) is not None:
            return found
        number = max(self._label_texts, default=0) + 1
        connection.execute(tables.label.insert().values(id=number, kind=kind, text=text))
        return self._add_label((kind, text), number)

    def need_template(
        self,
        connection: Connection,
        namespace: str,
        text: str,
        name: str,
        stated: str,
        facets: Mapping[str, Any] = MappingProxyType({}),
    ) -> int:
        """Return a template's id, giving it one.

        Args:
            name: Of a product with this template, to recognise its type by.
            facets: Of the same.
            stated: Product type that the record states; empty: recognised.
        """
        if (found := self._templates.get((namespace, text))) is not None:
            return found
        number = max(self._template_texts, default=0) + 1
        kind = stated or self.types.recognise(name, facets=facets).type
        connection.execute(
            tables.template.insert().values(id=number, namespace=namespace, text=text, type=kind)
        )
        return self._add_template((namespace, text), number, kind)

    def need_job(
        self, connection: Connection, job: Job, inputs: Iterable[str], outputs: Iterable[str]
    ) -> JobEntry:
        """Return a job with at least these ports, giving it an id."""
        entry = self._jobs.get(_job_key(job))
        if entry is None:
            entry = JobEntry(max(self._jobs_by_id, default=0) + 1, job)
            connection.execute(tables.job.insert().values(id=entry.id, **_job_values(entry)))
            self._add_job(entry)
        lacking = [(known, p) for known, ports in _sides(entry, inputs, outputs) for p in ports]
        changed = False
        for known, port in lacking:
            if port not in known and len(known) < MOST_PORTS:
                known.append(port)
                changed = True
        if changed:
            connection.execute(
                tables.job.update().where(tables.job.c.id == entry.id).values(ports=_ports(entry))
            )
            self._ports = (self._ports or 0) + 1
            table = tables.counter
            told = connection.execute(table.update().where(table.c.name == _PORTS).values(value=self._ports))
            if not told.rowcount:
                connection.execute(table.insert().values(name=_PORTS, value=self._ports))
        return entry

    def _add_label(self, key: Key, number: int) -> int:
        self._labels[key] = number
        self._label_texts[number] = key[1]
        return number

    def _add_template(self, key: Key, number: int, kind: str) -> int:
        self._templates[key] = number
        self._template_texts[number] = (key[0], key[1], kind)
        self._templates_by_name.setdefault(key[1].partition("\n")[0], []).append(number)
        return number

    def _add_job(self, entry: JobEntry) -> None:
        self._jobs[_job_key(entry.job)] = entry
        self._jobs_by_id[entry.id] = entry


_PORTS = "ports"
_NEWEST = select(
    select(func.max(tables.label.c.id)).scalar_subquery(),
    select(func.max(tables.template.c.id)).scalar_subquery(),
    select(func.max(tables.job.c.id)).scalar_subquery(),
    *(
        select(tables.counter.c.value).where(tables.counter.c.name == name).scalar_subquery()
        for name in (_PORTS, partitions.CHANGES)
    ),
)


def _newer(
    connection: Connection, table: Table, known: Mapping[int, Any], newest: int | None
) -> Iterable[Any]:
    # Ids are given in the order of commits, so whatever is new is above.
    last = max(known, default=0)
    if (newest or 0) <= last:
        return ()
    return connection.execute(select(table).where(table.c.id > last))


def _sides(
    entry: JobEntry, inputs: Iterable[str], outputs: Iterable[str]
) -> list[tuple[list[str], Iterable[str]]]:
    return [(entry.inputs, inputs), (entry.outputs, outputs)]


def _ports(entry: JobEntry) -> dict[str, list[str]]:
    return {"inputs": entry.inputs, "outputs": entry.outputs}


def _job_key(job: Job) -> Key:
    return (job.namespace, job.name, job.version, job.image)


def _job_values(entry: JobEntry) -> dict[str, Any]:
    job = entry.job
    return {
        "namespace": job.namespace,
        "name": job.name,
        "version": job.version,
        "kind": job.kind.value,
        "workflow": job.workflow,
        "step": job.step,
        "image": job.image,
        "facets": dict(job.facets),
        "ports": _ports(entry),
    }


def _entry(row: Any) -> JobEntry:
    job = Job(
        namespace=row.namespace,
        name=row.name,
        version=row.version,
        kind=JobKind(row.kind),
        workflow=row.workflow,
        step=row.step,
        image=row.image,
        facets=row.facets,
    )
    return JobEntry(row.id, job, list(row.ports["inputs"]), list(row.ports["outputs"]))
