"""Mail in clear, for every reason, and connections that carry none."""
import http.server

import lab
from clients import Dialogue, auth, b64, by_hand, curl, message, smtplib_sends, swaks
from registry import scenario
from servers import PASSWORD, exim, exim_sends, handed_over, opensmtpd, postfix, postfix_relay

MX = "mx.example.org"
NO_TLS = dict(cert=None, settings="smtpd_tls_security_level = none\n")
SASL = "smtpd_sasl_auth_enable = yes\n"
QUEUED = "status=sent \\(example.org\\)"


@scenario("STARTTLS offered, mail in clear all the same.")
def postfix_offered_unused(s):
    """Postfix offers STARTTLS; swaks without -tls sends one mail."""
    with postfix(s), s.capture():
        s.client("swaks", *swaks(), check=0)
    s.session("offered_unused", mail=True, said=QUEUED, note="swaks shows 250-STARTTLS and no STARTTLS command")


@scenario("STARTTLS offered, and Exim as client was told not to use it.")
def exim_offered_unused(s):
    """Exim offers STARTTLS; Exim as client with hosts_avoid_tls=* sends one mail, in BDAT."""
    with exim(s), s.capture():
        exim_sends(s, message(), transport="hosts_avoid_tls = *")
    s.session("offered_unused", mail=True, said="<= ann@example.net [^\n]*P=esmtp [^\n]*")


@scenario("No STARTTLS in the EHLO reply.")
def postfix_not_offered(s):
    """Postfix with smtpd_tls_security_level=none; swaks -tlso (TLS if offered) sends one mail."""
    with postfix(s, **NO_TLS), s.capture():
        s.client("swaks", *swaks(MX, 25, "-tlso"), check=0)
    s.session("not_offered", mail=True, said=QUEUED)


@scenario("No STARTTLS in the EHLO reply; opportunistic TLS of the relay falls to clear.")
def postfix_to_postfix_not_offered(s):
    """Postfix as outbound relay (smtp_tls_security_level=may) to Postfix without TLS."""
    with postfix(s, **NO_TLS), postfix_relay(s, settings="smtp_tls_security_level = may\n") as out, s.capture():
        s.python("smtplib (to the relay)", smtplib_sends, "localhost", 10026, False)
        handed_over(s, out)
    s.session("not_offered", mail=True, said=QUEUED)


@scenario("No STARTTLS by OpenSMTPD.")
def opensmtpd_not_offered(s):
    """OpenSMTPD without TLS; curl sends one mail."""
    path = s.directory / "mail.txt"
    path.write_bytes(message())
    with opensmtpd(s, listen='hostname "mx.example.org"'), s.capture():
        s.client("curl", *curl("smtp://mx.example.org:25/client.example.net", path), check=0)
    s.session("not_offered", mail=True, said="smtp message [^\n]*")


@scenario("PIPELINING and BDAT: the body is counted in octets, in two commands and one segment.")
def exim_to_exim_bdat_pipelined(s):
    """Exim as client to Exim without TLS: PIPELINING and CHUNKING by itself."""
    with exim(s, cert=None), s.capture():
        exim_sends(s, message())
    s.session("not_offered", mail=True, said="<= ann@example.net [^\n]*K S=[^\n]*", note="K: CHUNKING, L: PIPELINING")


@scenario("Two BDAT chunks, cut in the middle of a line.")
def postfix_bdat_two_chunks(s):
    """Postfix; Python's smtplib sends BDAT n and BDAT m LAST."""
    with postfix(s, **NO_TLS), s.capture():
        s.python("smtplib", smtplib_sends, MX, 25, False, None, None, False, False, 1, "Hello.\n", True)
    s.session("not_offered", mail=True, said=QUEUED)


@scenario("Pipelined MAIL, RCPT, DATA in one segment, and a second mail after it.")
def postfix_pipelined_two_mails(s):
    """Postfix; swaks --pipeline, then Python's smtplib with two mails in one connection (a second connection)."""
    with postfix(s, **NO_TLS), s.capture():
        s.client("swaks", *swaks(MX, 25, "--pipeline"), check=0)
        s.python("smtplib", smtplib_sends, MX, 25, False, None, None, False, False, 2)
    s.session("not_offered", mail=True, said=QUEUED, note="first message")
    s.session("not_offered", mail=True, said="ehlo=1 mail=2 rcpt=2 data=2 quit=1")


