#!/usr/bin/env python3
"""truth.py: every connection of every bundled capture is what pcaps/truth.tsv says, from the mail software's logs.

    python3 tests/golden/truth.py PROGRAM

A fact may be absent where the verdict is unknown, and a verdict may be unknown (or another) only where the row itself
says `or VERDICT (reason)`. A row with the verdict `-` stands for no event at all.
"""
import csv
import re
import sys

import bundled

# Column of truth.tsv: field of the event.
FACTS = {
    "tls_version": "tls.version",
    "cipher": "tls.cipher",
    "sni": "tls.client.server_name",
    "resumed": "tls.resumed",
    "mail_cleartext": "starttap.mail.cleartext",
    "auth_cleartext": "starttap.mail.auth_cleartext",
}
WORDS = {True: "yes", False: "no", None: "-"}


def end(address, port):
    return f"[{address}]:{port}" if ":" in address else f"{address}:{port}"


def ends(event):
    return tuple(end(event[side]["ip"], event[side]["port"]) for side in ("source", "destination"))


def rows_by_file():
    found = {}
    with open(bundled.PCAPS / "truth.tsv", newline="") as file:
        for row in csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE):
            found.setdefault(row["file"], []).append(row)
    return found


def said_otherwise(row, event):
    """Whether the row itself allows this verdict beside the true one."""
    allowed = re.search(r"or (\w+) \((\w+)", row["source"])
    if not allowed or allowed[1] != event["starttap"]["verdict"]:
        return False
    return allowed[1] != "unknown" or allowed[2] == event["starttap"]["unknown_reason"]


def check_row(row, event):
    flat = bundled.flatten(event)
    verdict = flat["starttap.verdict"]
    wrong = []
    if verdict != row["verdict"] and not said_otherwise(row, event):
        wrong.append(f"verdict is {row['verdict']}, the event says {verdict}")
    for column, field in FACTS.items():
        value = flat.get(field)
        value = value if isinstance(value, str) else WORDS[value]
        absent = value == "-" and verdict == "unknown"
        no_handshake = column == "resumed" and row[column] == "-" and value == "no"
        if value != row[column] and not absent and not no_handshake:
            wrong.append(f"{field} is {row[column]}, the event says {value}")
    return wrong


def check_capture(path, rows, found):
    problems = []
    of_ends = {ends(event): event for event in found}
    expected = {(row["client"], row["server"]): row for row in rows if row["verdict"] != "-"}
    for gone in sorted(set(expected) - set(of_ends)):
        problems.append(f"{path.name} {gone}: no event")
    for extra in sorted(set(of_ends) - set(expected)):
        problems.append(f"{path.name} {extra}: an event that there should not be")
    if len(of_ends) != len(found):
        problems.append(f"{path.name}: {len(found)} events of {len(of_ends)} connections")
    for key in set(expected) & set(of_ends):
        problems += [f"{path.name} {key}: {wrong}" for wrong in check_row(expected[key], of_ends[key])]
    return problems


def main():
    starttap = bundled.program(sys.argv[1:])
    rows = rows_by_file()
    problems = [f"{name}: a row without a capture" for name in set(rows) - {path.name for path in bundled.captures()}]
    for path in bundled.captures():
        found = bundled.events(starttap, path, dataset="starttap.session")
        problems += check_capture(path, rows.get(path.name, []), found)
    bundled.finish("truth", sum(map(len, rows.values())), problems)


if __name__ == "__main__":
    main()
