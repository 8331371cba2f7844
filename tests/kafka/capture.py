"""capture.py: captures of many connections, made of one that is bundled: each has its own client port, server and
time."""
import struct

HEADER_LEN = 24
RECORD_LEN = 16
ETHERNET_LEN = 14
SERVERS = 11  # so that there are several peers, and several partitions


class Template:
    """The packets of a plain pcap file: Ethernet, IPv4 without options, one connection."""

    def __init__(self, path):
        data = path.read_bytes()
        magic, link_type = struct.unpack_from("<I16xI", data)
        if magic != 0xA1B2C3D4 or link_type != 1:
            raise ValueError(f"{path}: no plain pcap file of Ethernet frames")
        self.header = data[:HEADER_LEN]
        self.packets = []
        at = HEADER_LEN
        while at < len(data):
            seconds, micros, length = struct.unpack_from("<III", data, at)
            frame = data[at + RECORD_LEN:at + RECORD_LEN + length]
            self.packets.append((seconds * 1000000 + micros, data[at + 8:at + RECORD_LEN], frame))
            at += RECORD_LEN + length
        self.client_port = struct.unpack_from(">H", self.packets[0][2], ETHERNET_LEN + 20)[0]
        self.span = self.packets[-1][0] - self.packets[0][0] + 2000000

    def connection(self, number):
        """The bytes of the packets of connection `number`."""
        port = 1024 + number % 60000
        server = bytes((198, 18, number % SERVERS, 25))
        out = []
        for time, lengths, frame in self.packets:
            frame = bytearray(frame)
            time += number * self.span
            from_client = struct.unpack_from(">H", frame, ETHERNET_LEN + 20)[0] == self.client_port
            struct.pack_into(">H", frame, ETHERNET_LEN + (20 if from_client else 22), port)
            start = ETHERNET_LEN + (16 if from_client else 12)
            frame[start:start + 4] = server
            out += (struct.pack("<II", time // 1000000, time % 1000000), lengths, bytes(frame))
        return b"".join(out)

    def capture(self, first, number):
        return self.header + b"".join(self.connection(i) for i in range(first, first + number))
