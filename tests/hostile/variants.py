"""variants.py: hostile captures, made from good ones: what captures.py reads.

variant(rng, captures) is (name, bytes): one capture, cut, bent, wrapped or put together by one of the functions in
KINDS. The same random.Random gives the same variants.
"""
import gzip
import pathlib
import struct
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "golden"))
import framing  # noqa: E402

EXTREMES = (0, 1, 2, 3, 7, 8, 15, 16, 19, 20, 21, 27, 28, 31, 32, 127, 128, 255, 256, 0x7FFF, 0x8000, 0xFFFE, 0xFFFF, 0x10000,
            0x3FFFF, 0x40000, 0x40001, 0x7FFFFFFF, 0x80000000, 0xFFFFFFF0, 0xFFFFFFFC, 0xFFFFFFFF)
LINK_LAYERS = {"ethernet": framing.ethernet, "sll": framing.sll, "sll2": framing.sll2, "ppp": framing.ppp,
               "chdlc": framing.cisco_hdlc, "null": framing.null("<")}
# Layers over IP, each giving IP again; the outermost is put into a link layer.
TUNNELS = (
    [framing.ip4], [framing.ip6], [framing.gre, framing.ip4], [framing.gre, framing.ip6], [framing.ethernet, framing.gre_with_all, framing.ip4],
    [framing.ethernet, framing.erspan1, framing.ip4], [framing.ethernet, framing.erspan2, framing.ip4],
    [framing.ethernet, framing.erspan3, framing.ip6], [framing.ethernet, framing.vxlan, framing.ip4],
    [framing.ethernet, framing.geneve, framing.ip6], [framing.gtpu, framing.ip4], [framing.mpls, framing.gre, framing.ip4],
    [framing.fragments], [framing.backwards],
)
# Between the outermost IP and Ethernet.
SHIMS = ([], [framing.vlan(7)], [framing.vlan(7), framing.vlan(9, 0x88A8)], [framing.mpls], [framing.pppoe],
         [framing.ethernet, framing.pbb], [framing.ethernet, framing.pseudowire])


class Capture:
    """A good one: its bytes as they are, and its packets."""

    def __init__(self, path):
        self.name = path.name.split(".pcap")[0]
        self.data = framing.unpacked(path)
        self.packets = list(framing.read_ip(path))


def edited(rng, data, edits):
    """The bytes with so many places set to something else."""
    data = bytearray(data)
    for _ in range(edits if data else 0):
        at, how = rng.randrange(len(data)), rng.randrange(4)
        if how == 0:
            data[at] ^= 1 << rng.randrange(8)
        elif how == 1:
            data[at] = rng.choice((0, 1, 0x7F, 0x80, 0xFE, 0xFF, rng.randrange(256)))
        else:
            size, order = (2, 4)[how - 2], rng.choice("<>")
            value = rng.choice(EXTREMES) & (1 << 8 * size) - 1
            data[at:at + size] = struct.pack(order + {2: "H", 4: "I"}[size], value)[:len(data) - at]
    return bytes(data)


def few(rng):
    return rng.choice((1, 1, 1, 2, 3, 8, 40))


def as_file(rng, frames, link):
    """The frames in some kind of file."""
    order, nanoseconds, number = rng.choice("<>"), rng.random() < 0.5, framing.LINKTYPE[link]
    if rng.random() < 0.5:
        return framing.pcap(frames, number, order, nanoseconds)
    return framing.pcapng(frames, [number], order, nanoseconds)


# ---- the file

def cut(rng, capture, _):
    """cut somewhere, and often within a header"""
    return capture.data[:rng.randrange(min(len(capture.data), rng.choice((64, 400, 10**9))))]


def bent(rng, capture, _):
    """bits and fields set to extremes, anywhere"""
    return edited(rng, capture.data, few(rng))


def bent_head(rng, capture, _):
    """the same within the first headers"""
    return edited(rng, capture.data[:160], few(rng)) + capture.data[160:]


def linktype(rng, capture, _):
    """another link type than the packets have"""
    frames = list(framing.wrap(capture.packets, [framing.ethernet]))
    number = rng.choice((*range(300), *EXTREMES)) & 0xFFFF
    maker = rng.choice((lambda: framing.pcap(frames, number, rng.choice("<>")), lambda: framing.pcapng(frames, [number])))
    return maker()


