"""Who may do what: the one place that asks Airflow's auth manager.

``airflow.api_fastapi.core_api.security`` is not declared public; nothing else of CHRONOS imports it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from airflow.api_fastapi.app import get_auth_manager
from airflow.api_fastapi.core_api.security import GetUserDep  # noqa: TC002 - FastAPI reads it at run time
from fastapi import HTTPException


def logged_in(user: GetUserDep) -> Any:
    """Refuse the anonymous (401); return the user."""
    return user


def may_deploy(user: GetUserDep) -> Any:
    """Refuse (403) who may not deploy workflows; return the user.

    A deployed workflow runs commands on the workers. It therefore takes the right to edit every DAG and
    the right to create connections, which Airflow's roles Op and Admin have.
    """
    manager = get_auth_manager()
    allowed = manager.is_authorized_dag(method="PUT", user=user) and manager.is_authorized_connection(
        method="POST", user=user
    )
    if not allowed:
        raise HTTPException(403, "deploying takes the right to edit all DAGs and to create connections")
    return user


def may_read_dag(dag_id: str, user: GetUserDep) -> Any:
    """Refuse (403) who may not read the runs of the DAG in the path; return the user."""
    return _dag_access("GET")(dag_id, user)


def _dag_access(method: Any) -> Callable[[str, Any], Any]:
    def check(dag_id: str, user: Any) -> Any:
        from airflow.api_fastapi.auth.managers.models.resource_details import DagAccessEntity, DagDetails

        if not get_auth_manager().is_authorized_dag(
            method=method, access_entity=DagAccessEntity.RUN, details=DagDetails(id=dag_id), user=user
        ):
            raise HTTPException(403, f"no right to read the runs of {dag_id}")
        return user

    return check
