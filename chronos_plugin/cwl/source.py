"""Reading of one CWL file: its bytes, safely, and its YAML, with the place of every value.

Light on purpose, since every task process imports it: the standard library, and PyYAML inside the
functions that parse. Names in messages are relative to the DAG bundle, never a server's paths.
"""

from __future__ import annotations

import json
import os
import re
import stat
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from chronos_plugin.errors import CwlInvalid, SourceLocation

MAX_BYTES = 8 << 20
MAX_NODES = 1_000_000
MAX_DEPTH = 200

# An escape of JSON for a character beyond U+FFFF, its backslash not escaped itself.
_SURROGATES = re.compile(rb"(?<!\\)((?:\\\\)*)\\u(d[89ab][0-9a-f]{2})\\u(d[c-f][0-9a-f]{2})", re.IGNORECASE)
_UTF16 = (b"\xff\xfe", b"\xfe\xff")
_STARTS = {"MappingStartEvent": "map", "SequenceStartEvent": "list"}
_ENDS = ("MappingEndEvent", "SequenceEndEvent")
_SECOND_DOCUMENT = (
    "the file has a second YAML document, which would be ignored",
    "put all processes under one `$graph:`, or remove the `---`",
)


# Shared by all nodes that cannot have members: a document is mostly scalars.
_NO_ITEMS: list[Node] = []
_NO_PAIRS: list[tuple[Node, Node]] = []


class Node:
    """One value of a YAML document and its place; line and column count from 1.

    Attributes:
        kind: ``text``, ``list`` or ``map``.
        text: The text of a scalar, as after unquoting.
        style: The quote or block character of a scalar, empty for a plain one.
        items: The members of a list.
        pairs: The keys and values of a map; keys are ``text``.
    """

    __slots__ = ("column", "height", "items", "kind", "line", "pairs", "size", "style", "text")

    def __init__(self, kind: str, line: int, column: int, text: str = "", style: str = "") -> None:
        self.kind = kind
        self.line = line
        self.column = column
        self.text = text
        self.style = style
        self.items: list[Node] = [] if kind == "list" else _NO_ITEMS
        self.pairs: list[tuple[Node, Node]] = [] if kind == "map" else _NO_PAIRS
        self.size = 1
        self.height = 1

    def get(self, key: str) -> Node | None:
        """Return the value of ``key``, None where this is no map or has no such key."""
        return next((value for name, value in self.pairs if name.text == key), None)

    def key(self, key: str) -> Node | None:
        """Return the node of the key itself."""
        return next((name for name, _ in self.pairs if name.text == key), None)

    def word(self, key: str) -> str:
        """Return the text of the scalar under ``key``, empty where there is none."""
        value = self.get(key)
        return value.text if value is not None else ""

    def children(self) -> Iterator[Node]:
        """Yield members and values, not keys."""
        yield from self.items
        for _, value in self.pairs:
            yield value

    def entries(self) -> Iterator[tuple[str, Node]]:
        """Yield ``(identifier, node)`` of a CWL list of objects, written as a list or as a map."""
        for item in self.items:
            yield item.word("id") or item.word("class") or item.text, item
        for name, value in self.pairs:
            yield name.text, value


def display_name(path: Path, root: Path | None) -> str:
    """Return how messages name ``path``: relative to ``root``, or its last part without a root."""
    if root is None:
        return path.name
    name = os.path.relpath(os.path.abspath(path), os.path.abspath(root))
    if name.startswith(".."):
        name = os.path.relpath(os.path.realpath(path), os.path.realpath(root))
    return Path(name).as_posix()


def read_source(path: Path, *, root: Path | None, max_bytes: int = MAX_BYTES) -> bytes:
    """Return the bytes of a CWL file that is safe to parse: regular, small enough, UTF-8 text.

    Args:
        path: The file.
        root: The DAG bundle, which no symbolic link may lead out of; None allows any place.
        max_bytes: Size over which the file is refused.

    Raises:
        CwlInvalid: If the file cannot be used; the message says why.
    """
    name = display_name(path, root)
    try:
        real = path.resolve(strict=True)
        if root is not None and not real.is_relative_to(root.resolve()):
            raise _refuse(
                name,
                "the path leads out of the DAG bundle",
                "put a copy of the file into the bundle, in place of the link or the `..`",
            )
        data = _read_regular(real, name, max_bytes)
    except FileNotFoundError as error:
        what = "the symbolic link points to nothing" if path.is_symlink() else "no such file"
        raise _refuse(name, what, "check the name, or remove what refers to it") from error
    except (OSError, RuntimeError, ValueError) as error:
        # RuntimeError: a loop of links before Python 3.13; ValueError: a NUL in the path.
        reason = (getattr(error, "strerror", None) or str(error)).lower()
        raise _refuse(
            name, f"the file cannot be read: {reason}", "check the file and its permissions"
        ) from error
    _require_text(data, name)
    return data


