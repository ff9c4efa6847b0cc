#!/usr/bin/env bash
# Writes the lock files in requirements/ anew from pyproject.toml; needs .venv (deploy/bootstrap.sh).
# Usage: deploy/lock.sh [options of `uv pip compile`, such as --upgrade]
set -euo pipefail

cd "$(dirname "$0")/.."
uv="${UV:-${CHRONOS_VENV:-.venv}/bin/uv}"
export UV_SYSTEM_CERTS="${UV_SYSTEM_CERTS:-true}"
common=(--quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-emit-find-links
    --no-annotate --no-header --no-strip-extras)
"$uv" pip compile "${common[@]}" requirements/uv.in -o requirements/uv.txt
# setuptools builds the project itself, without a download at that moment.
"$uv" pip compile "${common[@]}" pyproject.toml requirements/build.in --extra demo --extra toil -o requirements/base.txt "$@"
"$uv" pip compile "${common[@]}" pyproject.toml requirements/build.in --extra demo --extra toil --extra dev \
    --extra celery --extra git -c requirements/base.txt -o requirements/dev.txt "$@"
if grep -nE 'https?://' requirements/*.txt; then
    echo "a lock file names an address" >&2
    exit 1
fi
