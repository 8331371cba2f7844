#!/usr/bin/env python3
"""bench.py: how fast is starttap, as a multiple of what libpcap and read() need for the same capture?

Started by run.sh, which builds what it needs. Makes the captures, runs every program on each of them in turn
(one round after the other, so that a change of the machine meets all of them), checks that starttap's events
are right, and prints medians.
"""
import argparse
import datetime
import filecmp
import os
import pathlib
import platform
import shutil
import statistics
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
KINDS = ("mail", "mail-unique-certs", "span", "bulk")
CONNECTIONS = (10_000, 100_000, 1_000_000)
TSHARK_FIELDS = ("frame.time_epoch tcp.stream smtp.req.command smtp.response.code tls.handshake.type "
                 "tls.handshake.version tls.handshake.ciphersuite tls.handshake.extensions_server_name "
                 "x509sat.uTF8String tls.handshake.ja3").split()
SLICE = 50  # tshark gets this part of a capture, and its times are multiplied


def parse_arguments():
    parser = argparse.ArgumentParser(prog="run.sh", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--short", action="store_true", help="small captures; check only that results are right")
    parser.add_argument("--bytes", type=float, default=2e9, help="size of each capture (default 2e9)")
    parser.add_argument("--rounds", type=int, default=5, help="how often each program runs (default 5)")
    parser.add_argument("--kinds", default=",".join(KINDS), help="captures (default %(default)s)")
    parser.add_argument("--connections", type=int, default=CONNECTIONS[-1],
                        help="most connections that are open together (default %(default)s; 0: leave out)")
    parser.add_argument("--directory", help="where captures are made and kept (default: a temporary one)")
    parser.add_argument("--only-starttap", action="store_true", help="leave the other programs out")
    parser.add_argument("--starttap", help="the program (default: that of the build)")
    parser.add_argument("--build", required=True, help=argparse.SUPPRESS)
    return parser.parse_args()


class Bench:
    def __init__(self, arguments, directory):
        self.arguments, self.directory = arguments, pathlib.Path(directory)
        self.build = pathlib.Path(arguments.build).resolve()
        self.starttap = str(pathlib.Path(arguments.starttap or self.build / "starttap").resolve())
        self.options = ["--ca", str(ROOT / "pcaps/certs/ca.pem")]
        self.events = self.directory / "events.ndjson"
        self.failed = False

    def tool(self, name):
        return str(self.build / f"bench_{name}")

    def generate(self, kind, name, *options):
        """Makes a capture once; returns its path, packets, bytes and sessions."""
        path = self.directory / f"{name}.pcap"
        done = self.directory / f"{name}.pcap.made-with"
        made_with = " ".join([kind, *options])
        if not done.exists() or done.read_text() != made_with:
            subprocess.run([self.tool("generate"), f"--pcaps={ROOT / 'pcaps'}", *options, kind, path], check=True)
            done.write_text(made_with)
        with open(f"{path}.facts", "rb") as facts:
            facts.seek(max(0, facts.seek(0, os.SEEK_END) - 200))
            total = facts.read().decode().strip().split("\n")[-1].split("\t")
        return path, [int(field) for field in total[1:]]

    def command(self, path, sink, *options):
        return [self.starttap, "-q", "-n", "--force", *self.options, *options, "-r", str(path), "-o", f"json:{sink}"]

    def check(self, path, events):
        """Every session, every field."""
        result = subprocess.run([sys.executable, str(ROOT / "tests/bench/check.py"), "--starttap",
                                 " ".join([self.starttap, *self.options]), "--scratch", str(self.directory),
                                 str(path), str(events)], check=False)
        if result.returncode != 0:
            self.failed = True
        sys.stdout.flush()

    def measure(self, path, command):
        result = subprocess.run([self.tool("measure"), str(path), *command], check=True, capture_output=True, text=True)
        wall, user, system, memory, status = result.stdout.split()
        if status != "0":
            raise SystemExit(f"{' '.join(command)}: status {status}\n{result.stderr}")
        return float(wall), float(user) + float(system), int(memory)

    def has_workers(self):
        text = subprocess.run([self.starttap, "--help"], check=True, capture_output=True, text=True).stdout
        return "--workers" in text

    # --- speed ---

    def programs(self, path, slice_path):
        """Name, command, the file that it reads."""
        programs = [("read()", [self.tool("read_loop"), str(path)], path),
                    ("read() and walk", [self.tool("read_loop"), str(path), "walk"], path),
                    ("libpcap", [self.tool("null_loop"), str(path)], path),
                    ("starttap", self.command(path, self.events), path),
                    ("starttap, json:/dev/null", self.command(path, "/dev/null"), path)]
        if self.has_workers():
            programs.append(("starttap, 2 workers", self.command(path, self.events, "--workers=2"), path))
        others = [("tcpdump -w /dev/null", ["tcpdump", "-Z", "root", "-w", "/dev/null", "-r", str(path)], path),
                  ("ndpiReader", ["ndpiReader", "-q", "-i", str(path)], path),
                  ("tshark, fields (slice)", ["tshark", "-n", "-r", str(slice_path), "-T", "fields",
                                              *[word for field in TSHARK_FIELDS for word in ("-e", field)]], slice_path)]
        for name, command, file in [] if self.arguments.only_starttap else others:
            if shutil.which(command[0]):
                programs.append((name, command, file))
            else:
                print(f"{command[0]} is not here and is left out")
        return programs

    def check_same(self, path, name, first):
        """The events of the first run are checked one by one, those of later runs must be the same bytes."""
        if first.exists():
            if not filecmp.cmp(first, self.events, shallow=False):
                print(f"wrong: {name}: other events than in the first run")
                self.failed = True
            return
        self.check(path, self.events)
        self.events.rename(first)

    def speed(self, kind):
        path, (packets, size, sessions) = self.generate(kind, kind, f"--bytes={self.arguments.bytes:.0f}")
        slice_path, (slice_packets, _, _) = self.generate(kind, f"{kind}-slice",
                                                          f"--bytes={self.arguments.bytes / SLICE:.0f}")
        programs = self.programs(path, slice_path)
        first = self.directory / "first.ndjson"
        first.unlink(missing_ok=True)
        results = {name: [] for name, _, _ in programs}
        for _ in range(self.arguments.rounds):
            for name, command, file in programs:
                wall, cpu, memory = self.measure(file, command)
                factor = 1 if file == path else packets / slice_packets
                results[name].append((wall * factor, cpu * factor, memory))
                if f"json:{self.events}" in command:
                    self.check_same(path, name, first)
        first.unlink(missing_ok=True)
        self.print_table(kind, sessions, packets, size, results)

    def print_table(self, kind, sessions, packets, size, results):
        print(f"\n{kind}: {sessions} sessions, {packets} packets, {size / 1e9:.2f} GB;"
              f" medians of {self.arguments.rounds}\n")
        print("| program | wall s | CPU s | least CPU s | memory MB | ns/packet | wall / libpcap | CPU / libpcap |"
              " CPU / read() |")
        print("| --- | --- | --- | --- | --- | --- | --- | --- | --- |")
        median = {name: [statistics.median(column) for column in zip(*rows)] for name, rows in results.items()}
        for name, (wall, cpu, memory) in median.items():
            least = min(row[1] for row in results[name])
            print(f"| {name} | {wall:.2f} | {cpu:.2f} | {least:.2f} | {memory / 1024:.0f} |"
                  f" {cpu / packets * 1e9:.0f} | {wall / median['libpcap'][0]:.2f} |"
                  f" {cpu / median['libpcap'][1]:.2f} | {cpu / median['read()'][1]:.2f} |")
        sys.stdout.flush()

    # --- many connections ---

    def connections(self):
        numbers = [n for n in CONNECTIONS if n <= self.arguments.connections]
        if not numbers:
            return
        print(f"\nconnections open together; medians of {min(3, self.arguments.rounds)}\n")
        print("| open | connections | packets | CPU s | us/connection | memory MB | bytes/connection |")
        print("| --- | --- | --- | --- | --- | --- | --- |")
        for kind, about in (("hello", "after the ClientHello"), ("idle", "after the handshake")):
            base = self.open_connections(kind, 100)
            for number in numbers:
                packets, cpu, memory = self.open_connections(kind, number)
                print(f"| {about} | {number} | {packets} | {cpu:.2f} | {(cpu - base[1]) / number * 1e6:.2f} |"
                      f" {memory / 1024:.0f} | {(memory - base[2]) * 1024 / number:.0f} |")
                sys.stdout.flush()

    def open_connections(self, kind, number):
        path, (packets, _, _) = self.generate(kind, f"{kind}-{number}", f"--sessions={number}")
        rows = [self.measure(path, self.command(path, "/dev/null", "--max-flows=2000000"))
                for _ in range(min(3, self.arguments.rounds))]
        if number > 1000:
            path.unlink()
            path.with_name(path.name + ".made-with").unlink()
        return packets, statistics.median(row[1] for row in rows), statistics.median(row[2] for row in rows)

    def run(self):
        print(f"{datetime.date.today()}, {cpu_name()}, {os.cpu_count()} cores, Linux {platform.release()},"
              f" load {os.getloadavg()[0]:.1f}, {commit()}")
        needed = self.arguments.bytes * (len(self.arguments.kinds.split(",")) + 2) + 3e9
        if shutil.disk_usage(self.directory).free < needed:
            raise SystemExit(f"{self.directory}: {needed / 1e9:.0f} GB are needed")
        for kind in self.arguments.kinds.split(","):
            self.speed(kind)
        self.connections()

    # --- right or wrong ---

    SHORT = (("mail", "--bytes=5e6"), ("mail", "--bytes=2e6", "--reorder=0.03", "--duplicate=0.03", "--seed=2"),
             ("mail", "--bytes=2e6", "--reorder=0.01", "--duplicate=0.01", "--lose=0.005", "--seed=3"),
             ("mail-unique-certs", "--bytes=2e6"), ("span", "--bytes=15e6"), ("bulk", "--bytes=3e6"))

    def check_counts(self, path, packets):
        """The loops that all else is compared with must see every packet."""
        for command in ([self.tool("null_loop"), path], [self.tool("read_loop"), path, "walk"]):
            counted = int(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
            if counted != packets:
                print(f"wrong: {command[0]} counts {counted} packets of {packets}")
                self.failed = True

    def short(self):
        for number, (kind, *options) in enumerate(self.SHORT):
            path, (packets, _, _) = self.generate(kind, f"short-{number}", *options)
            self.check_counts(path, packets)
            commands = [self.command(path, self.events)]
            if self.has_workers():
                commands.append(self.command(path, self.events, "--workers=2"))
            for command in commands:
                subprocess.run(command, check=True)
                self.check(path, self.events)
        for kind in ("hello", "idle"):
            path, (packets, _, _) = self.generate(kind, f"short-{kind}", "--sessions=500")
            subprocess.run(self.command(path, self.events), check=True)
            reported = self.events.read_text().count('"dataset":"starttap.session"')
            if reported != 500:
                print(f"wrong: {kind}: {reported} sessions reported, not 500")
                self.failed = True


def cpu_name():
    for line in pathlib.Path("/proc/cpuinfo").read_text().split("\n"):
        if line.startswith("model name"):
            return line.split(":")[1].strip()
    return platform.machine()


def commit():
    result = subprocess.run(["git", "-C", str(ROOT), "log", "-1", "--format=commit %h"], check=False,
                            capture_output=True, text=True)
    return result.stdout.strip() or "no commit"


def main():
    arguments = parse_arguments()
    with tempfile.TemporaryDirectory(prefix="starttap-bench-") as temporary:
        if arguments.directory:
            os.makedirs(arguments.directory, exist_ok=True)
        bench = Bench(arguments, arguments.directory or temporary)
        if arguments.short:
            bench.short()
        else:
            bench.run()
        sys.exit(1 if bench.failed else 0)


if __name__ == "__main__":
    main()
