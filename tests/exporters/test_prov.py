"""PROV: what is stated, read again by the public library."""

from __future__ import annotations

import re
import warnings

from chronos_plugin.exporters.prov import prov_json, prov_n, statements
from chronos_plugin.exporters.provenance import Provenance
from tests.exporters.conftest import MAP

with warnings.catch_warnings():
    # Of rdflib, which the library imports.
    warnings.simplefilter("ignore")
    from prov.model import ProvActivity, ProvDocument, ProvEntity, ProvGeneration, ProvUsage


def _read(text: str) -> ProvDocument:
    return ProvDocument.deserialize(content=text, format="json")


def test_the_public_library_reads_what_is_stated(product_provenance: Provenance) -> None:
    document = _read(prov_json(product_provenance))
    runs = {str(a.identifier.uri) for a in document.get_records(ProvActivity)}
    assert runs == {f"urn:uuid:{run.id}" for run in product_provenance.runs}
    entities = {str(e.identifier): e for e in document.get_records(ProvEntity)}
    (made,) = entities["dataset:9"].get_attribute("prov:location")
    assert made == "file:///data/coverage%20map.png"
    maker = next(run for run in product_provenance.runs if run.attempt == 2)
    generated = [r for r in document.get_records(ProvGeneration) if str(r.args[0]) == "dataset:9"]
    assert f"run:{maker.id}" in {str(r.args[1]) for r in generated}
    used = [r for r in document.get_records(ProvUsage) if str(r.args[0]) == f"run:{maker.id}"]
    assert {str(r.args[1]) for r in used} >= {"dataset:2", "dataset:3", "dataset:4"}
    assert {str(role) for r in used for role in r.get_attribute("prov:role")} == {"swaths", "level", "mode"}


def test_nothing_stands_twice_but_what_must(provenance: Provenance) -> None:
    elements = [s.id for s in statements(provenance) if s.id]
    assert len(elements) == len(set(elements))


def test_prov_n_says_what_prov_json_says(product_provenance: Provenance) -> None:
    document = _read(prov_json(product_provenance))
    ours = prov_n(product_provenance)
    theirs = document.get_provn()

    def relations(text: str) -> list[str]:
        # Attributes' order and the names of nothing are the library's own.
        heads = re.findall(r"(?m)^ *([a-zA-Z]+\((?:[^\[\n]*?))(?:, )?(?:\[.*)?\)?$", text)
        return sorted(h.replace(" ", "").rstrip(",)") for h in heads)

    assert relations(ours) == relations(theirs)
    assert ours.startswith("document\n")
    assert ours.rstrip().endswith("endDocument")


def test_texts_are_escaped(provenance: Provenance) -> None:
    assert '"exit 1"' in prov_n(provenance)
    odd = MAP.__class__("file", '/a/"odd"\\name', id=77)
    run = provenance.main.__class__(**{**vars(provenance.main), "links": provenance.main.links[:1]})
    made = Provenance(run, (run,), provenance.agent, "i", product=odd)
    assert _read(prov_json(made)).get_records(ProvActivity)
