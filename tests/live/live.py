#!/usr/bin/env python3
"""live.py: captured from an interface, the bundled captures give the events that a recording of the same frames gives.

    python3 tests/live/live.py PROGRAM

Frames are sent into one end of a pair of virtual interfaces; the sensor and tcpdump capture on the other end. Each
capture's packets come in every link layer and tunnel that an Ethernet can carry, with traffic that is no mail among
them, which must not leave the kernel. One thread, two and four (--workers) capture the same frames side by side. Then several interfaces at once, a mirror of one direction, and what is said
when an interface cannot be opened.

Needs root, tcpdump, ip, unshare and setpriv; without them it ends with 77.
"""
import json
import pathlib
import re
import shutil
import signal
import socket
import struct
import subprocess
import sys
import threading

import span_net as net

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests" / "golden"))
import bundled  # noqa: E402
from framing import (IPV4, Packet, erspan2, ethernet, fragments, geneve, gre, gtpu, ip4, ip6, mpls, padded, pbb, pppoe, read_ip,  # noqa: E402
                     twice, udp, vlan, vxlan, wrap)

SKIP = 77
SETTINGS = ("-n", "--observer-name", "live", "--ca", str(bundled.PCAPS / "certs" / "ca.pem"), "--no-sandbox", "--user", "root")
PORTS = {25, 465, 587, 2525}
FRAME_MAX = 65549  # bytes with the Ethernet header: the largest that a virtual interface takes
WORKERS = ("1", "2", "4")
STARTS = 5
SENTINEL = b"the last frame of this run"

# Name: what a frame is wrapped in, from the inside out.
PLAIN = {
    "Ethernet": [ethernet],
    "padded": [ethernet, padded],
    "802.1Q": [vlan(7), ethernet],
    "802.1ad": [vlan(7), vlan(9, 0x88A8), ethernet],
    "QinQ": [vlan(7), vlan(9), ethernet],
    "QinQ 9100": [vlan(7), vlan(9, 0x9100), ethernet],
    "every packet in two VLANs": [twice, ethernet],
    "fragments": [fragments, ethernet],
    "fragments, 802.1Q": [fragments, vlan(7), ethernet],
    "fragments, 802.1ad": [fragments, vlan(7), vlan(9, 0x88A8), ethernet],
}
TUNNELS = {
    "PPPoE in a VLAN": [pppoe, vlan(7), ethernet],
    "MPLS": [mpls, ethernet],
    "802.1ah": [ethernet, pbb, vlan(9, 0x88A8), ethernet],
    "GRE over IPv6": [gre, ip6, ethernet],
    "ERSPAN II": [ethernet, erspan2, ip4, ethernet],
    "VXLAN, 802.1Q on both sides": [vlan(7), ethernet, vxlan, ip4, vlan(9), ethernet],
    "VXLAN in fragments": [ethernet, vxlan, ip4, fragments, ethernet],
    "Geneve": [ethernet, geneve, ip4, ethernet],
    "GTP-U": [gtpu, ip4, ethernet],
    "in IPv4": [ip4, ethernet],
    "in IPv6": [ip6, ethernet],
}

problems = []
given_over = {}  # by wrapping: segments that came in by one worker and belong to another


def expect(condition, message):
    if not condition:
        problems.append(message)


# ---- frames

def noise():
    """Nothing that may be mail: a name server's answer, the web, ARP; and a piece of a datagram of UDP, which may be a tunnel's."""
    payload = Packet(b"\0" * 64, 64, IPV4)
    dns = ip4(udp(53)(payload))
    web = Packet(struct.pack("!2B3H2BH4s4s", 0x45, 0, 60, 1, 0, 64, 6, 0, b"\x0a\0\0\1", b"\x0a\0\0\2") +
                 struct.pack("!2H2I2BH2H", 443, 40000, 1, 1, 0x50, 0x10, 100, 0, 0) + b"\0" * 20, 60, IPV4)
    piece = Packet(struct.pack("!2B3H2BH4s4s", 0x45, 0, 84, 2, 185, 64, 17, 0, b"\x0a\0\0\1", b"\x0a\0\0\2") + b"\0" * 64, 84, IPV4)
    arp = b"\xff" * 6 + b"\x02" + b"\0" * 5 + b"\x08\x06" + b"\0" * 46
    return [ethernet(packet).data for packet in (dns, web)] + [ethernet(vlan(7)(web)).data, arp], [ethernet(piece).data]


