#!/usr/bin/env python3
"""layers.py: who may include whom, who may read a clock, and that nothing is mutable and global.

The rules stand in README.md under "Layout": sensor -> parsers, sensor -> outputs and nothing else; each library
behind one module; parsers link nothing but libc; time comes from packets.
"""
import pathlib
import re
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parent.parent
ROOMS = {"parsers": ("parsers",), "outputs": ("outputs",), "sensor": ("sensor", "parsers", "outputs")}

# Headers of the C library that parse, format and hold bytes: all that parsers may have.
PURE = set("assert.h ctype.h inttypes.h limits.h stdbool.h stddef.h stdint.h stdlib.h string.h strings.h stdio.h".split())

# A library's headers, and the only files that may include them.
OWNERS = [
    (r"pcap(/.*)?\.h", r"sensor/capture/(filter|source|live)\w*\.c"),
    (r"ndpi\w*\.h", r"sensor/judge/recognise\w*\.c"),
    (r"openssl/.*", r"sensor/judge/(trust|digest|decrypt)\w*\.[ch]"),
    (r"yaml\.h", r"sensor/config_(file|dump)\.c"),
    (r"argp\.h", r"sensor/config\.c"),
    (r"(zlib|zstd)\.h", r"sensor/capture/source_\w+\.c|outputs/(spool_file|compress)\.c"),
    (r"librdkafka/.*", r"outputs/\w*kafka\w*\.c"),
    (r"sqlite3\.h", r"outputs/\w*sqlite\w*\.c|sensor/state\w*\.c"),
    (r"libpsl\.h", r"sensor/judge/org_domain\.c"),
    (r"maxminddb\.h", r"sensor/judge/geo\.c"),
    (r"microhttpd\.h", r"sensor/metrics\.c"),
    (r"seccomp\.h", r"sensor/sandbox_calls\.c"),
    (r"linux/(landlock|capability)\.h", r"sensor/(sandbox|privilege)\.c"),
]

# What reads a clock, and the files above the packets that may: the loop, its progress line, and the thread that
# delivers, for its pauses. Nothing in an event comes from there.
CLOCKS = {"time", "clock", "clock_gettime", "gettimeofday", "ftime", "timespec_get", "localtime", "localtime_r"}
MAY_READ_CLOCK = re.compile(r"sensor/(metrics|live|outlet|outbox|progress|service|log)\.c|outputs/sink_clock\.c")

# Files that may hold something mutable for the whole program: the stop flag and the logger.
MAY_HOLD_GLOBALS = re.compile(r"sensor/(signals|log)\.c")

TOP_LEVEL = set("sensor parsers outputs pcaps tests CMakeLists.txt README.md LICENSE .ci .clang-format .clang-tidy "
                ".editorconfig .gitignore".split())

problems = []


def run(*command):
    return subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout


def tracked(*patterns):
    return [name for name in run("git", "ls-files", "-co", "--exclude-standard", *patterns).split("\n")
            if name and (ROOT / name).exists()]


def check_include(source, number, name, quoted):
    where = f"{source}:{number}"
    room = source.split("/")[0]
    if quoted:
        target = (ROOT / source).parent / name
        if not target.exists():
            problems.append(f"{where}: \"{name}\" is not in this tree")
        elif target.resolve().relative_to(ROOT).parts[0] not in ROOMS[room]:
            problems.append(f"{where}: {room} must not include \"{name}\"")
        return
    if room == "parsers" and name not in PURE:
        problems.append(f"{where}: parsers must not include <{name}>")
    for header, owner in OWNERS:
        if re.fullmatch(header, name) and not re.fullmatch(owner, source):
            problems.append(f"{where}: <{name}> belongs to {owner}")


def check_includes():
    sources = tracked(*(f"{room}/*.[ch]" for room in ROOMS))
    found = 0
    for source in sources:
        for number, line in enumerate((ROOT / source).read_text().split("\n"), 1):
            match = re.match(r'\s*#\s*include\s*([<"])([^>"]+)[>"]', line)
            if match:
                found += 1
                check_include(source, number, match[2], match[1] == '"')
    if found < 10:
        problems.append(f"only {found} includes were found: this test is broken")


def pkg_config(*arguments):
    return run("pkg-config", *arguments, "libpcap", "libndpi", "libcrypto", "yaml-0.1", "zlib", "libzstd", "rdkafka", "sqlite3", "libmicrohttpd", "libseccomp", "libpsl", "libmaxminddb").split()


def check_objects(directory):
    """What the objects need and hold, as the linker sees it."""
    flags = ["-std=c17", "-D_GNU_SOURCE", "-fno-pic", "-O1", '-DSTARTTAP_VERSION=""', *pkg_config("--cflags")]
    for source in tracked(*(f"{room}/*.c" for room in ROOMS)):
        object_file = pathlib.Path(directory) / (source.replace("/", "-") + ".o")
        compiled = subprocess.run(["gcc", *flags, "-c", source, "-o", str(object_file)], cwd=ROOT,
                                  capture_output=True, text=True)
        if compiled.returncode != 0:
            problems.append(f"{source}: does not compile:\n{compiled.stderr}")
            continue
        for line in run("nm", str(object_file)).split("\n"):
            kind, _, name = line[17:].partition(" ") if line else ("", "", "")
            if kind == "U" and name in CLOCKS and not MAY_READ_CLOCK.fullmatch(source):
                problems.append(f"{source}: calls {name}(): time is the packets'")
            if kind in "dDbBC" and kind and not MAY_HOLD_GLOBALS.fullmatch(source):
                problems.append(f"{source}: {name} is a mutable global")


def check_parsers_link():
    """Parsers link with the C library and nothing else."""
    result = subprocess.run(["gcc", "-std=c17", "-D_GNU_SOURCE", "-shared", "-fPIC", "-nodefaultlibs", "-Wl,-z,defs",
                             "-o", "/dev/null", *tracked("parsers/*.c"), "-lc"],
                            cwd=ROOT, capture_output=True, text=True)
    if result.returncode != 0:
        problems.append("parsers do not link with libc alone:\n" + result.stderr)


def check_top_level():
    for name in {name.split("/")[0] for name in tracked()} - TOP_LEVEL:
        problems.append(f"{name}: does not belong at the top level")


def main():
    check_includes()
    check_parsers_link()
    check_top_level()
    with tempfile.TemporaryDirectory() as directory:
        check_objects(directory)
    print("\n".join(problems) or "layers: all rules hold")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
