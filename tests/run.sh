#!/bin/sh
# run.sh: installs what the tests need and runs all of them.
#
#     sh tests/run.sh [--long]
#
# --long spends minutes instead of seconds on each fuzz target, and runs the unit under a real systemd. A suite
# that cannot run here (no root, no clang) is skipped by name; with CI=true in the environment that is a failure.
# The log of each suite stays in build-tests/. The last line is `N passed, N failed, N skipped`; the exit status is 0 when none failed.
set -u

root=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd)
cd "$root" || exit 1
logs=$root/build-tests
rm -rf "$logs"
mkdir -p "$logs"
: >"$logs/results"

fuzz_seconds=3
long=
[ "${1:-}" != --long ] || { long=yes && fuzz_seconds=300; }
jobs=$(getconf _NPROCESSORS_ONLN)
export ASAN_OPTIONS=detect_leaks=1:strict_string_checks=1:allocator_may_return_null=1
export UBSAN_OPTIONS=print_stacktrace=1:halt_on_error=1

# note pass|fail|skip NAME [REASON]: one line for the reader, one for the count.
note() {
    verdict=$1
    reason=${3:-}
    if [ "$verdict" = skip ] && [ "${CI:-}" = true ]; then
        verdict=fail
        reason="skipped, which CI=true forbids: $reason"
    fi
    echo "$verdict $2" >>"$logs/results"
    printf '%-5s %s%s\n' "$verdict" "$2" "${reason:+ ($reason)}"
}

# suite NAME SECONDS COMMAND...: 0 is a pass, 77 a skip whose reason is the last line, all else a failure.
suite() {
    name=$1
    limit=$2
    shift 2
    log=$logs/$(echo "$name" | tr -d ',:' | tr ' ' '-').log
    began=$(date +%s)
    timeout --kill-after=10 "$limit" "$@" >"$log" 2>&1 </dev/null
    status=$?
    echo "$(($(date +%s) - began)) $name" >>"$logs/seconds"
    case $status in
    0) note pass "$name" ;;
    77) note skip "$name" "$(tail -n 1 "$log")" ;;
    124 | 137)
        tail -n 50 "$log"
        note fail "$name" "not done within $limit seconds"
        ;;
    *)
        tail -n 100 "$log"
        note fail "$name" "status $status, log ${log#"$root/"}"
        ;;
    esac
    return "$status"
}

# Every test counts for itself. One whose program is missing, or that ctest does not know, is a failure.
run_ctest() {
    log=$logs/ctest.log
    STARTTAP_KEEP_EVENTS=$logs/unit-events
    export STARTTAP_KEEP_EVENTS
    mkdir "$STARTTAP_KEEP_EVENTS"
    ctest --test-dir build-asan --parallel "$jobs" --output-on-failure >"$log" 2>&1 </dev/null
    unset STARTTAP_KEEP_EVENTS
    grep -q '^100% tests passed' "$log" || tail -n 200 "$log"
    for source in tests/unit/test_*.c tests/golden/test_*.c tests/invariants/test_*.c; do
        [ -e "$source" ] || continue
        name=$(basename "$source" .c)
        case $(grep -E "^ *[0-9]+/[0-9]+ Test +#[0-9]+: $name \.+" "$log") in
        *' Passed '*) note pass "$name" ;;
        *'***Skipped'*) note skip "$name" "log ${log#"$root/"}" ;;
        *) note fail "$name" "log ${log#"$root/"}" ;;
        esac
    done
}

# Each script of the command line runs with the release and, to see leaks, with the sanitizers.
run_cli() {
    for script in tests/cli/test_*.sh; do
        [ -e "$script" ] || continue
        about="command line: $(basename "$script" .sh)"
        suite "$about" 120 sh "$script" build/starttap
        suite "$about, sanitizers" 300 sh "$script" build-asan/starttap
    done
}

# The bundled captures against reviewed events, the mail software's logs, the schema and themselves in other wrappings.
# What only compares reads them with the release, which is ten times as fast.
run_golden() {
    for name in golden formats wrappings; do
        suite "golden: $name, sanitizers" 600 python3 "tests/golden/$name.py" build-asan/starttap
    done
    for name in policy rollups geo tlsrpt truth no_secrets recorded; do
        suite "golden: $name" 600 python3 "tests/golden/$name.py" build/starttap
    done
}

