#!/bin/sh
# test_names.sh: what DNS answers and MTA-STS policies say of a session; files that -T reads.
# shellcheck source=tests/cli/check.sh
. "$(dirname -- "$0")/check.sh"

# session NAME OPTION...: the session event of a bundled capture.
session() {
    name=$1
    shift
    run 0 -n -r "$pcaps/$name.pcap" --ca "$pcaps/certs/ca.pem" -o json:- --datasets session "$@"
}

session names-dane-match-udp --mta-sts "$pcaps/mta-sts"
has out '"dns":{"host":"mx.example.org","domains":["example.com"],"mta_sts_id":"20261122T01","tlsrpt_rua":"mailto:tls@example.com"}'
has out '"result":"match","dnssec":"not_claimed"'
has out '"mta_sts":{"domain":"example.com","mode":"enforce","result":"pass"}'
session names-dane-mismatch-tcp
has out '"expected_name":"mail.example.net"'
has out '"cert.name_mismatch"'
has out '"result":"mismatch","reason":"no_record_matches"'
lacks out '"mta_sts":'
session names-dane-anchor-ipv6 --mta-sts "$pcaps/mta-sts"
has out '"result":"match","dnssec":"not_claimed"'
has out '"mta_sts":{"domain":"example.edu","mode":"testing","result":"fail","reason":"mx_mismatch"}'
session names-tls13 --mta-sts "$pcaps/mta-sts"
has out '"result":"unknown","reason":"certificate_not_visible","dnssec":"not_claimed"'
has out '"mta_sts":{"domain":"example.com","mode":"enforce","result":"unknown","reason":"certificate_not_visible"}'

# Without the DNS only the server's own name is left.
session names-dane-mismatch-tcp --no-dns
has out '"expected_name":"mx.example.org"'
lacks out '"dns":'
lacks out '"dane":'

# The same, whatever the threads.
run 0 -n -r "$pcaps" --mta-sts "$pcaps/mta-sts" -o json:one --datasets session
run 0 -n -r "$pcaps" --mta-sts "$pcaps/mta-sts" -o json:three --workers 3 --datasets session
same one three

# -T reads what a run would read.
mkdir sts
printf 'version: STSv1\nmode: enforce\nmx: mx.example.org\nmax_age: 60\n' >sts/example.org.txt
run 0 -T --mta-sts sts
printf 'version: STSv1\nmode: always\n' >sts/example.net.txt
run 2 -T --mta-sts sts
has err "example.net.txt:2: mode: is not enforce, testing or none"
run 2 -T --mta-sts nowhere
has err "--mta-sts: "
has err "'nowhere'"
run 2 -T --mmdb nowhere.mmdb
has err "--mmdb: "
has err "nowhere.mmdb"
echo 'no database' >text.mmdb
run 2 -T --mmdb text.mmdb
has err 'text.mmdb'

finish
