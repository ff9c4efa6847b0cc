"""What all tests share: an Airflow home that is nobody's, and a compiler with a cache of its own."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable
from pathlib import Path

# Before anything imports Airflow.
_HOME = tempfile.mkdtemp(prefix="chronos-tests-")
os.environ["AIRFLOW_HOME"] = _HOME
os.environ["AIRFLOW__CORE__LOAD_EXAMPLES"] = "False"
os.environ["AIRFLOW__CORE__UNIT_TEST_MODE"] = "False"
for _name in [n for n in os.environ if n.startswith("CHRONOS_") and n != "CHRONOS_CONFORMANCE"]:
    del os.environ[_name]

import pytest  # noqa: E402

from chronos_plugin.compiler.compile import CompiledDocument, compile_file  # noqa: E402


@pytest.fixture
def compile_text(tmp_path: Path) -> Callable[..., CompiledDocument]:
    """Compile CWL given as text."""

    def compile_it(text: str, name: str = "document.cwl") -> CompiledDocument:
        folder = tmp_path / "bundle"
        folder.mkdir(exist_ok=True)
        (folder / name).write_text(text)
        return compile_file(folder / name, cache_root=tmp_path / "cache")

    return compile_it
