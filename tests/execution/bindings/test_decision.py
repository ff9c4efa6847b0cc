"""Rules, wishes and orders: which one says where a step runs."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from chronos_plugin.errors import InputInvalid
from chronos_plugin.execution.bindings.decision import Placement, StepFacts, decide
from chronos_plugin.execution.bindings.document import TargetsFile, beside, deployment

NEEDS = {"cores": 4.0, "ram": 2048.0, "gpus": 0.0, "time": math.inf}


def targets(folder: Path, rules: str = "") -> TargetsFile:
    file = folder / "targets.yaml"
    names = "targets: {hpc: {kind: local}, cloud: {kind: local}, big: {kind: local}}\n"
    file.write_text(f"{names}bindings:\n{rules}" if rules else names)
    return deployment(file)


def facts(**how: Any) -> StepFacts:
    return StepFacts(**{"workflow": "swot.l2", "step": "grid/make", "needs": lambda: NEEDS, **how})


def at(placement: Placement) -> tuple[str, str]:
    return placement.target, placement.why.rpartition("/")[2]


@pytest.mark.parametrize(
    ("rule", "holds"),
    [
        ("workflow: swot.*", True),
        ("workflow: swot", False),
        ("workflow: [other, 'swot.l?']", True),
        ("workflow: SWOT.*", False),
        ("step: grid/make", True),
        ("step: grid/*", True),
        ("step: make", False),
        ("step: '*'", True),
        ("label: heavy", True),
        ("label: he*", True),
        ("label: [light, none]", False),
        ("needs: {cores: 4}", True),
        ("needs: {cores: '> 4'}", False),
        ("needs: {cores: 2, ram: '>= 4096'}", False),
        ("needs: {time: '> 86400'}", True),
        ("needs: {time: '< 3600'}", False),
        ("needs: {gpus: 1}", False),
        ("needs: {gpus: '= 0'}", True),
        ("workflow: swot.*\n    step: other", False),
        ("workflow: swot.*\n    step: grid/*\n    needs: {ram: 1}\n    label: heavy", True),
    ],
)
def test_conditions_of_a_rule(tmp_path: Path, rule: str, holds: bool) -> None:
    found = targets(tmp_path, f"  - target: hpc\n    {rule}\n")
    assert decide(facts(labels=frozenset({"heavy"})), found).target == ("hpc" if holds else "worker")


def test_needs_are_evaluated_only_if_a_rule_asks(tmp_path: Path) -> None:
    def needs() -> Mapping[str, float]:
        raise AssertionError("evaluated")

    found = targets(
        tmp_path, "  - {step: other, needs: {cores: 4}, target: big}\n  - {step: 'grid/*', target: hpc}\n"
    )
    assert decide(facts(needs=needs), found).target == "hpc"
    with pytest.raises(AssertionError):
        decide(facts(needs=needs, step="other"), found)


def test_order_of_rules(tmp_path: Path) -> None:
    found = targets(
        tmp_path, "  - {target: big}\n  - {step: 'grid/*', target: hpc}\n  - {step: '*', target: cloud}\n"
    )
    # The first whose conditions hold; one without conditions comes last, wherever it stands.
    assert at(decide(facts(), found)) == ("hpc", "targets.yaml:4:5")
    assert decide(facts(step="x"), found).target == "cloud"
    (tmp_path / "doc.targets.yaml").write_text(
        "bindings:\n  - {step: '*/make', target: cloud}\n  - {target: local}\n"
    )
    own = beside(tmp_path / "doc.cwl", found.targets)
    assert at(decide(facts(), found, own)) == ("cloud", "doc.targets.yaml:2:5")
    defaults = targets(tmp_path, "  - {target: big}\n")
    assert at(decide(facts(step="x"), defaults, own)) == ("local", "doc.targets.yaml:3:5")


def test_wish_stands_between_rules_and_defaults(tmp_path: Path) -> None:
    default = targets(tmp_path, "  - {target: big}\n")
    assert decide(facts(wish="cloud"), default).target == "cloud"
    assert "wish" in decide(facts(wish="cloud"), default).why
    # A wish for what the deployment does not have is no mistake of the deployment.
    assert decide(facts(wish="elsewhere"), default).target == "big"
    rule = targets(tmp_path, "  - {step: 'grid/*', target: hpc}\n  - {target: local}\n")
    assert decide(facts(wish="cloud"), rule).target == "hpc"


@pytest.mark.parametrize(
    ("override", "expected"),
    [
        (None, "hpc"),
        ("", "hpc"),
        ("cloud", "cloud"),
        ("worker", "worker"),
        ({"grid/*": "cloud"}, "cloud"),
        ({"other": "cloud"}, "hpc"),
        ({"grid/make": "big", "*": "cloud"}, "big"),
    ],
)
def test_order_of_the_run(tmp_path: Path, override: Any, expected: str) -> None:
    found = targets(tmp_path, "  - {step: 'grid/*', target: hpc}\n")
    placement = decide(facts(wish="big"), found, (), override)
    assert placement.target == expected
    assert placement.here == (expected == "worker")


def test_order_for_a_target_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(InputInvalid, match=r"no target 'moon'; there are: big, cloud, hpc, local, worker"):
        decide(facts(), targets(tmp_path), (), "moon")


@pytest.mark.parametrize("order", [5, ["hpc"], {"grid/*": {"target": "hpc"}}])
def test_order_that_is_none(tmp_path: Path, order: Any) -> None:
    with pytest.raises(InputInvalid, match="chronos:target: write the name of a target"):
        decide(facts(), targets(tmp_path), (), order)


@pytest.mark.parametrize(
    ("waiting", "expected"), [(None, "hpc"), (0.0, "hpc"), (1800.0, "hpc"), (1801.0, "cloud")]
)
def test_burst(tmp_path: Path, waiting: float | None, expected: str) -> None:
    rule = (
        "  - {target: hpc, options: {queue: q}, burst: {to: cloud, when_waiting: 30, options: {size: xl}}}\n"
    )
    asked = []

    def ask(name: str) -> float | None:
        asked.append(name)
        return waiting

    placement = decide(facts(), targets(tmp_path, rule), waiting=ask)
    assert (placement.target, asked) == (expected, ["hpc"])
    assert placement.options == ({"size": "xl"} if expected == "cloud" else {"queue": "q"})
    assert ("30 min; burst" in placement.why) == (expected == "cloud")


def test_options_and_delegation_come_with_the_rule(tmp_path: Path) -> None:
    placement = decide(facts(), targets(tmp_path, "  - {target: hpc, options: {a: 1}, delegate: true}\n"))
    assert (placement.options, placement.delegate) == ({"a": 1}, True)
