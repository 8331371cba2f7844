#!/usr/bin/env python3
"""tshark_compare.py: what the sensor reads from TLS handshakes is what tshark reads from them.

    tests/live/tshark_compare.py [--program PATH] [--all] DIR|CAPTURE...

For each capture and TCP connection: version, cipher suite, server name, certificate (SHA-256 of the first one), JA3
and JA3S as tshark has them, and JA4 as ja4.py beside this script makes it from tshark's fields. A field that only
one of the two has is a difference, too. The sensor runs with every port as a TLS port; and once more looking for
mail alone, which must say the same of the connections that it then reports.

tshark_differences.md lists differences whose reason is known. One that is not in it makes the exit status 1.
Without arguments the bundled captures are compared; 77 when tshark is missing.
"""

import argparse
import collections
import concurrent.futures
import functools
import gzip
import hashlib
import pathlib
import shutil
import subprocess
import sys
import tempfile

import ja4

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests"))
import validate  # noqa: E402

KNOWN = pathlib.Path(__file__).with_name("tshark_differences.md")
SUFFIXES = (".pcap", ".pcapng", ".cap", ".gz")
FIELDS = ("version", "cipher", "sni", "certificate", "ja3", "ja3s", "ja4")
SKIP = 77
COLUMNS = {
    "stream": "tcp.stream",
    "ip": "ip.src", "ip6": "ipv6.src", "to": "ip.dst", "to6": "ipv6.dst",
    "port": "tcp.srcport", "to_port": "tcp.dstport",
    "type": "tls.handshake.type",
    "version": "tls.handshake.version",
    "suites": "tls.handshake.ciphersuite",
    "extensions": "tls.handshake.extension.type",
    "versions": "tls.handshake.extensions.supported_version",
    "name": "tls.handshake.extensions_server_name",
    "alpn": "tls.handshake.extensions_alpn_str",
    "schemes": "tls.handshake.sig_hash_alg",
    "scheme_bytes": "tls.handshake.sig_hash_alg_len",
    "certificates": "tls.handshake.certificate",
    "ja3": "tls.handshake.ja3",
    "ja3s": "tls.handshake.ja3s",
}
CLIENT_HELLO, SERVER_HELLO, CERTIFICATE = 1, 2, 11
SIGNATURE_ALGORITHMS, DELEGATED_CREDENTIAL, SIGNATURE_ALGORITHMS_CERT = 13, 34, 50
VERSIONS = {0x0002: "2.0", 0x0300: "3.0", 0x0301: "1.0", 0x0302: "1.1", 0x0303: "1.2", 0x0304: "1.3"}

EVERY_PORT = ("--tls-ports", "1-65535")
AS_MAIL = ("--mail-ports", "25,587,2525", "--tls-ports", "465", "--any-port")

Difference = collections.namedtuple("Difference", "file connection field ours theirs")


def plain_copy(path, folder):
    """tshark reads .gz by itself, but not one inside which a compressed file is named otherwise."""
    if path.suffix != ".gz":
        return path
    copy = pathlib.Path(folder) / path.stem
    with gzip.open(path) as packed, open(copy, "wb") as out:
        shutil.copyfileobj(packed, out)
    return copy


def numbers(text):
    return [int(word, 0) for word in text.split("|")] if text else []


def last(*texts):
    """The innermost address: of a tunnel's packet tshark lists all."""
    for text in texts:
        if text:
            return text.split("|")[-1]
    return ""


def rows_of_tshark(path):
    command = ["tshark", "-n", "-r", str(path), "-Y", "tls.handshake.type", "-T", "fields", "-E", "separator=/t",
               "-E", "aggregator=|", "-E", "occurrence=a", "-o", "tcp.reassemble_out_of_order:TRUE",
               "-o", "tcp.check_checksum:FALSE", "-o", "ip.check_checksum:FALSE"]
    for field in COLUMNS.values():
        command += ["-e", field]
    done = subprocess.run(command, capture_output=True, text=True, errors="replace", check=False)
    for line in done.stdout.split("\n"):
        values = line.split("\t")
        if len(values) == len(COLUMNS):
            yield dict(zip(COLUMNS, values))


def ends_of(row):
    source = (last(row["ip6"], row["ip"]), int(last(row["port"])))
    return source, (last(row["to6"], row["to"]), int(last(row["to_port"])))


