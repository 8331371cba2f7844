"""STARTTLS as it should be: each server with each client, whole mails inside TLS."""
import time

import boxes
from clients import MAIL, by_hand, converse, curl, gnutls_cli, message, s_client, smtplib_sends, swaks, tls_context
from lab import CERTS
from registry import scenario
from servers import exim, exim_sends, gnutls_serv, handed_over, opensmtpd, postfix, postfix_relay, s_server

POSTFIX_13 = "TLS connection established from [^\n]*TLSv1.3 with cipher TLS_AES_256_GCM_SHA384"
MX = "mx.example.org"


@scenario("The ordinary case: STARTTLS offered, used, TLS 1.3, certificate hidden.")
def postfix_swaks_tls13(s):
    """Postfix with an RSA certificate; swaks -tls sends one mail."""
    with postfix(s), s.capture():
        s.client("swaks", *swaks(MX, 25, "-tls"), check=0)
    s.session("starttls", "1.3", "TLS_AES_256_GCM_SHA384", said=POSTFIX_13)


@scenario("TLS 1.2 with an ECDSA certificate of the lab's authority in clear, name mx.example.org.")
def postfix_swaks_tls12_ecdsa(s):
    """Postfix with an ECDSA certificate; swaks -tls --tls-protocol tlsv1_2 sends one mail."""
    with postfix(s, cert="ecdsa"), s.capture():
        s.client("swaks", *swaks(MX, 25, "-tls", "--tls-protocol", "tlsv1_2"), check=0)
    s.session("starttls", "1.2", "ECDHE-ECDSA-AES256-GCM-SHA384",
              said="TLS connection established from [^\n]*TLSv1.2 with cipher ECDHE-ECDSA-AES256-GCM-SHA384")


@scenario("EHLO, AUTH PLAIN and a whole mail inside TLS; readable with the key log. Nothing of it in clear.")
def postfix_auth_in_tls13_keylog(s):
    """Postfix on 587 with SASL; Python's smtplib: STARTTLS, AUTH PLAIN, one mail, TLS secrets written to a key log."""
    with postfix(s, ports=["587"], cert="ecdsa", settings="smtpd_sasl_auth_enable = yes\nsmtpd_tls_auth_only = yes\n"):
        with s.capture():
            s.python("smtplib", smtplib_sends, MX, 587, True, "PLAIN", s.keys())
    s.session("starttls", "1.3", "TLS_AES_256_GCM_SHA384", sni=MX, said=POSTFIX_13, note="then sasl_method=PLAIN")


@scenario("Two Postfixes, opportunistic TLS; no SNI, as Postfix sends none by itself.")
def postfix_to_postfix(s):
    """Postfix as outbound relay (smtp_tls_security_level=may) to Postfix."""
    with postfix(s), postfix_relay(s, settings="smtp_tls_security_level = may\n") as out, s.capture():
        s.python("smtplib (to the relay)", smtplib_sends, "localhost", 10026, False)
        handed_over(s, out)
    s.session("starttls", "1.3", "TLS_AES_256_GCM_SHA384", said=POSTFIX_13)


@scenario("No certificate at all: an anonymous cipher suite. cert.absent_reason is anonymous.")
def postfix_to_postfix_anonymous(s):
    """Postfix to Postfix without a certificate (smtpd_tls_cert_file=none), TLS 1.2: anonymous Diffie-Hellman."""
    server = "smtpd_tls_security_level = may\nsmtpd_tls_cert_file = none\nsmtpd_tls_protocols = TLSv1.2\n"
    client = "smtp_tls_security_level = may\nsmtp_tls_protocols = TLSv1.2\n"
    with postfix(s, cert=None, settings=server), postfix_relay(s, settings=client) as out, s.capture():
        s.python("smtplib (to the relay)", smtplib_sends, "localhost", 10026, False)
        handed_over(s, out)
    s.session("starttls", "1.2", "ADH-AES256-GCM-SHA384",
              said="TLS connection established from [^\n]*TLSv1.2 with cipher ADH-AES256-GCM-SHA384")


