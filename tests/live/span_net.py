"""span_net.py: hosts on a switch with a mirror port, as network namespaces.

    HOST (eth0) ----.
    HOST (eth0) ----- switch ----- tap (mirror)
    HOST (eth0) ----'

The switch is a bridge that learns nothing, so that every frame leaves on all ports: once on the mirror. Segmentation is
left to nobody, so that frames are as on a wire. All namespaces are anonymous to the rest of the machine: run_apart() puts
the program into namespaces of its own, with a process namespace that ends every process in it when the program ends, however.
"""

import ctypes
import fcntl
import os
import pathlib
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import time

NEEDED = ("ip", "unshare", "nsenter", "tcpdump")
INSIDE = "STARTTAP_SPAN_INSIDE"
MIRROR = "mirror"
ETHTOOL_OFF = (0x17, 0x1F, 0x24, 0x2C)  # ETHTOOL_STXCSUM, STSO, SGSO, SGRO of linux/ethtool.h
SIOCETHTOOL = 0x8946


def why_not():
    missing = [name for name in NEEDED if not shutil.which(name)]
    if os.geteuid() != 0:
        return "needs root"
    if missing:
        return "needs " + ", ".join(missing)
    if subprocess.run(["unshare", "--net", "--mount", "--pid", "--fork", "true"], stderr=subprocess.DEVNULL, check=False).returncode:
        return "no namespaces here"
    return None


def run_apart():
    """Goes on in the same script within namespaces of its own, and returns a directory for its files; the outer process
    ends with the status of the inner one. Nothing of it outlives it, neither processes nor files."""
    folder = os.environ.get(INSIDE)
    if folder:
        return pathlib.Path(folder)
    with tempfile.TemporaryDirectory(prefix="span.") as folder:
        os.chmod(folder, 0o755)
        again = ["unshare", "--mount", "--propagation", "private", "--net", "--uts", "--pid", "--fork", "--kill-child", "--mount-proc",
                 sys.executable, "-B", *sys.argv]
        apart = subprocess.Popen(again, env={**os.environ, INSIDE: folder})
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(number, lambda *_: apart.kill())
        status = apart.wait()
    sys.exit(status if status >= 0 else 128 - status)


def run(*command, **more):
    return subprocess.run([str(word) for word in command], check=True, **more)


def build(hosts):
    """hosts: name -> addresses with prefix length"""
    add_namespaces("switch", "tap", *hosts)
    inside("switch", "ip", "link", "add", "br0", "type", "bridge")
    inside("switch", "ip", "link", "set", "br0", "up")
    for name in hosts:
        plug(name, "eth0", "to-" + name)
        for address in hosts[name]:
            inside(name, "ip", "address", "add", address, "dev", "eth0", *(["nodad"] if ":" in address else []))
    plug_mirror()


def add_namespaces(*names):
    run("mount", "-t", "tmpfs", "tmpfs", "/run")
    run("hostname", "span")
    for name in names:
        run("ip", "netns", "add", name)
        inside(name, "ip", "link", "set", "lo", "up")


def cable(one, interface, other, port):
    """Between interfaces of two namespaces, which are down yet."""
    run("ip", "link", "add", interface, "netns", one, "type", "veth", "peer", "name", port, "netns", other)
    for namespace, end in ((one, interface), (other, port)):
        in_namespace(namespace, switch_offload_off, end)


def bring_up(namespace, interface):
    inside(namespace, "ip", "link", "set", interface, "up")


def plug(namespace, interface, port):
    """A cable between a namespace and the switch, which must not learn from its first frame either."""
    cable(namespace, interface, "switch", port)
    inside("switch", "ip", "link", "set", port, "master", "br0")
    inside("switch", "bridge", "link", "set", "dev", port, "learning", "off", "flood", "on")
    bring_up("switch", port)
    bring_up(namespace, interface)


def plug_mirror():
    silence("tap")
    plug("tap", MIRROR, "to-tap")


def silence(namespace):
    """Interfaces made later send nothing of their own, not even neighbour discovery: nor does a mirror port."""
    run("ip", "netns", "exec", namespace, "sysctl", "-q", "-w", "net.ipv6.conf.default.disable_ipv6=1")


def unplug_mirror():
    inside("tap", "ip", "link", "delete", MIRROR)


def switch_offload_off(interface):
    """As `ethtool -K` does: else frames of 64 kB cross, whose checksums nobody has computed."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as control:
        for command in ETHTOOL_OFF:
            value = ctypes.create_string_buffer(struct.pack("II", command, 0))
            request = struct.pack("16sP", interface.encode(), ctypes.addressof(value)) + bytes(8)
            fcntl.ioctl(control, SIOCETHTOOL, request)


def inside(namespace, *command, **more):
    return run("nsenter", "--net=/run/netns/" + namespace, *command, **more)


def start(namespace, *command, **more):
    return subprocess.Popen(["nsenter", "--net=/run/netns/" + namespace, *map(str, command)], **more)


def enter(namespace):
    """Moves this process, which must have one thread (Python 3.11 has no os.setns)."""
    with open("/run/netns/" + namespace) as handle:
        if ctypes.CDLL(None, use_errno=True).setns(handle.fileno(), 0):
            raise OSError(ctypes.get_errno(), "setns")


def fork(namespace, function, *arguments):
    """Runs a function in a namespace in a process of its own; returns its id."""
    sys.stdout.flush()
    child = os.fork()
    if child:
        return child
    status = 1
    try:
        enter(namespace)
        function(*arguments)
        status = 0
    except BaseException as error:  # this process ends here, whatever it was
        print(f"in {namespace}: {error!r}")
    finally:
        sys.stdout.flush()
        os._exit(status)


def in_namespace(namespace, function, *arguments):
    _, status = os.waitpid(fork(namespace, function, *arguments), 0)
    if status:
        raise RuntimeError(f"{function.__name__} failed in {namespace}")


def wait_until(condition, what, seconds=30):
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            raise RuntimeError("waited in vain for " + what)
        time.sleep(0.05)


def listens(namespace, address, port):
    """Whether something does, on one of the namespace's addresses; IPv6 in brackets."""
    shown = inside(namespace, "ss", "-Htln", f"src {address}:{port}", capture_output=True, text=True).stdout
    return bool(shown.strip())


def established(namespace):
    """Connections on the wire that are not yet closed by both."""
    shown = inside(namespace, "ss", "-Htn", "state", "connected", "exclude", "time-wait", capture_output=True, text=True).stdout
    return [line for line in shown.splitlines() if "127.0.0.1:" not in line]


def packet_sockets(namespace):
    """How many sockets capture there."""
    return len(inside(namespace, "cat", "/proc/net/packet", capture_output=True, text=True).stdout.splitlines()) - 1


def start_tcpdump(path, *options, expression="tcp"):
    """On the mirror, each packet written at once."""
    log = pathlib.Path(path).with_suffix(".tcpdump")
    with open(log, "wb") as output:
        process = start("tap", "tcpdump", "-i", MIRROR, "-n", "-U", "-Z", "root", "--immediate-mode", "-B", "65536", "-s", "0", *options,
                        "-w", path, expression, stdout=output, stderr=output)
    wait_until(lambda: "listening on" in log.read_text(errors="replace"), "tcpdump")
    return process


def stop(process, number=signal.SIGINT, seconds=90):
    process.send_signal(number)
    return process.wait(seconds)
