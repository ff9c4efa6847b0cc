#!/usr/bin/env bash
# gfal2 with its plugins and servers of xrootd and GridFTP, for the tests with grid storages; the tests start the servers themselves.
#
# Usage: gfal2.sh
#
# Exit status: 0 done, 3 this machine cannot have it (said in one sentence), 1 anything else.
set -euo pipefail

packages=(python3-gfal2 gfal2-plugin-file gfal2-plugin-http gfal2-plugin-xrootd gfal2-plugin-srm
    gfal2-plugin-gridftp xrootd-server xrootd-server-plugins xrootd-client globus-gridftp-server-progs openssl)

if command -v xrootd >/dev/null && command -v globus-gridftp-server >/dev/null && /usr/bin/python3 -c 'import gfal2' 2>/dev/null; then
    exit 0
fi
if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
    echo "gfal2: this machine has it not, and cannot install Debian packages" >&2
    exit 3
fi
if ! apt-cache show python3-gfal2 >/dev/null 2>&1; then
    apt-get update -qq
fi
if ! apt-cache show python3-gfal2 >/dev/null 2>&1; then
    echo "gfal2: no package python3-gfal2 is to be had here" >&2
    exit 3
fi
DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${packages[@]}" >/dev/null
