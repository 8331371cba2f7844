#!/usr/bin/env python3
"""instructions.py: how many instructions a packet costs, counted by callgrind: no noise, so changes show.

    python3 tests/bench/instructions.py --build=DIRECTORY [--update] [--fail-above=PERCENT]

Counts a capture and one twice as large; the difference is the cost of packets without that of starting up.
Prints each kind of capture beside the committed baseline (instructions.tsv). With --update it becomes the
baseline; with --fail-above the exit status is 1 when a kind costs that much more than the baseline. Counts
depend on compiler, libraries and processor (libc chooses its functions by it): compare what was made alike.
"""
import argparse
import pathlib
import re
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
BASELINE = ROOT / "tests/bench/instructions.tsv"
SIZES = {"mail": 6e6, "mail-unique-certs": 4e6, "span": 60e6, "bulk": 20e6}


def count(command, profile):
    result = subprocess.run(["valgrind", "--tool=callgrind", f"--callgrind-out-file={profile}", *command], check=True,
                            capture_output=True, text=True)
    # The sandbox's system calls are put together by a process of their own, which is done first.
    return int(re.findall(r"Collected : (\d+)", result.stderr)[-1])


def per_packet(build, starttap, kind, directory):
    """Instructions per packet, by starttap and by a libpcap loop that does nothing."""
    counts = []
    for factor in (1, 2):
        capture = directory / f"{kind}-{factor}.pcap"
        subprocess.run([build / "bench_generate", f"--pcaps={ROOT / 'pcaps'}", f"--bytes={SIZES[kind] * factor:.0f}", kind,
                        capture], check=True)
        packets = int(pathlib.Path(f"{capture}.facts").read_text().strip().split("\n")[-1].split("\t")[1])
        command = [starttap, "-q", "-n", "--ca", ROOT / "pcaps/certs/ca.pem", "-r", capture, "-o", "json:/dev/null"]
        counts.append((packets, count(command, directory / f"{kind}-{factor}.callgrind"),
                       count([build / "bench_null_loop", capture], "/dev/null")))
    (packets, sensor, loop), (packets2, sensor2, loop2) = counts
    return (sensor2 - sensor) / (packets2 - packets), (loop2 - loop) / (packets2 - packets)


def read_baseline():
    if not BASELINE.exists():
        return {}
    rows = [line.split("\t") for line in BASELINE.read_text().strip().split("\n")[1:]]
    return {row[0]: float(row[1]) for row in rows}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", required=True, type=lambda path: pathlib.Path(path).resolve())
    parser.add_argument("--starttap", help="the program (default: that of the build)")
    parser.add_argument("--kinds", default=",".join(SIZES))
    parser.add_argument("--profiles", help="a directory in which callgrind's files stay")
    parser.add_argument("--update", action="store_true")
    parser.add_argument("--fail-above", type=float, metavar="PERCENT")
    arguments = parser.parse_args()
    baseline, counted, worst = read_baseline(), {}, 0.0
    with tempfile.TemporaryDirectory() as temporary:
        directory = pathlib.Path(arguments.profiles or temporary)
        directory.mkdir(parents=True, exist_ok=True)
        print("| capture | instructions/packet | baseline | change | libpcap alone |\n| --- | --- | --- | --- | --- |")
        for kind in arguments.kinds.split(","):
            counted[kind], loop = per_packet(arguments.build, arguments.starttap or arguments.build / "starttap", kind,
                                             directory)
            before = baseline.get(kind)
            change = (counted[kind] / before - 1) * 100 if before else 0.0
            worst = max(worst, change)
            print(f"| {kind} | {counted[kind]:.0f} | {f'{before:.0f}' if before else 'none'} | {change:+.1f} % | {loop:.0f} |",
                  flush=True)
    if arguments.update:
        rows = {**baseline, **counted}
        BASELINE.write_text("capture\tinstructions_per_packet\n" +
                            "".join(f"{kind}\t{rows[kind]:.0f}\n" for kind in SIZES if kind in rows))
    return 1 if arguments.fail_above is not None and worst > arguments.fail_above else 0


if __name__ == "__main__":
    sys.exit(main())
