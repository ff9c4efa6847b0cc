"""The step's operator outside a scheduler: what it defers to, what it counts, what it finds of earlier tries."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from airflow.sdk.exceptions import AirflowFailException, AirflowSkipException, TaskDeferred

from chronos_plugin.compiler.compile import CompiledDocument
from chronos_plugin.errors import StepFailed, StepLost
from chronos_plugin.execution import tasks
from chronos_plugin.execution.store import run_folder
from chronos_plugin.execution.targets.base import JobState, JobStatus
from chronos_plugin.execution.targets.folder import JobFolder
from chronos_plugin.operators import records
from chronos_plugin.operators.step import CwlStepOperator
from chronos_plugin.operators.triggers import CwlJobTrigger

TARGETS = """\
targets:
  local: {kind: local, poll_interval: 0.1, options: {caps: none}}
bindings:
  - target: local
"""
TOOL = """\
cwlVersion: v1.2
class: CommandLineTool
baseCommand: [sh, -c, 'echo ran >> "$1"; cat "$1" >&2; exit $0']
inputs:
  code: {type: int, default: 0, inputBinding: {position: 1}}
  mark: {type: string, inputBinding: {position: 2}}
stdout: out.txt
outputs: {said: stdout}
"""


class Task:
    """One task of one run, tried as Airflow tries it."""

    def __init__(self, document: CompiledDocument, root: Path, inputs: dict[str, Any], **how: Any) -> None:
        self.root, self.inputs = root, inputs
        name = next(t.id for t in document.graph.tasks if t.step)
        self.operator = CwlStepOperator(document=document, task_id=name, **how)
        self.max_tries, self.conf = 2, {}
        self.mark = Path(inputs["mark"])
        self.run, self.keys = self.operator.begin(self.context)
        tasks.open_run(self.run, inputs, [])

    @property
    def context(self) -> Any:
        instance = SimpleNamespace(
            dag_id="dag",
            run_id="run",
            task_id=self.operator.task_id,
            map_index=-1,
            max_tries=self.max_tries,
            try_number=1,
        )
        return {"ti": instance, "dag_run": SimpleNamespace(conf=self.conf), "params": {}}

    def clear(self) -> None:
        self.max_tries += 3

    def defer(self, method: str = "execute", *rest: Any) -> tuple[CwlJobTrigger, str]:
        with pytest.raises(TaskDeferred) as caught:
            getattr(self.operator, method)(self.context, *rest)
        trigger = caught.value.trigger
        assert isinstance(trigger, CwlJobTrigger)
        return trigger, caught.value.method_name

    def attend(self, trigger: CwlJobTrigger) -> None:
        """Do what the triggerer does, from the trigger's serialised form."""
        path, arguments = trigger.serialize()
        assert path == "chronos_plugin.operators.triggers.CwlJobTrigger"
        again = CwlJobTrigger(**arguments)

        async def wait() -> list[Any]:
            async with asyncio.timeout(60):
                return [event async for event in again.run()]

        (event,) = asyncio.run(wait())
        assert event.payload == {}

    def collect(self) -> Any:
        return self.operator.collect(self.context, {})

    @property
    def tries(self) -> list[JobFolder]:
        found = [p.parent for p in self.run.store.work(self.keys[0]).glob("try-*/job.json")]
        return [JobFolder(path) for path in sorted(found)]

    @property
    def times_run(self) -> int:
        return self.mark.read_text().count("ran") if self.mark.exists() else 0


Make = Callable[..., Task]


