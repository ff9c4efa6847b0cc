"""Targets for drills and comparisons: how each is set up, and which processes of its own may be killed."""

from __future__ import annotations

import contextlib
import json
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from benches.installation import Installation, installation

AIRFLOW = Path(sys.executable).with_name("airflow")


class Supervised:
    """A process that is started again whenever it ends, as a service manager does.

    Args:
        log: Takes what it says, over all its starts.
    """

    def __init__(self, command: list[str], environment: Mapping[str, str], log: Path) -> None:
        self._command, self._environment, self._log = command, dict(environment), log
        self._ending = threading.Event()
        self._child: subprocess.Popen[bytes] | None = None
        self._thread = threading.Thread(target=self._keep, name=command[0])
        self._thread.start()

    @property
    def pid(self) -> int | None:
        """Its process while it lives."""
        child = self._child
        return child.pid if child is not None and child.returncode is None else None

    def _keep(self) -> None:
        while not self._ending.is_set():
            with open(self._log, "ab") as log:
                self._child = subprocess.Popen(
                    self._command, env=self._environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log
                )
                self._child.wait()
            self._ending.wait(0.5)

    def stop(self) -> None:
        """End it, and start it no more."""
        self._ending.set()
        while self._thread.is_alive():
            if (child := self._child) is not None:
                child.kill()
            self._thread.join(0.2)


class BenchTarget:
    """One target; the base has neither servers nor agents.

    Attributes:
        name: Of the target.
        agent: What its agent is called; empty if it has none.
    """

    agent = ""

    def __init__(self, name: str, setting: dict[str, Any]) -> None:
        self.name, self._setting = name, setting

    def lacking(self) -> str | None:
        """Return why this machine cannot have it; None where it can."""
        return None

    def setting(self) -> dict[str, Any]:
        """Return its entry in the targets file."""
        return self._setting

    def environment(self) -> dict[str, str]:
        """Return what Airflow and the target's own processes are to be told."""
        return {}

    @contextlib.contextmanager
    def running(self, home: Path) -> Iterator[None]:
        """Start what it needs beside Airflow; stop it at the end."""
        del home
        yield

    def agents(self) -> list[int]:
        """Return the pids of processes of CHRONOS that may be killed and are started again."""
        return []


class DoubledTarget(BenchTarget):
    """A target whose system is a double in a process of its own, and which has an agent.

    Args:
        server: The double's module and arguments; ``{port}`` and ``{folder}`` are filled in.
        command: The agent, after ``airflow chronos``.
        connection: Its Airflow connection, without host and port.
        variables: More of the environment.
    """

    def __init__(
        self,
        name: str,
        setting: dict[str, Any],
        *,
        server: str,
        command: list[str],
        connection: dict[str, Any],
        variables: dict[str, str],
    ) -> None:
        super().__init__(name, setting)
        self.agent = f"{name} agent"
        self._server, self._command = server, command
        self._connection, self._variables = connection, variables
        self._port = free_port()
        self._kept: Supervised | None = None

    def environment(self) -> dict[str, str]:
        """Return the connection to the double, and the rest."""
        connection = {**self._connection, "host": "127.0.0.1", "port": self._port}
        name = f"AIRFLOW_CONN_{self.name.upper()}_DEFAULT"
        return {name: json.dumps(connection), **self._variables}

    @contextlib.contextmanager
    def running(self, home: Path) -> Iterator[None]:
        """Start the double and the agent."""
        folder = home / f"{self.name}-double"
        folder.mkdir()
        words = [word.format(port=self._port, folder=folder) for word in self._server.split()]
        environment = {**os.environ, "AIRFLOW_HOME": str(home)}
        with open(home / f"{self.name}-double.log", "wb") as log:
            server = subprocess.Popen([sys.executable, "-m", *words], stdout=log, stderr=log)
        try:
            command = [str(AIRFLOW), "chronos", *self._command]
            self._kept = Supervised(command, environment, home / f"{self.name}-agent.log")
            try:
                yield
            finally:
                self._kept.stop()
        finally:
            server.terminate()
            server.wait()

    def agents(self) -> list[int]:
        """Return the agent's pid."""
        pid = self._kept.pid if self._kept is not None else None
        return [] if pid is None else [pid]


class ContainerTarget(BenchTarget):
    """Docker where it answers and has the image of the demo."""

    image = "chronos-demo:local"

    def __init__(self) -> None:
        setting = {"kind": "container", "container_engine": "docker", "poll_interval": 1, "max_cores": 4}
        super().__init__("container", {**setting, "options": {"default_image": self.image}})

    def lacking(self) -> str | None:
        """Ask for the image."""
        if not _answers("docker", "version"):
            return "no container engine answers (.ci/engine/start.sh)"
        if not _answers("docker", "image", "inspect", self.image):
            return f"there is no image {self.image} (.ci/engine/images.sh, .ci/engine/demo_image.sh)"
        return None


