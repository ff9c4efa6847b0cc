"""What to say about fields, types, classes and versions that the CWL schema refuses.

Each function answers one statement of the CWL library, told by a pattern; the advice on links
between steps is in :mod:`chronos_plugin.cwl.advice_links`, that on references to files in
:mod:`chronos_plugin.cwl.advice_files`.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from chronos_plugin.cwl.findings import Finding
from chronos_plugin.cwl.places import Case, closest, listed, nodes
from chronos_plugin.cwl.vocabulary import (
    CLASSES,
    FIELD_SINCE,
    FIELD_WORDS,
    HOW_TO_ADD,
    OTHER_WAYS,
    REQUIREMENTS,
    TYPE_WORDS,
    TYPES,
    VERSIONS,
)

if TYPE_CHECKING:
    from chronos_plugin.cwl.source import Node
    from chronos_plugin.errors import SourceLocation


@dataclass(frozen=True)
class Advice:
    """The answer to a finding: one sentence, what to write, and where it applies."""

    message: str
    suggestion: str
    place: SourceLocation
    unsupported: bool = False


Rule = Callable[[Case, Finding, "re.Match[str]"], Advice | None]


class RuleBook:
    """The rules of one module: patterns for what the library says, and the functions that answer."""

    def __init__(self) -> None:
        self.entries: list[tuple[re.Pattern[str], Rule]] = []

    def __call__(self, pattern: str) -> Callable[[Rule], Rule]:
        """Register a function for the findings whose text matches ``pattern``; the first to answer wins."""

        def register(function: Rule) -> Rule:
            self.entries.append((re.compile(pattern, re.DOTALL), function))
            return function

        return register


rule = RuleBook()


def here(case: Case, finding: Finding, *texts: str) -> SourceLocation:
    """Return the place of one of the texts at or after the finding, or else the finding's own."""
    node = case.near(finding.file, finding.line, finding.column, *texts)
    if node is not None:
        return case.at(finding.file, node)
    return case.location(finding.file, finding.line, finding.column)


def said(name: str, what: str) -> str:
    """Return ``what`` with the name that it is about before it, where there is one."""
    return f"`{name}`: {what}" if name else what


def reference_name(text: str) -> str:
    """Return the word that the library made a URI of, such as a misspelt class."""
    return text.rpartition("#")[2].rpartition("/")[2]


@rule(r"^No cwlVersion found")
def _no_version(case: Case, finding: Finding, _match: re.Match[str]) -> Advice:
    place = case.at(finding.file, case.document(finding.file))
    return Advice("the file does not say its CWL version", "begin the file with `cwlVersion: v1.2`", place)


@rule(r"^'cwlVersion' must be a string|no longer supports pre CWL v1\.0|^Unrecognized version")
def _version(case: Case, finding: Finding, _match: re.Match[str]) -> Advice:
    document = case.document(finding.file)
    node = document.get("cwlVersion") if document else None
    place = case.at(finding.file, node)
    word = node.text if node else ""
    if "draft" in word:
        upgrader = "sevenbridges-cwl-draft2-upgrader" if "2" in word else "cwl-upgrader"
        suggestion = f"upgrade the file with `{upgrader}` (on PyPI)"
        return Advice(f"CWL {word} is older than v1.0 and is not read", suggestion, place, unsupported=True)
    better = f"v{word}" if f"v{word}" in VERSIONS else closest(word, VERSIONS, cutoff=0.8)
    suggestion = f"write `cwlVersion: {better or 'v1.2'}`; the versions are {listed(VERSIONS)}"
    return Advice(f"`{word}` is no CWL version", suggestion, place)


@rule(r"^Version '(.+?)' is a development")
def _development(case: Case, finding: Finding, match: re.Match[str]) -> Advice:
    document = case.document(finding.file)
    place = case.at(finding.file, document.get("cwlVersion") if document else None)
    return Advice(
        f"CWL {match.group(1)} is a development version",
        "write `cwlVersion: v1.2`, or switch on the option enable_dev of [chronos]",
        place,
        unsupported=True,
    )