def _read_regular(real: Path, name: str, max_bytes: int) -> bytes:
    # O_NONBLOCK: opening a FIFO must not hang the DAG processor.
    handle = os.open(real, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_NOFOLLOW", 0))
    with open(handle, "rb") as file:
        status = os.fstat(handle)
        if not stat.S_ISREG(status.st_mode):
            what = "a folder" if stat.S_ISDIR(status.st_mode) else "not a regular file"
            raise _refuse(name, f"this is {what}", "name a CWL file")
        data = file.read(max_bytes + 1)
    if len(data) > max_bytes:
        size = max(status.st_size, len(data))
        raise _refuse(
            name,
            f"the file has {size:,} bytes, over the limit of {max_bytes:,}",
            "pass data as an input file; raise the option max_document_bytes of [chronos] if it is all CWL",
        )
    return data


def _require_text(data: bytes, name: str) -> None:
    if not data.strip(b" \t\r\n\xef\xbb\xbf"):
        raise CwlInvalid(
            "the file is empty",
            location=SourceLocation(name, 1, 1),
            suggestion="start it with `cwlVersion: v1.2` and `class: Workflow`",
        )
    if data.startswith(_UTF16):
        raise _not_text(data, name, 0, "UTF-16 text", "save it as UTF-8")
    at = data.find(b"\0")
    if at >= 0:
        raise _not_text(data, name, at, "binary, with a NUL byte", "check that this is a CWL file")
    try:
        data.decode("utf-8")
    except UnicodeDecodeError as error:
        byte = data[error.start]
        what = f"not UTF-8, with the byte 0x{byte:02x}"
        raise _not_text(data, name, error.start, what, "save it as UTF-8") from error


def _not_text(data: bytes, name: str, at: int, what: str, suggestion: str) -> CwlInvalid:
    before = data[:at]
    line = before.count(b"\n") + 1
    column = len(before[before.rfind(b"\n") + 1 :].decode("utf-8", "replace")) + 1
    return CwlInvalid(
        f"the file is {what} at offset {at}",
        location=SourceLocation(name, line, column),
        suggestion=suggestion,
    )


def _refuse(name: str, message: str, suggestion: str) -> CwlInvalid:
    return CwlInvalid(message, location=SourceLocation(name), suggestion=suggestion)


def as_yaml(data: bytes) -> bytes:
    """Return a JSON document as the YAML that means the same, any other document as it is.

    YAML takes JSON as it stands but for characters that JSON writes as two escapes, which are made one:
    places in later columns of such a line count two less for each.
    """
    if _SURROGATES.search(data) is None:
        return data
    try:
        json.loads(data)
    except (ValueError, RecursionError):
        return data

    def joined(found: re.Match[bytes]) -> bytes:
        high, low = int(found[2], 16), int(found[3], 16)
        return found[1] + b"\\U%08x" % (0x10000 + ((high - 0xD800) << 10) + low - 0xDC00)

    return _SURROGATES.sub(joined, data)


def check_yaml(data: bytes, name: str, *, max_nodes: int = MAX_NODES, max_depth: int = MAX_DEPTH) -> None:
    """Refuse YAML that the CWL library would misread, choke on or report unclearly.

    Raises:
        CwlInvalid: For a syntax error, a key given twice, an alias bomb, a recursive alias, too deep
            nesting, several documents in one file, or a document that is no mapping.
    """
    root = compose(data, name, max_nodes=max_nodes, max_depth=max_depth)
    if root is None or root.kind != "map":
        found = {"list": "a list", "text": "plain text"}.get(root.kind if root else "", "only comments")
        raise CwlInvalid(
            f"a CWL document is a mapping, but this is {found}",
            location=SourceLocation(name, root.line if root else 1, root.column if root else 1),
            suggestion=(
                "start with `cwlVersion: v1.2` and `class: Workflow`; put several processes under `$graph:`"
            ),
        )


def compose(data: bytes, name: str, *, max_nodes: int = MAX_NODES, max_depth: int = MAX_DEPTH) -> Node | None:
    """Parse one YAML (or JSON) document into nodes with places; None for a document without content.

    Built from parser events with a stack of its own: PyYAML's composer recurses in C and a deeply
    nested file would end the process.

    Raises:
        CwlInvalid: As :func:`check_yaml`, except that any kind of document is accepted.
    """
    import yaml

    # libyaml reads what the CWL library reads; PyYAML's own parser also refuses `int?` inside braces.
    loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    try:
        return _Builder(name, max_nodes, max_depth).build(yaml.parse(as_yaml(data), Loader=loader))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        from chronos_plugin.cwl.syntax import explain

        raise explain(error, data, name) from error


class _Builder:
    """Turns parser events into nodes."""

    def __init__(self, name: str, max_nodes: int, max_depth: int) -> None:
        self.name = name
        self.max_nodes = max_nodes
        self.max_depth = max_depth
        self.root: Node | None = None
        self.anchors: dict[str, Node] = {}
        # The open lists and maps; for each, the key that waits for its value and the keys seen, by line.
        self.stack: list[Node] = []
        self.waiting: list[Node | None] = []
        self.seen: list[dict[str, int]] = []

    def build(self, events: Iterable[Any]) -> Node | None:
        documents = 0
        for event in events:
            name = type(event).__name__
            if name == "ScalarEvent":
                self.scalar(event)
            elif name in _ENDS:
                self.close(event)
            elif name in _STARTS:
                self.open(event, _STARTS[name])
            elif name == "AliasEvent":
                self.alias(event)
            elif name == "DocumentStartEvent":
                documents += 1
                if documents > 1:
                    raise self.wrong(event, *_SECOND_DOCUMENT)
        return self.root

    def scalar(self, event: Any) -> None:
        mark = event.start_mark
        node = Node("text", mark.line + 1, mark.column + 1, event.value, event.style or "")
        if event.anchor:
            self.anchors[event.anchor] = node
        self.add(node)

    def alias(self, event: Any) -> None:
        name = event.anchor
        node = self.anchors.get(name)
        if node is None:
            raise self.wrong(
                event,
                f"`*{name}` refers to a YAML anchor that does not exist",
                f'put the value in quotes ("*{name}"), or define the anchor with `&{name}` before it',
            )
        if node in self.stack:
            raise self.wrong(event, f"`*{name}` contains itself", "write the part out, without the alias")
        self.add(node, event)

    def open(self, event: Any, kind: str) -> None:
        if len(self.stack) >= self.max_depth:
            raise self.too_deep(event)
        mark = event.start_mark
        node = Node(kind, mark.line + 1, mark.column + 1)
        if event.anchor:
            self.anchors[event.anchor] = node
        self.stack.append(node)
        self.waiting.append(None)
        self.seen.append({})

    def close(self, event: Any) -> None:
        node = self.stack.pop()
        self.waiting.pop()
        self.seen.pop()
        self.add(node, event)

    def add(self, node: Node, event: Any = None) -> None:
        if not self.stack:
            self.root = node
            return
        parent = self.stack[-1]
        if parent.kind == "list":
            parent.items.append(node)
        else:
            key = self.waiting[-1]
            if key is None:
                self.waiting[-1] = self.as_key(node)
                return
            self.waiting[-1] = None
            parent.pairs.append((key, node))
        # An alias counts as what it stands for: the CWL library walks that again each time.
        parent.size += node.size
        if parent.size > self.max_nodes:
            raise self.wrong(
                event or node,
                f"aliases (`*name`) expand this document to more than {self.max_nodes:,} values",
                "write fewer aliases of aliases",
            )
        if node.height >= parent.height:
            parent.height = node.height + 1
            if parent.height + len(self.stack) > self.max_depth + 2:
                raise self.too_deep(event or node)

    def as_key(self, node: Node) -> Node:
        if node.kind != "text":
            raise self.wrong(
                node,
                "a whole mapping or list stands where the name of a field belongs",
                "put text that starts with `{` or `[` in quotes (a template's `{{…}}`, for instance)",
            )
        if not node.text and not node.style:
            raise self.wrong(node, "a field has no name before its `:`", "write `name: value`")
        seen = self.seen[-1]
        if node.text in seen and node.text != "<<":
            raise self.wrong(
                node,
                f"`{node.text}` is given twice in the same mapping, first in line {seen[node.text]}",
                "keep one of them, or rename one",
            )
        seen[node.text] = node.line
        return node

    def too_deep(self, at: Any) -> CwlInvalid:
        return self.wrong(
            at,
            f"values are nested more than {self.max_depth} deep",
            "move inner processes to files of their own",
        )

    def wrong(self, at: Any, message: str, suggestion: str) -> CwlInvalid:
        """Return an error at a node or at a parser event."""
        if isinstance(at, Node):
            place = SourceLocation(self.name, at.line, at.column)
        else:
            place = SourceLocation(self.name, at.start_mark.line + 1, at.start_mark.column + 1)
        return CwlInvalid(message, location=place, suggestion=suggestion)
