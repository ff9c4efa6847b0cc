"""What to say about links between steps, about scatter, and about values that stand in each other's way."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from chronos_plugin.cwl.advice import Advice, RuleBook, here, reference_name, said
from chronos_plugin.cwl.places import Case, Step, closest, listed, nodes, processes

if TYPE_CHECKING:
    from chronos_plugin.cwl.findings import Finding
    from chronos_plugin.cwl.source import Node
    from chronos_plugin.errors import SourceLocation

rule = RuleBook()

SCATTER = "ScatterFeatureRequirement"
SUBWORKFLOW = "SubworkflowFeatureRequirement"


def add_requirement(name: str) -> str:
    """Return the suggestion to declare a requirement on the workflow."""
    return f"add `requirements: {{{name}: {{}}}}` to the workflow"


@rule(r"^Field '(source|outputSource)' references unknown identifier '(.+?)', tried")
def _source(case: Case, finding: Finding, match: re.Match[str]) -> Advice:
    word = match.group(2)
    owner = finding.within(r"checking object '.*#(.+)'")
    choices = list(_sources(case.document(finding.file), owner.group(1).split("/")[0] if owner else ""))
    better = closest(word, choices, cutoff=0.6)
    if better:
        suggestion = f"did you mean `{better}`?"
    else:
        suggestion = f"the sources are {listed(choices)}" if choices else "declare it under `inputs:`"
    return Advice(
        f"`{word}` is neither an input of the workflow nor an output of a step",
        suggestion,
        here(case, finding, word),
    )


def _sources(document: Node | None, owner: str) -> Iterator[str]:
    for process in processes(document) if document else ():
        inputs, steps = process.get("inputs"), process.get("steps")
        for name, _ in inputs.entries() if inputs is not None and steps is not None else ():
            yield name
        for step, node in steps.entries() if steps is not None else ():
            out = node.get("out")
            for name, _ in out.entries() if out is not None and step != owner else ():
                yield f"{step}/{name}"


@rule(r"^(?:source|outputSource) not found: (\S+#\S+)$")
def _half_source(case: Case, finding: Finding, match: re.Match[str]) -> Advice:
    word = match.group(1).rpartition("#")[2].rpartition("/")[2]
    choices = [name for name in _sources(case.document(finding.file), "") if name.startswith(f"{word}/")]
    suggestion = f"did you mean `{choices[0]}`?" if choices else "write `step/output`"
    return Advice(f"`{word}` names a step, not one of its outputs", suggestion, here(case, finding, word))


@rule(r"^Field 'scatter' references unknown identifier '(.+?)', tried")
def _scatter_input(case: Case, finding: Finding, match: re.Match[str]) -> Advice:
    word = match.group(1)
    inputs = next((_in_names(step) for step in case.steps() if word in _scattered(step)), [])
    better = closest(word, inputs)
    suggestion = f"did you mean `{better}`?" if better else f"the step's inputs are {listed(inputs)}"
    place = here(case, finding, word)
    return Advice(f"scatter over `{word}`, which the step's `in:` does not have", suggestion, place)


def _scattered(step: Step) -> list[str]:
    scatter = step.node.get("scatter")
    if scatter is None:
        return []
    return [scatter.text] if scatter.kind == "text" else [item.text for item in scatter.items]


def _in_names(step: Step) -> list[str]:
    inputs = step.node.get("in")
    return [name for name, _ in inputs.entries()] if inputs is not None else []


@rule(r"^Workflow contains scatter but ScatterFeatureRequirement")
def _scatter_requirement(case: Case, finding: Finding, _match: re.Match[str]) -> Advice:
    found = _step_place(
        case, finding, "scatter", lambda step: _lacks(step, SCATTER) and bool(_scattered(step))
    )
    return Advice(
        said(found[0], "`scatter` needs ScatterFeatureRequirement"), add_requirement(SCATTER), found[1]
    )


def _open_scatter(step: Step) -> bool:
    return step.node.get("scatter") is not None and step.node.get("scatterMethod") is None


@rule(r"^Must specify scatterMethod")
def _scatter_method(case: Case, finding: Finding, _match: re.Match[str]) -> Advice:
    def is_open(step: Step) -> bool:
        return len(_scattered(step)) != 1 and _open_scatter(step)

    name, place = _step_place(case, finding, "scatter", is_open)
    if any(step.name == name and is_open(step) and not _scattered(step) for step in case.steps()):
        return Advice(said(name, "`scatter` names no input"), "name one, such as `scatter: image`", place)
    return Advice(
        said(name, "a scatter over several inputs must say how to combine them"),
        "add `scatterMethod: dotproduct` (or nested_crossproduct, flat_crossproduct)",
        place,
    )


@rule(r"^Workflow contains embedded workflow but SubworkflowFeatureRequirement")
def _subworkflow(case: Case, finding: Finding, _match: re.Match[str]) -> Advice:
    def runs_workflow(step: Step) -> bool:
        run = step.node.get("run")
        if run is None or not _lacks(step, SUBWORKFLOW):
            return False
        return _process_of(case, step, run).word("class") == "Workflow"

    name, place = _step_place(case, finding, "run", runs_workflow)
    return Advice(
        said(name, "a step that runs a workflow needs SubworkflowFeatureRequirement"),
        add_requirement(SUBWORKFLOW),
        place,
    )


def _process_of(case: Case, step: Step, run: Node) -> Node:
    if run.kind != "text":
        return run
    name, _, fragment = run.text.partition("#")
    document = case.document((step.file.parent / name).resolve() if name else step.file)
    graph = document.get("$graph") if document else None
    for process in graph.items if graph is not None else ():
        if process.word("id").lstrip("#") == (fragment or "main"):
            return process
    return document or run


def _lacks(step: Step, requirement: str) -> bool:
    declared = [step.workflow.get("requirements"), step.node.get("requirements")]
    return not any(requirement == name for part in declared if part is not None for name, _ in part.entries())


def _step_place(
    case: Case, finding: Finding, field: str, wanted: Callable[[Step], bool]
) -> tuple[str, SourceLocation]:
    for step in case.steps():
        if wanted(step):
            return step.name, case.at(step.file, step.node.key(field) or step.node)
    return "", case.location(finding.file, finding.line, finding.column)


_SINK = re.compile(
    r"with sink '(.+?)' of type (.+?)(?: pickValue is: (\w+))?(?: source has linkMerge method (\w+))?$"
)


@rule(r"^Source '(.+?)' of type (.+?) is incompatible")
def _types(case: Case, _finding: Finding, _match: re.Match[str]) -> Advice | None:
    pairs = list(_mismatches(case))
    if not pairs:
        return None
    # cwltool shuffles the steps, and with them the order of what it reports.
    sink, source, given, to = min(pairs, key=lambda pair: (str(pair[0].file), pair[0].line or 0))
    name, target = to.group(1), type_name(to.group(2))
    step = _step_at(case, sink)
    message = f"`{source}` is `{given}`, but `{name}` takes `{target}`"
    if to.group(3) == "all_non_null" and not target.endswith("[]"):
        suggestion = (
            f"`pickValue: all_non_null` gives a list: make `{name}` a `{target}[]`, or pick `first_non_null`"
        )
    else:
        suggestion = _convert(source, given, name, target, step)
    return Advice(message, suggestion, case.location(sink.file, sink.line, sink.column))


def _mismatches(case: Case) -> Iterator[tuple[Finding, str, str, re.Match[str]]]:
    """Yield the finding about each sink, with the name and type of its source and what it takes."""
    source = None
    for finding in case.findings:
        source = re.match(r"Source '(.+?)' of type (.+?) is incompatible", finding.text) or source
        sink = _SINK.search(finding.text)
        if source and sink:
            yield finding, source.group(1), type_name(source.group(2)), sink


def _convert(source: str, given: str, name: str, target: str, step: Step | None) -> str:
    if given == target:
        return "give both records the same fields, or declare the type once with SchemaDefRequirement"
    if target == f"{given}[]":
        if step and name in _scattered(step):
            return (
                f"a scatter over `{name}` needs a list: make `{source}` a `{target}`, or remove the `scatter`"
            )
        return f"make `{source}` a `{target}`, or `{name}` a `{given}`"
    if given == f"{target}[]":
        if step:
            return f"run the step once for each value (`scatter: {name}`), or make `{name}` a `{given}`"
        return f"write `type: {given}`, or take one value only"
    return f"give both the same type, or convert the value with `valueFrom`{'' if step else ' in a step'}"


def _step_at(case: Case, finding: Finding) -> Step | None:
    """Return the step whose `in:` or `out:` holds the finding's place."""
    for step in case.steps():
        for field in ("in", "out"):
            key, part = step.node.key(field), step.node.get(field)
            if step.file != finding.file or key is None or part is None:
                continue
            names = [name for name, _ in part.pairs] + part.items + [key]
            if any(name.line == finding.line for name in names):
                return step
    return None


