"""wire.py: packets of hostile traffic, made by hand: IPv4, TCP and pcap. Checksums are left 0."""
import struct

LINKTYPE_RAW = 101
SYN, RST, PSH, ACK, FIN = 0x02, 0x04, 0x08, 0x10, 0x01
SEGMENT = 1400


def ip_of(number):
    return struct.pack("!I", number & 0xffffffff)


def ipv4(source, destination, payload, protocol=6, identification=0, fragment=0):
    return struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(payload), identification & 0xffff, fragment, 64, protocol, 0) + \
        source + destination + payload


def tcp(source_port, destination_port, seq, ack, flags, payload=b""):
    return struct.pack("!HHIIBBHHH", source_port, destination_port, seq & 0xffffffff, ack & 0xffffffff, 0x50, flags,
                       65535, 0, 0) + payload


class Writer:
    """A pcap file, or a pipe, that packets go to; time moves on by itself."""

    def __init__(self, stream, step_us=10, start_s=1_700_000_000):
        self.stream, self.step_us, self.now_us, self.packets = stream, step_us, start_s * 1_000_000, 0
        stream.write(struct.pack("<IHHiIII", 0xa1b2c3d4, 2, 4, 0, 0, 262144, LINKTYPE_RAW))

    def packet(self, packet):
        self.now_us += self.step_us
        self.packets += 1
        self.stream.write(struct.pack("<IIII", self.now_us // 1_000_000, self.now_us % 1_000_000, len(packet),
                                      len(packet)) + packet)

    def wait(self, seconds):
        self.now_us += round(seconds * 1_000_000)


class Connection:
    """A TCP connection whose ends say what they are told to; `at` are their next offsets."""

    def __init__(self, writer, number=1, port=25, client=None, server=None):
        self.writer, self.ports = writer, (1024 + number % 60000, port)
        self.ends = (client or ip_of(0x0a000000 + number), server or ip_of(0xc0000201))
        self.first, self.at = (1000, 5000), [0, 0]

    def segment(self, side, offset, payload, flags=ACK):
        other = 1 - side
        self.writer.packet(ipv4(self.ends[side], self.ends[other],
                                tcp(self.ports[side], self.ports[other], self.first[side] + offset,
                                    self.first[other] + self.at[other], flags, payload)))

    def open(self):
        self.segment(0, -1, b"", SYN)
        self.segment(1, -1, b"", SYN | ACK)
        self.segment(0, 0, b"")
        return self

    def say(self, side, text, size=SEGMENT):
        for start in range(0, len(text), size):
            part = text[start:start + size]
            self.segment(side, self.at[side], part, ACK | PSH)
            self.at[side] += len(part)
        return self

    def client(self, text, size=SEGMENT):
        return self.say(0, text, size)

    def server(self, text, size=SEGMENT):
        return self.say(1, text, size)

    def greet(self):
        return self.server(b"220 mail.example ESMTP\r\n").client(b"EHLO client.example\r\n") \
            .server(b"250-mail.example\r\n250-PIPELINING\r\n250-CHUNKING\r\n250 STARTTLS\r\n")

    def close(self):
        self.segment(0, self.at[0], b"", ACK | FIN)
        self.segment(1, self.at[1], b"", ACK | FIN)
        return self


def tls_records(content_type, data, size=16384):
    return b"".join(struct.pack("!BHH", content_type, 0x0303, len(data[i:i + size])) + data[i:i + size]
                    for i in range(0, len(data), size))


def tls_message(message_type, body):
    return bytes([message_type]) + len(body).to_bytes(3, "big") + body


def client_hello(more_suites=0):
    suites = struct.pack("!HH", 0xc02f, 0x009c) + b"\x00\x2f" * more_suites
    return tls_message(1, b"\x03\x03" + bytes(range(32)) + b"\0" + struct.pack("!H", len(suites)) + suites + b"\x01\0")


def server_hello():
    return tls_message(2, b"\x03\x03" + bytes(range(32, 64)) + b"\0" + b"\xc0\x2f\0")


def certificate_message(certificates):
    chain = b"".join(len(der).to_bytes(3, "big") + der for der in certificates)
    return tls_message(11, len(chain).to_bytes(3, "big") + chain)
