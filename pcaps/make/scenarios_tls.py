"""Versions, cipher suites, resumption, implicit TLS."""
import os

from clients import MAIL, converse, curl, gnutls_cli, message, s_client, smtplib_sends, swaks
from registry import scenario
from scenarios_starttls import openssl_to_openssl
from servers import OLD_TLS, exim, handed_over, postfix, postfix_relay, s_server

MX = "mx.example.org"
OLD_SERVER = "smtpd_tls_protocols = >=TLSv1\nsmtpd_tls_ciphers = low\ntls_low_cipherlist = ALL:@SECLEVEL=0\n"


def typed_mail(s, *options, port=25, starttls=True, env=None):
    """One mail through s_client."""
    s.python("openssl s_client", converse, s_client(MX, "-crlf", *options, port=port, starttls=starttls), MAIL, r"^\d{3}[ \r\n]", 0.0,
             {**os.environ, **(env or {})})


def postfix_with_cipher(s, version, cipher, *options, cert="rsa", settings="", old=False, port="25", starttls=True):
    """Postfix, one typed mail, and what Postfix's log says about it."""
    number = int(port.split()[0])
    with postfix(s, ports=[port], cert=cert, settings=settings, old_tls=old), s.capture():
        typed_mail(s, *options, port=number, starttls=starttls, env={"OPENSSL_CONF": str(OLD_TLS)} if old else None)
    named = "TLSv1" if version == "1.0" else "TLSv" + version
    s.session("starttls" if starttls else "implicit_tls", version, cipher, sni=MX,
              said=f"TLS connection established from [^\n]*{named} with cipher {cipher} ")


@scenario("Obsolete version, CBC suite, certificate in clear.")
def postfix_tls10(s):
    """Postfix and s_client -tls1, both with an OpenSSL configuration that still allows TLS 1.0; one mail."""
    postfix_with_cipher(s, "1.0", "ECDHE-RSA-AES256-SHA", "-tls1", settings=OLD_SERVER, old=True)


@scenario("Obsolete version, static RSA: no forward secrecy.")
def postfix_tls10_static_rsa(s):
    """The same with -cipher AES128-SHA:@SECLEVEL=0."""
    postfix_with_cipher(s, "1.0", "AES128-SHA", "-tls1", "-cipher", "AES128-SHA:@SECLEVEL=0", settings=OLD_SERVER, old=True)


@scenario("Obsolete version, ECDSA certificate.")
def postfix_tls11_ecdsa(s):
    """Postfix with an ECDSA certificate and s_client -tls1_1; one mail."""
    postfix_with_cipher(s, "1.1", "ECDHE-ECDSA-AES256-SHA", "-tls1_1", cert="ecdsa", settings=OLD_SERVER, old=True)


@scenario("TLS 1.1 by GnuTLS on both sides, as its log says.")
def exim_gnutls_cli_tls11(s):
    """Exim with tls_require_ciphers=NORMAL:+VERS-TLS1.1 and gnutls-cli at TLS 1.1; one mail."""
    with exim(s, main="tls_require_ciphers = NORMAL:+VERS-TLS1.0:+VERS-TLS1.1\n"), s.capture():
        s.python("gnutls-cli", converse, gnutls_cli(MX, "--priority", "NORMAL:-VERS-ALL:+VERS-TLS1.1"), MAIL)
    s.session("starttls", "1.1", "ECDHE-RSA-AES256-SHA", sni=MX, said="<= ann@example.net [^\n]*X=TLS1.1:[^\n]*AES_256_CBC__SHA1[^\n]*")


@scenario("CBC suite with SHA-384 in TLS 1.2.")
def postfix_tls12_cbc(s):
    """Postfix; s_client -tls1_2 -cipher ECDHE-RSA-AES256-SHA384; one mail."""
    postfix_with_cipher(s, "1.2", "ECDHE-RSA-AES256-SHA384", "-tls1_2", "-cipher", "ECDHE-RSA-AES256-SHA384")


@scenario("Static RSA key exchange in TLS 1.2: no forward secrecy.")
def postfix_tls12_static_rsa(s):
    """Postfix; s_client -tls1_2 -cipher AES128-GCM-SHA256; one mail."""
    postfix_with_cipher(s, "1.2", "AES128-GCM-SHA256", "-tls1_2", "-cipher", "AES128-GCM-SHA256")


