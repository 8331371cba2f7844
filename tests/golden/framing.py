"""Captures in and out, and layers to wrap their packets in: what wrappings.py is made of.

A packet here is what was captured of it, how long it was on the wire, and what its first byte begins: an EtherType, or one
of the names below for what has none. A layer takes a packet and gives the one that holds it (or a list of them).
"""
import collections
import gzip
import struct
import subprocess

LINKTYPE = {"null": 0, "ethernet": 1, "ppp": 9, "ppp_hdlc": 50, "raw": 101, "chdlc": 104, "loop": 108, "sll": 113, "sll2": 276}
IPV4, IPV6, ETHERNET, MPLS = 0x0800, 0x86DD, 0x6558, 0x8847
VLAN_TAGS = (0x8100, 0x88A8, 0x9100)
# What an IP header calls the things that it can hold.
PROTOCOL = {IPV4: 4, IPV6: 41, MPLS: 137, "udp": 17, "gre": 47}
PPP_PROTOCOL = {IPV4: 0x0021, IPV6: 0x0057, MPLS: 0x0281}
MACS = bytes.fromhex("020000000019" "02000000000a")

Packet = collections.namedtuple("Packet", "data wire kind")


# ---- reading

def unpacked(path):
    if path.suffix == ".gz":
        return gzip.decompress(path.read_bytes())
    if path.suffix == ".zst":
        return subprocess.run(["zstd", "-dcq", path], capture_output=True, check=True).stdout
    return path.read_bytes()


def read_pcap(data):
    linktype, at = struct.unpack_from("<I", data, 20)[0], 24
    while at < len(data):
        seconds, micros, captured, wire = struct.unpack_from("<4I", data, at)
        yield linktype, seconds * 10**9 + micros * 1000, data[at + 16:at + 16 + captured], wire
        at += 16 + captured


def read_pcapng(data):
    """As editcap writes it: little endian, one section, one interface with microseconds."""
    linktype, at = None, 0
    while at < len(data):
        kind, length = struct.unpack_from("<2I", data, at)
        if kind == 1:
            linktype = struct.unpack_from("<H", data, at + 8)[0]
        elif kind == 6:
            high, low, captured, wire = struct.unpack_from("<4I", data, at + 12)
            yield linktype, (high << 32 | low) * 1000, data[at + 28:at + 28 + captured], wire
        at += length


def read_ip(path):
    """(time, packet) for every IP packet of a capture, without its link layer and VLAN tags."""
    data = unpacked(path)
    for linktype, ts, frame, wire in read_pcapng(data) if data[:4] == b"\x0a\x0d\x0d\x0a" else read_pcap(data):
        if linktype == LINKTYPE["raw"]:
            kind, skip = IPV4 if frame[0] >> 4 == 4 else IPV6, 0
        else:
            at, skip = {LINKTYPE["ethernet"]: (12, 14), LINKTYPE["sll"]: (14, 16), LINKTYPE["sll2"]: (0, 20)}[linktype]
            kind = struct.unpack_from("!H", frame, at)[0]
            while kind in VLAN_TAGS:
                kind = struct.unpack_from("!H", frame, skip + 2)[0]
                skip += 4
        if kind in (IPV4, IPV6):
            yield ts, Packet(frame[skip:], wire - skip, kind)


# ---- layers

def prepend(packet, header, kind):
    return Packet(header + packet.data, len(header) + packet.wire, kind)


def ethernet(packet):
    return prepend(packet, MACS + struct.pack("!H", packet.kind), ETHERNET)


def padded(packet):
    """To the least length of Ethernet, with what must not be taken for data."""
    missing = max(0, 60 - packet.wire)
    return Packet(packet.data + b"\xff" * missing, packet.wire + missing, packet.kind)


def snap(packet):
    """IEEE 802.3: a length where the type was, then LLC and SNAP. What is too long for that stays as it is."""
    if packet.wire + 8 > 1500:
        return ethernet(packet)
    return prepend(packet, MACS + struct.pack("!H3B3xH", packet.wire + 8, 0xAA, 0xAA, 3, packet.kind), ETHERNET)


