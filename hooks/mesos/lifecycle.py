"""How a task goes on when Mesos says something of it: functions from task to task."""

from __future__ import annotations

from dataclasses import replace

from chronos_plugin.hooks.mesos.messages import ALIVE, DOUBTFUL, TERMINAL, TaskState, TaskStatus
from chronos_plugin.hooks.mesos.tasks import Phase, Task, Wish, launch_id

MAX_LAUNCHES = 10
"""Launches that Mesos drops before the task is given up."""

RECONCILIATION = "REASON_RECONCILIATION"
OWN_SOURCE = "SOURCE_CHRONOS"
"""Stands in ``Task.source`` where the framework and not Mesos ended the task."""


def launched(task: Task, agent_id: str, hostname: str, agent_url: str, master_id: str, now: float) -> Task:
    """Return the task as it is to be stored before a launch of it is sent."""
    number = task.launches + 1
    return replace(
        task,
        phase=Phase.LAUNCHED,
        launches=number,
        launched_on=master_id,
        launched_at=now,
        mesos_task_id=launch_id(task.id, number),
        agent_id=agent_id,
        hostname=hostname,
        agent_url=agent_url,
        container_id="",
        started_at=None,
        state=None,
        reason="",
        source="",
        message="",
    )


def requeued(task: Task, why: str, now: float) -> Task:
    """Return the task after a launch that ran nothing: queued, or ended if it is not wanted any more."""
    if task.wish is Wish.CANCEL:
        return ended_here(task, TaskState.KILLED, "cancelled before it was launched", now)
    if task.launches >= MAX_LAUNCHES:
        return ended_here(task, TaskState.DROPPED, f"given up after {task.launches} launches: {why}", now)
    return replace(task, phase=Phase.QUEUED, state=None, agent_id=None, message=why)


def ended_here(task: Task, state: TaskState, message: str, now: float) -> Task:
    """Return the task ended by the framework."""
    return replace(
        task, phase=Phase.ENDED, state=state, source=OWN_SOURCE, reason="", message=message, ended_at=now
    )


def advance(task: Task, status: TaskStatus, *, master_id: str, now: float) -> Task:
    """Return the task after a status of its present launch; the same object if the status says nothing new.

    Args:
        task: In phase LAUNCHED.
        status: From an executor, an agent or the master, in any order and any number of times.
        master_id: Of the master process that sent it.
        now: Seconds since the epoch.
    """
    if task.phase is not Phase.LAUNCHED or status.task_id != task.mesos_task_id:
        return task
    if status.state in ALIVE:
        return _alive(task, status, now)
    if not task.heard and _never_arrived(task, status, master_id):
        return requeued(task, status.message, now)
    if status.state in DOUBTFUL:
        return _told(task, status, now) if task.state is not status.state else task
    if task.heard and _about_another_launch(status):
        return task
    if status.state is TaskState.DROPPED and not task.heard:
        return requeued(task, status.message or status.reason, now)
    return _ended(task, status, now)


def _alive(task: Task, status: TaskStatus, now: float) -> Task:
    if task.state in ALIVE and ALIVE.index(status.state) <= ALIVE.index(task.state):
        return task
    told = _told(task, status, now)
    if told.started_at is None and status.state is TaskState.RUNNING:
        return replace(told, started_at=status.timestamp or now)
    return told


def _never_arrived(task: Task, status: TaskStatus, master_id: str) -> bool:
    """Whether a launch that nothing was heard of certainly ran nothing.

    The master that got the launch knows all that it took in until its end is acknowledged. Another master
    may not know yet; but an agent that is there knows its tasks.
    """
    if status.reason != RECONCILIATION:
        return False
    if status.state is TaskState.GONE:
        return True
    return status.state is TaskState.UNKNOWN and bool(master_id) and task.launched_on == master_id


def _about_another_launch(status: TaskStatus) -> bool:
    """Whether the master refused a second launch of an id whose first one goes on."""
    return (
        status.state is TaskState.ERROR
        and status.uuid is None
        and status.reason == "REASON_TASK_INVALID"
        and "duplicate ID" in status.message
    )


def _ended(task: Task, status: TaskStatus, now: float) -> Task:
    assert status.state in TERMINAL
    return replace(_told(task, status, now), phase=Phase.ENDED, ended_at=status.timestamp or now)


def _told(task: Task, status: TaskStatus, now: float) -> Task:
    return replace(
        task,
        state=status.state,
        reason=status.reason,
        source=status.source,
        message=status.message,
        agent_id=status.agent_id or task.agent_id,
        container_id=status.container_id or task.container_id,
        seen=now,
    )
