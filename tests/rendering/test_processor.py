"""CWL files in Airflow's DAG processor: its real manager, parse processes and database."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

import pytest

from chronos_plugin.rendering import manager as hooks
from tests.rendering.conftest import Processor, Scenario

# See the fixture processor.
pytestmark = [
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]

BROKEN = "cwlVersion: v1.2\nclass: Workflow\ninputs: {a: sting}\noutputs: []\nsteps: []\n"
PYTHON = """
import os
from airflow.sdk import DAG

dag = DAG("python", schedule=None, description=f"parsed by {os.getpid()}", tags=["python"])
"""


def workflow(label: str, run: str = "tool.cwl") -> str:
    """Return a workflow of one step."""
    return (
        f"cwlVersion: v1.2\nclass: Workflow\nlabel: {label}\ninputs: []\noutputs: []\n"
        f"steps:\n  work: {{in: {{}}, out: [], run: {run}}}\n"
    )


def tool(doc: str) -> str:
    """Return a tool that does nothing."""
    return f"cwlVersion: v1.2\nclass: CommandLineTool\ndoc: {doc}\nbaseCommand: 'true'\ninputs: []\noutputs: []\n"


@pytest.fixture
def parses(processor: Processor, monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, str, int]]:
    """Every file that a process was given: its name, the kind of process, and the process's id."""
    seen: list[tuple[str, str, int]] = []
    create = hooks.Manager._create_process

    def watched(self: Any, dag_file: Any) -> Any:
        made = create(self, dag_file)
        seen.append((str(dag_file.rel_path), type(made).__name__, made.pid))
        return made

    monkeypatch.setattr(hooks.Manager, "_create_process", watched)
    return seen


def count(parses: list[tuple[str, str, int]], name: str) -> int:
    """Return how often a file was parsed."""
    return sum(1 for file, _, _ in parses if file == name)


def test_few_processes_parse_many_files_and_each_file_keeps_its_own(
    processor: Processor, parses: list[tuple[str, str, int]], tmp_path: Path
) -> None:
    processor.write("tool.cwl", tool("a tool"))
    texts = {f"chain{n}": workflow(f"Chain {n}") for n in range(12)}
    for name, text in texts.items():
        processor.write(f"{name}.cwl", text)
    processor.write("broken.cwl", BROKEN)
    processor.write("python.py", PYTHON)

    def scenario() -> Scenario:
        yield lambda: all(processor.passes(f"{name}.cwl") for name in (*texts, "broken"))
        yield lambda: processor.is_active("python")

    processor.run(scenario())
    of_cwl = [(kind, pid) for file, kind, pid in parses if file.endswith(".cwl")]
    assert {kind for kind, _ in of_cwl} == {"CwlParseProcess"}
    assert len({pid for _, pid in of_cwl}) <= 2
    assert {kind for file, kind, _ in parses if file.endswith(".py")} == {"DagFileProcessorProcess"}
    for name, text in texts.items():
        row = processor.dag(name)
        assert row.relative_fileloc == f"{name}.cwl"
        assert not row.is_stale
        assert row.last_parsed_time is not None
        assert processor.source(name) == text
        (log,) = (tmp_path / "logs").glob(f"2*/dags-folder/{name}.cwl.log")
        assert f"/{name}.cwl" in log.read_text()
        assert not any(f"/{other}.cwl" in log.read_text() for other in texts if other != name)
    errors = processor.import_errors()
    assert set(errors) == {"broken.cwl"}
    assert "line 3" in errors["broken.cwl"]
    assert processor.dag("broken") is None