def vlan(number, tag=0x8100):
    return lambda packet: prepend(packet, struct.pack("!2H", 0x2000 | number, packet.kind), tag)


def mpls(packet):
    return prepend(packet, struct.pack("!2I", 100 << 12 | 64, 200 << 12 | 0x100 | 64), MPLS)


def pseudowire(packet):
    """Ethernet behind MPLS and a control word."""
    return prepend(packet, struct.pack("!2I", 300 << 12 | 0x100 | 64, 0), MPLS)


def ppp(packet):
    return prepend(packet, struct.pack("!H", PPP_PROTOCOL[packet.kind]), "ppp")


def ppp_with_address(packet):
    return prepend(packet, struct.pack("!2H", 0xFF03, PPP_PROTOCOL[packet.kind]), "ppp")


def pppoe(packet):
    inner = ppp(packet)
    return prepend(inner, struct.pack("!2B2H", 0x11, 0, 1, inner.wire), 0x8864)


def pbb(packet):
    return prepend(packet, struct.pack("!I", 4711), 0x88E7)


def cisco_hdlc(packet):
    return prepend(packet, struct.pack("!2BH", 0x0F, 0, packet.kind), "chdlc")


def sll(packet):
    return prepend(packet, struct.pack("!3H8sH", 0, 1, 6, MACS, packet.kind), "sll")


def sll2(packet):
    return prepend(packet, struct.pack("!2HIH2B8s", packet.kind, 0, 3, 1, 0, 6, MACS), "sll2")


def null(order):
    return lambda packet: prepend(packet, struct.pack(order + "I", 2 if packet.kind == IPV4 else 30), "null")


def udp(port):
    return lambda packet: prepend(packet, struct.pack("!4H", 54321, port, 8 + packet.wire, 0), "udp")


def ip4(packet):
    protocol = PROTOCOL[packet.kind]
    header = struct.pack("!2B3H2BH4s4s", 0x45, 0, 20 + packet.wire, 7, 0, 64, protocol, 0, b"\x0a\0\0\1", b"\x0a\0\0\2")
    return prepend(packet, header, IPV4)


def ip6(packet):
    """With an extension header before what it holds."""
    source, destination = b"\xfd" + bytes(14) + b"\1", b"\xfd" + bytes(14) + b"\2"
    options = struct.pack("!2B6s", PROTOCOL[packet.kind], 0, b"\1\4\0\0\0\0")
    return prepend(packet, struct.pack("!IH2B16s16s", 6 << 28, 8 + packet.wire, 60, 64, source, destination) + options, IPV6)


def gre(packet):
    return prepend(packet, struct.pack("!2H", 0, packet.kind), "gre")


def gre_with_all(packet):
    """Checksum, key and sequence number."""
    return prepend(packet, struct.pack("!2H2HII", 0xB000, packet.kind, 0, 0, 42, 1), "gre")


def erspan1(packet):
    return prepend(packet, struct.pack("!2H", 0, 0x88BE), "gre")


def erspan2(packet):
    return prepend(packet, struct.pack("!2HI2HI", 0x1000, 0x88BE, 1, 0x1000 | 7, 5, 0), "gre")


def erspan3(packet):
    """With the platform's 8 bytes more."""
    return prepend(packet, struct.pack("!2HI2HI2HQ", 0x1000, 0x22EB, 1, 0x2000 | 7, 5, 99, 0, 1, 0), "gre")


def vxlan(packet):
    return udp(4789)(prepend(packet, struct.pack("!2I", 8 << 24, 42 << 8), "vxlan"))


def geneve(packet):
    """With one option of 4 bytes."""
    return udp(6081)(prepend(packet, struct.pack("!2BHI2H I", 2, 0, packet.kind, 42 << 8, 0x0102, 0x0001, 0xFFFFFFFF), "geneve"))


