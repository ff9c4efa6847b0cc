"""Names written short."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chronos_plugin.lineage import names

SWOT = "SWOT_L2_LR_SSH_Expert_005_012_20230801T010203_20230801T015304_PIC0_01.nc"

_parts = st.one_of(
    st.text(st.characters(exclude_characters="/"), max_size=12),
    st.from_regex(r"[0-9]{1,25}", fullmatch=True),
    st.from_regex(r"[0-9A-Za-z_{}-]{1,30}", fullmatch=True),
)
_paths = st.lists(_parts, min_size=1, max_size=6).map("/".join)


@given(_paths)
def test_a_path_comes_back(path: str) -> None:
    template, numbers = names.encode(path)
    assert names.decode(template, numbers) == path


@given(st.lists(st.tuples(st.integers(0, 999), st.integers(0, 999), st.integers(0, 99999999)), min_size=2))
def test_numbers_sort_as_the_names_do(values: list[tuple[int, int, int]]) -> None:
    paths = [f"/d/X_{a:03d}_{b:03d}_{c:08d}.nc" for a, b, c in values]
    coded = [names.encode(path) for path in paths]
    assert len({template for template, _ in coded}) == 1
    assert [p for _, p in sorted(zip([n for _, n in coded], paths, strict=True))] == sorted(paths)


def test_a_product_takes_few_bytes_and_shares_its_template() -> None:
    template, numbers = names.encode(f"/data/SSH/005/012/{SWOT}")
    assert template == "SWOT_L2_LR_SSH_Expert_{3}_{3}_{8}T{6}_{8}T{6}_PIC0_{2}.nc\n/data/SSH/{=0}/{=1}/"
    assert len(numbers) == 19
    other = SWOT.replace("_005_012_", "_006_100_").replace("20230801T01", "20240229T23")
    assert names.encode(f"/data/SSH/006/100/{other}")[0] == template


@pytest.mark.parametrize(
    "name",
    ["result-3f9c2ab41e.json", "550e8400-e29b-41d4-a716-446655440000", "manual__x_aB3dEfGh"],
)
def test_ids_and_digests_make_no_templates(name: str) -> None:
    assert "{*}" in names.encode(name)[0]


@pytest.mark.parametrize("name", ["WindWave", "PIXCVec", "RiverSP", "README", "L1B_HR_SLC", "readme.txt"])
def test_words_stay_words(name: str) -> None:
    assert names.encode(name) == (f"{name}\n", b"")


def test_words_and_numbers_of_a_question() -> None:
    assert names.words("Expert 005 012 L2") == ({"expert", "l2"}, {"005", "012"})
