"""SafeScale's operators, as a worker and a triggerer run them."""

from __future__ import annotations

import asyncio
import json
import logging
from dataclasses import dataclass
from typing import Any

import pytest
from airflow.sdk.exceptions import AirflowFailException, TaskDeferred
from sqlalchemy import Engine

from chronos_plugin.db.cloud import Requests
from chronos_plugin.errors import CloudFailed, StepFailed
from chronos_plugin.execution.cloud.model import RequestState
from chronos_plugin.hooks.safescale.double.cloud import KEY_BODY, PASSWORD
from chronos_plugin.hooks.safescale.double.server import Double
from chronos_plugin.hooks.safescale.hook import SafeScaleHook
from chronos_plugin.operators.safescale import (
    SafeScaleClusterOperator,
    SafeScaleCopyOperator,
    SafeScaleFeatureOperator,
    SafeScaleHostOperator,
    SafeScaleOperator,
    SafeScaleRunOperator,
    SafeScaleVolumeOperator,
)
from chronos_plugin.operators.safescale_triggers import SafeScaleRequestTrigger

HOST = {"sizing": "cpu=1"}
CLUSTER = {"flavor": "boh", "complexity": "small", "node_sizing": "cpu=1"}


@dataclass
class Instance:
    task_id: str
    dag_id: str = "dag"
    run_id: str = "manual__1"
    map_index: int = -1


def begin(operator: SafeScaleOperator) -> Any:
    """Execute as a worker does; return the result, or the deferral."""
    context: Any = {"ti": Instance(operator.task_id)}
    try:
        return operator.execute(context)
    except TaskDeferred as deferred:
        return deferred


def finish(operator: SafeScaleOperator, deferred: Any) -> Any:
    """Wait as a triggerer does, and go on as a worker does."""
    path, arguments = deferred.trigger.serialize()
    assert path == "chronos_plugin.operators.safescale_triggers.SafeScaleRequestTrigger"
    trigger = SafeScaleRequestTrigger(**{**arguments, "poll_interval": 0.02})

    async def fire() -> Any:
        return await anext(aiter(trigger.run()))

    event = asyncio.run(fire())
    context: Any = {"ti": Instance(operator.task_id)}
    return getattr(operator, deferred.method_name)(context, event.payload)


def do(operator: SafeScaleOperator) -> Any:
    result = begin(operator)
    return finish(operator, result) if isinstance(result, TaskDeferred) else result


