"""``airflow chronos clean``: the files of runs that have been kept long enough go."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote

from chronos_plugin.errors import InputInvalid
from chronos_plugin.execution.retention import DAY, KINDS, Removal, expired, kept_runs, leftovers, remove
from chronos_plugin.execution.store import run_folder
from chronos_plugin.settings import Settings


@dataclass(frozen=True)
class Known:
    """A run as Airflow knows it; ``ended`` is None while it has not finished."""

    dag_id: str
    run_id: str
    ended: float | None


@dataclass(frozen=True)
class Found:
    """What of one run can go.

    Attributes:
        known: The run, None where Airflow has forgotten it or never knew it.
        name: How it is shown: its id, or where that is not known its folder's name.
    """

    dag: str
    name: str
    known: Known | None
    removals: list[Removal]


def days_to_keep(settings: Settings, what: str | None, older_than: float | None) -> dict[str, float]:
    """Return for each kind that may go the days that it is kept.

    Raises:
        InputInvalid: If ``what`` names no kind, or a number of days is given for no kind in particular.
    """
    kinds = [word.strip() for word in what.split(",")] if what else list(KINDS)
    for kind in kinds:
        if kind not in KINDS:
            raise InputInvalid(f"--what {kind}: write {', '.join(KINDS)}, separated by commas")
    if older_than is not None:
        if not what:
            raise InputInvalid("--older-than needs --what: say what is to go, for instance --what work")
        if not older_than >= 0:
            raise InputInvalid(f"--older-than {older_than:g}: write 0 or more days")
        return dict.fromkeys(kinds, older_than)
    configured = {kind: float(getattr(settings, f"keep_{kind}_days")) for kind in kinds}
    return {kind: days for kind, days in configured.items() if days > 0}


def find(settings: Settings, days: Mapping[str, float], dag_id: str | None, now: float) -> Iterator[Found]:
    """Yield the finished runs of which something can go."""
    wanted = run_folder(settings.work_root, dag_id, "any").parent.name if dag_id is not None else None
    dag_ids: dict[str, str] | None = None
    dag, runs = "", {}
    for kept in kept_runs(settings.work_root, settings.output_root, wanted):
        if kept.dag != dag:
            dag_ids = _dag_ids(settings) if dag_ids is None else dag_ids
            dag, runs = kept.dag, _runs(dag_ids.get(kept.dag, unquote(kept.dag)), settings)
        known = runs.get(kept.run)
        if known is not None and known.ended is None:
            continue
        removals = expired(kept, days, now=now, ended=known.ended if known else None)
        if removals:
            name = known.run_id if known else unquote(kept.run)
            yield Found(known.dag_id if known else unquote(kept.dag), name, known, removals)


def clean(found: Found) -> list[tuple[Removal, str]]:
    """Remove what was found, unless the run has been started again since; return what failed, and why."""
    if found.known is not None and not _has_ended(found.known):
        return [(removal, "the run has been started again") for removal in found.removals]
    failed = []
    for removal in found.removals:
        try:
            remove(removal)
        except OSError as error:
            failed.append((removal, str(error)))
    return failed


def sweep(settings: Settings) -> None:
    """Remove what an interrupted clean left behind."""
    for path in leftovers((settings.work_root, settings.output_root)):
        shutil.rmtree(path, ignore_errors=True)


def row(found: Found, removal: Removal) -> dict[str, Any]:
    """Return how ``--json`` shows a removal."""
    return {
        "dag_id": found.dag,
        "run_id": found.name,
        "known": found.known is not None,
        "what": removal.kind,
        "path": str(removal.path),
        "bytes": removal.bytes,
        "age_days": round(removal.age / DAY, 2),
    }


def confirm(question: str) -> bool:
    """Ask on the terminal.

    Raises:
        InputInvalid: If there is none.
    """
    if not sys.stdin.isatty():
        raise InputInvalid("nothing was removed: nobody can be asked here; add --yes, or --dry-run to look")
    # Standard output is for the result.
    print(f"{question} [y/N] ", end="", file=sys.stderr, flush=True)
    return sys.stdin.readline().strip().lower() in ("y", "yes")


def size(count: float) -> str:
    """Return a number of bytes for people."""
    for unit in ("B", "KiB", "MiB", "GiB"):
        if count < 1024:
            return f"{count:.0f} {unit}" if unit == "B" else f"{count:.1f} {unit}"
        count /= 1024
    return f"{count:.1f} TiB"


def _dag_ids(settings: Settings) -> dict[str, str]:
    """Return the ids of all DAGs that have runs, by the names of their folders."""
    from airflow.models.dagrun import DagRun
    from airflow.utils.session import create_session
    from sqlalchemy import select

    with create_session() as session:
        ids = session.scalars(select(DagRun.dag_id).distinct()).all()
    return {run_folder(settings.work_root, dag_id, "any").parent.name: dag_id for dag_id in ids}


def _runs(dag_id: str, settings: Settings) -> dict[str, Known]:
    """Return what Airflow knows of a DAG's runs, by the names of their folders."""
    from airflow.models.dagrun import DagRun
    from airflow.utils.session import create_session
    from airflow.utils.state import State
    from sqlalchemy import select

    result = {}
    with create_session() as session:
        rows = session.execute(
            select(DagRun.run_id, DagRun.state, DagRun.end_date).where(DagRun.dag_id == dag_id)
        )
        for run_id, state, end in rows:
            # A run may be marked as ended without a date: its files tell.
            ended = (end.timestamp() if end else 0.0) if state in State.finished_dr_states else None
            result[run_folder(settings.work_root, dag_id, run_id).name] = Known(dag_id, run_id, ended)
    return result


def _has_ended(known: Known) -> bool:
    from airflow.models.dagrun import DagRun
    from airflow.utils.session import create_session
    from airflow.utils.state import State
    from sqlalchemy import select

    one = select(DagRun.state).where(DagRun.dag_id == known.dag_id, DagRun.run_id == known.run_id)
    with create_session() as session:
        state = session.scalar(one)
    return state is None or state in State.finished_dr_states