def sentinel():
    return ethernet(ip4(udp(9)(Packet(SENTINEL, len(SENTINEL), IPV4)))).data


def ports(packet):
    return struct.unpack_from("!2H", packet.data, (packet.data[0] & 15) * 4 if packet.kind == IPV4 else 40)


def is_mail(packet):
    """Of TCP, on the default ports, captured whole. In pieces, others would stay without their first one and, as there are many
    with the identification 0, get into the way of mail's."""
    return (len(packet.data) == packet.wire and packet.data[9 if packet.kind == IPV4 else 6] == socket.IPPROTO_TCP and
            bool({*ports(packet)} & PORTS))


def mail():
    return [(ts, packet) for path in bundled.captures() for ts, packet in read_ip(path) if is_mail(packet)]


def frames_of(packets, layers):
    return [frame.data for _, frame in wrap(packets, layers) if len(frame.data) <= FRAME_MAX - 200]


class Sender:
    def __init__(self, interface):
        self.socket = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
        self.socket.bind((interface, 0))

    def send(self, frames):
        for frame in frames:
            self.socket.send(frame)


def plug(name):
    """A pair of interfaces: what goes into `name`-in comes out of `name`."""
    for command in (("add", name, "type", "veth", "peer", "name", name + "-in"),
                    ("set", name, "mtu", "65535", "addrgenmode", "none"), ("set", name + "-in", "mtu", "65535", "addrgenmode", "none"),
                    ("set", name, "up"), ("set", name + "-in", "up")):
        net.run("ip", "link", *command)
    return Sender(name + "-in")


# ---- the programs

class Sensor:
    def __init__(self, program, folder, interfaces, *more):
        folder.mkdir(exist_ok=True)
        self.out, self.log = folder / "events.ndjson", folder / "sensor.log"
        names = [word for interface in interfaces for word in ("-i", interface)]
        with open(self.log, "wb") as log:
            self.process = subprocess.Popen([program, *SETTINGS, "-v", *names, "--force", "-o", f"json:{self.out}", *more],
                                            stdout=log, stderr=log)
        net.wait_until(lambda: self.said().count("capturing: ") == len(interfaces) or self.process.poll() is not None, "the sensor")

    def said(self):
        return self.log.read_text(errors="replace")

    def stop(self):
        status = net.stop(self.process)
        if status != 0:
            raise RuntimeError(f"the sensor ended with {status}: {self.said()}")
        return bundled.parse(self.out.read_bytes())


def record(path, interface):
    log = path.with_suffix(".log")
    with open(log, "wb") as output:
        process = subprocess.Popen(["tcpdump", "-i", interface, "-n", "-U", "-Z", "root", "-B", "65536", "-s", "0",
                                    "-w", path], stdout=output, stderr=output)
    net.wait_until(lambda: "listening on" in log.read_text(errors="replace"), "tcpdump")
    return process


def end_recording(process, path):
    net.wait_until(lambda: path.read_bytes().endswith(SENTINEL), "the end of the recording")
    net.stop(process)


# ---- comparing

def comparable(event):
    """An event without its times and what depends on them."""
    flat = bundled.flatten(event)
    for name in ("@timestamp", "event.id", "event.start", "event.end", "event.duration"):
        flat.pop(name, None)
    return json.dumps(flat, sort_keys=True)


def sessions(events):
    return sorted(comparable(event) for event in events if event["event"]["dataset"] == "starttap.session")


