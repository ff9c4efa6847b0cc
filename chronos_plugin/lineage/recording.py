"""Recording: the one call by which operators, triggers and agents tell what ran."""

from __future__ import annotations

import logging
from functools import cache
from pathlib import Path

from chronos_plugin.lineage.record import Record
from chronos_plugin.lineage.spool import Spool

log = logging.getLogger("chronos.lineage")


def record(made: Record, spool: Path) -> bool:
    """Hand a record to the recorder.

    It takes well under a millisecond and needs no database. It never raises: the work of a step must not be
    lost because it could not be told.

    Args:
        made: A run as it is known now; whoever tells more later uses the same id.
        spool: Folder, ``[chronos] spool_root``.

    Returns:
        Whether it was handed over.
    """
    try:
        _opened(spool).append(made)
    except Exception as error:  # noqa: BLE001 - as said above
        log.warning("the history will lack run %s: %s: %s", made.run.id, type(error).__name__, error)
        return False
    return True


@cache
def _opened(folder: Path) -> Spool:
    return Spool(folder)
