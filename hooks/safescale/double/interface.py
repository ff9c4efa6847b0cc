"""The double's description of SafeScale's interface, by version.

Names and numbers of fields are facts of the interface; the text beside this file is CHRONOS's own and holds
what CHRONOS uses. A part of a line is ``number name type``; ``[]`` marks a list; ``since`` and ``until`` name
the versions that have it. 21.11 is described as its release 0 has it, 22.06 as 1, 22.11 as 9.
"""

from __future__ import annotations

import re
from importlib.resources import files
from itertools import pairwise
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from google.protobuf.descriptor_pb2 import FileDescriptorProto
    from google.protobuf.descriptor_pool import DescriptorPool

VERSIONS = ("21.11", "22.06", "22.11")
FILE = "chronos/safescale_double.proto"
_EMPTY = "google.protobuf.Empty"

TEXT = files(__package__).joinpath("interface.txt")

_LINE = re.compile(r"(message|enum|service) (\w+)((?: (?:since|until) [\d.]+)*): (.*)")


def describe(version: str) -> tuple[DescriptorPool, tuple[str, ...]]:
    """Return a pool with the interface of ``version`` (one of :data:`VERSIONS`), and its services' names."""
    from google.protobuf.descriptor_pb2 import FileDescriptorProto
    from google.protobuf.descriptor_pool import DescriptorPool
    from google.protobuf.empty_pb2 import DESCRIPTOR as EMPTY_FILE

    file = FileDescriptorProto(name=FILE, syntax="proto3", dependency=[EMPTY_FILE.name])
    text = TEXT.read_text("utf-8")
    enums = set(re.findall(r"^enum (\w+)", text, re.M))
    for line in filter(None, text.splitlines()):
        match = _LINE.fullmatch(line)
        if match is None:
            raise ValueError(f"not a description: {line}")
        what, name, when, body = match.groups()
        if _in(version, when.split()):
            parts = [part.split() for part in body.split("; ")]
            _ADD[what](file, name, [p for p in parts if _in(version, p)], enums)
    pool = DescriptorPool()
    pool.AddSerializedFile(EMPTY_FILE.serialized_pb)
    pool.AddSerializedFile(file.SerializeToString())
    return pool, tuple(service.name for service in file.service)


def _in(version: str, words: list[str]) -> bool:
    """Return whether ``version`` is within the ``since`` and ``until`` among ``words``."""
    limits = dict(pairwise(words))
    since, until = limits.get("since", VERSIONS[0]), limits.get("until", VERSIONS[-1])
    return VERSIONS.index(since) <= VERSIONS.index(version) <= VERSIONS.index(until)


def _add_message(file: FileDescriptorProto, name: str, parts: list[list[str]], enums: set[str]) -> None:
    message = file.message_type.add(name=name)
    for number, field_name, kind, *_ in parts:
        field = message.field.add(name=field_name, number=int(number))
        plain = kind.removesuffix("[]")
        field.label = field.LABEL_REPEATED if kind != plain or plain == "map" else field.LABEL_OPTIONAL
        if plain == "map":
            entry = message.nested_type.add(name=f"{field_name.capitalize()}Entry")
            entry.options.map_entry = True
            for index, part in enumerate(("key", "value"), start=1):
                entry.field.add(name=part, number=index, type=field.TYPE_STRING, label=field.LABEL_OPTIONAL)
            field.type, field.type_name = field.TYPE_MESSAGE, f".{name}.{entry.name}"
        elif plain[0].islower():
            field.type = getattr(field, f"TYPE_{plain.upper()}")
        else:
            field.type = field.TYPE_ENUM if plain in enums else field.TYPE_MESSAGE
            field.type_name = f".{plain}"


def _add_enum(file: FileDescriptorProto, name: str, parts: list[list[str]], _: set[str]) -> None:
    enum = file.enum_type.add(name=name)
    for number, value, *_rest in parts:
        enum.value.add(name=value, number=int(number))


def _add_service(file: FileDescriptorProto, name: str, parts: list[list[str]], _: set[str]) -> None:
    service = file.service.add(name=name)
    for method, request, answer, *_rest in parts:
        types = [f".{_EMPTY if kind == 'Empty' else kind}" for kind in (request, answer)]
        service.method.add(name=method, input_type=types[0], output_type=types[1])


_ADD = {"message": _add_message, "enum": _add_enum, "service": _add_service}
