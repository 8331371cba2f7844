#!/bin/sh
# tidy.sh: clang-tidy over the sources, with the compile commands of a build of gcc's: sh tests/tidy.sh BUILD [--long]
#
# Without --long the analyzer, which takes ten times as long as all other checks, is left out.
set -u

cd "$(dirname -- "$0")/.." || exit 1
tidy=$(command -v clang-tidy-14 || command -v clang-tidy)
case $("$tidy" --version 2>/dev/null) in
*'version 14.'*) ;;
*)
    echo 'clang-tidy 14 is not here' # each version has other checks
    exit 77
    ;;
esac
checks='-clang-analyzer-*'
[ "${2:-}" != --long ] || checks=
found=$1/tidy.txt
git ls-files -co --exclude-standard 'parsers/*.c' 'outputs/*.c' 'sensor/*.c' |
    xargs -P "$(getconf _NPROCESSORS_ONLN)" -n 1 "$tidy" -p "$1" --quiet --checks="$checks" >"$found"
status=$?
cat "$found"

# Safe where they stand: strerror() keeps its text for each thread (glibc since 2.32), the others are called before
# there is a second thread.
safe='strerror|argp_parse|argp_state_help|unsetenv|getpwnam|getpwuid'
if grep -A 1 concurrency-mt-unsafe "$found" | grep -v 'concurrency-mt-unsafe\|^--$' | grep -vE "$safe"; then
    echo 'tidy.sh: not safe with threads'
    status=1
fi
exit "$status"
