#!/usr/bin/env python3
"""systemd.py: the unit, the user and the directories that `cmake --install` brings, under a real systemd.

    python3 tests/live/systemd.py [--root=DIRECTORY] BUILD

In a Debian root of its own (debootstrap; with --root one that is there, or is kept there) systemd runs as the first process
of new namespaces: processes, mounts, network, host name, control groups. There it is done as README's "Running as a service"
says: users, directories, enable, start. Then: READY came, a connection of mail is in the output, reload keeps the process,
the watchdog hears from it, a stopped process is killed by it and started anew, stopping ends within its bound and loses no
event, and `systemd-analyze security` is at 2.0 or below. Needs root and debootstrap; about a minute, and two for the root.
"""
import argparse
import json
import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time

SKIP = 77
GROUPS = pathlib.Path("/sys/fs/cgroup")
PACKAGES = "systemd,systemd-sysv,dbus,iproute2,procps,python3-minimal"
# What a container has no use for, or must not do to the machine that it is on.
MASKED = ("systemd-udevd systemd-udev-trigger systemd-sysctl systemd-modules-load systemd-remount-fs systemd-logind systemd-binfmt "
          "systemd-timesyncd systemd-random-seed systemd-hwdb-update console-getty getty@").split()
FORBIDDEN = "-sys_time,-sys_module,-sys_boot,-wake_alarm"
CONFIG = 'interface: [lo]\noutput: ["json:/var/lib/starttap/events.ndjson?append"]\n'

BOOT = """
set -e
mount --make-rprivate /
mount --bind {root} {root}
mount -t proc proc {root}/proc
mount --bind {root}/proc/sys {root}/proc/sys
mount -o remount,bind,ro {root}/proc/sys
mount -t sysfs -o ro sysfs {root}/sys
for place in run tmp dev sys/fs/cgroup; do mount -t tmpfs -o mode=755 tmpfs {root}/$place; done
for node in null zero full random urandom tty; do touch {root}/dev/$node; mount --bind /dev/$node {root}/dev/$node; done
mkdir {root}/dev/pts {root}/dev/shm {root}/sys/fs/cgroup/systemd
mount -t devpts -o newinstance,ptmxmode=0666 devpts {root}/dev/pts
ln -s pts/ptmx {root}/dev/ptmx
mount -t cgroup -o none,name=systemd cgroup {root}/sys/fs/cgroup/systemd
ip link set lo up
exec setpriv --bounding-set {forbidden} --inh-caps {forbidden} env -i container=lxc PATH=/usr/sbin:/usr/bin:/sbin:/bin \
    chroot {root} /lib/systemd/systemd systemd.unit=multi-user.target
"""

# A conversation over the loopback interface, in the network of the container.
MAIL = """
import socket, threading
listener = socket.create_server(("127.0.0.1", 25))
def serve():
    connection, _ = listener.accept()
    file = connection.makefile("rwb", buffering=0)
    file.write(b"220 mx.test ESMTP\\r\\n")
    for line in file:
        file.write(b"221 bye\\r\\n" if line.startswith(b"QUIT") else b"250-mx.test\\r\\n250 SIZE\\r\\n" if line.startswith(b"EHLO")
                   else b"250 ok\\r\\n")
        if line.startswith(b"QUIT"):
            break
    file.close()
    connection.close()
thread = threading.Thread(target=serve)
thread.start()
with socket.create_connection(("127.0.0.1", 25)) as client:
    replies = client.makefile("rb")
    for line in (None, b"EHLO me.test", b"MAIL FROM:<a@me.test>", b"QUIT"):
        if line:
            client.sendall(line + b"\\r\\n")
        while replies.readline()[3:4] == b"-":
            pass
thread.join()
"""


def why_not():
    if os.geteuid() != 0:
        return "needs root"
    for tool in ("debootstrap", "unshare", "setpriv", "nsenter"):
        if not shutil.which(tool):
            return f"needs {tool}"
    systemd = GROUPS / "systemd"
    return None if systemd.is_dir() else f"needs control groups as they were before version 2, at {systemd}"