def gtpu(packet):
    """With a sequence number and one extension header."""
    inner = prepend(packet, struct.pack("!H2B4B", 1, 0, 0x85, 1, 0x10, 0, 0), IPV4)
    return udp(2152)(prepend(inner, struct.pack("!2BHI", 0x36, 255, inner.wire, 77), "gtpu"))


# Of each datagram one of its own (RFC 6864 section 4.1), which copies of it share.
identifications = {}


def fragments(packet):
    """In two to five pieces, the TCP header cut too. What the snap length cut stays as it is."""
    header_len = 20 if packet.kind == IPV4 else 40
    if len(packet.data) != packet.wire or packet.wire <= header_len + 16 or (packet.kind == IPV4 and packet.data[0] != 0x45):
        return [packet]
    body = packet.data[header_len:]
    number = identifications.setdefault(bytes(packet.data), len(identifications) + 1)
    size = max(16, (len(body) // 4 + 7) // 8 * 8)
    pieces = []
    for offset in range(0, len(body), size):
        more = offset + size < len(body)
        piece = fragment4 if packet.kind == IPV4 else fragment6
        data = piece(packet.data[:header_len], body[offset:offset + size], offset, more, number)
        pieces.append(Packet(data, len(data), packet.kind))
    return pieces


def fragment4(header, data, offset, more, number):
    length, flags = 20 + len(data), more << 13 | offset // 8
    return header[:2] + struct.pack("!3H", length, number & 0xFFFF, flags) + header[8:] + data


def fragment6(header, data, offset, more, number):
    extension = struct.pack("!2BHI", header[6], 0, offset | more, number)
    return header[:4] + struct.pack("!HB", 8 + len(data), 44) + header[7:] + extension + data


def backwards(packet):
    return fragments(packet)[::-1]


def twice(packet):
    """As two ports of a switch that is watched show it: once in each VLAN."""
    return [vlan(7)(packet), vlan(8)(packet)]


def wrap(packets, layers):
    """The packets inside the layers, the innermost layer first."""
    for ts, packet in packets:
        held = [packet]
        for layer in layers:
            made = [layer(one) for one in held]
            held = [one for item in made for one in (item if isinstance(item, list) else [item])]
        for one in held:
            yield ts, one


# ---- writing

def pcap(frames, linktype, order="<", nanoseconds=False):
    magic, unit = (0xA1B23C4D, 1) if nanoseconds else (0xA1B2C3D4, 1000)
    parts = [struct.pack(order + "I2HiIII", magic, 2, 4, 0, 0, 262144, linktype)]
    for ts, frame in frames:
        parts += [struct.pack(order + "4I", ts // 10**9, ts % 10**9 // unit, len(frame.data), frame.wire), frame.data]
    return b"".join(parts)


def block(order, kind, body):
    body += b"\0" * (-len(body) % 4)
    return struct.pack(order + "2I", kind, 12 + len(body)) + body + struct.pack(order + "I", 12 + len(body))


def pcapng(frames, linktypes, order="<", nanoseconds=False):
    """Packet by packet from one of several interfaces in turn; frames holds for each packet one frame per interface."""
    resolution, unit = (struct.pack(order + "2HB3x2H", 9, 1, 9, 0, 0), 1) if nanoseconds else (b"", 1000)
    parts = [block(order, 0x0A0D0D0A, struct.pack(order + "I2Hq", 0x1A2B3C4D, 1, 0, -1))]
    parts += [block(order, 1, struct.pack(order + "2HI", linktype, 0, 0) + resolution) for linktype in linktypes]
    for number, (ts, *choice) in enumerate(frames):
        interface = number % len(linktypes)
        frame, stamp = choice[interface], ts // unit
        header = struct.pack(order + "5I", interface, stamp >> 32, stamp & 0xFFFFFFFF, len(frame.data), frame.wire)
        parts.append(block(order, 6, header + frame.data))
    return b"".join(parts)
