#!/bin/sh
# install.sh: cmake --install puts a working program, its manual page and its documents under DESTDIR.
set -eu

cd "$(dirname -- "$0")/.."
stage=$(mktemp -d)
trap 'rm -rf "$stage"' EXIT
DESTDIR=$stage cmake --install build --prefix /usr
for file in bin/starttap share/man/man1/starttap.1 share/doc/starttap/README.md share/doc/starttap/LICENSE \
    share/doc/starttap/starttap.yaml share/starttap/schema share/starttap/profiles/mandatory.policy \
    lib/systemd/system/starttap.service lib/sysusers.d/starttap.conf lib/tmpfiles.d/starttap.conf; do
    [ -e "$stage/usr/$file" ] || { echo "not installed: $file" && exit 1; }
done
"$stage/usr/bin/starttap" --version
"$stage/usr/bin/starttap" -T --config "$stage/usr/share/doc/starttap/starttap.yaml"
grep -q '^ExecStart=/usr/bin/starttap ' "$stage/usr/lib/systemd/system/starttap.service"

# What the service manager thinks of the unit, where there is one to ask.
unit=$stage/usr/lib/systemd/system/starttap.service
if command -v systemd-analyze >/dev/null; then
    systemd-analyze security --offline=true --no-pager --threshold=20 "$unit" >"$stage/security" ||
        { cat "$stage/security" && exit 1; }
    tail -n 1 "$stage/security"
    systemd-analyze verify --man=no "$unit" >"$stage/verify" 2>&1 || true # the program is not at its place
    ! grep -i 'unknown\|invalid\|failed to parse' "$stage/verify" || exit 1
else
    echo 'not asked: there is no systemd-analyze here'
fi
if command -v systemd-sysusers >/dev/null; then
    mkdir -p "$stage/etc"
    systemd-sysusers --root="$stage" "$stage/usr/lib/sysusers.d/starttap.conf"
    grep -q '^starttap:' "$stage/etc/passwd"
fi
if command -v systemd-tmpfiles >/dev/null && [ "$(id -u)" -eq 0 ]; then
    systemd-tmpfiles --root="$stage" --create "$stage/usr/lib/tmpfiles.d/starttap.conf"
    [ -d "$stage/var/lib/starttap" ] && [ "$(stat -c %a "$stage/etc/starttap")" = 750 ]
fi
