"""The same mail on other wires: IPv6, VLAN, cooked captures, captures that begin late or end in RST, connections interleaved."""
import threading
import time

import boxes
import lab
from clients import Dialogue, by_hand, message, s_client, smtplib_sends, swaks, converse, MAIL
from registry import scenario
from servers import exim, opensmtpd, postfix

MX = "mx.example.org"
QUEUED = "status=sent \\(example.org\\)"
POSTFIX_13 = "TLS connection established from [^\n]*TLSv1.3 with cipher TLS_AES_256_GCM_SHA384"
NO_TLS = dict(cert=None, settings="smtpd_tls_security_level = none\n")


@scenario("IPv6, pcapng.")
def ipv6_starttls(s):
    """Postfix over IPv6; Python's smtplib with STARTTLS sends one mail; written as pcapng."""
    s.form = "pcapng"
    with postfix(s), s.capture():
        s.python("smtplib", smtplib_sends, "mx6.example.org")
    s.session("starttls", "1.3", "TLS_AES_256_GCM_SHA384", sni="mx6.example.org", said=POSTFIX_13)


@scenario("IPv6, mail in clear.")
def ipv6_not_offered(s):
    """Postfix without TLS over IPv6; Python's smtplib sends one mail."""
    with postfix(s, **NO_TLS), s.capture():
        s.python("smtplib", smtplib_sends, "mx6.example.org", 25, False)
    s.session("not_offered", mail=True, said=QUEUED)


def over_vlan(s, *options, interface="trunk0", expression="vlan 7 and tcp"):
    with s.helper("switch", "switch", 0, boxes.vlan_switch, 7), postfix(s):
        time.sleep(0.3)
        with s.capture("switch", interface, expression):
            s.client("swaks", *swaks("vlan.example.org", 25, *options), check=0)


@scenario("802.1Q tag, VLAN 7, STARTTLS.")
def vlan_starttls(s):
    """Postfix beyond a trunk that tags with VLAN 7; swaks -tls; captured on the trunk."""
    over_vlan(s, "-tls")
    s.session("starttls", "1.3", "TLS_AES_256_GCM_SHA384", said=POSTFIX_13)


@scenario("802.1Q tag, VLAN 7, mail in clear; pcap.zst.")
def vlan_offered_unused(s):
    """Postfix beyond a trunk that tags with VLAN 7; swaks in clear; captured on the trunk, compressed with zstd."""
    s.form = "pcap.zst"
    over_vlan(s)
    s.session("offered_unused", mail=True, said=QUEUED)


@scenario("Nearly every packet three times, as it crosses the interfaces: one connection, one event. Linux cooked v2.")
def vlan_seen_many_times(s):
    """Postfix beyond a trunk that tags with VLAN 7; swaks in clear; tcpdump -i any between the switches."""
    over_vlan(s, interface="any", expression="tcp")
    s.session("offered_unused", mail=True, said=QUEUED)


@scenario("Inside VXLAN (UDP 4789, VNI 42): the connection is the inner one.")
def vxlan_starttls(s):
    """Postfix at the far end of a VXLAN tunnel made by the kernel; swaks -tls at TLS 1.2; captured outside of the tunnel."""
    ends = (("client", "c0", "192.0.2.10", "192.0.2.25", "198.18.8.10/24"), ("server", "s0", "192.0.2.25", "192.0.2.10", "198.18.8.25/24"))
    for namespace, interface, local, remote, address in ends:
        lab.inside(namespace, "ip", "link", "add", "vx0", "type", "vxlan", "id", "42", "local", local, "remote", remote, "dstport", "4789",
                   "dev", interface)
        lab.inside(namespace, "ip", "address", "add", address, "dev", "vx0")
        lab.inside(namespace, "ip", "link", "set", "vx0", "up")
        lab.offload(namespace, "vx0", "off")
    try:
        with postfix(s), s.capture(expression="udp port 4789"):
            s.client("swaks", *swaks("vxlan.example.org", 25, "-tls", "--tls-protocol", "tlsv1_2"), check=0)
    finally:
        for namespace, *_ in ends:
            lab.inside(namespace, "ip", "link", "del", "vx0")
    s.session("starttls", "1.2", "ECDHE-RSA-AES256-GCM-SHA384",
              said="TLS connection established from [^\n]*TLSv1.2 with cipher ECDHE-RSA-AES256-GCM-SHA384")


