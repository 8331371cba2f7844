#!/bin/sh
# test_reading.sh: captures in, events and summary out; what damage and failures end with.
# shellcheck source=tests/cli/check.sh
. "$(dirname -- "$0")/check.sh"

capture=$pcaps/postfix-swaks-tls13.pcap
escape=$(printf '\033')

# The summary alone; then with events; where does each go?
run 0 -r "$capture"
has out starttls
lacks out "$escape"
empty err
run 0 -r "$capture" -o json:events.ndjson -o csv:events.csv
has out starttls
empty err
has events.ndjson '"starttap.session"'
has events.csv starttap.verdict
run 0 -n -r "$capture" -o json:-
empty err
same out events.ndjson
run 0 -r "$capture" -o json:-
same out events.ndjson
has err starttls
run 0 -n -r "$capture" -o csv:-
same out events.csv
run 0 -n -r "$capture"
empty out

# The same capture in every wrapping and from a pipe gives the same events.
gzip -c "$capture" >wrapped.gz
zstd -q -c "$capture" >wrapped.zst
for file in wrapped.gz wrapped.zst "$capture"; do
    run 0 -n -r "$file" --force -o json:again.ndjson
    same again.ndjson events.ndjson
    # shellcheck disable=SC2002 # a pipe is what is tested
    cat "$file" | "$starttap" -n -r - --force -o json:again.ndjson >out 2>err || wrong "$file from a pipe"
    same again.ndjson events.ndjson
done

# A directory, in the order of names; a file in it that is no capture costs nothing.
mkdir day
cp "$pcaps/postfix-offered-unused.pcap" day/1.pcap
cp "$capture" day/2.pcap
echo 'not a capture' >day/notes.txt
run 0 -n -r day -o json:-
[ "$(grep -c '"starttap.session"' out)" -eq 2 ] || wrong "$what: not two sessions"
grep '"starttap.session"' out | head -n 1 | grep -q offered_unused || wrong "$what: not in the order of names"

# Cut: everything before is reported, and said.
size=$(wc -c <"$capture")
head -c $((size - 7)) "$capture" >day/0-cut.pcap
run 3 -n -r day/0-cut.pcap -o json:-
has err 0-cut.pcap
has out '"starttap.session"'
run 3 -n -r day -o json:-
has err 0-cut.pcap
has out offered_unused
run 3 -q -n -r day/notes.txt
has err notes.txt

# Failures.
run 1 -n -r missing.pcap
has err missing.pcap
run 1 -n -r "$capture" -o json:missing/events.ndjson
has err missing/events.ndjson
if [ -c /dev/full ]; then
    run 1 -n -r "$capture" -o json:/dev/full
    has err /dev/full
    "$starttap" -r "$capture" >/dev/full 2>err
    [ $? -eq 1 ] || wrong 'a summary that cannot be written is no failure'
fi

# A reader that has seen enough is no failure.
("$starttap" -n -r "$pcaps" -o json:- 2>err || echo "$?" >status) | head -n 1 >out
[ ! -e status ] || wrong "broken pipe: status $(cat status)"
empty err

# Filters.
run 0 -n -r "$capture" -o json:- tcp port 1
lacks out '"starttap.session"'
echo '# nothing but mail
tcp port 25' >filter
run 0 -n -r "$capture" -F filter -o json:-
has out '"starttap.session"'

# Interrupted: the events so far, the summary, and a clean end. More is written than a pipe holds (64 KB), so that
# its first packets have been read when the writer is through.
cp "$capture" long.pcap
for _ in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
    tail -c +25 "$capture" >>long.pcap
done
[ "$(wc -c <long.pcap)" -gt 100000 ] || wrong 'long.pcap is too short for this test'
mkfifo pipe
"$starttap" -r - -o json:so-far.ndjson <pipe >out 2>err &
pid=$!
exec 3>pipe
cat long.pcap >&3
kill -INT "$pid"
wait "$pid"
status=$?
exec 3>&-
what=SIGINT
[ "$status" -eq 0 ] || wrong "SIGINT: status $status"
has out starttls
has so-far.ndjson '"starttap.session"'
empty err

finish
