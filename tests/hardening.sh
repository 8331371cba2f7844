#!/bin/sh
# hardening.sh: what protects the program from what it reads, looked for in the program: sh tests/hardening.sh PROGRAM
set -u

program=$1
wrong=0
sections=$(readelf --wide --segments --dynamic --notes --dyn-syms --file-header "$program") || exit 1

# has PATTERN ABOUT; lacks PATTERN ABOUT: a line of what readelf says of the program.
has() {
    if printf '%s\n' "$sections" | grep -Eq -- "$1"; then
        echo "yes  $2"
    else
        echo "NO   $2"
        wrong=$((wrong + 1))
    fi
}

lacks() {
    if printf '%s\n' "$sections" | grep -Eq -- "$1"; then
        echo "NO   $2"
        wrong=$((wrong + 1))
    else
        echo "yes  $2"
    fi
}

has 'FLAGS_1.* PIE' 'position-independent: it is loaded at another address each time (PIE)'
has 'GNU_RELRO' 'relocated pointers become read-only (RELRO)'
has 'FLAGS_1.* NOW' 'all of them before it starts (BIND_NOW)'
has 'GNU_STACK +0x[0-9a-f]+ 0x[0-9a-f]+ 0x[0-9a-f]+ 0x[0-9a-f]+ 0x[0-9a-f]+ RW ' 'its stack is not executable'
lacks 'LOAD .* RWE ' 'no memory is writable and executable'
lacks 'TEXTREL' 'no code is changed when it is loaded'
lacks '(RPATH|RUNPATH)' 'libraries come from where the system keeps them'
has '__stack_chk_fail' 'stack protector'
has '__(memcpy|memmove|snprintf|vsnprintf|read)_chk' 'copies check their bounds (_FORTIFY_SOURCE)'
case $(uname -m) in
x86_64)
    has 'x86 feature: .*IBT' 'indirect jumps land where they may (CET, IBT)'
    has 'x86 feature: .*SHSTK' 'returns go back to where they came from (CET, shadow stack)'
    ;;
esac
echo "$wrong missing"
[ "$wrong" -eq 0 ]
