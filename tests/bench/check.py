#!/usr/bin/env python3
"""check.py: are the events of a generated capture right: every session, with every field?

    check.py --starttap PROGRAM --scratch DIRECTORY CAPTURE EVENTS

CAPTURE.facts, by the generator, says what each session is: a session of a capture of ours with other addresses,
names and lengths. What such a session's event must be comes from two places: pcaps/truth.tsv, made from the
mail servers' logs, for the verdict and the main facts; and, for all other fields, the event that starttap makes
of that capture alone. A session of which packets are missing must have the true verdict or `unknown`; one of
which packets come twice or out of order may differ in starttap.capture alone. Prints a line of counts; ends
with 1 and the first differences when anything is wrong.
"""
import argparse
import base64
import calendar
import collections
import copy
import hashlib
import ipaddress
import json
import pathlib
import subprocess
import sys
import time

PCAPS = pathlib.Path(__file__).resolve().parent.parent.parent / "pcaps"
SERVER_NAME, CLIENT_NAME = "mx.example.org", "client.example.net"

# What depends on time, or is checked by itself.
VARYING = [("@timestamp",), ("event", "id"), ("event", "start"), ("event", "end"), ("event", "duration"),
           ("network", "community_id"), ("source", "ip"), ("source", "port"), ("source", "bytes"),
           ("source", "packets"), ("destination", "ip"), ("destination", "port"), ("destination", "bytes"),
           ("destination", "packets"), ("network", "vlan"), ("starttap", "mail", "cleartext_bytes"),
           ("starttap", "cert", "days_left"), ("starttap", "smtp", "ehlo"), ("starttap", "smtp", "helo")]
# What a certificate with another serial number changes besides: nobody signed it, and its server had another.
OF_CERTIFICATE = [("tls", "server", "hash"), ("tls", "server", "x509", "serial_number"),
                  ("starttap", "cert", "chain_valid"), ("starttap", "cert", "chain_error"),
                  ("starttap", "cert", "self_signed"),
                  ("starttap", "findings"), ("starttap", "memory"), ("event", "severity")]
OF_DISORDER = [("starttap", "capture")]


def take(event, path):
    """Removes a field and returns it; objects that become empty go with it."""
    for name in path[:-1]:
        event = event.get(name)
        if event is None:
            return None
    return event.pop(path[-1], None)


def renamed(value, server, client, key=""):
    """The names of servers and clients replaced everywhere but in certificates."""
    if key == "x509":
        return value
    if isinstance(value, dict):
        return {name: renamed(item, server, client, name) for name, item in value.items()}
    if isinstance(value, list):
        return [renamed(item, server, client) for item in value]
    if isinstance(value, str):
        return value.replace(SERVER_NAME, server).replace(CLIENT_NAME, client)
    return value


def endpoint(event, end):
    ip, port = event[end]["ip"], event[end]["port"]
    return f"[{ipaddress.ip_address(ip).compressed}]:{port}" if ":" in ip else f"{ip}:{port}"


def community_id(source, source_port, destination, destination_port):
    """https://github.com/corelight/community-id-spec, version 1, seed 0."""
    ends = sorted([(ipaddress.ip_address(source).packed, source_port),
                   (ipaddress.ip_address(destination).packed, destination_port)])
    (low, low_port), (high, high_port) = ends
    data = (b"\0\0" + low + high + b"\6\0" + low_port.to_bytes(2, "big") + high_port.to_bytes(2, "big"))
    return "1:" + base64.b64encode(hashlib.sha1(data).digest()).decode()


def timestamp(microseconds):
    seconds, rest = divmod(microseconds, 1000000)
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(seconds)) + f".{rest:06d}000Z"


