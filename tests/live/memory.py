#!/usr/bin/env python3
"""memory.py: what the sensor remembers of a mail server across restarts, while somebody on the path strips STARTTLS.

    python3 tests/live/memory.py PROGRAM

A server and its clients (Python's ssl and smtplib) on the loopback of a network namespace of its own; between them, at
the server's address, something that hands on all bytes and takes STARTTLS out of the replies to whom it likes. The sensor
is stopped, killed, and given a damaged file in between; at the end its own recordings are read twice. Needs root, openssl
and what span_net.py needs; without them it ends with 77.
"""

import json
import os
import pathlib
import pwd
import shutil
import signal
import smtplib
import socket
import sqlite3
import ssl
import subprocess
import sys
import threading

import service
import span_net as net
from service import PORT, SKIP, Sensor, expect, problems, wait_for
from small_server import converse

BACKEND = 5025  # no mail port: what is said there is not captured
US, THEM = "127.0.0.1", "127.0.0.2"


def make_cert(folder, name):
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "3000", "-subj",
                    "/CN=mx.example.org", "-keyout", folder / f"{name}.key", "-out", folder / f"{name}.pem"], check=True, capture_output=True)
    return folder / f"{name}.pem", folder / f"{name}.key"


class Acceptor:
    """Listens, and serves each connection in a thread of its own."""

    def __init__(self, port):
        self.listener = socket.create_server((US, port), backlog=16, reuse_port=False)
        self.stopping = False
        self.thread = threading.Thread(target=self.accept)
        self.thread.start()

    def accept(self):
        while True:
            peer, address = self.listener.accept()
            if self.stopping:
                peer.close()
                return
            threading.Thread(target=self.serve_quietly, args=(peer, address), daemon=True).start()

    def serve_quietly(self, peer, address):
        try:
            with peer:
                self.serve(peer, address)
        except OSError:  # of ssl too: a handshake that the client gives up
            pass

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stopping = True
        socket.create_connection(self.listener.getsockname()).close()
        self.thread.join()
        self.listener.close()


class Server(Acceptor):
    def __init__(self, cert, newest):
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.maximum_version = newest
        self.context.load_cert_chain(*cert)
        super().__init__(BACKEND)

    def serve(self, peer, _address):
        converse(peer, "mx.example.org", self.context)


class Stripper(Acceptor):
    """Stands at the server's address."""

    def __init__(self):
        self.victims = set()
        super().__init__(PORT)

    def serve(self, peer, address):
        with socket.create_connection((US, BACKEND)) as server:
            forward = threading.Thread(target=self.hand_on, args=(peer, server, False), daemon=True)
            forward.start()
            self.hand_on(server, peer, address[0] in self.victims)
            forward.join(service.WAIT)

    @staticmethod
    def hand_on(source, target, strips):
        try:
            while data := source.recv(65536):
                target.sendall(data.replace(b"250-STARTTLS\r\n", b"") if strips else data)
            target.shutdown(socket.SHUT_WR)
        except OSError:
            pass


def send(client=US, newest=ssl.TLSVersion.TLSv1_3, trusts=True):
    """A message, in TLS where it is offered."""
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE if trusts else ssl.CERT_REQUIRED
    context.maximum_version = newest
    with smtplib.SMTP(US, PORT, local_hostname="client.example.com", timeout=service.WAIT, source_address=(client, 0)) as smtp:
        smtp.ehlo()
        if smtp.has_extn("starttls"):
            try:
                smtp.starttls(context=context)
            except ssl.SSLError:
                smtp.close()
                return
            smtp.ehlo()
        smtp.sendmail("a@example.com", ["b@example.org"], "Subject: x\r\n\r\nx\r\n")


def findings(event):
    wanted = {"starttls.withdrawn", "starttls.differs", "cert.changed", "tls.version_lowered", "fallback.cleartext"}
    return wanted & set(event["starttap"].get("findings", []))


class Watch(Sensor):
    def __init__(self, program, folder, state, *words):
        super().__init__(program, folder, "--state", state, "--no-verify", *words)
        self.num = 0

    def next(self, what, *expected):
        """The event of the session that has just ended."""
        self.num += 1
        wait_for(f"{what}: its event", lambda: len(self.events()) >= self.num)
        event = self.events()[self.num - 1]
        expect(what, findings(event) == set(expected), f"{findings(event)} {event['starttap'].get('memory')}")
        return event["starttap"].get("memory", {})


def saved(state):
    """Servers that the file knows. A copy is looked at: the file is the sensor's alone."""
    copy = state.with_suffix(".copy")
    for suffix in ("", "-journal"):
        if pathlib.Path(f"{state}{suffix}").exists():
            shutil.copy(f"{state}{suffix}", f"{copy}{suffix}")
        else:
            pathlib.Path(f"{copy}{suffix}").unlink(missing_ok=True)
    try:
        with sqlite3.connect(copy) as database:
            return dict(database.execute("SELECT port, offers + omissions FROM servers"))
    except sqlite3.Error:  # copied while it was written
        return {}


