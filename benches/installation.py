"""A throw-away Airflow with CHRONOS, set up as ``make demo`` does, whose CPU time can be read."""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from chronos_plugin.client import Client
from deploy.demo.configuration import Changes
from deploy.demo.installation import started
from deploy.demo.layout import Layout
from deploy.demo.lock import RunLock
from deploy.demo.processes import ProcessGroup

CHECKOUT = Path(__file__).resolve().parents[1]
_TICKS = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True)
class _BenchLayout(Layout):
    """The demo's layout with a DAG folder of its own."""

    @property
    def dags(self) -> Path:
        return self.home / "dags"


@dataclass(frozen=True)
class Installation:
    """A running Airflow.

    Attributes:
        dags: Its DAG folder.
        home: Its ``AIRFLOW_HOME``.
        password: Of the user ``admin``.
    """

    api: Client
    processes: ProcessGroup
    dags: Path
    home: Path
    address: str
    password: str

    def total_cpu_seconds(self) -> float:
        """Return the CPU time used so far by all processes, ended ones included."""
        return sum(_tree_cpu(leader.pid) for leader in self.processes.leaders().values())

    def wait_for_dag(self, dag_id: str, timeout: float = 90) -> None:
        """Wait until a DAG is known; TimeoutError otherwise."""
        deadline = time.monotonic() + timeout
        while self.api.dag(dag_id) is None:
            self.processes.check()
            if time.monotonic() > deadline:
                raise TimeoutError(f"{dag_id}: {self.api.import_errors()}")
            time.sleep(0.2)

    def run(self, dag_id: str, timeout: float = 600) -> float:
        """Run a DAG to its end; return the seconds it took.

        Raises:
            RuntimeError: If the run failed.
        """
        started = time.monotonic()
        run_id = self.api.trigger(dag_id)
        while (state := self.api.run_state(dag_id, run_id)) not in ("success", "failed"):
            self.processes.check()
            if time.monotonic() - started > timeout:
                raise TimeoutError(dag_id)
            time.sleep(0.25)
        if state == "failed":
            raise RuntimeError(f"run of {dag_id} failed")
        return time.monotonic() - started


@contextlib.contextmanager
def installation(
    options: dict[str, str] | None = None, dags: Path | None = None, changes: Changes = MappingProxyType({})
) -> Iterator[Installation]:
    """Start an installation in a temporary folder; stop and remove it at the end.

    Args:
        options: Environment variables for the components (``AIRFLOW__CHRONOS__…``).
        dags: Folder whose content is in the DAG folder from the start.
        changes: Settings over the demo's own, by section.
    """
    with tempfile.TemporaryDirectory(prefix="chronos-bench-") as folder:
        layout = _BenchLayout(CHECKOUT, Path(folder))
        layout.make()
        if dags is None:
            layout.dags.mkdir()
        else:
            shutil.copytree(dags, layout.dags)
        lock = RunLock(layout.lock)
        lock.acquire()
        before = dict(os.environ)
        os.environ.update(options or {})
        try:
            with started(layout, lock, changes=changes) as running:
                yield Installation(
                    running.api,
                    running.processes,
                    layout.dags,
                    layout.home,
                    running.address.public,
                    running.keys.password,
                )
        finally:
            os.environ.clear()
            os.environ.update(before)
            lock.release()


def _tree_cpu(root: int) -> float:
    """Return the CPU seconds of a process and its descendants, reaped ones included."""
    parents: dict[int, int] = {}
    times: dict[int, float] = {}
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            fields = (entry / "stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue
        pid = int(entry.name)
        parents[pid] = int(fields[1])
        times[pid] = sum(int(f) for f in fields[11:15]) / _TICKS

    def belongs(pid: int) -> bool:
        while pid in parents:
            if pid == root:
                return True
            pid = parents[pid]
        return False

    return sum(used for pid, used in times.items() if belongs(pid))
