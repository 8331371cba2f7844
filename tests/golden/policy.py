#!/usr/bin/env python3
"""policy.py: the sessions of every bundled capture, judged by rules.policy and by each profile, are as in policy.tsv.

    python3 tests/golden/policy.py [--update] PROGRAM

A row is a session: its capture (a name with .keylog: read with its key log), verdict, TLS version and cipher suite; the rule
of rules.policy that it has, the result and the reasons; and by each profile p (pass), f (fail), u (unknown) or - (no result).
--update writes the file. What it changes is then to be reviewed line by line.

All captures are read at once; events/*.ndjson say which session is whose.
"""
import difflib
import json
import pathlib
import sys
import tempfile

import bundled

HERE = pathlib.Path(__file__).resolve().parent
GOLDEN = HERE / "policy.tsv"
PROFILES = sorted(path.stem for path in (bundled.ROOT / "sensor" / "judge" / "profiles").glob("*.policy"))
COLUMNS = ["capture", "verdict", "version", "cipher", "rule", "result", "reasons", *PROFILES]


def sessions_of_captures():
    """(name, event.id) of each session, in the order of the golden files."""
    found = []
    for path in sorted((HERE / "events").glob("*.ndjson")):
        events = [json.loads(line) for line in path.read_text().splitlines()]
        found += [(path.stem, event["event"]["id"]) for event in events if event["event"]["dataset"] == "starttap.session"]
    return found


def judged(starttap, policy, keys):
    """event.id -> event"""
    found = bundled.parse(bundled.run(starttap, *bundled.SETTINGS, *(["--keylog", keys] if keys else []), "--policy", policy,
                                      "--datasets", "session", "-o", "json:-", "-r", bundled.PCAPS))
    for event in found:
        violation = "policy.violation" in event["starttap"].get("findings", [])
        if violation != (event["starttap"].get("policy", {}).get("result") == "fail"):
            raise RuntimeError(f"{event['event']['id']}: the finding policy.violation and the result disagree")
    return {event["event"]["id"]: event for event in found}


def row(name, event, by_profile):
    policy, tls = event["starttap"].get("policy", {}), event.get("tls", {})
    letters = [one["starttap"].get("policy", {}).get("result", "-")[0] for one in by_profile]
    return "\t".join([name, event["starttap"]["verdict"], tls.get("version", "-"), tls.get("cipher", "-"), policy.get("rule", "-"),
                      policy.get("result", "-"), "; ".join(policy.get("reasons", [])) or "-", *letters]) + "\n"


def rows(starttap):
    with tempfile.NamedTemporaryFile("wb") as keys:
        for path in sorted((bundled.PCAPS / "keylogs").glob("*.keys")):
            keys.write(path.read_bytes())
        keys.flush()
        policies = [HERE / "rules.policy", *PROFILES]
        events = {with_keys: [judged(starttap, policy, keys.name if with_keys else None) for policy in policies]
                  for with_keys in (False, True)}
    found = ["\t".join(COLUMNS) + "\n"]
    for name, number in sessions_of_captures():
        ours, *by_profile = [of_policy[number] for of_policy in events[name.endswith(".keylog")]]
        found.append(row(name, ours, by_profile))
    return found


def main():
    found = rows(bundled.program(sys.argv[1:]))
    if "--update" in sys.argv:
        GOLDEN.write_text("".join(found))
    golden = GOLDEN.read_text().splitlines(keepends=True)
    changed = [line.rstrip("\n") for line in difflib.unified_diff(golden, found, "policy.tsv", "now", n=0) if not line.startswith("@@")]
    bundled.finish("policy", len(found) - 1, changed)


if __name__ == "__main__":
    main()
