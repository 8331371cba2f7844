#!/usr/bin/env python3
"""golden.py: the events of every bundled capture are those in events/NAME.ndjson.

    python3 tests/golden/golden.py [--update] PROGRAM

--update writes the files. What it changes is then to be reviewed line by line: review.py beside this script
compares the files with tshark and openssl, and pcaps/truth holds the mail software's own logs.

Each file has the session and peer events of one run over one capture, in the program's order, one JSON object per line
with its keys sorted; NAME.keylog.ndjson is of the same capture with its key log. Left out are sensor events (memory differs
from machine to machine) and observer.version.
"""
import difflib
import json
import sys

import bundled

EVENTS = bundled.ROOT / "tests" / "golden" / "events"
DATASETS = ("starttap.session", "starttap.peer")


def canonical(found):
    lines = []
    for event in found:
        if event["event"]["dataset"] in DATASETS:
            del event["observer"]["version"]
            lines.append(json.dumps(event, sort_keys=True, ensure_ascii=False) + "\n")
    return "".join(lines)


def readable(text):
    """One line per field, so that a difference names it."""
    lines = []
    for number, line in enumerate(text.splitlines(), 1):
        lines += [f"event {number} {name} = {json.dumps(value, ensure_ascii=False)}"
                  for name, value in sorted(bundled.flatten(json.loads(line)).items())]
    return lines


def difference(name, golden, now):
    lines = difflib.unified_diff(readable(golden), readable(now), f"{name} (golden)", f"{name} (now)", n=0, lineterm="")
    return "\n".join(line for line in lines if not line.startswith("@@")) or f"{name}: same fields, not the same text"


def update(texts):
    EVENTS.mkdir(exist_ok=True)
    for old in EVENTS.glob("*.ndjson"):
        if old.stem not in texts:
            old.unlink()
    for name, text in texts.items():
        (EVENTS / f"{name}.ndjson").write_text(text)
    print(f"{len(texts)} files written: review what changed")


def among_others(starttap, texts):
    """A session is the same one, whether its capture is read alone or among others."""
    alone = {json.loads(line)["event"]["id"] for text in texts.values() for line in text.splitlines() if '"starttap.session"' in line}
    together = {event["event"]["id"] for event in bundled.events(starttap, bundled.PCAPS, dataset=DATASETS[0])}
    return [f"{one}: not the same sessions when all captures are read at once" for one in sorted(alone ^ together)]


def main():
    starttap = bundled.program(sys.argv[1:])
    texts = dict(bundled.each_run(lambda name, path, keys: (name, canonical(bundled.events(starttap, path, keys)))))
    if sys.argv[1] == "--update":
        update(texts)
        return
    goldens = {path.stem: path.read_text() for path in EVENTS.glob("*.ndjson")}
    problems = [f"{name}: a golden file without a capture" for name in sorted(set(goldens) - set(texts))]
    for name, text in texts.items():
        if name not in goldens:
            problems.append(f"{name}: no golden file")
        elif goldens[name] != text:
            problems.append(difference(name, goldens[name], text))
    problems += among_others(starttap, texts)
    bundled.finish("golden", len(texts), problems)


if __name__ == "__main__":
    main()
