"""The mail servers, each as a context manager: configured, started, stopped, its log kept in the scenario."""
import contextlib
import itertools
import os
import pathlib
import signal
import subprocess
import time

from lab import CERTS, SCRATCH, inside, listening, spawn, wait_until
from server_parts import POSTFIX_SERVICES

PASSWORD = "s3cret-Passw0rd"
OLD_TLS = SCRATCH / "openssl-old.cnf"   # lets OpenSSL speak TLS 1.0 and 1.1
OLD_TLS_TEXT = """openssl_conf = c
[c]
ssl_conf = s
[s]
system_default = d
[d]
MinProtocol = TLSv1
CipherString = ALL:@SECLEVEL=0
"""

POSTFIX_MAIN = """
compatibility_level = 3.6
queue_directory = {home}/queue
data_directory = {home}/data
maillog_file = {log}
maillog_file_prefixes = /tmp
syslog_name = {name}
mydestination = example.org
local_recipient_maps =
local_transport = discard:
alias_maps =
mynetworks = 127.0.0.0/8
inet_protocols = all
smtp_host_lookup = native
smtp_dns_support_level = disabled
smtpd_relay_restrictions = permit_mynetworks, permit_sasl_authenticated, reject_unauth_destination
smtpd_sasl_local_domain = example.org
smtpd_tls_loglevel = 1
smtp_tls_loglevel = 1
smtpd_tls_ciphers = medium
smtp_tls_CAfile = /tmp/lab/certs/ca.pem
smtpd_tls_CAfile = /tmp/lab/certs/ca.pem
import_environment = MAIL_CONFIG MAIL_DEBUG MAIL_LOGTAG TZ LANG=C {environment}
"""

counter = itertools.count()


def prepare():
    """What all servers share: the old-TLS configuration and the throwaway account."""
    OLD_TLS.write_text(OLD_TLS_TEXT)
    subprocess.run(["saslpasswd2", "-p", "-c", "-u", "example.org", "alice"], input=PASSWORD.encode(), check=True)
    os.chmod("/etc/sasldb2", 0o644)


def certificate(name):
    return f"smtpd_tls_cert_file = {CERTS}/{name}.pem\nsmtpd_tls_key_file = {CERTS}/{name}.key\n"