@scenario("Finite-field Diffie-Hellman, 2048 bits, in ServerKeyExchange.")
def postfix_tls12_dhe(s):
    """Postfix; s_client -tls1_2 -cipher DHE-RSA-AES256-GCM-SHA384; one mail."""
    postfix_with_cipher(s, "1.2", "DHE-RSA-AES256-GCM-SHA384", "-tls1_2", "-cipher", "DHE-RSA-AES256-GCM-SHA384")


@scenario("ChaCha20-Poly1305 in TLS 1.2 with an ECDSA certificate.")
def postfix_tls12_chacha20_ecdsa(s):
    """Postfix with an ECDSA certificate; s_client -tls1_2 -cipher ECDHE-ECDSA-CHACHA20-POLY1305; one mail."""
    postfix_with_cipher(s, "1.2", "ECDHE-ECDSA-CHACHA20-POLY1305", "-tls1_2", "-cipher", "ECDHE-ECDSA-CHACHA20-POLY1305", cert="ecdsa")


@scenario("TLS 1.3 with ChaCha20-Poly1305 on the submission port.")
def postfix_tls13_chacha20_587(s):
    """Postfix on 587; s_client -ciphersuites TLS_CHACHA20_POLY1305_SHA256; one mail."""
    postfix_with_cipher(s, "1.3", "TLS_CHACHA20_POLY1305_SHA256", "-ciphersuites", "TLS_CHACHA20_POLY1305_SHA256", port="587")


@scenario("TLS 1.3 with AES-128-GCM and group P-256 offered alone.")
def postfix_tls13_aes128_p256(s):
    """Postfix; s_client -ciphersuites TLS_AES_128_GCM_SHA256 -groups P-256; one mail."""
    postfix_with_cipher(s, "1.3", "TLS_AES_128_GCM_SHA256", "-ciphersuites", "TLS_AES_128_GCM_SHA256", "-groups", "P-256")


@scenario("The client offers up to 1.3, the server knows 1.2: no sentinel of RFC 8446 4.1.3, as OpenSSL leaves one only below its own maximum.")
def s_server_tls12_client_tls13(s):
    """openssl s_server -max_protocol TLSv1.2 behind a front; s_client as it comes."""
    openssl_to_openssl(s, server=("-max_protocol", "TLSv1.2"))
    s.session("starttls", "1.2", "ECDHE-RSA-AES256-GCM-SHA384", sni=MX, said="Protocol version: TLSv1.2")


@scenario("Triple DES, a weak cipher, by GnuTLS on both sides.")
def exim_gnutls_cli_3des(s):
    """Exim with tls_require_ciphers=NORMAL:+3DES-CBC; gnutls-cli with 3DES-CBC alone, TLS 1.2; one mail."""
    with exim(s, main="tls_require_ciphers = NORMAL:+3DES-CBC\n"), s.capture():
        s.python("gnutls-cli", converse, gnutls_cli(MX, "--priority", "NORMAL:-VERS-ALL:+VERS-TLS1.2:-CIPHER-ALL:+3DES-CBC"), MAIL)
    s.session("starttls", "1.2", "TLS_ECDHE_RSA_WITH_3DES_EDE_CBC_SHA", sni=MX, said="<= ann@example.net [^\n]*X=TLS1.2:[^\n]*3DES_CBC[^\n]*")


@scenario("RC4 with static RSA and TLS 1.0: obsolete, weak, no forward secrecy.")
def exim_gnutls_cli_rc4(s):
    """Exim with tls_require_ciphers=NORMAL:+VERS-TLS1.0:+ARCFOUR-128:+RSA; gnutls-cli with those alone; one mail."""
    with exim(s, main="tls_require_ciphers = NORMAL:+VERS-TLS1.0:+ARCFOUR-128:+RSA\n"), s.capture():
        s.python("gnutls-cli", converse, gnutls_cli(
            MX, "--priority", "NORMAL:-VERS-ALL:+VERS-TLS1.0:-CIPHER-ALL:+ARCFOUR-128:-KX-ALL:+RSA"), MAIL)
    s.session("starttls", "1.0", "TLS_RSA_WITH_RC4_128_SHA", sni=MX, said="<= ann@example.net [^\n]*X=TLS1.0:[^\n]*ARCFOUR_128[^\n]*")


