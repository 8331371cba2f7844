#!/usr/bin/env python3
"""held_up.py: a sensor that could not look for a while goes on, and says what it missed.

    python3 tests/live/held_up.py PROGRAM

The program is stopped (SIGSTOP) while more than its ring holds passes by, once with one worker and once with two: what the
kernel dropped is in the sensor event, no connection has two events, none has a wrong verdict, and those that come after it
goes on (SIGCONT) are whole. Then the host's clock is set forward and back, and the host is suspended: for the program alone,
by a library that is loaded before it, as this machine's own clock is nobody's to set. That is in the sensor event, too, and
events go on. Works in a network namespace of its own, on its loopback interface; needs root and cc.
"""
import ctypes
import json
import mmap
import os
import pathlib
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import threading

import span_net as net

SKIP = 77
CLONE_NEWNET = 0x40000000
FLOOD = 24 << 20  # bytes of one message; the ring has 1 MB
CLOCKS = r"""
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>
static volatile const int64_t *seconds; /* by which CLOCK_REALTIME and CLOCK_BOOTTIME are ahead */
__attribute__((constructor)) static void begin(void) {
    int fd = open(getenv("CLOCKS"), O_RDONLY);
    seconds = mmap(NULL, 16, PROT_READ, MAP_SHARED, fd, 0);
    close(fd);
}
int clock_gettime(clockid_t clock, struct timespec *time) {
    long result = syscall(SYS_clock_gettime, clock, time);
    if (clock == CLOCK_REALTIME)
        time->tv_sec += seconds[0];
    if (clock == CLOCK_BOOTTIME)
        time->tv_sec += seconds[1];
    return (int)result;
}
"""


class Mail:
    """Connections over the loopback interface, each with a port of its own; the server offers no STARTTLS."""

    def __init__(self):
        self.ports = []
        self.listener = socket.create_server(("127.0.0.1", 25))
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        while True:
            connection, _ = self.listener.accept()
            threading.Thread(target=self.answer, args=(connection,), daemon=True).start()

    @staticmethod
    def answer(connection):
        with connection, connection.makefile("rwb", buffering=1 << 16) as file:
            def say(text):
                file.write(text + b"\r\n")
                file.flush()
            say(b"220 mx.test ESMTP")
            for line in file:
                word = line.strip().upper()
                if word == b"DATA":
                    say(b"354 go on")
                    while file.readline() not in (b".\r\n", b""):
                        pass
                say(b"250-mx.test\r\n250 SIZE" if word.startswith(b"EHLO") else b"221 bye" if word == b"QUIT" else b"250 ok")
                if word == b"QUIT":
                    return

    def send(self, body=b"hello\r\n"):
        with socket.create_connection(("127.0.0.1", 25), 60) as client, client.makefile("rb") as replies:
            self.ports.append(client.getsockname()[1])
            for words in (None, b"EHLO me.test", b"MAIL FROM:<a@me.test>", b"RCPT TO:<b@mx.test>", b"DATA", body + b".", b"QUIT"):
                if words:
                    client.sendall(words + b"\r\n")
                while replies.readline()[3:4] == b"-":
                    pass
        return self.ports[-1]


class Sensor:
    running = []

    def __init__(self, program, folder, *options, **environment):
        self.output, self.log = folder / "events.ndjson", folder / "log"
        self.output.unlink(missing_ok=True)
        with open(self.log, "wb") as log:
            self.process = subprocess.Popen([program, "-n", "-v", "-i", "lo", "--ring-mb=1", "--user=nobody", *options, "-o",
                                             f"json:{self.output}"], stderr=log, env={**os.environ, **environment})
        self.running.append(self.process)
        net.wait_until(lambda: " the sandbox: " in self.log.read_text() or self.process.poll() is not None, "start")

    def events(self, dataset):
        lines = self.output.read_text().split("\n")[:-1] if self.output.exists() else []
        return [event for event in map(json.loads, lines) if event["event"]["dataset"] == "starttap." + dataset]

    def verdicts(self):
        return [(event["source"]["port"], event["starttap"]["verdict"]) for event in self.events("session")]

    def wait_for(self, port):
        net.wait_until(lambda: port in [of for of, _ in self.verdicts()], f"the event of port {port}")

    def count(self, name):
        return sum(event["starttap"]["sensor"].get(name, 0) for event in self.events("sensor"))

    def end(self):
        status = net.stop(self.process, signal.SIGTERM)
        expect(status == 0, f"status {status}", self)


