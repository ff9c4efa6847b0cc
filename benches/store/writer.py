"""Writes runs at a steady rate, as the recorder does: ``python -m benches.store.writer URL RATE SECONDS``."""

from __future__ import annotations

import datetime
import sys
import time
from collections.abc import Iterator

from chronos_plugin.db.engine import make_engine
from chronos_plugin.db.store.loader import Loader
from chronos_plugin.lineage.model import Dataset, Job, JobKind, Run, RunState, Usage
from chronos_plugin.lineage.product_types import BUILT_IN, ProductTypes
from chronos_plugin.lineage.record import Product, Record, run_id


def records(first: int, count: int, tag: str) -> Iterator[Record]:
    """Yield records of runs with four inputs and one output, each from the product before."""
    now = datetime.datetime.now(datetime.UTC)
    job = Job("airflow", f"{tag}.step", version="1", kind=JobKind.STEP, workflow=tag, step="step")
    for number in range(first, first + count):
        inputs = [
            Product(Dataset("file", _path(tag, max(0, number - back))), "product") for back in (1, 2, 3)
        ]
        inputs.append(Product(Dataset("file", f"/data/{tag}/auxiliary_0001.nc"), "auxiliary"))
        output = Dataset("file", _path(tag, number), size=10_000_000, checksum=f"sha1${number:040x}")
        run = Run(
            id=run_id(now, tag, number),
            job=job,
            state=RunState.COMPLETE,
            started=now - datetime.timedelta(seconds=30),
            ended=now,
            node=f"node{number % 100:03d}.cluster",
            exit_code=0,
            usage=Usage(25.0, 1 << 30, 1.0),
        )
        yield Record(run, tuple(inputs), (Product(output, "product"),))


def _path(tag: str, number: int) -> str:
    day, rest = divmod(number, 86_400)
    return (
        f"/data/{tag}/{number // 584 % 1000:03d}/SWOT_L2_LR_SSH_{tag}_{number // 584 % 1000:03d}_"
        f"{number % 584 + 1:03d}_{20300101 + day}T{rest:06d}_{20300101 + day}T{rest + 1:06d}_PIC0_01.nc"
    )


def main(url: str, rate: int, seconds: float) -> None:
    """Write ``rate`` runs each second."""
    loader = Loader(make_engine(url), ProductTypes(BUILT_IN))
    ending = time.monotonic() + seconds
    number, due = 0, time.monotonic()
    while time.monotonic() < ending:
        loader.load(list(records(number, rate, "Live")))
        if not number:
            print("writing", flush=True)  # Whoever measures waits for it.
        number += rate
        due += 1
        time.sleep(max(0.0, due - time.monotonic()))
    print(number, flush=True)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), float(sys.argv[3]))
