"""Job folders: what is written is what is read, by whichever process."""

from __future__ import annotations

import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chronos_plugin.errors import RunFailed
from chronos_plugin.execution.targets.base import Job, JobState, JobStatus, Resources, Usage
from chronos_plugin.execution.targets.folder import Exit, JobFolder, _times, completed

# Python's stand-ins for bytes that are no text are among what file names and variables hold.
TEXT = st.text(max_size=20) | st.binary(max_size=6).map(lambda b: b.decode(errors="surrogateescape"))
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=8,
)
NUMBERS = st.floats(min_value=0, max_value=1e9)
RESOURCES = st.builds(
    Resources,
    cores=NUMBERS,
    ram=NUMBERS,
    gpus=st.integers(0, 8),
    time_limit=st.none() | NUMBERS,
)
USAGE = st.builds(
    Usage,
    cpu_seconds=st.none() | NUMBERS,
    max_rss=st.none() | st.integers(0, 1 << 40),
    wall_seconds=st.none() | NUMBERS,
)
STATUS = st.builds(
    JobStatus,
    state=st.sampled_from(JobState),
    reason=TEXT,
    node=TEXT,
    exit_code=st.none() | st.integers(-64, 255),
    infrastructure=st.booleans(),
    started_at=st.none() | NUMBERS,
    usage=USAGE,
)


@given(
    name=TEXT,
    resources=RESOURCES,
    options=st.dictionaries(TEXT, JSON, max_size=3),
    image=st.none() | TEXT,
    labels=st.dictionaries(TEXT, TEXT, max_size=2),
    record=st.dictionaries(TEXT, JSON, max_size=3),
    script=TEXT.filter(lambda t: "\r" not in t),
)
def test_job_round_trip(
    name: str,
    resources: Resources,
    options: dict[str, Any],
    image: str | None,
    labels: dict[str, str],
    record: dict[str, Any],
    script: str,
) -> None:
    with tempfile.TemporaryDirectory() as root:
        folder = JobFolder(Path(root))
        assert not folder.prepared
        job = Job("chronos-1", name, Path(root), resources, options, image, labels)
        try:
            script.encode(errors="surrogateescape")
        except UnicodeEncodeError:
            script = ""
        folder.write_job(job, "slurm", script, record)
        assert JobFolder(Path(root)).job() == (job, "slurm", record)
        assert folder.prepared
        assert folder.open
        # It may hold what only its user is to read.
        assert (folder.path / "job.sh").stat().st_mode & 0o777 == 0o700
        assert (folder.path / "job.sh").read_bytes() == script.encode(errors="surrogateescape")


@given(status=STATUS)
def test_status_round_trip(status: JobStatus) -> None:
    with tempfile.TemporaryDirectory() as root:
        folder = JobFolder(Path(root))
        assert folder.status() is None
        folder.write_status(status)
        assert folder.status() == status


def test_no_job(tmp_path: Path) -> None:
    folder = JobFolder(tmp_path / "gone")
    assert not folder.open
    assert (
        folder.submission() is folder.exit() is folder.started() is folder.wish() is folder.outcome() is None
    )
    with pytest.raises(RunFailed, match="have been removed"):
        folder.job()


def test_submission_wishes_and_outcome(tmp_path: Path) -> None:
    folder = JobFolder(tmp_path)
    folder.write_submission("submitting")
    assert (folder.submission() or {})["native"] is None
    folder.write_submission("submitted", "17")
    assert {k: v for k, v in (folder.submission() or {}).items() if k != "at"} == {
        "state": "submitted",
        "native": "17",
    }
    folder.write_wish("hold", "ann")
    folder.write_wish("release", "ann")
    assert folder.wish() == "release"
    with pytest.raises(ValueError, match="hold, release, suspend, resume, cancel"):
        folder.write_wish("restart")
    folder.conclude("failed", message="bad", exit_code=3)
    outcome = folder.outcome() or {}
    assert (outcome["outcome"], outcome["message"], outcome["exit_code"]) == ("failed", "bad", 3)
    # Nothing is left of how files are replaced.
    assert sorted(p.name for p in tmp_path.iterdir()) == ["outcome.json", "submission.json", "wish.json"]


def test_exit_of_a_shell_without_fractions_or_times(tmp_path: Path) -> None:
    (tmp_path / "exit.json").write_text(
        '{"exit_code": 3, "timed_out": false, "node": "n", "started": 5, "ended": 7, "cpu": "", "memory": null}'
    )
    ended = JobFolder(tmp_path).exit()
    assert ended == Exit(3, node="n", started=5, ended=7)
    assert ended.usage == Usage(wall_seconds=2)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("0m0.140s 0m0.010s", 0.15), ("1m2.5s 0m0s", 62.5), ("", None), ("what", None)],
)
def test_times_of_shells(text: str, seconds: float | None) -> None:
    assert _times(text) == (pytest.approx(seconds) if seconds is not None else None)


def test_what_the_target_does_not_know_the_shell_does() -> None:
    status = JobStatus(JobState.ENDED, node="seen", usage=Usage(max_rss=5, wall_seconds=99))
    ended = Exit(3, node="own", started=10, ended=12, cpu_seconds=1.5, memory=7)
    assert completed(status, None) == status
    both = completed(status, ended)
    assert both == replace(
        status,
        exit_code=3,
        started_at=10,
        ended_at=12,
        usage=Usage(cpu_seconds=1.5, max_rss=5, wall_seconds=2),
    )


def test_image_as_the_node_has_it(tmp_path: Path) -> None:
    folder = JobFolder(tmp_path)
    assert folder.image() == {}
    (tmp_path / "image.txt").write_text('["debian@sha256:1"] sha256:2\n')
    assert folder.image() == {"id": "sha256:2", "digests": ["debian@sha256:1"]}
    (tmp_path / "image.txt").write_text("")
    assert folder.image() == {}
