"""The double agrees with what a real Mesos was recorded to say, field by field."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from chronos_plugin.hooks.mesos.double import MesosDouble
from chronos_plugin.hooks.mesos.double.agent import Times
from chronos_plugin.hooks.mesos.recordio import Decoder
from tests.hooks.mesos.conftest import LIMIT, recorded

API = "/api/v1/scheduler"
TASK = {
    "cpus": 0.1,
    "mem": 32,
}


class Scheduler:
    """The plainest scheduler: one subscription, calls written out by hand."""

    def __init__(self, double: MesosDouble, framework_id: str | None = None, **info: Any) -> None:
        self.double = double
        self.http = httpx.Client(base_url=double.urls[0], timeout=LIMIT)
        framework = {
            "user": "root",
            "name": "verify",
            "roles": ["lab"],
            "failover_timeout": 60.0,
            "checkpoint": True,
            "capabilities": [{"type": t} for t in ("MULTI_ROLE", "PARTITION_AWARE", "TASK_KILLING_STATE")],
            **info,
        }
        body: dict[str, Any] = {"type": "SUBSCRIBE", "subscribe": {"framework_info": framework}}
        if framework_id:
            body["framework_id"] = framework["id"] = {"value": framework_id}
        self.stream = self.http.stream("POST", API, json=body)
        self.response = self.stream.__enter__()
        self.stream_id = self.response.headers.get("Mesos-Stream-Id")
        self.pieces = self.response.iter_raw()
        self.decoder = Decoder()
        self.events = self._events()
        self.kept: list[dict[str, Any]] = []
        self.framework_id = framework_id

    def _events(self) -> Iterator[dict[str, Any]]:
        for piece in self.pieces:
            for record in self.decoder.feed(piece):
                yield json.loads(record)

    def next(self, kind: str, **wanted: str) -> dict[str, Any]:
        if kind == "OFFERS" and self.kept:
            return self.kept.pop(0)
        end = time.monotonic() + LIMIT
        for event in self.events:
            assert time.monotonic() < end, f"no {kind} {wanted}"
            if event["type"] == "SUBSCRIBED":
                self.framework_id = event["subscribed"]["framework_id"]["value"]
            status = event.get("update", {}).get("status", {})
            if event["type"] == kind and all(status.get(k) == v for k, v in wanted.items()):
                return event
            if event["type"] == "OFFERS":
                self.kept.append(event)
        raise AssertionError(f"the stream ended without {kind} {wanted}")

    def call(self, kind: str, body: Any = None, **headers: str) -> httpx.Response:
        call = {"type": kind, "framework_id": {"value": self.framework_id}}
        if body is not None:
            call[kind.lower()] = body
        return self.http.post(API, json=call, headers={"Mesos-Stream-Id": self.stream_id, **headers})

    def launch(self, task_id: str, value: str, offer: dict[str, Any] | None = None, **more: Any) -> Any:
        offer = offer or self.next("OFFERS")["offers"]["offers"][0]
        resources = [
            {
                "name": name,
                "type": "SCALAR",
                "scalar": {"value": more.pop(name, amount)},
                "allocation_info": {"role": "lab"},
            }
            for name, amount in TASK.items()
        ]
        info = {
            "name": task_id,
            "task_id": {"value": task_id},
            "agent_id": offer["agent_id"],
            "resources": resources,
            "command": {"shell": True, "value": value},
        }
        operation = {"type": "LAUNCH", "launch": {"task_infos": [{**info, **more}]}}
        body = {"offer_ids": [offer["id"]], "operations": [operation], "filters": {"refuse_seconds": 0.0}}
        assert self.call("ACCEPT", body).status_code == 202
        return offer

    def acknowledge(self, event: dict[str, Any]) -> None:
        status = event["update"]["status"]
        body = {k: status[k] for k in ("agent_id", "task_id", "uuid")}
        assert self.call("ACKNOWLEDGE", body).status_code == 202

    def follow(self, task_id: str) -> list[dict[str, Any]]:
        """Acknowledge a task's updates up to its end; return their statuses."""
        found = []
        while True:
            event = self.next("UPDATE")
            status = event["update"]["status"]
            if status["task_id"]["value"] != task_id:
                continue
            found.append(status)
            if "uuid" in status:
                self.acknowledge(event)
            if status["state"] not in ("TASK_STARTING", "TASK_RUNNING", "TASK_KILLING"):
                return found

    def close(self) -> None:
        self.response.close()
        self.http.close()


