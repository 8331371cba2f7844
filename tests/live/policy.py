#!/usr/bin/env python3
"""policy.py: what real Postfix does by a TLS policy map is what --policy says of the same map and its connections.

    python3 tests/live/policy.py PROGRAM [--keep=DIRECTORY]

A Postfix with a policy map (RULES) sends a mail by each rule to each kind of server (SERVERS, Postfix too) on a switch with
a mirror port, where tcpdump captures. Each pair has a host name, an address and a rule of its own, by the same key for both.
Then, by Postfix's own log,
- where it handed its mail over, in TLS or in clear, the pair's sessions pass; where it deferred it, one fails;
- but where it wants what nobody sees, a certificate in TLS 1.3 or TLSA records, the result is unknown;
- the sessions that were sent by `may`, judged by each of the other rules, pass where Postfix sent by that rule and fail
  where it did not: so it is for mail that went on against a rule.

Needs root, tcpdump, ip, unshare, nsenter, openssl and packages that apt-get fetches; without them it ends with 77.
"""

import collections
import hashlib
import json
import re
import signal
import smtplib
import ssl
import subprocess
import sys

import mail_logs
import mail_servers
import mail_test
import span_net as net

PATIENCE = 60  # seconds until each mail is delivered or given up
SENDER, RECEIVER = "postfix", "server"
SENDER_ADDRESS = "10.20.250.1"

RULES = {  # {rsa} and {rsa_key} are the SHA-256 of the good certificate and of its key
    "none": "none",
    "may": "may",
    "encrypt": "encrypt",
    "only13": "encrypt protocols=>=TLSv1.3",
    "only12": "encrypt protocols=TLSv1.2",
    "upto12": "may protocols=<=TLSv1.2",
    "not13": "encrypt protocols=!TLSv1.3 ciphers=high",
    "ephemeral": "encrypt exclude=kRSA",
    "print": "fingerprint match={rsa}",
    "printkey": "fingerprint match=00:{zeros}|{rsa_key}",
    "printno": "fingerprint match=00:{zeros}",
    "verify": "verify",
    "secure": "secure",
    "suffix": "secure match=.example.net:.example.org",
    "other": "secure match=nowhere.example.net",
    "dane": "dane",
    "daneonly": "dane-only",
}
WANT_CERTIFICATE = ("print", "printkey", "printno", "verify", "secure", "suffix", "other")

TLS12 = "-o smtpd_tls_protocols=TLSv1.2 "
CERTIFICATE = "-o smtpd_tls_cert_file={{certs}}/{0}.pem -o smtpd_tls_key_file={{certs}}/{0}.key "
SERVERS = {
    "good": TLS12,
    "tls13": "-o smtpd_tls_protocols=TLSv1.3",
    "clear": "-o smtpd_tls_security_level=none",
    "expired": TLS12 + CERTIFICATE.format("expired"),
    "selfsigned": TLS12 + CERTIFICATE.format("selfsigned"),
    "untrusted": TLS12 + CERTIFICATE.format("other"),
    "broken": CERTIFICATE.format("missing"),  # offers STARTTLS, and refuses it
    "rsa": TLS12 + "-o smtpd_tls_ciphers=high -o tls_high_cipherlist=AES128-GCM-SHA256",
    "anonymous": TLS12 + "-o smtpd_tls_cert_file=none -o smtpd_tls_key_file= -o smtpd_tls_exclude_ciphers=",
}
MAIN = """
compatibility_level = 3.6
queue_directory = {home}/queue
data_directory = {home}/data
maillog_file = {home}/log
maillog_file_prefixes = {home}
myhostname = {name}.example.net
mydestination =
local_transport = discard:
mynetworks = 127.0.0.0/8
relay_domains = test
alias_maps =
inet_protocols = ipv4
smtpd_relay_restrictions = permit_mynetworks, permit_auth_destination, reject
smtpd_peername_lookup = no
default_process_limit = 200
"""
MAIN_SENDER = """
transport_maps = texthash:{home}/transport
smtp_tls_policy_maps = texthash:{home}/policy
smtp_host_lookup = native
smtp_dns_support_level = disabled
smtp_bind_address = {address}
smtp_tls_CAfile = {certs}/ca.pem
smtp_tls_loglevel = 1
smtp_connection_cache_on_demand = no
initial_destination_concurrency = 20
"""
MAIN_RECEIVER = """
transport_maps = inline:{{ test=discard: .test=discard: }}
smtpd_client_connection_count_limit = 0
smtpd_tls_security_level = may
smtpd_tls_cert_file = {certs}/rsa.pem
smtpd_tls_key_file = {certs}/rsa.key
smtpd_tls_exclude_ciphers = aNULL
"""