def make_root(root):
    codename = re.search(r"VERSION_CODENAME=(\w+)", pathlib.Path("/etc/os-release").read_text())
    if not (root / "lib/systemd/systemd").exists():
        subprocess.run(["debootstrap", "--variant=minbase", f"--include={PACKAGES}", codename.group(1), root], check=True,
                       stdout=subprocess.DEVNULL)
    for unit in MASKED:
        link = root / f"etc/systemd/system/{unit}.service"
        link.unlink(missing_ok=True)
        link.symlink_to("/dev/null")


def install(build, root):
    subprocess.run(["cmake", "--install", build, "--prefix", "/usr"], check=True, stdout=subprocess.DEVNULL,
                   env={**os.environ, "DESTDIR": str(root)})
    libraries = root / "usr/lib/starttap"
    libraries.mkdir(exist_ok=True)
    for path in re.findall(r"=> (/\S+)", subprocess.run(["ldd", build / "starttap"], check=True, capture_output=True, text=True).stdout):
        if not (root / path[1:]).exists():
            shutil.copy(path, libraries)
    (root / "etc/ld.so.conf.d/starttap.conf").write_text("/usr/lib/starttap\n")
    subprocess.run(["chroot", root, "ldconfig"], check=True)
    (root / "etc/starttap").mkdir(exist_ok=True)
    (root / "etc/starttap/starttap.yaml").write_text(CONFIG)
    for folder in ("var/lib/starttap", "var/log/journal"):
        shutil.rmtree(root / folder, ignore_errors=True)
    (root / "etc/systemd/system/multi-user.target.wants/starttap.service").unlink(missing_ok=True)


def own_groups():
    """Where this process is in each hierarchy, so that systemd finds itself below that and nowhere else."""
    for line in pathlib.Path("/proc/self/cgroup").read_text().splitlines():
        _, names, path = line.split(":", 2)
        name = {"": "unified", "name=systemd": "systemd"}.get(names, names)
        if (GROUPS / name).is_dir():
            yield GROUPS / (name + path)


def make_group(parent):
    group = parent / f"starttap-test-{os.getpid()}"
    group.mkdir()
    for setting in ("cpuset.cpus", "cpuset.mems"):
        if (group / setting).exists() and parent.parent.name != "unified":
            (group / setting).write_text((parent / setting).read_text())
    return group