class Role:
    """A kind of session, and what starttap says of the capture it was taken from."""

    def __init__(self, fields, starttap):
        (_, self.file, _, self.client, server, port, filler, *counts, serial_at, certificate) = fields
        self.filler, self.server_port, self.serial_at = int(filler), int(port), int(serial_at)
        self.bytes, self.packets = [int(n) for n in counts[:2]], [int(n) for n in counts[2:]]
        self.certificate = b"" if certificate == "-" else bytes.fromhex(certificate)
        self.server = server
        self.expected = {}
        self.original = self.find(starttap)
        self.truth = self.find_truth()
        self.check_truth()
        not_after = self.original.get("tls", {}).get("server", {}).get("x509", {}).get("not_after")
        self.not_after = not_after and calendar.timegm(time.strptime(not_after, "%Y-%m-%dT%H:%M:%SZ"))
        self.mail = self.original["starttap"].get("mail", {}).get("cleartext_bytes")

    def find(self, starttap):
        for event in read_events(starttap(PCAPS / self.file)):
            if event["event"]["dataset"] == "starttap.session" and self.is_client(endpoint(event, "source")):
                return event
        raise SystemExit(f"{self.file}: starttap says nothing of {self.client}")

    def is_client(self, end):
        if self.client.startswith("["):
            ip, port = self.client[1:].split("]:")
            return end == f"[{ipaddress.ip_address(ip).compressed}]:{port}"
        return end == self.client

    def find_truth(self):
        lines = (PCAPS / "truth.tsv").read_text().split("\n")
        names = lines[0].split("\t")
        for line in lines[1:]:
            row = dict(zip(names, line.split("\t")))
            if row.get("file") == self.file and self.is_client(row["client"]):
                return row
        raise SystemExit(f"{self.file}: truth.tsv says nothing of {self.client}")

    def check_truth(self):
        event, truth = self.original, self.truth
        tls, mail = event.get("tls", {}), event["starttap"].get("mail", {})
        yes_no = {True: "yes", False: "no", None: "-"}
        said = {"verdict": event["starttap"]["verdict"], "tls_version": tls.get("version", "-"),
                "cipher": tls.get("cipher", "-"), "sni": tls.get("client", {}).get("server_name", "-"),
                "resumed": yes_no[tls.get("resumed")] if tls.get("established") else "-",
                "mail_cleartext": yes_no[mail.get("cleartext", False)],
                "auth_cleartext": yes_no[mail.get("auth_cleartext", False)]}
        for name, value in said.items():
            if truth[name] != "-" and truth[name] != value:
                raise SystemExit(f"{self.file}: {name} is {value}, truth.tsv says {truth[name]}")

    def event_for(self, label, left_out):
        """What stays the same for all sessions with that server name."""
        key = (label, len(left_out))
        if key not in self.expected:
            event = renamed(copy.deepcopy(self.original), label + SERVER_NAME[2:], CLIENT_NAME)
            strip(event, left_out)
            self.expected[key] = event
        return self.expected[key]


def strip(event, paths):
    for path in paths:
        take(event, path)


def read_events(path):
    with open(path, encoding="utf-8") as lines:
        for line in lines:
            yield json.loads(line)


