"""CWL types as JSON Schema, judged by the validator that Airflow uses."""

from __future__ import annotations

from typing import Any

import jsonschema
import pytest

from chronos_plugin.compiler.schema import json_schema, parameters

FILE = {"class": "File", "location": "file:///a"}
ENUM = {"type": "enum", "symbols": ["file:///d.cwl#x/asc", "file:///d.cwl#x/desc"]}
RECORD = {
    "type": "record",
    "fields": [
        {"name": "file:///d.cwl#r/n", "type": "int"},
        {"name": "file:///d.cwl#r/s", "type": ["null", "string"]},
    ],
}


@pytest.mark.parametrize(
    ("cwl_type", "right", "wrong"),
    [
        ("int", [1], ["1", 1.5, None]),
        ("double", [1, 1.5], ["1"]),
        ("string", ["a", ""], [1, None]),
        ("boolean", [True], ["true", 1]),
        (["null", "string"], ["a", None], [1]),
        ("File", ["data/a.nc", FILE], [1, "", None, ["a"]]),
        (["null", "Directory"], ["data", None], [3]),
        ({"type": "array", "items": "int"}, [[], [1, 2]], [[1, "a"], 1]),
        ({"type": "array", "items": "File"}, [["a", FILE]], [[1], "a"]),
        (ENUM, ["asc"], ["up", None]),
        (["null", ENUM], ["desc", None], ["up"]),
        (RECORD, [{"n": 1}, {"n": 1, "s": "a"}], [{"s": "a"}, {"n": 1, "t": 2}, {"n": "1"}]),
        (["int", "string"], [1, "a"], [None, []]),
        ([{"type": "array", "items": "string"}, "string"], ["a", ["a"]], [1, [1]]),
        ("Any", [1, "a", None, {}, []], []),
    ],
    ids=str,
)
def test_values(cwl_type: Any, right: list[Any], wrong: list[Any]) -> None:
    schema = json_schema(cwl_type)
    for value in right:
        jsonschema.validate(value, schema)
    for value in wrong:
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate(value, schema)


def test_array_of_files_is_strict_though_forms_see_lines() -> None:
    found = parameters([{"id": "file:///b/d.cwl#fs", "type": {"type": "array", "items": "File"}}], {})[0]
    assert "items" not in found.schema
    jsonschema.validate(["a.nc", FILE], dict(found.schema))
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate([1], dict(found.schema))


def test_default_file_is_shown_relative_to_the_document() -> None:
    default = {"class": "File", "location": "file:///b/data/a%20b.txt"}
    found = parameters([{"id": "file:///b/d.cwl#f", "type": "File", "default": default}], {})[0]
    assert found.default == "data/a b.txt"
    jsonschema.validate(None, dict(found.schema))
