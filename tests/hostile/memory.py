#!/usr/bin/env python3
"""memory.py: --memory-cap holds under floods, and mail sessions are judged meanwhile.

    python3 tests/hostile/memory.py STARTTAP [--factor=F] [--only=NAME[,NAME]]

Floods are piped into `-r -`, each with its own cap; the peak of resident memory must stay below the cap and what
the program needs by itself (BASE_MB). Mail sessions with a known verdict go on while the floods do: at most 1 % of
those may be lost. What had to make room must be counted, and say so where it is reported. --factor 10 makes 10^7
half-open connections out of the 10^6 of an ordinary run, and 10^6 mail sessions with data out of order out of 10^5.
So it was on 2026-11-22, with caps of 64 MB: 5,000,000 packets of 10^6 sessions out of order, 76 MB resident at most,
976,321 evicted and reported as that; 11,232,000 packets of 10^7 half-open ones and 112,000 mail sessions among them, none
of whose verdicts was lost, 9,680,477 evicted, 75 MB.
"""
import argparse
import json
import os
import pathlib
import struct
import subprocess
import sys
import tempfile
import threading
import time

import wire
from wire import ACK, SYN, Connection, ip_of, ipv4, tcp

BASE_MB = 48
LOSS_MAX = 0.01
FLOODS = {}


def flood(number, cap_mb):
    def keep(function):
        FLOODS[function.__name__] = (function, number, cap_mb)
        return function
    return keep


