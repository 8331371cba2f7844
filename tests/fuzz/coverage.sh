#!/bin/sh
# coverage.sh: which lines the fuzz targets' inputs reach: sh tests/fuzz/coverage.sh [--lines] [INPUTS]
#
# Builds the targets with clang's source coverage in build-coverage/ and replays regressions/, corpus/, what seeds.py
# makes, and what is in INPUTS/TARGET (build-fuzz/fuzz/corpus, where run.sh keeps what it found). Unit tests are not
# counted. Prints the share of lines for each room and file of parsers/, sensor/track and sensor/capture (what decodes and
# what reads files; the live part no fuzzer reaches); with --lines also those that were never reached.
set -eu

root=$(CDPATH='' cd -- "$(dirname -- "$0")/../.." && pwd)
cd "$root"
lines=
if [ "${1:-}" = --lines ]; then
    lines=yes
    shift
fi
inputs=${1:-build-fuzz/fuzz/corpus}
build="build-coverage"
clang=$(command -v clang-14 || command -v clang)
profdata=$(command -v llvm-profdata-14 || command -v llvm-profdata)
cov=$(command -v llvm-cov-14 || command -v llvm-cov)

mkdir -p "$build"
sh tests/build.sh "$build" --target=fuzz_targets -DCMAKE_BUILD_TYPE=RelWithDebInfo -DCMAKE_C_COMPILER="$clang" \
    -DSTARTTAP_FUZZ=ON -DSTARTTAP_COVERAGE=ON >"$build/build.log" 2>&1 || {
    tail -n 20 "$build/build.log"
    exit 1
}
rm -rf "$build/profiles"
mkdir -p "$build/profiles"
python3 tests/fuzz/seeds.py "$build/seeds"

objects=
for source in tests/fuzz/fuzz_*.c; do
    target=$(basename "$source" .c)
    set --
    for directory in "tests/fuzz/regressions/$target" "tests/fuzz/corpus/$target" "$build/seeds/$target" "$inputs/$target"; do
        [ ! -d "$directory" ] || set -- "$@" "$directory"
    done
    [ $# -gt 0 ] || continue
    LLVM_PROFILE_FILE="$build/profiles/$target.profraw" "$build/$target" "$@" 2>/dev/null || echo "$target: failed"
    objects="$objects ${objects:+-object} $build/$target"
done
"$profdata" merge -sparse -o "$build/all.profdata" "$build"/profiles/*.profraw

# shellcheck disable=SC2086 # words on purpose
"$cov" export -summary-only -instr-profile="$build/all.profdata" $objects parsers sensor/track sensor/capture >"$build/summary.json"
python3 - "$build/summary.json" "$root/" <<'END'
import json
import re
import sys

ROOMS = [("parsers", r"parsers/.*", 90), ("sensor/track", r"sensor/track/.*", 85),
         ("sensor/capture: frames", r"sensor/capture/(decode\w*|packet|port_set)\.[ch]", 85),
         ("sensor/capture: files", r"sensor/capture/source\w*\.[ch]", None)]
files = {entry["filename"].replace(sys.argv[2], ""): entry["summary"]["lines"] for entry in json.load(open(sys.argv[1]))["data"][0]["files"]}
for room, pattern, goal in ROOMS:
    found = {name: lines for name, lines in sorted(files.items()) if re.fullmatch(pattern, name)}
    for name, lines in found.items():
        print(f"    {name:40} {lines['covered']:5} of {lines['count']:5}  {lines['percent']:5.1f} %")
    covered, count = (sum(lines[what] for lines in found.values()) for what in ("covered", "count"))
    print(f"{room:44} {covered:5} of {count:5}  {100 * covered / max(count, 1):5.1f} %" + (f"  (goal {goal} %)" if goal else ""))
END
# shellcheck disable=SC2086
[ -z "$lines" ] || "$cov" show -instr-profile="$build/all.profdata" $objects parsers sensor/track sensor/capture |
    grep -E '^(/|.*\.[ch]:$|  *[0-9]+\|  *0\|)'
