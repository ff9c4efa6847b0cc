"""What a task must know to do its work: the resolved CWL of one step, as plain JSON.

Specifications hold cwltool's *resolved* form: ids and references are absolute URIs, types are expanded,
the version is updated to the library's internal one. URIs of files in the bundle begin with
:data:`BUNDLE`, so that a compiled document can be used from any copy of its bundle.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

BUNDLE = "file:///.chronos-bundle"
"""Stands for the URI of the bundle's base folder in compiled documents."""

Path = tuple[str, ...]
"""Names of nested steps from the root workflow; the root itself is ``()``."""


@dataclass(frozen=True)
class Source:
    """Where a linked value comes from, inside one workflow.

    Attributes:
        step: Name of the producing step; None for an input of the workflow.
        port: Name of the output or input parameter.
        type: CWL type of the value, scatter included.
    """

    step: str | None
    port: str
    type: Any


@dataclass(frozen=True)
class Scope:
    """A workflow as the place where steps exchange values.

    Attributes:
        shell: The process with its inputs and neither steps nor outputs: checks and completes an
            input object.
        requirements: Effective requirements, inherited first; ``own_from`` is the first own one.
        outputs: Output parameters with ``outputSource``, ``linkMerge``, ``pickValue``.
        sources: By URI: what ``outputSource`` can name.
        multiple: Whether a parameter may have several sources.
    """

    shell: Mapping[str, Any]
    requirements: list[Any]
    own_from: int
    hints: list[Any]
    outputs: list[Any]
    sources: Mapping[str, Source]
    multiple: bool


@dataclass(frozen=True)
class Step:
    """One workflow step: its links, and the process that it runs.

    Attributes:
        inputs: Step inputs, merged with the parameters of the process (scatter included in the type).
        outputs: Step outputs, likewise.
        sources: By URI: what the inputs' ``source`` can name.
        link_requirements: Requirements in force for ``valueFrom`` and ``when``.
        multiple: Whether a parameter may have several sources.
        run: The process; None for a subworkflow (its :class:`Scope` stands beside) or a loop.
        loop: The step with its process embedded, for a step that loops; else None.
        requirements: Effective requirements of ``run``; own ones begin at ``own_from``.
    """

    inputs: list[Any]
    outputs: list[Any]
    sources: Mapping[str, Source]
    link_requirements: list[Any]
    multiple: bool
    run_class: str
    run: Mapping[str, Any] | None = None
    loop: Mapping[str, Any] | None = None
    requirements: list[Any] = field(default_factory=list)
    own_from: int = 0
    hints: list[Any] = field(default_factory=list)
    scatter: tuple[str, ...] = ()
    scatter_method: str = "dotproduct"
    when: str | None = None


@dataclass(frozen=True)
class Specification:
    """A path's specification: a step, a scope, or (subworkflow) both; the root is a scope alone.

    Attributes:
        metadata: The document's metadata (``cwlVersion``, original version, ``$namespaces``).
        schemas: URIs of ontologies (``$schemas``) that formats refer to.
    """

    path: Path
    metadata: Mapping[str, Any]
    schemas: list[str]
    step: Step | None = None
    scope: Scope | None = None

    def to_json(self) -> dict[str, Any]:
        """Return the JSON form; :meth:`from_json` of it equals this specification."""
        return asdict(self)

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Specification:
        """Rebuild a specification from its JSON form."""
        step, scope = value["step"], value["scope"]
        return cls(
            path=tuple(value["path"]),
            metadata=value["metadata"],
            schemas=value["schemas"],
            step=step and Step(**{**step, "sources": _sources(step), "scatter": tuple(step["scatter"])}),
            scope=scope and Scope(**{**scope, "sources": _sources(scope)}),
        )


def _sources(value: Mapping[str, Any]) -> dict[str, Source]:
    return {uri: Source(**source) for uri, source in value["sources"].items()}