@scenario("A NULL cipher: a handshake and no encryption. The line `hello` can be read in an application data record.")
def s_server_null_cipher(s):
    """openssl s_server and s_client -cipher NULL-SHA256:@SECLEVEL=0 behind a front, TLS 1.2."""
    null = ("-tls1_2", "-cipher", "NULL-SHA256:@SECLEVEL=0")
    openssl_to_openssl(s, *null, server=null)
    s.session("starttls", "1.2", "NULL-SHA256", sni=MX, said="Protocol version: TLSv1.2\nCiphersuite: NULL-SHA256")


@scenario("Ed25519 certificate in TLS 1.2, in clear.")
def s_server_ed25519(s):
    """openssl s_server with an Ed25519 certificate behind a front; s_client -tls1_2."""
    openssl_to_openssl(s, "-tls1_2", cert="ed25519")
    s.session("starttls", "1.2", "ECDHE-ECDSA-AES256-GCM-SHA384", sni=MX, said="Protocol version: TLSv1.2\nCiphersuite: ECDHE-ECDSA-AES256-GCM-SHA384")


@scenario("Weak certificate: RSA 1024, signed with ECDSA and SHA-1.")
def s_server_weak_certificate(s):
    """openssl s_server with a 1024-bit RSA certificate signed with SHA-1 behind a front; both at @SECLEVEL=0, TLS 1.2."""
    weak = ("-tls1_2", "-cipher", "DEFAULT:@SECLEVEL=0")
    openssl_to_openssl(s, *weak, server=weak, cert="weak")
    s.session("starttls", "1.2", "ECDHE-RSA-AES256-GCM-SHA384", sni=MX, said="Protocol version: TLSv1.2\nCiphersuite: ECDHE-RSA-AES256-GCM-SHA384")


@scenario("A chain of two certificates (ECDSA under an RSA intermediate), in clear.")
def postfix_chain_tls12(s):
    """Postfix with a server certificate and an intermediate; s_client -tls1_2; one mail."""
    postfix_with_cipher(s, "1.2", "ECDHE-ECDSA-AES256-GCM-SHA384", "-tls1_2", cert="chain")


# ---- implicit TLS

SMTPS = "465 -o smtpd_tls_wrappermode=yes"


@scenario("Implicit TLS 1.3 on 465; no SMTP in clear at all.")
def postfix_465_swaks_tls13(s):
    """Postfix with smtpd_tls_wrappermode on 465; swaks -tlsc sends one mail."""
    with postfix(s, ports=[SMTPS]), s.capture():
        s.client("swaks", *swaks(MX, 465, "-tlsc"), check=0)
    s.session("implicit_tls", "1.3", "TLS_AES_256_GCM_SHA384", said="TLS connection established from [^\n]*TLSv1.3 with cipher TLS_AES_256_GCM_SHA384")


@scenario("Implicit TLS 1.2 with certificate in clear.")
def postfix_465_s_client_tls12(s):
    """Postfix with smtpd_tls_wrappermode on 465; s_client -tls1_2 sends one mail."""
    postfix_with_cipher(s, "1.2", "ECDHE-RSA-AES256-GCM-SHA384", "-tls1_2", port=SMTPS, starttls=False)


@scenario("Implicit TLS, curl's ClientHello with SNI.")
def exim_465_curl(s):
    """Exim with tls_on_connect_ports=465; curl smtps://... sends one mail."""
    path = s.directory / "mail.txt"
    path.write_bytes(message())
    with exim(s, ports="25 : 465", implicit="465"), s.capture():
        s.client("curl", *curl("smtps://mx.example.org:465/client.example.net", path), check=0)
    s.session("implicit_tls", "1.3", "TLS_AES_256_GCM_SHA384", sni=MX, said="<= ann@example.net [^\n]*X=TLS1.3:[^\n]*AES_256_GCM[^\n]*SNI=[^\n]*")


