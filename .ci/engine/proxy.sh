#!/usr/bin/env bash
# proxy.sh [start|stop]: the HTTP server that stands for the Internet in the test "networkaccess".
#
# It listens on the engine's bridge, where the containers' http_proxy points (see images.sh), and only there.
# Exit status: 0 done, 3 the bridge's address is not this machine's, 1 anything else.
set -euo pipefail
# shellcheck source=.ci/engine/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

start() {
    local address tries
    if ours "$proxy_pid" proxy.py >/dev/null; then
        say "the proxy runs already"
        return 0
    fi
    engine_answers || cannot "no container engine answers"
    address=$(bridge_address "$ALPINE")
    [ -n "$address" ] || cannot "the engine has no bridge network, or images.sh did not run"
    command -v python3 >/dev/null || apt_packages python3-minimal
    # Emptied here: the word "listening" of an earlier server must not be taken for this one's.
    : >"$proxy_log"
    setsid nohup python3 "$(dirname "${BASH_SOURCE[0]}")/proxy.py" "$address" "$proxy_port" \
        >>"$proxy_log" 2>&1 </dev/null 9>&- &
    printf '%s\n' $! >"$proxy_pid"
    for ((tries = 100; tries > 0; tries--)); do
        grep -q '^listening' "$proxy_log" && break
        kill -0 "$(cat "$proxy_pid")" 2>/dev/null || break
        sleep 0.1
    done
    if ! grep -q '^listening' "$proxy_log"; then
        end "$proxy_pid" proxy.py 5
        cannot "the proxy cannot listen on $address:$proxy_port: $(tail -n 1 "$proxy_log")"
    fi
    say "the proxy answers on $address:$proxy_port, pid file $proxy_pid"
}

case ${1:-start} in
    start) locked start start ;;
    stop) locked start end "$proxy_pid" proxy.py 5 ;;
    *)
        say "usage: proxy.sh [start|stop]"
        exit 2
        ;;
esac
