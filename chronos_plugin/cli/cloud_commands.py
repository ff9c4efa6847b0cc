"""What the commands under ``airflow chronos cloud`` do."""

from __future__ import annotations

import asyncio
import datetime
import json
import os
import sys
import time
from argparse import Namespace
from collections.abc import Callable, Sequence, Set
from dataclasses import asdict
from functools import partial
from typing import TYPE_CHECKING, Any

from chronos_plugin import settings
from chronos_plugin.cli.output import plainly, print_table
from chronos_plugin.errors import InputInvalid, ServiceFailed
from chronos_plugin.execution.cloud.model import OPEN, Request, RequestState, Resource
from chronos_plugin.execution.cloud.naming import request_id, split_owner, target_owner
from chronos_plugin.execution.cloud.sweep import REAP_ORDER, Finding, Found, sweep

if TYPE_CHECKING:
    from chronos_plugin.hooks.safescale.client import Endpoint
    from chronos_plugin.hooks.safescale.cloud import SafeScaleCloud

_REAP_SECONDS = 3600.0
_ALL = 1 << 20
_NO_AGENT = "no cloud agent runs: start airflow chronos cloud agent"


@plainly
def agent(arguments: Namespace) -> None:
    """Run the agent until a signal ends it."""
    del arguments
    import logging

    from chronos_plugin.db.engine import engine
    from chronos_plugin.execution.cloud.pursuit import Timing
    from chronos_plugin.hooks.safescale.agent import serve

    _as_server()
    lease = settings.load().cloud_lease
    engine()  # a database that is not ready is said now
    logging.getLogger("chronos").setLevel(logging.INFO)
    # It is renewed several times before it lapses.
    asyncio.run(serve(_endpoint, timing=Timing(lease=lease, tick=min(1.0, lease / 5))))


@plainly
def status(arguments: Namespace) -> int:
    """Print agent, open requests, clusters; status 1 if no agent runs."""
    from chronos_plugin.db.cloud import Pools, Requests

    requests, pools = Requests(), Pools()
    leader, alive = requests.leader(), _agent_runs()
    waiting = requests.select(states=tuple(OPEN))
    targets = [{**asdict(pool), "jobs": len(pools.open_jobs(pool.target))} for pool in pools.pools()]
    if arguments.json:
        agent_state = {"holder": leader[0], "until": leader[1], "runs": alive} if leader else None
        print(
            json.dumps(
                {"agent": agent_state, "requests": [asdict(r) for r in waiting], "targets": targets}, indent=2
            )
        )
        return 0 if alive else 1
    print(f"agent: {leader[0]}" if alive and leader else _NO_AGENT)
    if waiting:
        print_table(
            ("REQUEST", "STATE", "WHAT", "NAME", "SINCE"),
            [(r.id, str(r.state), f"{r.verb} {r.kind}", r.name, _moment(r.created)) for r in waiting],
        )
    if targets:
        print_table(
            ("TARGET", "CLUSTER SINCE", "JOBS", "SPENT", "MESSAGE"),
            [
                (
                    t["target"],
                    _moment(t["opened_at"]),
                    str(t["jobs"]),
                    ", ".join(f"{cost:.2f} in {period}" for period, cost in t["spent"].items()) or "-",
                    t["message"],
                )
                for t in targets
            ],
        )
    return 0 if alive else 1


@plainly
def check(arguments: Namespace) -> int:
    """Print what each service can do; status 1 if one lacks something that CHRONOS uses, or fails."""
    from chronos_plugin.hooks.safescale.capabilities import examine
    from chronos_plugin.hooks.safescale.hook import ask

    _as_server()
    reports = {
        name: asyncio.run(ask(_endpoint(name), examine)) for name in arguments.connection or _connections()
    }
    if arguments.json:
        print(json.dumps({name: asdict(report) for name, report in reports.items()}, indent=2))
    for name, report in reports.items() if not arguments.json else ():
        print(f"{name}: tenants {', '.join(report.tenants)}; {report.hosts} hosts")
        for lack in report.lacks:
            print(f"{name}: no {lack}")
    return 1 if any(report.lacks for report in reports.values()) else 0


