#!/usr/bin/env python3
"""span.py: on a mirror port, every connection in the logs of real mail servers has its event, and no event is without one.

    python3 tests/live/span.py PROGRAM [--keep=DIRECTORY]

Postfix, Exim and OpenSMTPD, each in a network namespace of its own on one switch, send each other some hundred mails
under the settings of mail_plan.py. The sensor and tcpdump sit on the switch's mirror port. Then
- each connection in the servers' logs is one event: its verdict, TLS version and cipher suite are as the log says;
- each mail that was handed over has an event with the version and cipher suite that the sender's log says;
- tcpdump's capture, read with -r, gives the same events but for ids and times.

Needs root, tcpdump, ip, unshare, nsenter, openssl and packages that apt-get fetches; without them it ends with 77.
--keep copies logs, events and capture there; without it they are kept only when something was wrong.
"""

import collections
import json
import os
import signal
import smtplib
import subprocess
import sys
import time

import mail_logs
import mail_plan as plan
import mail_servers
import mail_test
import span_net as net

PATIENCE = 120    # seconds until each mail is delivered or given up
PER_SESSION = 40  # mails; OpenSMTPD takes 100 at most
SETTLE = 3        # the sensor has an event out 2 seconds after the end of its connection


# --- traffic

def hand_in(server):
    """Gives a server the mails that it shall send, on its own loopback."""
    mails = plan.mails(server)
    for start in range(0, len(mails), PER_SESSION):
        with smtplib.SMTP("127.0.0.1", 25, local_hostname="hand.test") as smtp:
            for mail in mails[start:start + PER_SESSION]:
                smtp.sendmail(f"ann@{server}.test", [mail.recipient], f"Subject: {mail.domain}\r\n\r\nHello.\r\n")


def log_of(server):
    return server.log.read_text(errors="replace") if server.log.exists() else ""


def exchange(servers):
    for child in [net.fork(server.name, hand_in, server.name) for server in servers]:
        _, status = os.waitpid(child, 0)
        if status:
            raise RuntimeError("a server does not take the mails that it shall send")
    for server in servers:
        wanted = {mail.recipient for mail in plan.mails(server.name)}
        net.wait_until(lambda: wanted <= mail_logs.settled(server.name, log_of(server)), server.name + " to send all mails", PATIENCE)
    for server in servers:
        net.wait_until(lambda: not net.established(server.name), "connections of " + server.name + " to end", PATIENCE)


# --- the sensor

def options(certs):
    return ["-n", "--ca", str(certs / "ca.pem"), "--observer-name", "span"]


def start_sensor(program, folder, certs):
    log = folder / "sensor.log"
    with open(log, "wb") as output:
        sensor = net.start("tap", program, "-v", *options(certs), "-i", net.MIRROR, "--peer-window", "0", "-o", f"json:{folder / 'live.ndjson'}",
                           stdout=output, stderr=output)
    net.wait_until(lambda: "capturing: " in log.read_text() or sensor.poll() is not None, "the sensor to capture")
    return sensor


def read_events(path):
    return [json.loads(line) for line in path.read_text().splitlines()]


def sessions(events):
    return [event for event in events if event["event"]["dataset"] == "starttap.session"]


# --- events against logs

def ends(event):
    source, destination = event["source"], event["destination"]
    return source["ip"], source["port"], destination["ip"], destination["port"]


def tls_of(event):
    tls = event.get("tls", {})
    return (tls.get("version"), tls.get("cipher")) if tls.get("established") else None


def is_of(event, connection):
    """Whether the event can be that of this connection, by its ends."""
    client, client_port, address, port = ends(event)
    return (client == connection.client and connection.client_port in (None, client_port) and connection.address in (None, address)
            and connection.port in (None, port) and plan.server_of(address) == connection.server)