@scenario("Raw IP: no link layer at all.")
def raw_ip_starttls(s):
    """Postfix at the far end of two tun devices; swaks -tls; captured on the server's tun device."""
    with s.helper("vpn", "client", 0, boxes.vpn), postfix(s):
        with s.capture(interface="vpn0"):
            s.client("swaks", *swaks("vpn.example.org", 25, "-tls"), check=0)
    s.session("starttls", "1.3", "TLS_AES_256_GCM_SHA384", said=POSTFIX_13)


@scenario("Linux cooked v2 (tcpdump -i any).")
def cooked_v2_starttls(s):
    """Postfix; swaks -tls; tcpdump -i any."""
    with postfix(s), s.capture(interface="any", expression="tcp port 25"):
        s.client("swaks", *swaks(MX, 25, "-tls"), check=0)
    s.session("starttls", "1.3", "TLS_AES_256_GCM_SHA384", said=POSTFIX_13)


@scenario("Linux cooked v1, mail in clear; pcapng.gz.")
def cooked_v1_not_offered(s):
    """Exim without TLS; swaks; tcpdump -i any -y LINUX_SLL; pcapng, compressed with gzip."""
    s.form = "pcapng.gz"
    with exim(s, cert=None), s.capture(interface="any", expression="tcp port 25", options=("-y", "LINUX_SLL")):
        s.client("swaks", *swaks(), check=0)
    s.session("not_offered", mail=True, said="<= ann@example.net [^\n]*P=esmtp [^\n]*")


@scenario("On loopback (Ethernet header of zeros), pcap.gz, TLS 1.2.")
def loopback_starttls(s):
    """Postfix; swaks -tls from the server's own namespace over loopback, TLS 1.2; compressed with gzip."""
    s.form = "pcap.gz"
    with postfix(s), s.capture(interface="lo", expression="tcp port 25"):
        s.client("swaks", *swaks("127.0.0.1", 25, "-tls", "--tls-protocol", "tlsv1_2"), namespace="server", check=0)
    s.session("starttls", "1.2", "ECDHE-RSA-AES256-GCM-SHA384", said="established from [^\n]*TLSv1.2 with cipher ECDHE-RSA-AES256-GCM-SHA384")


@scenario("Two connections interleaved, one in TLS and one in clear.")
def interleaved(s):
    """Postfix; two clients step by step in turn: one with STARTTLS, one in clear."""
    def both():
        secure, clear = Dialogue(MX), Dialogue(MX)
        for line in ("EHLO client.example.net", "STARTTLS"):
            secure.say(line)
            clear.say(line if line != "STARTTLS" else "NOOP")
        clear.say("MAIL FROM:<ann@example.net>")
        secure.tls()
        clear.say("RCPT TO:<bob@example.org>")
        secure.say("EHLO client.example.net")
        clear.say("DATA")
        secure.mail()
        clear.send(message() + b".\r\n")
        clear.reply()
        secure.say("QUIT")
        clear.say("QUIT")
    with postfix(s), s.capture():
        s.python("by hand, both", both)
    s.session("starttls", "1.3", "TLS_AES_256_GCM_SHA384", sni=MX, said=POSTFIX_13)
    s.session("offered_unused", mail=True, said="disconnect from [^\n]*ehlo=1 mail=1 rcpt=1 data=1 noop=1 quit=1[^\n]*")


@scenario("The capture begins after the EHLO reply: mail in clear is certain, whether STARTTLS was offered is not.")
def midstream_clear(s):
    """Postfix; by hand: EHLO, then tcpdump begins, then one mail in clear."""
    def steps(d):
        d.say("EHLO client.example.net")
        time.sleep(2.5)
        d.mail()
        d.say("QUIT")
    with postfix(s):
        late(s, steps)
    s.session("unknown", mail=True, said="disconnect from [^\n]*ehlo=1 mail=1 rcpt=1 data=1 quit=1[^\n]*", note="unknown_reason midstream")


