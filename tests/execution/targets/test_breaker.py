"""The circuit breaker as a state machine, on a clock of its own."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from chronos_plugin.errors import TargetRefused, TargetUnreachable
from chronos_plugin.execution.targets.breaker import Breaker, BreakerState


class BreakerMachine(RuleBasedStateMachine):
    """Failures in a row, counted by hand, say what the breaker must be."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 0.0
        self.breaker = Breaker(clock=lambda: self.now)
        self.in_a_row = 0
        self.paused_until = 0.0

    @rule(seconds=st.floats(0, 300))
    def time_passes(self, seconds: float) -> None:
        self.now += seconds

    @rule()
    def call_fails(self) -> None:
        self.breaker.failed("no")
        if self.now >= self.paused_until:
            self.in_a_row += 1
            pause = self.breaker._until - self.now
            wanted = min(120.0, 2 ** (self.in_a_row - 1))
            assert wanted * 0.8 - 1e-6 <= pause <= wanted * 1.2 + 1e-6
            self.paused_until = self.breaker._until

    @rule()
    def call_succeeds(self) -> None:
        self.breaker.succeeded()
        self.in_a_row, self.paused_until = 0, 0.0

    @invariant()
    def state_follows_from_failures(self) -> None:
        assert self.breaker.failures == self.in_a_row
        closed = self.in_a_row < 3
        assert self.breaker.state is (BreakerState.CLOSED if closed else BreakerState.OPEN)
        assert self.breaker.free == (self.now >= self.paused_until)


TestBreaker = BreakerMachine.TestCase


def opened() -> Breaker:
    """Return an open breaker whose pause is over."""
    breaker = Breaker(first_pause=0.0)
    for _ in range(3):
        breaker.failed("down")
    assert breaker.state is BreakerState.OPEN
    return breaker


async def call(breaker: Breaker, *raises: BaseException, inside: asyncio.Event | None = None) -> None:
    async with breaker.passage():
        if inside is not None:
            await inside.wait()
        for error in raises:
            raise error


def test_one_probe_goes_and_the_others_wait_for_how_it_goes() -> None:
    async def scene() -> None:
        breaker, event = opened(), asyncio.Event()
        probe = asyncio.create_task(call(breaker, inside=event))
        others = [asyncio.create_task(call(breaker)) for _ in range(5)]
        await asyncio.sleep(0.2)
        assert breaker.state is BreakerState.HALF_OPEN
        assert not any(other.done() for other in others)
        event.set()
        await asyncio.wait_for(asyncio.gather(probe, *others), 10)
        assert breaker.state is BreakerState.CLOSED

    asyncio.run(scene())


@pytest.mark.parametrize(
    ("error", "state"),
    [
        (TargetUnreachable("still down"), BreakerState.OPEN),
        (KeyError("a mistake of the target's class"), BreakerState.OPEN),
        (TargetRefused("no such queue"), BreakerState.CLOSED),
    ],
)
def test_what_a_probe_raises_tells_whether_the_target_answers(error: Exception, state: BreakerState) -> None:
    async def scene() -> None:
        breaker = opened()
        with pytest.raises(type(error)):
            await call(breaker, error)
        assert breaker.state is state

    asyncio.run(scene())


def test_probe_that_is_given_up_makes_room_for_another() -> None:
    async def scene() -> None:
        breaker = opened()
        probe = asyncio.create_task(call(breaker, inside=asyncio.Event()))
        await asyncio.sleep(0.05)
        probe.cancel()
        with pytest.raises(asyncio.CancelledError):
            await probe
        await asyncio.wait_for(call(breaker), 10)
        assert breaker.state is BreakerState.CLOSED

    asyncio.run(scene())


def test_calls_that_fail_together_count_as_one() -> None:
    now = [0.0]
    breaker = Breaker(clock=lambda: now[0])
    for _ in range(50):
        breaker.failed("a burst")
    assert (breaker.failures, breaker.state) == (1, BreakerState.CLOSED)
