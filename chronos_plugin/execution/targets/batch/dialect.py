"""What CHRONOS asks of a batch system, and what all of them share."""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar, TypeVar

from chronos_plugin.errors import TargetRefused, TargetUnreachable
from chronos_plugin.execution.targets.base import Job, JobStatus, TargetReport
from chronos_plugin.execution.targets.batch.commands import Answer, Commands
from chronos_plugin.execution.targets.batch.wish import Refused, Wish

_T = TypeVar("_T")
_NO_NAME = re.compile(r"[^A-Za-z0-9_.-]+")

EXIT_FILE = "exit.json"
"""Written to a job's folder when its tool has ended."""


@dataclass(frozen=True)
class Submission:
    """A command that submits a job.

    Attributes:
        text: Its standard input.
    """

    line: list[str]
    text: str | None = None


class Dialect(ABC):
    """One kind of batch system.

    Attributes:
        system: Name, as Toil spells it for ``--batchSystem``.
        refused: Arguments that a binding's ``native`` must not hold.
        verbs: Command lines to which a native id is appended, by what they do: ``cancel``, ``hold`` …
        passing: What the system says when a refusal may pass (pattern, case ignored).
        gone: What it says of a job that it does not know (any more).
    """

    system: ClassVar[str]
    refused: ClassVar[Refused] = Refused()
    verbs: ClassVar[Mapping[str, tuple[str, ...]]]
    passing: ClassVar[re.Pattern[str]]
    gone: ClassVar[re.Pattern[str]]

    def __init__(self, commands: Commands) -> None:
        self.commands = commands

    async def prepare(self, job: Job, wish: Wish) -> None:  # noqa: B027 - most need to know nothing
        """Ask what :meth:`submission` will need to know."""

    @abstractmethod
    def submission(self, job: Job, wish: Wish) -> Submission:
        """Build the command that submits ``job``; imports Toil.

        Raises:
            RuntimeError, ValueError: In Toil's words, if it cannot be built.
        """

    @abstractmethod
    def native_id(self, answer: Answer) -> str:
        """Return the native id that a submission printed; ValueError if it has none."""

    @abstractmethod
    async def find(self, jobs: Sequence[Job]) -> dict[str, str]:
        """Return native ids by ``Job.id``, for those that the system has or had."""

    @abstractmethod
    async def poll(self, jobs: Mapping[str, Job]) -> dict[str, JobStatus]:
        """Return the states of jobs by native id; those that the system does not know are left out."""

    @abstractmethod
    async def test(self, wish: Wish) -> TargetReport:
        """Try what a submission needs."""

    async def ask(self, line: Sequence[str], *, text: str | None = None) -> str:
        """Run a command and return its output.

        Raises:
            TargetUnreachable: If it fails in a way that may pass.
            TargetRefused: If it fails otherwise; with its own words.
        """
        answer = await self.commands.run(line, text=text)
        if answer.code:
            raise self.failure(line[0], answer)
        return answer.out

    def failure(self, command: str, answer: Answer) -> TargetRefused | TargetUnreachable:
        """Return what a failed command means."""
        kind = TargetUnreachable if self.passing.search(answer.words) else TargetRefused
        return kind(f"{command}: {answer.words}")

    async def act(self, verb: str, native: str) -> None:
        """Do what ``verbs`` says; for ``cancel``, a job that is gone is no error."""
        line = [*self.verbs[verb], native]
        answer = await self.commands.run(line)
        if answer.code and not (verb == "cancel" and self.gone.search(answer.words)):
            raise self.failure(line[0], answer)


def system_name(job: Job) -> str:
    """Return the name that a job has in the batch system: what people know it by, and its id.

    It is unique, so that a job whose native id was lost is found by it.
    """
    readable = _NO_NAME.sub("_", job.name).strip("_.-")[:60]
    return f"{readable or 'job'}.{job.id}"


def chunks(items: Iterable[_T], size: int) -> Iterator[list[_T]]:
    """Divide ``items`` into lists of ``size`` at most."""
    part: list[_T] = []
    for item in items:
        part.append(item)
        if len(part) == size:
            yield part
            part = []
    if part:
        yield part


def replaced(line: Sequence[str], option: str, value: str) -> list[str]:
    """Return a command line with another value after ``option``.

    Raises:
        ValueError: If the line does not have the option: Toil builds other lines than it did.
    """
    place = list(line).index(option)
    return [*line[: place + 1], value, *line[place + 2 :]]
