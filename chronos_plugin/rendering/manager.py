"""All that CHRONOS changes in the manager of Airflow's DAG processor.

Three of its methods are extended, none is replaced: what an extension does not concern, or cannot do,
goes to Airflow's own. Where Airflow's internals are not those that are known, it is left as it is.
"""

from __future__ import annotations

import inspect
import logging
import time
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import attrs
from airflow._shared.timezones import timezone
from airflow.dag_processing.manager import DagFileProcessorManager as Manager

from chronos_plugin import settings
from chronos_plugin.rendering.importer import SUFFIX, CwlDagImporter

if TYPE_CHECKING:
    from airflow.dag_processing.manager import DagFileInfo

    from chronos_plugin.rendering.parsing import CwlParseProcess
    from chronos_plugin.settings import Settings

log = logging.getLogger(__name__)

_STATE = "chronos_parsing"
_NEVER = datetime.min.replace(tzinfo=UTC)
_AT_ONCE = 1000
"""Files that one loop of the manager confirms: a few tenths of a second in which it does nothing else."""


def extend() -> None:
    """Let the DAG processor list CWL files and parse many at little cost; harmless when done twice."""
    extend_listing()
    extend_parsing()


def extend_listing() -> None:
    """Let the DAG processor list CWL files.

    Airflow 3.3's manager lists ``.py`` and zip files without asking the importers. The listing is
    extended, not replaced: when Airflow asks the importers itself, this adds nothing.
    """
    from airflow.dag_processing.importers import get_importer_registry

    original = Manager._find_files_in_bundle
    if getattr(original, "of_chronos", False):
        return

    def find_files(self: Any, bundle: Any) -> list[Path]:
        found: list[Path] = original(self, bundle)
        importer = get_importer_registry().get_importer(f"x{SUFFIX}")
        if not isinstance(importer, CwlDagImporter):
            return found
        started = time.monotonic()
        known = set(found)
        listed = [Path(p).relative_to(bundle.path) for p in importer.list_dag_files(bundle.path)]
        found = found + [path for path in listed if path not in known]
        self.log.debug("found %d CWL files in %.3f s", len(listed), time.monotonic() - started)
        return found

    find_files.of_chronos = True  # type: ignore[attr-defined]
    Manager._find_files_in_bundle = find_files  # type: ignore[method-assign]


def extend_parsing() -> bool:
    """Let one parse process take many CWL files, and leave out those that have not changed.

    Returns:
        Whether Airflow's internals are those that this was written for; if not, nothing is changed.
    """
    create, prepare = Manager._create_process, Manager.prepare_file_queue
    if getattr(create, "of_chronos", False):
        return True
    unknown = sorted(_unknown_internals())
    if unknown:
        log.info("Airflow has changed (%s): CWL files are parsed one process each", ", ".join(unknown))
        return False

    def create_process(self: Any, dag_file: DagFileInfo) -> Any:
        if dag_file.rel_path.suffix == SUFFIX and not self._callback_to_execute.get(dag_file):
            process = _attempt(self, lambda parsing: parsing.parse(dag_file))
            if process is not None:
                return process
        return create(self, dag_file)

    def prepare_file_queue(self: Any, known_files: dict[str, set[DagFileInfo]]) -> None:
        # Files that somebody asked for, or that have callbacks, get into the queue by other ways.
        others = set(self._file_queue)
        prepare(self, known_files=known_files)
        _attempt(self, lambda parsing: parsing.leave_out_unchanged(known_files, others))

    create_process.of_chronos = True  # type: ignore[attr-defined]
    Manager._create_process = create_process  # type: ignore[method-assign]
    Manager.prepare_file_queue = prepare_file_queue  # type: ignore[method-assign]
    return True