@scenario("The relay verifies the server's name and sends it as SNI.")
def postfix_to_postfix_secure(s):
    """Postfix as outbound relay with smtp_tls_security_level=secure and smtp_tls_servername=hostname."""
    client = "smtp_tls_security_level = secure\nsmtp_tls_secure_cert_match = nexthop\nsmtp_tls_servername = hostname\n"
    with postfix(s), postfix_relay(s, "[mx.example.org]:25", client) as out, s.capture():
        s.python("smtplib (to the relay)", smtplib_sends, "localhost", 10026, False)
        handed_over(s, out)
    s.session("starttls", "1.3", "TLS_AES_256_GCM_SHA384", sni=MX, said="Verified TLS connection established to [^\n]*")


@scenario("Exim's banner and capabilities (CHUNKING, PIPECONNECT and so on), certificate hidden by TLS 1.3.")
def exim_swaks_tls13(s):
    """Exim (GnuTLS); swaks -tls sends one mail."""
    with exim(s), s.capture():
        s.client("swaks", *swaks(MX, 25, "-tls"), check=0)
    s.session("starttls", "1.3", "TLS_AES_256_GCM_SHA384", said="<= ann@example.net [^\n]*X=TLS1.3:[^\n]*AES_256_GCM[^\n]*")


@scenario("GnuTLS's ClientHello, with the mail in BDAT inside TLS.")
def exim_to_exim(s):
    """Exim as client delivers to Exim: STARTTLS by itself, TLS 1.3, both GnuTLS."""
    with exim(s, cert="ecdsa"), s.capture():
        exim_sends(s, message())
    s.session("starttls", "1.3", "TLS_AES_256_GCM_SHA384", said="<= ann@example.net [^\n]*X=TLS1.3:[^\n]*AES_256_GCM[^\n]*")


@scenario("OpenSSL's client against GnuTLS's server, TLS 1.2, RSA certificate in clear.")
def exim_s_client_tls12(s):
    """Exim; openssl s_client -starttls smtp -tls1_2 sends one mail typed in."""
    with exim(s), s.capture():
        s.python("openssl s_client", converse, s_client(MX, "-tls1_2", "-crlf"), MAIL)
    s.session("starttls", "1.2", "ECDHE-RSA-AES256-GCM-SHA384", sni=MX,
              said="Protocol version: TLSv1.2\nCiphersuite: ECDHE-RSA-AES256-GCM-SHA384")


@scenario("OpenSMTPD's banner and capabilities; TLS 1.3.")
def opensmtpd_swaks_tls13(s):
    """OpenSMTPD with an ECDSA certificate; swaks -tls sends one mail."""
    with opensmtpd(s), s.capture():
        s.client("swaks", *swaks(MX, 25, "-tls"), check=0)
    s.session("starttls", "1.3", "TLS_AES_256_GCM_SHA384", said="smtp tls [^\n]*TLSv1.3:TLS_AES_256_GCM_SHA384:256")


@scenario("OpenSMTPD with TLS 1.2; certificate in clear.")
def opensmtpd_gnutls_cli_tls12(s):
    """OpenSMTPD with an RSA certificate; gnutls-cli --starttls-proto=smtp at TLS 1.2 sends one mail typed in."""
    with opensmtpd(s, cert="rsa"), s.capture():
        s.python("gnutls-cli", converse, gnutls_cli(MX, "--priority", "NORMAL:-VERS-ALL:+VERS-TLS1.2"), MAIL)
    s.session("starttls", "1.2", "ECDHE-RSA-AES256-GCM-SHA384", sni=MX,
              said="smtp tls [^\n]*TLSv1.2:ECDHE-RSA-AES256-GCM-SHA384:256")