def packed(rng, capture, _):
    """.gz and .zst that are cut, bent, doubled, or followed by something"""
    data = capture.data
    if rng.random() < 0.5:
        data = gzip.compress(data, rng.choice((0, 1, 9)))
    else:
        data = subprocess.run(["zstd", "-cq", f"-{rng.randrange(1, 4)}"], input=data, capture_output=True, check=True).stdout
    how = rng.randrange(4)
    if how == 0:
        return data[:rng.randrange(len(data))]
    if how == 1:
        return edited(rng, data, few(rng))
    return data + (data if how == 2 else rng.randbytes(rng.randrange(1, 100)))


def joined(rng, capture, others):
    """two files, one behind the other or one within the other"""
    other = rng.choice(others).data
    at = rng.choice((len(capture.data), rng.randrange(len(capture.data))))
    return capture.data[:at] + other + capture.data[at:]


# ---- pcapng

def any_block(rng, order):
    """A block of a known or unknown kind whose body is random, and whose lengths may be wrong."""
    kind = rng.choice((1, 2, 3, 4, 5, 6, 9, 10, 0xBAD, 0x40000BAD, 0x80000001, 0x0A0D0D0A, rng.randrange(1 << 32)))
    body = rng.randbytes(rng.choice((0, 4, 8, 12, 20, 28, 32, rng.randrange(200))))
    made = framing.block(order, kind, body)
    return edited(rng, made[:12], 1) + made[12:] if rng.random() < 0.3 else made


def any_options(rng, order):
    """Options of a section, an interface or a packet, some of them with a length that is wrong."""
    parts = []
    for _ in range(rng.randrange(6)):
        value = rng.randbytes(rng.choice((0, 1, 2, 4, 8, rng.randrange(300))))
        size = rng.choice((len(value), len(value), rng.choice(EXTREMES) & 0xFFFF))
        parts.append(struct.pack(order + "2H", rng.choice((0, 1, 2, 3, 5, 9, 9, 9, 12, 14, 14, 2988, rng.randrange(65536))), size) +
                     value + b"\0" * (-len(value) % 4))
    return b"".join(parts)