@pytest.fixture
def make(
    compile_text: Callable[..., CompiledDocument], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Make:
    for name, folder in (("WORK_ROOT", "work"), ("OUTPUT_ROOT", "outputs"), ("TARGETS_FILE", "targets.yaml")):
        monkeypatch.setenv(f"AIRFLOW__CHRONOS__{name}", str(tmp_path / folder))
    monkeypatch.setenv("AIRFLOW__CHRONOS__CONTAINER_ENGINE", "none")
    (tmp_path / "targets.yaml").write_text(TARGETS)
    numbers = itertools.count()

    def start(text: str = TOOL, *, code: int = 0, **how: Any) -> Task:
        mark = tmp_path / f"mark-{next(numbers)}"
        return Task(compile_text(text), tmp_path, {"code": code, "mark": str(mark)}, **how)

    return start


def test_deferred_run_and_collected(make: Make, tmp_path: Path) -> None:
    task = make()
    trigger, method = task.defer()
    assert (method, task.times_run, len(trigger.folders), trigger.superseded) == ("collect", 0, 1, [])
    task.attend(trigger)
    outputs = task.collect()
    assert task.times_run == 1
    assert outputs["said"]["basename"] == "out.txt"
    assert task.run.store.root == run_folder(tmp_path / "work", "dag", "run")
    job = task.tries[0].job()[0]
    assert job.labels == {
        "dag_id": "dag",
        "run_id": "run",
        "task_id": task.operator.task_id,
        "map_index": "-1",
    }
    assert job.name == f"dag.{task.operator.task_id}"


@pytest.mark.parametrize("conf", ["worker", {"*": "worker"}])
def test_run_can_order_the_worker(make: Make, conf: Any) -> None:
    task = make()
    task.conf = {"chronos:target": conf}
    assert task.operator.execute(task.context)["said"]["basename"] == "out.txt"
    assert (task.times_run, task.tries) == (1, [])


def test_order_for_a_target_that_is_not_there_is_not_tried_again(make: Make) -> None:
    task = make()
    task.conf = {"chronos:target": "moon"}
    with pytest.raises(AirflowFailException, match="no target 'moon'"):
        task.operator.execute(task.context)


def test_failures_of_the_tool_are_counted_and_what_is_lost_is_not(make: Make) -> None:
    task = make(code=4, tool_retries=1)
    trigger, _ = task.defer()
    # The node goes before the tool has ended.
    task.tries[-1].write_status(JobStatus(JobState.LOST, reason="node down"))
    with pytest.raises(StepLost, match="node down"):
        task.collect()
    for last in (False, True):
        trigger, _ = task.defer()
        task.attend(trigger)
        with pytest.raises(AirflowFailException if last else StepFailed, match="exit code 4"):
            task.collect()
    assert (len(task.tries), task.times_run) == (3, 2)
    # Who clears the task wants as many tries as before.
    task.clear()
    trigger, _ = task.defer()
    task.attend(trigger)
    with pytest.raises(StepFailed, match="exit code 4"):
        task.collect()


def test_on_the_worker_failures_are_counted_alike(make: Make) -> None:
    task = make(code=4, tool_retries=1)
    task.conf = {"chronos:target": "worker"}
    with pytest.raises(StepFailed, match="exit code 4"):
        task.operator.execute(task.context)
    with pytest.raises(AirflowFailException, match="exit code 4"):
        task.operator.execute(task.context)


def test_try_after_a_crash_goes_on_with_the_job(make: Make) -> None:
    task = make()
    first, _ = task.defer()
    again, _ = task.defer()
    assert again.folders == first.folders
    task.attend(again)
    # The worker died before it read the outputs; another try waits for what has ended, and reads them.
    third, _ = task.defer()
    assert third.folders == first.folders
    task.attend(third)
    task.collect()
    assert (task.times_run, len(task.tries)) == (1, 1)


def test_try_after_a_crash_between_conclusion_and_success_finds_the_outputs(make: Make) -> None:
    task = make()
    trigger, _ = task.defer()
    task.attend(trigger)
    outputs = task.collect()
    assert task.operator.execute(task.context) == outputs
    assert task.times_run == 1
    # Whoever clears it wants it executed anew.
    task.clear()
    trigger, _ = task.defer()
    assert len(task.tries) == 2
    task.attend(trigger)
    task.collect()
    assert task.times_run == 2


SLOW = TOOL.replace("exit $0", "sleep 600")


@pytest.mark.parametrize("target", ["local", "worker"])
def test_job_of_before_a_clear_is_cancelled_first(make: Make, target: str) -> None:
    task = make(SLOW.replace("sleep 600", '[ $(wc -l <"$1") -gt 1 ] || sleep 600'))
    trigger, _ = task.defer()

    async def begin_and_die() -> None:
        running = asyncio.create_task(anext(aiter(trigger.run())))  # type: ignore[arg-type]
        async with asyncio.timeout(60):
            while task.times_run == 0:  # noqa: ASYNC110 - a file says it
                await asyncio.sleep(0.05)
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)

    asyncio.run(begin_and_die())
    old = task.tries[0]
    assert (old.submission() or {})["state"] == "submitted"
    task.clear()
    task.conf = {"chronos:target": target}
    cancelling, method = task.defer()
    assert (cancelling.folders, cancelling.superseded) == ([], [str(old.path)])
    task.attend(cancelling)
    assert (old.outcome() or {})["outcome"] == "abandoned"
    deadline = itertools.count()
    while old.exit() is None:
        assert next(deadline) < 600
        asyncio.run(asyncio.sleep(0.05))
    if target == "worker":
        task.operator.execute_anew(task.context, {})
    else:
        anew, following = task.defer(method, {})
        assert (anew.folders, following) == ([str(task.tries[1].path)], "collect")
        task.attend(anew)
        task.collect()
    assert task.times_run == 2


