"""Locks between processes that end with their holder, however it ends (``flock``)."""

from __future__ import annotations

import contextlib
import fcntl
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path

_PAUSE = 0.2


@contextlib.contextmanager
def held(
    path: Path,
    *,
    shared: bool = False,
    waiting: Callable[[float], None] | None = None,
    remove: bool = False,
) -> Iterator[None]:
    """Hold the lock ``path`` for the block.

    Args:
        shared: Let others hold it too, as long as they also share it.
        waiting: Called again and again with the seconds waited so far; raises to give up.
        remove: Remove the file at the end of the block.
    """
    kind = fcntl.LOCK_SH if shared else fcntl.LOCK_EX
    began = time.monotonic()
    while True:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o664)
        try:
            fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(descriptor)
            if waiting is not None:
                waiting(time.monotonic() - began)
            time.sleep(_PAUSE)
            continue
        if _same(descriptor, path):
            break
        # The holder before removed the file: others may hold its successor.
        os.close(descriptor)
    try:
        yield
    finally:
        if remove:
            path.unlink(missing_ok=True)
        os.close(descriptor)


@contextlib.contextmanager
def held_at_once(path: Path) -> Iterator[bool]:
    """Hold the lock if nobody else does; give whether it is held."""

    class Busy(Exception):
        pass

    def give_up(_: float) -> None:
        raise Busy

    with contextlib.ExitStack() as stack:
        try:
            stack.enter_context(held(path, waiting=give_up))
        except Busy:
            yield False
        else:
            yield True


def _same(descriptor: int, path: Path) -> bool:
    mine = os.fstat(descriptor)
    try:
        current = os.stat(path)
    except FileNotFoundError:
        return False
    return (mine.st_dev, mine.st_ino) == (current.st_dev, current.st_ino)
