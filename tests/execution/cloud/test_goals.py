"""What is left to do, by what the cloud shows."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from chronos_plugin.execution.cloud.goals import Step, begin, judge
from chronos_plugin.execution.cloud.model import Resource
from chronos_plugin.execution.cloud.naming import OWNER_LABEL, owner_mark, resource_name
from chronos_plugin.hooks.safescale.kinds import KINDS
from tests.safescale import OWNER, request


def host(state: str = "ready", name: str = "h1", **values: Any) -> Resource:
    return Resource("host", name, state=state, native_state=state.upper(), **values)


def cluster(*states: str) -> Resource:
    nodes = tuple(host(state, f"n{number}") for number, state in enumerate(states))
    return Resource("cluster", "c1", nodes=nodes)


def step(
    verb: str, seen: Resource | None, *, kind: str = "host", settled: bool = True, **progress: Any
) -> Step:
    asked = replace(request("1", kind, verb, "h1", {"node": "n1", "host": "h2"}), progress=progress)
    return judge(asked, seen, settled=settled).step


@pytest.mark.parametrize(
    ("seen", "settled", "expected"),
    [
        (None, True, Step.ACT),
        (None, False, Step.ACT),
        (host("pending"), True, Step.WAIT),
        (host("absent"), True, Step.WAIT),
        (host("ready"), False, Step.WAIT),
        (host("ready"), True, Step.DONE),
        (host("stopped"), True, Step.DONE),
        (host("failed"), True, Step.FAIL),
    ],
)
def test_create(seen: Resource | None, settled: bool, expected: Step) -> None:
    assert step("create", seen, settled=settled, found=False) is expected


def test_what_was_there_before_is_used_only_if_it_is_ours() -> None:
    mine = host(labels={OWNER_LABEL: owner_mark(OWNER)})
    other = host(labels={OWNER_LABEL: owner_mark("run:other:1")})
    assert step("create", mine, found=True) is Step.DONE
    assert step("create", other, found=True) is Step.FAIL
    assert step("create", host(), found=True) is Step.FAIL
    assert step("create", host(name=resource_name(OWNER, "x")), found=True) is Step.DONE
    adopting = replace(request("1", "host", "create", "h1", {"adopt": True}), progress={"found": True})
    assert judge(adopting, host(), settled=True).step is Step.DONE


def test_delete_ends_when_nothing_is_there() -> None:
    assert step("delete", None) is Step.DONE
    assert step("delete", host("pending")) is Step.ACT


@pytest.mark.parametrize(("verb", "aim"), [("start", "ready"), ("stop", "stopped")])
def test_start_and_stop(verb: str, aim: str) -> None:
    other = "stopped" if aim == "ready" else "ready"
    assert step(verb, host(aim)) is Step.DONE
    assert step(verb, host(other)) is Step.ACT
    assert step(verb, host("pending")) is Step.WAIT
    assert step(verb, None) is Step.FAIL


def test_expand_counts_what_is_there() -> None:
    asked = request("1", "cluster", "expand", "c1", {"count": 2, "node_sizing": "cpu=1"})
    assert begin(asked, cluster("ready"))["nodes"] == 3
    asked = replace(asked, progress={"found": True, "nodes": 3})
    assert judge(asked, cluster("ready", "ready", "ready"), settled=True).step is Step.DONE
    missing = judge(asked, cluster("ready", "ready"), settled=True)
    assert (missing.step, missing.spec["count"]) == (Step.ACT, 1)
    coming = replace(cluster("ready", "ready"), strays=("c1-node-9",))
    waits = judge(asked, coming, settled=True)
    assert (waits.step, "c1-node-9" in waits.why) == (Step.WAIT, True)
    assert judge(asked, cluster("ready", "ready", "stopped"), settled=True).step is Step.DONE
    assert judge(asked, cluster("ready", "ready"), settled=False).step is Step.WAIT
    assert judge(asked, cluster("ready", "ready", "ready"), settled=False).step is Step.WAIT


def test_nodes_may_be_asked_for_by_their_number_in_the_end() -> None:
    asked = request("1", "cluster", "expand", "c1", {"nodes": 5, "node_sizing": "cpu=1"})
    assert begin(asked, cluster("ready"))["nodes"] == 5
    asked = replace(asked, progress={"nodes": 5})
    assert judge(asked, cluster("ready"), settled=True).spec == {"node_sizing": "cpu=1", "count": 4}


def test_shrink_counts_what_is_there() -> None:
    asked = request("1", "cluster", "shrink", "c1", {"count": 5})
    assert begin(asked, cluster("ready", "ready"))["nodes"] == 0
    asked = replace(asked, progress={"nodes": 1})
    assert judge(asked, cluster("ready"), settled=True).step is Step.DONE
    assert judge(asked, cluster("ready", "ready", "ready"), settled=True).spec == {"count": 2}


def test_a_node_that_is_gone_is_deleted() -> None:
    assert step("delete-node", cluster("ready"), kind="cluster") is Step.DONE
    assert step("delete-node", cluster("ready", "ready"), kind="cluster") is Step.ACT


@pytest.mark.parametrize(
    ("kind", "do", "undo", "fact"),
    [("volume", "attach", "detach", "attachments"), ("share", "mount", "unmount", "mount_list")],
)
def test_links_to_hosts(kind: str, do: str, undo: str, fact: str) -> None:
    linked = Resource(kind, "x", facts={fact: [{"host": {"name": "h2"}}]})
    free = Resource(kind, "x", facts={fact: [{"host": {"name": "another"}}]})
    assert [step(do, linked, kind=kind), step(do, free, kind=kind)] == [Step.DONE, Step.ACT]
    assert [step(undo, linked, kind=kind), step(undo, free, kind=kind)] == [Step.ACT, Step.DONE]


def test_every_verb_of_the_table_has_a_goal() -> None:
    for name, kind in KINDS.items():
        for verb in kind.verbs:
            if (name, verb) == ("feature", "check"):
                continue  # a question
            asked = replace(request("1", name, verb, "x", {"node": "n", "host": "h"}), progress={"nodes": 1})
            assert judge(asked, Resource(name, "x"), settled=True).reason != "invalid", (name, verb)


def test_an_unknown_verb_fails() -> None:
    assert step("fly", host()) is Step.FAIL
