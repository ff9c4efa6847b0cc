"""What the double's methods do, by service and method in small letters."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from chronos_plugin.errors import InputInvalid
from chronos_plugin.hooks.safescale.double.cloud import (
    MINIMUM,
    PASSWORD,
    PRIVATE_KEY,
    Call,
    Cloud,
    Item,
    Refusal,
    Tenant,
)
from chronos_plugin.hooks.safescale.sizing import parse

TEMPLATES = (
    {"id": "t1", "name": "s1.small", "cores": 1, "ram": 2, "disk": 20},
    {"id": "t2", "name": "s1.large", "cores": 4, "ram": 16, "disk": 100},
    {"id": "t3", "name": "g1.large", "cores": 8, "ram": 64, "disk": 400, "gpu_count": 1, "gpu_type": "any"},
)
_SPEEDS = ("VS_COLD", "VS_HDD", "VS_SSD")


@dataclass
class Services:
    """Answers of the service; a method returns the fields of its answer."""

    cloud: Cloud

    # -- hosts

    def host_create(self, request: Any, tenant: Tenant, call: Call) -> dict[str, Any]:
        self._template(request.sizing_as_string)
        host = self.cloud.add_host(tenant, request.name)
        with self.cloud.rolled_back(tenant, ("host", lambda: [request.name])):
            call.wait(self.cloud.latency.host)
        self.cloud.made("host", host, "HS_STARTED")
        return self._host(host)

    def host_inspect(self, request: Any, tenant: Tenant, _: Call) -> dict[str, Any]:
        return self._host(tenant.named("host", request))

    def host_status(self, request: Any, tenant: Tenant, _: Call) -> dict[str, Any]:
        host = tenant.named("host", request)
        return {"name": host.name, "status": host.state}

    def host_list(self, _: Any, tenant: Tenant, __: Call) -> dict[str, Any]:
        return {"hosts": [self._host(host) for host in list(tenant.host.values())]}

    def host_delete(self, request: Any, tenant: Tenant, call: Call) -> dict[str, Any]:
        host = tenant.named("host", request)
        if host.owner:
            raise Refusal("FAILED_PRECONDITION", f"host '{host.name}' is part of cluster '{host.owner}'")
        return self._delete(tenant, "host", host.name, call)

    def host_start(self, request: Any, tenant: Tenant, call: Call) -> dict[str, Any]:
        return self._switch(tenant.named("host", request), call, "HS_STARTING", "HS_STARTED")

    def host_stop(self, request: Any, tenant: Tenant, call: Call) -> dict[str, Any]:
        host = tenant.named("host", request)
        if host.machine:
            host.machine.kill()
        return self._switch(host, call, "HS_STOPPING", "HS_STOPPED")

    def host_ssh(self, request: Any, tenant: Tenant, _: Call) -> dict[str, Any]:
        host = tenant.named("host", request)
        return {"user": "safescale", "host": "127.0.0.1", "port": 22, "private_key": PRIVATE_KEY, "host_name": host.name}

    def host_bind_label(self, request: Any, tenant: Tenant, _: Call) -> dict[str, Any]:
        label, host = tenant.named("label", request.label), tenant.named("host", request.host)
        if label.name in host.labels:
            raise Refusal("ALREADY_EXISTS", f"label '{label.name}' is already bound to host '{host.name}'")
        host.labels[label.name] = request.value or label.values.get("default_value", "")
        return {}

    def host_update_label(self, request: Any, tenant: Tenant, _: Call) -> dict[str, Any]:
        label, host = tenant.named("label", request.label), tenant.named("host", request.host)
        host.labels[label.name] = request.value
        return {}

    # -- labels

    def label_create(self, request: Any, tenant: Tenant, _: Call) -> dict[str, Any]:
        item = self.cloud.add(
            tenant, "label", request.name, "", has_default=request.has_default, default_value=request.default_value
        )
        self.cloud.made("label", item, "")
        return {"id": item.id, "name": item.name, **item.values}

    def label_inspect(self, request: Any, tenant: Tenant, _: Call) -> dict[str, Any]:
        item = tenant.named("label", request.Label)
        return {"id": item.id, "name": item.name, **item.values}

    def label_list(self, _: Any, tenant: Tenant, __: Call) -> dict[str, Any]:
        return {"labels": [{"id": i.id, "name": i.name, **i.values} for i in list(tenant.label.values())]}

    def label_delete(self, request: Any, tenant: Tenant, call: Call) -> dict[str, Any]:
        return self._delete(tenant, "label", tenant.named("label", request.Label).name, call)

    # -- clusters

    def cluster_create(self, request: Any, tenant: Tenant, call: Call) -> dict[str, Any]:
        masters, nodes = MINIMUM.get(request.complexity, MINIMUM[1])
        for sizing in (request.global_sizing, request.gateway_sizing, request.master_sizing, request.node_sizing):
            for part in self._parsed(sizing, count=True) if sizing else ():
                nodes = int(part.value) if part.name == "count" else nodes
        cluster = self.cloud.add(
            tenant,
            "cluster",
            request.name,
            "CS_CREATING",
            complexity=request.complexity,
            flavor=request.flavor,
            made=0,
        )
        with self.cloud.rolled_back(
            tenant, ("host", lambda: self._parts(tenant, request.name)), ("cluster", lambda: [request.name])
        ):
            for role, count in (("gw", 1), ("master", masters), ("node", nodes)):
                for _ in range(count):
                    host = self._part(tenant, cluster, role)
                    call.wait(self.cloud.latency.cluster / (1 + masters + nodes))
                    self.cloud.made("host", host, "HS_STARTED")
        self.cloud.made("cluster", cluster, "CS_NOMINAL")
        return self._cluster(tenant, cluster)

    def cluster_inspect(self, request: Any, tenant: Tenant, _: Call) -> dict[str, Any]:
        return self._cluster(tenant, tenant.named("cluster", request))

    def cluster_state(self, request: Any, tenant: Tenant, _: Call) -> dict[str, Any]:
        return {"state": tenant.named("cluster", request).state}

    def cluster_list(self, _: Any, tenant: Tenant, __: Call) -> dict[str, Any]:
        return {"clusters": [self._cluster(tenant, item) for item in list(tenant.cluster.values())]}

    def cluster_delete(self, request: Any, tenant: Tenant, call: Call) -> dict[str, Any]:
        cluster = tenant.named("cluster", _ByName(request.name))
        cluster.state = "CS_REMOVED"
        call.wait(self.cloud.latency.delete)
        for name in self._parts(tenant, cluster.name):
            self.cloud.remove(tenant, "host", name)
        self.cloud.remove(tenant, "cluster", cluster.name)
        return {}

    def cluster_start(self, request: Any, tenant: Tenant, call: Call) -> dict[str, Any]:
        return self._switch(tenant.named("cluster", request), call, "CS_STARTING", "CS_NOMINAL")

    def cluster_stop(self, request: Any, tenant: Tenant, call: Call) -> dict[str, Any]:
        return self._switch(tenant.named("cluster", request), call, "CS_STOPPING", "CS_STOPPED")

    def cluster_expand(self, request: Any, tenant: Tenant, call: Call) -> dict[str, Any]:
        self._parsed(request.node_sizing)
        cluster = tenant.named("cluster", _ByName(request.name))
        begun: list[str] = []
        with self.cloud.rolled_back(tenant, ("host", lambda: begun)):
            for _ in range(request.count):
                host = self._part(tenant, cluster, "node")
                begun.append(host.name)
                call.wait(self.cloud.latency.host)
                self.cloud.made("host", host, "HS_STARTED")
        return {"nodes": [self._host(tenant.host[name]) for name in begun]}

    def cluster_shrink(self, request: Any, tenant: Tenant, call: Call) -> dict[str, Any]:
        cluster = tenant.named("cluster", _ByName(request.name))
        doomed = self._role(tenant, cluster.name, "node")[-request.count :]
        for host in doomed:
            call.wait(self.cloud.latency.delete)
            self.cloud.remove(tenant, "host", host.name)
        return {"nodes": [self._host(host) for host in doomed]}

    def cluster_list_nodes(self, request: Any, tenant: Tenant, _: Call) -> dict[str, Any]:
        cluster = tenant.named("cluster", request)
        return {"nodes": [self._host(host) for host in self._role(tenant, cluster.name, "node")]}

    def cluster_list_masters(self, request: Any, tenant: Tenant, _: Call) -> dict[str, Any]:
        cluster = tenant.named("cluster", request)
        return {"nodes": [self._host(host) for host in self._role(tenant, cluster.name, "master")]}

    def cluster_delete_node(self, request: Any, tenant: Tenant, call: Call) -> dict[str, Any]:
        cluster = tenant.named("cluster", _ByName(request.name))
        host = tenant.named("host", request.host)
        if host.owner != cluster.name:
            raise Refusal("NOT_FOUND", f"host '{host.name}' is not found in cluster '{cluster.name}'")
        return self._delete(tenant, "host", host.name, call)

    # -- volumes, shares, networks

    def volume_create(self, request: Any, tenant: Tenant, call: Call) -> dict[str, Any]:
        values = {"speed": _SPEEDS[request.speed], "size": request.size}
        return self._make(tenant, "volume", request.name, call, **values)

    def volume_attach(self, request: Any, tenant: Tenant, call: Call) -> dict[str, Any]:
        volume, host = tenant.named("volume", request.volume), tenant.named("host", request.host)
        attached = volume.values.setdefault("attachments", [])
        if attached:
            raise Refusal("FAILED_PRECONDITION", f"volume '{volume.name}' is already attached")
        call.wait(self.cloud.latency.other)
        attached.append({"host": {"id": host.id, "name": host.name}, "mount_path": request.mount_path})
        return {}

    def volume_detach(self, request: Any, tenant: Tenant, call: Call) -> dict[str, Any]:
        volume, host = tenant.named("volume", request.volume), tenant.named("host", request.host)
        attached = volume.values.get("attachments", [])
        if not any(one["host"]["name"] == host.name for one in attached):
            raise Refusal("NOT_FOUND", f"volume '{volume.name}' is not attached to host '{host.name}'")
        call.wait(self.cloud.latency.other)
        attached.clear()
        return {}

    def volume_inspect(self, request: Any, tenant: Tenant, _: Call) -> dict[str, Any]:
        return self._plain(tenant.named("volume", request))

    def volume_list(self, _: Any, tenant: Tenant, __: Call) -> dict[str, Any]:
        return {"volumes": [self._plain(item) for item in list(tenant.volume.values())]}

    def volume_delete(self, request: Any, tenant: Tenant, call: Call) -> dict[str, Any]:
        volume = tenant.named("volume", request)
        if volume.values.get("attachments"):
            raise Refusal("FAILED_PRECONDITION", f"volume '{volume.name}' is attached")
        return self._delete(tenant, "volume", volume.name, call)

    def share_create(self, request: Any, tenant: Tenant, call: Call) -> dict[str, Any]:
        host = tenant.named("host", request.host)
        values = {"host": {"id": host.id, "name": host.name}, "path": request.path, "type": request.type or "nfs"}
        return self._make(tenant, "share", request.name, call, **values)

    def share_mount(self, request: Any, tenant: Tenant, _: Call) -> dict[str, Any]:
        share, host = tenant.named("share", request.share), tenant.named("host", request.host)
        mounts = share.labels
        if host.name in mounts:
            raise Refusal("ALREADY_EXISTS", f"share '{share.name}' is already mounted on host '{host.name}'")
        mounts[host.name] = request.path
        return self._mount(share, host.name)

    def share_unmount(self, request: Any, tenant: Tenant, _: Call) -> dict[str, Any]:
        share, host = tenant.named("share", request.share), tenant.named("host", request.host)
        if share.labels.pop(host.name, None) is None:
            raise Refusal("NOT_FOUND", f"share '{share.name}' is not mounted on host '{host.name}'")
        return {}

    def share_inspect(self, request: Any, tenant: Tenant, _: Call) -> dict[str, Any]:
        share = tenant.named("share", request)
        return {"share": self._plain(share), "mount_list": [self._mount(share, name) for name in share.labels]}

    def share_list(self, _: Any, tenant: Tenant, __: Call) -> dict[str, Any]:
        return {"share_list": [self._plain(item) for item in list(tenant.share.values())]}

    def share_delete(self, request: Any, tenant: Tenant, call: Call) -> dict[str, Any]:
        return self._delete(tenant, "share", tenant.named("share", request).name, call)

    def network_create(self, request: Any, tenant: Tenant, call: Call) -> dict[str, Any]:
        values = {"cidr": request.cidr or "192.168.0.0/16", "dns_servers": list(request.dns_servers)}
        return self._make(tenant, "network", request.name, call, **values)

    def network_inspect(self, request: Any, tenant: Tenant, _: Call) -> dict[str, Any]:
        return self._plain(tenant.named("network", request))

    def network_list(self, _: Any, tenant: Tenant, __: Call) -> dict[str, Any]:
        return {"networks": [self._plain(item) for item in list(tenant.network.values())]}

    def network_delete(self, request: Any, tenant: Tenant, call: Call) -> dict[str, Any]:
        reference = getattr(request, "network", request)
        return self._delete(tenant, "network", tenant.named("network", reference).name, call)

    # -- features, templates, tenants, ssh

    def feature_add(self, request: Any, tenant: Tenant, call: Call) -> dict[str, Any]:
        target = self._feature_target(request, tenant)
        call.wait(self.cloud.latency.other)
        target.values.setdefault("features", {})[request.name] = dict(request.variables)
        return {}

    def feature_remove(self, request: Any, tenant: Tenant, call: Call) -> dict[str, Any]:
        target = self._feature_target(request, tenant)
        call.wait(self.cloud.latency.other)
        target.values.setdefault("features", {}).pop(request.name, None)
        return {}

    def feature_check(self, request: Any, tenant: Tenant, _: Call) -> dict[str, Any]:
        target = self._feature_target(request, tenant)
        if request.name not in target.values.get("features", {}):
            raise Refusal("NOT_FOUND", f"feature '{request.name}' not found on '{target.name}'")
        return {}

    def feature_list(self, request: Any, tenant: Tenant, _: Call) -> dict[str, Any]:
        features = self._feature_target(request, tenant).values.get("features", {})
        return {"features": [{"name": name} for name in features]}

    def template_list(self, _: Any, __: Tenant, ___: Call) -> dict[str, Any]:
        return {"templates": list(TEMPLATES)}

    def template_match(self, request: Any, _: Tenant, __: Call) -> dict[str, Any]:
        return {"templates": self._matching(request.sizing)}

    def image_list(self, _: Any, __: Tenant, ___: Call) -> dict[str, Any]:
        return {"images": [{"id": "i1", "name": "Ubuntu 20.04"}]}

    def ssh_run(self, request: Any, tenant: Tenant, _: Call) -> dict[str, Any]:
        machine = self._machine(tenant.named("host", request.host))
        try:
            status, output, errors = machine.run(request.command, self.cloud.ssh_limit)
        except TimeoutError:
            raise Refusal("DEADLINE_EXCEEDED", "timeout of ssh command") from None
        return {"status": status, "output_std": output, "output_err": errors}

    def ssh_copy(self, request: Any, tenant: Tenant, _: Call) -> dict[str, Any]:
        sides = [re.fullmatch(r"(?:([\w.-]+):)?(.*)", side, re.S) for side in (request.source, request.destination)]
        hosts = [side[1] for side in sides if side and side[1]]
        if len(hosts) != 1:
            raise Refusal("UNIMPLEMENTED", "exactly one side must be on a host")
        machine = self._machine(tenant.named("host", _ByName(hosts[0])))
        paths = [machine.folder / side[2].lstrip("/") if side[1] else Path(side[2]) for side in sides if side]
        try:
            machine.copy(*paths)
        except OSError as error:
            return {"status": 1, "output_err": str(error)}
        return {"status": 0}

    # -- what they share

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
            "masters": [self._host(host) for host in self._role(tenant, cluster.name, "master")],
            "nodes": [self._host(host) for host in self._role(tenant, cluster.name, "node")],
            "defaults": {"node_sizing": {"min_cpu_count": 2}, "Image": "Ubuntu 20.04"},
        }

    @staticmethod
    def _plain(item: Item) -> dict[str, Any]:
        return {"id": item.id, "name": item.name, **item.values}

    @staticmethod
    def _mount(share: Item, host: str) -> dict[str, Any]:
        return {"host": {"name": host}, "share": {"name": share.name}, "path": share.labels[host], "type": "nfs"}

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
class _ByName:
    name: str
    id: str = ""


def method_of(services: Services, service: str, method: str) -> Callable[[Any, Tenant, Call], dict[str, Any]] | None:
    """Return what answers a method, or None."""
    words = re.sub(r"(?<=[a-z])(?=[A-Z])", "_", method).lower()
    return getattr(services, f"{service.removesuffix('Service').lower()}_{words}", None)
