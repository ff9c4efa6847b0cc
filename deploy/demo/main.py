"""``make demo``: start an installation, run the demo workflow, show what came out, stay until Ctrl-C."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from importlib.metadata import distributions
from pathlib import Path
from typing import Any

from demo import configuration
from demo.api import Api
from demo.configuration import Address, Secrets
from demo.errors import ApiError, DemoError, NotReady
from demo.follow import Progress, Screen, follow
from demo.layout import Layout, read_json, write_private
from demo.loader import COMPONENTS
from demo.lock import RunLock
from demo.ports import choose
from demo.processes import Component, ProcessGroup, end

CHECKOUT = Path(__file__).resolve().parents[2]
WORKFLOW = "swot_coverage"
OUTPUTS_TASK = "chronos.outputs"
HOST = "127.0.0.1"
PORT = 8080
START_TIMEOUT = 180.0
DAG_TIMEOUT = 60.0
LOG_LINES = 30


def main() -> int:
    """Run the demo and return the exit status."""
    once = os.environ.get("ONCE", "") not in ("", "0", "no")
    stopping = _Stop()
    started = time.monotonic()
    layout = Layout.of(CHECKOUT, dict(os.environ))
    layout.make()
    lock = RunLock(layout.lock)
    try:
        previous = lock.acquire()
    except DemoError as error:
        print(error, file=sys.stderr)
        return 1
    try:
        if previous is not None and previous.components:
            end(previous.components.values())
            print("stopped what an earlier demo, which was killed, had left running")
        with stopping, _installation(layout, lock) as (api, processes, address, keys):
            print(f"CHRONOS is up after {time.monotonic() - started:.0f} s: {address.public}\n")
            succeeded = _show_workflow(api, processes, layout)
            _say_where(address, keys)
            if once:
                return 0 if succeeded else 1
            print("It stays up. Ctrl-C stops it.")
            while True:
                processes.check()
                time.sleep(1)
    except KeyboardInterrupt:
        print("\nstopped")
        return 0 if not once else 130
    except DemoError as error:
        print(f"\n{error}", file=sys.stderr)
        return 1
    finally:
        lock.release()


class _Stop:
    """Turns SIGTERM and the closing of the terminal into the same orderly end as Ctrl-C."""

    def __enter__(self) -> None:
        for number in (signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, self._interrupt)

    def __exit__(self, *_: object) -> None:
        return None

    @staticmethod
    def _interrupt(*_: object) -> None:
        raise KeyboardInterrupt


@contextlib.contextmanager
def _installation(
    layout: Layout, lock: RunLock
) -> Iterator[tuple[Api, ProcessGroup, Address, Secrets]]:
    """Start all components, wait until they are healthy, and stop them at the end."""
    web = choose(PORT)
    if web != PORT:
        print(f"port {PORT} is taken; using {web}")
    address = Address(HOST, web)
    keys = Secrets.load(layout.secrets)
    configuration.write(layout, address, keys)
    environment = configuration.environment(layout, dict(os.environ))
    environment["PYTHONPATH"] = str(CHECKOUT / "deploy")
    # Tools of the workflows are found as in this environment.
    environment["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{environment.get('PATH', '')}"
    _prepare_database(layout, keys, environment)
    processes = ProcessGroup(environment, layout.home)
    api = Api(address.client_host, address.port)
    try:
        print("starting " + ", ".join(COMPONENTS))
        command = [sys.executable, "-m", "demo.loader", str(layout.logs), str(os.getpid())]
        processes.start(Component("Airflow", command, layout.logs / "loader.log"))
        lock.publish(address.public, processes.leaders())
        _wait_until_healthy(api, processes)
        api.log_in(configuration.USER, keys.password)
        yield api, processes, address, keys
    finally:
        api.close()
        # A second Ctrl-C must not leave half of the components behind.
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, signal.SIG_IGN)
        processes.stop()


def _prepare_database(layout: Layout, keys: Secrets, environment: dict[str, str]) -> None:
    """Make or migrate the database where the installed packages changed since the last time."""
    versions = sorted(f"{d.metadata['Name']}=={d.version}" for d in distributions())
    digest = hashlib.sha256("\n".join([*versions, keys.password]).encode()).hexdigest()
    if layout.database.exists() and read_json(layout.database_stamp).get("made_for") == digest:
        return
    print("preparing the database (once)")
    request = {"user": configuration.USER, "password": keys.password, "reset_password": True}
    answer = subprocess.run(
        [sys.executable, "-m", "demo.database"],
        input=json.dumps(request),
        env=environment,
        cwd=layout.home,
        capture_output=True,
        text=True,
        check=False,
    )
    (layout.logs / "database.log").write_text(answer.stdout + answer.stderr)
    if answer.returncode:
        last = "\n".join((answer.stdout + answer.stderr).splitlines()[-20:])
        raise DemoError(f"The database could not be prepared:\n{last}")
    write_private(layout.database_stamp, json.dumps({"made_for": digest}) + "\n")


def _wait_until_healthy(api: Api, processes: ProcessGroup) -> None:
    wanted = {"metadatabase", "scheduler", "dag_processor", "triggerer"}
    deadline = time.monotonic() + START_TIMEOUT
    state: dict[str, str] = {}
    while time.monotonic() < deadline:
        processes.check()
        try:
            state = api.health()
        except ApiError:
            state = {}
        if all(state.get(name) == "healthy" for name in wanted):
            return
        time.sleep(0.25)
    missing = ", ".join(sorted(name for name in wanted if state.get(name) != "healthy"))
    raise NotReady(f"Not healthy after {START_TIMEOUT:.0f} s: {missing or 'the API server'}")


def _show_workflow(api: Api, processes: ProcessGroup, layout: Layout) -> bool:
    """Run the demo workflow; print its progress and its outputs; return whether it succeeded."""
    _wait_for_dag(api, processes)
    order = [str(task["task_id"]) for task in api.tasks(WORKFLOW)]
    run_id = api.trigger(WORKFLOW)
    started = time.monotonic()
    print(f"running {WORKFLOW} through the scheduler ({run_id}):")
    progress = Progress(order)
    state = follow(
        lambda: api.run_state(WORKFLOW, run_id),
        lambda: api.task_instances(WORKFLOW, run_id),
        progress,
        Screen(),
        check=processes.check,
    )
    seconds = time.monotonic() - started
    if state != "success":
        print(f"\nThe run failed after {seconds:.0f} s.")
        _show_failures(api, run_id)
        return False
    outputs = api.result(WORKFLOW, run_id, OUTPUTS_TASK)
    layout.outputs.write_text(json.dumps(outputs, indent=2) + "\n")
    print(f"\nThe run took {seconds:.1f} s, {progress.summary()}. Its CWL output object:\n")
    print(json.dumps(outputs, indent=2))
    print("\nThe files:")
    for path in sorted(set(_paths(outputs))):
        print(f"  {path}")
    return True


def _wait_for_dag(api: Api, processes: ProcessGroup) -> None:
    deadline = time.monotonic() + DAG_TIMEOUT
    while time.monotonic() < deadline:
        processes.check()
        if api.dag(WORKFLOW) is not None:
            return
        for error in api.import_errors():
            if WORKFLOW in str(error.get("filename")):
                raise DemoError(f"{error['filename']} cannot be imported:\n{error['stack_trace']}")
        time.sleep(0.25)
    raise NotReady(f"The DAG {WORKFLOW} did not appear within {DAG_TIMEOUT:.0f} s.")


def _show_failures(api: Api, run_id: str) -> None:
    for instance in api.task_instances(WORKFLOW, run_id):
        if instance.get("state") != "failed":
            continue
        task, index, attempt = instance["task_id"], int(instance["map_index"]), int(instance["try_number"])
        print(f"\nthe last lines of {task}" + (f"[{index}]" if index >= 0 else "") + ":")
        for line in api.log_lines(WORKFLOW, run_id, task, index, attempt)[-LOG_LINES:]:
            print(f"  {line}")


def _paths(value: Any) -> Iterator[str]:
    from urllib.parse import unquote, urlsplit

    if isinstance(value, dict):
        if value.get("class") in ("File", "Directory") and "location" in value:
            yield unquote(urlsplit(str(value["location"])).path)
        for inner in value.values():
            yield from _paths(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _paths(inner)


def _say_where(address: Address, keys: Secrets) -> None:
    print(f"\nThe web interface: {address.public}   user: {configuration.USER}   password: {keys.password}")


if __name__ == "__main__":
    sys.exit(main())
