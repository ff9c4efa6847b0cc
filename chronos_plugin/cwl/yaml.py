"""YAML as CWL reads it: the 1.2 core schema, in which ``yes`` is a text and ``12:30`` no number."""

from __future__ import annotations

import re
from typing import Any

from chronos_plugin.errors import CwlInvalid, InputInvalid


def load_yaml(data: bytes | str, name: str) -> Any:
    """Return the value of a YAML 1.2 or JSON document made of plain types.

    Raises:
        InputInvalid: If it is no YAML; the message gives line and column.
    """
    import yaml

    from chronos_plugin.cwl.source import as_yaml, compose

    raw = as_yaml(data.encode() if isinstance(data, str) else data)
    try:
        compose(raw, name)  # Refuses alias bombs and what would exhaust the stack.
    except CwlInvalid as error:
        raise InputInvalid(str(error)) from error
    try:
        return yaml.load(raw, Loader=_loader())  # noqa: S506 - a safe loader with another schema
    except yaml.YAMLError as error:
        raise InputInvalid(f"{name}: {error}") from error


def _loader() -> Any:
    import yaml

    base: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

    class CoreLoader(base):  # type: ignore[misc]
        """Resolves scalars by YAML 1.2's core schema."""

        yaml_implicit_resolvers: dict[str, Any] = {}  # noqa: RUF012 - PyYAML's own interface

    patterns = (
        ("null", r"^(?:~|null|Null|NULL|)$", ["~", "n", "N", ""]),
        ("bool", r"^(?:true|True|TRUE|false|False|FALSE)$", list("tTfF")),
        ("int", r"^(?:[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+)$", list("-+0123456789")),
        (
            "float",
            r"^(?:[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN))$",
            list("-+.0123456789"),
        ),
        ("merge", r"^(?:<<)$", ["<"]),
    )
    for tag, pattern, first in patterns:
        CoreLoader.add_implicit_resolver(f"tag:yaml.org,2002:{tag}", re.compile(pattern), first)
    CoreLoader.add_constructor("tag:yaml.org,2002:int", _integer)
    CoreLoader.add_constructor("tag:yaml.org,2002:float", _float)
    return CoreLoader


def _integer(loader: Any, node: Any) -> int:
    text = str(loader.construct_scalar(node))
    return int(text, 0) if text[:2] in ("0o", "0x") else int(text, 10)


def _float(loader: Any, node: Any) -> float:
    text = str(loader.construct_scalar(node)).lower().replace(".inf", "inf").replace(".nan", "nan")
    return float(text)
