"""Toil's leader, as a process of its own that outlives the task that started it.

::

    FOLDER/                 one delegation, over all its retries
        inputs.json         the input object
        process.cwl         the document, where it had to be made
        leader.json         the start that is going on: number, host, pid
        alive               touched while the leader lives
        messages-N          Toil's message bus of start N
        leader-N.log        what Toil said in start N
        jobs.json           what became of each inner job, with its logs
        outputs-N.json      the output object
        exit-N.json         exit status of start N
        job-store/          Toil's own; a later start resumes from it
        logs/               logs of the inner jobs
        batch-logs/         what the batch system wrote of them
        out/                the output files
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from chronos_plugin.errors import CwlUnsupported, ServiceFailed, StepFailed
from chronos_plugin.execution.delegation.bus import BusReader, InnerJob, log_files
from chronos_plugin.execution.delegation.document import process_document
from chronos_plugin.execution.delegation.launcher import HEARTBEAT, started, write_leader
from chronos_plugin.execution.delegation.request import (
    Delegation,
    ToilOptions,
    arguments,
    leader_environment,
    messages_file,
)
from chronos_plugin.execution.process import signal_group
from chronos_plugin.execution.store import read_json, write_json
from chronos_plugin.execution.targets.batch.commands import Commands
from chronos_plugin.execution.targets.toil import SYSTEMS, dialect_class

log = logging.getLogger("chronos.toil")

JOBS_FILE = "jobs.json"
"""In a delegation's folder: what became of each inner job, by Toil's id."""

OnChange = Callable[[InnerJob], None]
"""Told of each change of an inner job."""
OnEnd = Callable[[InnerJob, Sequence[Path]], None]
"""Told of each inner job that has ended, with its log files."""

GRACE = 60.0
"""Seconds that Toil is given to end its jobs and itself."""

UNSUPPORTED = 33
"""Exit status of a CWL runner for a requirement that it does not support."""


@dataclass
class Leader:
    """Toil's leader for one delegation.

    Attributes:
        attempt: Number of the start; 0 before the first.
        resumed: Whether this object took up a leader that was running.
    """

    delegation: Delegation
    attempt: int = 0
    resumed: bool = False
    _child: subprocess.Popen[bytes] | None = None
    _bus: BusReader | None = None
    _said: int = 0
    _awaited: dict[str, tuple[InnerJob, dict[Path, int]]] = field(default_factory=dict)
    """Jobs that have ended, with the sizes of their logs: Toil writes those later than it says so."""
    _cancelled: bool = field(default=False, repr=False)

    def start(self) -> None:
        """Start Toil, from its job store if there is one; take up a leader that is running.

        Raises:
            ServiceFailed: If a leader is running on another host.
            CwlInvalid: If the document has no such step.
        """
        folder = self.delegation.folder
        folder.mkdir(parents=True, exist_ok=True)
        known = read_json(folder / "leader.json") or {"attempt": 0}
        self.attempt = known["attempt"]
        if self.attempt and self._finished_well():
            self.resumed = True
        elif self.attempt and self._lives(known):
            self.resumed = True
            log.info("Toil is still running (process %s): going on with it", known["pid"])
        else:
            self._launch(self.attempt + 1)
        self._bus = BusReader(messages_file(folder, self.attempt))

    def watch(
        self,
        on_change: OnChange = lambda _: None,
        tell: Callable[[str], None] = lambda _: None,
        *,
        on_end: OnEnd = lambda _, __: None,
        interval: float = 1.0,
    ) -> dict[str, Any]:
        """Wait for the end; return the output object.

        Args:
            on_change: Told of the inner jobs.
            tell: Takes the lines that Toil writes to its log.
            on_end: Told of each inner job that has ended, when its logs are written or Toil is over.
            interval: Seconds between two looks.

        Raises:
            StepFailed: If the workflow failed; a later start resumes it.
            CwlUnsupported: If it needs what Toil does not support.
        """
        while True:
            over = self._over()
            self._relay(tell)
            changed = self._bus.read() if self._bus else []
            ended = self._ended(changed, over)
            self._record(changed, ended)
            for job in changed:
                on_change(job)
            for job, logs in ended:
                on_end(job, logs)
            if over:
                return self._outputs()
            time.sleep(interval)

    @property
    def jobs(self) -> Mapping[str, InnerJob]:
        """The inner jobs of this start, as far as they were read."""
        return self._bus.jobs if self._bus else {}

    def cancel(self) -> None:
        """End Toil and its jobs: Toil is asked first, and killed with its processes after :data:`GRACE`."""
        self._cancelled = True
        known = read_json(self.delegation.folder / "leader.json") or {}
        pid = known.get("pid")
        if pid is None or not self._lives(known) or known["host"] != socket.gethostname():
            return
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGTERM)
        deadline = time.monotonic() + GRACE
        while time.monotonic() < deadline and not self._over():
            time.sleep(0.1)
        signal_group(pid, signal.SIGKILL)
        self._end_left()

    def left_in_batch_system(self) -> list[InnerJob]:
        """Return the inner jobs that had not ended when Toil last spoke of them."""
        if self._bus is not None:
            self._bus.read()
        return [job for job in self.jobs.values() if job.batch_system and not job.state.ended]

    def _end_left(self) -> None:
        """End what a killed Toil has left in the batch system."""
        options = self.delegation.options
        left = [job for job in self.left_in_batch_system() if job.batch_id]
        if not left or options.system not in SYSTEMS:
            return
        log.warning("Toil left %d jobs in %s: ending them", len(left), options.system)
        try:
            asyncio.run(_cancel(options, [job.batch_id for job in left]))
        except ServiceFailed as error:
            log.warning("jobs may still be there: %s", error)

    # -- the process ---------------------------------------------------------------------------

    def _launch(self, attempt: int) -> None:
        delegation, folder = self.delegation, self.delegation.folder
        delegation.write_inputs()
        process = process_document(delegation.document, delegation.step, delegation.fragment, folder)
        for name in ("out", "logs", "batch-logs"):
            (folder / name).mkdir(exist_ok=True)
        module = "chronos_plugin.execution.delegation.launcher"
        line = [sys.executable, "-m", module, str(folder), str(attempt)]
        environment = leader_environment(delegation.options)
        with open(folder / f"leader-{attempt}.log", "wb") as output:
            self._child = subprocess.Popen(
                [*line, *arguments(delegation, process, attempt)],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env=environment,
                cwd=folder,
                # Its own session: it outlives the task, and is ended as a group.
                start_new_session=True,
            )
        self.attempt = attempt
        pid = self._child.pid
        # The launcher writes the same; whoever starts a leader and dies at once leaves a trace all the same.
        write_leader(folder, attempt, pid)

    def _lives(self, known: Mapping[str, Any]) -> bool:
        """Return whether the recorded leader runs.

        Raises:
            ServiceFailed: If it runs on another host, where it cannot be taken up.
        """
        if (self.delegation.folder / f"exit-{known['attempt']}.json").exists():
            return False
        if known["host"] == socket.gethostname():
            return bool(started(known["pid"]) == known["since"])
        try:
            silent = time.time() - (self.delegation.folder / "alive").stat().st_mtime
        except OSError:
            return False
        if silent < 6 * HEARTBEAT:
            raise ServiceFailed(
                f"Toil is running this workflow on host {known['host']} (process {known['pid']}): "
                "wait until it has ended, or end it there"
            )
        return False

    def _over(self) -> bool:
        if self._child is not None:
            return self._child.poll() is not None
        if (self.delegation.folder / f"exit-{self.attempt}.json").exists():
            return True
        known = read_json(self.delegation.folder / "leader.json") or {}
        return started(known.get("pid", 0)) != known.get("since")

    def _finished_well(self) -> bool:
        ended = read_json(self.delegation.folder / f"exit-{self.attempt}.json")
        return ended is not None and ended["code"] == 0 and self._read_outputs() is not None

    def _ended(self, changed: Sequence[InnerJob], over: bool) -> list[tuple[InnerJob, list[Path]]]:
        """Return the jobs that have ended, and whose logs did not grow since the last look."""
        for job in changed:
            self._awaited.pop(job.id, None)
            if job.state.ended:
                self._awaited[job.id] = job, {}
        files = log_files(self.delegation.logs) if self._awaited else {}
        found = []
        for job, before in list(self._awaited.values()):
            sizes = {path: path.stat().st_size for path in job.logs(files)}
            if over or (sizes and sizes == before):
                del self._awaited[job.id]
                found.append((job, list(sizes)))
            else:
                self._awaited[job.id] = job, sizes
        return found

    def _record(self, changed: Sequence[InnerJob], ended: Sequence[tuple[InnerJob, Sequence[Path]]]) -> None:
        """Keep what is known of the inner jobs of all starts."""
        if not changed and not ended:
            return
        file = self.delegation.folder / JOBS_FILE
        known = read_json(file) or {}
        for job, logs in (*((job, ()) for job in changed), *ended):
            kept = {"start": self.attempt, "tool": job.is_tool, "logs": [str(path) for path in logs]}
            known[job.id] = {**asdict(job), **kept}
        write_json(file, known)

    # -- what it says --------------------------------------------------------------------------

    def _relay(self, tell: Callable[[str], None]) -> None:
        """Pass on the lines that are new in Toil's log; the last one may be cut off by the end."""
        with contextlib.suppress(FileNotFoundError), open(self._log_file, "rb") as stream:
            stream.seek(self._said)
            text = stream.read()
            whole = text if self._over() else text[: text.rfind(b"\n") + 1]
            self._said += len(whole)
            for line in whole.decode(errors="replace").splitlines():
                tell(line)

    @property
    def _log_file(self) -> Path:
        return self.delegation.folder / f"leader-{self.attempt}.log"

    def _read_outputs(self) -> dict[str, Any] | None:
        try:
            value = json.loads((self.delegation.folder / f"outputs-{self.attempt}.json").read_bytes())
        except (FileNotFoundError, ValueError):
            return None
        return value if isinstance(value, dict) else None

    def _outputs(self) -> dict[str, Any]:
        ended = read_json(self.delegation.folder / f"exit-{self.attempt}.json")
        if ended is not None and ended["code"] == 0:
            outputs = self._read_outputs()
            if outputs is not None:
                return outputs
            raise StepFailed("Toil ended well, but wrote no output object", exit_code=0)
        raise self._failure(ended)

    def _failure(self, ended: Mapping[str, Any] | None) -> StepFailed | CwlUnsupported:
        if self._cancelled:
            return StepFailed("cancelled")
        if ended is None:
            return StepFailed("Toil was killed before it could say how it ended; a retry goes on from there")
        if ended["code"] == UNSUPPORTED:
            name = self.delegation.document.name
            return CwlUnsupported(f"Toil cannot run {name}: {_last_error(self._log_file)}")
        failed = sorted({job.name for job in self.jobs.values() if job.is_tool and job.given_up})
        if failed:
            shown = ", ".join(failed[:5]) + (f" and {len(failed) - 5} more" if len(failed) > 5 else "")
            why = f"failed: {shown} (logs in {self.delegation.logs})"
        else:
            why = ended["error"] or _last_error(self._log_file)
        return StepFailed(f"Toil: {why}", exit_code=ended["code"])


async def _cancel(options: ToilOptions, natives: list[str]) -> None:
    commands = Commands(options.variables)
    dialect = dialect_class(options.system)(commands)
    try:
        await asyncio.gather(*(dialect.act("cancel", native) for native in natives))
    finally:
        commands.close()


def _last_error(file: Path) -> str:
    """Return the last line of a log that tells of an error, or simply the last."""
    try:
        lines = file.read_text(errors="replace").splitlines()[-200:]
    except OSError:
        return "no log"
    lines = [line.strip() for line in lines if line.strip()]
    telling = [line for line in lines if "rror" in line]
    return (telling or lines or ["nothing was logged"])[-1]
