#!/usr/bin/env python3
"""truth.py: every connection of every bundled capture is what pcaps/truth.tsv says, from the mail software's logs.

    python3 tests/golden/truth.py PROGRAM

Captures that have a key log are read a second time with it; `without the key log` is no excuse then.

A fact may be absent where the verdict is unknown or one side was not captured, and a verdict may be unknown (or another) only
where the row itself says `or VERDICT (reason)`. A row with the verdict `-` stands for no event at all.
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


def said_otherwise(row, event, keys):
    """Whether the row itself allows this verdict beside the true one."""
    allowed = re.search(r"or (\w+) \((\w+)", row["source"])
    if not allowed or allowed[1] != event["starttap"]["verdict"] or (keys and "without the key log" in row["source"]):
        return False
    return allowed[1] != "unknown" or allowed[2] == event["starttap"]["unknown_reason"]


def check_row(row, event, keys):
    flat = bundled.flatten(event)
    verdict = flat["starttap.verdict"]
    wrong = []
    if verdict != row["verdict"] and not said_otherwise(row, event, keys):
        wrong.append(f"verdict is {row['verdict']}, the event says {verdict}")
    for column, field in FACTS.items():
        value = flat.get(field)
        value = value if isinstance(value, str) else WORDS[value]
        one_sided = event["starttap"].get("capture", {}).get("one_sided", False)
        absent = value == "-" and (verdict == "unknown" or one_sided)
        no_handshake = column == "resumed" and row[column] == "-" and value == "no"
        if value != row[column] and not absent and not no_handshake:
            wrong.append(f"{field} is {row[column]}, the event says {value}")
    return wrong


def check_capture(name, rows, found, keys):
    problems = []
    of_ends = {ends(event): event for event in found}
    expected = {(row["client"], row["server"]): row for row in rows if row["verdict"] != "-"}
    for gone in sorted(set(expected) - set(of_ends)):
        problems.append(f"{name} {gone}: no event")
    for extra in sorted(set(of_ends) - set(expected)):
        problems.append(f"{name} {extra}: an event that there should not be")
    if len(of_ends) != len(found):
        problems.append(f"{name}: {len(found)} events of {len(of_ends)} connections")
    for key in set(expected) & set(of_ends):
        problems += [f"{name} {key}: {wrong}" for wrong in check_row(expected[key], of_ends[key], keys)]
    return problems


def main():
    starttap = bundled.program(sys.argv[1:])
    rows = rows_by_file()
    problems = [f"{name}: a row without a capture" for name in set(rows) - {path.name for path in bundled.captures()}]

    def check(name, path, keys):
        found = bundled.events(starttap, path, keys, "starttap.session")
        return len(found), check_capture(name, rows.get(path.name, []), found, keys)

    checked = bundled.each_run(check)
    problems += [problem for _, found in checked for problem in found]
    bundled.finish("truth", sum(num for num, _ in checked), problems)


if __name__ == "__main__":
    main()