@scenario("The capture begins inside TLS: records of application data alone.")
def midstream_tls(s):
    """Postfix; by hand: STARTTLS, handshake, then tcpdump begins, then one mail inside TLS."""
    def steps(d):
        d.say("EHLO client.example.net", "STARTTLS")
        d.tls()
        d.say("EHLO client.example.net")
        time.sleep(2.5)
        d.mail()
        d.say("QUIT")
    with postfix(s):
        late(s, steps)
    s.session("unknown", said="disconnect from [^\n]*ehlo=2 starttls=1 mail=1[^\n]*", note="unknown_reason midstream")


BLIND = dict(tls=None, suite=None)


@scenario("The server's half alone: the EHLO reply offers STARTTLS, and 354 and 250 follow in clear.")
def one_sided_server_clear(s):
    """Postfix; swaks in clear; tcpdump with `src port 25`."""
    with postfix(s), s.capture(expression="tcp src port 25"):
        s.client("swaks", *swaks(), check=0)
    s.session("offered_unused", mail=True, said=QUEUED, shown=dict(mail=False), note="or unknown (one_sided): the client's half is missing")


@scenario("The client's half alone: the mail is there, what the server offered is not.")
def one_sided_client_clear(s):
    """Postfix; swaks in clear; tcpdump with `dst port 25`."""
    with postfix(s), s.capture(expression="tcp dst port 25"):
        s.client("swaks", *swaks(), check=0)
    s.session("unknown", mail=True, said=QUEUED, note="unknown_reason one_sided; STARTTLS was offered")


@scenario("The server's half alone, TLS 1.2: ServerHello, Certificate, ChangeCipherSpec, application data.")
def one_sided_server_starttls(s):
    """Postfix; swaks -tls at TLS 1.2; tcpdump with `src port 25`."""
    with postfix(s), s.capture(expression="tcp src port 25"):
        s.client("swaks", *swaks(MX, 25, "-tls", "--tls-protocol", "tlsv1_2"), check=0)
    s.session("starttls", "1.2", "ECDHE-RSA-AES256-GCM-SHA384", shown=BLIND, note="or unknown (one_sided): the client's half is missing",
              said="TLS connection established from [^\n]*TLSv1.2 with cipher ECDHE-RSA-AES256-GCM-SHA384")


@scenario("The client's half alone, TLS 1.3: STARTTLS, ClientHello, application data; version and cipher cannot be known.")
def one_sided_client_starttls(s):
    """Postfix; swaks -tls; tcpdump with `dst port 25`."""
    with postfix(s), s.capture(expression="tcp dst port 25"):
        s.client("swaks", *swaks(MX, 25, "-tls"), check=0)
    s.session("starttls", "1.3", "TLS_AES_256_GCM_SHA384", said=POSTFIX_13, shown=BLIND,
              note="or unknown (one_sided): the server's half is missing, and with it version and cipher")


@scenario("Every packet cut at 96 bytes (snap length), mail in clear.")
def snaplen_96_clear(s):
    """Postfix; swaks in clear; tcpdump -s 96."""
    with postfix(s), s.capture(options=("-s", "96")):
        s.client("swaks", *swaks(), check=0)
    s.session("offered_unused", mail=True, said=QUEUED, shown=dict(mail=False), note="or unknown (truncated): the EHLO reply is cut")


@scenario("Every packet cut at 96 bytes (snap length), STARTTLS.")
def snaplen_96_starttls(s):
    """Postfix; swaks -tls; tcpdump -s 96."""
    with postfix(s), s.capture(options=("-s", "96")):
        s.client("swaks", *swaks(MX, 25, "-tls"), check=0)
    s.session("starttls", "1.3", "TLS_AES_256_GCM_SHA384", said=POSTFIX_13, shown=BLIND, note="or unknown (truncated): both hellos are cut")


@scenario("Every packet cut at 300 bytes: the ServerHello's fixed part is there, the Certificate is cut.")
def snaplen_300_starttls_tls12(s):
    """Postfix; swaks -tls at TLS 1.2; tcpdump -s 300."""
    with postfix(s), s.capture(options=("-s", "300")):
        s.client("swaks", *swaks(MX, 25, "-tls", "--tls-protocol", "tlsv1_2"), check=0)
    s.session("starttls", "1.2", "ECDHE-RSA-AES256-GCM-SHA384", note="or unknown (truncated): the Certificate is cut",
              said="TLS connection established from [^\n]*TLSv1.2 with cipher ECDHE-RSA-AES256-GCM-SHA384")


