"""What the CWL library is told before it runs a process: its surroundings, its folders, its engine."""

from __future__ import annotations

import subprocess
import threading
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from chronos_plugin.compiler.specification import Specification, Step
from chronos_plugin.execution.process import ToolProcesses

if TYPE_CHECKING:
    from cwltool.context import LoadingContext, RuntimeContext
    from cwltool.process import Process

    from chronos_plugin.execution.run import Options


def make_process(document: Mapping[str, Any], context: LoadingContext) -> Process:
    """Instantiate a resolved process: about 5 ms, without loading or validating anything."""
    from cwltool.workflow import default_make_tool
    from schema_salad.sourceline import cmap

    return default_make_tool(cmap(dict(document)), context)  # type: ignore[arg-type]


def loading_context(
    specification: Specification, requirements: list[Any], own_from: int, hints: list[Any], extra: list[Any]
) -> LoadingContext:
    """Return what a process stands in.

    Args:
        requirements, hints: What it inherits, and its own.
        own_from: Index of the first requirement of its own.
        extra: Requirements that came with the input object.
    """
    from cwltool.context import LoadingContext
    from cwltool.process import get_schema

    # What came with the input object stands over what is inherited, under what a process says itself.
    effective = [*requirements[:own_from], *extra, *requirements[own_from:]]
    if len(specification.path) <= 1 and extra:
        effective = [*requirements, *extra]
    context = LoadingContext(
        {
            "requirements": effective,
            "hints": hints,
            "metadata": dict(specification.metadata),
            "do_validate": False,
            "do_update": False,
            "disable_js_validation": True,
            "relax_path_checks": True,
            "enable_dev": True,
        }
    )
    context.avsc_names = get_schema("v1.2")[1]  # type: ignore[assignment]
    if specification.schemas:
        context.loader = _ontologies(tuple(specification.schemas))
    return context


def without_image(entries: Any) -> list[Any]:
    """Return requirements or hints without those that name an image."""
    return [entry for entry in entries or [] if entry["class"] != "DockerRequirement"]


def lacks_engine(step: Step, engine: str) -> bool:
    """Return whether a step that can do without its image must, as no container engine answers."""
    return _only_hinted(step, engine) and not _engine_answers(engine)


def _only_hinted(step: Step, engine: str) -> bool:
    """Return whether a step names an image that it can do without."""
    if engine not in ("docker", "podman"):
        return False
    required = any(r["class"] == "DockerRequirement" for r in step.requirements)
    return not required and any(h["class"] == "DockerRequirement" for h in step.hints)


@cache
def _engine_answers(engine: str) -> bool:
    """Return whether a container engine can be used; asked once in a process."""
    try:
        answer = subprocess.run([engine, "version"], capture_output=True, timeout=20, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return False
    return answer.returncode == 0


@cache
def _ontologies(schemas: tuple[str, ...]) -> Any:
    """Return a loader with the graph of the ontologies that formats are compared by."""
    from schema_salad.ref_resolver import Loader

    loader = Loader({})
    loader.add_schemas(list(schemas), "")
    return loader


def runtime_context(options: Options, work: Path, processes: ToolProcesses, engine: str) -> RuntimeContext:
    """Return where and by which container engine (``none``: by none) a process runs."""
    from cwltool.context import RuntimeContext
    from cwltool.mutation import MutationManager

    outdir, tmp, containers = work / "out", work / "tmp", work / "containers"
    runtime = RuntimeContext(
        {
            "basedir": str(work),
            "outdir": str(outdir),
            "tmpdir_prefix": f"{tmp}/",
            "tmp_outdir_prefix": f"{work}/more/",
            "use_container": engine != "none",
            "podman": engine == "podman",
            "singularity": engine == "singularity",
            "user_space_docker_cmd": "udocker" if engine == "udocker" else None,
            "rm_tmpdir": True,
            "move_outputs": "leave",
            "eval_timeout": options.expression_timeout,
            "cidfile_dir": str(containers) if engine in ("docker", "podman") else None,
        }
    )
    runtime.mutation_manager = MutationManager()
    runtime.workflow_eval_lock = threading.Condition(threading.RLock())
    runtime.toplevel = False
    processes.container_ids, processes.engine = containers, engine
    processes.log_fd = options.log_fd
    return runtime


def fix_folders(runtime: RuntimeContext, work: Path, container_outdir: str) -> None:
    """Name the folders that the CWL library would name at random."""
    tmp, stage = work / "tmp" / "tool", work / "tmp" / "staged"
    for folder in (tmp, stage):
        folder.mkdir(parents=True, exist_ok=True)
    runtime.tmpdir, runtime.stagedir = str(tmp), str(stage)
    runtime.docker_outdir = container_outdir


def prepare_work(work: Path) -> Path:
    """Make the folders that an execution needs in ``work``; return it."""
    for name in ("out", "tmp", "more", "containers"):
        (work / name).mkdir(parents=True, exist_ok=True)
    return work
