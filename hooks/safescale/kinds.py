"""SafeScale's kinds of resources and what can be done with each: one table for hook, operators and agent."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from chronos_plugin.errors import InputInvalid

Path = str | tuple[str, ...]
"""A field of a request; of several the first that the server has."""

MINUTE = 60.0


@dataclass(frozen=True)
class Verb:
    """One thing to do with a resource.

    Attributes:
        method: Of the kind's service.
        name: The request's field for the resource's name.
        fields: The request's fields for the words of a specification.
        needs: Words that a specification must have.
        seconds: That the call may take.
    """

    method: str
    name: Path = "name"
    fields: Mapping[str, Path] = field(default_factory=dict)
    needs: tuple[str, ...] = ()
    seconds: float = 10 * MINUTE


@dataclass(frozen=True)
class Kind:
    """A kind of resource.

    Attributes:
        service: The gRPC service.
        verbs: What can be done, by CHRONOS's word for it.
        listed: The answer's field that holds the list.
        inspect: How one is asked for.
        name_in: Where a listed or inspected message holds name and id.
        states: From the service's states to ``pending``, ``ready``, ``stopped``, ``failed``, ``absent``.
    """

    service: str
    verbs: Mapping[str, Verb]
    listed: str
    inspect: Verb = field(default_factory=lambda: Verb("Inspect"))
    name_in: str = ""
    states: Mapping[str, str] = field(default_factory=dict)


_HOST_STATES = {
    "HS_STARTED": "ready",
    "HS_STOPPED": "stopped",
    "HS_STARTING": "pending",
    "HS_STOPPING": "pending",
    "HS_UNKNOWN": "pending",
    "HS_ANY": "pending",
    "HS_ERROR": "failed",
    "HS_FAILED": "failed",
    "HS_TERMINATED": "absent",
    "HS_DELETED": "absent",
}
_CLUSTER_STATES = {
    "CS_NOMINAL": "ready",
    "CS_DEGRADED": "ready",
    "CS_STOPPED": "stopped",
    "CS_UNKNOWN": "pending",
    "CS_INITIALIZING": "pending",
    "CS_CREATED": "pending",
    "CS_CREATING": "pending",
    "CS_STOPPING": "pending",
    "CS_STARTING": "pending",
    "CS_ERROR": "failed",
    "CS_REMOVED": "absent",
}
_FEATURE_FIELDS: dict[str, Path] = {
    "on": "target_ref.name",
    "on_kind": "target_type",
    "variables": "variables",
}

KINDS: dict[str, Kind] = {
    "host": Kind(
        service="HostService",
        listed="hosts",
        states=_HOST_STATES,
        verbs={
            "create": Verb(
                "Create",
                fields={
                    "sizing": "sizing_as_string",
                    "image": "image_id",
                    "network": "network",
                    "subnets": "subnets",
                    "public": "public",
                    "single": "single",
                    "domain": "domain",
                    "ssh_port": "ssh_port",
                    "keep_on_failure": "keep_on_failure",
                },
                needs=("sizing",),
                seconds=20 * MINUTE,
            ),
            "delete": Verb("Delete", fields={"force": "force"}, seconds=20 * MINUTE),
            "start": Verb("Start"),
            "stop": Verb("Stop"),
        },
    ),
    "cluster": Kind(
        service="ClusterService",
        listed="clusters",
        name_in="identity",
        states=_CLUSTER_STATES,
        verbs={
            "create": Verb(
                "Create",
                fields={
                    "flavor": "flavor",
                    "complexity": "complexity",
                    "cidr": "cidr",
                    "image": "os",
                    "sizing": "global_sizing",
                    "gateway_sizing": "gateway_sizing",
                    "master_sizing": "master_sizing",
                    "node_sizing": "node_sizing",
                    "domain": "domain",
                    "disabled_features": "disabled",
                    "parameters": "parameters",
                    "force": "force",
                    "keep_on_failure": "keep_on_failure",
                },
                needs=("flavor", "complexity"),
                seconds=90 * MINUTE,
            ),
            "delete": Verb("Delete", fields={"force": "force"}, seconds=30 * MINUTE),
            "start": Verb("Start", seconds=30 * MINUTE),
            "stop": Verb("Stop", seconds=30 * MINUTE),
            # The service refuses an empty node_sizing: it is repeated each time.
            "expand": Verb(
                "Expand",
                fields={"count": "count", "node_sizing": "node_sizing", "image": "image_id"},
                needs=("count", "node_sizing"),
                seconds=45 * MINUTE,
            ),
            "shrink": Verb("Shrink", fields={"count": "count"}, needs=("count",), seconds=30 * MINUTE),
            "delete-node": Verb(
                "DeleteNode", fields={"node": "host.name"}, needs=("node",), seconds=20 * MINUTE
            ),
        },
    ),
    "volume": Kind(
        service="VolumeService",
        listed="volumes",
        verbs={
            "create": Verb("Create", fields={"speed": "speed", "size": "size"}, needs=("size",)),
            "delete": Verb("Delete", fields={"force": "force"}),
            "attach": Verb(
                "Attach",
                name="volume.name",
                fields={
                    "host": "host.name",
                    "mount_path": "mount_path",
                    "format": "format",
                    "do_not_format": "do_not_format",
                },
                needs=("host",),
            ),
            "detach": Verb("Detach", name="volume.name", fields={"host": "host.name"}, needs=("host",)),
        },
    ),
    "share": Kind(
        service="ShareService",
        listed="share_list",
        name_in="share",
        verbs={
            "create": Verb(
                "Create",
                fields={"host": "host.name", "path": "path", "type": "type", "options": "options_as_string"},
                needs=("host", "path"),
            ),
            "delete": Verb("Delete", fields={"force": "force"}),
            "mount": Verb(
                "Mount",
                name="share.name",
                fields={"host": "host.name", "path": "path", "with_cache": "with_cache"},
                needs=("host", "path"),
            ),
            "unmount": Verb("Unmount", name="share.name", fields={"host": "host.name"}, needs=("host",)),
        },
    ),
    "network": Kind(
        service="NetworkService",
        listed="networks",
        verbs={
            "create": Verb(
                "Create",
                fields={
                    "cidr": "cidr",
                    "dns_servers": "dns_servers",
                    "no_subnet": "no_subnet",
                    "domain": "domain",
                    "sizing": "gateway.sizing_as_string",
                    "image": "gateway.image_id",
                    "keep_on_failure": "keep_on_failure",
                },
                seconds=20 * MINUTE,
            ),
            "delete": Verb("Delete", name=("network.name", "name"), seconds=20 * MINUTE),
        },
    ),
    "label": Kind(
        service="LabelService",
        listed="labels",
        inspect=Verb("Inspect", name="Label.name"),
        verbs={
            "create": Verb("Create", fields={"has_default": "has_default", "default_value": "default_value"}),
            "delete": Verb("Delete", name="Label.name", fields={"force": "force"}),
        },
    ),
    "feature": Kind(
        service="FeatureService",
        listed="features",
        verbs={
            "add": Verb("Add", fields=_FEATURE_FIELDS, needs=("on", "on_kind"), seconds=30 * MINUTE),
            "remove": Verb("Remove", fields=_FEATURE_FIELDS, needs=("on", "on_kind"), seconds=30 * MINUTE),
            "check": Verb("Check", fields=_FEATURE_FIELDS, needs=("on", "on_kind")),
        },
    ),
}

SIZINGS = ("sizing", "gateway_sizing", "master_sizing", "node_sizing")


def kind_of(name: str) -> Kind:
    """Return a kind by its name.

    Raises:
        InputInvalid: If there is none.
    """
    if name not in KINDS:
        raise InputInvalid(f"SafeScale has no kind of resource {name!r}; write one of {', '.join(KINDS)}")
    return KINDS[name]


def verb_of(kind: str, verb: str) -> Verb:
    """Return what ``verb`` means for ``kind``.

    Raises:
        InputInvalid: If there is no such kind, or no such verb for it.
    """
    verbs = kind_of(kind).verbs
    if verb not in verbs:
        raise InputInvalid(f"a {kind} cannot {verb}; it can {', '.join(verbs)}")
    return verbs[verb]


def check_spec(kind: str, verb: str, name: str, spec: Mapping[str, Any]) -> None:
    """Check what is asked of the agent: the words of the call, and the agent's own ``adopt`` and ``nodes``.

    Raises:
        InputInvalid: As :func:`request_fields`.
    """
    words = {word: value for word, value in spec.items() if word not in ("adopt", "nodes")}
    if verb in ("expand", "shrink") and "nodes" in spec:
        words["count"] = 1  # the agent counts what is missing
    request_fields(kind, verb, name, words)


def request_fields(kind: str, verb: str, name: str, spec: Mapping[str, Any]) -> dict[Path, Any]:
    """Return the request's fields for a specification.

    Raises:
        InputInvalid: If a word of the specification is unknown, missing, or a sizing is wrong.
    """
    from chronos_plugin.execution.cloud.sizing import normal

    known = verb_of(kind, verb)
    if unknown := sorted(set(spec) - set(known.fields)):
        raise InputInvalid(
            f"{verb} of a {kind}: unknown {unknown[0]!r}; it takes {', '.join(known.fields) or 'nothing'}"
        )
    if missing := [word for word in known.needs if spec.get(word) in (None, "")]:
        raise InputInvalid(f"{verb} of {kind} {name}: {missing[0]!r} is needed")
    result: dict[Path, Any] = {known.name: name}
    for word, value in spec.items():
        if value is None or value == "":
            continue
        if word in SIZINGS:
            value = normal(str(value), count=kind == "cluster" and word == "node_sizing" and verb == "create")
        result[known.fields[word]] = value
    return result
