"""The double's gRPC server: reflection, tenants, faults."""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from chronos_plugin.hooks.safescale.double.cloud import Call, Cloud, Fault, Gone, Refusal, Tenant
from chronos_plugin.hooks.safescale.double.interface import describe
from chronos_plugin.hooks.safescale.double.services import method_of

if TYPE_CHECKING:
    import grpc

_THREADS = 64
_TENANT_IN = ("host", "volume", "share", "network", "Label", "label", "target_ref")


@dataclass
class Double:
    """A running double; use as a context manager.

    Attributes:
        root: Folder of the hosts' folders.
        version: One of the described versions.
        port: 0 for any free one.
        cloud: Its state, to be read and disturbed.
    """

    root: Path
    version: str = "22.11"
    port: int = 0
    cloud: Cloud = field(init=False)
    _server: grpc.Server | None = field(default=None, init=False, repr=False)

    def __post_init__(self) -> None:
        self.cloud = Cloud(self.root)

    @property
    def address(self) -> str:
        """Where it listens."""
        return f"127.0.0.1:{self.port}"

    def __enter__(self) -> Double:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self) -> None:
        """Listen; the cloud's state is what it was before a stop."""
        # The library prints notes of its own to standard error otherwise.
        os.environ.setdefault("GRPC_VERBOSITY", "ERROR")
        import grpc
        from grpc_reflection.v1alpha import reflection

        pool, names = describe(self.version)
        server = grpc.server(ThreadPoolExecutor(_THREADS), options=(("grpc.so_reuseport", 0),))
        for name in names:
            handlers = {
                method.name: _handler(self.cloud, name, method)
                for method in pool.FindServiceByName(name).methods
            }
            server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(name, handlers),))
        reflection.enable_server_reflection((*names, reflection.SERVICE_NAME), server, pool=pool)
        self.port = server.add_insecure_port(f"127.0.0.1:{self.port}")
        server.start()
        self._server = server

    def stop(self) -> None:
        """Stop listening, cancel the calls in flight, end what runs on the hosts."""
        if self._server is not None:
            self._server.stop(None).wait()
            self._server = None
        for tenant in self.cloud.tenants.values():
            for host in list(tenant.host.values()):
                if host.machine:
                    host.machine.kill()


def _handler(cloud: Cloud, service: str, method: Any) -> grpc.RpcMethodHandler:
    import grpc
    from google.protobuf.message_factory import GetMessageClass

    request_type, answer_type = GetMessageClass(method.input_type), GetMessageClass(method.output_type)
    name = f"{service}.{method.name}"

    def answer(request: Any, context: grpc.ServicerContext) -> Any:
        call = Call()
        context.add_callback(call.gone.set)
        tenant_name = _tenant_name(service, request)
        cloud.calls.append((name, tenant_name, context.time_remaining()))
        try:
            if service == "TenantService":
                return answer_type(**_tenants(cloud, method.name))
            tenant = _tenant(cloud, tenant_name)
            work = method_of(cloud, service, method.name)
            if work is None:
                raise Refusal("UNIMPLEMENTED", f"{name} is not implemented")
            return _fitting(answer_type, _disturbed(cloud.fault(name), work, request, tenant, call))
        except Refusal as refusal:
            context.abort(getattr(grpc.StatusCode, refusal.code), refusal.details)
        except Gone:
            context.abort(grpc.StatusCode.CANCELLED, "aborted by client")

    return grpc.unary_unary_rpc_method_handler(
        answer,
        request_deserializer=request_type.FromString,
        response_serializer=answer_type.SerializeToString,
    )


def _disturbed(
    fault: Fault | None,
    work: Callable[[Any, Tenant, Call], dict[str, Any]],
    request: Any,
    tenant: Tenant,
    call: Call,
) -> dict[str, Any]:
    if fault is None:
        return work(request, tenant, call)
    if fault.hang:
        call.gone.wait()
        raise Gone
    if fault.twice:
        work(request, tenant, call)
        return work(request, tenant, call)
    if fault.after:
        work(request, tenant, call)
    raise Refusal(fault.code, fault.details)


def _tenant_name(service: str, request: Any) -> str:
    """Return the tenant that the service reads: the request's own, or that of a reference in it."""
    runs_command = service == "SshService" and getattr(request, "host", None) is not None
    own: Any = getattr(request, "tenant_id", None)
    if own and not runs_command:
        return str(own)
    for name in _TENANT_IN:
        inner: Any = getattr(request, name, None)
        if tenant := getattr(inner, "tenant_id", ""):
            return str(tenant)
    return ""


def _tenant(cloud: Cloud, name: str) -> Tenant:
    if not name:
        raise Refusal("NOT_FOUND", "no tenant set")
    if name not in cloud.tenants:
        raise Refusal("NOT_FOUND", f"tenant '{name}' not found in configuration")
    return cloud.tenants[name]


def _tenants(cloud: Cloud, method: str) -> dict[str, Any]:
    if method == "List":
        return {"tenants": [{"name": name, "provider": "double"} for name in cloud.tenants]}
    if method == "Get":
        raise Refusal("NOT_FOUND", "no tenant set")
    return {}


def _fitting(kind: Any, values: dict[str, Any]) -> Any:
    """Return a message with those of ``values`` that this version's description has."""

    def fit(described: Any, value: Any) -> Any:
        if isinstance(value, dict):
            fields = described.fields_by_name
            return {k: fit(fields[k].message_type, v) for k, v in value.items() if k in fields}
        if isinstance(value, list):
            return [fit(described, item) for item in value]
        return value

    return kind(**fit(kind.DESCRIPTOR, values))
