"""What people may be allowed to do in CHRONOS: the names that auth managers know.

A right is a method on a resource, as Airflow's auth managers have it: ``GET`` is *can read*, ``POST`` *can
create*, ``PUT`` *can edit*, ``DELETE`` *can delete*. What belongs to a DAG takes Airflow's right on that
DAG as well.
"""

from __future__ import annotations

from enum import StrEnum


class Permission(StrEnum):
    """The resources of CHRONOS."""

    HISTORY = "CHRONOS History"
    """GET: runs, datasets, lineage, activity. POST: record events of others."""
    WORKFLOWS = "CHRONOS Workflows"
    """GET: deployed workflows. POST: start runs. PUT: deploy. DELETE: withdraw."""
    RUNS = "CHRONOS Runs"
    """GET: state, jobs and logs of DAG runs. PUT: hold, release, suspend, resume, cancel."""
    TARGETS = "CHRONOS Targets"
    """GET: execution targets, and how they do."""


METHODS = {
    Permission.HISTORY: ("GET", "POST"),
    Permission.WORKFLOWS: ("GET", "POST", "PUT", "DELETE"),
    Permission.RUNS: ("GET", "PUT"),
    Permission.TARGETS: ("GET",),
}
"""The rights that there are on each."""