def blocks(rng, capture, _):
    """sections in both byte orders, interfaces with odd options, blocks of unknown kinds, packets of no interface"""
    parts = []
    for _ in range(rng.randrange(1, 4)):
        order = rng.choice("<>")
        length = rng.choice((-1, -1, 0, 100, 2**63 - 1))
        parts.append(framing.block(order, 0x0A0D0D0A, struct.pack(order + "I2Hq", 0x1A2B3C4D, rng.choice((1, 1, 1, 2)), 0, length) +
                                   any_options(rng, order)))
        links = [rng.choice((1, 1, 1, 101, 113, 276, rng.randrange(65536))) for _ in range(rng.randrange(4))]
        for link in links:
            snap = rng.choice((0, 0, 262144, 64, 0xFFFFFFFF))
            parts.append(framing.block(order, 1, struct.pack(order + "2HI", link, 0, snap) + any_options(rng, order)))
        for ts, packet in capture.packets:
            frame = framing.ethernet(packet).data
            interface = rng.choice((0, 0, 0, 0, 0, 0, len(links), rng.choice(EXTREMES)))
            stamp = rng.choice((ts // 1000, ts // 1000, ts // 1000, 0, 2**64 - 1, ts))
            length = rng.choice((len(frame),) * 8 + (0, len(frame) + 4, rng.choice(EXTREMES)))
            how = rng.randrange(8)
            if how == 0:
                parts.append(any_block(rng, order))
            if how < 6:
                head = struct.pack(order + "5I", interface & 0xFFFFFFFF, stamp >> 32, stamp & 0xFFFFFFFF, length, packet.wire + 14)
                parts.append(framing.block(order, 6, head + frame + b"\0" * (-len(frame) % 4) + any_options(rng, order)))
            elif how == 6:
                parts.append(framing.block(order, 3, struct.pack(order + "I", length) + frame))
            else:
                head = struct.pack(order + "2H4I", interface & 0xFFFF, 0, stamp >> 32, stamp & 0xFFFFFFFF, length, packet.wire + 14)
                parts.append(framing.block(order, 2, head + frame))
    return b"".join(parts)


# ---- packets

def wrapped(rng, capture, _):
    """up to twelve tunnels in one another, some packets bent"""
    layers = [layer for _ in range(rng.choice((0, 1, 1, 2, 3, 12))) for layer in rng.choice(TUNNELS)]
    link = rng.choice(("ethernet", "ethernet", *LINK_LAYERS))
    if link == "ethernet":
        layers += rng.choice(SHIMS)
    try:
        frames = list(framing.wrap(capture.packets[:60], [*layers, LINK_LAYERS[link]]))
    except (struct.error, KeyError):  # longer than a datagram can be, or a layer that does not take this one
        frames = list(framing.wrap(capture.packets, [LINK_LAYERS[link]]))
    return as_file(rng, [(ts, bent_frame(rng, frame)) for ts, frame in frames], link)


def bent_frame(rng, frame):
    if rng.random() < 0.8:
        return frame
    data = edited(rng, frame.data, few(rng))
    size = rng.choice((len(data), len(data), rng.randrange(len(data) + 1), 0))
    return frame._replace(data=data[:size], wire=rng.choice((frame.wire, size, rng.choice(EXTREMES))))


def headers(rng, capture, _):
    """fields of IP and TCP set to extremes, what they hold left alone"""
    frames = []
    for ts, packet in capture.packets:
        data = packet.data
        if rng.random() < 0.3:
            size = 40 if packet.kind == framing.IPV4 else 60
            data = edited(rng, data[:size], 1) + data[size:]
        frames.append((ts, framing.ethernet(packet._replace(data=data))))
    return as_file(rng, frames, "ethernet")


def payloads(rng, capture, _):
    """what TCP carries bent, headers left alone: lengths in SMTP, TLS and certificates that are wrong"""
    frames = []
    for ts, packet in capture.packets:
        data = packet.data
        at = 20 if packet.kind == framing.IPV4 else 40
        at += (data[at + 12] >> 4) * 4 if len(data) > at + 12 else 0
        if rng.random() < 0.4:
            data = data[:at] + edited(rng, data[at:], few(rng))
        frames.append((ts, framing.ethernet(packet._replace(data=data[:len(packet.data)]))))
    return as_file(rng, frames, "ethernet")


def order(rng, capture, others):
    """packets of two captures left out, doubled, in another order and at impossible times, connections joined"""
    packets = capture.packets + rng.choice(others).packets
    if rng.random() < 0.5:
        ends = packets[0][1].data[12:24]
        packets = [(ts, packet._replace(data=packet.data[:12] + ends[:8] + packet.data[20:]))
                   if packet.kind == framing.IPV4 and rng.random() < 0.5 else (ts, packet) for ts, packet in packets]
    made = []
    for ts, packet in packets:
        made += [(rng.choice((ts, ts, ts, 0, 2**32 * 10**9 - 1)), packet)] * rng.choice((0, 1, 1, 1, 1, 2))
    if rng.random() < 0.5:
        rng.shuffle(made)
    return as_file(rng, list(framing.wrap(made, [framing.ethernet])), "ethernet")


def overlapping(rng, capture, _):
    """segments sent again, longer, shorter, shifted and with other bytes; urgent, with FIN, RST and SYN among them"""
    frames = []
    for ts, packet in capture.packets:
        frames.append((ts, packet))
        if packet.kind != framing.IPV4 or len(packet.data) < 40 or rng.random() < 0.4:
            continue
        for _ in range(rng.randrange(1, 4)):
            data = bytearray(packet.data)
            seq = struct.unpack_from("!I", data, 24)[0] + rng.randrange(-30, 30)
            struct.pack_into("!I", data, 24, seq & 0xFFFFFFFF)
            data[33] = rng.choice((0x10, 0x18, 0x30, 0x11, 0x14, 0x12, 0x02, 0xFF, 0))
            data += rng.randbytes(rng.choice((0, 0, 10, 1000)))
            data = data[:max(40, len(data) - rng.randrange(30))]
            struct.pack_into("!H", data, 2, len(data))
            frames.append((ts, framing.Packet(bytes(data), len(data), packet.kind)))
    return as_file(rng, list(framing.wrap(frames, [framing.ethernet])), "ethernet")


KINDS = (cut, bent, bent_head, linktype, packed, joined, blocks, wrapped, headers, payloads, order, overlapping)


def variant(rng, captures):
    kind, capture = rng.choice(KINDS), rng.choice(captures)
    return f"{kind.__name__}-{capture.name}", kind(rng, capture, captures)
