"""Small parts of a crate's metadata."""

from __future__ import annotations

import mimetypes
from collections.abc import Iterable, Mapping
from typing import Any

from chronos_plugin.exporters.provenance import Provenance, job_key
from chronos_plugin.lineage.model import Job, Run

Entity = dict[str, Any]
METADATA = "ro-crate-metadata.json"


def compact(entity: Entity) -> Entity:
    """Return an entity as RO-Crate wants it: a single value without a list, and no empty list."""
    found = {}
    for name, value in entity.items():
        if isinstance(value, list):
            if not value:
                continue
            value = value[0] if len(value) == 1 else value
        found[name] = value
    return found


def is_uri(text: str) -> bool:
    """Return whether a text is an address on the web."""
    return text.startswith(("http://", "https://"))


def ref(identity: str) -> Entity:
    """Return a reference to an entity."""
    return {"@id": identity}


def descriptor() -> Iterable[Entity]:
    """Return the entity of the metadata file itself."""
    yield {
        "@id": METADATA,
        "@type": "CreativeWork",
        "about": ref("./"),
        "conformsTo": [
            ref("https://w3id.org/ro/crate/1.1"),
            ref("https://w3id.org/workflowhub/workflow-ro-crate/1.0"),
        ],
    }


def places_of(provenance: Provenance, copied: Mapping[str, str]) -> dict[str, str]:
    """Return the ids of files: their places in the crate, or URIs, told apart where versions share one."""
    found: dict[str, str] = {}
    taken: dict[str, str] = {}
    for key, dataset in provenance.datasets().items():
        place = copied.get(key) or dataset.location.replace(" ", "%20")
        if taken.setdefault(place, key) != key:
            place = f"{place}#{key}"
        found[key] = place
    return found


def kind_of_place(place: str) -> str:
    """Return RO-Crate's type of what lies at a place."""
    return "Dataset" if place.endswith("/") else "File"


def kind_of_value(value: Any) -> str:
    """Return RO-Crate's type of a parameter's value."""
    if isinstance(value, bool):
        return "Boolean"
    return {int: "Integer", float: "Float", str: "Text"}.get(type(value), "PropertyValue")


def tool_id(job: Job) -> str:
    """Return the id of a job's tool."""
    return f"#tool-{job_key(job)}"


def step_id(job: Job) -> str:
    """Return the id of a job's step."""
    return f"#step-{job_key(job)}"


def image_id(image: str) -> str:
    """Return the id of a container image."""
    return f"#image-{image.replace(' ', '%20')}"


def image_entity(image: str) -> Entity:
    """Return the entity of a container image."""
    repository, _, digest = image.partition("@")
    head, slash, last = repository.rpartition("/")
    name, _, tag = last.partition(":")
    host, _, rest = head.partition("/")
    # As container engines read it: the first part names a registry where it looks like a host.
    named = "." in host or ":" in host or host == "localhost"
    entity = {
        "@id": image_id(image),
        "@type": "ContainerImage",
        "additionalType": ref("https://w3id.org/ro/terms/workflow-run#DockerImage"),
        "registry": host if named else "docker.io",
        "name": "/".join(part for part in ((rest if named else head) if slash else "", name) if part),
        "tag": tag or "latest",
    }
    if digest.startswith("sha256:"):
        entity["sha256"] = digest.removeprefix("sha256:")
    return entity


def described(run: Run) -> str:
    """Return in words how a run went."""
    where = f" on {run.node}" if run.node else ""
    element = f", element {run.element}" if run.element else ""
    return f"{run.state.name.lower()} on target {run.target}{where}, try {run.attempt}{element}"


def format_of(name: str) -> str:
    """Return the media type of a file, by its name."""
    if name.endswith(".cwl"):
        return "application/cwl"
    if name.endswith((".nc", ".nc4")):
        return "application/x-netcdf"
    return mimetypes.guess_type(name)[0] or "application/octet-stream"
