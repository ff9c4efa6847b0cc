r"""Product types, recognised from names and metadata by rules.

A rule is a type and a regular expression; its named groups are the attributes of a product::

    - type: SWOT_L2_LR_SSH
      description: Sea surface height, low rate
      name: SWOT_L2_LR_SSH_(?P<kind>[A-Za-z]+)_(?P<cycle>\d{3})_(?P<pass>\d{3})_.*\.nc

A rule may ask for metadata as well, by facet and property: ``facets: {quality.status: good}``.

Rules come from the file that ``[chronos] product_types`` names, then from entry points of the group
``chronos.product_types`` (each a list of :class:`Rule`, or a function that returns one), then from CHRONOS.
The first that fits the whole name counts. A type belongs to a pattern of names: where metadata decide, it is
those of the first product with the pattern.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from pathlib import Path
from types import MappingProxyType
from typing import Any

from chronos_plugin.errors import SettingInvalid
from chronos_plugin.lineage.registry import registered

GROUP = "chronos.product_types"


@dataclass(frozen=True)
class Rule:
    """How products of a type are named.

    Attributes:
        type: Name of the type; groups of the expression may be named in it, as in ``SWOT_{level}_{kind}``.
        name: Regular expression that fits the whole name.
        facets: Values that the dataset must have, by ``FACET.PROPERTY``.
    """

    type: str
    name: str
    description: str = ""
    facets: Mapping[str, str] = field(default_factory=dict)

    @cached_property
    def expression(self) -> re.Pattern[str]:
        """The compiled expression."""
        return re.compile(self.name)


@dataclass(frozen=True)
class Recognised:
    """What a name says.

    Attributes:
        type: Product type; empty: none of the rules fits.
        attributes: Texts by name, in the order of the expression.
    """

    type: str
    attributes: Mapping[str, str]


BUILT_IN = (
    Rule(
        "SWOT_{level}_{product}",
        r"SWOT_(?P<level>L[0-9][AB]?)_(?P<product>[A-Za-z_]+?)_(?P<cycle>\d{3})_(?P<pass>\d{3})"
        r"(?:_(?P<tile>\d{3}[LRF]))?_(?P<begin>\d{8}T\d{6})_(?P<end>\d{8}T\d{6})"
        r"_(?P<crid>[A-Z]{2,3}[0-9A-Z]{1,2})_(?P<counter>\d{2})\.(?:nc|zip|tar)",
        "Products of the SWOT mission, named by cycle and pass",
    ),
)
UNKNOWN = Recognised("", {})


class ProductTypes:
    """The rules of an installation."""

    def __init__(self, rules: Iterable[Rule]) -> None:
        self.rules = tuple(rules)
        self._recognise = lru_cache(maxsize=4096)(self._search)
        self._ask_for_metadata = any(rule.facets for rule in self.rules)

    def recognise(
        self, name: str, *, kind: str = "", facets: Mapping[str, Any] = MappingProxyType({})
    ) -> Recognised:
        """Return the type and the attributes of a product.

        Args:
            kind: Its type, where that is known: rules that ask for metadata then fit by their type.
            facets: Of the dataset.
        """
        if facets and self._ask_for_metadata:
            return self._search(name, kind, facets)
        return self._recognise(name, kind)

    def _search(self, name: str, kind: str, facets: Mapping[str, Any] = MappingProxyType({})) -> Recognised:
        for rule in self.rules:
            if match := rule.expression.fullmatch(name):
                attributes = {k: v for k, v in match.groupdict().items() if v is not None}
                found = Recognised(rule.type.format_map(attributes), attributes)
                if not rule.facets or (kind and found.type == kind) or _fit(rule.facets, facets):
                    return found
        return UNKNOWN


def _fit(wanted: Mapping[str, str], facets: Mapping[str, Any]) -> bool:
    for key, value in wanted.items():
        name, _, property_name = key.partition(".")
        facet = facets.get(name)
        if not isinstance(facet, Mapping) or str(facet.get(property_name)) != value:
            return False
    return True


def load_product_types(file: Path | None = None) -> ProductTypes:
    """Return the rules of this installation.

    Raises:
        SettingInvalid: If the file cannot be read, or a rule in it is none.
    """
    rules = list(_from_file(file)) if file else []
    for value in registered(GROUP):
        rules += value() if callable(value) else value
    return ProductTypes([*rules, *BUILT_IN])


def _from_file(file: Path) -> Iterable[Rule]:
    import yaml

    try:
        loaded = yaml.safe_load(file.read_text(encoding="utf-8"))
    except (OSError, yaml.YAMLError) as error:
        raise SettingInvalid(f"[chronos] product_types = {file}: cannot be read: {error}") from error
    for number, entry in enumerate(loaded if isinstance(loaded, list) else [loaded], start=1):
        yield _rule(entry, f"[chronos] product_types = {file}, rule {number}")


def _rule(entry: Any, where: str) -> Rule:
    known = {"type", "name", "description", "facets"}
    facets = entry.get("facets", {}) if isinstance(entry, dict) else None
    if not isinstance(facets, dict) or not {"type", "name"} <= entry.keys() <= known:
        raise SettingInvalid(
            f"{where}: write a mapping of type, name and, if you like, description and facets"
        )
    try:
        rule = Rule(
            str(entry["type"]),
            str(entry["name"]),
            str(entry.get("description", "")),
            {str(k): str(v) for k, v in facets.items()},
        )
        groups = rule.expression.groupindex
        rule.type.format_map(dict.fromkeys(groups, ""))
    except (re.error, KeyError, ValueError) as error:
        raise SettingInvalid(f"{where}: {type(error).__name__}: {error}") from error
    return rule
