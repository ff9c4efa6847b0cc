"""Which datasets a run read and wrote: those that are known, and new ones."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from chronos_plugin.db.store import paths
from chronos_plugin.db.store.packing import LinkEntry, inputs_of, pack_checksum, unpack_links
from chronos_plugin.db.tables.lineage import OUTPUTS_PER_NUMBER
from chronos_plugin.lineage import names
from chronos_plugin.lineage.facets import check_facets
from chronos_plugin.lineage.model import Dataset
from chronos_plugin.lineage.record import Product, Record

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from chronos_plugin.db.store.dictionaries import Dictionaries, JobEntry
    from chronos_plugin.db.store.rows import Rows

_FARTHEST = (1 << 31) - 1
"""Numbers between a run and a dataset that it reads, at most: a link has four bytes for them."""


class Datasets:
    """The datasets of one batch.

    Args:
        rows: Receives the rows that are new.
        numbers: Gives numbers for what no run of the batch makes first.
        now: What lies at the paths that the batch names; followed as the batch goes on.
    """

    def __init__(
        self,
        connection: Connection,
        dictionaries: Dictionaries,
        rows: Rows,
        numbers: Iterator[int],
        now: dict[paths.Path, paths.Version],
    ) -> None:
        self.connection = connection
        self.dictionaries = dictionaries
        self.rows = rows
        self.numbers = numbers
        self.now = now
        self.arrival = 0

    def links(self, record: Record, job: JobEntry, number: int, before: Any) -> list[LinkEntry]:
        """Return a run's links; rows of datasets that are new, and of usage, come on the way.

        Args:
            number: Of the run.
            before: The row of the run where an earlier record is stored, else None.
        """
        links: list[LinkEntry] = []
        if before is not None:
            links += self._earlier(before, job)
        known = {(link.dataset, link.output) for link in links}
        for product in record.inputs:
            found = self._input(product, number)
            self._link(links, known, LinkEntry(found, _place(job.inputs, product.port), False))
        # What comes to a run that is known already gets young ids: lists of names are packed in their order.
        made = 0 if before is None else OUTPUTS_PER_NUMBER
        for product in record.outputs:
            found, new = self._output(product, number, made)
            made += new
            self._link(links, known, LinkEntry(found, _place(job.outputs, product.port), True))
        read = {link.dataset for link in links if not link.output}
        if before is not None:
            read -= set(inputs_of(number, before.links))
        self.rows.usage += [(dataset, number) for dataset in sorted(read)]
        return links

    def _earlier(self, before: Any, job: JobEntry) -> list[LinkEntry]:
        """Return the links of an earlier record, their ports counted as those of the job now."""
        old = self.dictionaries.job(before.job)
        links = []
        for link in unpack_links(before.number, before.links):
            ports, now = (old.outputs, job.outputs) if link.output else (old.inputs, job.inputs)
            port = ports[link.port] if link.port < len(ports) else ""
            links.append(link._replace(port=_place(now, port) if old is not job else link.port))
        return links

    @staticmethod
    def _link(links: list[LinkEntry], known: set[tuple[int, bool]], link: LinkEntry) -> None:
        if (link.dataset, link.output) not in known:
            known.add((link.dataset, link.output))
            links.append(link)

    def _input(self, product: Product, number: int) -> int:
        dataset = product.dataset
        path = (dataset.namespace, dataset.path)
        version = self._fitting(path, dataset)
        if version is not None and number - (version.id >> 8) <= _FARTHEST:
            return version.id
        return self._new(self._next_arrival(), dataset, producer=0)

    def _output(self, product: Product, number: int, made: int) -> tuple[int, int]:
        """Return the id of an output, and whether it is one of the run's own numbers."""
        dataset = product.dataset
        path = (dataset.namespace, dataset.path)
        if product.was:
            source = self._fitting((dataset.namespace, product.was), dataset)
            if source is not None:
                self._copied(path, source)
                return source.id, 0
        same = self._fitting(path, dataset) if dataset.checksum else None
        if same is not None:
            return same.id, 0
        if made < OUTPUTS_PER_NUMBER:
            return self._new(number << 8 | made, dataset, producer=None), 1
        return self._new(self._next_arrival(), dataset, producer=number), 1

    def _fitting(self, path: paths.Path, dataset: Dataset) -> paths.Version | None:
        """Return the dataset at a path, unless its checksum says that it is another."""
        version = self.now.get(path)
        if version is None:
            return None
        checksum = pack_checksum(dataset.checksum)
        if checksum and version.checksum and checksum != version.checksum:
            older = paths.find(self.connection, self.dictionaries, [path]).get(path, [])
            return next((v for v in reversed(older) if v.checksum == checksum), None)
        return version

    def _copied(self, path: paths.Path, source: paths.Version) -> None:
        if self.now.get(path) == source:
            return
        template, numbers = self._template(Dataset(*path))
        self.rows.locations.append((source.id, template, numbers))
        self.now[path] = source

    def _new(self, number: int, dataset: Dataset, *, producer: int | None) -> int:
        template, numbers = self._template(dataset)
        checksum = pack_checksum(dataset.checksum)
        self.rows.datasets.append((number, producer, dataset.size, template, numbers, checksum))
        self.now[(dataset.namespace, dataset.path)] = paths.Version(number, dataset.size, checksum)
        check_facets("dataset", dataset.facets)
        self.rows.dataset_facets += [(number, name, value) for name, value in dataset.facets.items()]
        return number

    def _template(self, dataset: Dataset) -> tuple[int, bytes]:
        template, numbers = names.encode(dataset.path)
        number = self.dictionaries.need_template(
            self.connection, dataset.namespace, template, dataset.name, dataset.type, dataset.facets
        )
        return number, numbers

    def _next_arrival(self) -> int:
        """Return the next id for what no run of its own number has made."""
        if self.arrival % OUTPUTS_PER_NUMBER == 0:
            self.arrival = next(self.numbers) * OUTPUTS_PER_NUMBER
        self.arrival += 1
        return self.arrival - 1


def _place(ports: list[str], port: str) -> int:
    return ports.index(port) if port in ports else len(ports) - 1
