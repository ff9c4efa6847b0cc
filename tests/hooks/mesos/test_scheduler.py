from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from typing import Any

import pytest

from chronos_plugin.hooks.mesos.actions import (
    Actions,
    Disconnected,
    Found,
    Input,
    LaunchInDoubt,
    LaunchRefused,
    LaunchSent,
    Rules,
    TasksChanged,
    Tick,
)
from chronos_plugin.hooks.mesos.messages import (
    ErrorEvent,
    Failure,
    InverseOffers,
    Offers,
    Rescind,
    Subscribed,
    TaskState,
    TaskStatus,
    Update,
)
from chronos_plugin.hooks.mesos.scheduler import Scheduler
from chronos_plugin.hooks.mesos.tasks import Phase, Task, TaskSpec, Wish
from tests.hooks.mesos.test_offers import offer, spec

RECONCILED = "REASON_RECONCILIATION"


class Driver:
    """A state machine, a clock, and a store that keeps what it is told."""

    def __init__(self, *specs: TaskSpec, rules: Rules | None = None, master: str = "m1") -> None:
        self.now = 1000.0
        self.stored = {s.id: Task(s, revision=1, submitted_at=self.now) for s in specs}
        self.rules = rules or Rules()
        self.scheduler = Scheduler(None, [], self.rules)
        self.master = master
        self.do(Subscribed("f", 15.0, master), TasksChanged(tuple(self.stored.values())))

    def do(self, *inputs: Input) -> Actions:
        actions = self.scheduler.step(inputs, self.now)
        for task_id, task in actions.store.items():
            self.stored[task_id] = task
        self.last = actions
        return actions

    def restart(self, *, master: str = "m1") -> None:
        """Begin anew from what is stored, as after a crash."""
        left = [t for t in self.stored.values() if t.phase is not Phase.ENDED]
        self.scheduler = Scheduler("f", left, self.rules)
        self.do(Subscribed("f", 15.0, master))

    def offered(self, cpus: float = 1.0) -> Actions:
        return self.do(Offers((offer(f"o{self.now}", cpus=cpus),)))

    def launch(self) -> str:
        """Let the only task be launched and the launch arrive; return its id in Mesos."""
        (launch,) = self.offered().launches
        self.do(LaunchSent(launch.task_ids))
        (task_id,) = launch.task_ids
        return str(self.stored[task_id].mesos_task_id)

    def told(self, mesos_id: str, state: TaskState, uuid: str | None = "u", **more: Any) -> Actions:
        return self.do(Update(TaskStatus(mesos_id, state, "a", uuid, **more)))

    def types(self) -> list[str]:
        return [str(call["type"]) for call in self.last.calls]


def test_the_framework_id_is_stored_before_anything_is_launched() -> None:
    driver = Driver()
    actions = driver.do(Subscribed("f", 15.0, "m1"))
    assert actions.framework == ("f", "m1")
    assert driver.types() == ["RECONCILE", "SUPPRESS"]


def test_a_launch_is_stored_with_the_actions_that_send_it() -> None:
    driver = Driver(spec("t"))
    actions = driver.offered()
    (launch,) = actions.launches
    stored = actions.store["t"]
    assert (stored.phase, stored.mesos_task_id, stored.launches) == (Phase.LAUNCHED, "t.1", 1)
    assert stored.launched_on == "m1"
    info = launch.call["accept"]["operations"][0]["launch"]["task_infos"][0]
    assert info["task_id"] == {"value": "t.1"}
    assert info["kill_policy"] == {"grace_period": {"nanoseconds": 10_000_000_000}}


def test_a_status_is_stored_and_acknowledged() -> None:
    driver = Driver(spec("t"))
    launched = driver.launch()
    driver.told(launched, TaskState.RUNNING, "u1", timestamp=5.0, container_id="c")
    assert driver.stored["t"].started_at == 5.0
    assert driver.types()[0] == "ACKNOWLEDGE"
    driver.told(launched, TaskState.FINISHED, "u2", timestamp=9.0, message="Command exited with status 0")
    task = driver.stored["t"]
    assert (task.phase, task.state, task.ended_at) == (Phase.ENDED, TaskState.FINISHED, 9.0)
    assert driver.last.calls[0]["acknowledge"]["uuid"] == "u2"


