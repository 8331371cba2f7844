#!/usr/bin/env python3
"""service.py: the sensor as a service: what it keeps of root's powers, what signals do, what the service manager is told.

    python3 tests/live/service.py PROGRAM

Captures on the loopback of a network namespace of its own. Needs root, openssl, setpriv, zstd and what span_net.py
needs; without them it ends with 77. No service manager has to run: its socket is played.
"""

import argparse
import gzip
import http.client
import itertools
import json
import os
import pathlib
import pwd
import re
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import threading
import time

import span_net as net

SKIP = 77
PORT, OTHER_PORT = 2525, 2626
RAW = 1 << 13  # CAP_NET_RAW
WAIT = 20
problems = []


def expect(what, condition, more=""):
    if not condition:
        problems.append(what)
        print(f"wrong: {what} {more}")


def wait_for(what, condition):
    end = time.monotonic() + WAIT
    while time.monotonic() < end:
        if condition():
            return True
        time.sleep(0.02)
    expect(what, False, "(in vain)")
    return False


def read(path):
    return path.read_text() if path.exists() else ""


class Sensor:
    """The program on the loopback, in a directory of its own that user nobody may write."""

    number = 0

    def __init__(self, program, folder, *words, output="json:events.ndjson", prefix=(), environment=(), user="nobody"):
        Sensor.number += 1
        self.folder = folder / str(Sensor.number)
        self.folder.mkdir()
        os.chown(self.folder, pwd.getpwnam("nobody").pw_uid, -1)
        self.log = self.folder / "log"
        self.words = [*prefix, program, "-n", "-v", "-i", "lo", *(["--user", user] if user else []), "-o", output, *map(str, words)]
        self.environment = {**os.environ, **dict(environment)}
        self.process = None

    def __enter__(self):
        with open(self.log, "wb") as log:
            self.process = subprocess.Popen(self.words, cwd=self.folder, env=self.environment, stdout=log, stderr=log)
        wait_for(f"{self.words} captures", lambda: "capturing: lo" in self.said() and self.in_sandbox() or self.process.poll() is not None)
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()

    def said(self):
        return read(self.log)

    def in_sandbox(self):
        return "in the sandbox" in self.said() or "--no-sandbox" in self.words

    def ask(self, number, answer):
        """Sends a signal and waits until the log has the answer once more."""
        before = self.said().count(answer)
        self.process.send_signal(number)
        return wait_for(f"'{answer}' after signal {number}", lambda: self.said().count(answer) > before)

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(timeout=WAIT)

    def events(self, name="events.ndjson", port=PORT):
        events = (json.loads(line) for line in read(self.folder / name).splitlines())
        return [event for event in events if event["event"]["dataset"] == "starttap.session" and event["destination"]["port"] == port]

    def status(self):
        """Of each thread: the lines of its /proc/.../status."""
        found = []
        for task in pathlib.Path(f"/proc/{self.process.pid}/task").iterdir():
            found.append(dict(line.split(":\t", 1) for line in (task / "status").read_text().splitlines() if ":\t" in line))
        return found


QUICK = ((b"220 mx.example.org ESMTP\r\n", b"EHLO client.example\r\n"), (b"250 mx.example.org\r\n", b"QUIT\r\n"), (b"221 bye\r\n", b""))
MAIL = ((b"220 mx.example.org ESMTP\r\n", b"EHLO client.example\r\n"), (b"250 mx.example.org\r\n", b"MAIL FROM:<ann@example.net>\r\n"),
        (b"250 ok\r\n", b"RCPT TO:<bob@example.org>\r\n"), (b"250 ok\r\n", b"DATA\r\n"), (b"354 go\r\n", b"Subject: x\r\n\r\nHello.\r\n.\r\n"),
        (b"250 taken\r\n", b"QUIT\r\n"), (b"221 bye\r\n", b""))


def talk(port, words=QUICK, address="127.0.0.1"):
    """One SMTP connection in clear; words: what the server says and the client answers."""
    def serve():
        peer, _ = listener.accept()
        with peer:
            for said, _ in words:
                peer.sendall(said)
                peer.recv(1000)

    with socket.socket() as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((address, port))
        listener.listen()
        server = threading.Thread(target=serve)
        server.start()
        with socket.create_connection((address, port)) as client:
            for _, answer in words:
                client.recv(1000)
                client.sendall(answer)
        server.join()