@contextlib.contextmanager
def postfix(scenario, namespace="server", ports=("25",), cert="rsa", settings="", name="mx", host="mx.example.org", services="",
            old_tls=False):
    """Postfix. `ports` are master.cf services, with options after a space: "465 -o smtpd_tls_wrappermode=yes"."""
    home = scenario.directory / f"postfix{next(counter)}"
    (home / "data").mkdir(parents=True)
    (home / "queue").mkdir()
    subprocess.run(["chown", "postfix", home / "data"], check=True)
    log = scenario.log(f"Postfix ({name})", f"{name}-postfix")
    log.unlink()
    main = POSTFIX_MAIN.format(home=home, log=log, name=name, environment=f"OPENSSL_CONF={OLD_TLS}" if old_tls else "")
    main += f"myhostname = {host}\n" + (certificate(cert) if cert else "")
    main += ("smtpd_tls_security_level = may\n" if cert else "") + settings
    master = POSTFIX_SERVICES + services
    for port in ports:
        number, _, options = port.partition(" ")
        master += f"{number} inet n - n - - smtpd {options}\n"
    (home / "main.cf").write_text(overrides_last(main))
    (home / "master.cf").write_text(master)
    for parent in (home, scenario.directory):
        parent.chmod(0o755)
    inside(namespace, "postfix", "-c", str(home), "start", stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        wait_until(lambda: listening(namespace, ports[0].split()[0].rpartition(":")[2]), "Postfix")
        yield home
        time.sleep(0.3)
    finally:
        master_pid = int((home / "queue/pid/master.pid").read_text())
        os.kill(master_pid, signal.SIGTERM)
        with contextlib.suppress(RuntimeError):
            wait_until(lambda: not listening(namespace, ports[0].split()[0].rpartition(":")[2]), "the end of Postfix", 5)
        if not log.exists():
            log.touch()


def overrides_last(text):
    """Postfix warns about settings given twice; the last one counts."""
    settings = {}
    for line in text.splitlines():
        key, equals, value = line.partition("=")
        if equals:
            settings.pop(key.strip(), None)
            settings[key.strip()] = value.strip()
    return "".join(f"{key} = {value}\n" for key, value in settings.items())


@contextlib.contextmanager
def postfix_relay(scenario, to="[192.0.2.25]:25", settings="", name="out", host="client.example.net", **more):
    """Postfix in the client's namespace: what is given to its port 10026 on loopback goes out to `to`."""
    relay = f"relayhost = {to}\nmydestination =\nsmtp_helo_timeout = 5s\nsmtp_starttls_timeout = 5s\n" + settings
    with postfix(scenario, "client", ("127.0.0.1:10026",), None, relay, name, host, **more) as home:
        yield home


def handed_over(scenario, home, name="out", pattern="status=", count=1):
    """Waits until the relay has said what became of the message."""
    log = scenario.directory / f"{name}-postfix.log"
    wait_until(lambda: log.exists() and log.read_text().count(pattern) >= count, "delivery by Postfix", 30)


EXIM = """
primary_hostname = {host}
exim_user = Debian-exim
exim_group = Debian-exim
spool_directory = {home}/spool
log_file_path = {home}/%slog
pid_file_path = {home}/pid
timezone = UTC
host_lookup =
smtp_accept_queue_per_connection = 0
received_headers_max = 60
log_selector = +tls_cipher +tls_peerdn +tls_sni +smtp_connection +incoming_port +smtp_protocol_error +smtp_syntax_error +pipelining +tls_certificate_verified
{main}
begin acl
check_rcpt:
  accept domains = example.org
  accept authenticated = *
  deny message = relay not permitted
begin routers
{routers}
begin transports
out:
  driver = smtp
  {transport}
begin retry
* * F,1m,1m
begin authenticators
plain:
  driver = plaintext
  public_name = PLAIN
  server_prompts = :
  server_condition = ${{if and{{{{eq{{$auth2}}{{alice}}}}{{eq{{$auth3}}{{s3cret-Passw0rd}}}}}}}}
  server_set_id = $auth2
login:
  driver = plaintext
  public_name = LOGIN
  server_prompts = Username:: : Password::
  server_condition = ${{if and{{{{eq{{$auth1}}{{alice}}}}{{eq{{$auth2}}{{s3cret-Passw0rd}}}}}}}}
  server_set_id = $auth1
cram:
  driver = cram_md5
  public_name = CRAM-MD5
  server_secret = ${{if eq{{$auth1}}{{alice}}{{s3cret-Passw0rd}}fail}}
  server_set_id = $auth1
"""


def exim_config(scenario, host, main, routers, transport=""):
    home = scenario.directory / f"exim{next(counter)}"
    home.mkdir()
    config = home / "exim.conf"
    config.write_text(EXIM.format(home=home, host=host, main=main, routers=routers, transport=transport))
    subprocess.run(["chown", "-R", "Debian-exim:Debian-exim", home], check=True)
    subprocess.run(["chown", "root:root", home, config], check=True)
    (home / "spool").mkdir()
    subprocess.run(["chown", "Debian-exim:Debian-exim", home / "spool"], check=True)
    home.chmod(0o777)
    trusted = pathlib.Path("/etc/exim4/trusted_configs")
    trusted.parent.mkdir(exist_ok=True)
    trusted.write_text(str(config) + "\n")
    return home, config


@contextlib.contextmanager
def exim(scenario, cert="rsa", ports="25", implicit="", main=""):
    """Exim (GnuTLS) as a server that accepts for example.org and throws away."""
    tls = f"tls_advertise_hosts = *\ntls_certificate = {CERTS}/{cert}.pem\ntls_privatekey = {CERTS}/{cert}.key\n" if cert \
        else "tls_advertise_hosts =\n"
    routers = "nowhere:\n  driver = redirect\n  data = :blackhole:\n"
    listen = f"daemon_smtp_ports = {ports}\nlocal_interfaces = 0.0.0.0\n" + (f"tls_on_connect_ports = {implicit}\n" if implicit else "")
    home, config = exim_config(scenario, "mx.example.org", listen + tls + "acl_smtp_rcpt = check_rcpt\n" + main, routers)
    scenario.logs.append(("Exim", home / "mainlog"))
    daemon = spawn("server", "exim4", "-C", str(config), "-bdf", stderr=open(home / "stderr", "wb"))
    try:
        wait_until(lambda: listening("server", ports.split(":")[0].strip()), "Exim " + (home / "stderr").read_text())
        yield home
        time.sleep(0.4)
    finally:
        daemon.terminate()
        daemon.wait()


def exim_sends(scenario, message, to="192.0.2.25::25", transport="", main=""):
    """Exim as a client: delivers one message, in the foreground."""
    routers = f"away:\n  driver = manualroute\n  transport = out\n  route_list = * {to} byname\n"
    home, config = exim_config(scenario, "client.example.net", main, routers, transport)
    scenario.logs.append(("Exim (client)", home / "mainlog"))
    inside("client", "exim4", "-C", str(config), "-odf", "-f", "ann@example.net", "bob@example.org", input=message,
           stdout=subprocess.DEVNULL, timeout=60)


OPENSMTPD = """
pki "lab" cert "{certs}/{cert}.pem"
pki "lab" key "{keys}/{cert}.key"
{more}
listen on {address} port 25 {listen}
action "nowhere" mda "/bin/true" virtual {{ "@" = "nobody" }}
match from any for domain "example.org" action "nowhere"
"""


@contextlib.contextmanager
def opensmtpd(scenario, cert="ecdsa", listen='tls pki "lab" hostname "mx.example.org"', more="", address="192.0.2.25"):
    """OpenSMTPD, in the foreground."""
    keys = scenario.directory / "keys.d"
    keys.mkdir()
    subprocess.run(["cp", CERTS / f"{cert}.key", keys], check=True)
    (keys / f"{cert}.key").chmod(0o600)
    config = scenario.directory / "smtpd.conf"
    config.write_text(OPENSMTPD.format(certs=CERTS, keys=keys, cert=cert, listen=listen, more=more, address=address))
    log = scenario.log("OpenSMTPD")
    spool = pathlib.Path("/var/spool/smtpd")
    for directory, owner, mode in ((spool, "root", 0o711), (pathlib.Path("/var/lib/opensmtpd/empty"), "root", 0o755)):
        directory.mkdir(parents=True, exist_ok=True)
        directory.chmod(mode)
    daemon = spawn("server", "smtpd", "-d", "-f", str(config), stdout=open(log, "ab"), stderr=subprocess.STDOUT)
    try:
        wait_until(lambda: listening("server", 25), "OpenSMTPD")
        yield
        time.sleep(0.4)
    finally:
        daemon.terminate()
        daemon.wait()


@contextlib.contextmanager
def s_server(scenario, *options, cert="rsa", port=4433, env=None, mode="-rev"):
    """openssl s_server: the TLS end behind a front that speaks SMTP up to the 220, or implicit TLS by itself."""
    log = scenario.log("openssl s_server")
    server = spawn("server", "openssl", "s_server", "-port", str(port), "-cert", f"{CERTS}/{cert}.pem", "-key", f"{CERTS}/{cert}.key",
                   *([mode] if mode else []), *options, stdin=subprocess.PIPE, stdout=open(log, "ab"), stderr=subprocess.STDOUT,
                   env={**os.environ, **(env or {})})
    try:
        wait_until(lambda: listening("server", port), "openssl s_server")
        yield server
        time.sleep(0.3)
    finally:
        server.terminate()
        server.wait()


@contextlib.contextmanager
def gnutls_serv(scenario, *options, cert="ecdsa", port=4433):
    """gnutls-serv: echoes."""
    log = scenario.log("gnutls-serv")
    server = spawn("server", "gnutls-serv", "--echo", "--port", str(port), "--x509certfile", f"{CERTS}/{cert}.pem",
                   "--x509keyfile", f"{CERTS}/{cert}.key", "--disable-client-cert", *options,
                   stdin=subprocess.DEVNULL, stdout=open(log, "ab"), stderr=subprocess.STDOUT)
    try:
        wait_until(lambda: listening("server", port), "gnutls-serv")
        yield
        time.sleep(0.3)
    finally:
        server.terminate()
        server.wait()
