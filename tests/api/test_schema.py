"""The OpenAPI document: valid, complete, and true, as schemathesis finds by asking."""

from __future__ import annotations

import collections
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from chronos_plugin.lineage.record import Record

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore")]
Login = Callable[[str], dict[str, str]]
EXAMPLES = int(os.environ.get("CHRONOS_TEST_API_EXAMPLES", "15"))
"""Requests of each kind for each operation."""


@pytest.fixture
def document(server: Any, login: Login) -> Any:
    return server.get("/chronos/api/v1/openapi.json", headers=login("viewer")).json()


def test_it_is_openapi_3_1_with_where_it_is(document: Any) -> None:
    assert document["openapi"].startswith("3.1")
    assert document["servers"] == [{"url": "/chronos"}]


def test_every_operation_is_named_described_and_guarded(document: Any) -> None:
    ids = []
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            where = f"{method} {path}"
            ids.append(operation["operationId"])
            assert operation["description"], where
            assert operation["security"], where
            assert {"401", "403"} <= set(operation["responses"]), where
            for status, response in operation["responses"].items():
                if status.startswith("4"):
                    media = "application/json" if "/ga4gh/" in path else "application/problem+json"
                    assert list(response["content"]) == [media], where
    assert len(ids) == len(set(ids))


def test_examples_fit_their_schemas(document: Any) -> None:
    from jsonschema import Draft202012Validator
    from referencing import Registry, Resource
    from referencing.jsonschema import DRAFT202012

    registry = Registry().with_resource("doc:", Resource(document, DRAFT202012))
    checked = 0
    for name, schema in document["components"]["schemas"].items():
        for example in schema.get("examples", ()):
            reference = {"$ref": f"doc:#/components/schemas/{name}"}
            Draft202012Validator(reference, registry=registry).validate(example)
            checked += 1
    assert checked >= 8


@pytest.mark.schemathesis
@pytest.mark.parametrize("mode", ["positive", "negative"])
def test_answers_are_as_the_document_says(
    server: Any,
    login: Login,
    past: list[Record],
    echo: str,
    subtests: Any,
    mode: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    import schemathesis
    from schemathesis import GenerationMode

    @schemathesis.serializer("application/zip")
    def as_it_is(_: Any, value: Any) -> Any:
        return value if isinstance(value, bytes) else str(value).encode()

    headers = login("admin")
    schema = schemathesis.openapi.from_asgi("/chronos/api/v1/openapi.json", server.app, headers=headers)
    report: dict[str, Any] = {}
    for found in schema.get_all_operations():
        operation = found.ok()
        with subtests.test(operation.label):
            report[operation.label] = _asked(operation, GenerationMode(mode), headers)
    asked = sum(sum(statuses.values()) for statuses in report.values())
    with capsys.disabled():
        print(f"\n{mode}: {len(report)} operations answered {asked} requests as the schema says")
    if where := os.environ.get("CHRONOS_TEST_API_REPORT"):
        Path(f"{where}.{mode}.json").write_text(json.dumps(report, indent=1))


def _asked(operation: Any, mode: Any, headers: dict[str, str]) -> dict[int, int]:
    """Send requests to an operation, and check the answers; return how many there were of each status."""
    import hypothesis

    statuses: collections.Counter[int] = collections.Counter()

    @hypothesis.settings(
        max_examples=EXAMPLES,
        deadline=None,
        database=None,
        derandomize=True,
        suppress_health_check=list(hypothesis.HealthCheck),
    )
    @hypothesis.given(case=operation.as_strategy(generation_mode=mode))
    def ask(case: Any) -> None:
        # Airflow itself answers paths with a line break: they do not reach us.
        hypothesis.assume("%0A" not in "".join(map(str, (case.path_parameters or {}).values())))
        response = case.call(headers=headers)
        statuses[response.status_code] += 1
        case.validate_response(response, excluded_checks=_not_said())

    ask()
    return dict(statuses)


def _not_said() -> list[Any]:
    """Return the checks of what no schema can say: what a cursor is, that one of two must be given."""
    from schemathesis.specs.openapi.checks import positive_data_acceptance

    return [positive_data_acceptance]
