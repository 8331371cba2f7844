"""Middleboxes, injection, refusals and failed handshakes."""

import ssl
import time

import boxes
from clients import Dialogue, by_hand, converse, curl, gnutls_cli, message, s_client, smtplib_sends, swaks, tls_context
from lab import CERTS
from registry import scenario
from servers import exim, exim_sends, handed_over, postfix, postfix_relay, s_server

MX = "mx.example.org"
GUARDED = "guarded.example.org"       # the box's address on the client's side
OUTSIDE = ("203.0.113.25", 25)        # the server, as the box sees it
QUEUED = "status=sent \\(example.org\\)"
CLIENT_SIDE = dict(namespace="client", interface="c1")
SERVER_SIDE = dict(namespace="server", interface="s1")


def box(s, kind, port=25):
    return s.helper(f"box ({kind.__name__})", "box", port, boxes.relay, OUTSIDE, kind, "198.51.100.25")


@scenario("250-XXXXXXXA where STARTTLS stood, at the same length; mail in clear.")
def masked_postfix_to_postfix(s):
    """A box overwrites STARTTLS in Postfix's EHLO reply (as Cisco ASA does); Postfix as outbound relay, level may."""
    with postfix(s), box(s, boxes.Mask), postfix_relay(s, "[198.51.100.25]:25", "smtp_tls_security_level = may\n") as out:
        with s.capture(**CLIENT_SIDE):
            s.python("smtplib (to the relay)", smtplib_sends, "localhost", 10026, False)
            handed_over(s, out)
    s.session("masked", mail=True, said=QUEUED, note="construction: the box rewrites 250-STARTTLS to 250-XXXXXXXA")


@scenario("The same conversation on the server's side of the box: STARTTLS offered and unused.")
def masked_seen_from_the_server(s):
    """The same box; swaks -tlso; captured between box and server, where the reply is still whole."""
    with postfix(s), box(s, boxes.Mask), s.capture(**SERVER_SIDE):
        s.client("swaks", *swaks(GUARDED, 25, "-tlso"), check=0)
    s.session("offered_unused", mail=True, said=QUEUED)


@scenario("STARTTLS masked, and the client demands TLS: QUIT, no mail.")
def masked_client_gives_up(s):
    """The same box; curl --ssl-reqd gives up."""
    path = s.directory / "mail.txt"
    path.write_bytes(message())
    with postfix(s), box(s, boxes.Mask), s.capture(**CLIENT_SIDE):
        s.client("curl", *curl(f"smtp://{GUARDED}:25/client.example.net", path, "--ssl-reqd"))
    s.session("masked", said="STARTTLS not supported|STARTTLS denied[^\n]*|TLS not available[^\n]*",
              note="the masked keyword was seen; the client gave up before MAIL")


@scenario("The box takes the line out: to a reader the server does not offer STARTTLS. Mail in clear.")
def stripped_postfix_to_postfix(s):
    """A box removes the 250-STARTTLS line from Postfix's EHLO reply; Postfix as outbound relay, level may."""
    with postfix(s), box(s, boxes.Strip), postfix_relay(s, "[198.51.100.25]:25", "smtp_tls_security_level = may\n") as out:
        with s.capture(**CLIENT_SIDE):
            s.python("smtplib (to the relay)", smtplib_sends, "localhost", 10026, False)
            handed_over(s, out)
    s.session("not_offered", mail=True, said=QUEUED)


@scenario("starttls.command_injection: NOOP in the segment of STARTTLS (6 bytes), before the 220.")
def injected_command(s):
    """A box appends NOOP to the client's STARTTLS; swaks -tls; Postfix throws the NOOP away; captured on the server's side."""
    with postfix(s), box(s, boxes.InjectCommand), s.capture(**SERVER_SIDE):
        s.client("swaks", *swaks(GUARDED, 25, "-tls"), check=0)
    s.session("starttls", "1.3", "TLS_AES_256_GCM_SHA384", said="TLS connection established from [^\n]*TLSv1.3 with cipher TLS_AES_256_GCM_SHA384")


