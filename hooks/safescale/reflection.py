"""Descriptors of a gRPC server's messages, asked of the server itself (``grpc.reflection.v1alpha``)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from chronos_plugin.errors import CloudFailed

if TYPE_CHECKING:
    import grpc
    from google.protobuf.descriptor import MethodDescriptor
    from google.protobuf.descriptor_pool import DescriptorPool

_FILE_DESCRIPTOR_RESPONSE = "file_descriptor_response"
_MAX_FILES = 64


class Interface:
    """The services that one server offers.

    SafeScale's messages have names without a package (``Host``, ``Image``), so they live in a pool of their
    own and never in protobuf's default one.
    """

    def __init__(self, pool: DescriptorPool, services: frozenset[str]) -> None:
        self._pool = pool
        self.services = services

    def method(self, service: str, name: str) -> MethodDescriptor:
        """Return a method's descriptor.

        Raises:
            CloudFailed: If the server has no such service or method (reason ``unsupported``).
        """
        try:
            if service in self.services:
                return self._pool.FindServiceByName(service).FindMethodByName(name)
        except KeyError:
            pass
        raise CloudFailed(f"this SafeScale server has no {service}.{name}", reason="unsupported")

    def offers(self, service: str, name: str) -> bool:
        """Return whether the server has the method."""
        try:
            self.method(service, name)
        except CloudFailed:
            return False
        return True

    def enum_number(self, enum: str, value: str) -> int:
        """Return an enum value's number, which differs between versions.

        Raises:
            CloudFailed: If the server knows no such value (reason ``unsupported``).
        """
        try:
            values = self._pool.FindEnumTypeByName(enum).values_by_name
            return int(values[value].number)
        except KeyError as error:
            raise CloudFailed(f"this SafeScale server has no {enum} {value}", reason="unsupported") from error


async def discover(channel: grpc.aio.Channel, *, seconds: float) -> Interface:
    """Ask a server for its services and their messages.

    Args:
        channel: An open channel.
        seconds: For the whole conversation.

    Raises:
        grpc.aio.AioRpcError: If the server does not answer in time or offers no reflection.
        CloudFailed: If it answers nonsense (reason ``failed``).
    """
    from google.protobuf.descriptor_pool import DescriptorPool
    from grpc_reflection.v1alpha import reflection_pb2 as messages
    from grpc_reflection.v1alpha.reflection_pb2_grpc import ServerReflectionStub

    call = ServerReflectionStub(channel).ServerReflectionInfo(timeout=seconds)

    async def ask(**question: str) -> Any:
        await call.write(messages.ServerReflectionRequest(**question))
        answer = await call.read()
        if not isinstance(answer, messages.ServerReflectionResponse):
            # The stream ended: waiting for its status raises what the server said.
            await call.wait_for_connection()
            raise CloudFailed("server reflection ended without an answer", reason="failed")
        return answer

    listed = await ask(list_services="")
    services = sorted(s.name for s in listed.list_services_response.service if not s.name.startswith("grpc."))
    files: dict[str, Any] = {}
    for service in services:
        await _collect(ask, files, file_containing_symbol=service)
    await call.done_writing()
    pool = DescriptorPool()
    for name in _in_order(files):
        pool.AddSerializedFile(files[name].SerializeToString())
    return Interface(pool, frozenset(services))


async def _collect(ask: Any, files: dict[str, Any], **question: str) -> None:
    """Add the file that answers ``question``, and all that it imports."""
    from google.protobuf.descriptor_pb2 import FileDescriptorProto

    answer = await ask(**question)
    if answer.WhichOneof("message_response") != _FILE_DESCRIPTOR_RESPONSE:
        raise CloudFailed(f"server reflection: {answer.error_response.error_message}", reason="failed")
    for content in answer.file_descriptor_response.file_descriptor_proto:
        file = FileDescriptorProto.FromString(content)
        files.setdefault(file.name, file)
    missing = {need for file in files.values() for need in file.dependency} - files.keys()
    if len(files) + len(missing) > _MAX_FILES:
        raise CloudFailed("server reflection names too many files", reason="failed")
    for name in sorted(missing):
        if name not in files:
            await _collect(ask, files, file_by_filename=name)


def _in_order(files: dict[str, Any]) -> list[str]:
    """Return file names, each after those that it imports."""
    ordered: dict[str, None] = {}

    def visit(name: str, above: frozenset[str]) -> None:
        if name in ordered:
            return
        if name in above:
            raise CloudFailed(f"server reflection: {name} imports itself", reason="failed")
        for need in files[name].dependency:
            visit(need, above | {name})
        ordered[name] = None

    for name in sorted(files):
        visit(name, frozenset())
    return list(ordered)
