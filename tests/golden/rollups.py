#!/usr/bin/env python3
"""rollups.py: events of peers are a fold over those of sessions, in every number and for every kind of peer.

    python3 tests/golden/rollups.py PROGRAM

Folds the sessions of all bundled captures, without and with home networks; then those of each window; then once more with room
for a few peers only, where the sums of each kind must be the same and no peer may have more than is its own.
"""
import collections
import re
import subprocess
import sys

import bundled

ENCRYPTED = {"starttls", "implicit_tls"}
LEFT_OUT = {"no_mail", "not_smtp", "unknown"}
KINDS = ("ip", "name", "domain")
NUMBERS = ("sessions", "messages_cleartext", "bytes_cleartext", "auth_cleartext", "adoption.encrypted", "adoption.total")
LISTS = ("tls_versions", "ciphers", "findings")


def host_name(text):
    """As it is compared; None when it is no name of a host in a domain."""
    name = text[:-1] if text.endswith(".") else text
    name = re.sub("[A-Z]", lambda letter: letter[0].lower(), name)
    labels = name.split(".")
    good = len(labels) > 1 and len(name) < 254 and not re.fullmatch("[0-9]+", labels[-1])
    stars = labels[1:] if labels[0] == "*" else labels
    return name if good and all(re.fullmatch("[a-z0-9_-]{1,63}", label) for label in stars) else None


def subject(session, end):
    common = session.get(f"tls.{end}.x509.subject.common_name")
    return common or session.get(f"tls.{end}.x509.alternative_names", [None])[0]


def names_of(session):
    """The names of hosts that a session (flat) shows of its peer."""
    if session.get("network.direction") == "inbound":
        texts = [session.get("starttap.smtp.ehlo"), session.get("starttap.smtp.helo"), subject(session, "client")]
    else:
        texts = [session.get("starttap.smtp.banner", "").split(" ")[0], session.get("starttap.smtp.server_name"),
                 session.get("tls.client.server_name"), subject(session, "server"), session.get("destination.domain")]
    return {host_name(text) for text in texts if text} - {None}


def domain_of(name, known={}):
    """By psl(1), which asks the same list."""
    name = name.removeprefix("*.")
    if name not in known:
        said = subprocess.run(["psl", "--print-reg-domain", name], check=True, capture_output=True, text=True).stdout
        known[name] = said.strip().split(": ")[-1]
    return None if known[name] in ("", "(null)") else known[name]


def peers_of(session):
    """(kind, name) of each peer that the session counts for."""
    names = names_of(session)
    yield "ip", session["source.ip" if session.get("network.direction") == "inbound" else "destination.ip"]
    yield from (("name", name) for name in names)
    yield from (("domain", domain) for domain in {domain_of(name) for name in names} - {None})


def numbers_of(session):
    """What one session adds, by the name of the number."""
    verdict = session["starttap.verdict"]
    yield "sessions", 1
    yield f"verdicts.{verdict}", 1
    yield "adoption.encrypted", int(verdict in ENCRYPTED)
    yield "adoption.total", int(verdict not in LEFT_OUT)
    yield "auth_cleartext", int(session.get("starttap.mail.auth_cleartext", False))
    if session.get("starttap.mail.cleartext"):
        yield "messages_cleartext", session.get("starttap.mail.transactions", 1)
        yield "bytes_cleartext", session.get("starttap.mail.cleartext_bytes", 0)
    if session.get("tls.established"):
        yield from ((f"{of}.{session[name]}", 1) for of, name in (("tls_versions", "tls.version"), ("ciphers", "tls.cipher"))
                    if name in session)
    yield from ((f"findings.{name}", 1) for name in session.get("starttap.findings", []))


def fold(sessions):
    found = collections.defaultdict(collections.Counter)
    for session in sessions:
        for peer in peers_of(session):
            found[*peer, session.get("network.direction")].update(dict(numbers_of(session)))
    return {peer: +numbers for peer, numbers in found.items()}