@scenario("starttls.response_injection: `250 injected` in the segment of the 220 (14 bytes).")
def injected_reply(s):
    """A box appends a line to the server's 220; Python's smtplib does not notice; captured on the client's side."""
    with postfix(s, settings="mydestination = example.org\n"), box(s, boxes.InjectReply), s.capture(**CLIENT_SIDE):
        s.python("smtplib", smtplib_sends, GUARDED, 25)
    s.session("starttls", "1.3", "TLS_AES_256_GCM_SHA384", sni=GUARDED,
              said="TLS connection established from [^\n]*TLSv1.3 with cipher TLS_AES_256_GCM_SHA384")


@scenario("A 220 of two lines: TLS begins after the second.")
def multi_line_220(s):
    """A box puts a line `220-` before the server's 220; Python's smtplib; captured on the client's side."""
    with postfix(s), box(s, boxes.TwoLines220), s.capture(**CLIENT_SIDE):
        s.python("smtplib", smtplib_sends, GUARDED, 25)
    s.session("starttls", "1.3", "TLS_AES_256_GCM_SHA384", sni=GUARDED,
              said="TLS connection established from [^\n]*TLSv1.3 with cipher TLS_AES_256_GCM_SHA384")


@scenario("220 to STARTTLS, and then mail in clear, accepted.")
def accepted_no_tls_mail(s):
    """A box answers STARTTLS itself with 220 and tells the server nothing; by hand: goes on in clear with one mail."""
    def steps(d):
        d.say("EHLO client.example.net", "STARTTLS", "EHLO client.example.net")
        d.mail()
        d.say("QUIT")
    with postfix(s), box(s, boxes.Swallow), s.capture(**CLIENT_SIDE):
        s.python("by hand", by_hand, GUARDED, 25, steps)
    s.session("accepted_no_tls", mail=True, said="disconnect from [^\n]*ehlo=2 mail=1 rcpt=1 data=1 quit=1[^\n]*")


@scenario("220 to STARTTLS, MAIL FROM in clear; the server, which waits for TLS, closes.")
def accepted_no_tls_server_closes(s):
    """Postfix; by hand: STARTTLS, 220, then MAIL FROM in clear."""
    def steps(d):
        d.say("EHLO client.example.net", "STARTTLS")
        d.send("MAIL FROM:<ann@example.net>\n")
        try:
            print("<-", d.socket.recv(4096))
        except ConnectionResetError as error:
            print("<-", error)
    with postfix(s), s.capture():
        s.python("by hand", by_hand, MX, 25, steps)
    s.session("accepted_no_tls", said="SSL_accept error from [^\n]*")


# ---- refused

@scenario("454 to STARTTLS, then mail in clear in the same connection.")
def exim_454_then_clear(s):
    """Exim whose certificate file is missing; swaks -tlso goes on in clear."""
    with exim(s, main="tls_verify_hosts =\n", cert="missing"), s.capture():
        s.client("swaks", *swaks(MX, 25, "-tlso"), check=0)
    s.session("refused", mail=True, said="454 TLS currently unavailable")


@scenario("454 to STARTTLS, and Exim as client goes on in clear.")
def exim_454_exim_client(s):
    """Exim whose certificate file is missing; Exim as client, TLS if it can."""
    with exim(s, cert="missing"), s.capture():
        exim_sends(s, message())
    s.session("refused", mail=True, said="<= ann@example.net [^\n]*P=esmtp [^\n]*")


@scenario("454 to STARTTLS, and the relay goes on in clear in the same connection.")
def postfix_454(s):
    """Postfix whose certificate file does not exist, so that its TLS engine is unavailable; Postfix as outbound relay, level may."""
    with postfix(s, cert="missing"), postfix_relay(s, settings="smtp_tls_security_level = may\n") as out, s.capture():
        s.python("smtplib (to the relay)", smtplib_sends, "localhost", 10026, False)
        handed_over(s, out)
    s.session("refused", mail=True, said="cannot get RSA certificate from file [^\n]*disabling TLS support",
              note="the log then says starttls=0/1 mail=1; tshark shows the 454")


