"""Product types, recognised from names."""

from __future__ import annotations

from pathlib import Path

import pytest

from chronos_plugin.errors import SettingInvalid
from chronos_plugin.lineage.product_types import BUILT_IN, ProductTypes, load_product_types


@pytest.mark.parametrize(
    ("name", "kind", "attributes"),
    [
        (
            "SWOT_L2_LR_SSH_Expert_005_012_20230801T010203_20230801T015304_PIC0_01.nc",
            "SWOT_L2_LR_SSH_Expert",
            {"cycle": "005", "pass": "012", "crid": "PIC0", "counter": "01", "level": "L2"},
        ),
        (
            "SWOT_L2_HR_PIXC_498_013_170R_20230420T025043_20230420T025054_PGC0_02.nc",
            "SWOT_L2_HR_PIXC",
            {"cycle": "498", "pass": "013", "tile": "170R", "crid": "PGC0"},
        ),
        (
            "SWOT_L1B_HR_SLC_020_101_087L_20240901T000000_20240901T000011_PIC2_01.nc",
            "SWOT_L1B_HR_SLC",
            {"level": "L1B", "tile": "087L"},
        ),
        ("SWOT_notes.txt", "", {}),
    ],
)
def test_products_of_swot(name: str, kind: str, attributes: dict[str, str]) -> None:
    found = ProductTypes(BUILT_IN).recognise(name)
    assert found.type == kind
    assert attributes.items() <= found.attributes.items()


def test_rules_of_a_file_come_first(tmp_path: Path) -> None:
    file = tmp_path / "types.yaml"
    file.write_text("- type: Mine_{kind}\n  name: 'SWOT_(?P<kind>[a-z]+)\\.txt'\n")
    types = load_product_types(file)
    assert types.recognise("SWOT_notes.txt").type == "Mine_notes"


def test_metadata_decide_where_names_do_not(tmp_path: Path) -> None:
    file = tmp_path / "types.yaml"
    file.write_text(
        """
- {type: 'Good_{kind}', name: '(?P<kind>[a-z]+)_.*', facets: {quality.status: good, quality.score: 1}}
- {type: Any, name: '.*[.]nc'}
"""
    )
    types = load_product_types(file)
    good = {"quality": {"status": "good", "score": 1}}
    assert types.recognise("raw_1.nc", facets=good).type == "Good_raw"
    for facets in ({}, {"quality": {"status": "bad"}}, {"quality": "good"}, {"other": {}}):
        assert types.recognise("raw_1.nc", facets=facets).type == "Any"
    # Once the type is stored, the name tells the attributes.
    assert types.recognise("raw_1.nc", kind="Good_raw").attributes == {"kind": "raw"}
    assert types.recognise("raw_1.nc", kind="Any").type == "Any"


@pytest.mark.parametrize(
    "text",
    [
        "- {type: a, name: b, facets: [c]}",
        "- type: a",
        "- {type: a, name: '('}",
        "- {type: '{b}', name: a}",
        "- 3",
        "a: [",
        "- {type: a, name: b, c: d}",
    ],
)
def test_wrong_rules_are_said(tmp_path: Path, text: str) -> None:
    file = tmp_path / "types.yaml"
    file.write_text(text)
    with pytest.raises(SettingInvalid, match=r"types\.yaml"):
        load_product_types(file)


def test_a_missing_file_is_said(tmp_path: Path) -> None:
    with pytest.raises(SettingInvalid, match="cannot be read"):
        load_product_types(tmp_path / "none.yaml")