@pytest.fixture
def double() -> Iterator[MesosDouble]:
    with MesosDouble(times=Times(heartbeat=1.0, allocation=0.2)) as made:
        yield made


@pytest.fixture
def scheduler(double: MesosDouble) -> Iterator[Scheduler]:
    made = Scheduler(double)
    yield made
    made.close()


def shape(value: Any) -> Any:
    """Return a value with its structure and the words of the protocol; ids, numbers and paths left out."""
    if isinstance(value, dict):
        return {key: shape(inner) for key, inner in sorted(value.items()) if key != "capabilities"}
    if isinstance(value, list):
        return [shape(inner) for inner in value]
    if isinstance(value, bool) or not isinstance(value, str):
        return type(value).__name__
    if re.fullmatch(r"(TASK|SOURCE|REASON)_[A-Z_]+|[A-Z_]+", value):
        return value
    return "text"


def _recorded_statuses() -> dict[tuple[str, str, str], list[Any]]:
    """Return the shapes of all recorded statuses by state, source and reason."""
    found: dict[tuple[str, str, str], list[Any]] = {}
    for name in ("final", "more", "kill", "fail", "fail3"):
        for line in recorded(name):
            status = line.get("event", {}).get("update", {}).get("status")
            if status is not None:
                key = (status["state"], status["source"], status.get("reason", ""))
                found.setdefault(key, []).append(shape(status))
    return found


RECORDED_STATUSES = _recorded_statuses()


def agrees(status: dict[str, Any]) -> None:
    key = (status["state"], status["source"], status.get("reason", ""))
    assert shape(status) in RECORDED_STATUSES[key]


def test_subscription_and_offers(scheduler: Scheduler) -> None:
    lines = [line["event"] for line in recorded("final") if "event" in line]
    for kind in ("SUBSCRIBED", "HEARTBEAT", "OFFERS"):
        first = next(event for event in lines if event["type"] == kind)
        assert shape(scheduler.next(kind)) == shape(first)
    head = next(line["response"] for line in recorded("final") if "response" in line)
    names = {name.lower() for name, _ in head["headers"]}
    assert names - set(scheduler.response.headers) <= {"date"}
    assert scheduler.response.status_code == head["status"]


def test_a_task_that_succeeds(scheduler: Scheduler) -> None:
    scheduler.launch("hello", "echo hello out; exit 0")
    found = scheduler.follow("hello")
    assert [s["state"] for s in found] == ["TASK_STARTING", "TASK_RUNNING", "TASK_FINISHED"]
    for status in found:
        agrees(status)
    assert found[-1]["message"] == "Command exited with status 0"


@pytest.mark.parametrize(
    ("value", "message"),
    [("exit 3", "Command exited with status 3"), ("kill -9 $$", "Command terminated with signal Killed")],
)
def test_a_task_that_fails(scheduler: Scheduler, value: str, message: str) -> None:
    scheduler.launch("bad", value)
    last = scheduler.follow("bad")[-1]
    agrees(last)
    assert last["message"] == message


def test_a_missing_program_fails_after_it_ran(scheduler: Scheduler) -> None:
    command = {"shell": False, "value": "/no/such/program", "arguments": ["x"]}
    scheduler.launch("argv2", "", command=command)
    found = scheduler.follow("argv2")
    assert [s["state"] for s in found] == ["TASK_STARTING", "TASK_RUNNING", "TASK_FAILED"]
    assert found[-1]["message"] == "Command exited with status 1"


def test_arguments_begin_with_the_programs_own_name(scheduler: Scheduler) -> None:
    command = {"shell": False, "value": "/bin/echo", "arguments": ["echo", "a b", "$HOME", "*"]}
    offer = scheduler.launch("argv", "", command=command)
    scheduler.follow("argv")
    assert read(scheduler, offer, "argv", "stdout")["data"] == "a b $HOME *\n"