class Checker:
    def __init__(self, arguments):
        self.arguments = arguments
        self.cache = {}
        self.roles, self.sessions, self.total = {}, {}, None
        self.unique, self.losses = False, False
        self.problems, self.num_problems = [], 0
        self.verdicts, self.versions = collections.Counter(), collections.Counter()
        self.read_facts(arguments.capture + ".facts")

    def run_starttap(self, path):
        """Events of one of our captures, read once each."""
        if path not in self.cache:
            events = pathlib.Path(self.arguments.scratch) / (path.name + ".ndjson")
            subprocess.run([*self.arguments.starttap.split(), "-q", "-n", "--force", "-r", str(path), "-o", f"json:{events}"],
                           check=True)
            self.cache[path] = events
        return self.cache[path]

    def read_facts(self, path):
        with open(path, encoding="utf-8") as lines:
            for line in lines:
                kind, *fields = line.rstrip("\n").split("\t")
                if kind == "role":
                    self.roles[fields[0]] = Role(fields, self.run_starttap)
                elif kind == "session":
                    self.sessions[(fields[4], int(fields[5]))] = fields
                    self.unique |= fields[9] != "0" * 16
                else:
                    self.total = [int(field) for field in fields]

    def wrong(self, text):
        self.num_problems += 1
        if self.num_problems <= 20:
            self.problems.append(text)

    def compare(self, where, name, value, expected):
        if value != expected:
            self.wrong(f"{where}: {name} is {value!r}, not {expected!r}")

    def check_session(self, event):
        source, destination = event["source"], event["destination"]
        fact = self.sessions.pop((source["ip"], source["port"]), None)
        where = f"{source['ip']}:{source['port']}"
        if fact is None:
            return self.wrong(f"{where}: a session that is not there, or twice")
        role = self.roles[fact[1]]
        where += f" ({role.file})"
        verdict = event["starttap"]["verdict"]
        self.verdicts[verdict] += 1
        if event.get("tls", {}).get("established"):
            self.versions[event["tls"]["version"]] += 1
        if int(fact[10]) > 0:
            self.losses = True
            if verdict != "unknown":
                self.compare(where, "verdict", verdict, role.truth["verdict"])
            return None
        self.compare(where, "server", (destination["ip"], destination["port"]), (fact[6], role.server_port))
        self.compare(where, "community_id", event["network"]["community_id"],
                     community_id(source["ip"], source["port"], destination["ip"], destination["port"]))
        self.compare(where, "bytes", [source["bytes"], destination["bytes"]], role.bytes)
        self.compare(where, "packets", [source["packets"], destination["packets"]], role.packets)
        self.check_rest(where, event, fact, role)
        return None

    def check_rest(self, where, event, fact, role):
        self.compare(where, "start", event["event"]["start"], timestamp(int(fact[2])))
        self.compare(where, "end", event["event"]["end"], timestamp(int(fact[3])))
        smtp, mail = event["starttap"].get("smtp", {}), event["starttap"].get("mail", {})
        for name in ("ehlo", "helo"):
            said = role.original["starttap"].get("smtp", {}).get(name, "")
            said = renamed(said, fact[7] + SERVER_NAME[2:], fact[8] + CLIENT_NAME[6:])
            self.compare(where, name, smtp.get(name, ""), said)
        if role.not_after is not None:
            days_left = (role.not_after - int(fact[2]) // 1000000) // 86400
            self.compare(where, "days_left", event["starttap"]["cert"]["days_left"], days_left)
        if role.mail is not None:
            self.compare(where, "cleartext_bytes", mail.get("cleartext_bytes"), role.mail + role.filler)
        if self.unique and role.certificate:
            self.check_certificate(where, event, fact, role)
        left_out = list(VARYING)
        left_out += OF_CERTIFICATE if self.unique else []
        left_out += OF_DISORDER if fact[11:] != ["0", "0"] else []
        expected = role.event_for(fact[7], left_out)
        strip(event, left_out)
        if event != expected:
            self.wrong(f"{where}: {difference(event, expected)}")

    def check_certificate(self, where, event, fact, role):
        certificate = bytearray(role.certificate)
        for i, mask in enumerate(bytes.fromhex(fact[9])):
            certificate[role.serial_at + i] ^= mask
        server = event["tls"]["server"]
        self.compare(where, "certificate", server["hash"]["sha256"].lower(), hashlib.sha256(certificate).hexdigest())
        self.compare(where, "chain_valid", event["starttap"]["cert"]["chain_valid"], False)

    def run(self):
        ids, sensor, of_peers = set(), None, 0
        num = 0
        for event in read_events(self.arguments.events):
            num += 1
            ids.add(event["event"]["id"])
            dataset = event["event"]["dataset"]
            if dataset == "starttap.session":
                self.check_session(event)
            elif dataset == "starttap.peer":
                of_peers += event["starttap"]["peer"]["sessions"] if event["starttap"]["peer"]["kind"] == "ip" else 0
            else:
                sensor = event["starttap"]["sensor"]
        self.compare("all", "ids", len(ids), num)
        total = sum(self.verdicts.values())
        self.compare("sensor", "packets", sensor["packets"], self.total[0])
        self.compare("sensor", "sessions", sensor["sessions"], total)
        self.compare("peers", "sessions", of_peers, total)
        if not self.losses:
            self.compare("sensor", "gaps", sensor["gaps"], 0)
        for fact in self.sessions.values():
            if fact[10] == "0":
                self.wrong(f"{fact[4]}:{fact[5]}: a session that was not reported")

    def report(self):
        for problem in self.problems:
            print("wrong:", problem)
        print(f"{self.arguments.capture}: {sum(self.verdicts.values())} sessions, {self.total[0]} packets,",
              f"{self.num_problems} wrong;", ", ".join(f"{name} {num}" for name, num in self.verdicts.most_common()),
              "; TLS", ", ".join(f"{name} {num}" for name, num in self.versions.most_common()))
        return 1 if self.num_problems else 0


def difference(value, expected, path=""):
    """The first place where two values differ."""
    if isinstance(value, dict) and isinstance(expected, dict):
        for name in sorted(set(value) | set(expected)):
            if value.get(name) != expected.get(name):
                return difference(value.get(name), expected.get(name), f"{path}.{name}")
    return f"{path[1:]} is {json.dumps(value)[:300]}, not {json.dumps(expected)[:300]}"


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--starttap", required=True, help="the program with the options that made EVENTS")
    parser.add_argument("--scratch", required=True, help="a directory for files on the way")
    parser.add_argument("capture")
    parser.add_argument("events")
    checker = Checker(parser.parse_args())
    checker.run()
    sys.exit(checker.report())


if __name__ == "__main__":
    main()
