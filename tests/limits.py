#!/usr/bin/env python3
"""The table of limits in README.md holds what the code says: tests/limits.py [--update]

Values are those that the compiler finds for the names in the headers. With --update the table is written anew."""

import pathlib
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parent.parent
BEGIN, END = "<!-- limits, by tests/limits.py --update -->\n", "<!-- end of limits -->\n"

# What is bounded; the name of its bound and the header that has it; what counts that it was reached: a value of
# starttap.sensor.limits, another field, or the setting that changes it.
LIMITS = [
    ("connections tracked", "DEFAULT_MAX_FLOWS", "sensor/config.c", "`--max-flows`; `flows`, and `evicted` in their events"),
    ("MB of memory for connections, certificates, peers and names, all together", "DEFAULT_MEMORY_CAP", "sensor/config.c", "`--memory-cap`; `memory_cap`, and `evicted` in their events"),
    ("bytes kept of one direction while some before them are missing", "STREAM_BUFFER_MAX", "sensor/track/stream.h", "`tcp_buffer`"),
    ("pieces of those", "STREAM_CHUNKS_MAX", "sensor/track/stream.h", "`tcp_buffer`"),
    ("bytes of all connections, those read last, that other copies are compared with, by each worker twice as much memory outside `--memory-cap`", "HISTORY_REACH", "sensor/track/history.h", ""),
    ("pieces of one connection, the last ones of these", "HISTORY_PIECES", "sensor/track/history.h", ""),
    ("bytes of all IP fragments that wait for others", "DECODE_FRAGMENT_BYTES_MAX", "sensor/capture/decode.h", "`fragments`"),
    ("datagrams that they belong to", "FRAGMENT_DATAGRAMS_MAX", "sensor/capture/decode_fragment.h", "`fragments`"),
    ("IP headers inside one another", "DECODE_DEPTH_MAX", "sensor/capture/decode.h", "`tunnel_depth`"),
    ("bytes of a line of SMTP that are looked at", "SMTP_LINE_MAX", "parsers/smtp.h", "`smtp`"),
    ("lines of one reply", "SMTP_REPLY_LINES_MAX", "parsers/smtp.h", "`smtp`"),
    ("commands that wait for a reply", "SMTP_PIPELINE_MAX", "parsers/smtp.h", "`smtp`"),
    ("EHLO keywords kept", "SMTP_CAPABILITIES_MAX", "parsers/smtp.h", "`smtp`"),
    ("domains of senders, or of recipients, kept of a session", "SMTP_DOMAINS_MAX", "parsers/smtp.h", "`smtp`"),
    ("bytes of a TLS handshake message", "TLS_MESSAGE_MAX", "parsers/tls.h", "`tls`"),
    ("certificates of a chain", "TLS_CHAIN_MAX", "parsers/tls.h", "`tls`"),
    ("records looked at in a DNS message", "DNS_RECORDS_MAX", "parsers/dns.h", ""),
    ("compression pointers in one name of it", "DNS_JUMPS_MAX", "parsers/dns.h", ""),
    ("names and addresses remembered from the DNS", "NAMES_MAX", "sensor/judge/names.h", ""),
    ("certificates remembered with what was found out about them", "TRUST_CACHE_MAX", "sensor/judge/trust.h", ""),
    ("bytes of a chain that TLSA records are compared with", "TRUST_COPY_MAX", "sensor/judge/trust.h", "`tls`"),
    ("bytes of those that open sessions hold besides", "TRUST_LIVE_BYTES_MAX", "sensor/judge/trust.h", "`tls`"),
    ("kinds of ClientHello remembered, by each worker, outside `--memory-cap`", "HELLO_CACHE_MAX", "sensor/judge/hello.h", ""),
    ("bytes of the cipher suites of one", "HELLO_JSON_MAX", "sensor/judge/hello.h", ""),
    ("kinds of replies to EHLO, as well", "EHLO_CACHE_MAX", "sensor/judge/ehlo.h", ""),
    ("bytes of what one offers", "EHLO_SIZE_MAX", "sensor/judge/ehlo.h", ""),
    ("certificate chains whose hash is remembered, as well", "NUM_CHAINS", "sensor/judge/trust.c", ""),
    ("connections of which ids are remembered, as well, in up to 4 MiB", "TWINS_REMEMBERED", "sensor/judge/twins.h", ""),
    ("peers of each kind", "DEFAULT_MAX_PEERS", "sensor/config.c", "`--max-peers`; `starttap.peer.rolled_up`"),
    ("peers and hours of which alerts are remembered", "ALERTS_MAX", "sensor/judge/alerts.h", "`alerts`"),
    ("bytes of one text in an event", "EVENT_TEXT_MAX", "outputs/event.h", ""),
    ("texts of one list in an event", "EVENT_LIST_MAX", "outputs/event.h", ""),
    ("bytes of a captured frame", "SOURCE_FRAME_MAX", "sensor/capture/source_format.h", "an error that names the place"),
    ("events that wait for one output, live", "OUTBOX_EVENTS_MAX", "sensor/outbox.h", "`starttap.sensor.sink_lost`"),
    ("bytes of one record in a spool", "SPOOL_RECORD_MAX", "outputs/spool.h", "the log"),
]


def lines_with(name, file):
    """The definition of a macro alone, so that sources can be looked into too."""
    text = (ROOT / file).read_text().replace("\\\n", " ")
    found = [line for line in text.splitlines() if line.startswith(f"#define {name} ")]
    if len(found) != 1:
        sys.exit(f"{file}: {len(found)} definitions of {name}")
    return found[0]


def values():
    program = ["#include <stdint.h>", "#include <stdio.h>"]
    program += [lines_with(name, file) for _, name, file, _ in LIMITS]
    program += ["int main(void) {"]
    program += [f'printf("%llu\\n", (unsigned long long)({name}));' for _, name, _, _ in LIMITS]
    program += ["}"]
    with tempfile.TemporaryDirectory() as directory:
        source, binary = pathlib.Path(directory) / "limits.c", pathlib.Path(directory) / "limits"
        source.write_text("\n".join(program) + "\n")
        subprocess.run(["cc", "-o", binary, source], check=True)
        return [int(line) for line in subprocess.check_output([binary], text=True).split()]


def readable(value):
    for unit, size in (("M", 1 << 20), ("k", 1 << 10)):
        if value >= size and value % size == 0:
            return f"{value >> (20 if unit == 'M' else 10)} {unit}iB" if value > 65536 else f"{value:,}"
    return f"{value:,}"


def table():
    rows = ["| what | at most | seen in |\n", "| --- | --- | --- |\n"]
    for (what, name, _, seen), value in zip(LIMITS, values()):
        shown = readable(value) if what.startswith("bytes") else f"{value:,}"
        rows.append(f"| {what} (`{name}`) | {shown} | {seen} |\n")
    return "".join(rows)


def main():
    readme = ROOT / "README.md"
    text = readme.read_text()
    before, rest = text.split(BEGIN)
    old, after = rest.split(END)
    new = table()
    if "--update" in sys.argv[1:]:
        readme.write_text(before + BEGIN + new + END + after)
        return 0
    if old != new:
        print("README.md: its limits are not those of the code; tests/limits.py --update writes them")
        return 1
    print(f"limits: {len(LIMITS)} as the code has them")
    return 0


if __name__ == "__main__":
    sys.exit(main())
