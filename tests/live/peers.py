"""peers.py: starts the two peers of a case, and reads from what they print what an event must say."""

import base64
import contextlib
import dataclasses
import functools
import hashlib
import os
import pathlib
import re
import subprocess
import time

import fronts

FIRST_PORT, LAST_PORT = 25000, 25999  # captured
BACKEND = 5000                        # a server behind a front listens that much higher, out of the capture
NAME = "mx.example.org"
PATIENCE = 8
GREETING = b"good day"                # of a client, once it is through
LISTENS, TIME_WAIT = "0A", "06"       # /proc/net/tcp
ENVIRONMENT = {**os.environ, "OPENSSL_CONF": "/dev/null"}  # no system policy forbids old versions
GROUPS = {"P-256": "secp256r1", "P-384": "secp384r1", "P-521": "secp521r1", "X25519": "x25519", "X448": "x448",
          "prime256v1": "secp256r1"}


@dataclasses.dataclass
class Talk:
    client: str      # what it printed
    server: str
    expected: list   # for each connection, name -> value or predicate
    unclear: str     # why nothing is expected


def wait_until(condition, what, seconds=PATIENCE):
    until = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > until:
            raise RuntimeError("waited in vain for " + what)
        time.sleep(0.01)


def sockets(lowest, highest):
    """The states of those whose own port is in a range, as the kernel writes them."""
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        for line in pathlib.Path(table).read_text().splitlines()[1:]:
            words = line.split()
            if lowest <= int(words[1].rpartition(":")[2], 16) <= highest:
                yield words[3]


def is_listening(port):
    """Without connecting, which would be a connection of its own."""
    return LISTENS in sockets(port, port)


def is_connected(lowest, highest):
    """Whether a server on a port from lowest to highest has a connection that is not closed by both sides."""
    return any(state not in (LISTENS, TIME_WAIT) for state in sockets(lowest, highest))


# --- the server

def server_command(case, port, certs):
    certificate, key = f"{certs}/{case.certificate}.pem", f"{certs}/{case.certificate}.key"
    options = [option.format(certs=certs) for option in case.server_options]
    if case.server == "gnutls":
        return ["gnutls-serv", "--echo", "-d", "2", "-p", str(port), "--x509certfile", certificate, "--x509keyfile", key,
                *(["--x509cafile", f"{certs}/ca.pem"] if "client certificate" in case.name else ["--disable-client-cert"]),
                *options]
    chain = ["-cert_chain", certificate] if case.certificate == "chain" else []
    return ["openssl", "s_server", "-4", "-accept", f"127.0.0.1:{port}", "-cert", certificate, "-key", key, *chain, "-msg", *options]


@contextlib.contextmanager
def running_server(case, port, folder, log):
    with open(log, "wb") as output:
        # s_server reads commands from its standard input, and takes its end for one.
        process = subprocess.Popen(server_command(case, port, folder / "certs"), stdin=subprocess.PIPE, stdout=output,
                                   stderr=subprocess.STDOUT, env=ENVIRONMENT)
    try:
        wait_until(lambda: is_listening(port) or process.poll() is not None, f"the server of {case.name}")
        yield
        # Killed before, it might reset a connection that it was about to close.
        wait_until(lambda: not is_connected(port, port), f"the server of {case.name} to close its connections")
    finally:
        process.kill()
        process.communicate()


# --- the client

def client_command(case, port, folder, second):
    options = [option.format(certs=folder / "certs") for option in case.client_options]
    if case.client == "gnutls":
        return ["gnutls-cli", "-p", str(port), "127.0.0.1", "--sni-hostname", NAME, "--verify-hostname", NAME, "-d", "2",
                "--x509cafile", str(folder / "certs" / "ca.pem"), "--save-cert", str(folder / f"{port}.pem"),
                *(["--starttls-proto", "smtp"] if case.mode == "starttls" else []),
                *(["--resume"] if case.resumes else []), *options]
    session = str(folder / f"{port}.session")
    starttls = ["-starttls", "smtp" if case.protocol == "proxy" else case.protocol] if case.mode == "starttls" else []
    where = ["-proxy", f"127.0.0.1:{port}", "-connect", f"{NAME}:25"] if case.protocol == "proxy" else \
        ["-connect", f"127.0.0.1:{port}"]
    return ["openssl", "s_client", "-4", *where, "-servername", NAME, "-msg", "-CAfile", str(folder / "certs" / "ca.pem"), *starttls,
            *(["-sess_in" if second else "-sess_out", session] if case.resumes else []), *options]


