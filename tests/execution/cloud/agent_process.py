"""An agent that ends itself by SIGKILL at a point: ``agent_process.py DATABASE ADDRESS [POINT]``."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import sys

from chronos_plugin.db.engine import make_engine
from chronos_plugin.execution.cloud.pursuit import Timing
from chronos_plugin.hooks.safescale.agent import serve
from chronos_plugin.hooks.safescale.client import Endpoint


def main() -> None:
    url, address, crash = sys.argv[1:4]
    logging.basicConfig(level=logging.DEBUG)
    timing = Timing(tick=0.02, lease=1.0, poll=0.03, settle=0.5, retry=0.03, retry_most=0.2, rollback=20.0)

    def reached(point: str, request_id: str) -> None:
        del request_id
        if point == crash:
            os.kill(os.getpid(), signal.SIGKILL)

    where = Endpoint(address, "test", question_timeout=20.0)
    asyncio.run(serve(lambda _: where, engine=make_engine(url), timing=timing, reached=reached))


if __name__ == "__main__":
    main()
