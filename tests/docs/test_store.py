"""The examples of ``docs/store.md``."""

from __future__ import annotations

import re
from pathlib import Path

from chronos_plugin.lineage.product_types import load_product_types
from chronos_plugin.lineage.spool import Spool

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "store.md").read_text()


def _blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", PAGE, re.DOTALL | re.MULTILINE)


def test_rules_in_a_file(tmp_path: Path) -> None:
    file = tmp_path / "types.yaml"
    file.write_text(_blocks("yaml")[0])
    found = load_product_types(file).recognise("S6A_P4_2B_042_123_20260301T010203.nc")
    assert (found.type, found.attributes["cycle"]) == ("SENTINEL_A_2B", "042")


def test_rules_that_ask_for_metadata(tmp_path: Path) -> None:
    file = tmp_path / "types.yaml"
    file.write_text(_blocks("yaml")[1])
    types = load_product_types(file)
    found = types.recognise("x_00012.nc", facets={"quality": {"status": "good"}})
    assert (found.type, found.attributes) == ("CALIBRATED", {"orbit": "00012"})
    assert types.recognise("x_00012.nc").type == ""


def test_recording_from_an_operator_of_ones_own(tmp_path: Path) -> None:
    exec(_blocks("python")[0].replace("/tmp/spool", str(tmp_path)), {})
    (file,) = Spool(tmp_path).files()
    assert len(list(Spool(tmp_path).lines(file, 0, 10))) == 1
