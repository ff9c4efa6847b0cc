"""The built bundle, where it is shown, and what stands in its place where it was not built."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from chronos_plugin.ui_views import bundle, mount

NAMES = {"main": "main-1.js", "boot": "boot-1.js", "style": "style-1.css"}


@pytest.fixture
def dist(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(bundle.load, "__defaults__", (tmp_path,))
    return tmp_path


def test_without_a_bundle_the_navigation_leads_to_how_to_build_it(dist: Path) -> None:
    assert bundle.load() is None
    assert mount.react_apps() == []
    (view,) = mount.external_views()
    assert (view["destination"], view["href"]) == ("nav", "chronos/ui/")


@pytest.mark.parametrize("text", ["", "{}", '{"main": "a"}', "[1"])
def test_a_build_that_was_broken_off_is_none(dist: Path, text: str) -> None:
    (dist / "bundle.json").write_text(text)
    assert bundle.load() is None


def test_each_place_of_airflow_has_one_component_of_the_one_bundle(dist: Path) -> None:
    (dist / "bundle.json").write_text(json.dumps(NAMES))
    apps = mount.react_apps()
    assert mount.external_views() == []
    assert {app["bundle_url"] for app in apps} == {"chronos/ui/assets/main-1.js?style=style-1.css"}
    assert {app["destination"] for app in apps} == {"nav", "dag", "dag_run", "task_instance", "dashboard"}
    source = (Path(mount.__file__).parent / "src" / "main.tsx").read_text()
    for app in apps:
        name = app["name"]
        assert f'"{name}":' in source or f"\n  {name}:" in source, (
            "the bundle must give a component of this name"
        )


def test_the_lock_file_names_no_registry() -> None:
    lock = (Path(mount.__file__).parent / "package-lock.json").read_text()
    assert '"resolved"' not in lock
    assert "registry." not in lock
