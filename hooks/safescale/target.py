"""The target ``safescale`` over the CHRONOS database."""

from __future__ import annotations

import asyncio
from dataclasses import replace

from chronos_plugin.errors import ChronosError
from chronos_plugin.execution.cloud.pool import PoolTable
from chronos_plugin.execution.targets.base import TargetReport
from chronos_plugin.execution.targets.safescale import SafeScaleTarget


class StoredSafeScaleTarget(SafeScaleTarget):
    """A SafeScale target whose jobs are rows of the CHRONOS database."""

    def table(self) -> PoolTable:
        """Return the tables of this installation."""
        from chronos_plugin.db.cloud import Pools

        return Pools()

    async def test(self) -> TargetReport:
        """Tell whether an agent runs, whether the service answers, and which templates fit a node."""
        from airflow.sdk import BaseHook

        from chronos_plugin.hooks.safescale.connection import endpoint_of
        from chronos_plugin.hooks.safescale.hook import ask

        report = await super().test()
        try:
            connection = await asyncio.to_thread(BaseHook.get_connection, self.pool.connection)
            fitting = await ask(endpoint_of(connection), lambda cloud: cloud.match(self.pool.node_sizing))
        except ChronosError as error:
            return replace(report, ok=False, message=str(error))
        names = [str(template.get("name")) for template in fitting]
        details = {**report.details, "templates": names}
        if not names:
            message = f"no template of this cloud fits node_sizing {self.pool.node_sizing}"
            return replace(report, ok=False, message=message, details=details)
        return replace(report, details=details)
