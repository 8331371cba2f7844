#!/bin/sh
# threads.sh: what threads share, seen by ThreadSanitizer: sh tests/threads.sh DIRECTORY
set -eu

root=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd)
directory=$1
cmake -S "$root" -B "$directory" -G Ninja -DCMAKE_BUILD_TYPE=RelWithDebInfo -DSTARTTAP_TSAN=ON
ninja -C "$directory" test_ring test_workers test_lanes test_threads test_source test_outbox test_sink_file starttap bench_generate
export TSAN_OPTIONS=halt_on_error=1:second_deadlock_stack=1
for test in test_ring test_workers test_lanes test_threads test_source test_sink_file; do
    "$directory/$test"
done
# One of its cases leaves a thread behind that waits for an output for ever.
TSAN_OPTIONS=$TSAN_OPTIONS:report_thread_leaks=0 "$directory/test_outbox"
sh "$root/tests/cli/test_workers.sh" "$directory/starttap"