@scenario("RSET between transactions: one abandoned, two completed.")
def postfix_rset_and_transactions(s):
    """Postfix; by hand: MAIL, RCPT, RSET, then two mails, in one connection."""
    def steps(d):
        d.say("EHLO client.example.net", "MAIL FROM:<ann@example.net>", "RCPT TO:<nobody@example.org>", "RSET")
        d.mail()
        d.say("NOOP", "VRFY bob@example.org")
        d.mail()
        d.say("QUIT")
    with postfix(s), s.capture():
        s.python("by hand", by_hand, MX, 25, steps)
    s.session("offered_unused", mail=True, said="disconnect from [^\n]*mail=3 rcpt=3 data=2 rset=1[^\n]*")


# ---- AUTH in clear

def auth_in_clear(s, mechanism, logged):
    with postfix(s, ports=["587"], cert=None, settings="smtpd_tls_security_level = none\n" + SASL), s.capture():
        s.client("swaks", *swaks(MX, 587, *auth(mechanism)), check=0)
    s.session("not_offered", mail=True, auth=True, said=f"sasl_method={logged}, sasl_username=alice[^\n]*")


@scenario("Password in clear, base64, in the AUTH command itself.")
def postfix_auth_plain_clear(s):
    """Postfix on 587 with SASL and without TLS; swaks --auth PLAIN sends one mail."""
    auth_in_clear(s, "PLAIN", "PLAIN")


@scenario("Password in clear, base64, as the second answer of three steps.")
def postfix_auth_login_clear(s):
    """Postfix on 587 with SASL and without TLS; swaks --auth LOGIN sends one mail."""
    auth_in_clear(s, "LOGIN", "LOGIN")


@scenario("CRAM-MD5: no password on the wire, yet the exchange is in clear.")
def postfix_auth_cram_md5_clear(s):
    """Postfix on 587 with SASL and without TLS; swaks --auth CRAM-MD5 sends one mail."""
    auth_in_clear(s, "CRAM-MD5", "CRAM-MD5")


@scenario("STARTTLS offered, AUTH LOGIN in clear, no mail: decided by AUTH.")
def exim_auth_login_offered_unused(s):
    """Exim on 587 with STARTTLS offered; swaks --auth LOGIN --quit-after AUTH."""
    with exim(s, ports="587", main="auth_advertise_hosts = *\n"), s.capture():
        s.client("swaks", *swaks(MX, 587, *auth("LOGIN"), "--quit-after", "auth"), check=0)
    s.session("offered_unused", auth=True, note="swaks shows 235 after AUTH LOGIN and then QUIT", said="235 Authentication succeeded")


@scenario("AUTH PLAIN with the response on a line of its own, refused at first (wrong password) and then accepted.")
def exim_auth_plain_two_lines(s):
    """Exim on 587; by hand: AUTH PLAIN, 334, response (wrong); AUTH PLAIN again with s3cret-Passw0rd; one mail."""
    def steps(d):
        d.say("EHLO client.example.net", "AUTH PLAIN", b64("\0alice\0wrong"), "AUTH PLAIN", b64(f"\0alice\0{PASSWORD}"))
        d.mail()
        d.say("QUIT")
    with exim(s, ports="587", main="auth_advertise_hosts = *\n"), s.capture():
        s.python("by hand", by_hand, MX, 587, steps)
    s.session("offered_unused", mail=True, auth=True, said="<= ann@example.net [^\n]*A=plain:alice[^\n]*")


# ---- HELO

@scenario("HELO alone: nothing could be offered.")
def postfix_helo_only(s):
    """Postfix; swaks --protocol SMTP (HELO) sends one mail."""
    with postfix(s), s.capture():
        s.client("swaks", *swaks(MX, 25, "--protocol", "SMTP"), check=0)
    s.session("no_ehlo", mail=True, said="helo=1 mail=1 rcpt=1 data=1 quit=1")


@scenario("EHLO answered with 500, then HELO. No EHLO reply ever listed anything.")
def postfix_helo_fallback(s):
    """Postfix whose smtpd_command_filter makes EHLO unknown (500); Postfix as outbound relay falls back to HELO."""
    table = s.directory / "filter"
    table.write_text("/^EHLO/ UNKNOWN\n")
    with postfix(s, settings=f"smtpd_command_filter = pcre:{table}\n"), postfix_relay(s, settings="smtp_tls_security_level = may\n") as out:
        with s.capture():
            s.python("smtplib (to the relay)", smtplib_sends, "localhost", 10026, False)
            handed_over(s, out)
    s.session("not_offered", mail=True, said="disconnect from [^\n]*helo=1 mail=1 rcpt=1 data=1[^\n]*",
              note="the only EHLO was answered with 500, a whole reply without STARTTLS")


