"""What runs produced."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from chronos_plugin.execution.store import run_folder, write_json

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore")]


@pytest.mark.parametrize("what", ["outputs", "error"])
def test_what_a_run_left_is_served(
    server: Any, login: Callable[[str], dict[str, str]], home: Path, what: str
) -> None:
    run_id = "manual__2026-01-01T00:00:00+00:00"
    path = f"/chronos/api/v1/dags/chain/runs/{run_id.replace('+', '%2B')}/{what}"
    assert server.get(path, headers=login("viewer")).status_code == 404
    write_json(run_folder(home / "work", "chain", run_id) / f"{what}.json", {"text": "hi"})
    assert server.get(path, headers=login("viewer")).json() == {"text": "hi"}


def test_ids_cannot_lead_out_of_the_work_folder(
    server: Any, login: Callable[[str], dict[str, str]], home: Path
) -> None:
    write_json(home / "outputs.json", {"secret": 1})
    for dag, run in (("..", "."), ("%2e%2e", "%2e"), ("x", "..%2f..")):
        answer = server.get(f"/chronos/api/v1/dags/{dag}/runs/{run}/outputs", headers=login("admin"))
        assert "secret" not in answer.text
