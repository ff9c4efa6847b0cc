"""How Toil is told what to run, and what it is not told."""

from __future__ import annotations

import json
import shlex
from pathlib import Path
from typing import Any

import pytest

from chronos_plugin.errors import SettingInvalid
from chronos_plugin.execution.delegation.request import (
    Delegation,
    ToilOptions,
    arguments,
    leader_environment,
)


def delegation(folder: Path, **options: Any) -> Delegation:
    return Delegation(Path("/dags/w.cwl"), folder, {"a": 1}, options=ToilOptions.parse(options))


def test_a_first_start(tmp_path: Path) -> None:
    line = arguments(delegation(tmp_path), "file:///dags/w.cwl", 1)
    assert "--batchSystem=single_machine" in line
    assert f"--jobStore=file:{tmp_path}/job-store" in line
    assert f"--writeMessages={tmp_path}/messages-1" in line
    assert "--clean=onSuccess" in line
    assert "--publishWorkflowMetrics=no" in line
    assert "--restart" not in line
    assert line[-2:] == ["file:///dags/w.cwl", f"file://{tmp_path}/inputs.json"]


def test_a_later_start_resumes_where_there_is_a_job_store(tmp_path: Path) -> None:
    (tmp_path / "job-store").mkdir()
    assert "--restart" in arguments(delegation(tmp_path), "file:///w.cwl", 2)


def test_slurm(tmp_path: Path) -> None:
    options = {
        "system": "slurm",
        "queue": "batch",
        "account": "swot",
        "qos": "urgent",
        "time_limit": "01:00:00",
        "native": ["--constraint=a&b"],
        "max_jobs": 50,
        "arguments": ["--maxLocalJobs=2"],
        "parallel": 8,
    }
    line = arguments(delegation(tmp_path, **options), "file:///w.cwl", 1)
    assert {"--slurmPartition=batch", "--slurmQOS=urgent", "--maxJobs=50", "--maxLocalJobs=2"} <= set(line)
    native = next(part for part in line if part.startswith("--slurmArgs="))
    assert shlex.split(native.partition("=")[2]) == ["--account=swot", "--time=60", "--constraint=a&b"]


@pytest.mark.parametrize(
    ("system", "variable", "value"),
    [
        ("grid_engine", "TOIL_GRIDENGINE_ARGS", "-q all.q -A swot -l h_rt=60"),
        ("torque", "TOIL_TORQUE_ARGS", "-q all.q -A swot -l walltime=60"),
        ("lsf", "TOIL_LSF_ARGS", "-q all.q -P swot -W 1"),
    ],
)
def test_other_systems_are_told_by_variables(system: str, variable: str, value: str) -> None:
    options = ToilOptions.parse({"system": system, "queue": "all.q", "account": "swot", "time_limit": 60})
    assert leader_environment(options)[variable] == value


def test_the_leader_gets_nothing_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW__CORE__FERNET_KEY", "secret")
    monkeypatch.setenv("SLURM_CONF", "/etc/slurm.conf")
    variables = leader_environment(ToilOptions.parse({"environment": {"MINE": "1"}}))
    assert "secret" not in variables.values()
    assert (variables["SLURM_CONF"], variables["MINE"]) == ("/etc/slurm.conf", "1")


@pytest.mark.parametrize(("engine", "argument"), [("none", "--no-container"), ("podman", "--podman")])
def test_container_engines(tmp_path: Path, engine: str, argument: str) -> None:
    options = ToilOptions.parse({}, container_engine=engine)
    work = Delegation(Path("/w.cwl"), tmp_path, {}, options=options)
    assert argument in arguments(work, "file:///w.cwl", 1)


@pytest.mark.parametrize(
    ("options", "named"),
    [
        ({"system": "mesos"}, "system"),
        ({"system": "slurm; true"}, "system"),
        ({"work_dir": "relative"}, "work_dir"),
        ({"arguments": "--x"}, "arguments"),
        ({"arguments": ["--jobStore=file:/x"]}, "jobStore"),
        ({"arguments": ["/evil.cwl"]}, "evil"),
        ({"max_jobs": 0}, "max_jobs"),
        ({"nonsense": 1}, "nonsense"),
    ],
)
def test_wrong_options_are_named(options: dict[str, Any], named: str) -> None:
    with pytest.raises(SettingInvalid, match=named):
        ToilOptions.parse(options)


def test_requirements_go_with_the_input_object(tmp_path: Path) -> None:
    hint = {"class": "EnvVarRequirement", "envDef": []}
    work = Delegation(Path("/w.cwl"), tmp_path, {"a": 1}, requirements=(hint,))
    assert json.loads(work.write_inputs().read_text()) == {"a": 1, "cwl:requirements": [hint]}


@pytest.mark.parametrize(
    ("system", "name", "kept"),
    [
        ("slurm", "a:b", True),
        ("slurm", "a%3A", False),
        ("grid_engine", "a%3A", True),
        ("grid_engine", "a:b", False),
        ("single_machine", "a:%", True),
    ],
)
def test_batch_systems_write_no_logs_to_names_that_they_would_change(
    tmp_path: Path, system: str, name: str, kept: bool
) -> None:
    line = arguments(delegation(tmp_path / name, system=system), "file:///w.cwl", 1)
    assert (f"--batchLogsDir={tmp_path / name / 'batch-logs'}" in line) is kept
    assert ("--noStdOutErr" in line) is not kept
