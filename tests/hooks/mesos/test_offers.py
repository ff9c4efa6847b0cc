from __future__ import annotations

from collections import defaultdict
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from chronos_plugin.hooks.mesos.messages import Offer
from chronos_plugin.hooks.mesos.offers import Placement, Waiting, match
from chronos_plugin.hooks.mesos.tasks import Demand, TaskSpec


def scalar(name: str, value: float, **more: Any) -> dict[str, Any]:
    return {
        "name": name,
        "type": "SCALAR",
        "scalar": {"value": value},
        "role": "*",
        "allocation_info": {"role": "lab"},
        **more,
    }


def offer(offer_id: str, agent: str = "a", *, cpus: float = 1.0, mem: float = 1000.0, **more: Any) -> Offer:
    ports = {"name": "ports", "type": "RANGES", "ranges": {"range": [{"begin": 1, "end": 2}]}, "role": "*"}
    resources = (ports, scalar("cpus", cpus), scalar("mem", mem))
    return Offer(offer_id, agent, f"host-{agent}", f"http://{agent}:5051", resources, **more)


def spec(task_id: str, cpus: float = 0.5, mem: float = 100.0, **more: Any) -> TaskSpec:
    return TaskSpec(task_id, "true", demand=Demand(cpus, mem), **more)


def waiting(*specs: TaskSpec) -> Waiting:
    queue = Waiting()
    for number, one in enumerate(specs):
        queue.add(one, float(number))
    return queue


def launched(placements: list[Placement]) -> list[str]:
    return [one.id for placement in placements for one, _ in placement.launches]


def test_an_agents_pieces_are_gathered() -> None:
    pieces = [offer("o1", cpus=0.3), offer("o2", cpus=0.3), offer("other", "b", cpus=0.3)]
    (placement,) = match(pieces, waiting(spec("t", cpus=0.5)))
    assert placement.offer_ids == ("o1", "o2")
    assert placement.agent_url == "http://a:5051"
    ((_, resources),) = placement.launches
    assert [(r["name"], r["scalar"]["value"]) for r in resources] == [
        ("cpus", 0.3),
        ("cpus", 0.2),
        ("mem", 100.0),
    ]
    assert all(r["allocation_info"] == {"role": "lab"} for r in resources)


def test_pieces_of_two_agents_are_not() -> None:
    assert match([offer("o1", cpus=0.3), offer("o2", "b", cpus=0.3)], waiting(spec("t", cpus=0.5))) == []


def test_tenths_add_up() -> None:
    tenths = [spec(f"t{i}", cpus=0.1, mem=1) for i in range(10)]
    assert len(launched(match([offer("o", cpus=1.0)], waiting(*tenths)))) == 10


def test_what_does_not_fit_keeps_nobody_waiting() -> None:
    queue = waiting(spec("big", cpus=8), spec("small"), spec("small2"))
    assert launched(match([offer("o")], queue)) == ["small", "small2"]
    assert len(queue) == 3


def test_priority_then_time() -> None:
    queue = waiting(spec("first", cpus=1), spec("urgent", cpus=1, priority=5))
    assert launched(match([offer("o")], queue)) == ["urgent"]


def test_reserved_resources_first_and_kept_reserved() -> None:
    reserved = scalar("cpus", 1.0, role="lab")
    given_ = Offer("o", "a", resources=(scalar("cpus", 1.0), reserved, scalar("mem", 500.0)))
    ((_, resources),) = match([given_], waiting(spec("t", cpus=1.5)))[0].launches
    assert [(r["role"], r["scalar"]["value"]) for r in resources if r["name"] == "cpus"] == [
        ("lab", 1.0),
        ("*", 0.5),
    ]


def test_volumes_and_revocable_resources_are_left_alone() -> None:
    volume = scalar("disk", 100.0, disk={"persistence": {"id": "x"}})
    given_ = Offer(
        "o",
        "a",
        resources=(scalar("cpus", 1.0, revocable={}), scalar("cpus", 1.0, revocable={"x": 1}), volume),
    )
    disk = TaskSpec("d", "true", demand=Demand(0.5, 0, disk=10))
    assert match([given_], waiting(disk)) == []


def test_placement_by_attribute_and_host() -> None:
    rack = offer("o2", "b", attributes={"rack": "r2"})
    queue = waiting(spec("t", placement={"rack": "r2"}), spec("h", placement={"hostname": "host-a"}))
    placements = match([offer("o1"), rack], queue)
    assert {p.agent_id: [s.id for s, _ in p.launches] for p in placements} == {"a": ["h"], "b": ["t"]}


def test_nonsense_in_offers_counts_as_nothing() -> None:
    bad = (scalar("cpus", -1), scalar("mem", float("nan")), {"name": "cpus", "scalar": 3}, {"name": 5})
    assert match([Offer("o", "a", resources=bad)], waiting(spec("t"))) == []


_AMOUNT = st.integers(min_value=0, max_value=4000).map(lambda n: n / 1000)
_OFFERS = st.lists(st.tuples(st.sampled_from("abc"), _AMOUNT, _AMOUNT), max_size=12)
_TASKS = st.lists(st.tuples(_AMOUNT, _AMOUNT, st.integers(0, 3)), max_size=30)


@given(_OFFERS, _TASKS)
def test_never_more_than_offered_and_never_twice(
    offers: list[tuple[str, float, float]], tasks: list[tuple[float, float, int]]
) -> None:
    made = [offer(f"o{i}", agent, cpus=c, mem=m) for i, (agent, c, m) in enumerate(offers)]
    queue = waiting(*(spec(f"t{i}", c, m, priority=p) for i, (c, m, p) in enumerate(tasks) if c > 0 or m > 0))
    placements = match(made, queue)
    assert len(set(launched(placements))) == len(launched(placements))
    by_agent: dict[str, set[str]] = defaultdict(set)
    for one in made:
        by_agent[one.agent_id].add(one.id)
    for placement in placements:
        assert set(placement.offer_ids) == by_agent[placement.agent_id]
        for name in ("cpus", "mem"):
            there = sum(
                r["scalar"]["value"]
                for one in made
                if one.agent_id == placement.agent_id
                for r in one.resources
                if r["name"] == name
            )
            used = [r["scalar"]["value"] for _, cut in placement.launches for r in cut if r["name"] == name]
            assert round(sum(used) * 1000) <= round(there * 1000)
        for one, cut in placement.launches:
            wanted = one.demand.thousandths()
            got: dict[str, int] = defaultdict(int)
            for r in cut:
                got[r["name"]] += round(r["scalar"]["value"] * 1000)
            assert got == wanted
