#!/usr/bin/env bash
# Installs Chromium for the tests of the web interface. Status 3 where this machine cannot have it.
set -euo pipefail

command -v chromium >/dev/null 2>&1 && exit 0
if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null 2>&1; then
    echo "Chromium cannot be installed here: it takes root and apt-get" >&2
    exit 3
fi
apt-get update -qq
DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends chromium fonts-dejavu-core >/dev/null