class SlurmTarget(BenchTarget):
    """Slurm where it runs; its own daemons are not killed."""

    def lacking(self) -> str | None:
        """Ask whether it answers."""
        return None if _answers("scontrol", "ping") else "no Slurm answers (.ci/services/slurm.sh start)"

    def setting(self) -> dict[str, Any]:
        """Return its entry, with the variable by which its commands find it."""
        known = {name: os.environ[name] for name in ("SLURM_CONF",) if name in os.environ}
        options = {**self._setting["options"], "environment": known}
        return {**self._setting, "options": options}


def available(wanted: Sequence[BenchTarget]) -> list[BenchTarget]:
    """Return those that this machine can have; say why the others are left out."""
    lacking = {target.name: target.lacking() for target in wanted}
    for name, why in lacking.items():
        if why is not None:
            print(f"{name} is left out: {why}", flush=True)
    return [target for target in wanted if lacking[target.name] is None]


@contextlib.contextmanager
def started(
    chosen: Sequence[BenchTarget], options: Mapping[str, str], dags: Path | None = None
) -> Iterator[Installation]:
    """Start an Airflow with these targets in its targets file, and what they need beside it.

    Args:
        options: Environment variables for its components.
        dags: As :func:`~benches.installation.installation`.
    """
    environment = {name: value for target in chosen for name, value in target.environment().items()}
    with contextlib.ExitStack() as stack:
        airflow = stack.enter_context(installation({**options, **environment}, dags))
        for target in chosen:
            stack.enter_context(target.running(airflow.home))
        file = airflow.home / "chronos" / "targets.yaml"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps({"targets": {t.name: t.setting() for t in chosen}}))
        yield airflow


@contextlib.contextmanager
def started_alone(chosen: Sequence[BenchTarget], home: Path) -> Iterator[Path]:
    """Start what these targets need, without Airflow's components; give a targets file.

    Args:
        home: An empty folder, which is the ``AIRFLOW_HOME`` of what is started meanwhile.
    """
    environment = {name: value for target in chosen for name, value in target.environment().items()}
    before = dict(os.environ)
    os.environ.update(environment, AIRFLOW_HOME=str(home), AIRFLOW__CORE__LOAD_EXAMPLES="False")
    try:
        with contextlib.ExitStack() as stack:
            for target in chosen:
                stack.enter_context(target.running(home))
            file = home / "targets.yaml"
            file.write_text(json.dumps({"targets": {t.name: t.setting() for t in chosen}}))
            yield file
    finally:
        os.environ.clear()
        os.environ.update(before)


def _answers(*command: str) -> bool:
    try:
        return subprocess.run(command, capture_output=True, timeout=30, check=False).returncode == 0
    except (OSError, subprocess.TimeoutExpired):
        return False


def free_port() -> int:
    """Return a port of the loopback address that nobody uses now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def targets() -> list[BenchTarget]:
    """Return targets that have something to be killed, whether or not this machine can have them."""
    return [
        BenchTarget(
            "local", {"kind": "local", "poll_interval": 1, "max_cores": 16, "options": {"caps": "none"}}
        ),
        DoubledTarget(
            "mesos",
            {"kind": "mesos", "poll_interval": 1},
            server="chronos_plugin.hooks.mesos.double --port {port} --root {folder} --cpus 16 --mem 16384",
            command=["mesos", "agent"],
            connection={"conn_type": "chronos_mesos"},
            variables={"AIRFLOW__CHRONOS__MESOS_LEASE": "3"},
        ),
        DoubledTarget(
            "safescale",
            {
                "kind": "safescale",
                "poll_interval": 1,
                "options": {"node_sizing": "cpu~8", "node_cores": 8, "max_nodes": 2},
            },
            server="chronos_plugin.hooks.safescale.double --port {port} --root {folder} --host-seconds 1",
            command=["cloud", "agent"],
            connection={"conn_type": "chronos_safescale", "extra": json.dumps({"tenant": "test"})},
            variables={"AIRFLOW__CHRONOS__CLOUD_LEASE": "3"},
        ),
        SlurmTarget(
            "slurm",
            {
                "kind": "toil",
                "poll_interval": 1,
                "container_engine": "none",
                "options": {"system": "slurm"},
            },
        ),
    ]
