"""The operator of a step: runs it here, or has a target run it and reads its outputs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NoReturn

from airflow.sdk.exceptions import AirflowFailException, TaskDeferred

from chronos_plugin import settings
from chronos_plugin.errors import (
    ChronosError,
    CwlError,
    InputInvalid,
    SettingInvalid,
    StepCancelled,
    StepFailed,
    StepLost,
)
from chronos_plugin.execution.process import ToolProcesses
from chronos_plugin.operators.cwl import CwlExecutionOperator, generation, label, record_error
from chronos_plugin.operators.records import told

if TYPE_CHECKING:
    from airflow.sdk import Context

    from chronos_plugin.execution.placing import Placing
    from chronos_plugin.execution.run import Run
    from chronos_plugin.execution.store import Key
    from chronos_plugin.execution.targets.folder import JobFolder

FAILURES = "failures.json"


class CwlStepOperator(CwlExecutionOperator):
    """Runs a step: one execution, or a batch of scatter elements.

    A step that its binding gives to another target than the worker is prepared here, watched by a
    triggerer while the target has it, and its outputs are read here again.

    Args:
        tool_retries: Retries of a tool that has failed. ``retries`` is larger: what is lost through no
            fault of the tool is tried again beside.
    """

    def __init__(self, *, tool_retries: int = 0, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.tool_retries = tool_retries
        self._processes: ToolProcesses | None = None

    @told
    def execute(self, context: Context) -> Any:
        """Run; return the output object (a list of them for a batch), or a reference where it is large.

        None where a tool has no outputs.

        Raises:
            AirflowSkipException: If ``when`` says so for all that this task instance handles.
            TaskDeferred: While a target has a part of it.
        """
        run, keys = self.begin(context)
        superseded = self._superseded(run, keys, generation(context))
        if superseded:
            self.log.info("%d jobs of before the task was cleared are cancelled first", len(superseded))
            self._defer([], superseded, "execute_anew")
        return self._execute(run, keys, context)

    @told
    def execute_anew(self, context: Context, event: Mapping[str, Any] | None = None) -> Any:
        """Run, when nothing of before is in the way any more; returns and raises as :meth:`execute`."""
        del event
        run, keys = self.begin(context)
        return self._execute(run, keys, context)

    def _execute(self, run: Run, keys: list[Key], context: Context) -> Any:
        placing = _placing(context)
        started = [
            self._guarded(run, key, context, lambda k=key: self._start(run, k, placing, context))
            for key in keys
        ]
        folders = [str(folder.path) for folder in started if folder is not None]
        if not folders:
            return self.finished(run, keys)
        self.log.info("%d of %d executions are run by targets", len(folders), len(keys))
        return self._defer(folders, [], "collect")

    def _defer(self, folders: list[str], superseded: list[str], method: str) -> NoReturn:
        from chronos_plugin.operators.triggers import CwlJobTrigger

        raise TaskDeferred(trigger=CwlJobTrigger(folders, superseded), method_name=method)

    @told
    def collect(self, context: Context, event: Mapping[str, Any] | None = None) -> Any:
        """Read the outputs of what targets have run; returns as :meth:`execute`."""
        del event
        run, keys = self.begin(context)
        for key in keys:
            self._guarded(run, key, context, lambda k=key: self._collect(run, k))
        return self.finished(run, keys)

    def on_kill(self) -> None:
        """End the tool: its process group, or its container."""
        if self._processes is not None:
            self._processes.cancel()

    # -- one execution -------------------------------------------------------------------------

    def _superseded(self, run: Run, keys: list[Key], generation: int) -> list[str]:
        """Return the folders of open jobs that were prepared before the task was cleared."""
        from chronos_plugin.execution import tasks

        last = [tasks.last_try(run, key) for key in keys]
        return [str(f.path) for f in last if f and f.open and f.job()[2]["generation"] != generation]

    def _start(self, run: Run, key: Key, placing: Placing, context: Context) -> JobFolder | None:
        """Run an execution here, or return the job that a target is to run."""
        from chronos_plugin.execution import tasks

        wanted = generation(context)
        last = tasks.last_try(run, key)
        if last is not None and last.job()[2]["generation"] == wanted:
            if last.open:
                self.log.info("an earlier try has prepared this job: going on with it")
                return last
            if (last.outcome() or {}).get("outcome") == "success":
                self.log.info("an earlier try has finished this job: its outputs stand")
                return None
        setting, placement = placing.place(run, self.cwl_task(), key)
        if placement.here:
            self._log_usage(self._run_here(run, key, context))
            return None
        name, labels = self._name(key, placing), _labels(context)
        prepared = tasks.prepare_step(
            run,
            key,
            setting,
            placement,
            name,
            generation=wanted,
            labels=labels,
            airflow_try=context["ti"].try_number,
        )
        if isinstance(prepared, dict):
            return None
        self.log.info("target %s (%s)", setting.name, placement.why)
        return prepared

    def _run_here(self, run: Run, key: Key, context: Context) -> dict[str, Any]:
        from chronos_plugin.execution.tasks import run_step

        self._processes = ToolProcesses()
        return run_step(run, key, self._processes, airflow_try=context["ti"].try_number)

    def _collect(self, run: Run, key: Key) -> None:
        from chronos_plugin.execution import tasks
        from chronos_plugin.execution.targets.base import JobState, JobStatus

        folder = tasks.last_try(run, key)
        if folder is None or not folder.open:
            return
        status = folder.status() or JobStatus(JobState.UNKNOWN)
        self._log_usage(tasks.collect_step(run, key, folder, status))

    def _guarded(self, run: Run, key: Key, context: Context, work: Any) -> Any:
        """Do ``work``; turn what it raises into what Airflow makes of it: another try, or none."""
        try:
            return work()
        except (CwlError, InputInvalid, SettingInvalid, StepCancelled) as error:
            record_error(run, self.task_id, error)
            raise AirflowFailException(str(error)) from error
        except StepLost as error:
            record_error(run, self.task_id, error)
            raise
        except StepFailed as error:
            record_error(run, self.task_id, error)
            if self._count_failure(run, key, generation(context)) > self.tool_retries:
                raise AirflowFailException(str(error)) from error
            raise
        except ChronosError as error:
            record_error(run, self.task_id, error)
            raise

    def _count_failure(self, run: Run, key: Key, generation: int) -> int:
        """Count a failure of the tool; return how many there were since the step was last wanted anew."""
        known = run.store.read(key, FAILURES) or {}
        count = 1 + (known["count"] if known.get("generation") == generation else 0)
        run.store.write(key, FAILURES, {"generation": generation, "count": count})
        return count

    # -- the task instance ---------------------------------------------------------------------

    def _name(self, key: Key, placing: Placing) -> str:
        element = label([key])
        return f"{placing.workflow}.{self.task_id}" + (f"[{element}]" if element else "")

    def _log_usage(self, result: Mapping[str, Any]) -> None:
        usage = result.get("usage")
        if not usage or not result["command"]:
            return
        parts = [f"exit code {result['exit_code']}"]
        if usage.get("cpu_seconds") is not None:
            parts.append(f"{usage['cpu_seconds']:.2f} CPU-s")
        if usage.get("max_rss_bytes"):
            parts.append(f"{usage['max_rss_bytes'] / (1 << 20):.0f} MiB at most")
        if usage.get("wall_seconds") is not None:
            parts.append(f"{usage['wall_seconds']:.2f} s")
        self.log.info("%s: %s", ", ".join(parts), " ".join(result["command"][:12]))


def _placing(context: Context) -> Placing:
    from chronos_plugin.execution.bindings.decision import ORDER
    from chronos_plugin.execution.placing import Placing

    configured = settings.load()
    ordered = (context["dag_run"].conf or {}).get(ORDER) or None
    return Placing(configured.targets_file, context["ti"].dag_id, ordered, configured.target_states)


def _labels(context: Context) -> dict[str, str]:
    """Return what names the task instance."""
    instance = context["ti"]
    index = -1 if instance.map_index is None else instance.map_index
    return {
        "dag_id": instance.dag_id,
        "run_id": instance.run_id,
        "task_id": instance.task_id,
        "map_index": str(index),
    }
