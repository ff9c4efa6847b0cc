"""Options of a binding for a batch system: what is taken, what is refused."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chronos_plugin.errors import SettingInvalid
from chronos_plugin.execution.targets.batch.grid_engine import GridEngine
from chronos_plugin.execution.targets.batch.slurm import Slurm
from chronos_plugin.execution.targets.batch.wish import Wish, environment, seconds


def test_options_of_all_kinds_are_taken() -> None:
    wish = Wish.parse(
        {
            "queue": "batch",
            "account": "swot",
            "time_limit": "1-02:00:00",
            "native": ["--exclusive", "-C", "haswell", "--nice=10"],
            "request_memory": False,
        },
        Slurm.refused,
    )
    assert (wish.queue, wish.account, wish.time_limit) == ("batch", "swot", 93600.0)
    assert wish.native == ("--exclusive", "-C", "haswell", "--nice=10")
    assert not wish.request_memory


@pytest.mark.parametrize(
    ("options", "named"),
    [
        ({"partition": "batch"}, "partition"),
        ({"queue": "batch; rm -rf /"}, "queue"),
        ({"queue": "--uid=0"}, "queue"),
        ({"queue": ["a"]}, "queue"),
        ({"time_limit": "an hour"}, "time_limit"),
        ({"time_limit": True}, "time_limit"),
        ({"request_memory": "yes"}, "request_memory"),
        ({"native": "--exclusive"}, "native"),
        ({"native": ["--nice=1\n--uid=0"]}, "line break"),
        ({"native": ["/bin/evil"]}, "no option"),
        ({"native": ["--nice=1", "/bin/evil"]}, "no option"),
        ({"native": ["-C", "haswell", "/bin/evil"]}, "no option"),
        ({"native": ["--wrap=true"]}, "--wrap"),
        ({"native": ["--output", "x"]}, "--output"),
        ({"native": ["-Jname"]}, "-Jname"),
        ({"native": ["-o", "x"]}, "-o"),
    ],
)
def test_what_would_break_a_job_is_refused_by_name(options: dict[str, Any], named: str) -> None:
    with pytest.raises(SettingInvalid, match=named):
        Wish.parse(options, Slurm.refused)


def test_where_options_are_words_only_whole_words_are_refused() -> None:
    assert Wish.parse({"native": ["-notify", "-l", "arch=x"]}, GridEngine.refused).native
    with pytest.raises(SettingInvalid, match="-now"):
        Wish.parse({"native": ["-now", "y"]}, GridEngine.refused)


def test_the_limit_of_the_document_counts_before_the_bindings() -> None:
    wish = Wish.parse({"time_limit": 3600, "time_margin": 30})
    assert wish.limit(100) == 130
    assert wish.limit(None) == wish.limit(0) == 3600
    assert Wish().limit(None) is None


@given(st.integers(0, 99), st.integers(0, 23), st.integers(0, 59), st.integers(0, 59))
def test_durations_are_read_as_batch_systems_write_them(d: int, h: int, m: int, s: int) -> None:
    total = ((d * 24 + h) * 60 + m) * 60 + s
    assert seconds("t", f"{d}-{h:02}:{m:02}:{s:02}") == total
    assert seconds("t", total) == total


@pytest.mark.parametrize("value", ["PATH=x", {"A B": "x"}, {"A": 1}, {"A;": "x"}])
def test_environment_is_a_mapping_of_texts(value: Any) -> None:
    with pytest.raises(SettingInvalid, match="environment"):
        environment(value)
