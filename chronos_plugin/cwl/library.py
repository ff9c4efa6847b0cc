"""The one place that loads cwltool: imported once in a process, never per task."""

from __future__ import annotations

import logging
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from cwltool.context import LoadingContext
    from cwltool.process import Process

VERSIONS = ("v1.0", "v1.1", "v1.2")
_prepared = threading.Event()
_preparing = threading.Lock()


def is_loaded() -> bool:
    """Return whether this process has imported the CWL library."""
    return "cwltool.load_tool" in sys.modules


def prepare() -> None:
    """Import the CWL library and build its schemas: about 2 CPU-seconds, once in a process.

    Long-lived processes that fork tasks call this, so that their children find it done. Threads may call
    it at the same time: one does the work, the others wait for it.
    """
    if _prepared.is_set():
        return
    with _preparing:
        if not _prepared.is_set():
            _prepare()
            _prepared.set()


def _prepare() -> None:
    import cwltool.command_line_tool
    import cwltool.load_tool
    import cwltool.process
    import cwltool.workflow

    from chronos_plugin.cwl import expressions

    for version in VERSIONS:
        cwltool.process.get_schema(version)
    expressions.install()
    logging.getLogger("cwltool").setLevel(logging.WARNING)
    # It warns of every hint in a namespace of its own, as chronos: is; errors it raises.
    logging.getLogger("salad").setLevel(logging.ERROR)


def loading_context(
    *, enable_dev: bool = True, on_read: Callable[[Path], None] | None = None
) -> LoadingContext:
    """Return a context that loads strictly, from files only.

    Args:
        enable_dev: Accept development versions of CWL.
        on_read: Called with the path of every local file before it is read; may raise CwlError.
    """
    prepare()
    from cwltool.context import LoadingContext

    from chronos_plugin.cwl.fetch import fetcher

    return LoadingContext(
        {
            "strict": True,
            "do_validate": True,
            "disable_js_validation": True,
            "relax_path_checks": True,
            "enable_dev": enable_dev,
            "fetcher_constructor": fetcher(on_read),
        }
    )


def load_process(uri: str, context: LoadingContext) -> Process:
    """Load, validate and update the process at ``uri``.

    Raises whatever cwltool raises; callers hand it to :func:`chronos_plugin.cwl.diagnose.diagnose`.
    """
    from cwltool.load_tool import load_tool

    return load_tool(uri, context)


def plain(value: Any) -> Any:
    """Return a deep copy made of dicts, lists and scalars only."""
    if isinstance(value, dict):
        return {str(k): plain(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [plain(v) for v in value]
    if value is None or isinstance(value, bool | int):
        return value
    if isinstance(value, float):
        # A literal such as 1.23e5 is an integral number however it is written.
        exponent = getattr(value, "_exp", None) is not None
        return int(value) if exponent and value.is_integer() else float(value)
    return str(value)
