"""Targets files and bindings files: what they mean, and what is said of mistakes."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from chronos_plugin.errors import SettingInvalid
from chronos_plugin.execution.bindings import document, schema
from chronos_plugin.execution.bindings.document import Burst, Condition, beside, deployment

BROKEN: list[dict[str, str]] = yaml.safe_load((Path(__file__).parent / "broken.yaml").read_text())

WHOLE = """\
targets:
  hpc:
    kind: local
    description: The cluster
    max_in_flight: 50
    submit_rate: 2
    poll_interval: 10
    container_engine: singularity
    options: {caps: none}
bindings:
  - workflow: ["swot*", "level2.?"]
    step: grid/*
    needs: {cores: ">= 8", ram: 4096, time: "< 3600"}
    label: heavy
    target: hpc
    options: {queue: long}
    burst: {to: worker, when_waiting: 30, options: {x: 1}}
  - target: local
"""


def broken(case: dict[str, str], folder: Path) -> str:
    """Return what is said of a broken file."""
    file = folder / ("targets.yaml" if case["kind"] == "whole" else "doc.targets.yaml")
    file.write_text(case["text"].replace("<TAB>", "\t"))
    targets = deployment(folder / "none.yaml").targets
    with pytest.raises(SettingInvalid) as caught:
        _ = deployment(file) if case["kind"] == "whole" else beside(folder / "doc.cwl", targets)
    message = str(caught.value)
    assert message.startswith(f"{file}:"), message
    return message.removeprefix(f"{file}:")


@pytest.mark.parametrize("case", BROKEN, ids=lambda case: case["name"])
def test_mistake_is_one_message_with_its_place(case: dict[str, str], tmp_path: Path) -> None:
    said = broken(case, tmp_path)
    assert said == case["message"]


def test_all_fields(tmp_path: Path) -> None:
    file = tmp_path / "targets.yaml"
    file.write_text(WHOLE)
    found = deployment(file)
    hpc = found.targets["hpc"]
    assert (hpc.kind, hpc.max_in_flight, hpc.submit_rate, hpc.poll_interval) == ("local", 50, 2, 10)
    assert (hpc.container_engine, hpc.options) == ("singularity", {"caps": "none"})
    first, second = found.bindings
    assert first.workflow == ("swot*", "level2.?")
    assert (first.step, first.label) == (("grid/*",), ("heavy",))
    assert first.needs == {
        "cores": Condition(">=", 8),
        "ram": Condition(">=", 4096),
        "time": Condition("<", 3600),
    }
    assert first.burst == Burst("worker", 1800, {"x": 1})
    assert str(first.location) == f"{file}:11:5"
    assert not first.default
    assert second.default
    assert str(second.location) == f"{file}:18:5"


def test_built_in_targets_are_there_without_a_file(tmp_path: Path) -> None:
    targets = deployment(tmp_path / "none.yaml").targets
    assert set(targets) == {"worker", "local"}
    assert targets["local"].max_cores == float(os.cpu_count() or 1)


def test_built_in_local_can_be_replaced(tmp_path: Path) -> None:
    file = tmp_path / "targets.yaml"
    file.write_text("targets: {local: {kind: container, max_cores: 2}}\n")
    assert deployment(file).targets["local"].kind == "container"


def test_empty_file_is_no_mistake(tmp_path: Path) -> None:
    file = tmp_path / "targets.yaml"
    file.write_text("# nothing yet\n")
    assert deployment(file).bindings == ()


def test_changed_file_is_read_anew(tmp_path: Path) -> None:
    file = tmp_path / "targets.yaml"
    file.write_text("targets: {a: {kind: local}}\n")
    assert "a" in deployment(file).targets
    file.write_text("targets: {bb: {kind: local}}\n")
    assert set(deployment(file).targets) == {"worker", "local", "bb"}


def test_schemas_are_schemas() -> None:
    for one in (schema.TARGETS_FILE, schema.BINDINGS_FILE):
        Draft202012Validator.check_schema(one)
        assert json.loads(json.dumps(one)) == one
    assert not list(Draft202012Validator(schema.TARGETS_FILE).iter_errors(yaml.safe_load(WHOLE)))


@given(
    sign=st.sampled_from(["", ">=", "<=", ">", "<", "="]),
    bound=st.integers(0, 10000) | st.floats(0, 1e6, allow_nan=False).map(lambda f: round(f, 3)),
    value=st.floats(0, 1e6),
)
def test_conditions(sign: str, bound: Any, value: float) -> None:
    text = f"{sign} {bound}"
    condition = document._condition(text if "e" not in text else bound)
    assert condition.comparison == (sign or ">=") or "e" in text
    expected = {
        ">=": value >= bound,
        "<=": value <= bound,
        ">": value > bound,
        "<": value < bound,
        "=": value == bound,
    }
    assert condition.holds(value) == expected[condition.comparison]
