"""An installation whose inputs and outputs are in an object store, with keys in a connection."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from benches.installation import Installation, installation
from tests.grid import gfal2_is_missing
from tests.storages import s3_server

__all__ = ["s3_server"]
pytestmark = pytest.mark.airflow

DOCUMENT = """\
cwlVersion: v1.2
class: Workflow
requirements: {ScatterFeatureRequirement: {}}
inputs:
  granules: {type: "File[]", secondaryFiles: .idx}
outputs:
  products: {type: "File[]", outputSource: process/product}
steps:
  process:
    scatter: granule
    in: {granule: granules}
    out: [product]
    run:
      class: CommandLineTool
      requirements: {ShellCommandRequirement: {}}
      inputs: {granule: {type: File, secondaryFiles: .idx}}
      arguments: [{shellQuote: false, valueFrom: "cat $(inputs.granule.path) $(inputs.granule.path).idx"}]
      outputs: {product: stdout}
      stdout: $(inputs.granule.nameroot).out
"""


@pytest.fixture(scope="module")
def store(s3_server: str) -> Any:
    """A client of the store, with granules in the bucket ``data``."""
    import boto3

    keys = {"aws_access_key_id": "key", "aws_secret_access_key": "secret", "region_name": "us-east-1"}
    client = boto3.client("s3", endpoint_url=s3_server, **keys)
    for bucket in ("data", "products"):
        client.create_bucket(Bucket=bucket)
    for number in (1, 2):
        client.put_object(Bucket="data", Key=f"in/g{number}.nc", Body=b"granule %d," % number)
        client.put_object(Bucket="data", Key=f"in/g{number}.nc.idx", Body=b"index %d" % number)
    return client


@pytest.fixture(scope="module")
def airflow(store: Any, s3_server: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    """The installation."""
    dags = tmp_path_factory.mktemp("storages") / "dags"
    dags.mkdir()
    (dags / "granules.cwl").write_text(DOCUMENT)
    extra = {"endpoint_url": s3_server, "region_name": "us-east-1"}
    connection = {"conn_type": "aws", "login": "key", "password": "hush-hush", "extra": extra}
    options = {
        "AIRFLOW_CONN_STORE": json.dumps(connection),
        "AIRFLOW__CHRONOS__DATA_CONNECTIONS": "s3://data=store s3://products=store",
        "AIRFLOW__CHRONOS__OUTPUT_ROOT": "s3://products/centre",
        "AIRFLOW__CORE__TEST_CONNECTION": "Enabled",
    }
    with installation(options, dags) as running:
        running.wait_for_dag("granules", timeout=60)
        yield running


def run(airflow: Installation, **values: Any) -> tuple[str, str]:
    run_id = airflow.api.trigger("granules", values)
    deadline = time.monotonic() + 180
    while (state := airflow.api.run_state("granules", run_id)) not in ("success", "failed"):
        airflow.processes.check()
        assert time.monotonic() < deadline
        time.sleep(0.2)
    return run_id, state


def test_from_the_store_and_back(airflow: Installation, store: Any) -> None:
    run_id, state = run(airflow, granules=["s3://data/in/g1.nc", "s3://data/in/g2.nc"])
    log = "\n".join(airflow.api.log_lines("granules", run_id, "process", 0, 1))
    assert state == "success", log
    outputs = airflow.api.result("granules", run_id, "chronos.outputs")
    assert [Path(f["location"]).name for f in outputs["products"]] == ["g1.out", "g2.out"]
    prefix = f"centre/granules/{run_id}"
    assert store.get_object(Bucket="products", Key=f"{prefix}/g1.out")["Body"].read() == b"granule 1,index 1"
    manifest = store.get_object(Bucket="products", Key=f"{prefix}/chronos-outputs.json")["Body"].read()
    assert json.loads(manifest) == outputs
    assert "fetched s3://data/in/g1.nc: 10 B in " in log
    assert "hush-hush" not in log


def test_missing_inputs_fail_before_anything_is_submitted(airflow: Installation) -> None:
    run_id, state = run(airflow, granules=["s3://data/in/g1.nc", "s3://data/in/g8.nc", "s3://data/in/g9.nc"])
    assert state == "failed"
    states = {i["task_id"]: i["state"] for i in airflow.api.task_instances("granules", run_id)}
    assert states["chronos.inputs"] == "failed"
    assert states["process"] == "upstream_failed"
    log = "\n".join(airflow.api.log_lines("granules", run_id, "chronos.inputs", -1, 1))
    assert "input 'granules': s3://data/in/g8.nc" in log
    assert "s3://data/in/g9.nc: the store has no such object" in log


def test_the_test_button(airflow: Installation) -> None:
    """The form's Test button asks the API server; gfal2 answers, or why it cannot is said."""
    token = requests.post(
        f"{airflow.address}/auth/token",
        json={"username": "admin", "password": airflow.password},
        timeout=30,
    ).json()["access_token"]
    answer = requests.post(
        f"{airflow.address}/api/v2/connections/test",
        json={"connection_id": "grid", "conn_type": "chronos_gfal2"},
        headers={"Authorization": f"Bearer {token}"},
        timeout=60,
    ).json()
    if gfal2_is_missing():
        assert answer["status"] is False
    else:
        assert answer["status"] is True, answer
        assert "xrootd" in answer["message"]
