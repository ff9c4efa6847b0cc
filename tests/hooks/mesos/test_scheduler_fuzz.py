"""The state machine against a model of Mesos, with crashes, losses and repetitions in any order."""

from __future__ import annotations

from collections import Counter
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule

from chronos_plugin.hooks.mesos.actions import (
    Actions,
    Disconnected,
    Found,
    Input,
    Launch,
    LaunchInDoubt,
    LaunchRefused,
    LaunchSent,
    TasksChanged,
    Tick,
)
from chronos_plugin.hooks.mesos.messages import (
    TERMINAL,
    Offers,
    Subscribed,
    TaskState,
    TaskStatus,
    Update,
    parse_event,
)
from chronos_plugin.hooks.mesos.scheduler import Scheduler
from chronos_plugin.hooks.mesos.tasks import Phase, Task
from tests.hooks.mesos.test_messages import _events
from tests.hooks.mesos.test_offers import offer, spec

NEXT = {
    TaskState.STAGING: TaskState.STARTING,
    TaskState.STARTING: TaskState.RUNNING,
    TaskState.RUNNING: TaskState.FINISHED,
}


class AgainstAModel(RuleBasedStateMachine):
    """Whatever happens, each task runs once, and is stored as what became of it."""

    @initialize(count=st.integers(1, 4))
    def begin(self, count: int) -> None:
        self.now = 1000.0
        self.number = 0
        self.stored = {f"t{i}": Task(spec(f"t{i}"), revision=1) for i in range(count)}
        self.new = dict(self.stored)
        self.truth: dict[str, TaskState] = {}
        self.updates: dict[str, list[TaskStatus]] = {}
        self.told: list[TaskStatus] = []
        self.began: Counter[str] = Counter()
        self.in_flight: list[Launch] = []
        self.answers: list[TaskStatus] = []
        self.scheduler = Scheduler(None, [])
        self.connected = False
        self._subscribe()

    # What Mesos does

    def _take_in(self, launch: Launch) -> None:
        for info in launch.call["accept"]["operations"][0]["launch"]["task_infos"]:
            launch_id = info["task_id"]["value"]
            assert launch_id not in self.truth, "an id was used twice"
            self.truth[launch_id] = TaskState.STAGING
            self.updates[launch_id] = []
            self.began[launch_id.rpartition(".")[0]] += 1

    def _answer(self, call: dict[str, Any]) -> None:
        asked = [t["task_id"]["value"] for t in call["reconcile"]["tasks"]]
        for launch_id in asked or list(self.truth):
            state = self.truth.get(launch_id, TaskState.GONE if asked else None)
            if state is not None and not (state in TERMINAL and not self.updates.get(launch_id)):
                reason = "REASON_RECONCILIATION"
                self.answers.append(TaskStatus(launch_id, state, "a", None, "", reason))
            elif asked:
                gone = TaskStatus(launch_id, TaskState.GONE, "a", None, "", "REASON_RECONCILIATION")
                self.answers.append(gone)

    def _acknowledged(self, call: dict[str, Any]) -> None:
        body = call["acknowledge"]
        waiting = self.updates.get(body["task_id"]["value"], [])
        if waiting and waiting[0].uuid == body["uuid"]:
            task_id = waiting[0].task_id.rpartition(".")[0]
            if waiting[0].state in TERMINAL:
                assert self.stored[task_id].phase is Phase.ENDED, "acknowledged before it was stored"
            waiting.pop(0)

    # What the process does

    def _do(self, *inputs: Input, crash: bool = False) -> None:
        actions = self.scheduler.step(inputs, self.now)
        if crash:
            self._restart()
            return
        self.stored.update(actions.store)
        for task_id in actions.taken:
            self.new.pop(task_id, None)
        self._send(actions)
        for launch_id, agent_id in actions.inquiries:
            self._do(Found(launch_id, agent_id, self.stored.get(launch_id.rpartition(".")[0])))
        if actions.resubscribe:
            self._subscribe()

    def _send(self, actions: Actions) -> None:
        assert self.connected or not actions.launches
        self.in_flight += actions.launches
        for call in actions.calls:
            if call["type"] == "RECONCILE":
                self._answer(call)
            elif call["type"] == "ACKNOWLEDGE":
                self._acknowledged(call)

    def _subscribe(self) -> None:
        lost, self.in_flight = self.in_flight, []
        self.answers.clear()
        self.connected = True
        self._do(
            Disconnected(),
            *(LaunchInDoubt(launch.task_ids) for launch in lost),
            Subscribed("f", 15.0, "m1"),
        )

    def _restart(self) -> None:
        self.in_flight.clear()
        self.answers.clear()
        self.new = {i: t for i, t in self.stored.items() if t.phase is not Phase.ENDED}
        self.scheduler = Scheduler("f", self.new.values())
        self._do(Subscribed("f", 15.0, "m1"))

    # Rules

    @rule(crash=st.booleans())
    def tasks_are_read(self, crash: bool) -> None:
        self._do(TasksChanged(tuple(self.new.values())), Tick(), crash=crash)

    @rule(cpus=st.sampled_from([0.3, 0.5, 1.0, 2.0]), crash=st.booleans())
    def offered(self, cpus: float, crash: bool) -> None:
        self.number += 1
        self._do(Offers((offer(f"o{self.number}", cpus=cpus),)), crash=crash)

    @precondition(lambda self: self.in_flight)
    @rule(
        how=st.sampled_from(["sent", "refused", "doubt, taken", "doubt, lost", "crash, taken", "crash, lost"])
    )
    def launch_arrives(self, how: str) -> None:
        launch = self.in_flight.pop(0)
        if how in ("sent", "doubt, taken", "crash, taken"):
            self._take_in(launch)
        if how == "sent":
            self._do(LaunchSent(launch.task_ids))
        elif how == "refused":
            self._do(LaunchRefused(launch.task_ids, "503"))
        elif how.startswith("doubt"):
            self._do(LaunchInDoubt(launch.task_ids))
        else:
            self._restart()

    @precondition(lambda self: any(state in NEXT for state in self.truth.values()))
    @rule(data=st.data())
    def a_task_goes_on(self, data: st.DataObject) -> None:
        alive = [i for i, state in self.truth.items() if state in NEXT]
        self._go_on(data.draw(st.sampled_from(alive)))

    def _go_on(self, launch_id: str) -> None:
        state = self.truth[launch_id] = NEXT[self.truth[launch_id]]
        self.number += 1
        uuid = f"u{self.number}"
        self.updates[launch_id].append(TaskStatus(launch_id, state, "a", uuid, container_id="c"))

    @precondition(lambda self: any(self.updates.values()))
    @rule(data=st.data(), crash=st.booleans())
    def an_update_comes(self, data: st.DataObject, crash: bool) -> None:
        status = data.draw(st.sampled_from([u[0] for u in self.updates.values() if u]))
        self.told.append(status)
        self._do(Update(status), crash=crash)

    @precondition(lambda self: self.told)
    @rule(data=st.data())
    def an_update_comes_again(self, data: st.DataObject) -> None:
        self._do(Update(data.draw(st.sampled_from(self.told))))

    @precondition(lambda self: self.answers)
    @rule()
    def an_answer_comes(self) -> None:
        self._do(Update(self.answers.pop(0)))

    @rule(seconds=st.sampled_from([0.5, 5.0, 700.0]))
    def time_passes(self, seconds: float) -> None:
        self.now += seconds
        self._do(Tick())

    @rule()
    def connection_is_lost(self) -> None:
        self._subscribe()

    def teardown(self) -> None:
        """Let everything come to its end, and look at what became of it."""
        for _ in range(60):
            self.tasks_are_read(False)
            self.time_passes(5.0)
            while self.in_flight:
                self.launch_arrives("sent")
            for launch_id in [i for i, s in self.truth.items() if s in NEXT]:
                self._go_on(launch_id)
            for updates in list(self.updates.values()):
                if updates:
                    self._do(Update(updates[0]))
            while self.answers:
                self.an_answer_comes()
            self.offered(2.0, False)
        for task_id, task in self.stored.items():
            assert task.phase is Phase.ENDED, f"{task_id} was lost: {task}"
            assert task.state is TaskState.FINISHED
            assert self.began[task_id] == 1, f"{task_id} ran {self.began[task_id]} times"
        assert not any(self.updates.values())


TestAgainstAModel = AgainstAModel.TestCase
TestAgainstAModel.settings = settings(max_examples=150, stateful_step_count=40, deadline=None)


@settings(max_examples=200, deadline=None)
@given(st.lists(st.sampled_from(_events()), max_size=60), st.randoms())
def test_recorded_events_in_any_order_do_no_harm(events: list[dict[str, Any]], random: Any) -> None:
    import json

    parsed = [parse_event(json.dumps(event).encode()) for event in events]
    random.shuffle(parsed)
    tasks = [Task(spec(f"t{i}")) for i in range(3)]
    scheduler = Scheduler(None, tasks)
    ended: dict[str, Task] = {}
    for number, event in enumerate(parsed):
        actions = scheduler.step([event, Tick()], 1000.0 + number)
        for task in actions.store.values():
            assert task.id not in ended
            if task.phase is Phase.ENDED:
                ended[task.id] = task
        assert scheduler.connected or not actions.launches
