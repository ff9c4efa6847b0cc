"""Records in, questions out, on each kind of database."""

from __future__ import annotations

import datetime

import pytest
from sqlalchemy import Engine

from chronos_plugin.db.store import lists
from chronos_plugin.db.store.history import History
from chronos_plugin.db.store.loader import Loaded, Loader
from chronos_plugin.errors import InputInvalid
from chronos_plugin.lineage.model import Direction, RunState
from chronos_plugin.lineage.product_types import ProductTypes, Rule
from chronos_plugin.lineage.questions import DatasetFilter, RunFilter
from chronos_plugin.lineage.record import run_id
from tests.db.store.conftest import NOON, TYPES, product, record

SHA = "sha1$" + "ab" * 20
OTHER = "sha1$" + "cd" * 20


def _chain(length: int) -> list[object]:
    """A file, and products made one from the other, with an auxiliary file read by all."""
    return [
        record(
            f"run{i}",
            [product(f"/d/p{i:03d}.nc", "product"), product("/d/aux.nc", "auxiliary")],
            [product(f"/d/p{i + 1:03d}.nc", "product")],
            minute=i,
        )
        for i in range(length)
    ]


def _id(history: History, path: str) -> int:
    found = history.datasets_at(path)[0].id
    assert found is not None
    return found


def test_a_run_comes_back_as_it_was_recorded(loader: Loader, history: History) -> None:
    parent = record("whole", step="", state=RunState.RUNNING)
    child = record(
        "step",
        [product("/in/a.nc", "source", size=5, checksum=SHA)],
        [product("/out/b.nc", "result", size=7, checksum=OTHER, facets={"quality": {"status": "good"}})],
        parent=parent.run.id,
        image="tool:1",
        error="",
        attempt=2,
        map_index=3,
        element="3",
        target="slurm",
        facets={"context": {"command": ["true"], "environment": {"A": "b"}}},
    )
    assert loader.load([parent, child]) == Loaded(new=2)
    run = history.run(child.run.id)
    links = {(link.direction, link.port): link.dataset for link in run.links or ()}
    assert run.job == child.run.job
    for name in ("id", "parent", "state", "started", "ended", "attempt", "map_index", "element", "target"):
        assert getattr(run, name) == getattr(child.run, name), name
    assert run.usage == child.run.usage
    assert run.facets == child.run.facets
    assert links[Direction.INPUT, "source"].location == "file:///in/a.nc"
    made = history.dataset(links[Direction.OUTPUT, "result"].id or 0)
    assert (made.size, made.checksum, made.version) == (7, OTHER, 1)
    assert made.facets == {"quality": {"status": "good"}}
    producer = history.producer(made.id or 0)
    assert producer is not None
    assert producer.id == run.id
    assert history.producer(links[Direction.INPUT, "source"].id or 0) is None
    assert history.run(run.number or 0) == run


def test_records_that_come_again_change_nothing(loader: Loader, history: History, database: Engine) -> None:
    records = _chain(5)
    assert loader.load(records) == Loaded(new=5)
    before = history.runs()
    assert loader.load(records) == Loaded(same=5)
    assert Loader(database, TYPES).load([*records, *records]) == Loaded(same=5)
    assert history.runs() == before
    assert len(history.datasets_at("/d/p003.nc")) == 1


def test_a_run_is_known_better_as_it_goes_on(loader: Loader, history: History) -> None:
    source, result = product("/i", "source"), product("/o", "result")
    step = record("step", [source], [result], parent=run_id(NOON, "whole"))
    assert loader.load([step]) == Loaded(new=1)
    assert history.run(step.run.parent or 0).state is RunState.UNKNOWN
    loader.load([record("whole", [source], step="", state=RunState.RUNNING)])
    assert history.run(step.run.parent or 0).state is RunState.RUNNING
    published = product("/published/o", "out", was="/o")
    assert loader.load([record("whole", (), [published], step="")]) == Loaded(changed=1)
    whole = history.run(step.run.parent or 0)
    assert [(link.direction.value, link.port, link.dataset.path) for link in whole.links or ()] == [
        ("input", "source", "/i"),
        ("output", "out", "/o"),
    ]
    made = history.datasets_at("/published/o")[0]
    assert made.id == history.datasets_at("/o")[0].id
    assert history.dataset(made.id or 0).locations == ("file:///published/o",)
    assert history.producer(made.id or 0).id == step.run.id  # type: ignore[union-attr]
    # What has ended stays as it is.
    late = record("whole", step="", state=RunState.FAIL)
    assert loader.load([late]) == Loaded(same=1)


