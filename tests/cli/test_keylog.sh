#!/bin/sh
# test_keylog.sh: what a key log makes visible, and what is said of one that is of no use.
# shellcheck source=tests/cli/check.sh
. "$(dirname -- "$0")/check.sh"

# with NAME ARGUMENT...: reads the capture NAME with its key log, events to out.
with() {
    name=$1
    shift
    run 0 -n --no-verify -r "$pcaps/$name.pcap" --keylog "$pcaps/keylogs/$name.keys" -o json:- "$@"
    empty err
    has out '"decrypted":true'
    lacks out 's3cret-Passw0rd'
}

# Without one there is nothing of it.
run 0 -n --no-verify -r "$pcaps/postfix-auth-in-tls13-keylog.pcap" -o json:-
lacks out decrypted
has out '"absent_reason":"tls13_encrypted"'
cp out without.json

with postfix-auth-in-tls13-keylog
has out '"verdict":"starttls"'
has out '"common_name":"mx.example.org"'
has out '"chain_length":2'
has out '"auth_mechanism":"PLAIN"'
has out '"auth_cleartext":false'
has out '"cleartext":false'
has out '"transactions":1'
has out '"rcpt_domains":["example.org"]'
has out '"last_reply_code":221'
has out '"client_cert":{"requested":false,"sent":false}'
has out '"offered":true'
lacks out absent_reason
lacks out auth.cleartext
lacks out mail.cleartext

with postfix-465-auth-keylog
has out '"verdict":"implicit_tls"'
has out '"banner":"mx.example.org ESMTP Postfix"'
has out '"auth_mechanism":"LOGIN"'
has out '"transactions":1'

with postfix-client-certificate-tls13-keylog
has out '"client_cert":{"requested":true,"sent":true}'
has out '"common_name":"client.example.net"'

with aiosmtpd-requiretls-keylog
has out '"requiretls_offered":true'
has out '"requiretls_used":true'

with postfix-hello-retry-keylog
has out '"hello_retry":true'
has out '"transactions":1'
has out '"alerts":["client:close_notify","server:close_notify"]'

with failed-certificate-required-tls13-keylog
has out '"verdict":"handshake_failed"'
has out '"alerts":["server:certificate_required"]'
has out '"client_cert":{"requested":true,"sent":false}'

with failed-unknown-ca-tls13
has out '"verdict":"handshake_failed"'
has out '"alerts":["client:unknown_ca"]'
has out '"common_name":"mx.example.org"'

with s-server-aes128-keylog
has out '"cipher":"TLS_AES_128_GCM_SHA256"'
with s-server-chacha20-keylog
has out '"cipher":"TLS_CHACHA20_POLY1305_SHA256"'

# Somebody else's secrets change nothing.
run 0 -n --no-verify -r "$pcaps/postfix-auth-in-tls13-keylog.pcap" -o json:- \
    --keylog "$pcaps/keylogs/s-server-aes128-keylog.keys"
same out without.json

# Files that are of no use.
run 2 -n -r "$pcaps/postfix-auth-in-tls13-keylog.pcap" --keylog missing.keys -o json:-
has err 'missing.keys: the key log cannot be opened: No such file'
empty out
run 2 -n -r "$pcaps/postfix-auth-in-tls13-keylog.pcap" --keylog . -o json:-
has err 'the key log cannot be read'
empty out
printf '# nothing\n' >none.keys
run 0 -n --no-verify -r "$pcaps/postfix-auth-in-tls13-keylog.pcap" --keylog none.keys -o json:-
has err 'none.keys: no secrets of TLS 1.3 in it'
same out without.json
{
    echo 'not a key log line'
    cat "$pcaps/keylogs/postfix-auth-in-tls13-keylog.keys"
    echo 'SERVER_TRAFFIC_SECRET_0 00 00'
} >mixed.keys
run 0 -n --no-verify -r "$pcaps/postfix-auth-in-tls13-keylog.pcap" --keylog mixed.keys -o json:-
has err 'mixed.keys:1: not a line of a key log; the line is ignored'
has err 'mixed.keys:8: the client random is not 64 hex digits; the line is ignored'
has out '"decrypted":true'
run 0 -n -q --no-verify -r "$pcaps/postfix-auth-in-tls13-keylog.pcap" --keylog mixed.keys -o json:-
empty err
run 0 -n --no-verify -r "$pcaps/postfix-auth-in-tls13-keylog.pcap" -o json:- \
    --keylog "$pcaps/postfix-auth-in-tls13-keylog.pcap"
has err 'no secrets of TLS 1.3 in it'
same out without.json

finish