def test_too_large_a_task(scheduler: Scheduler) -> None:
    scheduler.launch("toobig", "true", cpus=99)
    (status,) = scheduler.follow("toobig")
    agrees(status)
    wanted = next(
        line["event"]["update"]["status"]["message"]
        for line in recorded("final")
        if line.get("event", {}).get("update", {}).get("status", {}).get("state") == "TASK_ERROR"
    )
    assert status["message"] == wanted


def test_an_offer_that_was_used(scheduler: Scheduler) -> None:
    offer = scheduler.next("OFFERS")["offers"]["offers"][0]
    decline = {"offer_ids": [offer["id"]], "filters": {"refuse_seconds": 0.0}}
    assert scheduler.call("DECLINE", decline).status_code == 202
    scheduler.launch("stale", "true", offer)
    (status,) = scheduler.follow("stale")
    agrees(status)
    assert status["message"].endswith("is no longer valid")


def test_ids(scheduler: Scheduler) -> None:
    scheduler.launch("twice", "sleep 100")
    scheduler.next("UPDATE", state="TASK_STARTING")
    scheduler.launch("twice", "true")
    error = scheduler.next("UPDATE", state="TASK_ERROR")["update"]["status"]
    agrees(error)
    assert error["message"] == "Task has duplicate ID: twice"
    scheduler.launch("a/b", "true")
    assert scheduler.follow("a/b")[-1]["message"] == "'a/b' contains invalid characters"


def test_an_id_that_ended_before(scheduler: Scheduler) -> None:
    scheduler.launch("twice", "true")
    scheduler.follow("twice")
    scheduler.launch("twice", "true")
    (status,) = scheduler.follow("twice")
    agrees(status)
    assert status["message"] == "Cannot reuse an already existing executor for a command task"


def test_a_user_that_is_not_there(scheduler: Scheduler) -> None:
    scheduler.launch("usr2", "", command={"shell": True, "value": "id", "user": "no-such-user"})
    (status,) = scheduler.follow("usr2")
    agrees(status)


def test_a_file_that_cannot_be_fetched(scheduler: Scheduler) -> None:
    command = {"shell": True, "value": "true", "uris": [{"value": "/no/such/file"}]}
    scheduler.launch("mu", "", command=command)
    (status,) = scheduler.follow("mu")
    agrees(status)


def test_a_time_limit(scheduler: Scheduler) -> None:
    scheduler.launch("mct", "sleep 50", max_completion_time={"nanoseconds": 200_000_000})
    agrees(scheduler.follow("mct")[-1])


def test_killing(scheduler: Scheduler) -> None:
    scheduler.launch("sleeper", "sleep 600", kill_policy={"grace_period": {"nanoseconds": 3_000_000_000}})
    scheduler.acknowledge(scheduler.next("UPDATE", state="TASK_STARTING"))
    scheduler.acknowledge(scheduler.next("UPDATE", state="TASK_RUNNING"))
    assert scheduler.call("KILL", {"task_id": {"value": "sleeper"}}).status_code == 202
    found = scheduler.follow("sleeper")
    assert [s["state"] for s in found] == ["TASK_KILLING", "TASK_KILLED"]
    for status in found:
        agrees(status)
    assert found[-1]["message"] == "Command terminated with signal Terminated"


def test_a_task_deaf_to_sigterm_is_killed_after_its_own_grace(scheduler: Scheduler) -> None:
    policy = {"grace_period": {"nanoseconds": 300_000_000}}
    scheduler.launch("deaf", "trap '' TERM; echo up; while :; do sleep 0.05; done", kill_policy=policy)
    scheduler.acknowledge(scheduler.next("UPDATE", state="TASK_STARTING"))
    scheduler.acknowledge(scheduler.next("UPDATE", state="TASK_RUNNING"))
    time.sleep(0.3)
    scheduler.call("KILL", {"task_id": {"value": "deaf"}})
    assert scheduler.follow("deaf")[-1]["message"] == "Command terminated with signal Killed"


def test_killing_what_is_not_there(scheduler: Scheduler) -> None:
    scheduler.next("SUBSCRIBED")
    scheduler.call("KILL", {"task_id": {"value": "nosuch2"}})
    agrees(scheduler.next("UPDATE")["update"]["status"])