@scenario("502 to a STARTTLS that was not offered, then mail in clear.")
def postfix_502_starttls(s):
    """Postfix without TLS; by hand: STARTTLS all the same, 502, one mail in clear."""
    def steps(d):
        d.say("EHLO client.example.net", "STARTTLS")
        d.mail()
        d.say("QUIT")
    with postfix(s, cert=None, settings="smtpd_tls_security_level = none\n"), s.capture():
        s.python("by hand", by_hand, MX, 25, steps)
    s.session("refused", mail=True, said="disconnect from [^\n]*starttls=0/1 mail=1[^\n]*")


# ---- handshakes that fail

@scenario("Alert protocol_version by the server.")
def failed_version(s):
    """Postfix with smtpd_tls_protocols=>=TLSv1.3; s_client -tls1_2."""
    with postfix(s, settings="smtpd_tls_protocols = >=TLSv1.3\n"), s.capture():
        s.python("openssl s_client", converse, s_client(MX, "-tls1_2"), [])
    s.session("handshake_failed", sni=MX, said="alert protocol version")


@scenario("Alert handshake_failure by the server: no cipher in common.")
def failed_no_shared_cipher(s):
    """Postfix with an ECDSA certificate; s_client -tls1_2 -cipher ECDHE-RSA-AES128-GCM-SHA256."""
    with postfix(s, cert="ecdsa"), s.capture():
        s.python("openssl s_client", converse, s_client(MX, "-tls1_2", "-cipher", "ECDHE-RSA-AES128-GCM-SHA256"), [])
    s.session("handshake_failed", sni=MX, said="alert handshake failure", note="Postfix says: no shared cipher")


@scenario("Alert handshake_failure by GnuTLS: no cipher in common.")
def failed_no_shared_cipher_gnutls(s):
    """Exim with tls_require_ciphers=NORMAL:-VERS-ALL:+VERS-TLS1.2:-AES-128-GCM and so on; s_client with a suite that it lacks."""
    with exim(s, main="tls_require_ciphers = NORMAL:-CIPHER-ALL:+AES-256-GCM\n"), s.capture():
        s.python("openssl s_client", converse, s_client(MX, "-tls1_2", "-cipher", "ECDHE-RSA-CHACHA20-POLY1305"), [])
    s.session("handshake_failed", sni=MX, said="TLS error on connection from [^\n]*")


@scenario("Alert unknown_ca by the client, in clear, after ServerHello and Certificate.")
def failed_unknown_ca_tls12(s):
    """Postfix with a certificate of an authority that nobody trusts; s_client -tls1_2 -verify_return_error."""
    with postfix(s, cert="other"), s.capture():
        s.python("openssl s_client", converse, s_client(MX, "-tls1_2", "-verify_return_error"), [])
    s.session("handshake_failed", "1.2", "ECDHE-RSA-AES256-GCM-SHA384", sni=MX, said="alert unknown ca")


@scenario("The client refuses the certificate; OpenSSL's alert is in clear even in TLS 1.3, as it comes before the client's keys are in use.")
def failed_unknown_ca_tls13(s):
    """Postfix with a certificate of an authority that nobody trusts; s_client -verify_return_error at TLS 1.3; key log."""
    with postfix(s, cert="other"), s.capture():
        s.python("openssl s_client", converse, s_client(MX, "-tls1_3", "-verify_return_error", "-keylogfile", s.keys()), [])
    s.session("handshake_failed", "1.3", "TLS_AES_256_GCM_SHA384", sni=MX, said="alert unknown ca")


@scenario("The client refuses the certificate; GnuTLS's alert is encrypted in TLS 1.3, so only its length tells it from a Finished.")
def failed_unknown_ca_tls13_gnutls(s):
    """Postfix with a certificate of an authority that nobody trusts; gnutls-cli at TLS 1.3, which verifies during the handshake."""
    with postfix(s, cert="other"), s.capture():
        s.python("gnutls-cli", converse, gnutls_cli(MX), [])
    s.session("handshake_failed", "1.3", "TLS_AES_256_GCM_SHA384", sni=MX, said="SSL_accept error from [^\n]*")


@scenario("TLS 1.3 server that refuses the client's missing certificate: its alert is encrypted and comes after the client's Finished. "
          "The hard case of a passive reader: without the key log only the length of the one record that the server sends, and its FIN, tell.")
