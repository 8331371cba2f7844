"""Connections whose names were looked up on the same wire: unbound answers dig, then a mail goes to what the answer said.

The domains that the mail is for are example.com, example.net and example.edu, each with an MX of its own name."""
import contextlib
import hashlib
import subprocess

import lab
from clients import smtplib_sends, swaks
from lab import CERTS, spawn, wait_until
from registry import scenario
from server_parts import unbound_conf, unbound_zone
from servers import postfix

TLS12 = "smtpd_tls_protocols = >=TLSv1.2, <=TLSv1.2\n"
POSTFIX_12 = "TLS connection established from [^\n]*TLSv1.2 with cipher ECDHE-RSA-AES256-GCM-SHA384"
POSTFIX_13 = "TLS connection established from [^\n]*TLSv1.3 with cipher TLS_AES_256_GCM_SHA384"
SUITE_12 = "ECDHE-RSA-AES256-GCM-SHA384"
WIRE = "tcp or udp port 53"

SOA = "@ 300 IN SOA ns.{zone}. hostmaster.{zone}. 1 3600 900 604800 300\n@ 300 IN NS ns.{zone}.\n"


def key_hash(name):
    """SHA-256 of the SubjectPublicKeyInfo (TLSA selector 1), by openssl."""
    key = subprocess.run(["openssl", "x509", "-in", f"{CERTS}/{name}.pem", "-noout", "-pubkey"], capture_output=True, check=True).stdout
    der = subprocess.run(["openssl", "pkey", "-pubin", "-outform", "DER"], input=key, capture_output=True, check=True).stdout
    return hashlib.sha256(der).hexdigest()


def issuer_hash():
    """SHA-512 of the second certificate of chain.pem, the intermediate authority's (TLSA selector 0)."""
    second = (CERTS / "chain.pem").read_text().split("-----END CERTIFICATE-----")[1] + "-----END CERTIFICATE-----\n"
    der = subprocess.run(["openssl", "x509", "-outform", "DER"], input=second.encode(), capture_output=True, check=True).stdout
    return hashlib.sha512(der).hexdigest()


@contextlib.contextmanager
def unbound(s, *records):
    home = s.directory / "unbound"
    home.mkdir()
    text = unbound_conf(home, ("192.0.2.25", "2001:db8:2::25"), '  logfile: ""\n  log-queries: yes\n')
    for zone in ("example.com", "example.net", "example.edu", "example.org"):
        file = home / (zone + ".zone")
        of_zone = [record for record in records if record.split()[0].endswith(zone + ".")]
        file.write_text(f"$ORIGIN {zone}.\n" + SOA.format(zone=zone) + "".join(record + "\n" for record in of_zone))
        text += unbound_zone(zone, file)
    config = home / "unbound.conf"
    config.write_text(text)
    log = s.log("unbound")
    with open(log, "ab") as output:
        server = spawn("server", "unbound", "-d", "-c", str(config), stdout=output, stderr=output)
    try:
        wait_until(lambda: lab.listening("server", 53), "unbound")
        yield
    finally:
        server.terminate()
        server.wait()


def dig(s, *questions, options=()):
    for question in questions:
        name, kind = question.split()
        s.client(f"dig {question}", "dig", "+timeout=3", "+tries=1", *options, "@192.0.2.25", name, kind, check=0)


def answered(s, *texts):
    """That dig printed these."""
    said = s.log_text()
    for text in texts:
        if text.lower() not in said.replace(" ", "").replace("\t", "").lower():
            raise RuntimeError(f"dig did not print {text}")


