#!/usr/bin/env python3
"""Each allocation, write, fsync, open and rename fails once.

    failures.py STARTTAP [--sanitizers=STARTTAP] [--full]

Runs over a small capture with every kind of file as output. Each run must end by itself with a documented status,
say in whole lines what failed unless nothing is missing, and leave no torn output: each line of JSON parses, CSV has
whole rows, the database is sound, the recording is read again. Of a run of AddressSanitizer's (--sanitizers) nothing
may have leaked. All allocations with --full; else the first ones and a sample of the others."""

import csv
import glob
import json
import os
import pathlib
import sqlite3
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
CAPTURE = ROOT / "pcaps/exim-offered-unused.pcap"
STATUS = (0, 1, 2)  # 2: what fails before there is a configuration
FIRST = {"malloc": 150, "write": 10**9, "fsync": 10**9, "open": 10**9, "rename": 10**9}
SAMPLE = 250


class Problem(Exception):
    pass


def arguments(directory):
    return ["-r", CAPTURE, "--ca", ROOT / "pcaps/certs/ca.pem", "-o", f"json:{directory}/a.json",
            "-o", f"json:{directory}/b.json.zst?rotate=1KB", "-o", f"csv:{directory}/a.csv",
            "-o", f"sqlite:{directory}/a.db", "-o", f"tlsrpt:{directory}/reports?sender=example.net",
            "-w", f"{directory}/mail.pcapng", "--scrub", "--sink-wait=1"]


def run(starttap, library, directory, fail, everything=False):
    os.makedirs(f"{directory}/reports")
    environment = dict(os.environ, LD_PRELOAD=library, STARTTAP_FAIL=fail, STARTTAP_FAIL_COUNT=f"{directory}/count",
                       ASAN_OPTIONS="verify_asan_link_order=0:detect_leaks=1:allocator_may_return_null=1:exitcode=99")
    if everything:
        environment["STARTTAP_FAIL_ALL"] = "1"
    return subprocess.run([starttap, *arguments(directory)], env=environment, capture_output=True, timeout=120,
                          check=False, stdin=subprocess.DEVNULL)


def whole_lines(path):
    if not os.path.exists(path):
        return []
    text = pathlib.Path(path).read_bytes().decode("utf-8", "strict")
    if text and not text.endswith("\n"):
        raise Problem(f"{os.path.basename(path)} ends within a line: {text[-80:]!r}")
    return text.splitlines()


def look(directory):
    """What is there, as far as it is whole: ids of events by output. Raises Problem where something is torn."""
    found = {"json": {json.loads(line)["event"]["id"] for line in whole_lines(f"{directory}/a.json")}}
    rows = list(csv.reader(whole_lines(f"{directory}/a.csv")))
    if any(len(row) != len(rows[0]) for row in rows):
        raise Problem("a.csv has a torn row")
    found["csv"] = len(rows)
    if os.path.exists(f"{directory}/a.db"):
        db = sqlite3.connect(f"{directory}/a.db")
        if db.execute("PRAGMA integrity_check").fetchone() != ("ok",):
            raise Problem("the database is damaged")
        tables = {row[0] for row in db.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
        found["sqlite"] = {row[0] for row in db.execute("SELECT event_id FROM sessions")} if "sessions" in tables else set()
        db.close()
    found["zst"] = 0
    for path in glob.glob(f"{directory}/b*.zst"):
        done = subprocess.run(["zstd", "-dcq", path], capture_output=True, check=False)
        lines = done.stdout.decode().split("\n")
        found["zst"] += len(lines) - 1
        for line in lines[:-1]:
            json.loads(line)
    found["reports"] = sorted(os.path.basename(path) for path in glob.glob(f"{directory}/reports/*.gz"))
    for path in glob.glob(f"{directory}/reports/*.gz"):
        json.loads(subprocess.run(["gzip", "-dc", path], capture_output=True, check=True).stdout)
    return found


def check(done, directory, reference):
    errors = done.stderr.decode("utf-8", "replace")
    if done.returncode not in STATUS:
        raise Problem(f"status {done.returncode}: {errors[-3000:]}")
    if done.returncode != 0 and not errors.strip():
        raise Problem(f"status {done.returncode} without a word")
    if errors and not errors.endswith("\n"):
        raise Problem(f"a message without an end: {errors!r}")
    for line in errors.splitlines():
        if not line.startswith(("starttap: ", "Try ")):
            raise Problem(f"a message that is none of ours: {errors!r}")
    found = look(directory)
    if done.returncode == 0 and not errors and found != reference:
        raise Problem(f"status 0 and not a word, but {found} instead of {reference}")
    return found


def numbers(kind, count, full):
    first = count if full else min(count, FIRST[kind])
    step = max(1, (count - first) // SAMPLE)
    return [*range(1, first + 1), *range(first + 1, count + 1, step)]


def try_kind(starttap, library, kind, full, thin):
    """thin: of the numbers, one of so many."""
    with tempfile.TemporaryDirectory(prefix="starttap-fail-") as directory:
        done = run(starttap, library, directory, f"{kind}:0")
        reference = look(directory)
        if done.returncode != 0 or not reference["json"]:
            sys.exit(f"failures.py: without a failure: status {done.returncode}, {done.stderr.decode()}")
        count = int(pathlib.Path(f"{directory}/count").read_text())
    problems, statuses, tried = 0, {}, numbers(kind, count, full)[::thin]
    for number in tried:
        for everything in (False, True) if kind != "malloc" else (False,):
            with tempfile.TemporaryDirectory(prefix="starttap-fail-") as directory:
                try:
                    done = run(starttap, library, directory, f"{kind}:{number}", everything)
                    statuses[done.returncode] = statuses.get(done.returncode, 0) + 1
                    check(done, directory, reference)
                except (Problem, ValueError, sqlite3.Error, subprocess.SubprocessError) as error:
                    problems += 1
                    print(f"{kind} {number}{' and on' if everything else ''}: {error}")
    print(f"{kind}: {len(tried)} of {count} failed; statuses {dict(sorted(statuses.items()))}; {problems} problems",
          flush=True)
    return problems


def main():
    flags = [argument for argument in sys.argv[1:] if argument.startswith("--")]
    (starttap,) = [argument for argument in sys.argv[1:] if not argument.startswith("--")]
    sanitized = next((flag.split("=")[1] for flag in flags if flag.startswith("--sanitizers=")), None)
    full = "--full" in flags
    kinds = next((flag.split("=")[1].split(",") for flag in flags if flag.startswith("--kinds=")), list(FIRST))
    with tempfile.TemporaryDirectory(prefix="starttap-fail-") as directory:
        library = f"{directory}/fail.so"
        subprocess.run([os.environ.get("CC", "cc"), "-D_GNU_SOURCE", "-O2", "-Wall", "-Wextra", "-Werror", "-shared",
                        "-fPIC", "-o", library, ROOT / "tests/hostile/fail.c"], check=True)
        problems = sum(try_kind(starttap, library, kind, full, 1) for kind in kinds)
        if sanitized:
            problems += sum(try_kind(sanitized, library, kind, full, 1 if full else 8) for kind in kinds)
    sys.exit(1 if problems else 0)


main()
