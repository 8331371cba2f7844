"""mail_servers.py: Postfix, Exim and OpenSMTPD, each set up as mail_plan.py says, in the namespace of its name.

Each takes mail for its own domains and throws it away, and takes any other on 127.0.0.1 and sends it on.
"""

import pathlib
import shutil
import signal
import subprocess
import sys

import mail_plan as plan
import span_net as net

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "pcaps" / "make"))
from server_parts import POSTFIX_SERVICES  # noqa: E402  what makes the captures is not a package

POSTFIX_MAIN = """
compatibility_level = 3.6
queue_directory = {home}/queue
data_directory = {home}/data
maillog_file = {home}/log
maillog_file_prefixes = {home}
myhostname = postfix.example.org
mydestination = postfix.example.org
local_transport = discard:
mynetworks = 127.0.0.0/8
relay_domains = test
local_recipient_maps =
alias_maps =
transport_maps = texthash:{home}/transport
inet_protocols = all
smtp_host_lookup = native
smtp_dns_support_level = disabled
smtp_bind_address = {own4}
smtp_bind_address6 = {own6}
smtp_tls_CAfile = {certs}/ca.pem
smtp_tls_loglevel = 1
smtp_tls_verify_cert_match = hostname
smtp_sasl_password_maps = static:alice:{password}
smtp_sasl_security_options = noanonymous
smtpd_relay_restrictions = permit_mynetworks, permit_auth_destination, reject
smtpd_peername_lookup = no
smtpd_client_port_logging = yes
smtpd_client_connection_count_limit = 0
smtpd_tls_loglevel = 1
smtpd_tls_security_level = may
smtpd_tls_cert_file = {certs}/rsa.pem
smtpd_tls_key_file = {certs}/rsa.key
smtpd_tls_CAfile = {certs}/ca.pem
smtpd_sasl_path = smtpd
smtpd_sasl_local_domain = example.org
cyrus_sasl_config_path = {home}/sasl
"""
POSTFIX_LOCAL = "127.0.0.1:25 inet n - n - - smtpd\n"
POSTFIX_POLICIES = {  # options of its client
    "may": "-o smtp_tls_security_level=may",
    "none": "-o smtp_tls_security_level=none",
    "encrypt": "-o smtp_tls_security_level=encrypt",
    "tls12": "-o smtp_tls_security_level=encrypt -o smtp_tls_mandatory_protocols=TLSv1.2",
    "tls13": "-o smtp_tls_security_level=encrypt -o smtp_tls_mandatory_protocols=TLSv1.3",
    "may12": "-o smtp_tls_security_level=may -o smtp_tls_protocols=TLSv1.2",
    "verify": "-o smtp_tls_security_level=verify",
    "cert": "-o smtp_tls_security_level=encrypt -o smtp_tls_cert_file={certs}/client.pem -o smtp_tls_key_file={certs}/client.key",
    "implicit": "-o smtp_tls_security_level=encrypt -o smtp_tls_wrappermode=yes",
    "auth": "-o smtp_tls_security_level=encrypt -o smtp_sasl_auth_enable=yes",
    "authclear": "-o smtp_tls_security_level=none -o smtp_sasl_auth_enable=yes",
}
PROTOCOLS = "-o smtpd_tls_protocols={0} -o smtpd_tls_mandatory_protocols={0} "
CERTIFICATE = "-o smtpd_tls_cert_file={{certs}}/{0}.pem -o smtpd_tls_key_file={{certs}}/{0}.key "
POSTFIX_LISTENERS = {  # options of its server
    "may": "-o smtpd_sasl_auth_enable=yes",
    "tls12": PROTOCOLS.format("TLSv1.2"),
    "tls13": PROTOCOLS.format("TLSv1.3"),
    "none": "-o smtpd_tls_security_level=none -o smtpd_sasl_auth_enable=yes",
    "must": "-o smtpd_tls_security_level=encrypt",
    "expired": PROTOCOLS.format("TLSv1.2") + CERTIFICATE.format("expired"),
    "selfsigned": PROTOCOLS.format("TLSv1.2") + CERTIFICATE.format("selfsigned"),
    "asks": "-o smtpd_tls_security_level=encrypt -o smtpd_tls_req_ccert=yes " + PROTOCOLS.format("TLSv1.2"),
    "broken": CERTIFICATE.format("missing"),
}
POSTFIX_QUEUES = "active bounce corrupt defer deferred flush hold incoming private saved trace".split()

