"""The exporters: CPU per run from the outbox to a receiver, and what an outbox costs the recorder.

Receivers: a file, an HTTP server that answers 200, the double of Apache Atlas; servers are processes of their
own and not counted. Peer in the same run: loading of the same records, with and without an outbox.
"""

from __future__ import annotations

import contextlib
import datetime
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from sqlalchemy import Engine

from chronos_plugin.db import migrate
from chronos_plugin.db.engine import make_engine
from chronos_plugin.db.outbox.worker import Worker
from chronos_plugin.db.store.history import History
from chronos_plugin.db.store.loader import Loader
from chronos_plugin.exporters.delivery import Sink
from chronos_plugin.lineage.model import Dataset, Job, JobKind, Run, RunState
from chronos_plugin.lineage.product_types import BUILT_IN, ProductTypes
from chronos_plugin.lineage.record import Product, Record, run_id

_TYPES = ProductTypes(BUILT_IN)
_SERVERS = {
    "http": """
import json, sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def do_POST(self):
        self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(200); self.send_header("Content-Length", "0"); self.end_headers()
    def log_message(self, *_): pass
server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
print(f"http://127.0.0.1:{server.server_port}", flush=True)
server.serve_forever()
""",
    "atlas": """
import sys
from chronos_plugin.hooks.atlas.double.server import AtlasDouble, serving
with serving(AtlasDouble()) as url:
    print(url, flush=True)
    sys.stdin.read()
""",
}


def run(*, runs: int = 2000, batch: int = 100) -> dict[str, Any]:
    """Measure CPU milliseconds a run (4 inputs, 1 output), and runs per second of wall time.

    Returns:
        ``load`` and ``load_with_outbox`` for two exporters; ``file``, ``http``, ``atlas``.
    """
    result: dict[str, Any] = {"runs": runs, "batch": batch}
    result["load"], _ = _loaded(runs, ())
    result["load_with_outbox"], engine = _loaded(runs, ("openlineage", "atlas"))
    result["outbox_ratio"] = round(result["load_with_outbox"]["cpu_ms"] / result["load"]["cpu_ms"], 3)
    with tempfile.TemporaryDirectory() as folder:
        result["file"] = _delivered(engine, "openlineage", _file_sink(Path(folder)), batch)
    for name, exporter in (("http", "openlineage"), ("atlas", "atlas")):
        if name == "http":
            _again(engine, runs)
        with _server(name) as url:
            result[name] = _delivered(engine, exporter, _sink(name, url), batch)
    engine.dispose()
    return result


def _records(runs: int) -> list[Record]:
    noon = datetime.datetime(2026, 3, 1, 12, tzinfo=datetime.UTC)
    job = Job("airflow", "swot.swath", "1", JobKind.STEP, "swot", "swath")
    made = []
    for n in range(runs):
        names = [f"/d/SWOT_L2_LR_SSH_Expert_{n // 584:03d}_{max(0, n - k):05d}.nc" for k in range(5)]
        products = [
            Product(Dataset("file", name, size=1000, checksum=f"sha1${n:040x}"), "p") for name in names
        ]
        started = noon + datetime.timedelta(seconds=n)
        ended = started + datetime.timedelta(seconds=9)
        one = Run(run_id(started, n), job, RunState.COMPLETE, started, ended, exit_code=0)
        made.append(Record(one, tuple(products[1:]), tuple(products[:1])))
    return made


def _loaded(runs: int, exporters: tuple[str, ...]) -> tuple[dict[str, float], Engine]:
    # The folder goes when the process ends: the engine is used on.
    engine = make_engine(f"sqlite:///{tempfile.mkdtemp(prefix='bench-exports-')}/chronos.db")
    migrate.upgrade(engine)
    loader, records = Loader(engine, _TYPES, exporters=exporters), _records(runs)

    def load() -> int:
        for start in range(0, runs, 500):
            loader.load(records[start : start + 500])
        return runs

    return _measured(load), engine


def _again(engine: Engine, runs: int) -> None:
    from chronos_plugin.db.outbox.replay import replay
    from chronos_plugin.lineage.questions import RunFilter

    since = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)
    added, _ = replay(engine, History(engine, _TYPES), "openlineage", RunFilter(since=since))
    assert added == runs, added


def _delivered(engine: Engine, exporter: str, sink: Sink, batch: int) -> dict[str, float]:
    worker = Worker(exporter, engine, History(engine, _TYPES), sink, batch=batch)

    def deliver() -> int:
        done = worker.run_once()
        assert done.failed == 0, done
        return done.sent

    measured = _measured(deliver)
    sink.close()
    return measured


def _measured(work: Callable[[], int]) -> dict[str, float]:
    cpu, wall = time.process_time(), time.perf_counter()
    runs = work()
    cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
    return {"cpu_ms": round(cpu / runs * 1000, 3), "runs_per_second": round(runs / wall, 1)}


def _file_sink(folder: Path) -> Sink:
    from chronos_plugin.hooks.openlineage.sinks import FileSink

    return FileSink(folder / "events.jsonl")


def _sink(name: str, url: str) -> Sink:
    from chronos_plugin.hooks.atlas.client import AtlasClient
    from chronos_plugin.hooks.atlas.sink import AtlasSink
    from chronos_plugin.hooks.atlas.types import bring_types
    from chronos_plugin.hooks.openlineage.sinks import HttpSink
    from chronos_plugin.hooks.receiver import Receiver

    if name == "http":
        return HttpSink(Receiver(url))
    client = AtlasClient(Receiver(url))
    bring_types(client)
    return AtlasSink(client, "bench")


@contextlib.contextmanager
def _server(name: str) -> Iterator[str]:
    command = [sys.executable, "-c", _SERVERS[name]]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield process.stdout.readline().strip()
        finally:
            process.kill()
