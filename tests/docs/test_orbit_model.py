"""The worked example of the extensible model, installed as a distribution is."""

from __future__ import annotations

import importlib
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from chronos_plugin.db import migrate
from chronos_plugin.db.engine import make_engine
from chronos_plugin.db.store import lists
from chronos_plugin.db.store.history import History
from chronos_plugin.db.store.loader import Loader
from chronos_plugin.errors import InputInvalid
from chronos_plugin.lineage import facets
from chronos_plugin.lineage.product_types import ProductTypes, load_product_types
from chronos_plugin.lineage.questions import DatasetFilter
from tests.db.store.conftest import NOON, product, record

CHECKOUT = Path(__file__).resolve().parents[2]
SAMPLE = CHECKOUT / "docs" / "examples" / "orbit_model"


@pytest.fixture
def model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """The example's module; its entry points are registered."""
    project = tomllib.loads((SAMPLE / "pyproject.toml").read_text())["project"]
    info = tmp_path / "site" / "orbit_model-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {project['name']}\nVersion: 1.0\n")
    points = project["entry-points"]
    (info / "entry_points.txt").write_text(
        "".join(
            f"[{group}]\n" + "".join(f"{k} = {v}\n" for k, v in points[group].items()) for group in points
        )
    )
    monkeypatch.syspath_prepend(str(info.parent))
    monkeypatch.syspath_prepend(str(SAMPLE))
    caches = (facets.facet_types, facets._validator)
    for cache in caches:
        cache.cache_clear()
    yield importlib.import_module("orbit_model")
    for cache in caches:
        cache.cache_clear()


@pytest.fixture
def types(model: Any) -> ProductTypes:
    del model
    return load_product_types()


def test_products_are_recognised(types: ProductTypes) -> None:
    tile = types.recognise("ALTICA_L2_042_013_170R_20270301T010203.nc")
    assert tile.type == "ALTICA_L2_TILE"
    assert (tile.attributes["cycle"], tile.attributes["pass"], tile.attributes["tile"]) == (
        "042",
        "013",
        "170R",
    )
    assert types.recognise("ALTICA_L3_042_013_20270301T010203.nc").type == "ALTICA_L3"


@pytest.mark.parametrize("packed", [False, True])
def test_products_are_found(model: Any, types: ProductTypes, tmp_path: Path, packed: bool) -> None:
    engine = make_engine(f"sqlite:///{tmp_path}/chronos.db")
    migrate.upgrade(engine)
    loader = Loader(engine, types, clock=NOON.timestamp)
    loader.load(
        [
            record(
                f"{cycle}.{number}.{tile}",
                (),
                [
                    product(
                        f"/p/ALTICA_L2_{cycle:03d}_{number:03d}_{tile}_20270301T0{number:05d}.nc",
                        facets=model.orbit(cycle, number, tile),
                    )
                ],
            )
            for cycle in (41, 42)
            for number in (13, 14, 15)
            for tile in ("170L", "170R")
        ]
    )
    if packed:
        lists.pack_names(engine, loader.dictionaries)
    history = History(engine, types)

    def found(**wanted: Any) -> list[str]:
        return sorted(d.name[10:22] for d in history.datasets(DatasetFilter(**wanted)).datasets)

    number = model.orbit(42, 13)["altica_orbit"]["number"]
    assert number == 41 * 292 + 7
    # Two passes are an orbit, and each has two tiles here.
    assert found(attributes={"altica_orbit.number": str(number)}) == [
        "042_013_170L", "042_013_170R", "042_014_170L", "042_014_170R",
    ]  # fmt: skip
    both = {"altica_orbit.number": str(number), "altica_orbit.tile": "170R"}
    assert found(attributes=both) == ["042_013_170R", "042_014_170R"]
    assert found(attributes={"cycle": "042", "pass": "015", "tile": "170L"}) == ["042_015_170L"]
    assert len(found(type="ALTICA_*")) == 12
    engine.dispose()


def test_what_does_not_fit_is_refused(model: Any, types: ProductTypes, tmp_path: Path) -> None:
    engine = make_engine(f"sqlite:///{tmp_path}/chronos.db")
    migrate.upgrade(engine)
    wrong = product("/p/x.nc", facets=model.orbit(42, 999))
    with pytest.raises(InputInvalid, match="altica_orbit at pass"):
        Loader(engine, types).load([record("wrong", (), [wrong])])
    engine.dispose()
