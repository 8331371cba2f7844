#!/bin/sh
# build.sh: configures and builds one build directory, all of it or a target:
#
#     sh tests/build.sh DIRECTORY [--target=NAME] [CMAKE ARGUMENT...]
set -eu

root=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd)
directory=$1
shift
target=all
case ${1:-} in
--target=*)
    target=${1#*=}
    shift
    ;;
esac
if ! grep -qxF "CMAKE_HOME_DIRECTORY:INTERNAL=$root" "$directory/CMakeCache.txt" 2>/dev/null; then
    rm -rf "$directory/CMakeCache.txt" "$directory/CMakeFiles"
    ! command -v ninja >/dev/null || set -- "$@" -G Ninja
fi
cmake -S "$root" -B "$directory" "$@"
# One file that does not compile must not hide what the others do.
keep_going=-k
[ ! -e "$directory/build.ninja" ] || keep_going=-k0
cmake --build "$directory" --target "$target" --parallel "$(getconf _NPROCESSORS_ONLN)" -- "$keep_going"
