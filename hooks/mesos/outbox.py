"""Sends the calls of one subscription: launches and the like in their order, acknowledgements beside them."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable

from chronos_plugin.hooks.mesos.actions import Input, Launch, LaunchInDoubt, LaunchRefused, LaunchSent
from chronos_plugin.hooks.mesos.calls import Call
from chronos_plugin.hooks.mesos.client import CallRefused, MesosFailed, Subscription

log = logging.getLogger("chronos.mesos")

LOST = "the connection to the master was lost"
_PAUSES = (0.1, 0.5, 2.0)


class Outbox:
    """Calls that wait to be sent.

    Args:
        subscription: To which the calls belong.
        told: Gets the result of each launch.
        lost: Called when the master says that the subscription does not hold any more.
        senders: Acknowledgements, and launches, under way at a time.
    """

    def __init__(
        self,
        subscription: Subscription,
        *,
        told: Callable[[Input], Awaitable[None]],
        lost: Callable[[], None],
        senders: int,
    ) -> None:
        self.master = subscription.master
        self._subscription = subscription
        self._told = told
        self._lost = lost
        self._orders: asyncio.Queue[Launch | Call] = asyncio.Queue()
        self._acknowledgements: asyncio.Queue[Call] = asyncio.Queue()
        self._launching: dict[asyncio.Task[None], Launch] = {}
        self._room = asyncio.Semaphore(senders)
        self._senders = [asyncio.create_task(self._send_orders())]
        self._senders += [asyncio.create_task(self._send_acknowledgements()) for _ in range(senders)]

    @property
    def unacknowledged(self) -> int:
        """Acknowledgements that wait to be sent."""
        return self._acknowledgements.qsize()

    def put(self, call: Launch | Call) -> None:
        """Let a call be sent."""
        if isinstance(call, dict) and call["type"] == "ACKNOWLEDGE":
            self._acknowledgements.put_nowait(call)
        else:
            self._orders.put_nowait(call)

    async def close(self) -> None:
        """Stop sending, and tell what this means for launches; what is not acknowledged comes again."""
        launching = dict(self._launching)
        for sender in (*self._senders, *launching):
            sender.cancel()
        await asyncio.gather(*self._senders, *launching, return_exceptions=True)
        for sender, launch in launching.items():
            if sender.cancelled():
                await self._told(LaunchInDoubt(launch.task_ids))
        while not self._orders.empty():
            call = self._orders.get_nowait()
            if isinstance(call, Launch):
                await self._told(LaunchRefused(call.task_ids, LOST))

    async def _send_orders(self) -> None:
        """Send launches beside each other, and anything else when all before it has arrived.

        A REVIVE that overtook an ACCEPT would leave what that one declines filtered.
        """
        while True:
            # Room first: an order that is taken out and not sent would be forgotten.
            await self._room.acquire()
            order = await self._orders.get()
            if isinstance(order, Launch):
                sender = asyncio.create_task(self._launch(order))
                self._launching[sender] = order
                sender.add_done_callback(self._launch_done)
                continue
            self._room.release()
            if self._launching:
                await asyncio.wait(self._launching)
            if not await self._patiently(order):
                # A REVIVE that is lost would leave tasks waiting for ever; a new subscription puts all right.
                self._lost()

    def _launch_done(self, sender: asyncio.Task[None]) -> None:
        self._room.release()
        del self._launching[sender]

    async def _launch(self, launch: Launch) -> None:
        result: Input = LaunchSent(launch.task_ids)
        try:
            await self._call(launch.call)
        except CallRefused as error:
            result = LaunchRefused(launch.task_ids, str(error), launch.offer_ids)
        except MesosFailed:
            result = LaunchInDoubt(launch.task_ids)
        await self._told(result)

    async def _send_acknowledgements(self) -> None:
        while True:
            # Mesos sends the update again, if this is of no avail.
            await self._patiently(await self._acknowledgements.get())

    async def _patiently(self, call: Call) -> bool:
        """Send a call that may be repeated, some times; whether it was taken in."""
        for pause in (*_PAUSES, None):
            try:
                await self._call(call)
                return True
            except MesosFailed:
                if pause is not None:
                    await asyncio.sleep(pause)
        return False

    async def _call(self, call: Call) -> None:
        try:
            await self._subscription.call(call)
        except MesosFailed as error:
            log.warning("%s: %s", call["type"], error)
            if isinstance(error, CallRefused) and error.subscription_lost:
                self._lost()
            raise
