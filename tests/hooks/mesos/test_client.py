from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest

from chronos_plugin.errors import SettingInvalid
from chronos_plugin.hooks.mesos import calls
from chronos_plugin.hooks.mesos.calls import Framework
from chronos_plugin.hooks.mesos.client import (
    Address,
    CallRefused,
    MesosFailed,
    NotAllowed,
    SchedulerClient,
    base_urls,
    leader_in,
)
from chronos_plugin.hooks.mesos.double import MesosDouble
from chronos_plugin.hooks.mesos.double.agent import Times
from chronos_plugin.hooks.mesos.messages import Event, Heartbeat, Subscribed


@pytest.fixture
def masters() -> Iterator[MesosDouble]:
    with MesosDouble(ports=(0, 0, 0)) as double:
        yield double


async def first_event(client: SchedulerClient) -> Event:
    async with client.subscribe(Framework(), None) as subscription:
        async for event in subscription.events():
            return event
    raise AssertionError("no event")


def test_the_leader_is_found_behind_a_redirect(masters: MesosDouble) -> None:
    async def main() -> None:
        masters.change_leader(2)
        client = SchedulerClient(Address(tuple(masters.urls[:1])))
        assert isinstance(await first_event(client), Subscribed)
        assert client.leader == masters.urls[2]
        await client.close()

    asyncio.run(main())


def test_masters_that_are_down_are_passed_over(masters: MesosDouble) -> None:
    async def main() -> None:
        client = SchedulerClient(Address(("http://127.0.0.1:9", masters.urls[1])))
        assert isinstance(await first_event(client), Subscribed)
        await client.close()

    asyncio.run(main())


def test_no_leader(masters: MesosDouble) -> None:
    async def main() -> None:
        masters.change_leader(None)
        client = SchedulerClient(Address(tuple(masters.urls)))
        with pytest.raises(MesosFailed, match=r"no Mesos master leads.*503"):
            await first_event(client)
        await client.close()

    asyncio.run(main())


def test_redirects_in_a_circle_end() -> None:
    with MesosDouble(ports=(0,)) as one:
        # The only master says that it does not lead, and names itself.
        one.do(lambda _: setattr(one, "leader", -1))

        async def main() -> None:
            client = SchedulerClient(Address(tuple(one.urls)))
            with pytest.raises(MesosFailed, match="redirects"):
                await first_event(client)
            await client.close()

        asyncio.run(main())


@pytest.mark.parametrize(
    ("location", "found"),
    [
        ("//m2:5050/api/v1/scheduler", "https://m2:5050"),
        ("m2:5050", "https://m2:5050"),
        # The secret does not leave TLS.
        ("http://m2:5050/api/v1/scheduler", "https://m2:5050"),
        ("//[fe80::1]:5050/", "https://[fe80::1]:5050"),
        ("//user:password@m2:5050/", "https://m2:5050"),
    ],
)
def test_forms_of_redirects(location: str, found: str) -> None:
    assert leader_in(location, "https://m1:5050") == found


def test_a_redirect_to_nowhere() -> None:
    with pytest.raises(CallRefused):
        leader_in("", "http://m1")


def test_principal_and_secret() -> None:
    with MesosDouble(credentials={"chronos": "secret"}) as double:

        async def main() -> None:
            good = SchedulerClient(Address(tuple(double.urls), "chronos", "secret"))
            assert isinstance(await first_event(good), Subscribed)
            await good.close()
            for bad in (Address(tuple(double.urls)), Address(tuple(double.urls), "chronos", "wrong")):
                client = SchedulerClient(bad)
                with pytest.raises(NotAllowed):
                    await first_event(client)
                await client.close()

        asyncio.run(main())


def test_the_secret_is_not_in_the_address_text() -> None:
    assert "secret" not in repr(Address(("http://m:5050",), "chronos", "secret"))


def test_calls_of_an_ended_subscription_are_refused(double: MesosDouble) -> None:
    async def main() -> None:
        client = SchedulerClient(Address(tuple(double.urls)))
        async with client.subscribe(Framework(), None) as first:
            events = first.events()
            subscribed = await anext(events)
            assert isinstance(subscribed, Subscribed)
            async with client.subscribe(Framework(), subscribed.framework_id) as second:
                others = second.events()
                await anext(others)
                with pytest.raises(CallRefused) as caught:
                    await first.call(calls.revive())
                assert caught.value.subscription_lost
                await second.call(calls.revive())
        await client.close()

    asyncio.run(main())


def test_a_lost_answer_is_not_a_refusal(double: MesosDouble) -> None:
    async def main() -> None:
        client = SchedulerClient(Address(tuple(double.urls)))
        async with client.subscribe(Framework(), None) as subscription:
            events = subscription.events()
            await anext(events)
            double.do(lambda master: master.faults.swallow.append("REVIVE"))
            with pytest.raises(MesosFailed) as caught:
                await subscription.call(calls.revive())
            assert not isinstance(caught.value, CallRefused)
        await client.close()

    asyncio.run(main())


@pytest.mark.parametrize("piece", [1, 7, 4096])
def test_events_in_small_pieces(double: MesosDouble, piece: int) -> None:
    double.do(lambda master: setattr(master.faults, "piece", piece))

    async def main() -> None:
        client = SchedulerClient(Address(tuple(double.urls)))
        async with client.subscribe(Framework(), None) as subscription:
            events = subscription.events()
            assert isinstance(await anext(events), Subscribed)
            assert isinstance(await anext(events), Heartbeat)
        await client.close()

    asyncio.run(main())


def test_silence_ends_the_subscription() -> None:
    with MesosDouble(times=Times(heartbeat=0.1)) as double:

        async def main() -> None:
            client = SchedulerClient(Address(tuple(double.urls)), missed_heartbeats=3)
            async with client.subscribe(Framework(), None) as subscription:

                async def read() -> None:
                    async for event in subscription.events():
                        if isinstance(event, Heartbeat):
                            double.do(lambda master: setattr(master.faults, "silent", True))

                with pytest.raises(MesosFailed, match="no heartbeat"):
                    await read()
            await client.close()

        asyncio.run(main())


def test_addresses() -> None:
    assert base_urls("a, b:5051", None, "https") == ("https://a:5050", "https://b:5051")
    assert base_urls("a", 6000, "http") == ("http://a:6000",)
    assert base_urls("[fe80::1],[fe80::1]:7", None, "http") == ("http://[fe80::1]:5050", "http://[fe80::1]:7")
    with pytest.raises(SettingInvalid, match="ZooKeeper"):
        Address(base_urls("zk://a:2181/mesos", None, "http"))
    with pytest.raises(SettingInvalid, match="no Mesos master"):
        Address(())