def test_a_status_without_uuid_is_never_acknowledged() -> None:
    driver = Driver(spec("t"))
    launched = driver.launch()
    driver.told(launched, TaskState.RUNNING, None, reason=RECONCILED)
    assert "ACKNOWLEDGE" not in driver.types()


def test_what_comes_late_changes_nothing_and_is_acknowledged() -> None:
    driver = Driver(spec("t"))
    launched = driver.launch()
    driver.told(launched, TaskState.FINISHED, None, reason=RECONCILED)
    before = driver.stored["t"]
    driver.told(launched, TaskState.RUNNING, "u1")
    assert driver.stored["t"] is before
    assert "ACKNOWLEDGE" in driver.types()
    driver.do(Found(launched, "a", before))
    assert driver.types() == ["KILL"]


def test_states_do_not_go_backwards() -> None:
    driver = Driver(spec("t"))
    launched = driver.launch()
    driver.told(launched, TaskState.RUNNING)
    driver.told(launched, TaskState.STARTING)
    assert driver.stored["t"].state is TaskState.RUNNING


def test_a_launch_that_was_refused_is_queued_again() -> None:
    driver = Driver(spec("t"))
    (launch,) = driver.offered().launches
    driver.do(LaunchRefused(launch.task_ids, "400", launch.offer_ids))
    # They are still ours for the master.
    assert driver.last.calls[0]["decline"]["offer_ids"] == [{"value": i} for i in launch.offer_ids]
    assert driver.stored["t"].phase is Phase.QUEUED
    driver.do(Tick())
    (again,) = driver.offered().launches
    assert driver.stored["t"].mesos_task_id == "t.2"
    assert again.task_ids == ("t",)


def test_a_launch_in_doubt_is_settled_by_a_new_subscription() -> None:
    driver = Driver(spec("t"))
    (launch,) = driver.offered().launches
    assert driver.do(LaunchInDoubt(launch.task_ids)).resubscribe
    assert driver.stored["t"].phase is Phase.LAUNCHED
    driver.do(Disconnected())
    driver.do(Subscribed("f", 15.0, "m1"))
    asked = [c for c in driver.last.calls if c["type"] == "RECONCILE"]
    assert asked[1]["reconcile"]["tasks"] == [{"task_id": {"value": "t.1"}, "agent_id": {"value": "a"}}]
    driver.told("t.1", TaskState.UNKNOWN, None, reason=RECONCILED)
    assert driver.stored["t"].phase is Phase.QUEUED


def test_an_answer_from_before_the_launch_arrived_says_nothing() -> None:
    driver = Driver(spec("t"))
    driver.offered()
    driver.told("t.1", TaskState.UNKNOWN, None, reason=RECONCILED)
    assert driver.stored["t"].phase is Phase.LAUNCHED


def test_a_launch_is_not_asked_for_while_it_is_sent() -> None:
    driver = Driver(spec("t"))
    driver.offered()
    driver.now += driver.rules.reconcile_interval
    driver.do(Tick())
    assert "RECONCILE" not in driver.types()


@pytest.mark.parametrize(
    ("state", "master", "phase"),
    [
        (TaskState.UNKNOWN, "m1", Phase.QUEUED),
        # Another master may not know yet.
        (TaskState.UNKNOWN, "m2", Phase.LAUNCHED),
        # The agent is there and does not have it.
        (TaskState.GONE, "m2", Phase.QUEUED),
        (TaskState.UNREACHABLE, "m1", Phase.LAUNCHED),
        (TaskState.STAGING, "m1", Phase.LAUNCHED),
    ],
)
def test_a_crash_between_storing_and_sending(state: TaskState, master: str, phase: Phase) -> None:
    driver = Driver(spec("t"))
    driver.offered()
    driver.restart(master=master)
    driver.told("t.1", state, None, reason=RECONCILED)
    assert driver.stored["t"].phase is phase


