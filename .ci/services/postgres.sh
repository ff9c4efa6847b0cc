#!/usr/bin/env bash
# A PostgreSQL server of our own: installed when it is missing, with its own data folder and port, without systemd.
#
#   postgres.sh start [SETTING=VALUE...]   starts it, and prints the address of its database `chronos`
#   postgres.sh stop                       stops it; its data stay
#   postgres.sh kill                       ends it at once, as a crash would
#   postgres.sh remove                     stops it and deletes its data
#
# CHRONOS_POSTGRES_DIR    its folder (default: postgres in CHRONOS_CI_DIR or the user's XDG state)
# CHRONOS_POSTGRES_PORT   its port on 127.0.0.1 (default: 54329)
#
# Exit status: 0 done, 3 this machine cannot have one (said in one sentence), 1 anything else.
set -euo pipefail

readonly CANNOT=3
readonly dir=${CHRONOS_POSTGRES_DIR:-${CHRONOS_CI_DIR:-${XDG_STATE_HOME:-$HOME/.local/state}/chronos}/postgres}
readonly port=${CHRONOS_POSTGRES_PORT:-54329}
readonly data=$dir/data log=$dir/postgres.log

say() { printf 'postgres: %s\n' "$*" >&2; }

cannot() {
    say "$*"
    exit "$CANNOT"
}

# programs: prints the folder of the newest installed server.
programs() {
    local found
    found=$(ls -d /usr/lib/postgresql/*/bin /usr/pgsql-*/bin 2>/dev/null | sort -V | tail -n 1)
    if [ -z "$found" ] && command -v initdb >/dev/null; then
        found=$(dirname "$(readlink -f "$(command -v initdb)")")
    fi
    [ -n "$found" ] && [ -x "$found/initdb" ] && printf '%s\n' "$found"
}

install() {
    programs >/dev/null && return 0
    [ "$(id -u)" = 0 ] || cannot "no PostgreSQL server is installed, and installing one needs root"
    command -v apt-get >/dev/null || cannot "no PostgreSQL server is installed, and there is no apt-get"
    say "installing postgresql"
    # Debian would start a cluster of its own.
    mkdir -p /etc/postgresql-common
    [ -e /etc/postgresql-common/createcluster.conf ] ||
        echo 'create_main_cluster = false' >/etc/postgresql-common/createcluster.conf
    apt-get -qq update >"$dir/apt.log" 2>&1 || true
    DEBIAN_FRONTEND=noninteractive apt-get -qq install -y --no-install-recommends postgresql \
        >>"$dir/apt.log" 2>&1 || cannot "apt-get could not install postgresql (see $dir/apt.log)"
}

# The server refuses to run as root.
as_owner() {
    if [ "$(id -u)" = 0 ]; then
        (cd / && exec setpriv --reuid=postgres --regid=postgres --init-groups "$@")
    else
        "$@"
    fi
}

start() {
    mkdir -p "$dir"
    install
    local bin
    bin=$(programs)
    if [ ! -s "$data/PG_VERSION" ]; then
        rm -rf "$data"
        mkdir -p "$data"
        touch "$log"
        [ "$(id -u)" != 0 ] || chown postgres "$data" "$log"
        as_owner "$bin/initdb" --pgdata "$data" --username chronos --auth trust --encoding UTF8 --no-locale \
            --no-sync >"$dir/initdb.log" 2>&1 || { cat "$dir/initdb.log" >&2; exit 1; }
    fi
    if ! as_owner "$bin/pg_ctl" status --pgdata "$data" >/dev/null; then
        local options="-p $port -c listen_addresses=127.0.0.1 -c unix_socket_directories=" setting
        for setting in "$@"; do options+=" -c $setting"; done
        as_owner "$bin/pg_ctl" start --pgdata "$data" --log "$log" --wait --timeout 120 --options "$options" \
            >/dev/null 2>&1 </dev/null || { tail -n 20 "$log" >&2; exit 1; }
    fi
    "$bin/createdb" -h 127.0.0.1 -p "$port" -U chronos chronos 2>/dev/null || true
    printf 'postgresql://chronos@127.0.0.1:%s/chronos\n' "$port"
}

stop() {
    local bin
    bin=$(programs) || return 0
    [ -s "$data/PG_VERSION" ] || return 0
    as_owner "$bin/pg_ctl" status --pgdata "$data" >/dev/null || return 0
    as_owner "$bin/pg_ctl" stop --pgdata "$data" --mode "$1" --wait --timeout 120 >/dev/null
}

case "${1:-}" in
start) shift && start "$@" ;;
stop) stop fast ;;
kill) stop immediate ;;
remove) stop fast && rm -rf "$dir" ;;
*)
    sed -n '2,/^set/{/^#/s/^# \{0,1\}//p}' "$0" >&2
    exit 2
    ;;
esac
