#!/bin/sh
# A small certificate authority and what the scenarios need from it, in the current directory: NAME.pem and NAME.key for
# rsa, ecdsa, ed25519, expired, selfsigned, weak (RSA 1024, SHA-1), chain (with an intermediate authority), client and other
# (a server certificate of an authority that nobody trusts).
set -eu

config() {
    cat <<'END'
[ca]
default_ca = lab
[lab]
database = index.txt
new_certs_dir = .
rand_serial = yes
default_md = sha256
policy = any
x509_extensions = server
[any]
organizationName = optional
commonName = supplied
[authority]
basicConstraints = critical, CA:true
keyUsage = critical, keyCertSign, cRLSign
subjectKeyIdentifier = hash
[server]
basicConstraints = CA:false
subjectAltName = DNS:mx.example.org, DNS:*.example.org
extendedKeyUsage = serverAuth
[client]
basicConstraints = CA:false
subjectAltName = DNS:client.example.net
extendedKeyUsage = clientAuth
END
}

key() { # TYPE NAME
    case $1 in
    rsa) openssl genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:2048 -out "$2.key" 2>issue.log ;;
    weak) openssl genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:1024 -out "$2.key" 2>issue.log ;;
    ed25519) openssl genpkey -algorithm ED25519 -out "$2.key" ;;
    ecdsa) openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out "$2.key" 2>issue.log ;;
    esac
}

authority() { # NAME SUBJECT
    key ecdsa "$1"
    openssl req -config lab.cnf -x509 -new -key "$1.key" -subj "$2" -days 7300 -extensions authority -out "$1.pem"
}

issue() { # AUTHORITY TYPE NAME SUBJECT EXTENSIONS START END [OPTION...]
    key "$2" "$3"
    openssl req -config lab.cnf -new -key "$3.key" -subj "$4" -out "$3.csr"
    authority=$1 name=$3 extensions=$5 start=$6 end=$7
    shift 7
    openssl ca -config lab.cnf -batch -notext -cert "$authority.pem" -keyfile "$authority.key" -in "$name.csr" -out "$name.pem" \
        -extensions "$extensions" -startdate "$start" -enddate "$end" "$@" 2>issue.log || { cat issue.log >&2; exit 1; }
}

printf '[req]\ndistinguished_name = dn\n[dn]\n' >lab.cnf
config >>lab.cnf
: >index.txt
echo 'unique_subject = no' >index.txt.attr
authority ca "/O=starttap lab/CN=starttap lab authority"
authority otherca "/O=starttap lab/CN=authority that nobody trusts"
issue ca rsa rsa /CN=mx.example.org server 20250101000000Z 20450101000000Z
issue ca ecdsa ecdsa /CN=mx.example.org server 20250101000000Z 20450101000000Z
issue ca rsa expired /CN=mx.example.org server 20200101000000Z 20210101000000Z
issue ca ed25519 ed25519 /CN=mx.example.org server 20250101000000Z 20450101000000Z
issue ca weak weak /CN=mx.example.org server 20250101000000Z 20450101000000Z -md sha1
issue ca rsa intermediate "/O=starttap lab/CN=starttap lab intermediate" authority 20250101000000Z 20450101000000Z
issue intermediate ecdsa chain /CN=mx.example.org server 20250101000000Z 20450101000000Z
cat intermediate.pem >>chain.pem
issue ca ecdsa client /CN=client.example.net client 20250101000000Z 20450101000000Z
issue otherca rsa other /CN=mx.example.org server 20250101000000Z 20450101000000Z
key rsa selfsigned
openssl req -config lab.cnf -x509 -new -key selfsigned.key -subj "/CN=mx.example.org" -days 7300 -extensions server \
    -out selfsigned.pem
chmod 644 ./*.key
