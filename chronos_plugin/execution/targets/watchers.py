"""The watchers of one event loop, one for each target in use."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from pathlib import Path

from chronos_plugin.errors import SettingInvalid
from chronos_plugin.execution.bindings import document
from chronos_plugin.execution.targets import registry
from chronos_plugin.execution.targets.base import JobStatus
from chronos_plugin.execution.targets.folder import JobFolder
from chronos_plugin.execution.targets.report import StateFile
from chronos_plugin.execution.targets.watcher import Watcher


class Watchers:
    """Watchers by target name; to be used in one event loop.

    Args:
        targets_file: The deployment's.
        states: Where they say how their targets do; None: nowhere.
    """

    def __init__(self, targets_file: Path, states: Path | None = None) -> None:
        self._file, self._states = targets_file, states
        self._watchers: dict[str, Watcher] = {}

    def of(self, name: str) -> Watcher:
        """Return the watcher of a target, its bounds as the targets file has them now.

        A target whose kind or options have changed is made anew when nobody waits for a job on it.

        Raises:
            SettingInvalid: If there is no such target (any more), or it is set up wrongly.
        """
        setting = document.deployment(self._file).targets.get(name)
        if setting is None:
            raise SettingInvalid(f"{self._file}: there is no target {name!r}, and a job is to run on it")
        watcher = self._watchers.get(name)
        if watcher is None or (watcher.idle and _differs(watcher, setting)):
            state = StateFile(self._states, name) if self._states else None
            watcher = self._watchers[name] = Watcher(registry.make(setting), setting, state)
        watcher.setting = setting
        return watcher

    async def close(self) -> None:
        """Stop watching; jobs go on."""
        for watcher in self._watchers.values():
            await watcher.close()


def _differs(watcher: Watcher, setting: document.TargetSetting) -> bool:
    known = watcher.setting
    return (known.kind, dict(known.options)) != (setting.kind, dict(setting.options))


class ThreadedWatchers:
    """Watchers in an event loop of their own, for callers that wait in threads."""

    def __init__(self, targets_file: Path) -> None:
        self._loop = asyncio.new_event_loop()
        self._watchers = Watchers(targets_file)
        self._thread = threading.Thread(target=self._loop.run_forever, name="chronos-targets", daemon=True)
        self._thread.start()

    def attend(self, target: str, folder: JobFolder, tell: Callable[[str], None]) -> JobStatus:
        """As :meth:`chronos_plugin.execution.targets.watcher.Watcher.attend`."""

        async def call() -> JobStatus:
            return await self._watchers.of(target).attend(folder, tell)

        return asyncio.run_coroutine_threadsafe(call(), self._loop).result()

    def close(self) -> None:
        """Stop watching, and end the thread."""
        asyncio.run_coroutine_threadsafe(self._watchers.close(), self._loop).result()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()
