"""Choice of a free TCP port."""

from __future__ import annotations

import contextlib
import errno
import socket
from collections.abc import Iterator

from deploy.demo.errors import DemoError

TRIED = 100


def is_free(port: int) -> bool:
    """Tell whether no process listens on ``port`` at any address of this machine.

    A port whose old connections still linger counts as free: servers reuse it.
    """
    # All addresses: a listener on a single one of them is found as well. IPv6 too, since browsers
    # try it first for "localhost".
    if not _can_bind(socket.AF_INET, "0.0.0.0", port):
        return False
    return not socket.has_ipv6 or _can_bind(socket.AF_INET6, "::", port)


@contextlib.contextmanager
def reserve(preferred: int) -> Iterator[int]:
    """Yield ``preferred`` or the next free port above it; no other demo gets it before the end.

    A server binds its port seconds after it was chosen. So the choice itself is announced, by a socket name
    that the kernel forgets with its process, and lives, as ports do, in the network's name space.

    Raises:
        DemoError: None of the next ports is free.
    """
    last = min(preferred + TRIED, 65536)
    for port in range(preferred, last):
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as announcement:
            try:
                announcement.bind(f"\0chronos-demo-port-{port}")
            except OSError:
                continue
            if is_free(port):
                yield port
                return
    raise DemoError(f"No free port from {preferred} to {last - 1}; stop a server that occupies one of them.")


def _can_bind(family: socket.AddressFamily, address: str, port: int) -> bool:
    try:
        with socket.socket(family, socket.SOCK_STREAM) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if family == socket.AF_INET6:
                probe.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            probe.bind((address, port))
    except OSError as problem:
        # Without IPv6 on this machine nobody can listen there.
        return problem.errno in (errno.EAFNOSUPPORT, errno.EADDRNOTAVAIL, errno.EPROTONOSUPPORT)
    return True
