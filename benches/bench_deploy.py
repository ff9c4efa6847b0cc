"""The first deployment after an API server has started: until its DAG can be started."""

from __future__ import annotations

import io
import os
import socket
import statistics
import subprocess
import sys
import time
import zipfile
from pathlib import Path
from typing import Any

import requests

from benches.installation import Installation, installation

TOOL = (
    "cwlVersion: v1.2\nclass: CommandLineTool\nbaseCommand: [echo, -n]\n"
    "inputs: {{text: {{type: string, default: {n}, inputBinding: {{}}}}}}\noutputs: []\n"
)


def run(*, repeats: int = 3, wait: int = 5) -> dict[str, Any]:
    """Start API servers one after the other beside a running installation.

    Args:
        repeats: API servers for each of the two ways: ``preload`` as it is, and ``never`` (the peer).
        wait: Seconds between readiness and the deployment.

    Returns:
        Medians in seconds: ``ready`` (start to readiness), ``answered`` (the deployment's own request),
        ``startable`` (until the DAG is there), each with ``_never`` for the peer; ``ratio`` of startable.
    """
    times: dict[str, list[dict[str, float]]] = {"auto": [], "never": []}
    with installation() as running:
        for number in range(repeats):
            for mode, found in times.items():
                found.append(_measure(running, mode, f"{mode}-{number}", wait))
    result: dict[str, Any] = {"repeats": repeats, "wait": wait}
    for mode, found in times.items():
        for key in found[0]:
            name = key if mode == "auto" else f"{key}_never"
            result[name] = round(statistics.median(one[key] for one in found), 2)
    result["ratio"] = round(result["startable"] / result["startable_never"], 2)
    return result


def _measure(running: Installation, mode: str, name: str, wait: int) -> dict[str, float]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    environment = {
        **os.environ,
        "AIRFLOW_HOME": str(running.home),
        "AIRFLOW_CONFIG": str(running.home / "airflow.cfg"),
        "AIRFLOW__CHRONOS__PRELOAD": mode,
        "NO_PROXY": "127.0.0.1",
    }
    command = [
        str(Path(sys.executable).parent / "airflow"),
        "api-server",
        "--port",
        str(port),
        "--host",
        "127.0.0.1",
    ]
    started = time.monotonic()
    server = subprocess.Popen(
        command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
    )
    try:
        address = f"http://127.0.0.1:{port}"
        session = requests.Session()
        session.trust_env = False
        _until_ready(session, address)
        ready = time.monotonic() - started
        login = {"username": "admin", "password": running.password}
        token = session.post(f"{address}/auth/token", json=login, timeout=60).json()["access_token"]
        session.headers["Authorization"] = f"Bearer {token}"
        time.sleep(wait)
        started = time.monotonic()
        answer = session.put(
            f"{address}/chronos/api/v1/workflows/{name}",
            params={"root": "tool.cwl"},
            data=_archive(TOOL.format(n=f"'{name}'")),
            headers={"Content-Type": "application/zip"},
            timeout=120,
        )
        answer.raise_for_status()
        answered = time.monotonic() - started
        while session.get(f"{address}/api/v2/dags/{name}", timeout=60).status_code != 200:
            time.sleep(0.05)
        return {"ready": ready, "answered": answered, "startable": time.monotonic() - started}
    finally:
        server.terminate()
        server.wait(30)


def _until_ready(session: requests.Session, address: str) -> None:
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        try:
            if session.get(f"{address}/api/v2/monitor/health", timeout=10).ok:
                return
        except requests.ConnectionError:
            time.sleep(0.1)
    raise TimeoutError(address)


def _archive(text: str) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("tool.cwl", text)
    return buffer.getvalue()
