"""The tables of the cloud agent, on both databases."""

from __future__ import annotations

import threading
from dataclasses import replace

import pytest
from sqlalchemy import Engine, inspect

from chronos_plugin.db.cloud import Pools, Requests
from chronos_plugin.db.metadata import SCHEMA
from chronos_plugin.db.tables import cloud as tables
from chronos_plugin.execution.cloud.model import OPEN, RequestState
from chronos_plugin.execution.cloud.pool import PoolJob
from chronos_plugin.execution.targets.base import JobState
from tests.safescale import request

HOST = {"sizing": "cpu=1"}


def test_a_request_is_stored_once_and_read_back(database: Engine) -> None:
    table = Requests(database)
    asked = request("1", "host", "create", "h1", HOST, expires=5.0)
    assert table.submit(asked) == asked
    assert table.submit(replace(asked, name="other")) == asked
    assert table.get("1") == asked
    assert table.get("2") is None


def test_requests_are_selected_oldest_first(database: Engine) -> None:
    table = Requests(database)
    for number, verb in (("3", "create"), ("1", "delete"), ("2", "create")):
        table.submit(request(number, "host", verb, f"h{number}", {}, created=float(number)))
    table.change("2", (RequestState.QUEUED,), state=RequestState.FAILED, error="no")
    assert [one.id for one in table.select()] == ["1", "2", "3"]
    assert [one.id for one in table.select(states=tuple(OPEN))] == ["1", "3"]
    assert [one.id for one in table.select(name="h3")] == ["3"]
    assert [one.id for one in table.select(verb="create")] == ["2", "3"]
    assert len(table.select(limit=1)) == 1


def test_a_change_that_was_not_expected_is_none(database: Engine) -> None:
    table = Requests(database)
    table.submit(request("1", "host", "create", "h1", HOST))
    assert table.change("1", (RequestState.QUEUED,), state=RequestState.RUNNING, progress={"found": False})
    assert not table.change("1", (RequestState.QUEUED,), state=RequestState.FAILED)
    found = table.get("1")
    assert found is not None
    assert (found.state, found.progress) == (RequestState.RUNNING, {"found": False})


def test_of_many_agents_one_leads(database: Engine) -> None:
    results: dict[str, bool] = {}

    def lead(name: str) -> None:
        results[name] = Requests(database).lead(name, until=100.0, now=50.0)

    threads = [threading.Thread(target=lead, args=(f"a{number}",)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(results.values()) == 1
    leader = Requests(database).leader()
    assert leader is not None
    assert results[leader[0]]


def test_jobs_and_pools_are_read_back(database: Engine) -> None:
    pools = Pools(database)
    pools.put_pool("cloud", {"max_nodes": 1})
    pools.put_pool("cloud", {"max_nodes": 2})
    (pool,) = pools.pools()
    assert pool.options == {"max_nodes": 2}
    pools.change_pool("cloud", opened_at=1.5, spent={"2026-11": 2.5})
    assert pools.pools()[0].spent == {"2026-11": 2.5}
    jobs = [PoolJob(str(n), "cloud", f"j{n}", f"/f/{n}", created=float(9 - n)) for n in range(3)]
    for job in [*jobs, replace(jobs[0], name="again")]:
        pools.add_job(job)
    assert pools.open_jobs("cloud") == jobs[::-1]
    assert pools.newest_waiting("cloud") == 9.0
    assert pools.newest_waiting("other") is None
    assert pools.jobs(["0", "9"]) == jobs[:1]
    assert pools.change_job("0", (JobState.QUEUED,), unless_node=True, node="n1")
    assert not pools.change_job("0", (JobState.QUEUED,), unless_node=True, node="n2")
    assert pools.newest_waiting("cloud") == 8.0
    assert pools.change_job("0", (JobState.QUEUED,), state=JobState.ENDED, ended=5.0, exit_code=1)
    assert [job.id for job in pools.open_jobs("cloud")] == ["2", "1"]
    assert pools.jobs(["0"])[0].node == "n1"


def test_what_ended_long_ago_goes_except_who_made_what(database: Engine) -> None:
    table, pools = Requests(database), Pools(database)
    for number, verb in (("1", "create"), ("2", "delete"), ("3", "delete"), ("4", "create"), ("5", "delete")):
        table.submit(request(number, "host", verb, "h", {}))
    table.change("1", tuple(OPEN), state=RequestState.SUCCEEDED, ended=10.0)
    table.change("2", tuple(OPEN), state=RequestState.SUCCEEDED, ended=10.0)
    table.change("3", tuple(OPEN), state=RequestState.SUCCEEDED, ended=30.0)
    table.change("4", tuple(OPEN), state=RequestState.FAILED, ended=10.0)
    assert table.prune(before=20.0) == 2
    assert {one.id for one in table.select()} == {"1", "3", "5"}
    for number in ("1", "2"):
        pools.add_job(PoolJob(number, "cloud", "j", "/f"))
    pools.change_job("1", (JobState.QUEUED,), state=JobState.ENDED, ended=10.0)
    assert pools.prune(before=20.0) == 1


@pytest.mark.parametrize(
    "table", [tables.request, tables.leader, tables.pool, tables.job], ids=lambda t: t.name
)
def test_the_migration_makes_what_the_tables_say(database: Engine, table: object) -> None:
    schema = SCHEMA if database.dialect.name == "postgresql" else None
    name = table.name  # type: ignore[attr-defined]
    made = {
        column["name"]: column["nullable"] for column in inspect(database).get_columns(name, schema=schema)
    }
    declared = {column.name: column.nullable for column in table.columns}  # type: ignore[attr-defined]
    assert made == declared
    indexes = {index["name"] for index in inspect(database).get_indexes(name, schema=schema)}
    assert indexes == {index.name for index in table.indexes}  # type: ignore[attr-defined]