def first_run(program, folder, state, server_cert):
    """An honest path: three sessions, the last of which fails."""
    with Server(server_cert, ssl.TLSVersion.TLSv1_3), Stripper(), Watch(program, folder, state, "-w", "mail.pcapng") as sensor:
        send(newest=ssl.TLSVersion.TLSv1_2)
        sensor.next("TLS 1.2")
        send()
        sensor.next("TLS 1.3")
        send(newest=ssl.TLSVersion.TLSv1_2, trusts=False)
        sensor.next("the client does not trust the server")
        expect("it ends well", sensor.stop() == 0, sensor.said())
    expect("the file is nobody's", state.stat().st_uid == pwd.getpwnam("nobody").pw_uid)
    return sensor


def second_run(program, folder, state, server_cert):
    """A new certificate, an older version, and somebody on the path."""
    with Server(server_cert, ssl.TLSVersion.TLSv1_2), Stripper() as stripper, \
            Watch(program, folder, state, "-w", "mail.pcapng", "--sensor-interval", "1") as sensor:
        stripper.victims = {US}
        send()
        memory = sensor.next("stripped, soon after a failure", "starttls.withdrawn", "fallback.cleartext")
        expect("its counts", (memory["offers"], memory["omissions"], memory["confidence"]) == (3, 0, 80), memory)
        expect("its times", memory["first_offered"] <= memory["last_offered"] <= memory["failed"], memory)
        stripper.victims = {THEM}
        send(newest=ssl.TLSVersion.TLSv1_2)
        sensor.next("another certificate", "cert.changed")
        state.unlink()  # what is known goes into a new file
        send()
        memory = sensor.next("an older version", "tls.version_lowered")
        expect("which it was", memory["tls_version"] == "1.3", memory)
        send(client=THEM)
        memory = sensor.next("one is stripped, another not", "starttls.withdrawn", "starttls.differs", "fallback.cleartext")
        expect("who", (memory["other_client"], memory["other_offered"]) == (US, True), memory)
        wait_for("a save while it runs", lambda: saved(state).get(PORT) == 7)
        recording = sensor.folder / "mail.pcapng"
        wait_for("the recording", lambda: recording.stat().st_size > 10000)
        sensor.process.send_signal(signal.SIGKILL)
        sensor.process.wait()
    return sensor


def third_run(program, folder, state, server_cert):
    """After it was killed. Then with a damaged file."""
    with Server(server_cert, ssl.TLSVersion.TLSv1_2), Stripper() as stripper:
        stripper.victims = {US}
        with Watch(program, folder, state) as sensor:
            send()
            memory = sensor.next("all is remembered", "starttls.withdrawn", "fallback.cleartext")
            expect("with its counts", (memory["offers"], memory["omissions"]) == (5, 2), memory)
            expect("it ends well again", sensor.stop() == 0, sensor.said())
        with open(state, "r+b") as file:
            file.write(b"this was a database once")
        with Watch(program, folder, state) as sensor:
            send()
            sensor.next("nothing is remembered")
            aside = f"{state}.damaged-1"
            expect("the log says why", aside in sensor.said(), sensor.said())
            expect("the damaged file is there", os.path.exists(aside))
            expect("it ends well with a new file", sensor.stop() == 0, sensor.said())
        expect("which is saved", saved(state) == {PORT: 1}, saved(state))


def read_again(program, folder, recordings, live):
    """The recordings, twice with one file: what was found live, both times."""
    state, texts = folder / "again.state", []
    for _ in range(2):
        texts.append(subprocess.run([program, "-n", "-q", "--no-verify", "--state", state, "-o", "json:-",
                                     *(word for path in recordings for word in ("-r", path))], check=True, capture_output=True, text=True).stdout)
    expect("the same twice", texts[0] == texts[1])
    found = [json.loads(line) for line in texts[0].splitlines()]
    found = [event for event in found if event["event"]["dataset"] == "starttap.session"]
    expect("as live", [(findings(event), event["starttap"].get("memory")) for event in found] ==
           [(findings(event), event["starttap"].get("memory")) for event in live], str([findings(event) for event in found]))


def main():
    reason = net.why_not() or (None if shutil.which("openssl") else "needs openssl")
    if reason:
        print(f"memory: skipped: {reason}")
        return SKIP
    program = str(pathlib.Path(sys.argv[1]).resolve())
    folder = net.run_apart()
    net.run("ip", "link", "set", "lo", "up")
    os.chmod(folder, 0o755)
    kept = folder / "kept"
    kept.mkdir()
    os.chown(kept, pwd.getpwnam("nobody").pw_uid, -1)
    state = kept / "peers.state"
    certs = [make_cert(folder, name) for name in "ab"]
    one = first_run(program, folder, state, certs[0])
    two = second_run(program, folder, state, certs[1])
    third_run(program, folder, state, certs[1])
    read_again(program, folder, [sensor.folder / "mail.pcapng" for sensor in (one, two)], one.events() + two.events())
    print("memory: " + (f"{len(problems)} problems" if problems else "stripped, restarted, killed, damaged: all is remembered or said"))
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
