"""A client of SafeScale's gRPC services that works with every version, v21.11 to v22.11 and after.

No stubs and no interface description are shipped: messages are built from the server's own descriptors
(:mod:`~chronos_plugin.hooks.safescale.reflection`), fields are set by name where the server has them, and
numbers of enum values that moved between versions are looked up. The tenant goes with every request, since
the service's *current tenant* is shared by all its clients. Every call has a deadline.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from chronos_plugin.errors import CloudFailed, SettingInvalid
from chronos_plugin.hooks.safescale.secrets import public

if TYPE_CHECKING:
    import grpc

    from chronos_plugin.hooks.safescale.reflection import Interface

DEFAULT_PORT = 50051
SHORT = 60.0
"""Seconds for a question: with a tenant named, the service asks its cloud anew each time."""

_KEEPALIVE_MS = 300_000  # below five minutes a Go server closes the connection: too many pings
_MAX_MESSAGE = 64 << 20


@dataclass(frozen=True)
class Endpoint:
    """Where a service listens, and for whom.

    Attributes:
        address: ``host:port``, or ``unix:/path`` of a socket.
        tenant: Name of the tenant that all requests are made for.
        tls: Whether to speak TLS; the service itself does not, a proxy before it may.
        ca_file, cert_file, key_file: PEM files; a certificate and key are shown where a proxy asks for them.
        question_timeout: Seconds for calls that change nothing.
    """

    address: str
    tenant: str
    tls: bool = False
    ca_file: str = ""
    cert_file: str = ""
    key_file: str = ""
    question_timeout: float = SHORT

    def __post_init__(self) -> None:
        if not self.tenant:
            raise SettingInvalid(
                "SafeScale: no tenant is named; its 'current tenant' is shared and never used"
            )


@dataclass
class SafeScaleClient:
    """An open client; use as an asynchronous context manager, in one event loop."""

    endpoint: Endpoint
    _channel: grpc.aio.Channel | None = field(default=None, repr=False)
    _interface: Interface | None = field(default=None, repr=False)

    async def __aenter__(self) -> SafeScaleClient:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Close the connection; calls in flight are cancelled."""
        channel, self._channel, self._interface = self._channel, None, None
        if channel is not None:
            await channel.close()

    async def interface(self) -> Interface:
        """Return what the server offers, asked once.

        Raises:
            CloudFailed: If it does not answer, or is no server with reflection.
        """
        if self._interface is None:
            channel = self._open()
            import grpc

            from chronos_plugin.hooks.safescale.errors import translate
            from chronos_plugin.hooks.safescale.reflection import discover

            try:
                found = await discover(channel, seconds=self.endpoint.question_timeout)
            except grpc.aio.AioRpcError as error:
                raise translate(error, f"server reflection at {self.endpoint.address}") from None
            if "HostService" not in found.services:
                raise CloudFailed(
                    f"{self.endpoint.address} is a gRPC server, but not SafeScale's", reason="failed"
                )
            self._interface = found
        return self._interface

    async def call(
        self,
        service: str,
        method: str,
        fields: Mapping[Any, Any] | None = None,
        *,
        seconds: float | None = None,
    ) -> dict[str, Any]:
        """Call a method and return the answer's public values.

        Args:
            service: ``HostService`` …
            method: ``Create`` …
            fields: Values by field name; a dotted name reaches into a message (``host.name``); of a
                sequence of names the first that this server has is set. An enum's value is its name, or
                its ending in small letters (``boh`` for ``CF_BOH``).
            seconds: Deadline; default: the endpoint's for questions. When it passes, the server rolls back.

        Raises:
            CloudFailed: With the reason; secrets in the server's words are hidden.
            asyncio.CancelledError: If this coroutine is cancelled: the server rolls back.
        """
        described = (await self.interface()).method(service, method)
        import grpc
        from google.protobuf.message_factory import GetMessageClass

        from chronos_plugin.hooks.safescale.errors import translate

        request = GetMessageClass(described.input_type)()
        for name, value in (fields or {}).items():
            _set(request, name, value, f"{service}.{method}")
        _set_tenant(request, self.endpoint.tenant)
        send = self._open().unary_unary(
            f"/{service}/{method}",
            request_serializer=type(request).SerializeToString,
            response_deserializer=GetMessageClass(described.output_type).FromString,
        )
        try:
            answer = await send(
                request,
                timeout=seconds or self.endpoint.question_timeout,
                metadata=(("uuid", str(uuid4())),),
            )
        except grpc.aio.AioRpcError as error:
            failure = translate(error, f"{service}.{method}{_of(fields)}")
            if failure.reason in ("unreachable", "unsupported"):
                self._interface = None  # another version may answer next time
            raise failure from None
        return public(answer)

    def _open(self) -> grpc.aio.Channel:
        # The library prints notes of its own to standard error otherwise.
        os.environ.setdefault("GRPC_VERBOSITY", "ERROR")
        import grpc

        if self._channel is None:
            options = (
                ("grpc.keepalive_time_ms", _KEEPALIVE_MS),
                ("grpc.max_receive_message_length", _MAX_MESSAGE),
                ("grpc.enable_http_proxy", 0),
            )
            if self.endpoint.tls:
                self._channel = grpc.aio.secure_channel(self.endpoint.address, self._credentials(), options)
            else:
                self._channel = grpc.aio.insecure_channel(self.endpoint.address, options)
        return self._channel

    def _credentials(self) -> grpc.ChannelCredentials:
        import grpc

        def content(path: str) -> bytes | None:
            try:
                return Path(path).read_bytes() if path else None
            except OSError as error:
                raise SettingInvalid(f"SafeScale: {path} cannot be read: {error.strerror}") from error

        return grpc.ssl_channel_credentials(
            root_certificates=content(self.endpoint.ca_file),
            private_key=content(self.endpoint.key_file),
            certificate_chain=content(self.endpoint.cert_file),
        )


