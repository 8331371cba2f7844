#!/bin/sh
# quickstart.sh: the first command of a newcomer, from another directory, twice.
set -eu

root=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd)
results=$root/build/quickstart
say() {
    echo "tests/quickstart.sh: $*" >&2
}

cd /
first=$(sh "$root/sensor/quickstart.sh")
printf '%s\n' "$first"
[ -x "$root/build/starttap" ] || { say 'no build/starttap' && exit 1; }
for file in events.ndjson events.csv; do
    [ -s "$results/$file" ] || { say "no $file" && exit 1; }
    case $first in
    *"$results/$file"*) ;;
    *) say "$file is not named" && exit 1 ;;
    esac
done
cp "$results/events.ndjson" "$results/first.ndjson"

# Again: same result, and nothing to build.
start=$(date +%s)
second=$(sh "$root/sensor/quickstart.sh")
seconds=$(($(date +%s) - start))
[ "$seconds" -le 30 ] || { say "the second run took $seconds seconds" && exit 1; }
case $second in
*installing:* | *'Building C object'*) say 'the second run installed or built' && exit 1 ;;
esac
cmp "$results/events.ndjson" "$results/first.ndjson"