@scenario("curl's ClientHello with SNI; the server's STARTTLS on the submission port.")
def postfix_curl_587(s):
    """Postfix on 587; curl --ssl-reqd smtp://... sends one mail."""
    path = s.directory / "mail.txt"
    path.write_bytes(message())
    with postfix(s, ports=["587"]), s.capture():
        s.client("curl", *curl("smtp://mx.example.org:587/client.example.net", path, "--ssl-reqd"), check=0)
    s.session("starttls", "1.3", "TLS_AES_256_GCM_SHA384", sni=MX, said=POSTFIX_13)


@scenario("STARTTLS on port 2525.")
def postfix_swaks_2525(s):
    """Postfix on 2525; swaks -tls."""
    with postfix(s, ports=["2525"]), s.capture():
        s.client("swaks", *swaks(MX, 2525, "-tls"), check=0)
    s.session("starttls", "1.3", "TLS_AES_256_GCM_SHA384", said=POSTFIX_13)


@scenario("GnuTLS on both sides, TLS 1.3; no mail inside.")
def gnutls_serv_gnutls_cli(s):
    """gnutls-serv behind a front that speaks SMTP up to the 220; gnutls-cli --starttls-proto=smtp."""
    with gnutls_serv(s), s.helper("front", "server", 25, boxes.front, 4433), s.capture():
        s.python("gnutls-cli", converse, gnutls_cli(MX), ["hello"], r"^hello")
    s.session("starttls", "1.3", "TLS_AES_256_GCM_SHA384", sni=MX, said=r"Description: \(TLS1.3[^\n]*\(AES-256-GCM\)")


@scenario("ChaCha20-Poly1305; readable with the key log.")
def s_server_chacha20_keylog(s):
    """openssl s_server behind a front that speaks SMTP up to the 220; s_client -ciphersuites TLS_CHACHA20_POLY1305_SHA256 -keylogfile."""
    openssl_to_openssl(s, "-ciphersuites", "TLS_CHACHA20_POLY1305_SHA256", keys=True)
    s.session("starttls", "1.3", "TLS_CHACHA20_POLY1305_SHA256", sni=MX,
              said="Protocol version: TLSv1.3\nCiphersuite: TLS_CHACHA20_POLY1305_SHA256")


@scenario("AES-128-GCM; readable with the key log.")
def s_server_aes128_keylog(s):
    """openssl s_server behind a front that speaks SMTP up to the 220; s_client -ciphersuites TLS_AES_128_GCM_SHA256 -keylogfile."""
    openssl_to_openssl(s, "-ciphersuites", "TLS_AES_128_GCM_SHA256", keys=True)
    s.session("starttls", "1.3", "TLS_AES_128_GCM_SHA256", sni=MX, said="Protocol version: TLSv1.3\nCiphersuite: TLS_AES_128_GCM_SHA256")


def openssl_to_openssl(s, *client, server=(), cert="rsa", keys=False):
    """One s_client through the front to one s_server, one line typed in and echoed."""
    keylog = ("-keylogfile", s.keys()) if keys else ()
    with s_server(s, *server, cert=cert), s.helper("front", "server", 25, boxes.front, 4433), s.capture():
        s.python("openssl s_client", converse, s_client(MX, *client, *keylog), ["hello"], r"^olleh")


@scenario("Client certificate asked for and sent, both in clear in TLS 1.2.")
def postfix_client_certificate_tls12(s):
    """Postfix with smtpd_tls_ask_ccert; s_client -cert -tls1_2 sends one mail."""
    with postfix(s, settings="smtpd_tls_ask_ccert = yes\n"), s.capture():
        s.python("openssl s_client", converse, s_client(MX, "-tls1_2", "-crlf", *CLIENT_CERTIFICATE), MAIL)
    s.session("starttls", "1.2", "ECDHE-RSA-AES256-GCM-SHA384", sni=MX,
              said="Trusted TLS connection established from [^\n]*TLSv1.2 with cipher ECDHE-RSA-AES256-GCM-SHA384")


CLIENT_CERTIFICATE = ("-cert", CERTS / "client.pem", "-key", CERTS / "client.key")


