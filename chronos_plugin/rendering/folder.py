"""CWL documents in DAG files written in Python, beside other operators.

::

    from chronos_plugin.rendering.folder import cwl_dag

    dag = cwl_dag("chains/coverage.cwl", schedule="@daily")
    with dag:
        dag.get_task("chronos.outputs") >> EmailOperator(task_id="tell", …)
"""

from __future__ import annotations

import inspect
from collections.abc import MutableMapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from chronos_plugin.compiler.naming import dag_id as name_of

if TYPE_CHECKING:
    from airflow.sdk import DAG


def cwl_dag(path: str | Path, *, dag_id: str | None = None, **dag_arguments: Any) -> DAG:
    """Return the DAG of one CWL document; a tool is taken as a workflow of one step.

    Args:
        path: The document; a relative path is taken from the calling DAG file's folder.
        dag_id: Its id; default: the document's own name, else the file's.
        dag_arguments: Arguments of :class:`airflow.sdk.DAG` that replace those from the document.

    Raises:
        CwlInvalid, CwlUnsupported: If the document does not compile; Airflow shows it as import error.
    """
    return _dag(_resolved(path, inspect.stack()[1].filename), dag_id, dag_arguments)


def cwl_dags(
    folder: str | Path, namespace: MutableMapping[str, Any], pattern: str = "*.cwl"
) -> dict[str, DAG]:
    """Make a DAG of each root document in ``folder`` and put it into a DAG file's ``globals()``.

    Args:
        folder: Where to look; a relative path is taken from the calling DAG file's folder.
        namespace: The DAG file's ``globals()``.
        pattern: Which files, as :meth:`pathlib.Path.glob` takes it (``**/*.cwl`` for sub-folders).

    Returns:
        The DAGs by id.
    """
    from chronos_plugin.cwl.roots import root_documents

    home = _resolved(folder, inspect.stack()[1].filename)
    dags = [_dag(path, None, {}) for path in root_documents(home, sorted(home.glob(pattern)))]
    made = {dag.dag_id: dag for dag in dags}
    namespace.update({f"cwl_dag_{name}": dag for name, dag in made.items()})
    return made


def _dag(path: Path, dag_id: str | None, arguments: dict[str, Any]) -> DAG:
    from chronos_plugin import settings
    from chronos_plugin.rendering.compiling import compiled
    from chronos_plugin.rendering.dag import render

    configured = settings.load()
    document = compiled(path, None, configured)
    name = dag_id or name_of(path.name, document.graph.name)
    return render(document, dag_id=name, settings=configured, overrides=arguments)


def _resolved(path: str | Path, caller: str) -> Path:
    return Path(caller).parent.joinpath(path).absolute()
