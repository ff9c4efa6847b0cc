"""The policy of elastic clusters: its promises hold in every situation, and a simulated centre comes to rest."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chronos_plugin.execution.cloud.elastic import (
    Create,
    Delete,
    Expand,
    NodeLoad,
    Policy,
    Shrink,
    Situation,
    decide,
    limit_reached,
    nodes_wanted,
)

NOW = 1_000_000.0


@st.composite
def policies(draw: st.DrawFn) -> Policy:
    least = draw(st.integers(0, 4))
    return Policy(
        min_nodes=least,
        max_nodes=draw(st.integers(max(1, least), 8)),
        node_cores=draw(st.sampled_from([0.5, 1.0, 2.0, 8.0])),
        idle_seconds=draw(st.sampled_from([0.0, 60.0, 600.0])),
        lifetime_seconds=draw(st.sampled_from([0.0, 3600.0])),
        cost_cap=draw(st.sampled_from([0.0, 10.0])),
        drain_seconds=draw(st.sampled_from([0.0, 300.0])),
    )


@st.composite
def situations(draw: st.DrawFn) -> Situation:
    moment = st.floats(NOW - 10_000, NOW)
    nodes = [
        NodeLoad(f"n{number}", cores, None if cores else draw(moment))
        for number, cores in enumerate(draw(st.lists(st.sampled_from([0.0, 0.0, 0.5, 1.0]), max_size=8)))
    ]
    queued = draw(st.sampled_from([0.0, 0.0, 0.5, 3.0, 100.0]))
    busy = queued > 0 or any(node.cores for node in nodes)
    return Situation(
        now=NOW,
        cluster=draw(st.sampled_from(["absent", "pending", "ready", "ready", "ready", "stopped", "failed"])),
        nodes=nodes,
        queued_cores=queued,
        opened_at=draw(st.none() | moment),
        idle_since=None if busy else draw(moment),
        spent=draw(st.sampled_from([0.0, 9.9, 10.0, 50.0])),
        capped_since=draw(st.none() | moment),
    )


@given(policies(), situations())
def test_the_limits_hold(policy: Policy, situation: Situation) -> None:
    action = decide(policy, situation)
    limited = bool(limit_reached(policy, situation))
    match action:
        case Create(nodes):
            assert situation.cluster == "absent"
            assert situation.queued_cores > 0
            assert 1 <= nodes <= policy.max_nodes
            assert nodes >= policy.min_nodes
            assert not limited
        case Expand(count):
            assert situation.cluster == "ready"
            assert count > 0
            assert len(situation.nodes) + count <= policy.max_nodes
            assert not limited
        case Shrink(name):
            chosen = next(node for node in situation.nodes if node.name == name)
            assert chosen.cores == 0
            assert chosen.idle_since is not None
            assert NOW - chosen.idle_since >= policy.idle_seconds
            assert len(situation.nodes) > policy.min_nodes
            assert not limited
        case Delete(reason):
            assert reason
            assert situation.cluster in ("ready", "failed")
            drained = (
                situation.capped_since is not None and NOW - situation.capped_since >= policy.drain_seconds
            )
            assert not situation.running or (limited and drained)
        case None:
            pass


@given(policies(), situations())
def test_a_cluster_with_nothing_to_do_and_no_time_left_goes(policy: Policy, situation: Situation) -> None:
    idle = situation.idle_since
    over = idle is not None and NOW - idle >= policy.idle_seconds
    if situation.cluster == "ready" and over and not limit_reached(policy, situation):
        assert isinstance(decide(policy, situation), Delete)


@given(policies(), situations())
def test_the_nodes_wanted_are_enough_and_not_too_many(policy: Policy, situation: Situation) -> None:
    wanted = nodes_wanted(policy, situation)
    assert policy.min_nodes <= wanted <= policy.max_nodes
    busy = [node for node in situation.nodes if node.cores]
    free = sum(max(0.0, policy.node_cores - node.cores) for node in busy)
    room = free + (wanted - len(busy)) * policy.node_cores
    if wanted < policy.max_nodes:
        assert room >= situation.queued_cores - 1e-6
    if wanted > max(policy.min_nodes, len(busy)):
        assert room - policy.node_cores < situation.queued_cores


@pytest.mark.parametrize(
    ("spent", "opened", "words"),
    [(10.0, NOW, "cost cap of 10"), (0.0, NOW - 4000, "lifetime of 3600"), (9.99, NOW - 3599, "")],
)
def test_limits_are_said_in_words(spent: float, opened: float, words: str) -> None:
    policy = Policy(lifetime_seconds=3600, cost_cap=10)
    reached = limit_reached(policy, Situation(NOW, "ready", opened_at=opened, spent=spent))
    assert words in reached
    assert bool(reached) == bool(words)


@dataclass
class Centre:
    """A simulated cluster under the policy; each step is a minute."""

    policy: Policy
    jobs: list[list[float]]
    nodes: dict[str, list[float]] = field(default_factory=dict)
    idle: dict[str, float] = field(default_factory=dict)
    queue: list[float] = field(default_factory=list)
    open: bool = False
    idle_since: float | None = None
    made: int = 0
    most: int = 0
    ended: int = 0

    def step(self, minute: int) -> None:
        now = minute * 60.0
        self.queue += self.jobs[minute] if minute < len(self.jobs) else []
        for name, running in self.nodes.items():
            left = [seconds - 60 for seconds in running]
            self.ended += sum(seconds <= 0 for seconds in left)
            self.nodes[name] = [seconds for seconds in left if seconds > 0]
            if self.nodes[name]:
                self.idle.pop(name, None)
            else:
                self.idle.setdefault(name, now)
            while self.queue and len(self.nodes[name]) < self.policy.node_cores:
                self.nodes[name].append(self.queue.pop(0))
                self.idle.pop(name, None)
        busy = bool(self.queue) or any(self.nodes.values())
        self.idle_since = None if busy else (self.idle_since if self.idle_since is not None else now)
        self._obey(
            decide(
                self.policy,
                Situation(
                    now=now,
                    cluster="ready" if self.open else "absent",
                    nodes=[NodeLoad(n, float(len(r)), self.idle.get(n)) for n, r in self.nodes.items()],
                    queued_cores=float(len(self.queue)),
                    idle_since=self.idle_since,
                ),
            )
        )
        self.most = max(self.most, len(self.nodes))

    def _obey(self, action: object) -> None:
        match action:
            case Create(count) | Expand(count):
                self.open = True
                for _ in range(count):
                    self.made += 1
                    self.nodes[f"n{self.made}"] = []
            case Shrink(name):
                assert not self.nodes.pop(name)
            case Delete():
                assert not any(self.nodes.values())
                self.nodes.clear()
                self.open = False


@given(
    policies().map(lambda p: Policy(p.min_nodes, p.max_nodes, math.ceil(p.node_cores), p.idle_seconds)),
    st.lists(st.lists(st.floats(1, 600), max_size=6), max_size=30),
)
def test_every_job_ends_and_the_cluster_goes(policy: Policy, jobs: list[list[float]]) -> None:
    centre = Centre(policy, jobs)
    total = sum(map(len, jobs))
    for minute in range(len(jobs) + total * 11 + 60):
        centre.step(minute)
    assert centre.ended == total
    assert not centre.queue
    assert not centre.open
    assert centre.most <= policy.max_nodes
