"""The CWL documents that a run was made from, where they still are as they were."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

from chronos_plugin.execution.store import read_json, run_folder


def documents_of(
    work_root: Path, cache_root: Path, dag_id: str, run_id: str, version: str
) -> dict[str, bytes]:
    """Return the document of a run and what it includes, the document first, by relative path.

    Args:
        version: Beginning of the document's digest, as the history has it.

    Returns:
        Nothing where the run's files are gone, or any of the documents has changed.
    """
    record = read_json(run_folder(work_root, dag_id, run_id) / "run.json") if dag_id and run_id else None
    if not isinstance(record, dict) or not version or not str(record.get("document", "")).startswith(version):
        return {}
    file, digest = Path(str(record["file"])), str(record["document"])
    for graph in cache_root.glob(f"*/*/{digest[:32]}/graph.json"):
        found = _unchanged(file, graph, digest)
        if found:
            return found
    return {}


def _unchanged(file: Path, graph: Path, digest: str) -> dict[str, bytes]:
    try:
        entry: dict[str, Any] = json.loads(graph.read_bytes())
        base = file.parents[entry["up"]]
        includes: dict[str, str] = entry["includes"]
        contents = {name: (base / name).read_bytes() for name in includes}
        document = file.read_bytes()
    except (OSError, ValueError, KeyError, TypeError, IndexError):
        return {}
    if entry.get("digest") != digest:
        return {}
    if any(hashlib.sha256(contents[name]).hexdigest() != known for name, known in includes.items()):
        return {}
    return {file.relative_to(base).as_posix(): document, **contents}
