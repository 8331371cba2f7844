#!/usr/bin/env python3
"""recorded.py: what -w records gives the events of the capture that it comes from, and --scrub takes the secrets out.

    python3 tests/golden/recorded.py PROGRAM

For each bundled capture, with its key log too where there is one: its recording and its scrubbed recording have the same
session and peer events, byte for byte (but for the time from which peers are told of); the scrubbed one holds no password, no
AUTH response and nothing of a message that crossed in clear, scrubbing it again gives the same packets, and as many TCP
checksums are right as were before. Of the answers of the DNS a recording has those that named a server, and no others.
"""
import json
import pathlib
import struct
import sys
import tempfile

import bundled
import no_secrets

def run(starttap, source, *options):
    """Its session and peer events, as they were written."""
    written = bundled.run(starttap, *bundled.SETTINGS, *options, "-o", "json:-?datasets=session,peer", "-r", source)
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


def packets(path):
    """The blocks of a recording, sorted: an answer of the DNS may stand some packets earlier or later."""
    data, at, blocks = path.read_bytes(), 0, []
    while at < len(data):
        length = struct.unpack_from("<I", data, at + 4)[0]
        blocks.append(data[at:at + length])
        at += length
    return sorted(blocks)


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
        if packets(scrubbed) != packets(again):
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


def with_other_answers(source, directory):
    """The capture, and behind each answer of the DNS the same about another name, sent to another and to the same asker."""
    data = source.read_bytes()
    order = "<" if data[:4] in (bytes.fromhex("d4c3b2a1"), bytes.fromhex("4d3cb2a1")) else ">"
    out, at = bytearray(data[:24]), 24
    while at < len(data):
        length = struct.unpack_from(order + "I", data, at + 8)[0]
        record = data[at:at + 16 + length]
        at += len(record)
        out += record
        other = record.replace(b"\x02mx\x07example\x03org", b"\x02ww\x07example\x03net")
        if other != record:
            out += other + other.replace(bytes([10, 99, 0, 1]), bytes([10, 99, 0, 9]))
    path = directory / "with-others.pcap"
    path.write_bytes(out)
    return path


def check_others(starttap):
    """Answers that no event rests on are not recorded, though they are about the server's address."""
    with tempfile.TemporaryDirectory() as directory:
        directory = pathlib.Path(directory)
        source, recorded = with_other_answers(bundled.PCAPS / OTHERS, directory), directory / "recorded.pcapng"
        name, problems = b"\x02ww\x07example\x03net", []
        if source.read_bytes().count(name) < 2:
            problems.append(f"{OTHERS}: no other answers were made")
        events = run(starttap, source, "-w", recorded)
        if b'"dns":{"host":"mx.example.org"' not in events:
            problems.append(f"{OTHERS}: the server is not named any more")
        if name in recorded.read_bytes():
            problems.append(f"{OTHERS}: an answer is recorded that no event rests on")
        if run(starttap, recorded) != events:
            problems.append(f"{OTHERS}: recorded without others: {first_difference(events, run(starttap, recorded))}")
    return problems


OTHERS = "names-dane-match-udp.pcap"


def main():
    starttap = bundled.program(sys.argv[1:])
    checked = bundled.each_run(lambda name, path, keys: check(starttap, name, path, keys))
    together = check(starttap, "all of them", bundled.PCAPS, None)
    problems = [problem for found in checked for problem in found] + together + check_others(starttap)
    bundled.finish("recorded", len(checked) + 2, problems)


if __name__ == "__main__":
    main()