@pytest.mark.parametrize("at_once", [True, False])
def test_the_end_of_a_run_keeps_what_its_begin_told(
    loader: Loader, history: History, *, at_once: bool
) -> None:
    begin = record("run", [product("/i")], state=RunState.RUNNING, facets={"parameters": {"a": 1}})
    end = record("run", (), [product("/o")], minute=5, facets={"airflow": {"dag_id": "swot"}})
    for records in [[begin, end]] if at_once else [[begin], [end]]:
        loader.load(records)
    run = history.run(end.run.id)
    assert (run.started, run.ended) == (begin.run.started, end.run.ended)
    assert run.facets == {"parameters": {"a": 1}, "airflow": {"dag_id": "swot"}}
    assert [link.dataset.path for link in run.links or ()] == ["/i", "/o"]


def test_another_content_is_another_version(loader: Loader, history: History) -> None:
    loader.load([record("a", (), [product("/p.nc", checksum=SHA)])])
    loader.load([record("b", [product("/p.nc", checksum=SHA)], (), minute=1)])
    loader.load([record("c", (), [product("/p.nc", checksum=OTHER)], minute=2)])
    loader.load([record("d", [product("/p.nc", checksum=SHA)], (), minute=3)])
    loader.load([record("e", [product("/p.nc", checksum=OTHER)], (), minute=4)])
    loader.load([record("f", [product("/p.nc")], (), minute=5)])
    second, first = history.datasets_at("/p.nc")
    assert (first.checksum, first.version, second.checksum, second.version) == (SHA, 1, OTHER, 2)
    users = {d.version: len(history.descendants(d.id or 0).runs) for d in (first, second)}
    assert users == {1: 2, 2: 2}


@pytest.mark.parametrize("packed", [False, True])
def test_ancestors_and_descendants(loader: Loader, history: History, database: Engine, packed: bool) -> None:
    loader.load(_chain(10))
    if packed:
        assert lists.pack_usage_now(database) == 20
    back = history.ancestors(_id(history, "/d/p005.nc"), depth=3)
    assert {d.path for d in back.datasets.values()} == {
        "/d/p005.nc", "/d/p004.nc", "/d/p003.nc", "/d/p002.nc", "/d/aux.nc",
    }  # fmt: skip
    assert len(back.runs) == 3
    assert not back.cut
    assert back.open == (_id(history, "/d/p002.nc"),)
    on = history.descendants(_id(history, "/d/p008.nc"))
    assert {d.path for d in on.datasets.values()} == {"/d/p008.nc", "/d/p009.nc", "/d/p010.nc"}
    assert len(on.writes) == len(on.reads) == 2
    everything = history.descendants(_id(history, "/d/aux.nc"), depth=1)
    assert len(everything.runs) == 10
    cut = history.descendants(_id(history, "/d/aux.nc"), limit=6)
    assert cut.cut
    assert (cut.shown, cut.at_least) == (6, 16)
    assert cut.open


def test_popular_datasets_and_their_total(loader: Loader, history: History, database: Engine) -> None:
    for part in range(3):
        loader.load([record(f"{part}.{i}", [product("/aux")]) for i in range(700)])
        lists.pack_usage_now(database)
    loader.load([record("last", [product("/aux")], [product("/made")])])
    all_of_it = history.descendants(_id(history, "/aux"), depth=1, limit=5000)
    assert len(all_of_it.runs) == 2101
    cut = history.descendants(_id(history, "/aux"), depth=1, limit=100)
    assert (cut.shown, cut.cut) == (100, True)
    assert cut.at_least == 2102


def test_what_is_wrong_is_said(loader: Loader, history: History) -> None:
    loader.load(_chain(1))
    for ask in (
        lambda: history.ancestors(12345678),
        lambda: history.ancestors(_id(history, "/d/aux.nc"), depth=0),
        lambda: history.run(run_id(NOON, "nobody")),
        lambda: history.dataset(99),
        lambda: history.datasets(DatasetFilter()),
        lambda: history.datasets(DatasetFilter(text="a"), cursor="x"),
        lambda: history.runs(cursor="x"),
        lambda: history.runs(limit=0),
    ):
        with pytest.raises(InputInvalid):
            ask()


