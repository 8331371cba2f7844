#!/bin/sh
# tidy.sh: clang-tidy over all sources of the program: sh tests/tidy.sh BUILD_DIRECTORY
set -u

cd "$(dirname -- "$0")/.." || exit 1
tidy=$(command -v clang-tidy-14 || command -v clang-tidy)
if [ -z "$tidy" ]; then
    echo 'clang-tidy is not here'
    exit 77
fi
git ls-files -co --exclude-standard 'parsers/*.c' 'outputs/*.c' 'sensor/*.c' |
    xargs -P "$(getconf _NPROCESSORS_ONLN)" -n 1 "$tidy" -p "$1" --quiet
