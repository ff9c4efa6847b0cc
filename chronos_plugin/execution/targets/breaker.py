"""A circuit breaker: a target that does not answer is asked seldom, by one caller, until it does."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum


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

    async def passage(self) -> None:
        """Return when a call may be made; its outcome must be told by ``succeeded`` or ``failed``."""
        while True:
            pause = self._until - self.clock()
            if pause <= 0 and not self._probing:
                self._probing = self.failures >= self.threshold
                return
            await asyncio.sleep(max(0.01, min(pause, 1.0)) if pause > 0 else 0.05)

    def succeeded(self) -> None:
        """Close: the target has answered."""
        self.failures, self._until, self._probing = 0, 0.0, False

    def failed(self, error: BaseException | str) -> None:
        """Count a failure, and make all calls pause."""
        if self.failures == 0:
            self.since = time.time()
        self.failures += 1
        self.last_error, self._probing = str(error), False
        pause = min(self.longest_pause, self.first_pause * 2 ** (self.failures - 1))
        self._until = self.clock() + pause * random.uniform(0.8, 1.2)  # noqa: S311 - no secret