@scenario("Implicit TLS with AUTH and a mail inside; readable with the key log.")
def postfix_465_auth_keylog(s):
    """Postfix with smtpd_tls_wrappermode on 465; Python's smtplib.SMTP_SSL: AUTH LOGIN, one mail, key log."""
    with postfix(s, ports=[SMTPS], settings="smtpd_sasl_auth_enable = yes\n"), s.capture():
        s.python("smtplib", smtplib_sends, MX, 465, True, "LOGIN", s.keys(), True)
    s.session("implicit_tls", "1.3", "TLS_AES_256_GCM_SHA384", sni=MX, said="sasl_method=LOGIN, sasl_username=alice@example.org")


@scenario("Implicit TLS between GnuTLS client and OpenSSL server, no mail inside.")
def s_server_465_gnutls_cli(s):
    """openssl s_server on 465; gnutls-cli."""
    with s_server(s, cert="ecdsa", port=465), s.capture():
        s.python("gnutls-cli", converse, gnutls_cli(MX, port=465, starttls=False), ["hello"], "^olleh")
    s.session("implicit_tls", "1.3", "TLS_AES_256_GCM_SHA384", sni=MX, said=r"Description: \(TLS1.3[^\n]*\(AES-256-GCM\)")


# ---- resumption

def twice(s, version, settings, cipher):
    """Two connections of s_client, the second with the session of the first; one mail each."""
    session = s.directory / "session"
    lines = [line.lower() if not line.startswith("Subject") else line for line in MAIL]
    with postfix(s, settings="smtpd_tls_session_cache_database = btree:${data_directory}/smtpd_scache\n" + settings), s.capture():
        for title, option in (("openssl s_client (first)", "-sess_out"), ("openssl s_client (second)", "-sess_in")):
            s.python(title, converse, s_client(MX, version, "-crlf", option, session, brief=False), lines)
    spoken = "TLSv1.3" if version == "-tls1_3" else "TLSv1.2"
    s.session("starttls", spoken[4:], cipher, sni=MX, resumed=False, said=f"New, {spoken}, Cipher is {cipher}")
    s.session("starttls", spoken[4:], cipher, sni=MX, resumed=True, said=f"Reused, {spoken}, Cipher is {cipher}")


@scenario("The second connection resumes by session ID: no certificate in it (cert.absent_reason is resumed).")
def postfix_resumption_session_id(s):
    """Postfix with tickets off (tls_session_ticket_cipher empty); s_client -tls1_2 twice, -sess_out and -sess_in."""
    twice(s, "-tls1_2", "tls_session_ticket_cipher =\n", "ECDHE-RSA-AES256-GCM-SHA384")


@scenario("The second connection resumes by ticket: no certificate in it.")
def postfix_resumption_ticket(s):
    """Postfix; s_client -tls1_2 twice, -sess_out and -sess_in."""
    twice(s, "-tls1_2", "", "ECDHE-RSA-AES256-GCM-SHA384")


@scenario("The second connection resumes by pre_shared_key.")
def postfix_resumption_psk(s):
    """Postfix; s_client -tls1_3 twice, -sess_out and -sess_in."""
    twice(s, "-tls1_3", "", "TLS_AES_256_GCM_SHA384")


@scenario("Postfix's own session cache on both ends: the second mail resumes.")
def postfix_to_postfix_resumption(s):
    """Postfix as outbound relay with smtp_tls_session_cache_database to Postfix, TLS 1.2, two mails one after the other."""
    server = "smtpd_tls_session_cache_database = btree:${data_directory}/smtpd_scache\nsmtpd_tls_loglevel = 2\n"
    client = "smtp_tls_session_cache_database = btree:${data_directory}/smtp_scache\nsmtp_tls_loglevel = 2\n" \
             "smtp_tls_security_level = encrypt\nsmtp_tls_mandatory_protocols = TLSv1.2\nsmtp_tls_exclude_ciphers = aNULL\n"
    with postfix(s, settings=server), postfix_relay(s, settings=client) as out, s.capture():
        for count in (1, 2):
            s.python("smtplib (to the relay)", smtplib_sends, "localhost", 10026, False)
            handed_over(s, out, count=count)
    s.session("starttls", "1.2", "ECDHE-RSA-AES256-GCM-SHA384", resumed=False,
              said="Trusted TLS connection established to [^\n]*TLSv1.2 with cipher ECDHE-RSA-AES256-GCM-SHA384")
    s.session("starttls", "1.2", "ECDHE-RSA-AES256-GCM-SHA384", resumed=True, said="reusing session [^\n]*|Reusing old session[^\n]*")