def type_name(text: str) -> str:
    """Return how people write a CWL type that is given as JSON: ``string[]``, ``File?``."""
    try:
        return short_type(json.loads(text))
    except ValueError:
        return text.strip('"')


def short_type(value: object) -> str:
    """Return how people write a loaded CWL type."""
    if isinstance(value, str):
        return reference_name(value)
    if isinstance(value, dict):
        if value.get("type") == "array":
            return f"{short_type(value.get('items'))}[]"
        return short_type(value.get("name") or value.get("type"))
    if isinstance(value, list):
        parts = [short_type(part) for part in value if part != "null"]
        return " or ".join(parts) + ("?" if "null" in value else "")
    return str(value)


@rule(r"^Step is missing required parameters? (.+)$")
def _step_input(case: Case, finding: Finding, match: re.Match[str]) -> Advice:
    names = re.findall(r"'([^']+)'", match.group(1))
    step = _step_at(case, finding)
    inputs = step.workflow.get("inputs") if step else None
    same = names[0] in ([name for name, _ in inputs.entries()] if inputs is not None else [])
    write = f"{names[0]}: {names[0]}" if same else f"{names[0]}: {{source: …}}"
    return Advice(
        said(step.name if step else "", f"the tool's required input {listed(names)} gets no value"),
        f"add `{write}` under `in:`, or a `default`",
        case.location(finding.file, finding.line, finding.column),
    )


