"""What is left to do for a request, judged by what the cloud shows: a pure function.

The agent never trusts that a call did or did not work: it looks, does what is missing, and looks again. So a
request that was in flight when the agent, the service or the network broke is taken up like a new one.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, TypeAlias

from chronos_plugin.execution.cloud.model import Request, Resource
from chronos_plugin.execution.cloud.naming import OWNER_LABEL, PREFIX, owner_mark


class Step(StrEnum):
    """What to do next."""

    DONE = "done"
    WAIT = "wait"
    ACT = "act"
    FAIL = "fail"


@dataclass(frozen=True)
class Verdict:
    """What to do next, with what, and why."""

    step: Step
    spec: Mapping[str, Any] = field(default_factory=dict)
    why: str = ""
    reason: str = "failed"


DONE = Verdict(Step.DONE)
WAIT = Verdict(Step.WAIT)


def begin(request: Request, seen: Resource | None) -> dict[str, Any]:
    """Return what must be kept before the first call, so that a second one does not do too much."""
    progress: dict[str, Any] = {"found": seen is not None}
    if request.verb in ("expand", "shrink") and seen is not None:
        change = int(request.spec.get("count", 0)) * (1 if request.verb == "expand" else -1)
        wanted = request.spec.get("nodes", len(seen.nodes) + change)
        progress["nodes"] = max(0, int(wanted))
    return progress


def judge(request: Request, seen: Resource | None, *, settled: bool) -> Verdict:
    """Return the next step.

    Args:
        request: With the ``progress`` that :func:`begin` returned.
        seen: What the cloud shows now.
        settled: False while a call of unknown outcome may still be rolled back in the cloud.
    """
    rule = _RULES.get((request.kind, request.verb)) or _RULES.get(("", request.verb))
    if rule is None:
        return Verdict(Step.FAIL, why=f"a {request.kind} cannot {request.verb}", reason="invalid")
    if seen is None and request.verb in _NEEDS_EXISTENCE:
        return Verdict(Step.FAIL, why=f"there is no {request.kind} {request.name}", reason="absent")
    return rule(request, seen, settled)


def _create(request: Request, seen: Resource | None, settled: bool) -> Verdict:
    if seen is None:
        return Verdict(Step.ACT, _call_spec(request))
    if not _ours(request, seen):
        return Verdict(
            Step.FAIL,
            why=(
                f"{request.kind} {request.name} exists and was not made by this owner. "
                "What to do: choose another name, or write adopt: true to use it"
            ),
            reason="exists",
        )
    if seen.state in ("pending", "absent") or not settled:
        return WAIT
    if seen.state == "failed":
        return Verdict(Step.FAIL, why=f"{request.kind} {request.name} is in state {seen.native_state}")
    return DONE


def _ours(request: Request, seen: Resource) -> bool:
    if request.spec.get("adopt") or not request.progress.get("found", True):
        return True
    owner = seen.labels.get(OWNER_LABEL)
    if owner is None:
        return seen.name.startswith(PREFIX)  # a name of ours says it where the service has no labels
    return owner == owner_mark(request.owner)


def _delete(request: Request, seen: Resource | None, _: bool) -> Verdict:
    return DONE if seen is None else Verdict(Step.ACT, _call_spec(request))


def _reach(state: str) -> Any:
    def rule(request: Request, seen: Resource, _: bool) -> Verdict:
        if seen.state == state:
            return DONE
        return WAIT if seen.state == "pending" else Verdict(Step.ACT, _call_spec(request))

    return rule


def _expand(request: Request, seen: Resource, settled: bool) -> Verdict:
    missing = int(request.progress["nodes"]) - len(seen.nodes)
    if seen.strays:
        return Verdict(
            Step.WAIT, why=f"hosts on their way into or out of the cluster: {', '.join(seen.strays)}"
        )
    if not settled or seen.state == "pending":
        return WAIT
    return Verdict(Step.ACT, {**_call_spec(request), "count": missing}) if missing > 0 else DONE


def _shrink(request: Request, seen: Resource, settled: bool) -> Verdict:
    surplus = len(seen.nodes) - int(request.progress["nodes"])
    if surplus <= 0:
        return DONE
    return Verdict(Step.ACT, {**_call_spec(request), "count": surplus}) if settled else WAIT


def _delete_node(request: Request, seen: Resource, _: bool) -> Verdict:
    there = any(node.name == request.spec.get("node") for node in seen.nodes)
    return Verdict(Step.ACT, _call_spec(request)) if there else DONE


def _linked(fact: str, wanted: bool) -> Any:
    """Whether one of the resource's attachments or mounts is on the host."""

    def rule(request: Request, seen: Resource, _: bool) -> Verdict:
        links = seen.facts.get(fact) or ()
        there = any((link.get("host") or {}).get("name") == request.spec.get("host") for link in links)
        return DONE if there == wanted else Verdict(Step.ACT, _call_spec(request))

    return rule


def _present(wanted: bool) -> Any:
    def rule(request: Request, seen: Resource | None, _: bool) -> Verdict:
        return DONE if (seen is not None) == wanted else Verdict(Step.ACT, _call_spec(request))

    return rule


def _call_spec(request: Request) -> dict[str, Any]:
    return {word: value for word, value in request.spec.items() if word not in ("adopt", "nodes")}


_NEEDS_EXISTENCE = frozenset(
    {"start", "stop", "expand", "shrink", "delete-node", "attach", "detach", "mount", "unmount"}
)
_Rule: TypeAlias = Callable[[Request, Any, bool], Verdict]
_RULES: dict[tuple[str, str], _Rule] = {
    ("", "create"): _create,
    ("", "delete"): _delete,
    ("", "start"): _reach("ready"),
    ("", "stop"): _reach("stopped"),
    ("cluster", "expand"): _expand,
    ("cluster", "shrink"): _shrink,
    ("cluster", "delete-node"): _delete_node,
    ("volume", "attach"): _linked("attachments", True),
    ("volume", "detach"): _linked("attachments", False),
    ("share", "mount"): _linked("mount_list", True),
    ("share", "unmount"): _linked("mount_list", False),
    ("feature", "add"): _present(True),
    ("feature", "remove"): _present(False),
}