def check_powers(sensor, uid, user):
    for task in sensor.status():
        who = f"{user}: thread {task['Name']}"
        expect(f"{who}: uid", task["Uid"].split() == [str(uid)] * 4, task["Uid"])
        expect(f"{who}: groups", task["Groups"].strip() == "", task["Groups"])
        expect(f"{who}: no_new_privs", task["NoNewPrivs"] == "1")
        expect(f"{who}: seccomp", task["Seccomp"] == "2" or "not in the sandbox: seccomp" in sensor.said())
        for kind in ("CapEff", "CapPrm", "CapBnd"):
            expect(f"{who}: {kind}", int(task[kind], 16) == RAW, task[kind])
        for kind in ("CapInh", "CapAmb"):
            expect(f"{who}: {kind}", int(task[kind], 16) == 0, task[kind])


def test_powers(program, folder):
    """Root gives up all but CAP_NET_RAW, in every thread, and all sinks work on."""
    nobody = pwd.getpwnam("nobody").pw_uid
    outputs = ["-o", "csv:events.csv", "-o", "sqlite:events.db", "-o", "json:events.ndjson.zst", "-o", "json:parts/p.ndjson?rotate=1kB",
               "-o", "kafka://127.0.0.1:9/mail", "--spool", folder / "spool"]
    with Sensor(program, folder, *outputs, "--workers", "2", "--force") as sensor:
        expect("no directory for parts", sensor.process.wait(timeout=WAIT) == 1 and "parts/p.ndjson" in sensor.said(), sensor.said())
    sensor = Sensor(program, folder, *outputs, "--drain-timeout", "1")
    (sensor.folder / "parts").mkdir()
    os.chown(sensor.folder / "parts", nobody, -1)
    with sensor:
        wait_for("threads of all sinks", lambda: len(sensor.status()) > 8)
        check_powers(sensor, nobody, "nobody")
        for _ in range(5):
            talk(PORT)
        wait_for("5 events", lambda: len(sensor.events()) == 5)
        sensor.ask(signal.SIGHUP, "read again")
        talk(PORT)
        wait_for("6 events", lambda: len(sensor.events()) == 6)
        began = time.monotonic()
        expect("events safe in the spool are no failure", sensor.stop() == 0, sensor.said())
        expect("SIGTERM ends within its bound", time.monotonic() - began < 8)
    expect("parts", len(list((sensor.folder / "parts").iterdir())) > 3)
    expect("csv", len(read(sensor.folder / "events.csv").splitlines()) == 7)
    with sqlite3.connect(sensor.folder / "events.db") as database:
        expect("sqlite", database.execute("SELECT count(*) FROM sessions").fetchone() == (6,))
    expect("zst", subprocess.run(["zstd", "-t", "-q", sensor.folder / "events.ndjson.zst"], check=False).returncode == 0)
    expect("kept", "are kept in" in sensor.said(), sensor.said())
    for path in (*sensor.folder.rglob("events*"), *(folder / "spool").rglob("*")):
        expect(f"{path} is nobody's", path.stat().st_uid == nobody)


def test_users(program, folder):
    for user, uid in (("54321", 54321), ("root", 0), (None, None)):
        with Sensor(program, folder, user=user) as sensor:
            default = pwd.getpwnam("starttap" if "starttap" in (entry.pw_name for entry in pwd.getpwall()) else "nobody")
            check_powers(sensor, uid if user else default.pw_uid, user or "default")
            talk(PORT)
            wait_for(f"an event for user {user}", lambda: len(sensor.events()) == 1)
            expect(f"user {user}: ends well", sensor.stop() == 0, sensor.said())
    with Sensor(program, folder, user="no-such-user") as sensor:
        expect("a user who is not there", sensor.process.wait(timeout=WAIT) == 1 and "no user 'no-such-user'" in sensor.said(), sensor.said())
    closed = folder / "closed"
    closed.mkdir(mode=0o700)
    with Sensor(program, folder, output=f"json:{closed}/events.ndjson?every=1h") as sensor:
        expect("rotation that could not be is refused at once", sensor.process.wait(timeout=WAIT) == 1, sensor.said())
        expect("and says how to mend it", f"chown nobody {closed}" in sensor.said(), sensor.said())
    with Sensor(program, folder, output=f"json:{closed}/whole.ndjson") as sensor:  # opened before, so that it works
        expect("what SIGHUP will need is said at the start", "once it was renamed, at SIGHUP: chown nobody" in sensor.said(), sensor.said())
        talk(PORT)
        wait_for("an event behind a closed door", lambda: "starttap.session" in read(closed / "whole.ndjson"))
    with Sensor(program, folder, "--no-sandbox") as sensor:
        expect("--no-sandbox", all(task["Seccomp"] == "0" for task in sensor.status()))
    unprivileged = ("setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups", "--inh-caps", "+net_raw", "--ambient-caps", "+net_raw",
                    "--bounding-set", "-all,+net_raw")
    with Sensor(program, folder, prefix=unprivileged) as sensor:  # as by the unit
        check_powers(sensor, 65534, "unprivileged")
        talk(PORT)
        wait_for("an event without root", lambda: len(sensor.events()) == 1)