def expected_verdict(connection, event):
    """What the log says; None: it says nothing that decides, as Exim's does of a client that leaves right after the
    handshake."""
    _, _, address, port = ends(event)
    _, listener = plan.listener_of(address)
    if connection.tls:
        return "implicit_tls" if port == 465 else "starttls"
    if connection.failed:
        return "handshake_failed"
    if connection.refused:
        return "refused"
    if connection.tried:
        return "not_offered" if listener in plan.OFFERS_NOTHING else "offered_unused"
    return None if connection.server == "exim" else "no_mail"


def differences(connection, event):
    verdict = event["starttap"]["verdict"]
    mail = event["starttap"].get("mail", {})
    wrong = []
    said = expected_verdict(connection, event)
    if said is None:
        said = verdict if verdict in ("no_mail", "starttls", "implicit_tls") else "no_mail"
    elif tls_of(event) != connection.tls:
        wrong.append(f"TLS is {tls_of(event)}, the log says {connection.tls}")
    if verdict != said:
        wrong.append(f"the verdict is {verdict}, the log says {said}")
    if verdict in ("not_offered", "offered_unused", "refused"):
        for name, value in (("transactions", connection.mails), ("cleartext", connection.mails > 0), ("auth_cleartext", connection.auth)):
            if mail.get(name, 0) != value:
                wrong.append(f"mail.{name} is {mail.get(name, 0)}, the log says {value}")
    return wrong


def pair(connections, events):
    """(connection, event) of all that fit; then connections without an event, and events without a connection. Those of
    which a log tells most are served first, and of several events the one that agrees best is taken."""
    left, pairs, missing = list(events), [], []
    vague = lambda one: sum(value is None for value in (one.client_port, one.address))  # noqa: E731
    for connection in sorted(connections, key=vague):
        fitting = [event for event in left if is_of(event, connection)]
        if not fitting:
            missing.append(connection)
            continue
        best = min(fitting, key=lambda event: len(differences(connection, event)))
        left.remove(best)
        pairs.append((connection, best))
    return pairs, missing, left


def check_connections(servers, events):
    connections = [one for server in servers for one in mail_logs.CONNECTIONS[server.name](log_of(server))]
    pairs, missing, extra = pair(connections, events)
    problems = [f"no event for {ends_of(one)}: {one.lines}" for one in missing]
    problems += [f"an event for which no log has a connection: {ends(one)} {one['starttap']['verdict']}" for one in extra]
    for connection, event in pairs:
        problems += [f"{ends(event)}: {wrong}; {connection.lines}" for wrong in differences(connection, event)]
    silent = sum(expected_verdict(connection, event) is None for connection, event in pairs)
    print(f"{len(connections)} connections in the servers' logs, {len(events)} events, {silent} of which no log decides")
    return problems


def ends_of(connection):
    return connection.client, connection.client_port, connection.address or connection.server, connection.port


def check_handovers(servers, events):
    """Each mail that a server says it has handed over, in TLS or not."""
    problems, num = [], 0
    for server in servers:
        own = [plan.own_address(server.name, version) for version in plan.VERSIONS]
        for handover in mail_logs.HANDOVERS[server.name](log_of(server)):
            num += 1
            fits = any(event["destination"]["ip"] == handover.address and event["destination"]["port"] == handover.port
                       and event["source"]["ip"] in own and handover.own_port in (None, event["source"]["port"])
                       and tls_of(event) == handover.tls for event in events)
            if not fits:
                problems.append(f"no event for {handover}")
    print(f"{num} mails handed over, each with an event of that TLS version and cipher suite" if not problems else f"{num} mails handed over")
    return problems


def check_handshakes(servers, events):
    """As many sessions in TLS, from each client to each address, as the client has completed handshakes."""
    problems = []
    for server in (one for one in servers if one.name in mail_logs.HANDSHAKES):
        own = [plan.own_address(server.name, version) for version in plan.VERSIONS]
        said = collections.Counter(mail_logs.HANDSHAKES[server.name](log_of(server)))
        seen = collections.Counter((event["destination"]["ip"], event["destination"]["port"], tls_of(event)) for event in events
                                   if tls_of(event) and event["source"]["ip"] in own)
        problems += [f"{server.name} completed more handshakes than there are sessions: {one}" for one in said - seen]
        problems += [f"{server.name} completed fewer handshakes than there are sessions: {one}" for one in seen - said]
        print(f"{said.total()} handshakes in the log of {server.name} as a client, {seen.total()} sessions in TLS")
    return problems


