#!/bin/sh
# valgrind.sh: the parsers' tests and the program on the bundled captures under valgrind, which sees what is read before it
# was written (no sanitizer of gcc's does): sh tests/valgrind.sh BUILD_DIRECTORY
set -eu

root=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd)
directory=$1
if ! command -v valgrind >/dev/null; then
    echo 'valgrind is not here'
    exit 77
fi
tests=
for source in "$root"/parsers/*.c "$root"/sensor/capture/decode*.c; do
    name=test_$(basename "$source" .c)
    [ ! -e "$root/tests/unit/$name.c" ] || tests="$tests $name"
done
cmake -S "$root" -B "$directory" -G Ninja -DCMAKE_BUILD_TYPE=RelWithDebInfo
# shellcheck disable=SC2086 # a list of words
ninja -C "$directory" starttap $tests

under_valgrind() {
    valgrind --quiet --error-exitcode=1 --leak-check=full --errors-for-leak-kinds=definite "$@"
}

cd "$directory"
for test in $tests; do
    echo "$test"
    under_valgrind "./$test" >"$test.valgrind" 2>&1 || { tail -n 40 "$test.valgrind" && exit 1; }
done
under_valgrind ./starttap -n -q --no-verify -r "$root/pcaps" -o json:- >valgrind.ndjson
echo "$(wc -l <valgrind.ndjson) events of the bundled captures"