def signature_algorithms(row):
    """tshark puts the lists of three extensions into one field, in their order."""
    schemes, lengths = numbers(row["schemes"]), numbers(row["scheme_bytes"])
    lists = (SIGNATURE_ALGORITHMS, DELEGATED_CREDENTIAL, SIGNATURE_ALGORITHMS_CERT)
    for extension, length in zip([e for e in numbers(row["extensions"]) if e in lists], lengths):
        if extension == SIGNATURE_ALGORITHMS:
            return schemes[: length // 2]
        schemes = schemes[length // 2:]
    return []


def take_client_hello(found, row):
    if "ja3" in found or not row["ja3"]:
        return
    found["ja3"] = row["ja3"].split("|")[0]
    if row["name"]:
        found["sni"] = row["name"].split("|")[0]
    alpn = row["alpn"].split("|")[0].encode("latin-1", "replace")
    version = numbers(row["version"])[0]
    found["ja4"] = ja4.ja4(version, numbers(row["suites"]), numbers(row["extensions"]), alpn,
                           signature_algorithms(row), numbers(row["versions"]))


def take_server_hello(found, row):
    if not row["suites"] or not row["ja3s"]:
        return
    found["ja3s"] = row["ja3s"].split("|")[0]  # behind a HelloRetryRequest the second counts
    version = (numbers(row["versions"]) or numbers(row["version"]))[0]
    found["version"] = f"1.3-draft{version & 0xff}" if version >> 8 == 0x7F else VERSIONS.get(version, hex(version))
    number = numbers(row["suites"])[0]
    found["cipher"] = suite_names().get(number, f"{number:#06x}")


def read_tshark(path):
    """connection (both ends, sorted) -> list of what was seen on each such connection, in order."""
    streams = {}
    for row in rows_of_tshark(path):
        if not row["stream"]:
            continue  # DTLS, QUIC
        source, destination = ends_of(row)
        found = streams.setdefault(row["stream"], {"ends": tuple(sorted((source, destination)))})
        types = numbers(row["type"])
        if CLIENT_HELLO in types:
            take_client_hello(found, row)
        elif SERVER_HELLO in types:
            take_server_hello(found, row)
            found["server"] = source
        if CERTIFICATE in types and row["certificates"] and found.get("server", source) == source:
            leaf = bytes.fromhex(row["certificates"].split("|")[0].replace(":", ""))
            found.setdefault("certificate", hashlib.sha256(leaf).hexdigest())
    grouped = collections.defaultdict(list)
    for found in streams.values():
        grouped[found.pop("ends")].append(found)
    return grouped


@functools.cache
def suite_names():
    """tshark's field is the number; its names are IANA's."""
    done = subprocess.run(["tshark", "-G", "values"], capture_output=True, text=True, check=True)
    names = {}
    for line in done.stdout.split("\n"):
        words = line.split("\t")
        if words[:2] == ["V", "tls.handshake.ciphersuite"] and len(words) == 4:
            names[int(words[2], 0)] = words[3]
    return names


def read_sensor(program, path, options):
    done = subprocess.run([program, "-q", "-n", "--no-verify", *options, "-o", "json:-", "-r", str(path)],
                          capture_output=True, text=True, check=False)
    grouped = collections.defaultdict(list)
    for event in validate.parse(done.stdout.splitlines()):
        if event["event"]["dataset"] != "starttap.session":
            continue
        tls = event.get("tls", {})
        client, server = tls.get("client", {}), tls.get("server", {})
        found = {
            "version": tls.get("version"),
            "cipher": tls.get("cipher"),
            "sni": client.get("server_name"),
            "certificate": server.get("hash", {}).get("sha256"),
            "ja3": client.get("ja3"),
            "ja3s": server.get("ja3s"),
            "ja4": event["starttap"].get("tls", {}).get("ja4"),
        }
        if any(found[name] is not None for name in FIELDS):
            ends = tuple(sorted((event[end]["ip"], event[end]["port"]) for end in ("source", "destination")))
            grouped[ends].append(found)
    return grouped


def compare(program, path):
    with tempfile.TemporaryDirectory() as folder:
        theirs = read_tshark(plain_copy(path, folder))
    ours = read_sensor(program, path, EVERY_PORT)
    differences, equal = compare_all(path.name, ours, theirs)
    # Mail is read the same way when only mail is looked for.
    mail = read_sensor(program, path, AS_MAIL)
    again, _ = compare_all(path.name, mail, {ends: ours.get(ends, []) for ends in mail})
    return differences + [d._replace(field="mail " + d.field) for d in again], equal


def compare_all(name, ours, theirs):
    differences, equal = [], collections.Counter()
    for ends in sorted(set(ours) | set(theirs), key=str):
        left, right = ours.get(ends, []), theirs.get(ends, [])
        for i in range(max(len(left), len(right))):
            mine = left[i] if i < len(left) else {}
            other = right[i] if i < len(right) else {}
            for field in FIELDS:
                if mine.get(field) == other.get(field):
                    equal[field] += mine.get(field) is not None
                else:
                    connection = "-".join(f"{ip}:{port}" for ip, port in ends)
                    differences.append(Difference(name, connection, field, mine.get(field), other.get(field)))
    return differences, equal


def known_differences():
    """(file, field) of the table's rows; '*' stands for all fields."""
    known = set()
    for line in KNOWN.read_text().split("\n") if KNOWN.exists() else []:
        cells = [cell.strip().strip("`") for cell in line.strip().strip("|").split("|")]
        if len(cells) >= 5:
            known.update((cells[0], field.strip()) for field in cells[1].split(","))
    return known


def captures_of(arguments):
    for argument in arguments:
        path = pathlib.Path(argument)
        if path.is_dir():
            yield from sorted(p for p in path.rglob("*") if p.suffix in SUFFIXES)
        else:
            yield path


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--program", default=str(ROOT / "build" / "starttap"))
    parser.add_argument("--all", action="store_true", help="show explained differences, too")
    parser.add_argument("captures", nargs="*", default=[ROOT / "pcaps"])
    arguments = parser.parse_args()
    if not shutil.which("tshark"):
        print("tshark is not installed")
        return SKIP
    known = known_differences()
    paths = list(captures_of(arguments.captures))
    equal, unexplained, explained = collections.Counter(), 0, 0
    with concurrent.futures.ThreadPoolExecutor(max_workers=2) as pool:
        for differences, same in pool.map(lambda path: compare(arguments.program, path), paths):
            equal += same
            for difference in differences:
                is_known = (difference.file, difference.field) in known or (difference.file, "*") in known
                explained += is_known
                unexplained += not is_known
                if arguments.all or not is_known:
                    print("\t".join(str(part) for part in difference))
    print(f"{len(paths)} captures; equal: " + ", ".join(f"{name} {equal[name]}" for name in FIELDS))
    print(f"{explained} differences explained, {unexplained} not")
    return 0 if unexplained == 0 and sum(equal.values()) > 0 else 1


if __name__ == "__main__":
    sys.exit(main())
