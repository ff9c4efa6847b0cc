#!/usr/bin/env bash
# Makes the images that the CWL v1.2 conformance tests name, without a registry: nothing is pulled.
#
#   alpine:latest        a static busybox
#   debian:stable-slim   a minimal Debian of this machine's release, with python3
#   python:3-slim        the same, with http_proxy set to the address that proxy.sh listens on
#   bash:4.4             the same, with an entry point that adds "bash" before a first argument like "-c"
#
# An image that exists is left alone, unless it was made here and its proxy address is no longer right. What was
# built is kept as a tar in the cache folder, so that a later run loads it in place of building it.
# Exit status: 0 all images exist, 3 this machine cannot build them, 1 anything else.
set -euo pipefail
# shellcheck source=.ci/engine/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

readonly BASH_IMAGE=bash:4.4 DEBIAN=debian:stable-slim PYTHON=python:3-slim
# What is built and kept; the names above are given to these only where they are still free.
readonly BUSYBOX=cwl-busybox:local BASE=cwl-debian-python:local
# Marks the image made here whose proxy may be changed; somebody's own python:3-slim does not carry it.
readonly LABEL=org.chronos.conformance.proxy

exists() { docker image inspect "$1" >/dev/null 2>&1; }

# commit CONTAINER TARGET CHANGE...: makes the image TARGET from CONTAINER, which is removed.
commit() {
    local container=$1 target=$2 change options=()
    shift 2
    for change in "$@"; do
        options+=(-c "$change")
    done
    docker commit "${options[@]}" "$container" "$target" >/dev/null
    docker rm "$container" >/dev/null
}

# mirror RELEASE: prints the address that apt takes RELEASE's main component from.
mirror() {
    # $(…) are apt's own placeholders, which it fills from every kind of sources file.
    # shellcheck disable=SC2016
    apt-get indextargets --format '$(RELEASE) $(COMPONENT) $(REPO_URI)' 'Created-By: Packages' |
        awk -v release="$1" '$1 == release && $2 == "main" && $3 ~ /^https?:/ { print $3; exit }'
}

# unpack PACKAGE FOLDER: downloads a Debian package and unpacks it, without installing it.
unpack() {
    (cd "$work" && apt-get -qq -o APT::Sandbox::User=root download "$1") || return 1
    dpkg -x "$work/$1"_*.deb "$work/$2"
}

build_busybox() {
    local applet root=$work/busyroot
    mkdir -p "$root/bin" "$root/tmp"
    cp "$work/busybox/bin/busybox" "$root/bin/"
    while read -r applet; do
        [ "$applet" = busybox ] || ln -sf busybox "$root/bin/$applet"
    done < <("$work/busybox/bin/busybox" --list)
    tar -C "$root" -c . | docker import - "$BUSYBOX" >/dev/null
}

build_base() {
    local release from root=$work/debian
    # shellcheck disable=SC1091 # the machine's own description
    release=$(. /etc/os-release && printf '%s' "${VERSION_CODENAME:-}")
    from=$(mirror "$release")
    [ -n "$from" ] || cannot "apt names no mirror of ${release:-this system}'s main component"
    DEBOOTSTRAP_DIR=$work/debootstrap/usr/share/debootstrap "$work/debootstrap/usr/sbin/debootstrap" \
        --variant=minbase --include=python3 "$release" "$root" "$from" >"$engine_dir/debootstrap.log" 2>&1 ||
        cannot "debootstrap failed (see $engine_dir/debootstrap.log)"
    ln -s python3 "$root/usr/bin/python"
    rm -rf "$root"/var/cache/apt/archives/*.deb "$root"/var/lib/apt/lists/* "$root"/usr/share/{doc,man,locale}
    tar -C "$root" -c . | docker import -c 'CMD ["python3"]' - "$BASE" >/dev/null
}

build() {
    is_root || cannot "building the images needs root"
    command -v apt-get >/dev/null || cannot "building the images needs a Debian-like system"
    command -v wget >/dev/null || apt_packages wget
    say "building the images"
    if ! unpack busybox-static busybox 2>/dev/null; then
        apt-get -qq update >"$engine_dir/apt.log" 2>&1 || true
        unpack busybox-static busybox || cannot "apt-get cannot download busybox-static"
    fi
    unpack debootstrap debootstrap || cannot "apt-get cannot download debootstrap"
    exists "$BUSYBOX" || build_busybox
    exists "$BASE" || build_base
}

# basis TAR: makes the two images that the others are variants of: from TAR, else from Debian's packages.
basis() {
    if exists "$BUSYBOX" && exists "$BASE"; then
        return 0
    fi
    if [ -f "$1" ]; then
        say "loading the images from $1"
        docker load -q -i "$1" >/dev/null && return 0
        say "that file is of no use, and is removed"
        rm -f "$1"
    fi
    build
    docker save -o "$1.part" "$BUSYBOX" "$BASE"
    # Tars of older recipes would never be loaded again.
    rm -f "$cache_dir"/conformance-images-*.tar
    mv "$1.part" "$1"
}

make_bash() {
    local container
    # shellcheck disable=SC2016 # the script's text
    printf '%s\n' '#!/bin/bash' 'case "${1--}" in -*) set -- bash "$@";; esac' 'exec "$@"' >"$work/entry.sh"
    chmod 755 "$work/entry.sh"
    container=$(docker create "$BASE" true)
    tar -C "$work" --owner=0 --group=0 -c entry.sh | docker cp - "$container:/usr/local/bin/"
    commit "$container" "$BASH_IMAGE" 'ENTRYPOINT ["/usr/local/bin/entry.sh"]' 'CMD ["bash"]'
}

# python_is_right PROXY: true if python:3-slim exists and is somebody's own or points to PROXY.
python_is_right() {
    local label
    label=$(docker image inspect --format "{{index .Config.Labels \"$LABEL\"}}" "$PYTHON" 2>/dev/null) || return 1
    [ -z "$label" ] || [ "$label" = "$1" ]
}

clean() {
    # debootstrap that was interrupted may leave these mounted; never delete through a mount.
    umount "$work/debian/proc" "$work/debian/sys" 2>/dev/null || true
    rm -rf --one-file-system "$work"
}

images() {
    local address proxy image tar
    tar=$cache_dir/conformance-images-$(uname -m)-$(sha256sum <"${BASH_SOURCE[0]}" | cut -c1-12).tar
    for image in "$ALPINE" "$DEBIAN" "$BASH_IMAGE" "$PYTHON"; do
        if ! exists "$image"; then
            basis "$tar"
            break
        fi
    done
    exists "$ALPINE" || docker tag "$BUSYBOX" "$ALPINE"
    address=$(bridge_address "$ALPINE")
    proxy=${address:+http://$address:$proxy_port}
    exists "$DEBIAN" || docker tag "$BASE" "$DEBIAN"
    exists "$BASH_IMAGE" || make_bash
    if ! python_is_right "${proxy:-none}"; then
        basis "$tar"
        commit "$(docker create "$BASE" true)" "$PYTHON" \
            'CMD ["python3"]' "LABEL $LABEL=${proxy:-none}" ${proxy:+"ENV http_proxy=$proxy"}
    fi
    say "images: $ALPINE $DEBIAN $BASH_IMAGE $PYTHON (proxy $(docker image inspect \
        --format "{{index .Config.Labels \"$LABEL\"}}" "$PYTHON"))"
}

engine_answers || cannot "no container engine answers (start.sh starts one)"
work=$(mktemp -d)
trap clean EXIT
locked images images
