#!/usr/bin/env bash
# Podman with storage of its own and one image, made here: nothing is pulled, nothing is running afterwards.
#
#   podman.sh start     installs podman when it is missing, and prints the folder of its configuration
#   podman.sh remove    deletes its storage
#
# For `podman` to use it: CONTAINERS_CONF=FOLDER/containers.conf CONTAINERS_STORAGE_CONF=FOLDER/storage.conf. The image
# is localhost/chronos-test:local, a busybox.
#
# CHRONOS_PODMAN_DIR   its folder (default: podman in CHRONOS_CI_DIR or the user's XDG state)
# CHRONOS_INSTALL      "no": end with 3 in place of installing
#
# Exit status: 0 done, 3 this machine cannot have it (said in one sentence), 1 anything else.
set -euo pipefail

readonly CANNOT=3
readonly dir=${CHRONOS_PODMAN_DIR:-${CHRONOS_CI_DIR:-${XDG_STATE_HOME:-$HOME/.local/state}/chronos}/podman}
readonly IMAGE=localhost/chronos-test:local
export CONTAINERS_CONF=$dir/containers.conf CONTAINERS_STORAGE_CONF=$dir/storage.conf

say() { printf 'podman: %s\n' "$*" >&2; }

cannot() {
    say "$*"
    exit "$CANNOT"
}

# packages PACKAGE...: installs Debian packages.
packages() {
    [ "${CHRONOS_INSTALL:-yes}" = yes ] || cannot "$* is not installed (.ci/services/podman.sh does)"
    [ "$(id -u)" = 0 ] || cannot "$* is not installed, and installing it needs root"
    command -v apt-get >/dev/null || cannot "$* is not installed, and there is no apt-get"
    say "installing $*"
    apt-get -qq update >"$dir/apt.log" 2>&1 || true
    DEBIAN_FRONTEND=noninteractive apt-get -qq -o DPkg::Lock::Timeout=600 install -y --no-install-recommends "$@" \
        >>"$dir/apt.log" 2>&1 || cannot "apt-get could not install $* (see $dir/apt.log)"
}

# configure DRIVER
configure() {
    printf '[storage]\ndriver = "%s"\ngraphroot = "%s/storage"\nrunroot = "%s/run"\n' "$1" "$dir" "$dir" \
        >"$CONTAINERS_STORAGE_CONF"
    # The limits that podman sets by itself are higher than a machine without CAP_SYS_RESOURCE allows.
    printf '[containers]\ndefault_ulimits = ["nofile=1024:1024", "nproc=4096:4096"]\n[engine]\n%s\n' \
        'cgroup_manager = "cgroupfs"' >"$CONTAINERS_CONF"
}

works() { podman run --rm --pull=never --net=none "$IMAGE" true >"$dir/run.log" 2>&1; }

image() {
    local applet root=$dir/root
    podman image exists "$IMAGE" 2>/dev/null && return 0
    rm -rf "$root"
    mkdir -p "$root/bin" "$root/tmp"
    cp "$(command -v busybox)" "$root/bin/busybox"
    while read -r applet; do
        [ "$applet" = busybox ] || ln -sf busybox "$root/bin/$applet"
    done < <(busybox --list)
    tar -C "$root" -c . | podman import - "$IMAGE" >"$dir/import.log" 2>&1
}

start() {
    local driver
    mkdir -p "$dir"
    command -v podman >/dev/null || packages podman
    # A shell in an image without libraries has to be a static one.
    command -v busybox >/dev/null && ! ldd "$(command -v busybox)" >/dev/null 2>&1 || packages busybox-static
    for driver in overlay vfs; do
        configure "$driver"
        if image && works; then
            printf '%s\n' "$dir"
            return 0
        fi
    done
    cannot "podman cannot run a container on this machine: $(tail -n 1 "$dir/run.log" "$dir/import.log" 2>/dev/null | tail -n 1)"
}

remove() {
    [ ! -d "$dir" ] || ! command -v podman >/dev/null || podman system reset --force >/dev/null 2>&1 || true
    rm -rf "$dir"
}

case "${1:-}" in
start) start ;;
remove) remove ;;
*)
    sed -n '2,/^set/{/^#/s/^# \{0,1\}//p}' "$0" >&2
    exit 2
    ;;
esac
