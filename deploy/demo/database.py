"""Create or migrate the database, its administrator, and the rights on CHRONOS, in one process.

Reads one JSON object from standard input (``{"user": …, "password": …}``), so that the password is on no
command line, and needs ``AIRFLOW_HOME`` in the environment. Run again, it changes nothing that is up to date.
"""

from __future__ import annotations

import gc
import json
import sys
from typing import Any


def main() -> None:
    """Bring the database up to date and make sure that the user exists with this password."""
    request = json.load(sys.stdin)
    # As in `demo.component`: a collector that searches freshly loaded modules finds nothing.
    gc.disable()

    from airflow.utils import db
    from airflow.utils.providers_configuration_loader import providers_configuration_loaded

    @providers_configuration_loaded
    def prepare() -> None:
        db.upgradedb()

        # Only now: the application builder reads the tables when it is made, and writes the roles.
        from airflow.providers.fab.auth_manager.cli_commands.utils import get_application_builder

        with get_application_builder() as builder:
            # The application builder declares the class below the one that it makes.
            manager: Any = builder.sm
            user = manager.find_user(request["user"])
            if user is None:
                role = manager.find_role("Admin")
                mail = f"{request['user']}@localhost"
                if not manager.add_user(
                    request["user"], "CHRONOS", "Administrator", mail, role, request["password"]
                ):
                    sys.exit(f"The user {request['user']} could not be created.")
            elif request["reset_password"]:
                manager.reset_password(user.id, request["password"])
            from chronos_plugin.cli import rights

            list(rights.give(manager))

    prepare()


if __name__ == "__main__":
    main()
