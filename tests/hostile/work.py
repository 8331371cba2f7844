#!/usr/bin/env python3
"""work.py: twice the hostile input costs at most 2.2 times the instructions.

    python3 tests/hostile/work.py STARTTAP [--scale=FACTOR] [--only=NAME[,NAME]]

Each input is made once at its size and once at twice that size, and read under `valgrind --tool=callgrind`, which
counts instructions: nothing depends on how busy the machine is. What starting up costs is subtracted. STARTTAP is
a build without sanitizers. --scale makes all inputs larger; the issue that asked for this speaks of 10^6 packets.
"""
import argparse
import base64
import concurrent.futures
import pathlib
import random
import re
import struct
import subprocess
import sys
import tempfile

import wire
from wire import Connection, ip_of, ipv4, tcp

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
CERTS = ROOT / "pcaps/certs"
RATIO_MAX = 2.2
INPUTS = {}


def hostile(size):
    """Of this size by itself; what it counts is said in the function's text."""
    def keep(function):
        INPUTS[function.__name__] = (function, size)
        return function
    return keep


def mail(writer):
    return Connection(writer).open().greet()


def text_segments(connection, text, order, size=1):
    """The client's text in pieces of this size, in this order of pieces."""
    for piece in order:
        connection.segment(0, connection.at[0] + piece * size, text[piece * size:(piece + 1) * size])


