"""Runs of small documents inside the test process."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from chronos_plugin.compiler.compile import CompiledDocument
from chronos_plugin.data.location import Location
from chronos_plugin.execution.local import LocalRun
from chronos_plugin.execution.run import Options, Run
from chronos_plugin.execution.store import RunStore
from tests.grid import grid
from tests.storages import s3, s3_server, web

__all__ = ["grid", "s3", "s3_server", "web"]


@dataclass(frozen=True)
class Ended:
    """A run that has ended well: its outputs, where its files are, what was told of its tasks."""

    outputs: dict[str, Any]
    run: Run
    told: list[tuple[str, str, int, int]]

    @property
    def results(self) -> list[str]:
        """The folders in which executions left a result."""
        state = self.run.store.root / "state"
        return sorted(p.parent.relative_to(state).as_posix() for p in state.rglob("result.json"))


@pytest.fixture
def launch(compile_text: Callable[..., CompiledDocument], tmp_path: Path) -> Callable[..., Ended]:
    """Compile and run a document.

    The function takes the text, the input values, other ``files``, ``requirements`` of the input
    object, the ``place`` of the outputs, and options of the run.
    """

    def start(
        text: str,
        values: Mapping[str, Any] | None = None,
        *,
        files: Mapping[str, str] | None = None,
        requirements: Any = (),
        parallel: int = 1,
        name: str = "document.cwl",
        place: Location | None = None,
        **options: Any,
    ) -> Ended:
        run = Run(
            compile_text(text, name, files),
            RunStore(tmp_path / "work" / "dag" / "run"),
            Options(**{"container_engine": "none", **options}),
        )
        told: list[tuple[str, str, int, int]] = []
        local = LocalRun(run, parallel, lambda task, *rest: told.append((task.id, *rest)))
        outputs = local.execute(values or {}, list(requirements), place or tmp_path / "published")
        return Ended(outputs, run, told)

    return start
