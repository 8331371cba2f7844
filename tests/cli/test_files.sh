#!/bin/sh
# test_files.sh: files that events go to: what is there already, rotation, compression, SIGHUP, full disks.
# shellcheck source=tests/cli/check.sh
. "$(dirname -- "$0")/check.sh"

capture=$pcaps/postfix-swaks-tls13.pcap

run 0 -n -r "$capture" -o json:events.ndjson
cp events.ndjson once
run 1 -n -r "$capture" -o json:events.ndjson
has err 'json:events.ndjson: is there already: add to it by ?append, or overwrite it by --force'
same events.ndjson once
run 0 -n -r "$capture" --force -o json:events.ndjson
same events.ndjson once
run 0 -n -r "$capture" -o 'json:events.ndjson?append'
cat once once >twice
same events.ndjson twice
run 0 -n -r "$capture" -o csv:events.csv
run 0 -n -r "$capture" -o 'csv:events.csv?append'
[ "$(grep -c '^@timestamp,' events.csv)" -eq 1 ] || wrong "$what: not one header"
run 2 -r x -o 'json:y?rotate=much'
has err 'rotate wants a size'

# Compressed, added to, and read by the tool for it.
run 0 -n -r "$capture" -o json:events.ndjson.zst
run 0 -n -r "$capture" -o 'json:events.ndjson.zst?append'
zstd -q -d -c events.ndjson.zst >unpacked
same unpacked twice

# Put aside by size: nothing lost, in order.
mkdir aside
run 0 -n -r "$pcaps" -o json:all.ndjson -o 'json:aside/events.ndjson?rotate=50kB'
[ "$(find aside -type f | wc -l)" -gt 5 ] || wrong "$what: few files"
mv aside/events.ndjson last
# The first of those that begin in one second has no number.
find aside -name 'events.*.ndjson' | sed 's/\(Z\)\.ndjson$/\1-0.ndjson/' | sort -t - -k 1,1 -k 2,2n |
    sed 's/-0\.ndjson$/.ndjson/' | xargs cat >joined
cat last >>joined
sort joined >joined.sorted
sort all.ndjson >all.sorted
same joined.sorted all.sorted

# SIGHUP: somebody renamed the file, events go on into a new one.
mkfifo pipe
"$starttap" -n -r - -o json:log.ndjson <pipe >out 2>err &
pid=$!
what=SIGHUP
exec 3>pipe
cat "$capture" >&3
for _ in 1 2 3 4 5 6 7 8 9 10; do
    [ -e log.ndjson ] && break
    sleep 0.2
done
mv log.ndjson log.old
kill -HUP "$pid"
tail -c +25 "$capture" >&3
exec 3>&-
wait "$pid"
status=$?
[ "$status" -eq 0 ] || wrong "SIGHUP: status $status"
empty err
[ -e log.ndjson ] && [ -e log.old ] || wrong 'SIGHUP: no new file'
cat log.old log.ndjson >log.both
[ "$(grep -c '"starttap.sensor"' log.both)" -eq 1 ] || wrong 'SIGHUP: the events are not all there'

# A device that is always full is a failure at once; said once.
if [ -c /dev/full ]; then
    run 1 -n -r "$pcaps" -o json:/dev/full
    [ "$(grep -c 'No space left' err)" -eq 1 ] || wrong "$what: not said once"
fi

# A disk that is full for a while.
mkdir small
if mount -t tmpfs -o size=64k tmpfs small 2>/dev/null; then
    run 1 -n -r "$pcaps" --sink-wait 1 -o json:small/events.ndjson
    [ "$(grep -c 'No space left' err)" -le 2 ] || wrong "$what: said more than once"
    rm small/events.ndjson
    dd if=/dev/zero of=small/filler bs=1k count=60 2>/dev/null
    : >err
    "$starttap" -n -r "$pcaps" -o json:small/events.ndjson >out 2>err &
    pid=$!
    what='full for a while'
    for _ in 1 2 3 4 5 6 7 8 9 10; do
        grep -q 'trying again' err && break
        sleep 0.5
    done
    rm small/filler
    mount -o remount,size=4m small
    wait "$pid"
    status=$?
    [ "$status" -eq 0 ] || wrong "full for a while: status $status"
    has err 'json:small/events.ndjson: No space left on device; trying again'
    has err 'json:small/events.ndjson: written again'
    same small/events.ndjson all.ndjson
    umount small
fi

finish
