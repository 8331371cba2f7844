#!/usr/bin/env python3
"""captures.py: no capture harms the program, whatever is in it.

    python3 tests/hostile/captures.py STARTTAP [--number=N] [--seed=S] [--keep=DIRECTORY]
    python3 tests/hostile/captures.py STARTTAP FILE|DIRECTORY...

STARTTAP is a build with AddressSanitizer and UBSan. Without captures, N hostile ones are made (variants.py) out of the
bundled ones and read in directories of BATCH at a time, each by one of the sets of options in turn. Captures that are
named, or lie anywhere below a directory, are read one by one by every set.

Each run must end within LIMIT_S for each capture, with a documented status and nothing but messages of its own; what it
wrote must be whole: JSON that parses, no event twice, rows of CSV with all their cells, a sound database, a recording
that is read again. Captures with which it was not so are kept.
"""
import argparse
import collections
import concurrent.futures
import csv
import json
import os
import pathlib
import random
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import time

import variants

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
CA = ROOT / "pcaps/certs/ca.pem"
LIMIT_S = 20
BATCH = 20
STATUS = (0, 3)
ENVIRONMENT = {"ASAN_OPTIONS": "detect_leaks=1:strict_string_checks=1:allocator_may_return_null=1:exitcode=99",
               "UBSAN_OPTIONS": "print_stacktrace=1:halt_on_error=1:exitcode=98"}

# {} is the directory for what is written.
OPTIONS = {
    "summary alone": ["--no-verify"],
    "any port": ["-n", "-q", "--any-port", "--ca", CA, "-o", "json:{}/a.json"],
    "everything judged": ["-n", "-q", "--received", "--policy", "mandatory", "--state", "{}/peers.state", "--mta-sts",
                          ROOT / "pcaps/mta-sts", "--home", "10.0.0.0/8", "--verify-checksums", "--ca", CA, "-o", "json:{}/a.json"],
    "recorded": ["-n", "-q", "--any-port", "--no-verify", "-w", "{}/mail.pcapng", "--scrub", "-o", "json:{}/a.json"],
    "two workers": ["-n", "-q", "--any-port", "--no-verify", "--workers", "2", "-o", "json:{}/a.json"],
    "all outputs": ["-q", "--any-port", "--no-verify", "--alert-on", "low", "-o", "json:{}/a.json", "-o", "csv:{}/a.csv", "-o",
                    "sqlite:{}/a.db", "-o", "json:{}/zeek.json?profile=zeek", "-o", "json:{}/eve.json?profile=eve", "-o",
                    "tlsrpt:{}/reports?sender=example.net"],
    "little memory": ["-n", "-q", "--any-port", "--no-verify", "--memory-cap", "32", "--max-flows", "3", "--max-peers", "2",
                      "--peer-window", "1", "-o", "json:{}/a.json"],
}


class Problem(Exception):
    pass


# What sets of options are compared with, as which they must give the same sessions, with the same ids.
AGAIN = {"any port": [], "two workers": ["--workers", "1"]}


def whole_lines(path):
    text = path.read_bytes().decode("utf-8", "strict")
    if text and not text.endswith("\n"):
        raise Problem(f"{path.name} ends within a line")
    return text.split("\n")[:-1]


def sessions(path):
    return [event for event in map(json.loads, whole_lines(path)) if event["event"]["dataset"] == "starttap.session"]


def check_outputs(starttap, directory):
    """The number of events. Raises what the readers raise where something is torn."""
    ids = [json.loads(line)["event"]["id"] for path in directory.glob("a.json") for line in whole_lines(path)]
    if len(ids) != len(set(ids)):
        raise Problem("an event comes twice")
    for name in ("zeek.json", "eve.json"):
        if (directory / name).exists():
            [json.loads(line) for line in whole_lines(directory / name)]
    if (directory / "a.csv").exists():
        rows = list(csv.reader(whole_lines(directory / "a.csv"), strict=True))
        if any(len(row) != len(rows[0]) for row in rows):
            raise Problem("a row of CSV with other cells than the first")
    for path in (directory / "a.db", directory / "peers.state"):
        if path.exists():
            with sqlite3.connect(path) as database:
                if database.execute("PRAGMA integrity_check").fetchone() != ("ok",):
                    raise Problem(f"{path.name} is damaged")
    if (directory / "mail.pcapng").exists():
        again = run(starttap, ["-n", "-q", "--no-verify", "-r", directory / "mail.pcapng", "-o", "json:{}/again.json"], directory, LIMIT_S)
        if again.returncode != 0:
            raise Problem(f"the recording: status {again.returncode}: {again.stderr[-2000:]}")
    return len(ids)


def run(starttap, arguments, directory, limit):
    command = [str(argument).replace("{}", str(directory)) for argument in (starttap, *arguments)]
    return subprocess.run(command, env={**os.environ, **ENVIRONMENT}, capture_output=True, stdin=subprocess.DEVNULL, timeout=limit,
                          check=False, text=True, errors="replace")


