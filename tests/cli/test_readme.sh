#!/bin/sh
# test_readme.sh: what README.md shows of a command is what it prints: each indented block that begins with "$ ".
# shellcheck source=tests/cli/check.sh
. "$(dirname -- "$0")/check.sh"

command -v jq >/dev/null || {
    echo "skipped: needs jq"
    exit 77
}
mkdir bin
ln -s "$starttap" bin/starttap
ln -s "$pcaps" pcaps
PATH=$PWD/bin:$PATH
readme=$pcaps/../README.md
grep -n '^    \$ ' "$readme" >commands || true
num=0
while IFS= read -r found; do
    line=${found%%:*}
    command=${found#*:    \$ }
    tail -n "+$((line + 1))" "$readme" | sed -n '/^    [^$]/!q; s/^    //p' >expected
    sh -c "$command" >out 2>err || wrong "README.md:$line: status $?"
    cmp -s expected out || {
        wrong "README.md:$line: prints something else"
        diff expected out
    }
    num=$((num + 1))
done <commands
[ "$num" -ge 8 ] || wrong "only $num commands: this test is broken"
finish