@pytest.mark.parametrize("method", ["execute", "execute_anew"])
def test_what_ran_here_is_told_once(make: Make, monkeypatch: pytest.MonkeyPatch, method: str) -> None:
    task, heard = make(), []
    monkeypatch.setattr(records, "_executions", lambda operator, *_: heard.append(operator.begun[1]))
    task.conf = {"chronos:target": "worker"}
    getattr(task.operator, method)(task.context)
    assert heard == [task.keys]


def test_killed_task_cancels_its_job(make: Make) -> None:
    task = make(SLOW)
    trigger, _ = task.defer()

    async def begin_and_kill() -> None:
        running = asyncio.create_task(anext(aiter(trigger.run())))  # type: ignore[arg-type]
        async with asyncio.timeout(60):
            while task.times_run == 0:  # noqa: ASYNC110 - a file says it
                await asyncio.sleep(0.05)
            # What the triggerer does when somebody marks or clears the task.
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)
            await trigger.on_kill()
            while task.tries[0].exit() is None:  # noqa: ASYNC110 - a file says it
                await asyncio.sleep(0.05)

    asyncio.run(begin_and_kill())
    folder = task.tries[0]
    assert (folder.exit() or pytest.fail("no word")).asked == "15"
    assert (folder.wish(), (folder.outcome() or {})["outcome"]) == ("cancel", "abandoned")


def test_target_that_was_taken_out_of_the_file(make: Make, tmp_path: Path) -> None:
    task = make()
    (tmp_path / "targets.yaml").write_text(
        TARGETS.replace("local", "hpc").replace("kind: hpc", "kind: local")
    )
    trigger, _ = task.defer()
    (tmp_path / "targets.yaml").write_text("targets: {}\n")
    task.attend(trigger)
    with pytest.raises(AirflowFailException, match="no target 'hpc', and a job is to run on it"):
        task.collect()


def test_step_that_when_skips(make: Make) -> None:
    text = f"""\
cwlVersion: v1.2
class: Workflow
inputs: {{mark: string, code: int}}
outputs: []
requirements: {{InlineJavascriptRequirement: {{}}}}
steps:
  one:
    when: $(inputs.code > 0)
    in: {{mark: mark, code: code}}
    out: []
    run:
{chr(10).join("      " + line for line in TOOL.splitlines()[1:])}
"""
    task = make(text)
    with pytest.raises(AirflowSkipException):
        task.operator.execute(task.context)
    assert task.tries == []


def test_wrong_targets_file_is_not_tried_again(make: Make, tmp_path: Path) -> None:
    task = make()
    (tmp_path / "targets.yaml").write_text("bindings: [{target: moon}]\n")
    with pytest.raises(AirflowFailException, match=r"targets\.yaml:1:12: there is no target 'moon'"):
        task.operator.execute(task.context)
