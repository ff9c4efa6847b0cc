"""What is delegated, and how Toil is told: a plain value, and the command line made of it."""

from __future__ import annotations

import os
import shlex
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from chronos_plugin.errors import SettingInvalid
from chronos_plugin.execution.store import write_json
from chronos_plugin.execution.targets.batch.commands import PASSED_ON
from chronos_plugin.execution.targets.batch.wish import Refused, Wish, environment

BATCH_SYSTEMS = ("single_machine", "slurm", "grid_engine", "torque", "lsf", "htcondor", "kubernetes")
"""Toil's batch systems that a workflow can be delegated to. ``mesos`` is not among them: Toil needs pymesos
for it, which does not build on the Pythons that CHRONOS runs on."""

NATIVE_VARIABLES = {
    "grid_engine": "TOIL_GRIDENGINE_ARGS",
    "torque": "TOIL_TORQUE_ARGS",
    "lsf": "TOIL_LSF_ARGS",
}
"""Variables in which Toil takes more arguments for submission commands."""

REFUSED = Refused.of(
    "--jobStore --restart --outdir --writeMessages --writeLogs --writeLogsGzip --logFile --clean "
    "--batchSystem --workDir --runDir --coordinationDir --batchLogsDir --provenance --quiet "
    "--version --help -h -j --stats"
)
"""Arguments of ``toil-cwl-runner`` that an ``arguments`` option must not hold."""

_OWN = ("system", "environment", "arguments", "work_dir", "max_jobs", "poll_interval", "retry_count")


@dataclass(frozen=True)
class ToilOptions:
    """How Toil runs a delegated workflow.

    Attributes:
        system: One of :data:`BATCH_SYSTEMS`.
        wish: Queue, account and the like, for every job of the workflow.
        variables: For Toil and the batch system's commands, beside what they need of this process's.
        arguments: More arguments of ``toil-cwl-runner``.
        work_dir: Folder for temporary files on every node; None: the node's own choice.
        max_jobs: Jobs in the batch system at a time; None: Toil's default.
        poll_interval: Seconds between Toil's questions to the batch system.
        retry_count: Times that Toil itself tries a failed job again.
        container_engine: One of ``docker podman singularity udocker none``.
    """

    system: str = "single_machine"
    wish: Wish = field(default_factory=Wish)
    variables: Mapping[str, str] = field(default_factory=dict)
    arguments: tuple[str, ...] = ()
    work_dir: str | None = None
    max_jobs: int | None = None
    poll_interval: int = 5
    retry_count: int = 0
    container_engine: str = "docker"

    @classmethod
    def parse(cls, options: Mapping[str, Any], *, container_engine: str = "docker") -> ToilOptions:
        """Return checked options: those of a target of kind ``toil``, and the ones named here.

        Raises:
            SettingInvalid: If one is unknown or wrong; the message names it.
        """
        given = {name: options[name] for name in _OWN if options.get(name) is not None}
        # Of the target, for the commands that CHRONOS itself runs.
        rest = {k: v for k, v in options.items() if k not in (*_OWN, "parallel", "command_timeout")}
        system = given.get("system", "single_machine")
        if system not in BATCH_SYSTEMS:
            raise SettingInvalid(f"system = {system!r}: write one of {', '.join(BATCH_SYSTEMS)}")
        work_dir = given.get("work_dir")
        if work_dir is not None and not os.path.isabs(str(work_dir)):
            raise SettingInvalid(f"work_dir = {work_dir!r}: write an absolute path")
        return cls(
            system=system,
            wish=Wish.parse(rest),
            variables=environment(given.get("environment") or {}),
            arguments=_arguments(given.get("arguments") or []),
            work_dir=work_dir,
            max_jobs=_whole("max_jobs", given["max_jobs"], 1) if "max_jobs" in given else None,
            poll_interval=_whole("poll_interval", given.get("poll_interval", 5), 1),
            retry_count=_whole("retry_count", given.get("retry_count", 0), 0),
            container_engine=container_engine,
        )


@dataclass(frozen=True)
class Delegation:
    """A workflow to be run by Toil.

    Attributes:
        document: Path of the CWL document.
        folder: The delegation's own folder, on storage that all nodes see; kept over retries.
        inputs: Input object, files with ``file:`` locations.
        step: Path of the step whose process is run; empty for the document's own.
        fragment: Process of the document to run, where it has several.
        requirements: ``cwl:requirements`` beside those of the document.
    """

    document: Path
    folder: Path
    inputs: Mapping[str, Any]
    step: tuple[str, ...] = ()
    fragment: str | None = None
    requirements: tuple[Mapping[str, Any], ...] = ()
    options: ToilOptions = field(default_factory=ToilOptions)

    @property
    def job_store(self) -> Path:
        """Toil's job store: what ``--restart`` resumes from."""
        return self.folder / "job-store"

    @property
    def logs(self) -> Path:
        """Folder of the inner jobs' logs."""
        return self.folder / "logs"

    def write_inputs(self) -> Path:
        """Write the input object, and return its file."""
        value = dict(self.inputs)
        if self.requirements:
            value["cwl:requirements"] = [dict(requirement) for requirement in self.requirements]
        file = self.folder / "inputs.json"
        write_json(file, value)
        return file


