"""What the commands under ``airflow chronos mesos`` do."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import signal
import sys
import time
from argparse import Namespace
from typing import TYPE_CHECKING, Any

from chronos_plugin.cli.output import plainly, print_table
from chronos_plugin.errors import InputInvalid

if TYPE_CHECKING:
    from chronos_plugin.hooks.mesos.process import FrameworkProcess
    from chronos_plugin.hooks.mesos.queue import FrameworkStatus
    from chronos_plugin.hooks.mesos.tasks import Task

NOT_AGAIN = 78
"""Exit status (``EX_CONFIG``) when going on would do harm: a service manager must not start it again."""


@plainly
def agent(arguments: Namespace) -> int:
    """Hold the framework until SIGTERM or SIGINT; tasks go on without."""
    from chronos_plugin.hooks.mesos.process import FrameworkTaken

    logging.basicConfig(level=logging.INFO, stream=sys.stderr, format="%(asctime)s %(levelname)s %(message)s")
    logging.getLogger("chronos.mesos").setLevel(logging.INFO)
    # One line a call would be ten thousand lines an hour.
    logging.getLogger("httpx").setLevel(logging.WARNING)
    try:
        asyncio.run(_hold(arguments.connection))
    except FrameworkTaken as error:
        print(f"airflow chronos mesos agent: {error}", file=sys.stderr)
        return NOT_AGAIN
    return 0


async def _hold(connection_id: str) -> None:
    from chronos_plugin.hooks.mesos.client import SchedulerClient
    from chronos_plugin.hooks.mesos.hook import MesosHook

    connection = MesosHook(connection_id).get_conn()
    client = SchedulerClient(connection.address)
    process = _process(connection_id, connection, client)
    running = asyncio.create_task(process.run())
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, running.cancel)
    try:
        with contextlib.suppress(asyncio.CancelledError):
            await running
    finally:
        await client.close()


def _process(connection_id: str, connection: Any, client: Any) -> FrameworkProcess:
    from chronos_plugin import settings
    from chronos_plugin.hooks.mesos.actions import Rules
    from chronos_plugin.hooks.mesos.hook import queue_of
    from chronos_plugin.hooks.mesos.process import FrameworkProcess, Pace

    configured = settings.load()
    return FrameworkProcess(
        connection.framework,
        client,
        queue_of(connection_id),
        rules=Rules(doubt_timeout=configured.mesos_doubt_timeout),
        pace=Pace(lease=configured.mesos_lease, keep=configured.mesos_keep_days * 86400.0),
    )


@plainly
def status(arguments: Namespace) -> int:
    """Tell who holds the framework; status 1 if nobody does, or it is not subscribed."""
    from chronos_plugin.hooks.mesos.hook import queue_of

    found = queue_of(arguments.connection).status()
    subscribed = found.held and bool(found.report.get("connected"))
    if arguments.json:
        print(json.dumps({**_as_json(found), "subscribed": subscribed}, indent=2))
    else:
        _print_status(found, subscribed)
    return 0 if subscribed else 1


def _as_json(found: FrameworkStatus) -> dict[str, Any]:
    return {
        "connection": found.name,
        "framework_id": found.framework_id,
        "holder": found.holder if found.held else None,
        "last_holder": found.holder,
        "tasks": dict(found.tasks),
        "report": dict(found.report),
    }


def _print_status(found: FrameworkStatus, subscribed: bool) -> None:
    report = found.report
    rows = [
        ("framework", found.framework_id or "not registered yet"),
        ("held by", found.holder if found.held else "nobody: run airflow chronos mesos agent"),
        ("subscribed", f"with {report.get('master')}" if subscribed else "no"),
        ("trouble", str(report.get("trouble") or "none") if found.held else ""),
        ("tasks", ", ".join(f"{n} {phase}" for phase, n in sorted(found.tasks.items())) or "none open"),
        ("running", str(report.get("running", 0)) if subscribed else ""),
    ]
    for name, value in rows:
        if value:
            print(f"{name + ':':<12} {value}")


@plainly
def tasks(arguments: Namespace) -> None:
    """List the tasks that have not ended."""
    from chronos_plugin.hooks.mesos.hook import queue_of

    found = sorted(queue_of(arguments.connection).open_tasks(), key=lambda task: task.submitted_at)
    if arguments.json:
        print(json.dumps([_row(task) for task in found], indent=2))
        return
    cells = [
        (
            t.id,
            t.spec.name,
            t.wish.value,
            t.state or t.phase.value,
            t.hostname,
            _age(t.submitted_at),
            t.message,
        )
        for t in found
    ]
    print_table(("TASK", "NAME", "WISH", "STATE", "AGENT", "AGE", "MESSAGE"), cells)


def _row(task: Task) -> dict[str, Any]:
    return {
        "id": task.id,
        "name": task.spec.name,
        "wish": task.wish,
        "phase": task.phase,
        "state": task.state,
        "mesos_task_id": task.mesos_task_id,
        "agent": task.hostname,
        "submitted_at": task.submitted_at,
        "started_at": task.started_at,
        "message": task.message,
        "reason": task.reason,
    }


def _age(since: float) -> str:
    minutes, seconds = divmod(int(max(0.0, time.time() - since)), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}h{minutes:02}m" if hours else f"{minutes}m{seconds:02}s"


@plainly
def cancel(arguments: Namespace) -> None:
    """Wish tasks' end."""
    from chronos_plugin.hooks.mesos.hook import queue_of
    from chronos_plugin.hooks.mesos.tasks import Wish

    queue = queue_of(arguments.connection)
    unknown = sorted(set(arguments.tasks) - set(queue.get(arguments.tasks)))
    if unknown:
        raise InputInvalid(f"no task {unknown[0]} of {arguments.connection}")
    queue.wish(arguments.tasks, Wish.CANCEL)
    print(f"{len(arguments.tasks)} tasks will be killed; airflow chronos mesos tasks shows how they do")
