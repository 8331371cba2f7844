#!/bin/sh
# Makes every capture in this directory from real mail software, in network namespaces of its own.
#
#   make.sh              make all of them
#   make.sh NAME...      make only these (names as in INDEX.md)
#
# Needs root on Debian 12. Nothing on the machine changes: the software goes into a private root (an overlay over /, kept in
# $WORK so that a second run installs nothing), and the scenarios run in that root with no network but the namespaces that
# they make, in a process namespace that takes every daemon with it when it ends.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
WORK=${WORK:-${TMPDIR:-/var/tmp}/starttap-pcaps}

# Everything that apt can install side by side, and the two servers that Debian lets nobody install beside Postfix.
PACKAGES="postfix postfix-pcre sasl2-bin libsasl2-modules swaks libnet-ssleay-perl libauthen-sasl-perl libdigest-hmac-perl
    openssl gnutls-bin curl python3 python3-aiosmtpd iproute2 ethtool util-linux tcpdump tshark zstd gzip unbound bind9-dnsutils
    libgnutls-dane0 libidn2-0 libpcre2-8-0 libevent-2.1-7 zlib1g libdb5.3 libcrypt1 libidn12"
UNPACKED="exim4-base exim4-daemon-light opensmtpd/bookworm-backports" # 6.8 of bookworm cannot sign with OpenSSL 3

main() {
    if [ "$(id -u)" -ne 0 ]; then
        echo "make.sh: needs root, for network namespaces and tcpdump. Run it as root: sudo sh pcaps/make.sh" >&2
        exit 1
    fi
    case "${1-}" in
    --in-own-namespaces) shift && enter_root "$@" ;;
    *) exec unshare --mount --propagation private sh "$here/make.sh" --in-own-namespaces "$@" ;;
    esac
}

enter_root() {
    mount_root
    [ -e "$WORK/installed" ] || install_software
    exec unshare --net --uts --pid --fork --kill-child sh -c '
        mount -t proc proc "$0/proc" && exec chroot "$0" env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LC_ALL=C.UTF-8 TZ=UTC \
            /usr/bin/python3 -B /lab/make/make.py "$@"' "$WORK/root" "$@"
}

mount_root() {
    mkdir -p "$WORK/upper" "$WORK/work" "$WORK/root"
    mount -t overlay overlay -o "lowerdir=/,upperdir=$WORK/upper,workdir=$WORK/work" "$WORK/root" || {
        echo "make.sh: cannot lay an overlay over / in $WORK; set WORK to a directory on a plain file system (ext4, xfs, tmpfs)" >&2
        exit 1
    }
    mkdir -p "$WORK/root/lab"
    mount --bind "$here" "$WORK/root/lab"
    mount --rbind /dev "$WORK/root/dev"
    mount -t sysfs sysfs "$WORK/root/sys"
    mount -t proc proc "$WORK/root/proc"
    mount -t tmpfs tmpfs "$WORK/root/run"
    mount -t tmpfs tmpfs "$WORK/root/tmp"
    chmod 1777 "$WORK/root/tmp"
}

in_root() { chroot "$WORK/root" env DEBIAN_FRONTEND=noninteractive "$@"; }

install_software() {
    printf '#!/bin/sh\nexit 101\n' >"$WORK/root/usr/sbin/policy-rc.d" # dpkg starts no daemon
    chmod +x "$WORK/root/usr/sbin/policy-rc.d"
    rm -f "$WORK/root/etc/resolv.conf"
    cat /etc/resolv.conf >"$WORK/root/etc/resolv.conf"
    echo 'deb http://deb.debian.org/debian bookworm-backports main' >"$WORK/root/etc/apt/sources.list.d/backports.list"
    in_root apt-get -qq update
    # shellcheck disable=SC2086
    in_root apt-get -qq -y --no-install-recommends install $PACKAGES
    # shellcheck disable=SC2086,SC2016
    in_root sh -ec 'rm -rf /var/tmp/debs && mkdir /var/tmp/debs && cd /var/tmp/debs && apt-get -qq -o APT::Sandbox::User=root download "$@" 
        for deb in *.deb; do dpkg -x "$deb" /var/tmp/debs/tree; done
        rm -f tree/usr/sbin/sendmail tree/usr/lib/sendmail tree/usr/bin/mailq tree/usr/bin/newaliases
        tar -C tree -c . | tar -C / -x --keep-directory-symlink && rm -rf tree' sh $UNPACKED
    for user in Debian-exim opensmtpd opensmtpq; do
        in_root id "$user" >/dev/null 2>&1 || in_root useradd --system --user-group --shell /usr/sbin/nologin "$user"
    done
    touch "$WORK/installed"
}

main "$@"