# Against tshark, real TLS peers against what they print, mail servers on a switch against their logs, and a real
# Kafka. Most of that time is spent waiting, so it goes on beside what keeps a processor busy.
run_live() {
    suite 'live: tshark' 600 python3 tests/live/tshark_compare.py --program build/starttap
    suite 'live: matrix' 300 python3 tests/live/matrix.py build/starttap
    suite 'live: wrappings' 600 python3 tests/live/live.py build/starttap
    suite 'live: span' 300 python3 tests/live/span.py build/starttap
    suite 'live: policy' 240 python3 tests/live/policy.py build/starttap
    suite 'live: service' 180 python3 tests/live/service.py build/starttap
    suite 'live: names' 120 python3 tests/live/names.py build/starttap
    suite 'live: memory' 120 python3 tests/live/memory.py build/starttap
    suite 'live: kernels' 120 python3 tests/live/kernels.py build/starttap
    suite 'live: held up' 120 python3 tests/live/held_up.py build/starttap
    [ -z "$long" ] || suite 'live: systemd' 600 python3 tests/live/systemd.py build
    suite 'live: interrupted' 240 python3 tests/live/interrupted.py build/starttap
    suite 'live: soak' 300 python3 tests/live/soak.py build/starttap --tools=build-asan
    suite kafka 600 python3 tests/kafka/run.py build/starttap "$logs/kafka"
}

# What looks at the sources and the program from outside, beside what runs the program. $1: --long or nothing.
run_static() {
    suite layers 300 python3 tests/layers.py
    suite limits 60 python3 tests/limits.py
    suite style 120 sh tests/style.sh
    suite tidy 900 sh tests/tidy.sh build-asan ${1:+"$1"}
    suite valgrind 600 sh tests/valgrind.sh build-valgrind
    suite 'clang, warnings' 300 sh tests/warnings.sh build-asan
    suite cppcheck 300 sh tests/cppcheck.sh
    suite hardening 30 sh tests/hardening.sh build/starttap
    suite proofs 900 sh tests/proofs/run.sh build-proofs ${1:+"$1"}
    suite install 120 sh tests/install.sh
}

sh sensor/packages.sh build test || note fail packages
clang=$(command -v clang-14 || command -v clang)
ASAN_SYMBOLIZER_PATH=$(command -v llvm-symbolizer-14 || command -v llvm-symbolizer)
export ASAN_SYMBOLIZER_PATH

suite quickstart 600 sh tests/quickstart.sh
suite 'build: gcc with sanitizers' 900 sh tests/build.sh build-asan -DCMAKE_BUILD_TYPE=RelWithDebInfo \
    -DSTARTTAP_SANITIZE=ON
run_ctest
suite 'unit tests: their events' 300 python3 tests/golden/unit_events.py "$logs/unit-events"
run_cli
suite promtool 180 sh tests/promtool.sh build-promtool build/starttap
run_live &
live=$!
run_static "$@" &
static=$!
run_golden
suite 'hostile: strings' 300 python3 tests/hostile/strings.py build-asan/hostile_strings build/starttap
suite 'bench, short' 300 sh tests/bench/run.sh --short --build=build-asan --starttap=build/starttap
suite 'threads, ThreadSanitizer' 600 sh tests/threads.sh build-tsan
suite 'threads, live' 300 python3 tests/live/threads.py build-tsan/starttap --tools=build-asan
suite 'hostile: work' 900 python3 tests/hostile/work.py build/starttap
suite 'hostile: memory' 600 python3 tests/hostile/memory.py build/starttap
suite 'hostile: captures' 300 python3 tests/hostile/captures.py build-asan/starttap --number=280
suite 'hostile: failures' 300 python3 tests/hostile/failures.py build/starttap --sanitizers=build-asan/starttap
if [ -z "$clang" ]; then
    note skip fuzz 'no clang here'
else
    suite 'build: clang with libFuzzer' 900 sh tests/build.sh build-fuzz --target=fuzz_targets \
        -DCMAKE_BUILD_TYPE=RelWithDebInfo -DCMAKE_C_COMPILER="$clang" -DSTARTTAP_FUZZ=ON
    suite fuzz $((fuzz_seconds * 20 + 300)) sh tests/fuzz/run.sh --jobs="$jobs" "$fuzz_seconds"
fi
wait "$live" "$static"

count() {
    grep -c "^$1 " "$logs/results"
}
failed=$(count fail)
if [ "$failed" -gt 0 ]; then
    echo
    echo 'Failed:'
    sed -n 's/^fail /    /p' "$logs/results"
fi
echo
echo "$(count pass) passed, $failed failed, $(count skip) skipped"
[ "$failed" -eq 0 ]