@rule(r"^Missing 'class' field|Missing or invalid 'class' field|^'hints' entry missing required key 'class'")
def _no_class(case: Case, finding: Finding, _match: re.Match[str]) -> Advice:
    if "hints" in finding.text:
        place = case.location(finding.file, finding.line, finding.column)
        return Advice(
            "a hint does not say its class", "write `- class: ResourceRequirement`, for instance", place
        )
    document = case.document(finding.file)
    fields = {name.text for name, _ in document.pairs} if document else set()
    signs = {"steps": "Workflow", "baseCommand": "CommandLineTool", "arguments": "CommandLineTool"}
    guess = next((name for field, name in signs.items() if field in fields), None)
    guess = guess or ("ExpressionTool" if "expression" in fields else "Workflow")
    place = case.location(finding.file, finding.line or 1, finding.column or 1)
    return Advice("the process does not say its class", f"add `class: {guess}`", place)


@rule(r"^Field 'class' contains undefined reference to '(.+)'|^Unsupported requirement (\S+?)\.?$")
def _class(case: Case, finding: Finding, match: re.Match[str]) -> Advice | None:
    uri = match.group(1) or match.group(2)
    word = reference_name(uri)
    in_list = match.group(2) or finding.within(r"checking field '(requirements|hints)'")
    if in_list:
        return _requirement(case, finding, uri, word)
    better = closest(word, CLASSES)
    suggestion = f"did you mean `class: {better}`?" if better else f"write one of {listed(CLASSES)}"
    return Advice(f"`{word}` is no class of process", suggestion, here(case, finding, word))


def _requirement(case: Case, finding: Finding, uri: str, word: str) -> Advice:
    prefixed = [node.text for node in _scalars(case, finding) if node.text.endswith(f":{word}")]
    place = here(case, finding, word, uri, *prefixed)
    shown = prefixed[0] if prefixed else word
    better = closest(word, REQUIREMENTS, cutoff=0.8)
    if better == word and uri.endswith(word):
        since = REQUIREMENTS[word]
        bare = f" and `{word}` without the prefix" if prefixed else ""
        return Advice(f"`{word}` needs CWL {since}", f"write `cwlVersion: {max(since, 'v1.2')}`{bare}", place)
    if better and not prefixed:
        return Advice(f"`{word}` is no requirement of CWL", f"did you mean `{better}`?", place)
    return Advice(
        f"the requirement `{shown}` is not supported",
        OTHER_WAYS.get(
            word,
            "move it from `requirements:` to `hints:` if the process also works without it, or remove it",
        ),
        place,
        unsupported=True,
    )


def _scalars(case: Case, finding: Finding) -> list[Node]:
    return [node for node in nodes(case.document(finding.file)) if node.kind == "text"]


@rule(r"^missing required field '(\w+)'|^(Missing 'type') in parameter|^\"(outputs)\" section is not valid")
def _missing(case: Case, finding: Finding, match: re.Match[str]) -> Advice | None:
    field = match.group(1) or match.group(3) or "type"
    if match.group(3):
        document = case.document(finding.file)
        if document is not None and document.get("outputs") is not None:
            place = case.at(finding.file, document.get("outputs"))
            return Advice("`outputs` must be a mapping or a list", "write `outputs: {name: File}`", place)
    owner = case.label(finding.file, finding.line, finding.column)
    place = case.location(finding.file, finding.line, finding.column)
    suggestion = HOW_TO_ADD.get(field, f"add `{field}:`")
    return Advice(said(owner, f"the field `{field}` is missing"), suggestion, place)


@rule(r"^invalid field '(.+?)', expected one of: (.*)")
def _unknown_field(case: Case, finding: Finding, match: re.Match[str]) -> Advice:
    word, allowed = match.group(1), re.findall(r"'([^']+)'", match.group(2))
    place = case.location(finding.file, finding.line, finding.column)
    since = FIELD_SINCE.get(word)
    version = case.version(finding.file)
    if since and version < since:
        return Advice(
            f"`{word}` needs CWL {since}, but the file says {version}", f"write `cwlVersion: {since}`", place
        )
    if word == "items" and "type" in allowed:
        return Advice(
            "`items` stands beside `type: array`, not inside the type",
            "write `type: {type: array, items: string}` or, shorter, `type: string[]`",
            place,
        )
    better = better_field(word, allowed)
    suggestion = f"did you mean `{better}`?" if better else f"the fields here are {listed(allowed)}"
    return Advice(f"`{word}` is not a field here", suggestion, place)


