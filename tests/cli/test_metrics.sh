#!/bin/sh
# test_metrics.sh: /metrics and /healthz while a capture is read from a pipe; promtool has its say where it is.
# shellcheck source=tests/cli/check.sh
. "$(dirname -- "$0")/check.sh"

run 1 -n -r "$pcaps/byte-by-byte.pcap" --metrics nonsense:port
has err "is not ADDRESS:PORT"
port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
mkfifo pipe
"$starttap" -n -r - --metrics "$port" <pipe >out 2>err &
pid=$!
what=--metrics
exec 3>pipe
cat "$pcaps/postfix-swaks-tls13.pcap" >&3
python3 - "$port" >page <<'END' || wrong 'the pages are not as they should be'
import http.client, sys, time

def ask(path, method="GET"):
    for attempt in range(100):
        connection = http.client.HTTPConnection("127.0.0.1", int(sys.argv[1]), timeout=10)
        try:
            connection.request(method, path)
            answer = connection.getresponse()
            return answer.status, answer.read().decode()
        except ConnectionRefusedError:
            time.sleep(0.1)
    sys.exit("nobody listens")

status, page = ask("/metrics")
assert status == 200 and 'starttap_sessions_total{verdict="starttls"}' in page, page
assert ask("/metrics", "HEAD") == (200, "")
assert ask("/metrics", "POST")[0] == 405
assert ask("/elsewhere")[0] == 404
assert ask("/healthz")[0] in (200, 503)
print(page, end="")
END
exec 3>&-
wait "$pid" || wrong "--metrics: status $?"
if command -v promtool >/dev/null; then
    promtool check metrics <page >out 2>err || wrong 'promtool objects'
fi
finish