def arguments(delegation: Delegation, process: str, attempt: int) -> list[str]:
    """Return the arguments of ``toil-cwl-runner``.

    Args:
        process: URI of what is run.
        attempt: Number of the start; later ones resume from the job store, if there still is one.
    """
    folder, options = delegation.folder, delegation.options
    line = [
        f"--batchSystem={options.system}",
        f"--jobStore=file:{delegation.job_store}",
        # A failed run's job store stays, for the restart.
        "--clean=onSuccess",
        f"--outdir={folder / 'out'}",
        f"--writeMessages={messages_file(folder, attempt)}",
        f"--writeLogs={delegation.logs}",
        "--writeLogsFromAllJobs=True",
        *_batch_logs(options.system, folder / "batch-logs"),
        "--logColors=False",
        "--disableProgress",
        # Toil would report runs to a public service, if its user had agreed once.
        "--publishWorkflowMetrics=no",
        "--no-prepull",
        f"--retryCount={options.retry_count}",
        f"--statePollingWait={options.poll_interval}",
        *_container(options.container_engine),
        *_batch(options),
    ]
    line += [f"--workDir={options.work_dir}"] if options.work_dir else []
    line += [f"--maxJobs={options.max_jobs}"] if options.max_jobs else []
    line += ["--restart"] if delegation.job_store.is_dir() else []
    # As URIs: the CWL library takes paths for half-quoted ones, and unquotes them.
    return [*line, *options.arguments, process, (folder / "inputs.json").as_uri()]


def leader_environment(options: ToilOptions) -> dict[str, str]:
    """Return the variables of Toil's leader. Toil hands them on to every job: no others may be there."""
    variables = {name: value for name, value in os.environ.items() if name in PASSED_ON}
    variables["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), variables.get("PATH", os.defpath)])
    # With it, Toil calls its worker by the path that it has here, and not by what the nodes' shells find.
    variables["TOIL_CHECK_ENV"] = "True"
    variables.update(options.variables)
    wish = options.wish
    native = _native(options)
    if options.system in NATIVE_VARIABLES and native:
        # For Torque Toil divides the text as a shell would, for the others at each space.
        joined = shlex.join(native) if options.system == "torque" else " ".join(native)
        variables[NATIVE_VARIABLES[options.system]] = joined
    if wish.parallel_environment:
        variables["TOIL_GRIDENGINE_PE"] = wish.parallel_environment
    return variables


def messages_file(folder: Path, attempt: int) -> Path:
    """Return where Toil writes its messages in a start; it empties the file first."""
    return folder / f"messages-{attempt}"


def _batch_logs(system: str, folder: Path) -> list[str]:
    # What these replace in names of files, or take for the end of a host's name, Toil does not protect.
    special = {"grid_engine": ":$", "torque": ":$", "slurm": "%\\", "lsf": "%"}.get(system, "")
    if set(special) & set(str(folder)):
        # What jobs say is in the other logs as well.
        return ["--noStdOutErr"]
    return [f"--batchLogsDir={folder}"]


def _batch(options: ToilOptions) -> list[str]:
    wish = options.wish
    if options.system != "slurm":
        return []
    line = [f"--slurmPartition={wish.queue}"] if wish.queue else []
    line += [f"--slurmQOS={wish.qos}"] if wish.qos else []
    line += [] if wish.request_memory else ["--slurmAllocateMem=False"]
    native = _native(options)
    return [*line, *([f"--slurmArgs={shlex.join(native)}"] if native else [])]


def _native(options: ToilOptions) -> list[str]:
    """Return arguments of submission commands that Toil has no option for."""
    wish = options.wish
    words = _WORDS.get(options.system, {})
    line = [
        part
        for name, option in words.items()
        if (value := getattr(wish, name))
        for part in ([f"{option}{value}"] if option.endswith("=") else [option, value])
    ]
    limit = wish.limit(None)
    if limit is not None:
        line += _limit(options.system, limit)
    return [*line, *wish.native]


_WORDS: dict[str, dict[str, str]] = {
    "slurm": {"account": "--account=", "project": "--wckey="},
    "grid_engine": {"queue": "-q", "account": "-A", "project": "-P"},
    "torque": {"queue": "-q", "account": "-A", "project": "-P"},
    "lsf": {"queue": "-q", "account": "-P", "project": "-G", "qos": "-sla"},
}


def _limit(system: str, seconds: int) -> list[str]:
    minutes = -(-seconds // 60)
    return {
        "slurm": [f"--time={minutes}"],
        "grid_engine": ["-l", f"h_rt={seconds}"],
        "torque": ["-l", f"walltime={seconds}"],
        "lsf": ["-W", str(minutes)],
    }.get(system, [])


def _container(engine: str) -> list[str]:
    return {
        "podman": ["--podman"],
        "singularity": ["--singularity"],
        "udocker": ["--user-space-docker-cmd=udocker"],
        "none": ["--no-container"],
    }.get(engine, [])


def _arguments(value: Any) -> tuple[str, ...]:
    if not isinstance(value, list | tuple) or not all(isinstance(part, str) for part in value):
        raise SettingInvalid(f"arguments = {value!r}: write a list of arguments of toil-cwl-runner")
    for part in value:
        if not part.startswith("--") or part in REFUSED:
            raise SettingInvalid(
                f"arguments: {part!r} is set by CHRONOS itself; write --NAME=VALUE of others"
            )
    return tuple(value)


def _whole(name: str, value: Any, least: int) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or value < least:
        raise SettingInvalid(f"{name} = {value!r}: write a whole number from {least} on")
    return value
