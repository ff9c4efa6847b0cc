"""The operator that gives a whole workflow, or a subworkflow, to Toil."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from airflow.sdk import BaseOperator
from airflow.sdk.exceptions import AirflowFailException

from chronos_plugin import settings
from chronos_plugin.errors import CwlError, InputInvalid, SettingInvalid
from chronos_plugin.operators.cwl import small, task_folder
from chronos_plugin.operators.records import inner_job

if TYPE_CHECKING:
    from airflow.sdk import Context

    from chronos_plugin.execution.delegation.bus import InnerJob
    from chronos_plugin.execution.delegation.leader import Leader
    from chronos_plugin.execution.delegation.request import Delegation, ToilOptions


class ToilCwlOperator(BaseOperator):
    """Runs a CWL workflow with ``toil-cwl-runner``, in a batch system or on this host.

    Toil's leader is a process of its own. A task that dies leaves it running, and the next try goes on with
    it; where it has ended, the next try resumes from its job store, and runs only what had not succeeded.

    Args:
        cwl: Path of the document, absolute or as seen from the DAG file's folder.
        inputs: Input object; templated. Relative paths in it are taken from the document's folder.
        step: Path of a step (``"outer/inner"``) whose process is run in the place of the whole workflow.
        target: Name of a target of kind ``toil`` in the targets file; None: this host.
        options: More options, over those of the target
            (:class:`~chronos_plugin.execution.delegation.request.ToilOptions`).
    """

    template_fields: Sequence[str] = ("cwl", "inputs", "options")
    ui_color = "#e8f1f8"

    def __init__(
        self,
        *,
        cwl: str,
        inputs: Mapping[str, Any] | None = None,
        step: str = "",
        target: str | None = None,
        options: Mapping[str, Any] | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.cwl, self.inputs, self.step, self.target, self.options = cwl, inputs, step, target, options
        self._leader: Leader | None = None

    def execute(self, context: Context) -> Any:
        """Run to the end and publish the outputs; return the output object, or a reference where it is large.

        Raises:
            AirflowFailException: If no retry helps: the document, an input or an option is wrong.
            StepFailed: If a job failed for good; a retry resumes.
        """
        from chronos_plugin.execution.delegation.leader import Leader
        from chronos_plugin.execution.publish import publish
        from chronos_plugin.execution.store import write_json

        configured = settings.load()
        try:
            delegation = self._delegation(context, configured)
            self._leader = Leader(delegation)
            self._leader.start()
            self.log.info("Toil, start %d: %s", self._leader.attempt, delegation.folder)
            ended = partial(self._ended, context)
            outputs = self._leader.watch(self._note, self.log.info, on_end=ended)
        except (CwlError, InputInvalid, SettingInvalid) as error:
            raise AirflowFailException(str(error)) from error
        published = publish(outputs, task_folder(configured.output_root, context), delegation.folder)
        file = delegation.folder / "outputs.json"
        write_json(file, published)
        return small(published, file)

    def on_kill(self) -> None:
        """End Toil and its jobs."""
        if self._leader is not None:
            self._leader.cancel()

    def _delegation(self, context: Context, configured: settings.Settings) -> Delegation:
        from chronos_plugin.execution.delegation.request import Delegation
        from chronos_plugin.execution.job import absolute

        document = Path(self.dag.folder, self.cwl) if self.has_dag() else Path(self.cwl)  # type: ignore[no-untyped-call]
        if not document.is_file():
            raise InputInvalid(f"{document}: no such document (as the worker sees it)")
        return Delegation(
            document=document,
            folder=task_folder(configured.work_root, context) / "toil",
            inputs=absolute(dict(self.inputs or {}), document.parent),
            step=tuple(name for name in self.step.split("/") if name),
            options=self._options(configured),
        )

    def _options(self, configured: settings.Settings) -> ToilOptions:
        from chronos_plugin.execution.bindings.document import deployment
        from chronos_plugin.execution.delegation.request import ToilOptions

        options, engine = dict(self.options or {}), None
        if self.target is not None:
            found = deployment(configured.targets_file).targets.get(self.target)
            if found is None or found.kind != "toil":
                raise SettingInvalid(f"there is no target {self.target!r} of kind toil in the targets file")
            options, engine = {**found.options, **options}, found.container_engine
        return ToilOptions.parse(options, container_engine=engine or configured.container_engine)

    def _note(self, job: InnerJob) -> None:
        if job.is_tool:
            self.log.info("%s", job.sentence)

    def _ended(self, context: Context, job: InnerJob, logs: Sequence[Path]) -> None:
        if job.is_tool:
            inner_job(context, job, logs, self.target or "local")
