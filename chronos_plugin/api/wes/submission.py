"""What a client of WES submits: documents into the DAG bundle, and a run of them."""

from __future__ import annotations

import json
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any
from urllib.parse import urljoin, urlsplit

from chronos_plugin.client.bundle import name_of, pack_contents
from chronos_plugin.errors import InputInvalid, NotKnown, ServiceBusy, ServiceFailed

if TYPE_CHECKING:
    from chronos_plugin.rendering.dag_runs import StartedRun
    from chronos_plugin.settings import Settings

KEY = "chronos:wes"
"""Of a run's configuration: the request, without its parameters."""
VERSIONS = ("v1.0", "v1.1", "v1.2")
ENGINE = "chronos"
PATIENCE = 60.0
"""Seconds for which Airflow's DAG processor may take to read a document that is new."""
MOST_DOCUMENTS = 200
MOST_BYTES = 8 << 20
_SECONDS = 20.0


@dataclass(frozen=True)
class Submission:
    """A request, checked.

    Attributes:
        url: ``workflow_url``: an attachment's path, a URL, or the name of a deployed workflow.
        attachments: Contents by path.
    """

    url: str
    params: Mapping[str, Any]
    request: Mapping[str, Any]
    attachments: Mapping[str, bytes] = field(default_factory=dict)

    @property
    def root(self) -> str:
        """``workflow_url`` without the fragment."""
        return self.url.partition("#")[0]

    @property
    def fragment(self) -> str:
        """Id of the process in the document; empty: the document's own."""
        return self.url.partition("#")[2]

    @property
    def remote(self) -> bool:
        """Whether the document is to be fetched."""
        return urlsplit(self.root).scheme in ("http", "https")

    @property
    def deployed(self) -> str:
        """The name of a workflow that is there already; empty: a document comes with the request."""
        if self.attachments or self.remote or PurePosixPath(self.root).suffix == ".cwl":
            return ""
        return self.root


def submission(form: Mapping[str, str], attachments: Mapping[str, bytes]) -> Submission:
    """Return what the fields of a form ask for.

    Raises:
        InputInvalid: If one of them does not fit.
    """
    kind, version = form.get("workflow_type", ""), form.get("workflow_type_version", "")
    if kind.upper() != "CWL":
        raise InputInvalid(f"workflow_type {kind!r}: this service runs CWL")
    version = version if version.startswith("v") else f"v{version}"
    if version not in VERSIONS:
        raise InputInvalid(f"workflow_type_version: one of {', '.join(VERSIONS)}")
    if form.get("workflow_engine", "") not in ("", ENGINE):
        raise InputInvalid(f"workflow_engine: {ENGINE}, or none")
    url = form.get("workflow_url", "")
    if not url:
        raise InputInvalid("workflow_url: the path of an attachment, a URL, or the name of a workflow")
    request = {
        "workflow_type": "CWL",
        "workflow_type_version": version,
        "workflow_url": url,
        "tags": _texts("tags", form),
        "workflow_engine_parameters": _texts("workflow_engine_parameters", form),
        "workflow_engine": form.get("workflow_engine") or None,
        "workflow_engine_version": form.get("workflow_engine_version") or None,
    }
    params = _object("workflow_params", form)
    if any(":" in name and name != "cwl:requirements" for name in params):
        raise InputInvalid("workflow_params: names of inputs have no colon")
    return Submission(url, params, request, attachments)


def submit(asked: Submission, configured: Settings, user: str) -> StartedRun:
    """Deploy the documents of a request, unless they are there already, and start a run.

    Raises:
        CwlInvalid, CwlUnsupported: If they do not compile; nothing is started then.
        InputInvalid: If the parameters do not fit.
        ServiceFailed: If Airflow's DAG processor does not read them, or the URL does not answer.
    """
    from chronos_plugin.rendering import dag_runs

    dag_id = asked.deployed or deploy(asked, configured)
    return dag_runs.start(
        dag_id, {**asked.params, KEY: dict(asked.request)}, user=user, unpause=not asked.deployed
    )


def deploy(asked: Submission, configured: Settings) -> str:
    """Put the documents of a request into the DAG bundle; return the DAG's id when it can be started."""
    from chronos_plugin.rendering import deployment

    contents, root = (
        fetch(asked.root, configured.wes_document_uris)
        if asked.remote
        else (asked.attachments, PurePosixPath(asked.root).as_posix())
    )
    archive = pack_contents({path: (content, False) for path, content in contents.items()})
    name = name_of(archive, asked.fragment, PurePosixPath(root).stem)
    done = deployment.deploy(name, archive, root, asked.fragment, configured)
    if not done.created and _startable(name):
        return name
    deployment.request_parsing(done, configured)
    deadline = time.monotonic() + PATIENCE
    while not _startable(name):
        if time.monotonic() > deadline:
            raise ServiceBusy(
                f"{name} is deployed, but no DAG yet after {PATIENCE:.0f} s: is Airflow's DAG processor up?"
            )
        time.sleep(0.2)
    return name


