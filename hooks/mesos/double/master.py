"""The master of the test double: frameworks, offers, tasks, as a state machine in one event loop."""

from __future__ import annotations

import asyncio
import json
import time
import uuid
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from chronos_plugin.hooks.mesos.double.agent import Agent, AgentTask, Amounts, Times
from chronos_plugin.hooks.mesos.double.wire import (
    amounts_of,
    as_resources,
    described,
    missing_field,
    offer_json,
    status_of_master,
    subscribed_json,
)

Answer = tuple[int, str]
ACCEPTED: Answer = (202, "")
RECONCILIATION = "REASON_RECONCILIATION"


@dataclass
class Faults:
    """Faults that can be ordered; counters go down with each one.

    Attributes:
        lose_acknowledgements: ACKNOWLEDGEs that are answered and forgotten.
        refuse: Calls (not SUBSCRIBE) to answer with ``refuse_with``.
        swallow: Types of calls that are carried out, and the connection closed without an answer.
        drop: Types of calls whose connection is closed, and nothing done.
        twice: Send each update two times.
        piece: Bytes in which events are sent; 0: as they come.
        silent: Send nothing on event streams, heartbeats included.
        ignore_filters: Offer again at once what was declined.
    """

    lose_acknowledgements: int = 0
    refuse: int = 0
    refuse_with: Answer = (503, "")
    swallow: list[str] = field(default_factory=list)
    drop: list[str] = field(default_factory=list)
    twice: bool = False
    piece: int = 0
    silent: bool = False
    ignore_filters: bool = False


@dataclass
class Framework:
    """A framework, subscribed or not."""

    id: str
    info: Mapping[str, Any]
    stream_id: str = ""
    sink: Callable[[bytes | None], None] | None = None
    suppressed: bool = False
    filters: list[tuple[str, Amounts, float]] = field(default_factory=list)
    removal: asyncio.TimerHandle | None = None

    @property
    def role(self) -> str:
        """Its first role; the double knows no more."""
        return str((self.info.get("roles") or [self.info.get("role", "*")])[0])

    def has(self, capability: str) -> bool:
        """Whether it declared a capability."""
        return any(c.get("type") == capability for c in self.info.get("capabilities", []))

    def send(self, event: Mapping[str, Any]) -> None:
        """Send an event, if it is connected."""
        if self.sink is not None:
            self.sink(json.dumps(event, separators=(",", ":")).encode())

    def hang_up(self) -> None:
        """End its stream."""
        if self.sink is not None:
            self.sink(None)
            self.sink = None