EXIM = """
primary_hostname = exim.example.org
exim_user = Debian-exim
exim_group = Debian-exim
keep_environment =
spool_directory = {home}/spool
log_file_path = {home}/%slog
pid_file_path = {home}/pid
timezone = UTC
host_lookup =
smtp_accept_max = 0
smtp_accept_queue_per_connection = 0
recipients_max_reject = false
received_headers_max = 60
log_selector = +incoming_interface +incoming_port +outgoing_interface +outgoing_port +received_recipients +smtp_connection +tls_cipher
daemon_smtp_ports = 25 : 465
tls_on_connect_ports = 465
tls_advertise_hosts = ${{if inlist{{$received_ip_address}}{{{none}}}{{}}{{*}}}}
tls_certificate = {certs}/${{if inlist{{$received_ip_address}}{{{expired}}}{{expired}}\
{{${{if inlist{{$received_ip_address}}{{{selfsigned}}}{{selfsigned}}\
{{${{if inlist{{$received_ip_address}}{{{broken}}}{{missing}}{{rsa}}}}}}}}}}}}.pem
tls_privatekey = {certs}/${{if inlist{{$received_ip_address}}{{{expired}}}{{expired}}\
{{${{if inlist{{$received_ip_address}}{{{selfsigned}}}{{selfsigned}}{{rsa}}}}}}}}.key
tls_require_ciphers = ${{if inlist{{$received_ip_address}}{{{only12}}}{{NORMAL:-VERS-ALL:+VERS-TLS1.2}}\
{{${{if inlist{{$received_ip_address}}{{{tls13}}}{{NORMAL:-VERS-ALL:+VERS-TLS1.3}}{{NORMAL}}}}}}}}
tls_verify_certificates = {certs}/ca.pem
tls_verify_hosts = ${{if inlist{{$received_ip_address}}{{{asks}}}{{*}}}}
acl_smtp_helo = note_helo
acl_smtp_mail = check_mail
acl_smtp_rcpt = check_rcpt
begin acl
note_helo:
  accept logwrite = helo [$sender_host_address]:$sender_host_port I=[$received_ip_address]:$received_port \
${{if def:tls_in_ver{{TLS=$tls_in_ver:$tls_in_cipher_std}}}}
check_mail:
  deny condition = ${{if inlist{{$received_ip_address}}{{{must}}}}}
       !encrypted = *
       message = TLS first
  accept
check_rcpt:
  accept hosts = 127.0.0.1
  accept domains = exim.test : *.exim.test
  deny message = relay not permitted
begin routers
mine:
  driver = redirect
  domains = exim.test : *.exim.test
  data = :blackhole:
{routers}
begin transports
{transports}
begin retry
begin authenticators
plain:
  driver = plaintext
  public_name = PLAIN
  server_prompts = :
  server_advertise_condition = ${{if inlist{{$received_ip_address}}{{{offers_auth}}}}}
  server_condition = ${{if and{{{{eq{{$auth2}}{{alice}}}}{{eq{{$auth3}}{{{password}}}}}}}}}
  server_set_id = $auth2
  client_send = ^alice^{password}
"""
EXIM_ROUTER = """
{policy}:
  driver = manualroute
  domains = ^{policy}\\\\.
  transport = {policy}
  route_data = ${{lookup{{$domain}}lsearch{{{home}/routes}}}} byname
  host_find_failed = defer
  self = send
"""
EXIM_TRANSPORT = """
{policy}:
  driver = smtp
  interface = <; {own4} ; {own6}
  tls_verify_certificates = {certs}/ca.pem
  {options}
"""
ONLY = "tls_require_ciphers = NORMAL:-VERS-ALL:+VERS-TLS1."
REQUIRED = "hosts_require_tls = *\n  tls_try_verify_hosts =\n  "
EXIM_POLICIES = {
    "may": "tls_try_verify_hosts =",
    "none": "hosts_avoid_tls = *",
    "encrypt": REQUIRED,
    "tls12": REQUIRED + ONLY + "2",
    "tls13": REQUIRED + ONLY + "3",
    "may12": "tls_try_verify_hosts =\n  " + ONLY + "2",
    "verify": "hosts_require_tls = *\n  tls_verify_hosts = *",
    "cert": REQUIRED + "tls_certificate = {certs}/client.pem\n  tls_privatekey = {certs}/client.key",
    "implicit": REQUIRED + "protocol = smtps\n  port = 465",
    "auth": REQUIRED + "hosts_require_auth = *",
    "authclear": "hosts_avoid_tls = *\n  hosts_require_auth = *",
}

