"""Lists of runs with what they have in common counted, and activity by time: read from the counters."""

from __future__ import annotations

import datetime
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy import text

from chronos_plugin.db.store.assemble import milliseconds
from chronos_plugin.db.store.dictionaries import Dictionaries
from chronos_plugin.db.store.read import RUN_COLUMNS, RunRow, as_uuid, on_postgresql, table
from chronos_plugin.lineage.model import RunState
from chronos_plugin.lineage.questions import FACETS, Bucket, Part, RunFilter

if TYPE_CHECKING:
    from sqlalchemy import Connection

DAY = 86_400_000
DEFAULT_DAYS = 30


@dataclass(frozen=True)
class Cursor:
    """Where a page ended."""

    started: int
    number: int


class Listing:
    """One question, on one connection.

    Args:
        parent: The row of ``wanted.parent``.
    """

    def __init__(
        self,
        connection: Connection,
        dictionaries: Dictionaries,
        wanted: RunFilter,
        parent: RunRow | None = None,
    ) -> None:
        self.parent = parent
        self.connection = connection
        self.dictionaries = dictionaries
        self.wanted = wanted
        self.jobs = {entry.id: entry for entry in dictionaries.jobs() if self._job_fits(entry.job)}
        self.nothing = not self.jobs
        self.conditions, self.parameters = self._conditions()

    def page(self, limit: int, after: Cursor | None) -> tuple[list[RunRow], Cursor | None]:
        """Return runs, the youngest first, and where the next page begins."""
        rows: list[RunRow] = []
        if self.nothing:
            return rows, None
        for first, last in self._windows(after, limit):
            rows += self._window(first, last, limit + 1 - len(rows), after)
            if len(rows) > limit:
                return rows[:limit], Cursor(rows[limit - 1].started, rows[limit - 1].number)
        return rows, None

    def counts(self) -> dict[str, dict[str, int]]:
        """Return how many ended runs fit, by facet and value."""
        found: dict[str, dict[str, int]] = {name: {} for name in FACETS}
        if self.nothing:
            return found
        for dimension, value, runs in self._counted():
            for name, words in self._named(dimension, value):
                found[name][words] = found[name].get(words, 0) + runs
        return {name: dict(sorted(c.items(), key=lambda i: (-i[1], i[0]))) for name, c in found.items()}

    def parts(self) -> list[Part]:
        """Return how many runs fit by job and state, counted one by one: for the parts of one run."""
        if self.nothing:
            return []
        since, until = self._bounds()
        rows = self.connection.execute(
            text(
                f"SELECT job, state, count(*) FROM {table(self.connection, 'run')} "  # noqa: S608
                f"WHERE {self.conditions} AND started >= :first AND started < :last "
                "GROUP BY job, state ORDER BY job, state"
            ),
            {**self.parameters, "first": since, "last": until},
        )
        return [Part(self.dictionaries.job(row[0]).job, RunState(row[1]), row[2]) for row in rows]

    # -- pages ---------------------------------------------------------------------------------

    def _windows(self, after: Cursor | None, limit: int) -> Iterable[tuple[int, int]]:
        """Yield spans of time, the youngest first, each with about a page of runs or more."""
        since, until = self._bounds()
        if after is not None:
            until = min(until, after.started + 1)
        if self.parent:
            # No counter tells of them, and they lie close together in time.
            yield since, until
            return
        low = until
        if self.wanted.state is None or not self.wanted.state.final:
            # Runs that have not ended are in no counter.
            yield max(since, until - DAY), until
            low = until - DAY
        waiting = 0
        days = self._days(since, low)
        top = low
        for day, runs in days:
            waiting += runs
            if waiting > limit:
                yield max(since, day * DAY), top
                top, waiting = day * DAY, 0
        if waiting or self.wanted.state is None or not self.wanted.state.final:
            yield since, top

    def _days(self, since: int, until: int) -> Sequence[tuple[int, int]]:
        name = table(self.connection, self._counters())
        rows = self.connection.execute(
            text(
                f"SELECT day, CAST(sum(runs) AS bigint) FROM {name} "  # noqa: S608
                f"WHERE {self.conditions} AND day >= :first AND day < :until "
                "GROUP BY day ORDER BY day DESC"
            ),
            {**self.parameters, "first": since // DAY, "until": -(-until // DAY)},
        )
        return [(row[0], row[1]) for row in rows]

    def _window(self, first: int, last: int, limit: int, after: Cursor | None) -> list[RunRow]:
        if first >= last:
            return []
        keyset = ""
        parameters = {**self.parameters, "first": first, "last": last, "limit": limit}
        if after is not None:
            keyset = "AND (started, number) < (:after_started, :after_number)"
            parameters.update(after_started=after.started, after_number=after.number)
        rows = self.connection.execute(
            text(
                f"SELECT {RUN_COLUMNS} FROM {table(self.connection, 'run')} "  # noqa: S608
                f"WHERE {self.conditions} AND started >= :first AND started < :last {keyset} "
                "ORDER BY started DESC, number DESC LIMIT :limit"
            ),
            parameters,
        )
        return [RunRow(*row)._replace(uuid=as_uuid(row[3])) for row in rows]

    def _bounds(self) -> tuple[int, int]:
        since = milliseconds(self.wanted.since) if self.wanted.since else 0
        until = milliseconds(self.wanted.until) if self.wanted.until else 1 << 47
        if self.parent:
            # A day for machines whose clocks differ, and for whoever ends after the whole has failed.
            since = max(since, self.parent.started - DAY)
            if self.parent.duration >= 0:
                until = min(until, self.parent.started + self.parent.duration + DAY)
        return since, until

    # -- conditions ----------------------------------------------------------------------------

    def _job_fits(self, job: Any) -> bool:
        wanted = self.wanted
        if wanted.workflows is not None and job.workflow not in wanted.workflows:
            return False
        pairs = (
            (wanted.kind, job.kind.value),
            (wanted.workflow, job.workflow),
            (wanted.step, job.step),
            (wanted.version, job.version),
            (wanted.image, job.image),
        )
        return all(not asked or asked == has for asked, has in pairs)

    def _conditions(self) -> tuple[str, dict[str, Any]]:
        conditions: list[str] = []
        parameters: dict[str, Any] = {}
        if self.jobs and len(self.jobs) < sum(1 for _ in self.dictionaries.jobs()):
            conditions.append(f"job IN ({', '.join(str(int(j)) for j in self.jobs)})")
        if self.wanted.state is not None:
            conditions.append("state = :state")
            parameters["state"] = int(self.wanted.state)
        if self.parent:
            conditions.append("parent = :parent")
            parameters["parent"] = self.parent.number
        for kind in ("target", "node", "error"):
            asked = getattr(self.wanted, kind)
            if asked:
                found = self.dictionaries.label_id(kind, asked)
                self.nothing |= found is None
                conditions.append(f"{kind} = :{kind}")
                parameters[kind] = found
        return " AND ".join(conditions) or "1 = 1", parameters

    def _counters(self) -> str:
        return "activity_detail" if self.wanted.node or self.wanted.error else "activity_day"

    # -- counts --------------------------------------------------------------------------------

    def _counted(self) -> Iterable[tuple[str, int, int]]:
        since, until = self._bounds()
        parameters = {**self.parameters, "first": since // DAY, "until": -(-until // DAY)}
        where = f"WHERE {self.conditions} AND day >= :first AND day < :until"
        coarse, fine = ("day", "job", "state", "target"), ("node", "error")
        for name, dimensions in ((self._counters(), coarse), ("activity_detail", fine)):
            full = table(self.connection, name)
            if on_postgresql(self.connection):
                sets = ", ".join(f"({d})" for d in dimensions)
                chosen = ", ".join(dimensions)
                rows = self.connection.execute(
                    text(
                        f"SELECT {chosen}, CAST(sum(runs) AS bigint) FROM {full} {where} "  # noqa: S608
                        f"GROUP BY GROUPING SETS ({sets})"
                    ),
                    parameters,
                )
                for row in rows:
                    place = next(i for i, value in enumerate(row[:-1]) if value is not None)
                    yield dimensions[place], row[place], row[-1]
                continue
            for dimension in dimensions:
                rows = self.connection.execute(
                    text(f"SELECT {dimension}, sum(runs) FROM {full} {where} GROUP BY 1"),  # noqa: S608
                    parameters,
                )
                for row in rows:
                    yield dimension, row[0], row[1]

    def _named(self, dimension: str, value: int) -> Iterable[tuple[str, str]]:
        if dimension == "day":
            yield "day", (_EPOCH + datetime.timedelta(days=value)).isoformat()
        elif dimension == "state":
            yield "state", RunState(value).name
        elif dimension == "job":
            job = self.dictionaries.job(value).job
            pairs = (
                ("workflow", job.workflow),
                ("step", job.step),
                ("version", job.version),
                ("image", job.image),
            )
            yield from ((name, words) for name, words in pairs if words)
        elif value:
            yield dimension, self.dictionaries.label(value)


_EPOCH = datetime.date(1970, 1, 1)


def activity(
    connection: Connection,
    dictionaries: Dictionaries,
    since: datetime.datetime,
    until: datetime.datetime,
    *,
    by_hour: bool = False,
) -> list[Bucket]:
    """Return what was done between two moments, by day or hour of the start, job and end."""
    name, period = ("activity_hour", "hour") if by_hour else ("activity_day", "day")
    unit = 3_600_000 if by_hour else DAY
    rows = connection.execute(
        text(
            f"SELECT {period}, job, state, "  # noqa: S608
            "CAST(sum(runs) AS bigint), CAST(sum(cpu) AS bigint), CAST(sum(duration) AS bigint), "
            "CAST(sum(outputs) AS bigint), CAST(sum(output_bytes) AS bigint) "
            f"FROM {table(connection, name)} WHERE {period} >= :first AND {period} < :last "
            "GROUP BY 1, 2, 3 ORDER BY 1, 2, 3"
        ),
        {"first": milliseconds(since) // unit, "last": -(-milliseconds(until) // unit)},
    )
    buckets = []
    moments: dict[int, datetime.datetime] = {}
    for period_number, job_id, state, runs, cpu, duration, outputs, output_bytes in rows:
        if period_number not in moments:
            moments[period_number] = datetime.datetime.fromtimestamp(
                period_number * unit / 1000, datetime.UTC
            )
        job = dictionaries.job(job_id).job
        buckets.append(
            Bucket(
                moments[period_number],
                job.workflow or job.name,
                job.step,
                RunState(state),
                runs,
                cpu / 1000,
                duration / 1000,
                outputs,
                output_bytes,
            )
        )
    return buckets