def outcomes(events):
    """What several captures of the same connections have in common."""
    found = [bundled.flatten(event) for event in events if event["event"]["dataset"] == "starttap.session"]
    return sorted((one["source.ip"], one["source.port"], one["destination.port"], one["starttap.verdict"]) for one in found)


def total(events, name):
    return sum(event["starttap"]["sensor"][name] for event in events if event["event"]["dataset"] == "starttap.sensor")


def compare(name, live, recorded):
    now, expected = sessions(live), sessions(recorded)
    expect(len(expected) > 100, f"{name}: only {len(expected)} sessions in the recording")
    expect(total(live, "packets_dropped") == 0, f"{name}: {total(live, 'packets_dropped')} packets were dropped by the kernel")
    if now == expected:
        return
    problems.append(f"{name}: {len(now)} sessions live, {len(expected)} in the recording")
    for one, two in list(zip([one for one in now if one not in expected], [two for two in expected if two not in now]))[:3]:
        one, two = json.loads(one), json.loads(two)
        problems.append("    " + ", ".join(f"{field}: {one.get(field)}, not {two.get(field)}" for field in sorted({*one, *two})
                                           if one.get(field) != two.get(field)))


# ---- the tests

def check_wrapping(program, folder, sender, name, frames, more):
    recording = folder / "frames.pcap"
    print(name, flush=True)
    tcpdump = record(recording, "tap0")
    sensors = [Sensor(program, folder / workers, ["tap0"], "--workers", workers, "--ring-mb", "32", *more) for workers in WORKERS]
    others, pieces = noise()
    num_pieces = 0
    for start in range(0, len(frames), 500):
        sender.send(frames[start:start + 500])
        sender.send(others + pieces)
        num_pieces += len(pieces)
    sender.send([sentinel()])
    end_recording(tcpdump, recording)
    events = [sensor.stop() for sensor in sensors]
    recorded = bundled.parse(bundled.run(program, *SETTINGS, "-o", "json:-", "-r", recording))
    most = len(frames) + (num_pieces if more else 0)
    for workers, live in zip(WORKERS, events):
        who = f"{name}, {workers} workers"
        compare(who, live, recorded)
        expect(total(live, "packets") <= most, f"{who}: {total(live, 'packets')} packets of {most} frames that may be mail")
        expect(total(live, "packets") == total(events[0], "packets"),
               f"{who}: {total(live, 'packets')} packets, not {total(events[0], 'packets')} as by one")
    for workers, sensor in list(zip(WORKERS, sensors))[1:]:
        given_over[name] = given_over.get(name, 0) + handed_over(sensor)
    return events[0]


def handed_over(sensor):
    """Segments that the kernel gave to one worker and belong to another: none where it finds the addresses."""
    return int(re.findall(r"segments that one handed over to another: (\d+)", sensor.said())[-1])


class Lines(threading.Thread):
    """Clients that say one line after the other, none of them twice, until stop()."""

    def __init__(self, sender):
        super().__init__(daemon=True)
        self.sender, self.stopping = sender, False
        self.start()

    def run(self):
        for number in range(10**6):
            last = self.stopping  # all of them speak once more
            payload = b"NOOP %07d\r\n" % number
            for client in range(1, 17):
                ip = struct.pack("!2B3H2BH4s4s", 0x45, 0, 40 + len(payload), 1, 0, 64, 6, 0, bytes((10, 0, 0, client)), b"\x0a\1\0\1")
                tcp = struct.pack("!2H2I2B3H", 20000, 25, 1 + number * len(payload), 1, 0x50, 0x18, 500, 0, 0)
                self.sender.send([ethernet(Packet(ip + tcp + payload, 40 + len(payload), IPV4)).data])
            if last:
                return

    def stop(self):
        self.stopping = True
        self.join()


