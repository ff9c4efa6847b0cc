"""What CWL files refer to, found without the CWL library: for bundles to send, and for clear errors.

:func:`find_references` parses one document and knows the place of each reference;
:func:`collect_bundle` follows them. The text scans of :mod:`chronos_plugin.cwl.roots`, which tell the
files that become DAGs, can be imported from here as well.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from chronos_plugin.cwl.roots import find_run_targets, resolve_target, root_documents, sniff_class
from chronos_plugin.cwl.source import Node, compose, display_name, read_source
from chronos_plugin.errors import CwlError, CwlInvalid, SourceLocation

__all__ = [
    "Bundle",
    "Reference",
    "collect_bundle",
    "find_references",
    "find_run_targets",
    "resolve_target",
    "root_documents",
    "sniff_class",
]

_DIRECTIVES = {"$import": "import", "$include": "include", "$mixin": "mixin"}
_FILES = {"File": "file", "Directory": "directory"}
_DATA_FIELDS = ("default", "listing")
_DOCUMENTS = ("run", "import", "mixin")
_STEP_FIELDS = {"run", "in", "out"}
_SEARCH_LIMIT = 5000


@dataclass(frozen=True)
class Reference:
    """One place in a CWL file that names another file.

    Attributes:
        kind: ``run``, ``import``, ``include``, ``mixin``, ``schemas``, ``file`` or ``directory``.
        field: The field that holds the name, such as ``$import`` or ``location``.
        text: The name as written.
        target_path: The absolute path that it stands for, None where it is remote.
        line: Line of the name, from 1.
        column: Column of the name, from 1.
    """

    kind: str
    field: str
    text: str
    target_path: Path | None
    line: int
    column: int

    @property
    def remote(self) -> bool:
        """Whether the target is no local file (http, https, or another scheme)."""
        return self.target_path is None


@dataclass(frozen=True)
class Bundle:
    """A CWL document and every local file and folder that it needs.

    Attributes:
        root_file: The document, absolute.
        base: The folder that all of it lies under.
        files: Absolute paths of the files, the document first.
        documents: Those of the files that are read as CWL or YAML.
        directories: Absolute paths of folders that are needed whole.
        remote: References that no local file answers.
        errors: What is missing or unreadable, each at the place that refers to it.
    """

    root_file: Path
    base: Path
    files: tuple[Path, ...]
    documents: tuple[Path, ...]
    directories: tuple[Path, ...]
    remote: tuple[Reference, ...]
    errors: tuple[CwlInvalid, ...]

    @property
    def root_name(self) -> str:
        """The document's path relative to the base, with forward slashes."""
        return self.relative(self.root_file)

    def relative(self, path: Path) -> str:
        """Return ``path`` relative to the base, with forward slashes."""
        return path.relative_to(self.base).as_posix()


def find_references(data: bytes, path: Path, *, root: Path | None = None) -> list[Reference]:
    """Return what the document ``data``, read from ``path``, refers to, in the order of the text.

    Raises:
        CwlInvalid: If the document is not YAML.
    """
    document = compose(data, display_name(path, root))
    return _References(path).of(document)


