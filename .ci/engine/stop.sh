#!/usr/bin/env bash
# Stops what start.sh and proxy.sh started, and nothing else. Exit status: 0 nothing of ours runs, 1 it still does.
set -euo pipefail
# shellcheck source=.ci/engine/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

stop() {
    end "$proxy_pid" proxy.py 5
    if ours "$engine_pid" dockerd >/dev/null; then
        end "$engine_pid" dockerd 60
        say "dockerd stopped"
    fi
}

locked start stop
