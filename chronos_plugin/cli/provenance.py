"""What ``airflow chronos provenance`` does."""

from __future__ import annotations

import datetime
import json
import sys
from argparse import Namespace
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from chronos_plugin import settings
from chronos_plugin.cli.history import identity_of, one_dataset
from chronos_plugin.cli.output import plainly
from chronos_plugin.errors import InputInvalid
from chronos_plugin.lineage.model import Direction, JobKind

if TYPE_CHECKING:
    from chronos_plugin.exporters.archive import CopyPlan
    from chronos_plugin.exporters.provenance import Provenance

_SUFFIXES = {".zip": "ro-crate", ".json": "prov-json", ".provn": "prov-n"}
_SHOWN = 10


@plainly
def provenance(arguments: Namespace) -> None:
    """Write the provenance of a run or product, or tell what would be in it."""
    configured = settings.load()
    kind, target = _format(arguments), Path(arguments.output) if arguments.output else None
    if kind == "ro-crate" and target is None and not arguments.dry_run:
        raise InputInvalid("a crate is a zip file: name it with -o FILE")
    if target is not None and not target.absolute().parent.is_dir():
        raise InputInvalid(f"{target}: there is no folder {target.absolute().parent}")
    if arguments.with_data and kind != "ro-crate":
        raise InputInvalid(f"--with-data goes with ro-crate, not with {kind}")
    tell = _progress(arguments)
    made = _gathered(arguments, configured, tell)
    if kind == "ro-crate":
        made = _with_documents(made, configured)
        plan = _crate(arguments, configured, made, target, tell)
    else:
        plan = None
        _prov(arguments, kind, made, target)
    if target is not None or arguments.dry_run:
        _say(arguments, _summary(made, kind, target, plan, arguments.dry_run))


def _gathered(arguments: Namespace, configured: settings.Settings, tell: Callable[[str], None]) -> Provenance:
    from chronos_plugin.db.exporting import gather_product, gather_run
    from chronos_plugin.db.store.history import History
    from chronos_plugin.exporters.provenance import agent_of

    if not 1 <= arguments.limit <= 100_000:
        raise InputInvalid("--limit is 1 to 100,000")
    common: dict[str, Any] = {
        "agent": agent_of(configured.organisation),
        "instance": configured.instance,
        "most": arguments.limit,
        "progress": tell,
    }
    try:
        identity = identity_of(arguments.subject)
    except InputInvalid:
        identity = None
    if identity is not None and not isinstance(identity, int):
        return gather_run(History(), identity, **common)
    history = History()
    dataset = one_dataset(history, arguments.subject)
    return gather_product(history, dataset, depth=arguments.depth, **common)


def _with_documents(made: Provenance, configured: settings.Settings) -> Provenance:
    from chronos_plugin.execution.documents import documents_of
    from chronos_plugin.exporters.abstract import abstract_document

    whole = next((run for run in made.workflows if run.job.workflow == made.main.job.workflow), None)
    if whole is None:
        raise InputInvalid(
            f"run {made.main.id} belongs to no workflow run in the history, and a crate is about one: "
            "use --format prov-json or prov-n"
        )
    place = whole.facets.get("airflow") or {}
    found = documents_of(
        configured.work_root,
        configured.cache_root,
        str(place.get("dag_id", "")),
        str(place.get("run_id", "")),
        whole.job.version,
    )
    if not found:
        found = {f"{whole.job.workflow.replace('/', '_')}.cwl": abstract_document(made)}
    return replace(made, documents=found)


def _crate(
    arguments: Namespace,
    configured: settings.Settings,
    made: Provenance,
    target: Path | None,
    tell: Callable[[str], None],
) -> CopyPlan | None:
    from chronos_plugin.exporters.archive import plan_copies, write_crate
    from chronos_plugin.exporters.crate import CrateOptions

    plan = None
    if arguments.with_data:
        roots = (*configured.input_roots, configured.work_root, configured.output_root)
        plan = plan_copies(made, roots if configured.input_roots else None, arguments.max_size << 20)
    if arguments.dry_run or target is None:
        return plan
    options = CrateOptions(datetime.datetime.now(datetime.UTC), license=arguments.license)
    return write_crate(target, made, options, plan, tell)


def _prov(arguments: Namespace, kind: str, made: Provenance, target: Path | None) -> None:
    from chronos_plugin.exporters.prov import prov_json, prov_n

    if arguments.dry_run:
        return
    text = prov_json(made) if kind == "prov-json" else prov_n(made)
    if target is None:
        print(text)
    else:
        target.write_text(text, encoding="utf-8")


# -- what is asked for, and said -------------------------------------------------------------------


def _format(arguments: Namespace) -> str:
    if arguments.format:
        return str(arguments.format)
    suffix = Path(arguments.output).suffix if arguments.output else ".provn"
    if suffix not in _SUFFIXES:
        raise InputInvalid(f"{arguments.output}: say with --format what it is to be")
    return _SUFFIXES[suffix]


def _progress(arguments: Namespace) -> Callable[[str], None]:
    if arguments.quiet or not sys.stderr.isatty():
        return lambda _: None
    return lambda text: print(f"\r\033[K{text}", end="", file=sys.stderr, flush=True)


def _summary(
    made: Provenance, kind: str, target: Path | None, plan: CopyPlan | None, dry: bool
) -> dict[str, Any]:
    datasets = made.datasets()
    return {
        "format": kind,
        "file": str(target) if target else None,
        "written": not dry,
        "about": made.product.location if made.product else str(made.main.id),
        "workflow": made.main.job.workflow,
        "runs": len(made.runs),
        "steps": len({run.job.name for run in made.runs if run.job.kind is JobKind.STEP}),
        "datasets": len(datasets),
        "from_outside": len(made.outer(Direction.INPUT)),
        "bytes": sum(dataset.size or 0 for dataset in datasets.values()),
        "documents": list(made.documents),
        "cut": made.cut,
        "copied": {"files": len(plan.files), "bytes": plan.size} if plan else None,
        "only_named": {datasets[key].location: why for key, why in plan.left.items()} if plan else None,
    }


def _say(arguments: Namespace, summary: dict[str, Any]) -> None:
    if not arguments.quiet and sys.stderr.isatty():
        print("\r\033[K", end="", file=sys.stderr, flush=True)
    if arguments.json:
        print(json.dumps(summary, indent=2))
        return
    print(
        f"{summary['about']}: {summary['runs']:,} runs of {summary['steps']} steps, {summary['datasets']:,} "
        f"datasets of {summary['bytes']:,} bytes, {summary['from_outside']:,} of them from outside"
    )
    if summary["cut"]:
        print("there are more than this: raise --limit or --depth")
    if summary["copied"] is not None:
        copied = summary["copied"]
        print(f"{copied['files']:,} files of {copied['bytes']:,} bytes copied")
        for location, why in list(summary["only_named"].items())[:_SHOWN]:
            print(f"  only named: {location}: {why}")
    if summary["written"]:
        print(f"{summary['file']}: {summary['format']} written")
