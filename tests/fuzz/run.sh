#!/bin/sh
# run.sh: runs fuzz targets, each for so many seconds, two at a time.
#
#     sh tests/fuzz/run.sh [--build=DIRECTORY] [--jobs=N] SECONDS [TARGET...]
#     sh tests/fuzz/run.sh --campaign=DIRECTORY [--build=DIRECTORY] [--jobs=N] SECONDS [TARGET...]
#
# The build (build-fuzz) is made by: sh tests/build.sh build-fuzz --target=fuzz_targets -DSTARTTAP_FUZZ=ON
# -DCMAKE_C_COMPILER=clang-14; with -DSTARTTAP_FUZZ_FAST=ON there are no sanitizers, the dear checks are made for a part of
# the inputs, and there are ten times as many executions. Without targets, all of them. First each file of regressions/
# and corpus/ is replayed, then the search goes on from those, from what seeds.py makes of the bundled captures, and from
# what earlier runs found (BUILD/fuzz/). A line for each target: executions, processor seconds, edges and features of the
# program that the inputs reach, inputs kept; and executions and processor seconds ever (BUILD/fuzz/executions.tsv).
#
# A campaign is SECONDS altogether: turns of at most two minutes, those first that had the least processor time, without
# those that have had 10^8 executions (the whole sensor: 10^7). What it finds and counts is in its own DIRECTORY, so that a
# later one goes on and adds up. With 0 seconds, what is in DIRECTORY is replayed: by a build with sanitizers, that shows
# what a fast one does not see.
#
# The exit status is 0 when nothing was found; what was is in found/ beside the counts.
set -u

root=$(CDPATH='' cd -- "$(dirname -- "$0")/../.." && pwd)
cd "$root" || exit 1
build="build-fuzz"
jobs=2
one=
campaign=
while :; do
    case ${1:-} in
    --campaign=*) campaign=${1#*=} ;;
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
work=${campaign:-$build/fuzz}
found=$work/found
turn=120

# Longer inputs take longer and rarely show more; most of all in a campaign.
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
    [ -n "$campaign" ] || return 0
    case $1 in
    fuzz_fragment) echo -max_len=64 ;;
    fuzz_stream) echo -max_len=120 ;;
    fuzz_trust) echo -max_len=1200 ;;
    fuzz_tls | fuzz_source | fuzz_pipeline | fuzz_conversation | fuzz_scrub) echo -max_len=300 ;;
    *) echo -max_len=200 ;;
    esac
    # At idle priority, or stopped for a while, an input may wait for long.
    echo -timeout=600 -report_slow_units=600
    # To weigh the inputs of the corpus takes longer than to run them.
    echo -reduce_inputs=0 -entropic=0 -print_funcs=0
}

value() {
    sed -n "s/^stat::$2: *//p" "$1"
}

# The last cov: and ft: that libFuzzer said.
reached() {
    grep -o "$2: [0-9]*" "$1" | tail -n 1 | grep -o '[0-9]*$'
}

# Executions and processor seconds of a target so far.
ever() {
    awk -v target="$1" '$2 == target { n += $3; s += $4 } END { printf "%d %d\n", n, s }' "$work/executions.tsv"
}

# None of these files may fail.
replay() {
    find "$@" -type f -exec "$build/$target" -artifact_prefix="$found/$target-" -timeout=20 {} + >"$log" 2>&1 && return
    tail -n 40 "$log"
    echo "$target: a regression: $log"
    return 1
}

# A target's kept files, then the search.
run_one() {
    target=$1
    corpus=$work/corpus/$target
    log=$work/$target.log
    mkdir -p "$corpus" "$work/seeds/$target"
    set --
    for kept in "tests/fuzz/regressions/$target" "tests/fuzz/corpus/$target"; do
        [ ! -d "$kept" ] || set -- "$@" "$kept"
    done
    [ -n "$campaign" ] || [ $# -eq 0 ] || replay "$@" || return
    # Memory is kept between inputs, not given back.
    # shellcheck disable=SC2046 # words on purpose
    MALLOC_TRIM_THRESHOLD_=1000000000 MALLOC_MMAP_THRESHOLD_=1000000000 \
        "$build/$target" -max_total_time="$seconds" -timeout=20 -rss_limit_mb=2048 -print_final_stats=1 \
        -artifact_prefix="$found/$target-" $(options_of "$target") "$corpus" "$@" "$work/seeds/$target" >"$log" 2>&1
    status=$?
    executed=$(value "$log" number_of_executed_units)
    times >"$log.times" # of the children, in its second line
    cpu=$(awk 'NR == 2 { gsub("[ms]", " "); print int($1 * 60 + $2 + $3 * 60 + $4 + 0.5) }' "$log.times")
    printf '%s\t%s\t%s\t%s\n' "$(date -u +%FT%TZ)" "$target" "${executed:-0}" "$cpu" >>"$work/executions.tsv"
    # shellcheck disable=SC2046,SC2183
    printf '%-18s %10s %6s %6s %8s %7s %12s %8s\n' "$target" "${executed:--}" "$cpu" "$(reached "$log" cov)" \
        "$(reached "$log" ft)" "$(find "$corpus" -type f | wc -l)" $(ever "$target")
    [ "$status" -eq 0 ] || tail -n 40 "$log"
    return "$status"
}

# A target's files of a campaign, with whatever build this is.
replay_one() {
    target=$1
    log=$work/$target.replay.log
    [ -d "$work/corpus/$target" ] || return 0
    replay "$work/corpus/$target" || return
    echo "$target: $(find "$work/corpus/$target" -type f | wc -l) inputs replayed"
}

# The targets that have not run enough, those first that had the least time.
order() {
    for target in "$@"; do
        goal=100000000
        case $target in
        fuzz_pipeline | fuzz_conversation | fuzz_scrub) goal=10000000 ;;
        esac
        echo "$(ever "$target") $target $goal"
    done | awk '$1 < $4 { print $2, $3 }' | sort -n | cut -d ' ' -f 2
}

if [ -n "$one" ]; then
    if [ -n "$campaign" ] && [ "$seconds" -eq 0 ]; then
        replay_one "$1"
        exit
    elif [ -n "$campaign" ]; then # here that is when the campaign ends
        seconds=$((seconds - $(date +%s)))
        [ "$seconds" -gt 0 ] || exit 0
        [ "$seconds" -le "$turn" ] || seconds=$turn
    fi
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
touch "$work/executions.tsv"
python3 tests/fuzz/seeds.py "$work/seeds" || exit 1

# each UNTIL TARGET...
each() {
    until=$1
    shift
    printf '%s\n' "$@" | xargs -P "$jobs" -n 1 sh tests/fuzz/run.sh ${campaign:+"--campaign=$campaign"} --build="$build" \
        --one "$until"
}

if [ -z "$campaign" ] || [ "$seconds" -gt 0 ]; then
    printf '%-18s %10s %6s %6s %8s %7s %12s %8s\n' target executions 'CPU s' edges features inputs 'ever' 'CPU s'
fi
if [ -z "$campaign" ] || [ "$seconds" -eq 0 ]; then
    each "$seconds" "$@"
    exit
fi
end=$(($(date +%s) + seconds))
while [ "$(date +%s)" -lt "$end" ]; do
    next=$(order "$@")
    [ -n "$next" ] || break
    # shellcheck disable=SC2086 # words on purpose
    each "$end" $next || exit
done
