"""Which resources nobody needs any more."""

from __future__ import annotations

from dataclasses import replace

import pytest

from chronos_plugin.execution.cloud.model import Request, Resource
from chronos_plugin.execution.cloud.naming import (
    EXPIRES_LABEL,
    MAX_NAME,
    OWNER_LABEL,
    has_expired,
    resource_name,
    run_owner,
    split_owner,
    target_owner,
)
from chronos_plugin.execution.cloud.sweep import Finding, sweep
from tests.safescale import request

NOW = 1000.0
LIVES, GONE = run_owner("dag", "lives"), run_owner("dag", "gone")


def judge(resource: Resource, made: Request | None = None) -> Finding:
    (found,) = sweep([resource], lambda *_: made, lambda owner: owner == LIVES, NOW)
    assert found.why
    return found.finding


def made(owner: str, expires: float | None = None) -> Request:
    return replace(request("1", "host", "create", "h1", {}), owner=owner, expires=expires)


@pytest.mark.parametrize(
    ("labels", "by", "expected"),
    [
        ({}, made(LIVES), Finding.KEPT),
        ({}, made(GONE), Finding.ORPHAN),
        ({}, made(GONE, NOW + 1), Finding.KEPT),
        ({}, made(LIVES, NOW - 1), Finding.ORPHAN),
        ({}, made(""), Finding.KEPT),
        ({}, None, Finding.FOREIGN),
        ({OWNER_LABEL: "x"}, None, Finding.UNKNOWN),
        ({OWNER_LABEL: "x", EXPIRES_LABEL: "999"}, None, Finding.ORPHAN),
        ({OWNER_LABEL: "x", EXPIRES_LABEL: "1001"}, None, Finding.UNKNOWN),
        ({EXPIRES_LABEL: "1"}, None, Finding.FOREIGN),
    ],
)
def test_a_host_is_judged(labels: dict[str, str], by: Request | None, expected: Finding) -> None:
    assert judge(Resource("host", "h1", labels=labels), by) is expected


def test_a_name_of_ours_is_a_mark_where_there_are_no_labels() -> None:
    assert judge(Resource("cluster", resource_name(GONE, "x"))) is Finding.UNKNOWN


def test_parts_of_a_cluster_go_with_it() -> None:
    parts = [
        Resource("host", "chronos-c-node-1"),
        Resource("host", "chronos-c-master-1"),
        Resource("host", "gw-chronos-c"),
        Resource("network", "chronos-c"),
    ]
    alone = sweep(parts, lambda *_: None, lambda _: False, NOW)
    assert len(alone) == 4
    with_cluster = sweep([*parts, Resource("cluster", "chronos-c")], lambda *_: None, lambda _: False, NOW)
    assert [found.resource.kind for found in with_cluster] == ["cluster"]


def test_names_are_always_the_same_and_never_another_s() -> None:
    names = {
        resource_name(owner, purpose) for owner in (LIVES, GONE) for purpose in ("a", "A!", "a" * 99, "é", "")
    }
    assert len(names) == 10
    assert all(len(name) <= MAX_NAME and name.replace("-", "").isalnum() and name.isascii() for name in names)
    assert resource_name(LIVES, "a") == resource_name(LIVES, "a")


def test_owners_are_read_back() -> None:
    assert split_owner(run_owner("dag", "manual__2026-01-01T00:00:00+00:00")) == (
        "run",
        "dag",
        "manual__2026-01-01T00:00:00+00:00",
    )
    assert split_owner(target_owner("cloud")) == ("target", "cloud")
    assert split_owner("") == ()
    assert split_owner("something") == ()


@pytest.mark.parametrize(
    ("text", "expected"), [("999", True), ("1001", False), ("never", False), ("", False)]
)
def test_expiry(text: str, expected: bool) -> None:
    assert has_expired({EXPIRES_LABEL: text}, NOW) is expected