@hostile(6000)
def bytes_backwards(writer, num):
    """segments of one byte, the last one first"""
    connection = mail(writer)
    text_segments(connection, b"NOOP\r\n" * (num // 6 + 1), reversed(range(num)))
    connection.close()


@hostile(6000)
def bytes_shuffled(writer, num):
    """segments of one byte, in any order"""
    connection, order = mail(writer), list(range(num))
    random.Random(1).shuffle(order)
    text_segments(connection, b"NOOP\r\n" * (num // 6 + 1), order)
    connection.close()


@hostile(6000)
def bytes_again(writer, num):
    """segments of one byte, in order, and then all of them again"""
    connection = mail(writer)
    for _ in range(2):
        text_segments(connection, b"NOOP\r\n" * (num // 6 + 1), range(num))
    connection.close()


@hostile(6000)
def overlaps(writer, num):
    """segments that overlap each other, behind a hole"""
    connection, rng = mail(writer), random.Random(2)
    for _ in range(num):
        start = 1 + rng.randrange(100_000)
        connection.segment(0, connection.at[0] + start, bytes([65 + start % 2]) * rng.randrange(1, 1400))
    connection.close()


@hostile(6000)
def overlaps_of_one_place(writer, num):
    """segments that contradict each other about the same bytes, one step on each time"""
    connection = mail(writer)
    for i in range(num):
        connection.segment(0, connection.at[0] + 1 + i, bytes([65 + i % 26]) * 1000)
    connection.close()


@hostile(30000)
def ehlo_lines(writer, num):
    """lines of one EHLO reply"""
    connection = Connection(writer).open().server(b"220 mail.example ESMTP\r\n").client(b"EHLO client.example\r\n")
    connection.server(b"".join(b"250-X%d AUTH PLAIN\r\n" % i for i in range(num))).close()


@hostile(60000)
def pipelined_commands(writer, num):
    """commands that nobody answers"""
    mail(writer).client(b"NOOP\r\n" * num).close()


@hostile(20000)
def bdat_chunks(writer, num):
    """BDAT chunks of one byte"""
    connection = mail(writer).client(b"MAIL FROM:<a@b.example>\r\nRCPT TO:<c@d.example>\r\n")
    connection.server(b"250 ok\r\n250 ok\r\n")
    for _ in range(0, num, 100):
        connection.client(b"BDAT 1\r\nx" * 100).server(b"250 ok\r\n" * 100)
    connection.close()


@hostile(10000)
def recipients(writer, num):
    """recipients, each of a domain of its own"""
    connection = mail(writer).client(b"MAIL FROM:<a@b.example>\r\n").server(b"250 ok\r\n")
    for start in range(0, num, 50):
        connection.client(b"".join(b"RCPT TO:<a@d%d.example>\r\n" % i for i in range(start, start + 50)))
        connection.server(b"250 ok\r\n" * 50)
    connection.close()


@hostile(2_000_000)
def endless_line(writer, num):
    """bytes of one line"""
    mail(writer).client(b"x" * num).close()


@hostile(40000)
def received_fields(writer, num):
    """Received fields of one message"""
    connection = mail(writer).client(b"MAIL FROM:<a@b.example>\r\nRCPT TO:<c@d.example>\r\nDATA\r\n")
    connection.server(b"250 ok\r\n250 ok\r\n354 go on\r\n")
    connection.client(b"".join(b"Received: from a%d by b (Postfix) with ESMTPS id 1;\r\n\tMon\r\n" % i
                               for i in range(num)) + b"\r\n.\r\n").server(b"250 ok\r\n").close()


def starttls(writer, number=1):
    return Connection(writer, number).open().greet().client(b"STARTTLS\r\n").server(b"220 go ahead\r\n")


def certificates(num):
    """Distinct ones: the serial number differs, so that nothing is found in a cache."""
    pem = (CERTS / "rsa.pem").read_text().split("-----BEGIN CERTIFICATE-----")[1].split("-----END")[0]
    der = base64.b64decode(pem)
    serial = der.index(b"\xa0\x03\x02\x01\x02\x02") + 7  # behind version 3 and the tag and length of the number
    return [der[:serial + 2] + struct.pack("!I", i) + der[serial + 6:] for i in range(num)]


def server_flight(connection, num_certificates, first=0):
    chain = certificates(first + num_certificates)[first:]
    connection.client(wire.tls_records(22, wire.client_hello()))
    connection.server(wire.tls_records(22, wire.server_hello() + wire.certificate_message(chain)))


@hostile(20)
def certificate_chain(writer, num):
    """certificates of one chain"""
    connection = starttls(writer)
    server_flight(connection, num)
    connection.close()


@hostile(260)
def certificate_chain_too_long(writer, num):
    """certificates of one chain, more than are looked at"""
    connection = starttls(writer)
    server_flight(connection, num)
    connection.close()


@hostile(20000)
def records_of_one_byte(writer, num):
    """TLS records of one byte"""
    connection = starttls(writer)
    connection.client(wire.tls_records(22, wire.client_hello(num // 2), 1)).close()


@hostile(3)
def large_hellos(writer, num):
    """connections, each with a hello of 30,000 cipher suites"""
    for i in range(num):
        starttls(writer, i + 1).client(wire.tls_records(22, wire.client_hello(30000))).close()


@hostile(20000)
def fragments(writer, num):
    """first fragments of datagrams that never become whole"""
    for i in range(num):
        writer.packet(ipv4(ip_of(0x0a000001), ip_of(0xc0000201), b"\0" * 64, identification=i, fragment=0x2000))


@hostile(20000)
def fragments_of_one(writer, num):
    """fragments of one datagram, each of 8 bytes, again and again"""
    for i in range(num):
        offset = (i * 7919) % 8000 + 1
        writer.packet(ipv4(ip_of(0x0a000001), ip_of(0xc0000201), b"\0" * 8, identification=1, fragment=0x2000 | offset))


@hostile(20000)
def syn_flood(writer, num):
    """SYNs that nobody answers"""
    for i in range(num):
        writer.packet(ipv4(ip_of(0x0a000000 + i), ip_of(0xc0000201), tcp(1024 + i % 60000, 25, i, 0, wire.SYN)))


@hostile(20000)
def colliding_addresses(writer, num):
    """connections whose ends have the same sums, exclusive-ors and, with a key of 0, the same plain hashes"""
    for i in range(num):
        high, low = i >> 8, i & 255
        writer.packet(ipv4(ip_of(0x0a000000 + (high << 8 | low)), ip_of(0xc0a80000 + (255 - low) + ((255 - high) << 8)),
                           tcp(40000 + i % 256, 25, 1, 0, wire.SYN)))
        writer.packet(ipv4(ip_of(i << 16), ip_of(0xc0000201), tcp(40000, 25, 1, 0, wire.SYN)))


@hostile(20000)
def deep_tunnels(writer, num):
    """packets of 60 IPv4 headers in each other"""
    inner = ipv4(ip_of(1), ip_of(2), tcp(1, 25, 0, 0, wire.SYN))
    for _ in range(60):
        inner = ipv4(ip_of(1), ip_of(2), inner, protocol=4)
    for _ in range(num):
        writer.packet(inner)


@hostile(20000)
def gaps(writer, num):
    """holes, each with a segment behind it"""
    connection = mail(writer)
    for _ in range(num):
        connection.at[0] += 100
        connection.client(b"NOOP\r\n" * 10)
        connection.segment(1, connection.at[1], b"")
        writer.wait(0.1)
    connection.close()


@hostile(600)
def sessions_with_names(writer, num):
    """sessions, each with another host name in everything that it says"""
    for i in range(num):
        name = b"host%d.domain%d.example" % (i, i)
        connection = Connection(writer, i + 1, server=ip_of(0xc0000000 + i)).open()
        connection.server(b"220 " + name + b" ESMTP\r\n").client(b"EHLO c" + name + b"\r\n")
        connection.server(b"250 " + name + b"\r\n").client(b"QUIT\r\n").server(b"221 bye\r\n").close()


@hostile(2000)
def dns_answers(writer, num):
    """answers of the DNS whose names are made of compression pointers"""
    for i in range(num):
        name = b"\x3f" + b"a" * 63 + b"\xc0\x0c"
        records = (b"\xc0\x0c" + struct.pack("!HHIH", 1, 1, 300, 4) + ip_of(i)) * 60
        message = struct.pack("!HHHHHH", i & 0xffff, 0x8180, 1, 60, 0, 0) + name + struct.pack("!HH", 1, 1) + records
        writer.packet(ipv4(ip_of(1), ip_of(2), struct.pack("!HHHH", 53, 5353, 8 + len(message), 0) + message, protocol=17))


@hostile(3000)
def dns_names(writer, num):
    """answers of the DNS, each with 16 names that were not there before"""
    for i in range(num):
        records = b"".join(b"\x08" + b"%08x" % (i * 16 + k) + b"\x04mail\0" + struct.pack("!HHIH", 1, 1, 300, 4) + ip_of(7)
                           for k in range(16))
        question = b"\x08" + b"%08x" % (i * 16) + b"\x04mail\0" + struct.pack("!HH", 1, 1)
        message = struct.pack("!HHHHHH", i & 0xffff, 0x8180, 1, 16, 0, 0) + question + records
        writer.packet(ipv4(ip_of(1), ip_of(2), struct.pack("!HHHH", 53, 5353, 8 + len(message), 0) + message, protocol=17))


def instructions(starttap, capture):
    command = ["valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null", str(starttap), "-q", "-n", "--received",
               "--ca", str(CERTS / "ca.pem"), "-r", str(capture), "-o", "json:/dev/null"]
    result = subprocess.run(command, capture_output=True, text=True)
    if result.returncode != 0:
        sys.exit(f"{capture.name}: status {result.returncode}\n{result.stderr}")
    # The sandbox's system calls are put together by a process of their own, which is done first.
    return int(re.findall(r"Collected : (\d+)", result.stderr)[-1])


def write(directory, name, make, *size):
    capture = directory / f"{name}{''.join(f'-{number}' for number in size)}.pcap"
    with open(capture, "wb") as stream:
        writer = wire.Writer(stream)
        make(writer, *size)
    return capture, writer.packets


def nothing(writer):
    writer.packet(ipv4(ip_of(1), ip_of(2), tcp(1, 80, 0, 0, wire.SYN)))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("starttap", type=pathlib.Path)
    parser.add_argument("--scale", type=float, default=1, metavar="FACTOR")
    parser.add_argument("--only", default=",".join(INPUTS), metavar="NAME[,NAME]")
    arguments = parser.parse_args()
    broken = []
    with tempfile.TemporaryDirectory() as temporary, concurrent.futures.ThreadPoolExecutor(2) as pool:
        directory = pathlib.Path(temporary)
        before = instructions(arguments.starttap, write(directory, "nothing", nothing)[0])
        print(f"starting up: {before / 1e6:.0f} million instructions\n")
        print("| input | size | what | packets | million instructions | of twice as much | ratio |")
        print("| --- | --- | --- | --- | --- | --- | --- |", flush=True)
        started = []
        for name in arguments.only.split(","):
            make, size = INPUTS[name]
            size = max(1, int(size * arguments.scale))
            (one, packets), (two, _) = write(directory, name, make, size), write(directory, name, make, 2 * size)
            started.append((name, size, packets, make.__doc__,
                            [pool.submit(instructions, arguments.starttap, capture) for capture in (one, two)]))
        for name, size, packets, what, counts in started:
            once, twice = (count.result() - before for count in counts)
            ratio = twice / once
            print(f"| {name} | {size} | {what} | {packets} | {once / 1e6:.1f} | {twice / 1e6:.1f} | {ratio:.2f} |", flush=True)
            if ratio > RATIO_MAX:
                broken.append(f"{name}: {ratio:.2f}")
    if broken:
        sys.exit(f"more than {RATIO_MAX} times the instructions for twice the input: {', '.join(broken)}")
    print(f"\nno input costs more than {RATIO_MAX} times the instructions when it is twice as large")


if __name__ == "__main__":
    main()
