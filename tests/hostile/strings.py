#!/usr/bin/env python3
"""Hostile strings through every output.

    strings.py HOSTILE_STRINGS STARTTAP [--full] [--seed=N]

HOSTILE_STRINGS (strings.c) makes them and lets the outputs write; here is looked at what came out, by other
means than those that wrote it: what a string should have become is computed anew from its bytes. Of 1,000,000
strings with --full, else of 120,000. Prints what was looked at."""

import csv
import glob
import gzip
import json
import os
import re
import sqlite3
import subprocess
import sys
import tempfile

TEXT_MAX = 1024
PER_EVENT = 6
CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029]")
# Nothing that moves a cursor, is not seen, or changes the direction of what follows.
DRIVES = re.compile("[\x00-\x09\x0b-\x1f\x7f-\x9f\u00ad\u0300-\u036f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff"
                    "\U000e0000-\U000e007f\ufff0-\uffff]")
FORMULA = "=+-@\t\r\uff1d\uff0b\uff0d\uff20"


def fail(what):
    sys.exit(f"strings.py: {what}")


def decode(raw):
    return raw.decode("utf-8", "replace")


def clean(raw):
    """As valid UTF-8: what is none becomes U+FFFD, NUL too; whole characters that fit in TEXT_MAX bytes."""
    size = len(raw)
    if size > TEXT_MAX:
        # The last place up to there that is between two characters: cut elsewhere, other ones come out.
        size = next(size for size in range(TEXT_MAX, TEXT_MAX - 4, -1)
                    if decode(raw[:size]) + decode(raw[size:size + 8]) == decode(raw[:size + 8]))
    text = decode(raw[:size])
    return text.replace("\0", "\ufffd")


def read_raw(path):
    with open(path, "rb") as file:
        while len(head := file.read(4)) == 4:
            yield file.read(int.from_bytes(head, "little"))


def csv_text(text, in_list=False):
    """What the header of csv.h promises."""
    out = ""
    begins = True
    for char in text:
        if begins and char in "=+-@\uff1d\uff0b\uff0d\uff20":
            out += "'"
        out += f"\\u{ord(char):04x}" if CONTROL.match(char) or (in_list and char == "|") else char
        begins = char in ",;|"
    return out


def check_csv(path, events):
    csv.field_size_limit(1 << 30)
    with open(path, encoding="utf-8", errors="strict", newline="") as file:
        for line in file:
            if CONTROL.search(line[:-1]) or line[-1] != "\n":
                fail(f"csv: a control character in {line!r}")
    with open(path, encoding="utf-8", newline="") as file:
        rows = csv.DictReader(file, strict=True)
        num = 0
        for row, texts in zip(rows, events, strict=True):
            expected = {"starttap.smtp.banner": csv_text(texts[0]), "starttap.smtp.ehlo": csv_text(texts[1]),
                        "tls.client.server_name": csv_text(texts[2]),
                        "tls.server.x509.subject.common_name": csv_text(texts[3]),
                        "starttap.smtp.capabilities":
                            "|".join(csv_text(text, True) for text in (texts[4], texts[5], texts[0]))}
            for name, value in expected.items():
                if row[name] != value:
                    fail(f"csv: {name} is {row[name]!r}, expected {value!r}")
            for name, cell in row.items():
                if name is None or (cell and cell[0] in FORMULA):
                    fail(f"csv: {name} is {cell!r}")
            num += 1
    return f"csv: {num} rows of {len(row)} cells"


def check_sqlite(path, events):
    db = sqlite3.connect(path)
    if db.execute("PRAGMA integrity_check").fetchone() != ("ok",):
        fail("sqlite: the database is damaged")
    query = ("SELECT smtp_banner, smtp_ehlo, tls_client_server_name, "
             "smtp_capabilities FROM sessions ORDER BY event_id")
    rows = db.execute(query)
    num = 0
    for row, texts in zip(rows, events, strict=True):
        expected = [text or None for text in texts[:3]]
        if list(row[:3]) != expected or json.loads(row[3]) != [texts[4], texts[5], texts[0]]:
            fail(f"sqlite: {row!r}, expected {texts!r}")
        num += 1
    return f"sqlite: {num} rows"


def check_profiles(directory):
    num = 0
    for name in ("zeek", "eve"):
        with open(f"{directory}/{name}.json", encoding="utf-8", errors="strict") as file:
            for line in file:
                json.loads(line)
                if CONTROL.search(line[:-1]):
                    fail(f"{name}: a control character in {line!r}")
                num += 1
    return f"zeek, eve: {num} lines"


def check_reports(directory):
    host = re.compile(r"[a-z0-9._-]+")
    names = glob.glob(f"{glob.escape(directory)}/reports/*")
    texts = [gzip.open(name, "rt", encoding="utf-8", errors="strict").read() for name in names]
    with open(f"{directory}/reports.json", encoding="utf-8", errors="strict") as file:
        texts += [line for line in file.read().split("\n") if line]
    for name in names:
        if not re.fullmatch(r"[a-z0-9.!_-]+\.json\.gz", os.path.basename(name)):
            fail(f"tlsrpt: a file {name!r}")
    for text in texts:
        report = json.loads(text)
        for policy in report["policies"]:
            if not host.fullmatch(policy["policy"]["policy-domain"]):
                fail(f"tlsrpt: {policy!r}")
    if not texts or not names:
        fail("tlsrpt: no report")
    return f"tlsrpt: {len(texts)} reports"


