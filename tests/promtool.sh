#!/bin/sh
# promtool.sh: what Prometheus' own promtool says of /metrics.
#
#     sh tests/promtool.sh DIRECTORY PROGRAM
#
# Takes promtool from PATH, or out of the package prometheus, which is fetched into DIRECTORY but not installed: it is
# large and starts a server. Ends with 77 where neither is possible.
set -u

tests=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
mkdir -p "$1" || exit 1
directory=$(CDPATH='' cd -- "$1" && pwd)

fetch() {
    cd "$directory" || return 1
    rm -f prometheus_*.deb
    apt-get -qq -o APT::Sandbox::User=root download prometheus || {
        apt-get -qq update && apt-get -qq -o APT::Sandbox::User=root download prometheus
    } || return 1
    dpkg-deb --fsys-tarfile prometheus_*.deb | tar -xOf - ./usr/bin/promtool >promtool.new || return 1
    rm -f prometheus_*.deb
    chmod +x promtool.new && mv promtool.new promtool
}

promtool=$(command -v promtool || echo "$directory/promtool")
[ -x "$promtool" ] || (fetch) || {
    echo 'no promtool here, and the package prometheus cannot be fetched'
    exit 77
}
STARTTAP_PROMTOOL=$promtool sh "$tests/cli/test_metrics.sh" "$2"
