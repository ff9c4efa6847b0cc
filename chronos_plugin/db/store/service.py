"""The recorder as a service: what ``airflow chronos recorder`` and the scheduler's companion run."""

from __future__ import annotations

import logging
import signal
import threading
from typing import TYPE_CHECKING

from chronos_plugin import settings
from chronos_plugin.db.engine import engine
from chronos_plugin.db.store.recorder import Recorder, Totals
from chronos_plugin.errors import DatabaseNotReady, ServiceFailed
from chronos_plugin.lineage.product_types import load_product_types
from chronos_plugin.lineage.spool import Spool

if TYPE_CHECKING:
    from sqlalchemy import Engine

log = logging.getLogger("chronos.recorder")

_RETRY = 30.0


def serve(*, once: bool = False) -> Totals:
    """Load the spool until SIGTERM or SIGINT comes, or once.

    Raises:
        ServiceFailed: With ``once``, if the database cannot be used.
        SettingInvalid: If a setting is wrong.
    """
    stop = threading.Event()
    configured = settings.load()
    if once:
        return _recorder(configured, engine(configured)).load_all()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    database = _when_ready(configured, stop)
    if database is None:
        return Totals()
    recorder = _recorder(configured, database)
    recorder.run(stop)
    return recorder.totals


def _recorder(configured: settings.Settings, database: Engine) -> Recorder:
    from chronos_plugin.db.store.reconcile import Reconciler

    return Recorder(
        database,
        Spool(configured.spool_root),
        load_product_types(configured.product_types),
        context_days=configured.context_days,
        exporters=configured.exporters,
        also=[Reconciler(database, Spool(configured.spool_root)).reconcile],
    )


def _when_ready(configured: settings.Settings, stop: threading.Event) -> Engine | None:
    """Return the engine once the database answers and has its tables; records wait in the spool."""
    while not stop.is_set():
        try:
            return engine(configured)
        except DatabaseNotReady as error:
            log.warning("%s; until then records wait in %s", error, configured.spool_root)
        except ServiceFailed as error:
            log.warning("the database is away, records wait in %s: %s", configured.spool_root, error)
        stop.wait(_RETRY)
    return None
