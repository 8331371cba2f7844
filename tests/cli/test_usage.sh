#!/bin/sh
# test_usage.sh: help, version, configuration, and what wrong usage is answered with.
# shellcheck source=tests/cli/check.sh
. "$(dirname -- "$0")/check.sh"

run 0 --help
has out 'Usage: starttap [OPTION...]'
has out '--tls-ports'
has out 'Exit status:'
empty err
run 0 -h
"$starttap" --help 2>err | head -n 1 >out
has out Usage:
empty err
run 0 -V
has out 'starttap 0.'
has out OpenSSL
run 0 --version

run 2
has err 'nothing to read'
empty out
run 2 "$pcaps/postfix-swaks-tls13.pcap"
has err 'did you mean: starttap -r'
run 2 -r x --no-such-option
has err '--help'
run 2 -r x --mail-ports 0
has err "'0' is not a port"
run 2 -r x --home 10.0.0.1/8
has err 'the network is 10.0.0.0/8'
run 2 -r x -o xml:y
has err xml
run 2 -r x 'tcp prot 25'
has err 'tcp prot 25'
run 2 -r x --config missing.yaml
has err missing.yaml
[ ! -e y ] || wrong 'wrong usage left a file'

run 0 -T
run 0 -T -o json:never.ndjson -r never.pcap
[ ! -e never.ndjson ] || wrong '-T opened an output'
run 2 -T -o xml:y
printf 'quiet: true\nmial-ports: 25\n' >bad.yaml
run 2 -T --config bad.yaml
has err "bad.yaml:2:1: unknown setting 'mial-ports'; the nearest known one is 'mail-ports'"

run 0 --dump-config --mail-ports 1-1024,2525 --home 192.0.2.0/24,2001:db8::/32 -o json:a:b -vn tcp port 25
cp out first.yaml
run 0 --dump-config --config first.yaml
same out first.yaml
run 0 --dump-config --config first.yaml --mail-ports 26
has out 'mail-ports: [26]'

finish
