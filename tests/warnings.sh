#!/bin/sh
# warnings.sh: clang, too, has nothing to say, of any source, with the warnings of gcc's build: sh tests/warnings.sh BUILD
#
# Its compile commands are run by clang without making anything.
set -u

root=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd)
clang=$(command -v clang-14 || command -v clang)
if [ -z "$clang" ]; then
    echo 'clang is not here'
    exit 77
fi
exec python3 - "$root" "$1" "$clang" <<'END'
import concurrent.futures
import json
import os
import pathlib
import shlex
import subprocess
import sys

root, build, clang = sys.argv[1:]
WARNINGS = ["-Wall", "-Wextra", "-Wconversion", "-Wshadow", "-Werror"]
LEFT_OUT = ("-f", "-o", "-M", "-g", "-O", "-W", "-c")  # hardening, what is made, gcc's own warnings
WITH_VALUE = ("-o", "-MT", "-MF")


def check(command):
    words, kept = shlex.split(command["command"])[1:], []
    while words:
        word = words.pop(0)
        if word in WITH_VALUE:
            words.pop(0)
        elif not word.startswith(LEFT_OUT):
            kept.append(word)
    done = subprocess.run([clang, "-fsyntax-only", *WARNINGS, *kept], cwd=command["directory"], capture_output=True, text=True, check=False)
    return done.returncode, done.stderr


commands = {command["file"]: command for command in json.loads((pathlib.Path(build) / "compile_commands.json").read_text())}
with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
    results = list(pool.map(check, commands.values()))
failed = [message for status, message in results if status != 0]
print("".join(failed) + f"clang: {len(results)} files, {len(failed)} with warnings")
sys.exit(1 if failed or not results else 0)
END
