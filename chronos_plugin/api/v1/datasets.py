"""Datasets: finding products and files, one of them, and where one lies."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, HTTPException, Path, Query

from chronos_plugin.api import cursors
from chronos_plugin.api.authz import Readable, ReadableDep, requires
from chronos_plugin.api.models import history as models
from chronos_plugin.api.v1.asking import CursorText, Limit, Since, Until, aware, history
from chronos_plugin.errors import InputInvalid
from chronos_plugin.lineage.model import Dataset
from chronos_plugin.lineage.questions import DatasetFilter
from chronos_plugin.permissions import Permission

router = APIRouter(tags=["datasets"], dependencies=[Depends(requires(Permission.HISTORY))])

_KIND = "datasets"
MOST_ID = (1 << 63) - 1
DatasetId = Annotated[int, Path(ge=1, le=MOST_ID, description="Id of a dataset")]


@router.get("/datasets", operation_id="find_datasets")
def find_datasets(
    may: ReadableDep,
    text: Annotated[
        str, Query(max_length=1000, description="Words and numbers of the name, in any order")
    ] = "",
    type: Annotated[
        str, Query(max_length=1000, description="Product type; with * at the end, all that begin so")
    ] = "",
    attribute: Annotated[
        list[str] | None,
        Query(description="NAME=VALUE of the product type's attributes, or FACET.PROPERTY=VALUE"),
    ] = None,
    checksum: Annotated[str, Query(max_length=200, description="As CWL writes it: sha1$…")] = "",
    since: Since = None,
    until: Until = None,
    limit: Limit = 50,
    cursor: CursorText = None,
) -> models.DatasetPage:
    """Find products and files, the youngest first; something must be asked for."""
    asked = DatasetFilter(
        text=text,
        type=type,
        attributes=dict(_attribute(one) for one in attribute or ()),
        checksum=checksum,
        since=aware(since),
        until=aware(until),
    )
    page = history().datasets(asked, limit=limit, cursor=cursors.decoded(_KIND, cursor))
    return models.DatasetPage(datasets=shown(page.datasets, may), next=cursors.encoded(_KIND, page.next))


@router.get("/datasets/at", operation_id="datasets_at")
def datasets_at(
    may: ReadableDep,
    location: Annotated[
        str, Query(min_length=1, max_length=4096, description="URI, absolute path, or exact name")
    ],
) -> models.DatasetPage:
    """Return the versions that lie, or lay, at a place, or have exactly a name; the youngest first."""
    found = history().datasets_at(location) if "/" in location else history().named(location)
    return models.DatasetPage(datasets=shown(found, may), next=None)


@router.get("/datasets/{dataset}", operation_id="get_dataset")
def get_dataset(dataset: DatasetId, may: ReadableDep) -> models.DatasetDetail:
    """Return a dataset with its version, copies and facets, and the run that made it."""
    found = history().dataset(dataset)
    producer = history().producer(dataset)
    if producer is not None and not may.allows(producer.job.workflow):
        raise HTTPException(403, "this dataset takes the right to read the DAG that made it")
    return models.DatasetDetail.detailed(found, producer)


def shown(datasets: list[Dataset], may: Readable) -> list[models.Dataset]:
    """Return those that may be read, as clients see them."""
    kept = may.datasets((d.id for d in datasets if d.id is not None), history().workflows_of)
    return [models.Dataset.of(d) for d in datasets if d.id in kept]


def _attribute(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals:
        raise InputInvalid(f"attribute {text}: write NAME=VALUE")
    return name, value