def expect(condition, what, sensor):
    if not condition:
        raise SystemExit(f"held up: {what}\n{sensor.log.read_text()}")


def state_of(process):
    return pathlib.Path(f"/proc/{process.pid}/stat").read_text().rsplit(")", 1)[1].split()[0]


def test_stopped(program, folder, mail, workers):
    sensor = Sensor(program, folder, f"--workers={workers}")
    before = mail.send()
    sensor.wait_for(before)
    sensor.process.send_signal(signal.SIGSTOP)
    net.wait_until(lambda: state_of(sensor.process) == "T", "stop")
    meanwhile = [mail.send(b"x" * 998 + b"\r\n") for _ in range(20)] + [mail.send(FLOOD // 1000 * (b"x" * 998 + b"\r\n"))]
    sensor.process.send_signal(signal.SIGCONT)
    later = []

    def whole():
        """What the ring still holds is read first, and of what comes meanwhile all may be dropped; then one is seen whole."""
        later.append(mail.send())
        return any((port, "not_offered") in sensor.verdicts() for port in later)
    net.wait_until(whole, "a connection that was seen whole")
    sensor.end()
    found = sensor.verdicts()
    dropped = sensor.count("packets_dropped")
    expect(dropped > 0, "nothing was dropped, or it is not said", sensor)
    expect(len({port for port, _ in found}) == len(found), "a connection has two events", sensor)
    expect({port for port, _ in found} <= set(mail.ports), "events of connections that there were not", sensor)
    wrong = [pair for pair in found if pair[1] not in ("not_offered", "unknown")]
    expect(not wrong, f"wrong verdicts: {wrong}", sensor)
    expect((before, "not_offered") in found, "before it is whole", sensor)
    print(f"stopped, {workers} workers: {dropped} packets dropped, {len(found)} events, of {len(meanwhile)} connections meanwhile "
          f"{len([port for port, _ in found if port in meanwhile])}", flush=True)


def test_clocks(program, folder, mail):
    source, library, file = folder / "clocks.c", folder / "clocks.so", folder / "clocks"
    source.write_text(CLOCKS)
    subprocess.run(["cc", "-shared", "-fPIC", "-o", library, source], check=True)
    file.write_bytes(bytes(16))
    with open(file, "r+b") as handle:
        ahead = mmap.mmap(handle.fileno(), 16)
    sensor = Sensor(program, folder, LD_PRELOAD=str(library), CLOCKS=str(file))
    sensor.wait_for(mail.send())  # it has looked at its clocks
    for real, boot, said in ((7200, 0, "the clock was set by +7200"), (0, 0, "the clock was set by -7200"),
                             (3600, 3600, "the host was suspended for 3600")):
        ahead[:] = struct.pack("qq", real, boot)
        net.wait_until(lambda: said in sensor.log.read_text(), said)
        sensor.wait_for(mail.send())
    sensor.end()
    steps, suspended = sensor.count("clock_steps"), sensor.count("suspended_ms")
    expect(steps == 2 and abs(suspended - 3600000) < 1000, f"{steps} steps, {suspended} ms suspended", sensor)
    expect(len(sensor.verdicts()) == 4, "four connections, four events", sensor)
    print(f"clocks: {steps} steps, {suspended} ms suspended, and events go on", flush=True)


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    if os.geteuid() != 0 or not shutil.which("cc"):
        print("needs root and cc")
        return SKIP
    if ctypes.CDLL(None, use_errno=True).unshare(CLONE_NEWNET) != 0:
        raise SystemExit("held up: no network namespace")
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    program = pathlib.Path(sys.argv[1]).resolve()
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        folder.chmod(0o777)
        mail = Mail()
        try:
            for workers in (1, 2):
                test_stopped(program, folder, mail, workers)
            test_clocks(program, folder, mail)
        finally:
            for process in Sensor.running:
                process.kill()
    print("held up: what was missed is said, and it goes on")
    return 0


if __name__ == "__main__":
    sys.exit(main())