def test_what_has_not_changed_is_confirmed_and_what_has_is_parsed(
    processor: Processor, parses: list[tuple[str, str, int]]
) -> None:
    processor.write("tool.cwl", tool("first"))
    processor.write("same.cwl", workflow("Same", "other.cwl"))
    processor.write("other.cwl", tool("other"))
    processor.write("edited.cwl", workflow("Before", "other.cwl"))
    processor.write("including.cwl", workflow("Including"))
    processor.write("broken.cwl", BROKEN)
    before: dict[str, Any] = {}

    def scenario() -> Scenario:
        # The first parse fills the cache of compiled documents, the second is known to have used it.
        yield lambda: all(processor.passes(f"{n}.cwl") > 3 for n in ("same", "edited", "including"))
        before["count"] = {n: count(parses, f"{n}.cwl") for n in ("same", "edited", "including", "broken")}
        before["passes"], before["parsed"] = (
            processor.passes("same.cwl"),
            processor.dag("same").last_parsed_time,
        )
        processor.write("edited.cwl", workflow("After", "other.cwl"))
        processor.write("tool.cwl", tool("second"))
        yield lambda: processor.dag("edited").dag_display_name == "After"
        yield lambda: "second" in str(processor.serialized("including")["tasks"])
        yield lambda: processor.passes("same.cwl") > before["passes"] + 3
        yield lambda: processor.passes("edited.cwl") > before["passes"] + 10

    processor.run(scenario())
    assert count(parses, "same.cwl") == before["count"]["same"] <= 2
    assert processor.dag("same").last_parsed_time > before["parsed"]
    assert not processor.dag("same").is_stale
    # Twice again after the change, as at first; then no more.
    assert before["count"]["edited"] < count(parses, "edited.cwl") <= before["count"]["edited"] + 2
    assert before["count"]["including"] < count(parses, "including.cwl") <= before["count"]["including"] + 2
    # What is wrong is looked at in each pass.
    assert count(parses, "broken.cwl") >= processor.passes("broken.cwl") > before["count"]["broken"]
    assert set(processor.import_errors()) == {"broken.cwl"}