CONFIG = "mail-ports: [{ports}]\nhome: {home}\nca: {ca}\nmax-flows: {flows}\n"


def test_reload(program, folder):
    config = folder / "sensor.yaml"
    authority = folder / "ca.pem"
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", "/dev/null", "-subj", "/CN=x", "-out", authority],
                   check=True, capture_output=True)

    def write(text):
        """As an editor does."""
        new = config.with_suffix(".new")
        new.write_text(text)
        new.rename(config)

    good = {"ports": PORT, "home": "192.0.2.0/24", "ca": authority, "flows": 1000}
    write(CONFIG.format(**good))
    for workers in ("1", "2"):
        with Sensor(program, folder, "--config", config, "--workers", workers) as sensor:
            sensor.ask(signal.SIGHUP, "read again; changed: nothing")
            talk(OTHER_PORT)
            write(CONFIG.format(**{**good, "ports": f"{PORT}, {OTHER_PORT}", "home": "127.0.0.0/8"}))
            sensor.ask(signal.SIGHUP, "read again; changed: mail-ports, home")
            talk(OTHER_PORT)
            wait_for("an event of the new port", lambda: len(sensor.events(port=OTHER_PORT)) >= 1)
            expect("none of before", len(sensor.events(port=OTHER_PORT)) == 1)
            expect("home counts", sensor.events(port=OTHER_PORT)[0].get("network", {}).get("direction") == "internal", sensor.events(port=OTHER_PORT))
            write("mail-ports: 25\nhomes: 10.0.0.0/8\n")
            sensor.ask(signal.SIGHUP, "what was in force stays so")
            expect("says where", f"{config}:2:1: unknown setting 'homes'" in sensor.said(), sensor.said())
            write(CONFIG.format(**{**good, "ca": "/does/not/exist"}))
            sensor.ask(signal.SIGHUP, "what was in force stays so: ")
            write(CONFIG.format(**{**good, "ports": f"{PORT}, {OTHER_PORT}", "home": "127.0.0.0/8", "flows": 7}))
            sensor.ask(signal.SIGHUP, "takes a restart: max-flows")
            talk(OTHER_PORT)
            wait_for("the old configuration works on", lambda: len(sensor.events(port=OTHER_PORT)) == 2)
            sensor.ask(signal.SIGUSR1, "json:events.ndjson: events ")
            expect("counters", "packets " in sensor.said() and "dropped by the kernel 0" in sensor.said(), sensor.said())
            expect("reloaded: ends well", sensor.stop() == 0, sensor.said())
        write(CONFIG.format(**good))


def replace(path, content):
    """As those do who never leave half a file there."""
    new = path.with_suffix(".new")
    new.write_bytes(content)
    new.rename(path)


def test_policy(program, folder):
    """SIGHUP reads the policy again; one with a mistake changes nothing, and the log names the line."""
    rules = folder / "rules"

    def write(text):
        replace(rules, text.encode())

    for workers in ("1", "2"):
        write("* may\n")
        with Sensor(program, folder, "--policy", rules, "--workers", workers) as sensor:
            def judged(expected):
                before = len(sensor.events())
                talk(PORT, MAIL)
                wait_for("a judged event", lambda: len(sensor.events()) > before)
                found = sensor.events()[-1]["starttap"].get("policy", {}).get("result")
                expect(f"policy, {workers} workers: {expected}", found == expected, found)

            judged("pass")
            write("* encrypt\n\n# all\n.example.net encrypt\n")
            sensor.ask(signal.SIGHUP, "policy: read again; 2 rules")
            judged("fail")
            write("* may\n\nexample.org encrypted\n")
            sensor.ask(signal.SIGHUP, "what was in force stays so")
            expect("the log names the policy's line", f"{rules}:3" in sensor.said(), sensor.said())
            judged("fail")
            rules.unlink()
            sensor.ask(signal.SIGHUP, "what was in force stays so")
            judged("fail")
            expect("policy: ends well", sensor.stop() == 0, sensor.said())


