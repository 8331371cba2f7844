#!/bin/sh
# quickstart.sh: from a fresh clone to a first result.
#
#     sh sensor/quickstart.sh
#
# Installs the libraries that are missing, builds build/starttap and reads the captures in pcaps/ with it.
# From the second run on nothing is installed and only what changed is built.
set -eu

root=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd)
build=$root/build
results=$build/quickstart

sh "$root/sensor/packages.sh" build

# A build directory keeps its generator and its options; one from elsewhere (a copied tree) is made anew.
set -- -S "$root" -B "$build" -DCMAKE_BUILD_TYPE=Release
if ! grep -qxF "CMAKE_HOME_DIRECTORY:INTERNAL=$root" "$build/CMakeCache.txt" 2>/dev/null; then
    rm -rf "$build/CMakeCache.txt" "$build/CMakeFiles"
    set -- "$@" -DSTARTTAP_TESTS=OFF -DSTARTTAP_WERROR=OFF
    ! command -v ninja >/dev/null || set -- "$@" -G Ninja
fi
cmake --log-level=NOTICE "$@"
cmake --build "$build" --parallel "$(getconf _NPROCESSORS_ONLN)"

mkdir -p "$results"
echo
"$build/starttap" -r "$root/pcaps" --force -o "json:$results/events.ndjson" -o "csv:$results/events.csv"

echo
echo "Events of these captures, as JSON and CSV:"
echo "    $results/events.ndjson"
echo "    $results/events.csv"
echo "What each capture shows stands in pcaps/INDEX.md. With captures of your own:"
echo "    $build/starttap -r FILE          and --help for more"
