"""Workflow Run RO-Crate, profile Provenance Run Crate 0.5: the metadata document of a provenance.

The workflow is the crate's main entity, its run a ``CreateAction``; each step is a ``HowToStep`` whose tool
is a ``SoftwareApplication``, each execution a ``CreateAction`` under a ``ControlAction``, all of them
organised by CHRONOS. Files are in the crate where they were copied into it, and else named by their URIs.
"""

from __future__ import annotations

import datetime
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from chronos_plugin.exporters.crate_parts import (
    METADATA,
    Entity,
    compact,
    described,
    descriptor,
    format_of,
    image_entity,
    image_id,
    is_uri,
    kind_of_place,
    kind_of_value,
    places_of,
    ref,
    step_id,
    tool_id,
)
from chronos_plugin.exporters.parameters import Parameters
from chronos_plugin.exporters.provenance import Provenance, dataset_key, job_key, parameters_of
from chronos_plugin.lineage.model import Dataset, Direction, Job, JobKind, Run, RunState

README = "README.md"
WORKFLOW = "workflow"
"""Folder of the CWL documents in the crate."""
CONTEXT = ["https://w3id.org/ro/crate/1.1/context", "https://w3id.org/ro/terms/workflow-run/context"]
PROFILES = {
    "https://w3id.org/ro/wfrun/process/0.5": ("Process Run Crate", "0.5"),
    "https://w3id.org/ro/wfrun/workflow/0.5": ("Workflow Run Crate", "0.5"),
    "https://w3id.org/ro/wfrun/provenance/0.5": ("Provenance Run Crate", "0.5"),
    "https://w3id.org/workflowhub/workflow-ro-crate/1.0": ("Workflow RO-Crate", "1.0"),
}
NO_LICENSE = "No licence is stated."
_CWL = "https://w3id.org/workflowhub/workflow-ro-crate#cwl"
_ENGINE = "#chronos"
_STATUS = {
    RunState.COMPLETE: "http://schema.org/CompletedActionStatus",
    RunState.SKIPPED: "http://schema.org/CompletedActionStatus",
    RunState.FAIL: "http://schema.org/FailedActionStatus",
    RunState.ABORT: "http://schema.org/FailedActionStatus",
    RunState.RUNNING: "http://schema.org/ActiveActionStatus",
    RunState.UNKNOWN: "http://schema.org/PotentialActionStatus",
}
_SHORTENED = {"sha1": "sha1", "sha256": "sha256", "sha512": "sha512", "md5": "md5"}


@dataclass(frozen=True)
class CrateOptions:
    """How a crate is written.

    Attributes:
        license: URL or words; empty: the crate says that none is stated.
        copied: Places in the crate of the files that are copied into it, by dataset key.
        published: When the crate is made.
    """

    published: datetime.datetime
    license: str = ""
    copied: Mapping[str, str] = field(default_factory=dict)


def crate_metadata(provenance: Provenance, options: CrateOptions) -> dict[str, Any]:
    """Return the content of ``ro-crate-metadata.json``.

    Args:
        provenance: Its documents must hold at least the main one.
    """
    return _Crate(provenance, options).document()


def readme(provenance: Provenance) -> str:
    """Return the text of the crate's ``README.md``."""
    what = provenance.product.location if provenance.product else f"run {provenance.main.id}"
    lines = [
        f"# Provenance of {what}",
        "",
        f"Workflow `{provenance.main.job.workflow}`, {len(provenance.runs)} runs, recorded by CHRONOS for "
        f"{provenance.agent.name}.",
        "",
        f"`{METADATA}` describes them by the profile Provenance Run Crate 0.5; "
        f"`{WORKFLOW}/` has the CWL documents.",
    ]
    if provenance.cut:
        lines += ["", "Some runs are left out: the export was bounded."]
    return "\n".join([*lines, ""])