def _set(message: Any, names: str | Sequence[str], value: Any, where: str) -> None:
    """Set the first of ``names`` that the message has."""
    alternatives = (names,) if isinstance(names, str) else tuple(names)
    for name in alternatives:
        *path, last = name.split(".")
        holder = _descend(message, path)
        if holder is not None and last in holder.DESCRIPTOR.fields_by_name:
            _assign(_descend(message, path, create=True), last, value, where)
            return
    raise CloudFailed(f"this SafeScale server's {where} has no field {alternatives[0]}", reason="unsupported")


def _descend(message: Any, path: Sequence[str], *, create: bool = False) -> Any:
    for part in path:
        if part not in message.DESCRIPTOR.fields_by_name:
            return None
        message = getattr(message, part)
        if create:
            message.SetInParent()
    return message


def _assign(message: Any, name: str, value: Any, where: str) -> None:
    described = message.DESCRIPTOR.fields_by_name[name]
    try:
        if described.enum_type is not None:
            setattr(message, name, _enum_number(described.enum_type, str(value)))
        elif described.message_type is not None and described.message_type.GetOptions().map_entry:
            getattr(message, name).update({str(k): str(v) for k, v in value.items()})
        elif described.is_repeated:
            getattr(message, name).extend(value)
        else:
            setattr(message, name, value)
    except (TypeError, ValueError, AttributeError) as error:
        raise CloudFailed(f"{where}: {name} cannot be {value!r}", reason="invalid") from error


def _enum_number(enum: Any, value: str) -> int:
    for name, described in enum.values_by_name.items():
        if name == value or name.partition("_")[2].lower() == value.lower():
            return int(described.number)
    known = ", ".join(name.partition("_")[2].lower() for name in enum.values_by_name)
    raise CloudFailed(
        f"this SafeScale server has no {enum.name} {value!r}; it has {known}", reason="unsupported"
    )


def _set_tenant(message: Any, tenant: str) -> None:
    """Name the tenant in a message and in all messages set inside it: servers read one or the other."""
    if "tenant_id" in message.DESCRIPTOR.fields_by_name and not message.tenant_id:
        message.tenant_id = tenant
    for described, value in message.ListFields():
        if described.message_type is None or described.message_type.GetOptions().map_entry:
            continue
        for inner in value if described.is_repeated else (value,):
            _set_tenant(inner, tenant)


def _of(fields: Mapping[Any, Any] | None) -> str:
    for name, value in (fields or {}).items():
        last = name if isinstance(name, str) else name[0]
        if last.rpartition(".")[2] == "name":
            return f" of {value}"
    return ""
