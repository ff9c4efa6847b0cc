#!/usr/bin/env bash
# Makes the virtual environment .venv and installs the locked packages and CHRONOS itself into it.
# Does nothing when what it depends on has not changed. Usage: deploy/bootstrap.sh [base|dev]
set -euo pipefail

cd "$(dirname "$0")/.."
profile="${1:-base}"
venv="${CHRONOS_VENV:-.venv}"
uv_version="0.13.9"

python=""
for candidate in "${PYTHON:-}" python3 python3.13 python3.12 python3.11; do
    if [ -n "$candidate" ] && command -v "$candidate" >/dev/null 2>&1 \
        && "$candidate" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 15))' 2>/dev/null; then
        python="$candidate"
        break
    fi
done
if [ -z "$python" ]; then
    echo "CHRONOS needs Python 3.11 or newer: install it, or set PYTHON to it." >&2
    exit 1
fi

stamp="$venv/.chronos-stamp-$profile"
wanted="$({
    "$python" -c 'import sys; print(sys.version)'
    cat requirements/*.txt pyproject.toml setup.cfg deploy/bootstrap.sh
    pwd
} | sha256sum)"
if [ -f "$stamp" ] && [ "$(cat "$stamp")" = "$wanted" ] && [ -x "$venv/bin/python" ]; then
    exit 0
fi

if ! "$python" -c 'import ensurepip' 2>/dev/null; then
    # Debian keeps it in a package of its own.
    if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then
        echo "installing python3-venv, which this Python lacks"
        apt-get update -qq && apt-get install -y -qq python3-venv >/dev/null
    else
        echo "This Python cannot make virtual environments: install the package python3-venv." >&2
        exit 1
    fi
fi

if [ ! -x "$venv/bin/python" ]; then
    "$python" -m venv "$venv"
fi
if ! "$venv/bin/uv" --version 2>/dev/null | grep -q "$uv_version"; then
    "$venv/bin/python" -m pip install --quiet --disable-pip-version-check "uv==$uv_version"
fi
echo "installing the locked packages into $venv (once)"
files=(--requirement requirements/base.txt)
if [ "$profile" = dev ]; then
    files=(--requirement requirements/dev.txt)
fi
"$venv/bin/uv" pip install --quiet --python "$venv/bin/python" --require-hashes --compile-bytecode "${files[@]}"
# Without isolation: the build tool comes from the lock, too.
"$venv/bin/uv" pip install --quiet --python "$venv/bin/python" --no-deps --no-build-isolation --editable .
echo "$wanted" >"$stamp"
