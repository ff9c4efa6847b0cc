"""The operator of a subworkflow, or of a whole workflow, that a rule gives to Toil as one piece."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow.sdk.exceptions import AirflowFailException, AirflowSkipException

from chronos_plugin import settings
from chronos_plugin.errors import CwlError, InputInvalid, SettingInvalid, StepFailed
from chronos_plugin.execution.store import RESULT
from chronos_plugin.operators.cwl import CwlOperator, record_error, small
from chronos_plugin.operators.records import inner_job, told

if TYPE_CHECKING:
    from airflow.sdk import Context

    from chronos_plugin.execution.bindings.delegation import Delegated
    from chronos_plugin.execution.delegation.bus import InnerJob
    from chronos_plugin.execution.delegation.leader import Leader
    from chronos_plugin.execution.run import Run
    from chronos_plugin.execution.store import Key


class CwlDelegatedOperator(CwlOperator):
    """Has ``toil-cwl-runner`` run what a rule with ``delegate`` names; its outputs are a step's.

    Toil's leader is a process of its own: a try that dies leaves it running, and the next goes on with it;
    one that follows a failure resumes from the job store.

    Args:
        delegated: What the rule gives away, and to which target.
        element: Mapped over by Airflow; the value says nothing.
    """

    def __init__(self, *, delegated: Delegated, element: Any = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.delegated, self.element = delegated, element
        self._leader: Leader | None = None

    @told
    def execute(self, context: Context) -> Any:
        """Run to the end; return the output object, or a reference where it is large.

        Raises:
            AirflowFailException: If no retry helps: an input, an option or the document is wrong.
            AirflowSkipException: If ``when`` says so.
            StepFailed: If a job failed for good; a retry resumes.
        """
        run = self.open_run(context)
        map_index = context["ti"].map_index
        keys = run.batch(self.cwl_task(), -1 if map_index is None else map_index)
        self.begun = run, keys
        context["chronos_label"] = "/".join(str(i) for _, i in keys[0] if i is not None)  # type: ignore[typeddict-unknown-key]
        try:
            results = [self._run(run, key, context) for key in keys]
        except (CwlError, InputInvalid, SettingInvalid) as error:
            record_error(run, self.task_id, error)
            raise AirflowFailException(str(error)) from error
        except StepFailed as error:
            record_error(run, self.task_id, error)
            raise
        if all(result["status"] == "skipped" for result in results):
            raise AirflowSkipException("skipped: 'when' is false")
        outputs = [result["outputs"] for result in results]
        return small(outputs[0] if len(outputs) == 1 else outputs, run.store.folder(keys[0]) / RESULT)

    def on_kill(self) -> None:
        """End Toil and its jobs."""
        if self._leader is not None:
            self._leader.cancel()

    def _run(self, run: Run, key: Key, context: Context) -> dict[str, Any]:
        from chronos_plugin.execution import delegated
        from chronos_plugin.execution.bindings.document import deployment
        from chronos_plugin.execution.delegation.leader import Leader

        instance, name = context["ti"], self.delegated.target
        setting = deployment(settings.load().targets_file).targets.get(name)
        if setting is None:
            raise SettingInvalid(f"there is no target {name!r} any more, and a workflow is delegated to it")
        generation = int(instance.max_tries)
        made = delegated.prepare(
            run, key, setting, self.delegated, generation=generation, airflow_try=instance.try_number
        )
        if isinstance(made, dict):
            return made
        self._leader = leader = Leader(made)
        leader.start()
        self.log.info("target %s (%s)", name, self.delegated.why)
        self.log.info("Toil, start %d: %s", leader.attempt, made.folder)

        def note(job: InnerJob) -> None:
            if job.is_tool:
                self.log.info("%s", job.sentence)
                inner_job(context, job, job.logs(made.logs), name)

        try:
            outputs = leader.watch(note, self.log.info)
        except (CwlError, StepFailed) as error:
            delegated.failed(run, key, made, error)
            raise
        return delegated.succeeded(run, key, made, outputs, generation)
