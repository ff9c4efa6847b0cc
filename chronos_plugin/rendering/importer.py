"""The DAG importer for ``.cwl`` files: a thin adapter to the compiler and the renderer."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from airflow.dag_processing.importers.base import AbstractDagImporter, DagImportError, DagImportResult

from chronos_plugin.compiler.naming import dag_id
from chronos_plugin.errors import ChronosError, CwlError

if TYPE_CHECKING:
    from chronos_plugin.settings import Settings

SUFFIX = ".cwl"


class CwlDagImporter(AbstractDagImporter):
    """Makes one DAG of each CWL file whose root is a workflow that no other file runs."""

    @classmethod
    def supported_extensions(cls) -> list[str]:
        """Return the file extensions that this importer handles."""
        return [SUFFIX]

    def list_dag_files(self, directory: str | os.PathLike[str], safe_mode: bool = True) -> Iterator[str]:
        """Yield the CWL files below ``directory`` that become DAGs; ``.airflowignore`` is honoured."""
        from airflow._shared.module_loading.file_discovery import find_path_from_directory
        from airflow.configuration import conf

        from chronos_plugin import settings
        from chronos_plugin.cwl.roots import root_documents
        from chronos_plugin.rendering.deployment import deployed_roots

        del safe_mode
        configured = settings.load()
        bundle = Path(directory)
        deployed = bundle / configured.deploy_folder
        syntax = conf.get_mandatory_value("core", "DAG_IGNORE_FILE_SYNTAX", fallback="glob")
        found = find_path_from_directory(directory, ".airflowignore", syntax)
        files = [path for f in found if f.endswith(SUFFIX) and not (path := Path(f)).is_relative_to(deployed)]
        roots = root_documents(bundle, files, max_bytes=configured.max_document_bytes)
        yield from (str(path) for path in (*roots, *deployed_roots(bundle, configured)))

    def import_file(
        self,
        file_path: str | Path,
        *,
        bundle_path: Path | None = None,
        bundle_name: str | None = None,
        safe_mode: bool = True,
    ) -> DagImportResult:
        """Compile one file; errors become one import error with file, line, column and what to do."""
        del safe_mode
        path = Path(file_path)
        relative = self.get_relative_path(path, bundle_path)
        result = DagImportResult(file_path=relative)
        try:
            dag = import_dag(path, bundle_path)
        except ChronosError as error:
            result.errors.append(_import_error(error, relative))
            return result
        except Exception as error:  # noqa: BLE001 - one bad file must never stop the others
            result.errors.append(_import_error(error, relative))
            return result
        if dag is not None:
            dag.fileloc = str(path)
            dag.relative_fileloc = relative
            if bundle_name and hasattr(dag, "bundle_name"):
                dag.bundle_name = bundle_name
            result.dags.append(dag)
        return result


def import_dag(path: Path, bundle_path: Path | None) -> Any:
    """Return the DAG of a CWL file, or None where its root process does not become one.

    Raises:
        ChronosError: If the file cannot be compiled.
    """
    from chronos_plugin import settings
    from chronos_plugin.rendering.compiling import compiled
    from chronos_plugin.rendering.dag import render
    from chronos_plugin.rendering.deployment import mark_of

    configured = settings.load()
    bundle = bundle_path if bundle_path and path.is_relative_to(bundle_path) else None
    mark = mark_of(path, bundle, configured)
    document = compiled(path, bundle, configured, mark.fragment if mark else "")
    graph = document.graph
    if mark is not None:
        return render(document, dag_id=mark.name, settings=configured, only=_wanted_task(mark.name))
    if graph.dag is False or (graph.process_class != "Workflow" and not graph.dag):
        return None
    relative = path.relative_to(bundle) if bundle else Path(path.name)
    name = dag_id(relative.as_posix(), graph.name)
    return render(document, dag_id=name, settings=configured, only=_wanted_task(name))


def fingerprint(path: Path, bundle_path: Path | None, configured: Settings) -> str | None:
    """Return a digest of all the files that :func:`import_dag` would read; None where it must compile.

    Equal digests with equal settings mean equal DAGs: versions do not change while a process runs.
    """
    from chronos_plugin.compiler.compile import cached_digest
    from chronos_plugin.rendering.deployment import mark_of

    bundle = bundle_path if bundle_path and path.is_relative_to(bundle_path) else None
    mark = mark_of(path, bundle, configured)
    digest = cached_digest(
        path,
        cache_root=configured.cache_root,
        bundle=bundle,
        fragment=mark.fragment if mark else "",
        enable_dev=configured.enable_dev,
        max_bytes=configured.max_document_bytes,
    )
    return digest and f"{digest} {_mark_of_targets(path, configured)}"


def _mark_of_targets(path: Path, configured: Settings) -> str:
    """Return what changes when the targets, or the rules for a document, change."""
    marks = []
    for file in (configured.targets_file, path.with_name(path.stem + ".targets.yaml")):
        try:
            status = file.stat()
            marks.append(f"{status.st_mtime_ns}.{status.st_size}")
        except OSError:
            marks.append("-")
    return " ".join(marks)


def _wanted_task(name: str) -> str | None:
    """Return the task for which this process parses, None where it parses for all."""
    from airflow.sdk import get_parsing_context

    context = get_parsing_context()
    return context.task_id if context.dag_id == name else None


def register() -> None:
    """Make Airflow's importer registry know CWL files; harmless when done twice."""
    from airflow.dag_processing.importers import get_importer_registry

    registry = get_importer_registry()
    if not isinstance(registry.get_importer(f"x{SUFFIX}"), CwlDagImporter):
        registry.register(CwlDagImporter())


def _import_error(error: Exception, file_path: str) -> DagImportError:
    location = error.location if isinstance(error, CwlError) else None
    found = DagImportError(
        file_path=file_path,
        message=error.message if isinstance(error, CwlError) else f"{type(error).__name__}: {error}",
        error_type=error.kind if isinstance(error, CwlError) else "cwl",
        line_number=location.line if location else None,
        column_number=location.column if location else None,
        context=error.details if isinstance(error, CwlError) else None,
        suggestion=error.suggestion if isinstance(error, CwlError) else None,
    )
    # Airflow keeps and shows the ``stacktrace`` alone.
    found.stacktrace = found.format_message()
    if location and location.file != file_path:
        found.stacktrace = found.stacktrace.replace("Location: ", f"Location: {location.file}, ", 1)
    return found
