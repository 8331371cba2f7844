#!/bin/sh
# cppcheck.sh: cppcheck over all sources of the program: sh tests/cppcheck.sh
set -u

cd "$(dirname -- "$0")/.." || exit 1
if ! command -v cppcheck >/dev/null; then
    echo 'cppcheck is not here'
    exit 77
fi
cppcheck --version
exec cppcheck --enable=warning,performance,portability --inline-suppr --error-exitcode=1 --quiet --std=c11 \
    -j "$(getconf _NPROCESSORS_ONLN)" -D__x86_64__ --suppress=missingInclude --template=gcc -I. parsers outputs sensor
