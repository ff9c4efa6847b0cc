#!/usr/bin/env bash
# One Slurm node with accounting: munge, MariaDB, slurmdbd, slurmctld and slurmd, in folders of their own, without
# systemd. Everything is stopped by pid.
#
# Usage: slurm.sh start|stop|env
#   start   installs what is missing from Debian, starts what does not run yet; nothing when all runs
#   stop    ends what start has started, and nothing else
#   env     prints the variables that make Slurm's commands use this installation, for `eval`
#
# Exit status: 0 done, 3 this machine cannot have it (said in one sentence), 1 anything else.
#
# CHRONOS_CI_DIR       where configuration, spool, log and pid files go (as for the container engine)
# CHRONOS_SLURM_PORT   the first of four ports on the loopback address (default 18600)
# CHRONOS_SLURM_CPUS   CPUs that the node claims to have (default 8, whatever the machine has: jobs of tests sleep)
set -euo pipefail
# shellcheck source=.ci/engine/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/../engine/lib.sh"

say() { printf 'slurm: %s\n' "$*" >&2; }

readonly home=${CHRONOS_CI_DIR:-${XDG_STATE_HOME:-$HOME/.local/state}/chronos}/slurm
# A socket's path has 107 bytes at most, a folder's may be longer.
readonly sockets=/tmp/chronos-slurm-$(id -u)
readonly port=${CHRONOS_SLURM_PORT:-18600}
readonly cpus=${CHRONOS_SLURM_CPUS:-8}
readonly database_port=$((port + 3))
user=$(id -un)
# Slurm looks its node up by the short name of the host.
node=$(hostname -s 2>/dev/null || hostname)
readonly user node
export SLURM_CONF=$home/slurm.conf

configure() {
    local memory
    mkdir -p "$home"/{state,spool,database,log} "$sockets"
    chmod 0755 "$home" "$sockets"
    chmod 0700 "$home"/{state,database}
    memory=$(awk '/MemTotal/ { print int($2 / 1024 * 3 / 4) }' /proc/meminfo)
    if [ ! -s "$home/munge.key" ]; then
        (umask 077 && head -c 1024 /dev/urandom >"$home/munge.key")
    fi
    if [ ! -s "$home/password" ]; then
        (umask 077 && od -An -N16 -tx1 /dev/urandom | tr -d ' \n' >"$home/password")
    fi
    (umask 077 && cat >"$home/slurmdbd.conf" <<CONF)
AuthType=auth/munge
AuthInfo=socket=$sockets/munge.sock
DbdHost=localhost
DbdAddr=127.0.0.1
DbdPort=$((port + 2))
SlurmUser=$user
LogFile=$home/log/slurmdbd.log
PidFile=$home/slurmdbd.pid
StorageType=accounting_storage/mysql
StorageHost=127.0.0.1
StoragePort=$database_port
StorageUser=slurm
StoragePass=$(cat "$home/password")
StorageLoc=slurm_acct
CONF
    # linuxproc and task/none need no cgroup hierarchy that this process may write to: they work in containers,
    # under either version of cgroups, and without root. OverMemoryKill takes the place of cgroups' limit.
    cat >"$home/slurm.conf" <<CONF
ClusterName=chronos
SlurmctldHost=$node(127.0.0.1)
SlurmctldPort=$port
SlurmdPort=$((port + 1))
AuthType=auth/munge
AuthInfo=socket=$sockets/munge.sock
CredType=cred/munge
SlurmUser=$user
SlurmdUser=$user
StateSaveLocation=$home/state
SlurmdSpoolDir=$home/spool
SlurmctldPidFile=$home/slurmctld.pid
SlurmdPidFile=$home/slurmd.pid
SlurmctldLogFile=$home/log/slurmctld.log
SlurmdLogFile=$home/log/slurmd.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/linux
JobAcctGatherFrequency=task=1
JobAcctGatherParams=OverMemoryKill
AccountingStorageType=accounting_storage/slurmdbd
AccountingStorageHost=127.0.0.1
AccountingStoragePort=$((port + 2))
# What slurmdbd's clients take as the socket of munge.
AccountingStoragePass=$sockets/munge.sock
AccountingStoreFlags=job_comment
AccountingStorageEnforce=associations,limits,qos
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU_Memory
SchedulerType=sched/backfill
SchedulerParameters=batch_sched_delay=0,sched_interval=1,bf_interval=2
MinJobAge=60
KillWait=5
ReturnToService=2
SlurmdParameters=config_overrides
MpiDefault=none
SwitchType=switch/none
MaxJobCount=20000
DefMemPerCPU=256
GresTypes=gpu
NodeName=$node NodeAddr=127.0.0.1 CPUs=$cpus RealMemory=$memory Gres=gpu:1 State=UNKNOWN
PartitionName=batch Nodes=$node Default=YES MaxTime=INFINITE State=UP
PartitionName=short Nodes=$node MaxTime=00:05:00 State=UP
CONF
    # The null device stands for a GPU: Slurm counts what is asked for, and opens nothing.
    echo "NodeName=$node Name=gpu File=/dev/null" >"$home/gres.conf"
}

