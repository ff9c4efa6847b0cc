"""Orderly reaction to the signals that end the demo."""

from __future__ import annotations

import os
import select
import signal
import sys
from types import FrameType


class Stopped(Exception):
    """Raised, at a place where waiting is, after a signal that ends the demo."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number


class Interruption:
    """Remembers Ctrl-C, SIGTERM and the loss of the terminal until somebody waits.

    An exception out of a signal's handler could fall between any two instructions, such as between taking a
    lock of the library and giving it back. So the handler only notes the signal, and :meth:`pause` raises.
    """

    def __init__(self) -> None:
        self._number = 0
        self._terminal = sys.stdout.isatty()
        self._woken, wake = os.pipe()
        os.set_blocking(wake, False)
        signal.set_wakeup_fd(wake, warn_on_full_buffer=False)
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, self._note)

    def pause(self, seconds: float) -> None:
        """Wait, but not after a signal.

        Raises:
            Stopped: A signal came, now or earlier, or the terminal was closed.
        """
        if not self._number:
            select.select([self._woken], [], [], seconds)
        # The kernel sends SIGHUP to the first process of the session only, and that may be `make`.
        if not self._number and self._terminal and not sys.stdout.isatty():
            self._number = signal.SIGHUP
        if self._number:
            raise Stopped(self._number)

    def _note(self, number: int, _frame: FrameType | None) -> None:
        self._number = number
