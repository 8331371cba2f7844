#!/usr/bin/env python3
"""interrupted.py: what is done to a sensor on a mirror port under load, and no event is lost, torn or given twice.

    python3 tests/live/interrupted.py PROGRAM [--keep=DIRECTORY]

Mail connections open and close all the time, each with a source port of its own. Meanwhile
- outputs are renamed and reopened by SIGHUP;
- the mirror port goes down and up, is removed and made again, gets another MTU, under a sensor with one thread and one with two;
- the sensor is killed (-9) and started again with the same outputs: JSON, CSV, SQLite, Kafka's spool,
  and a new file in Zstandard.
Each connection that a running sensor saw from its start to 2 seconds after its end has one event, with its verdict.

Needs root, tcpdump, ip, unshare, nsenter, openssl, sqlite3 and zstd; without them it ends with 77.
"""

import argparse
import collections
import csv
import io
import json
import pathlib
import random
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time

import span_net as net
from mail_traffic import KINDS, HOSTS, SERVER, Traffic

ROOT = pathlib.Path(__file__).resolve().parents[2]
SKIP = 77
OUT_AFTER = 2.5  # seconds: an event is out 2 seconds after the end of its connection
CAPTURING = "capturing: " + net.MIRROR  # what it says once its filter is in place
USER = "nobody"  # whom the sensor becomes, and whose the outputs' directory is
KILLS = 4
REOPENINGS = 8


class Sensor:
    """The program on the mirror. What it could see is from `since` to `until`."""

    def __init__(self, program, folder, *outputs, more=()):
        log = folder.parent / "sensor.log"
        log.touch()
        before = log.read_text().count(CAPTURING)
        words = [word for output in outputs for word in ("-o", output)]
        with open(log, "ab") as output:
            self.process = net.start("tap", program, "-n", "-v", "--observer-name", "tap", "--datasets", "session", "--user", USER,
                                     "-i", net.MIRROR, *words, *more, stdout=output, stderr=output)
        net.wait_until(lambda: log.read_text().count(CAPTURING) > before or self.process.poll() is not None, "the sensor to capture")
        self.since, self.until = time.monotonic(), None

    def hang_up(self):
        self.process.send_signal(signal.SIGHUP)

    def kill(self):
        self.until = time.monotonic() - OUT_AFTER
        self.process.kill()
        self.process.wait()

    def stop(self):
        """Ends it as a service is ended: what it saw, it reports."""
        self.until = time.monotonic() - 0.5  # packets on their way
        return net.stop(self.process, signal.SIGTERM)


def seen_whole(connections, since, until, outages=()):
    """The ports of those that lay within, and touch no outage."""
    return {port: kind for port, (kind, start, end) in connections.items()
            if start >= since and end <= until and not any(start < to and end + 1 > begin for begin, to in outages)}


def check(name, expected, found):
    """expected: port -> kind; found: (port, verdict) of all events. Events of others are fine, but none comes twice."""
    counts = collections.Counter(port for port, _ in found)
    problems = [f"{name}: {number} events of one connection, port {port}" for port, number in counts.items() if number > 1]
    problems += [f"{name}: no event of port {port}, {kind}" for port, kind in expected.items() if port not in counts]
    for port, verdict in found:
        if port in expected and verdict != KINDS[expected[port]]:
            problems.append(f"{name}: port {port} is {verdict}, and was {expected[port]}")
    if not expected:
        problems.append(f"{name}: there was nothing to compare")
    print(f"{name}: {len(expected)} connections, {len(found)} events" + (f", {len(problems)} problems" if problems else ""))
    return problems


# --- what the outputs hold

def from_json(text, torn_max=0):
    """(port, verdict) of each line, and problems: lines that are not whole."""
    found, torn = [], 0
    for line in text.splitlines():
        try:
            event = json.loads(line)
            found.append((event["source"]["port"], event["starttap"]["verdict"]))
        except json.JSONDecodeError:
            torn += 1
    return found, [f"{torn} lines are torn"] if torn > torn_max else []


