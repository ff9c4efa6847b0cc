"""Who may do what: the one place that asks Airflow's auth manager.

``airflow.api_fastapi.core_api.security`` is not declared public; nothing else of CHRONOS imports it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import cached_property
from typing import TYPE_CHECKING, Annotated, Any, Literal, TypeVar

from airflow.api_fastapi.app import get_auth_manager
from airflow.api_fastapi.core_api.security import GetUserDep  # noqa: TC002 - FastAPI reads it at run time
from fastapi import Depends, HTTPException

from chronos_plugin.permissions import Permission

if TYPE_CHECKING:
    from chronos_plugin.lineage.model import Run

Method = Literal["GET", "POST", "PUT", "DELETE"]
_T = TypeVar("_T")
_GIVE_RIGHTS_ONLY = ("SimpleAuthManager", "FabAuthManager")
_NO_DAG = "~"
_CAN = {"GET": "read", "POST": "create", "PUT": "edit", "DELETE": "delete"}


def logged_in(user: GetUserDep) -> Any:
    """Refuse the anonymous (401); return the user."""
    return user


def requires(permission: Permission, method: Method = "GET") -> Callable[..., Any]:
    """Return a dependency that refuses (403) who has not a right on a resource of CHRONOS."""

    def check(user: GetUserDep) -> Any:
        if not _has(permission, method, user):
            raise HTTPException(403, f"this takes the right to {_CAN[method]} {permission}")
        return user

    return check


def check_deploying(user: Any) -> None:
    """Refuse (403) who may not deploy workflows; as :func:`may_deploy`, where no path says what is asked."""
    requires(Permission.WORKFLOWS, "PUT")(user)
    _deployer(user)


def check_starting(dag_id: str, user: Any) -> None:
    """Refuse (403) who may not start runs of a DAG."""
    requires(Permission.WORKFLOWS, "POST")(user)
    _on_runs(dag_id, "POST", user)


def check_reading(dag_id: str, user: Any) -> None:
    """Refuse (403) who may not read the runs of a DAG."""
    requires(Permission.RUNS)(user)
    _on_runs(dag_id, "GET", user)


def check_steering(dag_id: str, user: Any) -> None:
    """Refuse (403) who may not hold, release or cancel runs of a DAG."""
    requires(Permission.RUNS, "PUT")(user)
    _on_runs(dag_id, "PUT", user)


def may_deploy(user: Annotated[Any, Depends(requires(Permission.WORKFLOWS, "PUT"))]) -> Any:
    """Refuse (403) who may not deploy workflows; return the user.

    A deployed workflow runs commands on the workers. It therefore takes the right to edit every DAG and
    the right to create connections, which Airflow's roles Op and Admin have.
    """
    return _deployer(user)


def may_withdraw(user: Annotated[Any, Depends(requires(Permission.WORKFLOWS, "DELETE"))]) -> Any:
    """Refuse (403) who may not withdraw workflows, as :func:`may_deploy`; return the user."""
    return _deployer(user)


def may_start(dag_id: str, user: Annotated[Any, Depends(requires(Permission.WORKFLOWS, "POST"))]) -> Any:
    """Refuse (403) who may not start runs of the DAG in the path; return the user."""
    return _on_runs(dag_id, "POST", user)


def may_read_dag(dag_id: str, user: Annotated[Any, Depends(requires(Permission.RUNS))]) -> Any:
    """Refuse (403) who may not read the runs of the DAG in the path; return the user."""
    return _on_runs(dag_id, "GET", user)


def may_read_logs(dag_id: str, user: Annotated[Any, Depends(requires(Permission.RUNS))]) -> Any:
    """Refuse (403) who may not read the logs of the DAG in the path; return the user."""
    return _on_dag(dag_id, "GET", "TASK_LOGS", user)


def may_read_workflow(dag_id: str, user: Annotated[Any, Depends(requires(Permission.WORKFLOWS))]) -> Any:
    """Refuse (403) who may not read the workflow in the path; return the user."""
    return _on_runs(dag_id, "GET", user)


def may_steer(dag_id: str, user: Annotated[Any, Depends(requires(Permission.RUNS, "PUT"))]) -> Any:
    """Refuse (403) who may not hold, release or cancel runs of the DAG in the path; return the user."""
    return _on_runs(dag_id, "PUT", user)


class Readable:
    """What a person may read of what belongs to DAGs.

    A run belongs to the DAG that its workflow is named after, whoever recorded it; a dataset to the DAG of
    the run that made it. What names no DAG that there is, is for those who may read all DAGs.
    """

    def __init__(self, user: Any) -> None:
        self.user = user

    @cached_property
    def workflows(self) -> frozenset[str] | None:
        """The workflows whose runs may be read; None: all."""
        manager = get_auth_manager()
        if _reads_all_dags(manager, self.user):
            return None
        return frozenset(manager.get_authorized_dag_ids(user=self.user, method="GET"))

    def allows(self, workflow: str) -> bool:
        """Return whether the runs of a workflow may be read."""
        return self.workflows is None or workflow in self.workflows

    def run(self, run: Run) -> Run:
        """Refuse (403) a run that may not be read; return it."""
        if not self.allows(run.job.workflow):
            raise HTTPException(403, "this run takes the right to read its DAG")
        return run

    def datasets(self, ids: Iterable[int], workflows_of: Callable[[set[int]], dict[int, str]]) -> set[int]:
        """Return those of the datasets that may be read.

        Args:
            workflows_of: Gives the workflows that made datasets.
        """
        wanted = set(ids)
        if self.workflows is None or not wanted:
            return wanted
        made_in = workflows_of(wanted)
        return {i for i in wanted if i not in made_in or self.allows(made_in[i])}


def readable(user: GetUserDep) -> Readable:
    """Return what the user may read."""
    return Readable(user)


ReadableDep = Annotated[Readable, Depends(readable)]


def _reads_all_dags(manager: Any, user: Any) -> bool:
    """Return whether somebody may read every DAG, those to come and those that are gone included.

    Without an id, Airflow's question means whether somebody may list DAGs, of which some may be hidden. Who
    may read a DAG of an id that none can have may read all, where rights are only given and never taken.
    """
    from airflow.api_fastapi.auth.managers.models.resource_details import DagDetails

    kinds = {kind.__name__ for kind in type(manager).__mro__}
    if _multi_team() or kinds.isdisjoint(_GIVE_RIGHTS_ONLY):
        return False
    return bool(manager.is_authorized_dag(method="GET", details=DagDetails(id=_NO_DAG), user=user))


def _has(permission: Permission, method: Method, user: Any) -> bool:
    manager = get_auth_manager()
    if not manager.is_authorized_custom_view(method=method, resource_name=permission.value, user=user):
        return False
    return method == "GET" or not _ignores_methods(manager) or _may_edit_runs(manager, user)


def _ignores_methods(manager: Any) -> bool:
    """Whether an auth manager lets whoever may read a view of a plugin also change it."""
    from airflow.api_fastapi.auth.managers.simple.simple_auth_manager import SimpleAuthManager

    return isinstance(manager, SimpleAuthManager)


def _may_edit_runs(manager: Any, user: Any) -> bool:
    from airflow.api_fastapi.auth.managers.models.resource_details import DagAccessEntity

    return bool(manager.is_authorized_dag(method="PUT", access_entity=DagAccessEntity.RUN, user=user))


def _deployer(user: _T) -> _T:
    manager = get_auth_manager()
    allowed = manager.is_authorized_dag(method="PUT", user=user) and manager.is_authorized_connection(
        method="POST", user=user
    )
    if not allowed:
        raise HTTPException(403, "deploying takes the right to edit all DAGs and to create connections")
    return user


def _on_runs(dag_id: str, method: Method, user: _T) -> _T:
    return _on_dag(dag_id, method, "RUN", user)


def _on_dag(dag_id: str, method: Method, entity: str, user: _T) -> _T:
    from airflow.api_fastapi.auth.managers.models.resource_details import DagAccessEntity, DagDetails

    details = DagDetails(id=dag_id, team_name=_team(dag_id) if _multi_team() else None)
    if not get_auth_manager().is_authorized_dag(
        method=method, access_entity=DagAccessEntity[entity], details=details, user=user
    ):
        what = "runs" if entity == "RUN" else "logs"
        raise HTTPException(403, f"this takes the right to {_CAN[method]} the {what} of {dag_id}")
    return user


def _multi_team() -> bool:
    from airflow.configuration import conf

    return conf.getboolean("core", "multi_team", fallback=False)


def _team(dag_id: str) -> str | None:
    from airflow.models.dag import DagModel

    return DagModel.get_team_name(dag_id)
