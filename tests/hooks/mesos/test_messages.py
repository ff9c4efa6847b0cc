from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chronos_plugin.hooks.mesos.messages import (
    ErrorEvent,
    EventInvalid,
    Failure,
    Heartbeat,
    Ignored,
    InverseOffers,
    Offers,
    Rescind,
    Subscribed,
    TaskState,
    Update,
    parse_event,
)
from tests.hooks.mesos.conftest import recorded, recorded_names

KINDS = {
    "SUBSCRIBED": Subscribed,
    "HEARTBEAT": Heartbeat,
    "OFFERS": Offers,
    "RESCIND": Rescind,
    "UPDATE": Update,
    "ERROR": ErrorEvent,
}


def _events() -> list[dict[str, Any]]:
    return [line["event"] for name in recorded_names() for line in recorded(name) if "event" in line]


def test_every_recorded_event_is_understood() -> None:
    seen = set()
    for raw in _events():
        event = parse_event(json.dumps(raw).encode())
        assert isinstance(event, KINDS[raw["type"]])
        seen.add(raw["type"])
        if isinstance(event, Update):
            status = raw["update"]["status"]
            assert event.status.uuid == status.get("uuid")
            assert event.status.state == status["state"]
            assert event.status.task_id == status["task_id"]["value"]
            assert event.status.agent_id == status.get("agent_id", {}).get("value")
        if isinstance(event, Offers):
            assert [o.id for o in event.offers] == [o["id"]["value"] for o in raw["offers"]["offers"]]
            assert event.offers[0].agent_url == "http://127.0.0.1:15051"
    assert seen == set(KINDS)


def test_events_that_were_never_recorded() -> None:
    assert parse_event(b'{"type":"FAILURE","failure":{"agent_id":{"value":"a"}}}') == Failure("a")
    inverse = b'{"type":"INVERSE_OFFERS","inverse_offers":{"inverse_offers":[{"id":{"value":"i"}}]}}'
    assert parse_event(inverse) == InverseOffers(("i",))
    assert parse_event(b'{"type":"NEWS","news":{}}') == Ignored("NEWS", "unknown type")
    assert parse_event(b'{"type":"UPDATE","update":{}}') == Ignored("UPDATE", "incomplete")
    unknown = b'{"type":"UPDATE","update":{"status":{"task_id":{"value":"t"},"state":"TASK_DREAMING"}}}'
    assert isinstance(parse_event(unknown), Ignored)


def test_an_ipv6_agent() -> None:
    url = {"scheme": "https", "address": {"ip": "fe80::1", "port": 5051}, "path": "/slave(1)"}
    offer = {"id": {"value": "o"}, "agent_id": {"value": "a"}, "url": url}
    event = parse_event(json.dumps({"type": "OFFERS", "offers": {"offers": [offer]}}).encode())
    assert isinstance(event, Offers)
    assert event.offers[0].agent_url == "https://[fe80::1]:5051"


@pytest.mark.parametrize("record", [b"", b"[]", b"3", b"{", b'"x"', b"\xff", b"[" * 100_000, b"NaN"])
def test_what_is_no_object_is_refused(record: bytes) -> None:
    with pytest.raises(EventInvalid):
        parse_event(record)


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=12), inner, max_size=3),
    max_leaves=8,
)


def _changed(value: Any, path: list[int], new: Any) -> Any:
    """Put ``new`` in place of something inside ``value``."""
    if not path or not value or not isinstance(value, dict | list):
        return new
    keys = list(value) if isinstance(value, dict) else list(range(len(value)))
    key = keys[path[0] % len(keys)]
    copy = value.copy()
    copy[key] = _changed(value[key], path[1:], new)
    return copy


@settings(max_examples=400)
@given(st.sampled_from(_events()), st.lists(st.integers(min_value=0), max_size=8), _JSON)
def test_a_changed_event_is_understood_or_ignored(raw: dict[str, Any], path: list[int], new: Any) -> None:
    changed = _changed(raw, path, new)
    record = json.dumps(changed).encode(errors="surrogatepass")
    try:
        event = parse_event(record)
    except EventInvalid:
        assert not isinstance(changed, dict)
        return
    if isinstance(event, Update):
        assert isinstance(event.status.task_id, str)
        assert event.status.task_id
        assert event.status.state in set(TaskState)
    if isinstance(event, Subscribed):
        assert 0 < event.heartbeat_interval < float("inf")


@given(st.sampled_from(_events()), st.integers(min_value=0))
def test_a_cut_event_is_refused(raw: dict[str, Any], end: int) -> None:
    record = json.dumps(raw).encode()
    cut = record[: 1 + end % (len(record) - 1)]
    with pytest.raises(EventInvalid):
        parse_event(cut)