@pytest.mark.usefixtures("running_agent")
def test_a_host_is_made_used_and_deleted(double: Double, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    made = do(SafeScaleHostOperator(task_id="create", verb="create", spec=HOST))
    name = made["name"]
    assert name.startswith("chronos-create-")
    assert made["state"] == "HS_STARTED"
    said = do(SafeScaleRunOperator(task_id="work", host=name, command="echo $((6 * 7))"))
    assert said == {"exit_code": 0, "output": "42\n", "errors": ""}
    seen = do(SafeScaleHostOperator(task_id="see", verb="inspect", resource_name=name))
    assert "chronos-owner" in seen["labels"]
    listed = do(SafeScaleHostOperator(task_id="list", verb="list"))
    assert [one["name"] for one in listed] == [name]
    assert do(SafeScaleHostOperator(task_id="delete", verb="delete", resource_name=name)) == {}
    assert double.cloud.tenants["test"].host == {}
    everything = json.dumps([made, said, seen, listed]) + caplog.text
    assert KEY_BODY not in everything
    assert PASSWORD not in everything


@pytest.mark.usefixtures("running_agent")
def test_a_task_that_is_tried_again_makes_nothing_twice(double: Double, installation: Engine) -> None:
    double.cloud.latency.host = 0.5
    first = begin(SafeScaleHostOperator(task_id="create", verb="create", spec=HOST))
    again = begin(SafeScaleHostOperator(task_id="create", verb="create", spec=HOST))
    assert first.trigger.request_id == again.trigger.request_id
    operator = SafeScaleHostOperator(task_id="create", verb="create", spec=HOST)
    made = finish(operator, again)
    later = do(SafeScaleHostOperator(task_id="create", verb="create", spec=HOST))
    assert later["id"] == made["id"]
    assert len(double.cloud.tenants["test"].host) == 1
    assert len(Requests(installation).select()) == 2


@pytest.mark.usefixtures("running_agent")
def test_a_count_is_not_added_a_second_time(double: Double) -> None:
    do(SafeScaleClusterOperator(task_id="c", verb="create", resource_name="chronos-c", spec=CLUSTER))
    expand = {"task_id": "e", "verb": "expand", "resource_name": "chronos-c"}
    for _ in range(2):
        result = do(SafeScaleClusterOperator(**expand, spec={"count": 2, "node_sizing": "cpu=1"}))
        assert len(result["ready_nodes"]) == 3
    more = do(
        SafeScaleClusterOperator(
            task_id="m", verb="expand", resource_name="chronos-c", spec={"nodes": 4, "node_sizing": "cpu=1"}
        )
    )
    assert len(more["ready_nodes"]) == 4


@pytest.mark.usefixtures("running_agent")
def test_a_task_may_wait_itself() -> None:
    operator = SafeScaleVolumeOperator(
        task_id="v", verb="create", spec={"size": 3}, deferrable=False, poll_interval=0.02
    )
    made = begin(operator)
    assert made["size"] == 3


@pytest.mark.usefixtures("running_agent")
def test_features_and_copies(double: Double, tmp_path: Any) -> None:
    do(SafeScaleHostOperator(task_id="h", verb="create", resource_name="h1", spec=HOST))
    do(
        SafeScaleFeatureOperator(
            task_id="f", verb="add", resource_name="docker", spec={"on": "h1", "on_kind": "host"}
        )
    )
    assert "docker" in double.cloud.tenants["test"].host["h1"].values["features"]
    (tmp_path / "file").write_text("x")
    do(SafeScaleCopyOperator(task_id="copy", source=str(tmp_path / "file"), destination="h1:/there"))
    assert (double.cloud.root / "h1" / "there").read_text() == "x"


@pytest.mark.usefixtures("running_agent")
def test_a_command_that_fails_fails_the_task() -> None:
    do(SafeScaleHostOperator(task_id="h", verb="create", resource_name="h1", spec=HOST))
    with pytest.raises(StepFailed, match="ended with 3: oh no") as caught:
        do(SafeScaleRunOperator(task_id="r", host="h1", command="echo oh no >&2; exit 3"))
    assert caught.value.exit_code == 3


@pytest.mark.usefixtures("installation")
@pytest.mark.parametrize(
    ("verb", "spec", "says"),
    [
        ("create", {"sizing": "cpu=many"}, "whole number"),
        ("create", {}, "'sizing' is needed"),
        ("create", {"sizing": "cpu=1", "colour": "red"}, "unknown 'colour'"),
        ("fly", {}, "a host cannot fly"),
    ],
)
def test_a_wrong_specification_fails_without_a_retry(verb: str, spec: dict[str, Any], says: str) -> None:
    with pytest.raises(AirflowFailException, match=says):
        begin(SafeScaleHostOperator(task_id="h", verb=verb, spec=spec))


@pytest.mark.usefixtures("installation")
def test_a_size_that_the_cloud_lacks_is_said_before_anything_is_made(double: Double) -> None:
    with pytest.raises(CloudFailed, match="no template of this cloud fits cpu=999"):
        begin(SafeScaleHostOperator(task_id="h", verb="create", spec={"sizing": "cpu=999"}))
    assert double.cloud.journal == []


@pytest.mark.usefixtures("running_agent")
def test_a_user_who_kills_the_task_ends_the_request(double: Double, installation: Engine) -> None:
    double.cloud.latency.host = 60.0
    deferred = begin(SafeScaleHostOperator(task_id="h", verb="create", resource_name="h1", spec=HOST))
    while "h1" not in double.cloud.tenants["test"].host:
        pass
    asyncio.run(deferred.trigger.on_kill())
    with pytest.raises(CloudFailed, match="was cancelled"):
        finish(SafeScaleHostOperator(task_id="h", verb="create"), deferred)
    assert double.cloud.tenants["test"].host == {}
    stored = Requests(installation).get(deferred.trigger.request_id)
    assert stored is not None
    assert stored.state is RequestState.CANCELLED


@pytest.mark.usefixtures("installation")
def test_the_test_button_says_what_is_wrong(double: Double, monkeypatch: pytest.MonkeyPatch) -> None:
    assert SafeScaleHook().test_connection() == (True, "tenant test: 0 hosts")

    def connect(**changes: Any) -> tuple[bool, str]:
        host, port = double.address.split(":")
        values = {
            "conn_type": "chronos_safescale",
            "host": host,
            "port": int(port),
            "extra": {"tenant": "test"},
        }
        monkeypatch.setenv("AIRFLOW_CONN_OTHER", json.dumps({**values, **changes}))
        return SafeScaleHook("other").test_connection()

    assert connect(extra={"tenant": "x"}) == (False, "no tenant 'x'; the service has test")
    assert connect(extra={})[0] is False
    assert "of type http" in connect(conn_type="http")[1]
    assert "question_timeout: write a number" in connect(extra={"tenant": "t", "question_timeout": "x"})[1]
    ok, message = connect(port=9)
    assert not ok
    assert "check that safescaled runs" in message


def test_the_connection_type_has_a_form() -> None:
    from airflow.providers_manager import ProvidersManager

    manager = ProvidersManager()
    widgets = manager._connection_form_widgets_from_metadata
    fields = {name for name in widgets if name.startswith("extra__chronos_safescale__")}
    assert {name.rpartition("__")[2] for name in fields} >= {
        "tenant",
        "tls",
        "ca_file",
        "cert_file",
        "key_file",
    }
