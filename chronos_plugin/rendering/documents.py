"""From DAGs back to the CWL documents that they were made of."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from chronos_plugin.errors import NotKnown
from chronos_plugin.rendering.dag import TAG

if TYPE_CHECKING:
    from chronos_plugin.compiler.compile import CompiledDocument
    from chronos_plugin.settings import Settings


@dataclass(frozen=True)
class CwlDag:
    """A DAG of a CWL document, as Airflow's database has it.

    Attributes:
        file: Relative to the bundle.
        deployed: Whether it came through the API, so that it can be withdrawn.
        stale: Whether it is there no more.
        broken: Whether its document had errors when it was read last.
    """

    dag_id: str
    description: str
    file: str
    bundle: str
    deployed: bool
    paused: bool
    stale: bool
    broken: bool
    tags: tuple[str, ...]


def dags(
    *,
    containing: str = "",
    after: str = "",
    only: frozenset[str] | None = None,
    limit: int = 100,
) -> list[CwlDag]:
    """Return DAGs of CWL documents, by id.

    Args:
        containing: Part of the id or description.
        after: Id after which to begin.
        only: These ids; None: all.
    """
    from airflow.models.dag import DagModel, DagTag
    from airflow.utils.session import create_session
    from sqlalchemy import or_, select
    from sqlalchemy.orm import selectinload

    wanted = (
        select(DagModel)
        .join(DagTag, DagTag.dag_id == DagModel.dag_id)
        .where(DagTag.name == TAG, ~DagModel.is_stale, DagModel.dag_id > after)
        .options(selectinload(DagModel.tags))
        .order_by(DagModel.dag_id)
        .limit(limit)
    )
    if containing:
        wanted = wanted.where(
            or_(
                DagModel.dag_id.icontains(containing, autoescape=True),
                DagModel.description.icontains(containing, autoescape=True),
            )
        )
    if only is not None:
        wanted = wanted.where(DagModel.dag_id.in_(only))
    with create_session() as session:
        return [_seen(row) for row in session.scalars(wanted)]


def dag(dag_id: str) -> CwlDag:
    """Return one DAG of a CWL document.

    Raises:
        NotKnown: If there is none of this id.
    """
    from airflow.models.dag import DagModel
    from airflow.utils.session import create_session

    with create_session() as session:
        row = session.get(DagModel, dag_id)
        found = None if row is None else _seen(row)
    if found is None or TAG not in found.tags:
        raise NotKnown(f"there is no workflow {dag_id}")
    return found


def document_of(dag_id: str, configured: Settings) -> CompiledDocument:
    """Return the compiled document of a DAG.

    Raises:
        NotKnown: If there is no such DAG, or a Python file made it.
        CwlError: If the document does not compile.
    """
    from chronos_plugin.rendering.compiling import compiled
    from chronos_plugin.rendering.deployment import mark_of

    path, bundle = file_of(dag_id)
    mark = mark_of(path, bundle, configured)
    return compiled(path, bundle, configured, mark.fragment if mark else "")


def file_of(dag_id: str) -> tuple[Path, Path | None]:
    """Return the document of a DAG, and the folder of its bundle.

    Raises:
        NotKnown: If there is no such DAG, or no document.
    """
    from airflow.models.dag import DagModel
    from airflow.utils.session import create_session
    from sqlalchemy import select

    columns = select(DagModel.fileloc, DagModel.bundle_name, DagModel.relative_fileloc)
    with create_session() as session:
        row = session.execute(columns.where(DagModel.dag_id == dag_id)).first()
    if row is None:
        raise NotKnown(f"{dag_id} is neither a DAG nor a .cwl file")
    bundle = _bundle(row.bundle_name) if row.bundle_name else None
    path = bundle / row.relative_fileloc if bundle and row.relative_fileloc else Path(row.fileloc)
    if path.suffix != ".cwl":
        raise NotKnown(f"{dag_id} is made by {path.name}, which is no .cwl file: name the document")
    return path, bundle if bundle and path.is_relative_to(bundle) else None


def _bundle(name: str) -> Path:
    from argparse import Namespace

    from airflow.dag_processing.bundles.manager import DagBundlesManager
    from airflow.utils.cli import suppress_logs_and_warning

    # It tells on standard output, which is for a command's result, what it has loaded.
    found: list[Path] = []

    @suppress_logs_and_warning
    def find(_: Namespace) -> None:
        found.append(Path(DagBundlesManager().get_bundle(name).path))

    find(Namespace(verbose=False))
    return found[0]


def _seen(row: Any) -> CwlDag:
    from chronos_plugin import settings

    configured = settings.load()
    file = str(row.relative_fileloc or row.fileloc or "")
    deployed = row.bundle_name == configured.deploy_bundle and file.startswith(
        f"{configured.deploy_folder}/{row.dag_id}/"
    )
    return CwlDag(
        dag_id=row.dag_id,
        description=row.description or "",
        file=file,
        bundle=str(row.bundle_name or ""),
        deployed=deployed,
        paused=bool(row.is_paused),
        stale=bool(row.is_stale),
        broken=bool(row.has_import_errors),
        tags=tuple(sorted(tag.name for tag in row.tags)),
    )
