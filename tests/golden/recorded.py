#!/usr/bin/env python3
"""recorded.py: what -w records gives the events of the capture that it comes from, and --scrub takes the secrets out.

    python3 tests/golden/recorded.py PROGRAM

For each bundled capture, with its key log too where there is one: its recording and its scrubbed recording have the same
session and peer events, byte for byte (but for the time from which peers are told of, and without what DNS answers said of
names: those are no packets of mail connections, and are not recorded); the scrubbed one holds no password, no AUTH response and nothing of a message
that crossed in clear, scrubbing it again changes nothing, and as many TCP checksums are right as were before.
"""
import json
import pathlib
import sys
import tempfile

import bundled
import no_secrets

def run(starttap, source, *options):
    """Its session and peer events, as they were written."""
    written = bundled.run(starttap, *bundled.SETTINGS, "--no-dns", *options, "-o", "json:-?datasets=session,peer", "-r", source)
    return b"\n".join(map(without_window, written.splitlines()))


def without_window(line):
    """The only window of the peers begins with the capture's first packet, which need not be one of mail."""
    event = json.loads(line)
    if event["event"]["dataset"] == "starttap.session":
        return line
    for name in ("id", "start", "duration"):
        del event["event"][name]
    del event["starttap"]["peer"]["window"]["start"]
    return json.dumps(event).encode()


def first_difference(one, other):
    pairs = zip(one.splitlines() + [b""], other.splitlines() + [b""])
    for number, (a, b) in enumerate(pairs, 1):
        if a != b:
            a, b = (bundled.flatten(json.loads(line or b"{}")) for line in (a, b))
            return f"event {number}: " + ", ".join(f"{name} {a.get(name)!r} -> {b.get(name)!r}" for name in sorted({*a, *b})
                                                   if a.get(name) != b.get(name))[:2000]
    return "not as many events"


def check(starttap, name, source, keys):
    options = ["--keylog", keys] if keys else []
    problems = []
    with tempfile.TemporaryDirectory() as directory:
        recorded, scrubbed, again = (pathlib.Path(directory) / f"{word}.pcapng" for word in ("recorded", "scrubbed", "again"))
        expected = run(starttap, source, *options, "-w", recorded)
        run(starttap, source, *options, "-w", scrubbed, "--scrub")
        found = {"recorded": run(starttap, recorded, *options),
                 "scrubbed": run(starttap, scrubbed, *options, "-w", again, "--scrub")}
        problems += [f"{name}: {word}: {first_difference(expected, events)}" for word, events in found.items() if events != expected]
        expected = run(starttap, source, *options, "--verify-checksums")
        found = run(starttap, scrubbed, *options, "--verify-checksums")
        if found != expected:
            problems.append(f"{name}: scrubbed, with right checksums alone: {first_difference(expected, found)}")
        if scrubbed.read_bytes() != again.read_bytes():
            problems.append(f"{name}: scrubbing what is scrubbed changes it")
        problems += [f"{name}: scrubbed, it holds {needle.decode()}" for needle in no_secrets.held(scrubbed.read_bytes())
                     if needle not in ADDRESSES]
        in_clear = IN_NULL_CIPHER.get(name, b"")
        if in_clear not in recorded.read_bytes() or (in_clear and in_clear in scrubbed.read_bytes()):
            problems.append(f"{name}: {in_clear} is in the scrubbed recording, or not in the other one")
    return problems


# Senders and recipients stay: they are neither body nor password.
IN_NULL_CIPHER = {"s-server-null-cipher": b"hello"}
ADDRESSES = {b"ann@", b"bob@", b"nobody@", b"alice", "jörg".encode()}


def main():
    starttap = bundled.program(sys.argv[1:])
    checked = bundled.each_run(lambda name, path, keys: check(starttap, name, path, keys))
    together = check(starttap, "all of them", bundled.PCAPS, None)
    problems = [problem for found in checked for problem in found] + together
    bundled.finish("recorded", len(checked) + 1, problems)


if __name__ == "__main__":
    main()
