"""The bundled captures, the program run on them, and its events: what the scripts beside this one share."""
import concurrent.futures
import os
import pathlib
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(ROOT / "tests"))
import validate  # noqa: E402
PCAPS = ROOT / "pcaps"

# The fixed settings of every run here. The lab's authority is trusted, so that trust and names are decided; the
# ports of the lab that are no mail ports are found by recognition; domains of the lab have MTA-STS policies.
SETTINGS = ("-n", "-q", "--observer-name", "golden", "--any-port", "--ca", str(PCAPS / "certs" / "ca.pem"),
            "--mta-sts", str(PCAPS / "mta-sts"))


def program(arguments):
    """The program to test: the last argument."""
    if not arguments or not pathlib.Path(arguments[-1]).is_file():
        sys.exit(f"usage: {sys.argv[0]} [option] PROGRAM")
    return str(pathlib.Path(arguments[-1]).resolve())


def captures():
    found = sorted(path for path in PCAPS.iterdir() if ".pcap" in path.name)
    if len(found) < 100:
        sys.exit(f"only {len(found)} captures in {PCAPS}")
    return found


def stem(path):
    return path.name.split(".pcap")[0]


def runs():
    """(name, capture, key log or None): each capture by itself, and again with its key log where there is one."""
    for path in captures():
        yield stem(path), path, None
        keys = PCAPS / "keylogs" / f"{stem(path)}.keys"
        if keys.exists():
            yield f"{stem(path)}.keylog", path, keys


def run(starttap, *arguments, stdin=None):
    """What the program wrote to standard output, as bytes. It must end with 0."""
    done = subprocess.run([starttap, *map(str, arguments)], stdin=stdin or subprocess.DEVNULL, capture_output=True, timeout=60)
    if done.returncode != 0:
        raise RuntimeError(f"{' '.join(map(str, arguments))}: status {done.returncode}: {done.stderr.decode(errors='replace')[-2000:]}")
    return done.stdout


def each_run(function):
    """[function(name, capture, key log)] for all runs, several at a time."""
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        return list(pool.map(lambda one: function(*one), runs()))


def parse(ndjson):
    """The events, each of which must be as the schema says."""
    return validate.parse(ndjson.decode().splitlines())


def events(starttap, path, keys=None, dataset=None):
    """Events of a capture or directory; of one dataset, or of all."""
    found = parse(run(starttap, *SETTINGS, *(["--keylog", keys] if keys else []), "-o", "json:-", "-r", path))
    return [event for event in found if dataset in (None, event["event"]["dataset"])]


def flatten(value, name=""):
    """{"a": {"b": 1}} to {"a.b": 1}; lists stay."""
    if not isinstance(value, dict):
        return {name: value}
    flat = {}
    for key, inner in value.items():
        flat.update(flatten(inner, f"{name}.{key}" if name else key))
    return flat


def finish(name, num_checked, problems):
    """Prints the outcome and ends the script."""
    print("\n".join(problems))
    print(f"{name}: {num_checked} checked, {len(problems)} problems")
    sys.exit(1 if problems or not num_checked else 0)
