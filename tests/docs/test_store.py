"""The examples of ``docs/store.md``."""

from __future__ import annotations

import re
import sys
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest

from chronos_plugin.db import migrate
from chronos_plugin.db.engine import make_engine
from chronos_plugin.db.store import lists
from chronos_plugin.db.store.history import History
from chronos_plugin.db.store.recorder import Recorder
from chronos_plugin.errors import InputInvalid
from chronos_plugin.lineage import facets, registry
from chronos_plugin.lineage.model import Dataset
from chronos_plugin.lineage.product_types import load_product_types
from chronos_plugin.lineage.questions import DatasetFilter
from chronos_plugin.lineage.record import Product
from chronos_plugin.lineage.spool import Spool
from tests.db.store.conftest import record

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "store.md").read_text()


def _blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", PAGE, re.DOTALL | re.MULTILINE)


def test_rules_in_a_file(tmp_path: Path) -> None:
    file = tmp_path / "types.yaml"
    file.write_text(_blocks("yaml")[0])
    found = load_product_types(file).recognise("S6A_P4_2B_042_123_20260301T010203.nc")
    assert (found.type, found.attributes["cycle"]) == ("SENTINEL_A_2B", "042")


def test_a_distribution_adds_facets_and_rules(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "mission_chronos.py").write_text(_blocks("python")[0])
    monkeypatch.syspath_prepend(tmp_path)
    points = [
        EntryPoint(name, value.strip('"'), group)
        for group, name, value in re.findall(
            r'entry-points\."([\w.]+)"\]\n(\w+) = ("[\w:]+")', _blocks("toml")[0]
        )
    ]
    assert len(points) == 2
    monkeypatch.setattr(registry, "entry_points", lambda group: [p for p in points if p.group == group])
    facets.facet_types.cache_clear()
    facets._validator.cache_clear()
    try:
        _use(tmp_path)
    finally:
        facets.facet_types.cache_clear()
        facets._validator.cache_clear()
        sys.modules.pop("mission_chronos", None)


def _use(folder: Path) -> None:
    types = load_product_types()
    engine = make_engine(f"sqlite:///{folder}/store.db")
    migrate.upgrade(engine)
    spool = Spool(folder / "spool")
    for number in range(3):
        path = f"/d/MISSION_L1_{number:05d}.nc"
        value = {"mission_orbit": {"number": 1234 + number}}
        spool.append(record(f"r{number}", (), [Product(Dataset("file", path, facets=value), "out")]))
    spool.append(
        record(
            "bad", (), [Product(Dataset("file", "/d/x", facets={"mission_orbit": {"number": "a"}}), "out")]
        )
    )
    recorder = Recorder(engine, spool, types)
    totals = recorder.load_all()
    assert (totals.new, totals.broken) == (3, 1)
    history = History(engine, types)
    for pack in (False, True):
        if pack:
            lists.pack_names(engine, recorder.loader.dictionaries)
        (found,) = history.datasets(DatasetFilter(attributes={"mission_orbit.number": "1235"})).datasets
        assert (found.path, found.type) == ("/d/MISSION_L1_00001.nc", "MISSION_L1")
        by_name = history.datasets(DatasetFilter(type="MISSION_L1", attributes={"orbit": "00002"})).datasets
        assert [d.name for d in by_name] == ["MISSION_L1_00002.nc"]
    with pytest.raises(InputInvalid):
        facets.check_facets("dataset", {"mission_orbit": {}})
    engine.dispose()


def test_recording_from_an_operator_of_ones_own(tmp_path: Path) -> None:
    exec(_blocks("python")[1].replace("/tmp/spool", str(tmp_path)), {})
    (file,) = Spool(tmp_path).files()
    assert len(list(Spool(tmp_path).lines(file, 0, 10))) == 1