readonly sql=(--no-defaults --socket="$sockets/database.sock" --user="$user" --batch)

start_munge() {
    # As another user than munge's own: --force turns its refusal into a warning.
    launch "$home" munged munged munged --foreground --force --key-file="$home/munge.key" \
        --socket="$sockets/munge.sock" --pid-file="$home/munged.own" --log-file="$home/log/munged.log" \
        --seed-file="$home/munged.seed"
    patience 10 munged "$home/log" munge --no-input --socket="$sockets/munge.sock"
}

start_database() {
    local as=()
    [ "$(id -u)" != 0 ] || as=(--user=root)
    if [ ! -d "$home/database/mysql" ]; then
        mariadb-install-db --no-defaults "${as[@]}" --datadir="$home/database" --skip-test-db \
            --auth-root-authentication-method=socket --auth-root-socket-user="$user" \
            >"$home/log/install-db.log" 2>&1
    fi
    launch "$home" mariadbd mariadbd mariadbd --no-defaults "${as[@]}" --datadir="$home/database" \
        --socket="$sockets/database.sock" --pid-file="$home/database.own" --bind-address=127.0.0.1 \
        --port="$database_port" --innodb-buffer-pool-size=64M --innodb-lock-wait-timeout=900 \
        --innodb-flush-log-at-trx-commit=0 --skip-log-bin
    patience 60 MariaDB "$home/log" mariadb "${sql[@]}" --execute "select 1"
    mariadb "${sql[@]}" <<SQL
create database if not exists slurm_acct;
create or replace user 'slurm'@'127.0.0.1' identified by '$(cat "$home/password")';
create or replace user 'slurm'@'localhost' identified by '$(cat "$home/password")';
grant all on slurm_acct.* to 'slurm'@'127.0.0.1', 'slurm'@'localhost';
SQL
}

# account WORD...: enters something in the accounting; what is there already is no error.
account() { timeout 30 sacctmgr --immediate "$@" >>"$home/log/sacctmgr.out" 2>&1 </dev/null || true; }

start_slurm() {
    launch "$home" slurmdbd slurmdbd slurmdbd -D
    patience 60 slurmdbd "$home/log" sacctmgr --noheader list cluster
    account add cluster chronos
    account add account production,development Cluster=chronos
    account add qos urgent
    account add user "$user" Account=production,development DefaultAccount=production
    account modify user "$user" set qos=normal,urgent
    launch "$home" slurmctld slurmctld slurmctld -D -i
    patience 60 slurmctld "$home/log" scontrol ping
    launch "$home" slurmd slurmd slurmd -D -N "$node"
    patience 60 "the node" "$home/log" bash -c "sinfo --noheader --format=%T | grep -qE '^(idle|mixed|allocated)'"
}

start() {
    local missing=()
    command -v munged >/dev/null || missing+=(munge)
    command -v slurmctld >/dev/null || missing+=(slurm-wlm)
    command -v slurmdbd >/dev/null || missing+=(slurmdbd)
    command -v mariadbd >/dev/null || missing+=(mariadb-server)
    [ "$(uname -s)" = Linux ] || cannot "Slurm needs Linux"
    # Debian's maintainer scripts start services only where an init system runs; on others they say so and go on.
    [ ${#missing[@]} = 0 ] || apt_packages "${missing[@]}"
    configure
    start_munge
    start_database
    start_slurm
    say "$(sinfo --version) answers, node $node $(sinfo --noheader --format=%T | head -1), SLURM_CONF=$SLURM_CONF"
}

stop() {
    end "$home/slurmd.pid" slurmd 20
    end "$home/slurmctld.pid" slurmctld 30
    end "$home/slurmdbd.pid" slurmdbd 30
    end "$home/mariadbd.pid" mariadbd 30
    end "$home/munged.pid" munged 10
    say "nothing of ours runs"
}

case ${1:-} in
start | stop) locked slurm "$1" ;;
env) printf 'export SLURM_CONF=%q\n' "$SLURM_CONF" ;;
*)
    echo "usage: $0 start|stop|env" >&2
    exit 2
    ;;
esac
