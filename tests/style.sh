#!/bin/sh
# style.sh: formatting of C, sizes of files, shell scripts and the manual page.
set -u

cd "$(dirname -- "$0")/.." || exit 1
format=$(command -v clang-format-14 || command -v clang-format)
case $("$format" --version 2>/dev/null) in
*'version 14.'*) ;;
*)
    echo 'clang-format 14 is not here'
    exit 77
    ;;
esac
status=0
sources=$(git ls-files -co --exclude-standard '*.c' '*.h')
scripts=$(git ls-files -co --exclude-standard '*.sh' .ci/run)

# shellcheck disable=SC2086 # words on purpose
"$format" --dry-run -Werror $sources || status=1
for file in $sources; do
    lines=$(wc -l <"$file")
    if [ "$lines" -gt 640 ]; then
        echo "$file: $lines lines; files have about 600 at most (DESIGN rule 8)"
        status=1
    fi
done
# shellcheck disable=SC2086
if command -v shellcheck >/dev/null; then
    shellcheck -x -S warning $scripts || status=1
fi
if command -v mandoc >/dev/null; then
    mandoc -Tlint -Wwarning sensor/starttap.1 || status=1
fi
exit $status