def better_field(word: str, allowed: list[str]) -> str | None:
    """Return the allowed field that an unknown one probably stands for."""
    synonym = FIELD_WORDS.get(word.lower())
    return synonym if synonym in allowed else closest(word, allowed)


@rule(r"^Field 'type' references unknown identifier '(.+?)', tried")
def _type(case: Case, finding: Finding, match: re.Match[str]) -> Advice:
    word = match.group(1)
    bare = word.rstrip("?[]")
    better = TYPE_WORDS.get(bare.lower()) or closest(bare, TYPES)
    place = here(case, finding, word, f"{bare}?", f"{bare}[]", f"{bare}[]?", f"{bare}[][]", bare)
    if bare in TYPES:
        write = f'write `{{type: array, items: "{bare}[]"}}`'
        return Advice(f"`{bare}[][]` is no type: lists of lists have no short form", write, place)
    suggestion = f"did you mean `{better}`?" if better else f"the types are {listed(TYPES, 20)}"
    return Advice(f"`{bare}` is no type", suggestion, place)


@rule(r"^the value '(.+)' is not a valid (\w+), expected (?:one of )?(.*)")
def _word(case: Case, finding: Finding, match: re.Match[str]) -> Advice:
    word, allowed = match.group(1), re.findall(r"'([^']+)'", match.group(3))
    return _no_choice(case, finding, word, allowed)


@rule(r"^Field '(\w+)' contains undefined reference to '(.+)'")
def _vocabulary(case: Case, finding: Finding, match: re.Match[str]) -> Advice | None:
    allowed = {
        "scatterMethod": ["dotproduct", "nested_crossproduct", "flat_crossproduct"],
        "linkMerge": ["merge_nested", "merge_flattened"],
        "pickValue": ["first_non_null", "the_only_non_null", "all_non_null"],
        "outputMethod": ["last_iteration", "all_iterations"],
        "loadListing": ["no_listing", "shallow_listing", "deep_listing"],
    }
    if match.group(1) not in allowed:
        return None
    return _no_choice(case, finding, reference_name(match.group(2)), allowed[match.group(1)])


def _no_choice(case: Case, finding: Finding, word: str, allowed: list[str]) -> Advice:
    allowed = [reference_name(name) for name in allowed]
    better = closest(word, allowed)
    suggestion = f"did you mean `{better}`?" if better else "write one of " + listed(allowed)
    return Advice(f"`{word}` is none of {listed(allowed)}", suggestion, here(case, finding, word))


_PLAIN_WORDS = {
    "CommentedMap": "a mapping",
    "CommentedSeq": "a list",
    "ScalarFloat": "a number",
    "ScalarInt": "a number",
    "float": "a number",
    "int": "a number",
    "bool": "`true` or `false`",
    "NoneType": "empty",
    "str": "text",
}


@rule(r"^value is a (\w+)(?:,| but) expected (.*)")
def _wrong_kind(case: Case, finding: Finding, match: re.Match[str]) -> Advice:
    found = _PLAIN_WORDS.get(match.group(1), "text" if match.group(1).endswith("String") else match.group(1))
    expected = _plain_type(match.group(2))
    suggestion = f"write {expected}"
    value = case.value_at(finding.file, finding.line, finding.column)
    if value is not None and value.kind == "text" and value.text and expected.startswith("a list"):
        suggestion = f"write `{_field_name(finding)}: [{value.text}]`"
    if _field_name(finding) == "secondaryFiles" and case.version(finding.file) == "v1.0":
        suggestion = "write the pattern alone, such as `.bai`; `{pattern: …}` needs `cwlVersion: v1.1`"
    requirements = [name for name in REQUIREMENTS if name in match.group(2)]
    if len(requirements) > 2:
        name = case.label(finding.file, finding.line, finding.column) or requirements[0]
        expected, suggestion = "an object with a class", f"write `- class: {name}`"
    return _value(case, finding, f"is {found}, but must be {expected}", suggestion)


