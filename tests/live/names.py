#!/usr/bin/env python3
"""names.py: names that are looked up beside the mail: unbound answers dig on the wire that the sensor watches, then mail goes
to what the answer said.

    python3 tests/live/names.py PROGRAM

Mail servers (Python's ssl, certificates by openssl) at addresses of their own on the loopback of a network namespace; unbound
has zones with MX, A, AAAA, CNAME, TLSA and the TXT of _mta-sts and _smtp._tls; dig asks over UDP and TCP, IPv4 and IPv6. For each
partner the event must say what the zone and the certificate make of it; then an MTA-STS policy is changed, SIGHUP sent, and the
next session is judged by the new one; a broken one leaves the old in force. Needs root, openssl, unbound, dig and what
span_net.py needs; without them it ends with 77.
"""

import hashlib
import os
import pathlib
import shutil
import signal
import smtplib
import socket
import socketserver
import ssl
import subprocess
import sys
import threading

import service
import span_net as net
from service import PORT, SKIP, Sensor, expect, problems, wait_for
from small_server import converse

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "pcaps" / "make"))
from server_parts import unbound_conf, unbound_zone  # noqa: E402  what makes the captures is not a package

SOA = "@ 300 IN SOA ns hostmaster 1 3600 900 604800 300\n@ 300 IN NS ns\nns 300 IN A 127.0.0.53\n"


# --- certificates, zones, servers

def openssl(*words, **more):
    return subprocess.run(["openssl", *map(str, words)], check=True, capture_output=True, **more).stdout


def make_certs(folder):
    """An authority and a certificate of it for mx.example.org, with the chain in one file."""
    openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "3000", "-subj", "/CN=authority",
            "-keyout", folder / "ca.key", "-out", folder / "ca.pem")
    openssl("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", "/CN=mx.example.org",
            "-keyout", folder / "mx.key", "-out", folder / "mx.csr")
    (folder / "names").write_text("subjectAltName=DNS:mx.example.org\n")
    openssl("x509", "-req", "-in", folder / "mx.csr", "-CA", folder / "ca.pem", "-CAkey", folder / "ca.key", "-CAcreateserial", "-days", "3000",
            "-extfile", folder / "names", "-out", folder / "mx.pem")
    with open(folder / "mx.pem", "ab") as chain:
        chain.write((folder / "ca.pem").read_bytes())


def hashes(folder):
    """For TLSA: of the server's public key, and of the authority's certificate."""
    key = openssl("pkey", "-pubin", "-outform", "DER", input=openssl("x509", "-in", folder / "mx.pem", "-noout", "-pubkey"))
    authority = openssl("x509", "-in", folder / "ca.pem", "-outform", "DER")
    return hashlib.sha256(key).hexdigest(), hashlib.sha512(authority).hexdigest()


def write_zones(folder):
    key, authority = hashes(folder)
    tlsa = f"_{PORT}._tcp"
    zones = {
        "example.org": f"@ 300 IN MX 10 mx\nmx 300 IN A 127.0.0.25\n{tlsa}.mx 300 IN TLSA 3 1 1 {key}\n"
                       "_mta-sts 300 IN TXT \"v=STSv1; id=20261122T01;\"\n_smtp._tls 300 IN TXT \"v=TLSRPTv1; rua=mailto:tls@example.org\"\n",
        "example.net": f"@ 300 IN MX 10 mail\nmail 300 IN CNAME host\nhost 300 IN A 127.0.0.26\n{tlsa}.host 300 IN TLSA 2 0 2 {authority}\n",
        "example.com": f"@ 300 IN MX 10 mx\nmx 300 IN AAAA ::1\n{tlsa}.mx 300 IN TLSA 3 1 1 {'00' * 32}\n",
        "example.info": f"@ 300 IN MX 10 mail\nmail 300 IN CNAME host.example.edu.\n",
        "example.edu": f"host 300 IN A 127.0.0.29\n{tlsa}.host 300 IN TLSA 3 1 1 {key}\n@ 300 IN MX 10 mx\nmx 300 IN A 127.0.0.28\n",
    }
    text = unbound_conf(folder, ("127.0.0.53", "::1"))
    for zone, records in zones.items():
        (folder / zone).write_text(f"$ORIGIN {zone}.\n" + SOA + records)
        text += unbound_zone(zone, folder / zone)
    (folder / "unbound.conf").write_text(text)


