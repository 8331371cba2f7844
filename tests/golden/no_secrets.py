#!/usr/bin/env python3
"""no_secrets.py: no output holds a password, an AUTH response, a local part of an address or anything of a message.

    python3 tests/golden/no_secrets.py PROGRAM

Looks at JSON, CSV, the summary and standard error at -v -v, of each bundled capture by itself and of all together; with
the key log where there is one, as then the inside of TLS is read too.
"""
import base64
import gzip
import pathlib
import re
import subprocess
import sys
import tempfile

import bundled

# As pcaps/make/servers.py and clients.py have them.
PASSWORD = b"s3cret-Passw0rd"
USER = b"alice"
MESSAGE = [b"ann@", b"bob@", b"nobody@", "jörg".encode(), b"visible-only-in-clear", b"a mail from the lab", b"Message-Id", b"X-Mailer"]


def base64_forms(secret):
    """What of a secret's base64 is the same in any text that it is part of: one form for each of three alignments."""
    forms = []
    for before in range(3):
        encoded = base64.b64encode(b"\0" * before + secret)
        first = (before * 8 + 5) // 6                                     # characters that hold bits of what is before
        last = (before + len(secret)) * 8 // 6                            # and of what is behind
        forms.append(encoded[first:last])
    return forms


def needles():
    encoded = [form for secret in (PASSWORD, USER, b"wrong") for form in base64_forms(secret)]
    return [(needle.lower(), True) for needle in [PASSWORD, USER, *MESSAGE]] + [(needle, False) for needle in [b"Hello.", *encoded]]


def held(data):
    """Which needles are in it. Text in any case of letters, base64 in its own."""
    lower = data.lower()
    return [needle for needle, any_case in needles() if needle in (lower if any_case else data)]


def raw(path):
    data = path.read_bytes()
    if path.suffix == ".gz":
        return gzip.decompress(data)
    if path.suffix == ".zst":
        return subprocess.run(["zstd", "-dcq", path], capture_output=True, check=True).stdout
    return data


def check_needles(paths):
    """The test can fail: what it looks for is in the captures (a password only as base64, in one alignment of three)."""
    everything = b"\n".join(map(raw, paths))
    found = set(held(everything))
    problems = [f"{needle} is in no capture" for needle in [b"Hello.", *map(bytes.lower, MESSAGE)] if needle not in found]
    problems += [f"no base64 of {secret} is in any capture" for secret in (PASSWORD, USER, b"wrong")
                 if not found.intersection(base64_forms(secret))]
    return problems


def outputs(starttap, source, options):
    """Everything that one run says, by name."""
    with tempfile.TemporaryDirectory() as directory:
        return outputs_in(pathlib.Path(directory), starttap, source, options)


def outputs_in(scratch, starttap, source, options):
    written = {form: scratch / f"events.{form}" for form in ("json", "csv")}
    sinks = [word for form, path in written.items() for word in ("-o", f"{form}:{path}")]
    settings = [word for word in bundled.SETTINGS if word not in ("-n", "-q")]
    done = subprocess.run([starttap, "-v", "-v", *settings, *sinks, *options, "-r", source], capture_output=True, timeout=60,
                          stdin=subprocess.DEVNULL)
    if done.returncode != 0:
        raise RuntimeError(f"{source}: status {done.returncode}: {done.stderr.decode(errors='replace')}")
    said = {form: path.read_bytes() for form, path in written.items()}
    return {**said, "summary": done.stdout, "standard error": done.stderr}


PUBLISHED = b"mailto:tls@example.com"  # in the DNS, by the domain itself: where reports on TLS are to go


def check(starttap, source, options):
    problems = []
    said = outputs(starttap, source, options)
    for name, data in said.items():
        problems += [f"{source.name}: {name} holds {needle.decode()}" for needle in held(data)]
        problems += [f"{source.name}: {name} holds the address {address.decode()}"
                     for address in re.findall(rb"[^\s\"|,;]+@\w[\w.-]*", data) if address != PUBLISHED]
    if not said["json"] or not said["summary"] or not said["csv"]:
        problems.append(f"{source.name}: an output is empty")
    return problems


def main():
    starttap = bundled.program(sys.argv[1:])
    paths = bundled.captures()
    problems = check_needles(paths)
    problems += check(starttap, bundled.PCAPS, [])
    checked = bundled.each_run(lambda name, path, keys: check(starttap, path, ["--keylog", keys] if keys else []))
    problems += [problem for found in checked for problem in found]
    bundled.finish("no secrets", len(checked) + 1, problems)


if __name__ == "__main__":
    main()
