#!/usr/bin/env python3
"""matrix.py: what the sensor says of real TLS peers is what these printed themselves.

    python3 tests/live/matrix.py PROGRAM [CASE...]

OpenSSL (s_server, s_client) and GnuTLS (gnutls-serv, gnutls-cli) meet on loopback in a network namespace of their
own: each version, a dozen suites, three kinds of certificates, resumption, client certificates, HelloRetryRequest
and failures, behind STARTTLS and as implicit TLS. tcpdump captures, the sensor reads, and each event is compared
with the output of both peers (peers.py beside this script starts them and reads it). The cases are in cases.py.

Needs root, tcpdump, ip, unshare, openssl and gnutls-bin; without them it ends with 77.
"""

import collections
import concurrent.futures
import json
import os
import pathlib
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile

import cases
import peers

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests"))
import validate  # noqa: E402

SKIP = 77
INSIDE = "STARTTAP_MATRIX_INSIDE"
NEEDED = ("tcpdump", "ip", "unshare", "openssl", "gnutls-serv", "gnutls-cli")


def why_not():
    missing = [name for name in NEEDED if not shutil.which(name)]
    if os.geteuid() != 0:
        return "needs root"
    if missing:
        return "needs " + ", ".join(missing)
    if subprocess.run(["unshare", "--net", "true"], stderr=subprocess.DEVNULL, check=False).returncode:
        return "no network namespaces here"
    return None


def make_certificates(folder):
    """By the script that also serves the bundled captures."""
    folder.mkdir()
    subprocess.run(["sh", str(ROOT / "pcaps" / "make" / "certs.sh")], cwd=folder, check=True)


def start_capture(path):
    log = path.with_suffix(".log")
    with open(log, "wb") as output:
        process = subprocess.Popen(["tcpdump", "-i", "lo", "-n", "-U", "-Z", "root", "--immediate-mode", "-B", "16384", "-s", "0",
                                    "-w", str(path), f"tcp portrange {peers.FIRST_PORT}-{peers.LAST_PORT}"],
                                   stdout=output, stderr=output)
    peers.wait_until(lambda: "listening on" in log.read_text(errors="replace"), "tcpdump")
    return process


def wait_until_written(capture):
    """All connections are over, and a packet sent after them, to a port that no case has, is in the file."""
    peers.wait_until(lambda: not peers.is_connected(peers.FIRST_PORT, peers.LAST_PORT), "the end of all connections")
    with socket.socket() as marker:
        marker.bind(("127.0.0.1", 0))
        marker.connect_ex(("127.0.0.1", peers.LAST_PORT))
        ports = struct.pack("!HH", marker.getsockname()[1], peers.LAST_PORT)
    sent = 2 * socket.inet_aton("127.0.0.1") + ports
    peers.wait_until(lambda: sent in capture.read_bytes(), "tcpdump to write what it has")


def read_events(program, capture, certificates, plan):
    """server port -> events in order"""
    ports = {mode: ",".join(str(port) for port, case in plan if case.mode == mode) or "none" for mode in cases.MODES}
    done = subprocess.run([program, "-q", "-n", "--ca", str(certificates / "ca.pem"), "--mail-ports", ports["starttls"],
                           "--tls-ports", ports["implicit"], "-o", "json:-", "-r", str(capture)],
                          capture_output=True, text=True, check=True)
    found = collections.defaultdict(list)
    for event in validate.parse(done.stdout.splitlines()):
        if event["event"]["dataset"] == "starttap.session":
            found[event["destination"]["port"]].append(event)
    return found


def facts_of(event):
    tls, starttap = event.get("tls", {}), event["starttap"]
    more, certificate, client = starttap.get("tls", {}), starttap.get("cert", {}), starttap.get("client_cert", {})
    return {
        "verdict": starttap["verdict"],
        "version": tls.get("version"),
        "cipher": tls.get("cipher"),
        "group": tls.get("curve"),
        "resumed": tls.get("resumed"),
        "established": tls.get("established"),
        "sni": tls.get("client", {}).get("server_name"),
        "certificate": tls.get("server", {}).get("hash", {}).get("sha256"),
        "absent": certificate.get("absent_reason"),
        "trusted": certificate.get("chain_valid"),
        "hello_retry": more.get("hello_retry"),
        "alerts": more.get("alerts", []),
        "encrypted_alerts": more.get("encrypted_alerts", 0) > 0,
        "certificate_requested": client.get("requested"),
        "client_certificate": client.get("sent"),
        "findings": starttap.get("findings", []),
    }


def compare(expected, events):
    """Lines that say what differs. Each expected connection holds only what the peers told."""
    if len(events) != len(expected):
        return [f"{len(events)} events for {len(expected)} connections"]
    wrong = []
    for i, (event, said) in enumerate(zip(events, expected)):
        facts = facts_of(event)
        for name, value in said.items():
            seen = facts[name]
            same = value(seen) if callable(value) else seen == value
            if not same:
                shown = value.__doc__ if callable(value) else repr(value)
                wrong.append(f"connection {i + 1}: {name} is {seen!r}, and the peers say {shown}")
    return wrong


def run_matrix(program, chosen):
    plan = [(peers.FIRST_PORT + i, case) for i, case in enumerate(cases.ALL)
            if not chosen or case.name in chosen]
    with tempfile.TemporaryDirectory(prefix="matrix.") as name:
        folder = pathlib.Path(name)
        make_certificates(folder / "certs")
        capture = folder / "matrix.pcap"
        tcpdump = start_capture(capture)
        with concurrent.futures.ThreadPoolExecutor(max_workers=4) as pool:
            said = list(pool.map(lambda item: peers.meet(item[1], item[0], folder), plan))
        wait_until_written(capture)
        tcpdump.send_signal(signal.SIGINT)
        tcpdump.wait()
        events = read_events(program, capture, folder / "certs", plan)
        return report(plan, said, events, chosen)


def report(plan, said, events, chosen):
    failed = compared = 0
    for (port, case), talk in zip(plan, said):
        wrong = [talk.unclear] if talk.unclear else compare(talk.expected, events.get(port, []))
        compared += sum(len(connection) for connection in talk.expected)
        failed += bool(wrong)
        print("fail" if wrong else "ok  ", case.name)
        for line in wrong:
            print("     ", line)
        if talk.unclear:
            print(talk.client, talk.server, sep="\n----\n")
        if wrong and chosen:
            print(talk.client, talk.server, json.dumps(events.get(port, []), indent=1), sep="\n----\n")
    print(f"{len(plan)} cases, {compared} facts compared, {failed} cases failed")
    return 1 if failed or not plan else 0


def main():
    reason = why_not()
    if reason:
        print(reason)
        return SKIP
    program = str(pathlib.Path(sys.argv[1]).resolve())
    if not os.environ.get(INSIDE):
        again = ["unshare", "--net", sys.executable, str(pathlib.Path(__file__).resolve()), program, *sys.argv[2:]]
        return subprocess.run(again, env={**os.environ, INSIDE: "1"}, check=False).returncode
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    return run_matrix(program, set(sys.argv[2:]))


if __name__ == "__main__":
    sys.exit(main())
