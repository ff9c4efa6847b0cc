"""The framework's state machine: what happened goes in, what is to be stored and sent comes out.

Whoever drives it does three things in this order for each :class:`Actions`: store, then send, then feed the
results back. So the end of the process between any two of them loses nothing:

- a launch is stored before ACCEPT is sent. If Mesos turns out not to know it, it is launched again, under a
  new id;
- a status is stored before it is acknowledged. If it was not, Mesos sends it again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from typing import Any

from chronos_plugin.hooks.mesos import calls, lifecycle
from chronos_plugin.hooks.mesos.actions import (
    Actions,
    Disconnected,
    Found,
    Input,
    Launch,
    LaunchInDoubt,
    LaunchRefused,
    LaunchSent,
    Rules,
    TasksChanged,
    Tick,
)
from chronos_plugin.hooks.mesos.messages import (
    DOUBTFUL,
    TERMINAL,
    ErrorEvent,
    Failure,
    InverseOffers,
    Offer,
    Offers,
    Rescind,
    Subscribed,
    TaskState,
    TaskStatus,
    Update,
)
from chronos_plugin.hooks.mesos.offers import Placement, Waiting, match
from chronos_plugin.hooks.mesos.reconciliation import Reconciliation
from chronos_plugin.hooks.mesos.tasks import Phase, Task, Wish, task_id_of

FAILED_OVER = "Framework failed over"
REMOVED = ("Framework has been removed", "Framework is completed")
RECONCILE_BATCH = 500


class Scheduler:
    """The state of one framework.

    Args:
        framework_id: As stored; None: not registered yet.
        tasks: All stored tasks that have not ended.
    """

    def __init__(self, framework_id: str | None, tasks: Iterable[Task], rules: Rules | None = None) -> None:
        self.rules = rules or Rules()
        self.framework_id = framework_id
        self.master_id = ""
        self.connected = False
        self.tasks: dict[str, Task] = {}
        self.offers: dict[str, Offer] = {}
        self._offered_at: dict[str, float] = {}
        self._waiting = Waiting()
        self._delayed: dict[str, float] = {}
        self._sending: set[str] = set()
        self._kills: dict[str, tuple[float, float]] = {}
        self._doubtful: dict[str, float] = {}
        self._reconciliation = Reconciliation(self.rules.reconcile_interval)
        self._suppressed = False
        self._newly_waiting = False
        self._last_revive = 0.0
        self._actions = Actions()
        for task in tasks:
            self._put(task, 0.0)

    def step(self, inputs: Iterable[Input], now: float, *, launching: bool = True) -> Actions:
        """Take in what happened; return what is to be done.

        Args:
            inputs: In their order.
            now: Seconds since the epoch.
            launching: Whether tasks may be launched; if not, offers are treated as too small.
        """
        self._actions = Actions()
        for item in inputs:
            handler = _HANDLERS.get(type(item))
            if handler is not None:
                handler(self, item, now)
        if self.connected:
            self._kill_due(now)
            self._reconcile_due(now)
            self._use_offers(now, launching)
        return self._actions

    def counts(self) -> dict[str, int]:
        """Return how many tasks wait, are held, are launched and run, and how many offers are open."""
        tasks = self.tasks.values()
        return {
            "waiting": sum(task.waiting for task in tasks),
            "held": sum(task.phase is Phase.QUEUED and task.wish is Wish.HOLD for task in tasks),
            "launched": sum(task.phase is Phase.LAUNCHED for task in tasks),
            "running": sum(task.state is TaskState.RUNNING for task in tasks),
            "unreachable": sum(task.state in DOUBTFUL for task in tasks),
            "offers": len(self.offers),
        }

    # The subscription

    def _subscribed(self, event: Subscribed, now: float) -> None:
        self.connected, self._suppressed = True, False
        self.framework_id, self.master_id = event.framework_id, event.master_id
        self._actions.framework = (event.framework_id, event.master_id)
        # Calls of an earlier subscription are refused from now on: what was in doubt can be asked for.
        self._sending.clear()
        self._forget_offers()
        self._actions.calls.append(calls.reconcile())
        self._reconciliation.begin(self._launched_ids(), now)
        self._kills = {task_id: (now, pause) for task_id, (_, pause) in self._kills.items()}
        self._doubtful = dict.fromkeys(self._doubtful, now)
        self._newly_waiting = False

    def _disconnected(self, _: Disconnected, now: float) -> None:
        del now
        self.connected = False
        self._forget_offers()

    def _error(self, event: ErrorEvent, now: float) -> None:
        if event.message.startswith(FAILED_OVER):
            self._actions.stop = event.message
        elif event.message.startswith(REMOVED):
            self.framework_id = None
            self._actions.framework = (None, self.master_id)
            self._actions.resubscribe = True
            for task in [self.tasks[task_id] for task_id in self._launched_ids()]:
                self._put(lifecycle.ended_here(task, TaskState.LOST, event.message, now), now)
        else:
            self._actions.trouble = event.message or "an error without words"
            self._actions.resubscribe = True

    # Wishes

    def _changed(self, event: TasksChanged, now: float) -> None:
        for stored in event.tasks:
            known = self.tasks.get(stored.id)
            self._actions.taken[stored.id] = stored.revision
            if known is None and stored.phase is Phase.ENDED:
                continue
            task = stored if known is None else replace(known, wish=stored.wish, revision=stored.revision)
            if task.phase is Phase.QUEUED and task.wish is Wish.CANCEL:
                task = lifecycle.requeued(task, "", now)
            self._put(task, now)

    # Launches

    def _use_offers(self, now: float, launching: bool) -> None:
        if not self._waiting:
            self._want_nothing()
            return
        for placement in match(self.offers.values(), self._waiting) if self.offers and launching else ():
            self._launch(placement, now)
        if self._waiting:
            old = [i for i, at in self._offered_at.items() if now - at >= self.rules.offer_hold]
            self._decline(old, calls.SHORT_REFUSAL)
            self._want_more(now)

    def _launch(self, placement: Placement, now: float) -> None:
        infos = []
        for spec, resources in placement.launches:
            task = lifecycle.launched(
                self.tasks[spec.id],
                placement.agent_id,
                placement.hostname,
                placement.agent_url,
                self.master_id,
                now,
            )
            assert task.mesos_task_id
            self._put(task, now)
            self._sending.add(task.id)
            infos.append(spec.task_info(task.mesos_task_id, placement.agent_id, resources))
        refusal = calls.SHORT_REFUSAL if self._waiting else calls.LONG_REFUSAL
        call = calls.accept(placement.offer_ids, infos, refusal)
        task_ids = tuple(spec.id for spec, _ in placement.launches)
        self._actions.launches.append(Launch(call, task_ids, placement.offer_ids))
        for offer_id in placement.offer_ids:
            self._forget_offer(offer_id)

    def _want_nothing(self) -> None:
        self._decline(list(self.offers), calls.LONG_REFUSAL)
        if not self._suppressed:
            self._suppressed = True
            self._actions.calls.append(calls.suppress())

    def _want_more(self, now: float) -> None:
        """Ask for offers if none will come by themselves soon."""
        wanted = self._suppressed or self._newly_waiting
        if wanted and now - self._last_revive >= self.rules.revive_pause:
            self._suppressed = self._newly_waiting = False
            self._last_revive = now
            self._actions.calls.append(calls.revive())

    def _sent(self, event: LaunchSent, now: float) -> None:
        del now
        self._sending.difference_update(event.task_ids)

    def _refused(self, event: LaunchRefused, now: float) -> None:
        for task_id in event.task_ids:
            task = self.tasks.get(task_id)
            if task_id in self._sending and task is not None and task.state is None:
                self._put(lifecycle.requeued(task, event.why, now), now)
        self._sending.difference_update(event.task_ids)
        if event.offer_ids and self.connected:
            self._actions.calls.append(calls.decline(event.offer_ids, 0.0))

    def _in_doubt(self, event: LaunchInDoubt, now: float) -> None:
        del now
        if self._sending.intersection(event.task_ids):
            self._actions.resubscribe = True

    # Offers

    def _offered(self, event: Offers, now: float) -> None:
        for offer in event.offers:
            self.offers[offer.id] = offer
            self._offered_at[offer.id] = now

    def _rescinded(self, event: Rescind, now: float) -> None:
        del now
        self._forget_offer(event.offer_id)

    def _inverse(self, event: InverseOffers, now: float) -> None:
        del now
        self._actions.calls.append(calls.decline_inverse(event.offer_ids))

    def _decline(self, offer_ids: list[str], refuse_seconds: float) -> None:
        if offer_ids:
            self._actions.calls.append(calls.decline(offer_ids, refuse_seconds))
        for offer_id in offer_ids:
            self._forget_offer(offer_id)

    def _forget_offer(self, offer_id: str) -> None:
        self.offers.pop(offer_id, None)
        self._offered_at.pop(offer_id, None)

    def _forget_offers(self) -> None:
        self.offers.clear()
        self._offered_at.clear()

    # States

    def _updated(self, event: Update, now: float) -> None:
        status = event.status
        if status.uuid and status.agent_id:
            self._actions.calls.append(calls.acknowledge(status.task_id, status.agent_id, status.uuid))
        task = self.tasks.get(task_id_of(status.task_id) or "")
        if task is None or task.mesos_task_id != status.task_id or task.phase is not Phase.LAUNCHED:
            self._stray(status)
            return
        if status.state not in DOUBTFUL:
            self._reconciliation.answered(task.id)
        if task.id in self._sending and status.reason == lifecycle.RECONCILIATION and status.state in _ABSENT:
            # It was asked for before the launch arrived.
            return
        after = lifecycle.advance(task, status, master_id=self.master_id, now=now)
        if after is not task:
            self._sending.discard(task.id)
            self._put(after, now)

    def _stray(self, status: TaskStatus) -> None:
        """See to a launch that is not, or no longer, the present one of a task."""
        if status.state not in TERMINAL and status.state not in DOUBTFUL:
            self._actions.inquiries.append((status.task_id, status.agent_id))

    def _found(self, event: Found, now: float) -> None:
        """Kill a launch that came back after it was given up; leave alone what the store does not know."""
        del now
        task = event.task
        if task is not None and (task.phase is not Phase.LAUNCHED or task.mesos_task_id != event.launch):
            self._actions.calls.append(calls.kill(event.launch, event.agent_id))

    def _failed(self, event: Failure, now: float) -> None:
        if event.executor_id is not None:
            return
        for offer in [o for o in self.offers.values() if o.agent_id == event.agent_id]:
            self._forget_offer(offer.id)
        there = [t.id for t in self.tasks.values() if t.agent_id == event.agent_id and self._askable(t)]
        self._reconciliation.ask_for(there, now)

    # Time

    def _tick(self, _: Tick, now: float) -> None:
        for task_id in [i for i, at in self._delayed.items() if at <= now]:
            del self._delayed[task_id]
            self._wait(self.tasks[task_id])
        if self.connected:
            overdue = [i for i, at in self._doubtful.items() if now - at >= self.rules.doubt_timeout]
            for task_id in overdue:
                self._give_up(self.tasks[task_id], now)

    def _give_up(self, task: Task, now: float) -> None:
        why = f"{task.state} for {self.rules.doubt_timeout:g} s: given up ({task.message})"
        assert task.mesos_task_id
        assert task.state
        self._actions.calls.append(calls.kill(task.mesos_task_id, task.agent_id))
        if task.state is TaskState.UNKNOWN and not task.heard:
            self._put(lifecycle.requeued(task, why, now), now)
        else:
            self._put(lifecycle.ended_here(task, task.state, why, now), now)

    def _kill_due(self, now: float) -> None:
        for task_id, (at, pause) in list(self._kills.items()):
            if at > now or task_id in self._sending:
                continue
            task = self.tasks[task_id]
            assert task.mesos_task_id
            self._actions.calls.append(calls.kill(task.mesos_task_id, task.agent_id))
            self._kills[task_id] = (now + pause, min(2 * pause, 60.0 + task.spec.kill_grace))

    def _reconcile_due(self, now: float) -> None:
        if self._reconciliation.round_due(now):
            self._reconciliation.begin(self._launched_ids(), now)
        due = self._reconciliation.due(now)
        asked = [self.tasks[i] for i in due if i in self.tasks and self._askable(self.tasks[i])]
        known = [(task.mesos_task_id, task.agent_id) for task in asked if task.mesos_task_id]
        self._actions.calls.extend(calls.reconcile(part) for part in _parts(known, RECONCILE_BATCH))

    # Where tasks are kept

    def _put(self, task: Task, now: float) -> None:
        """Keep a task as it now is, in all places that follow from it."""
        before = self.tasks.get(task.id)
        self.tasks[task.id] = task
        if before is not None or task.phase is Phase.ENDED:
            self._actions.store[task.id] = task
        if task.phase is not Phase.LAUNCHED or task.state not in DOUBTFUL:
            self._doubtful.pop(task.id, None)
        elif task.id not in self._doubtful:
            self._doubtful[task.id] = task.seen or now
            self._reconciliation.ask_for([task.id], now)
        if task.phase is Phase.LAUNCHED:
            self._waiting.discard(task.id)
            if task.wish is Wish.CANCEL:
                self._kills.setdefault(task.id, (now, 5.0 + task.spec.kill_grace))
            return
        self._kills.pop(task.id, None)
        self._sending.discard(task.id)
        self._reconciliation.answered(task.id)
        if task.phase is Phase.ENDED or not task.waiting:
            self._waiting.discard(task.id)
            self._delayed.pop(task.id, None)
            if task.phase is Phase.ENDED:
                del self.tasks[task.id]
        elif task.launches and before is not None and before.phase is Phase.LAUNCHED:
            self._delayed[task.id] = now + self.rules.relaunch_pause * (task.launches - 1)
        elif task.id not in self._delayed:
            self._wait(task)

    def _wait(self, task: Task) -> None:
        self._waiting.add(task.spec, task.submitted_at)
        self._newly_waiting = True

    def _launched_ids(self) -> Iterator[str]:
        return (task.id for task in list(self.tasks.values()) if task.phase is Phase.LAUNCHED)

    def _askable(self, task: Task) -> bool:
        return task.phase is Phase.LAUNCHED and task.id not in self._sending


_ABSENT = frozenset({TaskState.UNKNOWN, TaskState.GONE})

_HANDLERS: dict[type, Callable[[Scheduler, Any, float], None]] = {
    Subscribed: Scheduler._subscribed,
    Disconnected: Scheduler._disconnected,
    ErrorEvent: Scheduler._error,
    TasksChanged: Scheduler._changed,
    LaunchSent: Scheduler._sent,
    LaunchRefused: Scheduler._refused,
    LaunchInDoubt: Scheduler._in_doubt,
    Offers: Scheduler._offered,
    Rescind: Scheduler._rescinded,
    InverseOffers: Scheduler._inverse,
    Update: Scheduler._updated,
    Failure: Scheduler._failed,
    Found: Scheduler._found,
    Tick: Scheduler._tick,
}


def _parts(values: list[Any], size: int) -> Iterator[list[Any]]:
    return (values[i : i + size] for i in range(0, len(values), size))
