"""A production centre's history, made up: 200,000 runs a day, names like SWOT's, realistic skew.

* every twentieth run is a workflow run, the parent of the nineteen that follow;
* a step reads two products of the hours before, one auxiliary file, one orbit file, and writes one product;
* an auxiliary file is in use for half a day, so that about 100,000 runs read it; an orbit file for 2,000
  runs;
* from the third month on, a tenth of the runs is a reprocessing: its inputs are anywhere in the past;
* two in a hundred fail, of a few causes, and their context is kept.
"""

from __future__ import annotations

import os
import random
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import Connection

from chronos_plugin.db.store.loader import Loader
from chronos_plugin.db.store.packing import LinkEntry, pack_links
from chronos_plugin.db.store.rows import NO_EXIT_CODE, NOT_MEASURED, Rows
from chronos_plugin.lineage import names
from chronos_plugin.lineage.model import Job, JobKind, RunState

DAY = 86_400_000
RUNS_A_DAY = 200_000
START = 1_735_689_600_000  # 2025-01-01
STEPS = (
    "L1B_HR_SLC",
    "L2_HR_PIXC",
    "L2_HR_PIXCVec",
    "L2_HR_RiverSP",
    "L2_HR_LakeSP",
    "L2_HR_Raster",
    "L2_LR_SSH_Basic",
    "L2_LR_SSH_Expert",
    "L2_LR_SSH_WindWave",
    "L2_LR_SSH_Unsmoothed",
)
ERRORS = (
    "the tool ended with exit code 1",
    "the tool was ended by signal 9",
    "the tool took longer than its ToolTimeLimit and was stopped",
    "no input pass covers the granule",
)
NODES = 100
PASSES = 584
REPROCESSING_FROM = 60 * DAY


@dataclass(frozen=True)
class Point:
    """Names that the questions ask for."""

    dataset: int
    path: str