class Mail(socketserver.StreamRequestHandler):
    """front.example, with STARTTLS unless the server has no context."""

    def handle(self):
        converse(self.request, "front.example", self.server.context)


def serve(folder, address, newest):
    """Until the end of the test; newest None: without TLS."""
    class Server(socketserver.ThreadingTCPServer):
        address_family = socket.AF_INET6 if ":" in address else socket.AF_INET
        allow_reuse_address = daemon_threads = True
        context = None

    server = Server((address, PORT), Mail)
    if newest:
        server.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        server.context.maximum_version = newest
        server.context.load_cert_chain(folder / "mx.pem", folder / "mx.key")
    threading.Thread(target=server.serve_forever, daemon=True).start()


# --- clients

def dig(resolver, *questions, options=()):
    for question in questions:
        said = subprocess.run(["dig", "+short", "+timeout=3", "+tries=2", *options, f"@{resolver}", *question.split()], check=True,
                              capture_output=True, text=True).stdout
        expect(f"dig {question}: an answer", said.strip() != "")


def send(address, recipient):
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    with smtplib.SMTP(address, PORT, local_hostname="client.example", timeout=service.WAIT) as smtp:
        smtp._host = None  # no SNI, as most mail servers send none
        smtp.ehlo()
        if smtp.has_extn("starttls"):
            smtp.starttls(context=context)
            smtp.ehlo()
        smtp.sendmail("a@client.example", [recipient], "Subject: x\r\n\r\nx\r\n")


class Watch(Sensor):
    num = 0

    def next(self, what, **wanted):
        """The event of the session that has just ended; wanted: parts of starttap.*, of which nothing else is asked."""
        self.num += 1
        wait_for(f"{what}: its event", lambda: len(self.events()) >= self.num)
        said = self.events()[self.num - 1]["starttap"]
        for name, value in wanted.items():
            found = said.get(name)
            if isinstance(value, dict):
                found = found and {key: found.get(key) for key in value}
            expect(f"{what}: {name}", found == value, f"{said.get(name)} where {value} should be")


# --- the test

def look_up(sensor):
    """Each partner: looked up, then mailed to."""
    key, authority = hashes(sensor.folder.parent)
    tlsa = f"_{PORT}._tcp"
    dig("127.0.0.53", "example.org MX", "mx.example.org A", f"{tlsa}.mx.example.org TLSA", "_mta-sts.example.org TXT", "_smtp._tls.example.org TXT")
    send("127.0.0.25", "b@example.org")
    sensor.next("UDP", verdict="starttls", cert={"expected_name": "mx.example.org", "name_match": True}, findings=None,
                dns={"host": "mx.example.org", "domains": ["example.org"], "mta_sts_id": "20261122T01", "tlsrpt_rua": "mailto:tls@example.org"},
                dane={"result": "match", "records": [f"3 1 1 {key}"], "dnssec": "not_claimed"},
                mta_sts={"domain": "example.org", "mode": "enforce", "result": "pass", "reason": None})
    dig("127.0.0.53", "example.net MX", "mail.example.net A", f"{tlsa}.host.example.net TLSA", options=["+tcp"])
    send("127.0.0.26", "b@example.net")
    sensor.next("TCP, an alias", cert={"expected_name": "mail.example.net", "name_match": False}, findings=["cert.name_mismatch"],
                dns={"host": "mail.example.net", "domains": ["example.net"], "mta_sts_id": None},
                dane={"result": "mismatch", "records": [f"2 0 2 {authority}"]}, mta_sts=None)
    dig("::1", "example.com MX", "mx.example.com AAAA", f"{tlsa}.mx.example.com TLSA")
    send("::1", "b@example.com")
    sensor.next("IPv6, TLS 1.3", cert={"visible": False}, dns={"host": "mx.example.com"},
                dane={"result": "unknown", "reason": "certificate_not_visible"}, mta_sts=None)
    dig("127.0.0.53", "example.info MX", "mail.example.info CNAME", "host.example.edu A", f"{tlsa}.host.example.edu TLSA")
    send("127.0.0.29", "b@example.info")
    sensor.next("an alias, its address in another answer", cert={"expected_name": "mail.example.info", "name_match": False},
                dns={"host": "mail.example.info", "domains": ["example.info"]}, dane={"result": "match", "records": [f"3 1 1 {key}"]})
    dig("127.0.0.53", "example.edu MX", "mx.example.edu A")
    send("127.0.0.28", "b@example.edu")
    sensor.next("no TLS", verdict="not_offered", dns={"host": "mx.example.edu"}, dane=None,
                mta_sts={"domain": "example.edu", "mode": "testing", "result": "fail", "reason": "starttls_not_supported"})