# --- pairs

def pairs():
    return [(rule, server) for rule in RULES for server in SERVERS]


def host(rule, server):
    return f"{rule}-{server}.example.org"


def address(rule, server):
    return f"10.20.{1 + list(RULES).index(rule)}.{1 + list(SERVERS).index(server)}"


def recipient(rule, server):
    return f"bob@{rule}-{server}.test"


def key(rule, server):
    return f"[{host(rule, server)}]:25"


def prints(certs):
    der = ssl.PEM_cert_to_DER_cert((certs / "rsa.pem").read_text())
    public = subprocess.run(["openssl", "pkey", "-in", certs / "rsa.key", "-pubout", "-outform", "DER"], capture_output=True, check=True).stdout
    colons = lambda digest: ":".join(digest[i:i + 2] for i in range(0, 64, 2)).upper()  # noqa: E731
    return {"rsa": colons(hashlib.sha256(der).hexdigest()), "rsa_key": hashlib.sha256(public).hexdigest(), "zeros": ":".join(["00"] * 31)}


def policy_text(words, of_rule=lambda rule: rule):
    """of_rule: by which rule a pair's key is judged."""
    return "".join(f"{key(rule, server)}  {RULES[of_rule(rule)].format(**words)}\n" for rule, server in pairs() if of_rule(rule))


# --- Postfix, twice

def start_postfix(folder, namespace, main, services, **words):
    home = folder / namespace
    mail_servers.make_queues(home)
    (home / "main.cf").write_text((MAIN + main).format(home=home, name=namespace, **words))
    (home / "master.cf").write_text(mail_servers.POSTFIX_SERVICES + mail_servers.POSTFIX_LOCAL + services)
    for name in ("transport", "policy"):
        if name in words:
            (home / name).write_text(words[name])
    return net.start(namespace, "/usr/lib/postfix/sbin/master", "-c", home, "-d", stdout=open(home / "out", "wb"),
                     stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL)


def listeners(certs):
    return "".join(f"{address(rule, server)}:25 inet n - n - - smtpd -o myhostname={host(rule, server)} {SERVERS[server].format(certs=certs)}\n"
                   for rule, server in pairs())


def hand_in():
    with smtplib.SMTP("127.0.0.1", 25, local_hostname="hand.test") as smtp:
        for rule, server in pairs():
            smtp.sendmail("ann@hand.example.net", [recipient(rule, server)], f"Subject: {rule} {server}\r\n\r\nHello.\r\n")


def exchange(folder, certs, words):
    transport = "".join(f"{recipient(*pair).split('@')[1]} smtp:{key(*pair)}\n" for pair in pairs())
    receiver = start_postfix(folder, RECEIVER, MAIN_RECEIVER, listeners(certs), certs=certs)
    sender = start_postfix(folder, SENDER, MAIN_SENDER, "", certs=certs, address=SENDER_ADDRESS, transport=transport,
                           policy=policy_text(words))
    net.wait_until(lambda: net.listens(SENDER, "127.0.0.1", 25), "Postfix to listen")
    net.wait_until(all_listen, "all servers to listen")
    net.in_namespace(SENDER, hand_in)
    log = folder / SENDER / "log"
    wanted = {recipient(*pair) for pair in pairs()}
    net.wait_until(lambda: wanted <= set(statuses(log.read_text(errors="replace"))), "all mails to be sent or deferred", PATIENCE)
    net.wait_until(lambda: not net.established(SENDER), "connections to end")
    for process in (sender, receiver):
        net.stop(process, signal.SIGTERM)
    return log.read_text(errors="replace")


def all_listen():
    shown = net.inside(RECEIVER, "ss", "-Htln", capture_output=True, text=True).stdout
    return {f"{address(*pair)}:25" for pair in pairs()} <= {line.split()[3] for line in shown.splitlines()}


def statuses(log):
    """recipient -> sent, deferred or bounced, and why"""
    return {to: (status, why) for to, status, why in re.findall(r"to=<([^>]+)>, .*status=(\w+) (.*)$", log, re.M)}


def outcomes(log):
    """pair -> (sent, cleartext or deferred, why)"""
    in_tls = {one.recipient: one.tls is not None for one in mail_logs.postfix_handovers(log)}
    found = {}
    for pair in pairs():
        status, why = statuses(log)[recipient(*pair)]
        found[pair] = ("cleartext" if status == "sent" and not in_tls[recipient(*pair)] else status, why)
    return found


# --- the sensor