def fetch(url: str, allowed: tuple[str, ...]) -> tuple[dict[str, bytes], str]:
    """Return a document and those that it refers to by relative names, by path; and the path of the first.

    Args:
        allowed: Prefixes of URLs that are fetched.

    Raises:
        InputInvalid: If a URL is not allowed, or leads out of the document's folder.
        ServiceFailed: If one does not answer.
    """
    from chronos_plugin.cwl.references import find_references

    base, _, root = url.rpartition("/")
    found: dict[str, bytes] = {}
    wanted = [root]
    with tempfile.TemporaryDirectory(prefix="chronos-wes-") as folder:
        while wanted:
            path = wanted.pop()
            if path in found:
                continue
            if len(found) >= MOST_DOCUMENTS:
                raise InputInvalid(f"{url} refers to more than {MOST_DOCUMENTS} documents: attach them")
            found[path] = _get(urljoin(f"{base}/", path), allowed)
            for reference in find_references(found[path], Path(folder) / path):
                if reference.target_path is None or reference.kind == "directory":
                    continue
                if not reference.target_path.is_relative_to(folder):
                    raise InputInvalid(
                        f"{url}: {reference.text} leads out of its folder: attach the documents"
                    )
                wanted.append(reference.target_path.relative_to(folder).as_posix())
    return found, root


def _get(url: str, allowed: tuple[str, ...]) -> bytes:
    import requests

    if not any(_lies_below(url, prefix) for prefix in allowed):
        raise InputInvalid(
            f"{url}: nothing is fetched from there ([chronos] wes_document_uris); attach the document"
        )
    try:
        # A redirection could lead to where nobody may.
        with requests.get(url, timeout=_SECONDS, stream=True, allow_redirects=False) as answer:
            if answer.status_code != 200:
                raise ServiceFailed(f"{url} answers {answer.status_code}", status=answer.status_code)
            content = b""
            for chunk in answer.iter_content(1 << 16):
                content += chunk
                if len(content) > MOST_BYTES:
                    raise InputInvalid(f"{url} is larger than {MOST_BYTES >> 20} MiB")
            return content
    except requests.RequestException as error:
        raise ServiceFailed(f"{url} does not answer: {error}") from error


def _lies_below(url: str, prefix: str) -> bool:
    asked, given = urlsplit(url), urlsplit(prefix)
    same = (asked.scheme, asked.netloc) == (given.scheme, given.netloc)
    return same and asked.path.startswith(given.path or "/") and ".." not in asked.path.split("/")


def _startable(dag_id: str) -> bool:
    """Return whether a DAG can be started. Another content has another id: it needs not be the newest."""
    from airflow.models.dag import DagModel
    from airflow.models.serialized_dag import SerializedDagModel
    from airflow.utils.session import create_session

    with create_session(scoped=False) as session:
        model = session.get(DagModel, dag_id)
        if model is None or model.is_stale or model.has_import_errors:
            return False
        return bool(SerializedDagModel.has_dag(dag_id, session=session))


def _object(name: str, form: Mapping[str, str]) -> dict[str, Any]:
    try:
        value = json.loads(form.get(name) or "{}")
    except ValueError as error:
        raise InputInvalid(f"{name}: not JSON: {error}") from error
    if not isinstance(value, dict):
        raise InputInvalid(f"{name}: a JSON object")
    return value


def _texts(name: str, form: Mapping[str, str]) -> dict[str, str]:
    value = _object(name, form)
    if not all(isinstance(v, str) for v in value.values()):
        raise InputInvalid(f"{name}: the values are texts")
    return value


def run_id_of(run: StartedRun) -> str:
    """Return the id of a run for clients of WES: both ids of Airflow's, in one word that fits in a URL."""
    import base64

    return base64.urlsafe_b64encode(f"{run.dag_id}\0{run.run_id}".encode()).decode().rstrip("=")


def ids_of(run_id: str) -> tuple[str, str]:
    """Return the DAG's and the run's id of :func:`run_id_of`.

    Raises:
        NotKnown: If it is none.
    """
    import base64
    import binascii

    try:
        padded = run_id + "=" * (-len(run_id) % 4)
        text = base64.b64decode(padded, altchars=b"-_", validate=True).decode()
    except (binascii.Error, ValueError) as error:
        raise NotKnown(f"there is no run {run_id}") from error
    dag_id, separator, dag_run_id = text.partition("\0")
    if not separator:
        raise NotKnown(f"there is no run {run_id}")
    return dag_id, dag_run_id
