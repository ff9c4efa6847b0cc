"""Apache Atlas: types for CWL processes and products, and runs of the history as entities of them.

Atlas draws lineage from the inputs and outputs of a ``Process`` alone; so each execution of a step is one,
and products and files are data sets. A workflow's run is a process too, between what came from outside and
what was published. Entities are found again by ``qualifiedName``, so telling a run twice changes nothing.
"""

from __future__ import annotations

import datetime
import hashlib
from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import quote

from chronos_plugin.exporters.provenance import dataset_key
from chronos_plugin.lineage.model import Dataset, Direction, JobKind, Run

PRODUCT = "chronos_data_product"
COLLECTION = "chronos_product_collection"
WORKFLOW = "chronos_cwl_workflow"
STEP = "chronos_cwl_step"
PROCESS = "chronos_cwl_process"
VERSION = "1.0"
"""Of the types; another minor number for each optional attribute that is added."""
MOST_EDGES = 200
"""Data sets on one side of a process; more are one collection: Atlas writes all edges of a process anew."""
_LONGEST_NAME = 1000
_LONGEST_TEXT = 30_000
"""Atlas indexes texts of up to 32,767 characters."""
_LISTED = 500

Entity = dict[str, Any]


def typedefs() -> dict[str, Any]:
    """Return the types, as ``POST /v2/types/typedefs`` takes them."""
    return {
        "enumDefs": [],
        "structDefs": [],
        "classificationDefs": [],
        "relationshipDefs": [],
        "businessMetadataDefs": [],
        "entityDefs": [
            _type(
                PRODUCT,
                "DataSet",
                "A version of a product or file of a production centre.",
                product_type="string",
                location="string",
                checksum="string",
                checksum_algorithm="string",
                size="long",
                product_attributes="map<string,string>",
            ),
            _type(
                COLLECTION,
                "DataSet",
                "Many data sets that one run read or made.",
                product_count="long",
                size="long",
                locations="array<string>",
            ),
            _type(WORKFLOW, "Asset", "A version of a CWL workflow.", version="string"),
            _type(
                STEP,
                "Asset",
                "A version of a step of a CWL workflow.",
                version="string",
                workflow="string",
                image="string",
            ),
            _type(
                PROCESS,
                "Process",
                "A run of a CWL workflow, or an execution of a step.",
                run_id="string",
                parent_run="string",
                kind="string",
                workflow="string",
                step="string",
                job="string",
                version="string",
                image="string",
                state="string",
                try_number="int",
                element="string",
                target="string",
                node="string",
                exit_code="int",
                error="string",
                start_time="date",
                end_time="date",
                cpu_seconds="double",
            ),
        ],
    }


def entities_of(run: Run, instance: str) -> list[Entity]:
    """Return the entities of a run: data sets first, its job, and the process last.

    Args:
        instance: Name of this CHRONOS, part of every qualified name.
    """
    inputs = _side(run, Direction.INPUT, instance)
    outputs = _side(run, Direction.OUTPUT, instance)
    return [*inputs, *outputs, _job(run, instance), _process(run, instance, inputs, outputs)]


def process_name(run: Run, instance: str) -> str:
    """Return the qualified name of a run's process."""
    return _name(f"{run.job.name}/{run.id}", instance)


def product_name(dataset: Dataset, instance: str) -> str:
    """Return the qualified name of a data set: its location, and which of the versions there."""
    return _name(f"{dataset.location}#{dataset_key(dataset)}", instance)


def reference(entity: Mapping[str, Any]) -> dict[str, Any]:
    """Return a reference to an entity by its qualified name."""
    return {
        "typeName": entity["typeName"],
        "uniqueAttributes": {"qualifiedName": entity["attributes"]["qualifiedName"]},
    }


# -- entities --------------------------------------------------------------------------------------


def _side(run: Run, direction: Direction, instance: str) -> list[Entity]:
    datasets = {dataset_key(d): d for d in run.datasets(direction)}
    if len(datasets) <= MOST_EDGES:
        return [_product(dataset, instance) for dataset in datasets.values()]
    return [_collection(run, direction, list(datasets.values()), instance)]


