"""JavaScript in CWL expressions, by an embedded QuickJS: no Node, 0.2 ms an expression, bounded."""

from __future__ import annotations

import json
from typing import Any

DEFAULT_TIMEOUT = 20.0
DEFAULT_MEMORY = 256 << 20

_limits = {"timeout": DEFAULT_TIMEOUT, "memory": float(DEFAULT_MEMORY)}


def limit(*, timeout: float, memory_mib: int) -> None:
    """Set the limits of this process: seconds and MiB an expression may use."""
    _limits.update(timeout=timeout, memory=float(memory_mib << 20))


def install() -> None:
    """Make QuickJS the engine of the CWL library in this process."""
    import quickjs
    from cwl_utils import sandboxjs
    from cwl_utils.errors import JavascriptException

    class QuickJSEngine(sandboxjs.NodeJSEngine):
        """Evaluates each expression in a context of its own."""

        def eval(  # type: ignore[override]
            self, scan: Any, jslib: str = "", timeout: float = DEFAULT_TIMEOUT, **_: Any
        ) -> Any:
            source = _stringified(scan, jslib)
            context = quickjs.Context()
            context.set_memory_limit(int(_limits["memory"]))
            context.set_time_limit(min(_limits["timeout"], timeout or DEFAULT_TIMEOUT))
            try:
                result = context.eval(source)
            except quickjs.JSException as error:
                raise JavascriptException(_explain(str(error), source)) from error
            return None if result is None else json.loads(result)

    sandboxjs.set_js_engine(QuickJSEngine())


def _stringified(scan: str, library: str) -> str:
    """Return a script that gives the expression's value as JSON text, undefined for undefined.

    Text, because the engine hands out long strings in pieces that its Python binding does not know.
    """
    body = scan if len(scan) > 1 and scan[0] == "{" else f"{{return ({scan});}}"
    return f'"use strict";\n{library}\nJSON.stringify((function(){body})())'


def _explain(message: str, source: str) -> str:
    first = message.strip().splitlines()[0] if message.strip() else "unknown error"
    if "interrupted" in first:
        first = f"stopped after {_limits['timeout']:g} s (option expression_timeout of [chronos])"
    # Where memory for its message is lacking too, the engine throws null instead.
    if "out of memory" in first or first == "null":
        mebibytes = _limits["memory"] / (1 << 20)
        reason = f"needs more than {mebibytes:g} MiB (option expression_memory of [chronos])"
        first = f"threw null, or {reason}" if first == "null" and "throw" in source else reason
    return f"JavaScript: {first}\nin: {source[-500:]}"
