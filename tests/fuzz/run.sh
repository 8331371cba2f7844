#!/bin/sh
# run.sh: runs fuzz targets, each for so many seconds, two at a time.
#
#     sh tests/fuzz/run.sh [--build=DIRECTORY] [--jobs=N] SECONDS [TARGET...]
#
# DIRECTORY (build-fuzz) is made by: sh tests/build.sh build-fuzz --target=fuzz_targets -DSTARTTAP_FUZZ=ON
# -DCMAKE_C_COMPILER=clang-14; with -DSTARTTAP_FUZZ_FAST=ON there are no sanitizers, and several times as many
# executions. Without targets, all of them. First each file of regressions/ and corpus/ is replayed, then the search
# goes on from those, from what seeds.py makes of the bundled captures, and from what earlier runs found
# (DIRECTORY/fuzz/). A line for each target: executions, processor seconds, edges and features of the program that the
# inputs reach, inputs kept; and executions and processor seconds in this directory ever (DIRECTORY/fuzz/executions.tsv).
# The exit status is 0 when nothing was found; what was is in DIRECTORY/fuzz/found/.
set -u

root=$(CDPATH='' cd -- "$(dirname -- "$0")/../.." && pwd)
cd "$root" || exit 1
build="build-fuzz"
jobs=2
one=
while :; do
    case ${1:-} in
    --build=*) build=${1#*=} ;;
    --jobs=*) jobs=${1#*=} ;;
    --one) one=yes ;;
    *) break ;;
    esac
    shift
done
seconds=${1:-}
case $seconds in
'' | *[!0-9]*)
    sed -n '2,/^set/s/^# \{0,1\}//p' "$0"
    exit 2
    ;;
esac
shift
work=$build/fuzz
found=$work/found

# Longer inputs take longer and rarely show more.
options_of() {
    case $1 in
    fuzz_stream | fuzz_text) echo -max_len=200 ;;
    fuzz_fragment | fuzz_dns | fuzz_keylog) echo -max_len=500 ;;
    fuzz_smtp | fuzz_hide) echo -max_len=1000 -dict=tests/fuzz/dict/smtp.dict ;;
    fuzz_conversation | fuzz_scrub) echo -max_len=800 -dict=tests/fuzz/dict/smtp.dict ;;
    fuzz_proxy | fuzz_received) echo -max_len=600 -dict=tests/fuzz/dict/smtp.dict ;;
    fuzz_tls | fuzz_trust) echo -max_len=3000 -dict=tests/fuzz/dict/tls.dict ;;
    fuzz_config | fuzz_policy | fuzz_mta_sts) echo -max_len=1500 -dict=tests/fuzz/dict/settings.dict ;;
    fuzz_pipeline) echo -max_len=20000 ;;
    *) echo -max_len=4000 ;;
    esac
}

value() {
    sed -n "s/^stat::$2: *//p" "$1"
}

# The last cov: and ft: that libFuzzer said.
reached() {
    grep -o "$2: [0-9]*" "$1" | tail -n 1 | grep -o '[0-9]*$'
}

# A target's kept files, none of which may fail any more; then the search.
run_one() {
    target=$1
    corpus=$work/corpus/$target
    log=$work/$target.log
    mkdir -p "$corpus" "$work/seeds/$target"
    set --
    for kept in "tests/fuzz/regressions/$target" "tests/fuzz/corpus/$target"; do
        [ ! -d "$kept" ] || set -- "$@" "$kept"
    done
    if [ $# -gt 0 ] && ! find "$@" -type f -exec "$build/$target" -artifact_prefix="$found/$target-" -timeout=20 {} + >"$log" 2>&1; then
        tail -n 40 "$log"
        echo "$target: a regression: $log"
        return 1
    fi
    # shellcheck disable=SC2046 # words on purpose
    "$build/$target" -max_total_time="$seconds" -timeout=20 -rss_limit_mb=2048 -print_final_stats=1 \
        -artifact_prefix="$found/$target-" $(options_of "$target") "$corpus" "$@" "$work/seeds/$target" >"$log" 2>&1
    status=$?
    executed=$(value "$log" number_of_executed_units)
    times >"$log.times" # of the children, in its second line
    cpu=$(awk 'NR == 2 { gsub("[ms]", " "); print int($1 * 60 + $2 + $3 * 60 + $4 + 0.5) }' "$log.times")
    printf '%s\t%s\t%s\t%s\n' "$(date -u +%FT%TZ)" "$target" "${executed:-0}" "$cpu" >>"$work/executions.tsv"
    ever=$(awk -v target="$target" '$2 == target { n += $3; s += $4 } END { printf "%12d %8d", n, s }' "$work/executions.tsv")
    printf '%-18s %10s %6s %6s %8s %7s %s\n' "$target" "${executed:--}" "$cpu" "$(reached "$log" cov)" \
        "$(reached "$log" ft)" "$(find "$corpus" -type f | wc -l)" "$ever"
    [ "$status" -eq 0 ] || tail -n 40 "$log"
    return "$status"
}

if [ -n "$one" ]; then
    run_one "$1"
    exit
fi

if [ $# -eq 0 ]; then
    for source in tests/fuzz/fuzz_*.c; do
        set -- "$@" "$(basename "$source" .c)"
    done
fi
for target in "$@"; do
    if [ ! -x "$build/$target" ]; then
        echo "$build/$target is not built"
        exit 2
    fi
done
mkdir -p "$found"
python3 tests/fuzz/seeds.py "$work/seeds" || exit 1
printf '%-18s %10s %6s %6s %8s %7s %12s %8s\n' target executions 'CPU s' edges features inputs 'ever' 'CPU s'
printf '%s\n' "$@" | xargs -P "$jobs" -n 1 sh tests/fuzz/run.sh --build="$build" --one "$seconds"
