"""The operator of a subworkflow, or of a whole workflow, that a rule gives to Toil as one piece."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from airflow.sdk.exceptions import AirflowFailException

from chronos_plugin import settings
from chronos_plugin.errors import CwlError, InputInvalid, SettingInvalid, StepFailed
from chronos_plugin.operators.cwl import CwlExecutionOperator, generation, record_error
from chronos_plugin.operators.records import inner_job, told

if TYPE_CHECKING:
    from pathlib import Path

    from airflow.sdk import Context

    from chronos_plugin.execution.bindings.delegation import Delegated
    from chronos_plugin.execution.delegation.bus import InnerJob
    from chronos_plugin.execution.delegation.leader import Leader
    from chronos_plugin.execution.run import Run
    from chronos_plugin.execution.store import Key


class CwlDelegatedOperator(CwlExecutionOperator):
    """Has ``toil-cwl-runner`` run what a rule with ``delegate`` names; its outputs are a step's.

    Toil's leader is a process of its own: a try that dies leaves it running, and the next goes on with it;
    one that follows a failure resumes from the job store.

    Args:
        delegated: What the rule gives away, and to which target.
    """

    def __init__(self, *, delegated: Delegated, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.delegated = delegated
        self._leader: Leader | None = None

    @told
    def execute(self, context: Context) -> Any:
        """Run to the end; return the output object, or a reference where it is large.

        Raises:
            AirflowFailException: If no retry helps: an input, an option or the document is wrong.
            AirflowSkipException: If ``when`` says so.
            StepFailed: If a job failed for good; a retry resumes.
        """
        run, keys = self.begin(context)
        try:
            for key in keys:
                self._run(run, key, context)
        except (CwlError, InputInvalid, SettingInvalid) as error:
            record_error(run, self.task_id, error)
            raise AirflowFailException(str(error)) from error
        except StepFailed as error:
            record_error(run, self.task_id, error)
            raise
        return self.finished(run, keys)

    def on_kill(self) -> None:
        """End Toil and its jobs."""
        if self._leader is not None:
            self._leader.cancel()

    def _run(self, run: Run, key: Key, context: Context) -> None:
        from chronos_plugin.execution import delegated
        from chronos_plugin.execution.bindings.document import deployment
        from chronos_plugin.execution.delegation.leader import Leader

        instance, name = context["ti"], self.delegated.target
        setting = deployment(settings.load().targets_file).targets.get(name)
        if setting is None:
            raise SettingInvalid(f"there is no target {name!r} any more, and a workflow is delegated to it")
        wanted = generation(context)
        made = delegated.prepare(
            run, key, setting, self.delegated, generation=wanted, airflow_try=instance.try_number
        )
        if isinstance(made, dict):
            return
        self._leader = leader = Leader(made)
        leader.start()
        self.log.info("target %s (%s)", name, self.delegated.why)
        self.log.info("Toil, start %d: %s", leader.attempt, made.folder)

        def note(job: InnerJob) -> None:
            if job.is_tool:
                self.log.info("%s", job.sentence)

        def ended(job: InnerJob, logs: Sequence[Path]) -> None:
            if job.is_tool:
                inner_job(context, job, logs, name)

        try:
            outputs = leader.watch(note, self.log.info, on_end=ended)
        except (CwlError, StepFailed) as error:
            delegated.failed(run, key, made, error)
            raise
        delegated.succeeded(run, key, made, outputs, wanted)
