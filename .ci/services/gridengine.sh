#!/usr/bin/env bash
# One Grid Engine host: sge_qmaster and sge_execd, with a root folder, ports and a queue of their own, without
# systemd. Both are stopped by pid.
#
# Usage: gridengine.sh start|stop|env (as slurm.sh)
#
# Exit status: 0 done, 3 this machine cannot have it (said in one sentence), 1 anything else.
#
# CHRONOS_CI_DIR            where configuration, spool, log and pid files go (as for the container engine)
# CHRONOS_GRIDENGINE_PORT   the first of two ports (default 18610)
set -euo pipefail
# shellcheck source=.ci/engine/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/../engine/lib.sh"

say() { printf 'gridengine: %s\n' "$*" >&2; }

readonly home=${CHRONOS_CI_DIR:-${XDG_STATE_HOME:-$HOME/.local/state}/chronos}/gridengine
readonly port=${CHRONOS_GRIDENGINE_PORT:-18610}
readonly programs=/usr/lib/gridengine shared=/usr/share/gridengine
user=$(id -un)
node=$(hostname -s 2>/dev/null || hostname)
readonly user node
export SGE_ROOT=$home/root SGE_CELL=chronos SGE_QMASTER_PORT=$port SGE_EXECD_PORT=$((port + 1))
readonly cell=$SGE_ROOT/$SGE_CELL

configure() {
    mkdir -p "$home/log" "$SGE_ROOT"/{bin,utilbin} "$cell/common" "$home"/{database,qmaster/job_scripts,execd}
    [ -e "$cell/common/bootstrap" ] && return 0
    ln -sfn "$shared/util" "$SGE_ROOT/util"
    ln -sfn "$programs" "$SGE_ROOT/bin/$("$shared/util/arch")"
    ln -sfn "$programs" "$SGE_ROOT/utilbin/$("$shared/util/arch")"
    # The loopback address has several names; to Grid Engine they must be one host.
    printf '%s localhost\n' "$node" >"$cell/common/host_aliases"
    printf '%s\n' "$node" >"$cell/common/act_qmaster"
    cat >"$cell/common/bootstrap.new" <<CONF
admin_user              none
default_domain          none
ignore_fqdn             true
spooling_method         berkeleydb
spooling_lib            libspoolb
spooling_params         $home/database
binary_path             $SGE_ROOT/bin
qmaster_spool_dir       $home/qmaster
security_mode           none
listener_threads        2
worker_threads          2
scheduler_threads       1
CONF
    mv "$cell/common/bootstrap.new" "$cell/common/bootstrap"
    "$programs/spoolinit" berkeleydb libspoolb "$home/database" init
    sed -e "s#^execd_spool_dir.*#execd_spool_dir $home/execd#" \
        -e 's#^min_uid.*#min_uid 0#' -e 's#^min_gid.*#min_gid 0#' \
        -e 's#^reporting_params.*#reporting_params accounting=true reporting=false flush_time=00:00:01 joblog=false sharelog=00:00:00#' \
        -e 's#^mailer.*#mailer /bin/true#' \
        "$shared/default-configuration" >"$home/configuration"
    "$programs/spooldefaults" configuration "$home/configuration"
    "$programs/spooldefaults" complexes "$shared/util/resources/centry"
    "$programs/spooldefaults" usersets "$shared/util/resources/usersets"
    "$programs/spooldefaults" managers "$user"
}

configure_queue() {
    local file=$home/queue.conf
    qconf -ah "$node" >/dev/null 2>&1 || true
    qconf -as "$node" >/dev/null 2>&1 || true
    if ! qconf -shgrp @allhosts >/dev/null 2>&1; then
        printf 'group_name @allhosts\nhostlist %s\n' "$node" >"$file"
        qconf -Ahgrp "$file" >/dev/null
    fi
    if ! qconf -sp smp >/dev/null 2>&1; then
        cat >"$file" <<'CONF'
pe_name            smp
slots              999
user_lists         NONE
xuser_lists        NONE
start_proc_args    NONE
stop_proc_args     NONE
allocation_rule    $pe_slots
control_slaves     FALSE
job_is_first_task  TRUE
urgency_slots      min
accounting_summary TRUE
qsort_args         NONE
CONF
        qconf -Ap "$file" >/dev/null
    fi
    if ! qconf -sq batch >/dev/null 2>&1; then
        qconf -sq | sed -e 's/^qname.*/qname batch/' -e 's/^hostlist.*/hostlist @allhosts/' \
            -e 's/^slots.*/slots 8/' -e 's/^pe_list.*/pe_list smp/' -e 's#^shell .*#shell /bin/sh#' \
            -e 's/^load_thresholds.*/load_thresholds NONE/' >"$file"
        qconf -Aq "$file" >/dev/null
    fi
    qconf -ssconf | sed -e 's/^schedule_interval.*/schedule_interval 0:0:1/' \
        -e 's/^flush_submit_sec.*/flush_submit_sec 1/' -e 's/^flush_finish_sec.*/flush_finish_sec 1/' >"$file"
    qconf -Msconf "$file" >/dev/null
}

start() {
    [ "$(uname -s)" = Linux ] || cannot "Grid Engine needs Linux here"
    is_root || cannot "Grid Engine's execution daemon starts jobs as their users: it needs root"
    if ! command -v sge_qmaster >/dev/null || ! command -v sge_execd >/dev/null; then
        apt-cache show gridengine-master >/dev/null 2>&1 || cannot "this Debian has no package gridengine-master"
        apt_packages gridengine-master gridengine-exec gridengine-client
    fi
    configure
    # SGE_ND: stay in the foreground, so that the pid is the one that is known here.
    launch "$home" sge_qmaster sge_qmaster env SGE_ND=1 sge_qmaster
    patience 30 sge_qmaster "$home" qconf -sh
    configure_queue
    launch "$home" sge_execd sge_execd env SGE_ND=1 sge_execd
    patience 60 "the host" "$home" bash -c "qhost -h '$node' | grep -q 'lx-[a-z0-9]* *[0-9].* [0-9.]*[MG] '"
    say "Grid Engine answers: host $node, queue batch, SGE_ROOT=$SGE_ROOT"
}

stop() {
    end "$home/sge_execd.pid" sge_execd 20
    end "$home/sge_qmaster.pid" sge_qmaster 30
    say "nothing of ours runs"
}

case ${1:-} in
start | stop) locked gridengine "$1" ;;
env)
    printf 'export SGE_ROOT=%q SGE_CELL=%q SGE_QMASTER_PORT=%q SGE_EXECD_PORT=%q\n' \
        "$SGE_ROOT" "$SGE_CELL" "$SGE_QMASTER_PORT" "$SGE_EXECD_PORT"
    ;;
*)
    echo "usage: $0 start|stop|env" >&2
    exit 2
    ;;
esac
