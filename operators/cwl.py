"""Operators that run the tasks of a compiled CWL document."""

from __future__ import annotations

import json
import logging
import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from airflow.sdk import BaseOperator
from airflow.sdk.exceptions import AirflowFailException, AirflowSkipException

from chronos_plugin import settings
from chronos_plugin.errors import (
    ChronosError,
    CwlError,
    InputInvalid,
    ServiceFailed,
    SettingInvalid,
    StepFailed,
)
from chronos_plugin.execution.store import RESULT, RunStore, read_json, run_folder, write_json

if TYPE_CHECKING:
    from airflow.sdk import Context

    from chronos_plugin.compiler.compile import CompiledDocument
    from chronos_plugin.compiler.graph import Task
    from chronos_plugin.execution.run import Options, Run
    from chronos_plugin.execution.store import Key

TOOL_LOG_FD = 1
"""Tools' uncaptured output goes to the task's standard output, which the supervisor logs line by line."""


class CwlOperator(BaseOperator):
    """Base of the operators that work on one run of a compiled document.

    Args:
        document: The compiled document; tasks of one DAG share it.
    """

    # A skipped step (``when``) has null outputs, and what follows runs (CWL v1.2 Workflow, 4.4).
    default_trigger_rule = "none_failed"
    ui_color = "#e8f1f8"

    def __init__(self, *, document: CompiledDocument, **kwargs: Any) -> None:
        kwargs.setdefault("trigger_rule", self.default_trigger_rule)
        super().__init__(**kwargs)
        self.document = document

    def cwl_task(self) -> Task:
        """Return the compiled task that this operator runs."""
        return self.document.graph.task(self.task_id)

    def open_run(self, context: Context) -> Run:
        """Return access to the run that the task instance is of."""
        from chronos_plugin.execution.run import Run

        configured = settings.load()
        instance = context["ti"]
        folder = run_folder(configured.work_root, instance.dag_id, instance.run_id)
        return Run(self.document, RunStore(folder), run_options(configured))