def late(s, steps):
    """tcpdump starts while the client, in its pause, holds an open connection."""
    worker = threading.Thread(target=lambda: s.python("by hand", by_hand, MX, 25, steps))
    worker.start()
    time.sleep(1)
    with s.capture():
        worker.join()


@scenario("RST by the client in the middle of DATA: part of a mail crossed in clear.")
def reset_in_data(s):
    """Postfix; by hand: MAIL, RCPT, DATA, half a message, RST."""
    def steps(d):
        d.say("EHLO client.example.net", "MAIL FROM:<ann@example.net>", "RCPT TO:<bob@example.org>", "DATA")
        d.send(message())
        time.sleep(0.3)
        d.reset()
    with postfix(s), s.capture():
        s.python("by hand", by_hand, MX, 25, steps)
    s.session("offered_unused", mail=True, said="lost connection after DATA [^\n]*")


@scenario("RST by the client after the EHLO reply: nothing was decided.")
def reset_after_ehlo(s):
    """Postfix; by hand: EHLO, RST."""
    def steps(d):
        d.say("EHLO client.example.net")
        d.reset()
    with postfix(s), s.capture():
        s.python("by hand", by_hand, MX, 25, steps)
    s.session("no_mail", said="lost connection after EHLO [^\n]*")


@scenario("Nobody listens: SYN and RST.")
def connection_refused(s):
    """No server; swaks -tls."""
    with s.capture():
        s.client("swaks", *swaks(MX, 25, "-tls"))
    s.session("-", said="Connection refused", note="no connection, no event")


@scenario("EHLO and STARTTLS byte by byte, each in its own segment; TLS 1.3.")
def byte_by_byte(s):
    """Postfix; by hand: every byte of EHLO and STARTTLS in a segment of its own; then TLS and one mail."""
    def steps(d):
        for line in ("EHLO client.example.net\r\n", "STARTTLS\r\n"):
            for byte in line.encode():
                d.socket.sendall(bytes([byte]))
                time.sleep(0.002)
            d.reply()
        d.tls()
        d.say("EHLO client.example.net")
        d.mail()
        d.say("QUIT")
    with postfix(s), s.capture():
        s.python("by hand", by_hand, MX, 25, steps)
    s.session("starttls", "1.3", "TLS_AES_256_GCM_SHA384", sni=MX, said=POSTFIX_13)


@scenario("An MTU of 296 on the client: the certificate and both hellos over many segments.")
def small_segments(s):
    """Postfix; s_client -tls1_2 with the client's interface at MTU 296; one mail."""
    lab.inside("client", "ip", "link", "set", "c0", "mtu", "296")
    try:
        with postfix(s), s.capture():
            s.python("openssl s_client", converse, s_client("192.0.2.25", "-tls1_2", "-crlf", "-servername", MX), MAIL)
    finally:
        lab.inside("client", "ip", "link", "set", "c0", "mtu", "1500")
        lab.inside("client", "ip", "address", "add", "2001:db8:2::10/64", "dev", "c0", "nodad")
    s.session("starttls", "1.2", "ECDHE-RSA-AES256-GCM-SHA384", sni=MX, said="Protocol version: TLSv1.2\nCiphersuite: ECDHE-RSA-AES256-GCM-SHA384")


@scenario("STARTTLS and mail of a third server software: OpenSMTPD over cleartext HELO, then TLS in another connection.")
def opensmtpd_helo_then_starttls(s):
    """OpenSMTPD; swaks with HELO in clear, then swaks -tls at TLS 1.2: two connections."""
    with opensmtpd(s), s.capture():
        s.client("swaks", *swaks(MX, 25, "--protocol", "SMTP"), check=0)
        s.client("swaks (TLS)", *swaks(MX, 25, "-tls", "--tls-protocol", "tlsv1_2"), check=0)
    s.session("no_ehlo", mail=True, said="smtp message [^\n]*")
    s.session("starttls", "1.2", "ECDHE-ECDSA-AES256-GCM-SHA384", said="smtp tls ciphers=TLSv1.2:ECDHE-ECDSA-AES256-GCM-SHA384:256")