class Master:
    """The state of the cluster behind all masters of the double; one of them leads."""

    def __init__(self, agents: list[Agent], times: Times) -> None:
        self.id = str(uuid.uuid4())
        self.times = times
        self.agents = {agent.id: agent for agent in agents}
        self.frameworks: dict[str, Framework] = {}
        self.completed: set[str] = set()
        self.offers: dict[str, tuple[Framework, Agent, Amounts]] = {}
        self.faults = Faults()
        self.counts = dict.fromkeys(
            ("offers", "updates", "to_acknowledge", "acknowledged", "launched", "declined", "refused"), 0
        )
        self.calls: list[str] = []
        self._unreachable: set[str] = set()
        self._numbers = {"framework": 0, "offer": 0}

    # Subscriptions

    def subscribe(self, body: Mapping[str, Any], sink: Callable[[bytes | None], None]) -> str:
        """Open a subscription; return its stream id. A refusal is an event, as Mesos has it."""
        info = body["subscribe"]["framework_info"]
        framework_id = (body.get("framework_id") or info.get("id") or {}).get("value")
        stream_id = str(uuid.uuid4())
        if framework_id in self.completed:
            sink(_event("ERROR", error={"message": "Framework has been removed"}))
            sink(None)
            return stream_id
        if not framework_id:
            framework_id = f"{self.id}-{self._next('framework'):04d}"
        framework = self.frameworks.setdefault(framework_id, Framework(framework_id, info))
        if framework.sink is not None:
            framework.send({"type": "ERROR", "error": {"message": "Framework failed over"}})
            framework.hang_up()
        if framework.removal is not None:
            framework.removal.cancel()
        self._withdraw_offers(framework)
        framework.info, framework.sink, framework.stream_id = info, sink, stream_id
        framework.suppressed, framework.filters, framework.removal = False, [], None
        framework.send(subscribed_json(framework_id, self.id, self.times.heartbeat))
        framework.send({"type": "HEARTBEAT"})
        self.allocate()
        for task in self._tasks_of(framework_id):
            if task.agent.registered:
                task.send_again()
        return stream_id

    def disconnected(self, stream_id: str) -> None:
        """A stream was lost: the framework has its ``failover_timeout`` to come back."""
        for framework in self.frameworks.values():
            if framework.stream_id == stream_id and framework.sink is not None:
                framework.sink = None
                self._withdraw_offers(framework)
                seconds = float(framework.info.get("failover_timeout", 0.0))
                loop = asyncio.get_running_loop()
                framework.removal = loop.call_later(seconds, self._remove, framework)

    def heartbeat(self) -> None:
        """Send a heartbeat to all."""
        for framework in self.frameworks.values():
            framework.send({"type": "HEARTBEAT"})

    def _remove(self, framework: Framework) -> None:
        self._withdraw_offers(framework)
        for task in list(self._tasks_of(framework.id)):
            task.agent.destroy(task)
        framework.hang_up()
        self.frameworks.pop(framework.id, None)
        self.completed.add(framework.id)

    # Calls

    def call(self, body: Mapping[str, Any], stream_id: str | None) -> Answer:
        """Take in a call other than SUBSCRIBE."""
        kind = str(body.get("type"))
        self.calls.append(kind)
        if stream_id is None:
            return 400, "All non-subscribe calls should include the 'Mesos-Stream-Id' header"
        framework = self.frameworks.get((body.get("framework_id") or {}).get("value", ""))
        if framework is None:
            return 400, "Framework cannot be found"
        if framework.sink is None:
            return 403, "Framework is not subscribed"
        if framework.stream_id != stream_id:
            return 400, (
                f"The stream ID '{stream_id}' included in this request didn't match the stream ID currently "
                f"associated with framework ID {framework.id}"
            )
        if self.faults.refuse:
            self.faults.refuse -= 1
            return self.faults.refuse_with
        missing = missing_field(body)
        if missing:
            return 400, f"Failed to validate scheduler::Call: Expecting '{missing}' to be present"
        _CALLS[kind](self, framework, body.get(kind.lower()) or {})
        return ACCEPTED

    def _accept(self, framework: Framework, body: Mapping[str, Any]) -> None:
        infos = [
            info
            for operation in body.get("operations", [])
            for info in (operation.get("launch") or {}).get("task_infos", [])
        ]
        left: Amounts = {}
        agents: dict[str, Agent] = {}
        invalid = ""
        for offer_id in (i["value"] for i in body["offer_ids"]):
            found = self.offers.pop(offer_id, None)
            if found is None or found[0] is not framework:
                invalid = f"Offer {offer_id} is no longer valid"
                continue
            found[1].recover(found[2])
            agents[found[1].id] = found[1]
            for name, amount in found[2].items():
                left[name] = left.get(name, 0) + amount
        if len(agents) > 1:
            invalid = "Aggregated offers must belong to one single agent"
        if invalid:
            for info in infos:
                why = f"Task launched with invalid offers: {invalid}"
                self._refuse(framework, info, "TASK_DROPPED", why, "REASON_INVALID_OFFERS")
            return
        agent = next(iter(agents.values()))
        for info in infos:
            self._launch(framework, agent, info, left)
        self._filter(framework, agent, left, body)

    def _launch(self, framework: Framework, agent: Agent, info: Mapping[str, Any], left: Amounts) -> None:
        wanted = amounts_of(info.get("resources", []))
        trouble = self._invalid(framework, agent, info, wanted, left)
        if trouble:
            self._refuse(framework, info, "TASK_ERROR", trouble, "REASON_TASK_INVALID")
            return
        for name, amount in wanted.items():
            left[name] -= amount
        self.counts["launched"] += 1
        killing = framework.has("TASK_KILLING_STATE")
        agent.launch(AgentTask(agent, framework.id, info, wanted, self._forward, killing))

    def _invalid(
        self,
        framework: Framework,
        agent: Agent,
        info: Mapping[str, Any],
        wanted: Amounts,
        left: Amounts,
    ) -> str:
        task_id = info["task_id"]["value"]
        if "/" in task_id or "\\" in task_id or task_id in (".", ".."):
            return f"'{task_id}' contains invalid characters"
        if any(task.id == task_id for task in self._known(framework.id, task_id)):
            return f"Task has duplicate ID: {task_id}"
        if info["agent_id"]["value"] != agent.id:
            return f"Task uses invalid agent {info['agent_id']['value']} while agent {agent.id} is expected"
        if any(amount > left.get(name, 0) for name, amount in wanted.items()):
            asked, there = described(wanted, framework.role), described(left, framework.role)
            return f"Total resources {asked} required by task and its executor is more than available {there}"
        return ""

    def _refuse(
        self, framework: Framework, info: Mapping[str, Any], state: str, message: str, reason: str
    ) -> None:
        self.counts["refused"] += 1
        status = status_of_master(info["task_id"]["value"], state, message, reason, info["agent_id"]["value"])
        self._update(framework, status)

    def _decline(self, framework: Framework, body: Mapping[str, Any]) -> None:
        for offer_id in (i["value"] for i in body["offer_ids"]):
            found = self.offers.pop(offer_id, None)
            if found is not None and found[0] is framework:
                self.counts["declined"] += 1
                found[1].recover(found[2])
                self._filter(framework, found[1], found[2], body)

    def _filter(self, framework: Framework, agent: Agent, amounts: Amounts, body: Mapping[str, Any]) -> None:
        seconds = float(body.get("filters", {}).get("refuse_seconds", 5.0))
        seconds = 5.0 if seconds < 0 else seconds
        if seconds and any(amounts.values()) and not self.faults.ignore_filters:
            framework.filters.append((agent.id, dict(amounts), time.monotonic() + seconds))

    def _revive(self, framework: Framework, _: Mapping[str, Any]) -> None:
        framework.suppressed, framework.filters = False, []
        self.allocate()

    def _suppress(self, framework: Framework, _: Mapping[str, Any]) -> None:
        framework.suppressed = True

    def _acknowledge(self, framework: Framework, body: Mapping[str, Any]) -> None:
        if self.faults.lose_acknowledgements:
            self.faults.lose_acknowledgements -= 1
            return
        agent = self.agents.get(body["agent_id"]["value"])
        task = agent.tasks.get((framework.id, body["task_id"]["value"])) if agent else None
        if agent is None or task is None or not task.acknowledge(body["uuid"]):
            return
        self.counts["acknowledged"] += 1
        if task.ended and not task.pending:
            del agent.tasks[framework.id, task.id]

    def _kill(self, framework: Framework, body: Mapping[str, Any]) -> None:
        task_id = body["task_id"]["value"]
        agent_id = (body.get("agent_id") or {}).get("value")
        known = self._known(framework.id, task_id)
        if not known:
            self._reconcile_one(framework, task_id, agent_id)
        for task in known:
            if agent_id in (None, task.agent.id):
                task.agent.kill(task)

    def _reconcile(self, framework: Framework, body: Mapping[str, Any]) -> None:
        asked = body.get("tasks") or []
        if not asked:
            for task in list(self._tasks_of(framework.id)):
                if task.agent.registered:
                    self._latest(framework, task)
        for item in asked:
            agent_id = (item.get("agent_id") or {}).get("value")
            self._reconcile_one(framework, item["task_id"]["value"], agent_id)

    def _reconcile_one(self, framework: Framework, task_id: str, agent_id: str | None) -> None:
        known = self._known(framework.id, task_id)
        agent = self.agents.get(agent_id or "")
        if known:
            self._latest(framework, known[0])
            return
        if agent is not None and agent.registered:
            state, message = "TASK_GONE", "Reconciliation: Task is unknown to the agent"
        elif agent is not None and agent.id in self._unreachable:
            state, message = "TASK_UNREACHABLE", "Reconciliation: Task is unreachable"
        else:
            state, message = "TASK_UNKNOWN", "Reconciliation: Task is unknown"
        self._update(framework, status_of_master(task_id, state, message, RECONCILIATION, agent_id))

    def _latest(self, framework: Framework, task: AgentTask) -> None:
        message = "Reconciliation: Latest task state"
        status = status_of_master(task.id, task.state, message, RECONCILIATION, task.agent.id)
        if task.state != "TASK_STAGING":
            status["container_status"] = task.container_status()
        self._update(framework, status)

    def _teardown(self, framework: Framework, _: Mapping[str, Any]) -> None:
        self._remove(framework)

    def _nothing(self, framework: Framework, body: Mapping[str, Any]) -> None:
        del framework, body

    # Offers

    def allocate(self) -> None:
        """Offer what is free."""
        now = time.monotonic()
        for framework in self.frameworks.values():
            if framework.sink is None or framework.suppressed:
                continue
            framework.filters = [f for f in framework.filters if f[2] > now]
            refused: dict[str, list[Amounts]] = {}
            for agent_id, amounts, _ in framework.filters:
                refused.setdefault(agent_id, []).append(amounts)
            offers = [
                self._offer(framework, agent, available)
                for agent in self.agents.values()
                if agent.registered
                and (available := agent.available)
                and (available.get("cpus", 0) >= 10 or available.get("mem", 0) >= 32000)
                and not any(_within(available, amounts) for amounts in refused.get(agent.id, ()))
            ]
            if offers:
                framework.send({"type": "OFFERS", "offers": {"offers": offers}})

    def _offer(self, framework: Framework, agent: Agent, amounts: Amounts) -> dict[str, Any]:
        offer_id = f"{self.id}-O{self._next('offer')}"
        agent.offer(amounts)
        self.offers[offer_id] = (framework, agent, amounts)
        self.counts["offers"] += 1
        return offer_json(
            offer_id, framework.id, agent, as_resources(amounts, framework.role), framework.role
        )

    def _withdraw_offers(self, framework: Framework) -> None:
        for offer_id in [i for i, found in self.offers.items() if found[0] is framework]:
            _, agent, amounts = self.offers.pop(offer_id)
            agent.recover(amounts)

    def rescind(self) -> None:
        """Take all open offers back."""
        for offer_id, (framework, agent, amounts) in list(self.offers.items()):
            del self.offers[offer_id]
            agent.recover(amounts)
            framework.send({"type": "RESCIND", "rescind": {"offer_id": {"value": offer_id}}})

    # The cluster's life

    def restart(self, come_back: float) -> None:
        """Become another master process that knows nothing; agents come back after some seconds."""
        for framework in self.frameworks.values():
            framework.hang_up()
            if framework.removal is not None:
                framework.removal.cancel()
        self.id = str(uuid.uuid4())
        self._numbers = {"framework": 0, "offer": 0}
        self.frameworks, self.completed, self._unreachable = {}, set(), set()
        for agent in self.agents.values():
            agent.registered = False
            agent.offered = {}
            asyncio.get_running_loop().call_later(come_back, self.register, agent)
        self.offers = {}

    def lose(self, agent: Agent) -> None:
        """Lose the connection to an agent whose tasks go on."""
        agent.registered = False
        self._unreachable.add(agent.id)
        for offer_id in [i for i, found in self.offers.items() if found[1] is agent]:
            framework, _, amounts = self.offers.pop(offer_id)
            agent.recover(amounts)
            framework.send({"type": "RESCIND", "rescind": {"offer_id": {"value": offer_id}}})
        for framework in self.frameworks.values():
            for task in self._tasks_of(framework.id):
                if task.agent is agent and not task.ended:
                    why = f"Agent {agent.hostname} is unreachable: health check timed out"
                    status = status_of_master(
                        task.id, "TASK_UNREACHABLE", why, "REASON_AGENT_REMOVED", agent.id
                    )
                    self._update(framework, status)
            framework.send({"type": "FAILURE", "failure": {"agent_id": {"value": agent.id}}})

    def register(self, agent: Agent) -> None:
        """Let an agent come back with its tasks."""
        agent.registered = True
        self._unreachable.discard(agent.id)
        for framework in self.frameworks.values():
            for task in list(self._tasks_of(framework.id)):
                if task.agent is agent:
                    status = status_of_master(
                        task.id,
                        task.state,
                        "Unknown agent reregistered",
                        "REASON_AGENT_REREGISTERED",
                        agent.id,
                    )
                    status["container_status"] = task.container_status()
                    self._update(framework, status)
                    task.send_again()

    # Updates

    def _forward(self, task: AgentTask, status: dict[str, Any]) -> None:
        framework = self.frameworks.get(task.framework_id)
        if task.sent == 1:
            self.counts["to_acknowledge"] += 1
        if framework is not None and task.agent.registered:
            self._update(framework, status)

    def _update(self, framework: Framework, status: Mapping[str, Any]) -> None:
        for _ in range(2 if self.faults.twice else 1):
            self.counts["updates"] += 1
            framework.send({"type": "UPDATE", "update": {"status": status}})

    def _known(self, framework_id: str, task_id: str) -> list[AgentTask]:
        """Return the tasks of an id that the master knows: those of agents that are there."""
        found = [a.tasks.get((framework_id, task_id)) for a in self.agents.values() if a.registered]
        return [task for task in found if task is not None]

    def _tasks_of(self, framework_id: str) -> Iterable[AgentTask]:
        return (
            task
            for agent in self.agents.values()
            for (owner, _), task in list(agent.tasks.items())
            if owner == framework_id
        )

    def _next(self, what: str) -> int:
        number = self._numbers[what]
        self._numbers[what] = number + 1
        return number


_CALLS: dict[str, Callable[[Master, Framework, Mapping[str, Any]], None]] = {
    "ACCEPT": Master._accept,
    "DECLINE": Master._decline,
    "REVIVE": Master._revive,
    "SUPPRESS": Master._suppress,
    "ACKNOWLEDGE": Master._acknowledge,
    "KILL": Master._kill,
    "RECONCILE": Master._reconcile,
    "TEARDOWN": Master._teardown,
    "DECLINE_INVERSE_OFFERS": Master._nothing,
}


def _within(amounts: Amounts, others: Amounts) -> bool:
    return all(amount <= others.get(name, 0) for name, amount in amounts.items())


def _event(kind: str, **body: Any) -> bytes:
    return json.dumps({"type": kind, **body}, separators=(",", ":")).encode()
