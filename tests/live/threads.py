#!/usr/bin/env python3
"""threads.py: a sensor built with ThreadSanitizer, live, with several workers: no thread meets another one unguarded.

    python3 tests/live/threads.py PROGRAM [--tools=DIRECTORY]

tcpreplay sends sessions of bench_generate to a mirror port. Meanwhile outputs are reopened and counters asked for, and
the port goes down and up. Needs what soak.py needs; without it it ends with 77.
"""

import argparse
import os
import pathlib
import shutil
import signal
import sys

import span_net as net
from soak import SKIP, Soaked, generate, start_replay

WORKERS = ("2", "4")
ROUNDS = 3
CAPTURE_BYTES = 2e7


def disturb(sensor, number):
    """One thing after the other, each once it has been answered."""
    def says(text, cause, *arguments):
        before = sensor.said.read_text().count(text)
        cause(*arguments)
        net.wait_until(lambda: sensor.said.read_text().count(text) > before or sensor.process.poll() is not None, text, 60)

    says("segments that one handed over", sensor.process.send_signal, signal.SIGUSR1)
    sensor.events.reopen(sensor.process)
    if number % 2:
        says("the link is down", net.inside, "tap", "ip", "link", "set", net.MIRROR, "down")
        says("is back after", net.inside, "tap", "ip", "link", "set", net.MIRROR, "up")


def more_sinks(folder, workers):
    """Not Kafka: ThreadSanitizer does not know the threads of C11, which librdkafka begins, and crashes in them."""
    output = folder / f"workers-{workers}" / "events"
    return "-o", f"csv:{output}.csv", "-o", f"sqlite:{output}.db", "-o", f"tlsrpt:{output}.reports", "--metrics", "9925"


def run_test(program, folder, capture, workers):
    sensor = Soaked(program, folder, workers, *more_sinks(folder, workers))
    replay = start_replay(capture, 120, folder)
    for number in range(ROUNDS):
        net.wait_until(lambda: sensor.events.path.exists() and sensor.events.path.stat().st_size > 50000 or sensor.process.poll() is not None,
                       "events", 60)
        if sensor.process.poll() is None:
            disturb(sensor, number)
    net.stop(replay)
    problems = sensor.end()
    sessions = sensor.events.sessions
    said = sensor.said.read_text()
    problems += ["ThreadSanitizer: " + said[said.index("WARNING: ThreadSanitizer"):][:6000]] if "WARNING: ThreadSanitizer" in said else []
    problems += [f"only {sessions} sessions"] if sessions < 100 else []
    print(f"{workers} workers: {sessions} sessions, {len(problems)} problems", flush=True)
    return problems


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("program", type=lambda name: pathlib.Path(name).resolve())
    parser.add_argument("--tools", type=lambda name: pathlib.Path(name).resolve())
    arguments = parser.parse_args()
    reason = net.why_not() or (not shutil.which("tcpreplay") and "needs tcpreplay")
    if reason:
        print(reason)
        return SKIP
    os.environ.setdefault("TSAN_OPTIONS", "halt_on_error=1:second_deadlock_stack=1")
    folder = net.run_apart()
    net.build({"sender": []})
    capture, _ = generate(arguments.tools or arguments.program.parent, folder, CAPTURE_BYTES)
    problems = [problem for workers in WORKERS for problem in run_test(str(arguments.program), folder, capture, workers)]
    print(*problems, sep="\n")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