def is_through(case, text):
    """The handshake is over, and whatever the server sends behind it (tickets, an alert) was there."""
    if case.client == "gnutls":
        return ("*** This is" in text or "Resume Handshake was completed" in text) if case.resumes \
            else "Handshake was completed" in text
    done = "Verify return code" in text
    tickets = text.count("<<< TLS 1.3, Handshake") and text.count("NewSessionTicket") >= 2
    return done and ("Cipher is TLS_" not in text or tickets)


def run_client(case, port, folder, log, server_log, second=False):
    heard_before = server_log.read_bytes().count(GREETING)
    with open(log, "wb") as output:
        process = subprocess.Popen(client_command(case, port, folder, second), stdin=subprocess.PIPE, stdout=output,
                                   stderr=subprocess.STDOUT, env=ENVIRONMENT)
    text = log.read_text

    def is_heard():
        """gnutls-serv sends it back, s_server prints it."""
        return process.poll() is not None or GREETING in log.read_bytes() or server_log.read_bytes().count(GREETING) > heard_before

    until = time.monotonic() + PATIENCE
    try:
        with contextlib.suppress(BrokenPipeError):
            while process.poll() is None and time.monotonic() < until and not is_through(case, text(errors="replace")):
                time.sleep(0.02)
            process.stdin.write(GREETING + b"\n")
            process.stdin.flush()
            wait_until(is_heard, f"the server of {case.name} to hear its client")
            process.stdin.close()
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(PATIENCE)
    finally:
        process.kill()
        process.wait()
    return log.read_text(errors="replace")


# --- what they printed

@functools.cache
def standard_names():
    """OpenSSL's name of a suite -> IANA's."""
    done = subprocess.run(["openssl", "ciphers", "-stdname", "ALL:COMPLEMENTOFALL:@SECLEVEL=0"], capture_output=True, text=True,
                          check=True, env=ENVIRONMENT)
    return {words[2]: words[0] for words in map(str.split, done.stdout.splitlines())}


def is_one_of(*values):
    def check(seen):
        return seen in values
    check.__doc__ = " or ".join(map(repr, values))
    return check


def contains(*words):
    def check(seen):
        return seen is not None and all(word in seen for word in words)
    check.__doc__ = "with " + ", ".join(map(repr, words))
    return check


def first(pattern, text, flags=0):
    found = re.search(pattern, text, flags)
    return found.group(1).strip() if found else None


def sha256_of_first(pem):
    body = first(r"-----BEGIN CERTIFICATE-----(.*?)-----END", pem, re.S)
    return hashlib.sha256(base64.b64decode(body)).hexdigest() if body else None


def openssl_alerts(text):
    """(side, name, sealed) of the alerts that s_client shows as sent (>>>) and received (<<<). In clear the record is of
    type 21 and holds two bytes."""
    found = []
    for header, arrow, name in re.findall(
            r"RecordHeader \[length 0005\]\n +([ \w]+)\n(?:(?:>>>|<<<) [^\n]*InnerContent[^\n]*\n[^\n]*\n)?"
            r"(>>>|<<<) [^\n]*, Alert \[length 0002\], \w+ (\w+)", text):
        sealed = not (header.startswith("15") and header.endswith("00 02"))
        found.append(("client" if arrow == ">>>" else "server", name, sealed))
    return [alert for alert in found if alert[1] != "close_notify"]


def from_openssl(text):
    """What s_client says of one connection that came about."""
    how, _, suite = re.search(r"^(New|Reused), (\S+), Cipher is (\S+)", text, re.M).groups()
    version = "1.3" if suite.startswith("TLS_") else first(r"Protocol\s*: TLSv(\S+)", text)
    version = {"1": "1.0"}.get(version, version)
    said = {"version": version, "cipher": suite if version == "1.3" else standard_names()[suite], "resumed": how == "Reused", "sni": NAME}
    key = re.search(r"^Server Temp Key: (?:ECDH, )?([\w-]+)", text, re.M)
    if key and key.group(1) in GROUPS:
        said["group"] = GROUPS[key.group(1)]
    messages = re.findall(r"^(>>>|<<<) TLS [\d.]+, Handshake \[length \w+\], (\w+)", text, re.M)
    said["hello_retry"] = messages.count((">>>", "ClientHello")) == 2
    if version != "1.3":
        said.update(from_openssl_12(text, messages, how))
    elif how == "New":
        said["absent"] = "tls13_encrypted"
    return said


def from_openssl_12(text, messages, how):
    said = {"certificate_requested": ("<<<", "CertificateRequest") in messages, "absent": "resumed" if how == "Reused" else None,
            "client_certificate": False}
    if (">>>", "Certificate") in messages:
        said["client_certificate"] = (">>>", "CertificateVerify") in messages  # an empty list is not verified
    if how == "New":
        said["certificate"] = sha256_of_first(text)
        if said["certificate"]:
            said["trusted"] = "Verify return code: 0 (ok)" in text
        else:
            said["absent"] = "anonymous"
    return said


