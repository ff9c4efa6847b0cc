# shellcheck shell=bash disable=SC2034 # its variables are used by the scripts that source it
# What the scripts in this folder share: folders, messages, exit codes. Sourced, never run.
#
# CHRONOS_CI_DIR   where log and pid files go (default: a folder of the user's XDG state)
# XDG_CACHE_HOME   where the built images are kept as one tar, in chronos/

# "This machine cannot do it", as opposed to "it should have worked": a caller may skip, saying so.
readonly CANNOT=3

engine_dir=${CHRONOS_CI_DIR:-${XDG_STATE_HOME:-$HOME/.local/state}/chronos}/engine
cache_dir=${XDG_CACHE_HOME:-$HOME/.cache}/chronos
mkdir -p "$engine_dir" "$cache_dir"
readonly engine_dir cache_dir
readonly engine_pid=$engine_dir/dockerd.pid engine_log=$engine_dir/dockerd.log
readonly proxy_pid=$engine_dir/proxy.pid proxy_log=$engine_dir/proxy.log
readonly proxy_port=${CHRONOS_PROXY_PORT:-3128}
readonly ALPINE=alpine:latest

say() { printf 'engine: %s\n' "$*" >&2; }

cannot() {
    say "$*"
    exit "$CANNOT"
}

is_root() { [ "$(id -u)" = 0 ]; }

# engine_answers: true when a container engine answers the docker command.
engine_answers() {
    command -v docker >/dev/null && timeout 20 docker version --format '{{.Server.Version}}' >/dev/null 2>&1
}

# ours PIDFILE WORD: prints the pid in PIDFILE if that process lives and its command line has WORD.
# A pid file outlives a restart of the machine, and its number may then belong to anyone.
ours() {
    local pid
    [ -s "$1" ] || return 1
    pid=$(tr -cd 0-9 <"$1")
    [ -n "$pid" ] && [ -r "/proc/$pid/cmdline" ] || return 1
    tr '\0' ' ' <"/proc/$pid/cmdline" | grep -qF -- "$2" || return 1
    printf '%s\n' "$pid"
}

# end PIDFILE WORD SECONDS: stops the process that PIDFILE names, if it is ours, and waits for its end.
end() {
    local pid tries
    if ! pid=$(ours "$1" "$2"); then
        rm -f "$1"
        return 0
    fi
    kill -TERM "$pid" 2>/dev/null || true
    for ((tries = $3 * 10; tries > 0; tries--)); do
        if ! ours "$1" "$2" >/dev/null; then
            rm -f "$1"
            return 0
        fi
        sleep 0.1
    done
    say "process $pid ($2) did not end within $3 seconds"
    return 1
}

# launch FOLDER NAME WORD COMMAND...: starts COMMAND unless the process in FOLDER/NAME.pid runs, its command line
# with WORD in it.
launch() {
    local folder=$1 name=$2 word=$3
    shift 3
    ours "$folder/$name.pid" "$word" >/dev/null && return 0
    rm -f "$folder/$name.pid"
    # A session of its own and no inherited descriptor: a CI step must be able to end while this runs on.
    setsid nohup "$@" >>"$folder/log/$name.out" 2>&1 </dev/null 9>&- &
    echo $! >"$folder/$name.pid"
}

# patience SECONDS WHAT LOGS COMMAND...: waits until COMMAND succeeds.
patience() {
    local until=$((SECONDS + $1)) what=$2 logs=$3
    shift 3
    until timeout 10 "$@" >/dev/null 2>&1; do
        if ((SECONDS >= until)); then
            say "$what does not answer (logs in $logs)"
            exit 1
        fi
        sleep 0.2
    done
}

# locked NAME COMMAND...: runs COMMAND while no other process runs one under NAME.
locked() {
    local name=$1
    shift
    exec 9>"$engine_dir/$name.lock"
    flock 9
    "$@"
    exec 9>&-
}

# apt_packages PACKAGE...: installs Debian packages, or says why not.
apt_packages() {
    is_root || cannot "installing $* needs root"
    command -v apt-get >/dev/null || cannot "installing $* needs apt-get"
    say "installing $*"
    DEBIAN_FRONTEND=noninteractive apt-get -qq update >"$engine_dir/apt.log" 2>&1 9>&- || true
    DEBIAN_FRONTEND=noninteractive apt-get -qq -o DPkg::Lock::Timeout=600 install -y --no-install-recommends "$@" \
        >>"$engine_dir/apt.log" 2>&1 9>&- || cannot "apt-get could not install $* (see $engine_dir/apt.log)"
}

# bridge_address IMAGE: prints the host's address on the engine's default network, or nothing.
bridge_address() {
    local address
    address=$(docker network inspect bridge --format '{{range .IPAM.Config}}{{.Gateway}} {{end}}' 2>/dev/null |
        awk '{ print $1; exit }')
    # A freshly made bridge is described without its address; a container on it knows better.
    if [ -z "$address" ]; then
        address=$(docker run --rm --network bridge --entrypoint ip "$1" route 2>/dev/null |
            awk '$1 == "default" { print $3; exit }')
    fi
    printf '%s\n' "$address"
}
