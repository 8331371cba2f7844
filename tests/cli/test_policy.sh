#!/bin/sh
# test_policy.sh: sessions judged by a policy, and what the command says of one.
# shellcheck source=tests/cli/check.sh
. "$(dirname -- "$0")/check.sh"

cat >rules <<'END'
# ours
.example.org  encrypt protocols=>=TLSv1.2
    forward_secrecy=required
[192.0.2.25]:25  may
[mx.example.com] secure
END
run 0 -T --policy rules
empty err
run 0 policy check rules
has out 'rules: 3 rules, all good'

run 0 policy explain rules MX.example.org
has out '.example.org                     line 2'
has out 'rules:2: .example.org encrypt protocols=>=TLSv1.2     forward_secrecy=required'
has out 'asks for TLS'
run 0 policy explain rules '[192.0.2.25]:25'
has out '[192.0.2.25]:25                  line 4'
run 0 policy explain rules 192.0.2.25:587
has out 'no rule: '
run 0 policy explain rules '[mx.example.com]:465'
has out '[mx.example.com]                 line 5'
run 0 policy explain rules user@mx.example.com # a recipient's domain, no host
has out 'no rule: '

# Sessions.
run 0 -n -r "$pcaps/postfix-swaks-tls13.pcap" --policy rules -o json:- --datasets session
has out '"policy":{"rule":".example.org","level":"encrypt","result":"pass"}'
lacks out policy.violation
run 0 -n -r "$pcaps" --policy rules -o json:- --datasets session
has out '"result":"fail","reasons":["not encrypted: STARTTLS was not offered"]'
has out policy.violation
run 0 -n -r "$pcaps" -o json:- --datasets session
lacks out '"policy":'

# The same, whatever the threads.
run 0 -n -r "$pcaps" --policy mandatory -o json:one --datasets session
run 0 -n -r "$pcaps" --policy mandatory -o json:three --workers 3 --datasets session
same one three

# Errors have their line; remarks are told, and are none.
printf 'example.net may\n\nexample.org encrypt cipher=high\n' >wrong
for action in '-T --policy' '-n -r x --policy' 'policy check'; do
    # shellcheck disable=SC2086
    run 2 $action wrong
    has err "wrong:3: 'cipher' is no attribute"
done
run 2 policy explain wrong mx
has err 'wrong:3: '
printf 'a.test may\nb.test secure tafile=/x\na.test encrypt\n* encrypt direction=inbound\n' >remarks
run 0 -T --policy remarks
has err 'remarks:2: tafile= is not judged'
has err "remarks:3: 'a.test' has a rule already, on line 1"
has err 'rules with direction= never apply without home networks'
run 0 -T --policy remarks --home 10.0.0.0/8
lacks err direction=
run 2 -T --policy missing
has err 'missing: No such file or directory'
run 2 -T --policy .
has err '.: Is a directory'

# Profiles.
run 0 policy list
cp out profiles
for profile in opportunistic mandatory bsi-tr-03108 nist-sp-800-52r2 ncsc-nl-good ncsc-nl-sufficient ncsc-nl-phase-out \
    pci-dss; do
    what=profiles
    has profiles "$profile"
    run 0 policy check "$profile"
    run 0 policy show "$profile"
    has out '# '
done
run 1 policy show none-of-them
run 2 policy
has err 'Usage: starttap policy check FILE'
run 2 policy explain rules
run 2 policy explain rules 'not a host'
run 0 policy --help
finish
