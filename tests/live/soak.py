#!/usr/bin/env python3
"""soak.py: a sensor under load for long needs no more memory than after its first minute.

    python3 tests/live/soak.py PROGRAM [--tools=DIRECTORY] [--seconds=N]

tcpreplay sends sessions of bench_generate (in --tools, by default where PROGRAM is) to a mirror port, round after round,
so that connections open and close all the time. Meanwhile SIGHUP reopens the output and the port goes down and up.
Closed connections are remembered for a minute, and peers, of which there are 900, for good: memory is looked at from
then on, in parts of equal length. It must neither rise steadily (by the median of what it rises from one part to the
next, to which a single step does not matter) nor end on a much higher level than it began.

It prints what it allows in bytes per session. The default of --seconds is 130, in which a leak of 256 bytes per session is
seen. With more the parts are longer, and hold more sessions: --seconds=600 and more is for a look at smaller leaks.
Needs root, ip, unshare, nsenter, tcpdump and tcpreplay; without them it ends with 77.
"""

import argparse
import itertools
import json
import pathlib
import re
import shutil
import signal
import statistics
import subprocess
import sys
import time

import span_net as net

ROOT = pathlib.Path(__file__).resolve().parents[2]
SKIP = 77
USER = "nobody"
HOSTS = {"sender": []}
WARM_UP = 80         # seconds, or half of a longer soak; a closed connection is remembered for 60, and all servers have come
CAPTURE_BYTES = 8e7  # of one round, 70 seconds: an end's ports come again when they are forgotten
PACKETS_PER_S = 4000
HANG_UP_EVERY, FLAP_EVERY = 7, 23  # seconds
WORKERS = ("1", "2")
PARTS = 6            # of 8 seconds and 900 sessions each by default
# From a part to the next, in the median. Measured on two processors with twice to five times as much to do as they can: 0 to
# 40 kB, once 54, and single steps of 1 MB when a sensor had not had its turn for long. Leaks that were planted gave 200 kB
# with 256 bytes per session (of 240: small pieces fill holes in the heap first), and 150 to 250 kB in parts of 10 s with 128.
MAY_RISE_KB = 160
MAY_STEP_KB = 4096   # from the first part to the last: a queue to an output that was longer once than before


def generate(tools, folder, num_bytes=CAPTURE_BYTES):
    path = folder / "mail.pcap"
    subprocess.run([str(tools / "bench_generate"), f"--pcaps={ROOT / 'pcaps'}", f"--bytes={num_bytes:.0f}", "--reorder=0.01",
                    "--duplicate=0.01", "--lose=0.003", "mail", str(path)], check=True)
    return path, int((folder / "mail.pcap.facts").read_text().split("\t")[-1])


def memory_kb(process):
    """Its own memory, each page counted, also if swapped out: not the program, and not the kernel's ring for packets."""
    shown = pathlib.Path(f"/proc/{process.pid}/smaps_rollup").read_text()
    found = re.findall(r"^(?:Anonymous|Swap):\s+(\d+) kB$", shown, re.M)
    if len(found) != 2:
        raise RuntimeError("the sensor has ended")
    return sum(map(int, found))


class Soaked:
    """A sensor, what it says, and its memory."""

    def __init__(self, program, folder, workers, *more):
        self.folder, self.workers, self.readings = folder / f"workers-{workers}", workers, []
        self.said = self.folder / "sensor.log"
        self.folder.mkdir()
        shutil.chown(self.folder, USER)
        self.events = Log(self.folder / "events.ndjson")
        with open(self.said, "wb") as stderr:
            self.process = net.start("tap", program, "-n", "-v", "--user", USER, "-i", net.MIRROR, "--sensor-interval", "10",
                                     "--peer-window", "10", "--workers", workers, "-o", f"json:{self.events.path}?append", *more,
                                     stdout=stderr, stderr=stderr)
        net.wait_until(lambda: "capturing: " in self.said.read_text() or self.process.poll() is not None, "the sensor to capture")

    def end(self):
        """Problems."""
        status = net.stop(self.process, signal.SIGTERM)
        if self.events.path.exists():
            self.events.read(self.events.path)
        return [f"status {status}: {self.said.read_text()[-6000:]}"] if status else []


def start_replay(capture, seconds, folder):
    """Rounds until it is stopped; the end by time is for when nobody stops it."""
    return net.start("sender", "tcpreplay", "-q", "-i", "eth0", "--preload-pcap", f"--pps={PACKETS_PER_S}", "--loop=0",
                     f"--duration={seconds + 60}", str(capture), stdout=open(folder / "tcpreplay.log", "wb"), stderr=subprocess.STDOUT)


