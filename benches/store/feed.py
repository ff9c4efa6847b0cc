"""The generator in a process of its own: it makes the next batches while one is being written."""

from __future__ import annotations

import multiprocessing
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing.connection import Connection
from typing import NamedTuple

from benches.store.generator import Generator, Point
from chronos_plugin.db.store.rows import Rows


class Made(NamedTuple):
    """What the questions ask for."""

    points: list[Point]
    auxiliaries: list[int]


class Feed:
    """The near side of the pipe."""

    def __init__(self, pipe: Connection) -> None:
        self._pipe = pipe
        self.waiting = 0

    def ask(self, first: int, count: int) -> None:
        """Have the next batch made; arguments as :meth:`Generator.batch`."""
        self._pipe.send((first, count))
        self.waiting += 1

    def take(self) -> Rows:
        """Return the oldest batch that was asked for."""
        rows: Rows = self._pipe.recv()
        self.waiting -= 1
        return rows

    def made(self) -> Made:
        """Return what has been made, once all batches are taken."""
        self._pipe.send(None)
        found: Made = self._pipe.recv()
        return found


@contextmanager
def feed(generator: Generator) -> Iterator[Feed]:
    """Run a generator beside."""
    context = multiprocessing.get_context("fork")
    near, far = context.Pipe()
    process = context.Process(target=_serve, args=(generator, far), daemon=True)
    process.start()
    far.close()
    try:
        yield Feed(near)
    finally:
        near.close()
        process.terminate()
        process.join()


def _serve(generator: Generator, pipe: Connection) -> None:
    while (asked := pipe.recv()) is not None:
        pipe.send(generator.batch(*asked))
    pipe.send(Made(generator.points, generator.auxiliaries))