def mmdb(code):
    """A database of addresses in which all of IPv4 is one country (MaxMind DB format 2.0)."""
    def text(word):
        return bytes([2 << 5 | len(word)]) + word.encode()

    def entries(**members):
        return bytes([7 << 5 | len(members)]) + b"".join(text(name) + value for name, value in members.items())

    def number(kind, value):
        return bytes([kind << 5 | 2]) + value.to_bytes(2, "big")

    data = entries(country=entries(iso_code=text(code)))
    facts = entries(node_count=number(6, 1), record_size=number(5, 24), ip_version=number(5, 4), database_type=text("Country"),
                    languages=b"\0\4", binary_format_major_version=number(5, 2), binary_format_minor_version=number(5, 0),
                    build_epoch=b"\1\2\1", description=entries())
    return (1 + 16).to_bytes(3, "big") * 2 + bytes(16) + data + b"\xab\xcd\xefMaxMind.com" + facts


def test_addresses(program, folder):
    """SIGHUP maps a database of addresses that was replaced; a damaged one, or none, leaves the old one in force."""
    database = folder / "country.mmdb"

    def put(content):
        replace(database, content)

    put(mmdb("NL"))
    with Sensor(program, folder, "--mmdb", database) as sensor:
        def found(expected):
            before = len(sensor.events())
            talk(PORT)
            wait_for("an event with a country", lambda: len(sensor.events()) > before)
            end = sensor.events()[-1]["source"].get("geo", {}).get("country_iso_code")
            expect(f"the country: {expected}", end == expected, end)

        found("NL")
        put(mmdb("DE"))
        sensor.ask(signal.SIGHUP, "read again; changed: nothing")
        found("DE")
        put(b"no database")
        sensor.ask(signal.SIGHUP, "what was in force stays so")
        expect("the log names the database", f"--mmdb: cannot read '{database}'" in sensor.said(), sensor.said())
        found("DE")
        database.unlink()
        sensor.ask(signal.SIGHUP, "what was in force stays so")
        found("DE")
        expect("addresses: ends well", sensor.stop() == 0, sensor.said())


def receive(server):
    """The messages that a syslog server has got."""
    server.setblocking(False)
    found = []
    try:
        while message := server.recv(65536):
            found.append(message)
    except BlockingIOError:
        pass
    return b"".join(found)


def test_alerts_and_reports(program, folder):
    """syslog by UDP, TCP and a socket, and reports on TLS: as another user, in the sandbox, and when the server comes back."""
    path = folder / "log.sock"
    local = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    local.bind(str(path))
    path.chmod(0o666)
    udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    udp.bind(("127.0.0.1", 0))
    tcp = socket.create_server(("127.0.0.1", 0))
    address = tcp.getsockname()
    sinks = (f"syslog:unix:{path}", f"syslog:udp://127.0.0.1:{udp.getsockname()[1]}", f"syslog:tcp://127.0.0.1:{address[1]}")
    more = [word for sink in sinks for word in ("-o", sink)]
    reports = folder / "reports"
    with Sensor(program, folder, "--alert-on", "mail.cleartext", *more, "-o", f"tlsrpt:{reports}?sender=example.net") as sensor:
        check_powers(sensor, pwd.getpwnam("nobody").pw_uid, "alerts")
        talk(PORT, MAIL)
        taken, _ = tcp.accept()
        for name, server in (("unix", local), ("udp", udp), ("tcp", taken)):
            wait_for(f"an alert by {name}", lambda server=server: b"mail.cleartext" in receive(server))
        taken.close()  # both servers are restarted
        tcp.close()
        local.close()
        path.unlink()
        local = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        local.bind(str(path))
        path.chmod(0o666)
        tcp = socket.create_server(address)
        sensor.ask(signal.SIGHUP, "read again")
        got = {"unix": False, "udp": False, "tcp": False}
        tcp.settimeout(WAIT)

        def told_again():
            """Each alert is of another server, as one is told once. What meets the end of a connection may be lost, the next is not."""
            talk(PORT, MAIL, f"127.0.0.{next(numbers)}")
            for name, server in (("unix", local), ("udp", udp)):
                got[name] = got[name] or b"mail.cleartext" in receive(server)
            tcp.setblocking(False)
            try:
                connections.append(tcp.accept()[0])
            except BlockingIOError:
                pass
            got["tcp"] = got["tcp"] or any(b"mail.cleartext" in receive(one) for one in connections)
            return all(got.values())
        connections, numbers = [], itertools.count(2)
        wait_for("alerts by servers that were restarted", told_again)
        expect("each of them", all(got.values()), f"{got} {sensor.said()}")
        sensor.process.send_signal(signal.SIGTERM)
        wait_for("the end, with the servers reading on", lambda: ([receive(one) for one in (local, *connections)], sensor.process.poll())[1] is not None)
        expect("alerts: ends well", sensor.process.returncode == 0, sensor.said())
    found = list(reports.glob("example.net!*.json.gz"))
    expect("a report on TLS", len(found) == 1 and found[0].stat().st_uid == pwd.getpwnam("nobody").pw_uid, f"{found} {sensor.said()}")
    for one in found:
        report = json.loads(gzip.decompress(one.read_bytes()))
        expect("it has the session", report["policies"][0]["summary"]["total-failure-session-count"] >= 1, report)


