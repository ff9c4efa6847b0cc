"""Tools in containers of other engines than Docker: real ones, with an image made here."""

from __future__ import annotations

import os
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import pytest

from chronos_plugin.compiler.compile import CompiledDocument
from chronos_plugin.errors import ChronosError, StepFailed
from chronos_plugin.execution.local import LocalRun
from chronos_plugin.execution.run import Options, Run
from chronos_plugin.execution.store import RunStore
from tests.services import service

pytestmark = [pytest.mark.podman, pytest.mark.slow]

IMAGE = "localhost/chronos-test:local"
TOOL = """\
cwlVersion: v1.2
class: CommandLineTool
requirements:
  DockerRequirement: {{dockerPull: "{image}"}}
  InitialWorkDirRequirement: {{listing: [{{entryname: staged.txt, entry: "staged\\n"}}]}}
baseCommand: [sh, -c, {script}, tool]
inputs: {{f: {{type: "File?", inputBinding: {{}}}}}}
outputs: {{o: {{type: "File?", outputBinding: {{glob: o}}}}, said: stdout}}
"""


@pytest.fixture(scope="module", autouse=True)
def podman() -> Iterator[None]:
    with service("podman") as folder, pytest.MonkeyPatch.context() as patch:
        patch.setenv("CONTAINERS_CONF", f"{folder}/containers.conf")
        patch.setenv("CONTAINERS_STORAGE_CONF", f"{folder}/storage.conf")
        yield


def tool(script: str) -> str:
    return TOOL.format(image=IMAGE, script=f"'{script}'")


def read(file: dict[str, Any]) -> str:
    return Path(unquote(urlsplit(file["location"]).path)).read_text()


def containers() -> list[str]:
    listed = subprocess.run(["podman", "ps", "--quiet"], capture_output=True, text=True, check=True)
    return listed.stdout.split()


def test_files_go_in_and_out(launch: Callable[..., Any], tmp_path: Path) -> None:
    given = tmp_path / "given.txt"
    given.write_text("given\n")
    script = 'cat "$1" staged.txt > o; ls /bin/busybox; test ! -e ' + str(tmp_path)
    ended = launch(tool(script), {"f": str(given)}, container_engine="podman")
    assert read(ended.outputs["o"]) == "given\nstaged\n"
    assert read(ended.outputs["said"]) == "/bin/busybox\n"


def test_a_link_to_an_input_is_the_input(launch: Callable[..., Any], tmp_path: Path) -> None:
    given = tmp_path / "given.txt"
    given.write_text("given\n")
    ended = launch(tool('ln -s "$1" o'), {"f": str(given)}, container_engine="podman")
    assert read(ended.outputs["o"]) == "given\n"


def test_exit_codes(launch: Callable[..., Any]) -> None:
    with pytest.raises(StepFailed, match="exit code 7"):
        launch(tool("exit 7"), container_engine="podman")


def test_files_belong_to_the_user_who_runs(launch: Callable[..., Any]) -> None:
    ended = launch(tool("echo x > o"), container_engine="podman")
    published = Path(unquote(urlsplit(ended.outputs["o"]["location"]).path))
    assert published.stat().st_uid == os.getuid()


def test_cancelling_ends_the_container(compile_text: Callable[..., CompiledDocument], tmp_path: Path) -> None:
    options = Options(container_engine="podman")
    run = Run(compile_text(tool("sleep 300")), RunStore(tmp_path / "work" / "dag" / "run"), options)
    local = LocalRun(run)
    caught: list[BaseException] = []

    def execute() -> None:
        try:
            local.execute({}, [], tmp_path / "published")
        except ChronosError as error:
            caught.append(error)

    thread = threading.Thread(target=execute)
    thread.start()
    _until(containers)
    local.cancel()
    thread.join(60)
    assert caught
    _until(lambda: not containers())


def _until(condition: Callable[[], Any]) -> None:
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.2)
