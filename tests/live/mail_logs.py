"""mail_logs.py: what the logs of the mail servers say of each connection, and of each mail that was handed over.

A server that was connected to tells of connections (Connection), one that sent tells of mails (Handover). What a log
leaves out is None: OpenSMTPD names neither the client's port nor its own address.
"""

import dataclasses
import re

import mail_plan as plan
from peers import standard_names

GNUTLS_TLS13 = {"AES_256_GCM": "TLS_AES_256_GCM_SHA384", "AES_128_GCM": "TLS_AES_128_GCM_SHA256",
                "CHACHA20_POLY1305": "TLS_CHACHA20_POLY1305_SHA256"}
GNUTLS_HASH = {"AES_256_GCM": "SHA384", "AES_128_GCM": "SHA256", "CHACHA20_POLY1305": "SHA256"}


@dataclasses.dataclass
class Connection:
    server: str                    # its name
    client: str                    # address
    client_port: int | None
    address: str | None            # that was connected to
    port: int | None
    tls: tuple | None = None       # version, cipher suite
    failed: bool = False           # a handshake that came to nothing
    refused: bool = False          # STARTTLS, and it said no
    tried: bool = False            # MAIL outside of TLS, accepted or not
    mails: int = 0                 # whose content was sent, taken or not
    auth: bool = False             # in clear
    lines: list = dataclasses.field(default_factory=list)


@dataclasses.dataclass
class Handover:
    sender: str                    # the name of the server that sent
    recipient: str
    address: str                   # to which
    port: int
    own_port: int | None           # from which
    tls: tuple | None


def openssl_tls(version, cipher):
    """TLSv1.3, TLS_AES_256_GCM_SHA384 or TLSv1.2, ECDHE-RSA-AES256-GCM-SHA384"""
    version = version.removeprefix("TLSv")
    return version, cipher if version == "1.3" else standard_names()[cipher]


def gnutls_tls(text):
    """TLS1.3:ECDHE_X25519__RSA_PSS_RSAE_SHA256__AES_256_GCM:256"""
    version, words, _ = text.split(":")
    version = version.removeprefix("TLS")
    exchange, signature, cipher = (*words.split("__"), "", "")[:3]
    if version == "1.3":
        return version, GNUTLS_TLS13[cipher]
    return version, f"TLS_{exchange.split('_')[0]}_{signature.split('_')[0]}_WITH_{cipher}_{GNUTLS_HASH[cipher]}"


# --- Postfix

POSTFIX_LINE = re.compile(r"^\w+ +\d+ [\d:]+ \S+ (\S+)/(\w+)\[(\d+)\]: (.*)$", re.M)
POSTFIX_TLS = r"\w+ TLS connection established {} \S+\[([^]]+)\]:(\d+): (TLSv\S+) with cipher (\S+) "


def postfix_connections(text):
    found, open_by_pid = [], {}
    for service, program, pid, words in POSTFIX_LINE.findall(text):
        if program != "smtpd" or service == "postfix":
            continue
        listener, version, port = service.split(".")
        start = re.match(r"connect from \S+\[([^]]+)\]:(\d+)$", words)
        if start:
            open_by_pid[pid] = Connection("postfix", start[1], int(start[2]), plan.listener_address("postfix", listener, version), int(port))
            found.append(open_by_pid[pid])
        if pid in open_by_pid:
            postfix_line(open_by_pid[pid], words)
    return found


def postfix_line(connection, words):
    connection.lines.append(words)
    if tls := re.match(POSTFIX_TLS.format("from"), words):
        connection.tls = openssl_tls(tls[3], tls[4])
    elif words.startswith("SSL_accept"):
        connection.failed = True
    elif words.startswith("disconnect from"):
        counts = dict(re.findall(r"(\w+)=(\S+)", words))
        connection.refused = counts.get("starttls", "").startswith("0/") and not connection.failed
        connection.tried = "mail" in counts
        connection.mails = int(counts.get("data", "0").split("/")[0]) + int(counts.get("bdat", "0").split("/")[-1])
        connection.auth = "auth" in counts and connection.tls is None


def postfix_handovers(text):
    """A process delivers one mail at a time; what it said of TLS since its last one is about this."""
    tls_by_pid = {}
    for _, program, pid, words in POSTFIX_LINE.findall(text):
        if program != "smtp":
            continue
        if tls := re.match(POSTFIX_TLS.format("to"), words):
            tls_by_pid[pid] = openssl_tls(tls[3], tls[4])
        elif done := re.search(r"to=<([^>]+)>, .*relay=\S+\[([^]]+)\]:(\d+), .*status=(\w+)", words):
            tls = tls_by_pid.pop(pid, None)
            if done[4] == "sent":
                yield Handover("postfix", done[1], done[2], int(done[3]), None, tls)
        elif "status=" in words:
            tls_by_pid.pop(pid, None)


def postfix_handshakes(text):
    """(address, port, TLS) of each handshake that its client completed, whatever came then."""
    return [(said[0], int(said[1]), openssl_tls(said[2], said[3]))
            for said in re.findall(POSTFIX_TLS.format("to"), text)]


# --- Exim

EXIM_ENDS = re.compile(r"\[([^]]+)\]:(\d+) I=\[([^]]+)\]:(\d+)")


