"""JSON Schema of targets files and of the bindings beside workflows."""

from __future__ import annotations

from typing import Any

NAME = r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,62}$"
CONDITION = r"^\s*(>=|<=|>|<|=)?\s*[0-9]+(\.[0-9]+)?\s*$"

_CONDITION: dict[str, Any] = {
    "anyOf": [{"type": "number"}, {"type": "string", "pattern": CONDITION}],
    "description": "A number that is reached or passed, or a comparison: '>= 4', '< 3600'",
}
_GLOBS: dict[str, Any] = {
    "anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}, "minItems": 1}]
}

RULE: dict[str, Any] = {
    "type": "object",
    "additionalProperties": False,
    "required": ["target"],
    "properties": {
        "workflow": {**_GLOBS, "description": "DAG id, with * and ? for any characters"},
        "step": {**_GLOBS, "description": "Path of the step, a/b for a step of a subworkflow; * and ?"},
        "needs": {
            "type": "object",
            "additionalProperties": False,
            "minProperties": 1,
            "properties": {
                "cores": _CONDITION,
                "ram": {**_CONDITION, "description": "MiB"},
                "gpus": _CONDITION,
                "time": {**_CONDITION, "description": "Seconds of ToolTimeLimit"},
            },
        },
        "label": {**_GLOBS, "description": "A tag of the workflow or the step (chronos:Execution tags)"},
        "target": {"type": "string", "pattern": NAME},
        "options": {"type": "object", "description": "For this kind of target: queue, account …"},
        "burst": {
            "type": "object",
            "additionalProperties": False,
            "required": ["to", "when_waiting"],
            "properties": {
                "to": {"type": "string", "pattern": NAME},
                "when_waiting": {
                    "type": "number",
                    "exclusiveMinimum": 0,
                    "description": "Minutes that the oldest job of the target has been waiting",
                },
                "options": {"type": "object"},
            },
        },
        "delegate": {
            "type": "boolean",
            "description": "Give the whole workflow or subworkflow to the target, as one piece",
        },
    },
}

_TARGET: dict[str, Any] = {
    "type": "object",
    "additionalProperties": False,
    "required": ["kind"],
    "properties": {
        "kind": {"type": "string", "pattern": NAME},
        "description": {"type": "string"},
        "max_in_flight": {"type": "integer", "minimum": 1, "description": "Jobs submitted and not ended"},
        "max_cores": {"type": "number", "exclusiveMinimum": 0, "description": "Cores of those jobs together"},
        "max_ram": {"type": "number", "exclusiveMinimum": 0, "description": "MiB of those jobs together"},
        "submit_rate": {"type": "number", "exclusiveMinimum": 0, "description": "Submissions a second"},
        "poll_interval": {"type": "number", "minimum": 0.1, "description": "Seconds between two looks"},
        "container_engine": {"enum": ["docker", "podman", "singularity", "udocker", "none"]},
        "options": {"type": "object"},
    },
}

TARGETS_FILE: dict[str, Any] = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "title": "CHRONOS targets file",
    "type": "object",
    "additionalProperties": False,
    "properties": {
        "targets": {"type": "object", "propertyNames": {"pattern": NAME}, "additionalProperties": _TARGET},
        "bindings": {"type": "array", "items": RULE},
    },
}

BINDINGS_FILE: dict[str, Any] = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "title": "CHRONOS bindings beside a workflow (NAME.targets.yaml)",
    "type": "object",
    "additionalProperties": False,
    "required": ["bindings"],
    "properties": {"bindings": {"type": "array", "items": RULE}},
}