@scenario("Client certificate inside TLS 1.3: hidden, but readable with the key log.")
def postfix_client_certificate_tls13_keylog(s):
    """Postfix with smtpd_tls_ask_ccert; Python's smtplib with a client certificate and a key log sends one mail."""
    with postfix(s, settings="smtpd_tls_ask_ccert = yes\n"), s.capture():
        s.python("smtplib", smtplib_sends, MX, 25, True, None, s.keys(), False, True)
    s.session("starttls", "1.3", "TLS_AES_256_GCM_SHA384", sni=MX,
              said="Trusted TLS connection established from [^\n]*client-signature ECDSA[^\n]*")


@scenario("Two ClientHellos and two ServerHellos in one handshake; readable with the key log.")
def postfix_hello_retry_keylog(s):
    """Postfix with tls_eecdh_auto_curves=secp384r1: HelloRetryRequest to s_client's X25519; one mail, key log."""
    with postfix(s, settings="tls_eecdh_auto_curves = secp384r1\n"), s.capture():
        s.python("openssl s_client", converse, s_client(MX, "-crlf", "-keylogfile", s.keys()), MAIL)
    s.session("starttls", "1.3", "TLS_AES_256_GCM_SHA384", sni=MX, said="TLSv1.3 with cipher [^\n]*key-exchange ECDHE \\(secp384r1\\)[^\n]*")


@scenario("HelloRetryRequest by OpenSSL's own server.")
def s_server_hello_retry(s):
    """openssl s_server -groups P-521 behind a front; s_client offers X25519 first."""
    openssl_to_openssl(s, server=("-groups", "P-521"))
    s.session("starttls", "1.3", "TLS_AES_256_GCM_SHA384", sni=MX,
              said="Protocol version: TLSv1.3\nCiphersuite: TLS_AES_256_GCM_SHA384.*Server Temp Key: ECDH, secp521r1")


@scenario("Three mails inside one TLS connection, nothing of them visible.")
def postfix_three_mails_tls13(s):
    """Postfix; Python's smtplib sends three mails over one connection."""
    with postfix(s), s.capture():
        s.python("smtplib", smtplib_sends, MX, 25, True, None, None, False, False, 3)
    s.session("starttls", "1.3", "TLS_AES_256_GCM_SHA384", sni=MX, said=POSTFIX_13)


@scenario("Expired certificate (20200101 to 20210101), in clear; the client did not care.")
def postfix_expired_certificate(s):
    """Postfix with an expired certificate; swaks (verifies nothing) over TLS 1.2."""
    with postfix(s, cert="expired"), s.capture():
        s.client("swaks", *swaks(MX, 25, "-tls", "--tls-protocol", "tlsv1_2"), check=0)
    s.session("starttls", "1.2", "ECDHE-RSA-AES256-GCM-SHA384",
              said="TLS connection established from [^\n]*TLSv1.2 with cipher ECDHE-RSA-AES256-GCM-SHA384")


@scenario("Self-signed certificate, in clear; the client did not care.")
def postfix_self_signed(s):
    """Postfix with a self-signed certificate; Postfix as outbound relay at level `encrypt` over TLS 1.2."""
    with postfix(s, cert="selfsigned"), s.capture():
        with postfix_relay(s, settings="smtp_tls_security_level = encrypt\nsmtp_tls_mandatory_protocols = TLSv1.2\nsmtp_tls_exclude_ciphers = aNULL\n") as out:
            s.python("smtplib (to the relay)", smtplib_sends, "localhost", 10026, False)
            handed_over(s, out)
    s.session("starttls", "1.2", "ECDHE-RSA-AES256-GCM-SHA384",
              said="Untrusted TLS connection established to [^\n]*TLSv1.2 with cipher ECDHE-RSA-AES256-GCM-SHA384")


@scenario("A mail before STARTTLS and one after it: verdict starttls, and yet mail in clear.")
def postfix_mail_before_starttls(s):
    """Postfix; by hand: one whole mail in clear, then STARTTLS and QUIT inside TLS."""
    def steps(d):
        d.say("EHLO client.example.net")
        d.mail()
        d.say("STARTTLS")
        d.tls()
        d.say("EHLO client.example.net", "QUIT")
    with postfix(s), s.capture():
        s.python("by hand", by_hand, MX, 25, steps)
    s.session("starttls", "1.3", "TLS_AES_256_GCM_SHA384", sni=MX, mail=True, said=POSTFIX_13)