def exim_connections(text):
    found, now = [], {}
    for line in text.splitlines():
        ends = EXIM_ENDS.search(line)
        if not ends or ends[3] == "127.0.0.1" or re.search(r" (=>|->|\*\*|==) ", line):
            continue
        key = (ends[1], ends[2])
        if "connection count = " in line:
            now[key] = Connection("exim", ends[1], int(ends[2]), ends[3], int(ends[4]))
            found.append(now[key])
        if key in now:
            exim_line(now[key], line)
    return found


def exim_line(connection, line):
    connection.lines.append(line)
    tls = re.search(r" X=(\S+)", line)
    if tls:
        connection.tls = gnutls_tls(tls[1])
    elif tls_of_helo := re.search(r" TLS=TLS(\S+?):(\S+)$", line):
        connection.tls = tls_of_helo[1], exim_suite(*tls_of_helo.groups())
    if " <= " in line:
        connection.mails += 1
        connection.tried = True
        connection.auth = connection.auth or (" A=" in line and not tls)
    elif "rejected MAIL" in line:
        connection.tried = True
    elif "(cert/key setup" in line:
        connection.refused = True
    elif "TLS error on connection from" in line:
        connection.failed = True


def exim_suite(version, name):
    """What $tls_in_cipher_std means. For it Exim looks for the first suite of GnuTLS's list with that key exchange, cipher
    and MAC, and so in TLS 1.3 finds TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384, which TLS 1.3 does not have (RFC 8446,
    appendix B.4); X= in its other lines is right."""
    return re.sub(r"^TLS_.*_WITH_", "TLS_", name) if version == "1.3" else name


def exim_handovers(text):
    for line in text.splitlines():
        done = re.search(r" [=-]> (\S+) .* H=\S+ " + EXIM_ENDS.pattern.replace(r":(\d+) I", r":(\d+)\*? I"), line)
        if done:
            tls = re.search(r" X=(\S+)", line)
            yield Handover("exim", done[1], done[2], int(done[3]), int(done[5]), gnutls_tls(tls[1]) if tls else None)


# --- OpenSMTPD

SMTPD_LINE = re.compile(r"^([0-9a-f]{16}) (smtp|mta) (.*)$", re.M)


def smtpd_connections(text):
    found, by_id = [], {}
    for session, kind, words in SMTPD_LINE.findall(text):
        if kind != "smtp":
            continue
        if start := re.match(r"connected address=(\S+)", words):
            by_id[session] = Connection("smtpd", start[1].removeprefix("[").removesuffix("]"), None, None, None)
            if start[1] not in ("127.0.0.1", "local"):
                found.append(by_id[session])
        if session in by_id:
            smtpd_line(by_id[session], words)
    return found


def smtpd_line(connection, words):
    connection.lines.append(words)
    if tls := re.match(r"tls ciphers=(\S+?):(\S+?):", words):
        connection.tls = openssl_tls(tls[1], tls[2])
    elif words.startswith("message "):
        connection.mails += 1
        connection.tried = True
    elif words.startswith("failed-command command=\"MAIL"):
        connection.tried = True
    elif words.startswith("disconnected") and connection.tls is None and ("handshake" in words or "SSL" in words):
        connection.failed = True
    elif at := re.search(r" to=<\w+@(\w+)\.(\w+)\.(v\d)\.smtpd\.test>", words):
        connection.address = plan.listener_address("smtpd", at[2], at[3])
        connection.port = 465 if at[1] == "implicit" else 25


def smtpd_handovers(text):
    ends, tls = {}, {}
    for session, kind, words in SMTPD_LINE.findall(text):
        if start := re.match(r"connecting address=\w+(?:\+\w+)?://\[?([^]]+?)\]?:(\d+) ", words):
            ends[session] = start[1], int(start[2])
            tls.pop(session, None)  # it tries again, without
        elif said := re.match(r"tls ciphers=(\S+?):(\S+?):", words):
            tls[session] = openssl_tls(said[1], said[2])
        elif kind == "mta" and (done := re.match(r"delivery .* to=<([^>]+)> .*result=\"Ok\"", words)):
            yield Handover("smtpd", done[1], *ends[session], None, tls.get(session))


def smtpd_handshakes(text):
    ends = dict(re.findall(r"^([0-9a-f]{16}) mta connecting address=\w+(?:\+\w+)?://(\S+) ", text, re.M))
    found = []
    for session, version, cipher in re.findall(r"^([0-9a-f]{16}) mta tls ciphers=(\S+?):(\S+?):", text, re.M):
        address, _, port = ends[session].rpartition(":")
        found.append((address.strip("[]"), int(port), openssl_tls(version, cipher)))
    return found


CONNECTIONS = {"postfix": postfix_connections, "exim": exim_connections, "smtpd": smtpd_connections}
HANDOVERS = {"postfix": postfix_handovers, "exim": exim_handovers, "smtpd": smtpd_handovers}
HANDSHAKES = {"postfix": postfix_handshakes, "smtpd": smtpd_handshakes}  # Exim's client says nothing of them alone
FINAL = {  # a recipient of whom it is known what became of the mail, for the time being
    "postfix": re.compile(r"/smtp\[\d+\]: \w+: to=<([^>]+)>, .*status="),
    "exim": re.compile(r" (?:=>|->|\*\*|==) (\S+) "),
    "smtpd": re.compile(r"mta delivery .* to=<([^>]+)> .*result="),
}


def settled(server, text):
    return set(FINAL[server].findall(text))
