#!/bin/sh
# packages.sh: installs what building (and, with "test", testing) needs, where it knows the system's packages.
#
#     sh sensor/packages.sh [build] [test]
#
# Does nothing when all is there. Uses sudo only when not root. On a system that it does not know it prints
# what is needed and ends with 3, unless it was told by STARTTAP_PACKAGES=skip that all is there.
set -eu

# Debian 12, Ubuntu 24.04. clang by its version, so that formatting is the same everywhere. make: with it gcc links
# the program's parts side by side.
apt_build='gcc libc6-dev make cmake ninja-build pkg-config libpcap-dev libndpi-dev libssl-dev libyaml-dev zlib1g-dev
    libzstd-dev librdkafka-dev libsqlite3-dev libmicrohttpd-dev libseccomp-dev
    libpsl-dev publicsuffix libmaxminddb-dev'
apt_test='libcmocka-dev clang-14 libclang-rt-14-dev llvm-14 clang-format-14 clang-tidy-14 shellcheck mandoc git
    cppcheck valgrind
    openssl ca-certificates netbase gzip zstd tcpdump procps iproute2 gnutls-bin tshark tcpreplay unbound bind9-dnsutils
    python3 python3-venv python3-jsonschema nodejs jq libjansson-dev sqlite3 psl systemd kcat
    default-jre-headless maven'

# Fedora
dnf_build='gcc make cmake ninja-build pkgconf-pkg-config libpcap-devel ndpi-devel openssl-devel libyaml-devel
    zlib-devel libzstd-devel librdkafka-devel sqlite-devel libmicrohttpd-devel libseccomp-devel
    libpsl-devel publicsuffix-list-dafsa libmaxminddb-devel'
dnf_test='libcmocka-devel clang compiler-rt llvm clang-tools-extra ShellCheck mandoc git cppcheck valgrind openssl ca-certificates
    gzip zstd tcpdump procps-ng iproute gnutls-utils wireshark-cli tcpreplay unbound bind-utils
    python3 python3-pip python3-jsonschema nodejs jq jansson-devel sqlite psl systemd kcat java-headless maven'

as_root() {
    if [ "$(id -u)" -eq 0 ]; then
        "$@"
    elif command -v sudo >/dev/null; then
        sudo "$@"
    else
        echo "packages.sh: run this as root (there is no sudo): $*" >&2
        exit 1
    fi
}

apt_missing() {
    for package in "$@"; do
        case $(dpkg-query -W -f '${Status}' "$package" 2>/dev/null) in
        *' installed') ;;
        *) echo "$package" ;;
        esac
    done
}

# A package may be there under another name that provides this one.
dnf_missing() {
    for package in "$@"; do
        rpm -q --whatprovides "$package" >/dev/null 2>&1 || echo "$package"
    done
}

print_needs() {
    cat >&2 <<END
packages.sh: this system (${PRETTY_NAME:-unknown}) is not known. Needed, with headers:
    a C17 compiler (gcc 12 or clang 14, or later), CMake 3.25, ninja or make, pkg-config
    libpcap 1.10    https://www.tcpdump.org
    nDPI 4.2        https://github.com/ntop/nDPI
    OpenSSL 3.0     https://www.openssl.org
    libyaml 0.2     https://github.com/yaml/libyaml
    librdkafka 1.9  https://github.com/confluentinc/librdkafka
    SQLite 3.38     https://sqlite.org
    libmicrohttpd 0.9.71  https://www.gnu.org/software/libmicrohttpd
    libseccomp 2.5  https://github.com/seccomp/libseccomp
    libpsl 0.20     https://github.com/rockdaboot/libpsl
    libmaxminddb 1.3  https://github.com/maxmind/libmaxminddb
    zlib, libzstd
END
    case " $wanted " in
    *' test '*)
        echo "and for the tests: cmocka, clang with its sanitizers, clang-format and clang-tidy 14, shellcheck," \
            "cppcheck, valgrind, mandoc, git, openssl, gzip, zstd, tcpdump, ip, tshark, gnutls-cli, python3 with" \
            "venv and jsonschema, node, jansson, jq, sqlite3" >&2
        ;;
    esac
    echo 'With all of it installed, go on by: STARTTAP_PACKAGES=skip sh sensor/quickstart.sh' >&2
}

[ "${STARTTAP_PACKAGES:-}" != skip ] || exit 0
wanted=${*:-build}
ID=unknown
ID_LIKE=
# shellcheck source=/dev/null
[ ! -r /etc/os-release ] || . /etc/os-release
case " $ID $ID_LIKE " in
*' debian '* | *' ubuntu '*) manager=apt ;;
*' fedora '*) manager=dnf ;;
*) manager=unknown ;;
esac
# Debian 13 has no clang 14 any more: the newer one does all but tests/style.sh and tests/tidy.sh.
if [ "$ID" = debian ] && [ "${VERSION_ID:-13}" -ge 13 ]; then
    apt_test=$(echo "$apt_test" | sed 's/-14//g')
fi
# Rebuilds of RHEL call themselves like Fedora, but have no nDPI.
[ "$manager" != dnf ] || [ "$ID" = fedora ] || manager=unknown

packages=
for set in $wanted; do
    case $manager-$set in
    apt-build) packages="$packages $apt_build" ;;
    apt-test) packages="$packages $apt_test" ;;
    dnf-build) packages="$packages $dnf_build" ;;
    dnf-test) packages="$packages $dnf_test" ;;
    unknown-*) ;;
    *)
        echo "usage: sh sensor/packages.sh [build] [test]" >&2
        exit 2
        ;;
    esac
done

# The lists are words on purpose from here on.
# shellcheck disable=SC2086
case $manager in
apt)
    missing=$(apt_missing $packages)
    [ -n "$missing" ] || exit 0
    echo "installing:" $missing
    as_root apt-get update -qq
    as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $missing >/dev/null
    ;;
dnf)
    missing=$(dnf_missing $packages)
    [ -n "$missing" ] || exit 0
    echo "installing:" $missing
    as_root dnf install -y -q --setopt=install_weak_deps=False $missing
    ;;
unknown)
    print_needs
    exit 3
    ;;
esac
