"""A run inside this process: the same tasks as Airflow's, in a pool of threads."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from chronos_plugin.compiler.graph import Task, TaskKind
from chronos_plugin.errors import ChronosError
from chronos_plugin.execution import tasks
from chronos_plugin.execution.placing import Placing
from chronos_plugin.execution.process import ToolProcesses
from chronos_plugin.execution.run import Run
from chronos_plugin.execution.store import Key
from chronos_plugin.execution.targets.folder import JobFolder
from chronos_plugin.execution.targets.watchers import ThreadedWatchers

if TYPE_CHECKING:
    from chronos_plugin.data.location import Location

log = logging.getLogger("chronos.run")
Progress = Callable[[Task, str, int, int], None]
"""Called with a task, its state (``running``, ``success``, ``skipped``, ``failed``), how many instances
ended, and how many there are."""


@dataclass
class LocalRun:
    """Runs a task graph.

    Attributes:
        parallel: Executions at a time.
        progress: Told of every change.
        placing: Says which target runs a step; None: this process runs all.
    """

    run: Run
    parallel: int = 1
    progress: Progress | None = None
    placing: Placing | None = None
    _active: list[ToolProcesses] = field(default_factory=list)
    _cancelled: threading.Event = field(default_factory=threading.Event)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _jobs: list[JobFolder] = field(default_factory=list)
    _targets: ThreadedWatchers | None = None

    def execute(self, given: Mapping[str, Any], requirements: Any, place: Path | Location) -> dict[str, Any]:
        """Run to the end and return the published output object.

        Raises:
            ChronosError: The first error of a task; tasks that had begun are ended first.
        """
        self._given, self._requirements, self._output = given, requirements, place
        waiting = {task.id: task for task in self.run.document.graph.tasks}
        finished: set[str] = set()
        pending: dict[Future[None], tuple[str, int]] = {}
        left: dict[str, int] = {}
        with ThreadPoolExecutor(max_workers=self.parallel) as pool:
            try:
                while waiting or pending:
                    for task in [t for t in waiting.values() if finished.issuperset(self._needs(t))]:
                        del waiting[task.id]
                        count = self._count(task)
                        left[task.id] = count
                        self._tell(task, "running" if count else "skipped", 0, count)
                        if not count:
                            finished.add(task.id)
                        for index in range(count):
                            pending[pool.submit(self._do, task, index)] = (task.id, count)
                    if not pending:
                        continue
                    done, _ = wait(pending, return_when=FIRST_COMPLETED)
                    for future in done:
                        task_id, count = pending.pop(future)
                        future.result()
                        left[task_id] -= 1
                        task = self.run.document.graph.task(task_id)
                        self._tell(task, "success", count - left[task_id], count)
                        if not left[task_id]:
                            finished.add(task_id)
            except BaseException:
                self.cancel()
                raise
            finally:
                if self._targets is not None:
                    self._targets.close()
        return self._published

    def cancel(self) -> None:
        """End what runs, start nothing more."""
        self._cancelled.set()
        with self._lock:
            active, jobs = list(self._active), list(self._jobs)
        for processes in active:
            processes.cancel()
        for folder in jobs:
            folder.write_wish("cancel")

    def _needs(self, task: Task) -> set[str]:
        """Return the tasks that must have ended; a mapped group's tasks wait for its scatter."""
        return {*task.upstream, *((task.over,) if task.over else ())}

    def _count(self, task: Task) -> int:
        if task.over is None:
            return 1
        return self.run.store.count_batches(task.over)

    def _do(self, task: Task, index: int) -> None:
        if self._cancelled.is_set():
            return
        match task.kind:
            case TaskKind.INPUTS:
                tasks.open_run(self.run, self._given, self._requirements)
            case TaskKind.SCATTER:
                tasks.lay_out_scatter(self.run, task)
            case TaskKind.OUTPUTS:
                self._published = tasks.close_run(self.run, self._output)
            case TaskKind.STEP:
                self._steps(task, index)

    def _steps(self, task: Task, index: int) -> None:
        for key in self.run.batch(task, index if task.over else -1):
            processes = ToolProcesses()
            with self._lock:
                self._active.append(processes)
            try:
                if not self._cancelled.is_set():
                    self._run_step(task, key, processes)
            except ChronosError:
                if not self._cancelled.is_set():
                    self._tell(task, "failed", 0, 0)
                raise
            finally:
                with self._lock:
                    self._active.remove(processes)

    def _run_step(self, task: Task, key: Key, processes: ToolProcesses) -> None:
        if self.placing is None:
            tasks.run_step(self.run, key, processes)
            return
        setting, placement = self.placing.place(self.run, task, key)
        if placement.here:
            tasks.run_step(self.run, key, processes)
            return
        prepared = tasks.prepare_step(self.run, key, setting, placement, task.id)
        if not isinstance(prepared, JobFolder):
            return
        with self._lock:
            self._jobs.append(prepared)
            if self._targets is None:
                self._targets = ThreadedWatchers(self.placing.targets_file)
        try:
            status = self._targets.attend(setting.name, prepared, lambda line: log.info("%s", line))
        finally:
            with self._lock:
                self._jobs.remove(prepared)
        tasks.collect_step(self.run, key, prepared, status)

    def _tell(self, task: Task, state: str, ended: int, count: int) -> None:
        if self.progress is not None:
            self.progress(task, state, ended, count)
