"""Target ``container``: every step in a container on the host of the triggerer.

The container command is the CWL library's own; the engine is the target's ``container_engine``. Options:
``default_image`` for tools that name no image, and those of the target ``local``.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any, ClassVar

from chronos_plugin.errors import SettingInvalid
from chronos_plugin.execution.targets.base import TargetReport
from chronos_plugin.execution.targets.local import LocalTarget


class ContainerTarget(LocalTarget):
    """Runs ``job.sh`` as the target ``local`` does; the command in it starts a container."""

    kind: ClassVar[str] = "container"

    def __init__(self, name: str, options: Mapping[str, Any]) -> None:
        rest = dict(options)
        image = rest.pop("default_image", None)
        if image is not None and not isinstance(image, str):
            raise SettingInvalid(f"target {name}: default_image: write the name of an image")
        if "engine" in rest:
            raise SettingInvalid(f"target {name}: engine: write container_engine, beside kind")
        super().__init__(name, {"caps": "none", **rest})

    async def test(self) -> TargetReport:
        """Ask the engine for its version."""
        engine = self.container_engine or "docker"
        if engine == "none":
            return TargetReport(False, "container_engine is none: this target needs one")
        try:
            child = await asyncio.create_subprocess_exec(
                engine, "version", stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
            )
            output, _ = await asyncio.wait_for(child.communicate(), 20)
        except (OSError, TimeoutError) as error:
            return TargetReport(False, f"{engine} does not answer: {error or 'timed out'}")
        lines = output.decode(errors="replace").strip().splitlines()
        if child.returncode:
            return TargetReport(False, f"{engine}: {lines[-1] if lines else 'failed'}")
        # Docker shows its client first.
        lines = lines[next((i for i, line in enumerate(lines) if line.startswith("Server")), 0) :]
        version = next((line.split(":", 1)[1].strip() for line in lines if "Version:" in line), "")
        return TargetReport(True, f"{engine} {version} answers", {"engine": engine, "version": version})
