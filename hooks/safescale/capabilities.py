"""What a service can do of all that CHRONOS uses, asked without changing anything."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from chronos_plugin.errors import CloudFailed
from chronos_plugin.hooks.safescale.kinds import KINDS, Verb

if TYPE_CHECKING:
    from chronos_plugin.hooks.safescale.cloud import SafeScaleCloud
    from chronos_plugin.hooks.safescale.reflection import Interface

_ALSO = (
    ("SshService", "Run"),
    ("SshService", "Copy"),
    ("TemplateService", "Match"),
    ("TenantService", "List"),
    ("HostService", "BindLabel"),
    ("HostService", "UpdateLabel"),
)


@dataclass(frozen=True)
class Capabilities:
    """What a service can do.

    Attributes:
        tenants: Names of its tenants.
        hosts: How many hosts the connection's tenant has.
        lacks: What CHRONOS uses and the service does not know: methods, and fields of requests.
    """

    tenants: tuple[str, ...]
    hosts: int
    lacks: tuple[str, ...]


async def examine(cloud: SafeScaleCloud) -> Capabilities:
    """Ask a service.

    Raises:
        CloudFailed: If it does not answer, or not for the tenant.
    """
    interface = await cloud.client.interface()
    tenants = await cloud.client.call("TenantService", "List")
    return Capabilities(
        tenants=tuple(str(tenant.get("name")) for tenant in tenants.get("tenants", ())),
        hosts=len(await cloud.list("host")),
        lacks=tuple(_lacks(interface)),
    )


def _lacks(interface: Interface) -> Iterator[str]:
    for kind in KINDS.values():
        for verb in (kind.inspect, *kind.verbs.values()):
            if kind.service == "FeatureService" and verb is kind.inspect:
                continue  # features are asked for by Check
            yield from _lacks_of(interface, kind.service, verb)
    for service, method in _ALSO:
        if not interface.offers(service, method):
            yield f"{service}.{method}"


def _lacks_of(interface: Interface, service: str, verb: Verb) -> Iterator[str]:
    try:
        described = interface.method(service, verb.method).input_type
    except CloudFailed:
        yield f"{service}.{verb.method}"
        return
    for path in (verb.name, *verb.fields.values()):
        alternatives: tuple[str, ...] = (path,) if isinstance(path, str) else path
        if not any(_has(described, one) for one in alternatives):
            yield f"{service}.{verb.method}: field {alternatives[0]}"


def _has(described: Any, path: str) -> bool:
    first, _, rest = path.partition(".")
    field = described.fields_by_name.get(first)
    if field is None:
        return False
    return not rest or (field.message_type is not None and _has(field.message_type, rest))
