# check.sh: what the command line scripts share; sourced with the program as $1.
# shellcheck shell=sh

case $1 in
/*) starttap=$1 ;;
*) starttap=$PWD/$1 ;;
esac
# shellcheck disable=SC2034 # for the scripts
pcaps=$(CDPATH='' cd -- "$(dirname -- "$0")/../../pcaps" && pwd)
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
cd "$scratch" || exit 1
problems=0

# Says what went wrong, with what the last run said, and goes on.
wrong() {
    echo "wrong: $*"
    sed 's/^/    stdout: /' out | head -n 5
    sed 's/^/    stderr: /' err | head -n 5
    problems=$((problems + 1))
}

# run STATUS ARGUMENT...: runs the program, its output in the files out and err.
run() {
    expected=$1
    shift
    what="starttap $*"
    status=0
    "$starttap" "$@" >out 2>err || status=$?
    [ "$status" -eq "$expected" ] || wrong "$what: status $status, not $expected"
}

# has FILE TEXT / lacks FILE TEXT / empty FILE, of the last run.
has() {
    grep -qF -e "$2" "$1" || wrong "$what: '$2' is not in $1"
}
lacks() {
    ! grep -qF -e "$2" "$1" || wrong "$what: '$2' is in $1"
}
empty() {
    [ ! -s "$1" ] || wrong "$what: $1 is not empty"
}
same() {
    cmp -s "$1" "$2" || wrong "$what: $1 and $2 differ"
}

finish() {
    [ "$problems" -eq 0 ]
    exit
}