def _product(dataset: Dataset, instance: str) -> Entity:
    algorithm, _, value = dataset.checksum.partition("$")
    return _entity(
        PRODUCT,
        product_name(dataset, instance),
        name=dataset.name or dataset.location,
        product_type=dataset.type,
        location=dataset.location,
        checksum=value,
        checksum_algorithm=algorithm,
        size=dataset.size,
        product_attributes=dict(dataset.attributes),
    )


def _collection(run: Run, direction: Direction, datasets: list[Dataset], instance: str) -> Entity:
    return _entity(
        COLLECTION,
        _name(f"{run.job.name}/{run.id}/{direction.value}", instance),
        name=f"{len(datasets)} {direction.value}s of {run.job.name}",
        product_count=len(datasets),
        size=sum(dataset.size or 0 for dataset in datasets),
        locations=[dataset.location for dataset in datasets[:_LISTED]],
    )


def _job(run: Run, instance: str) -> Entity:
    job = run.job
    name = _name(f"{job.namespace}/{job.name}/{job.version or '-'}", instance)
    if job.kind is JobKind.WORKFLOW:
        return _entity(WORKFLOW, name, name=job.name, version=job.version)
    return _entity(STEP, name, name=job.name, version=job.version, workflow=job.workflow, image=job.image)


def _process(run: Run, instance: str, inputs: Iterable[Entity], outputs: Iterable[Entity]) -> Entity:
    job = run.job
    return _entity(
        PROCESS,
        process_name(run, instance),
        name=f"{job.name} {run.started:%Y-%m-%dT%H:%M:%SZ}",
        inputs=[reference(entity) for entity in inputs],
        outputs=[reference(entity) for entity in outputs],
        run_id=str(run.id),
        parent_run=str(run.parent) if run.parent else "",
        kind=job.kind.value,
        workflow=job.workflow,
        step=job.step,
        job=f"{job.namespace}/{job.name}",
        version=job.version,
        image=job.image,
        state=run.state.name,
        try_number=run.attempt,
        element=run.element,
        target=run.target,
        node=run.node,
        exit_code=run.exit_code,
        error=run.error[:_LONGEST_TEXT],
        start_time=_milliseconds(run.started),
        end_time=_milliseconds(run.ended) if run.ended else None,
        cpu_seconds=run.usage.cpu_seconds,
    )


def _entity(type_name: str, qualified: str, **attributes: Any) -> Entity:
    known = {k: v for k, v in attributes.items() if v is not None and v != "" and v != {}}
    return {"typeName": type_name, "attributes": {"qualifiedName": qualified, **known}}


def _name(text: str, instance: str) -> str:
    quoted = quote(text, safe="/:#%@+=,~._-")
    if len(quoted) > _LONGEST_NAME:
        digest = hashlib.sha256(quoted.encode()).hexdigest()
        quoted = f"{quoted[: _LONGEST_NAME - 70]}~{digest}"
    return f"{quoted}@{instance}"


def _type(name: str, parent: str, text: str, **attributes: str) -> dict[str, Any]:
    return {
        "name": name,
        "superTypes": [parent],
        "description": text,
        "typeVersion": VERSION,
        "serviceType": "chronos",
        "attributeDefs": [_attribute(key, kind) for key, kind in attributes.items()],
    }


def _attribute(name: str, kind: str) -> dict[str, Any]:
    many = kind.startswith("array")
    return {
        "name": name,
        "typeName": kind,
        "isOptional": True,
        "cardinality": "LIST" if many else "SINGLE",
        "valuesMinCount": 0,
        "valuesMaxCount": 2147483647 if many else 1,
        "isUnique": False,
        "isIndexable": kind == "string" and name not in ("error", "location"),
    }


def _milliseconds(moment: datetime.datetime) -> int:
    return round(moment.timestamp() * 1000)
