"""The mail clients."""
import base64
import os
import re
import select
import smtplib
import socket
import ssl
import struct
import subprocess
import sys
import time

from lab import CERTS
from servers import PASSWORD

# A line that only a mail in clear shows to a reader of the capture. check.py looks for it.
MARKER = "visible-only-in-clear"
HEADERS = {"From": "ann@example.net", "To": "bob@example.org", "Subject": "a mail from the lab", "X-Lab": MARKER}


def message(body="Hello.\n", **headers):
    text = "".join(f"{key}: {value}\n" for key, value in {**HEADERS, **headers}.items()) + "\n" + body
    return text.replace("\n", "\r\n").encode()


def swaks(server="mx.example.org", port=25, *options):
    return ["swaks", "--server", server, "--port", str(port), "--helo", "client.example.net", "--from", "ann@example.net",
            "--to", "bob@example.org", "--header", "X-Lab: " + MARKER, "--body", "Hello.", *map(str, options)]


def auth(mechanism):
    return ["--auth", mechanism, "--auth-user", "alice", "--auth-password", PASSWORD]


def curl(url, path, *options):
    return ["curl", "-sv", url, "--cacert", CERTS / "ca.pem", "--mail-from", "ann@example.net", "--mail-rcpt", "bob@example.org",
            "-T", path, *options]


def s_client(server, *options, port=25, starttls=True, brief=True):
    return ["openssl", "s_client", "-connect", f"{server}:{port}", "-CAfile", f"{CERTS}/ca.pem", *(["-brief"] if brief else []),
            *(["-starttls", "smtp", "-name", "client.example.net"] if starttls else []), *map(str, options)]


def gnutls_cli(server, *options, port=25, starttls=True):
    return ["gnutls-cli", server, "--port", str(port), "--x509cafile", f"{CERTS}/ca.pem", "--crlf",
            *(["--starttls-proto=smtp"] if starttls else []), *options]


MAIL = ["ehlo client.example.net", "mail from:<ann@example.net>", "rcpt to:<bob@example.org>", "data",
        f"Subject: a mail from the lab\nX-Lab: {MARKER}\n\nHello.\n.", "quit"]


def converse(argv, lines, prompt=r"^\d{3}[ \r\n]", pause=0.0, env=None):
    """Drives a command-line TLS client: each line goes in when the reply to the one before has come out.

    Lower case, because s_client takes a line that starts with Q or R for itself."""
    process = subprocess.Popen(list(map(str, argv)), stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env=env)
    seen = b""

    def replies():
        return len(re.findall(prompt.encode(), seen, re.M))

    def read_until(count):
        nonlocal seen
        end = time.monotonic() + 8
        while replies() < count and time.monotonic() < end:
            if select.select([process.stdout], [], [], 0.2)[0]:
                data = os.read(process.stdout.fileno(), 65536)
                if not data:
                    return
                seen += data

    read_until(1)
    try:
        for line in lines:
            time.sleep(pause)
            expected = replies() + 1
            for part in line.encode().splitlines(keepends=True):
                process.stdin.write(part if part.endswith(b"\n") else part + b"\n")
                process.stdin.flush()
                time.sleep(0.05)    # gnutls-cli --crlf mends one line ending per read
            read_until(expected)
        process.stdin.close()
    except BrokenPipeError:
        pass
    try:
        process.wait(5)
    except subprocess.TimeoutExpired:
        process.terminate()
    seen += process.stdout.read()
    print(seen.decode(errors="replace"))
    print("exit status", process.returncode)


def tls_context(ca="ca", keys=None, client=False):
    context = ssl.create_default_context(cafile=CERTS / f"{ca}.pem")
    if keys:
        context.keylog_filename = str(keys)
    if client:
        context.load_cert_chain(CERTS / "client.pem", CERTS / "client.key")
    return context


def smtplib_sends(server="mx.example.org", port=25, tls=True, login=None, keys=None, implicit=False, client=False, mails=1,
                  body="Hello.\n", chunking=False):
    """Python's smtplib, with its dialogue in the log."""
    context = tls_context(keys=keys, client=client)
    kind = smtplib.SMTP_SSL if implicit else smtplib.SMTP
    more = {"context": context} if implicit else {}
    smtp = kind(server, port, local_hostname="client.example.net", timeout=20, **more)
    smtp.set_debuglevel(1)
    if tls and not implicit:
        smtp.starttls(context=context)
    if tls:
        print("smtplib:", smtp.sock.version(), smtp.sock.cipher()[0], "reused" if smtp.sock.session_reused else "new", file=sys.stderr)
    if login:
        smtp.ehlo_or_helo_if_needed()
        smtp.user, smtp.password = "alice", PASSWORD
        smtp.auth(login, getattr(smtp, "auth_" + login.lower()))
    for _ in range(mails):
        if chunking:
            send_chunks(smtp, message(body))
        else:
            smtp.sendmail("ann@example.net", ["bob@example.org"], message(body))
    smtp.quit()


def send_chunks(smtp, data):
    """One mail in BDAT chunks, the first of which ends in the middle of a line (RFC 3030)."""
    smtp.ehlo_or_helo_if_needed()
    smtp.mail("ann@example.net")
    smtp.rcpt("bob@example.org")
    cut = len(data) // 2
    for chunk, last in ((data[:cut], ""), (data[cut:], " LAST")):
        smtp.send(b"BDAT %d%s\r\n" % (len(chunk), last.encode()) + chunk)
        print("BDAT", len(chunk), last, smtp.getreply())


class Dialogue:
    """SMTP by hand, where a real client would refuse to do what the scenario needs. Prints what it sends and gets."""

    def __init__(self, server, port=25, greeting=True):
        self.socket = socket.create_connection((server, port), 20)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.buffer = b""
        if greeting:
            self.reply()

    def send(self, text):
        data = text if isinstance(text, bytes) else text.replace("\n", "\r\n").encode()
        print("->", repr(data[:200]))
        self.socket.sendall(data)

    def reply(self):
        while not re.search(rb"^\d{3}(?: [^\n]*)?\r?\n", self.buffer, re.M):
            data = self.socket.recv(65536)
            if not data:
                print("<- (closed)")
                return b""
            self.buffer += data
        end = re.search(rb"^\d{3}(?: [^\n]*)?\r?\n", self.buffer, re.M).end()
        reply, self.buffer = self.buffer[:end], self.buffer[end:]
        print("<-", repr(reply))
        return reply

    def say(self, *lines):
        for line in lines:
            self.send(line + "\n")
            answer = self.reply()
        return answer

    def mail(self, body="Hello.\n"):
        self.say("MAIL FROM:<ann@example.net>", "RCPT TO:<bob@example.org>", "DATA")
        self.send(message(body) + b".\r\n")
        self.reply()

    def tls(self, context=None):
        context = context or tls_context()
        self.socket = context.wrap_socket(self.socket, server_hostname="mx.example.org")
        print("TLS:", self.socket.version(), self.socket.cipher()[0])

    def close(self):
        self.socket.close()
        print("closed")

    def reset(self):
        """Closes with a RST."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.socket.close()
        print("reset")


def by_hand(server, port, steps):
    """Runs `steps(dialogue)` and nothing else."""
    dialogue = Dialogue(server, port)
    steps(dialogue)


def b64(text):
    return base64.b64encode(text.encode()).decode()
