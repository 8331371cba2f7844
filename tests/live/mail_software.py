"""mail_software.py: Postfix, Exim and OpenSMTPD on one machine, though Debian lets nobody install them side by side.

apt fetches the packages into a cache directory, dpkg unpacks them into a tree there, and in a mount namespace that tree
is laid over /usr, /etc and /var: only this process and its children see it, and what they write there is in memory.
"""

import os
import pathlib
import shutil
import subprocess

OVERLAID = ("usr", "etc", "var")
MERGED = ("bin", "sbin", "lib", "lib64")  # are symbolic links into /usr
PACKAGES = ("postfix", "libsasl2-modules", "sasl2-bin", "exim4-daemon-light", "opensmtpd")
BACKPORTS = "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] http://deb.debian.org/debian bookworm-backports main\n"
USERS = {"postfix": 901, "postdrop": 902, "Debian-exim": 903, "opensmtpd": 904, "opensmtpq": 905}


class Unavailable(Exception):
    """The software cannot be had here; the text says why."""


def codename():
    text = pathlib.Path("/etc/os-release").read_text()
    return dict(line.split("=", 1) for line in text.splitlines() if "=" in line).get("VERSION_CODENAME", "")


def apt_options(cache):
    """A state of its own for apt: the system's sources, and for Debian 12 its backports, as OpenSMTPD 6.8 cannot sign
    with OpenSSL 3."""
    parts = cache / "sources"
    if not parts.exists():
        shutil.copytree("/etc/apt/sources.list.d", parts)
    if codename() == "bookworm":
        (parts / "backports.list").write_text(BACKPORTS)
    for name in ("lists/partial", "archives/partial"):
        (cache / name).mkdir(parents=True, exist_ok=True)
    return ["-qq", "-y", "-o", f"Dir::State::Lists={cache}/lists", "-o", f"Dir::Etc::SourceParts={parts}", "-o", f"Dir::Cache={cache}",
            "-o", f"Dir::Cache::Archives={cache}/archives", "-o", "APT::Sandbox::User=root", "-o", "DPkg::Lock::Timeout=120"]


def apt(cache, *words):
    done = subprocess.run(["apt-get", *apt_options(cache), *words], stdin=subprocess.DEVNULL, capture_output=True, text=True,
                          env={**os.environ, "DEBIAN_FRONTEND": "noninteractive"}, check=False)
    if done.returncode:
        print(done.stdout, done.stderr)
        raise Unavailable("apt-get cannot fetch " + " ".join(PACKAGES))


def fetch(cache):
    """The packages, each with what it needs and the machine lacks, unpacked. Returns the tree; nothing to do a second time."""
    tree, list_of_tree, wanted = cache / "tree", cache / "tree.of", " ".join(PACKAGES)
    if list_of_tree.exists() and list_of_tree.read_text() == wanted:
        return tree
    if not shutil.which("apt-get"):
        raise Unavailable("no apt-get here")
    cache.mkdir(parents=True, exist_ok=True)
    apt(cache, "update", "-o", "APT::Update::Error-Mode=any")
    for package in PACKAGES:
        if package == "opensmtpd" and codename() == "bookworm":
            package += "/bookworm-backports"
        apt(cache, "install", "--download-only", "--reinstall", "--no-install-recommends", package)
    unpacked = cache / "unpacked"
    shutil.rmtree(unpacked, ignore_errors=True)
    unpacked.mkdir()
    for package in sorted((cache / "archives").glob("*.deb")):
        subprocess.run(["dpkg", "-x", str(package), str(unpacked)], check=True)
    merge_usr(unpacked)
    for name in OVERLAID:
        (unpacked / name).mkdir(exist_ok=True)
    list_of_tree.unlink(missing_ok=True)
    shutil.rmtree(tree, ignore_errors=True)
    unpacked.rename(tree)
    list_of_tree.write_text(wanted)
    return tree


def merge_usr(tree):
    for name in MERGED:
        if (tree / name).is_dir():
            shutil.copytree(tree / name, tree / "usr" / name, symlinks=True, dirs_exist_ok=True)
            shutil.rmtree(tree / name)


def lay_over(tree, scratch, hosts):
    """Needs a mount namespace of its own, whose mounts nobody else sees. `hosts` is the text of /etc/hosts; there is no DNS."""
    scratch.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "tmpfs", str(scratch)], check=True)
    for name in OVERLAID:
        for part in ("upper", "work"):
            (scratch / part / name).mkdir(parents=True)
        options = f"lowerdir={tree}/{name}:/{name},upperdir={scratch}/upper/{name},workdir={scratch}/work/{name}"
        subprocess.run(["mount", "-t", "overlay", "overlay", "-o", options, f"/{name}"], check=True)
    subprocess.run(["umount", str(scratch)], check=True)  # the layers hold it
    scratch.rmdir()
    add_users()
    pathlib.Path("/etc/hosts").write_text(hosts)
    pathlib.Path("/etc/resolv.conf").unlink(missing_ok=True)
    pathlib.Path("/etc/resolv.conf").touch()


def add_users():
    passwd, group = pathlib.Path("/etc/passwd"), pathlib.Path("/etc/group")
    known = {line.split(":")[0] for line in passwd.read_text().splitlines()}
    for name, number in USERS.items():
        if name not in known:
            with open(passwd, "a") as lines:
                lines.write(f"{name}:x:{number}:{number}::/nonexistent:/usr/sbin/nologin\n")
            with open(group, "a") as lines:
                lines.write(f"{name}:x:{number}:\n")