def test_a_task_that_another_master_does_not_know_is_given_time() -> None:
    driver = Driver(spec("t"), rules=Rules(doubt_timeout=100.0))
    launched = driver.launch()
    driver.told(launched, TaskState.RUNNING)
    driver.restart(master="m2")
    driver.told(launched, TaskState.UNKNOWN, None, reason=RECONCILED)
    driver.now += 61.0
    driver.do(Tick())
    assert driver.stored["t"].phase is Phase.LAUNCHED
    driver.told(launched, TaskState.RUNNING, None, reason="REASON_AGENT_REREGISTERED")
    driver.now += 100.0
    driver.do(Tick())
    driver.told(launched, TaskState.FINISHED)
    assert driver.stored["t"].succeeded


def test_doubt_ends() -> None:
    driver = Driver(spec("t"), rules=Rules(doubt_timeout=100.0))
    launched = driver.launch()
    driver.told(launched, TaskState.RUNNING)
    driver.told(launched, TaskState.UNREACHABLE, None)
    driver.now += 100.0
    driver.do(Tick())
    task = driver.stored["t"]
    assert task.phase is Phase.ENDED
    assert task.infrastructure
    assert "given up" in task.message
    assert driver.types()[0] == "KILL"


def test_doubt_does_not_grow_while_nobody_could_say() -> None:
    driver = Driver(spec("t"), rules=Rules(doubt_timeout=100.0))
    launched = driver.launch()
    driver.told(launched, TaskState.UNREACHABLE, None)
    driver.do(Disconnected())
    driver.now += 1000.0
    driver.do(Tick())
    assert driver.stored["t"].phase is Phase.LAUNCHED
    driver.do(Subscribed("f", 15.0, "m1"), Tick())
    assert driver.stored["t"].phase is Phase.LAUNCHED


def test_unreachable_tasks_are_asked_for_with_growing_pauses() -> None:
    driver = Driver(spec("t"))
    launched = driver.launch()
    driver.told(launched, TaskState.RUNNING)
    driver.told(launched, TaskState.UNREACHABLE, None)
    asked = []
    for _ in range(60):
        driver.now += 1.0
        driver.do(Tick())
        if "RECONCILE" in driver.types():
            asked.append(driver.now)
            driver.told(launched, TaskState.UNREACHABLE, None, reason=RECONCILED)
    pauses = [b - a for a, b in pairwise(asked)]
    assert len(pauses) >= 3
    assert pauses == sorted(pauses)


def test_a_dropped_launch_is_tried_again_and_not_for_ever() -> None:
    driver = Driver(spec("t"))
    for number in range(1, 30):
        driver.now += 100.0
        driver.do(Tick())
        if driver.stored["t"].phase is Phase.ENDED:
            break
        driver.launch()
        driver.told(f"t.{number}", TaskState.DROPPED, None, reason="REASON_INVALID_OFFERS")
    task = driver.stored["t"]
    assert task.state is TaskState.DROPPED
    assert task.launches == 10
    assert task.infrastructure


def test_a_refused_second_launch_does_not_end_the_first() -> None:
    driver = Driver(spec("t"))
    launched = driver.launch()
    driver.told(launched, TaskState.RUNNING)
    driver.told(
        launched,
        TaskState.ERROR,
        None,
        reason="REASON_TASK_INVALID",
        source="SOURCE_MASTER",
        message="Task has duplicate ID: t.1",
    )
    assert driver.stored["t"].state is TaskState.RUNNING


def test_kill_is_repeated_until_the_end() -> None:
    driver = Driver(spec("t", kill_grace=2.0))
    launched = driver.launch()
    driver.told(launched, TaskState.RUNNING)
    driver.do(TasksChanged((replace(driver.stored["t"], wish=Wish.CANCEL, revision=2),)))
    assert driver.types() == ["KILL"]
    assert driver.last.taken == {"t": 2}
    kills = 0
    for _ in range(40):
        driver.now += 1.0
        driver.do(Tick())
        kills += driver.types().count("KILL")
    assert kills == 2
    driver.told(launched, TaskState.KILLED)
    driver.now += 1000.0
    driver.do(Tick())
    assert driver.types() == []


