"""Facets: JSON values on jobs, runs and datasets, each of a type with a JSON Schema.

The types of other distributions come by entry points of the group ``chronos.facets``: each names a
:class:`FacetType`, or a function without arguments that returns some. A facet of an unknown type is kept as
it is: OpenLineage's producers bring theirs, and nothing of them should be lost.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from chronos_plugin.errors import InputInvalid
from chronos_plugin.lineage.registry import registered

GROUP = "chronos.facets"

WORK_DIRECTORY = "{work_directory}"
"""Stands in a stored context for the run's work directory."""

_TEXT = {"type": "string"}
_NUMBER = {"type": "number"}


@dataclass(frozen=True)
class FacetType:
    """A type of facet.

    Attributes:
        name: Key of the facet; of other distributions with a prefix, ``mission_orbit``.
        of: What carries it: ``job``, ``run`` or ``dataset``.
        schema: JSON Schema (2020-12) of its value.
        indexed: Properties of a dataset's facet by which datasets are found.
    """

    name: str
    of: str
    schema: Mapping[str, Any]
    indexed: tuple[str, ...] = ()


def _object(**properties: Mapping[str, Any]) -> dict[str, Any]:
    return {"type": "object", "properties": properties}


BUILT_IN = (
    FacetType(
        "context",
        "run",
        _object(
            command={"type": "array", "items": _TEXT},
            work_directory=_TEXT,
            environment={"type": "object", "additionalProperties": _TEXT},
            native_id=_TEXT,
            log=_TEXT,
        ),
    ),
    FacetType("airflow", "run", _object(dag_id=_TEXT, run_id=_TEXT, task_id=_TEXT)),
    FacetType("parameters", "run", {"type": "object"}),
    FacetType("requirements", "job", {"type": "object"}),
    FacetType("quality", "dataset", _object(status=_TEXT, score=_NUMBER)),
)


@cache
def facet_types() -> Mapping[str, FacetType]:
    """Return all types by name; those of other distributions come with their entry points."""
    found = {t.name: t for t in BUILT_IN}
    for value in registered(GROUP):
        for facet_type in _several(value):
            found[facet_type.name] = facet_type
    return found


def check_facets(of: str, facets: Mapping[str, Any]) -> None:
    """Check facets against the schemas of their types.

    Args:
        of: ``job``, ``run`` or ``dataset``.

    Raises:
        InputInvalid: If one does not fit its type, or stands where its type does not belong.
    """
    for name, value in facets.items():
        facet_type = facet_types().get(name)
        if facet_type is None:
            continue
        if facet_type.of != of:
            raise InputInvalid(f"facet {name} belongs to a {facet_type.of}, not to a {of}")
        problem = next(iter(_validator(name).iter_errors(value)), None)
        if problem is not None:
            place = "/".join(str(part) for part in problem.absolute_path)
            raise InputInvalid(f"facet {name}{f' at {place}' if place else ''}: {problem.message}")


def indexed_attributes(facets: Mapping[str, Any]) -> dict[str, str]:
    """Return what datasets with these facets are found by: texts by ``FACET.PROPERTY``."""
    found = {}
    for name, value in facets.items():
        facet_type = facet_types().get(name)
        for key in facet_type.indexed if facet_type else ():
            if isinstance(value, Mapping) and value.get(key) is not None:
                found[f"{name}.{key}"] = str(value[key])
    return found


def full_context(context: Any) -> Any:
    """Return a context with its work directory written out."""
    folder = context.get("work_directory") if isinstance(context, Mapping) else None
    if not folder:
        return context
    parts = ("command", "environment")
    return {k: replace_in(v, WORK_DIRECTORY, folder) if k in parts else v for k, v in context.items()}


def replace_in(value: Any, old: str, new: str) -> Any:
    """Return a JSON value with ``old`` replaced in its texts."""
    if isinstance(value, str):
        return value.replace(old, new)
    if isinstance(value, list):
        return [replace_in(v, old, new) for v in value]
    if isinstance(value, Mapping):
        return {k: replace_in(v, old, new) for k, v in value.items()}
    return value


@cache
def _validator(name: str) -> Any:
    from jsonschema import Draft202012Validator

    return Draft202012Validator(dict(facet_types()[name].schema))


def _several(value: Any) -> Iterable[FacetType]:
    made = value() if callable(value) else value
    return [made] if isinstance(made, FacetType) else made