class Manager:
    """The service manager's end of the socket."""

    def __init__(self, address):
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(address)
        self.socket.settimeout(WAIT)
        self.told = []

    def wait(self, line):
        try:
            while not any(line in told.split("\n") or told.startswith(line) for told in self.told):
                self.told.append(self.socket.recv(4096).decode())
        except TimeoutError:
            expect(f"told the manager {line}", False, self.told)
            return ""
        return next(told for told in self.told if line in told.split("\n") or told.startswith(line))

    def forget(self):
        self.told.clear()


def test_notify(program, folder):
    path = folder / "notify"
    for address, name in ((str(path), str(path)), ("\0starttap-test", "@starttap-test")):
        manager = Manager(address)
        if not name.startswith("@"):
            path.chmod(0o666)
        with Sensor(program, folder, environment={"NOTIFY_SOCKET": name, "WATCHDOG_USEC": "400000"}) as sensor:
            expect("ready only when it captures", "STATUS=capturing" in manager.wait("READY=1"))
            for _ in range(3):
                manager.forget()
                manager.wait("WATCHDOG=1")
            manager.forget()
            sensor.process.send_signal(signal.SIGHUP)
            told = manager.wait("RELOADING=1")
            stamp = int(told.split("MONOTONIC_USEC=")[1]) if "MONOTONIC_USEC=" in told else 0
            expect("reloading has the time", 0 < stamp <= time.monotonic_ns() // 1000, told)
            manager.wait("READY=1")
            sensor.process.send_signal(signal.SIGTERM)
            manager.wait("STOPPING=1")
            expect("notify: ends well", sensor.process.wait(timeout=WAIT) == 0, sensor.said())
    with Sensor(program, folder, environment={"NOTIFY_SOCKET": "/not/there", "WATCHDOG_USEC": "x"}) as sensor:
        talk(PORT)
        wait_for("an event without a manager", lambda: len(sensor.events()) == 1)


def test_journal(program, folder):
    """Levels where standard error is the journal; times where it is not."""
    with Sensor(program, folder) as sensor:
        sensor.ask(signal.SIGUSR1, "Z starttap: packets ")
    sensor = Sensor(program, folder)
    sensor.log.touch()
    status = sensor.log.stat()
    sensor.environment["JOURNAL_STREAM"] = f"{status.st_dev}:{status.st_ino}"
    with sensor:
        sensor.ask(signal.SIGUSR1, "<5>packets ")
        expect("each line has its level", all(line[0] == "<" and line[2] == ">" for line in sensor.said().splitlines()), sensor.said())
    sensor = Sensor(program, folder, "--ca", "/does/not/exist", environment={"JOURNAL_STREAM": sensor.environment["JOURNAL_STREAM"]})
    with sensor:
        sensor.process.wait(timeout=WAIT)
        expect("another stream is not the journal", sensor.said().startswith("starttap: "), sensor.said())


def test_two(program, folder):
    """Two sensors on one interface; they meet nowhere else."""
    spool = ["-o", "kafka://127.0.0.1:9/mail", "--spool", folder / "two", "--drain-timeout", "0"]
    with Sensor(program, folder) as one, Sensor(program, folder) as two:
        talk(PORT)
        wait_for("both have it", lambda: len(one.events()) == 1 and len(two.events()) == 1)
        expect("one ends well", one.stop() == 0, one.said())
        expect("two ends well", two.stop() == 0, two.said())
    with Sensor(program, folder, *spool) as one:
        with Sensor(program, folder, *spool) as two:
            expect("the same spool is refused", two.process.wait(timeout=WAIT) == 1 and "spool" in two.said(), two.said())
        with Sensor(program, folder, output=f"json:{one.folder}/events.ndjson?append") as two:
            expect("the same file is refused", two.process.wait(timeout=WAIT) == 1 and "another process writes it" in two.said(), two.said())
        expect("SIGTERM, and at once", one.stop() == 0, one.said())


def ask_for(port, path):
    """Status and text of a page of --metrics; (0, "") while nobody listens."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=WAIT)
    try:
        connection.request("GET", path)
        answer = connection.getresponse()
        return answer.status, answer.read().decode()
    except ConnectionRefusedError:
        return 0, ""
    finally:
        connection.close()


def test_metrics(program, folder):
    """--metrics and -w, in the sandbox: what is captured is counted within seconds, and written at the end."""
    def page_has(*lines):
        page = ask_for(9925, "/metrics")[1].splitlines()
        return all(line in page for line in lines)

    with Sensor(program, folder, "--metrics", "9925", "-w", "mail.pcapng", "--scrub") as sensor:
        wait_for("/healthz is well", lambda: ask_for(9925, "/healthz") == (200, "ok\n"))
        talk(PORT)
        wait_for("the session is counted", lambda: page_has(
            'starttap_sessions_total{verdict="no_mail"} 1', 'starttap_sink_events_total{sink="json:events.ndjson"} 1',
            'starttap_sink_up{sink="json:events.ndjson"} 1', 'starttap_capture_dropped_total{where="kernel"} 0', "starttap_flows_evicted_total 0"))
        page = ask_for(9925, "/metrics")[1]
        expect("packets are counted", re.search(r"^starttap_capture_packets_total [1-9]", page, re.M), page)
        expect("memory is told", re.search(r"^starttap_memory_bytes [1-9]", page, re.M), page)
        expect("the page is not mail", "example" not in page)
        expect("it ends well", sensor.stop() == 0, sensor.said())
        recorded = sensor.folder / "mail.pcapng"
        expect("the recording is for its owner alone", recorded.stat().st_mode & 0o777 == 0o600, oct(recorded.stat().st_mode))
        again = subprocess.run([program, "-n", "-r", recorded, "-o", "json:-"], capture_output=True, text=True, check=False)
        same = [json.loads(line) for line in again.stdout.splitlines()]
        same = [event["starttap"]["verdict"] for event in same if event["event"]["dataset"] == "starttap.session"]
        expect("the recording gives the session", same == ["no_mail"], again.stdout + again.stderr)


def test_second_signal(program, folder):
    """The first one drains, the second one does not wait."""
    with Sensor(program, folder, "-o", "kafka://127.0.0.1:9/mail", "--spool", folder / "second", "--drain-timeout", "300") as sensor:
        talk(PORT)
        wait_for("an event", lambda: len(sensor.events()) == 1)
        sensor.process.send_signal(signal.SIGTERM)
        wait_for("it drains", lambda: "starttap.sensor" in read(sensor.folder / "events.ndjson"))
        expect("it waits for Kafka", sensor.process.poll() is None)
        sensor.process.send_signal(signal.SIGINT)
        ended = sensor.process.wait(timeout=WAIT)
        expect("the second signal ends it", ended in (-signal.SIGINT, 0), ended)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("program", type=pathlib.Path)
    program = str(parser.parse_args().program.resolve())
    missing = [name for name in ("setpriv", "openssl", "zstd") if not shutil.which(name)]
    reason = net.why_not() or (missing and "needs " + ", ".join(missing))
    if reason:
        print(reason)
        sys.exit(SKIP)
    folder = net.run_apart()
    net.run("ip", "link", "set", "lo", "up")
    for test in (test_powers, test_users, test_reload, test_policy, test_addresses, test_alerts_and_reports, test_notify, test_journal, test_two, test_metrics, test_second_signal):
        began = time.monotonic()
        test(program, folder)
        print(f"{test.__name__}: {time.monotonic() - began:.1f} s", flush=True)
    print(f"{len(problems)} wrong")
    sys.exit(1 if problems else 0)


if __name__ == "__main__":
    main()
