"""cases.py: which peers meet in matrix.py, and how they are set up.

A case names options for each side. What comes of it is not written here: the peers print it.
"""

import dataclasses

MODES = ("starttls", "implicit")


@dataclasses.dataclass(frozen=True)
class Case:
    name: str
    mode: str
    server: str = "openssl"
    client: str = "openssl"
    server_options: tuple = ()
    client_options: tuple = ()
    certificate: str = "rsa"
    resumes: bool = False  # the client connects a second time with the first session
    fails: bool = False
    protocol: str = "smtp"  # of fronts.py


OLD = ("-cipher", "DEFAULT:@SECLEVEL=0")
VERSIONS = {"1.0": ("-tls1", *OLD), "1.1": ("-tls1_1", *OLD), "1.2": ("-tls1_2",), "1.3": ("-tls1_3",)}
SUITES = [  # certificate, options
    ("rsa", "ECDHE-RSA-AES128-GCM-SHA256"),
    ("rsa", "ECDHE-RSA-AES256-GCM-SHA384"),
    ("rsa", "ECDHE-RSA-CHACHA20-POLY1305"),
    ("rsa", "ECDHE-RSA-AES128-SHA256"),
    ("rsa", "ECDHE-RSA-AES256-SHA"),
    ("rsa", "DHE-RSA-AES128-GCM-SHA256"),
    ("rsa", "DHE-RSA-CHACHA20-POLY1305"),
    ("rsa", "AES256-GCM-SHA384"),
    ("rsa", "AES128-SHA"),
    ("rsa", "ECDHE-RSA-CAMELLIA256-SHA384"),
    ("rsa", "AES256-CCM8"),
    ("rsa", "NULL-SHA256"),
    ("rsa", "AECDH-AES128-SHA"),
    ("ecdsa", "ECDHE-ECDSA-AES128-GCM-SHA256"),
    ("ecdsa", "ECDHE-ECDSA-AES256-CCM"),
    ("ecdsa", "ECDHE-ECDSA-ARIA128-GCM-SHA256"),
]
SUITES_13 = ("TLS_AES_128_GCM_SHA256", "TLS_AES_256_GCM_SHA384", "TLS_CHACHA20_POLY1305_SHA256", "TLS_AES_128_CCM_SHA256",
             "TLS_AES_128_CCM_8_SHA256")
GROUPS = ("X25519", "X448", "P-256", "P-384", "P-521")


def gnutls_only(version):
    return "--priority", f"NORMAL:-VERS-ALL:+VERS-TLS{version}"


def both(options):
    return {"server_options": options, "client_options": options}


def versions():
    for mode in MODES:
        for version, options in VERSIONS.items():
            yield Case(f"{mode} {version} openssl", mode, **both(options))
            yield Case(f"{mode} {version} gnutls", mode, "gnutls", "gnutls", **both(gnutls_only(version)))
            yield Case(f"{mode} {version} openssl server, gnutls client", mode, "openssl", "gnutls", options,
                       gnutls_only(version))
            yield Case(f"{mode} {version} gnutls server, openssl client", mode, "gnutls", "openssl",
                       gnutls_only(version), options)


def suites():
    for i, (certificate, suite) in enumerate(SUITES):
        options = ("-tls1_2", "-cipher", suite + ":@SECLEVEL=0")
        yield Case(f"suite {suite}", MODES[i % 2], certificate=certificate, **both(options))
    for i, suite in enumerate(SUITES_13):
        yield Case(f"suite {suite}", MODES[i % 2], **both(("-ciphersuites", suite)))
    for suite in ("3DES-CBC", "CAMELLIA-128-GCM", "AES-256-CCM"):
        priority = ("--priority", f"NORMAL:-VERS-ALL:+VERS-TLS1.2:-CIPHER-ALL:+{suite}")
        yield Case(f"suite {suite} gnutls", "starttls", "gnutls", "gnutls", **both(priority))


def certificates():
    for certificate in ("ecdsa", "ed25519", "chain", "selfsigned", "expired", "other"):
        yield Case(f"certificate {certificate} 1.2", "starttls", certificate=certificate, **both(("-tls1_2",)))
        yield Case(f"certificate {certificate} 1.3", "implicit", certificate=certificate)