@scenario("DNS over UDP: the MX of example.com, its TLSA record of usage 3, which is that of the certificate; MTA-STS: pass.")
def names_dane_match_udp(s):
    """unbound; dig for MX, A, TLSA and the TXT of _mta-sts and _smtp._tls; Postfix, TLS 1.2; swaks -tls."""
    tlsa = key_hash("rsa")
    with unbound(s, "example.com. 300 IN MX 10 mx.example.org.", "mx.example.org. 300 IN A 192.0.2.25",
                 f"_25._tcp.mx.example.org. 300 IN TLSA 3 1 1 {tlsa}", '_mta-sts.example.com. 300 IN TXT "v=STSv1; id=20261122T01;"',
                 '_smtp._tls.example.com. 300 IN TXT "v=TLSRPTv1; rua=mailto:tls@example.com"'), postfix(s), s.capture(expression=WIRE):
        dig(s, "example.com MX", "mx.example.org A", "_25._tcp.mx.example.org TLSA", "_mta-sts.example.com TXT", "_smtp._tls.example.com TXT")
        s.client("swaks", *swaks("192.0.2.25", 25, "-tls", "--tls-protocol", "tlsv1_2"), check=0)
    answered(s, "311" + tlsa, "id=20261122T01;")
    s.session("starttls", "1.2", SUITE_12, said=POSTFIX_12)


@scenario("DNS over TCP: the MX of example.net is an alias, the certificate does not bear its name, and the TLSA record where the "
          "alias leads is of another key.")
def names_dane_mismatch_tcp(s):
    """unbound; dig +tcp for MX, A by a CNAME, TLSA; Postfix, TLS 1.2; swaks -tls."""
    tlsa = key_hash("ecdsa")
    with unbound(s, "example.net. 300 IN MX 10 mail.example.net.", "mail.example.net. 300 IN CNAME host.example.net.",
                 "host.example.net. 300 IN A 192.0.2.25", f"_25._tcp.host.example.net. 300 IN TLSA 3 1 1 {tlsa}"), \
            postfix(s), s.capture(expression=WIRE):
        dig(s, "example.net MX", "mail.example.net A", "_25._tcp.mail.example.net TLSA", "_25._tcp.host.example.net TLSA", options=["+tcp"])
        s.client("swaks", *swaks("192.0.2.25", 25, "-tls", "--tls-protocol", "tlsv1_2"), check=0)
    answered(s, "311" + tlsa, "CNAMEhost.example.net.")
    s.session("starttls", "1.2", SUITE_12, said=POSTFIX_12)


@scenario("DNS over UDP, IPv6: the MX of example.edu, a TLSA record of usage 2 of the authority in the chain; MTA-STS: not an MX "
          "of the policy.")
def names_dane_anchor_ipv6(s):
    """unbound; dig for MX, AAAA, TLSA; Postfix with a chain of two certificates, TLS 1.2, over IPv6; Python's smtplib."""
    tlsa = issuer_hash()
    with unbound(s, "example.edu. 300 IN MX 10 mx6.example.org.", "mx6.example.org. 300 IN AAAA 2001:db8:2::25",
                 f"_25._tcp.mx6.example.org. 300 IN TLSA 2 0 2 {tlsa}"), \
            postfix(s, cert="chain", settings=TLS12), s.capture(expression=WIRE):
        dig(s, "example.edu MX", "mx6.example.org AAAA", "_25._tcp.mx6.example.org TLSA")
        s.python("smtplib", smtplib_sends, "mx6.example.org")
    answered(s, "202" + tlsa)
    s.session("starttls", "1.2", "ECDHE-ECDSA-AES256-GCM-SHA384", sni="mx6.example.org", said=POSTFIX_12.replace("RSA", "ECDSA"))


@scenario("DNS over UDP; TLS 1.3: which certificate it was nobody can see, so DANE and MTA-STS stay unknown.")
def names_tls13(s):
    """unbound; dig for MX, A, TLSA; Postfix; swaks -tls."""
    tlsa = key_hash("rsa")
    with unbound(s, "example.com. 300 IN MX 10 mx.example.org.", "mx.example.org. 300 IN A 192.0.2.25",
                 f"_25._tcp.mx.example.org. 300 IN TLSA 3 1 1 {tlsa}"), postfix(s), s.capture(expression=WIRE):
        dig(s, "example.com MX", "mx.example.org A", "_25._tcp.mx.example.org TLSA")
        s.client("swaks", *swaks("192.0.2.25", 25, "-tls"), check=0)
    answered(s, "311" + tlsa)
    s.session("starttls", "1.3", "TLS_AES_256_GCM_SHA384", said=POSTFIX_13)
