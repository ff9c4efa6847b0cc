"""Deploying and withdrawing documents."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.api.conftest import TOOL, packed

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore")]


def test_deploy_again_replace_withdraw(
    put: Callable[..., Any], server: Any, login: Callable[[str], dict[str, str]], home: Path
) -> None:
    folder = home / "dags" / "deployed" / "chain"
    first = put({"chain.cwl": TOOL})
    assert first.status_code == 200, first.text
    assert first.json()["created"]
    assert first.json()["dag_id"] == "chain"
    assert first.json()["tasks"] == 3
    assert (folder / "chain.cwl").read_text() == TOOL
    assert not put({"chain.cwl": TOOL}).json()["created"]
    changed = put({"chain.cwl": TOOL + "doc: changed\n", "more.txt": "x"})
    assert changed.json()["created"]
    assert changed.json()["digest"] != first.json()["digest"]
    assert (folder / "more.txt").exists()
    gone = server.delete("/chronos/api/v1/workflows/chain", headers=login("admin"))
    assert gone.status_code == 204
    assert not folder.exists()
    again = server.delete("/chronos/api/v1/workflows/chain", headers=login("admin"))
    assert again.status_code == 404


def test_withdrawn_document_can_start_no_run(
    put: Callable[..., Any],
    server: Any,
    login: Callable[[str], dict[str, str]],
    parse: Callable[[str], None],
) -> None:
    put({"chain.cwl": TOOL}, name="leaving")
    parse("deployed/leaving/chain.cwl")
    headers = login("admin")
    assert server.get("/api/v2/dags/leaving", headers=headers).json()["is_stale"] is False
    server.delete("/chronos/api/v1/workflows/leaving", headers=headers)
    assert server.get("/api/v2/dags/leaving", headers=headers).json()["is_stale"] is True
    run = server.post("/api/v2/dags/leaving/dagRuns", headers=headers, json={"logical_date": None})
    assert run.status_code == 404


def test_dry_run_changes_nothing(put: Callable[..., Any], home: Path) -> None:
    assert put({"chain.cwl": TOOL}, name="tried", dry_run=True).status_code == 200
    assert not (home / "dags" / "deployed" / "tried").exists()


@pytest.mark.parametrize("dry_run", [True, False])
def test_broken_document_is_a_problem_with_its_place(
    put: Callable[..., Any], home: Path, dry_run: bool
) -> None:
    answer = put({"chain.cwl": TOOL.replace("string", "sting")}, name="broken", dry_run=dry_run)
    assert answer.status_code == 422
    assert answer.headers["content-type"] == "application/problem+json"
    problem = answer.json()
    assert problem["kind"] == "invalid CWL"
    assert problem["file"] == "chain.cwl"
    assert problem["line"] == 5
    assert "sting" in problem["message"]
    assert "string" in problem["suggestion"]
    assert str(home) not in answer.text
    assert not (home / "dags" / "deployed" / "broken").exists()


def test_unsupported_is_told_from_invalid(put: Callable[..., Any]) -> None:
    text = TOOL.replace("baseCommand", "requirements: {NoSuchRequirement: {}}\nbaseCommand")
    answer = put({"chain.cwl": text}, dry_run=True)
    assert answer.status_code == 422
    assert answer.json()["kind"] == "unsupported CWL"


@pytest.mark.parametrize(
    "name",
    ["../evil.cwl", "/etc/evil.cwl", "a/../../evil.cwl", "a\\..\\evil.cwl", ".chronos-deployed.json"],
)
def test_paths_that_lead_out_are_refused(put: Callable[..., Any], home: Path, name: str) -> None:
    answer = put({"chain.cwl": TOOL, name: "x"}, name="evil")
    assert answer.status_code == 422
    assert not list(home.rglob("evil*"))


@pytest.mark.parametrize("root", ["../chain.cwl", "/etc/passwd", "no.cwl", "."])
def test_root_must_be_in_the_archive(put: Callable[..., Any], root: str) -> None:
    assert put({"chain.cwl": TOOL}, root=root).status_code == 422


def test_document_may_not_include_files_of_the_server(put: Callable[..., Any], tmp_path: Path) -> None:
    secret = tmp_path / "secret.cwl"
    secret.write_text(TOOL)
    text = (
        "cwlVersion: v1.2\nclass: Workflow\ninputs: {}\noutputs: {}\n"
        "steps:\n  s:\n    in: {text: {default: x}}\n    out: [out]\n    run: WHERE\n"
    )
    assert (
        put({"chain.cwl": text.replace("WHERE", "in.cwl"), "in.cwl": TOOL}, dry_run=True).status_code == 200
    )
    for where in (str(secret), f"file://{secret}", "../" * 20 + str(secret)[1:]):
        answer = put({"chain.cwl": text.replace("WHERE", where)}, dry_run=True)
        assert answer.status_code == 422, where
        assert answer.json()["line"] == 9, answer.text


def test_zip_bomb_is_refused_before_it_is_unpacked(put: Callable[..., Any], home: Path) -> None:
    bomb = packed({"chain.cwl": TOOL, "bomb": "0" * (300 << 20)})
    assert len(bomb) < 1 << 20
    answer = put(bomb, name="bomb")
    assert answer.status_code == 422
    assert "MiB" in answer.json()["detail"]


def test_zip_bomb_that_lies_about_its_size_is_refused(put: Callable[..., Any]) -> None:
    bomb = bytearray(packed({"chain.cwl": TOOL, "bomb": "0" * (20 << 20)}))
    # The uncompressed size in the central directory: 24 bytes after each entry's signature.
    entry = bomb.rindex(b"PK\x01\x02")
    bomb[entry + 24 : entry + 28] = (10).to_bytes(4, "little")
    assert put(bytes(bomb), name="bomb").status_code == 422


def test_what_is_no_archive_is_refused(put: Callable[..., Any]) -> None:
    assert put(b"not a zip").status_code == 422
    assert put(b"x" * ((64 << 20) + 1)).status_code == 413


@pytest.mark.parametrize("name", [".hidden", "a%20b", "x" * 201, "ä"])
def test_names_that_are_no_dag_ids_are_refused(put: Callable[..., Any], name: str) -> None:
    assert put({"chain.cwl": TOOL}, name=name).status_code == 422