@plainly
def list_resources(arguments: Namespace) -> None:
    """Print resources and who needs them."""
    found = _found(arguments.connection)
    shown = [(c, f) for c, f in found if arguments.all or f.finding is not Finding.FOREIGN]
    if arguments.json:
        print(json.dumps([_as_json(connection, one) for connection, one in shown], indent=2))
        return
    _print_found(shown)


@plainly
def reap(arguments: Namespace) -> int:
    """Delete orphans through the agent; status 1 if one could not be deleted."""
    findings = {Finding.ORPHAN, *([Finding.UNKNOWN] if arguments.unknown else [])}
    doomed = [(c, f) for c, f in _found(arguments.connection) if f.finding in findings]
    doomed.sort(key=lambda pair: REAP_ORDER.index(pair[1].resource.kind))
    if arguments.dry_run or not doomed:
        if arguments.json:
            print(json.dumps([_as_json(connection, one) for connection, one in doomed], indent=2))
        else:
            _print_found(doomed)
            print(f"{len(doomed)} would be deleted" if doomed else "nothing to delete")
        return 0
    if not arguments.yes:
        _print_found(doomed)
        _confirm(len(doomed))
    if not _agent_runs():
        raise ServiceFailed(_NO_AGENT)
    ended = [_delete(connection, one, quiet=arguments.json) for connection, one in doomed]
    if arguments.json:
        print(
            json.dumps(
                [{"name": r.name, "kind": r.kind, "state": r.state, "error": r.error} for r in ended],
                indent=2,
            )
        )
    return 0 if all(request.state is RequestState.SUCCEEDED for request in ended) else 1


@plainly
def cancel(arguments: Namespace) -> None:
    """Ask the agent to end a request."""
    from chronos_plugin.db.cloud import Requests

    if Requests().get(arguments.request) is None:
        raise InputInvalid(f"no request {arguments.request}: airflow chronos cloud status lists them")
    print("ending" if Requests().cancel(arguments.request) else "it has ended already")


def _found(connections: Sequence[str] | None) -> list[tuple[str, Found]]:
    """Return the resources of connections, all kinds, judged."""
    from chronos_plugin.db.cloud import Requests
    from chronos_plugin.hooks.safescale.hook import ask

    _as_server()
    asked = Requests().select(verb="create", limit=_ALL)
    # What was there before was adopted, not made: it is not CHRONOS's to delete.
    made = {(r.connection, r.kind, r.name): r for r in asked if r.progress.get("found") is False}
    found: list[tuple[str, Found]] = []
    for connection in connections or _connections():
        known = {name for place, kind, name in made if (place, kind) == (connection, "host")}
        resources = asyncio.run(ask(_endpoint(connection), partial(_everything, known)))

        def created(kind: str, name: str, connection: str = connection) -> Request | None:
            return made.get((connection, kind, name))

        found += [(connection, one) for one in sweep(resources, created, _lives(), time.time())]
    return found


async def _everything(known: Set[str], cloud: SafeScaleCloud) -> list[Resource]:
    """Return all resources; hosts that are not ``known`` with their labels, which the list does not tell."""
    resources = [resource for kind in REAP_ORDER for resource in await cloud.list(kind)]
    if not await cloud.knows_labels():
        return resources

    async def labelled(resource: Resource) -> Resource:
        if resource.kind != "host" or resource.name in known:
            return resource
        return await cloud.inspect("host", resource.name) or resource

    return [await labelled(resource) for resource in resources]


def _lives() -> Callable[[str], bool]:
    """Return what tells whether an owner still needs its resources."""
    from chronos_plugin.db.cloud import Pools
    from chronos_plugin.execution.bindings.document import deployment

    named = deployment(settings.load().targets_file).targets.values()
    targets = {target_owner(target.name) for target in named if target.kind == "safescale"}
    pools = Pools()
    targets |= {target_owner(pool.target) for pool in pools.pools() if pools.open_jobs(pool.target)}

    def lives(owner: str) -> bool:
        match split_owner(owner):
            case ("run", dag_id, run_id):
                return _run_goes_on(dag_id, run_id)
            case ("target", _):
                return owner in targets
        return True  # somebody else's way to say it

    return lives


