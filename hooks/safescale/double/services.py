"""What the double's methods do, by service and method in small letters."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from chronos_plugin.hooks.safescale.double.answers import TEMPLATES, ByName
from chronos_plugin.hooks.safescale.double.cloud import (
    PRIVATE_KEY,
    Call,
    Cloud,
    Refusal,
    Tenant,
)
from chronos_plugin.hooks.safescale.double.clusters import Clusters

_SPEEDS = ("VS_COLD", "VS_HDD", "VS_SSD")


class _Services(Clusters):
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
        # The list tells no labels.
        hosts = [self._host(host) for host in list(tenant.host.values())]
        return {"hosts": [{**host, "labels": []} for host in hosts]}

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
        return {
            "user": "safescale",
            "host": "127.0.0.1",
            "port": 22,
            "private_key": PRIVATE_KEY,
            "host_name": host.name,
        }

    def host_bind_label(self, request: Any, tenant: Tenant, _: Call) -> dict[str, Any]:
        label, host = tenant.named("label", request.label), tenant.named("host", request.host)
        # One that is bound already is no error, and keeps its value.
        host.labels.setdefault(label.name, request.value or label.values.get("default_value", ""))
        return {}

    def host_update_label(self, request: Any, tenant: Tenant, _: Call) -> dict[str, Any]:
        label, host = tenant.named("label", request.label), tenant.named("host", request.host)
        host.labels[label.name] = request.value
        return {}

    # -- labels

    def label_create(self, request: Any, tenant: Tenant, _: Call) -> dict[str, Any]:
        item = self.cloud.add(
            tenant,
            "label",
            request.name,
            "",
            has_default=request.has_default,
            default_value=request.default_value,
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
        values = {
            "host": {"id": host.id, "name": host.name},
            "path": request.path,
            "type": request.type or "nfs",
        }
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
        return {
            "share": self._plain(share),
            "mount_list": [self._mount(share, name) for name in share.labels],
        }

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
        sides = [
            re.fullmatch(r"(?:([\w.-]+):)?(.*)", side, re.S) for side in (request.source, request.destination)
        ]
        hosts = [side[1] for side in sides if side and side[1]]
        if len(hosts) != 1:
            raise Refusal("UNIMPLEMENTED", "exactly one side must be on a host")
        machine = self._machine(tenant.named("host", ByName(hosts[0])))
        paths = [machine.folder / side[2].lstrip("/") if side[1] else Path(side[2]) for side in sides if side]
        try:
            machine.copy(*paths)
        except OSError as error:
            return {"status": 1, "output_err": str(error)}
        return {"status": 0}


def method_of(
    cloud: Cloud, service: str, method: str
) -> Callable[[Any, Tenant, Call], dict[str, Any]] | None:
    """Return what answers a method, or None."""
    words = re.sub(r"(?<=[a-z])(?=[A-Z])", "_", method).lower()
    return getattr(_Services(cloud), f"{service.removesuffix('Service').lower()}_{words}", None)