def write_policy(folder, domain, mode, mx):
    (folder / f"{domain}.txt").write_text(f"version: STSv1\nmode: {mode}\nmx: {mx}\nmax_age: 604800\n")


def reload(sensor, policies):
    """Policies are read again, all or none."""
    write_policy(policies, "example.org", "testing", "other.example.org")
    sensor.ask(signal.SIGHUP, "configuration: read again")
    send("127.0.0.25", "b@example.org")
    wanted = {"domain": "example.org", "mode": "testing", "result": "fail", "reason": "mx_mismatch"}
    sensor.next("after SIGHUP", mta_sts=wanted)
    write_policy(policies, "example.org", "always", "mx.example.org")
    sensor.ask(signal.SIGHUP, "what was in force stays so")
    expect("which file and line", "example.org.txt:2: mode:" in sensor.said(), sensor.said())
    send("127.0.0.25", "b@example.org")
    sensor.next("after a broken one", mta_sts=wanted)


def main():
    missing = [name for name in ("openssl", "unbound", "dig") if not shutil.which(name)]
    reason = net.why_not() or (f"needs {', '.join(missing)}" if missing else None)
    if reason:
        print(f"names: skipped: {reason}")
        return SKIP
    program = str(pathlib.Path(sys.argv[1]).resolve())
    folder = net.run_apart()
    net.run("ip", "link", "set", "lo", "up")
    os.chmod(folder, 0o755)
    make_certs(folder)
    write_zones(folder)
    policies = folder / "policies"
    policies.mkdir()
    write_policy(policies, "example.org", "enforce", "mx.example.org")
    write_policy(policies, "example.edu", "testing", "mx.example.edu")
    for address, newest in (("127.0.0.25", ssl.TLSVersion.TLSv1_2), ("127.0.0.26", ssl.TLSVersion.TLSv1_2), ("::1", ssl.TLSVersion.TLSv1_3),
                            ("127.0.0.28", None), ("127.0.0.29", ssl.TLSVersion.TLSv1_2)):
        serve(folder, address, newest)
    with open(folder / "unbound.log", "wb") as log, \
            subprocess.Popen(["unbound", "-d", "-c", folder / "unbound.conf"], stdout=log, stderr=log) as unbound:
        try:
            ready = ["dig", "+short", "+timeout=1", "+tries=1", "@127.0.0.53", "example.org", "SOA"]
            wait_for("unbound", lambda: b"hostmaster" in subprocess.run(ready, capture_output=True, check=False).stdout)
            with Watch(program, folder, "--ca", folder / "ca.pem", "--mta-sts", policies) as sensor:
                look_up(sensor)
                reload(sensor, policies)
                expect("it ends well", sensor.stop() == 0, sensor.said())
        finally:
            unbound.terminate()
    print("names: " + (f"{len(problems)} problems" if problems else "all partners are as their zones and certificates say"))
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
