#!/usr/bin/env python3
"""failures.py: each allocation, write, fsync, open and rename fails once.

    python3 tests/hostile/failures.py STARTTAP [--sanitizers=STARTTAP] [--full [--full]] [--kinds=KIND[,KIND]]

Runs over a small capture with every kind of file as output. Each run must end by itself with a documented status,
say in whole lines what failed unless nothing is missing, and leave no torn output: each line of JSON parses, CSV has
whole rows, the database is sound, the recording is read again. Of a run of AddressSanitizer's (--sanitizers) nothing
may have leaked.

Of about 100,000 allocations most come from the same places again and again: with --full the first one from each place
fails (by the callers of callers, some 2,400), without it some of these; given twice, each single one (hours).
"""

import argparse
import collections
import concurrent.futures
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
VERDICT = "offered_unused"
STATUS = (0, 1, 2)  # 2: what fails before there is a configuration
SAMPLE, SAMPLE_SANITIZED = 100, 12


class Problem(Exception):
    pass


def arguments(directory):
    return ["-r", CAPTURE, "--ca", ROOT / "pcaps/certs/ca.pem", "-o", f"json:{directory}/a.json",
            "-o", f"json:{directory}/b.json.zst?rotate=1KB", "-o", f"csv:{directory}/a.csv",
            "-o", f"sqlite:{directory}/a.db", "-o", f"tlsrpt:{directory}/reports?sender=example.net",
            "-w", f"{directory}/mail.pcapng", "--scrub", "--sink-wait=1"]


def run(starttap, library, directory, fail, everything=False, count=False):
    os.makedirs(f"{directory}/reports")
    environment = dict(os.environ, LD_PRELOAD=library, STARTTAP_FAIL=fail,
                       ASAN_OPTIONS="verify_asan_link_order=0:detect_leaks=1:allocator_may_return_null=1:exitcode=99")
    if count:
        environment["STARTTAP_FAIL_COUNT"] = f"{directory}/count"
    if everything:
        environment["STARTTAP_FAIL_ALL"] = "1"
    return subprocess.run([starttap, *arguments(directory)], env=environment, capture_output=True, timeout=30,
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
    events = [json.loads(line) for line in whole_lines(f"{directory}/a.json")]
    found = {"limits": [event["starttap"]["sensor"].get("limits") for event in events if "sensor" in event["starttap"]],
             "json": {event["event"]["id"]: event for event in events if "sensor" not in event["starttap"]}}
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
    if done.returncode == 0 and not errors and found["limits"] == reference["limits"] and found != reference:
        raise Problem(f"status 0 and not a word, but {difference(found, reference)}")
    verdicts = {event["starttap"]["verdict"] for event in found["json"].values() if "verdict" in event["starttap"]}
    if not verdicts <= {VERDICT, "unknown"}:
        raise Problem(f"a wrong verdict: {verdicts}")


def difference(found, reference):
    parts = [f"{name}: {found[name]} instead of {reference[name]}" for name in reference
             if name != "json" and found[name] != reference[name]]
    for number in sorted({*found["json"], *reference["json"]}):
        one, two = found["json"].get(number), reference["json"].get(number)
        if one is None or two is None:
            parts.append(f"{'another' if one else 'no'} event {number}")
        else:
            parts += [f"{number}: {name}: {one.get(name)} instead of {two.get(name)}" for name in sorted({*one, *two})
                      if one.get(name) != two.get(name)]
    return "; ".join(parts)[:2000]


def places(directory, full, sanitized):
    """Of which calls each fails, and how many there are: one from each place, or with full=2 all of them."""
    *firsts, count = map(int, pathlib.Path(f"{directory}/count").read_text().split())
    if full == 2:
        return list(range(1, count + 1)), count
    most = len(firsts) if full else SAMPLE_SANITIZED if sanitized else SAMPLE
    return firsts[::-(-len(firsts) // most)], count


def try_one(starttap, library, kind, number, everything, reference):
    """(status, problem or None)"""
    with tempfile.TemporaryDirectory(prefix="starttap-fail-") as directory:
        status = None
        try:
            done = run(starttap, library, directory, f"{kind}:{number}", everything)
            status = done.returncode
            check(done, directory, reference)
        except (Problem, ValueError, sqlite3.Error, subprocess.SubprocessError) as error:
            return status, f"{kind} {number}{' and on' if everything else ''}: {error}"
        return status, None


def try_kind(starttap, library, kind, full, sanitized):
    with tempfile.TemporaryDirectory(prefix="starttap-fail-") as directory:
        done = run(starttap, library, directory, f"{kind}:0", count=True)
        reference = look(directory)
        if done.returncode != 0 or not reference["json"]:
            sys.exit(f"failures.py: without a failure: status {done.returncode}, {done.stderr.decode()}")
        tried, count = places(directory, full, sanitized)
    jobs = [(number, everything) for number in tried for everything in ((False, True) if kind != "malloc" else (False,))]
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        results = list(pool.map(lambda job: try_one(starttap, library, kind, *job, reference), jobs))
    statuses = collections.Counter(str(status) for status, _ in results)
    problems = [problem for _, problem in results if problem]
    print("".join(f"{problem}\n" for problem in problems) + f"{kind}{', sanitizers' if sanitized else ''}: {len(tried)} of {count} "
          f"failed; statuses {dict(sorted(statuses.items()))}; {len(problems)} problems", flush=True)
    return len(problems)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("starttap", type=pathlib.Path)
    parser.add_argument("--sanitizers", type=pathlib.Path, metavar="STARTTAP")
    parser.add_argument("--full", action="count", default=0)
    parser.add_argument("--kinds", default="malloc,write,fsync,open,rename")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="starttap-fail-") as directory:
        library = f"{directory}/fail.so"
        subprocess.run([os.environ.get("CC", "cc"), "-D_GNU_SOURCE", "-O2", "-Wall", "-Wextra", "-Werror", "-shared",
                        "-fPIC", "-o", library, ROOT / "tests/hostile/fail.c"], check=True)
        problems = 0
        for starttap in filter(None, (arguments.starttap, arguments.sanitizers)):
            problems += sum(try_kind(starttap.resolve(), library, kind, arguments.full, starttap == arguments.sanitizers)
                            for kind in arguments.kinds.split(","))
    print(f"{problems} problems")
    sys.exit(1 if problems else 0)


main()