def failed_certificate_required_tls13_keylog(s):
    """openssl s_server -Verify 1 -verify_return_error behind a front; s_client at TLS 1.3 without a certificate, key log."""
    with s_server(s, "-Verify", "1", "-verify_return_error", "-CAfile", f"{CERTS}/ca.pem"):
        with s.helper("front", "server", 25, boxes.front, 4433), s.capture():
            s.python("openssl s_client", converse, s_client(MX, "-tls1_3", "-keylogfile", s.keys()), ["hello"], r"^(250 |olleh)")
    s.session("handshake_failed", "1.3", "TLS_AES_256_GCM_SHA384", sni=MX, said="alert certificate required",
              note="or starttls (without the key log): the client's Finished is there, and what follows is encrypted")


@scenario("The relay refuses to send: certificate not trusted; handshake completed, then QUIT inside TLS. Encrypted, no mail.")
def postfix_to_postfix_untrusted(s):
    """Postfix as outbound relay at level `secure` to a Postfix with a certificate of another authority, TLS 1.2."""
    client = "smtp_tls_security_level = secure\nsmtp_tls_mandatory_protocols = TLSv1.2\n"
    with postfix(s, cert="other"), postfix_relay(s, settings=client) as out, s.capture():
        s.python("smtplib (to the relay)", smtplib_sends, "localhost", 10026, False)
        handed_over(s, out)
    s.session("starttls", "1.2", "ECDHE-RSA-AES256-GCM-SHA384", said="status=deferred \\(Server certificate not verified\\)")


@scenario("Alert certificate_expired by the client, in clear.")
def failed_expired_tls12(s):
    """Postfix with an expired certificate; s_client -tls1_2 -verify_return_error."""
    with postfix(s, cert="expired"), s.capture():
        s.python("openssl s_client", converse, s_client(MX, "-tls1_2", "-verify_return_error"), [])
    s.session("handshake_failed", "1.2", "ECDHE-RSA-AES256-GCM-SHA384", sni=MX, said="alert certificate expired")


@scenario("Python refuses the certificate's name: alert in clear in TLS 1.2.")
def failed_name_mismatch_tls12(s):
    """Postfix with a certificate for mx.example.org and *.example.org; Python's smtplib calls it mail.example.com, TLS 1.2."""
    def client():
        context = tls_context()
        context.maximum_version = ssl.TLSVersion.TLSv1_2
        d = Dialogue(MX)
        d.say("EHLO client.example.net", "STARTTLS")
        context.wrap_socket(d.socket, server_hostname="mail.example.com")
    with postfix(s), s.capture():
        s.python("Python ssl", client, may_fail=True)
    s.session("handshake_failed", "1.2", "ECDHE-RSA-AES256-GCM-SHA384", sni="mail.example.com", said="alert [^\n]*certificate[^\n]*")


@scenario("Server demands a client certificate; without one it sends handshake_failure.")
def failed_client_certificate_required(s):
    """openssl s_server -Verify 1 -verify_return_error behind a front; s_client -tls1_2 without a certificate."""
    with s_server(s, "-Verify", "1", "-verify_return_error", "-CAfile", f"{CERTS}/ca.pem"):
        with s.helper("front", "server", 25, boxes.front, 4433), s.capture():
            s.python("openssl s_client", converse, s_client(MX, "-tls1_2"), [])
    s.session("handshake_failed", "1.2", "ECDHE-RSA-AES256-GCM-SHA384", sni=MX, said="alert handshake failure")


@scenario("220 and then the server closes, before or after the ClientHello.")
def failed_close_after_220(s):
    """A front that closes right after the 220; openssl s_client."""
    with s.helper("front", "server", 25, boxes.front, 0, "close"), s.capture():
        s.python("openssl s_client", converse, s_client(MX), [])
    s.session("handshake_failed", sni=MX, said="220 2.0.0 Ready to start TLS", note="construction: the front closes after the 220")


@scenario("220, ClientHello, and the server answers 454 in clear. Then the client gives up.")
def failed_454_in_clear(s):
    """A front that answers the ClientHello with 454 in clear (as Sendmail can); openssl s_client fails on it."""
    with s.helper("front", "server", 25, boxes.front, 0, "454"), s.capture():
        s.python("openssl s_client", converse, s_client(MX), [])
    s.session("handshake_failed", sni=MX, said="454 4.3.3 TLS not available after start, in clear")