def _swot(cycle: int, number: int, step: str = "SSH_Expert", crid: str = "PIC0") -> str:
    return (
        f"/data/{step}/{cycle:03d}/SWOT_L2_LR_{step}_{cycle:03d}_{number:03d}_20230801T010203_"
        f"20230801T015304_{crid}_01.nc"
    )


@pytest.fixture(params=["young", "packed"])
def products(request: pytest.FixtureRequest, loader: Loader, history: History, database: Engine) -> History:
    loader.load(
        [
            record(
                f"{step}{cycle}.{number}",
                (),
                [product(_swot(cycle, number, step), checksum=f"sha1${cycle:04x}{number:036x}")],
                minute=cycle * 60 + number,
                step=step,
            )
            for cycle in (1, 2, 5)
            for number in (5, 12, 101)
            for step in ("SSH_Expert", "SSH_Basic")
        ]
    )
    if request.param == "packed":
        lists.pack_names(database, loader.dictionaries)
    return history


def _names(history: History, **wanted: object) -> list[str]:
    found = history.datasets(DatasetFilter(**wanted), limit=100)  # type: ignore[arg-type]
    assert found.next is None
    return sorted(d.name[11:29].rstrip("_") for d in found.datasets)


def test_products_by_words_type_attributes_checksum_time(products: History) -> None:
    assert _names(products, text="expert 005 012") == ["SSH_Expert_005_012"]
    assert len(_names(products, text="ssh")) == 18
    assert len(_names(products, text="SWOT basic")) == 9
    assert len(_names(products, type="SWOT_L2_LR_SSH_Basic")) == 9
    assert len(_names(products, type="SWOT_L2_*")) == 18
    assert _names(products, type="SWOT_L2_LR_SSH_Basic", attributes={"cycle": "005", "pass": "005"}) == [
        "SSH_Basic_005_005"
    ]
    assert len(_names(products, attributes={"pass": "005"})) == 6
    assert _names(products, text="005 012", checksum=f"sha1${5:04x}{12:036x}") == [
        "SSH_Basic_005_012",
        "SSH_Expert_005_012",
    ]
    assert _names(products, text="expert 777") == []
    assert _names(products, type="none") == []
    late = NOON + datetime.timedelta(minutes=5 * 60)
    assert len(_names(products, since=late)) == 6
    assert _names(products, text="ssh", until=NOON) == []


def test_products_by_name(products: History) -> None:
    name = _swot(2, 12).rpartition("/")[2]
    found = products.named(name)
    assert [d.name for d in found] == [name]
    assert found[0].attributes["pass"] == "012"
    assert found[0].type == "SWOT_L2_LR_SSH_Expert"
    assert products.named("nothing.nc") == []


def test_metadata_make_a_product_type(database: Engine) -> None:
    types = ProductTypes([Rule("Calibrated", r".*_(?P<orbit>\d{5})\.nc", facets={"quality.status": "good"})])
    Loader(database, types).load(
        [
            record("a", (), [product("/d/one_00012.nc", facets={"quality": {"status": "good"}})]),
            record("b", (), [product("/d/two_00013.nc", facets={"quality": {"status": "bad"}})], minute=1),
        ]
    )
    history = History(database, types)
    (found,) = history.datasets(DatasetFilter(type="Calibrated", attributes={"orbit": "00012"})).datasets
    assert (found.name, found.attributes) == ("one_00012.nc", {"orbit": "00012"})
    assert history.named("two_00013.nc")[0].type == ""


def test_pages_of_products(products: History) -> None:
    seen = []
    cursor = None
    while True:
        page = products.datasets(DatasetFilter(text="ssh"), limit=5, cursor=cursor)
        seen += [d.id for d in page.datasets]
        cursor = page.next
        if cursor is None:
            break
    assert len(seen) == len(set(seen)) == 18
    assert seen == sorted(seen, key=lambda i: -(i or 0))