SMTPD_PAUSES = "conn-delay-host conn-delay-route reconn-delay-route session-transaction-delay".split()
SMTPD_LISTENERS = {
    "may": 'tls pki "rsa" auth-optional <credentials>',
    "tls12": 'tls pki "rsa" protocols "tlsv1.2"',
    "tls13": 'tls pki "rsa" protocols "tlsv1.3"',
    "none": "",
    "must": 'tls-require pki "rsa"',
    "expired": 'tls pki "expired" protocols "tlsv1.2"',
    "selfsigned": 'tls pki "selfsigned" protocols "tlsv1.2"',
    "asks": 'tls-require verify pki "rsa" ca "lab" protocols "tlsv1.2"',
}
SMTPD_POLICIES = {  # how a relay is written
    "may": '"smtp://{host}"',
    "none": '"smtp+notls://{host}"',
    "encrypt": '"smtp+tls://{host}" tls no-verify',
    "tls12": '"smtp+tls://{host}" tls no-verify protocols "tlsv1.2"',
    "tls13": '"smtp+tls://{host}" tls no-verify protocols "tlsv1.3"',
    "may12": '"smtp://{host}" protocols "tlsv1.2"',
    "verify": '"smtp+tls://{host}" tls',
    "cert": '"smtp+tls://{host}" tls no-verify pki "client"',
    "implicit": '"smtps://{host}" tls no-verify',
    "auth": '"smtp+tls://alice@{host}" tls no-verify auth <secrets>',
}


def own(server):
    return {"own4": plan.own_address(server, "v4"), "own6": plan.own_address(server, "v6")}


def make_queues(home):
    """The directories that a Postfix at home needs."""
    for directory in ("data", "queue"):
        (home / directory).mkdir(parents=True)
    for directory in POSTFIX_QUEUES:
        (home / "queue" / directory).mkdir(mode=0o700)
        shutil.chown(home / "queue" / directory, "postfix")
    for directory, mode in (("maildrop", 0o1730), ("public", 0o2710), ("pid", 0o755)):
        (home / "queue" / directory).mkdir()
        shutil.chown(home / "queue" / directory, "root" if directory == "pid" else "postfix", "postdrop")
        (home / "queue" / directory).chmod(mode)
    shutil.chown(home / "data", "postfix")


class Postfix:
    name = "postfix"

    def __init__(self, folder, certs):
        self.home, self.certs = folder / "postfix", certs
        make_queues(self.home)
        (self.home / "sasl").mkdir()
        self.log = self.home / "log"
        self.configure()
        self.start()

    def configure(self):
        words = {"home": self.home, "certs": self.certs, "password": plan.PASSWORD, **own(self.name)}
        (self.home / "main.cf").write_text(POSTFIX_MAIN.format(**words))
        (self.home / "master.cf").write_text(POSTFIX_SERVICES + POSTFIX_LOCAL + self.services().format(**words))
        routes = [f"{mail.domain} {mail.policy}:[{mail.host}]:{mail.port}" for mail in plan.mails(self.name)]
        (self.home / "transport").write_text("\n".join([".postfix.test discard:", "postfix.test discard:", *routes, ""]))
        (self.home / "sasl" / "smtpd.conf").write_text("pwcheck_method: auxprop\nauxprop_plugin: sasldb\nmech_list: PLAIN LOGIN\n")
        subprocess.run(["saslpasswd2", "-p", "-c", "-u", "example.org", "alice"], input=plan.PASSWORD.encode(), check=True)
        pathlib.Path("/etc/sasldb2").chmod(0o644)

    def services(self):
        """The name of a service in the log says on which of its addresses a client came."""
        lines = [f"{policy} unix - - n - - smtp {options}" for policy, options in POSTFIX_POLICIES.items()]
        for listener, options in POSTFIX_LISTENERS.items():
            for version in plan.VERSIONS:
                address = plan.listener_address(self.name, listener, version)
                address = f"[{address}]" if version == "v6" else address
                lines.append(f"{address}:25 inet n - n - - smtpd -o syslog_name={listener}.{version}.25 {options}")
                if listener in plan.ON_465:
                    lines.append(f"{address}:465 inet n - n - - smtpd -o syslog_name={listener}.{version}.465 {options} "
                                 "-o smtpd_tls_wrappermode=yes")
        return "\n".join(lines) + "\n"

    def start(self):
        self.master = net.start(self.name, "/usr/lib/postfix/sbin/master", "-c", self.home, "-d",
                                stdout=open(self.home / "out", "wb"), stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL)

    def stop(self):
        net.stop(self.master, signal.SIGTERM)


