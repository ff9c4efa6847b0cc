"""Back-pressure as a state machine: never more than the bounds allow, and in the order of asking."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from chronos_plugin.execution.bindings.document import TargetSetting
from chronos_plugin.execution.targets.admission import Admission
from chronos_plugin.execution.targets.base import Job, Resources

BOUNDS = TargetSetting("t", "local", max_in_flight=4, max_cores=6, max_ram=1000, submit_rate=1e9)


def job(number: int, cores: float = 1, ram: float = 10) -> Job:
    return Job(f"job-{number}", f"job-{number}", Path("/"), Resources(cores=cores, ram=ram))


def fits(setting: TargetSetting, jobs: list[Job]) -> bool:
    return len(jobs) <= 1 or (
        len(jobs) <= setting.max_in_flight
        and sum(j.resources.cores for j in jobs) <= (setting.max_cores or 1e9)
        and sum(j.resources.ram for j in jobs) <= (setting.max_ram or 1e9)
    )


class AdmissionMachine(RuleBasedStateMachine):
    """A model with two lists, inside and waiting, must agree with it."""

    def __init__(self) -> None:
        super().__init__()
        self.loop = asyncio.new_event_loop()
        self.admission = Admission(BOUNDS)
        self.number = 0
        self.inside: list[Job] = []
        self.waiting: list[tuple[Job, asyncio.Task[None]]] = []

    def teardown(self) -> None:
        for _, task in self.waiting:
            task.cancel()
        self.settle()
        self.loop.close()

    def settle(self) -> None:
        for _ in range(5):
            self.loop.run_until_complete(asyncio.sleep(0))

    def admit(self) -> None:
        while self.waiting and (
            not self.inside or fits(self.admission.setting, [*self.inside, self.waiting[0][0]])
        ):
            self.inside.append(self.waiting.pop(0)[0])

    @rule(cores=st.sampled_from([0.5, 1, 4, 20]), ram=st.sampled_from([1, 400, 5000]))
    def ask(self, cores: float, ram: float) -> None:
        self.number += 1
        asking = job(self.number, cores, ram)
        self.waiting.append((asking, self.loop.create_task(self.admission.enter(asking))))
        self.admit()
        self.settle()

    @rule(data=st.data())
    def leave(self, data: st.DataObject) -> None:
        if self.inside:
            one = data.draw(st.sampled_from(self.inside), label="leaves")
            self.inside.remove(one)
            self.admission.leave(one)
            self.admit()
            self.settle()

    @rule(data=st.data())
    def give_up(self, data: st.DataObject) -> None:
        if self.waiting:
            one = data.draw(st.sampled_from(self.waiting), label="gives up")
            self.waiting.remove(one)
            one[1].cancel()
            self.settle()
            self.admit()

    @rule()
    def take_one_that_was_there_before(self) -> None:
        self.number += 1
        taken = job(self.number)
        self.admission.take(taken)
        self.inside.append(taken)

    @rule(room=st.integers(1, 8))
    def change_the_bounds(self, room: int) -> None:
        self.admission.change(replace(BOUNDS, max_in_flight=room))
        self.admit()
        self.settle()

    @invariant()
    def same_as_the_model(self) -> None:
        assert self.admission.in_flight == len(self.inside)
        assert self.admission.waiting == len(self.waiting)
        assert set(self.admission._inside) == {j.id for j in self.inside}
        assert not any(task.done() for _, task in self.waiting)


TestAdmission = AdmissionMachine.TestCase
TestAdmission.settings = settings(max_examples=60, deadline=None)


def test_pace() -> None:
    """Submissions are spread by the rate, on a clock that stands still."""
    waits: list[float] = []

    async def scene() -> None:
        admission = Admission(replace(BOUNDS, max_in_flight=100, max_cores=None, submit_rate=50), lambda: 7.0)
        loop = asyncio.get_running_loop()

        async def enter(number: int) -> None:
            await admission.enter(job(number))
            waits.append(loop.time())

        started = loop.time()
        await asyncio.gather(*(enter(n) for n in range(5)))
        assert max(waits) - started >= 4 / 50 * 0.99

    asyncio.run(scene())
    assert len(waits) == 5