class _Crate:
    """One crate being described."""

    def __init__(self, provenance: Provenance, options: CrateOptions) -> None:
        self.provenance = provenance
        self.options = options
        self.agent = provenance.agent.uri or "#agent"
        main = next(iter(provenance.documents))
        self.workflow = f"{WORKFLOW}/{main}"
        self.places = places_of(provenance, options.copied)
        self.parameters = Parameters()
        self.actions: list[Entity] = []
        self.controls: list[Entity] = []
        self.values: dict[str, Entity] = {}

    def document(self) -> dict[str, Any]:
        for run in self.provenance.runs:
            self._action(run)
        self._organised()
        files = [self._file(key, dataset) for key, dataset in self.provenance.datasets().items()]
        entities = [
            *descriptor(),
            self._root(),
            *self._contextual(),
            *self._workflow_entities(),
            *self.actions,
            *self.controls,
            *files,
            *({**value, **self.parameters.examples(value["@id"])} for value in self.values.values()),
            *self.parameters.entities(),
        ]
        return {"@context": CONTEXT, "@graph": [compact(entity) for entity in entities]}

    # -- the crate itself ----------------------------------------------------------------------

    def _root(self) -> Entity:
        run, product = self.provenance.main, self.provenance.product
        what = f"product {product.name}" if product else f"run {run.id} of {run.job.name}"
        documents = [f"{WORKFLOW}/{name}" for name in self.provenance.documents]
        return {
            "@id": "./",
            "@type": "Dataset",
            "name": f"Provenance of {what}",
            "description": f"How {what} came about: {len(self.provenance.runs)} runs recorded by CHRONOS"
            + (", of more that are left out." if self.provenance.cut else "."),
            "datePublished": self.options.published.isoformat(),
            "license": ref(self.options.license) if is_uri(self.options.license) else self._license(),
            "author": ref(self.agent),
            "publisher": ref(self.agent),
            "conformsTo": [ref(uri) for uri in PROFILES],
            "hasPart": [ref(i) for i in (README, *documents, *dict.fromkeys(self.places.values()))],
            "mainEntity": ref(self.workflow),
            "mentions": [ref(action["@id"]) for action in (*self.actions, *self.controls)],
        }

    def _license(self) -> str:
        return self.options.license or NO_LICENSE

    def _contextual(self) -> Iterable[Entity]:
        yield {"@id": README, "@type": "File", "name": "What is in this crate", "about": ref("./")} | {
            "encodingFormat": "text/markdown"
        }
        if is_uri(self.options.license):
            yield {"@id": self.options.license, "@type": "CreativeWork", "name": self.options.license}
        for uri, (name, version) in PROFILES.items():
            yield {"@id": uri, "@type": "CreativeWork", "name": name, "version": version}
        agent = self.provenance.agent
        yield {
            "@id": self.agent,
            "@type": "Organization",
            "name": agent.name,
            **({"url": agent.uri} if agent.uri else {}),
        }
        yield {
            "@id": _CWL,
            "@type": "ComputerLanguage",
            "name": "Common Workflow Language",
            "alternateName": "CWL",
            "identifier": ref("https://w3id.org/cwl/"),
            "url": ref("https://www.commonwl.org/"),
        }
        yield {
            "@id": _ENGINE,
            "@type": "SoftwareApplication",
            "name": "CHRONOS",
            "softwareVersion": self.provenance.engine_version or "unknown",
            "url": "https://airflow.apache.org",
        }

    # -- what can be run -----------------------------------------------------------------------

    def _workflow_entities(self) -> Iterable[Entity]:
        main = self.provenance.main
        jobs = {job_key(run.job): run.job for run in self.provenance.parts}
        steps = [job for job in jobs.values() if job.workflow == main.job.workflow]
        workflow = next(
            (r.job for r in self.provenance.workflows if r.job.workflow == main.job.workflow), None
        )
        yield {
            "@id": self.workflow,
            "@type": ["File", "SoftwareSourceCode", "ComputationalWorkflow", "HowTo"],
            "name": main.job.workflow or main.job.name,
            "conformsTo": ref("https://bioschemas.org/profiles/ComputationalWorkflow/1.0-RELEASE"),
            "programmingLanguage": ref(_CWL),
            "encodingFormat": "application/cwl",
            "version": (workflow or main.job).version or "unknown",
            "input": self.parameters.of(self.workflow, Direction.INPUT),
            "output": self.parameters.of(self.workflow, Direction.OUTPUT),
            "hasPart": [ref(tool_id(job)) for job in jobs.values()],
            "step": [ref(step_id(job)) for job in steps],
        }
        for name in list(self.provenance.documents)[1:]:
            yield {
                "@id": f"{WORKFLOW}/{name}",
                "@type": "File",
                "name": name,
                "encodingFormat": format_of(name),
            }
        for job in jobs.values():
            yield self._tool(job)
        for position, job in enumerate(steps):
            yield {
                "@id": step_id(job),
                "@type": "HowToStep",
                "name": job.step or job.name,
                "position": str(position),
                "workExample": ref(tool_id(job)),
            }
        for image in dict.fromkeys(job.image for job in jobs.values() if job.image):
            yield image_entity(image)

    def _tool(self, job: Job) -> Entity:
        identity = tool_id(job)
        return {
            "@id": identity,
            "@type": "SoftwareApplication",
            "name": job.name,
            "softwareVersion": job.version or "unknown",
            "input": self.parameters.of(identity, Direction.INPUT),
            "output": self.parameters.of(identity, Direction.OUTPUT),
        }

    # -- what ran ------------------------------------------------------------------------------

    def _action(self, run: Run) -> None:
        job, main = run.job, self.provenance.main.job
        if job.kind is not JobKind.WORKFLOW:
            instrument = tool_id(job)
        elif job.workflow == main.workflow:
            instrument = self.workflow
        else:
            # Another workflow, which has a part in the product: its steps' runs say what it did.
            return
        objects, results = self._values(run, instrument), self._files(run, instrument, Direction.OUTPUT)
        action: Entity = {
            "@id": f"#{run.id}",
            "@type": "CreateAction",
            "name": f"Run of {job.name}",
            "description": described(run),
            "startTime": run.started.isoformat(),
            "instrument": ref(instrument),
            "agent": ref(self.agent),
            "actionStatus": _STATUS[run.state],
            "object": [*self._files(run, instrument, Direction.INPUT), *objects],
            "result": results,
        }
        if run.ended is not None:
            action["endTime"] = run.ended.isoformat()
        if run.error and run.state in (RunState.FAIL, RunState.ABORT):
            action["error"] = run.error
        if job.image:
            action["containerImage"] = ref(image_id(job.image))
        if usage := self._usage(run):
            action["resourceUsage"] = usage
        self.actions.append(action)
        if job.kind is not JobKind.WORKFLOW and job.workflow == main.workflow:
            self._control(run)

    def _control(self, run: Run) -> None:
        self.controls.append(
            {
                "@id": f"#control-{run.id}",
                "@type": "ControlAction",
                "name": f"Execution of step {run.job.step or run.job.name}",
                "instrument": ref(step_id(run.job)),
                "object": ref(f"#{run.id}"),
            }
        )

    def _organised(self) -> None:
        whole = [run for run in self.provenance.workflows if f"#{run.id}" in {a["@id"] for a in self.actions}]
        if not whole or not self.controls:
            return
        engine: Entity = {
            "@id": f"#organize-{whole[0].id}",
            "@type": "OrganizeAction",
            "name": f"CHRONOS runs {whole[0].job.name}",
            "instrument": ref(_ENGINE),
            "agent": ref(self.agent),
            "object": [ref(control["@id"]) for control in self.controls],
            "result": ref(f"#{whole[0].id}"),
            "startTime": whole[0].started.isoformat(),
        }
        self.controls.append(engine)

    def _files(self, run: Run, instrument: str, direction: Direction) -> list[Entity]:
        found = {}
        for link in run.links or ():
            if link.direction is not direction:
                continue
            place = self.places[dataset_key(link.dataset)]
            if link.port:
                self.parameters.add(instrument, direction, link.port, place, kind_of_place(place))
            found[place] = ref(place)
        return list(found.values())

    def _values(self, run: Run, instrument: str) -> list[Entity]:
        found = []
        for port, value in parameters_of(run).items():
            identity = f"#value-{run.id}/{port}"
            text = value if isinstance(value, str) else json.dumps(value, sort_keys=True, default=str)
            self.values[identity] = {"@id": identity, "@type": "PropertyValue", "name": port, "value": text}
            self.parameters.add(instrument, Direction.INPUT, port, identity, kind_of_value(value))
            found.append(ref(identity))
        return found

    def _usage(self, run: Run) -> list[Entity]:
        measured = {
            "cpu_seconds": (run.usage.cpu_seconds, "https://qudt.org/vocab/unit/SEC"),
            "max_rss_bytes": (run.usage.max_rss_bytes, "https://qudt.org/vocab/unit/BYTE"),
            "wait_seconds": (run.usage.wait_seconds, "https://qudt.org/vocab/unit/SEC"),
        }
        found = []
        for name, (value, unit) in measured.items():
            if value is None:
                continue
            identity = f"#usage-{run.id}/{name}"
            self.values[identity] = {
                "@id": identity,
                "@type": "PropertyValue",
                "name": name,
                "propertyID": f"https://w3id.org/ro/terms/workflow-run#{name}",
                "unitCode": unit,
                "value": str(value),
            }
            found.append(ref(identity))
        return found

    def _file(self, key: str, dataset: Dataset) -> Entity:
        place = self.places[key]
        entity: Entity = {
            "@id": place,
            "@type": kind_of_place(place),
            "name": dataset.name or place,
            **self.parameters.examples(place),
        }
        if dataset.size is not None:
            entity["contentSize"] = str(dataset.size)
        if not place.endswith("/"):
            entity["encodingFormat"] = format_of(dataset.name)
        algorithm, _, value = dataset.checksum.partition("$")
        if value and algorithm in _SHORTENED:
            entity[_SHORTENED[algorithm]] = value
        if dataset.type:
            entity["additionalType"] = dataset.type
        if place in self.options.copied.values():
            entity["identifier"] = dataset.location
        return entity