def check_lines(path, num, pattern):
    """Messages to syslog: each one line, of the form, without a control character."""
    count = 0
    with open(path, encoding="utf-8", errors="strict", newline="\n") as file:
        for line in file:
            if CONTROL.search(line[:-1]) or not pattern.fullmatch(line[:-1]):
                fail(f"{os.path.basename(path)}: {line!r}")
            count += 1
    if count != num:
        fail(f"{os.path.basename(path)}: {count} lines, expected {num}")
    return f"{os.path.basename(path)}: {count} lines"


def check_syslog(directory, num):
    head = (r'<\d+>1 \S+Z [!-~]{1,255} starttap - mail\.cleartext '
            r'\[origin software="starttap" swVersion="(?:[^"\\\]]|\\["\\\]])*"\] ')
    plain = re.compile(head + r'A reason\. peer=\S+ name="(?:[^"\\]|\\["\\]|\\u[0-9a-f]{4})*" sessions=1 .*'
                       r'|' + head + r'A reason\. peer=\S+ sessions=1 .*')
    # Values of the extension have no = that is not escaped, so that none of them begins another key.
    value = r"(?:[^=\\]|\\[=\\])*"
    field = r"(?:[^|\\]|\\[|\\])*"
    cef = re.compile(head + rf"CEF:0\|starttap\|starttap\|{field}\|{field}\|{field}\|\d\|rt=\d+ start=\d+ cnt=1 "
                     rf"app=SMTP proto=TCP src=\S+ spt=0 dst=\S+ dpt=0 dhost={value}(?: [a-zA-Z0-9]+={value})*")
    return "; ".join((check_lines(f"{directory}/syslog.txt", num, plain),
                      check_lines(f"{directory}/cef.txt", num, cef)))


def check_terminal(path):
    with open(path, encoding="utf-8", errors="strict", newline="") as file:
        text = file.read()
    if found := DRIVES.search(text):
        fail(f"terminal: {text[max(found.start() - 60, 0):found.end() + 20]!r}")
    return f"terminal: {text.count(chr(10))} lines"


def check_program(starttap, directory):
    """What the program says of names that were given to it, in error messages and in its summary."""
    evil = "\x1b[2J\x1b]0;x\x07\u202e\x9b31m\r\n=1"
    path = os.path.join(directory, evil + ".pcap")
    with open(path, "wb") as file:
        file.write(b"this is no capture")
    runs = [["-r", path], ["-r", path + "x"], ["-r", directory], ["-n", "-r", os.devnull, "-o", f"json:{path}/x"],
            ["-n", "-r", os.devnull, "-o", f"{path}:x"], ["query", path], ["--config", path], ["-i", evil],
            ["-r", os.devnull, "--ca", path], ["-r", os.devnull, "--keylog", path], ["-r", os.devnull, "-F", path]]
    for arguments in runs:
        done = subprocess.run([starttap, *arguments], capture_output=True, timeout=60, check=False,
                              stdin=subprocess.DEVNULL)
        text = (done.stdout + done.stderr).decode("utf-8", "strict")
        if done.returncode not in (1, 2, 3) or not text or DRIVES.search(text):
            fail(f"starttap {arguments!r}: status {done.returncode}, {text!r}")
    return f"starttap: {len(runs)} messages"


def main():
    flags = [argument for argument in sys.argv[1:] if argument.startswith("--")]
    program, starttap = [argument for argument in sys.argv[1:] if not argument.startswith("--")]
    seed = next((flag.split("=")[1] for flag in flags if flag.startswith("--seed=")), "1")
    num = 1_000_000 if "--full" in flags else 120_000
    with tempfile.TemporaryDirectory(prefix="starttap-strings-") as directory:
        os.mkdir(f"{directory}/reports")
        subprocess.run([program, directory, str(num), seed], check=True)
        texts = []
        longest = 0
        for raw in read_raw(f"{directory}/raw.bin"):
            texts.append(clean(raw))
            longest = max(longest, len(raw))
        events = [texts[i:i + PER_EVENT] for i in range(0, len(texts), PER_EVENT)]
        print(f"{len(texts)} strings, the longest of {longest} bytes; seed {seed}; jansson: {len(events)} lines")
        with open(f"{directory}/expected.json", "w", encoding="ascii") as file:
            file.writelines(json.dumps(event) + "\n" for event in events)
        script = os.path.join(os.path.dirname(os.path.abspath(__file__)), "strings.mjs")
        subprocess.run(["node", script, f"{directory}/events.json", f"{directory}/expected.json"], check=True)
        print(check_csv(f"{directory}/events.csv", events))
        print(check_sqlite(f"{directory}/events.db", events))
        print(check_profiles(directory))
        print(check_reports(directory))
        print(check_syslog(directory, len(events)))
        print(check_terminal(f"{directory}/terminal.txt"))
        print(check_program(starttap, directory))


main()
