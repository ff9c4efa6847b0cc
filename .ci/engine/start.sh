#!/usr/bin/env bash
# Makes a container engine answer: installs Docker's engine from Debian when it is missing, and starts dockerd.
#
# Does nothing when an engine answers already. Exit status: 0 it answers, 3 this machine cannot have one (said in
# one sentence), 1 anything else. What was started here is stopped by stop.sh.
set -euo pipefail
# shellcheck source=.ci/engine/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

# In this order: the engine's own choice; copying layers, where overlay mounts are refused; no packet filter, where
# its tables are; both. The images need a few hundred megabytes at most, so vfs is slow but bearable.
readonly VARIANTS=(
    ""
    "--storage-driver=vfs"
    "--iptables=false --ip6tables=false --ip-masq=false"
    "--storage-driver=vfs --iptables=false --ip6tables=false --ip-masq=false"
)

# launch OPTION...: starts dockerd, true once it answers; ends it again if it does not within 30 seconds.
launch() {
    local tries
    rm -f "$engine_pid"
    # A session of its own and no inherited descriptor: a CI step must be able to end while the engine runs on.
    setsid nohup dockerd --pidfile "$engine_pid" "$@" >>"$engine_log" 2>&1 </dev/null 9>&- &
    local started=$!
    for ((tries = 300; tries > 0; tries--)); do
        engine_answers && return 0
        kill -0 "$started" 2>/dev/null || return 1
        sleep 0.1
    done
    kill -TERM "$started" 2>/dev/null || true
    wait "$started" 2>/dev/null || true
    return 1
}

start() {
    if engine_answers; then
        say "an engine answers: $(docker version --format '{{.Server.Version}}')"
        return 0
    fi
    is_root || cannot "no container engine answers, and starting one needs root"
    [ "$(uname -s)" = Linux ] || cannot "no container engine answers, and dockerd needs Linux"
    command -v dockerd >/dev/null || apt_packages docker.io
    # The command is a package of its own from Debian 13 on.
    command -v docker >/dev/null || apt_packages docker-cli
    : >"$engine_log"
    local variant
    for variant in "${VARIANTS[@]}"; do
        # shellcheck disable=SC2086 # a variant is a list of options without spaces
        if launch $variant; then
            say "dockerd answers: $(docker version --format '{{.Server.Version}}')," \
                "storage $(docker info --format '{{.Driver}}'), pid file $engine_pid"
            return 0
        fi
        say "dockerd ${variant:-with its defaults} did not start"
    done
    cannot "dockerd cannot be started on this machine (see $engine_log)"
}

locked start start
