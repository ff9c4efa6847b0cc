"""Apache Atlas: types, entities and lineage in the double, what it refuses, and what becomes of that."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from chronos_plugin.errors import ExportFailed
from chronos_plugin.exporters import atlas
from chronos_plugin.exporters.delivery import Entry, Item
from chronos_plugin.exporters.provenance import Provenance
from chronos_plugin.hooks.atlas.client import AtlasClient, AtlasRefused
from chronos_plugin.hooks.atlas.double.server import AtlasDouble, serving
from chronos_plugin.hooks.atlas.hook import AtlasHook
from chronos_plugin.hooks.atlas.sink import AtlasSink
from chronos_plugin.hooks.atlas.types import bring_types, lacking
from chronos_plugin.hooks.receiver import Receiver
from chronos_plugin.lineage.model import Run
from tests.exporters.conftest import MAP, SWATHS, dataset, link, sample, step

MADE, THERE = "made", "as it should be"


@pytest.fixture
def provenance() -> Provenance:
    return sample()


@pytest.fixture
def double(monkeypatch: pytest.MonkeyPatch) -> Iterator[AtlasDouble]:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    made = AtlasDouble("admin", "s3cret")
    with serving(made) as url:
        made.url = url  # type: ignore[attr-defined]
        yield made


@pytest.fixture
def client(double: AtlasDouble) -> Iterator[AtlasClient]:
    made = AtlasClient(Receiver(double.url, "admin", "s3cret", timeout=10))  # type: ignore[attr-defined]
    yield made
    made.close()


@pytest.fixture
def sink(client: AtlasClient) -> AtlasSink:
    bring_types(client)
    return AtlasSink(client, "site1")


def _items(*runs: Run) -> list[Item]:
    return [Item(Entry(n, run.number or 0, run.state), run) for n, run in enumerate(runs, start=1)]


def test_types_are_made_once_and_extended(client: AtlasClient, double: AtlasDouble) -> None:
    assert set(bring_types(client, dry_run=True).values()) == {MADE}
    assert not [r for r in double.requests if r.startswith(("POST", "PUT"))]
    assert set(bring_types(client).values()) == {MADE}
    assert set(bring_types(client).values()) == {THERE}
    kept = double.model.types[atlas.PRODUCT]["attributeDefs"]
    own = {"name": "mission", "typeName": "string", "isOptional": True}
    double.model.types[atlas.PRODUCT]["attributeDefs"] = [*[a for a in kept if a["name"] != "size"], own]
    assert bring_types(client)[atlas.PRODUCT] == "extended by size"
    names = {a["name"] for a in double.model.types[atlas.PRODUCT]["attributeDefs"]}
    assert {"mission", "size"} <= names
    with pytest.raises(AtlasRefused, match="ATLAS-409-00-001") as caught:
        client.create_types(atlas.typedefs())
    assert (caught.value.status, caught.value.code) == (409, "ATLAS-409-00-001")


def test_runs_become_lineage(client: AtlasClient, sink: AtlasSink, provenance: Provenance) -> None:
    assert sink.send(_items(*provenance.runs)) == {}
    name = atlas.product_name(MAP, "site1")
    assert name == "file:///data/coverage%20map.png#9@site1"
    found = client.lineage(atlas.PRODUCT, name, "INPUT", 3)
    names = {e["attributes"]["qualifiedName"] for e in found["guidEntityMap"].values()}
    assert {atlas.product_name(swath, "site1") for swath in SWATHS} <= names
    assert atlas.process_name(provenance.runs[1], "site1") in names
    near = client.lineage(atlas.PRODUCT, name, "INPUT", 1)
    assert len(near["guidEntityMap"]) < len(found["guidEntityMap"])


def test_telling_again_changes_nothing(sink: AtlasSink, double: AtlasDouble, provenance: Provenance) -> None:
    sink.send(_items(*provenance.runs))
    before = {guid: dict(entity) for guid, entity in double.model.entities.items()}
    sink.send(_items(*provenance.runs))
    assert double.model.entities == before
    assert len(before) == 6 + 5 + 3


def test_data_sets_come_before_processes(provenance: Provenance) -> None:
    from chronos_plugin.hooks.atlas.sink import merged

    types = [entity["typeName"] for entity in merged(_items(*provenance.runs), "i")]
    assert types.index(atlas.PROCESS) == len(types) - len(provenance.runs)


def test_many_files_are_one_collection(sink: AtlasSink, double: AtlasDouble) -> None:
    many = [link("input", "in", dataset(n, f"/d/{n}.nc")) for n in range(10, 1010)]
    assert sink.send(_items(step("merge", 5, *many))) == {}
    (collection,) = [e for e in double.model.entities.values() if e["typeName"] == atlas.COLLECTION]
    assert collection["attributes"]["product_count"] == 1000
    (process,) = [e for e in double.model.entities.values() if e["typeName"] == atlas.PROCESS]
    assert len(process["attributes"]["inputs"]) == 1


def test_one_that_is_wrong_is_found(
    sink: AtlasSink, double: AtlasDouble, provenance: Provenance, monkeypatch: pytest.MonkeyPatch
) -> None:
    entities_of = atlas.entities_of
    bad = provenance.runs[2]

    def spoilt(run: Run, instance: str) -> list[dict[str, Any]]:
        made = entities_of(run, instance)
        if run.id == bad.id:
            made[-1]["attributes"]["try_number"] = "many"
        return made

    monkeypatch.setattr("chronos_plugin.hooks.atlas.sink.entities_of", spoilt)
    problems = sink.send(_items(*provenance.runs))
    assert set(problems) == {3}
    assert problems[3].refused
    assert "try_number" in problems[3].why
    processes = [e for e in double.model.entities.values() if e["typeName"] == atlas.PROCESS]
    assert len(processes) == len(provenance.runs) - 1


def test_the_receivers_trouble_is_no_entrys(
    client: AtlasClient, double: AtlasDouble, provenance: Provenance
) -> None:
    items = _items(*provenance.runs[:2])
    with pytest.raises(ExportFailed, match="airflow chronos atlas init"):
        AtlasSink(client, "i").send(items)
    bring_types(client)
    double.failures = [503]
    with pytest.raises(ExportFailed, match="503"):
        AtlasSink(client, "i").send(items)
    double.failures = [500, 500]
    problems = AtlasSink(client, "i").send(items[:1])
    assert not problems[1].refused
    wrong = AtlasClient(Receiver(double.url, "admin", "guess"))  # type: ignore[attr-defined]
    with pytest.raises(ExportFailed, match="401"):
        AtlasSink(wrong, "i").send(items)
    wrong.close()


def test_what_atlas_lacks(client: AtlasClient, sink: AtlasSink, provenance: Provenance) -> None:
    runs = provenance.runs
    sink.send(_items(*runs[:3]))
    assert lacking(client, runs, "site1") == list(runs[3:])
    client.delete(atlas.PROCESS, atlas.process_name(runs[0], "site1"))
    assert lacking(client, runs[:3], "site1") == [runs[0]]
    many = [replace(runs[0], id=runs[0].id.__class__(int=n)) for n in range(1, 100)]
    assert len(lacking(client, many, "site1")) == 99


def test_names_are_short_and_have_no_blanks() -> None:
    far = dataset(1, "/d/" + "long name/" * 200)
    name = atlas.product_name(far, "site1")
    assert len(name) < 1024
    assert " " not in name
    assert name != atlas.product_name(replace(far, path=far.path + "x"), "site1")


def test_attributes_keep_atlas_rules(double: AtlasDouble) -> None:
    from chronos_plugin.hooks.atlas.double.model import Refusal

    spoilt = atlas.typedefs()["entityDefs"]
    spoilt[0]["attributeDefs"][0]["name"] = "count"
    with pytest.raises(Refusal, match="query keywords"):
        double.model.create_types(spoilt)


class Connection:
    def __init__(self, host: str, **more: Any) -> None:
        self.conn_id, self.schema, self.port = "c", None, None
        self.host, self.login, self.password, self.extra_dejson = host, "admin", "s3cret", {}
        self.__dict__.update(more)


def test_the_test_button(
    double: AtlasDouble, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    connection = Connection(double.url)  # type: ignore[attr-defined]
    monkeypatch.setattr(AtlasHook, "get_connection", lambda *_: connection)
    assert AtlasHook().test_connection() == (True, "Apache Atlas double is ACTIVE")
    double.state = "PASSIVE"
    assert not AtlasHook().test_connection()[0]
    assert "s3cret" not in caplog.text
    connection = Connection("h", schema="https")
    assert AtlasHook().get_conn().url == "https://h:21000"
