#!/bin/sh
# test_database.sh: events in SQLite, and its views on the command line.
# shellcheck source=tests/cli/check.sh
. "$(dirname -- "$0")/check.sh"

run 0 -n -r "$pcaps" -o sqlite:mail.db -o json:events.ndjson
empty err
run 0 query mail.db adoption_by_day
has out 'day '
has out ' adoption'
cp out first
run 0 query mail.db plaintext_peers
has out 192.0.2.25
run 0 query mail.db expiring_certificates
has out mx.example.org
run 0 query mail.db
has out plaintext_peers

# The same events as in JSON, and the same captures once more change nothing.
if command -v sqlite3 >/dev/null; then
    ids='SELECT event_id FROM sessions UNION ALL SELECT event_id FROM peers UNION ALL SELECT event_id FROM sensors'
    sqlite3 mail.db "$ids" | sort >ids
    sed 's/.*"id":"\([0-9a-f]*\)","start".*/\1/' events.ndjson | sort >expected
    what='sqlite3'
    same ids expected
    sqlite3 mail.db 'SELECT * FROM sessions; SELECT * FROM findings; SELECT * FROM certificates' >rows
    run 0 -n -r "$pcaps" -o sqlite:mail.db
    sqlite3 mail.db 'SELECT * FROM sessions; SELECT * FROM findings; SELECT * FROM certificates' >again
    same rows again
fi
run 0 query mail.db adoption_by_day
same out first

run 1 query mail.db no_such_view
has err "has no view 'no_such_view'"
run 1 query missing.db adoption_by_day
has err missing.db
run 2 query
has err 'Usage: starttap query DATABASE'
run 0 query --help
run 1 -n -r "$pcaps/postfix-swaks-tls13.pcap" -o sqlite:events.ndjson
has err 'sqlite:events.ndjson: file is not a database'
run 2 -r x -o sqlite:-
has err 'cannot be written to standard output'
run 2 -r x -o json:mail.out -o csv:./mail.out
has err 'write to the same place'
if [ -c /dev/full ]; then
    "$starttap" query mail.db adoption_by_day >/dev/full 2>err
    [ $? -eq 1 ] || wrong 'a view that cannot be written is no failure'
fi

finish
