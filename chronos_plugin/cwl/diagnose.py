"""One clear message for whatever went wrong while a CWL document was loaded.

The CWL library reports through trees of exceptions, wrapped text and plain Python errors.
:func:`diagnose` picks the statement that matters, says it in plain words, finds its place, and adds
what to write instead. It runs after an error only and may read the files again.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from chronos_plugin.cwl import advice, advice_files, advice_links
from chronos_plugin.cwl.findings import Finding, chain, gather, local_path
from chronos_plugin.cwl.places import Case
from chronos_plugin.cwl.shape import check_shape
from chronos_plugin.cwl.source import check_yaml, display_name, read_source
from chronos_plugin.cwl.syntax import explain
from chronos_plugin.errors import CwlError, CwlInvalid, CwlUnsupported

RULES = (*advice.rule.entries, *advice_links.rule.entries, *advice_files.rule.entries)

_MAX_DETAIL_LINES = 40
_MAX_DETAIL_WIDTH = 300
_NOT_ADVICE = re.compile(
    r"^Tool definition .* failed validation:|^Validation error in |^checking |^Could not make an Avro Schema"
)


def diagnose(error: BaseException, *, file: Path, root: Path | None = None) -> CwlError:
    """Return the one error to show for ``error``, raised while ``file`` was read, loaded or checked.

    Args:
        error: What was raised: by cwltool, schema-salad, ruamel.yaml, the file system, or CHRONOS.
        file: The document that was to be loaded.
        root: The DAG bundle; files are named relative to it, or to the folder of ``file``.
    """
    file = Path(os.path.abspath(file))
    base = Path(os.path.abspath(root)) if root is not None else file.parent
    case = Case(file, base, gather(error))
    for current in chain(error):
        if isinstance(current, CwlError):
            return advice_files.blame_reference(case, _own(current, case))
    found = _of_files(error, case) or _by_rule(case) or _of_shape(case)
    found = found or advice_files.first_of_bundle(case) or _by_place(case) or _unknown(error, case)
    details = _details(case, found)
    return type(found)(
        found.message, location=found.location, suggestion=found.suggestion, details=details or None
    )


def _own(error: CwlError, case: Case) -> CwlError:
    place = error.location or case.location(case.file)
    if os.path.isabs(place.file):
        place = case.location(Path(place.file), place.line, place.column)
    return type(error)(error.message, location=place, suggestion=error.suggestion, details=error.details)


def _of_files(error: BaseException, case: Case) -> CwlError | None:
    """Return what is wrong with the text of a file, where that is what was raised."""
    for current in chain(error):
        mark: Any = getattr(current, "problem_mark", None)
        path = local_path(getattr(mark, "name", None)) or case.file
        if mark is None and not isinstance(current, UnicodeError | OSError):
            continue
        try:
            data = read_source(path, root=None)
            check_yaml(data, display_name(path, case.root))
        except CwlError as found:
            return found.in_file(display_name(path, case.root))
        if mark is not None and isinstance(current, Exception):
            return explain(current, data, display_name(path, case.root))
    return None


def _by_rule(case: Case) -> CwlError | None:
    # Findings are in the order of the document, but for their rank; the first one explained is shown.
    for finding in sorted(case.findings, key=_rank):
        for pattern, answer in RULES:
            match = pattern.search(finding.text)
            found = answer(case, finding, match) if match else None
            if found is not None:
                kind = CwlUnsupported if found.unsupported else CwlInvalid
                return kind(found.message, location=found.place, suggestion=found.suggestion)
    return None


def _rank(finding: Finding) -> int:
    """Order statements about the same object: a misspelt field explains the missing one."""
    unknown = re.match(r"invalid field '(.+?)', expected one of: (.*)", finding.text)
    if unknown:
        allowed = re.findall(r"'([^']+)'", unknown.group(2))
        return 0 if advice.better_field(unknown.group(1), allowed) else 2
    return 1


def _of_shape(case: Case) -> CwlError | None:
    for path, document in case.documents():
        try:
            check_shape(document, display_name(path, case.root))
        except CwlError as found:
            return found
    return None


def _by_place(case: Case) -> CwlError | None:
    """Return the most deeply nested statement with a place, as the library words it."""
    placed = [item for item in case.findings if item.line is not None and not _NOT_ADVICE.match(item.text)]
    if not placed:
        return None
    finding = max(placed, key=lambda item: len(item.parents))
    field = finding.within(r"the '(\w+)' field|field '(\w+)'")
    name = next((group for group in field.groups() if group), "") if field else ""
    return CwlInvalid(
        advice.said(name, _clean(finding.text, case)),
        location=case.location(finding.file, finding.line, finding.column),
        suggestion="compare this place with the CWL specification",
    )


def _unknown(error: BaseException, case: Case) -> CwlError:
    texts = [item.text for item in case.findings if not _NOT_ADVICE.match(item.text)]
    text = _clean(texts[0], case) if texts else type(error).__name__
    kind = CwlUnsupported if type(error).__name__ == "UnsupportedRequirement" else CwlInvalid
    if not type(error).__module__.startswith(("cwltool", "cwl_utils", "schema_salad")):
        text = f"the CWL library stopped at this document ({type(error).__name__}: {text})"
    return kind(
        text,
        location=case.location(case.findings[0].file if case.findings else case.file),
        suggestion="check the document with `cwltool --validate`",
    )


def _details(case: Case, found: CwlError) -> str:
    lines: list[str] = []
    for finding in case.findings:
        text = _clean(finding.text, case)
        if _NOT_ADVICE.match(finding.text) or text in (found.message, ""):
            continue
        place = f"{case.location(finding.file, finding.line, finding.column)}: " if finding.line else ""
        lines.append(f"{place}{text}")
    return _cut(dict.fromkeys(lines))


def _cut(lines: Iterable[str]) -> str:
    wide = [line if len(line) <= _MAX_DETAIL_WIDTH else line[: _MAX_DETAIL_WIDTH - 1] + "…" for line in lines]
    if len(wide) > _MAX_DETAIL_LINES:
        rest = len(wide) - _MAX_DETAIL_LINES + 1
        wide = [*wide[: _MAX_DETAIL_LINES - 1], f"… and {rest} more"]
    return "\n".join(wide)


def _clean(text: str, case: Case) -> str:
    """Name files as messages do, also where the library's text holds a URI or a path."""
    for folder in dict.fromkeys((str(case.root), os.path.realpath(case.root))):
        relative = os.path.relpath(folder)
        # Avro names of types are paths with dots.
        dotted = folder.strip("/").replace("/", ".") + "."
        for prefix in (
            f"file://{folder}/",
            f"{folder}/",
            f"{relative}/" if len(relative) > 3 else "",
            dotted,
        ):
            if prefix:
                text = text.replace(prefix, "")
    return re.sub(r"\s+", " ", text).strip()
