"""What to say about references to other files and to processes in them."""

from __future__ import annotations

import re
from pathlib import Path

from chronos_plugin.cwl.advice import Advice, RuleBook
from chronos_plugin.cwl.findings import Finding, local_path
from chronos_plugin.cwl.places import Case, closest, listed
from chronos_plugin.cwl.references import resolve_target
from chronos_plugin.cwl.source import display_name
from chronos_plugin.errors import CwlError, SourceLocation

rule = RuleBook()


def blame_reference(case: Case, error: CwlError) -> CwlError:
    """Return ``error``, about a file as a whole, at the place that refers to the file.

    Unchanged where it has a place, or is about the document itself.
    """
    place = error.location
    if place is None or place.line is not None or place.file == case.location(case.file).file:
        return error
    for path in case.bundle.documents if case.bundle else ():
        for reference in case.references(path):
            target = reference.target_path
            if target is not None and display_name(target, case.root) == place.file:
                missing = _missing(case, target.name)
                return type(error)(
                    f"`{reference.field}: {reference.text}`: {error.message}",
                    location=case.location(path, reference.line, reference.column),
                    suggestion=missing.suggestion if missing else error.suggestion,
                    details=error.details,
                )
    return error


def first_of_bundle(case: Case) -> CwlError | None:
    """Return the first fault of the files that the document needs, None where all can be read."""
    for error in case.bundle.errors if case.bundle else ():
        return type(error)(error.message, location=_place(case, error), suggestion=error.suggestion)
    return None


def _place(case: Case, error: CwlError) -> SourceLocation:
    """Return the place of an error of the bundle, whose names are relative to the document's folder."""
    place = error.location or case.location(case.file)
    return case.location(case.file.parent / place.file, place.line, place.column)


def _missing(case: Case, name: str) -> CwlError | None:
    """Return what was found wrong with the reference to a file of that name."""
    errors = case.bundle.errors if case.bundle else ()
    return next((error for error in errors if name in error.message), None)


@rule(r"^Field 'run' contains undefined reference to '(.+)'|^(?:Error reading .*?)?\[Errno 2\].*?: '(.+?)'")
def _no_file(case: Case, _finding: Finding, match: re.Match[str]) -> Advice | None:
    uri = match.group(1) or match.group(2)
    if uri.startswith(("http:", "https:")):
        return _remote(case, uri)
    name = Path(str(local_path(uri.partition("#")[0]))).name
    error = _missing(case, name)
    return Advice(error.message, error.suggestion or "", _place(case, error)) if error else None


@rule(r"^(\S+): documents are read from the bundle only")
def _network(case: Case, _finding: Finding, match: re.Match[str]) -> Advice | None:
    return _remote(case, match.group(1))


def _remote(case: Case, uri: str) -> Advice:
    found = case.bundle.remote if case.bundle else ()
    for path, document in case.documents():
        for reference in found:
            node = case.near(path, reference.line, reference.column, reference.text)
            name = reference.text.partition("#")[0]
            # A prefix of `$namespaces` stands for the start of the address.
            same = uri.startswith(name) or uri.partition("#")[0].endswith(name.partition(":")[2])
            if document is not None and node is not None and same:
                return _not_read(reference.text, case.at(path, node))
    return _not_read(uri, case.location(case.file))


def _not_read(name: str, place: SourceLocation) -> Advice:
    return Advice(
        f"`{name}`: documents are not read from the network",
        "put a copy beside the workflow and write its path",
        place,
        unsupported=True,
    )


@rule(r"^Reference '(.*?)' (?:not found in file|is not in the index)")
def _no_fragment(case: Case, finding: Finding, match: re.Match[str]) -> Advice:
    word = match.group(1).rpartition("#")[2]
    for step in case.steps():
        run = step.node.get("run")
        if run is not None and run.text.rpartition("#")[2] == word:
            name = run.text.partition("#")[0]
            target = case.document((step.file.parent / name).resolve() if name else step.file)
            graph = target.get("$graph") if target else None
            choices = [item.word("id").lstrip("#") for item in graph.items] if graph is not None else []
            better = closest(word, choices)
            known = (
                f"its `$graph` has {listed(choices)}"
                if choices
                else "put the processes under `$graph:` with an `id` each"
            )
            return Advice(
                f"`run: {run.text}`: the file has no process of that id",
                f"did you mean `{name}#{better}`?" if better else known,
                case.at(step.file, run),
            )
    return Advice(
        f"there is no process `#{word}`", "check the `id` after the `#`", case.location(finding.file)
    )


@rule(r"^workflowjobj must be a dict|must be a CommentedMap|Document must be dict or list")
def _no_document(case: Case, finding: Finding, _match: re.Match[str]) -> Advice:
    for step in case.steps():
        run = step.node.get("run")
        target = resolve_target(step.file, run.text) if run is not None and run.text else None
        document = case.document(target) if target else None
        if run is not None and target is not None and (document is None or document.kind != "map"):
            return Advice(
                f"`run: {run.text}`: the file is no CWL document",
                "name the file of a tool or workflow",
                case.at(step.file, run),
            )
    return Advice("this is no CWL document", "check the file's content", case.location(finding.file))


@rule(r"^Tool file contains graph of multiple objects, must specify one of (.*)")
def _no_main(case: Case, finding: Finding, match: re.Match[str]) -> Advice:
    document = case.document(finding.file)
    place = case.at(finding.file, document.key("$graph") if document else None)
    names = [name.strip().lstrip("#") for name in match.group(1).split(",")]
    return Advice(
        f"none of the processes under `$graph` ({listed(names)}) is the main one",
        "write `id: main` for the process that is to run",
        place,
    )


@rule(r"maximum recursion depth exceeded|Detected infinite")
def _recursion(case: Case, finding: Finding, _match: re.Match[str]) -> Advice:
    ring = _ring(case, case.file, [])
    if not ring:
        return Advice(
            "the document is nested too deeply",
            "split it into files",
            case.location(finding.file or case.file),
        )
    names = [display_name(path, case.root) for path, _ in ring]
    story = f"`{names[0]}` runs " + ", which runs ".join(f"`{name}`" for name in [*names[1:], names[0]])
    return Advice(
        f"{story}: a workflow cannot contain itself",
        "remove one of these `run:` lines; for repetition use `scatter`, or `loop` of CWL v1.3",
        ring[0][1],
    )


def _ring(
    case: Case, path: Path, trail: list[tuple[Path, SourceLocation]]
) -> list[tuple[Path, SourceLocation]]:
    """Return the files that run each other in a ring, each with the place of its reference."""
    for reference in case.references(path):
        target = reference.target_path
        if reference.kind not in ("run", "import") or target is None:
            continue
        step = (path, case.location(path, reference.line, reference.column))
        files = [file for file, _ in trail] + [path]
        if target in files and (target != path or "#" not in reference.text):
            return [*trail, step][files.index(target) :]
        found = _ring(case, target, [*trail, step]) if target not in files else []
        if found:
            return found
    return []
