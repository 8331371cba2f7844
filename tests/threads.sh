#!/bin/sh
# threads.sh: what threads share, seen by ThreadSanitizer: sh tests/threads.sh DIRECTORY
set -eu

root=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd)
directory=$1
cmake -S "$root" -B "$directory" -G Ninja -DCMAKE_BUILD_TYPE=RelWithDebInfo -DSTARTTAP_TSAN=ON
tests='test_ring test_workers test_lanes test_threads test_source test_sink test_sink_file test_kafka_window test_syslog'
# shellcheck disable=SC2086 # names
ninja -C "$directory" $tests test_kafka test_outbox starttap bench_generate
export TSAN_OPTIONS=halt_on_error=1:second_deadlock_stack=1
for test in $tests; do
    "$directory/$test"
done
# One of its cases leaves a thread behind that waits for an output for ever.
TSAN_OPTIONS=$TSAN_OPTIONS:report_thread_leaks=0 "$directory/test_outbox"
# librdkafka was built without: what it does by itself is not looked at, what its threads do in ours is.
"${CC:-cc}" -O1 -shared -fPIC -o "$directory/thrd.so" "$root/tests/support/thrd.c"
printf 'race:librdkafka\ncalled_from_lib:librdkafka\n' >"$directory/suppressions"
TSAN_OPTIONS=$TSAN_OPTIONS:suppressions=$directory/suppressions LD_PRELOAD=$(realpath "$directory/thrd.so") \
    "$directory/test_kafka"
rm -rf "$directory/outputs"
mkdir "$directory/outputs"
"$directory/starttap" -n -q --no-verify --any-port --workers 2 -r "$root/pcaps" -o "sqlite:$directory/outputs/a.db" \
    -o "json:$directory/outputs/a.json" -o "csv:$directory/outputs/a.csv"
sh "$root/tests/cli/test_workers.sh" "$directory/starttap"