def told(event):
    """The numbers of an event of a peer, flat."""
    peer = event["starttap"]["peer"]
    flat = bundled.flatten(peer)
    numbers = collections.Counter({name: flat[name] for name in NUMBERS})
    numbers.update({f"verdicts.{name}": number for name, number in peer["verdicts"].items()})
    for name in LISTS:
        numbers.update({f"{name}.{item['name']}": item["sessions"] for item in peer.get(name, [])})
    if flat["adoption.total"] and abs(flat["adoption.ratio"] - flat["adoption.encrypted"] / flat["adoption.total"]) > 1e-6:
        raise AssertionError(f"ratio of {peer}")
    return +numbers


def stream(starttap, *arguments):
    return bundled.parse(bundled.run(starttap, *bundled.SETTINGS, "-o", "json:-", "-r", bundled.PCAPS, *arguments))


def events(starttap, *arguments):
    found = stream(starttap, *arguments)
    sessions = [bundled.flatten(event) for event in found if event["event"]["dataset"] == "starttap.session"]
    return sessions, [event for event in found if event["event"]["dataset"] == "starttap.peer"]


def key(event):
    peer = event["starttap"]["peer"]
    return peer["kind"], peer["name"], peer.get("direction")


def check_all(starttap, *arguments):
    """Every peer has its event, with its numbers."""
    sessions, peers = events(starttap, *arguments)
    expected, found = fold(sessions), {key(event): told(event) for event in peers}
    assert len(found) == len(peers), "two events of one peer in one window"
    assert len({event["event"]["id"] for event in peers}) == len(peers), "an event.id twice"
    assert {kind for kind, _, _ in found} == set(KINDS), "a kind is missing"
    assert found == expected, sorted(set(map(str, found.items())) ^ set(map(str, expected.items())))[:4]
    return len(peers)


def check_windows(starttap, *arguments):
    """Each window's events are a fold over the sessions that came since the window before."""
    windows, sessions, peers = [], [], []
    for event in [*stream(starttap, *arguments), None]:
        dataset = event and event["event"]["dataset"]
        if dataset == "starttap.peer":
            peers.append(event)
        elif peers and dataset != "starttap.sensor":
            window, = {(peer["event"]["start"], peer["event"]["end"]) for peer in peers}
            found, expected = {key(peer): told(peer) for peer in peers}, fold(sessions)
            assert len(found) == len(peers) and found == expected, sorted(set(map(str, found.items())) ^ set(map(str, expected.items())))[:4]
            assert not windows or windows[-1][1] <= window[0], f"{window} after {windows[-1]}"
            windows.append(window)
            sessions, peers = [], []
        if dataset == "starttap.session":
            sessions.append(bundled.flatten(event))
    assert not sessions and len(windows) > 4, f"only {len(windows)} windows: this test is broken"
    return len(windows)


def check_sums(starttap, *arguments):
    """With room for few, sums stay the same."""
    sessions, peers = events(starttap, *arguments)
    expected, sums = fold(sessions), collections.defaultdict(collections.Counter)
    for peer, numbers in expected.items():
        sums[peer[0], peer[2]].update(numbers)
    rolled_up = 0
    for event in peers:
        kind, name, direction = key(event)
        rolled_up += event["starttap"]["peer"].get("rolled_up", 0)
        assert name == "other" or told(event) <= expected[kind, name, direction], (name, told(event))
        assert (name == "other") == ("rolled_up" in event["starttap"]["peer"])
        sums[kind, direction].subtract(told(event))
    left = {of: {name: number for name, number in numbers.items() if number} for of, numbers in sums.items()}
    assert not any(left.values()), left
    return rolled_up


def main():
    starttap = bundled.program(sys.argv[1:])
    home = ("--home", "192.0.2.0/24", "--home", "127.0.0.0/8", "--home", "2001:db8::/32")
    num = check_all(starttap) + check_all(starttap, *home) + check_all(starttap, "--workers", "2")
    rolled_up = sum(check_sums(starttap, "--max-peers", str(most), *more)
                    for most in (1, 2, 3) for more in ((), home, ("--peer-window", "60")))
    windows = check_windows(starttap, "--peer-window", "60") + check_windows(starttap, "--peer-window", "60", *home, "--workers", "2")
    assert rolled_up > 100, f"only {rolled_up} peers made room: this test is broken"
    print(f"rollups: {num} events of peers are what their sessions add up to, and so are those of {windows} windows; {rolled_up} peers made room, and sums stayed")


if __name__ == "__main__":
    main()