@rule(r"^Workflow step output '(.+?)' does not correspond to")
def _step_output(case: Case, finding: Finding, match: re.Match[str]) -> Advice:
    word = match.group(1)
    expected = next((item for item in case.findings if "tool output (expected" in item.text), finding)
    names = re.findall(r"'([^']+)'", expected.text.partition("expected")[2])
    better = closest(word, names) or (names[0] if len(names) == 1 else None)
    suggestion = f"did you mean `{better}`?" if better else f"the tool's outputs are {listed(names)}"
    step = _step_at(case, finding)
    return Advice(
        said(step.name if step else "", f"the tool has no output `{word}`"),
        suggestion,
        case.location(finding.file, finding.line, finding.column),
    )


@rule(r"^The following steps have circular dependency:(.*)")
def _circle(case: Case, finding: Finding, match: re.Match[str]) -> Advice:
    first = re.findall(r"\[(.+?)\]", match.group(1))[0]
    names = [reference_name(uri) for uri in re.findall(r"'([^']+)'", first)]
    step = next((step for step in case.steps() if step.name in names), None)
    if step:
        # cwltool starts at any step of the ring; start where the reader does.
        at = names.index(step.name)
        names = names[at:] + names[:at]
    place = case.at(step.file, step.node.key("in")) if step else case.location(finding.file)
    ring = " → ".join(f"`{name}`" for name in [*names, names[0]])
    return Advice(
        f"steps wait for each other in a ring: {ring}",
        "remove one of the links, so that some step can run first",
        place,
    )


@rule(r"^Not allowed to specify (\w+)(?: path)? when using (\w+)(?: type)? shortcut")
def _shortcut(case: Case, finding: Finding, match: re.Match[str]) -> Advice:
    field, kind = match.groups()
    return Advice(
        f"`{field}` cannot stand beside `type: {kind}`",
        f"remove `{field}`, or write `type: File`",
        here(case, finding, field),
    )


@rule(r"^Type property '(\S+)' not a valid Avro schema")
def _bare_type(case: Case, finding: Finding, match: re.Match[str]) -> Advice:
    # Other names come as the file's path with dots, ending in the word.
    word = match.group(1).rpartition(".")[2]
    write = {
        "array": "`type: string[]`, or `type: {type: array, items: string}`",
        "enum": "`type: {type: enum, symbols: [first, second]}`",
        "record": "`type: {type: record, fields: {name: string}}`",
    }
    if word not in write:
        texts = [node.text for node in nodes(case.document(finding.file)) if node.text.endswith(f"#{word}")]
        return Advice(
            f"`{word}` cannot be used as a type here",
            "name a type of CWL, or a record or enum that SchemaDefRequirement defines",
            here(case, finding, word, *texts),
        )
    return Advice(f"`type: {word}` does not say of what", f"write {write[word]}", here(case, finding, word))


@rule(r"^mapSubject '(.+?)' value .* is not a dict and does not have a mapPredicate")
def _not_mapped(case: Case, finding: Finding, match: re.Match[str]) -> Advice:
    name = match.group(1)
    return Advice(f"`{name}` must hold a mapping", f"write `{name}: {{}}`", here(case, finding, name))


@rule(r"^If '(requirements|hints)' is present then it must be a list")
def _empty(case: Case, finding: Finding, match: re.Match[str]) -> Advice:
    name = match.group(1)
    place = case.location(finding.file, finding.line, finding.column)
    return Advice(f"`{name}` is empty", f"remove the line, or write `{name}: {{}}`", place)


@rule(r"^'(\$import|\$include)' must be the only field")
def _not_alone(case: Case, finding: Finding, match: re.Match[str]) -> Advice:
    name = match.group(1)
    return Advice(
        f"other fields stand beside `{name}`, which stands for the whole value",
        "move them into the file, or write its content here",
        here(case, finding, name),
    )


@rule(r"clause is (?:mandatory|not compatible)")
def _loop(case: Case, finding: Finding, _match: re.Match[str]) -> Advice:
    what = "`scatter`" if "scatter" in finding.text else "no `when`"
    return Advice(
        f"a step with `loop` has {what}",
        "remove the `scatter`, or scatter in a subworkflow" if "scatter" in what else "add `when: $(…)`",
        here(case, finding, "loop"),
    )