def test_a_task_that_was_not_launched_is_cancelled_without_mesos() -> None:
    driver = Driver(spec("t"))
    driver.do(TasksChanged((replace(driver.stored["t"], wish=Wish.CANCEL, revision=2),)))
    task = driver.stored["t"]
    assert (task.phase, task.state, task.source) == (Phase.ENDED, TaskState.KILLED, "SOURCE_CHRONOS")
    assert driver.offered().launches == []


def test_held_tasks_wait_for_their_release() -> None:
    driver = Driver(spec("t"))
    driver.do(TasksChanged((replace(driver.stored["t"], wish=Wish.HOLD, revision=2),)))
    assert driver.offered().launches == []
    driver.do(TasksChanged((replace(driver.stored["t"], wish=Wish.RUN, revision=3),)))
    assert len(driver.offered().launches) == 1


def test_offers_are_declined_for_long_when_nothing_waits_and_revived_when_something_does() -> None:
    driver = Driver()
    driver.offered()
    decline = next(c for c in driver.last.calls if c["type"] == "DECLINE")
    assert decline["decline"]["filters"]["refuse_seconds"] == 86400.0
    new = Task(spec("t"), revision=1)
    driver.do(TasksChanged((new,)))
    assert driver.types() == ["REVIVE"]


def test_small_offers_are_kept_for_others_of_their_agent() -> None:
    driver = Driver(spec("t", cpus=1.5))
    driver.do(Offers((offer("o1"),)))
    assert driver.last.launches == []
    assert "DECLINE" not in driver.types()
    driver.do(Offers((offer("o2"),)))
    (launch,) = driver.last.launches
    assert [i["value"] for i in launch.call["accept"]["offer_ids"]] == ["o1", "o2"]


def test_small_offers_are_not_kept_for_long() -> None:
    driver = Driver(spec("t", cpus=1.5))
    driver.do(Offers((offer("o1"),)))
    driver.now += driver.rules.offer_hold
    driver.do(Tick())
    assert "DECLINE" in driver.types()
    assert driver.scheduler.offers == {}


def test_rescinded_offers_and_those_of_lost_agents_are_not_used() -> None:
    driver = Driver(spec("t", cpus=1.5))
    driver.do(Offers((offer("o1"),)), Rescind("o1"))
    driver.do(Offers((offer("o2"),)), Failure("a"))
    assert driver.scheduler.offers == {}


def test_offers_of_an_earlier_subscription_are_not_used() -> None:
    driver = Driver(spec("t"))
    actions = driver.do(Offers((offer("o1"),)), Disconnected())
    assert actions.launches == []


def test_nothing_is_given_back_for_maintenance() -> None:
    driver = Driver()
    driver.do(InverseOffers(("i",)))
    assert driver.types() == ["DECLINE_INVERSE_OFFERS"]


def test_another_scheduler_stops_this_one() -> None:
    assert Driver().do(ErrorEvent("Framework failed over")).stop


def test_a_removed_framework_takes_its_tasks_with_it() -> None:
    driver = Driver(spec("run"), spec("wait", cpus=9))
    launched = driver.launch()
    driver.told(launched, TaskState.RUNNING)
    actions = driver.do(ErrorEvent("Framework has been removed"))
    assert actions.framework == (None, "m1")
    assert actions.resubscribe
    assert driver.stored["run"].state is TaskState.LOST
    assert driver.stored["wait"].phase is Phase.QUEUED


def test_other_errors_are_told_and_tried_again() -> None:
    actions = Driver().do(ErrorEvent("Not authorized to use role"))
    assert actions.trouble == "Not authorized to use role"
    assert actions.resubscribe
    assert not actions.stop


def test_a_stray_launch_is_looked_up_and_killed_only_if_it_is_known() -> None:
    driver = Driver()
    actions = driver.told("gone.1", TaskState.RUNNING)
    assert actions.inquiries == [("gone.1", "a")]
    driver.do(Found("gone.1", "a", None))
    assert "KILL" not in driver.types()
    newer = Task(spec("gone"), phase=Phase.LAUNCHED, launches=2, mesos_task_id="gone.2")
    driver.do(Found("gone.1", "a", newer))
    assert "KILL" in driver.types()
