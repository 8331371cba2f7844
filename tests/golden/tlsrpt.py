#!/usr/bin/env python3
"""tlsrpt.py: an independent parser reads the reports on TLS of all bundled captures, and they add up to the sessions.

    python3 tests/golden/tlsrpt.py PROGRAM

The parser is parsedmarc of PyPI, in a virtual environment below build-tests/. Where PyPI cannot be reached, and it is not
there yet, this ends with 77. It reads the example of RFC 8460, appendix B, too.
"""
import collections
import gzip
import json
import pathlib
import re
import subprocess
import sys
import tempfile

import bundled

SKIP = 77
HOME = bundled.ROOT / "build-tests" / "tlsrpt"
NAME = re.compile(r"sensor\.example!([a-z0-9._-]+)!(\d+)!(\d+)(?:!\d+)?\.json\.gz")

# RFC 8460, appendix B.
EXAMPLE = {
    "organization-name": "Company-X",
    "date-range": {"start-datetime": "2016-04-01T00:00:00Z", "end-datetime": "2016-04-01T23:59:59Z"},
    "contact-info": "sts-reporting@company-x.example",
    "report-id": "5065427c-23d3-47ca-b6e0-946ea0e8c4be",
    "policies": [{
        "policy": {"policy-type": "sts", "policy-string": ["version: STSv1", "mode: testing", "mx: *.mail.company-y.example", "max_age: 86400"],
                   "policy-domain": "company-y.example", "mx-host": "*.mail.company-y.example"},
        "summary": {"total-successful-session-count": 5326, "total-failure-session-count": 303},
        "failure-details": [
            {"result-type": "certificate-expired", "sending-mta-ip": "2001:db8:abcd:0012::1", "receiving-mx-hostname": "mx1.mail.company-y.example",
             "failed-session-count": 100},
            {"result-type": "starttls-not-supported", "sending-mta-ip": "2001:db8:abcd:0013::1", "receiving-mx-hostname": "mx2.mail.company-y.example",
             "receiving-ip": "203.0.113.56", "failed-session-count": 200, "additional-information": "https://reports.company-x.example/report_info"},
            {"result-type": "validation-failure", "sending-mta-ip": "198.51.100.62", "receiving-ip": "203.0.113.58",
             "receiving-mx-hostname": "mx-backup.mail.company-y.example", "failed-session-count": 3, "failure-reason-code": "X509_V_ERR_PROXY_PATH_LENGTH_EXCEEDED"}],
    }],
}

# Runs in the virtual environment. What the parser logs, or warns of, is an error.
PARSE = """
import json, logging, sys, warnings
import parsedmarc
warnings.simplefilter("error")
class Raise(logging.Handler):
    def emit(self, record):
        print("log:", record.getMessage(), file=sys.stderr)
        sys.exit(1)
logging.getLogger().addHandler(Raise(logging.WARNING))
parsed = {}
for path in sys.argv[1:]:
    found = parsedmarc.parse_report_file(path, offline=True)
    assert found["report_type"] == "smtp_tls", found["report_type"]
    parsed[path] = found["report"]
json.dump(parsed, sys.stdout)
"""

problems = []


def expect(what, condition):
    if not condition:
        problems.append(what)
        print(f"wrong: {what}")


def python():
    """The interpreter that has the parser; None where it cannot be had."""
    program = HOME / "bin" / "python"
    if program.exists() and subprocess.run([program, "-c", "import parsedmarc"], capture_output=True, check=False).returncode == 0:
        return program
    HOME.parent.mkdir(exist_ok=True)
    subprocess.run([sys.executable, "-m", "venv", "--clear", HOME], check=True)
    got = subprocess.run([program, "-m", "pip", "install", "-q", "--disable-pip-version-check", "parsedmarc"], capture_output=True, text=True,
                         timeout=300, check=False)
    return program if got.returncode == 0 else None


def parse(program, paths):
    done = subprocess.run([program, "-c", PARSE, *paths], capture_output=True, text=True, timeout=120, check=False)
    expect(f"the parser takes them: {done.stderr[-500:]}", done.returncode == 0)
    return json.loads(done.stdout) if done.returncode == 0 else {}


def is_relay(session):
    return (session["starttap"].get("mode") != "implicit" and session["destination"]["port"] != 587
            and "auth_mechanism" not in session["starttap"].get("mail", {}))


