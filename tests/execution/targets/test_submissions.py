"""Submission commands, as Toil's classes build them and as they are completed here."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from chronos_plugin.errors import SettingInvalid
from chronos_plugin.execution.targets.base import Job, Resources
from chronos_plugin.execution.targets.batch.commands import Commands
from chronos_plugin.execution.targets.batch.dialect import Submission, replaced, system_name
from chronos_plugin.execution.targets.batch.slurm import Slurm
from chronos_plugin.execution.targets.batch.slurm_records import partitions
from chronos_plugin.execution.targets.batch.torque import Torque
from chronos_plugin.execution.targets.batch.wish import Wish
from chronos_plugin.execution.targets.toil import SYSTEMS, ToilTarget, dialect_class

FOLDER = Path("/work/run%3A1/step@0/try-1")


def job(**resources: Any) -> Job:
    return Job("chronos-0123456789abcdef0123", "swot.merge [3]", FOLDER, Resources(**resources))


def submission(system: str, wish: Wish | None = None, **resources: Any) -> Submission:
    dialect = dialect_class(system)(Commands({}))
    return dialect.submission(job(**resources), wish or Wish())


def test_slurm() -> None:
    wish = Wish.parse({"queue": "batch", "account": "swot", "qos": "urgent", "native": ["--nice=5"]})
    line = submission("slurm", wish, cores=2.5, ram=1000, time_limit=120).line
    assert line[0] == "sbatch"
    assert line[-1] == "--wrap=exec /bin/sh /work/run%3A1/step@0/try-1/job.sh"
    assert {
        "--partition=batch",
        "--account=swot",
        "--qos=urgent",
        "--nice=5",
        "--cpus-per-task=3",
        "--mem=1000",
        "--time=0:180",
        "--no-requeue",
        "--open-mode=append",
        "--comment=swot.merge [3]",
    } <= set(line)
    assert line[line.index("-J") + 1] == "swot.merge_3.chronos-0123456789abcdef0123"
    # Slurm replaces %3 and the like in names of files.
    assert line[line.index("-o") + 1] == "/work/run%%3A1/step@0/try-1/log.txt"
    assert "-e" not in line
    assert not any(part.startswith("--signal") for part in line)


def test_slurm_without_memory_requests() -> None:
    line = submission("slurm", Wish(request_memory=False), ram=1000).line
    assert not any(part.startswith("--mem") for part in line)


def test_slurm_gpus_go_to_a_partition_that_has_them() -> None:
    dialect = Slurm(Commands({}))
    dialect._partitions = partitions("batch*|(null)|infinite|1|8|1000\ngpu|gpu:2|1-00:00:00|1|8|1000\n")
    line = dialect.submission(job(gpus=2), Wish()).line
    assert {"--partition=gpu", "--gres=gpu:2"} <= set(line)
    dialect._partitions = dialect._partitions[:1]
    with pytest.raises(RuntimeError, match="GPUs"):
        dialect.submission(job(gpus=1), Wish())


def test_slurm_partition_by_time_limit_on_request_alone() -> None:
    dialect = Slurm(Commands({}))
    dialect._partitions = partitions("long*|(null)|infinite|1|8|1000\nshort|(null)|05:00|1|8|1000\n")
    limited = job(time_limit=60)
    assert "--partition=short" in dialect.submission(limited, Wish(choose_queue=True)).line
    assert not any(p.startswith("--partition") for p in dialect.submission(limited, Wish()).line)


def test_toil_itself_refuses_arguments_that_contradict_it() -> None:
    with pytest.raises(ValueError, match="--mem"):
        submission("slurm", Wish(native=("--mem=1G",)))


def test_grid_engine() -> None:
    wish = Wish.parse({"queue": "all.q", "project": "swot", "parallel_environment": "smp"})
    line = submission("grid_engine", wish, cores=4, ram=4096, gpus=1, time_limit=60).line
    text = " ".join(line)
    assert line[0] == "qsub"
    assert line[-2:] == ["/bin/sh", str(FOLDER / "job.sh")]
    assert "-pe smp 4" in text
    # A limit counts for each slot.
    assert "h_vmem=1048576K" in text
    assert "-q all.q -P swot -l h_rt=120 -l gpu=1" in text
    assert line[line.index("-o") + 1] == f":{FOLDER}/log.txt"
    with pytest.raises(ValueError, match="parallel_environment"):
        submission("grid_engine", cores=2)
    with pytest.raises(ValueError, match="qos"):
        submission("grid_engine", Wish(qos="high"))


@pytest.mark.parametrize(
    ("version", "asked"),
    [
        ("pro", "select=1:mem=2097152K:ncpus=2:ngpus=1"),
        ("oss", "mem=2097152K,nodes=1:ppn=2:gpus=1"),
    ],
)
def test_pbs_and_torque(version: str, asked: str) -> None:
    dialect = Torque(Commands({}))
    dialect._version = version
    done = dialect.submission(job(cores=2, ram=2048, gpus=1, time_limit=60), Wish(queue="batch"))
    assert asked in done.line
    assert "walltime=120" in done.line
    assert "CHRONOS_JOB=chronos-0123456789abcdef0123" in done.line
    assert len(done.line[done.line.index("-N") + 1]) <= 15
    assert done.text == f"exec /bin/sh {FOLDER}/job.sh >>{FOLDER}/log.txt 2>&1\n"


def test_lsf(monkeypatch: pytest.MonkeyPatch) -> None:
    # Toil asks LSF's own commands for its units.
    monkeypatch.setattr("toil.batchSystems.lsfHelper.get_lsf_units", lambda **_: "MB")
    monkeypatch.setattr("toil.batchSystems.lsf.per_core_reservation", lambda: False)
    wish = Wish.parse({"queue": "normal", "account": "swot", "qos": "gold"})
    line = submission("lsf", wish, cores=2, ram=100, gpus=1, time_limit=60).line
    text = " ".join(line)
    assert line[0] == "bsub"
    assert line[-1] == f"/bin/sh {FOLDER}/job.sh"
    assert "-q normal -P swot -sla gold -W 2 -gpu num=1" in text
    assert line[line.index("-J") + 1].endswith("chronos-0123456789abcdef0123")
    assert "-n 2" in text
    assert "-rn" in line


def test_htcondor_says_what_it_needs() -> None:
    pytest.importorskip("htcondor", reason="the bindings of HTCondor are not installed")
    done = submission("htcondor", Wish(account="swot"), cores=2, gpus=1, time_limit=60)
    assert done.line == ["condor_submit", "-terse", "-"]
    assert done.text is not None
    for line in (
        'MY.ChronosJob = "chronos-0123456789abcdef0123"',
        "request_gpus = 1",
        "accounting_group = swot",
        "allowed_execute_duration = 120",
        "getenv = False",
    ):
        assert line in done.text.splitlines()
    assert "leave_in_queue" not in done.text


@pytest.mark.parametrize(
    ("system", "printed", "native"),
    [
        ("slurm", "Submitted batch job 42\n", "42"),
        (
            "slurm",
            "sbatch: a notice of the site\nSubmitted batch job 42 on cluster x\n".replace(
                " on cluster x", ""
            ),
            "42",
        ),
        ("grid_engine", "42\n", "42"),
        ("torque", "42.server.example\n", "42.server.example"),
        ("lsf", "Job <42> is submitted to default queue <normal>.\n", "42"),
        ("htcondor", "42.0 - 42.0\n", "42"),
    ],
)
def test_native_ids(system: str, printed: str, native: str) -> None:
    from chronos_plugin.execution.targets.batch.commands import Answer

    dialect = dialect_class(system)(Commands({}))
    assert dialect.native_id(Answer(0, printed, "")) == native
    with pytest.raises((ValueError, IndexError)):
        dialect.native_id(Answer(0, "Queue is closed\n", ""))


def test_names_are_readable_and_unique() -> None:
    assert system_name(job()) == "swot.merge_3.chronos-0123456789abcdef0123"
    strange = Job("id-1", "…/[", FOLDER)
    assert system_name(strange) == "job.id-1"


def test_a_line_that_toil_builds_otherwise_is_noticed() -> None:
    with pytest.raises(ValueError, match="-J"):
        replaced(["sbatch"], "-J", "x")


@pytest.mark.parametrize("system", ["kubernetes", "mesos", "pbs", None])
def test_a_system_without_single_jobs_says_so(system: str | None) -> None:
    with pytest.raises(SettingInvalid, match="system ="):
        ToilTarget("x", {"system": system})


def test_every_system_can_be_held_and_suspended() -> None:
    for system in SYSTEMS:
        assert ToilTarget("x", {"system": system}).abilities == {"hold", "suspend"}


def test_wrong_options_of_a_target_name_it() -> None:
    with pytest.raises(SettingInvalid, match=r"target hpc: .*native"):
        ToilTarget("hpc", {"system": "slurm", "native": ["--wrap=x"]})
    with pytest.raises(SettingInvalid, match="parallel"):
        ToilTarget("hpc", {"system": "slurm", "parallel": 0})


def test_commands_get_nothing_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW__DATABASE__SQL_ALCHEMY_CONN", "postgresql://user:password@host/db")
    monkeypatch.setenv("SLURM_CONF", "/etc/slurm/slurm.conf")
    commands = Commands({"MINE": "1"})
    answer = asyncio.run(commands.run(["env"], submission=True))
    names = {line.partition("=")[0] for line in answer.out.splitlines()}
    assert {"SLURM_CONF", "MINE", "PATH"} <= names
    assert not any(name.startswith("AIRFLOW") for name in names)
    assert "LC_ALL" not in names
