"""What batch systems print, read as states."""

from __future__ import annotations

import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chronos_plugin.execution.targets.base import JobState
from chronos_plugin.execution.targets.batch import grid_engine_records, htcondor, lsf, slurm_records, torque

# sacct of Slurm 22.05, in the columns that are asked for.
SACCT = """\
1|COMPLETED|0:0|vm|1795578545|1795578545|1795578546|1|00:00.003||None
1.batch|COMPLETED|0:0|vm|1795578545|1795578545|1795578546|1|00:00.003|4696K|
2|FAILED|3:0|vm|1795578545|1795578547|1795578547|0|00:00.003||None
3|FAILED|0:9|vm|1795578545|1795578547|1795578550|3|00:00.001||None
3.batch|CANCELLED by 0|0:9|vm|1795578547|1795578547|1795578550|3|00:00.001|322036K|
5|CANCELLED by 0|0:0|None assigned|1795578545|None|1795578548|0|00:00:00||None
9|RUNNING|0:0|vm|1795578545|1795578554|Unknown|3|00:00:00||None
10|TIMEOUT|0:0|vm|1795578545|1795578554|1795578614|60|1-00:00:01||None
11|NODE_FAIL|1:0|vm|1795578545|1795578554|1795578614|60|00:00:01||None
12|OUT_OF_MEMORY|0:125|vm|1795578545|1795578554|1795578614|60|00:00:01||None
13|PREEMPTED|0:15|vm|1795578545|1795578554|1795578614|60|00:00:01||None
"""


def test_slurm_accounting() -> None:
    found = slurm_records.accounting(SACCT)
    assert {native: status.state for native, status in found.items()} == {
        "1": JobState.ENDED,
        "2": JobState.ENDED,
        "3": JobState.ENDED,
        "5": JobState.CANCELLED,
        "9": JobState.RUNNING,
        "10": JobState.ENDED,
        "11": JobState.ENDED,
        "12": JobState.ENDED,
        "13": JobState.ENDED,
    }
    first = found["1"]
    assert (first.exit_code, first.node, first.started_at) == (0, "vm", 1795578545.0)
    assert (first.usage.cpu_seconds, first.usage.max_rss, first.usage.wall_seconds) == (0.003, 4696 << 10, 1)
    assert found["3"].exit_code == -9
    # Slurm says 0:0 of jobs that never ran or were ended by it: that is no success.
    assert found["5"].exit_code is None
    assert found["10"].exit_code is None
    assert found["10"].usage.cpu_seconds == 86401
    assert "TIMEOUT" in found["10"].reason
    assert "OUT_OF_MEMORY" in found["12"].reason
    assert {n for n, s in found.items() if s.infrastructure} == {"11", "13"}


def test_slurm_queue() -> None:
    text = (
        "4|PENDING||1795578545|N/A|N/A|JobHeldUser\n"
        "6|PENDING||1795578545|1795579999|1795589999|Resources\n"
        "7|PENDING||1795578545|N/A|N/A|Nodes required for job are DOWN|or so\n"
        "3|SUSPENDED|vm|1795578545|1795578547|1827114547|None\n"
        "8|COMPLETING|vm|1795578545|1795578547|1795578548|None\n"
        "1|COMPLETED|vm|1795578545|1795578545|1795578546|None\n"
        "2|SOMETHING_NEW|vm|1795578545|1795578545|1795578546|None\n"
        "99|RUNNING|vm|1|1|1|None\n"
        "half a line\n"
    )
    found = slurm_records.queue(text, {"1", "2", "3", "4", "6", "7", "8"})
    assert {native: status.state for native, status in found.items()} == {
        "1": JobState.ENDED,
        "2": JobState.UNKNOWN,
        "3": JobState.SUSPENDED,
        "4": JobState.HELD,
        "6": JobState.QUEUED,
        "7": JobState.QUEUED,
        "8": JobState.RUNNING,
    }
    # A waiting job's start is a guess of Slurm's.
    assert found["6"].started_at is None
    assert found["6"].reason == "Resources"
    assert found["7"].reason == "Nodes required for job are DOWN|or so"