def check_start(program, folder, sender):
    """Eight workers begin while frames come: none comes in by two of them, or by the wrong one, or out of order."""
    for number in range(STARTS):
        lines = Lines(sender)
        sensor = Sensor(program, folder / "start", ["tap0"], "--workers", "8", "--ring-mb", "8")
        lines.stop()
        found = [bundled.flatten(event) for event in sensor.stop() if event["event"]["dataset"] == "starttap.session"]
        expect(len(found) == 16, f"start {number}: {len(found)} connections")
        wrong = {name: sum(one.get("starttap.capture." + name, 0) for one in found) for name in ("duplicates", "retransmits", "out_of_order")}
        expect(not any(wrong.values()) and handed_over(sensor) == 0, f"start {number}: {wrong}, {handed_over(sensor)} handed over")


def check_any(program, folder, sender, frames, workers):
    """All interfaces as one: each frame is there twice, sent and received; the VLAN tag is looked behind."""
    sensor = Sensor(program, folder, ["any"], "--workers", workers)
    sender.send(frames)
    return sensor.stop()


def to_server(packet):
    return ports(packet)[1] in PORTS


def check_two_interfaces(program, folder, senders, packets):
    """A tap has one interface for each direction; each frame is a moment later than the one before it, as on a line."""
    sensors = [Sensor(program, folder / workers, ["tap0", "tap1"], "--workers", workers) for workers in WORKERS]
    for _, packet in packets:
        if len(packet.data) <= FRAME_MAX - 200:
            senders[to_server(packet)].send([ethernet(packet).data])
    return [sensor.stop() for sensor in sensors]


def check_one_way(program, folder, sender, packets):
    sensor = Sensor(program, folder, ["tap0"])
    sender.send(frames_of([(ts, packet) for ts, packet in packets if to_server(packet)], [ethernet]))
    net.wait_until(lambda: "only one direction of mail is seen" in sensor.said(), "the warning of a mirror of one direction")
    events = sensor.stop()
    last = [event for event in events if event["event"]["dataset"] == "starttap.sensor"][-1]["starttap"]["sensor"]
    expect(last.get("mirror") == "one_way", f"one direction: the sensor says {last}")
    expect(last["segments_to_client"] * 50 < last["segments_to_server"], f"one direction: the sensor says {last}")


def check_intervals(program, folder, sender, frames):
    """Each event of the sensor begins where the last one ended, and counts what came in between."""
    sensor = Sensor(program, folder, ["tap0"], "--sensor-interval=1")
    sender.send(frames)
    net.wait_until(lambda: sensor.out.read_text().count("starttap.sensor") >= 3, "three events of the sensor")
    found = [event for event in sensor.stop() if event["event"]["dataset"] == "starttap.sensor"]
    expect(all(one["event"]["end"] == two["event"]["start"] for one, two in zip(found, found[1:])), f"intervals: {found}")
    packets = [event["starttap"]["sensor"]["packets"] for event in found]
    expect(sum(packets) == len(frames) and packets[-1] == 0, f"intervals: packets {packets} of {len(frames)}")


def says(status, text, *command):
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=60)
    expect(done.returncode == status and text in done.stdout + done.stderr,
           f"{' '.join(map(str, command))}: status {done.returncode}, not {status}, or not '{text}': {done.stdout}{done.stderr}")
    return done.stdout


def check_words(program):
    nobody = ("setpriv", "--reuid=65534", "--clear-groups", "--bounding-set=-all")
    says(1, "tap9: there is no such interface", program, "-n", "-i", "tap9")
    net.run("ip", "link", "set", "tap1", "down")
    says(1, "tap1: the interface is down: ip link set dev tap1 up", program, "-n", "-i", "tap1")
    net.run("ip", "link", "set", "tap1", "up")
    says(1, f"setcap cap_net_raw=eip {program}", *nobody, program, "-n", "-i", "tap0")
    says(2, "give one of them", program, "-i", "tap0", "-r", "x.pcap")
    says(1, "'gps' is no type of time stamp", program, "-n", "-i", "tap0", "--time-stamps=gps")
    says(2, "is no tunnel", program, "-n", "-i", "tap0", "--tunnels=ipsec")
    says(2, "is not a number", program, "-n", "-i", "tap0", "--ring-mb=0")
    listed = says(0, "tap0", program, "-D")
    expect("\nlo " in "\n" + listed and "any" in listed, f"-D: {listed}")


