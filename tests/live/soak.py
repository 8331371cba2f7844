#!/usr/bin/env python3
"""soak.py: a sensor under load for long needs no more memory than after its first minute.

    python3 tests/live/soak.py PROGRAM [--tools=DIRECTORY] [--seconds=N]

tcpreplay sends sessions of bench_generate (in --tools, by default where PROGRAM is) to a mirror port, round after round,
so that connections open and close all the time. Meanwhile SIGHUP reopens the output and the port goes down and up.
Closed connections are remembered for a minute, and peers, of which there are 900, for good: memory is looked at from
then on. It must neither rise steadily (the slope of a line through all readings) nor end on a higher level than it began.

The default of --seconds is 110; --seconds=600 and more is for a look at leaks that are slow.
Needs root, ip, unshare, nsenter, tcpdump and tcpreplay; without them it ends with 77.
"""

import argparse
import json
import pathlib
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
WARM_UP = 75         # seconds, or half of a longer soak; a closed connection is remembered for 60, and all servers have come
CAPTURE_BYTES = 12e7  # of one round, 110 seconds: an end's ports come again when they are forgotten
PACKETS_PER_S = 4000
HANG_UP_EVERY, FLAP_EVERY = 7, 23  # seconds
WORKERS = ("1", "2")
MAY_RISE = 0.03      # of what it was, from the first to the last third, and by the slope
MAY_RISE_KB = 4096   # what an allocator may do anyway, and a queue to an output that was longer once than before


def generate(tools, folder, num_bytes=CAPTURE_BYTES):
    path = folder / "mail.pcap"
    subprocess.run([str(tools / "bench_generate"), f"--pcaps={ROOT / 'pcaps'}", f"--bytes={num_bytes:.0f}", "--reorder=0.01",
                    "--duplicate=0.01", "--lose=0.003", "mail", str(path)], check=True)
    return path, int((folder / "mail.pcap.facts").read_text().split("\t")[-1])


def memory_kb(process):
    """Its own memory: the kernel's ring for packets, as large from the first to the last, is not counted."""
    for line in pathlib.Path(f"/proc/{process.pid}/status").read_text().splitlines():
        if line.startswith("RssAnon:"):
            return int(line.split()[1])
    raise RuntimeError("the sensor has ended")


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
    """Takes readings each second: (time, kB)."""
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
            sensor.readings.append((now - begin, memory_kb(sensor.process)))
        time.sleep(1)


def judge(readings):
    """Lines that say how memory rises."""
    begin = max(WARM_UP, readings[-1][0] / 2)
    warm = [(at, kb) for at, kb in readings if at >= begin]
    third = len(warm) // 3
    first, last = (statistics.median(kb for _, kb in part) for part in (warm[:third], warm[-third:]))
    slope = statistics.linear_regression(*zip(*warm)).slope
    by_slope = slope * (warm[-1][0] - warm[0][0])
    shown = readings[::max(1, len(readings) // 12)]
    print("kB at second", ", ".join(f"{at:.0f}: {kb}" for at, kb in shown))
    limit = first * MAY_RISE + MAY_RISE_KB
    print(f"memory: {readings[0][1]} kB at the start, {first:.0f} kB after {begin:.0f} s, {last:.0f} kB at the end, "
          f"{slope:+.2f} kB a second, of {len(warm)} readings")
    return ([f"memory rose by {last - first:.0f} kB"] if last - first > limit else []) + \
        ([f"memory rises by {slope:.1f} kB a second"] if by_slope > limit else [])


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
    parser.add_argument("--seconds", type=int, default=110)
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
