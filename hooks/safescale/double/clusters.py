"""What the double's cluster methods do."""

from __future__ import annotations

from typing import Any

from chronos_plugin.hooks.safescale.double.answers import Answers, ByName
from chronos_plugin.hooks.safescale.double.cloud import (
    MINIMUM,
    Call,
    Refusal,
    Tenant,
)


class Clusters(Answers):
    """Answers of ClusterService."""

    def cluster_create(self, request: Any, tenant: Tenant, call: Call) -> dict[str, Any]:
        masters, nodes = MINIMUM.get(request.complexity, MINIMUM[1])
        for sizing in (
            request.global_sizing,
            request.gateway_sizing,
            request.master_sizing,
            request.node_sizing,
        ):
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
        # The list tells names and secrets, nothing else.
        clusters = [self._cluster(tenant, item) for item in list(tenant.cluster.values())]
        return {"clusters": [{"identity": cluster["identity"]} for cluster in clusters]}

    def cluster_delete(self, request: Any, tenant: Tenant, call: Call) -> dict[str, Any]:
        cluster = tenant.named("cluster", ByName(request.name))
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
        cluster = tenant.named("cluster", ByName(request.name))
        begun: list[str] = []
        with self.cloud.rolled_back(tenant, ("host", lambda: begun)):
            for _ in range(request.count):
                host = self._part(tenant, cluster, "node")
                begun.append(host.name)
                call.wait(self.cloud.latency.host)
                self.cloud.made("host", host, "HS_STARTED")
        return {"nodes": [self._host(tenant.host[name]) for name in begun]}

    def cluster_shrink(self, request: Any, tenant: Tenant, call: Call) -> dict[str, Any]:
        cluster = tenant.named("cluster", ByName(request.name))
        doomed = self._role(tenant, cluster.name, "node")[-request.count :]
        for host in doomed:
            call.wait(self.cloud.latency.delete)
            self.cloud.remove(tenant, "host", host.name)
        return {"nodes": [self._host(host) for host in doomed]}

    def cluster_list_nodes(self, request: Any, tenant: Tenant, _: Call) -> dict[str, Any]:
        cluster = tenant.named("cluster", request)
        return {"nodes": self._members(tenant, cluster.name, "node")}

    def cluster_list_masters(self, request: Any, tenant: Tenant, _: Call) -> dict[str, Any]:
        cluster = tenant.named("cluster", request)
        return {"nodes": self._members(tenant, cluster.name, "master")}

    def cluster_delete_node(self, request: Any, tenant: Tenant, call: Call) -> dict[str, Any]:
        cluster = tenant.named("cluster", ByName(request.name))
        host = tenant.named("host", request.host)
        if host.owner != cluster.name:
            raise Refusal("NOT_FOUND", f"host '{host.name}' is not found in cluster '{cluster.name}'")
        return self._delete(tenant, "host", host.name, call)
