"""Running a batch system's commands: with a clean environment, few at a time, never through a shell."""

from __future__ import annotations

import asyncio
import os
import subprocess
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from chronos_plugin.errors import TargetUnreachable

_PASSED_ON = (
    "PATH HOME USER LOGNAME SHELL LANG TZ LD_LIBRARY_PATH KRB5CCNAME KRB5_CONFIG SLURM_CONF "
    "SLURM_CLUSTERS SGE_ROOT SGE_CELL SGE_ARCH SGE_CLUSTER_NAME SGE_QMASTER_PORT SGE_EXECD_PORT "
    "PBS_CONF_FILE PBS_SERVER PBS_DEFAULT PBS_EXEC PBS_HOME LSF_ENVDIR LSF_BINDIR LSF_LIBDIR "
    "LSF_SERVERDIR CONDOR_CONFIG _CONDOR_SCHEDD_HOST"
)
PASSED_ON = frozenset(_PASSED_ON.split())
"""Variables that commands get from this process. Batch systems hand a submission's environment on to the
job, and CHRONOS's own holds passwords: nothing else passes."""


@dataclass(frozen=True)
class Answer:
    """What a command said.

    Attributes:
        code: Exit status.
    """

    code: int
    out: str
    err: str

    @property
    def words(self) -> str:
        """What it said about a failure, in one line."""
        return " ".join((self.err.strip() or self.out.strip()).split()) or f"exit status {self.code}"


class Commands:
    """Runs commands.

    Args:
        environment: Variables beside the ones passed on.
        parallel: Commands at a time; the others wait.
        timeout: Seconds after which a command is taken for unanswered.

    Attributes:
        environment: What submissions get, and with them the jobs.
        asking: What all other commands get besides, so that their output can be read.
    """

    def __init__(self, environment: Mapping[str, str], *, parallel: int = 4, timeout: float = 60.0) -> None:
        self.environment = {
            **{name: value for name, value in os.environ.items() if name in PASSED_ON},
            **environment,
        }
        self.asking = {"LC_ALL": "C", "LANGUAGE": "C"}
        self.timeout = timeout
        # Threads, not asyncio's processes: those need a child watcher that a triggerer may not have.
        self._pool = ThreadPoolExecutor(max_workers=parallel, thread_name_prefix="chronos-batch")

    async def run(self, line: Sequence[str], *, text: str | None = None, submission: bool = False) -> Answer:
        """Run a command to its end; ``text`` is its standard input.

        Raises:
            TargetUnreachable: If there is no such command, or it does not end in time.
        """
        return await asyncio.get_running_loop().run_in_executor(
            self._pool, self._run, list(line), text, {} if submission else self.asking
        )

    def close(self) -> None:
        """Start no more commands."""
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _run(self, line: list[str], text: str | None, more: Mapping[str, str]) -> Answer:
        try:
            done = subprocess.run(
                line,
                input=text,
                stdin=None if text is not None else subprocess.DEVNULL,
                capture_output=True,
                text=True,
                errors="replace",
                env={**self.environment, **more},
                # A folder of this machine may be missing on the node, where the job would start in it.
                cwd="/",
                timeout=self.timeout,
                check=False,
            )
        except subprocess.TimeoutExpired as error:
            raise TargetUnreachable(f"{line[0]} gives no answer within {self.timeout:.0f} s") from error
        except OSError as error:
            raise TargetUnreachable(f"{line[0]} cannot be run: {error.strerror or error}") from error
        return Answer(done.returncode, done.stdout, done.stderr)