class CwlParsing:
    """How one manager parses its CWL files."""

    def __init__(self, manager: Manager, configured: Settings) -> None:
        from chronos_plugin.rendering.importer import fingerprint
        from chronos_plugin.rendering.parsing import ParseProcesses
        from chronos_plugin.rendering.unchanged import ParsedFiles

        self._manager = manager
        known = partial(fingerprint, configured=configured)
        self._files = ParsedFiles(known, configured.unchanged_parse_interval)
        self._processes = ParseProcesses(manager, configured.parse_process_files, self._files.end)

    def parse(self, file: DagFileInfo) -> CwlParseProcess:
        """Return a process that parses ``file``."""
        self._files.begin(file)
        return self._processes.parse(file)

    def close(self) -> None:
        """End the processes, at once or when they have parsed their file."""
        self._processes.close()

    def leave_out_unchanged(
        self, known_files: Mapping[str, Collection[DagFileInfo]], others: Collection[DagFileInfo]
    ) -> None:
        """Take those files off a new pass that need no parse.

        Args:
            known_files: All files, by bundle.
            others: Files in the queue that do not belong to the pass.
        """
        manager = self._manager
        self._processes.end_idle()
        queued = [
            file
            for file in manager._file_queue
            if file.rel_path.suffix == SUFFIX
            and file not in others
            and not manager._callback_to_execute.get(file)
        ]
        if not queued:
            return
        self._files.keep({file.presence_key for files in known_files.values() for file in files})
        known = [file for file in queued if self._files.knows(file)]
        # The longest not seen first: whoever is left over comes first then.
        known.sort(key=lambda file: manager._file_stats[file].last_finish_time or _NEVER)
        for file in known[_AT_ONCE:]:
            # The manager queues it again in its next loop, after it has looked for requests.
            del manager._file_queue[file]
        now = timezone.utcnow()
        for file in self._files.confirm(known[:_AT_ONCE], manager._bundle_versions, now):
            stat = manager._file_stats[file]
            manager._file_stats[file] = attrs.evolve(stat, last_finish_time=now, run_count=stat.run_count + 1)
            del manager._file_queue[file]


def _attempt(manager: Manager, action: Callable[[CwlParsing], Any]) -> Any:
    """Return what ``action`` returns; None where it failed, then and from then on."""
    state = vars(manager)
    try:
        if _STATE not in state:
            state[_STATE] = CwlParsing(manager, settings.load())
        parsing = state[_STATE]
        return action(parsing) if parsing is not None else None
    except Exception:
        log.warning("CWL files are parsed one process each from now on", exc_info=True)
        failed: CwlParsing | None = state.get(_STATE)
        state[_STATE] = None
        if failed is not None:
            with suppress(Exception):
                failed.close()
        return None


def _unknown_internals() -> Iterator[str]:
    """Yield what the extension of parsing uses of Airflow and does not find."""
    from airflow.dag_processing import processor
    from airflow.dag_processing.manager import DagFileInfo, DagFileStat

    process = processor.DagFileProcessorProcess
    used: dict[Any, dict[str, set[str]]] = {
        Manager: {
            "_create_process": {"dag_file"},
            "prepare_file_queue": {"known_files"},
            "_get_logger_for_dag_file": {"dag_file"},
        },
        process: {
            "start": {
                "path",
                "bundle_path",
                "bundle_name",
                "dag_file_rel_path",
                "callbacks",
                "target",
                "client",
            },
            "_on_child_started": {"callbacks", "path", "bundle_path", "bundle_name"},
            "_register_pipe_readers": {"stdout", "stderr", "requests", "logs", "data"},
            "_check_subprocess_exit": set(),
            "close": set(),
        },
        processor: {"_parse_file": {"msg", "log"}},
    }
    for owner, functions in used.items():
        for name, parameters in functions.items():
            found = getattr(owner, name, None)
            if found is None or not parameters <= set(inspect.signature(found).parameters):
                yield f"{owner.__name__}.{name}"
    fields: dict[Any, set[str]] = {
        Manager: {"selector", "_file_queue", "_file_stats", "_callback_to_execute", "_bundle_versions"},
        process: {
            "_open_sockets",
            "_process",
            "process_log",
            "logger_filehandle",
            "parsing_result",
            "start_time",
        },
        DagFileStat: {"last_finish_time", "run_count"},
    }
    for owner, names in fields.items():
        for name in names - {field.name for field in attrs.fields(owner)}:
            yield f"{owner.__name__}.{name}"
    for owner, name in (
        (process, "is_ready"),
        (DagFileInfo, "presence_key"),
        (Manager, "client"),
        (Manager, "__dict__"),
    ):
        if not hasattr(owner, name):
            yield f"{owner.__name__}.{name}"
