"""What people may be allowed to do in CHRONOS: the names that auth managers know.

A right is a method on a resource, as Airflow's auth managers have it: ``GET`` is *can read*, ``POST`` *can
create*, ``PUT`` *can edit*, ``DELETE`` *can delete*. What belongs to a DAG takes Airflow's right on that
DAG as well.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum


class Permission(StrEnum):
    """The resources of CHRONOS."""

    HISTORY = "CHRONOS History"
    """GET: runs, datasets, lineage, activity. POST: record events of others."""
    WORKFLOWS = "CHRONOS Workflows"
    """GET: deployed workflows. POST: start runs. PUT: deploy. DELETE: withdraw."""
    RUNS = "CHRONOS Runs"
    """GET: state, jobs and logs of DAG runs. PUT: hold, release, suspend, resume, cancel, retry."""
    TARGETS = "CHRONOS Targets"
    """GET: execution targets, and how they do."""


Rights = Mapping[Permission, tuple[str, ...]]

METHODS: Rights = {
    Permission.HISTORY: ("GET", "POST"),
    Permission.WORKFLOWS: ("GET", "POST", "PUT", "DELETE"),
    Permission.RUNS: ("GET", "PUT"),
    Permission.TARGETS: ("GET",),
}
"""The rights that there are on each."""

_VIEWER: Rights = dict.fromkeys(Permission, ("GET",))
_USER: Rights = {**_VIEWER, Permission.WORKFLOWS: ("GET", "POST"), Permission.RUNS: ("GET", "PUT")}

ROLES: Mapping[str, Rights] = {"Viewer": _VIEWER, "User": _USER, "Op": METHODS, "Admin": METHODS}
"""What the roles of Airflow's FAB auth manager get; more than this, FAB's own pages give."""

FAB_ACTIONS = {"GET": "can_read", "POST": "can_create", "PUT": "can_edit", "DELETE": "can_delete"}
"""Methods in the words of FAB."""