def check_variety(events):
    """That the traffic was what this test is for."""
    counts = collections.Counter(event["starttap"]["verdict"] for event in events)
    versions = collections.Counter(tls_of(event) for event in events)
    print(", ".join(f"{verdict} {number}" for verdict, number in counts.most_common()))
    print(", ".join(f"{' '.join(map(str, tls)) if tls else 'no TLS'} {number}" for tls, number in versions.most_common()))
    wanted = {"starttls", "implicit_tls", "not_offered", "offered_unused", "refused", "handshake_failed", "no_mail"}
    problems = [f"no session was {verdict}" for verdict in sorted(wanted - set(counts))]
    findings = {finding for event in events for finding in event["starttap"].get("findings", [])}
    return problems + [f"no session has the finding {name}" for name in sorted({"cert.expired", "cert.self_signed", "auth.cleartext"} - findings)]


# --- live against file

def timeless(event):
    """The event without its id and what a clock says."""
    kept = json.loads(json.dumps(event))
    kept.pop("@timestamp")
    for name in ("id", "start", "end", "duration"):
        kept["event"].pop(name, None)
    for name in ("first_seen", "last_seen", "last_offered", "window"):
        kept["starttap"].get("peer", {}).pop(name, None)
    for name in ("first_offered", "last_offered", "cert_seen", "tls_version_seen", "failed", "other_seen"):
        kept["starttap"].get("memory", {}).pop(name, None)
    return json.dumps(kept, sort_keys=True)


def check_same(live, read):
    """The same sessions and peers from the wire and from the file."""
    problems = []
    for dataset in ("starttap.session", "starttap.peer"):
        counts = [collections.Counter(timeless(event) for event in events if event["event"]["dataset"] == dataset) for events in (live, read)]
        problems += [f"{dataset} only live: {one}" for one in counts[0] - counts[1]]
        problems += [f"{dataset} only from the file: {one}" for one in counts[1] - counts[0]]
        print(f"{counts[0].total()} events {dataset} live, {counts[1].total()} from tcpdump's file")
    return problems


# --- the whole

def run_test(program, folder):
    certs = folder / "certs"
    certs.mkdir()
    subprocess.run(["sh", str(mail_test.ROOT / "pcaps" / "make" / "certs.sh")], cwd=certs, check=True)
    net.build(plan.hosts())
    servers = mail_servers.start_all(folder, certs)
    tcpdump = net.start_tcpdump(folder / "mirror.pcap")
    sensor = start_sensor(program, folder, certs)
    started = time.monotonic()
    exchange(servers)
    time.sleep(SETTLE)
    print(f"{len(plan.ALL)} mails in {time.monotonic() - started:.0f} s")
    problems = []
    on_time = len(sessions(read_events(folder / "live.ndjson")))
    status = net.stop(sensor, signal.SIGTERM)
    net.stop(tcpdump)
    if status:
        problems.append(f"the sensor ended with {status}: {(folder / 'sensor.log').read_text()}")
    live = read_events(folder / "live.ndjson")
    if on_time != len(sessions(live)):
        problems.append(f"only {on_time} of {len(sessions(live))} events were out {SETTLE} s after the last connection's end")
    subprocess.run([program, *options(certs), "-o", f"json:{folder / 'read.ndjson'}", "-r", str(folder / "mirror.pcap")], check=True)
    problems += check_connections(servers, sessions(live))
    problems += check_handovers(servers, sessions(live))
    problems += check_handshakes(servers, sessions(live))
    problems += check_variety(sessions(live))
    problems += check_same(live, read_events(folder / "read.ndjson"))
    return problems


if __name__ == "__main__":
    sys.exit(mail_test.main("span", __doc__, plan.names(), run_test, "all is as the logs say"))
