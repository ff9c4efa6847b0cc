from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from deploy.demo import ports
from deploy.demo.errors import DemoError

CHECKOUT = Path(__file__).resolve().parents[2]


@pytest.fixture
def base() -> int:
    """A port whose successors are free as well, as far as one can know."""
    for candidate in range(20000 + os.getpid() % 9000, 32000):
        if all(ports.is_free(port) for port in range(candidate, candidate + 3)):
            return candidate
    pytest.skip("no free ports")


@pytest.mark.parametrize("address", ["127.0.0.1", "0.0.0.0"])
def test_a_port_with_a_listener_is_not_free(base: int, address: str) -> None:
    with socket.create_server((address, base)):
        assert not ports.is_free(base)
    assert ports.is_free(base)


@pytest.mark.skipif(not socket.has_ipv6, reason="needs IPv6")
def test_a_listener_at_ipv6_counts(base: int) -> None:
    try:
        server = socket.create_server(("::1", base), family=socket.AF_INET6)
    except OSError:
        pytest.skip("no IPv6 on this machine")
    with server:
        assert not ports.is_free(base)


def test_the_next_free_port_is_taken(base: int) -> None:
    with ports.reserve(base) as first:
        assert first == base
    with socket.create_server(("127.0.0.1", base)), ports.reserve(base) as second:
        assert second == base + 1


def test_a_port_chosen_by_another_process_is_left_to_it(base: int) -> None:
    code = (
        "from deploy.demo.ports import reserve\n"
        f"with reserve({base}) as port:\n    print(port, flush=True); input()\n"
    )
    other = subprocess.Popen(
        [sys.executable, "-c", code],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(CHECKOUT)},
    )
    assert other.stdout is not None
    assert int(other.stdout.readline()) == base
    with ports.reserve(base) as port:
        assert port == base + 1
    other.kill()
    other.communicate()
    with ports.reserve(base) as port:
        assert port == base


def test_no_free_port_is_said(base: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ports, "is_free", lambda _port: False)
    with pytest.raises(DemoError, match=f"from {base} to {base + 99}"), ports.reserve(base):
        pass
