#!/bin/sh
# run.sh: proves what the files beside this one state, by CBMC: sh tests/proofs/run.sh DIRECTORY [--long]
#
# Without --long the states of the TLS record layer that take half a minute each are left out.
# CBMC is the one on the path, or, where this Debian has no package of it, that of a later one, unpacked below DIRECTORY
# with the libraries that it needs. Nothing is installed.
set -eu

here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
mkdir -p "$1"
directory=$(CDPATH='' cd -- "$1" && pwd)
suite=trixie

skip() {
    echo "$1"
    exit 77
}

apt_of_suite() {
    command=$1
    shift
    "$command" -o "Dir::Etc::sourcelist=$directory/sources.list" -o Dir::Etc::sourceparts=- \
        -o "Dir::State::lists=$directory/lists" -o "Dir::Cache=$directory/cache" -o APT::Sandbox::User=root "$@"
}

fetch() {
    command -v apt-get >/dev/null || skip 'CBMC is not here, nor is apt-get'
    # shellcheck disable=SC2016 # apt's own variable
    mirror=$(apt-get indextargets --format '$(SITE)' 'Created-By: Packages' 2>/dev/null | grep -v security | head -n 1)
    mkdir -p "$directory/lists/partial" "$directory/cache/archives/partial" "$directory/packages"
    echo "deb ${mirror:-http://deb.debian.org/debian} $suite main" >"$directory/sources.list"
    apt_of_suite apt-get update -qq || skip "Debian's packages of $suite cannot be reached"
    (cd "$directory/packages" && apt_of_suite apt-get download -qq cbmc minisat libc6 libstdc++6 libgcc-s1) ||
        skip "CBMC of $suite cannot be fetched"
    for package in "$directory"/packages/*.deb; do
        dpkg -x "$package" "$directory/root"
    done
}

if command -v cbmc >/dev/null; then
    cbmc=cbmc
else
    cbmc=$directory/cbmc
    root=$directory/root
    [ -x "$root/usr/bin/cbmc" ] || fetch
    libraries=$(dirname "$(find "$root/usr/lib" -name libc.so.6)"):$root/usr/lib
    cat >"$cbmc" <<END
#!/bin/sh
exec $(find "$root/usr/lib" -name 'ld-linux*.so.*' | head -n 1) --library-path "$libraries" "$root/usr/bin/cbmc" "\$@"
END
    chmod +x "$cbmc"
fi
"$cbmc" --version

# prove ABOUT NAME BYTES CBMC-ARGUMENT...: NAME.c, with buffers of up to BYTES. A loop that could run on beyond what
# --unwind says is a failure too, so nothing is left out.
prove() {
    about=$1
    name=$2
    bytes=$3
    shift 3
    log=$directory/$name.log
    if "$cbmc" "$here/$name.c" -DBYTES="$bytes" "$@" --bounds-check --pointer-check --pointer-overflow-check \
        --signed-overflow-check --undefined-shift-check --div-by-zero-check --unwinding-assertions --slice-formula \
        --object-bits 12 >"$log" 2>&1; then
        echo "proved: $about ($(grep -c ': SUCCESS$' "$log") properties)"
    else
        grep -E 'FAILURE|error|ERROR' "$log" || tail -n 20 "$log"
        echo "NOT proved: $about, log $log"
        status=1
    fi
}

status=0
parsers=$here/../../parsers
prove 'reader_*, any buffer of up to 1000 bytes' reader 1000 --unwind 5
prove 'a reply of SMTP, any line of up to 8 bytes' smtp_reply 8 --unwind 26 "$parsers/smtp_reply.c" "$parsers/smtp_text.c"
states='2 6 7'
[ "${2:-}" != --long ] || states='0 1 2 3 4 5 6 7'
for state in $states; do
    prove "TLS records, one more byte in state $state" tls_record 1 -DSTATE="$state" --unwind 5 \
        --unwindset scan.0:10,memmove.0:10
done
for state in 0 1; do
    prove "TLS records, a whole header at once in state $state" tls_record 9 -DSTATE="$state" -DWHOLE_HEADER
done
for state in 1 2; do
    prove "TLS records, data passed over in state $state" tls_record 9 -DSTATE="$state" -DPASS
done
exit "$status"
