"""The cloud as the agent sees it: resources with states, made of what a SafeScale service answers."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from chronos_plugin.errors import CloudFailed
from chronos_plugin.execution.cloud.model import CommandResult, Resource
from chronos_plugin.execution.cloud.sizing import normal
from chronos_plugin.hooks.safescale.client import SafeScaleClient
from chronos_plugin.hooks.safescale.kinds import (
    KINDS,
    SIZINGS,
    Kind,
    check_spec,
    kind_of,
    request_fields,
    verb_of,
)
from chronos_plugin.hooks.safescale.secrets import hide_keys

SSH_SECONDS = 170.0
"""The service ends a command after 150 seconds by itself."""

_PATH_ON_HOST = re.compile(r"[\w.-]+:.+", re.S)


@dataclass(frozen=True)
class SafeScaleCloud:
    """One tenant; follows :class:`~chronos_plugin.execution.cloud.model.Cloud`."""

    client: SafeScaleClient

    async def inspect(self, kind: str, name: str, spec: Mapping[str, Any] | None = None) -> Resource | None:
        """Return a resource, None if there is none; a feature is looked for where ``spec`` says."""
        described = kind_of(kind)
        try:
            if kind == "feature":
                where = {word: (spec or {}).get(word) for word in ("on", "on_kind")}
                await self.client.call(described.service, "Check", request_fields(kind, "check", name, where))
                return Resource(kind, name)
            answer = await self.client.call(
                described.service, described.inspect.method, {described.inspect.name: name}
            )
        except CloudFailed as error:
            if error.reason == "absent":
                return None
            raise
        found = _resource(kind, described, answer, name)
        return await self._with_nodes(found) if kind == "cluster" and found.state != "pending" else found

    async def list(self, kind: str) -> Sequence[Resource]:
        """Return the resources of a kind; none where the service does not know the kind.

        Raises:
            CloudFailed: If the service fails.
        """
        described = kind_of(kind)
        if kind == "feature" or not (await self.client.interface()).offers(described.service, "List"):
            return []
        answer = await self.client.call(described.service, "List")
        found = [_resource(kind, described, one) for one in answer.get(described.listed, ())]
        if kind == "cluster":
            # The list has names only.
            inspected = [await self.inspect(kind, resource.name) for resource in found]
            found = [resource for resource in inspected if resource is not None]
        return [resource for resource in found if resource.name]

    async def perform(
        self, kind: str, verb: str, name: str, spec: Mapping[str, Any], seconds: float | None = None
    ) -> Mapping[str, Any]:
        """Do it and wait until it is done.

        Args:
            kind: One of :data:`~chronos_plugin.hooks.safescale.kinds.KINDS`.
            verb: One of the kind's.
            name: Of the resource.
            spec: What is asked for, in the kind's words.
            seconds: Deadline; default and upper bound: the verb's own.

        Raises:
            InputInvalid: If the specification is wrong; nothing was sent.
            CloudFailed: If the service fails.
        """
        known = verb_of(kind, verb)
        fields = request_fields(kind, verb, name, spec)
        limit = min(seconds, known.seconds) if seconds else known.seconds
        return await self.client.call(kind_of(kind).service, known.method, fields, seconds=limit)

    async def run(self, host: str, command: str, seconds: float | None = None) -> CommandResult:
        """Run a shell command on a host; the service may run it twice, and ends it after 150 seconds."""
        fields = {"host.name": host, "command": command}
        answer = await self.client.call("SshService", "Run", fields, seconds=seconds or SSH_SECONDS)
        return _result(answer)

    async def copy(self, spec: Mapping[str, Any]) -> CommandResult:
        """Copy between a host (``host:/path``) and the machine of the service itself."""
        fields = {word: spec[word] for word in ("source", "destination", "owner", "mode") if spec.get(word)}
        sides = [
            bool(_PATH_ON_HOST.fullmatch(str(fields.get(side, "")))) for side in ("source", "destination")
        ]
        if sides.count(True) != 1:
            raise CloudFailed("copy: one of source and destination must be host:/path", reason="invalid")
        return _result(await self.client.call("SshService", "Copy", fields, seconds=SSH_SECONDS))

    async def mark(self, host: str, labels: Mapping[str, str]) -> bool:
        """Bind labels to a host; return False where the service knows no labels (v21.11)."""
        if not await self.knows_labels():
            return False
        seen = await self.inspect("host", host)
        bound = seen.labels if seen is not None else {}
        for name, value in labels.items():
            if bound.get(name) != value:
                await self._bind(host, name, value, again=name in bound)
        return True

    async def knows_labels(self) -> bool:
        """Return whether the service has labels for hosts."""
        interface = await self.client.interface()
        return interface.offers("LabelService", "Create") and interface.offers("HostService", "BindLabel")

    async def match(self, sizing: str) -> Sequence[Mapping[str, Any]]:
        """Return the templates that a sizing fits; nothing is made.

        Raises:
            InputInvalid: If the sizing is wrong.
        """
        fields = {"sizing": normal(sizing)}
        try:
            answer = await self.client.call("TemplateService", "Match", fields)
        except CloudFailed as error:
            if error.reason == "absent":
                return []
            raise
        return tuple(answer.get("templates", ()))

    async def check(self, kind: str, verb: str, name: str, spec: Mapping[str, Any]) -> None:
        """Check a specification before anything is made: its words, and that templates fit its sizings.

        Raises:
            InputInvalid: If a word or a sizing is wrong.
            CloudFailed: If no template fits a sizing (reason ``invalid``), or the service fails.
        """
        check_spec(kind, verb, name, spec)
        for word in SIZINGS:
            if text := spec.get(word):
                parts = [part for part in str(text).split(",") if not part.strip().startswith("count")]
                if parts and not await self.match(",".join(parts)):
                    raise CloudFailed(f"{word}: no template of this cloud fits {text}", reason="invalid")

    async def _with_nodes(self, cluster: Resource) -> Resource:
        """Add the states of a cluster's nodes, which only the list of hosts tells, and hosts on their way."""
        hosts = {host.name: host for host in await self.list("host")}
        nodes = tuple(hosts.get(node.name, replace(node, state="absent")) for node in cluster.nodes)
        known = {node.name for node in nodes}
        strays = [name for name in hosts if name.startswith(f"{cluster.name}-node-") and name not in known]
        return replace(cluster, nodes=nodes, strays=tuple(sorted(strays)))

    async def _bind(self, host: str, name: str, value: str, *, again: bool) -> None:
        fields = {"label.name": name, "host.name": host, "value": value}
        if again:
            # Binding a label a second time succeeds and changes nothing.
            await self.client.call("HostService", "UpdateLabel", fields)
            return
        try:
            # Without a default value it would be a tag, which has no value.
            label = {"name": name, "has_default": True, "default_value": "-"}
            await self.client.call("LabelService", "Create", label)
        except CloudFailed as error:
            if error.reason != "exists":
                raise
        await self.client.call("HostService", "BindLabel", fields)


def _resource(kind: str, described: Kind, answer: Mapping[str, Any], name: str = "") -> Resource:
    head = answer.get(described.name_in, answer) if described.name_in else answer
    native = str(answer.get("state", ""))
    if kind == "host" and not native:
        native = "HS_STOPPED"  # number 0 of the states, which the wire leaves out
    state = described.states.get(native, "pending") if described.states else "ready"
    labels = {str(one.get("name")): str(one.get("value", "")) for one in answer.get("labels", ())}
    nodes = answer.get("nodes", ()) if kind == "cluster" else ()
    return Resource(
        kind=kind,
        name=str(head.get("name", name)),
        id=str(head.get("id", "")),
        state=state,
        native_state=native,
        labels=labels if kind == "host" else {},
        nodes=tuple(_resource("host", KINDS["host"], node) for node in nodes),
        facts={
            word: value for word, value in answer.items() if word not in ("name", "id", "state", "labels")
        },
    )


def _result(answer: Mapping[str, Any]) -> CommandResult:
    return CommandResult(
        status=int(answer.get("status", 0)),
        output=hide_keys(str(answer.get("output_std", ""))),
        errors=hide_keys(str(answer.get("output_err", ""))),
    )