def test_lists_of_runs_and_counts(loader: Loader, history: History) -> None:
    records = []
    for day in range(5):
        for i in range(8):
            state = RunState.FAIL if i == 3 else RunState.COMPLETE
            records.append(
                record(
                    f"{day}.{i}",
                    minute=day * 1440 + i,
                    step="even" if i % 2 == 0 else "odd",
                    version=str(day % 2),
                    state=state,
                    node=f"node{i % 4}",
                    image="tool:2" if day == 4 else "tool:1",
                    error="the tool ended with exit code 3 in /work/1234" if i == 3 else "",
                )
            )
    loader.load(records)
    loader.load([record("going", state=RunState.RUNNING, minute=5 * 1440)])
    page = history.runs(limit=10)
    assert page.counts is not None
    assert page.counts["state"] == {"COMPLETE": 35, "FAIL": 5}
    assert page.counts["error"] == {"the tool ended with exit code 3 in …": 5}
    assert page.counts["step"] == {"even": 20, "odd": 20}
    assert len(page.counts["day"]) == 5
    assert page.runs[0].state is RunState.RUNNING
    seen = [run.id for run in page.runs]
    while page.next:
        page = history.runs(limit=10, cursor=page.next)
        assert page.counts is None
        seen += [run.id for run in page.runs]
    assert len(seen) == len(set(seen)) == 41
    failed = history.runs(RunFilter(state=RunState.FAIL, node="node3"))
    assert len(failed.runs) == 5
    assert failed.counts is not None
    assert failed.counts["node"] == {"node3": 5}
    assert len(history.runs(RunFilter(image="tool:2")).runs) == 8
    assert len(history.runs(RunFilter(step="odd", version="1")).runs) == 8
    assert history.runs(RunFilter(node="nobody")).runs == []
    assert history.runs(RunFilter(workflow="nobody")).runs == []
    since = NOON + datetime.timedelta(days=3)
    assert len(history.runs(RunFilter(since=since, until=since + datetime.timedelta(days=1))).runs) == 8


def test_activity_between_dates(loader: Loader, history: History) -> None:
    loader.load(
        [record(f"{i}", (), [product(f"/o{i}", size=100)], minute=i * 60, step="s") for i in range(48)]
    )
    days = history.activity(NOON - datetime.timedelta(days=1), NOON + datetime.timedelta(days=9))
    assert [(b.period.day, b.runs, b.outputs, b.output_bytes) for b in days] == [
        (1, 12, 12, 1200),
        (2, 24, 24, 2400),
        (3, 12, 12, 1200),
    ]
    assert days[0].cpu_seconds == pytest.approx(12 * 2.5)
    assert len(history.activity(NOON, NOON + datetime.timedelta(hours=5), by_hour=True)) == 5


def test_why_two_runs_differ(loader: Loader, history: History) -> None:
    context = {"context": {"command": ["p", "/w/1/in"], "work_directory": "/w/1", "environment": {"L": "C"}}}
    other = {"context": {"command": ["p", "/w/2/in"], "work_directory": "/w/2", "environment": {"L": "D"}}}
    loader.load(
        [
            record("a", [product("/i", "x", checksum=SHA)], (), facets=context),
            record("b", [product("/j", "x", checksum=OTHER)], (), facets=other, version="2", minute=3),
        ]
    )
    found = {d.what: (d.first, d.second) for d in history.compare(run_id(NOON, "a"), run_id(NOON, "b"))}
    assert set(found) == {"job.version", "input x", "context.environment.L"}
    assert found["job.version"] == ("1", "2")
    assert history.compare(run_id(NOON, "a"), run_id(NOON, "a")) == []


def test_more_outputs_than_a_number_has_ids_for(loader: Loader, history: History) -> None:
    made = [product(f"/many/{i:04d}", "all") for i in range(700)]
    loader.load([record("many", (), made), record("next", [product("/many/0699")])])
    run = history.run(run_id(NOON, "many"))
    assert sorted(d.path for d in run.datasets(Direction.OUTPUT)) == sorted(p.dataset.path for p in made)
    back = history.ancestors(_id(history, "/many/0699"))
    assert [r.id for r in back.runs.values()] == [run.id]


def test_months_have_partitions(database: Engine, history: History) -> None:
    moment = NOON
    loader = Loader(database, TYPES, clock=lambda: moment.timestamp())
    loader.load(_chain(3))
    moment = NOON + datetime.timedelta(days=40)
    loader.load([record("later", [product("/d/p003.nc")], [product("/d/p004.nc")], minute=60 * 960)])
    back = history.ancestors(_id(history, "/d/p004.nc"))
    assert len(back.runs) == 4
    assert len(history.descendants(_id(history, "/d/p000.nc")).runs) == 4
    assert len(history.runs().runs) == 4
