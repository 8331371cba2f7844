#!/usr/bin/env python3
"""live.py: how much does starttap take from an interface without loss, and for how much CPU time?

Started by live.sh. In network namespaces of its own, send.c (or tcpreplay, which is slower) sends a capture over a veth pair,
round after round with other addresses, at rising rates; at the other end one program after the other captures, all with the same ring and the same
filter, that of starttap. A rate is loss-free when the kernel dropped nothing.
"""

import argparse
import datetime
import json
import os
import pathlib
import platform
import re
import shutil
import signal
import statistics
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(ROOT / "tests" / "live"))
import span_net as net  # noqa: E402

SKIP = 77
RATES = "20,40,60,80,100,125,150,200,250,300,400,500,0"
NULL, NULL_ALL = "libpcap loop", "libpcap loop, no filter"
DRAIN = 1.5  # seconds: what lies in the ring is read


def parse_arguments():
    parser = argparse.ArgumentParser(prog="live.sh", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kinds", default="mail,span", help="captures of bench_generate (default %(default)s)")
    parser.add_argument("--bytes", type=float, default=2e8, help="size of each capture, which is held in memory (default 2e8)")
    parser.add_argument("--rates", default=RATES, help="thousand packets a second, rising; 0: as fast as it goes (default %(default)s)")
    parser.add_argument("--seconds", type=float, default=4, help="how long each rate is tried (default %(default)s)")
    parser.add_argument("--tries", type=int, default=3, help="a rate counts when one of so many tries has no loss (default %(default)s)")
    parser.add_argument("--ring-mb", type=int, default=64, help="ring of each program (default %(default)s)")
    parser.add_argument("--cpu-rate", type=int, default=40, help="thousand packets a second at which CPU time is compared")
    parser.add_argument("--cpu-rounds", type=int, default=5, help="rounds of that; medians are printed (default %(default)s)")
    parser.add_argument("--tcpreplay", action="store_true", help="it sends, instead of send.c")
    parser.add_argument("--realtime", action="store_true", help="sender and programs come before all else (SCHED_FIFO), where the machine"
                        " has other work; keep --seconds short")
    parser.add_argument("--build", required=True, help=argparse.SUPPRESS)
    return parser.parse_args()


class Program:
    """How to start one, and how to read what it says when it has ended."""

    def __init__(self, name, command, ready, result):
        self.name, self.command, self.ready, self.result = name, [str(word) for word in command], ready, result


def from_null_live(_, out, __):
    return tuple(map(int, out.split()))


def from_tcpdump(_, __, errors):
    counts = dict((what, int(number)) for number, what in re.findall(r"(\d+) packets (captured|dropped by kernel)", errors))
    return counts["captured"], counts["dropped by kernel"]


def from_starttap(folder, _, __):
    for line in reversed((folder / "events.ndjson").read_text().splitlines()):
        event = json.loads(line)
        if event["event"]["dataset"] == "starttap.sensor":
            sensor = event["starttap"]["sensor"]
            return sensor["packets"], sensor["packets_dropped"] + sensor["interface_dropped"]
    raise SystemExit("starttap says nothing of its packets")


class Bench:
    def __init__(self, arguments, folder):
        self.arguments, self.folder = arguments, folder
        self.build = pathlib.Path(arguments.build).resolve()
        starttap = self.build / "starttap"
        self.filter = subprocess.run([starttap, "--print-filter"], check=True, capture_output=True, text=True).stdout.strip()
        sensor = [starttap, "-n", "-v", "-i", net.MIRROR, "--ring-mb", arguments.ring_mb, "--ca", ROOT / "pcaps/certs/ca.pem",
                  "--user", "nobody", "--force", "-o", f"json:{folder / 'events.ndjson'}"]
        null = [self.build / "bench_null_live", net.MIRROR, arguments.ring_mb]
        self.programs = [
            Program(NULL_ALL, [*null, ""], "ready", from_null_live), Program(NULL, [*null, self.filter], "ready", from_null_live),
            Program("tcpdump -w /dev/null", ["tcpdump", "-Z", "root", "-i", net.MIRROR, "-n", "-s", "0", "-B", arguments.ring_mb * 1024,
                                             "-w", "/dev/null", self.filter], "listening on", from_tcpdump),
            Program("starttap", sensor, "capturing: ", from_starttap)]
        if "--workers" in subprocess.run([starttap, "--help"], check=True, capture_output=True, text=True).stdout:
            self.programs.append(Program("starttap, 2 workers", [*sensor, "--workers=2"], "capturing: ", from_starttap))


    def at_work(self, sends):
        """The sender has the last processor for itself, but for what the programs with several threads take of it."""
        return [*(["chrt", "--fifo", 1] if self.arguments.realtime else []), *(["taskset", "-c", os.cpu_count() - 1] if sends else [])]

    def generate(self, kind):
        path = self.folder / f"{kind}.pcap"
        subprocess.run([self.build / "bench_generate", f"--pcaps={ROOT / 'pcaps'}", f"--bytes={self.arguments.bytes:.0f}", kind, path],
                       check=True)
        return path

    def send(self, capture, rate, seconds):
        """Packets a second."""
        if not self.arguments.tcpreplay:
            sent, took = net.inside("sender", *self.at_work(True), self.build / "bench_send", "eth0", capture, seconds, rate * 1000,
                                    capture_output=True, text=True).stdout.split()
            return int(sent) / float(took)
        number = max(1, int(rate * 1000 * seconds)) if rate else 0
        speed = [f"--pps={rate * 1000}", f"--limit={number}"] if rate else ["--topspeed", f"--duration={max(1, round(seconds))}"]
        done = net.inside("sender", "tcpreplay", "-q", "-i", "eth0", "--preload-pcap", "--unique-ip", "--loop=0", *speed, capture,
                          capture_output=True, text=True)
        sent, took = re.search(r"Actual: (\d+) packets \(\d+ bytes\) sent in ([\d.]+) seconds", done.stdout).groups()
        return int(sent) / max(float(took), 1e-6)

    def run_once(self, program, capture, rate, seconds):
        """(packets a second sent, packets seen, packets dropped, CPU seconds)"""
        log, out = self.folder / "errors", self.folder / "out"
        with open(log, "wb") as errors, open(out, "wb") as output:
            process = net.start("tap", *self.at_work(False), *program.command, stdout=output, stderr=errors)
        net.wait_until(lambda: program.ready in log.read_text() or process.poll() is not None, program.name)
        before = cpu_of(process.pid)
        speed = self.send(capture, rate, seconds)
        time.sleep(DRAIN)
        cpu = cpu_of(process.pid) - before
        status = net.stop(process, signal.SIGTERM, 60)
        if status not in (0, -signal.SIGTERM):
            raise SystemExit(f"{program.name}: status {status}\n{log.read_text()}")
        seen, dropped = program.result(self.folder, out.read_text(), log.read_text())
        return speed, seen, dropped, cpu

    # --- the rate

    def loss_free(self, program, capture):
        """The highest rate without loss, whether the sender could go no faster, and the loss at the next."""
        best, best_speed = 0, 0
        for rate in map(int, self.arguments.rates.split(",")):
            for _ in range(self.arguments.tries):
                speed, seen, dropped, _ = self.run_once(program, capture, rate, self.arguments.seconds)
                if dropped == 0:
                    break
            if dropped:
                return best_speed, f"{dropped / (seen + dropped):.1%} at {speed / 1000:.0f}"
            if rate and speed < 0.9 * rate * 1000:
                return speed, "none: no faster sender"
            best, best_speed = rate, speed
        return best_speed, "none: no faster sender"

    def print_rates(self, kind, capture):
        print(f"\n{kind}: rates, each tried for {self.arguments.seconds:g} s\n")
        print("| program | loss-free, thousand packets/s | loss above |\n| --- | --- | --- |")
        for program in self.programs:
            speed, above = self.loss_free(program, capture)
            print(f"| {program.name} | {speed / 1000:.0f} | {above} |", flush=True)

    # --- CPU time

    def print_cpu(self, kind, capture):
        rate, rounds = self.arguments.cpu_rate, self.arguments.cpu_rounds
        print(f"\n{kind}: CPU time at {rate} thousand packets/s for {self.arguments.seconds:g} s, medians of {rounds}\n")
        print("| program | packets | dropped | CPU s | us/packet | CPU / libpcap loop | the same, no filter |\n"
              "| --- | --- | --- | --- | --- | --- | --- |")
        rows = {program.name: [] for program in self.programs}
        for _ in range(rounds):
            for program in self.programs:
                rows[program.name].append(self.run_once(program, capture, rate, self.arguments.seconds)[1:])
        median = {name: [statistics.median(column) for column in zip(*row)] for name, row in rows.items()}
        for name, (seen, dropped, cpu) in median.items():
            print(f"| {name} | {seen:.0f} | {dropped:.0f} | {cpu:.3f} | {cpu / max(seen, 1) * 1e6:.2f} |"
                  f" {cpu / median[NULL][2]:.2f} | {cpu / median[NULL_ALL][2]:.2f} |", flush=True)

    def run(self):
        print(f"{datetime.date.today()}, {os.cpu_count()} cores, Linux {platform.release()}, load {os.getloadavg()[0]:.1f}, "
              f"ring {self.arguments.ring_mb} MB")
        for kind in self.arguments.kinds.split(","):
            capture = self.generate(kind)
            self.print_rates(kind, capture)
            self.print_cpu(kind, capture)
            capture.unlink()


def cpu_of(pid):
    """CPU seconds of a process and its threads, by the scheduler's own nanoseconds."""
    return sum(int((task / "schedstat").read_text().split()[0]) for task in pathlib.Path(f"/proc/{pid}/task").iterdir()) / 1e9


def wire():
    """One cable: what the sender sends is what the tap sees."""
    net.add_namespaces("sender", "tap")
    net.silence("sender")
    net.silence("tap")
    net.cable("sender", "eth0", "tap", net.MIRROR)
    net.inside("sender", "ip", "link", "set", "eth0", "mtu", 2000)  # some frames have two VLAN tags
    net.inside("tap", "ip", "link", "set", net.MIRROR, "mtu", 2000)
    net.bring_up("tap", net.MIRROR)
    net.bring_up("sender", "eth0")


def main():
    arguments = parse_arguments()
    reason = net.why_not() or (arguments.tcpreplay and not shutil.which("tcpreplay") and "needs tcpreplay")
    if reason:
        print(reason)
        return SKIP
    folder = net.run_apart()
    wire()
    Bench(arguments, folder).run()
    return 0


if __name__ == "__main__":
    sys.exit(main())
