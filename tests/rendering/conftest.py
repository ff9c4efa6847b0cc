"""Airflow's DAG processor in this process, over a bundle and a database of its own."""

from __future__ import annotations

import gc
import json
import shutil
import signal
import time
import warnings
from collections.abc import Callable, Generator, Iterator
from pathlib import Path
from typing import Any

import pytest

Scenario = Generator[Callable[[], bool], None, None]
PATIENCE = 180.0
"""Seconds that a test waits for what must come."""


class _ScenarioEndedError(Exception):
    pass


class Processor:
    """A manager of DAG files, and what its database says."""

    def __init__(self, dags: Path) -> None:
        self.dags = dags
        self.manager: Any = None

    def run(self, scenario: Scenario, **options: Any) -> None:
        """Run the manager's own loop, while ``scenario`` waits for conditions and acts in between."""
        from airflow.dag_processing.manager import DagFileProcessorManager

        self.manager = DagFileProcessorManager(max_runs=-1, **options)
        self.manager.prepare_process_context()
        self.manager.prepare_bundles()
        condition = next(scenario)
        deadline = time.monotonic() + PATIENCE

        def heartbeat() -> None:
            nonlocal condition, deadline
            if condition():
                deadline = time.monotonic() + PATIENCE
                try:
                    condition = next(scenario)
                except StopIteration:
                    raise _ScenarioEndedError from None
            assert time.monotonic() < deadline, (
                f"in vain: line {scenario.gi_frame.f_lineno}, {self._passes()}"
            )

        self.manager.heartbeat = heartbeat
        # An idle loop waits for a second.
        wait = self.manager._service_processor_sockets
        self.manager._service_processor_sockets = lambda timeout: wait(min(timeout, 0.02))
        try:
            with pytest.raises(_ScenarioEndedError):
                self.manager._run_parsing_loop()
        finally:
            scenario.close()
            for process in self.manager._processors.values():
                process.kill(signal.SIGKILL)
                process.close()
            parsing = vars(self.manager).get("chronos_parsing")
            if parsing is not None:
                parsing.close()

    def write(self, name: str, text: str) -> Path:
        """Write a file of the bundle."""
        path = self.dags / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        return path

    def passes(self, name: str) -> int:
        """Return how many passes a file has been part of."""
        return self._passes().get(name, 0)

    def _passes(self) -> dict[str, int]:
        return {str(file.rel_path): stat.run_count for file, stat in self.manager._file_stats.items()}

    def dag(self, dag_id: str) -> Any:
        """Return a DAG's row, None if there is none."""
        from airflow.models.dag import DagModel
        from airflow.utils.session import create_session

        with create_session() as session:
            row = session.get(DagModel, dag_id)
            if row is not None:
                session.expunge(row)
            return row

    def is_active(self, dag_id: str) -> bool:
        """Tell whether there is a DAG that is not stale."""
        row = self.dag(dag_id)
        return row is not None and not row.is_stale

    def serialized(self, dag_id: str) -> Any:
        """Return the DAG in force, in Airflow's serialised form."""
        from airflow.models.serialized_dag import SerializedDagModel
        from airflow.utils.session import create_session

        with create_session() as session:
            found = SerializedDagModel.get(dag_id, session=session)
            return found.data["dag"] if found is not None else None

    def source(self, dag_id: str) -> str:
        """Return the text that Airflow shows for a DAG."""
        from airflow.models.dagcode import DagCode

        return DagCode.code(dag_id)

    def import_errors(self) -> dict[str, str]:
        """Return the import errors by file."""
        from airflow.models.errors import ParseImportError
        from airflow.utils.session import create_session
        from sqlalchemy import select

        with create_session() as session:
            return {str(e.filename): str(e.stacktrace) for e in session.scalars(select(ParseImportError))}


@pytest.fixture(scope="package")
def database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An empty metadata database."""
    import airflow.settings
    from airflow.utils.db import initdb

    file = tmp_path_factory.mktemp("processor") / "airflow.db"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AIRFLOW__DATABASE__SQL_ALCHEMY_CONN", f"sqlite:///{file}")
        airflow.settings.configure_vars()
        airflow.settings.configure_orm()
        with warnings.catch_warnings(action="ignore"):
            initdb()
        airflow.settings.dispose_orm(do_log=False)
    return file


@pytest.fixture
def processor(
    database: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> Iterator[Processor]:
    """A DAG processor that lists its bundle all the time and starts each pass at once."""
    import airflow.settings

    from chronos_plugin.cwl import library
    from chronos_plugin.rendering.importer import register
    from chronos_plugin.rendering.manager import extend

    bundle = {
        "name": "dags-folder",
        "classpath": "airflow.dag_processing.bundles.local.LocalDagBundle",
        "kwargs": {"path": str(tmp_path / "dags"), "refresh_interval": 0},
    }
    shutil.copy(database, tmp_path / "airflow.db")
    (tmp_path / "dags").mkdir()
    for name, value in {
        "DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{tmp_path}/airflow.db",
        "CORE__DAGS_FOLDER": str(tmp_path / "dags"),
        "CORE__MIN_SERIALIZED_DAG_UPDATE_INTERVAL": "0",
        "LOGGING__DAG_PROCESSOR_CHILD_PROCESS_LOG_DIRECTORY": str(tmp_path / "logs"),
        "DAG_PROCESSOR__PARSING_PROCESSES": "2",
        "DAG_PROCESSOR__MIN_FILE_PROCESS_INTERVAL": "0",
        "DAG_PROCESSOR__BUNDLE_REFRESH_CHECK_INTERVAL": "0",
        "DAG_PROCESSOR__DAG_BUNDLE_CONFIG_LIST": json.dumps([bundle]),
        "DAG_PROCESSOR__STALE_DAG_THRESHOLD": "0",
        "SCHEDULER__PARSING_CLEANUP_INTERVAL": "0",
        "DAG_PROCESSOR__PRINT_STATS_INTERVAL": "0",
        "CHRONOS__CACHE_ROOT": str(tmp_path / "cache"),
    }.items():
        monkeypatch.setenv(f"AIRFLOW__{name}", value)
    monkeypatch.setenv("_AIRFLOW_PROCESS_CONTEXT", "server")
    airflow.settings.configure_vars()
    airflow.settings.configure_orm()
    register()
    extend()
    library.prepare()
    made = Processor(tmp_path / "dags")
    yield made
    made.manager = None
    # A logged exception holds the frames that it passed, and so the manager.
    caplog.get_records("call").clear()
    with warnings.catch_warnings(action="ignore"):
        # Airflow leaves one socket of each child to the garbage collector, and so an event loop: what its
        # transport's finalizer has stopped, the next collection finds.
        for _ in range(3):
            gc.collect()
    airflow.settings.dispose_orm(do_log=False)
    monkeypatch.undo()
    airflow.settings.configure_vars()
    airflow.settings.configure_orm()
