"""``airflow chronos rights``: the permissions of CHRONOS in Airflow's FAB auth manager."""

from __future__ import annotations

import json
from argparse import Namespace
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from chronos_plugin.cli.output import plainly, print_table
from chronos_plugin.errors import ServiceFailed
from chronos_plugin.permissions import FAB_ACTIONS, ROLES


@plainly
def init(arguments: Namespace) -> None:
    """Make the permissions, and give them to Airflow's roles; what is there already stays."""
    with _security_manager() as manager:
        rows = list(give(manager, dry_run=arguments.dry_run))
    if arguments.json:
        print(json.dumps(rows, indent=2))
        return
    print_table(("ROLE", "RESOURCE", "CAN", ""), [tuple(row.values()) for row in rows])


def give(manager: Any, *, dry_run: bool = False) -> Iterator[dict[str, str]]:
    """Give the rights on CHRONOS to Airflow's roles, and yield each one; what is there already stays.

    Args:
        manager: FAB's security manager.
        dry_run: Only tell.
    """
    for name, rights in ROLES.items():
        role = manager.find_role(name)
        if role is None:
            continue
        has = {(p.action.name, p.resource.name) for p in role.permissions}
        for permission, methods in rights.items():
            for action in (FAB_ACTIONS[method] for method in methods):
                new = (action, permission.value) not in has
                if new and not dry_run:
                    made = manager.create_permission(action, permission.value)
                    manager.add_permission_to_role(role, made)
                can = action.removeprefix("can_")
                state = ("would be given" if dry_run else "given") if new else "there"
                yield {"role": name, "resource": permission.value, "can": can, "state": state}


@contextmanager
def _security_manager() -> Iterator[Any]:
    """Give FAB's security manager, outside of a web server."""
    from airflow.configuration import conf

    name = conf.get_mandatory_value("core", "auth_manager")
    if not name.endswith(".FabAuthManager"):
        raise ServiceFailed(
            f"[core] auth_manager is {name.rpartition('.')[2]}, which keeps no permissions in Airflow; "
            "docs/api.md says what it asks for"
        )
    from airflow.providers.fab.auth_manager.cli_commands.utils import get_application_builder

    with get_application_builder() as builder:
        yield builder.sm
