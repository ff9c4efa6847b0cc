"""The exporters as a service: what ``airflow chronos exporter`` runs."""

from __future__ import annotations

import logging
import signal
import threading
from collections.abc import Sequence
from typing import TYPE_CHECKING

from chronos_plugin import settings
from chronos_plugin.db.engine import engine
from chronos_plugin.db.outbox.worker import Delivered, Worker
from chronos_plugin.errors import DatabaseNotReady, ServiceFailed
from chronos_plugin.exporters.delivery import Pace, Sink

if TYPE_CHECKING:
    from sqlalchemy import Engine

log = logging.getLogger("chronos.exporter")

_RETRY = 30.0


def sink_of(name: str, configured: settings.Settings) -> Sink:
    """Return where an exporter delivers to.

    Raises:
        SettingInvalid: If its connection is not there, or cannot be understood.
    """
    if name == "openlineage":
        from chronos_plugin.hooks.openlineage.sinks import FileSink

        if configured.openlineage_file is not None:
            return FileSink(configured.openlineage_file)
        from chronos_plugin.hooks.openlineage.hook import OpenLineageHook

        return OpenLineageHook(configured.openlineage_connection).get_conn()
    from chronos_plugin.hooks.atlas.hook import AtlasHook

    return AtlasHook(configured.atlas_connection).sink(configured.instance)


def worker_of(name: str, configured: settings.Settings, on: Engine) -> Worker:
    """Return what delivers for an exporter."""
    from chronos_plugin.db.store.history import History

    return Worker(
        name,
        on,
        History(on),
        sink_of(name, configured),
        batch=configured.export_batch,
        pace=Pace(attempts=configured.export_attempts),
    )


def serve_once(names: Sequence[str], configured: settings.Settings) -> dict[str, Delivered]:
    """Deliver what is due now; return what was done, by exporter.

    Raises:
        ExportFailed: If a receiver is away.
        SettingInvalid: If a setting or connection is wrong.
    """
    on = engine(configured)
    done = {}
    for name in names:
        worker = worker_of(name, configured, on)
        try:
            done[name] = worker.run_once()
        finally:
            worker.sink.close()
    return done


def serve(names: Sequence[str], configured: settings.Settings) -> dict[str, Delivered]:
    """Deliver until SIGTERM or SIGINT comes; return what was done, by exporter.

    Raises:
        SettingInvalid: If a setting or connection is wrong.
    """
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    on = _when_ready(configured, stop)
    if on is None:
        return {}
    workers = [worker_of(name, configured, on) for name in names]
    threads = [threading.Thread(target=w.run, args=(stop,), name=f"chronos-{w.name}") for w in workers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return {worker.name: worker.done for worker in workers}


def _when_ready(configured: settings.Settings, stop: threading.Event) -> Engine | None:
    while not stop.is_set():
        try:
            return engine(configured)
        except (DatabaseNotReady, ServiceFailed) as error:
            log.warning("%s; the next look is in %.0f s", error, _RETRY)
        stop.wait(_RETRY)
    return None
