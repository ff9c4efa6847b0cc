"""The history of a production centre's last three days, made up: what the pages of the interface show."""

from __future__ import annotations

import datetime
import random
from collections.abc import Iterator
from pathlib import Path

from chronos_plugin.db.engine import make_engine
from chronos_plugin.db.migrate import upgrade
from chronos_plugin.db.store.loader import Loader
from chronos_plugin.lineage.model import Dataset, Job, JobKind, Run, RunState, Usage
from chronos_plugin.lineage.product_types import BUILT_IN, ProductTypes
from chronos_plugin.lineage.record import Product, Record, run_id

WORKFLOW = "swot_production"
STEPS = ("L1B_HR_SLC", "L2_HR_PIXC", "L2_HR_Raster", "L2_LR_SSH_Basic", "L2_LR_SSH_Expert", "L2_HR_RiverSP")
ERRORS = (
    (137, "the tool was ended by signal 9"),
    (1, "no input pass covers the granule"),
    (124, "the tool took longer than its ToolTimeLimit and was stopped"),
)
TARGETS = ("local", "slurm-hpc", "mesos", "safescale")
AUXILIARY = "/data/auxiliary/SWOT_AUX_20260801_0001.nc"
HOSTILE = '<img src=x onerror="window.hacked=1">.nc'
"""A name that would run, were it ever taken for markup."""

_BATCH = 500


def fill(database: Path, *, passes: int = 400, seed: int = 1) -> int:
    """Write the history into an SQLite database; return how many runs there are.

    Args:
        passes: Workflow runs, one for each pass of the satellite; each has a run for each of six steps.
    """
    engine = make_engine(f"sqlite:///{database}")
    upgrade(engine)
    loader = Loader(engine, ProductTypes(BUILT_IN))
    batch: list[Record] = []
    written = 0
    for record in _records(passes, random.Random(seed)):
        batch.append(record)
        if len(batch) == _BATCH:
            written += loader.load(batch).new
            batch = []
    written += loader.load(batch).new
    engine.dispose()
    return written


def _records(passes: int, chance: random.Random) -> Iterator[Record]:
    now = datetime.datetime.now(datetime.UTC)
    apart = datetime.timedelta(days=3) / passes
    for number in range(passes):
        started = now - apart * (passes - number)
        yield from _production(number, started, chance)


def _production(number: int, started: datetime.datetime, chance: random.Random) -> Iterator[Record]:
    """Yield a workflow run and its steps: a chain, each step reading the product before and a common file."""
    cycle, number_of_pass = 5 + number // 584, number % 584 + 1
    whole = run_id(started, WORKFLOW, number)
    before = Product(Dataset("file", f"/data/acquisition/KARIN_{cycle:03d}_{number_of_pass:03d}.tar"), "pass")
    moment, failed, made = started, False, []
    first = before
    for place, step in enumerate(STEPS):
        if failed:
            break
        failed = chance.random() < 0.02
        taken = datetime.timedelta(seconds=20 + 400 * chance.random() * (1 + place % 3))
        product = Product(_product(step, cycle, number_of_pass, started, chance), "product")
        yield _step(whole, number, place, moment, taken, failed, before, product, chance)
        moment += taken
        if not failed:
            before = product
            made.append(product)
    ended = moment + datetime.timedelta(seconds=2)
    job = Job("airflow", WORKFLOW, version="4f2c81d09ab3e617", kind=JobKind.WORKFLOW, workflow=WORKFLOW)
    state = RunState.FAIL if failed else RunState.COMPLETE
    error = "a step failed" if failed else ""
    run = Run(id=whole, job=job, state=state, started=started, ended=ended, error=error)
    yield Record(run, (first,), tuple(made))


def _step(
    whole: object,
    number: int,
    place: int,
    started: datetime.datetime,
    taken: datetime.timedelta,
    failed: bool,
    before: Product,
    product: Product,
    chance: random.Random,
) -> Record:
    step = STEPS[place]
    exit_code, error = ERRORS[chance.choice((0, 0, 0, 1, 2))] if failed else (0, "")
    job = Job(
        "airflow",
        f"{WORKFLOW}.{step}",
        version="1.4" if number % 7 else "1.3",
        kind=JobKind.STEP,
        workflow=WORKFLOW,
        step=step,
        image=f"registry.example/swot/{step.lower()}:1.4",
    )
    run = Run(
        id=run_id(started, whole, step),
        job=job,
        state=RunState.FAIL if failed else RunState.COMPLETE,
        started=started,
        ended=started + taken,
        parent=whole,  # type: ignore[arg-type]
        target=TARGETS[(number + place) % len(TARGETS)],
        node=f"hpc-{chance.randrange(100, 140)}",
        exit_code=exit_code,
        usage=Usage(taken.total_seconds() * 0.9, chance.randrange(1 << 28, 1 << 33), chance.random() * 300),
        error=error,
    )
    auxiliary = Product(Dataset("file", AUXILIARY, size=268_435_456), "auxiliary")
    return Record(run, (before, auxiliary), () if failed else (product,))


def _product(
    step: str, cycle: int, number_of_pass: int, started: datetime.datetime, chance: random.Random
) -> Dataset:
    day = f"{started:%Y%m%dT%H%M%S}"
    name = f"SWOT_{step}_{cycle:03d}_{number_of_pass:03d}_{day}_{day}_PIC0_01.nc"
    if number_of_pass == 1 and step == STEPS[-1]:
        name = HOSTILE
    return Dataset(
        "file",
        f"/data/{step}/{cycle:03d}/{name}",
        size=chance.randrange(1_000_000, 400_000_000),
        checksum=f"sha1${chance.getrandbits(160):040x}",
    )
