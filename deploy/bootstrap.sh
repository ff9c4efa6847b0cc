#!/usr/bin/env bash
# Makes the virtual environment .venv and installs the locked packages and CHRONOS itself into it.
# Does nothing when what it depends on has not changed. Usage: deploy/bootstrap.sh [base|dev]
set -euo pipefail

cd "$(dirname "$0")/.."
profile="${1:-base}"
venv="${CHRONOS_VENV:-.venv}"
# As pip does: the machine's certificates, among which an organisation has its own.
export UV_SYSTEM_CERTS="${UV_SYSTEM_CERTS:-true}"

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

# What the environment as such depends on: its scripts name its folder and its interpreter.
home="$("$python" -c 'import sys; print(sys.base_prefix, sys.version)') $PWD"
# What is installed in it.
wanted="$({
    echo "$home"
    cat requirements/*.txt pyproject.toml setup.cfg deploy/bootstrap.sh
} | sha256sum)"

# Whatever the base profile has is in the dev profile as well.
for stamp in "$venv/.chronos-stamp-$profile" "$venv/.chronos-stamp-dev"; do
    if [ -x "$venv/bin/python" ] && [ -f "$stamp" ] && [ "$(cat "$stamp")" = "$wanted" ]; then
        exit 0
    fi
done

if ! "$python" -c 'import ensurepip, venv' 2>/dev/null; then
    # Debian keeps them in a package of their own.
    if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null 2>&1; then
        echo "This Python cannot make virtual environments: install the package python3-venv." >&2
        exit 1
    fi
    echo "installing the Debian package python3-venv, which this Python lacks"
    apt-get update -qq
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends python3-venv >/dev/null
fi

if [ -e "$venv" ] && [ "$(cat "$venv/.chronos-home" 2>/dev/null)" != "$home" ]; then
    if [ ! -f "$venv/pyvenv.cfg" ] && [ -n "$(ls -A "$venv")" ]; then
        echo "$venv is not a virtual environment: move it away, or set CHRONOS_VENV to another folder." >&2
        exit 1
    fi
    echo "making $venv anew: it was made by another Python, in another folder, or not to the end"
    rm -rf "$venv"
fi
if [ ! -e "$venv" ]; then
    "$python" -m venv "$venv"
    "$venv/bin/python" -m pip install --quiet --disable-pip-version-check --only-binary :all: \
        --require-hashes --requirement requirements/uv.txt
    echo "$home" >"$venv/.chronos-home"
fi

echo "installing the locked packages into $venv (once)"
rm -f "$venv"/.chronos-stamp-*
"$venv/bin/uv" pip install --quiet --python "$venv/bin/python" --require-hashes --compile-bytecode \
    --requirement requirements/uv.txt --requirement "requirements/$profile.txt"
# Without isolation: the build tool comes from the lock, too.
"$venv/bin/uv" pip install --quiet --python "$venv/bin/python" --no-deps --no-build-isolation --editable .
echo "$wanted" >"$venv/.chronos-stamp-$profile"
