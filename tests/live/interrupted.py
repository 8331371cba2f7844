#!/usr/bin/env python3
"""interrupted.py: what is done to a sensor on a mirror port under load, and no event is lost, torn or given twice.

    python3 tests/live/interrupted.py PROGRAM [--keep=DIRECTORY]

Mail connections open and close all the time, each with a source port of its own. Meanwhile
- outputs are renamed and reopened by SIGHUP;
- the mirror port goes down and up, is removed and made again, gets another name and another MTU, under a sensor with one
  thread and one with two;
- the sensor is killed (-9) and started again, with one thread or two, and with the same outputs: JSON, CSV, SQLite,
  Kafka's spool, and a new file in Zstandard. What an output held before is still there.
Each connection that a running sensor saw whole has one event, with its verdict; and the event is out within 2 seconds of the
connection's last packet.

Needs root, tcpdump, ip, unshare, nsenter, openssl, sqlite3 and zstd; without them it ends with 77.
"""

import argparse
import collections
import csv
import datetime
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
OUT_WITHIN = 2  # seconds of its connection's last packet: the event
ATTEMPTS = 8    # at being so fast with every event for a while, on a machine that does other things
OTHER_NAME = "renamed"
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

    def link(*words):
        net.inside("tap", "ip", "link", "set", *words)

    def until_said(text, step, *words):
        """Both sensors say so, once more."""
        log = folder.parent / "sensor.log"
        wanted = log.read_text().count(text) + len(sensors)
        step(*words)
        net.wait_until(lambda: log.read_text().count(text) >= wanted, text)

    def down(name):
        until_said("capture goes on when it is back", link, name, "down")

    def up(name):
        until_said("is back after", link, name, "up")

    def rename():
        """Down, as older kernels want it; under the other name it is another interface, which nobody asked for."""
        down(net.MIRROR)
        for words in (("name", OTHER_NAME), ("up",), ("down",), ("name", net.MIRROR)):
            link(OTHER_NAME if words != ("name", OTHER_NAME) else net.MIRROR, *words)
        up(net.MIRROR)

    def outage(*steps):
        traffic.wait_for(50)
        begin = time.monotonic()
        for step, *words in steps:
            step(*words)
        outages.append((begin, time.monotonic()))
    outage((down, net.MIRROR), (up, net.MIRROR))
    outage((until_said, "capture goes on when it is back", net.unplug_mirror), (until_said, "is back after", net.plug_mirror))
    outage((rename,))
    outage((link, net.MIRROR, "mtu", "1400"))
    outage((link, net.MIRROR, "mtu", "1500"))
    traffic.wait_for(100)
    problems = []
    for workers, sensor in sensors.items():
        status = sensor.stop()
        found, torn = from_json((folder / f"{workers}.ndjson").read_text())
        problems += torn + ([f"flapping, {workers} workers: status {status}"] if status else [])
        problems += check(f"flapping, {workers} workers", seen_whole(traffic.connections(), sensor.since, sensor.until, outages), found)
    return problems


def held(output, folder):
    """name -> (what it holds, problems)"""
    return {"json": from_json(output["json"].read_text(), KILLS), "csv": from_csv(output["csv"].read_text(), KILLS),
            "zst": from_json(unpack(folder), KILLS), "sqlite": from_sqlite(output["sqlite"]), "spool": (from_spool(folder / "spool"), [])}


def hold_all(output, folder, expected):
    return all(expected.keys() <= {port for port, _ in found} for found, _ in held(output, folder).values())


def test_killed(program, folder, traffic):
    """kill -9 in the middle, and on with the same outputs."""
    output = {"json": folder / "killed.ndjson", "csv": folder / "killed.csv", "sqlite": folder / "killed.sqlite"}
    outputs = [f"json:{output['json']}?append", f"csv:{output['csv']}?append", f"sqlite:{output['sqlite']}", "kafka://127.0.0.1:1/none"]
    more = ("--spool", folder / "spool", "--sink-wait", "1", "--drain-timeout", "2")
    expected = {}
    for number in range(KILLS):
        sensor = Sensor(program, folder, *outputs, f"json:{folder / f'killed.{number}.ndjson.zst'}",
                        more=(*more, "--workers", "12"[number % 2]))
        traffic.wait_for(50)
        expected |= seen_whole(traffic.connections(), sensor.since, time.monotonic())
        net.wait_until(lambda: sensor.process.poll() is not None or hold_all(output, folder, expected), "what is said of connections", 60)
        time.sleep(random.uniform(0, 0.2))  # any moment
        if sensor.process.poll() is not None:
            return ["killed: it had ended by itself: " + (folder.parent / "sensor.log").read_text()[-2000:]]
        sensor.kill()
    sensor = Sensor(program, folder, *outputs, f"json:{folder / 'killed.last.ndjson.zst'}", more=(*more, "--workers", "2"))
    traffic.wait_for(100)
    status = sensor.stop()
    problems = [f"killed: status {status}"] if status else []  # what waits for Kafka, which is away, is kept
    expected |= seen_whole(traffic.connections(), sensor.since, sensor.until)
    for name, (found, torn) in held(output, folder).items():
        problems += torn + check("killed, " + name, expected, found)
    return problems


def delays(path, seconds):
    """Of the events that come within so many seconds: how long after the connection's last packet, by the host's clock."""
    found, end = [], time.monotonic() + seconds
    with open(path) as lines:
        lines.seek(0, 2)
        part = ""
        while time.monotonic() < end:
            part += lines.read()
            now = time.time()
            whole, _, part = part.rpartition("\n")
            ends = [json.loads(line)["event"]["end"] for line in whole.splitlines()]
            found += [now - datetime.datetime.fromisoformat(one.replace("Z", "+00:00")).timestamp() for one in ends]
            time.sleep(0.02)
    return found


def test_prompt(program, folder, traffic):
    """An event is out within 2 seconds: all of some seconds, in one of several attempts. A sensor that waits too long is late
    in each."""
    problems = []
    for workers in "12":
        output = folder / f"prompt-{workers}.ndjson"
        sensor = Sensor(program, folder, f"json:{output}", more=("--workers", workers))
        traffic.wait_for(30)
        for _ in range(ATTEMPTS):
            found = delays(output, 3)
            print(f"prompt, {workers} workers: {len(found)} events, after {min(found, default=0):.2f} to {max(found, default=0):.2f} s")
            if found and max(found) <= OUT_WITHIN:
                break
        else:
            problems.append(f"prompt, {workers} workers: events are out late")
        problems += [f"prompt, {workers} workers: status"] if sensor.stop() else []
    return problems


def run_tests(program, folder):
    certs = folder / "certs"
    certs.mkdir()
    subprocess.run(["sh", str(ROOT / "pcaps" / "make" / "certs.sh")], cwd=certs, check=True)
    net.build(HOSTS)
    traffic = Traffic(folder, certs)
    problems = []
    for test in (test_reopened, test_flapping, test_killed, test_prompt):
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
