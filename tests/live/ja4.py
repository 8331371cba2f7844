"""ja4.py: JA4 of a TLS ClientHello, written from the published description alone.

The sensor has its own; this one is here to disagree with it. It follows FoxIO's technical_details/JA4.md and
takes the values that tshark read, so that it shares no line with what it checks.
"""

import hashlib

VERSIONS = {0x0304: "13", 0x0303: "12", 0x0302: "11", 0x0301: "10", 0x0300: "s3", 0x0002: "s2"}
SERVER_NAME, ALPN = 0x0000, 0x0010


def is_grease(value):
    """RFC 8701: both bytes are the same and end in a."""
    return value & 0x0F0F == 0x0A0A and value >> 8 == value & 0xFF


def short_hash(text):
    return hashlib.sha256(text.encode()).hexdigest()[:12] if text else "0" * 12


def alpn_mark(alpn):
    """First and last character of the first ALPN value; of its hex when either is not a letter or digit."""
    if not alpn:
        return "00"
    ends = chr(alpn[0]) + chr(alpn[-1])
    if all(c.isascii() and c.isalnum() for c in ends):
        return ends
    return alpn.hex()[0] + alpn.hex()[-1]


def ja4(version, suites, extensions, alpn=b"", schemes=(), versions=()):
    """All numbers in the order of the wire; alpn is the first value's bytes, versions those of extension 43."""
    offered = [v for v in versions if not is_grease(v)]
    suites = [v for v in suites if not is_grease(v)]
    extensions = [v for v in extensions if not is_grease(v)]
    schemes = [v for v in schemes if not is_grease(v)]
    head = "t{}{}{:02d}{:02d}{}".format(
        VERSIONS.get(max(offered) if offered else version, "00"),
        "d" if SERVER_NAME in extensions else "i",
        min(len(suites), 99),
        min(len(extensions), 99),
        alpn_mark(alpn),
    )
    kept = sorted(f"{v:04x}" for v in extensions if v not in (SERVER_NAME, ALPN))
    tail = ",".join(kept)
    if schemes and tail:
        tail += "_" + ",".join(f"{v:04x}" for v in schemes)
    return "_".join((head, short_hash(",".join(sorted(f"{v:04x}" for v in suites))), short_hash(tail)))


def check():
    """The example that the description itself works through."""
    suites = [0x1301, 0x1302, 0x1303, 0xC02B, 0xC02F, 0xC02C, 0xC030, 0xCCA9, 0xCCA8, 0xC013, 0xC014, 0x009C,
              0x009D, 0x002F, 0x0035]
    extensions = [0x001B, 0x0000, 0x0033, 0x0010, 0x4469, 0x0017, 0x002D, 0x000D, 0x0005, 0x0023, 0x0012,
                  0x002B, 0xFF01, 0x000B, 0x000A, 0x0015]
    schemes = [0x0403, 0x0804, 0x0401, 0x0503, 0x0805, 0x0501, 0x0806, 0x0601]
    found = ja4(0x0303, [0x0A0A, *suites], [0xEAEA, *extensions], b"h2", schemes, [0x7A7A, 0x0304, 0x0303])
    assert found == "t13d1516h2_8daaf6152771_e5627efa2ab1", found


check()
