#!/usr/bin/env python3
"""kernels.py: starttap on kernels that lack what it would like to have.

    python3 tests/live/kernels.py PROGRAM

The program is started under a seccomp filter of the test's own, by which system calls fail as they do on such a kernel:
without Landlock, without seccomp, without both. Each time it says once what is missing, captures, and writes the event of a
connection of mail. Without PACKET_FANOUT two workers are refused with a message, and one goes on; without TPACKET_V3, which is
as old as Linux 3.2, there is a message and no capture.
Works in a network namespace of its own; needs root.
"""
import ctypes
import errno
import json
import os
import pathlib
import platform
import signal
import struct
import subprocess
import sys
import tempfile
import time

import span_net as net
import systemd

SKIP = 77
# AUDIT_ARCH_*, and the numbers of prctl, seccomp and setsockopt; those of Landlock are the same everywhere.
MACHINES = {"x86_64": (0xC000003E, 157, 317, 54), "aarch64": (0xC00000B7, 167, 277, 208)}
LANDLOCK = (444, 445, 446)
PR_SET_SECCOMP, MODE_FILTER = 22, 2
SOL_PACKET, PACKET_VERSION, PACKET_FANOUT = 263, 10, 18
LOAD, JUMP_IF, RETURN = 0x20, 0x15, 0x06  # BPF_LD|W|ABS, BPF_JMP|JEQ|K, BPF_RET|K
ALLOW, ERRNO = 0x7FFF0000, 0x00050000
NUMBER_AT, ARCH_AT, FIRST_ARGUMENT_AT = 0, 4, 16


def program_of(rules, arch):
    """Classic BPF: rules are (number of the call, {argument: value}, error)."""
    code = [(LOAD, 0, 0, ARCH_AT), (JUMP_IF, 1, 0, arch), (RETURN, 0, 0, ALLOW)]
    for number, arguments, error in rules:
        tests = [(NUMBER_AT, number)] + [(FIRST_ARGUMENT_AT + 8 * index, value) for index, value in arguments.items()]
        for left, (at, value) in zip(range(len(tests), 0, -1), tests):
            code += [(LOAD, 0, 0, at), (JUMP_IF, 0, 2 * left - 1, value)]
        code.append((RETURN, 0, 0, ERRNO | error))
    code.append((RETURN, 0, 0, ALLOW))
    return b"".join(struct.pack("HBBI", *instruction) for instruction in code), len(code)


def lacking(rules):
    """For preexec_fn: from here on, these calls fail."""
    code, num = program_of(rules, MACHINES[platform.machine()][0])
    libc = ctypes.CDLL(None, use_errno=True)
    buffer = ctypes.create_string_buffer(code)

    def install():
        header = ctypes.create_string_buffer(struct.pack("HxxxxxxP", num, ctypes.addressof(buffer)))
        if libc.prctl(PR_SET_SECCOMP, MODE_FILTER, ctypes.c_void_p(ctypes.addressof(header)), 0, 0) != 0:
            os._exit(126)
    return install


def filters_of(pid):
    status = pathlib.Path(f"/proc/{pid}/status").read_text()
    return int(status.split("Seccomp_filters:")[1].split()[0])


class Case:
    def __init__(self, starttap, folder, rules, *options):
        self.events, self.log = folder / "events.ndjson", folder / "log"
        self.events.unlink(missing_ok=True)
        with open(self.log, "wb") as log:
            self.process = subprocess.Popen([starttap, "-n", "-v", "-i", "lo", "--user", "nobody", "-o", f"json:{self.events}?datasets=session",
                                             *options], stderr=log, preexec_fn=lacking(rules))

    def said(self):
        return self.log.read_text()

    def capture(self):
        """One connection; how many filters of system calls the program had meanwhile."""
        try:
            return self.capture_one()
        finally:
            if self.process.poll() is None:
                self.process.kill()

    def capture_one(self):
        net.wait_until(lambda: ("capturing: " in self.said() and " the sandbox: " in self.said()) or self.process.poll() is not None,
                       "start")
        if self.process.poll() is not None:
            raise SystemExit(f"kernels: it ended:\n{self.said()}")
        filters = filters_of(self.process.pid)
        subprocess.run([sys.executable, "-c", systemd.MAIL], check=True, timeout=60)
        net.wait_until(lambda: self.events.exists() and self.events.read_text().endswith("\n"), "the event")
        if net.stop(self.process, signal.SIGTERM) != 0:
            raise SystemExit(f"kernels: it failed:\n{self.said()}")
        verdict = json.loads(self.events.read_text())["starttap"]["verdict"]
        if verdict != "not_offered":
            raise SystemExit(f"kernels: verdict {verdict}")
        return filters


def check(starttap, folder, what, rules, filters, *messages):
    case = Case(starttap, folder, rules)
    found = case.capture()
    said = [line for line in case.said().splitlines() if "not in the sandbox" in line]
    wrong = [message for message in messages if sum(message in line for line in said) != 1]
    if wrong or (said and not messages) or len(said) > 1 or found != filters + 1:  # and the test's own
        raise SystemExit(f"kernels: {what}: {found} filters, messages: {said}, missing: {wrong}")
    print(f"kernels: {what}: {said[0] if said else 'nothing is missing'}", flush=True)


def check_refusal(starttap, folder, what, rule, *options):
    case = Case(starttap, folder, [rule], *options)
    status = case.process.wait(60)
    last = case.said().strip().splitlines()[-1]
    if status != 1 or what not in last:
        raise SystemExit(f"kernels: without {what}: status {status}: {case.said()}")
    print(f"kernels: without {what}: {last}", flush=True)


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    if os.geteuid() != 0 or platform.machine() not in MACHINES:
        print("needs root, and one of " + ", ".join(MACHINES))
        return SKIP
    _, prctl, seccomp, setsockopt = MACHINES[platform.machine()]
    starttap = pathlib.Path(sys.argv[1]).resolve()
    no_landlock = [(number, {}, errno.ENOSYS) for number in LANDLOCK]
    landlock_off = [(number, {}, errno.EOPNOTSUPP) for number in LANDLOCK]
    no_seccomp = [(seccomp, {}, errno.ENOSYS), (prctl, {0: PR_SET_SECCOMP}, errno.EINVAL)]
    if ctypes.CDLL(None, use_errno=True).unshare(0x40000000) != 0:  # CLONE_NEWNET
        raise SystemExit("kernels: no network namespace")
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        folder.chmod(0o777)
        check(starttap, folder, "as it is", [], 1)
        check(starttap, folder, "without Landlock", no_landlock, 1, "Landlock (Linux 5.13): this kernel does not have it")
        check(starttap, folder, "Landlock switched off", landlock_off, 1, "Landlock (Linux 5.13): it is switched off")
        check(starttap, folder, "without seccomp", no_seccomp, 0, "seccomp")
        check(starttap, folder, "without both", no_landlock + no_seccomp, 0, "Landlock (Linux 5.13): this kernel does not have it", "seccomp")
        check_refusal(starttap, folder, "TPACKET_V3", (setsockopt, {1: SOL_PACKET, 2: PACKET_VERSION}, errno.EINVAL))
        no_fanout = (setsockopt, {1: SOL_PACKET, 2: PACKET_FANOUT}, errno.ENOPROTOOPT)
        check_refusal(starttap, folder, "PACKET_FANOUT", no_fanout, "--workers=2")
        check(starttap, folder, "without PACKET_FANOUT, one worker", [no_fanout], 1)
    print("kernels: what is missing is said once, and it goes on")
    return 0


if __name__ == "__main__":
    sys.exit(main())
