"""mail_plan.py: who sends to whom, under which settings.

Three hosts, each with one mail server that sends and receives. It listens on several addresses, each with other settings
(LISTENERS), and sends by several rules (POLICIES). The address of a recipient names it all:

    bob@POLICY.LISTENER.v4.SERVER.test      sent by POLICY to the IPv4 address of LISTENER at SERVER
"""

import dataclasses

SERVERS = {"postfix": 50, "exim": 100, "smtpd": 150}  # last octet of a host's own address; its listeners come after it
LISTENERS = {
    "may": "offers STARTTLS, TLS 1.2 and 1.3; port 465, too",
    "tls12": "TLS 1.2 only; port 465, too",
    "tls13": "TLS 1.3 only",
    "none": "offers no TLS",
    "must": "no mail without TLS",
    "expired": "an expired certificate, TLS 1.2; port 465, too",
    "selfsigned": "a self-signed certificate, TLS 1.2",
    "asks": "a client certificate is required, TLS 1.2",
    "broken": "offers STARTTLS and has no certificate",
}
POLICIES = {
    "may": "TLS where it is offered, else in clear",
    "none": "never TLS",
    "encrypt": "TLS or no mail, any certificate",
    "tls12": "as encrypt, TLS 1.2 only",
    "tls13": "as encrypt, TLS 1.3 only",
    "may12": "as may, TLS 1.2 only",
    "verify": "as encrypt, and the certificate must be right",
    "cert": "as encrypt, with a client certificate",
    "implicit": "TLS from the first byte, port 465",
    "auth": "as encrypt, with AUTH",
    "authclear": "AUTH in clear",
}
PAIRS = """may/may may/tls12 may/tls13 may/none may/must may/expired may/selfsigned may/asks may/broken
    none/may none/none none/must encrypt/may encrypt/none encrypt/broken tls12/may tls12/tls12 tls12/tls13 tls13/may tls13/tls12
    may12/tls13 verify/may verify/expired verify/selfsigned cert/asks cert/may implicit/may implicit/tls12 implicit/expired
    auth/may authclear/none""".split()
CANNOT = {"smtpd": {"listeners": ("broken",), "policies": ("authclear",)}}  # what a server has no setting for
ON_465 = ("may", "tls12", "expired")
OFFERS_NOTHING = ("none",)
VERSIONS = ("v4", "v6")
PASSWORD = "s3cret-Passw0rd"


@dataclasses.dataclass(frozen=True)
class Mail:
    sender: str
    receiver: str
    policy: str
    listener: str
    version: str

    @property
    def domain(self):
        return f"{self.policy}.{self.listener}.{self.version}.{self.receiver}.test"

    @property
    def recipient(self):
        return f"bob@{self.domain}"

    @property
    def port(self):
        return 465 if self.policy == "implicit" else 25

    @property
    def address(self):
        return listener_address(self.receiver, self.listener, self.version)

    @property
    def host(self):
        return host_name(self.receiver, self.listener, self.version)


def numbered(version, number):
    return f"192.0.2.{number}" if version == "v4" else f"2001:db8:2::{number}"


def own_address(server, version):
    return numbered(version, SERVERS[server])


def listener_address(server, listener, version):
    return numbered(version, SERVERS[server] + 1 + list(LISTENERS).index(listener))


def host_name(server, listener, version):
    return f"{listener}-{version}-{server}.example.org"


def listeners(server):
    return [name for name in LISTENERS if name not in CANNOT.get(server, {}).get("listeners", ())]


def listener_of(address):
    """(server, listener) of an address; None: not one of ours."""
    for server in SERVERS:
        for listener in LISTENERS:
            if address in [listener_address(server, listener, version) for version in VERSIONS]:
                return server, listener
    return None


def server_of(address):
    """The server on the host that has this address."""
    number = int(address.rpartition(":" if ":" in address else ".")[2])
    return max((start, name) for name, start in SERVERS.items() if start <= number)[1]


def hosts():
    """host -> its addresses, the one that it sends from first; the others are not taken as a source of their own accord."""
    return {server: [own_address(server, "v4") + "/24", own_address(server, "v6") + "/64"]
            + [listener_address(server, name, "v4") + "/24" for name in LISTENERS]
            + [listener_address(server, name, "v6") + "/64" for name in LISTENERS] for server in SERVERS}


def names():
    """/etc/hosts"""
    lines = ["127.0.0.1 localhost"]
    for server in SERVERS:
        for version in VERSIONS:
            lines.append(f"{own_address(server, version)} {server}.example.org")
            lines += [f"{listener_address(server, name, version)} {host_name(server, name, version)}" for name in LISTENERS]
    return "\n".join(lines) + "\n"


def mails(sender):
    """What one server sends, each to another."""
    found = []
    for pair in PAIRS:
        policy, listener = pair.split("/")
        for receiver in SERVERS:
            able = policy not in CANNOT.get(sender, {}).get("policies", ()) and listener in listeners(receiver)
            if policy == "authclear" and receiver == "smtpd":
                able = False  # has AUTH inside TLS only
            if able and receiver != sender:
                found += [Mail(sender, receiver, policy, listener, version) for version in VERSIONS]
    return found


ALL = [mail for server in SERVERS for mail in mails(server)]
