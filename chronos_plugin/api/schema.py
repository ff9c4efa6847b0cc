"""The OpenAPI document: made once, with the address under which it was asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from chronos_plugin.api.problems import MEDIA_TYPE, WES_PREFIX, Problem
from chronos_plugin.api.wes.models import ErrorResponse

if TYPE_CHECKING:
    from fastapi import FastAPI

DESCRIPTION = """\
The history of a production centre, and its workflows.

* Log in at Airflow's `POST /auth/token`; send the token as `Authorization: Bearer …`.
* Lists have pages: `next` of one is `cursor` of the following; null: that was the last.
* Errors are problem details (RFC 9457), `application/problem+json`.
* Answers have entity tags: `If-None-Match` brings 304 where nothing changed.
* What belongs to a DAG is shown to those who may read the DAG.
"""
TAGS: list[dict[str, Any]] = [
    {"name": "runs", "description": "Executions: of workflows, of steps, of scatter elements"},
    {"name": "jobs", "description": "What can be run, by version"},
    {"name": "datasets", "description": "Products and files"},
    {"name": "lineage", "description": "What was made from what"},
    {"name": "search", "description": "From a word to a product, run or workflow"},
    {"name": "activity", "description": "What was done when"},
    {"name": "workflows", "description": "CWL documents that are DAGs; deploying and starting them"},
    {"name": "DAG runs", "description": "Runs in Airflow: state, outputs, jobs on targets"},
    {"name": "logs", "description": "Logs of tasks: pages, searching, ranges of bytes"},
    {"name": "targets", "description": "Where steps run"},
    {"name": "OpenLineage", "description": "Events of other systems"},
    {"name": "GA4GH WES", "description": "Workflow Execution Service 1.1"},
    {"name": "version", "description": "The version of CHRONOS"},
]


def of(app: FastAPI, root: str) -> dict[str, Any]:
    """Return the OpenAPI document of an application.

    Args:
        root: Where it is mounted.
    """
    document = app.openapi()
    schemas = document.setdefault("components", {}).setdefault("schemas", {})
    if "Problem" not in schemas:
        made = Problem.model_json_schema(ref_template="#/components/schemas/{model}")
        schemas.update(made.pop("$defs", {}))
        schemas["Problem"] = made
        schemas["ErrorResponse"] = ErrorResponse.model_json_schema()
        _answer_problems(document)
        for name in ("HTTPValidationError", "ValidationError"):
            schemas.pop(name, None)
    return {**document, "servers": [{"url": root or "/"}]}


def _answer_problems(document: dict[str, Any]) -> None:
    """Let all operations say that wrong requests are answered by problems, as they are."""
    problem = {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}}
    of_wes = {"application/json": {"schema": {"$ref": "#/components/schemas/ErrorResponse"}}}
    for name, path in document["paths"].items():
        for operation in path.values():
            if name.startswith(WES_PREFIX):
                refused = operation["responses"].pop("422", {})
                operation["responses"] |= {"400": refused, "500": {"description": "It failed"}}
            elif "requestBody" in operation:
                operation["responses"]["400"] = {"description": "The body cannot be read"}
            for status, response in operation["responses"].items():
                if status.startswith(("4", "5")):
                    response["content"] = of_wes if name.startswith(WES_PREFIX) else problem
