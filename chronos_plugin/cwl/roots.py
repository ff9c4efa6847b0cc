"""Which `.cwl` files of a folder become DAGs, told from their text alone.

The DAG processor asks this each time it lists a bundle, so nothing here parses YAML unless a file
carries a ``chronos:DAG`` hint, and what a file said is kept until the file changes.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote

from chronos_plugin.cwl.source import MAX_BYTES, Node, compose, read_source
from chronos_plugin.errors import CwlError

# Two letters at least: `A:x` is a file name that the conformance suite uses.
_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]+):")

# A key and what follows its colon: a quoted name, or the rest of the line, or of the next one.
_VALUE = rb"""["']?[ \t]*:(?=[\s"'])\s*(?:&\S+\s+)?(?:"([^"\n]*)"|'([^'\n]*)'|(?=([^\s"'{\[|>!&*][^\n]*)))"""
# One pattern a key: a literal start lets the scan skip through the text.
_TARGETS = (re.compile(rb"run" + _VALUE), re.compile(rb"\$import" + _VALUE))
_COMMENT = re.compile(rb"(?:^|\s)#")
_CLASS = re.compile(rb"""class["']?[ \t]*:\s*["']?([\w:#/.-]+)""")
_GRAPH = re.compile(rb"""^[ ]*["']?\$graph["']?[ \t]*:""", re.MULTILINE)

_NO_WORKFLOW = {"CommandLineTool", "ExpressionTool", "Operation"}
_HINT = "chronos:DAG"
_CACHE_SIZE = 4096


def resolve_target(referrer: Path, text: str) -> Path | None:
    """Return the absolute path that ``text`` names in the file ``referrer``, None for a remote one.

    References are URIs: a ``#fragment`` is cut off and percent escapes are decoded.
    """
    name = text.partition("#")[0]
    scheme = _SCHEME.match(name)
    if scheme:
        if scheme.group(1).lower() != "file":
            return None
        name = name[scheme.end() :]
        if name.startswith("//"):
            name = "/" + name[2:].partition("/")[2]
    return Path(os.path.normpath(os.path.join(os.path.abspath(referrer.parent), unquote(name))))


def find_run_targets(text: bytes) -> set[str]:
    """Return the names that the text gives to ``run:`` or ``$import:``, without their fragments.

    A scan, not a parse: a line of documentation that looks like a step is taken for one.
    """
    found = set()
    is_json = text.lstrip()[:1] == b"{"
    for pattern in _TARGETS:
        for match in pattern.finditer(text):
            name = _target(text, match, is_json)
            if name:
                found.add(name)
    return found


def _target(text: bytes, match: re.Match[bytes], is_json: bool) -> str:
    start = match.start()
    prefix = text[text.rfind(b"\n", 0, start) + 1 : start]
    if prefix.strip(b" -\"'"):
        before = prefix.rstrip(b"\"'")
        if before[-1:] not in (b" ", b"\t", b"{", b","):
            return ""
        if not is_json and b"#" in prefix and _COMMENT.search(prefix):
            return ""
    elif prefix.endswith(b"-"):
        return ""
    double, single, plain = match.groups()
    value = double if double is not None else single
    if value is None:
        value = _plain(plain, in_flow=b"{" in prefix)
        if b"\n" in text[start : match.start(3)] and (b": " in value or value.endswith(b":")):
            # The next line is a field of its own: an inline process.
            return ""
    return value.decode("utf-8", "replace").partition("#")[0].strip()


def _plain(value: bytes, *, in_flow: bool) -> bytes:
    if b"#" in value and (comment := _COMMENT.search(value)):
        value = value[: comment.start()]
    if in_flow:
        value = re.split(rb"[,}\]]", value, maxsplit=1)[0]
    return value.strip()


def sniff_class(text: bytes) -> str | None:
    """Return the class of a file's root process; ``Workflow`` where any process of a ``$graph`` is one.

    None where the text does not say. A scan: for broken YAML the answer is a guess.
    """
    if text.lstrip()[:1] == b"{":
        known, name = _json_class(text)
        return name if known else _pick(_CLASS.findall(text))
    if b"$graph" in text and _GRAPH.search(text):
        return _pick(_CLASS.findall(text))
    least, found = len(text), None
    for match in _CLASS.finditer(text):
        prefix = text[text.rfind(b"\n", 0, match.start()) + 1 : match.start()]
        # The root's fields are indented least; a root may be indented as a whole.
        if len(prefix) < least and not prefix.strip(b" \"'"):
            least, found = len(prefix), match.group(1).decode("utf-8", "replace")
            if not least:
                break
    return found


def _json_class(text: bytes) -> tuple[bool, str | None]:
    try:
        document = json.loads(text)
    except (ValueError, RecursionError):
        return False, None
    graph = document.get("$graph")
    entries = graph if isinstance(graph, list) else [document]
    return True, _pick([str(entry.get("class", "")).encode() for entry in entries if isinstance(entry, dict)])


def _pick(classes: list[bytes]) -> str | None:
    if b"Workflow" in classes:
        return "Workflow"
    return next((name.decode("utf-8", "replace") for name in classes if name), None)


@dataclass(frozen=True)
class _Scan:
    """What the text of one file says; ``wanted`` is the ``chronos:DAG`` hint's word, None without one."""

    candidate: bool
    targets: frozenset[Path] = frozenset()
    wanted: bool | None = None


_scans: dict[Path, tuple[int, int, _Scan]] = {}


def root_documents(directory: Path, files: Iterable[Path], *, max_bytes: int = MAX_BYTES) -> list[Path]:
    """Return those of ``files`` that become a DAG, in their order.

    A file does if it may hold a workflow and no other of the files names it by ``run:`` or ``$import:``.
    Of workflows that only name each other in a ring, the first does. A hint of class ``chronos:DAG``
    with ``enabled: true`` or ``false`` decides for its file. A file that cannot be read becomes one,
    so that its error is shown.

    Args:
        directory: The DAG bundle; relative ``files`` are below it.
        files: The ``.cwl`` files of the bundle.
        max_bytes: Size over which a file counts as unreadable.
    """
    paths = [Path(os.path.normpath(os.path.abspath(directory / file))) for file in files]
    scans = {path: _scan(path, directory, max_bytes) for path in paths}
    links = {path: {target for target in scan.targets if target in scans} for path, scan in scans.items()}
    named = set().union(*links.values())
    roots = {path for path in scans if path not in named}
    covered = _reachable(roots, links)
    for path in paths:
        if path not in covered and scans[path].candidate:
            roots.add(path)
            covered |= _reachable({path}, links)
    return [path for path in dict.fromkeys(paths) if _wanted(scans[path], path in roots)]


def _wanted(scan: _Scan, is_root: bool) -> bool:
    return scan.wanted if scan.wanted is not None else is_root and scan.candidate


def _targets(path: Path, data: bytes) -> Iterator[Path]:
    for text in find_run_targets(data):
        target = resolve_target(path, text)
        if target is not None and target != path:
            yield target


def _reachable(starts: set[Path], links: Mapping[Path, set[Path]]) -> set[Path]:
    reached: set[Path] = set()
    waiting = list(starts)
    while waiting:
        path = waiting.pop()
        if path not in reached:
            reached.add(path)
            waiting.extend(links[path])
    return reached


def _scan(path: Path, directory: Path, max_bytes: int) -> _Scan:
    try:
        status = path.stat()
    except (OSError, ValueError):
        return _Scan(candidate=True)
    if status.st_size > max_bytes:
        return _Scan(candidate=True)
    cached = _scans.get(path)
    if cached and cached[:2] == (status.st_mtime_ns, status.st_size):
        return cached[2]
    scan = _read(path, directory, max_bytes)
    if len(_scans) >= _CACHE_SIZE:
        _scans.clear()
    _scans[path] = (status.st_mtime_ns, status.st_size, scan)
    return scan


def _read(path: Path, directory: Path, max_bytes: int) -> _Scan:
    try:
        data = read_source(path, root=directory, max_bytes=max_bytes)
    except CwlError:
        return _Scan(candidate=True)
    return _Scan(
        candidate=sniff_class(data) not in _NO_WORKFLOW,
        targets=frozenset(_targets(path, data)),
        wanted=_hint(data) if _HINT.encode() in data else None,
    )


def _hint(data: bytes) -> bool | None:
    try:
        document = compose(data, "")
    except CwlError:
        return None
    processes = [document] if document else []
    graph = document.get("$graph") if document else None
    if graph is not None:
        # The main process speaks for the file; without one, the first that says something.
        processes = sorted(graph.items, key=lambda node: node.word("id").lstrip("#") != "main")
    answers = (answer for process in processes if (answer := _enabled(process)) is not None)
    return next(answers, None)


def _enabled(process: Node) -> bool | None:
    hints = process.get("hints")
    for name, hint in hints.entries() if hints is not None else ():
        if _HINT in (name, hint.word("class")):
            return {"true": True, "false": False}.get(hint.word("enabled").lower())
    return None
