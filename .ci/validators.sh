#!/usr/bin/env bash
# The public validators of exports (RO-Crate, OpenLineage) in a virtual environment of their own: they want other
# versions of packages than Airflow does. Prints its Python; needs .venv (deploy/bootstrap.sh).
#
# Usage: validators.sh
#
# Exit status: 0 done, anything else not.
set -euo pipefail

cd "$(dirname "$0")/.."
venv="${CHRONOS_CI_DIR:-$PWD/.ci-work}/validators"
wanted=(roc-validator==0.13.0 rocrate==0.16.0 openlineage-python==1.54.0)

export UV_SYSTEM_CERTS="${UV_SYSTEM_CERTS:-true}"
if [ "$(cat "$venv/.wanted" 2>/dev/null)" != "${wanted[*]}" ]; then
    rm -rf "$venv"
    .venv/bin/python -m venv "$venv"
    .venv/bin/uv pip install --quiet --python "$venv/bin/python" --only-binary :all: "${wanted[@]}" >&2
    echo "${wanted[*]}" >"$venv/.wanted"
fi
echo "$venv/bin/python"