def groups():
    for i, group in enumerate(GROUPS):
        yield Case(f"group {group} 1.3", MODES[i % 2], client_options=("-groups", group))
        yield Case(f"group {group} 1.2", MODES[i % 2], client_options=("-tls1_2", "-groups", group))
    for mode in MODES:
        yield Case(f"hello retry {mode}", mode, server_options=("-groups", "P-384"), client_options=("-groups", "X25519:P-384"))
    priority = "NORMAL:-GROUP-ALL:+GROUP-"
    yield Case("hello retry gnutls server", "starttls", "gnutls", "openssl", ("--priority", priority + "SECP384R1"),
               ("-groups", "X25519:P-384"))
    yield Case("hello retry gnutls client", "starttls", "openssl", "gnutls", ("-groups", "P-384"),
               ("--single-key-share", "--priority", priority + "X25519:+GROUP-SECP384R1"))


def resumption():
    for mode in MODES:
        yield Case(f"resumption {mode} session id", mode, resumes=True, **both(("-tls1_2", "-no_ticket")))
        yield Case(f"resumption {mode} ticket", mode, resumes=True, **both(("-tls1_2",)))
        yield Case(f"resumption {mode} psk", mode, resumes=True)
    yield Case("resumption gnutls ticket", "implicit", "gnutls", "gnutls", resumes=True, **both(gnutls_only("1.2")))
    yield Case("resumption gnutls psk", "implicit", "gnutls", "gnutls", resumes=True)


def client_certificates():
    sends = ("-cert", "{certs}/client.pem", "-key", "{certs}/client.key")
    asks = ("-verify", "2", "-CAfile", "{certs}/ca.pem")
    requires = ("-Verify", "2", "-verify_return_error", "-CAfile", "{certs}/ca.pem")
    for version in ("1.1", "1.2", "1.3"):
        options = VERSIONS[version]
        yield Case(f"client certificate sent {version}", "starttls", server_options=options + asks,
                   client_options=options + sends)
        yield Case(f"client certificate not sent {version}", "implicit", server_options=options + asks, client_options=options)
        yield Case(f"client certificate required {version}", "starttls", server_options=options + requires,
                   client_options=options, fails=True)
    yield Case("client certificate sent gnutls", "starttls", "gnutls", "gnutls", gnutls_only("1.2"),
               gnutls_only("1.2") + ("--x509certfile", "{certs}/client.pem", "--x509keyfile", "{certs}/client.key"))


def failures():
    for mode in MODES:
        yield Case(f"failure {mode} version, old client", mode, server_options=("-tls1_3",), client_options=("-tls1_2",), fails=True)
        yield Case(f"failure {mode} version, old server", mode, server_options=VERSIONS["1.1"], client_options=("-tls1_2",),
                   fails=True)
        yield Case(f"failure {mode} suite", mode, server_options=("-tls1_2", "-cipher", "ECDHE-RSA-AES128-GCM-SHA256"),
                   client_options=("-tls1_2", "-cipher", "ECDHE-RSA-AES256-GCM-SHA384"), fails=True)
        yield Case(f"failure {mode} suite 1.3", mode, server_options=("-tls1_3", "-ciphersuites", "TLS_AES_128_GCM_SHA256"),
                   client_options=("-tls1_3", "-ciphersuites", "TLS_AES_256_GCM_SHA384"), fails=True)
        yield Case(f"failure {mode} group", mode, server_options=("-tls1_3", "-groups", "P-384"),
                   client_options=("-tls1_3", "-groups", "X448"), fails=True)
        for version in ("1.0", "1.2", "1.3"):
            for certificate in ("other", "expired", "selfsigned"):
                yield Case(f"failure {mode} certificate {certificate} {version}", mode, certificate=certificate,
                           server_options=VERSIONS[version], client_options=VERSIONS[version] + ("-verify_return_error",),
                           fails=True)
        yield Case(f"failure {mode} version gnutls", mode, "gnutls", "gnutls", gnutls_only("1.3"), gnutls_only("1.2"), fails=True)
    yield Case("failure suite gnutls", "starttls", "gnutls", "gnutls", gnutls_only("1.2"),
               ("--priority", "NORMAL:-VERS-ALL:+VERS-TLS1.2:-CIPHER-ALL:+3DES-CBC"), fails=True)


def protocols():
    """STARTTLS behind a proxy is mail's; that of other protocols is not, and its TLS is described all the same."""
    for protocol in ("lmtp", "proxy", "ftp", "pop3", "imap", "sieve", "postgres", "mysql", "ldap", "xmpp"):
        for version in ("1.2", "1.3"):
            yield Case(f"{protocol} {version}", "starttls", protocol=protocol, **both(VERSIONS[version]))


ALL = [*protocols(), *versions(), *suites(), *certificates(), *groups(), *resumption(), *client_certificates(), *failures()]
