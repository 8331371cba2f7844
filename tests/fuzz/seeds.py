#!/usr/bin/env python3
"""seeds.py: makes the fuzz targets' first inputs of the bundled captures, certificates, policies and settings.

    python3 tests/fuzz/seeds.py DIRECTORY

DIRECTORY/TARGET/NAME; what is there stays. They are not committed, as this makes them in a second or two; what is in
corpus/ cannot be made of pcaps/.
"""
import base64
import gzip
import pathlib
import re
import struct
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(ROOT / "tests/golden"))
import framing  # noqa: E402
import wrappings  # noqa: E402

PCAPS = ROOT / "pcaps"
FILE_MAX = 20000      # of a capture that is a seed itself
SAID_MAX = 6000       # of a conversation
CLIENT, SERVER = 0, 1
CROWD = 9             # TALK_CROWD of talk.h


class Seeds:
    def __init__(self, directory):
        self.directory = pathlib.Path(directory)

    def add(self, target, name, data):
        path = self.directory / f"fuzz_{target}" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if not path.exists():
            path.write_bytes(data)


# --- captures ---

def frames(data):
    """(link type, frames) of a classic capture file in this machine's order; others are seeds as they are."""
    if data[:4] not in (b"\xd4\xc3\xb2\xa1", b"\x4d\x3c\xb2\xa1"):
        return 1, []
    found, at = [], 24
    while at + 16 <= len(data):
        length, wire = struct.unpack_from("<II", data, at + 8)
        found.append((data[at + 16:at + 16 + length], wire))
        at += 16 + length
    return struct.unpack_from("<I", data, 20)[0], found


def segment(linktype, frame):
    """((client port, server port), side, seq, payload) of a plain TCP segment, or None."""
    if linktype == 1:
        frame = frame[14:]
    elif linktype != 101:
        return None
    if len(frame) >= 40 and frame[0] == 0x45 and frame[9] == 6:
        tcp = frame[20:struct.unpack_from(">H", frame, 2)[0]]
    elif len(frame) >= 60 and frame[0] >> 4 == 6 and frame[6] == 6:
        tcp = frame[40:40 + struct.unpack_from(">H", frame, 4)[0]]
    else:
        return None
    source, destination, seq = struct.unpack_from(">HHI", tcp)
    side = CLIENT if source > destination else SERVER
    ports = (source, destination) if side == CLIENT else (destination, source)
    return ports, side, seq, tcp[tcp[12] >> 4 << 2:]


def conversation(data):
    """[(side, bytes)] of the capture's first connection, without what was sent twice."""
    linktype, found = frames(data)
    first, seen, said = None, set(), []
    for frame, _ in found:
        parts = segment(linktype, frame)
        if parts is None or not parts[3]:
            continue
        first = first or parts[0]
        if parts[0] == first and parts[1:3] not in seen:
            seen.add(parts[1:3])
            said.append((parts[1], parts[3]))
    return first, said


def cut(said, size):
    return [(side, data[at:at + size]) for side, data in said for at in range(0, len(data), size)]


def until(said, most):
    taken = 0
    for side, data in said:
        taken += len(data)
        if taken > most:
            return
        yield side, data


def clear_and_tls(said):
    """What a side says is TLS from its first record on."""
    tls, parts = [False, False], ([], [])
    for side, data in said:
        tls[side] = tls[side] or data[:2] == b"\x16\x03"
        parts[tls[side]].append((side, data))
    return parts


