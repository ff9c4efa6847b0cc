"""CPU seconds of this process and of the server's that answers it."""

from __future__ import annotations

import contextlib
import os
import time
from pathlib import Path

from sqlalchemy import Engine, text


class Cpu:
    """Of this process, the children that it has waited for, and the server's process for its connection."""

    def __init__(self, engine: Engine) -> None:
        with engine.connect() as connection:
            self.backend = int(connection.execute(text("SELECT pg_backend_pid()")).scalar_one())

    def seconds(self) -> float:
        """Return CPU seconds since the processes began; without the server's if it is elsewhere."""
        server = 0.0
        with contextlib.suppress(OSError):
            server = int(Path(f"/proc/{self.backend}/schedstat").read_text().split()[0]) / 1e9
        times = os.times()
        return time.process_time() + times.children_user + times.children_system + server

    def prefer(self) -> None:
        """Have the system prefer both by ``CHRONOS_BENCH_NICE``, such as -10, where others use the machine.

        Linux weighs sessions, and then the processes of each.
        """
        wanted = os.environ.get("CHRONOS_BENCH_NICE")
        for process in (os.getpid(), self.backend) if wanted else ():
            os.setpriority(os.PRIO_PROCESS, process, int(wanted or 0))
            with contextlib.suppress(OSError):
                Path(f"/proc/{process}/autogroup").write_text(str(wanted))