class _References:
    """Walks a document; a `run` counts in a step only, since inputs may have that name."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.found: list[Reference] = []
        self.patterns: set[str] = set()
        self.visited: set[tuple[int, str]] = set()

    def of(self, document: Node | None) -> list[Reference]:
        if document is not None:
            self.visit(document, "process")
        return sorted(self.found, key=lambda found: (found.line, found.column))

    def visit(self, node: Node, role: str) -> None:
        # Aliased nodes are met again.
        if node.kind == "text" or (id(node), role) in self.visited:
            return
        self.visited.add((id(node), role))
        for item in node.items:
            self.visit(item, role)
        if role == "process" and {name.text for name, _ in node.pairs} >= _STEP_FIELDS:
            role = "step"
        for name, value in node.pairs:
            self.field(node, name.text, value, role)

    def field(self, node: Node, field: str, value: Node, role: str) -> None:
        kind = _DIRECTIVES.get(field) or ("run" if field == "run" and role == "step" else "")
        if role == "data" and field in ("location", "path"):
            kind = _FILES.get(node.word("class"), "")
        if kind and value.kind == "text":
            self.add(kind, field, value)
        elif field == "$schemas":
            for item in value.items or [value]:
                self.add("schemas", field, item)
        elif field == "steps" and role == "process":
            for child in value.children():
                self.visit(child, "step")
        else:
            if field == "secondaryFiles":
                self.patterns.update(_patterns(value))
            self.visit(value, "data" if role == "data" or field in _DATA_FIELDS else "process")

    def add(self, kind: str, field: str, value: Node) -> None:
        text = value.text.strip()
        # Skipped: the document itself, a literal's generated location, a value known at run time only.
        if value.kind != "text" or not text.partition("#")[0] or text.startswith(("_:", "$(", "${")):
            return
        target = resolve_target(self.path, text)
        self.found.append(Reference(kind, field, text, target, value.line, value.column))


def _patterns(value: Node) -> Iterator[str]:
    for entry in value.items or [value]:
        text = entry.text or entry.word("pattern")
        if text and "$(" not in text and "${" not in text:
            yield text.removesuffix("?")


def collect_bundle(root_file: Path) -> Bundle:
    """Return the document and all that it needs, found by following its references.

    Files that stand beside a referred file by a ``secondaryFiles`` pattern are taken where they exist.

    Raises:
        CwlInvalid: If ``root_file`` itself cannot be read; other faults are in ``Bundle.errors``.
    """
    start = Path(os.path.abspath(root_file))
    walk = _Walk(start)
    walk.document(start)
    while walk.queue:
        referrer, reference = walk.queue.pop(0)
        walk.follow(referrer, reference)
    walk.add_secondary_files()
    parents = [str(path.parent) for path in [*walk.files, *walk.directories]]
    return Bundle(
        root_file=start,
        base=Path(os.path.commonpath(parents)),
        files=tuple(walk.files),
        documents=tuple(path for path, kind in walk.files.items() if kind in _DOCUMENTS),
        directories=tuple(walk.directories),
        remote=tuple(walk.remote),
        errors=tuple(walk.errors),
    )


class _Walk:
    def __init__(self, start: Path) -> None:
        self.start = start
        self.queue: list[tuple[Path, Reference]] = []
        self.files: dict[Path, str] = {start: "run"}
        self.directories: dict[Path, None] = {}
        self.remote: list[Reference] = []
        self.errors: list[CwlInvalid] = []
        self.patterns: set[str] = set()
        self.candidates: list[Path] | None = None

    def document(self, path: Path) -> None:
        name = display_name(path, self.start.parent)
        try:
            data = read_source(path, root=None)
            finder = _References(path)
            references = finder.of(compose(data, name))
        except CwlError as error:
            raise error.in_file(name) from error
        self.patterns |= finder.patterns
        self.queue.extend((path, reference) for reference in references)

    def follow(self, referrer: Path, reference: Reference) -> None:
        target = reference.target_path
        if target is None:
            self.remote.append(reference)
        elif reference.kind == "directory" and target.is_dir():
            self.directories[target] = None
        elif not target.is_file():
            self.errors.append(self.missing(referrer, reference, target))
        elif target not in self.files or self.files[target] not in _DOCUMENTS:
            self.files[target] = reference.kind
            if reference.kind in _DOCUMENTS:
                try:
                    self.document(target)
                except CwlInvalid as error:
                    self.errors.append(error)

    def missing(self, referrer: Path, reference: Reference, target: Path) -> CwlInvalid:
        if target.is_dir():
            what, wanted = "this is a folder", "a file"
        elif target.is_file():
            what, wanted = "this is a file", "a folder"
        else:
            what, wanted = "no such file" if reference.kind != "directory" else "no such folder", ""
        name = display_name(referrer, self.start.parent)
        near = self.near(referrer, reference.text)
        if wanted:
            suggestion = f"name {wanted}"
        elif near:
            suggestion = f"did you mean `{reference.field}: {near}`?"
        else:
            suggestion = f"create the file, or correct the path; it is relative to the folder of {name}"
        return CwlInvalid(
            f"`{reference.field}: {reference.text}`: {what}",
            location=SourceLocation(name, reference.line, reference.column),
            suggestion=suggestion,
        )

    def near(self, referrer: Path, text: str) -> str | None:
        """Return the existing file whose path, from ``referrer``, looks most like ``text``."""
        import difflib

        if self.candidates is None:
            self.candidates = list(_files_below(self.start.parent))
        wanted, _, fragment = text.partition("#")
        stem, suffix = os.path.splitext(wanted)
        # Without suffixes, whose likeness says nothing.
        names = {
            os.path.splitext(name)[0]: name
            for path in self.candidates
            if path != referrer and path.suffix == suffix
            for name in [Path(os.path.relpath(path, referrer.parent)).as_posix()]
        }
        same = [name for name in names.values() if Path(name).name == Path(wanted).name]
        found = same[:1] or [names[name] for name in difflib.get_close_matches(stem, names, n=1, cutoff=0.6)]
        if not found:
            return None
        return f"{found[0]}#{fragment}" if fragment else found[0]

    def add_secondary_files(self) -> None:
        for path in [path for path, kind in self.files.items() if kind == "file"]:
            for pattern in self.patterns:
                name = path.name
                while pattern.startswith("^"):
                    pattern, name = pattern[1:], name.rpartition(".")[0] or name
                beside = path.parent / (name + pattern)
                if beside.is_dir():
                    self.directories[beside] = None
                elif beside.is_file():
                    self.files.setdefault(beside, "file")


def _files_below(directory: Path) -> Iterator[Path]:
    seen = 0
    for folder, subfolders, names in os.walk(directory):
        subfolders[:] = sorted(name for name in subfolders if not name.startswith("."))
        for name in sorted(names):
            yield Path(folder, name)
        seen += len(names) + len(subfolders)
        if seen > _SEARCH_LIMIT:
            return
