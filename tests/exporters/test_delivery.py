"""What becomes of a batch: pauses, order, dead letters."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from chronos_plugin.exporters.delivery import Entry, Pace, Problem, settle
from chronos_plugin.lineage.model import RunState

entries = st.lists(
    st.builds(
        Entry,
        id=st.integers(1, 10_000),
        number=st.integers(1, 4),
        state=st.sampled_from(RunState),
        attempts=st.integers(0, 5),
        due=st.floats(0, 1000),
    ),
    unique_by=lambda entry: entry.id,
    max_size=12,
).map(lambda found: sorted(found, key=lambda entry: entry.id))
answers = st.sampled_from([None, None, Problem("not now"), Problem("never", refused=True)])


@given(batch=entries, data=st.data(), chance=st.floats(0, 0.999))
def test_nothing_is_lost_and_order_is_kept(batch: list[Entry], data: st.DataObject, chance: float) -> None:
    problems = {e.id: p for e in batch if (p := data.draw(answers)) is not None}
    pace = Pace(first=2, longest=60, attempts=4)
    settled = settle(batch, problems, now=1000.0, pace=pace, random=lambda: chance)
    kept = {entry.id: entry for entry in settled.changed}
    assert {*settled.delivered, *kept} == {entry.id for entry in batch}
    assert not {*settled.delivered} & kept.keys()
    for entry in batch:
        after = kept.get(entry.id)
        earlier = [e for e in batch if e.number == entry.number and e.id < entry.id]
        waits = [e for e in earlier if e.id in problems and not kept[e.id].dead]
        if entry.id in problems:
            assert after is not None
            assert after.attempts == entry.attempts + 1
            assert after.dead == (problems[entry.id].refused or after.attempts >= 4)
            assert after.dead or 1000 < after.due <= 1060
        else:
            assert (after is None) == (not waits)
            assert after is None or after.attempts == entry.attempts


@given(failures=st.integers(1, 10_000), chance=st.floats(0, 0.999))
def test_pauses_grow_to_their_bound(failures: int, chance: float) -> None:
    pace = Pace(first=5, longest=3600)
    pause = pace.pause(failures, lambda: chance)
    full = min(3600, 5 * 2 ** min(failures - 1, 20))
    assert full / 2 <= pause <= full
