"""The operator that gives workflows to Toil: its care before Toil starts, and what it costs to load."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from airflow.sdk.exceptions import AirflowFailException

from chronos_plugin.operators.toil import ToilCwlOperator

HELLO = """\
cwlVersion: v1.2
class: CommandLineTool
baseCommand: cat
inputs: {file: {type: File, inputBinding: {}}}
outputs: {said: {type: stdout}}
stdout: said.txt
"""


@pytest.fixture
def context(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    monkeypatch.setenv("AIRFLOW__CHRONOS__WORK_ROOT", str(tmp_path / "work"))
    monkeypatch.setenv("AIRFLOW__CHRONOS__OUTPUT_ROOT", str(tmp_path / "outputs"))
    monkeypatch.setenv("AIRFLOW__CHRONOS__TARGETS_FILE", str(tmp_path / "targets.yaml"))
    monkeypatch.setenv("AIRFLOW__CHRONOS__CONTAINER_ENGINE", "none")
    return {
        "ti": SimpleNamespace(
            dag_id="dag", run_id="manual__2026-01-01T00:00:00+00:00", task_id="t", map_index=-1
        )
    }


@pytest.mark.slow
def test_outputs_are_published_and_relative_files_found(tmp_path: Path, context: dict[str, Any]) -> None:
    (tmp_path / "hello.cwl").write_text(HELLO)
    (tmp_path / "greeting.txt").write_text("hello\n")
    operator = ToilCwlOperator(
        task_id="t",
        cwl=str(tmp_path / "hello.cwl"),
        inputs={"file": {"class": "File", "path": "greeting.txt"}},
    )
    outputs = operator.execute(context)  # type: ignore[arg-type]
    published = list((tmp_path / "outputs").rglob("said.txt"))
    assert [file.read_text() for file in published] == ["hello\n"]
    assert outputs["said"]["checksum"].startswith("sha1$")
    assert outputs["said"]["location"].endswith("/t/said.txt")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"cwl": "/no/such.cwl"}, "no such document"),
        ({"target": "nowhere"}, "no target 'nowhere' of kind toil"),
        ({"target": "local"}, "no target 'local' of kind toil"),
        ({"options": {"system": "mesos"}}, "system"),
        ({"step": "nothing"}, "no step nothing"),
    ],
)
def test_what_no_retry_mends_is_not_retried(
    tmp_path: Path, context: dict[str, Any], arguments: dict[str, Any], words: str
) -> None:
    (tmp_path / "hello.cwl").write_text(HELLO)
    operator = ToilCwlOperator(task_id="t", **{"cwl": str(tmp_path / "hello.cwl"), **arguments})
    with pytest.raises(AirflowFailException, match=words):
        operator.execute(context)  # type: ignore[arg-type]


def test_a_target_of_the_targets_file_gives_its_options(
    tmp_path: Path, context: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "targets.yaml").write_text(
        "targets: {hpc: {kind: toil, container_engine: singularity, options: {system: slurm, queue: batch}}}\n"
    )
    from chronos_plugin import settings

    operator = ToilCwlOperator(
        task_id="t", cwl="x.cwl", target="hpc", options={"queue": "short", "max_jobs": 3}
    )
    options = operator._options(settings.load())
    assert (options.system, options.wish.queue, options.max_jobs) == ("slurm", "short", 3)
    assert options.container_engine == "singularity"


def test_nothing_of_toil_is_loaded_where_it_is_not_needed() -> None:
    code = (
        "import sys\n"
        "import chronos_plugin.operators.toil, chronos_plugin.operators.step\n"
        "import chronos_plugin.execution.targets.toil as target\n"
        "import chronos_plugin.execution.delegation.leader\n"
        "[target.ToilTarget('x', {'system': s}) for s in target.SYSTEMS]\n"
        "print([m for m in sys.modules if m.split('.')[0] in ('toil', 'cwltool', 'htcondor')])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip().splitlines()[-1] == "[]"
