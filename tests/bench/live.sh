#!/bin/sh
# live.sh: how much starttap takes from an interface without loss; see "Live" in README.md beside it.
#
#     sh tests/bench/live.sh [--build=DIRECTORY] [OPTION...]
#
# --build names a directory that is built already; --help lists the other options.
set -eu

root=$(CDPATH='' cd -- "$(dirname -- "$0")/../.." && pwd)
build=
for argument; do
    case $argument in
    --build=*) build=${argument#--build=} ;;
    esac
done
if [ -z "$build" ]; then
    build=$root/build-bench
    sh "$root/tests/build.sh" "$build" -DCMAKE_BUILD_TYPE=Release >&2
fi
exec python3 "$root/tests/bench/live.py" "$@" --build="$build"