class Mail:
    """Sessions with a mail in clear, of SESSION_STEPS steps each, many under way at a time."""
    STEPS = 9

    def __init__(self, writer, at_a_time):
        self.writer, self.num, self.under_way = writer, 0, []
        self.at_a_time = at_a_time

    def begin(self):
        self.num += 1
        connection = Connection(self.writer, self.num, client=ip_of(0xc6120000 + self.num % 4096))
        connection.ports = (1024 + self.num // 4096, 25)
        return [connection, 0]

    def step(self):
        """The next step of the session whose turn it is."""
        if len(self.under_way) < self.at_a_time:
            self.under_way.append(self.begin())
            session = self.under_way[-1]
        else:
            session = self.under_way.pop(0)
            self.under_way.append(session)
        self.take(session)
        if session[1] == self.STEPS:
            self.under_way.remove(session)

    def take(self, session):
        connection, step = session
        session[1] += 1
        if step == 0:
            connection.segment(0, -1, b"", SYN)
        elif step == 1:
            connection.segment(1, -1, b"", SYN | ACK)
            connection.segment(0, 0, b"")
        elif step == 8:
            connection.close()
        else:
            side, text = ((1, b"220 mail.example ESMTP\r\n"), (0, b"EHLO client.example\r\n"),
                          (1, b"250-mail.example\r\n250 8BITMIME\r\n"),
                          (0, b"MAIL FROM:<a@b.example>\r\n"), (1, b"250 ok\r\n"), (0, b"QUIT\r\n"))[step - 2]
            connection.say(side, text)

    def finish(self):
        while self.under_way:
            session = self.under_way.pop()
            while session[1] < self.STEPS:
                self.take(session)


@flood(1_000_000, 64)
def half_open(writer, num):
    """SYNs that nobody answers, more than ten for each packet of mail"""
    mail = Mail(writer, 2000)
    head = writer.packet
    for i in range(num):
        head(ipv4(ip_of(0x0b000000 + i), ip_of(0xc0000201), tcp(1024 + i % 60000, 25, i * 7919, 0, SYN)))
        if i % 10 == 0:
            mail.step()
    mail.finish()
    return mail.num


@flood(400_000, 64)
def half_open_answered(writer, num):
    """the same, and the server answers each SYN"""
    mail = Mail(writer, 2000)
    server = ip_of(0xc0000201)
    for i in range(num):
        client, port = ip_of(0x0b000000 + i), 1024 + i % 60000
        writer.packet(ipv4(client, server, tcp(port, 25, i, 0, SYN)))
        writer.packet(ipv4(server, client, tcp(25, port, 7, i + 1, SYN | ACK)))
        if i % 10 == 0:
            mail.step()
    mail.finish()
    return mail.num


@flood(100_000, 64)
def out_of_order(writer, num):
    """mail sessions open together, each with data behind a hole"""
    for i in range(num):
        connection = Connection(writer, i, client=ip_of(0x0b000000 + i))
        connection.open()
        connection.segment(1, 0, b"220 mail.example ESMTP\r\n")
        connection.segment(0, 100, b"MAIL FROM:<a@b.example>\r\n" * 40)
    return 0


@flood(150_000, 64)
def idle(writer, num):
    """mail sessions that are open together and say no more"""
    for i in range(num):
        Connection(writer, i, client=ip_of(0x0b000000 + i)).open().greet()
    return 0


@flood(3000, 64)
def handshakes(writer, num):
    """TLS handshake messages of 500 kB, none of which ends"""
    message = wire.tls_records(22, b"\x0b\x0f\x00\x00" + b"x" * 500_000)
    for i in range(num):
        connection = Connection(writer, i, client=ip_of(0x0b000000 + i)).open().greet()
        connection.client(b"STARTTLS\r\n").server(b"220 go ahead\r\n").client(wire.tls_records(22, wire.client_hello()))
        connection.server(wire.tls_records(22, wire.server_hello()) + message, 60000)
    return 0


@flood(300_000, 64)
def fragments(writer, num):
    """first fragments of datagrams that never become whole, while mail goes on"""
    mail, source, target, data = Mail(writer, 2000), ip_of(0x0b000001), ip_of(0xc0000201), b"\0" * 64
    for i in range(num):
        writer.packet(ipv4(ip_of(0x0b000000 + (i >> 16)), target, data, identification=i, fragment=0x2000))
        if i % 10 == 0:
            mail.step()
    mail.finish()
    return mail.num


@flood(100_000, 64)
def dns_values(writer, num):
    """answers of the DNS, each with a large TXT record for another name"""
    text = b"\xff" + b"v=STSv1; id=" + b"x" * 243
    for i in range(num):
        name = b"\x08%08x\x07example\0" % i
        answer = b"\x08_mta-sts" + name
        rdata = text * 2
        message = struct.pack("!HHHHHH", i & 0xffff, 0x8180, 1, 1, 0, 0) + answer + struct.pack("!HH", 16, 1) + \
            b"\xc0\x0c" + struct.pack("!HHIH", 16, 1, 300, len(rdata)) + rdata
        writer.packet(ipv4(ip_of(1), ip_of(2), struct.pack("!HHHH", 53, 5353, 8 + len(message), 0) + message, protocol=17))
    return 0


@flood(30_000, 64)
def peers(writer, num):
    """sessions with as many servers, whose names are long and differ"""
    for i in range(num):
        name = b".".join(b"%d" % i + b"x" * 40 for _ in range(5)) + b".example"
        connection = Connection(writer, i, server=ip_of(0xc0000000 + i), client=ip_of(0x0b000000 + i)).open()
        connection.server(b"220 " + name + b" ESMTP\r\n").client(b"EHLO " + name + b"\r\n")
        connection.server(b"250 " + name + b"\r\n").client(b"QUIT\r\n").server(b"221 bye\r\n").close()
    return 0


def feed(pipe, make, num, result):
    """Writes the flood into the pipe; what reads it may end early, and then says why."""
    with os.fdopen(pipe, "wb", buffering=1 << 20) as stream:
        try:
            writer = wire.Writer(stream, step_us=5)
            result["mails"] = make(writer, num)
            result["packets"] = writer.packets
        except BrokenPipeError:
            pass


def run(starttap, name, factor, events):
    make, num, cap_mb = FLOODS[name]
    reading, writing = os.pipe()
    result = {"mails": 0, "packets": 0}
    began = time.monotonic()
    child = subprocess.Popen([starttap, "-q", "-n", "--no-verify", f"--memory-cap={cap_mb}", "-r", "-", "-o",
                              f"json:{events}", "--force"], stdin=reading)
    os.close(reading)
    feeder = threading.Thread(target=feed, args=(writing, make, int(num * factor), result))
    feeder.start()
    _, status, usage = os.wait4(child.pid, 0)
    feeder.join()
    child.returncode = os.waitstatus_to_exitcode(status)
    return result, child.returncode, usage.ru_maxrss / 1024, usage.ru_utime + usage.ru_stime, time.monotonic() - began


def read_events(events):
    """Right verdicts of the mails, sessions that were evicted, and the sensor's event."""
    right = evicted = 0
    sensor = {}
    with open(events, encoding="utf-8") as lines:
        for line in lines:
            event = json.loads(line)
            dataset, own = event["event"]["dataset"], event["starttap"]
            if dataset == "starttap.sensor":
                sensor = own["sensor"]
            if dataset != "starttap.session":
                continue
            evicted += own.get("unknown_reason") == "evicted"
            right += event["source"]["ip"].startswith("198.18.") and own["verdict"] == "not_offered"
    return right, evicted, sensor


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("starttap")
    parser.add_argument("--factor", type=float, default=1)
    parser.add_argument("--only", default=",".join(FLOODS), metavar="NAME[,NAME]")
    arguments = parser.parse_args()
    problems = []
    print("| flood | number | packets | cap MB | peak of resident MB | made room | reported as evicted | mails | lost | CPU s |")
    print("| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |", flush=True)
    with tempfile.TemporaryDirectory() as directory:
        for name in arguments.only.split(","):
            events = pathlib.Path(directory) / f"{name}.ndjson"
            made, status, peak, cpu, _ = run(arguments.starttap, name, arguments.factor, events)
            cap = FLOODS[name][2]
            right, evicted, sensor = read_events(events)
            lost = 1 - right / made["mails"] if made["mails"] else 0
            print(f"| {name} | {int(FLOODS[name][1] * arguments.factor)} | {made['packets']} | {cap} | {peak:.0f} | "
                  f"{sensor.get('flows_evicted')} | {evicted} | {made['mails']} | {lost:.2%} | {cpu:.1f} |", flush=True)
            if status != 0:
                problems.append(f"{name}: status {status}")
            if peak > cap + BASE_MB:
                problems.append(f"{name}: {peak:.0f} MB resident")
            if lost > LOSS_MAX:
                problems.append(f"{name}: {lost:.2%} of verdicts lost")
            if name in ("out_of_order", "idle", "handshakes") and evicted == 0:
                problems.append(f"{name}: nothing says that it was evicted")
            events.unlink()
    if problems:
        sys.exit("\n".join(problems))
    print(f"\nno flood took more than its cap and {BASE_MB} MB, or more than {LOSS_MAX:.0%} of the verdicts")


if __name__ == "__main__":
    main()
