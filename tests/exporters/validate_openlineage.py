"""Builds the published client's classes from events, facet by facet; for the Python of .ci/validators.sh.

What the specification does not know, or wants and does not get, or of another type, is a TypeError or ValueError of
these classes, which are generated from it. Usage: validate_openlineage.py EVENTS.jsonl
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import attr
from openlineage.client import event_v2, facet_v2
from openlineage.client.serde import Serde

_KINDS = {
    "parent": facet_v2.parent_run.ParentRunFacet,
    "errorMessage": facet_v2.error_message_run.ErrorMessageRunFacet,
    "processing_engine": facet_v2.processing_engine_run.ProcessingEngineRunFacet,
    "jobType": facet_v2.job_type_job.JobTypeJobFacet,
    "version": facet_v2.dataset_version_dataset.DatasetVersionDatasetFacet,
    "outputStatistics": facet_v2.output_statistics_output_dataset.OutputStatisticsOutputDatasetFacet,
    "inputStatistics": facet_v2.input_statistics_input_dataset.InputStatisticsInputDatasetFacet,
}
_BASES = {"run": facet_v2.RunFacet, "job": facet_v2.JobFacet, "dataset": facet_v2.DatasetFacet}
_seen: set[str] = set()


def _facet(name: str, value: dict[str, Any], of: str) -> Any:
    _seen.add(name)
    kind = _KINDS.get(name)
    if kind is None:
        assert name.startswith("chronos_"), name
        made = _BASES[of](producer=value["_producer"])
        assert value["_schemaURL"] == made._schemaURL, value["_schemaURL"]
        return made
    more = {k: v for k, v in value.items() if not k.startswith("_")}
    if name == "parent":
        module = facet_v2.parent_run
        more = {"run": module.Run(**more["run"]), "job": module.Job(**more["job"])}
    made = kind(producer=value["_producer"], **more)
    assert value["_schemaURL"] == made._schemaURL, (value["_schemaURL"], made._schemaURL)
    return made


def _facets(values: dict[str, Any], of: str) -> dict[str, Any]:
    return {name: _facet(name, value, of) for name, value in values.items()}


def _dataset(value: dict[str, Any], kind: type, side: str) -> Any:
    own = {side: _facets(value.get(side, {}), "dataset"), "facets": _facets(value["facets"], "dataset")}
    return kind(namespace=value["namespace"], name=value["name"], **own)


def check(event: dict[str, Any]) -> None:
    """Build the classes of one event; what they write must be what was read."""
    made = event_v2.RunEvent(
        eventType=event_v2.RunState(event["eventType"]),
        eventTime=event["eventTime"],
        producer=event["producer"],
        run=event_v2.Run(runId=event["run"]["runId"], facets=_facets(event["run"]["facets"], "run")),
        job=event_v2.Job(
            namespace=event["job"]["namespace"],
            name=event["job"]["name"],
            facets=_facets(event["job"]["facets"], "job"),
        ),
        inputs=[_dataset(d, event_v2.InputDataset, "inputFacets") for d in event["inputs"]],
        outputs=[_dataset(d, event_v2.OutputDataset, "outputFacets") for d in event["outputs"]],
    )
    assert event["schemaURL"] == made.schemaURL, (event["schemaURL"], made.schemaURL)
    written = Serde.to_dict(made)
    for key in ("eventType", "eventTime", "producer"):
        assert written[key] == event[key], key
    assert set(event) <= set(attr.fields_dict(event_v2.RunEvent)), event.keys()


def main() -> None:
    """Check a file of events."""
    events = [json.loads(line) for line in Path(sys.argv[1]).read_text().splitlines()]
    for event in events:
        check(event)
    print(json.dumps({"events": len(events), "facets": len(_seen)}))


if __name__ == "__main__":
    main()