class Machine:
    def __init__(self, root):
        self.groups = [folder for folder in map(make_group, sorted(own_groups())) if folder]
        joins = "".join(f"echo 0 > {group}/cgroup.procs; " for group in self.groups)
        script = BOOT.format(root=root, forbidden=FORBIDDEN)
        self.outer = subprocess.Popen(["sh", "-c", joins + "exec unshare --mount --pid --uts --ipc --net --cgroup"
                                       ' --fork --kill-child sh -c "$0"', script], stdin=subprocess.DEVNULL,
                                      stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.wait(lambda: self.first() and self.run("systemctl", "is-system-running").stdout.strip() in ("running", "degraded"), "boot")

    def first(self):
        children = pathlib.Path(f"/proc/{self.outer.pid}/task/{self.outer.pid}/children").read_text().split()
        return int(children[0]) if children else None

    def run(self, *command):
        return subprocess.run(["nsenter", "-t", str(self.first()), "-m", "-p", "-u", "-i", "-n", "-C", "-r", "-w", *command],
                              capture_output=True, text=True, timeout=120)

    def ask(self, name):
        return self.run("systemctl", "show", "starttap", "-p", name, "--value").stdout.strip()

    def journal(self):
        return self.run("journalctl", "-u", "starttap", "--no-pager", "-o", "cat").stdout

    def wait(self, condition, what, seconds=60):
        end = time.monotonic() + seconds
        while not condition():
            if time.monotonic() > end:
                raise SystemExit(f"systemd: waited {seconds} s for: {what}\n{self.journal()}")
            time.sleep(0.2)

    def end(self):
        if self.first():
            os.kill(self.first(), signal.SIGKILL)  # and with the first process of a namespace, all
        self.outer.wait(30)
        for group in self.groups:
            for folder, _, _ in os.walk(group, topdown=False):
                os.rmdir(folder)


def sessions(root):
    path = root / "var/lib/starttap/events.ndjson"
    events = map(json.loads, path.read_text().splitlines()) if path.exists() else ()
    return [event for event in events if event["event"]["dataset"] == "starttap.session"]


def send_mail(machine):
    done = subprocess.run(["nsenter", "-t", str(machine.first()), "-n", sys.executable, "-c", MAIL], capture_output=True, text=True, timeout=60)
    if done.returncode:
        raise SystemExit(f"systemd: the conversation failed: {done.stderr}")


def expect(condition, what, machine):
    if not condition:
        raise SystemExit(f"systemd: not so: {what}\n{machine.journal()}")
    print(f"systemd: {what}", flush=True)


def check_start(machine, root):
    for command in (["systemd-sysusers"], ["systemd-tmpfiles", "--create", "starttap.conf"]):
        expect(machine.run(*command).returncode == 0, " ".join(command), machine)
    done = machine.run("systemctl", "enable", "--now", "starttap")
    expect(done.returncode == 0 and machine.ask("ActiveState") == "active", "enabled, started, and READY came (Type=notify)", machine)
    user = machine.run("ps", "-o", "user=", "-p", machine.ask("MainPID")).stdout.strip()
    expect(user == "starttap" and machine.ask("StatusText") != "", f"it runs as {user}; status: {machine.ask('StatusText')}", machine)
    send_mail(machine)
    machine.wait(lambda: len(sessions(root)) == 1, "the first connection's event")
    expect(sessions(root)[0]["starttap"]["verdict"] == "not_offered", "a connection of mail is in the output", machine)


def check_reload(machine):
    before = machine.ask("MainPID")
    done = machine.run("systemctl", "reload", "starttap")
    machine.wait(lambda: "configuration: read again" in machine.journal(), "the reload's message")
    expect(done.returncode == 0 and machine.ask("MainPID") == before, "reload: the same process goes on", machine)


def check_watchdog(machine):
    folder = "/run/systemd/system/starttap.service.d"
    machine.run("sh", "-c", f"mkdir -p {folder}; printf '[Service]\\nWatchdogSec=4\\nRestartSec=1\\n' > {folder}/test.conf")
    machine.run("systemctl", "daemon-reload")
    machine.run("systemctl", "restart", "starttap")
    heard = machine.ask("WatchdogTimestampMonotonic")
    machine.wait(lambda: machine.ask("WatchdogTimestampMonotonic") != heard, "the watchdog to hear from it")
    second = machine.ask("WatchdogTimestampMonotonic")
    machine.wait(lambda: machine.ask("WatchdogTimestampMonotonic") != second, "the watchdog to hear from it again")
    expect(machine.ask("NRestarts") == "0", f"the watchdog hears from it ({heard}, {second})", machine)
    before = machine.ask("MainPID")
    machine.run("systemctl", "kill", "--kill-who=main", "-s", "STOP", "starttap")
    machine.wait(lambda: machine.ask("NRestarts") == "1" and machine.ask("ActiveState") == "active", "the watchdog's restart")
    expect(machine.ask("MainPID") != before, "hung, it is killed by the watchdog and started anew", machine)


def check_stop(machine, root):
    num = len(sessions(root))
    send_mail(machine)
    begin = time.monotonic()
    machine.run("systemctl", "stop", "starttap")
    took = time.monotonic() - begin
    expect(machine.ask("Result") == "success" and took < 30, f"stopped in {took:.1f} s of 30", machine)
    expect(len(sessions(root)) == num + 1, "what was seen before is in the output", machine)


def check_security(machine):
    last = machine.run("systemd-analyze", "security", "--no-pager", "starttap").stdout.strip().splitlines()[-1]
    figure = float(re.search(r": ([\d.]+)", last).group(1))
    expect(figure <= 2.0, f"systemd-analyze security starttap: {figure}", machine)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--root", type=pathlib.Path)
    parser.add_argument("build", type=pathlib.Path)
    arguments = parser.parse_args()
    reason = why_not()
    if reason:
        print(reason)
        return SKIP
    with tempfile.TemporaryDirectory() as made:
        root = (arguments.root or pathlib.Path(made) / "root").resolve()
        make_root(root)
        install(arguments.build.resolve(), root)
        machine = Machine(root)
        try:
            check_start(machine, root)
            check_reload(machine)
            check_security(machine)
            check_watchdog(machine)
            check_stop(machine, root)
        finally:
            machine.end()
    print("systemd: all is as README says")
    return 0


if __name__ == "__main__":
    sys.exit(main())
