"""SafeScale's sizing grammar: ``cpu~4,ram=[14-32],disk>=100,gpu=1`` or ``template=x1.large``.

The service answers a wrong text with INTERNAL after a while, so it is checked here first.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from chronos_plugin.errors import InputInvalid

_OPERATORS = ("<=", ">=", "=", "~", "<", ">")
_NUMBER = r"\d+(?:\.\d+)?"
_PART = re.compile(r"\s*(?P<name>[a-z]+)\s*(?P<operator><=|>=|[=~<>])\s*(?P<value>\[[^\]]*\]|[^,\[\]]+?)\s*$")
_INTERVAL = re.compile(rf"\[\s*({_NUMBER})\s*-\s*({_NUMBER})\s*\]$")
_TEMPLATE = re.compile(r"[\w.@/+: -]+$")
_INTEGERS = frozenset({"cpu", "gpu", "disk", "count"})
_ALLOWED: dict[str, tuple[str, ...]] = {
    "cpu": _OPERATORS,
    "cpufreq": _OPERATORS,
    "gpu": _OPERATORS,
    "ram": _OPERATORS,
    "disk": ("=", ">="),
    "template": ("=",),
    "count": ("=",),
}


@dataclass(frozen=True)
class Constraint:
    """One part of a sizing.

    Attributes:
        name: ``cpu``, ``cpufreq`` (GHz), ``gpu``, ``ram`` (GB), ``disk`` (GB), ``template`` or ``count``.
        operator: ``=``, ``~`` (from the value to twice the value), ``<``, ``<=``, ``>`` or ``>=``.
        value: A number, an interval ``[low-high]``, or a template's name.
    """

    name: str
    operator: str
    value: str

    def __str__(self) -> str:
        return f"{self.name}{self.operator}{self.value}"


def parse(text: str, *, count: bool = False) -> tuple[Constraint, ...]:
    """Return the parts of a sizing.

    Args:
        text: The sizing.
        count: Whether ``count=`` is allowed (only for the nodes of a new cluster).

    Raises:
        InputInvalid: If the text is empty or breaks the grammar; the message shows the wrong part.
    """
    if not text.strip():
        raise InputInvalid("the sizing is empty: write for instance cpu~2,ram~4,disk>=50")
    constraints: dict[str, Constraint] = {}
    for part in text.split(","):
        constraint = _constraint(part, count=count)
        if constraint.name in constraints:
            raise InputInvalid(
                f"sizing {text!r}: {constraint.name} is given twice; use an interval [low-high]"
            )
        constraints[constraint.name] = constraint
    return tuple(constraints.values())


def normal(text: str, *, count: bool = False) -> str:
    """Return the sizing in one spelling, without spaces; errors as in :func:`parse`."""
    return ",".join(map(str, parse(text, count=count)))


def _constraint(part: str, *, count: bool) -> Constraint:
    match = _PART.match(part)
    if match is None:
        raise InputInvalid(f"sizing: {part.strip()!r} is not <component><operator><value>, such as cpu~4")
    name, operator, value = match["name"], match["operator"], match["value"]
    allowed = _ALLOWED.get(name)
    if allowed is None or (name == "count" and not count):
        known = ", ".join(known for known in _ALLOWED if count or known != "count")
        raise InputInvalid(f"sizing: no component {name!r}; there are {known}")
    if operator not in allowed:
        raise InputInvalid(f"sizing: {name} takes {' or '.join(allowed)}, not {operator}")
    return Constraint(name, operator, _value(name, operator, value))


def _value(name: str, operator: str, value: str) -> str:
    if name == "template":
        if not _TEMPLATE.match(value):
            raise InputInvalid(f"sizing: {value!r} is no template's name")
        return value
    if value.startswith("["):
        return _interval(name, operator, value)
    pattern = r"\d+" if name in _INTEGERS else _NUMBER
    if not re.fullmatch(pattern, value):
        kind = "whole number" if name in _INTEGERS else "number"
        raise InputInvalid(f"sizing: {name}{operator}{value}: write a {kind}")
    return value


def _interval(name: str, operator: str, value: str) -> str:
    match = _INTERVAL.match(value)
    if match is None or operator != "=" or name in ("disk", "count"):
        raise InputInvalid(f"sizing: {name}{operator}{value}: an interval is written ={'[low-high]'}")
    low, high = match.groups()
    if name in _INTEGERS and ("." in low or "." in high):
        raise InputInvalid(f"sizing: {name}={value}: write whole numbers")
    if float(low) > float(high):
        raise InputInvalid(f"sizing: {name}={value}: the low end is above the high end")
    return f"[{low}-{high}]"