class Log:
    """The events so far: read and taken away, as a disk would not hold those of a long soak."""

    def __init__(self, path):
        self.path, self.sessions, self.sensor, self.torn = path, 0, None, 0

    def read(self, path):
        for line in path.read_text().splitlines():
            try:
                event = json.loads(line)
            except json.JSONDecodeError:
                self.torn += 1
                continue
            self.sessions += event["event"]["dataset"] == "starttap.session"
            if event["event"]["dataset"] == "starttap.sensor":
                self.sensor = event["starttap"]["sensor"]
        path.unlink()

    def reopen(self, sensor):
        """As logrotate: rename, SIGHUP, and read once the new one is there, or the sensor is not."""
        if not self.path.exists():
            return
        old = self.path.rename(self.path.parent / "old.now")
        sensor.send_signal(signal.SIGHUP)
        net.wait_until(lambda: self.path.exists() or sensor.poll() is not None, "the output to be reopened")
        self.read(old)


def soak(sensors, seconds):
    """Takes readings each second: (time, kB, sessions so far)."""
    begin = time.monotonic()
    hung_up = flapped = begin
    while (now := time.monotonic()) < begin + seconds:
        if now - hung_up > HANG_UP_EVERY:
            for sensor in sensors:
                sensor.events.reopen(sensor.process)
            hung_up = now
        if now - flapped > FLAP_EVERY:
            net.inside("tap", "ip", "link", "set", net.MIRROR, "down")
            net.inside("tap", "ip", "link", "set", net.MIRROR, "up")
            flapped = now
        for sensor in sensors:
            sensor.readings.append((now - begin, memory_kb(sensor.process), sensor.events.sessions))
        time.sleep(1)  # time itself is what a soak is about


def judge(readings):
    """Lines that say how memory rises."""
    begin = max(WARM_UP, readings[-1][0] / 2)
    warm = [reading for reading in readings if reading[0] >= begin]
    size = len(warm) // PARTS
    levels = [statistics.median(kb for _, kb, _ in warm[i * size:(i + 1) * size]) for i in range(PARTS)]
    rise = statistics.median(later - earlier for earlier, later in itertools.pairwise(levels))
    sessions = (warm[-1][2] - warm[0][2]) / PARTS
    shown = readings[::max(1, len(readings) // 12)]
    print("kB at second", ", ".join(f"{at:.0f}: {kb}" for at, kb, _ in shown))
    print("kB in the parts from second", f"{begin:.0f} on:", ", ".join(f"{level:.0f}" for level in levels))
    print(f"memory rises by {rise:.0f} kB in {sessions:.0f} sessions, and may by {MAY_RISE_KB} kB, "
          f"which is {MAY_RISE_KB * 1024 / max(sessions, 1):.0f} bytes of each")
    return ([f"memory rises by {rise:.0f} kB in {sessions:.0f} sessions"] if rise > MAY_RISE_KB else []) + \
        ([f"memory rose by {levels[-1] - levels[0]:.0f} kB"] if levels[-1] - levels[0] > MAY_STEP_KB else [])


def judge_sensor(sensor, seconds):
    problems = sensor.end()
    print(f"{sensor.workers} workers: {sensor.events.sessions} events of sessions; {json.dumps(sensor.events.sensor)}")
    problems += judge(sensor.readings)
    problems += [f"{sensor.events.torn} lines are torn"] if sensor.events.torn else []
    problems += [f"only {sensor.events.sessions} sessions"] if sensor.events.sessions < 20 * seconds else []
    return [f"{sensor.workers} workers: {problem}" for problem in problems]


def run_test(program, tools, seconds, folder):
    net.build(HOSTS)
    capture, sessions = generate(tools, folder)
    print(f"{sessions} sessions in each round of the capture")
    sensors = [Soaked(program, folder, workers) for workers in WORKERS]
    replay = start_replay(capture, seconds, folder)
    soak(sensors, seconds)
    replay_ended = replay.poll()
    net.stop(replay)
    problems = [problem for sensor in sensors for problem in judge_sensor(sensor, seconds)]
    return problems + ([f"tcpreplay ended by itself: {(folder / 'tcpreplay.log').read_text()}"] if replay_ended is not None else [])


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("program", type=lambda name: pathlib.Path(name).resolve())
    parser.add_argument("--tools", type=lambda name: pathlib.Path(name).resolve())
    parser.add_argument("--seconds", type=int, default=130)
    arguments = parser.parse_args()
    reason = net.why_not() or (not shutil.which("tcpreplay") and "needs tcpreplay")
    if reason:
        print(reason)
        return SKIP
    if arguments.seconds < WARM_UP + 30:
        sys.exit(f"--seconds must be {WARM_UP + 30} at least: {WARM_UP} are for warming up")
    folder = net.run_apart()
    problems = run_test(str(arguments.program), arguments.tools or arguments.program.parent, arguments.seconds, folder)
    print(*problems, sep="\n")
    print("soak:", f"{len(problems)} problems" if problems else "memory is flat")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
