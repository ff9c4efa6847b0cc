"""An execution in three parts: prepared here, run by a target elsewhere, its outputs read here again.

The parts may lie in different processes, so the middle one leaves nothing behind but files. The CWL
library's job object is therefore made twice, the second time without staging anything; what it draws at
random is fixed, so that both have the same paths.
"""

from __future__ import annotations

import os
import threading
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from chronos_plugin.compiler.specification import Specification
from chronos_plugin.errors import CwlUnsupported, StepFailed
from chronos_plugin.execution import tool
from chronos_plugin.execution.process import ToolProcesses
from chronos_plugin.execution.run import Run
from chronos_plugin.execution.targets.base import Resources
from chronos_plugin.execution.targets.folder import Exit
from chronos_plugin.execution.targets.script import Command

CONTAINER_OUTDIR = "/var/spool/cwl"
"""Where a container sees the output directory."""


@dataclass(frozen=True)
class Elsewhere:
    """What is known of where the command will run.

    Attributes:
        engine: Container engine of the target's nodes, as in the settings.
        image_by_target: Whether the target itself runs the command in the document's image.
        default_image: Image for tools that name none; None: they run without one.
    """

    engine: str
    image_by_target: bool = False
    default_image: str | None = None


@dataclass(frozen=True)
class Prepared:
    """A tool's command, its inputs staged.

    Attributes:
        image: The container image that the document names, whoever starts it.
    """

    command: Command
    resources: Resources
    image: str | None = None


def prepare(
    run: Run,
    specification: Specification,
    inputs: Mapping[str, Any],
    work: Path,
    where: Elsewhere,
) -> Prepared | tool.Execution:
    """Stage a step's inputs in the empty folder ``work``, and return what is to be run there.

    Returns:
        The finished execution, where nothing needs a process (ExpressionTool).

    Raises:
        StepFailed, CwlUnsupported: As :func:`chronos_plugin.execution.tool.execute`.
    """
    recorder = _Recorder()
    how = _conditions(where, recorder.watch)
    step = tool.step_of(specification)
    if step.loop is not None:
        raise CwlUnsupported(
            f"{'/'.join(specification.path)}: a step with 'loop' runs on the target 'worker' alone"
        )
    try:
        with _steady_names(work):
            return tool.execute(run, specification, inputs, work, recorder, how)
    except _Recorded as recorded:
        job = recorded.job
        image = tool.image_of(step) or where.default_image
        command = recorded.command(image if how.engine != "none" else None)
        return Prepared(command, tool.resources_of(job.builder, command.time_limit), image)


def collect(
    run: Run,
    specification: Specification,
    inputs: Mapping[str, Any],
    work: Path,
    ended: Exit,
    where: Elsewhere,
) -> tool.Execution:
    """Read the outputs of a command that was prepared in ``work`` and has ended.

    Raises:
        StepFailed, StepFailedTemporarily: As :func:`chronos_plugin.execution.tool.execute`.
    """
    replay = _Replay(ended)
    how = _conditions(where, _collect_job)
    with _steady_names(work):
        return tool.execute(run, specification, inputs, work, replay, how)


def _conditions(where: Elsewhere, run_job: Callable[[Any, Any], None]) -> tool.Conditions:
    return tool.Conditions(
        engine="none" if where.image_by_target else where.engine,
        container_outdir=CONTAINER_OUTDIR,
        without_image=where.image_by_target,
        default_image=None if where.image_by_target else where.default_image,
        engine_here=False,
        run_job=run_job,
    )


def _collect_job(job: Any, runtime: Any) -> None:
    """Do what the CWL library's job does when its command has ended."""
    from cwltool.job import JobBase

    if not isinstance(job, JobBase):
        raise StepFailed("what was prepared as a command is none any more: the document has changed")
    job._setup(runtime)
    job._execute([], dict(job.environment), runtime, None)


class _Recorded(BaseException):
    """Carries a command out of the CWL library, which takes every Exception for a failure of the job."""

    def __init__(self, arguments: list[str], processes: _Recorder, **how: Any) -> None:
        super().__init__()
        self._arguments, self._how, self._processes = arguments, how, processes
        self.job = processes.job

    def command(self, image: str | None) -> Command:
        environment = dict(self._how["env"])
        # A container engine's client is given all of this process's variables; on the node it has its own.
        inherit = os.environ.keys() <= environment.keys()
        if inherit:
            environment = {k: v for k, v in environment.items() if os.environ.get(k) != v}
        return Command(
            arguments=tuple(self._arguments),
            cwd=self._how["cwd"],
            stdin=self._how["stdin_path"],
            stdout=self._how["stdout_path"],
            stderr=self._how["stderr_path"],
            environment=environment,
            inherit=inherit,
            time_limit=self._how["timelimit"],
            engine=self._processes.engine if inherit else None,
            containers=str(self._processes.container_ids) if inherit else None,
            image=image,
        )


class _Recorder(ToolProcesses):
    """Takes the command in the place of running it."""

    job: Any = None

    def watch(self, job: Any, runtime: Any) -> None:
        """Let a job of the CWL library come to its command."""
        from cwltool.job import ContainerCommandLineJob

        self.job = job
        if isinstance(job, ContainerCommandLineJob) and self.engine in ("docker", "podman"):
            # The image is looked for where the job runs, not here.
            job.get_from_requirements = _named_image(job.get_from_requirements)  # type: ignore[method-assign]
        job.run(runtime)

    def run(self, commands: list[str], **how: Any) -> int:
        raise _Recorded(commands, self, **how)


def _named_image(original: Callable[..., Any]) -> Callable[..., Any]:
    def get(requirement: Mapping[str, Any], *rest: Any) -> Any:
        named = requirement.get("dockerImageId") or requirement.get("dockerPull")
        builds = {"dockerFile", "dockerLoad", "dockerImport"} & requirement.keys()
        return named if named and not builds else original(requirement, *rest)

    return get


class _Replay(ToolProcesses):
    """Says of a command what has become of it elsewhere."""

    def __init__(self, ended: Exit) -> None:
        super().__init__()
        self._ended = ended

    def run(self, commands: list[str], **how: Any) -> int:
        del how
        self.command = list(commands)
        self.exit_code = self._ended.exit_code
        self.timed_out = self._ended.timed_out
        return self._ended.exit_code


_names = threading.local()


@contextmanager
def _steady_names(work: Path) -> Iterator[None]:
    """Let the CWL library name staging folders by ``work`` and their order, in this thread."""
    import cwltool.pathmapper

    module: Any = cwltool.pathmapper
    if not isinstance(module.uuid, _SteadyUuid):
        module.uuid = _SteadyUuid()
    _names.base, _names.count = uuid.uuid5(uuid.NAMESPACE_URL, str(work)), 0
    try:
        yield
    finally:
        del _names.base


class _SteadyUuid:
    """Stands for the module ``uuid`` where staging folders are named."""

    @staticmethod
    def uuid4() -> uuid.UUID:
        base = getattr(_names, "base", None)
        if base is None:
            return uuid.uuid4()
        _names.count += 1
        return uuid.uuid5(base, str(_names.count))