@given(st.text())
def test_slurm_output_that_is_none_of_its_own_is_survived(text: str) -> None:
    slurm_records.accounting(text)
    slurm_records.queue(text, {text})
    slurm_records.partitions(text)
    slurm_records.size(text)
    slurm_records.exit_code(text)


@given(st.integers(0, 10**7))
def test_slurm_durations(total: int) -> None:
    minutes, seconds = divmod(total, 60)
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    assert slurm_records.duration(f"{days}-{hours:02}:{minutes:02}:{seconds:02}") == total
    assert slurm_records.duration(f"{total // 60:02}:{seconds:02}") == total


QACCT = """\
==============================================================
qname        batch
hostname     vm
jobname      k1
jobnumber    4
qsub_time    Wed Nov 25 03:53:52 2026
start_time   {start}
end_time     {end}
failed       {failed}
exit_status  {code}
ru_wallclock 5s
ru_utime     0.002s
ru_maxrss    4.500KB
cpu          0.011s
maxvmem      3.434MB
"""
TIMES = {"start": "Wed Nov 25 03:53:52 2026", "end": "Wed Nov 25 03:53:57 2026"}


@pytest.mark.parametrize(
    ("fields", "code", "infrastructure"),
    [
        ({"failed": "0", "code": "0", **TIMES}, 0, False),
        ({"failed": "0", "code": "3", **TIMES}, 3, False),
        ({"failed": "37  : qmaster enforced h_rt limit", "code": "137  (Killed)", **TIMES}, -9, False),
        ({"failed": "100 : assumedly after job", "code": "0", **TIMES}, None, False),
        (
            {"failed": "28  : changing into working directory", "code": "0", "start": "-/-", "end": "-/-"},
            None,
            True,
        ),
    ],
)
def test_grid_engine_accounting(fields: dict[str, str], code: int | None, infrastructure: bool) -> None:
    record = grid_engine_records.accounting(QACCT.format(**fields))
    assert record is not None
    assert record.native == "4"
    status = record.status
    assert status.state is JobState.ENDED
    assert (status.exit_code, status.infrastructure) == (code, infrastructure)
    assert status.usage.cpu_seconds == 0.011
    # 4608 KiB, which Grid Engine prints as if they were bytes.
    assert status.usage.max_rss == 4608 * 1024
    if "Nov" in fields["start"]:
        assert status.ended_at == time.mktime((2026, 11, 25, 3, 53, 57, 0, 0, -1))


def test_grid_engine_accounting_of_several_is_that_of_the_last() -> None:
    text = QACCT.format(failed="0", code="1", **TIMES) + QACCT.format(failed="0", code="2", **TIMES)
    record = grid_engine_records.accounting(text)
    assert record is not None
    assert record.status.exit_code == 2
    assert grid_engine_records.accounting("error: job id 4 not found") is None


@pytest.mark.parametrize(
    ("word", "state"),
    [
        ("qw", JobState.QUEUED),
        ("hqw", JobState.HELD),
        ("hr", JobState.RUNNING),
        ("r", JobState.RUNNING),
        ("t", JobState.RUNNING),
        ("dr", JobState.RUNNING),
        ("s", JobState.SUSPENDED),
        ("S", JobState.SUSPENDED),
        ("?", JobState.UNKNOWN),
    ],
)
def test_grid_engine_states(word: str, state: JobState) -> None:
    text = (
        "<job_info><queue_info><job_list><JB_job_number>7</JB_job_number><JB_name>n</JB_name>"
        f"<state>{word}</state></job_list></queue_info></job_info>"
    )
    entry = grid_engine_records.queue(text)["7"]
    assert (entry.name, entry.status.state, entry.status.native_state) == ("n", state, word)


# qstat -x -f of PBS Professional (its reference guide), shortened.
QSTAT = """\
Job Id: 42.server
    Job_Name = merge
    resources_used.cput = 00:01:02
    resources_used.mem = 2048kb
    resources_used.walltime = 00:02:00
    job_state = F
    exec_host = node7/0*2
    comment = Job run at Wed Nov 25 at 03:53 on (node7:ncpus=2) and finis
\thed
    Exit_status = {code}
    Variable_List = PBS_O_HOME=/home/x,CHRONOS_JOB=chronos-1,PBS_O_LANG=C
    qtime = Wed Nov 25 03:53:52 2026
    stime = Wed Nov 25 03:53:53 2026
    mtime = Wed Nov 25 03:55:53 2026

Job Id: 43.server
    Job_Name = other
    job_state = H
"""