@scenario("STARTTLS is the last line of the EHLO reply, `250 STARTTLS`.")
def s_server_starttls_on_last_line(s):
    """openssl s_server behind a front whose EHLO reply ends in `250 STARTTLS`; s_client."""
    with s_server(s), s.helper("front", "server", 25, boxes.front, 4433, "splice", b"250-front.example.org\r\n250 STARTTLS\r\n"), s.capture():
        s.python("openssl s_client", converse, s_client(MX), ["hello"], r"^olleh")
    s.session("starttls", "1.3", "TLS_AES_256_GCM_SHA384", sni=MX, said="Protocol version: TLSv1.3\nCiphersuite: TLS_AES_256_GCM_SHA384")


@scenario("A banner of three lines.")
def exim_multi_line_banner(s):
    """Exim with an smtp_banner of three lines; swaks -tls sends one mail."""
    with exim(s, main='smtp_banner = "$smtp_active_hostname ESMTP\\nSTARTTLS is welcome here\\nend of banner"\n'), s.capture():
        s.client("swaks", *swaks(MX, 25, "-tls"), check=0)
    s.session("starttls", "1.3", "TLS_AES_256_GCM_SHA384", said="<= ann@example.net [^\n]*X=TLS1.3:[^\n]*AES_256_GCM[^\n]*")


@scenario("REQUIRETLS offered and used inside TLS: visible with the key log.")
def aiosmtpd_requiretls_keylog(s):
    """aiosmtpd, taught REQUIRETLS (no mail server of Debian 12 knows it); Python's smtplib: MAIL FROM with REQUIRETLS, key log."""
    with s.helper("aiosmtpd", "server", 25, aiosmtpd_with_requiretls), s.capture():
        s.python("smtplib", requiretls_client, s.keys())
    s.session("starttls", "1.3", "TLS_AES_256_GCM_SHA384", sni=MX, said="took a message with REQUIRETLS")


def aiosmtpd_with_requiretls(port):
    import asyncio
    import ssl
    from aiosmtpd.smtp import SMTP

    class Server(SMTP):
        async def smtp_MAIL(self, arg):
            self.required = arg.endswith(" REQUIRETLS")
            await super().smtp_MAIL(arg.removesuffix(" REQUIRETLS"))

    class Handler:
        async def handle_EHLO(self, server, session, envelope, hostname, responses):
            session.host_name = hostname
            return responses[:-1] + (["250-REQUIRETLS"] if session.ssl else []) + responses[-1:]

        async def handle_DATA(self, server, session, envelope):
            print("took a message", "with REQUIRETLS" if server.required else "without REQUIRETLS")
            return "250 OK"

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(CERTS / "ecdsa.pem", CERTS / "ecdsa.key")
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    loop.run_until_complete(loop.create_server(lambda: Server(Handler(), hostname=MX, tls_context=context, loop=loop), port=port))
    loop.run_forever()


def requiretls_client(keys):
    import smtplib
    smtp = smtplib.SMTP(MX, 25, local_hostname="client.example.net")
    smtp.set_debuglevel(1)
    smtp.starttls(context=tls_context(keys=keys))
    smtp.sendmail("ann@example.net", ["bob@example.org"], message(), ["REQUIRETLS"])
    smtp.quit()


@scenario("The handshake done, then QUIT inside TLS: no mail, but encrypted all the same.")
def postfix_tls_then_quit(s):
    """Postfix; swaks -tls --quit-after tls."""
    with postfix(s), s.capture():
        s.client("swaks", *swaks(MX, 25, "-tls", "--quit-after", "tls"), check=0)
        time.sleep(0.1)
    s.session("starttls", "1.3", "TLS_AES_256_GCM_SHA384", said=POSTFIX_13)
