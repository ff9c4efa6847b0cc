"""Compiling by the deployment's settings."""

from __future__ import annotations

from pathlib import Path

from chronos_plugin.compiler.compile import CompiledDocument, compile_file
from chronos_plugin.settings import Settings


def compiled(path: Path, bundle: Path | None, configured: Settings, fragment: str = "") -> CompiledDocument:
    """Return the compiled document of a file, from the cache if it holds it.

    Raises:
        ChronosError: If the file cannot be compiled.
    """
    return compile_file(
        path,
        cache_root=configured.cache_root,
        bundle=bundle,
        fragment=fragment,
        enable_dev=configured.enable_dev,
        max_bytes=configured.max_document_bytes,
    )
