"""One client against the service's three versions."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from chronos_plugin.errors import CloudFailed, InputInvalid, SettingInvalid
from chronos_plugin.hooks.safescale.client import Endpoint, SafeScaleClient
from chronos_plugin.hooks.safescale.cloud import SafeScaleCloud
from chronos_plugin.hooks.safescale.double.cloud import Fault
from chronos_plugin.hooks.safescale.double.server import Double
from chronos_plugin.hooks.safescale.hook import ask
from chronos_plugin.hooks.safescale.kinds import KINDS, request_fields, verb_of
from tests.safescale import endpoint, until

CLUSTER = {"flavor": "boh", "complexity": "small", "node_sizing": "cpu=1,count=2"}


def run(double: Double, question: Callable[[SafeScaleCloud], Awaitable[Any]], **changes: Any) -> Any:
    return asyncio.run(ask(endpoint(double, **changes), question))


def reason(double: Double, question: Callable[[SafeScaleCloud], Awaitable[Any]], **changes: Any) -> str:
    with pytest.raises(CloudFailed) as caught:
        run(double, question, **changes)
    return caught.value.reason


def test_hosts_live_from_create_to_delete(double: Double) -> None:
    async def life(cloud: SafeScaleCloud) -> list[str | None]:
        states: list[str | None] = []

        async def look() -> None:
            seen = await cloud.inspect("host", "h1")
            states.append(seen and seen.state)

        await look()
        await cloud.perform("host", "create", "h1", {"sizing": "cpu~1, ram>=2"})
        await look()
        await cloud.perform("host", "stop", "h1", {})
        await look()
        await cloud.perform("host", "start", "h1", {})
        await look()
        await cloud.perform("host", "delete", "h1", {})
        await look()
        return states

    assert run(double, life) == [None, "ready", "stopped", "ready", None]


def test_clusters_grow_and_shrink(double: Double) -> None:
    async def life(cloud: SafeScaleCloud) -> list[int]:
        counts = []

        async def look() -> None:
            seen = await cloud.inspect("cluster", "c1")
            assert seen is not None
            assert seen.state == "ready"
            counts.append(len(seen.ready_nodes))

        await cloud.perform("cluster", "create", "c1", CLUSTER)
        await look()
        await cloud.perform("cluster", "expand", "c1", {"count": 2, "node_sizing": "cpu=1"})
        await look()
        seen = await cloud.inspect("cluster", "c1")
        assert seen is not None
        await cloud.perform("cluster", "delete-node", "c1", {"node": seen.ready_nodes[1]})
        await look()
        await cloud.perform("cluster", "shrink", "c1", {"count": 2})
        await look()
        await cloud.perform("cluster", "delete", "c1", {})
        assert await cloud.inspect("cluster", "c1") is None
        return counts

    assert run(double, life) == [2, 4, 3, 1]
    assert not double.cloud.tenants["test"].host


def test_the_flavor_has_the_number_of_the_server_s_version(double: Double) -> None:
    run(double, lambda cloud: cloud.perform("cluster", "create", "c1", CLUSTER))
    assert double.cloud.tenants["test"].cluster["c1"].values["flavor"] == (
        4 if double.version == "22.11" else 1
    )


def test_volumes_shares_networks_features(double: Double) -> None:
    async def life(cloud: SafeScaleCloud) -> None:
        await cloud.perform("host", "create", "h1", {"sizing": "cpu=1"})
        await cloud.perform("volume", "create", "v1", {"speed": "ssd", "size": 10})
        await cloud.perform("volume", "attach", "v1", {"host": "h1", "mount_path": "/data"})
        volume = await cloud.inspect("volume", "v1")
        assert volume is not None
        assert volume.facts["attachments"][0]["host"]["name"] == "h1"
        assert volume.facts["size"] == 10
        await cloud.perform("volume", "detach", "v1", {"host": "h1"})
        await cloud.perform("share", "create", "s1", {"host": "h1", "path": "/shared"})
        await cloud.perform("share", "mount", "s1", {"host": "h1", "path": "/mnt"})
        share = await cloud.inspect("share", "s1")
        assert share is not None
        assert share.facts["mount_list"][0]["path"] == "/mnt"
        await cloud.perform("share", "unmount", "s1", {"host": "h1"})
        await cloud.perform("network", "create", "n1", {"cidr": "10.0.0.0/16", "sizing": "cpu=1"})
        where = {"on": "h1", "on_kind": "host"}
        assert await cloud.inspect("feature", "docker", where) is None
        await cloud.perform("feature", "add", "docker", {**where, "variables": {"Version": "25"}})
        assert await cloud.inspect("feature", "docker", where) is not None
        await cloud.perform("feature", "remove", "docker", where)
        listed = {
            kind: [one.name for one in await cloud.list(kind)]
            for kind in ("host", "volume", "share", "network")
        }
        assert listed == {"host": ["h1"], "volume": ["v1"], "share": ["s1"], "network": ["n1"]}
        for kind, name in (("share", "s1"), ("volume", "v1"), ("network", "n1"), ("host", "h1")):
            await cloud.perform(kind, "delete", name, {})
            assert await cloud.list(kind) == []

    run(double, life)


def test_labels_are_bound_where_the_version_has_them(double: Double) -> None:
    async def mark(cloud: SafeScaleCloud) -> Any:
        await cloud.perform("host", "create", "h1", {"sizing": "cpu=1"})
        bound = await cloud.mark("h1", {"chronos-owner": "one"})
        assert await cloud.mark("h1", {"chronos-owner": "two"}) is bound
        seen = await cloud.inspect("host", "h1")
        assert seen is not None
        return bound, dict(seen.labels)

    expected = (False, {}) if double.version == "21.11" else (True, {"chronos-owner": "two"})
    assert run(double, mark) == expected
    if double.version == "21.11":
        assert reason(double, lambda cloud: cloud.perform("label", "create", "l", {})) == "unsupported"
        assert run(double, lambda cloud: cloud.list("label")) == []


def test_every_call_names_the_tenant_and_has_a_deadline(double: Double) -> None:
    async def many(cloud: SafeScaleCloud) -> None:
        await cloud.perform("host", "create", "h1", {"sizing": "cpu=1"})
        await cloud.perform("cluster", "create", "c1", CLUSTER)
        seen = await cloud.inspect("cluster", "c1")
        assert seen is not None
        await cloud.perform("cluster", "delete-node", "c1", {"node": seen.ready_nodes[0]})
        await cloud.run("h1", "true")
        await cloud.perform("volume", "create", "v1", {"size": 1})
        await cloud.perform("volume", "attach", "v1", {"host": "h1"})
        await cloud.perform("share", "create", "s1", {"host": "h1", "path": "/p"})
        await cloud.perform("feature", "add", "docker", {"on": "c1", "on_kind": "cluster"})
        await cloud.perform("network", "create", "n1", {})
        await cloud.perform("network", "delete", "n1", {})
        await cloud.match("cpu=1")
        await cloud.mark("h1", {"a": "b"})
        for kind in ("host", "cluster", "volume", "share", "network"):
            await cloud.list(kind)

    run(double, many)
    assert len(double.cloud.calls) > 15
    assert {tenant for _, tenant, _ in double.cloud.calls} == {"test"}
    assert all(left is not None and 0 < left < 100 * 60 for _, _, left in double.cloud.calls)


@pytest.mark.parametrize("tenant", ["nobody", "Test"])
def test_an_unknown_tenant_is_not_an_absent_host(double: Double, tenant: str) -> None:
    assert reason(double, lambda cloud: cloud.inspect("host", "h1"), tenant=tenant) == "tenant"


def test_no_tenant_set_is_not_an_absent_host(double: Double) -> None:
    double.cloud.faults.append(Fault("HostService.Inspect", "NOT_FOUND", "no tenant set"))
    assert reason(double, lambda cloud: cloud.inspect("host", "h1")) == "tenant"


def test_a_client_without_a_tenant_is_refused() -> None:
    with pytest.raises(SettingInvalid, match="tenant"):
        Endpoint("localhost:1", "")


@pytest.mark.parametrize(
    ("code", "details", "expected"),
    [
        ("ALREADY_EXISTS", "x", "exists"),
        ("UNKNOWN", "host 'h1' already exists", "exists"),
        ("UNKNOWN", "failed to find host 'h1'", "absent"),
        ("UNKNOWN", "boom", "failed"),
        ("INTERNAL", "syntax error: '' is invalid", "invalid"),
        ("UNAVAILABLE", "x", "unreachable"),
        ("ABORTED", "x", "busy"),
        ("RESOURCE_EXHAUSTED", "x", "quota"),
        ("PERMISSION_DENIED", "x", "refused"),
        ("UNAUTHENTICATED", "x", "refused"),
        ("UNIMPLEMENTED", "x", "unsupported"),
        ("INVALID_ARGUMENT", "x", "invalid"),
        ("FAILED_PRECONDITION", "x", "failed"),
        ("DEADLINE_EXCEEDED", "x", "timeout"),
    ],
)
def test_the_service_s_codes_and_words_have_one_reason(
    tmp_path: Path, code: str, details: str, expected: str
) -> None:
    with Double(tmp_path) as double:
        double.cloud.faults.append(Fault("HostService.Start", code, details))
        assert reason(double, lambda cloud: cloud.perform("host", "start", "h1", {})) == expected


def test_a_cancelled_call_is_rolled_back(double: Double) -> None:
    double.cloud.latency.host, double.cloud.latency.rollback = 30.0, 0.1

    async def cancel(cloud: SafeScaleCloud) -> None:
        call = asyncio.create_task(cloud.perform("host", "create", "h1", {"sizing": "cpu=1"}))
        await until(lambda: "h1" in double.cloud.tenants["test"].host)
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call
        await until(lambda: not double.cloud.tenants["test"].host)
        assert await cloud.inspect("host", "h1") is None

    run(double, cancel)


def test_a_call_that_passes_its_deadline_is_rolled_back(double: Double) -> None:
    double.cloud.latency.cluster = 60.0

    async def wait(cloud: SafeScaleCloud) -> None:
        with pytest.raises(CloudFailed, match="DEADLINE_EXCEEDED") as caught:
            await cloud.perform("cluster", "create", "c1", CLUSTER, seconds=0.3)
        assert caught.value.reason == "timeout"
        there = double.cloud.tenants["test"]
        await until(lambda: not there.host and not there.cluster)
        assert await cloud.inspect("cluster", "c1") is None

    run(double, wait)


def test_a_server_that_is_not_there_is_unreachable() -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    where = Endpoint(f"127.0.0.1:{port}", "test", question_timeout=5.0)
    with pytest.raises(CloudFailed, match="check that safescaled runs") as caught:
        asyncio.run(ask(where, lambda cloud: cloud.list("host")))
    assert caught.value.reason == "unreachable"


def test_a_server_that_says_nothing_is_given_up() -> None:
    with socket.socket() as mute:
        mute.bind(("127.0.0.1", 0))
        mute.listen()
        where = Endpoint(f"127.0.0.1:{mute.getsockname()[1]}", "test", question_timeout=0.5)
        with pytest.raises(CloudFailed) as caught:
            asyncio.run(ask(where, lambda cloud: cloud.list("host")))
    assert caught.value.reason in ("timeout", "unreachable")


def test_a_call_that_hangs_is_given_up(double: Double) -> None:
    double.cloud.faults.append(Fault("HostService.List", hang=True))
    assert reason(double, lambda cloud: cloud.list("host"), question_timeout=0.5) == "timeout"


def test_another_version_may_answer_after_a_restart(tmp_path: Path) -> None:
    async def upgrade() -> None:
        old = Double(tmp_path / "hosts", "21.11")
        old.start()
        async with SafeScaleClient(endpoint(old)) as client:
            cloud = SafeScaleCloud(client)
            await cloud.perform("cluster", "create", "c1", CLUSTER)
            old.stop()
            with pytest.raises(CloudFailed):
                await cloud.list("cluster")
            with Double(tmp_path / "hosts", "22.11", old.port) as new:
                for _ in range(100):
                    try:
                        await cloud.perform("cluster", "create", "c2", CLUSTER)
                        break
                    except CloudFailed as error:
                        if error.reason != "unreachable":
                            raise
                        await asyncio.sleep(0.1)
                assert new.cloud.tenants["test"].cluster["c2"].values["flavor"] == 4

    asyncio.run(upgrade())


def test_templates_are_matched_before_anything_is_made(double: Double) -> None:
    async def check(cloud: SafeScaleCloud) -> None:
        assert [t["name"] for t in await cloud.match("cpu>=4")] == ["s1.large", "g1.large"]
        assert list(await cloud.match("cpu>=64")) == []
        await cloud.check("host", "create", "h1", {"sizing": "template=s1.small"})
        await cloud.check("cluster", "create", "c1", CLUSTER)
        with pytest.raises(CloudFailed, match="no template"):
            await cloud.check("host", "create", "h1", {"sizing": "cpu=64"})
        with pytest.raises(InputInvalid, match="whole number"):
            await cloud.check("host", "create", "h1", {"sizing": "cpu=many"})

    run(double, check)
    assert double.cloud.journal == []


def test_copies_go_to_hosts_and_back(double: Double, tmp_path: Path) -> None:
    (tmp_path / "sent").write_text("content")

    async def copy(cloud: SafeScaleCloud) -> None:
        await cloud.perform("host", "create", "h1", {"sizing": "cpu=1"})
        there = {"source": str(tmp_path / "sent"), "destination": "h1:/in/file"}
        back = {"source": "h1:/in/file", "destination": str(tmp_path / "back")}
        assert (await cloud.copy(there)).status == 0
        assert (await cloud.run("h1", "cat in/file")).output == "content"
        assert (await cloud.copy(back)).status == 0
        assert (await cloud.copy({**back, "source": "h1:/none"})).status == 1
        with pytest.raises(CloudFailed, match="host:/path"):
            await cloud.copy({"source": "/a", "destination": "/b"})

    run(double, copy)
    assert (tmp_path / "back").read_text() == "content"


@pytest.mark.parametrize(
    ("kind", "verb", "spec", "says"),
    [
        ("moon", "create", {}, "no kind of resource 'moon'"),
        ("host", "expand", {}, "a host cannot expand"),
        ("host", "create", {"sizing": "cpu=1", "colour": "red"}, "unknown 'colour'"),
        ("host", "create", {}, "'sizing' is needed"),
        ("cluster", "expand", {"count": 1, "node_sizing": ""}, "'node_sizing' is needed"),
    ],
)
def test_a_wrong_specification_is_refused_before_it_is_sent(
    kind: str, verb: str, spec: dict[str, Any], says: str
) -> None:
    with pytest.raises(InputInvalid, match=says):
        request_fields(kind, verb, "x", spec)


def test_a_field_that_the_server_lacks_is_no_silent_loss(double: Double) -> None:
    async def call(cloud: SafeScaleCloud) -> Any:
        return await cloud.client.call("HostService", "Create", {"name": "h1", "orbit": "low"})

    with pytest.raises(CloudFailed, match=r"HostService\.Create has no field orbit"):
        run(double, call)


def test_each_verb_of_the_table_has_a_method_in_the_newest_version(tmp_path: Path) -> None:
    async def interface(cloud: SafeScaleCloud) -> Any:
        return await cloud.client.interface()

    with Double(tmp_path) as double:
        offered = run(double, interface)
    for name, kind in KINDS.items():
        for verb in kind.verbs:
            assert offered.offers(kind.service, verb_of(name, verb).method), (name, verb)
