"""What a task process imports for a SafeScale operator."""

from __future__ import annotations

import subprocess
import sys


def test_operators_and_the_target_import_no_heavy_library() -> None:
    program = (
        "import sys\n"
        "import chronos_plugin.operators.safescale, chronos_plugin.operators.safescale_triggers\n"
        "import chronos_plugin.hooks.safescale.target, chronos_plugin.provider\n"
        "heavy = {'grpc', 'google.protobuf', 'grpc_reflection', 'alembic', 'chronos_plugin.db'}\n"
        "print(sorted(heavy & set(sys.modules)))\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
