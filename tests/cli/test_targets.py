"""``airflow chronos targets``, ``context`` and the wishes, against files and Airflow's own tables."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from chronos_plugin.execution import context as contexts
from chronos_plugin.execution.store import Key, RunStore, run_folder
from chronos_plugin.execution.targets.base import Job
from chronos_plugin.execution.targets.breaker import Breaker
from chronos_plugin.execution.targets.folder import JobFolder
from chronos_plugin.execution.targets.report import StateFile

Airflow = Callable[..., tuple[int, str, str]]

TARGETS = """\
targets:
  hpc:
    kind: local
    description: The cluster
    max_cores: 64
    options: {caps: none}
  odd: {kind: moon}
bindings:
  - {needs: {ram: 4096}, target: hpc}
  - {step: each, target: local}
"""
WORKFLOW = """\
cwlVersion: v1.2
class: Workflow
$namespaces: {chronos: "https://chronos-airflow.org/cwl#"}
requirements: {ScatterFeatureRequirement: {}, InlineJavascriptRequirement: {}}
inputs: {words: "string[]", n: int}
outputs: []
steps:
  each: {scatter: w, in: {w: words}, out: [], run: tool.cwl}
  big: {in: {w: {default: x}}, out: [], requirements: {ResourceRequirement: {ramMin: 8000}}, run: tool.cwl}
  asked: {in: {w: {default: x}, n: n}, out: [], run: asked.cwl}
  wish: {in: {w: {default: x}}, out: [], hints: [{class: "chronos:Execution", target: hpc}], run: tool.cwl}
  plain: {in: {w: {default: x}}, out: [], run: tool.cwl}
