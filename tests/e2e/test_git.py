"""Workflows in a Git repository: read from a bundle, and each run on the commit that it began with."""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import pytest

from benches.installation import Installation, installation

pytestmark = [pytest.mark.airflow, pytest.mark.slow]

CHAIN = """\
cwlVersion: v1.2
class: Workflow
requirements:
  SchemaDefRequirement: {types: [{$import: types/mode.yml}]}
inputs:
  gate: string
  mode: {type: "types/mode.yml#mode", default: MODE}
outputs:
  said: {type: File, outputSource: say/said}
steps:
  wait: {run: tools/wait.cwl, in: {gate: gate}, out: [word]}
  say: {run: tools/say.cwl, in: {word: wait/word, mode: mode}, out: [said]}
"""
TYPES = "type: enum\nname: mode\nsymbols: [MODE]\n"
WAIT = """\
cwlVersion: v1.2
class: CommandLineTool
baseCommand: [sh, -c, 'until [ -e "$1" ]; do sleep 0.2; done; echo VERSION', wait]
inputs: {gate: {type: string, inputBinding: {}}}
outputs: {word: stdout}
"""
SAY = """\
cwlVersion: v1.2
class: CommandLineTool
requirements:
  SchemaDefRequirement: {types: [{$import: ../types/mode.yml}]}
baseCommand: [cat]
arguments: [script.txt]
inputs: {word: {type: File, inputBinding: {position: 1}}, mode: "../types/mode.yml#mode"}
outputs: {said: stdout}
stdout: said.txt
"""
STAGE = (
    '  InitialWorkDirRequirement: {listing: [{entryname: script.txt, entry: "VERSION $(inputs.mode)\\n"}]}\n'
)


class Repository:
    """A Git repository with the workflow below ``chains``."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir()
        self._git("init", "--quiet", "--initial-branch", "main")

    def commit(self, version: str) -> str:
        """Commit the workflow so that each of its files says ``version``; return the commit."""
        say = SAY.replace("baseCommand", f"{STAGE}baseCommand")
        files = {"chain.cwl": CHAIN, "types/mode.yml": TYPES, "tools/wait.cwl": WAIT, "tools/say.cwl": say}
        for name, text in files.items():
            path = self.folder / "chains" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text.replace("VERSION", version).replace("MODE", f"mode-{version}"))
        self._git("add", ".")
        self._git("commit", "--quiet", "--message", version)
        return self._git("rev-parse", "HEAD")

    def _git(self, *words: str) -> str:
        who = ["-c", "user.name=Ann", "-c", "user.email=ann@localhost"]
        done = subprocess.run(
            ["git", *who, *words], cwd=self.folder, capture_output=True, text=True, check=True
        )
        return done.stdout.strip()


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Repository:
    made = Repository(tmp_path_factory.mktemp("git") / "repository")
    made.commit("one")
    return made


@pytest.fixture(scope="module")
def airflow(repository: Repository, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    bundle = {
        "name": "chains",
        "classpath": "airflow.providers.git.bundles.git.GitDagBundle",
        "kwargs": {
            "repo_url": str(repository.folder),
            "tracking_ref": "main",
            "subdir": "chains",
            "refresh_interval": 2,
        },
    }
    changes = {
        "dag_processor": {
            "dag_bundle_config_list": json.dumps([bundle]),
            "dag_bundle_storage_path": str(tmp_path_factory.mktemp("bundles")),
            "bundle_refresh_check_interval": "1",
        }
    }
    with installation(changes=changes) as running:
        yield running


def run_path(run_id: str) -> str:
    return f"/api/v2/dags/chain/dagRuns/{run_id.replace('+', '%2B').replace(':', '%3A')}"


def until(condition: Callable[[], Any], airflow: Installation, seconds: float = 120) -> Any:
    deadline = time.monotonic() + seconds
    while not (found := condition()):
        airflow.processes.check()
        assert time.monotonic() < deadline, airflow.api.import_errors()
        time.sleep(0.3)
    return found


def said(airflow: Installation, run_id: str) -> str:
    """Wait for the end of a run; return what its product says."""
    until(lambda: airflow.api.run_state("chain", run_id) in ("success", "failed"), airflow)
    assert airflow.api.run_state("chain", run_id) == "success"
    outputs = airflow.api.result("chain", run_id, "chronos.outputs")
    return Path(unquote(urlsplit(outputs["said"]["location"]).path)).read_text()


def test_a_run_stays_on_the_commit_that_it_began_with(
    airflow: Installation, repository: Repository, tmp_path: Path
) -> None:
    api, gate = airflow.api, tmp_path / "gate"

    def parsed() -> str:
        return str((api.dag("chain") or {}).get("bundle_version"))

    airflow.wait_for_dag("chain")
    first = parsed()
    old = api.trigger("chain", {"gate": str(gate)})
    until(lambda: _state(airflow, old, "wait") == "running", airflow)

    second = repository.commit("two")
    until(lambda: parsed() == second, airflow)
    assert first != second
    new = api.trigger("chain", {"gate": str(gate)})
    until(lambda: _state(airflow, new, "wait") == "running", airflow)
    gate.touch()
    assert said(airflow, old) == "one mode-one\none\n"
    assert said(airflow, new) == "two mode-two\ntwo\n"

    # Cleared long after, it still is what it was.
    body = {"dry_run": False, "only_failed": False, "run_on_latest_version": False}
    api._request("POST", f"{run_path(old)}/clear", body=body)
    until(lambda: api.run_state("chain", old) in ("queued", "running"), airflow)
    assert said(airflow, old) == "one mode-one\none\n"


def test_deploying_into_a_repository_is_refused(airflow: Installation, tmp_path: Path) -> None:
    from chronos_plugin.cli import runner

    document = tmp_path / "tool.cwl"
    document.write_text(
        "cwlVersion: v1.2\nclass: CommandLineTool\nbaseCommand: echo\ninputs: []\noutputs: []\n"
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CHRONOS_USERNAME", "admin")
        patch.setenv("CHRONOS_PASSWORD", airflow.password)
        assert runner.main(["--quiet", "--server", airflow.address, str(document)]) == 1


def _state(airflow: Installation, run_id: str, task_id: str) -> str:
    found = [i for i in airflow.api.task_instances("chain", run_id) if i["task_id"] == task_id]
    return str(found[0]["state"]) if found else ""