def results(program, folder, certs, text, about):
    """address -> [(result, event)] of the sessions to it"""
    policy = folder / f"{about}.policy"
    policy.write_text(text)
    events = subprocess.run([program, "-n", "-q", "--ca", certs / "ca.pem", "--policy", policy, "--datasets", "session", "-o", "json:-",
                             "-r", folder / "mirror.pcap"], capture_output=True, text=True, check=True).stdout
    found = collections.defaultdict(list)
    for event in map(json.loads, events.splitlines()):
        found[event["destination"]["ip"]].append((event["starttap"].get("policy", {}).get("result"), event))
    return found


def expected(rule, event, outcome):
    """What the result of a session must be, given what Postfix does with such a server by the rule."""
    tls = event.get("tls", {})
    hidden = tls.get("established") and "anon" not in tls["cipher"]
    if rule == "dane" or rule == "daneonly" and hidden:
        return "unknown"
    if rule in WANT_CERTIFICATE and hidden and tls["version"] == "1.3":
        return "unknown"
    if RULES[rule].startswith("may") and event["starttap"]["verdict"] == "handshake_failed":
        return "pass"  # after minimal_backoff_time Postfix sends that mail in clear
    return "fail" if outcome == "deferred" else "pass"


def tell(pair, outcome, why, sessions):
    said = [f"{event['starttap']['verdict']} {event.get('tls', {}).get('version', '')}: {json.dumps(event['starttap'].get('policy'))}"
            for _, event in sessions]
    return f"{' at '.join(pair)}: Postfix: {outcome} {why}; sessions: {said}"


def check_own(found, outcome_of):
    """The sessions that were sent by each rule."""
    problems, counts = [], collections.Counter()
    for pair in pairs():
        outcome, why = outcome_of[pair]
        sessions = found[address(*pair)]
        for result, event in sessions:
            counts[outcome, result] += 1
            if result != expected(pair[0], event, outcome):
                problems.append(tell(pair, outcome, why, [(result, event)]))
        if bool(sessions) == (pair[0] == "daneonly"):  # for want of DNSSEC there is no connection
            problems.append("sessions: " + tell(pair, outcome, why, sessions))
    return problems, counts


def check_lenient(found, outcome_of, rule):
    """The sessions that were sent by `may`, judged by another rule."""
    problems, counts = [], collections.Counter()
    for server in SERVERS:
        outcome, why = outcome_of[rule, server]
        result, event = found[address("may", server)][-1]  # the one in which the mail went
        counts[outcome, result] += 1
        if result != expected(rule, event, outcome):
            problems.append("sent by may: " + tell((rule, server), outcome, why, [(result, event)]))
    return problems, counts


def show(about, counts):
    print(f"{about}: " + ", ".join(f"{outcome} and {result}: {number}" for (outcome, result), number in sorted(counts.items(), key=str)))


def check_variety(outcome_of):
    """That the traffic was what this test is for."""
    counts = collections.Counter(outcome for outcome, _ in outcome_of.values())
    problems = [f"only {counts[outcome]} pairs were {outcome}" for outcome, least in (("sent", 40), ("cleartext", 10), ("deferred", 40))
                if counts[outcome] < least]
    return problems + [tell(pair, outcome, why, []) for pair, (outcome, why) in outcome_of.items()
                       if outcome not in ("sent", "cleartext", "deferred")]


# --- the whole

def run_test(program, folder):
    certs = folder / "certs"
    certs.mkdir()
    subprocess.run(["sh", str(mail_test.ROOT / "pcaps" / "make" / "certs.sh")], cwd=certs, check=True)
    words = prints(certs)
    net.build({SENDER: [SENDER_ADDRESS + "/16"], RECEIVER: [address(*pair) + "/16" for pair in pairs()]})
    tcpdump = net.start_tcpdump(folder / "mirror.pcap")
    outcome_of = outcomes(exchange(folder, certs, words))
    net.stop(tcpdump)
    problems = check_variety(outcome_of)
    found = results(program, folder, certs, policy_text(words), "own")
    more, counts = check_own(found, outcome_of)
    show(f"{len(pairs())} pairs", counts)
    problems += more
    total = collections.Counter()
    for rule in RULES:
        found = results(program, folder, certs, policy_text(words, lambda one, rule=rule: rule if one == "may" else None), rule)
        more, counts = check_lenient(found, outcome_of, rule)
        problems += more
        total += counts
    show("sent by may, judged by each rule", total)
    return problems


def names():
    lines = ["127.0.0.1 localhost"] + [f"{address(*pair)} {host(*pair)}" for pair in pairs()]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    sys.exit(mail_test.main("policy", __doc__, names(), run_test, "as Postfix did, for every pair"))
