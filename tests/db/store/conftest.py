"""A store on each kind of database, and records to fill it with."""

from __future__ import annotations

import datetime
from collections.abc import Sequence
from uuid import UUID

import pytest
from sqlalchemy import Engine

from chronos_plugin.db.store.history import History
from chronos_plugin.db.store.loader import Loader
from chronos_plugin.lineage.model import Dataset, Job, JobKind, Run, RunState, Usage
from chronos_plugin.lineage.product_types import BUILT_IN, ProductTypes
from chronos_plugin.lineage.record import Product, Record, run_id

TYPES = ProductTypes(BUILT_IN)
NOON = datetime.datetime(2026, 3, 1, 12, tzinfo=datetime.UTC)


def product(path: str, port: str = "", was: str = "", **more: object) -> Product:
    return Product(Dataset("file", path, **more), port, was)  # type: ignore[arg-type]


def record(
    name: str,
    inputs: Sequence[Product] = (),
    outputs: Sequence[Product] = (),
    *,
    step: str = "make",
    version: str = "1",
    image: str = "",
    minute: float = 0,
    state: RunState = RunState.COMPLETE,
    parent: UUID | None = None,
    **more: object,
) -> Record:
    started = NOON + datetime.timedelta(minutes=minute)
    kind = JobKind.STEP if step else JobKind.WORKFLOW
    full = f"swot.{step}" if step else "swot"
    run = Run(
        id=run_id(NOON, name),
        job=Job("airflow", full, version=version, kind=kind, workflow="swot", step=step, image=image),
        state=state,
        started=started,
        ended=started + datetime.timedelta(seconds=30) if state.final else None,
        parent=parent,
        usage=Usage(cpu_seconds=2.5, max_rss_bytes=64 << 20, wait_seconds=1.5),
        **{"exit_code": 0, "node": "node1", **more},  # type: ignore[arg-type]
    )
    return Record(run, tuple(inputs), tuple(outputs))


@pytest.fixture
def loader(database: Engine) -> Loader:
    return Loader(database, TYPES, clock=NOON.timestamp)


@pytest.fixture
def history(database: Engine) -> History:
    return History(database, TYPES)
