"""The operator that runs a whole CWL document as one task of a DAG written in Python."""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from airflow.sdk import BaseOperator
from airflow.sdk.exceptions import AirflowFailException

from chronos_plugin import settings
from chronos_plugin.errors import CwlError, InputInvalid, SettingInvalid
from chronos_plugin.operators.cwl import run_options, small, task_folder

if TYPE_CHECKING:
    from airflow.sdk import Context

    from chronos_plugin.compiler.graph import Task
    from chronos_plugin.execution.local import LocalRun


class CwlWorkflowOperator(BaseOperator):
    """Runs a CWL workflow, or a tool, to its end in one task instance.

    Steps run where the rules of the deployment, or ``target``, say. The task holds its worker slot;
    :func:`chronos_plugin.rendering.folder.cwl_dag` gives each step a task of its own. A retry begins anew.

    Args:
        cwl: Path of the document, absolute or as seen from the DAG file's folder; may end in ``#PROCESS``.
        inputs: Input object; templated. Relative paths in it are taken from the document's folder.
        target: Target of all steps, or targets by step.
        parallel: Steps, and elements of scatters, at a time.
    """

    template_fields: Sequence[str] = ("cwl", "inputs", "target")
    ui_color = "#e8f1f8"

    def __init__(
        self,
        *,
        cwl: str,
        inputs: Mapping[str, Any] | None = None,
        target: str | Mapping[str, str] | None = None,
        parallel: int = 1,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.cwl, self.inputs, self.target, self.parallel = cwl, inputs, target, parallel
        self._running: LocalRun | None = None

    def execute(self, context: Context) -> Any:
        """Run, publish the outputs; return the output object, or a reference where it is large.

        Raises:
            AirflowFailException: If no retry helps: the document, an input or an option is wrong.
            StepFailed: If a step failed.
        """
        configured = settings.load()
        try:
            self._running = running = self._prepared(context, configured)
            outputs = running.execute(self._values(), [], task_folder(configured.output_root, context))
        except (CwlError, InputInvalid, SettingInvalid) as error:
            raise AirflowFailException(str(error)) from error
        root = running.run.store.root
        if configured.keep_work != "all":
            shutil.rmtree(root / "work", ignore_errors=True)
        return small(outputs, root / "outputs.json")

    def on_kill(self) -> None:
        """End what runs, here and on targets."""
        if self._running is not None:
            self._running.cancel()

    def _prepared(self, context: Context, configured: settings.Settings) -> LocalRun:
        from chronos_plugin.compiler.compile import compile_file
        from chronos_plugin.execution.local import LocalRun
        from chronos_plugin.execution.placing import Placing
        from chronos_plugin.execution.run import Run
        from chronos_plugin.execution.store import RunStore

        document = compile_file(
            self._path(),
            cache_root=configured.cache_root,
            fragment=self.cwl.partition("#")[2],
            enable_dev=configured.enable_dev,
            max_bytes=configured.max_document_bytes,
        )
        store = RunStore(task_folder(configured.work_root, context))
        placing = Placing(
            configured.targets_file, context["ti"].dag_id, self.target or None, configured.target_states
        )
        run = Run(document, store, run_options(configured))
        return LocalRun(run, self.parallel, self._tell, placing)

    def _path(self) -> Path:
        path = Path(self.cwl.partition("#")[0])
        path = Path(self.dag.folder, path) if self.has_dag() else path  # type: ignore[no-untyped-call]
        if not path.is_file():
            raise InputInvalid(f"{path}: no such document (as the worker sees it)")
        return path

    def _values(self) -> dict[str, Any]:
        from chronos_plugin.execution.job import absolute

        return dict(absolute(dict(self.inputs or {}), self._path().parent))

    def _tell(self, task: Task, state: str, ended: int, count: int) -> None:
        self.log.info("%s: %s%s", task.id, state, f" {ended}/{count}" if count > 1 else "")
