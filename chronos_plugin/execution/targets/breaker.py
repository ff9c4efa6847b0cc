"""A circuit breaker: a target that does not answer is asked seldom, by one caller, until it does."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from enum import StrEnum

from chronos_plugin.errors import ServiceFailed, TargetUnreachable


class BreakerState(StrEnum):
    """Whether calls go through."""

    CLOSED = "closed"
    """They do."""
    OPEN = "open"
    """They wait."""
    HALF_OPEN = "half-open"
    """One call tries; the others wait for how it goes."""


@dataclass
class Breaker:
    """Lets calls through while the target answers.

    Attributes:
        threshold: Failures in a row that open it.
        first_pause, longest_pause: Seconds; each pause is twice the one before, a random fifth more or less.
    """

    threshold: int = 3
    first_pause: float = 1.0
    longest_pause: float = 120.0
    clock: Callable[[], float] = time.monotonic
    failures: int = 0
    last_error: str = ""
    since: float = 0.0
    _until: float = 0.0
    _probing: bool = False

    @property
    def state(self) -> BreakerState:
        """The state now."""
        if self.failures < self.threshold:
            return BreakerState.CLOSED
        return BreakerState.HALF_OPEN if self._probing else BreakerState.OPEN

    @property
    def free(self) -> bool:
        """Whether a call can be made without waiting."""
        return self.clock() >= self._until and not self._probing

    @asynccontextmanager
    async def passage(self) -> AsyncIterator[None]:
        """Hold the block back until a call may be made; note by what it raises whether the target answers."""
        while not self.free:
            pause = self._until - self.clock()
            await asyncio.sleep(max(0.01, min(pause, 1.0)) if pause > 0 else 0.05)
        probe = self._probing = self.failures >= self.threshold
        try:
            yield
        except ServiceFailed as error:
            # Any other word than "not now" is an answer.
            if isinstance(error, TargetUnreachable):
                self.failed(error)
            else:
                self.succeeded()
            raise
        except Exception as error:
            self.failed(error)
            raise
        except BaseException:
            if probe:
                self._probing = False
            raise
        self.succeeded()

    def succeeded(self) -> None:
        """Close: the target has answered."""
        self.failures, self._until, self._probing = 0, 0.0, False

    def failed(self, error: BaseException | str) -> None:
        """Count a failure, and make all calls pause; calls that fail together count as one."""
        self.last_error, self._probing = str(error), False
        if self.clock() < self._until:
            return
        if self.failures == 0:
            self.since = time.time()
        self.failures += 1
        pause = min(self.longest_pause, self.first_pause * 2 ** (self.failures - 1))
        self._until = self.clock() + pause * random.uniform(0.8, 1.2)  # noqa: S311 - no secret
