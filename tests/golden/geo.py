#!/usr/bin/env python3
"""geo.py: --mmdb fills in autonomous system and country of both ends, from databases that another writer made.

    python3 tests/golden/geo.py PROGRAM

The writer is mmdb_writer of PyPI, in a virtual environment below build-tests/. Where PyPI cannot be reached, and it is not
there yet, this ends with 77.
"""
import json
import subprocess
import sys

import bundled

SKIP = 77
HOME = bundled.ROOT / "build-tests" / "mmdb"
LONG = "x" * 3000  # more than a text of an event has

MAKE = """
import json, sys
from netaddr import IPSet
from mmdb_writer import MMDBWriter
for path, ip_version, rows in json.load(sys.stdin):
    writer = MMDBWriter(ip_version, "starttap-test", ipv4_compatible=ip_version == 6, int_type="u32")
    for network, value in rows:
        writer.insert_network(IPSet([network]), value)
    writer.to_db_file(path)
"""


def python():
    """The interpreter that has the writer; None where it cannot be had."""
    program = HOME / "bin" / "python"
    if program.exists() and subprocess.run([program, "-c", "import mmdb_writer"], capture_output=True, check=False).returncode == 0:
        return program
    HOME.parent.mkdir(exist_ok=True)
    subprocess.run([sys.executable, "-m", "venv", "--clear", HOME], check=True)
    got = subprocess.run([program, "-m", "pip", "install", "-q", "--disable-pip-version-check", "mmdb_writer==0.2.5"],
                         capture_output=True, text=True, timeout=120, check=False)
    return program if got.returncode == 0 else None


def system(number, name):
    return {"autonomous_system_number": number, "autonomous_system_organization": name}


def country(code):
    return {"country": {"iso_code": code, "names": {"en": "A country"}}}


def make(program):
    rows = [
        ("asn.mmdb", 6, [("192.0.2.0/25", system(64500, "Example \"Net\"\n=Ltd")), ("2001:db8:2::/48", system(4200000000, LONG)),
                         ("127.0.0.0/8", {"autonomous_system_number": "words"})]),
        ("country.mmdb", 6, [("192.0.2.0/24", country("NL")), ("2001:db8::/32", country("DE")), ("127.0.0.0/8", country("Nowhere"))]),
        ("second.mmdb", 4, [("192.0.2.0/24", {**system(64999, "Not asked"), **country("FR")}), ("198.51.100.0/24", country("FR"))]),
    ]
    subprocess.run([program, "-c", MAKE], input=json.dumps([(str(HOME / path), version, nets) for path, version, nets in rows]), text=True,
                   check=True)
    return [HOME / path for path, _, _ in rows]


def expected(end):
    """By the rows above; what is not of the right type or size is not there."""
    ip, found = end["ip"], {}
    if ip.startswith("192.0.2."):
        low = int(ip.split(".")[3]) < 128
        found = {"as": {"number": 64500, "organization": {"name": "Example \"Net\"\n=Ltd"}} if low else
                 {"number": 64999, "organization": {"name": "Not asked"}}, "geo": {"country_iso_code": "NL"}}
    elif ip.startswith("198.51.100."):
        found = {"geo": {"country_iso_code": "FR"}}
    elif ip.startswith("2001:db8:2:"):
        found = {"as": {"number": 4200000000, "organization": {"name": LONG[:1024]}}, "geo": {"country_iso_code": "DE"}}
    elif ip.startswith("2001:db8:"):
        found = {"geo": {"country_iso_code": "DE"}}
    return found


def wrong(starttap, path):
    done = subprocess.run([starttap, "-n", "--mmdb", path, "-r", bundled.PCAPS], capture_output=True, text=True, check=False)
    assert done.returncode == 2 and f"--mmdb: cannot read '{path}'" in done.stderr, done


def main():
    starttap = bundled.program(sys.argv[1:])
    program = python()
    if not program:
        print("geo: skipped: mmdb_writer cannot be had from PyPI")
        return SKIP
    databases = make(program)
    options = [word for path in databases for word in ("--mmdb", path)]
    num = collected = 0
    for event in bundled.parse(bundled.run(starttap, *bundled.SETTINGS, *options, "-o", "json:-", "-r", bundled.PCAPS)):
        if event["event"]["dataset"] != "starttap.session":
            continue
        for end in (event["source"], event["destination"]):
            found = {name: end[name] for name in ("as", "geo") if name in end}
            assert found == expected(end), (end["ip"], found)
            num, collected = num + 1, collected + bool(found)
    assert collected > 100, f"only {collected} ends were in a database: this test is broken"
    wrong(starttap, HOME / "none.mmdb")
    wrong(starttap, bundled.ROOT / "README.md")
    cut = HOME / "cut.mmdb"
    cut.write_bytes(databases[0].read_bytes()[:200])
    wrong(starttap, cut)
    print(f"geo: {num} ends, {collected} of them in a database, are as it says")
    return 0


if __name__ == "__main__":
    sys.exit(main())