# ---- bodies and sizes

@scenario("A body with lines STARTTLS, 220, 250-STARTTLS and TLS-looking bytes means nothing.")
def postfix_body_looks_like_starttls(s):
    """Postfix without TLS; by hand: a body with SMTP-looking lines and the first bytes of a ClientHello record."""
    body = b"STARTTLS\r\n220 2.0.0 Ready to start TLS\r\n250-STARTTLS\r\nEHLO x\r\n" \
           b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03binary\r\n..dot\r\nQUIT\r\n454 no\r\n"

    def steps(d):
        d.say("EHLO client.example.net", "MAIL FROM:<ann@example.net> BODY=8BITMIME", "RCPT TO:<bob@example.org>", "DATA")
        d.send(message("") + body + b".\r\n")
        d.reply()
        d.say("QUIT")
    with postfix(s, **NO_TLS), s.capture():
        s.python("by hand", by_hand, MX, 25, steps)
    s.session("not_offered", mail=True, said="disconnect from [^\n]*data=1 quit=1[^\n]*")


@scenario("60 KB of mail in clear, with offload on: segments larger than the MTU and checksums that a capture sees as wrong.")
def postfix_big_mail(s):
    """Postfix without TLS; Python's smtplib sends 60 KB; offload on at both ends of the wire."""
    ends = (("client", "c0"), ("server", "s0"))
    for namespace, interface in ends:
        lab.offload(namespace, interface, "on")
    try:
        with postfix(s, **NO_TLS), s.capture("client", "c0"):
            s.python("smtplib", smtplib_sends, MX, 25, False, None, None, False, False, 1, "All work and no play makes a dull mail.\n" * 1500)
    finally:
        for namespace, interface in ends:
            lab.offload(namespace, interface, "off")
    s.session("not_offered", mail=True, said="size=6\\d{4}, nrcpt=1[^\n]*")


@scenario("Null sender, SMTPUTF8 parameter and an address with UTF-8.")
def postfix_smtputf8_bounce(s):
    """Postfix without TLS; by hand: MAIL FROM:<> SMTPUTF8, RCPT TO:<jörg@example.org>, one mail."""
    def steps(d):
        d.say("EHLO client.example.net", "MAIL FROM:<> SMTPUTF8 BODY=8BITMIME SIZE=200", "RCPT TO:<jörg@example.org>", "DATA")
        d.send(message("Grüße\n") + b".\r\n")
        d.reply()
        d.say("QUIT")
    with postfix(s, **NO_TLS), s.capture():
        s.python("by hand", by_hand, MX, 25, steps)
    s.session("not_offered", mail=True, said="from=<>, size=[^\n]*")


@scenario("XCLIENT: the server greets again and the client says EHLO again; mail in clear.")
def postfix_xclient(s):
    """Postfix with smtpd_authorized_xclient_hosts; swaks --xclient-name --xclient-addr sends one mail."""
    with postfix(s, settings="smtpd_authorized_xclient_hosts = 192.0.2.10\n"), s.capture():
        s.client("swaks", *swaks(MX, 25, "--xclient-name", "real.example.com", "--xclient-addr", "203.0.113.99"), check=0)
    s.session("offered_unused", mail=True, said="client=real.example.com\\[203.0.113.99\\]|xclient=1[^\n]*")


# ---- no mail

@scenario("STARTTLS offered, QUIT after EHLO: nothing was decided.")
def postfix_quit_after_ehlo(s):
    """Postfix; swaks --quit-after HELO."""
    with postfix(s), s.capture():
        s.client("swaks", *swaks(MX, 25, "--quit-after", "helo"), check=0)
    s.session("no_mail", said="disconnect from [^\n]*ehlo=1 quit=1[^\n]*")


@scenario("Banner, then the client closes without a word.")
def postfix_banner_only(s):
    """Postfix; by hand: connect, read the banner, close."""
    with postfix(s), s.capture():
        s.python("by hand", by_hand, MX, 25, lambda d: d.close())
    s.session("no_mail", said="lost connection after CONNECT [^\n]*")


