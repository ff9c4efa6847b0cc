#!/usr/bin/env bash
# Builds the wheel, installs it into a clean environment, and uses it from another folder.
set -euo pipefail

cd "$(dirname "$0")/.."
work="$(mktemp -d)"
trap 'rm -rf "$work" build ./*.egg-info' EXIT
venv="${CHRONOS_VENV:-.venv}"
export UV_SYSTEM_CERTS="${UV_SYSTEM_CERTS:-true}"
deploy/ui.sh
"$venv/bin/python" -m build --wheel --no-isolation --outdir "$work/dist" . >"$work/build.log" 2>&1 || {
    tail -n 20 "$work/build.log" >&2
    exit 1
}
"$venv/bin/python" -m venv --without-pip "$work/env"
"$venv/bin/uv" pip install --quiet --python "$work/env/bin/python" --require-hashes --requirement requirements/base.txt
"$venv/bin/uv" pip install --quiet --python "$work/env/bin/python" --no-deps "$work"/dist/*.whl
cp dags/examples/hello.cwl "$work/"
cd "$work"
unset PYTHONPATH
env/bin/chronos-cwl-runner --quiet --no-container --outdir "$work/out" hello.cwl
AIRFLOW_HOME="$work/home" env/bin/python - <<'PYTHON'
import importlib
import pkgutil
from importlib.metadata import entry_points

import chronos_plugin

from chronos_plugin.ui_views import bundle

built = bundle.load()
assert built is not None, "the wheel has no web interface"
for name in (built.main, built.boot, built.style, "icon.svg"):
    assert (built.folder / "assets" / name).is_file(), name
names = [m.name for m in pkgutil.walk_packages(chronos_plugin.__path__, "chronos_plugin.")]
# What belongs to an extra that is not installed here.
extras = ("airflow.providers.celery",)
for name in names:
    try:
        importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name not in extras:
            raise
for group in ("airflow.plugins", "airflow.policy", "apache_airflow_provider"):
    assert [e.load() for e in entry_points(group=group) if e.name in ("chronos", "provider_info")], group
print(f"the wheel has {len(names)} modules, all of them import")
PYTHON