def from_csv(text, torn_max):
    rows = list(csv.reader(io.StringIO(text)))
    port, verdict = rows[0].index("source.port"), rows[0].index("starttap.verdict")
    whole = [row for row in rows[1:] if len(row) == len(rows[0])]
    torn = len(rows) - 1 - len(whole)
    return [(int(row[port]), row[verdict]) for row in whole], [f"{torn} rows are torn"] if torn > torn_max else []


def from_sqlite(path):
    def ask(statement):
        return subprocess.run(["sqlite3", str(path), statement], check=True, capture_output=True, text=True).stdout.split()
    names = dict(line.split("|") for line in ask("select name, name from pragma_table_info('sessions')"))
    port, verdict = (next(name for name in names if name.lower().replace(".", "_").endswith(end)) for end in ("source_port", "verdict"))
    problems = [] if ask("pragma integrity_check") == ["ok"] else [f"{path.name}: damaged"]
    return [(int(row.split("|")[0]), row.split("|")[1]) for row in ask(f'select "{port}", "{verdict}" from sessions')], problems


def unpack(folder):
    """A frame that the kill has cut is read as far as it goes."""
    return "\n".join(subprocess.run(["zstd", "-dcq", str(path)], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, check=False).stdout
                     for path in sorted(folder.glob("*.zst")))


def from_spool(folder):
    """The events within the segments; none was delivered."""
    text = b"".join(path.read_bytes() for path in sorted(folder.rglob("*.seg"))).decode(errors="replace")
    events = re.findall(r'\{"@timestamp".*?"dataset":"starttap.session".*?"source":\{[^}]*?"port":(\d+).*?"verdict":"(\w+)"', text)
    return [(int(port), verdict) for port, verdict in events]


# --- the tests

def test_reopened(program, folder, traffic):
    """The file is renamed and SIGHUP sent, as logrotate does; each event is in one of the files."""
    output = folder / "reopened.ndjson"
    sensor = Sensor(program, folder, f"json:{output}", more=("--workers", "2"))
    for number in range(REOPENINGS):
        traffic.wait_for(30)
        renamed = output.rename(folder / f"reopened.{number}.ndjson")
        sensor.hang_up()
        net.wait_until(lambda: output.exists(), f"the file after {renamed.name}")
    traffic.wait_for(20)
    status = sensor.stop()
    problems = [f"reopened: status {status}"] if status else []
    found, filled = [], 0
    for path in sorted(folder.glob("reopened.*")):
        events, torn = from_json(path.read_text())
        found += events
        filled += bool(events)
        problems += torn
    problems += [] if filled >= REOPENINGS // 2 else [f"reopened: only {filled} files hold events"]
    return problems + check("reopened", seen_whole(traffic.connections(), sensor.since, sensor.until), found)


def test_flapping(program, folder, traffic):
    """What passes while the port is away is missed, and all else is not."""
    sensors = {workers: Sensor(program, folder, f"json:{folder / workers}.ndjson", more=("--workers", workers)) for workers in "12"}
    outages = []

    def outage(name, *steps):
        traffic.wait_for(100)
        begin = time.monotonic()
        for step in steps:
            step()
            time.sleep(0.3)  # how long it is away
        net.wait_until(lambda: net.packet_sockets("tap") > 0, "the sensor to capture after " + name)
        time.sleep(2)  # its longest pause between two attempts to open an interface that was removed
        outages.append((begin, time.monotonic()))

    def link(*words):
        return lambda: net.inside("tap", "ip", "link", "set", net.MIRROR, *words)
    outage("down and up", link("down"), link("up"))
    outage("removed and made again", net.unplug_mirror, net.plug_mirror)
    outage("another MTU", link("mtu", "1400"), link("mtu", "1500"))
    traffic.wait_for(100)
    problems = []
    for workers, sensor in sensors.items():
        status = sensor.stop()
        found, torn = from_json((folder / f"{workers}.ndjson").read_text())
        problems += torn + ([f"flapping, {workers} workers: status {status}"] if status else [])
        problems += check(f"flapping, {workers} workers", seen_whole(traffic.connections(), sensor.since, sensor.until, outages), found)
    said = (folder.parent / "sensor.log").read_text()
    return problems + ([] if said.count("is back") >= 4 else [f"flapping: the log does not say that the interface is back: {said[-1000:]}"])


