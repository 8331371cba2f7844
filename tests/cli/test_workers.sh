#!/bin/sh
# test_workers.sh: any number of workers writes the same bytes; signals, full disks and bad numbers with several.
# shellcheck source=tests/cli/check.sh
. "$(dirname -- "$0")/check.sh"

generate=$(dirname -- "$starttap")/bench_generate
[ -x "$generate" ] || generate=$pcaps/../build-asan/bench_generate # a build without tests lies beside it

# A capture of interleaved sessions, some packets lost, repeated and out of order. The path is part of the
# sensor's event, so each run writes to files of the same name.
"$generate" --sessions=400 --seed=7 --reorder=0.02 --lose=0.01 --duplicate=0.02 --pcaps="$pcaps" mail mix.pcap \
    >out 2>err || wrong "$generate"
for workers in 1 2 3 8; do
    mkdir "$workers"
    cd "$workers" || exit 1
    run 0 -n -r ../mix.pcap -r "$pcaps" --ca "$pcaps/certs/ca.pem" --any-port --home 10.0.0.0/8 --peer-window 30 \
        --workers="$workers" -o json:events.ndjson -o csv:events.csv
    run 0 -n -r "$pcaps/aiosmtpd-requiretls-keylog.pcap" --workers="$workers" -o json:decrypted.ndjson \
        --keylog "$pcaps/keylogs/aiosmtpd-requiretls-keylog.keys"
    run 0 -r ../mix.pcap --workers="$workers"
    mv out summary
    cd ..
    for file in events.ndjson events.csv decrypted.ndjson summary; do
        [ -s "$workers/$file" ] || wrong "$file of $workers workers: empty"
        same "$workers/$file" "1/$file"
    done
done
[ "$(grep -c '"starttap.session"' 1/events.ndjson)" -gt 400 ] || wrong 'few sessions'
grep -q '"decrypted":true' 1/decrypted.ndjson || wrong 'nothing was decrypted'

run 0 -n -q -r mix.pcap --workers=0 -o json:processors.ndjson
run 2 -r mix.pcap --workers=65
has err "'65' is not a number from 0 to 64"
run 2 -r mix.pcap --workers=two

# No sink is left: reading ends, and says why.
run 1 -n -r mix.pcap --workers=2 -o json:/dev/full
has err 'No space left on device'

# Stopped while it waits for more: what was read so far is reported.
mkfifo pipe
"$starttap" -n -r pipe --workers=3 -o json:stopped.ndjson >out 2>err &
pid=$!
exec 3>pipe
cat mix.pcap >&3
kill -TERM "$pid"
wait "$pid"
exec 3>&-
same_sessions() {
    grep '"starttap.session"' "$1" | grep -o '"id":"[0-9a-f]*"' | sort
}
run 0 -n -r mix.pcap -o json:whole.ndjson
same_sessions whole.ndjson >expected
same_sessions stopped.ndjson >got
[ "$(comm -13 expected got | wc -l)" -eq 0 ] || wrong 'sessions that are not in the capture'
[ "$(wc -l <got)" -ge $(($(wc -l <expected) / 2)) ] || wrong 'what was read is not reported'
grep -q '"starttap.sensor"' stopped.ndjson || wrong 'no event of the sensor'
finish
