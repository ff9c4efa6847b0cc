"""An HTTP proxy that answers 200 to every GET and reaches nothing.

The conformance test ``networkaccess`` asks for ``http://commonwl.org`` from inside a container. Whether the
container has a network is what the test is about; that the Internet can be reached is not, so this server
stands for it.

    python3 proxy.py ADDRESS PORT

Prints ``listening`` on standard output when it is ready; runs until it is killed.
"""

import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

BODY = b"CHRONOS conformance proxy\n"


class Answer(BaseHTTPRequestHandler):
    """Answers each GET with status 200 and a short text."""

    def do_GET(self) -> None:
        """Answer, whatever was asked for."""
        self.send_response(200)
        self.send_header("Content-Type", "text/plain")
        self.send_header("Content-Length", str(len(BODY)))
        self.end_headers()
        self.wfile.write(BODY)


def main(address: str, port: int) -> None:
    """Serve on ``address:port`` for ever."""
    with ThreadingHTTPServer((address, port), Answer) as server:
        sys.stdout.write("listening\n")
        sys.stdout.flush()
        server.serve_forever()


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