"""
TOOL = "cwlVersion: v1.2\nclass: CommandLineTool\nbaseCommand: 'true'\ninputs: {w: string}\noutputs: []\n"
ASKED = TOOL.replace("{w: string}", "{w: string, n: int}").replace(
    "inputs",
    "requirements: {InlineJavascriptRequirement: {}, ResourceRequirement: {ramMin: $(inputs.n * 2)}}\ninputs",
)


@pytest.fixture(autouse=True)
def roots(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("AIRFLOW__CHRONOS__WORK_ROOT", str(tmp_path / "work"))
    monkeypatch.setenv("AIRFLOW__CHRONOS__CACHE_ROOT", str(tmp_path / "cache"))
    monkeypatch.setenv("AIRFLOW__CHRONOS__TARGETS_FILE", str(tmp_path / "targets.yaml"))
    (tmp_path / "targets.yaml").write_text(TARGETS)
    for name, text in (("flow", WORKFLOW), ("tool", TOOL), ("asked", ASKED)):
        (tmp_path / f"{name}.cwl").write_text(text)
    return tmp_path


def test_list(roots: Path, airflow: Airflow) -> None:
    status, out, _ = airflow("targets", "list")
    lines = {line.split()[0]: line for line in out.splitlines()}
    assert status == 0
    assert set(lines) == {"TARGET", "worker", "local", "hpc", "odd"}
    assert "1000 jobs, 64 cores" in lines["hpc"]
    assert "not watched" in lines["hpc"]
    state = StateFile(roots / "work" / ".targets", "hpc")
    state.write(breaker=Breaker(failures=4, last_error="no route"), in_flight=3, waiting=2, oldest=1.0)
    status, out, _ = airflow("targets", "list", "--json")
    (hpc,) = [row for row in json.loads(out) if row["name"] == "hpc"]
    assert (hpc["breaker"], hpc["in_flight"], hpc["waiting"], hpc["error"]) == ("open", 3, 2, "no route")
    assert hpc["waiting_seconds"] > 1e6
    assert hpc["bounds"]["max_cores"] == 64
    assert "hpc: no route" in airflow("targets", "list")[2]


def test_test(airflow: Airflow) -> None:
    status, out, _ = airflow("targets", "test", "hpc", "worker")
    assert status == 0
    assert [line.split()[:2] for line in out.splitlines()[1:]] == [["hpc", "yes"], ["worker", "yes"]]
    status, out, _ = airflow("targets", "test", "--json")
    assert status == 1
    rows = {row["name"]: row for row in json.loads(out)}
    assert {name: row["ok"] for name, row in rows.items()} == {
        "hpc": True,
        "local": True,
        "odd": False,
        "worker": True,
    }
    assert "no kind of target 'moon'" in rows["odd"]["message"]
    assert rows["hpc"]["details"]["host"]
    status, _, err = airflow("targets", "test", "moon")
    assert status == 1
    assert "there is no target 'moon'" in err


def test_explain(roots: Path, airflow: Airflow) -> None:
    status, out, _ = airflow("targets", "explain", str(roots / "flow.cwl"), "--json")
    assert status == 0
    found = {row["step"]: row for row in json.loads(out)}
    file = roots / "targets.yaml"
    assert {name: row["target"] for name, row in found.items()} == {
        "each": "local",
        "big": "hpc",
        "asked": None,
        "wish": "hpc",
        "plain": "worker",
    }
    assert found["each"]["why"] == f"rule at {file}:10:5"
    assert found["big"]["why"] == f"rule at {file}:9:5"
    assert found["asked"]["why"].startswith(
        f"decided at run time: rule at {file}:9:5 asks for ram, an expression"
    )
    assert "wish" in found["wish"]["why"]
    (roots / "flow.targets.yaml").write_text("bindings: [{step: plain, target: hpc}]\n")
    status, out, _ = airflow("targets", "explain", f"{roots / 'flow.cwl'}/plain")
    assert [line.split()[:2] for line in out.splitlines()[1:]] == [["plain", "hpc"]]
    assert "flow.targets.yaml:1:12" in out
    status, _, err = airflow("targets", "explain", f"{roots / 'flow.cwl'}/none")
    assert (status, "no step 'none'" in err) == (1, True)


def test_explain_of_a_dag(roots: Path, airflow: Airflow, tables: None) -> None:
    from airflow.models.dag import DagModel
    from airflow.models.dagbundle import DagBundleModel
    from airflow.utils.session import create_session

    with create_session() as session:
        session.merge(DagBundleModel(name="dags-folder"))
        session.flush()
        session.add(DagModel(dag_id="my.flow", fileloc=str(roots / "flow.cwl"), bundle_name="dags-folder"))
    try:
        (roots / "targets.yaml").write_text("bindings: [{workflow: my.*, step: plain, target: local}]\n")
        for name in ("my.flow/plain", f"{roots / 'flow.cwl'}/plain"):
            status, out, err = airflow("targets", "explain", name)
            assert status == 0, err
            assert out.splitlines()[1].split()[:2] == ["plain", "local"], out
        status, _, err = airflow("targets", "explain", "other")
        assert (status, "neither a DAG nor" in err) == (1, True)
    finally:
        with create_session() as session:
            session.query(DagModel).filter_by(dag_id="my.flow").delete()
            session.query(DagBundleModel).delete()


def test_wrong_file_is_one_message(roots: Path, airflow: Airflow) -> None:
    (roots / "targets.yaml").write_text("targets:\n  a: {}\n")
    status, out, err = airflow("targets", "list")
    assert (status, out) == (1, "")
    assert err == f"airflow chronos: {roots / 'targets.yaml'}:2:3: 'kind' is missing\n"


@pytest.mark.parametrize(
    ("words", "example"), [((), {"targets": {"a": {"kind": "x"}}}), (("--bindings",), {"bindings": []})]
)
def test_schema(airflow: Airflow, words: tuple[str, ...], example: Any) -> None:
    status, out, _ = airflow("targets", "schema", *words)
    assert status == 0
    validator = Draft202012Validator(json.loads(out))
    assert validator.is_valid(example)
    assert not validator.is_valid({"other": 1})


# -- jobs ---------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def tables() -> None:
    from airflow import models
    from airflow.models.base import Base
    from airflow.utils.session import create_session

    with create_session() as session:
        models.import_all_models()
        Base.metadata.create_all(session.get_bind())


def add_job(
    root: Path, key: Key, run_id: str = "r", index: int = -1, number: int = 1, **labels: str
) -> JobFolder:
    folder = RunStore(run_folder(root / "work", "d", run_id)).work(key) / f"try-{number}"
    folder.mkdir(parents=True)
    (folder / "out" / "try-9").mkdir(parents=True)
    made = JobFolder(folder)
    named = {"dag_id": "d", "run_id": run_id, "task_id": key[-1][0], "map_index": str(index), **labels}
    made.write_job(Job(f"chronos-{key[-1]}-{number}", "a name", folder, labels=named), "hpc", "exit\n", {})
    return made


STATES = {
    "waits": "deferred",
    "works": "running",
    "again": "up_for_retry",
    "over": "success",
    "dead": "failed",
}


def test_sweep(roots: Path, airflow: Airflow, tables: None, monkeypatch: pytest.MonkeyPatch) -> None:
    from chronos_plugin.cli import sweep

    # The rows of task instances need runs, versions and pools; a query's answer is what is asked here.
    known = {**{(task, "-1"): state for task, state in STATES.items()}, ("each", "1"): "deferred"}
    monkeypatch.setattr(sweep, "_state", lambda labels: known.get((labels["task_id"], labels["map_index"])))
    jobs = {name: add_job(roots, ((name, None),)) for name in (*STATES, "unknown")}
    jobs |= {f"each@{i}": add_job(roots, (("each", i),), index=i) for i in (0, 1)}
    done = add_job(roots, (("over", None),), number=2)
    done.conclude("success")
    submitted = jobs["dead"]
    submitted.write_submission("submitted", "nobody:1:1")
    forsaken = {"over", "dead", "unknown", "each@0"}
    status, out, _ = airflow("targets", "sweep", "--dry-run", "--json")
    assert status == 0
    assert len(json.loads(out)["jobs"]) == len(forsaken)
    assert all(job.open for job in jobs.values())
    status, out, _ = airflow("targets", "sweep")
    # One lies on a host that is not this one: its guard there reads the wish.
    assert status == 0
    assert {name for name, job in jobs.items() if not job.open} == forsaken
    assert {name for name, job in jobs.items() if job.wish() == "cancel"} == forsaken


def test_sweep_asks_airflows_tables(roots: Path, airflow: Airflow, tables: None) -> None:
    job = add_job(roots, (("x", None),))
    status, out, _ = airflow("targets", "sweep", "--json")
    assert status == 0
    (row,) = json.loads(out)["jobs"]
    assert (row["why"], row["error"], job.open) == ("not known to Airflow", None, False)
    assert json.loads(airflow("targets", "sweep", "--json")[1])["jobs"] == []


def test_wishes(roots: Path, airflow: Airflow) -> None:
    jobs = {(n, i): add_job(roots, ((n, i),)) for n, i in (("a", None), ("b", 0), ("b", 1))}
    inner = add_job(roots, (("sub", 2), ("a", None)))
    other = add_job(roots, (("a", None),), run_id="other")
    ended = add_job(roots, (("b", 2),))
    (ended.path / "exit.json").write_text(
        '{"exit_code": 0, "timed_out": false, "node": "", "started": 1, "ended": 2}'
    )
    assert airflow("hold", "d", "r", "b@1", "sub")[0] == 0
    assert {k: j.wish() for k, j in jobs.items()} == {("a", None): None, ("b", 0): None, ("b", 1): "hold"}
    assert inner.wish() == "hold"
    status, out, _ = airflow("release", "d", "r", "--json")
    assert (status, len(json.loads(out)["jobs"])) == (0, 4)
    assert {j.wish() for j in (*jobs.values(), inner)} == {"release"}
    assert other.wish() is ended.wish() is None
    for wish in ("suspend", "resume"):
        assert airflow(wish, "d", "r", "a")[0] == 0
        assert jobs["a", None].wish() == wish
    status, _, err = airflow("hold", "d", "r", "c")
    assert (status, "no target has a job" in err) == (1, True)


def test_context(roots: Path, airflow: Airflow) -> None:
    store = RunStore(run_folder(roots / "work", "d", "r"))
    key: Key = (("sub", 3), ("a", None))
    for number in (1, 2):
        work = store.work(key) / f"try-{number}"
        contexts.begin(store, key, work, target="hpc", why="test", environment={"MY_SECRET": "x", "A": "b"})
        contexts.update(
            store, key, work, state="failed", command=["tool", str(number)], ended=2.0, last_lines=["oh"]
        )
    status, out, _ = airflow("context", "d", "r", "sub@3/a")
    assert status == 0
    assert "try 1" in out
    assert "command: tool 2" in out
    assert "environment: A=b, MY_SECRET=***" in out
    assert "\n    oh\n" in out
    status, out, _ = airflow("context", "d", "r", "sub@3/a", "--try", "2", "--json")
    assert list(json.loads(out)) == ["2"]
    assert json.loads(out)["2"]["command"] == ["tool", "2"]
    status, _, err = airflow("context", "d", "r", "sub@3/a", "--try", "5")
    assert (status, "there are: 1, 2" in err) == (1, True)
    status, _, err = airflow("context", "d", "r", "b")
    assert (status, "there are: sub@3/a" in err) == (1, True)