def test_killed(program, folder, traffic):
    """kill -9 in the middle, and on with the same outputs."""
    output = {"json": folder / "killed.ndjson", "csv": folder / "killed.csv", "sqlite": folder / "killed.sqlite"}
    outputs = [f"json:{output['json']}?append", f"csv:{output['csv']}?append", f"sqlite:{output['sqlite']}", "kafka://127.0.0.1:1/none"]
    more = ("--spool", folder / "spool", "--sink-wait", "1", "--drain-timeout", "2")
    expected = {}
    for number in range(KILLS):
        sensor = Sensor(program, folder, *outputs, f"json:{folder / f'killed.{number}.ndjson.zst'}", more=more)
        traffic.wait_for(100)
        net.wait_until(lambda: time.monotonic() > sensor.since + OUT_AFTER + 2, "time")
        time.sleep(random.uniform(0, 0.2))
        if sensor.process.poll() is not None:
            return ["killed: it had ended by itself: " + (folder.parent / "sensor.log").read_text()[-2000:]]
        sensor.kill()
        expected |= seen_whole(traffic.connections(), sensor.since, sensor.until)
    sensor = Sensor(program, folder, *outputs, f"json:{folder / 'killed.last.ndjson.zst'}", more=more)
    traffic.wait_for(100)
    status = sensor.stop()
    problems = [] if status in (0, 1) else [f"killed: status {status}"]  # 1: not all was delivered to Kafka, which is away
    expected |= seen_whole(traffic.connections(), sensor.since, sensor.until)
    for name, (found, torn) in {"json": from_json(output["json"].read_text(), KILLS), "csv": from_csv(output["csv"].read_text(), KILLS),
                                "zst": from_json(unpack(folder), KILLS), "sqlite": from_sqlite(output["sqlite"]),
                                "spool": (from_spool(folder / "spool"), [])}.items():
        problems += torn + check("killed, " + name, expected, found)
    return problems


def run_tests(program, folder):
    certs = folder / "certs"
    certs.mkdir()
    subprocess.run(["sh", str(ROOT / "pcaps" / "make" / "certs.sh")], cwd=certs, check=True)
    net.build(HOSTS)
    traffic = Traffic(folder, certs)
    problems = []
    for test in (test_reopened, test_flapping, test_killed):
        outputs = folder / test.__name__
        outputs.mkdir()
        shutil.chown(outputs, USER)
        problems += test(program, outputs, traffic)
    print(f"{len(traffic.connections())} connections to {SERVER} in all")
    traffic.stop()
    return problems


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("program", type=lambda name: str(pathlib.Path(name).resolve()))
    parser.add_argument("--keep", type=pathlib.Path)
    arguments = parser.parse_args()
    missing = [name for name in ("sqlite3", "zstd") if not shutil.which(name)]
    reason = net.why_not() or (missing and "needs " + ", ".join(missing))
    if reason:
        print(reason)
        return SKIP
    folder = net.run_apart()
    problems = run_tests(arguments.program, folder)
    print(*problems[:40], sep="\n")
    if arguments.keep or problems:
        target = arguments.keep or pathlib.Path(tempfile.gettempdir()) / "interrupted.kept"
        shutil.rmtree(target, ignore_errors=True)
        shutil.copytree(folder, target)
        print("kept in", target)
    print("interrupted:", f"{len(problems)} problems" if problems else "nothing lost, torn or given twice")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
