"""The trigger that waits for jobs of execution targets; runs in the triggerer."""

from __future__ import annotations

import asyncio
import weakref
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from airflow.triggers.base import BaseTrigger, TriggerEvent

if TYPE_CHECKING:
    from chronos_plugin.execution.targets.folder import JobFolder
    from chronos_plugin.execution.targets.watchers import Watchers

_watchers: weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, Watchers] = weakref.WeakKeyDictionary()


class CwlJobTrigger(BaseTrigger):
    """Submits prepared jobs to their targets, unless that was done, and fires when all have ended.

    Several triggers of one triggerer share each target's watcher, so that the target is asked about all
    jobs at once. A triggerer that dies leaves the jobs to the next one.

    Args:
        folders: The jobs' folders.
        superseded: Folders of jobs that are to be cancelled first: a run that was cleared made them.
    """

    def __init__(self, folders: Sequence[str], superseded: Sequence[str] = ()) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.folders, self.superseded = list(folders), list(superseded)

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Return the class path and the arguments."""
        path = f"{type(self).__module__}.{type(self).__qualname__}"
        return path, {"folders": self.folders, "superseded": self.superseded}

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Yield one event, without content: how the jobs ended stands in their folders."""
        await asyncio.gather(*(self._cancel(folder) for folder in self._jobs(self.superseded)))
        await asyncio.gather(*(self._attend(folder) for folder in self._jobs(self.folders)))
        yield TriggerEvent({})

    async def on_kill(self) -> None:
        """Cancel the jobs: somebody has marked the task, or cleared it."""
        await asyncio.gather(*(self._cancel(folder) for folder in self._jobs(self.folders)))

    async def _attend(self, folder: JobFolder) -> None:
        from chronos_plugin.errors import SettingInvalid
        from chronos_plugin.execution.targets.base import JobState, JobStatus

        _, target, _ = folder.job()
        try:
            watcher = watchers().of(target)
        except SettingInvalid as error:
            folder.write_status(JobStatus(JobState.REFUSED, reason=str(error)))
            return
        await watcher.attend(folder, self.log.info)

    async def _cancel(self, folder: JobFolder) -> None:
        from chronos_plugin.errors import ChronosError

        if not folder.open:
            return
        _, target, _ = folder.job()
        try:
            await watchers().of(target).cancel(folder)
        except ChronosError as error:
            self.log.warning("target %s: cancelling failed: %s", target, error)
        else:
            self.log.info("target %s: cancelled", target)
            folder.conclude("abandoned")

    def _jobs(self, folders: Sequence[str]) -> list[JobFolder]:
        from chronos_plugin.execution.targets.folder import JobFolder

        return [JobFolder(Path(folder)) for folder in folders]


def watchers() -> Watchers:
    """Return the watchers of the running event loop."""
    from chronos_plugin import settings
    from chronos_plugin.execution.targets.watchers import Watchers

    loop = asyncio.get_running_loop()
    found = _watchers.get(loop)
    if found is None:
        configured = settings.load()
        found = _watchers[loop] = Watchers(configured.targets_file, configured.target_states)
    return found
