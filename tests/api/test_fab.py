"""Rights under Airflow's FAB auth manager: permissions of CHRONOS, and DAGs that only some may read."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.slow
CHECKOUT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> Any:
    home = tmp_path_factory.mktemp("fab")
    kept = {k: v for k, v in os.environ.items() if not k.startswith("AIRFLOW")}
    done = subprocess.run(
        [sys.executable, "-m", "tests.api.fab", str(home)],
        cwd=CHECKOUT,
        env={**kept, "AIRFLOW_HOME": str(home)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    return json.loads((home / "found.json").read_text())


def test_nobody_has_a_right_that_was_not_made(found: Any) -> None:
    assert found["before"]["admin"] == 403


def test_admin_and_viewer_read_all(found: Any) -> None:
    for who in ("admin", "viewer"):
        seen = found["after"][who]
        assert seen["runs"] == {"open": 2, "secret": 1, "spark": 1}
        assert (seen["open"], seen["secret"]) == (200, 200)
        assert seen["workflows"] == ["open", "secret"]
        assert seen["lineage"] == ["in", "made_open_1", "made_open_2", "made_secret"]
        assert seen["secret log"] == 404
    assert found["after"]["admin"]["start"] == 201
    assert found["after"]["viewer"]["start"] == 403


def test_who_may_read_one_dag_sees_what_belongs_to_it(found: Any) -> None:
    seen = found["after"]["limited"]
    assert seen["runs"] == {"open": 2}
    assert (seen["open"], seen["secret"], seen["secret log"]) == (200, 403, 403)
    assert seen["workflows"] == ["open"]
    assert seen["datasets"] == ["made_open_1", "made_open_2"]
    # What was made from the secret product is beyond it.
    assert seen["lineage"] == ["in", "made_open_1"]


def test_without_a_role_nothing_is_seen(found: Any) -> None:
    assert set(found["after"]["nobody"].values()) == {403}
