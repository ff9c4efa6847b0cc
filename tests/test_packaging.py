"""What the wheel holds, and what is registered."""

from __future__ import annotations

import configparser
from importlib.metadata import entry_points
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parents[1]


def test_every_package_is_in_the_wheel() -> None:
    config = configparser.ConfigParser()
    config.read(CHECKOUT / "setup.cfg")
    named = set(config["options"]["packages"].split())
    roots = {"chronos_plugin": CHECKOUT / "chronos_plugin"}
    roots |= {f"chronos_plugin.{n}": CHECKOUT / n for n in ("operators", "hooks", "ui_views")}
    found = set()
    for package, root in roots.items():
        for init in root.rglob("__init__.py"):
            found.add(".".join([package, *init.parent.relative_to(root).parts]))
    assert named == found


def test_links_for_static_tools() -> None:
    for name in ("operators", "hooks", "ui_views"):
        assert (CHECKOUT / "chronos_plugin" / name).resolve() == CHECKOUT / name


def test_entry_points_load() -> None:
    for group in ("airflow.plugins", "airflow.policy", "apache_airflow_provider"):
        mine = [e for e in entry_points(group=group) if e.value.startswith("chronos_plugin")]
        assert mine, group
        assert all(e.load() for e in mine)


def test_provider_info_is_what_airflow_expects() -> None:
    import json

    import airflow
    import jsonschema

    from chronos_plugin.provider import get_provider_info

    schema = json.loads((Path(airflow.__file__).parent / "provider_info.schema.json").read_text())
    jsonschema.validate(get_provider_info(), schema)