class Exim:
    name = "exim"

    def __init__(self, folder, certs):
        self.home = folder / "exim"
        (self.home / "spool").mkdir(parents=True)
        self.log = self.home / "mainlog"
        words = {"home": self.home, "certs": certs, **own(self.name)}
        routers = "".join(EXIM_ROUTER.format(policy=policy, **words) for policy in EXIM_POLICIES)
        transports = "".join(EXIM_TRANSPORT.format(policy=policy, options=options.format(**words), **words)
                             for policy, options in EXIM_POLICIES.items())
        lists = {name: self.addresses(name) for name in plan.LISTENERS}
        lists["only12"] = self.addresses("tls12", "expired", "selfsigned", "asks")
        lists["offers_auth"] = self.addresses("may", "none")
        config = self.home / "exim.conf"
        config.write_text(EXIM.format(routers=routers, transports=transports, password=plan.PASSWORD, **words, **lists))
        (self.home / "routes").write_text("".join(f"{mail.domain}: {mail.host}\n" for mail in plan.mails(self.name)))
        for path in (self.home, self.home / "spool"):
            shutil.chown(path, "Debian-exim", "Debian-exim")
        trusted = pathlib.Path("/etc/exim4/trusted_configs")
        trusted.parent.mkdir(exist_ok=True)
        trusted.write_text(f"{config}\n")
        self.daemon = net.start(self.name, "exim4", "-C", config, "-bdf", stdout=open(self.home / "out", "wb"),
                                stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL)

    def addresses(self, *listeners):
        return "<; " + " ; ".join(plan.listener_address(self.name, name, version) for name in listeners for version in plan.VERSIONS)

    def stop(self):
        net.stop(self.daemon, signal.SIGTERM)


class Smtpd:
    """OpenSMTPD. It has fixed places for its spool, and checks certificates against the system's authorities."""
    name = "smtpd"

    def __init__(self, folder, certs):
        self.home, self.certs = folder / "smtpd", certs
        self.home.mkdir(parents=True)
        self.log = self.home / "log"
        for directory, mode in (("/var/spool/smtpd", 0o711), ("/var/lib/opensmtpd/empty", 0o755)):
            pathlib.Path(directory).mkdir(parents=True, exist_ok=True)
            pathlib.Path(directory).chmod(mode)
        with open("/etc/ssl/certs/ca-certificates.crt", "ab") as bundle:
            bundle.write((certs / "ca.pem").read_bytes())
        config = self.home / "smtpd.conf"
        config.write_text(self.text())
        config.chmod(0o600)
        self.daemon = net.start(self.name, "smtpd", "-d", "-f", config, stdout=open(self.log, "wb"), stderr=subprocess.STDOUT,
                                stdin=subprocess.DEVNULL)

    def text(self):
        sealed = subprocess.run(["openssl", "passwd", "-6", plan.PASSWORD], capture_output=True, text=True, check=True).stdout.strip()
        lines = [f'table credentials {{ alice = "{sealed}" }}', f'table secrets {{ alice = "alice:{plan.PASSWORD}" }}',
                 f'ca "lab" cert "{self.certs}/ca.pem"', *(f"mta limit {name} 0" for name in SMTPD_PAUSES)]
        for name in ("rsa", "expired", "selfsigned", "client"):
            shutil.copy(self.certs / f"{name}.key", self.home)
            (self.home / f"{name}.key").chmod(0o600)
            lines += [f'pki "{name}" cert "{self.certs}/{name}.pem"', f'pki "{name}" key "{self.home}/{name}.key"']
        lines.append("listen on 127.0.0.1 port 25")
        for listener, options in SMTPD_LISTENERS.items():
            for version in plan.VERSIONS:
                listen = f"listen on {plan.listener_address(self.name, listener, version)}"
                lines.append(f"{listen} port 25 {options}")
                if listener in plan.ON_465:
                    lines.append(f"{listen} port 465 {options.replace('tls pki', 'smtps pki')}")
        matches = []
        for mail in plan.mails(self.name):
            relay = SMTPD_POLICIES[mail.policy].format(host=mail.host)
            lines.append(f'action "{mail.domain}" relay host {relay} src "{plan.own_address(self.name, mail.version)}" helo "smtpd.example.org"')
            matches.append(f'match from local for domain "{mail.domain}" action "{mail.domain}"')
        lines.append('action "nowhere" mda "/bin/true" virtual { "@" = "nobody" }')
        matches.append('match from any for domain regex "smtpd\\.test$" action "nowhere"')
        return "\n".join([*lines, *matches, ""])

    def stop(self):
        net.stop(self.daemon, signal.SIGTERM)


KINDS = (Postfix, Exim, Smtpd)


def start_all(folder, certs):
    servers = [kind(folder, certs) for kind in KINDS]
    for server in servers:
        wait_for(server)
    return servers


def wait_for(server):
    """Until it listens wherever it shall."""
    def all_there():
        shown = net.inside(server.name, "ss", "-Htln", capture_output=True, text=True).stdout
        heard = {line.split()[3] for line in shown.splitlines()}
        wanted = ["127.0.0.1:25"]
        for name in plan.listeners(server.name):
            four, six = (plan.listener_address(server.name, name, version) for version in plan.VERSIONS)
            wanted += [f"{four}:25", f"[{six}]:25"]
        return all(one in heard or "0.0.0.0:25" in heard and one[0] != "[" or "[::]:25" in heard and one[0] == "[" for one in wanted)
    net.wait_until(all_there, server.name + " to listen", 40)