def test_reconciliation(scheduler: Scheduler) -> None:
    offer = scheduler.launch("run", "sleep 100")
    scheduler.acknowledge(scheduler.next("UPDATE", state="TASK_STARTING"))
    scheduler.acknowledge(scheduler.next("UPDATE", state="TASK_RUNNING"))
    scheduler.call("RECONCILE", {"tasks": []})
    latest = scheduler.next("UPDATE")["update"]["status"]
    agrees(latest)
    scheduler.launch("done", "true")
    scheduler.follow("done")
    done = {"task_id": {"value": "done"}, "agent_id": offer["agent_id"]}
    scheduler.call("RECONCILE", {"tasks": [{"task_id": {"value": "nosuch"}}, done]})
    for state in ("TASK_UNKNOWN", "TASK_GONE"):
        agrees(scheduler.next("UPDATE", state=state)["update"]["status"])


def test_refusals(scheduler: Scheduler) -> None:
    scheduler.next("SUBSCRIBED")
    said = [
        (line["call"]["status"], re.sub(r"'[0-9a-f-]{36}'|[0-9a-f-]{36}(-\d+)?", "…", line["call"]["text"]))
        for line in recorded("final")
        if line.get("call", {}).get("status") == 400
    ]
    call = {"type": "REVIVE", "framework_id": {"value": scheduler.framework_id}}
    answers = [
        scheduler.http.post(API, json=call),
        scheduler.call("REVIVE", **{"Mesos-Stream-Id": "00000000-0000-0000-0000-000000000000"}),
    ]
    for answer in answers:
        text = re.sub(r"'[0-9a-f-]{36}'|[0-9a-f-]{36}(-\d+)?", "…", answer.text)
        assert (answer.status_code, text) in said
    assert scheduler.http.post(API, content=b"{}", headers={"Content-Type": "text/plain"}).status_code == 415
    wrong = {"Content-Type": "application/json"}
    assert scheduler.http.post(API, content=b"{", headers=wrong).status_code == 400
    assert scheduler.call("ACKNOWLEDGE", {}).status_code == 400


def test_an_update_is_repeated_and_holds_the_later_ones_back() -> None:
    with MesosDouble(times=Times(resend=0.3)) as double:
        scheduler = Scheduler(double)
        scheduler.launch("t", "true")
        first = scheduler.next("UPDATE")
        again = scheduler.next("UPDATE")
        assert again == first
        assert [s["state"] for s in (first["update"]["status"],)] == ["TASK_STARTING"]
        scheduler.acknowledge(again)
        assert scheduler.follow("t")[-1]["state"] == "TASK_FINISHED"
        scheduler.close()


def test_resources_come_back_in_pieces(scheduler: Scheduler) -> None:
    scheduler.launch("m", "sleep 600")
    scheduler.acknowledge(scheduler.next("UPDATE", state="TASK_STARTING"))
    rest = scheduler.next("OFFERS")["offers"]["offers"][0]
    assert cpus(rest) == 1.9
    scheduler.call("KILL", {"task_id": {"value": "m"}})
    piece = scheduler.next("OFFERS")["offers"]["offers"][0]
    assert cpus(piece) == 0.1
    both = [rest["id"], piece["id"]]
    operation = {"type": "LAUNCH", "launch": {"task_infos": []}}
    assert scheduler.call("ACCEPT", {"offer_ids": both, "operations": [operation]}).status_code == 202


def cpus(offer: dict[str, Any]) -> float:
    return float(next(r["scalar"]["value"] for r in offer["resources"] if r["name"] == "cpus"))


def test_decline_suppress_revive(scheduler: Scheduler) -> None:
    offer = scheduler.next("OFFERS")["offers"]["offers"][0]
    scheduler.call("DECLINE", {"offer_ids": [offer["id"]], "filters": {"refuse_seconds": 3600.0}})
    scheduler.call("SUPPRESS")
    scheduler.double.do(lambda master: master.allocate())
    assert scheduler.double.do(lambda master: len(master.offers)) == 0
    scheduler.call("REVIVE")
    assert scheduler.next("OFFERS")


def test_a_second_subscription_ends_the_first(scheduler: Scheduler) -> None:
    scheduler.next("SUBSCRIBED")
    second = Scheduler(scheduler.double, scheduler.framework_id)
    assert scheduler.next("ERROR") == {"type": "ERROR", "error": {"message": "Framework failed over"}}
    assert scheduler.call("REVIVE").status_code == 400
    second.close()


