"""The laboratory: namespaces, processes in them, and the capture and log of one scenario.

    client 192.0.2.10    ------------------------------------------- 192.0.2.25 server      the straight wire (c0, s0)
    client 198.51.100.10 -- 198.51.100.25 box 203.0.113.10 -- 203.0.113.25 server           through a middlebox (c1, b0, b1, s1)
    client 198.18.7.10   -- switch ==== 802.1Q trunk ==== switch -- 198.18.7.25 server      VLAN 7 (c2, trunk0, s2)
"""
import contextlib
import ctypes
import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import time
import traceback

ROOM = pathlib.Path("/lab")            # pcaps/ of the repository, as seen in here
SCRATCH = pathlib.Path("/tmp/lab")     # everything that is not kept
CERTS = SCRATCH / "certs"
KEPT_CERTS = pathlib.Path("/var/tmp/lab-certs")     # made once per private root, so that a second run has the same authority

CERTIFICATES = ["ca", "otherca", "rsa", "ecdsa", "ed25519", "expired", "selfsigned", "weak", "chain", "client", "other"]

HOSTS = """127.0.0.1 localhost
192.0.2.10 client.example.net
192.0.2.25 mx.example.org
2001:db8:2::10 client6.example.net
2001:db8:2::25 mx6.example.org
198.51.100.10 client.inside.example.net
198.51.100.25 guarded.example.org
203.0.113.10 box.example.net
203.0.113.25 mx.outside.example.org
198.18.7.10 client.vlan.example.net
198.18.7.25 vlan.example.org
198.18.8.10 client.vxlan.example.net
198.18.8.25 vxlan.example.org
198.18.9.10 client.vpn.example.net
198.18.9.25 vpn.example.org
"""

WIRES = [  # (namespace, interface, addresses) twice: the two ends of a wire
    (("client", "c0", ["192.0.2.10/24", "2001:db8:2::10/64"]), ("server", "s0", ["192.0.2.25/24", "2001:db8:2::25/64"])),
    (("client", "c1", ["198.51.100.10/24"]), ("box", "b0", ["198.51.100.25/24"])),
    (("box", "b1", ["203.0.113.10/24"]), ("server", "s1", ["203.0.113.25/24"])),
    (("client", "c2", ["198.18.7.10/24"]), ("switch", "w1", [])),
    (("switch", "trunk0", []), ("switch", "trunk1", [])),
    (("switch", "w2", []), ("server", "s2", ["198.18.7.25/24"])),
]


def run(*argv, **more):
    return subprocess.run(argv, check=True, **more)


def build():
    """Lays the wires and writes /etc/hosts of the private root."""
    SCRATCH.mkdir()
    for directory in ("truth", "keylogs", "certs"):
        (ROOM / directory).mkdir(exist_ok=True)
    run("hostname", "lab")
    pathlib.Path("/etc/hosts").write_text(HOSTS)
    pathlib.Path("/etc/resolv.conf").write_text("")
    for name in ("client", "server", "box", "switch"):
        run("ip", "netns", "add", name)
        inside(name, "ip", "link", "set", "lo", "up")
    for one, two in WIRES:
        run("ip", "link", "add", one[1], "netns", one[0], "type", "veth", "peer", "name", two[1], "netns", two[0])
        for namespace, interface, addresses in (one, two):
            for address in addresses:
                inside(namespace, "ip", "address", "add", address, "dev", interface, *(["nodad"] if ":" in address else []))
            inside(namespace, "ip", "link", "set", interface, "up")
            offload(namespace, interface, "off")


def certificates(all_are_made):
    """Keys stay in the private root; the certificates themselves are kept beside the captures, for whoever verifies a chain."""
    if not (KEPT_CERTS / "done").exists():
        shutil.rmtree(KEPT_CERTS, ignore_errors=True)
        KEPT_CERTS.mkdir()
        run("sh", str(ROOM / "make/certs.sh"), cwd=KEPT_CERTS)
        (KEPT_CERTS / "done").touch()
    published = ROOM / "certs/ca.pem"
    if not all_are_made and published.exists() and published.read_bytes() != (KEPT_CERTS / "ca.pem").read_bytes():
        sys.exit("make.py: the captures here were made under another authority, whose key is not here: make all of them, not some")
    shutil.copytree(KEPT_CERTS, CERTS)
    for name in CERTIFICATES:
        shutil.copyfile(CERTS / f"{name}.pem", ROOM / "certs" / f"{name}.pem")