GNUTLS_CIPHERS = {"AES-128-GCM": "AES_128_GCM", "AES-256-GCM": "AES_256_GCM", "CHACHA20-POLY1305": "CHACHA20_POLY1305",
                  "AES-128-CBC": "AES_128_CBC", "AES-256-CBC": "AES_256_CBC", "3DES-CBC": "3DES_EDE_CBC", "AES-256-CCM": "AES_256_CCM",
                  "CAMELLIA-128-GCM": "CAMELLIA_128_GCM"}


def from_gnutls(line, pem):
    """A line such as (TLS1.2-X.509)-(ECDHE-SECP256R1)-(RSA-SHA256)-(AES-256-GCM); the exchange and the signature are
    empty or absent when a session was resumed, and before 1.2 the exchange names the signature, too."""
    parts = re.findall(r"\(([^()]*)\)", line)
    version = first(r"TLS(\d\.\d)", parts[0])
    words = [GNUTLS_CIPHERS[part] for part in parts[1:] if part in GNUTLS_CIPHERS]
    said = {"version": version, "cipher": contains(*words), "sni": NAME}
    group = first(r"ECDHE?-(?:RSA-|ECDSA-)?(SECP\d+R1|X25519|X448)", line)
    if group:
        said["group"] = group.lower()
    if version == "1.3":
        said["absent"] = is_one_of("tls13_encrypted", "resumed")
    elif pem:
        said["certificate"] = sha256_of_first(pem)
    return said


def verdict_of_success(case):
    if case.mode == "implicit":
        return "implicit_tls"
    return "starttls" if case.protocol in ("smtp", "lmtp", "proxy") else "not_smtp"


def expect_success(case, text, pem):
    common = {"verdict": verdict_of_success(case), "established": True}
    if case.client == "openssl":
        return common | from_openssl(text)
    line = text[text.rindex("- Description:"):].splitlines()[0]
    said = common | from_gnutls(line, pem) | {"resumed": "*** This is a resumed session" in text}
    if said["resumed"]:
        said.pop("certificate", None)
        if said["version"] == "1.2":
            said.pop("group", None)  # GnuTLS shows that of the session, and on the wire there is none
    return said


def alerts_of(case, client):
    if case.client == "openssl":
        return openssl_alerts(client)
    names = {"40": "handshake_failure", "70": "protocol_version"}
    return [("server", names[number], False) for number in re.findall(r"Received alert \[(\d+)\]", client)]


def expect_failure(case, client):
    """In clear an alert is in the event by name; sealed it is only counted."""
    alerts = alerts_of(case, client)
    if not alerts:
        raise ValueError("no alert")
    side, name, sealed = alerts[0]
    if sealed and side == "server":
        # 1.3: it refuses what the client sent last, and on the wire that is a finished handshake.
        return {"verdict": verdict_of_success(case), "version": "1.3"}
    alerts = is_one_of([]) if sealed else contains(f"{side}:{name}")
    return {"verdict": "handshake_failed", "established": is_one_of(False, None), "sni": NAME, "alerts": alerts,
            "encrypted_alerts": sealed}


def expectations(case, texts, pem):
    if case.fails:
        return [expect_failure(case, texts[0])]
    if case.resumes and case.client == "gnutls":
        texts = texts[0].split("- Connecting again", 1)
    return [expect_success(case, text, pem) for text in texts]


def meet(case, port, folder):
    server_log, client_log = folder / f"{port}.server", folder / f"{port}.client"
    backend = port + BACKEND if case.mode == "starttls" else port
    with contextlib.ExitStack() as stack:
        stack.enter_context(running_server(case, backend, folder, server_log))
        if backend != port:
            stack.enter_context(fronts.front(port, backend, case.protocol))
        texts = [run_client(case, port, folder, client_log, server_log)]
        if case.resumes and case.client == "openssl":
            texts.append(run_client(case, port, folder, client_log.with_suffix(".again"), server_log, second=True))
    server, kept = server_log.read_text(errors="replace"), folder / f"{port}.pem"
    client = "\n==== again ====\n".join(texts)
    pem = kept.read_text() if kept.exists() else None
    talk = Talk(client, server, [], "")
    try:
        talk.expected = expectations(case, texts, pem)
    except (AttributeError, KeyError, ValueError) as error:
        talk.unclear = f"what the peers printed is not understood: {error!r}"
    return talk
