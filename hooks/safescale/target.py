"""The target ``safescale`` over the CHRONOS database."""

from __future__ import annotations

from chronos_plugin.execution.cloud.pool import PoolTable
from chronos_plugin.execution.targets.safescale import SafeScaleTarget


class StoredSafeScaleTarget(SafeScaleTarget):
    """A SafeScale target whose jobs are rows of the CHRONOS database."""

    def table(self) -> PoolTable:
        """Return the tables of this installation."""
        from chronos_plugin.db.cloud import Pools

        return Pools()
