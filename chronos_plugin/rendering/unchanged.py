"""CWL files that need no parsing: nothing that they were parsed from has changed.

A file is left out of a pass of the DAG processor only if the database confirms that the DAGs in force
are those of its last parse. Any doubt means an ordinary parse.
"""

from __future__ import annotations

import logging
import time
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from airflow.utils.session import create_session

if TYPE_CHECKING:
    from airflow.dag_processing.manager import DagFileInfo
    from airflow.dag_processing.processor import DagFileParsingResult
    from sqlalchemy.orm import Session

log = logging.getLogger(__name__)

Fingerprint = Callable[[Path, Path | None], str | None]
_CHUNK = 200
"""Files confirmed in one transaction: locks are short, and fewer than SQLite's variables."""


@dataclass(frozen=True)
class Parsed:
    """The last parse of a file.

    Attributes:
        fingerprint: Of all that it was made from, taken before the parse began.
        dags: Hash of the serialised form of each of its DAGs, by id.
        at: When, on the monotonic clock.
    """

    fingerprint: str
    dags: Mapping[str, str]
    at: float


class ParsedFiles:
    """What one DAG processor knows of the files that it has parsed.

    Args:
        fingerprint: Tells a file's fingerprint, None where it must be parsed.
        interval: Seconds after which a file is parsed in any case; 0: always.
    """

    def __init__(self, fingerprint: Fingerprint, interval: float) -> None:
        self._fingerprint, self._interval = fingerprint, interval
        self._begun: dict[tuple[str, Path], str | None] = {}
        self._parsed: dict[tuple[str, Path], Parsed] = {}

    def begin(self, file: DagFileInfo) -> None:
        """Note that a parse of the file begins; what was known of it no longer counts."""
        self._parsed.pop(file.presence_key, None)
        if self._interval > 0:
            self._begun[file.presence_key] = self._now(file)

    def end(self, file: DagFileInfo, result: DagFileParsingResult | None) -> None:
        """Note what came of it; None: nothing."""
        # Taken before the parse: a file that changed meanwhile differs from it the next time.
        fingerprint = self._begun.pop(file.presence_key, None)
        if (
            fingerprint is not None
            and result is not None
            and not result.import_errors
            and not result.warnings
        ):
            dags = {dag.dag_id: dag.hash for dag in result.serialized_dags}
            self._parsed[file.presence_key] = Parsed(fingerprint, dags, time.monotonic())

    def knows(self, file: DagFileInfo) -> bool:
        """Tell whether the file was parsed, and so lately that it need not be parsed in any case."""
        parsed = self._parsed.get(file.presence_key)
        return parsed is not None and time.monotonic() - parsed.at < self._interval

    def keep(self, present: Collection[tuple[str, Path]]) -> None:
        """Forget the files that are no more."""
        self._parsed = {key: parsed for key, parsed in self._parsed.items() if key in present}

    def confirm(
        self, files: Collection[DagFileInfo], versions: Mapping[str, str | None], now: datetime
    ) -> Iterator[DagFileInfo]:
        """Yield the unchanged files whose DAGs are in force; these count as parsed at ``now``.

        Args:
            files: Files that it knows.
            versions: The version of each bundle; None for one that has no versions.
            now: The time.
        """
        from sqlalchemy.exc import SQLAlchemyError

        bundles: dict[str, list[DagFileInfo]] = defaultdict(list)
        for file in files:
            parsed = self._parsed.get(file.presence_key)
            if parsed and file.bundle_name in versions and self._now(file) == parsed.fingerprint:
                bundles[file.bundle_name].append(file)
        for bundle, unchanged in bundles.items():
            for start in range(0, len(unchanged), _CHUNK):
                chunk = unchanged[start : start + _CHUNK]
                try:
                    confirmed = self._confirmed(chunk, bundle, versions[bundle], now)
                except SQLAlchemyError:
                    log.info("%d unchanged CWL files are parsed all the same", len(chunk), exc_info=True)
                else:
                    yield from confirmed

    def _now(self, file: DagFileInfo) -> str | None:
        return self._fingerprint(file.absolute_path, file.bundle_path)

    def _confirmed(
        self, files: Collection[DagFileInfo], bundle: str, version: str | None, now: datetime
    ) -> list[DagFileInfo]:
        known = {file: self._parsed[file.presence_key].dags for file in files}
        with create_session() as session:
            in_force = set(_in_force(known, bundle, version, session))
            failed = _failed(known, bundle, session)
            confirmed = [
                file
                for file, dags in known.items()
                if in_force.issuperset(dags.items()) and str(file.rel_path) not in failed
            ]
            _refresh({dag_id for file in confirmed for dag_id in known[file]}, now, session)
        return confirmed


def _in_force(
    files: Mapping[DagFileInfo, Mapping[str, str]], bundle: str, version: str | None, session: Session
) -> Iterator[tuple[str, str]]:
    """Lock and yield the DAGs in force that these files made: id, and hash of the serialised form."""
    from airflow.models.dag import DagModel
    from airflow.models.dag_version import DagVersion
    from airflow.models.serialized_dag import SerializedDagModel
    from airflow.utils.sqlalchemy import with_row_locks
    from sqlalchemy import func, select

    homes = {dag_id: str(file.rel_path) for file, dags in files.items() for dag_id in dags}
    latest = (
        select(DagVersion.dag_id, func.max(DagVersion.version_number).label("number"))
        .where(DagVersion.dag_id.in_(homes))
        .group_by(DagVersion.dag_id)
        .subquery()
    )
    query = (
        select(DagModel.dag_id, DagModel.relative_fileloc, SerializedDagModel.dag_hash)
        .join(latest, latest.c.dag_id == DagModel.dag_id)
        .join(
            DagVersion,
            (DagVersion.dag_id == latest.c.dag_id) & (DagVersion.version_number == latest.c.number),
        )
        .join(SerializedDagModel, SerializedDagModel.dag_version_id == DagVersion.id)
        .where(
            DagModel.bundle_name == bundle,
            DagModel.bundle_version.is_not_distinct_from(version),
            DagVersion.bundle_name == bundle,
            DagVersion.bundle_version.is_not_distinct_from(version),
            DagModel.is_stale.is_(False),
            DagModel.has_import_errors.is_(False),
        )
    )
    # What another DAG processor works on is not waited for: it is parsed.
    locked = with_row_locks(query, session, of=DagModel, skip_locked=True)
    for dag_id, file, digest in session.execute(locked):
        if homes[dag_id] == file:
            yield dag_id, digest


def _failed(files: Iterable[DagFileInfo], bundle: str, session: Session) -> set[str]:
    """Return which of the files have an import error."""
    from airflow.models.errors import ParseImportError
    from sqlalchemy import select

    names = [str(file.rel_path) for file in files]
    query = select(ParseImportError.filename).where(
        ParseImportError.bundle_name == bundle, ParseImportError.filename.in_(names)
    )
    return set(session.scalars(query))


def _refresh(dag_ids: Collection[str], now: datetime, session: Session) -> None:
    """Let the DAGs count as parsed at ``now``, as Airflow's search for stale DAGs asks."""
    from airflow.models.dag import DagModel
    from sqlalchemy import update

    if dag_ids:
        session.execute(
            update(DagModel)
            .where(DagModel.dag_id.in_(dag_ids))
            .values(last_parsed_time=now)
            .execution_options(synchronize_session=False)
        )