def expected(sessions):
    """Successful and failed sessions by domain, as the events say."""
    counts = collections.defaultdict(lambda: [0, 0])
    for session in filter(is_relay, sessions):
        ours = session["starttap"]
        failed = "tlsrpt" in ours
        if not failed and ours["verdict"] != "starttls":
            continue
        served = ours.get("dns", {}).get("domains", [])
        one = served if len(served) == 1 else [session["destination"].get("domain", "")]
        for domain in {name.lower() for name in ours.get("mail", {}).get("rcpt_domains", one)}:
            if re.fullmatch(r"[a-z0-9_.-]+\.[a-z0-9-]*[a-z][a-z0-9-]*", domain):
                counts[domain][failed] += 1
    return dict(counts)


def policy_texts(paths):
    """RFC 8460 section 4.4: the policy as it is, its hosts; nothing of the kind without one. By domain."""
    texts = {}
    for path in paths:
        for policy in json.loads(gzip.decompress(path.read_bytes()))["policies"]:
            said = policy["policy"]
            texts.setdefault(said["policy-domain"], {})[said["policy-type"]] = (said.get("policy-string"), said.get("mx-host"))
    return texts


def check_texts(reports):
    texts = policy_texts(reports)
    for file in (bundled.PCAPS / "mta-sts").glob("*.txt"):
        lines = file.read_text().splitlines()
        hosts = [line.removeprefix("mx:").strip() for line in lines if line.startswith("mx:")]
        expect(f"the policy of {file.stem}: {texts.get(file.stem)}", texts.get(file.stem, {}).get("sts") == (lines, hosts))
    plain = [kinds["no-policy-found"] for kinds in texts.values() if "no-policy-found" in kinds]
    expect("no text where there is no policy", plain and all(text == (None, None) for text in plain))


def has_policy(session):
    return "dane" in session["starttap"] or "mta_sts" in session["starttap"]


def main():
    program = sys.argv[1]
    interpreter = python()
    if interpreter is None:
        print("tlsrpt: skipped: parsedmarc cannot be had from PyPI")
        return SKIP
    with tempfile.TemporaryDirectory() as scratch:
        scratch = pathlib.Path(scratch)
        reports = scratch / "reports"
        example = scratch / "example.json.gz"
        example.write_bytes(gzip.compress(json.dumps(EXAMPLE).encode()))
        command = [program, "-n", "-q", "-r", bundled.ROOT / "pcaps", "--ca", bundled.PCAPS / "certs" / "ca.pem", "--mta-sts", bundled.PCAPS / "mta-sts"]
        sink = f"tlsrpt:{reports}?organization=Example \"Org\"&sender=sensor.example&contact=mailto:tls@sensor.example"
        events = subprocess.run([*command, "-o", sink, "-o", "json:-?datasets=session"], check=True, capture_output=True, text=True).stdout
        first = {path.name: path.read_bytes() for path in reports.iterdir()}
        subprocess.run([*command, "-o", sink], check=True)
        expect("the same again changes nothing", first == {path.name: path.read_bytes() for path in reports.iterdir()})
        parsed = parse(interpreter, [example, *sorted(reports.iterdir())])
        check_texts(reports.iterdir())
        found = parsed.pop(str(example), {}).get("policies", [{}])[0]
        expect("the example of RFC 8460", found.get("failed_session_count") == 303 and len(found.get("failure_details", [])) == 3)
        sums = collections.defaultdict(lambda: [0, 0])
        for path, report in parsed.items():
            name = NAME.fullmatch(pathlib.Path(path).name)
            expect(f"the name {path}", name is not None and int(name[3]) - int(name[2]) == 86399 and int(name[2]) % 86400 == 0)
            expect("who reports", (report["organization_name"], report["contact_info"]) == ("Example \"Org\"", "mailto:tls@sensor.example"))
            expect("one day", report["begin_date"][:10] == report["end_date"][:10] and report["begin_date"].endswith("T00:00:00Z"))
            for policy in report["policies"]:
                expect("the domain of the name", policy["policy_domain"] == name[1])
                details = sum(detail["failed_session_count"] for detail in policy.get("failure_details", []))
                expect(f"{name[1]}: details add up", details == policy["failed_session_count"])
                sums[name[1]][0] += policy["successful_session_count"]
                sums[name[1]][1] += policy["failed_session_count"]
        expect("each report has an id of its own", len({report["report_id"] for report in parsed.values()}) == len(parsed))
        sessions = [json.loads(line) for line in events.splitlines()]
        touched = {domain for session in sessions if has_policy(session) for domain in expected([session])}
        wanted = {domain: count for domain, count in expected(sessions).items() if domain not in touched}
        got = {domain: count for domain, count in sums.items() if domain not in touched}
        expect(f"they add up to the sessions: {got} and not {wanted}", got == wanted and len(wanted) > 2)
    print(f"tlsrpt: {len(parsed)} reports, {len(problems)} problems")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
