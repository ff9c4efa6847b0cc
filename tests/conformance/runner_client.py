"""Hands one command line over to a fork server, and ends as the command does.

    python -I -S runner_client.py SOCKET NAME [ARGUMENT ...]

The arguments, the working directory, the environment, the umask and the three standard streams go to the
process that listens on ``SOCKET`` (see forkserver.py); the exit status comes back. This process holds the
command's life: when it dies, of whatever signal, the server ends the command.

Every test pays for the start of this program, so it imports nothing that the interpreter has not loaded or
built in: ``_socket`` in place of ``socket`` saves half of the time.
"""

import sys
from _socket import AF_UNIX, SCM_RIGHTS, SOCK_STREAM, SOL_SOCKET, socket
from posix import environ, getcwdb, umask

# The conventional status of "command found but not executable"; the runner itself uses 0, 1, 2 and 33.
UNREACHABLE = 126


def request(name: str, arguments: list[str]) -> bytes:
    """Return the message that describes this process: a length, then fields that end with NUL."""
    mask = umask(0)
    umask(mask)
    fields = [getcwdb(), b"%d" % mask, b"%d" % (len(arguments) + 1)]
    fields += [word.encode(sys.getfilesystemencoding(), "surrogateescape") for word in (name, *arguments)]
    fields += [key + b"=" + value for key, value in environ.items()]
    body = b"\0".join(fields)
    return len(body).to_bytes(8, "big") + body


def main(path: str, name: str, arguments: list[str]) -> int:
    """Run the command in the server that listens on ``path``; return its exit status."""
    message = request(name, arguments)
    streams = b"".join(number.to_bytes(4, sys.byteorder) for number in (0, 1, 2))
    connection = socket(AF_UNIX, SOCK_STREAM)
    try:
        connection.connect(path)
        sent = connection.sendmsg([message], [(SOL_SOCKET, SCM_RIGHTS, streams)])
        # Only what is left: once the server has answered and closed, even an empty send fails.
        if sent < len(message):
            connection.sendall(message[sent:])
        status = connection.recv(16)
    except OSError as error:
        sys.stderr.write(f"{name}: the fork server at {path} cannot be reached: {error}\n")
        return UNREACHABLE
    if not status:
        sys.stderr.write(f"{name}: the fork server at {path} went away\n")
        return UNREACHABLE
    return int(status)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2], sys.argv[3:]))