class CwlExecutionOperator(CwlOperator):
    """Base of the operators whose task instances are executions of a step.

    Args:
        element: Mapped over by Airflow; the value says nothing.
    """

    begun: tuple[Run, list[Key]] | None = None
    """What the task instance handles, once it has begun."""

    def __init__(self, *, element: Any = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.element = element

    def begin(self, context: Context) -> tuple[Run, list[Key]]:
        """Return the run and the executions that the task instance handles."""
        run = self.open_run(context)
        map_index = context["ti"].map_index
        keys = run.batch(self.cwl_task(), -1 if map_index is None else map_index)
        context["chronos_label"] = label(keys)  # type: ignore[typeddict-unknown-key]
        self.begun = run, keys
        return self.begun

    def finished(self, run: Run, keys: list[Key]) -> Any:
        """Return the output object (a list of them for a batch), or a reference where it is large.

        None where there are no outputs.

        Raises:
            AirflowSkipException: If ``when`` skipped all of them.
        """
        results = [run.store.read(key, RESULT) for key in keys]
        if results and all(result["status"] == "skipped" for result in results):
            raise AirflowSkipException("skipped: 'when' is false")
        outputs = [result["outputs"] for result in results]
        if not any(outputs):
            return None  # Nothing to show: an XCom less for the API server to store.
        return small(outputs[0] if len(outputs) == 1 else outputs, run.store.folder(keys[0]) / RESULT)


def generation(context: Context) -> int:
    """Return a number that grows when the task is cleared, and stays the same over retries."""
    return int(context["ti"].max_tries)


def label(keys: list[Key]) -> str:
    """Return what tells a mapped task instance from its siblings: its element numbers."""
    parts = ["/".join(str(index) for _, index in key if index is not None) for key in (keys[0], keys[-1])]
    return parts[0] if len(keys) == 1 else f"{parts[0]} … {parts[1]}"


def run_options(configured: settings.Settings) -> Options:
    """Return how a task executes processes."""
    from chronos_plugin.execution.run import Options
    from chronos_plugin.hooks.data import site_data_options

    _relay_messages()
    return Options(
        container_engine=configured.container_engine,
        expression_timeout=configured.expression_timeout,
        expression_memory=configured.expression_memory,
        max_scatter_tasks=configured.max_scatter_tasks,
        log_fd=TOOL_LOG_FD,
        # Outputs of earlier runs are inputs of later ones.
        input_roots=(*configured.input_roots, configured.output_root) if configured.input_roots else (),
        data=site_data_options(configured),
    )


def task_folder(root: Path, context: Context) -> Path:
    """Return the folder of a task instance that is a run by itself."""
    instance = context["ti"]
    index = instance.map_index
    mapped = "" if index is None or index < 0 else f"@{index}"
    return run_folder(root, instance.dag_id, instance.run_id) / f"{instance.task_id}{mapped}"


class CwlInputsOperator(CwlOperator):
    """Checks the run's input object (params and ``cwl:requirements`` of the configuration)."""

    def execute(self, context: Context) -> Any:
        """Open the run; return the input object, or a reference to it where it is large."""
        from chronos_plugin.execution.tasks import open_run
        from chronos_plugin.operators.records import workflow_began, workflow_refused

        run = self.open_run(context)
        configuration = context["dag_run"].conf or {}
        names = {p.name for p in self.document.graph.inputs}
        given = {name: value for name, value in context["params"].items() if name in names}
        given = {name: value for name, value in given.items() if value is not None or name in configuration}
        try:
            completed = open_run(run, given, configuration.get("cwl:requirements") or [])
        except (InputInvalid, StepFailed) as error:
            record_error(run, self.task_id, error)
            workflow_refused(run, context, error)
            # No retry mends a wrong input.
            raise AirflowFailException(str(error)) from error
        except (ServiceFailed, SettingInvalid) as error:
            # A storage that does not answer may do so at the next try.
            record_error(run, self.task_id, error)
            raise
        self.log.info("run folder: %s", run.store.root)
        workflow_began(run, context, completed)
        return small(completed, run.store.root / "inputs.json")


class CwlScatterOperator(CwlOperator):
    """Evaluates the inputs of a scattered step, once for each element."""

    def execute(self, context: Context) -> list[int]:
        """Lay out the elements; return one entry for each task instance to map."""
        from chronos_plugin.execution.tasks import lay_out_scatter

        task = self.cwl_task()
        run = self.open_run(context)
        try:
            instances, elements, skipped = lay_out_scatter(run, task)
        except (InputInvalid, StepFailed) as error:
            record_error(run, self.task_id, error)
            raise AirflowFailException(str(error)) from error
        self.log.info(
            "%d elements: %d to run in %d task instances, %d skipped by when",
            elements + skipped,
            elements,
            instances,
            skipped,
        )
        # Only the length matters to Airflow; every mapped task instance reads this list.
        return [0] * instances


class CwlOutputsOperator(CwlOperator):
    """Collects the workflow's outputs, publishes their files, and cleans up."""

    def execute(self, context: Context) -> Any:
        """Publish; return the output object, or a reference where it is large."""
        from chronos_plugin.execution.stage_out import output_place
        from chronos_plugin.execution.tasks import close_run
        from chronos_plugin.operators.records import workflow_ended

        run = self.open_run(context)
        configured = settings.load()
        instance = context["ti"]
        place = output_place(configured.output_root, configured.output_uri, instance.dag_id, instance.run_id)
        # A try that died after it had published may have removed what it published from.
        mark, now = run.store.root / "published.json", {"generation": generation(context)}
        file = run.store.root / "outputs.json"
        if read_json(mark) == now:
            self.log.info("an earlier try has published the outputs")
            outputs = read_json(file)
        else:
            outputs = close_run(run, place)
            write_json(mark, now)
        self.log.info("outputs: %s", place)
        workflow_ended(run, context, outputs)
        if configured.keep_work != "all":
            shutil.rmtree(run.store.root / "work", ignore_errors=True)
        return small(outputs, file)


def small(value: Any, file: Path) -> Any:
    """Return ``value``, or where its JSON is larger than XCom should carry, a reference to ``file``."""
    limit = settings.load().xcom_max_bytes
    size = len(json.dumps(value, ensure_ascii=False).encode())
    return value if size <= limit else {"chronos:file": str(file), "chronos:bytes": size}


def resolve_reference(value: Any) -> Any:
    """Return what :func:`small` stood for: the value itself, or the content of the file referred to."""
    if isinstance(value, Mapping) and "chronos:file" in value:
        return json.loads(Path(value["chronos:file"]).read_bytes())
    return value


def record_error(run: Run, task_id: str, error: ChronosError) -> None:
    """Keep an error with the run, for those who follow it from outside."""
    kind = error.kind if isinstance(error, CwlError) else type(error).__name__
    write_json(run.store.root / "error.json", {"kind": kind, "task": task_id, "message": str(error)})


def _relay_messages() -> None:
    """Let the CWL library's warnings reach the task log, in one line each."""
    logger = logging.getLogger("cwltool")
    logger.handlers.clear()
    logger.propagate = True
    if os.environ.get("AIRFLOW__CHRONOS__DEBUG"):
        logger.setLevel(logging.DEBUG)