@rule(r"^the value (.*) is not a list, expected list of|^is not a dict\. Expected an? (\w+) object")
def _not_a_list(case: Case, finding: Finding, match: re.Match[str]) -> Advice:
    if match.group(2):
        return _value(case, finding, f"must be a mapping ({match.group(2)})", "write its fields, one a line")
    field = _field_name(finding) or "field"
    if match.group(1) == "None":
        return _value(case, finding, "is empty", f"write `{field}: []`, or list its members")
    return _value(case, finding, "must be a list", f"write `{field}: […]`")


@rule(r"^'(\w+)' field is (\w+), expected string, list, or a dict|^(\w+) not found: (None)$")
def _not_text(case: Case, finding: Finding, match: re.Match[str]) -> Advice:
    field, kind = (match.group(1), match.group(2)) if match.group(1) else (match.group(3), "NoneType")
    value = case.value_at(finding.file, finding.line, finding.column)
    place = (
        case.at(finding.file, value) if value else case.location(finding.file, finding.line, finding.column)
    )
    found = f"is {_PLAIN_WORDS.get(kind, kind)}"
    return Advice(
        f"`{field}` {found}, but must be text", f"write `{field}: name`, in quotes if need be", place
    )


@rule(r"^value '(.*)' does not contain an expression in the form")
def _no_expression(case: Case, finding: Finding, match: re.Match[str]) -> Advice:
    word = match.group(1)
    advice = _value(case, finding, f"must be an expression, not `{word}`", f"write `$({word})`")
    return Advice(advice.message, advice.suggestion, here(case, finding, word))


@rule(r"^(?:the value )?(.*?) ?is not (int|long|float or double|boolean|string|null)$")
def _not_a_number(case: Case, finding: Finding, match: re.Match[str]) -> Advice:
    word = match.group(1).strip("\"'")
    kinds = {"int": "a whole number", "long": "a whole number", "float or double": "a number"}
    kinds |= {"boolean": "`true` or `false`", "string": "text", "null": "empty"}
    wanted = kinds[match.group(2)]
    shown = f", not `{word}`" if word and word != "the value" else ""
    suggestion = f"write {wanted}"
    if re.fullmatch(r"\d*\.\d+", word) and case.version(finding.file) in ("v1.0", "v1.1"):
        suggestion = f"write {wanted}; fractions need `cwlVersion: v1.2`"
    elif word.startswith("$") and case.version(finding.file) in ("v1.0", "v1.1"):
        suggestion = f"write {wanted}; an expression may need `cwlVersion: v1.2`"
    advice = _value(case, finding, f"must be {wanted}{shown}", suggestion)
    return Advice(advice.message, advice.suggestion, here(case, finding, word) if word else advice.place)


def _field_name(finding: Finding) -> str:
    parent = finding.within(r"the '(\w+)' field is not valid")
    return parent.group(1) if parent else ""


def _value(case: Case, finding: Finding, what: str, suggestion: str) -> Advice:
    field = _field_name(finding)
    place = case.location(finding.file, finding.line, finding.column)
    subject = f"`{field}`" if field else "the value"
    return Advice(f"{subject} {what}", suggestion, place)


def _plain_type(text: str) -> str:
    words = {
        "string": "text",
        "int": "a whole number",
        "boolean": "true or false",
        "Expression": "an expression",
    }
    many = {"string": "text", "int": "whole numbers"}
    inner = re.search(r"array of <(.+)>", text)
    plain = [words.get(part, part) for part in re.sub(r"(?: or )?array of <.+>", "", text).split(" or ")]
    if inner:
        plain.append(f"a list of {many[inner.group(1)]}" if inner.group(1) in many else "a list")
    return " or ".join(dict.fromkeys(part for part in plain if part not in ("", "null")))