def offload(namespace, interface, state):
    """Off: checksums on the wire are right and segments fit the MTU. On: what captures of real hosts often look like."""
    for feature in ("tx", "tso", "gso", "gro"):
        inside(namespace, "ethtool", "-K", interface, feature, state, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def inside(namespace, *argv, **more):
    return run("nsenter", "--net=/run/netns/" + namespace, *argv, **more)


def spawn(namespace, *argv, **more):
    return subprocess.Popen(["nsenter", "--net=/run/netns/" + namespace, *argv], **more)


def enter(namespace):
    """Moves this process into a namespace (Python 3.11 has no os.setns)."""
    with open("/run/netns/" + namespace) as handle:
        if ctypes.CDLL(None, use_errno=True).setns(handle.fileno(), 0):
            raise OSError(ctypes.get_errno(), "setns")


def fork_inside(namespace, log, function, *arguments):
    """Runs a Python function in a namespace, its output to `log`. The child ends with the function."""
    child = os.fork()
    if child:
        return child
    status = 1
    try:
        enter(namespace)
        output = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        os.dup2(output, 1)
        os.dup2(output, 2)
        sys.stdout = os.fdopen(1, "w", buffering=1)
        sys.stderr = os.fdopen(2, "w", buffering=1)
        function(*arguments)
        status = 0
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        os._exit(status)


def wait_until(condition, what, seconds=15):
    for _ in range(int(seconds * 20)):
        if condition():
            return
        time.sleep(0.05)
    raise RuntimeError("waited in vain for " + what)


def listening(namespace, port):
    shown = inside(namespace, "ss", "-Htln", f"sport = :{port}", capture_output=True, text=True).stdout
    return bool(shown.strip())


class Scenario:
    """What one scenario leaves behind: a capture, the logs of the software, and what its author says that they show."""

    def __init__(self, name, how, sees):
        self.name, self.how, self.sees = name, how, sees
        self.form = "pcap"
        self.decode_as = []     # for tshark, where it needs to be told
        self.directory = SCRATCH / name
        self.directory.mkdir()
        self.directory.chmod(0o755)
        self.logs = []          # (title, path)
        self.sessions = []
        self.keylog = None

    def log(self, title, suffix=None):
        path = self.directory / f"{suffix or len(self.logs)}.log"
        path.touch()
        self.logs.append((title, path))
        return path

    def log_text(self):
        parts = []
        for title, path in self.logs:
            kept = [line for line in path.read_text(errors="replace").strip().splitlines() if "/postfix-script[" not in line]
            parts.append("\n".join([f"==== {title} ====", *kept, ""]))
        return "\n".join(parts)

    def keys(self):
        """Path of the key log that a client of this scenario writes; kept as keylogs/NAME.keys."""
        self.keylog = self.directory / "keys"
        return self.keylog

    def client(self, title, *argv, namespace="client", timeout=40, env=None, check=None, **more):
        """Runs a client to its end and keeps what it printed."""
        log = self.log(title)
        with open(log, "ab") as output:
            done = subprocess.run(["nsenter", "--net=/run/netns/" + namespace, *map(str, argv)], stdin=more.pop("stdin", subprocess.DEVNULL),
                                  stdout=output, stderr=subprocess.STDOUT, timeout=timeout, env={**os.environ, **(env or {})}, **more)
        if check is not None and done.returncode != check:
            raise RuntimeError(f"{title}: exit status {done.returncode}")
        return log.read_text(errors="replace")

    def python(self, title, function, *arguments, namespace="client", may_fail=False):
        """Runs a Python client to its end."""
        log = self.log(title)
        _, status = os.waitpid(fork_inside(namespace, log, function, *arguments), 0)
        if status and not may_fail:
            raise RuntimeError(f"{title}: failed")

    @contextlib.contextmanager
    def helper(self, title, namespace, port, function, *arguments):
        """Runs a Python server (a proxy, a front) while the block runs."""
        child = fork_inside(namespace, self.log(title), function, port, *arguments)
        try:
            wait_until(lambda: not port or listening(namespace, port), title)
            yield
        finally:
            time.sleep(0.1)
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)

    @contextlib.contextmanager
    def capture(self, namespace="server", interface="s0", expression="tcp", options=()):
        """tcpdump while the block runs. Two captures of one scenario are for formats that need both."""
        path = self.directory / "capture.pcap"
        errors = self.directory / "tcpdump.err"
        with open(errors, "wb") as stderr:
            dump = spawn(namespace, "tcpdump", "-i", interface, "-n", "-U", "-Z", "root", "--immediate-mode", "-s", "262144",
                         *options, "-w", str(path), expression, stderr=stderr)
        wait_until(lambda: "listening on" in errors.read_text(), "tcpdump")
        try:
            yield
            time.sleep(0.25)
        finally:
            dump.send_signal(signal.SIGINT)
            dump.wait()

    def session(self, verdict, tls=None, cipher=None, sni=None, resumed=None, mail=False, auth=False, said=None, note="",
                shown=None):
        """One TCP connection, in the order of their first packets; `said` must be found in the logs. `shown` holds the facts that
        this capture cannot show to tshark, because it lacks packets or parts of them."""
        self.sessions.append(dict(verdict=verdict, tls=tls, cipher=cipher, sni=sni, resumed=resumed, mail=mail, auth=auth,
                                  said=said, note=note, shown=shown or {}))

    def evidence(self, session):
        """The log line that says so (or the reason why none can)."""
        if not session["said"]:
            return session["note"] or "construction of the scenario"
        title, found = None, None
        for title, path in self.logs:
            found = re.search(session["said"], path.read_text(errors="replace"), re.S)
            if found:
                break
        if not found:
            raise RuntimeError(f"{self.name}: the logs do not say {session['said']!r}")
        line = " ".join(found.group(0).split())
        return f"{title}: {line[:200]}" + (f"; {session['note']}" if session["note"] else "")
