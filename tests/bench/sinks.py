#!/usr/bin/env python3
"""sinks.py: events per second into each kind of sink, beside the same bytes by cat, sqlite3 .import and kcat.

    sinks.py [--build=DIRECTORY] [--events=N] [--rounds=N] [--directory=DIRECTORY] [--only=json,csv,sqlite,kafka]

Both sides take turns, round after round; the medians count. Kafka is a real broker on the loopback (tests/kafka), and
left out where Maven Central cannot be reached. See README.md.
"""
import argparse
import os
import pathlib
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(ROOT / "tests" / "kafka"))
import cluster  # noqa: E402

# What starttap sets by itself, for kcat: the same messages, sent in the same way.
KAFKA = ("-H", "schema=1", "-H", "dataset=session", "-H", "sensor=sensor1", "-X", "enable.idempotence=true", "-X", "acks=all",
         "-X", "compression.codec=zstd", "-X", "linger.ms=50")
TABLES = ("sessions", "findings", "certificates")


class Bench:
    def __init__(self, options, work):
        self.program = str((options.build / "bench_sinks").resolve())
        self.events, self.rounds, self.work = options.events, options.rounds, work

    def sink(self, spec, events=None):
        return [self.program, spec, str(events or self.events), str(self.work / "spool")]

    def measure(self, command, **more):
        """Wall clock and CPU seconds."""
        os.sync()
        before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
        subprocess.run(command, check=True, stdin=subprocess.DEVNULL, **more)
        wall, after = time.monotonic() - start, resource.getrusage(resource.RUSAGE_CHILDREN)
        return wall, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime

    def compare(self, name, ours, other_name, other):
        """Prints one row of the table; ours and other are functions that measure() once."""
        runs = [(ours(), other()) for _ in range(self.rounds)]
        wall, cpu = (statistics.median(run[0][i] for run in runs) for i in (0, 1))
        other_wall, other_cpu = (statistics.median(run[1][i] for run in runs) for i in (0, 1))
        print(f"| {name} | {self.events / wall:,.0f} | {self.events / cpu:,.0f} | {other_name} | "
              f"{self.events / other_wall:,.0f} | {wall / other_wall:.2f} | {cpu / other_cpu:.2f} |", flush=True)

    def files(self, scheme):
        written = self.work / f"events.{scheme}"
        copy = self.work / "copy"

        def cat():
            with open(copy, "wb") as out:
                return self.measure(["cat", str(written)], stdout=out)

        self.compare(scheme, lambda: self.measure(self.sink(f"{scheme}:{written}")), "cat", cat)
        self.compare(f"{scheme}, not kept", lambda: self.measure(self.sink(f"{scheme}:/dev/null")), "cat", cat)

    def sqlite(self):
        ours, other = self.work / "ours.db", self.work / "other.db"

        def clean(path):
            for suffix in ("", "-wal", "-shm"):
                pathlib.Path(f"{path}{suffix}").unlink(missing_ok=True)

        def write():
            clean(ours)
            return self.measure(self.sink(f"sqlite:{ours}"))

        def load():
            clean(other)
            script = ["PRAGMA journal_mode = WAL;", "PRAGMA synchronous = NORMAL;", f".read {ROOT}/outputs/schema/sqlite.sql"]
            script += [f".import --csv --skip 1 {self.work}/{table}.csv {table}" for table in TABLES]
            return self.measure(["sqlite3", str(other), *script], stdout=subprocess.DEVNULL)

        write()
        for table in TABLES:
            with open(self.work / f"{table}.csv", "wb") as out:
                subprocess.run(["sqlite3", "-csv", "-header", str(ours), f"SELECT * FROM {table}"], stdout=out, check=True)
        self.compare("sqlite", write, "sqlite3 .import", load)
        counts = [subprocess.run(["sqlite3", str(path), "SELECT count(*) FROM sessions"], check=True,
                                 capture_output=True).stdout for path in (ours, other)]
        if counts != [f"{self.events}\n".encode()] * 2:
            sys.exit(f"sqlite: {counts} sessions")

    def kafka(self):
        class_path, missing = cluster.fetch_jars(self.work)
        if not class_path:
            print(f"kafka is left out: {missing}", file=sys.stderr)
            return
        lines = self.work / "events.keyed"
        self.measure(self.sink(f"json:{self.work / 'events.json'}"))
        with open(self.work / "events.json", encoding="utf-8") as events, open(lines, "w", encoding="utf-8") as out:
            for line in events:
                out.write(line.split('"destination":{"ip":"', 1)[1].split('"', 1)[0] + "\t" + line)
        with cluster.Cluster(class_path, self.work / "broker") as brokers:
            def send():
                return self.measure(["kcat", "-P", "-b", brokers.addresses, "-t", "other", "-K", "\t", *KAFKA, "-l", str(lines)])

            subprocess.run(self.sink(f"kafka://{brokers.addresses}/ours", 1000), check=True)
            send()
            self.compare("kafka", lambda: self.measure(self.sink(f"kafka://{brokers.addresses}/ours")), "kcat", send)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--build", type=pathlib.Path, default=ROOT / "build-bench")
    parser.add_argument("--events", type=int, default=200000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--directory", type=pathlib.Path)
    parser.add_argument("--only", default="json,csv,sqlite,kafka")
    options = parser.parse_args()
    work = pathlib.Path(tempfile.mkdtemp(prefix="starttap-sinks-", dir=options.directory))
    try:
        bench = Bench(options, work)
        print("| sink | events/s | per CPU s | beside | events/s | time | CPU |\n| --- | --- | --- | --- | --- | --- | --- |")
        for name in options.only.split(","):
            {"json": lambda: bench.files("json"), "csv": lambda: bench.files("csv"), "sqlite": bench.sqlite,
             "kafka": bench.kafka}[name]()
    finally:
        shutil.rmtree(work)


if __name__ == "__main__":
    main()
