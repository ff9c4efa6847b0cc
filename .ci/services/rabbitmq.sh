#!/usr/bin/env bash
# A RabbitMQ server of our own: installed when it is missing, with its own data folder and ports, without systemd.
#
#   rabbitmq.sh start     starts it, and prints its address
#   rabbitmq.sh stop      stops it; its data stay
#   rabbitmq.sh kill      ends it at once, as a crash would
#   rabbitmq.sh remove    stops it and deletes its data
#
# CHRONOS_RABBITMQ_DIR    its folder (default: rabbitmq in CHRONOS_CI_DIR or the user's XDG state)
# CHRONOS_RABBITMQ_PORT   the first of three ports on 127.0.0.1 (default: 56720): AMQP, Erlang's own, Erlang's names
#
# CHRONOS_INSTALL         "no": end with 3 in place of installing
#
# Exit status: 0 done, 3 this machine cannot have one (said in one sentence), 1 anything else.
set -euo pipefail

readonly CANNOT=3
readonly dir=${CHRONOS_RABBITMQ_DIR:-${CHRONOS_CI_DIR:-${XDG_STATE_HOME:-$HOME/.local/state}/chronos}/rabbitmq}
readonly port=${CHRONOS_RABBITMQ_PORT:-56720}
readonly programs=/usr/lib/rabbitmq/bin pid_file=$dir/server.pid

# Everything is below the folder, the cookie by which the server's own tools log in too.
export HOME=$dir
export RABBITMQ_NODENAME=chronos$port@localhost RABBITMQ_NODE_IP_ADDRESS=127.0.0.1 RABBITMQ_NODE_PORT=$port
export RABBITMQ_DIST_PORT=$((port + 1)) ERL_EPMD_PORT=$((port + 2)) ERL_EPMD_ADDRESS=127.0.0.1
export RABBITMQ_MNESIA_BASE=$dir/data RABBITMQ_LOG_BASE=$dir/log RABBITMQ_CONF_ENV_FILE=$dir/none
export RABBITMQ_CONFIG_FILE=$dir/rabbitmq RABBITMQ_ENABLED_PLUGINS_FILE=$dir/enabled_plugins
export ERL_CRASH_DUMP=$dir/erl_crash.dump
export RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS="+S 2:2 -kernel inet_dist_use_interface {127,0,0,1}"

say() { printf 'rabbitmq: %s\n' "$*" >&2; }

cannot() {
    say "$*"
    exit "$CANNOT"
}

install() {
    [ ! -x "$programs/rabbitmq-server" ] || return 0
    [ "${CHRONOS_INSTALL:-yes}" = yes ] || cannot "no RabbitMQ server is installed (.ci/services/rabbitmq.sh does)"
    [ "$(id -u)" = 0 ] || cannot "no RabbitMQ server is installed, and installing one needs root"
    command -v apt-get >/dev/null || cannot "no RabbitMQ server is installed, and there is no apt-get"
    say "installing rabbitmq-server"
    # Debian would start a server of its own.
    local policy=/usr/sbin/policy-rc.d
    if [ ! -e "$policy" ]; then
        printf '#!/bin/sh\nexit 101\n' >"$policy"
        chmod +x "$policy"
        # shellcheck disable=SC2064 # the path as it is now
        trap "rm -f '$policy'" EXIT
    fi
    apt-get -qq update >"$dir/apt.log" 2>&1 || true
    DEBIAN_FRONTEND=noninteractive apt-get -qq -o DPkg::Lock::Timeout=600 install -y --no-install-recommends \
        rabbitmq-server >>"$dir/apt.log" 2>&1 || cannot "apt-get could not install rabbitmq-server (see $dir/apt.log)"
    [ -x "$programs/rabbitmq-server" ] || cannot "rabbitmq-server is not where Debian puts it"
}

# ours PID: true when that process is this server.
ours() {
    [ -n "$1" ] && grep -aqF epmd_port "/proc/$1/cmdline" 2>/dev/null && grep -aqF "$dir" "/proc/$1/cmdline"
}

# server: prints the pid of this server, if it runs.
server() {
    local pid
    pid=$(cat "$pid_file" 2>/dev/null) && ours "$pid" && printf '%s\n' "$pid"
}

start() {
    mkdir -p "$dir"/{data,log}
    install
    if ! server >/dev/null; then
        printf 'loopback_users.guest = true\nlog.file.level = warning\n' >"$dir/rabbitmq.conf"
        printf '[].\n' >"$RABBITMQ_ENABLED_PLUGINS_FILE"
        RABBITMQ_PID_FILE=$pid_file setsid nohup "$programs/rabbitmq-server" >"$dir/log/console.log" 2>&1 </dev/null &
        "$programs/rabbitmqctl" --quiet wait --timeout 120 "$pid_file" >/dev/null 2>"$dir/log/wait.log" || {
            cat "$dir/log/wait.log" >&2
            tail -n 20 "$dir/log/console.log" >&2
            exit 1
        }
    fi
    printf 'amqp://guest:guest@127.0.0.1:%s//\n' "$port"
}

# stop SIGNAL: ends the server, and the daemon that tells Erlang's ports when it has no other to tell of.
stop() {
    local pid tries
    # The server removes its pid file some time before it ends.
    if pid=$(server); then
        kill "-$1" "$pid" 2>/dev/null || true
        for ((tries = 300; tries > 0; tries--)); do
            ours "$pid" || break
            sleep 0.1
        done
        if ours "$pid"; then
            say "process $pid did not end within 30 seconds"
            exit 1
        fi
    fi
    rm -f "$pid_file"
    command -v epmd >/dev/null && epmd -kill >/dev/null 2>&1 || true
}

case "${1:-}" in
start) start ;;
stop) stop TERM ;;
kill) stop KILL ;;
remove) stop TERM && rm -rf "$dir" ;;
*)
    sed -n '2,/^set/{/^#/s/^# \{0,1\}//p}' "$0" >&2
    exit 2
    ;;
esac
