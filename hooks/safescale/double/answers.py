"""What the double's answers have in common."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from chronos_plugin.errors import InputInvalid
from chronos_plugin.execution.cloud.sizing import parse
from chronos_plugin.hooks.safescale.double.cloud import (
    PASSWORD,
    PRIVATE_KEY,
    Call,
    Cloud,
    Item,
    Refusal,
    Tenant,
)

TEMPLATES: tuple[dict[str, Any], ...] = (
    {"id": "t1", "name": "s1.small", "cores": 1, "ram": 2, "disk": 20},
    {"id": "t2", "name": "s1.large", "cores": 4, "ram": 16, "disk": 100},
    {"id": "t3", "name": "g1.large", "cores": 8, "ram": 64, "disk": 400, "gpu_count": 1, "gpu_type": "any"},
)


@dataclass
class Answers:
    """Answers of the service; a method returns the fields of its answer."""

    cloud: Cloud

    def _make(self, tenant: Tenant, kind: str, name: str, call: Call, **values: Any) -> dict[str, Any]:
        item = self.cloud.add(tenant, kind, name, "", **values)
        with self.cloud.rolled_back(tenant, (kind, lambda: [name])):
            call.wait(self.cloud.latency.other)
        self.cloud.made(kind, item, "")
        return self._plain(item)

    def _delete(self, tenant: Tenant, kind: str, name: str, call: Call) -> dict[str, Any]:
        call.wait(self.cloud.latency.delete)
        self.cloud.remove(tenant, kind, name)
        return {}

    def _switch(self, item: Item, call: Call, passing: str, final: str) -> dict[str, Any]:
        item.state = passing
        call.wait(self.cloud.latency.other)
        item.state = final
        return {}

    def _part(self, tenant: Tenant, cluster: Item, role: str) -> Item:
        cluster.values["made"] += 1
        name = f"{cluster.name}-{role}-{cluster.values['made']}"
        return self.cloud.add_host(tenant, name, owner=cluster.name)

    def _parts(self, tenant: Tenant, cluster: str) -> list[str]:
        return [host.name for host in list(tenant.host.values()) if host.owner == cluster]

    def _role(self, tenant: Tenant, cluster: str, role: str) -> list[Item]:
        names = [name for name in self._parts(tenant, cluster) if name.startswith(f"{cluster}-{role}-")]
        return [tenant.host[name] for name in names]

    def _members(self, tenant: Tenant, cluster: str, role: str) -> list[dict[str, Any]]:
        """Return what a cluster says of its hosts: those that are complete, and not how they are."""
        hosts = [host for host in self._role(tenant, cluster, role) if host.complete]
        return [{"id": host.id, "name": host.name, "private_ip": "10.0.0.1"} for host in hosts]

    def _host(self, host: Item) -> dict[str, Any]:
        return {
            "id": host.id,
            "name": host.name,
            "cpu": 2,
            "ram": 4.0,
            "state": host.state,
            "private_ip": "10.0.0.1",
            "private_key": PRIVATE_KEY,
            "password": PASSWORD,
            "managed": True,
            "labels": [{"name": name, "value": value} for name, value in host.labels.items()],
            "kvs": [{"key": "admin_password", "value": PASSWORD}, {"key": "zone", "value": "a"}],
        }

    def _cluster(self, tenant: Tenant, cluster: Item) -> dict[str, Any]:
        identity = {
            "name": cluster.name,
            "complexity": cluster.values["complexity"],
            "flavor": cluster.values["flavor"],
            "admin_password": PASSWORD,
            "private_key": PRIVATE_KEY,
        }
        return {
            "identity": identity,
            "state": cluster.state,
            "masters": self._members(tenant, cluster.name, "master"),
            "nodes": self._members(tenant, cluster.name, "node"),
            "defaults": {"node_sizing": {"min_cpu_count": 2}, "Image": "Ubuntu 20.04"},
        }

    @staticmethod
    def _plain(item: Item) -> dict[str, Any]:
        return {"id": item.id, "name": item.name, **item.values}

    @staticmethod
    def _mount(share: Item, host: str) -> dict[str, Any]:
        return {
            "host": {"name": host},
            "share": {"name": share.name},
            "path": share.labels[host],
            "type": "nfs",
        }

    @staticmethod
    def _feature_target(request: Any, tenant: Tenant) -> Item:
        return tenant.named("host" if request.target_type == 1 else "cluster", request.target_ref)

    @staticmethod
    def _machine(host: Item) -> Any:
        if host.state != "HS_STARTED" or host.machine is None:
            raise Refusal("UNAVAILABLE", f"host '{host.name}' is not started")
        return host.machine

    @staticmethod
    def _parsed(sizing: str, *, count: bool = False) -> Any:
        try:
            return parse(sizing, count=count)
        except InputInvalid as error:
            # As the service does: its syntax errors come back as INTERNAL.
            raise Refusal("INTERNAL", f"syntax error: '{sizing}' is invalid: {error}") from error

    def _matching(self, sizing: str) -> list[dict[str, Any]]:
        fits = [dict(template) for template in TEMPLATES]
        for part in self._parsed(sizing):
            if part.name == "template":
                fits = [t for t in fits if t["name"] == part.value]
                continue
            low = float(re.split(r"[\[-]", part.value)[1] if part.value.startswith("[") else part.value)
            name = {"cpu": "cores", "gpu": "gpu_count"}.get(part.name, part.name)
            if name != "cpufreq" and part.operator not in ("<", "<="):
                fits = [t for t in fits if float(t.get(name, 0)) >= low]
        return fits

    def _template(self, sizing: str) -> None:
        if not self._matching(sizing):
            raise Refusal("NOT_FOUND", f"failed to find template matching '{sizing}'")


@dataclass(frozen=True)
class ByName:
    """A reference by name, where a request has only that."""

    name: str
    id: str = ""