def check_printed_filter(program):
    """What is printed is an expression, and its program is the one that tcpdump makes of it."""
    for more in ((), ("--mail-ports=25,1000-2000",), ("--any-port",), ("--tunnels=all",), ("host", "192.0.2.1")):
        lines = says(0, "tcp", program, "--print-filter", "-v", *more).splitlines()
        expression, code = lines[0], [line.split() for line in lines[1:]]
        shown = subprocess.run(["tcpdump", "-y", "EN10MB", "-d", expression], capture_output=True, text=True, check=True).stdout
        expect(code == [line.split() for line in shown.splitlines()], f"--print-filter {more}: {expression}: not tcpdump's program")
        expect(says(0, "tcp", program, "--print-filter", *more).splitlines() == [expression], f"--print-filter {more}: without -v")
    for more, wanted in (((), True), (("--no-dns",), False)):
        shown = says(0, "tcp", program, "--print-filter", *more)
        expect(("udp src port 53" in shown) is wanted, f"--print-filter {more}: answers of name servers: {shown}")
    expect("tcp port 25" not in says(0, "tcp", program, "--print-filter", "--any-port"), "--print-filter --any-port names a port")
    expect(says(0, "tcp", program, "--print-filter", "host", "192.0.2.1").startswith("(host 192.0.2.1) and ("), "--print-filter host")


def main():
    program = bundled.program(sys.argv[1:])
    reason = net.why_not() or (None if shutil.which("setpriv") else "needs setpriv")
    if reason:
        print(reason)
        return SKIP
    folder = net.run_apart()
    net.run("ip", "link", "set", "lo", "up")
    senders = [plug("tap0"), plug("tap1")]
    packets = mail()
    reference = None
    for name, layers in {**PLAIN, **TUNNELS}.items():
        more = ("--tunnels=all",) if name in TUNNELS else ()
        live = check_wrapping(program, folder, senders[0], name, frames_of(packets, layers), more)
        reference = reference or live
    for name, layers in (("any", [ethernet]), ("any, 802.1Q", [vlan(7), ethernet]), ("any, QinQ", [vlan(7), vlan(9), ethernet])):
        for workers in ("1", "3"):
            live = check_any(program, folder, senders[0], frames_of(packets, layers), workers)
            expect(outcomes(live) == outcomes(reference), f"{name}, {workers} workers: {len(live)} events, or other verdicts")
    for workers, live in zip(WORKERS, check_two_interfaces(program, folder, senders, packets)):
        expect(outcomes(live) == outcomes(reference), f"two interfaces, {workers} workers: " +
               str(sorted(set(outcomes(live)) ^ set(outcomes(reference)))[:6]))
    expect(not any(given_over[name] for name in PLAIN), f"handed over, though the kernel can see the addresses: {given_over}")
    expect(any(given_over[name] for name in TUNNELS), "nothing in a tunnel was handed over")
    check_start(program, folder, senders[0])
    check_one_way(program, folder, senders[0], packets)
    narrow = [frame for frame in frames_of(list(read_ip(bundled.PCAPS / "exim-offered-unused.pcap")), [ethernet])]
    check_intervals(program, folder, senders[0], narrow)
    check_words(program)
    check_printed_filter(program)
    print("\n".join(problems))
    print(f"live: {len(PLAIN) + len(TUNNELS)} wrappings, {len(packets)} packets each, {len(problems)} problems")
    return 1 if problems else 0


if __name__ == "__main__":
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    sys.exit(main())
