#!/bin/sh
# test_metrics.sh: /metrics and /healthz while a capture is read from a pipe, and what -T says of --metrics and -w.
# With STARTTAP_PROMTOOL (tests/promtool.sh) that program judges the pages.
# shellcheck source=tests/cli/check.sh
. "$(dirname -- "$0")/check.sh"

capture=$pcaps/postfix-swaks-tls13.pcap
run 2 -n -r "$capture" --metrics nonsense:port
has err "is not ADDRESS:PORT"
run 2 -T -r "$capture" --metrics 65536
has err "is not ADDRESS:PORT"
run 2 -T -r "$capture" -w 'x.pcapng?rotate=never'
has err --write
run 0 -T -r "$capture" --metrics 9925 -w x.pcapng
run 0 -n -r "$capture" --workers 2 -w recorded.pcapng
has err 'one worker, not 2'

port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')

# serve SINKS ARGUMENT...: while the pipe is open the program waits for more; more comes until the page shows what was read before.
serve() {
    rm -f pipe page
    sinks=$1
    shift
    mkfifo pipe
    "$starttap" -n -r - --metrics "$port" "$@" <pipe >out 2>err &
    pid=$!
    what="--metrics $*"
    exec 3>pipe
    python3 - "$port" "$capture" "$sinks" <<'END_OF_PYTHON' || wrong 'the pages are not as they should be'
import http.client, os, struct, sys, time

port, capture = int(sys.argv[1]), open(sys.argv[2], "rb").read()
header, packets = capture[:24], capture[24:]
order = "<" if capture[:4] in (b"\xd4\xc3\xb2\xa1", b"\x4d\x3c\xb2\xa1") else ">"


def ask(path, method="GET"):
    for attempt in range(300):
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
        try:
            connection.request(method, path)
            answer = connection.getresponse()
            return answer.status, answer.read().decode()
        except ConnectionRefusedError:
            time.sleep(0.1)
    sys.exit("nobody listens")


def later(packets, seconds):
    """The same packets, so much later: what was open before is over by then."""
    at, out = 0, b""
    while at < len(packets):
        stamp, fraction, length, whole = struct.unpack_from(order + "IIII", packets, at)
        out += struct.pack(order + "IIII", stamp + seconds, fraction, length, whole) + packets[at + 16:at + 16 + length]
        at += 16 + length
    return out


def value(page, series):
    return next((float(line.rsplit(" ", 1)[1]) for line in page.splitlines() if line.startswith(series + " ")), 0)


os.write(3, header + packets)
num = 1
for attempt in range(300):
    status, page = ask("/metrics")
    assert status == 200, status
    if value(page, 'starttap_sessions_total{verdict="starttls"}') > 0 and value(page, "starttap_capture_packets_total") > 0:
        break
    os.write(3, later(packets, 3600 * num))
    num += 1
    time.sleep(0.1)
else:
    sys.exit("nothing is counted:\n" + page)
assert ask("/metrics", "HEAD") == (200, "")
assert ask("/metrics", "POST")[0] == 405
assert ask("/elsewhere")[0] == 404
assert ask("/healthz") == (200, "ok\n"), ask("/healthz")
assert page.count("\nstarttap_sink_up{") == int(sys.argv[3]), page.count("starttap_sink_up")
open("page", "w").write(page)
END_OF_PYTHON
    exec 3>&-
    wait "$pid" || wrong "$what: status $?"
    [ -z "${STARTTAP_PROMTOOL:-}" ] || "$STARTTAP_PROMTOOL" check metrics <page >out 2>err || wrong "$what: promtool objects"
    ! grep -q . err || [ -z "${STARTTAP_PROMTOOL:-}" ] || wrong "$what: promtool has something to say"
}

serve 0
serve 1 -o json:-
serve 2 -o json:- -o sqlite:mail.db --workers 2
serve 1 -o 'csv:a "b\c.csv' -w w.pcapng --scrub
finish
