"""Toil's message bus: recorded files of Toil 9.6, and anything else that may stand in one."""

from __future__ import annotations

import itertools
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chronos_plugin.execution.delegation.bus import BusReader, InnerState, _decode, log_files

DATA = Path(__file__).parent / "data"
TOOL = "kind-CWLJob/instance-fum2pzqe"


def reader(file: Path) -> BusReader:
    ticks = itertools.count()
    return BusReader(file, clock=lambda: float(next(ticks)))


def test_a_failed_run_in_slurm() -> None:
    bus = reader(DATA / "slurm-failed.bus")
    changed = {job.id: job for job in bus.read()}
    assert changed == bus.jobs
    tools = [job for job in bus.jobs.values() if job.is_tool]
    assert [(j.name, j.state, j.batch_id, j.exit_code, j.given_up) for j in tools] == [
        ("fail.cwl.1", InnerState.SUCCEEDED, "29", 0, False),
        ("fail.cwl.0", InnerState.SUCCEEDED, "30", 0, False),
        ("fail.cwl.count", InnerState.FAILED, "31", 1, True),
    ]
    assert {j.batch_system for j in tools} == {"SlurmBatchSystem"}
    # What is above a failed job has itself succeeded.
    assert {j.state for j in bus.jobs.values() if not j.is_tool} == {InnerState.SUCCEEDED}
    failed = bus.jobs[TOOL]
    assert failed.issued_at is not None
    assert failed.ended_at is not None
    assert failed.issued_at < failed.ended_at
    assert bus.read() == []


def test_a_restart_goes_on_with_the_same_ids() -> None:
    bus = reader(DATA / "slurm-restarted.bus")
    bus.read()
    assert bus.jobs[TOOL].state is InnerState.SUCCEEDED
    assert bus.jobs[TOOL].batch_id == "32"


def test_on_a_single_machine_messages_come_in_another_order() -> None:
    bus = reader(DATA / "single-machine.bus")
    bus.read()
    assert [(j.name, j.batch_id) for j in bus.jobs.values() if j.is_tool] == [
        ("wf.cwl.0.saytool", "20388"),
        ("wf.cwl.1.saytool", "20390"),
        ("wf.cwl.count", "20533"),
    ]


@pytest.mark.parametrize("name", ["slurm-failed.bus", "single-machine.bus"])
def test_read_in_pieces_it_says_the_same(tmp_path: Path, name: str) -> None:
    text = (DATA / name).read_bytes()
    whole = reader(DATA / name)
    whole.read()
    growing = tmp_path / "bus"
    bus = reader(growing)
    assert bus.read() == []
    for end in range(0, len(text) + 1, 7):
        growing.write_bytes(text[:end])
        bus.read()
    growing.write_bytes(text)
    bus.read()
    assert bus.jobs == whole.jobs


def test_a_job_that_is_tried_again(tmp_path: Path) -> None:
    file = tmp_path / "bus"
    file.write_text(
        "toil.bus.JobIssuedMessage\ta\tkind-CWLJob/i\t1\n"
        "toil.bus.JobCompletedMessage\ta\tkind-CWLJob/i\t7\n"
        "toil.bus.ExternalBatchIdMessage\t2\t99\tSlurmBatchSystem\n"
        "toil.bus.JobIssuedMessage\ta\tkind-CWLJob/i\t2\n"
    )
    bus = reader(file)
    bus.read()
    job = bus.jobs["kind-CWLJob/i"]
    assert (job.tries, job.state, job.exit_code, job.batch_id) == (2, InnerState.ISSUED, None, "99")
    with open(file, "a") as stream:
        stream.write("toil.bus.JobMissingMessage\tkind-CWLJob/i\n")
    assert [j.state for j in bus.read()] == [InnerState.MISSING]


def test_names_are_unescaped(tmp_path: Path) -> None:
    file = tmp_path / "bus"
    file.write_bytes(b"toil.bus.JobIssuedMessage\tcaf\\xe9\\tname\tkind-CWLJob/i\t1\n")
    bus = reader(file)
    bus.read()
    assert bus.jobs["kind-CWLJob/i"].name == "café\tname"


words = st.sampled_from(
    [
        "toil.bus.JobIssuedMessage",
        "toil.bus.JobCompletedMessage",
        "toil.bus.ExternalBatchIdMessage",
        "toil.bus.JobFailedMessage",
        "toil.bus.JobMissingMessage",
        "kind-CWLJob/i",
        "1",
        "-1",
        "\\x",
        "\\8",
        "²",
    ]
)


@given(st.text())
def test_texts_are_read_as_toil_escapes_them(text: str) -> None:
    assert _decode(text.encode("unicode_escape")) == text


@given(st.lists(st.lists(words | st.text(max_size=5), max_size=6), max_size=20))
def test_anything_else_is_survived(tmp_path_factory: pytest.TempPathFactory, lines: list[list[str]]) -> None:
    file = tmp_path_factory.mktemp("bus") / "bus"
    file.write_bytes("\n".join("\t".join(line) for line in lines).encode(errors="replace"))
    reader(file).read()


def test_logs_are_found_by_name(tmp_path: Path) -> None:
    bus = reader(DATA / "slurm-failed.bus")
    bus.read()
    stem = "fail.cwl.count._:aa03aa94--8301--4dc7--8540--2036f170d1d8"
    ours = [f"failed_CWLJob_{stem}_000.log", f"CWLJob_{stem}_000.log", f"{stem}.stderr_001.log"]
    for name in [*ours, f"CWLJob_{stem}x_000.log", "CWLJob_fail.cwl.0_000.log"]:
        (tmp_path / name).touch()
    assert {path.name for path in bus.jobs[TOOL].logs(log_files(tmp_path))} == set(ours)