def test_no_loop_confirms_more_than_its_share(
    processor: Processor, parses: list[tuple[str, str, int]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hooks, "_AT_ONCE", 2)
    processor.write("tool.cwl", tool("a tool"))
    names = [f"chain{n}.cwl" for n in range(5)]
    for name in names:
        processor.write(name, workflow(name))

    def scenario() -> Scenario:
        yield lambda: all(processor.passes(name) > 5 for name in names)

    processor.run(scenario())
    assert all(count(parses, name) <= 2 for name in names)


def test_an_edit_that_airflow_held_back_is_not_lost(
    processor: Processor, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Airflow does not write a DAG again within this time of writing it, and drops what it parsed.
    monkeypatch.setenv("AIRFLOW__CORE__MIN_SERIALIZED_DAG_UPDATE_INTERVAL", "3")
    processor.write("chain.cwl", workflow("Before"))
    processor.write("tool.cwl", tool("first"))

    def scenario() -> Scenario:
        yield lambda: processor.passes("chain.cwl") > 0
        processor.write("tool.cwl", tool("second"))
        parsed = processor.passes("chain.cwl") + 2
        yield lambda: processor.passes("chain.cwl") > parsed
        assert "first" in str(processor.serialized("chain")["tasks"])
        yield lambda: "second" in str(processor.serialized("chain")["tasks"])

    processor.run(scenario())


def test_files_that_go_and_come_back(processor: Processor) -> None:
    processor.write("tool.cwl", tool("a tool"))
    processor.write("stays.cwl", workflow("Stays"))
    text = workflow("Goes")
    file = processor.write("goes.cwl", text)

    def scenario() -> Scenario:
        yield lambda: processor.passes("goes.cwl") > 3
        file.unlink()
        yield lambda: not processor.is_active("goes")
        assert processor.is_active("stays")
        processor.write("goes.cwl", text)
        yield lambda: processor.is_active("goes")

    processor.run(scenario())


@pytest.mark.parametrize("harm", ["stale", "deleted", "other hash", "import error", "other version"])
def test_a_dag_that_is_not_in_force_is_parsed_again(
    processor: Processor, parses: list[tuple[str, str, int]], harm: str
) -> None:
    processor.write("tool.cwl", tool("a tool"))
    processor.write("chain.cwl", workflow("Chain"))
    before: list[int] = []

    def scenario() -> Scenario:
        yield lambda: processor.passes("chain.cwl") > 3
        before.append(count(parses, "chain.cwl"))
        _harm(harm)
        yield lambda: count(parses, "chain.cwl") > before[0]
        passes = processor.passes("chain.cwl")
        yield lambda: processor.passes("chain.cwl") > passes + 2
        assert processor.is_active("chain")
        assert not processor.dag("chain").has_import_errors
        assert processor.dag("chain").bundle_version is None
        assert "a tool" in str(processor.serialized("chain")["tasks"])
        assert not processor.import_errors()

    processor.run(scenario())
    assert before[0] <= 2


def _harm(harm: str) -> None:
    """Do to the DAG's rows what another process might."""
    from airflow.models.dag import DagModel
    from airflow.models.dag_version import DagVersion
    from airflow.models.dagcode import DagCode
    from airflow.models.errors import ParseImportError
    from airflow.models.serialized_dag import SerializedDagModel
    from airflow.utils.session import create_session
    from sqlalchemy import delete, update

    with create_session() as session:
        match harm:
            case "stale":
                session.execute(update(DagModel).values(is_stale=True))
            case "deleted":
                for table in (SerializedDagModel, DagCode, DagVersion):
                    session.execute(delete(table))
                session.delete(session.get(DagModel, "chain"))
            case "other hash":
                session.execute(update(SerializedDagModel).values(dag_hash="another"))
            case "import error":
                session.add(ParseImportError(filename="chain.cwl", bundle_name="dags-folder", stacktrace="x"))
            case "other version":
                session.execute(update(DagModel).values(bundle_version="another"))


def test_a_file_is_parsed_when_somebody_asks(
    processor: Processor, parses: list[tuple[str, str, int]]
) -> None:
    from airflow.models.dagbag import DagPriorityParsingRequest
    from airflow.utils.session import create_session

    processor.write("tool.cwl", tool("a tool"))
    processor.write("chain.cwl", workflow("Chain"))
    before: list[int] = []

    def scenario() -> Scenario:
        yield lambda: processor.passes("chain.cwl") > 3
        before.append(count(parses, "chain.cwl"))
        with create_session() as session:
            session.add(DagPriorityParsingRequest(bundle_name="dags-folder", relative_fileloc="chain.cwl"))
        yield lambda: count(parses, "chain.cwl") > before[0]

    processor.run(scenario())


@pytest.mark.parametrize("queued", [True, False])
def test_callbacks_run_in_a_process_of_airflows(
    processor: Processor, parses: list[tuple[str, str, int]], queued: bool
) -> None:
    from airflow.callbacks.callback_requests import DagCallbackRequest
    from airflow.dag_processing.manager import DagFileInfo
    from airflow.models.db_callback_request import DbCallbackRequest
    from airflow.utils.session import create_session

    processor.write("tool.cwl", tool("a tool"))
    processor.write("chain.cwl", workflow("Chain"))

    def scenario() -> Scenario:
        yield lambda: processor.passes("chain.cwl") > 3
        request = DagCallbackRequest(
            filepath="chain.cwl",
            dag_id="chain",
            run_id="r",
            bundle_name="dags-folder",
            bundle_version=None,
            is_failure_callback=True,
        )
        if queued:
            with create_session() as session:
                session.add(DbCallbackRequest(priority_weight=1, callback=request))
        else:
            # Airflow drops a file from its queue that is being parsed, and keeps the callback for later.
            file = DagFileInfo(Path("chain.cwl"), "dags-folder", processor.dags)
            processor.manager._callback_to_execute[file].append(request)
        yield lambda: ("chain.cwl", "DagFileProcessorProcess") in {(file, kind) for file, kind, _ in parses}
        # Callbacks are no parse: Airflow forgets when the file was parsed, and parses it.
        passes = processor.passes("chain.cwl")
        yield lambda: processor.passes("chain.cwl") > passes + 2
        assert processor.is_active("chain")

    processor.run(scenario())


def _crash(path: Path) -> None:
    if path.name == "bad.cwl":
        os._exit(3)


def _hang(path: Path) -> None:
    if path.name == "bad.cwl":
        time.sleep(600)


@pytest.mark.parametrize("bad", [_crash, _hang])
def test_a_file_that_takes_its_process_along_harms_no_other(
    processor: Processor, monkeypatch: pytest.MonkeyPatch, bad: Any
) -> None:
    from chronos_plugin.rendering import importer

    import_dag = importer.import_dag

    def watched(path: Path, bundle_path: Path | None) -> Any:
        bad(path)
        return import_dag(path, bundle_path)

    monkeypatch.setattr(importer, "import_dag", watched)
    processor.write("tool.cwl", tool("a tool"))
    for name in ("bad", *(f"chain{n}" for n in range(6))):
        processor.write(f"{name}.cwl", workflow(name))

    def scenario() -> Scenario:
        yield lambda: all(processor.passes(f"{n}.cwl") for n in ("bad", *(f"chain{n}" for n in range(6))))

    processor.run(scenario(), processor_timeout=2)
    stats = {str(file.rel_path): stat for file, stat in processor.manager._file_stats.items()}
    assert stats["bad.cwl"].import_errors == 1
    assert processor.dag("bad") is None
    for n in range(6):
        assert stats[f"chain{n}.cwl"].import_errors == 0
        assert processor.is_active(f"chain{n}")


def test_processes_are_replaced_and_end(
    processor: Processor, parses: list[tuple[str, str, int]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AIRFLOW__CHRONOS__PARSE_PROCESS_FILES", "2")
    monkeypatch.setenv("AIRFLOW__CHRONOS__UNCHANGED_PARSE_INTERVAL", "3600")
    processor.write("tool.cwl", tool("a tool"))
    for n in range(6):
        processor.write(f"chain{n}.cwl", workflow("Chain"))

    def scenario() -> Scenario:
        yield lambda: all(processor.passes(f"chain{n}.cwl") > 3 for n in range(6))
        # Nothing is left to parse: nobody waits for it.
        yield lambda: not any(_is_there(pid) for _, _, pid in parses)

    processor.run(scenario())
    pids = [pid for _, _, pid in parses]
    assert max(pids.count(pid) for pid in pids) == 2


def _is_there(pid: int) -> bool:
    return Path(f"/proc/{pid}").exists()


def test_every_pass_parses_where_the_interval_is_0(
    processor: Processor, parses: list[tuple[str, str, int]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AIRFLOW__CHRONOS__UNCHANGED_PARSE_INTERVAL", "0")
    processor.write("tool.cwl", tool("a tool"))
    processor.write("chain.cwl", workflow("Chain"))

    def scenario() -> Scenario:
        yield lambda: processor.passes("chain.cwl") > 4

    processor.run(scenario())
    assert count(parses, "chain.cwl") >= processor.passes("chain.cwl")


@pytest.mark.parametrize("failing", ["parse", "end", "confirm"])
def test_files_are_parsed_airflows_way_after_a_failure_of_ours(
    processor: Processor, parses: list[tuple[str, str, int]], monkeypatch: pytest.MonkeyPatch, failing: str
) -> None:
    from chronos_plugin.rendering.parsing import ParseProcesses
    from chronos_plugin.rendering.unchanged import ParsedFiles

    def fail(*_: Any) -> None:
        raise RuntimeError("not in this Airflow")

    monkeypatch.setattr(ParseProcesses if failing == "parse" else ParsedFiles, failing, fail)
    processor.write("tool.cwl", tool("a tool"))
    for n in range(3):
        processor.write(f"chain{n}.cwl", workflow("Chain"))

    def scenario() -> Scenario:
        yield lambda: all(processor.passes(f"chain{n}.cwl") > 2 for n in range(3))

    processor.run(scenario())
    kinds = [kind for _, kind, _ in parses]
    if failing == "parse":
        assert set(kinds) == {"DagFileProcessorProcess"}
    if failing == "confirm":
        assert kinds[-1] == "DagFileProcessorProcess"
    # What cannot be noted is parsed again.
    assert all(count(parses, f"chain{n}.cwl") > 2 for n in range(3))
    assert not [pid for _, kind, pid in parses if kind == "CwlParseProcess" and _is_there(pid)]
    assert all(processor.is_active(f"chain{n}") for n in range(3))


def test_this_airflow_is_the_known_one() -> None:
    assert list(hooks._unknown_internals()) == []


@pytest.mark.parametrize(
    ("owner", "name"),
    [
        ("manager", "_get_logger_for_dag_file"),
        ("supervisor", "_register_pipe_readers"),
        ("process", "_on_child_started"),
        ("process", "is_ready"),
        ("processor", "_parse_file"),
    ],
)
def test_another_airflow_is_left_alone(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, owner: str, name: str
) -> None:
    from airflow.dag_processing import processor
    from airflow.dag_processing.manager import DagFileProcessorManager
    from airflow.sdk.execution_time.supervisor import WatchedSubprocess

    def of_airflow(self: Any, dag_file: Any) -> None: ...
    def prepare_of_airflow(self: Any, known_files: Any) -> None: ...
    def with_other_arguments(self: Any, request: Any) -> None: ...

    monkeypatch.setattr(DagFileProcessorManager, "_create_process", of_airflow)
    monkeypatch.setattr(DagFileProcessorManager, "prepare_file_queue", prepare_of_airflow)
    owners = {
        "manager": DagFileProcessorManager,
        "process": processor.DagFileProcessorProcess,
        "supervisor": WatchedSubprocess,
        "processor": processor,
    }
    if name == "_on_child_started":
        monkeypatch.setattr(owners[owner], name, with_other_arguments)
    else:
        monkeypatch.delattr(owners[owner], name)
    assert not hooks.extend_parsing()
    assert DagFileProcessorManager._create_process is of_airflow
    assert DagFileProcessorManager.prepare_file_queue is prepare_of_airflow