def test_teardown_burns_the_id(scheduler: Scheduler) -> None:
    scheduler.launch("td", "exec sleep 985")
    scheduler.next("UPDATE", state="TASK_STARTING")
    assert scheduler.call("TEARDOWN").status_code == 202
    assert [event["type"] for event in scheduler.events if event["type"] == "UPDATE"] == []
    again = Scheduler(scheduler.double, scheduler.framework_id)
    assert again.response.status_code == 200
    (event,) = list(again.events)
    assert event == {"type": "ERROR", "error": {"message": "Framework has been removed"}}
    again.close()


def test_failover_timeout(double: MesosDouble) -> None:
    short = Scheduler(double, failover_timeout=0.0)
    short.launch("orphan", "exec sleep 987")
    short.next("UPDATE", state="TASK_STARTING")
    short.close()
    deadline = time.monotonic() + LIMIT
    while double.do(lambda m: any(a.tasks for a in m.agents.values())):
        assert time.monotonic() < deadline
        time.sleep(0.02)
    again = Scheduler(double, short.framework_id)
    assert again.next("ERROR")["error"]["message"] == "Framework has been removed"
    again.close()


def read(scheduler: Scheduler, offer: dict[str, Any], task_id: str, name: str, **query: Any) -> Any:
    address = offer["url"]["address"]
    path = f"/frameworks/{scheduler.framework_id}/executors/{task_id}/runs/latest/{name}"
    url = f"http://{address['hostname']}:{address['port']}/files/read"
    return httpx.get(url, params={"path": path, **query}).json()


def test_sandbox_files(scheduler: Scheduler) -> None:
    offer = scheduler.launch("big", "yes 0123456789 | head -c 300000; echo err >&2")
    scheduler.follow("big")
    assert len(read(scheduler, offer, "big", "stdout", offset=0, length=200000)["data"]) == 65536
    assert read(scheduler, offer, "big", "stdout", offset=-1) == {"data": "", "offset": 300000}
    errors = read(scheduler, offer, "big", "stderr")["data"].splitlines()
    assert "exec.cpp" in errors[0]
    assert errors[-1] == "err"
    base = "http://{hostname}:{port}".format(**offer["url"]["address"])
    folder = f"/frameworks/{scheduler.framework_id}/executors/big/runs/latest"
    said = {key: value for line in recorded("final") for key, value in line.items()}
    browse = httpx.get(f"{base}/files/browse", params={"path": folder}).json()
    assert shape(browse) == shape(said["browse"])
    listed = {"type": "LIST_FILES", "list_files": {"path": folder}}
    assert shape(httpx.post(f"{base}/api/v1", json=listed).json()) == shape(json.loads(said["v1_list_files"]))
    asked = {"type": "READ_FILE", "read_file": {"path": f"{folder}/stdout", "offset": 0, "length": 9}}
    assert shape(httpx.post(f"{base}/api/v1", json=asked).json()) == shape(json.loads(said["v1_read_file"]))
    assert httpx.get(f"{base}/files/read", params={"path": "/etc/passwd"}).status_code == 404
    assert httpx.get(f"{base}/files/read", params={"path": f"{folder}/nothing"}).status_code == 404


def test_a_master_that_forgot_everything(scheduler: Scheduler) -> None:
    scheduler.launch("long3", "exec sleep 751")
    scheduler.acknowledge(scheduler.next("UPDATE", state="TASK_STARTING"))
    status = scheduler.next("UPDATE", state="TASK_RUNNING")
    scheduler.acknowledge(status)
    agent = status["update"]["status"]["agent_id"]
    scheduler.double.do(lambda master: master.restart(0.5))
    assert list(scheduler.events) == []
    again = Scheduler(scheduler.double, scheduler.framework_id)
    again.next("SUBSCRIBED")
    again.call("RECONCILE", {"tasks": [{"task_id": {"value": "long3"}, "agent_id": agent}]})
    agrees(again.next("UPDATE")["update"]["status"])
    back = again.next("UPDATE", state="TASK_RUNNING")["update"]["status"]
    agrees(back)
    assert back["message"] == "Unknown agent reregistered"
    again.close()
