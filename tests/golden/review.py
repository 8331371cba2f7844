#!/usr/bin/env python3
"""review.py: compares the golden events with what tshark and openssl say of the same captures.

    python3 tests/golden/review.py [--rest] [NAME...]

For whoever changes golden files; needs tshark 4 and is no part of the test run. Every field that tshark, openssl or the short
SMTP reader beside this script can speak of is worked out anew, without starttap, and compared; verdicts and what only
the mail software knows are in truth.tsv (truth.py). --rest lists the fields, with their values, that are left to the
reader's own eyes.
"""
import collections
import datetime
import hashlib
import json
import re
import subprocess
import sys
import tempfile

import bundled
import review_smtp
import truth

EVENTS = bundled.ROOT / "tests" / "golden" / "events"
PORTS = ["-d", "tcp.port==587,smtp", "-d", "tcp.port==2525,smtp", "-d", "tcp.port==10025,smtp"]
VERSIONS = {0x0301: "1.0", 0x0302: "1.1", 0x0303: "1.2", 0x0304: "1.3"}
HELLO_RETRY = "cf21ad74e59a6111be1d8c021e65b891c2a211167abb8c5e079e09e2c8a8339c"      # RFC 8446 4.1.3
ALERTS = {0: "close_notify", 10: "unexpected_message", 40: "handshake_failure", 42: "bad_certificate", 45: "certificate_expired",
          48: "unknown_ca", 70: "protocol_version", 116: "certificate_required"}
SCHEMES = {0x0401: "rsa_pkcs1_sha256", 0x0403: "ecdsa_secp256r1_sha256", 0x0804: "rsa_pss_rsae_sha256", 0x0807: "ed25519"}
GROUPS = {23: "secp256r1", 24: "secp384r1", 25: "secp521r1", 29: "x25519"}

T = "tls.handshake."
WANTED = ["frame.time_epoch", "tcp.stream", "ip.src", "ipv6.src", "ip.dst", "ipv6.dst", "tcp.srcport", "tcp.dstport", "vlan.id", "communityid",
          "tcp.seq", "tcp.len", "tcp.flags", "frame.len", "frame.cap_len", "ip.id", "tls.record.content_type",
          "tls.alert_message.desc", T + "type", T + "version", T + "ciphersuite", T + "random",
          T + "extensions.supported_version", T + "extension.type", T + "extensions_server_name",
          T + "extensions_alpn_str", T + "extensions_key_share_group", T + "extensions_key_share_selected_group",
          T + "server_named_curve", T + "p_len", T + "sig_hash_alg", T + "comp_method", T + "ja3", T + "ja3s",
          T + "certificate"]


def tshark(path, *options):
    done = subprocess.run(["tshark", "-r", path, "-n", *PORTS, "--enable-protocol", "communityid", *options], capture_output=True, text=True)
    if done.returncode != 0:
        raise RuntimeError(done.stderr)
    return done.stdout


def suite_names():
    """Code: IANA name, as tshark has them."""
    shown = subprocess.run(["tshark", "-G", "values"], capture_output=True, text=True, check=True).stdout
    return {int(code, 0): name for code, name in re.findall(r"^V\ttls\.handshake\.ciphersuite\t(\w+)\t(\S+)$", shown, re.M)}


class Frame(dict):
    """Field: all of its values in the frame."""

    def one(self, name):
        return self[name][-1] if self[name] else None               # the innermost, in a tunnel

    def numbers(self, name):
        return [int(text, 0) for text in self[name]]

    def sender(self):
        return truth.end(self.one("ipv6.src") or self.one("ip.src"), self.one("tcp.srcport"))


def dissected(path, num_streams, keys):
    """Every TCP packet's fields, and what crossed in each of the streams, by its number."""
    options = [word for name in WANTED for word in ("-e", name)]
    options += [word for stream in range(num_streams) for word in ("-z", f"follow,tcp,raw,{stream}")]
    options += ["-o", f"tls.keylog_file:{keys}", "-z", "follow,tls,raw,0"] if keys else []
    shown = tshark(path, "-Y", "tcp", "-T", "fields", "-E", "occurrence=a", "-E", "aggregator=|", *options)
    packets, *followed = re.split(r"\n=+\nFollow: ", shown)
    followed = {"inside" if part.startswith("tls") else int(re.search(r"stream eq (\d+)", part)[1]): part for part in followed}
    frames = [Frame((name, text.split("|") if text else []) for name, text in zip(WANTED, line.split("\t")))
              for line in packets.splitlines() if line.count("\t") == len(WANTED) - 1]
    return frames, followed


