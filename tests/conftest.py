"""What all tests share: an Airflow home that is nobody's, and a compiler with a cache of its own."""

from __future__ import annotations

import atexit
import logging
import os
import shutil
import signal
import tempfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

# Before anything imports Airflow.
_HOME = tempfile.mkdtemp(prefix="chronos-tests-")
atexit.register(shutil.rmtree, _HOME, ignore_errors=True)
# What tests themselves are told.
_OURS = ("CHRONOS_CONFORMANCE", "CHRONOS_TEST_", "CHRONOS_KILLS")
for _name in [n for n in os.environ if n.startswith(("CHRONOS_", "AIRFLOW_")) and not n.startswith(_OURS)]:
    del os.environ[_name]
os.environ["AIRFLOW_HOME"] = _HOME
os.environ["AIRFLOW__CORE__LOAD_EXAMPLES"] = "False"
os.environ["AIRFLOW__CORE__UNIT_TEST_MODE"] = "False"
# A shell's background jobs ignore it, and so would what the tests start and then interrupt.
signal.signal(signal.SIGINT, signal.default_int_handler)

import pytest  # noqa: E402

from chronos_plugin.compiler.compile import CompiledDocument, compile_file  # noqa: E402
from tests import needs  # noqa: E402

_SHARED = {
    "tests/api": "server",
    "tests/browser": "site",
    "tests/dags": "chain",
    "tests/db": "postgres_server",
    "tests/e2e": "airflow",
}


@pytest.fixture(autouse=True)
def logging_as_before() -> Iterator[None]:
    """Let no test change how others log.

    Commands set up logging for a process of their own; Airflow's configuration silences the loggers that it finds.
    """
    for logger in logging.Logger.manager.loggerDict.values():
        if isinstance(logger, logging.Logger):
            logger.disabled = False
    root, library = logging.getLogger(), logging.getLogger("cwltool")
    before = root.level, root.handlers[:], library.level
    yield
    root.setLevel(before[0])
    root.handlers[:] = before[1]
    library.setLevel(before[2])


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--update-golden", action="store_true", help="write the golden files anew instead of comparing them"
    )


# Before xdist reads the groups.
@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if config.pluginmanager.hasplugin("xdist"):
        for item in items:
            item.add_marker(pytest.mark.xdist_group(_group(item)))


def _group(item: pytest.Item) -> str:
    """Return the name of what one process of several runs: a file, or what shares a folder's costly fixture."""
    path = item.path.relative_to(item.config.rootpath)
    for folder, fixture in _SHARED.items():
        # A file may have a fixture of its own under the name.
        is_own = hasattr(getattr(item, "module", None), fixture)
        if path.is_relative_to(folder) and fixture in getattr(item, "fixturenames", ()) and not is_own:
            return folder
    return path.as_posix()


def pytest_runtest_setup(item: pytest.Item) -> None:
    for marker in needs.MARKERS:
        if item.get_closest_marker(marker) is not None:
            reason = needs.lacking(marker)
            if reason is not None:
                pytest.skip(reason)


@pytest.fixture
def update_golden(request: pytest.FixtureRequest) -> bool:
    """Whether golden files are to be written."""
    return bool(request.config.getoption("--update-golden"))


@pytest.fixture
def airflow_home() -> Path:
    """The session's AIRFLOW_HOME."""
    return Path(_HOME)


@pytest.fixture
def compile_text(tmp_path: Path) -> Callable[..., CompiledDocument]:
    """Compile CWL given as text, with other ``files`` of its folder by name."""

    def compile_it(
        text: str, name: str = "document.cwl", files: Mapping[str, str] | None = None, fragment: str = ""
    ) -> CompiledDocument:
        folder = tmp_path / "bundle"
        for path, content in {**(files or {}), name: text}.items():
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / path).write_text(content)
        return compile_file(folder / name, cache_root=tmp_path / "cache", fragment=fragment)

    return compile_it
