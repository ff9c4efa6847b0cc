"""The history of a running CHRONOS, asked over its REST API."""

from __future__ import annotations

import datetime
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import quote
from uuid import UUID

from chronos_plugin.client import values
from chronos_plugin.errors import InputInvalid
from chronos_plugin.lineage.compare import Difference
from chronos_plugin.lineage.questions import (
    Bucket,
    DatasetFilter,
    DatasetPage,
    JobPage,
    Lineage,
    Part,
    RunFilter,
    RunPage,
)

if TYPE_CHECKING:
    from chronos_plugin.client.session import Client
    from chronos_plugin.lineage.model import Dataset, Run

_API = "/chronos/api/v1"
_EVENTS = 500
"""Events in one request."""


class RemoteHistory:
    """Answers as :class:`chronos_plugin.db.store.history.History` does.

    Raises (all methods):
        NotKnown, InputInvalid: As there.
        ServiceFailed: If the server does not answer, or refuses.
    """

    def __init__(self, client: Client) -> None:
        self._client = client

    # -- lineage -------------------------------------------------------------------------------

    def ancestors(self, *ids: int, depth: int = 5, limit: int = 1000) -> Lineage:
        """Return what datasets were made from, with the runs between."""
        return self._lineage(ids, "upstream", depth, limit)

    def descendants(self, *ids: int, depth: int = 5, limit: int = 1000) -> Lineage:
        """Return what was made from datasets."""
        return self._lineage(ids, "downstream", depth, limit)

    def producer(self, dataset: int) -> Run | None:
        """Return the run that made a dataset; None: none that is known."""
        made = self._get(f"/datasets/{dataset}")["producer"]
        return values.run(made) if made else None

    # -- single things -------------------------------------------------------------------------

    def run(self, identity: UUID | int) -> Run:
        """Return a run with its links and facets; by its id, since numbers are the database's own."""
        return values.run(self._get(f"/runs/{_id(identity)}"))

    def dataset(self, identity: int) -> Dataset:
        """Return a dataset with its facets, version and copies."""
        return values.dataset(self._get(f"/datasets/{identity}"))

    def datasets_at(self, location: str) -> list[Dataset]:
        """Return the datasets that lie, or lay, at a URI or an absolute path; the youngest first."""
        return [values.dataset(d) for d in self._get("/datasets/at", location=location)["datasets"]]

    def named(self, name: str) -> list[Dataset]:
        """Return datasets whose name is exactly this; the youngest first."""
        return self.datasets_at(name)

    # -- lists ---------------------------------------------------------------------------------

    def datasets(self, wanted: DatasetFilter, *, limit: int = 50, cursor: str | None = None) -> DatasetPage:
        """Return a page of datasets, the youngest first."""
        page = self._get(
            "/datasets",
            text=wanted.text,
            type=wanted.type,
            attribute=[f"{name}={value}" for name, value in wanted.attributes.items()],
            checksum=wanted.checksum,
            since=_text(wanted.since),
            until=_text(wanted.until),
            limit=limit,
            cursor=cursor,
        )
        return DatasetPage([values.dataset(d) for d in page["datasets"]], page["next"])

    def runs(
        self,
        wanted: RunFilter | None = None,
        *,
        limit: int = 50,
        cursor: str | None = None,
        counts: bool = True,
    ) -> RunPage:
        """Return a page of runs, the youngest first, and with the first page how many fit by facet."""
        wanted = wanted or RunFilter()
        path = f"/runs/{wanted.parent}/executions" if wanted.parent else "/runs"
        asked = {} if wanted.parent else {"counts": str(counts and not cursor).lower()}
        page = self._get(path, **_asked(wanted), **asked, limit=limit, cursor=cursor)
        return RunPage([values.run(r) for r in page["runs"]], page["next"], page["counts"])

    def run_counts(self, wanted: RunFilter) -> dict[str, dict[str, int]]:
        """Return how many ended runs fit, by facet and value."""
        return dict(self._get("/runs/facets", **_asked(wanted))["counts"])

    def parts(self, parent: UUID) -> list[Part]:
        """Return how many parts of a run there are, by job and state."""
        return [values.part(p) for p in self._get(f"/runs/{parent}/parts")["parts"]]

    def jobs(self, workflow: str = "", *, limit: int = 50, cursor: str | None = None) -> JobPage:
        """Return a page of jobs, each version one, the newest first."""
        page = self._get("/jobs", workflow=workflow, limit=limit, cursor=cursor)
        return JobPage([values.job(j) for j in page["jobs"]], page["next"])

    def activity(
        self, since: datetime.datetime, until: datetime.datetime, *, by_hour: bool = False
    ) -> list[Bucket]:
        """Return what was done between two moments, by day (or hour) of the start, job and end."""
        by = "hour" if by_hour else "day"
        answer = self._get("/activity", since=_text(since), until=_text(until), by=by)
        return [values.bucket(b) for b in answer["buckets"]]

    def compare(self, first: UUID | int, second: UUID | int) -> list[Difference]:
        """Return why two runs differ."""
        answer = self._get(f"/runs/{_id(first)}/diff/{_id(second)}")
        return [Difference(**d) for d in answer["differences"]]

    # -- more ----------------------------------------------------------------------------------

    def log_place(self, run: UUID) -> str:
        """Return the URL of the log of a step's run; empty: Airflow has none."""
        place = self._get(f"/runs/{run}")["airflow"] or {}
        if not (place.get("run_id") and place.get("task_id")):
            return ""
        words = ("dags", place["dag_id"], "runs", place["run_id"], "tasks", place["task_id"])
        path = "/".join(quote(word, safe="") for word in words)
        which = f"map_index={place['map_index']}&try_number={place['try_number']}"
        return f"{self._client.server}{_API}/{path}/log?{which}"

    def record(self, events: Iterable[Mapping[str, Any]]) -> dict[str, int]:
        """Send OpenLineage events; return how many were recorded, and how many tell of no run."""
        told = {"recorded": 0, "without_run": 0}
        waiting: list[Mapping[str, Any]] = []
        for event in events:
            waiting.append(event)
            if len(waiting) >= _EVENTS:
                self._send(waiting, told)
                waiting = []
        if waiting:
            self._send(waiting, told)
        return told

    # -- inside --------------------------------------------------------------------------------

    def _send(self, events: list[Mapping[str, Any]], told: dict[str, int]) -> None:
        answer = self._client.request("POST", f"{_API}/lineage", json=events)
        for name in told:
            told[name] += answer[name]

    def _lineage(self, ids: tuple[int, ...], direction: str, depth: int, limit: int) -> Lineage:
        answer = self._get("/lineage", dataset=list(ids), direction=direction, depth=depth, limit=limit)
        return values.lineage(answer)

    def _get(self, path: str, **query: Any) -> Any:
        asked = {name: value for name, value in query.items() if value not in (None, "", [])}
        return self._client.request("GET", _API + path, params=asked)


def _asked(wanted: RunFilter) -> dict[str, Any]:
    names = ("kind", "workflow", "step", "version", "image", "target", "node", "error")
    return {
        **{name: getattr(wanted, name) for name in names},
        "state": wanted.state.name if wanted.state is not None else None,
        "since": _text(wanted.since),
        "until": _text(wanted.until),
    }


def _text(moment: datetime.datetime | None) -> str | None:
    return moment.isoformat() if moment else None


def _id(identity: UUID | int) -> UUID:
    if isinstance(identity, UUID):
        return identity
    raise InputInvalid(f"{identity}: over the network, runs are named by their ids, not by numbers")
