#!/usr/bin/env python3
"""unit_events.py: the events that unit tests made keep to the schema, each of them.

    unit_events.py DIRECTORY

DIRECTORY is what STARTTAP_KEEP_EVENTS named while the tests ran (tests/support/keep_events.c).
"""
import concurrent.futures
import pathlib
import re
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
import validate  # noqa: E402

MANY = ("test_json", "test_sink", "test_sink_file", "test_loss", "test_split")  # that make events for sure
SHOWN = 5


# What may differ between events that are looked at once: each of these values is right by its form.
FREE = re.compile(r'"(id|port|bytes|packets|duration)":("[0-9a-f]{32}"|[1-5]?[0-9]{1,4})(?=[,}])')


def different(path):
    """One of all lines that differ in nothing else."""
    return list({FREE.sub("", line): line for line in path.read_text().splitlines()}.values())


def problems_of(lines):
    return [f"{validate.problem(line)}: {line}" for line in lines if validate.problem(line)]


def main():
    directory = pathlib.Path(sys.argv[1])
    problems = [f"{name} made no events" for name in MANY if not (directory / f"{name}.ndjson").exists()]
    checked = 0
    with concurrent.futures.ProcessPoolExecutor() as pool:
        for path in sorted(directory.glob("*.ndjson")):
            lines = different(path)
            wrong = sum(pool.map(problems_of, (lines[i:i + 500] for i in range(0, len(lines), 500))), [])
            problems += [f"{path.stem}: {one}" for one in wrong]
            checked += len(lines)
    for problem in problems[:SHOWN]:
        print(problem)
    print(f"{checked} different events, {len(problems)} problems")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