def read(starttap, options, path, limit):
    """(seconds, status, events, first message) of a run over a file or directory. Raises Problem."""
    with tempfile.TemporaryDirectory(prefix="starttap-captures-") as temporary:
        directory = pathlib.Path(temporary)
        directory.chmod(0o777)
        (directory / "reports").mkdir(mode=0o777)
        (directory / "reports").chmod(0o777)
        began = time.monotonic()
        try:
            done = run(starttap, [*options, "-r", path], directory, limit)
            seconds = time.monotonic() - began
            if done.returncode not in STATUS:
                raise Problem(f"status {done.returncode}: {done.stderr[-6000:]}")
            messages = done.stderr.splitlines()
            if any(not line.startswith("starttap: ") for line in messages):
                raise Problem(f"a message that is none of ours: {done.stderr[-6000:]}")
            if done.returncode != 0 and not messages:
                raise Problem(f"status {done.returncode} without a word")
            events = check_outputs(starttap, directory)
            for name, more in AGAIN.items():
                if options is OPTIONS[name]:
                    check_again(starttap, options + more, path, limit, directory)
            return seconds, done.returncode, events, messages[0] if messages else ""
        except subprocess.TimeoutExpired:
            raise Problem(f"not done within {limit} s") from None
        except (ValueError, KeyError, csv.Error, sqlite3.Error) as error:
            raise Problem(f"{type(error).__name__}: {error}") from error


class Table:
    """What came out, for each set of options."""

    def __init__(self):
        self.runs, self.slowest, self.statuses = collections.Counter(), {}, collections.defaultdict(collections.Counter)
        self.events, self.problems, self.messages = collections.Counter(), collections.Counter(), collections.Counter()

    def add(self, name, what, result):
        seconds, status, events, message = result
        self.runs[name] += 1
        self.slowest[name] = max(self.slowest.get(name, (0, "")), (seconds, what))
        self.statuses[name][status] += 1
        self.events[name] += events
        self.messages[message.rsplit(": ", 1)[-1]] += bool(message)

    def show(self):
        print("| options | runs | slowest, s | of | statuses | events | problems |\n| --- | --- | --- | --- | --- | --- | --- |")
        for name in OPTIONS:
            seconds, what = self.slowest.get(name, (0, ""))
            print(f"| {name} | {self.runs[name]} | {seconds:.1f} | {what} | {dict(sorted(self.statuses[name].items()))} | "
                  f"{self.events[name]} | {self.problems[name]} |")


def tried(starttap, name, path, num):
    """(name, path, result or None, problem or None)"""
    try:
        return name, path, read(starttap, OPTIONS[name], path, LIMIT_S * num), None
    except Problem as problem:
        return name, path, None, problem


def check_again(starttap, options, path, limit, directory):
    before = sessions(directory / "a.json")
    (directory / "a.json").unlink()
    run(starttap, [*options, "-r", path], directory, limit)
    if sessions(directory / "a.json") != before:
        raise Problem(f"other sessions with {' '.join(map(str, options))}")


def keep(path, directory):
    directory.mkdir(parents=True, exist_ok=True)
    return shutil.copy(path, directory / path.name)


def report(table, name, what, problem):
    table.problems[name] += 1
    print(f"PROBLEM {name}: {what}: {problem}\n", flush=True)


def read_given(arguments, table, pool):
    paths = [path for given in arguments.captures for path in (sorted(given.rglob("*")) if given.is_dir() else [given])]
    jobs = [pool.submit(tried, arguments.starttap, name, path, 1) for path in paths if path.is_file() for name in OPTIONS]
    for job in jobs:
        name, path, result, problem = job.result()
        if problem:
            report(table, name, path, problem)
        else:
            table.add(name, path.name, result)
    return len(jobs) // len(OPTIONS)


def write_batch(directory, captures, seed):
    directory.mkdir()
    for number in range(seed * BATCH, (seed + 1) * BATCH):
        name, data = variants.variant(random.Random(number), captures)
        (directory / f"{number}-{name}.pcap").write_bytes(data)
    return directory


def read_batch(arguments, temporary, captures, seed):
    """A whole batch, and, if something was wrong, each of its captures by itself."""
    name = list(OPTIONS)[seed % len(OPTIONS)]
    batch = write_batch(temporary / str(seed), captures, seed)
    results = [tried(arguments.starttap, name, batch, BATCH)]
    if results[0][3]:
        alone = [tried(arguments.starttap, name, path, 1) for path in sorted(batch.iterdir())]
        results = [result for result in alone if result[3]] or results
        for _, path, _, problem in results:
            if not problem:
                continue
            for file in [path] if path.is_file() else path.iterdir():
                keep(file, arguments.keep)
    shutil.rmtree(batch)
    return results


def read_made(arguments, table, pool):
    captures = [variants.Capture(path) for path in sorted((ROOT / "pcaps").iterdir()) if ".pcap" in path.name]
    with tempfile.TemporaryDirectory(prefix="starttap-variants-") as temporary:
        pathlib.Path(temporary).chmod(0o755)
        first = arguments.seed * 1_000_000
        seeds = range(first, first + -(-arguments.number // BATCH))
        jobs = [pool.submit(read_batch, arguments, pathlib.Path(temporary), captures, seed) for seed in seeds]
        for job in jobs:
            for name, path, result, problem in job.result():
                if problem:
                    report(table, name, path.name, problem)
                else:
                    table.add(name, path.name, result)
    return len(seeds) * BATCH


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("starttap", type=pathlib.Path)
    parser.add_argument("captures", type=pathlib.Path, nargs="*")
    parser.add_argument("--number", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--keep", type=pathlib.Path, default=pathlib.Path("hostile-captures"), metavar="DIRECTORY")
    arguments = parser.parse_args()
    table = Table()
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        num = (read_given if arguments.captures else read_made)(arguments, table, pool)
    table.show()
    slowest = max(table.slowest.values(), default=(0, ""))[0]
    problems = sum(table.problems.values())
    print(f"\n{num} captures, {sum(table.runs.values())} runs: {problems} problems; the slowest took {slowest:.1f} s")
    sys.exit(1 if problems else 0)


if __name__ == "__main__":
    main()