@scenario("421 as the greeting of the second connection; the first sends QUIT.")
def postfix_421_too_many(s):
    """Postfix with smtpd_client_connection_count_limit=1 and two connections at once."""
    def steps(first):
        Dialogue(MX)
        first.say("QUIT")
    with postfix(s, settings="smtpd_client_connection_count_limit = 1\nsmtpd_client_event_limit_exceptions =\n"), s.capture():
        s.python("by hand", by_hand, MX, 25, steps)
    s.session("no_mail", said="disconnect from [^\n]*quit=1[^\n]*")
    s.session("no_mail", said="421 4.7.0[^\n]*too many connections")


@scenario("554 as the greeting.")
def postfix_554_greeting(s):
    """Postfix with smtpd_delay_reject=no and smtpd_client_restrictions=reject; swaks."""
    with postfix(s, settings="smtpd_delay_reject = no\nsmtpd_client_restrictions = reject\n"), s.capture():
        s.client("swaks", *swaks())
    s.session("no_mail", said="554 5.7.1 [^\n]*Client host rejected[^\n]*")


@scenario("MAIL and RCPT in clear with STARTTLS offered; the recipient is refused, so no message text crossed.")
def postfix_recipient_refused(s):
    """Postfix; swaks to a foreign recipient: 554 relay access denied, QUIT."""
    with postfix(s), s.capture():
        s.client("swaks", *swaks(MX, 25, "--to", "eve@elsewhere.example"))
    s.session("offered_unused", said="reject: RCPT from [^\n]*Relay access denied[^\n]*",
              note="mail was attempted in clear (MAIL, RCPT), no message text")


@scenario("The server demands STARTTLS (530), the client gives up; mail was attempted in clear, none crossed.")
def postfix_530_must_starttls(s):
    """Postfix with smtpd_tls_security_level=encrypt; swaks without -tls: 530 to MAIL, QUIT."""
    with postfix(s, settings="smtpd_tls_security_level = encrypt\n"), s.capture():
        s.client("swaks", *swaks())
    s.session("offered_unused", said="530 5.7.0 Must issue a STARTTLS command first", note="MAIL FROM in clear, refused")


# ---- not SMTP, other ports

@scenario("HTTP on port 25: the client speaks first and not SMTP.")
def postfix_http_client(s):
    """Postfix; curl http://mx.example.org:25/."""
    with postfix(s), s.capture():
        s.client("curl", "curl", "-sv", "--http0.9", "http://mx.example.org:25/", timeout=60)
    s.session("not_smtp", said="non-SMTP command from [^\n]*GET / HTTP/1.1[^\n]*")


@scenario("HTTP server on port 25.")
def http_server_on_25(s):
    """Python's http.server on 25; curl http://mx.example.org:25/."""
    def serve(port):
        http.server.HTTPServer(("0.0.0.0", port), http.server.BaseHTTPRequestHandler).serve_forever()
    with s.helper("Python http.server", "server", 25, serve), s.capture():
        s.client("curl", "curl", "-sv", "http://mx.example.org:25/")
    s.session("not_smtp", said="< HTTP/1.0 501[^\n]*|\"GET / HTTP/1.1\" 501[^\n]*")


@scenario("SMTP in clear on the port of implicit TLS.")
def postfix_cleartext_on_465(s):
    """Postfix on 465 without smtpd_tls_wrappermode; swaks in clear sends one mail."""
    with postfix(s, ports=["465"]), s.capture():
        s.client("swaks", *swaks(MX, 465), check=0)
    s.session("cleartext_on_tls_port", mail=True, said=QUEUED)


@scenario("SMTP on 10025, a port that only --any-port finds. With it: offered_unused.")
def postfix_port_10025(s):
    """Postfix on 10025; swaks in clear sends one mail."""
    with postfix(s, ports=["10025"]), s.capture():
        s.client("swaks", *swaks(MX, 10025), check=0)
    s.session("offered_unused", mail=True, said=QUEUED, note="needs --any-port")


@scenario("STARTTLS on 10025, a port that only --any-port finds.")
def postfix_port_10025_starttls(s):
    """Postfix on 10025; swaks -tls sends one mail."""
    with postfix(s, ports=["10025"]), s.capture():
        s.client("swaks", *swaks(MX, 10025, "-tls"), check=0)
    s.session("starttls", "1.3", "TLS_AES_256_GCM_SHA384", note="needs --any-port",
              said="TLS connection established from [^\n]*TLSv1.3 with cipher TLS_AES_256_GCM_SHA384")