def from_capture(seeds, path):
    name, data = path.name.split(".")[0], path.read_bytes()
    if len(data) <= FILE_MAX:
        seeds.add("source", name, data)
        seeds.add("pipeline", name, (b"\x0e" if len(data) % 4 == 0 else b"\0") + data)
    if path.suffix == ".gz":
        data = gzip.decompress(data)
    linktype, found = frames(data)
    if found:
        packed = b"".join(struct.pack(">HB", len(frame), min(wire - len(frame), 255)) + frame for frame, wire in found[:12])
        seeds.add("decode", name, struct.pack(">HB", linktype, 0) + packed[:4000])
    ports, said = conversation(data)
    if not said:
        return
    said = list(until(said, SAID_MAX))
    clear, tls = clear_and_tls(said)
    steps = [bytes([0, side, 0, len(part)]) + part for side, part in cut(said, 255)]
    port = 1 if ports[1] == 465 else 0
    seeds.add("conversation", name, bytes([0, 0, port, 0]) + b"".join(steps))
    crowd = [bytes([CROWD, 0, 0, 0])] if len(steps) > 3 else []
    steps = steps[:len(steps) * 2 // 3] + crowd + steps[len(steps) * 2 // 3:]
    seeds.add("conversation", name + "-crowd", bytes([0x80, 0, port, 0]) + b"".join(steps))
    chunks = b"".join(bytes([side, len(part)]) + part for side, part in cut(clear, 255))
    seeds.add("smtp", name, b"\0" + chunks)
    seeds.add("hide", name, b"\0" + chunks)
    if tls:
        seeds.add("tls", name, b"".join(bytes([side, len(part)]) + part for side, part in cut(tls, 255)))
    for side, what in ((CLIENT, "client"), (SERVER, "server")):
        text = b"".join(data for who, data in said if who == side)
        seeds.add("proxy", f"{name}-{what}", bytes([side | 0x20]) + text[:500])
    seeds.add("text", name, b"".join(data for _, data in clear)[:300])
    message = re.search(rb"\r\nDATA\r\n(.*?\r\n)\.\r\n", b"".join(data for side, data in clear if side == CLIENT), re.DOTALL)
    if message:
        seeds.add("received", name, b"\x20" + message.group(1)[:2000])


def from_layers(seeds):
    """A few packets in each link layer, tunnel and kind of file that is known."""
    packets = list(framing.read_ip(PCAPS / "postfix-quit-after-ehlo.pcap"))[:6]
    for name, data in wrappings.files(packets):
        name = "layer-" + re.sub(r"[^a-z0-9]+", "-", name.lower())
        linktype, found = frames(data)
        if found:
            packed = b"".join(struct.pack(">HB", len(frame), 0) + frame for frame, _ in found)
            seeds.add("decode", name, struct.pack(">HB", linktype, 0) + packed[:4000])
        seeds.add("source", name, data)
        seeds.add("pipeline", name, b"\0" + data)


# --- files ---

def certificates(path):
    blocks = re.findall(r"-----BEGIN CERTIFICATE-----(.*?)-----END", path.read_text(), re.DOTALL)
    return [base64.b64decode(block) for block in blocks]


def from_files(seeds):
    for path in sorted((PCAPS / "certs").glob("*.pem")):
        chain = b"".join(len(der).to_bytes(3, "big") + der for der in certificates(path))
        seeds.add("trust", path.stem, struct.pack(">I", 1790000000) + b"\x0fmx1.example.com" + chain)
    for path in sorted((PCAPS / "keylogs").iterdir()):
        seeds.add("keylog", path.stem, path.read_bytes())
    for path in sorted((PCAPS / "mta-sts").iterdir()):
        seeds.add("mta_sts", path.stem, path.read_bytes())
    for path in [*sorted((ROOT / "sensor/judge/profiles").iterdir()), ROOT / "tests/golden/rules.policy"]:
        seeds.add("policy", path.stem, path.read_bytes())
    settings = (ROOT / "sensor/starttap.yaml").read_text()
    seeds.add("config", "starttap", settings.encode())
    seeds.add("config", "all", re.sub(r"(?m)^# ?([a-z][a-z-]*:)", r"\1", settings).encode())
    for number, line in enumerate(re.findall(r"(?m)^# ?([a-z][a-z-]*: .*)$", settings)):
        seeds.add("config", f"line-{number}", line.encode())


def main():
    if len(sys.argv) != 2 or sys.argv[1].startswith("-"):
        sys.exit(__doc__)
    seeds = Seeds(sys.argv[1])
    for path in sorted(PCAPS.iterdir()):
        if ".pcap" in path.name:
            from_capture(seeds, path)
    from_layers(seeds)
    from_files(seeds)
    steps = b"".join(bytes([what, 0, 0, 8]) + b"\xffsecret\n" for what in (0, 1, 2, 3, 4, 5, 6, 3, 9, 7, 8))
    seeds.add("scrub", "all", bytes(4) + steps)


if __name__ == "__main__":
    main()
