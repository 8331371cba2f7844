#!/bin/sh
# install.sh: cmake --install puts a working program, its manual page and its documents under DESTDIR.
set -eu

cd "$(dirname -- "$0")/.."
stage=$(mktemp -d)
trap 'rm -rf "$stage"' EXIT
DESTDIR=$stage cmake --install build --prefix /usr
for file in bin/starttap share/man/man1/starttap.1 share/doc/starttap/README.md share/doc/starttap/LICENSE \
    share/doc/starttap/starttap.yaml share/starttap/schema; do
    [ -e "$stage/usr/$file" ] || { echo "not installed: $file" && exit 1; }
done
"$stage/usr/bin/starttap" --version
"$stage/usr/bin/starttap" -T --config "$stage/usr/share/doc/starttap/starttap.yaml"