@scenario("The relay's handshake fails, and again when it tries again, and then its mail goes out in clear in one more connection: fallback.cleartext.")
def failed_then_fallback_in_clear(s):
    """Postfix demands TLS 1.3; Postfix as outbound relay knows 1.2 and, at level may, sends without TLS once the mail has waited."""
    client = "smtp_tls_security_level = may\nsmtp_tls_protocols = TLSv1.2\nminimal_backoff_time = 2s\nmaximal_backoff_time = 2s\nqueue_run_delay = 2s\n"
    with postfix(s, settings="smtpd_tls_protocols = >=TLSv1.3\n"), postfix_relay(s, settings=client) as out, s.capture():
        s.python("smtplib (to the relay)", smtplib_sends, "localhost", 10026, False)
        handed_over(s, out, pattern="status=sent")
    for _ in range(s.log_text().count("SSL_accept error")):     # two or three attempts, as the relay's queue timer falls
        s.session("handshake_failed", said="Cannot start TLS: handshake failure")
    s.session("offered_unused", mail=True, said=QUEUED)


@scenario("220, and silence: the client never sends a ClientHello and closes.")
def failed_silence_after_220(s):
    """Postfix; by hand: STARTTLS, 220, one second of nothing, close."""
    def steps(d):
        d.say("EHLO client.example.net", "STARTTLS")
        time.sleep(1)
        d.close()
    with postfix(s), s.capture():
        s.python("by hand", by_hand, MX, 25, steps)
    s.session("handshake_failed", said="SSL_accept error from [^\n]*lost connection|lost connection after STARTTLS [^\n]*")


@scenario("ClientHello, and then a RST by the client.")
def failed_reset_after_client_hello(s):
    """Postfix; by hand: STARTTLS, 220, a real ClientHello made by OpenSSL, then RST."""
    def steps(d):
        d.say("EHLO client.example.net", "STARTTLS")
        incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        handshake = tls_context().wrap_bio(incoming, outgoing, server_hostname=MX)
        try:
            handshake.do_handshake()
        except ssl.SSLWantReadError:
            d.send(outgoing.read())
        time.sleep(0.3)
        d.reset()
    with postfix(s), s.capture():
        s.python("by hand", by_hand, MX, 25, steps)
    s.session("handshake_failed", "1.3", "TLS_AES_256_GCM_SHA384", sni=MX, said="SSL_accept error from [^\n]*")


@scenario("ClientHello on 465 to a server that speaks SMTP in clear there: an answer that is not TLS.")
def failed_465_server_in_clear(s):
    """Postfix on 465 without smtpd_tls_wrappermode; openssl s_client with implicit TLS."""
    with postfix(s, ports=["465"]), s.capture():
        s.python("openssl s_client", converse, s_client(MX, port=465, starttls=False), [])
    s.session("handshake_failed", sni=MX, said="wrong version number[^\n]*|packet length too long[^\n]*")


@scenario("Implicit TLS: alert protocol_version by the server.")
def failed_465_version(s):
    """Postfix with smtpd_tls_wrappermode on 465 and TLS 1.3 only; s_client -tls1_2."""
    with postfix(s, ports=["465 -o smtpd_tls_wrappermode=yes"], settings="smtpd_tls_mandatory_protocols = >=TLSv1.3\n"), s.capture():
        s.python("openssl s_client", converse, s_client(MX, "-tls1_2", port=465, starttls=False), [])
    s.session("handshake_failed", sni=MX, said="alert protocol version")


@scenario("ClientHello without STARTTLS on 25, answered by nothing that is TLS.")
def failed_client_hello_on_25(s):
    """Postfix; openssl s_client without -starttls to port 25."""
    s.decode_as = ["tcp.port==25,tls"]
    with postfix(s), s.capture():
        s.python("openssl s_client", converse, s_client(MX, starttls=False), [])
    s.session("handshake_failed", sni=MX, said="wrong version number[^\n]*|packet length too long[^\n]*",
              note="a ClientHello without STARTTLS; the answer is a banner")