# ---- TCP

def seconds(epoch):
    whole, fraction = epoch.split(".")
    return int(whole) * 10**9 + int(fraction.ljust(9, "0"))


def moment(ns):
    text = datetime.datetime.fromtimestamp(ns // 10**9, datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%S")
    return f"{text}.{ns % 10**9:09d}Z"


def covered(frames):
    """Bytes of the sequence space that crossed, each counted once."""
    num, until = 0, 0
    for start, length in sorted((int(frame.one("tcp.seq")), int(frame.one("tcp.len"))) for frame in frames):
        if length:
            num += max(0, start + length - max(start, until))
            until = max(until, start + length)
    return num


def without_doubles(frames):
    """One of each packet that was seen in several places."""
    return list({(frame.sender(), frame.one("ip.id"), frame.one("tcp.seq"), frame.one("tcp.flags"), frame.one("tcp.len")): frame
                 for frame in frames}.values())


def tcp_facts(frames, client, many_times):
    first, last = (seconds(frames[at].one("frame.time_epoch")) for at in (0, -1))
    facts = {"@timestamp": moment(first), "event.start": moment(first), "event.end": moment(last), "event.duration": last - first,
             "network.community_id": frames[0].one("communityid"), "network.vlan.id": frames[0]["vlan.id"][0] if frames[0]["vlan.id"] else None}
    doubles = len(frames)
    frames = without_doubles(frames) if many_times else frames
    facts["starttap.capture.duplicates"] = doubles - len(frames) or None
    for end, mine in (("source", True), ("destination", False)):
        of_end = [frame for frame in frames if (frame.sender() == client) == mine]
        facts[f"{end}.packets"], facts[f"{end}.bytes"] = len(of_end), covered(of_end)
    if any(frame["frame.len"] != frame["frame.cap_len"] for frame in frames):
        facts["starttap.capture.truncated"] = True
        facts["all bytes"] = facts.pop("source.bytes") + facts.pop("destination.bytes")
    return facts


# ---- TLS

def no_grease(numbers):
    return [number for number in numbers if number & 0x0F0F != 0x0A0A or number >> 8 != number & 0xFF]


def ja4(hello, versions, extensions):
    """https://github.com/FoxIO-LLC/ja4, technical_details/JA4.md"""
    ciphers = no_grease(hello.numbers(T + "ciphersuite"))
    alpn = hello[T + "extensions_alpn_str"]
    digest = lambda text: hashlib.sha256(text.encode()).hexdigest()[:12] if text else "0" * 12      # noqa: E731
    name = "d" if hello[T + "extensions_server_name"] else "i"
    ends = alpn[0][0] + alpn[0][-1] if alpn else "00"
    head = f"t{max(versions).replace('.', '')}{name}{len(ciphers):02d}{len(extensions):02d}{ends}"
    kept = ",".join(sorted(f"{number:04x}" for number in extensions if number not in (0, 16)))
    schemes = ",".join(f"{number:04x}" for number in no_grease(hello.numbers(T + "sig_hash_alg")))
    return f"{head}_{digest(','.join(sorted(f'{c:04x}' for c in ciphers)))}_{digest(kept + ('_' + schemes if schemes else ''))}"


def client_hello_facts(hello, names):
    extensions = no_grease(hello.numbers(T + "extension.type"))
    offered = no_grease(hello.numbers(T + "extensions.supported_version")) or hello.numbers(T + "version")
    versions = [VERSIONS[number] for number in offered]
    ciphers = hello.numbers(T + "ciphersuite")
    return {"tls.client.server_name": hello.one(T + "extensions_server_name"), "tls.client.ja3": hello.one(T + "ja3"),
            "tls.client.supported_ciphers": [names[number] for number in ciphers], "starttap.tls.client_versions": versions,
            "starttap.tls.early_data": 42 in extensions, "starttap.tls.ech": 0xFE0D in extensions, "starttap.tls.legacy_hello": False,
            "starttap.tls.fallback_scsv": 0x5600 in ciphers, "starttap.tls.ja4": ja4(hello, versions, extensions)}


def bits(cipher):
    for pattern, number in (("NULL", 0), ("3DES", 168), ("256|CHACHA20", 256), ("128", 128)):
        if re.search(f"_({pattern})(_|$)", cipher.replace("_3DES_EDE", "_3DES")):
            return number
    return None


def server_hello_facts(hello, servers, retried, names):
    version = VERSIONS[(hello.numbers(T + "extensions.supported_version") or hello.numbers(T + "version"))[0]]
    cipher = names[hello.numbers(T + "ciphersuite")[0]]
    groups = hello.numbers(T + "extensions_key_share_group")
    groups += [number for frame in servers for number in frame.numbers(T + "server_named_curve")]
    primes = [number * 8 for frame in servers for number in frame.numbers(T + "p_len")]
    group = GROUPS[groups[0]] if groups else None
    signed = [frame.numbers(T + "sig_hash_alg")[0] for frame in servers
              if {"12", "15"} & set(frame[T + "type"]) and frame[T + "sig_hash_alg"] and "anon" not in cipher]
    return {"tls.version": version, "tls.version_protocol": "tls", "tls.cipher": cipher, "tls.server.ja3s": hello.one(T + "ja3s"),
            "tls.curve": group, "starttap.tls.key_exchange_group": group, "starttap.tls.post_quantum": False if group else None,
            "starttap.tls.dh_bits": primes[0] if primes else None, "starttap.tls.cipher_bits": bits(cipher),
            "starttap.tls.forward_secrecy": version == "1.3" or "DHE_" in cipher or "DH_anon" in cipher,
            "starttap.tls.signature_scheme": SCHEMES[signed[0]] if signed and version in ("1.2", "1.3") else None,
            "starttap.tls.hello_retry": retried, "starttap.tls.compression": hello.numbers(T + "comp_method")[0] != 0,
            "tls.next_protocol": hello.one(T + "extensions_alpn_str")}


def tls_facts(frames, client, names):
    facts, alerts, encrypted = {}, [], 0
    clients = [frame for frame in frames if frame.sender() == client]
    servers = [frame for frame in frames if frame.sender() != client]
    hellos = [frame for frame in clients if "1" in frame[T + "type"] and frame[T + "ciphersuite"]]
    answers = [frame for frame in servers if "2" in frame[T + "type"]]
    final = [frame for frame in answers if frame.one(T + "random").replace(":", "") != HELLO_RETRY]
    if hellos:
        facts.update(client_hello_facts(hellos[0], names))
    if final:
        facts.update(server_hello_facts(final[0], servers, len(final) < len(answers), names))
    for frame in frames:
        seen = [] if "NULL" in facts.get("tls.cipher", "") else frame.numbers("tls.alert_message.desc")     # tshark reads on
        side = "client" if frame.sender() == client else "server"
        alerts += [f"{side}:{ALERTS[number]}" for number in seen]
        encrypted += frame.numbers("tls.record.content_type").count(21) - len(seen)
    facts["starttap.tls.alerts"] = sorted(alerts) or None
    if facts.get("tls.version") != "1.3" and clients:                              # tshark sees no type inside 1.3, and needs both sides
        facts["starttap.tls.encrypted_alerts"] = encrypted or None
    psk = bool(final) and "41" in final[0][T + "extension.type"]
    return {**facts, **certificate_facts(facts, clients, servers, frames[0], psk)}


# ---- certificates

def x509_shows(der, *options):
    done = subprocess.run(["openssl", "x509", "-inform", "DER", "-noout", *options], input=der, capture_output=True, check=True)
    return done.stdout.decode()


def x509(der):
    def shown(*options):
        return x509_shows(der, *options)

    def attribute(text, name):
        found = re.search(rf"(?:^|[,=]){name}=([^,\n]*)", text)
        return found[1] if found else None

    text = shown("-text")
    subject, issuer = (shown("-nameopt", "RFC2253", "-" + name).strip().split("=", 1)[1] for name in ("subject", "issuer"))
    start, end = (datetime.datetime.strptime(line.split("=")[1], "%Y-%m-%d %H:%M:%SZ").strftime("%Y-%m-%dT%H:%M:%SZ")
                  for line in shown("-dates", "-dateopt", "iso_8601").splitlines())
    algorithm = re.search(r"Public Key Algorithm: (\S+)", text)[1]
    size = re.search(r"Public-Key: \((\d+) bit\)", text)
    curve = re.search(r"ASN1 OID: (\S+)", text)
    return {"hash.sha256": hashlib.sha256(der).hexdigest(), "x509.subject.distinguished_name": subject,
            "x509.issuer.distinguished_name": issuer, "x509.subject.common_name": attribute(subject, "CN"),
            "x509.issuer.common_name": attribute(issuer, "CN"), "x509.alternative_names": re.findall(r"DNS:([^,\s]+)", text) or None,
            "x509.not_before": start, "x509.not_after": end, "x509.serial_number": shown("-serial").strip().split("=")[1],
            "x509.signature_algorithm": re.search(r"Signature Algorithm: (\S+)", text)[1], "x509.public_key_algorithm": algorithm,
            "x509.public_key_size": int(size[1]) if size else 256 if algorithm == "ED25519" else None,
            "x509.public_key_curve": {"prime256v1": "secp256r1"}.get(curve[1], curve[1]) if curve else None}


def verify(chain, at, *options):
    """What openssl's own program says of a chain, at the time of the capture: None or the reason."""
    with tempfile.NamedTemporaryFile() as leaf, tempfile.NamedTemporaryFile() as rest:
        pem = [subprocess.run(["openssl", "x509", "-inform", "DER"], input=der, capture_output=True, check=True).stdout for der in chain]
        for file, content in ((leaf, pem[0]), (rest, b"".join(pem[1:]))):
            file.write(content)
            file.flush()
        untrusted = ["-untrusted", rest.name] if chain[1:] else []
        done = subprocess.run(["openssl", "verify", "-no-CApath", "-no-CAstore", "-CAfile", bundled.PCAPS / "certs" / "ca.pem", "-attime",
                               str(at), "-auth_level", "0", *untrusted, *options, leaf.name], capture_output=True, text=True)
    error = re.search(r"error \d+ at \d+ depth lookup: (.*)", done.stdout + done.stderr)
    return error[1] if error else None


def certificate_facts(facts, clients, servers, first, psk):
    version = facts.get("tls.version")
    if version in (None, "1.3") and not any(frame[T + "certificate"] for frame in servers):
        return {"starttap.cert.visible": False, "starttap.cert.absent_reason": "resumed" if psk else "tls13_encrypted"} if version else {}
    chain, own = ([bytes.fromhex(text.replace(":", "")) for frame in side for text in frame[T + "certificate"]] for side in (servers, clients))
    requested = any("13" in frame[T + "type"] for frame in servers)
    found = {f"tls.client.{name}": value for name, value in (x509(own[0]) if own else {}).items()}
    if not chain:
        return {**found, "starttap.cert.visible": False}
    at = seconds(first.one("frame.time_epoch")) // 10**9
    leaf = x509(chain[0])
    error = verify(chain, at, "-purpose", "sslserver")
    name = facts["tls.client.server_name"] or "mx.example.org"
    left = datetime.datetime.fromisoformat(leaf["x509.not_after"]).timestamp() - at
    return {**found, **{f"tls.server.{key}": value for key, value in leaf.items()},
            "starttap.cert.visible": True, "starttap.cert.absent_reason": None, "starttap.cert.chain_length": len(chain),
            "starttap.cert.chain_valid": error is None, "starttap.cert.chain_error": error, "starttap.cert.expected_name": name,
            "starttap.cert.name_match": "does match" in x509_shows(chain[0], "-checkhost", name),
            "starttap.cert.self_signed": leaf["x509.subject.distinguished_name"] == leaf["x509.issuer.distinguished_name"],
            "starttap.cert.days_left": int(left // 86400), "starttap.client_cert.requested": requested,
            "starttap.client_cert.sent": bool(own)}


# ---- peers

ENCRYPTED = ("starttls", "implicit_tls")
LEFT_OUT = ("no_mail", "not_smtp", "unknown")


def counted(values):
    counts = collections.Counter(values)
    return [{"name": name, "sessions": num} for name, num in sorted(counts.items())] or None


def peer_facts(sessions, peer):
    """What the session events of a server say together."""
    of_peer = [one for one in sessions if one["destination.ip"] == peer]
    verdicts = collections.Counter(one["starttap.verdict"] for one in of_peer)
    encrypted = sum(verdicts[name] for name in ENCRYPTED)
    offered = [one["starttap.starttls.offered"] for one in of_peer if "starttap.starttls.offered" in one]
    total = len(of_peer) - sum(verdicts[name] for name in LEFT_OUT)
    in_clear = [one for one in of_peer if one.get("starttap.mail.cleartext")]
    facts = {"sessions": len(of_peer), "adoption.encrypted": encrypted, "adoption.total": total,
             "adoption.ratio": encrypted / total if total else None, "role": "server",
             "tls_versions": counted(one["tls.version"] for one in of_peer if one.get("tls.established") and "tls.version" in one),
             "ciphers": counted(one["tls.cipher"] for one in of_peer if one.get("tls.established") and "tls.cipher" in one),
             "findings": counted(name for one in of_peer for name in one.get("starttap.findings", [])),
             "bytes_cleartext": sum(one.get("starttap.mail.cleartext_bytes", 0) for one in in_clear),
             "messages_cleartext": sum(one.get("starttap.mail.transactions", 1) for one in in_clear),
             "auth_cleartext": sum(one.get("starttap.mail.auth_cleartext", False) for one in of_peer),
             "first_seen": min(one["event.start"] for one in of_peer), "last_seen": max(one["event.end"] for one in of_peer),
             "ever_offered": any(offered) if offered else None}
    return {f"starttap.peer.{name}": value for name, value in facts.items()}


# ---- comparing

def worked_out(path, names, keys):
    """(client, server) of each connection: what the others say of it."""
    found, streams = {}, collections.defaultdict(list)
    rows = {(row["client"], row["server"]) for row in truth.rows_by_file()[path.name]}
    all_frames, followed = dissected(path, len(rows), keys)
    for frame in all_frames:
        streams[int(frame.one("tcp.stream"))].append(frame)
    for stream, frames in streams.items():
        ends = (frames[0].sender(), truth.end(frames[0].one("ipv6.dst") or frames[0].one("ip.dst"), frames[0].one("tcp.dstport")))
        ends = ends if ends in rows else ends[::-1]
        facts = {**tcp_facts(frames, ends[0], "many-times" in path.name), **tls_facts(frames, ends[0], names)}
        whole = not re.match("midstream|one-sided|snaplen|postfix-http-client", path.name)
        smtp = review_smtp.facts(followed[stream], followed.get("inside", "")) if whole else {}
        found[ends] = {**facts, **smtp}
    return found


def main():
    names = suite_names()
    problems, num, rest = [], 0, collections.defaultdict(collections.Counter)
    wanted = [word for word in sys.argv[1:] if word != "--rest"]
    for run, path, keys in bundled.runs():
        if wanted and run not in wanted:
            continue
        facts = worked_out(path, names, keys)
        found = [json.loads(line) for line in (EVENTS / f"{run}.ndjson").read_text().splitlines()]
        sessions = [event for event in found if event["event"]["dataset"] == "starttap.session"]
        peers = [flat for flat in map(bundled.flatten, found[len(sessions):]) if flat["starttap.peer.kind"] == "ip"]
        for flat in peers: # names and domains: rollups.py
            for name, value in peer_facts([*map(bundled.flatten, sessions)], flat["starttap.peer.ip"]).items():
                num += 1
                shown = sorted(flat[name], key=lambda item: item["name"]) if isinstance(value, list) else flat.get(name)
                if shown != value:
                    problems.append(f"{run} peer: {name} is {flat.get(name)}, its sessions say {value}")
        for event in sessions:
            flat, ends = bundled.flatten(event), truth.ends(event)
            flat["all bytes"] = flat["source.bytes"] + flat["destination.bytes"] + flat.get("starttap.capture.gap_bytes", 0)
            for name, value in facts[ends].items():
                num += 1
                not_decided = name.startswith("starttap.client_cert.") and name not in flat and "starttap.tls.alerts" in flat
                if flat.get(name) != value and not not_decided:
                    problems.append(f"{run} {ends[0]}: {name} is {flat.get(name)}, the others say {value}")
            for name in set(flat) - set(facts[ends]):
                rest[name][f"{run}: {flat[name]}"] += 1
    if "--rest" in sys.argv:
        for name in sorted(rest):
            print(name, *sorted(rest[name]), sep="\n    ")
    bundled.finish("review", num, problems)


if __name__ == "__main__":
    main()
