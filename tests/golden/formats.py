#!/usr/bin/env python3
"""formats.py: JSON keeps to the schema; CSV, read back by Python and by sqlite3, says the same as JSON.

    python3 tests/golden/formats.py PROGRAM

One run over all bundled captures writes both.
"""
import collections
import csv
import json
import pathlib
import subprocess
import sys
import tempfile

import bundled

SCHEMAS = bundled.ROOT / "outputs" / "schema"


def text_of(value, in_list=False):
    """A value in a cell, as outputs/schema/fields.md has it, but for the guard."""
    if isinstance(value, list):
        return "|".join(text_of(item, True) for item in value)
    if not isinstance(value, str):
        return json.dumps(value)
    text = "".join(f"\\u{ord(c):04x}" if ord(c) < 32 or 127 <= ord(c) < 160 else c for c in value)
    return text.replace("|", "\\u007c") if in_list else text


def cell(value):
    """The same, guarded: no cell of text, and no part of one behind a separator, begins a formula."""
    text = text_of(value)
    if isinstance(value, (int, float)):
        return text
    parts = text.replace(",", "|").replace(";", "|").split("|")
    return "'" + text if any(part.startswith(("=", "+", "-", "@")) for part in parts) else text


def expected_rows(sessions, columns):
    rows = []
    for session in sessions:
        flat = bundled.flatten(session)
        unknown = set(flat) - set(columns)
        if unknown:
            raise RuntimeError(f"no column for {sorted(unknown)}")
        rows.append({name: cell(flat[name]) if name in flat else "" for name in columns})
    return rows


def read_by_python(path):
    with open(path, newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file, strict=True))


def read_by_sqlite(path):
    done = subprocess.run(["sqlite3", "-batch", ":memory:", "-cmd", f".import --csv {path} sessions", "-cmd", ".mode json",
                           "SELECT * FROM sessions"], capture_output=True, check=True)
    if done.stderr:
        raise RuntimeError(done.stderr.decode())
    return json.loads(done.stdout)


def compare(reader, expected, rows):
    problems = []
    if len(rows) != len(expected):
        problems.append(f"{reader}: {len(rows)} rows, {len(expected)} sessions in JSON")
    for wanted, row in zip(expected, rows):
        if wanted != row:
            differs = [f"{name}: {wanted.get(name)!r} in JSON, {row.get(name)!r} in CSV"
                       for name in {*wanted, *row} if wanted.get(name) != row.get(name)]
            problems.append(f"{reader}: {wanted['event.id']}: " + "; ".join(differs))
    return problems


def check_profiles(starttap, sessions):
    """Records in Zeek's and Suricata's names: JSON, of the right kinds, for each session that has them."""
    problems = []
    for profile, kind in (("zeek", "_path"), ("eve", "event_type")):
        lines = bundled.run(starttap, *bundled.SETTINGS, "-o", f"json:-?profile={profile}", "-r", bundled.PCAPS).decode()
        records = [json.loads(line) for line in lines.splitlines()]
        found = collections.Counter(record[kind] for record in records)
        smtp = sum("protocol" in session["network"] for session in sessions)
        certificates = sum("hash" in session.get("tls", {}).get(side, {}) for session in sessions for side in ("server", "client"))
        expected = {"smtp": smtp, "x509": certificates} if profile == "zeek" else {"smtp": smtp}
        for name, number in expected.items():
            if found[name] != number:
                problems.append(f"{profile}: {found[name]} records of {name}, not {number}")
        verdicts = {record["starttap"]["verdict"] if profile == "eve" else record.get("starttap.verdict") for record in records}
        if not {"starttls", "masked", "handshake_failed"} <= verdicts:
            problems.append(f"{profile}: verdicts {verdicts}")
    return problems


def main():
    starttap = bundled.program(sys.argv[1:])
    with tempfile.TemporaryDirectory() as directory:
        written = {form: pathlib.Path(directory) / f"events.{form}" for form in ("json", "csv")}
        sinks = [word for form, path in written.items() for word in ("-o", f"{form}:{path}")]
        bundled.run(starttap, *bundled.SETTINGS, *sinks, "-r", bundled.PCAPS)
        found = bundled.parse(written["json"].read_bytes())
        by_python, by_sqlite = read_by_python(written["csv"]), read_by_sqlite(written["csv"])
        header = written["csv"].read_text().split("\n", 1)[0]

    sessions = [event for event in found if event["event"]["dataset"] == "starttap.session"]
    columns = (SCHEMAS / "columns.txt").read_text().split()
    problems = []
    if len({event["event"]["id"] for event in found}) != len(found):
        problems.append("an event.id is there twice")
    if header != ",".join(columns):
        problems.append("the header of CSV is not columns.txt")
    expected = expected_rows(sessions, columns)
    problems += compare("Python", expected, by_python) + compare("sqlite3", expected, by_sqlite)
    problems += check_profiles(starttap, sessions)
    bundled.finish("formats", len(found) + 2 * len(sessions), problems)


if __name__ == "__main__":
    main()