@pytest.mark.parametrize(
    ("code", "state", "exit_code", "infrastructure"),
    [
        (0, JobState.ENDED, 0, False),
        (3, JobState.ENDED, 3, False),
        (137, JobState.ENDED, -9, False),
        (265, JobState.ENDED, -9, False),
        (271, JobState.CANCELLED, -15, False),
        (-3, JobState.ENDED, None, True),
    ],
)
def test_pbs(code: int, state: JobState, exit_code: int | None, infrastructure: bool) -> None:
    jobs = torque.parse(QSTAT.format(code=code))
    status = torque.status(jobs["42.server"])
    assert (status.state, status.exit_code, status.infrastructure) == (state, exit_code, infrastructure)
    assert (status.usage.cpu_seconds, status.usage.max_rss, status.usage.wall_seconds) == (62, 2 << 20, 120)
    assert status.node == "node7"
    assert status.reason.endswith("and finished")
    assert torque.status(jobs["43.server"]).state is JobState.HELD


@given(st.text(alphabet="Job Id:=\t\n 4.xS"))
def test_pbs_output_that_is_none_of_its_own_is_survived(text: str) -> None:
    for fields in torque.parse(text).values():
        torque.status(fields)


@pytest.mark.parametrize(
    ("record", "state", "code"),
    [
        ({"STAT": "PEND", "PEND_REASON": "Not enough slots;"}, JobState.QUEUED, None),
        ({"STAT": "PSUSP"}, JobState.HELD, None),
        ({"STAT": "USUSP"}, JobState.SUSPENDED, None),
        ({"STAT": "DONE", "EXIT_CODE": ""}, JobState.ENDED, 0),
        ({"STAT": "EXIT", "EXIT_CODE": "3"}, JobState.ENDED, 3),
        ({"STAT": "EXIT", "EXIT_CODE": "137"}, JobState.ENDED, -9),
        (
            {"STAT": "EXIT", "EXIT_CODE": "130", "EXIT_REASON": "TERM_OWNER: job killed by owner"},
            JobState.CANCELLED,
            -2,
        ),
        ({}, JobState.UNKNOWN, None),
    ],
)
def test_lsf(record: dict[str, Any], state: JobState, code: int | None) -> None:
    status = lsf.status(
        {
            **record,
            "CPU_USED": "3.4 second(s)",
            "MAX_MEM": "12 Mbytes",
            "RUN_TIME": "10 second(s)",
            "EXEC_HOST": "2*n7:n8",
        }
    )
    assert (status.state, status.exit_code, status.node) == (state, code, "n7")
    if state.final:
        assert (status.usage.cpu_seconds, status.usage.max_rss, status.usage.wall_seconds) == (
            3.4,
            12 << 20,
            10,
        )


@pytest.mark.parametrize(
    ("ad", "state", "code"),
    [
        ({"JobStatus": 1}, JobState.QUEUED, None),
        ({"JobStatus": 5, "HoldReason": "via condor_hold"}, JobState.HELD, None),
        ({"JobStatus": 7}, JobState.SUSPENDED, None),
        ({"JobStatus": 3, "RemoveReason": "via condor_rm"}, JobState.CANCELLED, None),
        ({"JobStatus": 4, "ExitBySignal": False, "ExitCode": 3}, JobState.ENDED, 3),
        ({"JobStatus": 4, "ExitBySignal": True, "ExitSignal": 9}, JobState.ENDED, -9),
        ({}, JobState.UNKNOWN, None),
    ],
)
def test_htcondor(ad: dict[str, Any], state: JobState, code: int | None) -> None:
    status = htcondor.status({**ad, "ResidentSetSize_RAW": 2048, "LastRemoteHost": "slot1@n7"})
    assert (status.state, status.exit_code, status.node) == (state, code, "n7")
    if state.final:
        assert status.usage.max_rss == 2 << 20