def _run_goes_on(dag_id: str, run_id: str) -> bool:
    from airflow.models.dagrun import DagRun
    from airflow.utils.session import create_session
    from sqlalchemy import select

    with create_session() as session:
        state = session.scalar(select(DagRun.state).where(DagRun.dag_id == dag_id, DagRun.run_id == run_id))
    return state in ("queued", "running")


def _connections() -> list[str]:
    """Return the connections that Airflow's database and the requests name."""
    from airflow.models.connection import Connection
    from airflow.utils.session import create_session
    from sqlalchemy import select

    from chronos_plugin.db.cloud import Requests
    from chronos_plugin.hooks.safescale.connection import CONNECTION_TYPE

    with create_session() as session:
        stored = session.scalars(
            select(Connection.conn_id).where(Connection.conn_type == CONNECTION_TYPE)
        ).all()
    return sorted(
        {*stored, *(request.connection for request in Requests().select(verb="create", limit=_ALL))}
    )


def _endpoint(connection: str) -> Endpoint:
    from airflow.sdk import BaseHook
    from airflow.sdk.exceptions import AirflowNotFoundException

    from chronos_plugin.hooks.safescale.connection import endpoint_of

    try:
        return endpoint_of(BaseHook.get_connection(connection))
    except AirflowNotFoundException as error:
        raise InputInvalid(
            f"there is no connection {connection}: add one of type chronos_safescale"
        ) from error


def _delete(connection: str, one: Found, *, quiet: bool) -> Request:
    from chronos_plugin.db.cloud import Requests
    from chronos_plugin.execution.cloud.waiting import wait_for

    resource, now = one.resource, time.time()
    request = Requests().submit(
        Request(
            id=request_id("reap", connection, resource.kind, resource.name, resource.id, int(now)),
            connection=connection,
            kind=resource.kind,
            verb="delete",
            name=resource.name,
            owner=one.owner,
            deadline=now + _REAP_SECONDS,
            created=now,
        )
    )

    def tell(text: str) -> None:
        if not quiet:
            print(text)

    ended = asyncio.run(wait_for(Requests(), request.id, 1.0, tell))
    tell(f"{resource.kind} {resource.name}: {'deleted' if not ended.error else ended.error}")
    return ended


def _confirm(count: int) -> None:
    if not sys.stdin.isatty():
        raise InputInvalid("nobody can be asked here: say --yes, or --dry-run to see what would be deleted")
    if input(f"Delete these {count}? [y/N] ").strip().lower() not in ("y", "yes"):
        raise InputInvalid("nothing was deleted")


def _print_found(found: Sequence[tuple[str, Found]]) -> None:
    print_table(
        ("CONNECTION", "KIND", "NAME", "STATE", "FINDING", "OWNER", "EXPIRES", "WHY"),
        [
            (
                connection,
                one.resource.kind,
                one.resource.name,
                one.resource.native_state or one.resource.state,
                str(one.finding),
                one.owner or "-",
                _moment(one.expires),
                one.why,
            )
            for connection, one in found
        ],
    )


def _as_json(connection: str, one: Found) -> dict[str, Any]:
    resource = one.resource
    return {
        "connection": connection,
        "kind": resource.kind,
        "name": resource.name,
        "id": resource.id,
        "state": resource.native_state or resource.state,
        "finding": str(one.finding),
        "why": one.why,
        "owner": one.owner,
        "expires": one.expires,
    }


def _agent_runs() -> bool:
    from chronos_plugin.db.cloud import Requests

    leader = Requests().leader()
    return leader is not None and leader[1] > time.time()


def _moment(seconds: float | None) -> str:
    if seconds is None:
        return "-"
    return datetime.datetime.fromtimestamp(seconds, datetime.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _as_server() -> None:
    """Let Airflow find connections in its database, as its own commands do."""
    os.environ["_AIRFLOW_PROCESS_CONTEXT"] = "server"