def moment(made: int) -> float:
    """Return when so many runs had been made, in seconds since 1970."""
    return (START + made * DAY // RUNS_A_DAY) / 1000


class Generator:
    """Makes rows as the loader would, without looking anything up: what is measured is the database."""

    def __init__(self, loader: Loader, connection: Connection, *, seed: int = 1) -> None:
        self.random = random.Random(seed)
        self.made = 0
        self.products: list[int] = []  # of the last hours
        self.history: list[int] = []  # every hundredth product, for reprocessings
        self.points: list[Point] = []
        self.auxiliaries: list[int] = []
        self._number = 0
        self._dictionaries(loader, connection)

    def _dictionaries(self, loader: Loader, connection: Connection) -> None:
        d = loader.dictionaries
        d.follow(connection)
        self.jobs = {}
        for version in ("1.0", "1.1"):
            for step in STEPS:
                job = Job(
                    "airflow",
                    f"swot.{step}",
                    version=version,
                    kind=JobKind.STEP,
                    workflow="swot",
                    step=step,
                    image=f"registry.invalid/swot/{step.lower()}:{version}",
                )
                entry = d.need_job(connection, job, ("product", "auxiliary", "orbit"), ("product",))
                self.jobs[step, version] = entry.id
            whole = Job("airflow", "swot", version=version, kind=JobKind.WORKFLOW, workflow="swot")
            self.jobs["", version] = d.need_job(connection, whole, ("pass",), ("products",)).id
        self.targets = [d.need_label(connection, "target", t) for t in ("local", "slurm", "mesos")]
        self.nodes = [d.need_label(connection, "node", f"node{n:03d}.cluster") for n in range(NODES)]
        self.errors = [d.need_label(connection, "error", e) for e in ERRORS]
        self.templates = {}
        for step in STEPS:
            for crid in ("PIC0", "PGC0"):
                path = _path(step, 5, 12, 20230801, 10203, 20230801, 15304, crid, 1)
                template, numbers = names.encode(path)
                name = path.rpartition("/")[2]
                number = d.need_template(connection, "file", template, name, "")
                assert names.decode(template, numbers) == path
                assert numbers == _numbers(5, 12, 20230801, 10203, 20230801, 15304, 1)
                self.templates[step, crid] = number
        aux, self.aux_numbers = names.encode("/data/auxiliary/SWOT_AUX_20230801_0001.nc")
        self.aux_template = d.need_template(connection, "file", aux, "SWOT_AUX_20230801_0001.nc", "SWOT_AUX")

    def batch(self, first: int, count: int) -> Rows:
        """Return the rows of the next ``count`` runs, whose numbers begin at ``first``."""
        rows = Rows()
        parent = 0
        for offset in range(count):
            index = self.made + offset
            if index % 20 == 0:
                parent = first + offset
                self._workflow(rows, first + offset, index)
            else:
                self._step(rows, first + offset, index, parent)
        self._keep_recent()
        self.made += count
        return rows

    def _keep_recent(self) -> None:
        if len(self.products) > 40_000:
            self.history += self.products[:-20_000:100]
            del self.products[:-20_000]

    def _workflow(self, rows: Rows, number: int, index: int) -> None:
        links = [LinkEntry(p, 0, True) for p in self.products[-3:]]
        links += [LinkEntry(p, 0, False) for p in self.products[-60:-58]]
        rows.usage += [(link.dataset, number) for link in links if not link.output]
        started = START + index * DAY // RUNS_A_DAY
        version = "1.0" if index < 10_000_000 else "1.1"
        self._run(rows, number, 0, started, self.jobs["", version], 600_000, links, 0, False)

    def _step(self, rows: Rows, number: int, index: int, parent: int) -> None:
        choose = self.random.random
        started = START + index * DAY // RUNS_A_DAY
        elapsed = started - START
        again = elapsed > REPROCESSING_FROM and choose() < 0.1 and len(self.history) > 10
        links = [LinkEntry(d, 0, False) for d in self._inputs(again)]
        links.append(LinkEntry(self._shared(rows, number, index, 100_000, 0), 1, False))
        links.append(LinkEntry(self._shared(rows, number, index, 2_000, 1), 2, False))
        rows.usage += [(link.dataset, number) for link in links]
        failed = choose() < 0.02
        if not failed:
            links.append(LinkEntry(number << 8, 0, True))
            self._product(rows, number, index, again)
        step = STEPS[index % len(STEPS)]
        version = "1.0" if index < 10_000_000 else "1.1"
        duration = int(20_000 + choose() * 60_000)
        size = self._run(
            rows, number, parent, started, self.jobs[step, version], duration, links, index, failed
        )
        del size

    def _inputs(self, again: bool) -> list[int]:
        recent, choose = self.products, self.random.random
        if len(recent) < 2:
            return []
        if again:
            return [self.history[int(choose() * len(self.history))] for _ in range(2)]
        reach = min(len(recent), 20_000)
        return [recent[-1 - int(choose() * reach)] for _ in range(2)]

    def _shared(self, rows: Rows, number: int, index: int, period: int, kind: int) -> int:
        """Return the auxiliary or orbit file in use, which arrives when the one before is done."""
        # An arrival: index 254 or 255 of the number of the run that first reads it.
        if index % period == 1 or not hasattr(self, f"_in_use_{kind}"):
            identity = number << 8 | (254 + kind)
            day = (index * DAY // RUNS_A_DAY) // DAY
            numbers = names.number_bytes(20230101 + day, 8) + names.number_bytes(index % 10_000, 4)
            rows.datasets.append((identity, 0, 1 << 28, self.aux_template, numbers, os.urandom(20)))
            setattr(self, f"_in_use_{kind}", identity)
            if kind == 0:
                self.auxiliaries.append(identity)
        return int(getattr(self, f"_in_use_{kind}"))

    def _product(self, rows: Rows, number: int, index: int, again: bool) -> None:
        step = STEPS[index % len(STEPS)]
        crid = "PGC0" if again else "PIC0"
        seconds = index // len(STEPS) * 3
        orbit_pass = seconds // 3_080
        cycle, number_of_pass = orbit_pass // PASSES % 1000, orbit_pass % PASSES + 1
        day, rest = divmod(seconds, 86_400)
        begin = rest // 3600 * 10_000 + rest // 60 % 60 * 100 + rest % 60
        values = (cycle, number_of_pass, 20230101 + day, begin, 20230101 + day, begin + 1, index % 100)
        numbers = _numbers(*values)
        identity = number << 8
        size = 1_000_000 + int(self.random.random() * 400_000_000)
        rows.datasets.append(
            (identity, None, size, self.templates[step, crid], numbers, self.random.randbytes(20))
        )
        self.products.append(identity)
        if index % 997 == 3:
            self.points.append(Point(identity, _path(step, *values[:6], crid, values[6])))

    def _run(
        self,
        rows: Rows,
        number: int,
        parent: int,
        started: int,
        job: int,
        duration: int,
        links: list[LinkEntry],
        index: int,
        failed: bool,
    ) -> None:
        state = RunState.FAIL if failed else RunState.COMPLETE
        target = self.targets[index % 10 // 4] if parent else self.targets[0]
        node = self.nodes[int(self.random.random() * NODES)]
        error = self.errors[index % 7 % len(ERRORS)] if failed else 0
        # As a UUID of version 7: the time first.
        identity = UUID(int=started << 80 | 7 << 76 | self.random.getrandbits(12) << 64 | 2 << 62 | number)
        exit_code = 1 if failed else 0
        rows.runs.append(
            (
                number,
                parent,
                started,
                identity,
                job,
                duration,
                node,
                error,
                -1,
                duration * 7 // 8,
                2_000_000,
                1500,
                target,
                exit_code if parent else NO_EXIT_CODE,
                int(state),
                1,
                pack_links(number, links),
            )
        )
        rows.count(
            started=started,
            job=job,
            state=state,
            target=target,
            node=node,
            error=error,
            cpu=duration * 7 // 8 if parent else NOT_MEASURED,
            duration=duration,
            outputs=0 if failed else 1,
            output_bytes=0 if failed else 200_000_000,
        )
        if failed:
            rows.run_facets.append((number, "error", ERRORS[index % 7 % len(ERRORS)]))
            rows.run_facets.append((number, "context", _context(number)))


def _numbers(*values: int) -> bytes:
    cycle, number_of_pass, day, begin, end_day, end, counter = values
    return b"".join(
        (
            cycle.to_bytes(2, "big"),
            number_of_pass.to_bytes(2, "big"),
            day.to_bytes(4, "big"),
            begin.to_bytes(3, "big"),
            end_day.to_bytes(4, "big"),
            end.to_bytes(3, "big"),
            counter.to_bytes(1, "big"),
        )
    )


def _path(
    step: str, cycle: int, number: int, day: int, begin: int, end_day: int, end: int, crid: str, counter: int
) -> str:
    return (
        f"/data/swot/{step}/{cycle:03d}/{number:03d}/SWOT_{step}_{cycle:03d}_{number:03d}_"
        f"{day:08d}T{begin:06d}_{end_day:08d}T{end:06d}_{crid}_{counter:02d}.nc"
    )


def _context(number: int) -> dict[str, Any]:
    return {
        "command": ["python", "process.py", "--input", f"/work/{number}/in.nc", "--threads", "4"],
        "work_directory": f"/work/swot/{number}/try-1",
    }
