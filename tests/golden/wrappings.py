#!/usr/bin/env python3
"""wrappings.py: the same events from every kind of file, link layer and tunnel.

    python3 tests/golden/wrappings.py PROGRAM

The packets of all bundled captures, in the order in which a directory is read, are taken out of their link layers and wrapped
anew. Sessions and peers must be those of the bundled captures themselves, but for network.vlan and, where packets are
doubled, the count of doubles.
"""
import gzip
import pathlib
import subprocess
import sys
import tempfile

import bundled
from framing import (LINKTYPE, backwards, cisco_hdlc, erspan1, erspan2, erspan3, ethernet, fragments, geneve, gre, gre_with_all, gtpu,
                     ip4, ip6, mpls, null, padded, pbb, pcap, pcapng, ppp, ppp_with_address, pppoe, pseudowire, read_ip, sll, sll2, snap,
                     twice, vlan, vxlan, wrap)

# Name: link type, layers from the inside out.
LAYERS = {
    "ethernet": ("ethernet", [ethernet]),
    "ethernet, padded": ("ethernet", [ethernet, padded]),
    "802.3 with SNAP": ("ethernet", [snap]),
    "802.1Q": ("ethernet", [vlan(7), ethernet]),
    "802.1ad": ("ethernet", [vlan(7), vlan(9, 0x88A8), ethernet]),
    "QinQ 9100": ("ethernet", [vlan(7), vlan(9, 0x9100), ethernet]),
    "802.1ah": ("ethernet", [ethernet, pbb, vlan(9, 0x88A8), ethernet]),
    "every packet in two VLANs": ("ethernet", [twice, ethernet]),
    "raw": ("raw", []),
    "null": ("null", [null("<")]),
    "null, other byte order": ("null", [null(">")]),
    "loop": ("loop", [null(">")]),
    "PPP": ("ppp", [ppp]),
    "PPP with address": ("ppp_hdlc", [ppp_with_address]),
    "Cisco HDLC": ("chdlc", [cisco_hdlc]),
    "cooked": ("sll", [sll]),
    "cooked, 802.1Q": ("sll", [vlan(7), sll]),
    "cooked v2": ("sll2", [sll2]),
    "cooked v2, 802.1Q": ("sll2", [vlan(7), sll2]),
    "PPPoE": ("ethernet", [pppoe, ethernet]),
    "PPPoE in a VLAN": ("ethernet", [pppoe, vlan(7), ethernet]),
    "MPLS": ("ethernet", [mpls, ethernet]),
    "MPLS in PPP": ("ppp", [mpls, ppp]),
    "Ethernet in MPLS": ("ethernet", [ethernet, pseudowire, ethernet]),
    "GRE": ("ethernet", [gre, ip4, ethernet]),
    "GRE over IPv6": ("ethernet", [gre, ip6, ethernet]),
    "Ethernet in GRE": ("ethernet", [ethernet, gre_with_all, ip4, ethernet]),
    "MPLS in GRE": ("raw", [mpls, gre, ip4]),
    "ERSPAN I": ("ethernet", [ethernet, erspan1, ip4, ethernet]),
    "ERSPAN II": ("ethernet", [ethernet, erspan2, ip4, ethernet]),
    "ERSPAN III": ("ethernet", [ethernet, erspan3, ip4, ethernet]),
    "VXLAN": ("ethernet", [ethernet, vxlan, ip4, ethernet]),
    "VXLAN, 802.1Q on both sides": ("ethernet", [vlan(7), ethernet, vxlan, ip4, vlan(9), ethernet]),
    "VXLAN over IPv6": ("sll2", [ethernet, vxlan, ip6, sll2]),
    "Geneve": ("ethernet", [ethernet, geneve, ip4, ethernet]),
    "Geneve, IP inside": ("ethernet", [geneve, ip4, ethernet]),
    "GTP-U": ("ethernet", [gtpu, ip4, ethernet]),
    "in IPv4": ("ethernet", [ip4, ethernet]),
    "in IPv6": ("raw", [ip6]),
    "fragments": ("ethernet", [fragments, ethernet]),
    "fragments, last first": ("raw", [backwards]),
    "fragments in VXLAN": ("ethernet", [fragments, ethernet, vxlan, ip4, ethernet]),
    "VXLAN in fragments": ("ethernet", [ethernet, vxlan, ip4, fragments, ethernet]),
    "GRE over IPv6 in fragments": ("raw", [gre, ip6, backwards]),
}


def files(packets):
    """Name: a whole file. First one in each layer, then one in each kind of file."""
    for name, (linktype, layers) in LAYERS.items():
        yield name, pcap(wrap(packets, layers), LINKTYPE[linktype])
    framed = list(wrap(packets, [ethernet]))
    yield "pcap, other byte order", pcap(framed, 1, ">")
    yield "pcap, nanoseconds", pcap(framed, 1, "<", True)
    yield "pcap, nanoseconds, other byte order", pcap(framed, 1, ">", True)
    yield "pcapng", pcapng(framed, [1])
    yield "pcapng, other byte order", pcapng(framed, [1], ">")
    yield "pcapng, nanoseconds", pcapng(framed, [1], "<", True)
    several = [(ts, frame, packet, sll(packet)) for (ts, frame), (_, packet) in zip(framed, packets)]
    yield "pcapng, interfaces of three link types", pcapng(several, [1, LINKTYPE["raw"], LINKTYPE["sll"]])


def comparable(event):
    flat = bundled.flatten(event)
    for name in ("network.vlan.id", "starttap.capture.duplicates"):
        flat.pop(name, None)
    return flat


def comparable_events(ndjson):
    found = bundled.parse(ndjson)
    return [comparable(event) for event in found if event["event"]["dataset"] != "starttap.sensor"]


def compare(name, expected, ndjson):
    now = comparable_events(ndjson)
    if len(now) != len(expected):
        return [f"{name}: {len(now)} events, not {len(expected)}"]
    return [f"{name}: {one['event.id']}: {field} is {two.get(field)}, not {one.get(field)}"
            for one, two in zip(expected, now) for field in sorted({*one, *two}) if one.get(field) != two.get(field)]


def check_inputs(starttap, settings, expected, path, data):
    """The ways in which the bytes of one file can come."""
    problems = []
    packed = {"gz": gzip.compress(data, 1), "zst": subprocess.run(["zstd", "-cq"], input=data, capture_output=True, check=True).stdout}
    for form, content in {"plain": data, **packed}.items():
        path.write_bytes(content)
        with open(path, "rb") as file:
            problems += compare(f"standard input, {form}", expected, bundled.run(starttap, *settings, "-r", "-", stdin=file))
        problems += compare(f"file, {form}", expected, bundled.run(starttap, *settings, "-r", path))
    return problems


def main():
    starttap = bundled.program(sys.argv[1:])
    settings = (*bundled.SETTINGS, "-o", "json:-")
    expected = comparable_events(bundled.run(starttap, *settings, "-r", bundled.PCAPS))
    packets = [packet for path in bundled.captures() for packet in read_ip(path)]
    problems, num_checked = [], 0
    with tempfile.TemporaryDirectory() as directory:
        path = pathlib.Path(directory) / "wrapped.pcap"
        for name, data in files(packets):
            path.write_bytes(data)
            problems += compare(name, expected, bundled.run(starttap, *settings, "-r", path))
            num_checked += 1
        for data in (pcap(wrap(packets, [ethernet]), 1), pcapng(wrap(packets, [ethernet]), [1])):
            problems += check_inputs(starttap, settings, expected, path, data)
            num_checked += 6
    bundled.finish("wrappings", num_checked, problems)


if __name__ == "__main__":
    main()
