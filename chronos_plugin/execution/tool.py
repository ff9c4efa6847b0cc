"""One execution: a CWL process with its input object, run to its end by the CWL library."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

from chronos_plugin.compiler.specification import Scope, Specification, Step
from chronos_plugin.cwl import library
from chronos_plugin.errors import InputInvalid, StepFailed
from chronos_plugin.execution import symlinks
from chronos_plugin.execution.contexts import (
    fix_folders,
    lacks_engine,
    loading_context,
    make_process,
    runtime_context,
    without_image,
)
from chronos_plugin.execution.failure import explained, failure
from chronos_plugin.execution.process import ToolProcesses, redirect
from chronos_plugin.execution.remote import names_remote
from chronos_plugin.execution.store import strip
from chronos_plugin.execution.targets.base import Resources

if TYPE_CHECKING:
    from cwltool.builder import Builder
    from cwltool.context import LoadingContext, RuntimeContext

    from chronos_plugin.data.location import Location
    from chronos_plugin.data.transport import Status
    from chronos_plugin.execution.run import Run

log = logging.getLogger("chronos.step")


@dataclass
class Execution:
    """The record of one execution.

    Attributes:
        outputs: Output object of the process.
        command: Command line of the last process, container command included.
        exit_code: Its exit code; None where no process ran.
        usage: CPU seconds, largest resident set in bytes, wall seconds.
        work: The work directory.
    """

    outputs: dict[str, Any]
    command: list[str] = field(default_factory=list)
    exit_code: int | None = None
    usage: dict[str, float] = field(default_factory=dict)
    work: str = ""


def _run_job(job: Any, runtime: RuntimeContext) -> None:
    job.run(runtime)


@dataclass(frozen=True)
class Conditions:
    """How one execution differs from one that runs here.

    Attributes:
        engine: Container engine in the place of the run's; None: the run's.
        container_outdir: Where a container sees the output directory, and that the names of temporary
            folders are fixed; None: both as the CWL library likes.
        without_image: Whether to leave images to somebody else.
        default_image: Image for tools that name none.
        engine_here: Whether this machine has the engine, and the image can be looked up.
        run_job: Runs a job of the CWL library to its end.
    """

    engine: str | None = None
    container_outdir: str | None = None
    without_image: bool = False
    default_image: str | None = None
    engine_here: bool = True
    run_job: Callable[[Any, RuntimeContext], None] = _run_job


HERE = Conditions()


def execute(
    run: Run,
    specification: Specification,
    inputs: Mapping[str, Any],
    work: Path,
    processes: ToolProcesses,
    how: Conditions = HERE,
) -> Execution:
    """Run the process of a step in the empty folder ``work``.

    Raises:
        StepFailed: If the tool fails, its outputs cannot be collected, or an expression fails.
        StepFailedTemporarily: If its exit code is one of ``temporaryFailCodes``.
        CwlUnsupported: If it needs a requirement that this deployment cannot give.
    """
    step = step_of(specification)
    library.prepare()
    engine = how.engine or run.options.container_engine
    runtime = runtime_context(run.options, work, processes, engine)
    if how.container_outdir:
        fix_folders(runtime, work, how.container_outdir)
    if how.default_image:
        runtime.default_container = how.default_image
        runtime.find_default_container = lambda _builder: how.default_image
    if how.engine_here and lacks_engine(step, engine):
        log.warning("the container engine does not answer; the image is only a hint: running without it")
        runtime.use_container = False
    undo = redirect(processes)
    try:
        outputs, status = _run_to_end(run, specification, step, dict(inputs), runtime, how)
    except Exception as error:
        raise explained(error, processes) from error
    finally:
        undo()
    if status != "success":
        raise failure(status, processes, work)
    return Execution(
        outputs=strip(outputs),
        command=processes.command,
        exit_code=processes.exit_code,
        usage=asdict(processes.usage),
        work=str(work),
    )


def step_of(specification: Specification) -> Step:
    """Return the step that a specification is of; StepFailed if it is of none."""
    if specification.step is None:
        raise StepFailed(f"{'/'.join(specification.path)} runs nothing")
    return specification.step


def image_of(step: Step) -> str | None:
    """Return the container image that a step names, required or hinted; None if it names none."""
    for entries in (step.requirements, step.hints):
        for entry in reversed(entries):
            if entry["class"] == "DockerRequirement":
                image = entry.get("dockerImageId") or entry.get("dockerPull")
                return str(image) if image else None
    return None


def resources_of(builder: Builder, limit: float | None) -> Resources:
    """Return evaluated requirements as a target takes them; ``limit`` in seconds, 0 for none."""
    evaluated: Mapping[str, Any] = builder.resources
    return Resources(
        cores=float(evaluated.get("cores", 1)),
        ram=float(evaluated.get("ram", 256)),
        tmpdir=float(evaluated.get("tmpdirSize", 1024)),
        outdir=float(evaluated.get("outdirSize", 1024)),
        gpus=int(evaluated.get("cudaDeviceCount", 0) or 0),
        time_limit=float(limit) if limit and limit > 0 else None,
        cores_bound=_most(builder, "cores"),
        ram_bound=_most(builder, "ram"),
    )


def _most(builder: Builder, what: str) -> float | None:
    """Return the most that the document says of a resource; None where it says nothing."""
    from cwltool.process import eval_resource

    requirement = builder.get_requirement("ResourceRequirement")[0] or {}
    said = requirement.get(f"{what}Max") or requirement.get(f"{what}Min")
    value = eval_resource(builder, said) if isinstance(said, str | int | float) and said else None
    return float(value) if isinstance(value, int | float) else None


def evaluate_resources(run: Run, specification: Specification, inputs: Mapping[str, Any]) -> Resources:
    """Return what a step asks for with these inputs, without running or staging anything.

    Raises:
        StepFailed: If an expression fails.
    """
    from cwl_utils.errors import JavascriptException
    from cwltool.errors import WorkflowException
    from schema_salad.exceptions import ValidationException

    step = step_of(specification)
    if step.run is None:
        return Resources()
    library.prepare()
    context = loading_context(
        specification, step.requirements, step.own_from, step.hints, run.extra_requirements
    )
    process = make_process(step.run, context)
    runtime = runtime_context(run.options, run.store.root, ToolProcesses(), "none")
    runtime.outdir = runtime.tmpdir = runtime.stagedir = str(run.store.root)
    try:
        with _remote_files(run, runtime):
            builder = process._init_job(dict(inputs), runtime)
        limit = process.get_requirement("ToolTimeLimit")[0] or {}
        seconds = builder.do_eval(limit.get("timelimit"))
    except (WorkflowException, ValidationException, JavascriptException, OSError) as error:
        raise StepFailed(f"the resources cannot be evaluated: {error}") from error
    return resources_of(builder, seconds if isinstance(seconds, int | float) else None)


def complete_inputs(
    run: Run, specification: Specification, scope: Scope, inputs: Mapping[str, Any], *, toplevel: bool
) -> dict[str, Any]:
    """Check an input object against a workflow's inputs; fill in defaults, sizes, listings.

    Args:
        toplevel: Whether to look for secondary files beside the primary ones.

    Raises:
        InputInvalid: If a value is missing or has a wrong type, or a file is not there.
    """
    library.prepare()
    from cwl_utils.errors import JavascriptException
    from cwltool.errors import WorkflowException
    from schema_salad.exceptions import ValidationException

    context = loading_context(
        specification, scope.requirements, scope.own_from, scope.hints, run.extra_requirements
    )
    shell = make_process(scope.shell, context)
    runtime = runtime_context(run.options, run.store.root, ToolProcesses(), run.options.container_engine)
    runtime.toplevel = toplevel
    try:
        beside = _beside(run, inputs, scope.shell["inputs"]) if toplevel else None
        with _remote_files(run, runtime, beside):
            builder = shell._init_job(dict(inputs), runtime)
    except (WorkflowException, ValidationException, JavascriptException, OSError) as error:
        raise InputInvalid(str(error).removeprefix("Invalid job input record:\n")) from error
    return strip(builder.job)  # type: ignore[no-any-return]


@contextlib.contextmanager
def _remote_files(
    run: Run, runtime: RuntimeContext, seen: Mapping[Location, Status | None] | None = None
) -> Iterator[None]:
    """Have the CWL library look at files in other places as at those here."""
    from chronos_plugin.data.access import DataAccess
    from chronos_plugin.execution.remote_files import file_access

    with DataAccess(run.options.data) as data:
        runtime.make_fs_access = file_access(data, seen)
        yield


def _beside(
    run: Run, inputs: Mapping[str, Any], parameters: list[Any]
) -> Mapping[Location, Status | None] | None:
    if not names_remote(dict(inputs)):
        return None
    from chronos_plugin.execution.staging import look_beside

    return look_beside(run, inputs, parameters)


def _run_to_end(
    run: Run,
    specification: Specification,
    step: Step,
    inputs: dict[str, Any],
    runtime: RuntimeContext,
    how: Conditions,
) -> tuple[dict[str, Any], str]:
    """Drive the jobs that the process yields; return its output object and status."""
    context = loading_context(
        specification, step.requirements, step.own_from, step.hints, run.extra_requirements
    )
    process = step.run
    if how.without_image:
        context.requirements = without_image(context.requirements)
        context.hints = without_image(context.hints)
        process = process and {
            k: without_image(v) if k in ("requirements", "hints") else v for k, v in process.items()
        }
    final: list[tuple[dict[str, Any], str]] = []

    def receive(outputs: Any, status: str) -> None:
        final.append((dict(outputs or {}), status))

    if step.loop is not None:
        jobs = _loop_jobs(step, context, inputs, receive, runtime)
    elif process is not None:
        jobs = make_process(process, context).job(_decimal(inputs), receive, runtime)
    else:
        raise StepFailed(f"{'/'.join(specification.path)} is a workflow, not a tool")
    for job in jobs:
        if job is None:
            raise StepFailed("the process cannot make any more progress")
        symlinks.guard(job)
        how.run_job(job, runtime)
    if not final:
        raise StepFailed("the process ended without a result")
    return final[-1]


class _DecimalFloat(float):
    """A float that command lines show without an exponent (CWL v1.2 CommandLineTool, 4.1)."""

    def __str__(self) -> str:
        return format(Decimal(repr(float(self))), "f")


def _decimal(value: Any) -> Any:
    if isinstance(value, float):
        return _DecimalFloat(value) if "e" in repr(value) else value
    if isinstance(value, dict):
        return {k: _decimal(v) for k, v in value.items()}
    if isinstance(value, list):
        return [_decimal(v) for v in value]
    return value


def _loop_jobs(
    step: Step, context: LoadingContext, inputs: dict[str, Any], receive: Any, runtime: RuntimeContext
) -> Any:
    """Return the jobs of a step with ``loop`` (CWL v1.3): its iterations, one after the other."""
    from cwltool.workflow import WorkflowStep
    from cwltool.workflow_job import WorkflowJobLoopStep, WorkflowJobStep
    from schema_salad.sourceline import cmap

    from chronos_plugin.compiler.naming import short_name

    runtime = runtime.copy()
    # Each iteration needs a directory of its own.
    runtime.outdir = None
    looping = WorkflowStep(cmap(dict(step.loop or {})), 0, context)  # type: ignore[arg-type]
    by_uri = {p["id"]: inputs.get(short_name(p["id"])) for p in step.inputs}

    def receive_step(outputs: Any, status: str) -> None:
        receive({short_name(uri): value for uri, value in (outputs or {}).items()}, status)

    return WorkflowJobLoopStep(step=WorkflowJobStep(looping), container_engine="docker").job(
        by_uri, receive_step, runtime
    )
