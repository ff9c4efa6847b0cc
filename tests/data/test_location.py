"""URIs of storages: what is one, what it becomes, what is refused."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chronos_plugin.data.location import Location, parse
from chronos_plugin.data.schemes import SCHEMES, is_remote
from chronos_plugin.errors import InputInvalid

_NAMES = st.text(min_size=1, max_size=20).filter(
    lambda t: "/" not in t and t not in (".", "..") and not any(0xD800 <= ord(c) <= 0xDFFF for c in t)
)
_HOSTS = st.from_regex(r"[a-z][a-z0-9-]{0,10}[a-z0-9](\.[a-z]{2,5})?(:[1-9][0-9]{1,3})?", fullmatch=True)


@given(st.sampled_from(sorted(SCHEMES)), _HOSTS, st.lists(_NAMES, min_size=1, max_size=4))
def test_any_name_of_a_file_can_be_written_and_read_again(scheme: str, host: str, names: list[str]) -> None:
    location = parse(f"{scheme}://{host}").child("/".join(names))
    assert parse(str(location)) == location
    assert location.name == names[-1]
    assert location.key == "/".join(names)
    assert location.parent().child(names[-1]) == location
    assert location.within(f"{scheme}://{host}")
    assert is_remote(str(location))


@given(st.text(max_size=60))
def test_any_text_is_a_location_or_refused(text: str) -> None:
    try:
        location = parse(text)
    except InputInvalid:
        return
    assert parse(str(location)) == location
    assert is_remote(text)


@given(st.sampled_from(sorted(SCHEMES)), st.text(max_size=40))
def test_parsing_is_stable(scheme: str, rest: str) -> None:
    try:
        location = parse(f"{scheme}://{rest}")
    except InputInvalid:
        return
    assert str(parse(str(location))) == str(location)
    assert "@" not in location.authority
    assert ".." not in location.key.split("/")


@pytest.mark.parametrize(
    ("text", "uri"),
    [
        ("HTTPS://Host.Example.ORG/a b.nc", "https://host.example.org/a%20b.nc"),
        ("s3a://Bucket/x", "s3://Bucket/x"),
        ("gcs://b/x", "gs://b/x"),
        ("xroot://h:1094//eos/x", "root://h:1094//eos/x"),
        ("http://[::1]:80/x", "http://[::1]:80/x"),
        ("https://h/x?a=1&b=2/3", "https://h/x?a=1&b=2/3"),
        ("s3://b/100%", "s3://b/100%25"),
        ("s3://b/a%20b", "s3://b/a%20b"),
    ],
)
def test_one_way_to_write_a_place(text: str, uri: str) -> None:
    assert str(parse(text)) == uri


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("ftp://h/x", "no transport for 'ftp:'"),
        ("x", "no transport"),
        ("https:///x", "no host"),
        ("s3://", "no host or bucket"),
        ("https://user:secret@h/x", "data_connections"),
        ("s3://b/a#1", "%23"),
        ("s3://b/../c", r"without '\.\.'"),
        ("s3://b/%2e%2e/c", r"without '\.\.'"),
        ("https://h:99999/x", "no URI"),
        ("https://[::1/x", "no URI"),
    ],
)
def test_what_is_refused(text: str, reason: str) -> None:
    with pytest.raises(InputInvalid, match=reason) as raised:
        parse(text)
    assert "secret" not in str(raised.value)


@pytest.mark.parametrize("value", ["file:///x", "/x", "_:1", "x.nc", None, 3, "c:\\x", "httpx://h/x"])
def test_what_lies_here_is_not_remote(value: object) -> None:
    assert not is_remote(value)


def test_messages_have_no_signature() -> None:
    assert parse("https://h/x?X-Amz-Signature=abc").shown == "https://h/x?…"


def test_prefixes_end_at_parts() -> None:
    place = Location("s3", "bucket", "/data/x")
    assert place.within("s3://bucket")
    assert place.within("s3://bucket/data/")
    assert place.within(str(place))
    assert not place.within("s3://buck")
    assert not place.within("s3://bucket/dat")
