"""Holds a finished capture against tshark, and writes truth.tsv and INDEX.md."""
import csv
import gzip
import hashlib
import re
import shutil
import subprocess

from clients import MARKER
from lab import ROOM
from servers import PASSWORD
import base64

COLUMNS = ["file", "client", "server", "verdict", "tls_version", "cipher", "sni", "resumed", "mail_cleartext", "auth_cleartext", "source"]
VERSIONS = {"0x0301": "1.0", "0x0302": "1.1", "0x0303": "1.2", "0x0304": "1.3"}
SMTP_PORTS = (587, 2525, 10025)


def iana_name(cipher):
    """OpenSSL's name of a cipher suite to IANA's."""
    shown = subprocess.run(["openssl", "ciphers", "-stdname", "ALL:COMPLEMENTOFALL:@SECLEVEL=0"], capture_output=True, text=True).stdout
    for line in shown.splitlines():
        fields = line.split()
        if fields[2] == cipher:
            return fields[0]
    if not cipher.startswith("TLS_"):
        raise RuntimeError("no IANA name for " + cipher)
    return cipher


decode_as = []


def tshark(path, *options):
    rules = [f"tcp.port=={port},smtp" for port in SMTP_PORTS] + decode_as
    ports = [word for rule in rules for word in ("-d", rule)]
    return subprocess.run(["tshark", "-r", path, "-n", *ports, *options], capture_output=True, text=True, check=True).stdout


def fields(path, wanted, *names, occurrence="f"):
    options = [word for name in names for word in ("-e", name)]
    return [line.split("\t") for line in tshark(path, "-Y", wanted, "-T", "fields", "-E", "occurrence=" + occurrence, *options).splitlines()]


def connections(path):
    """[(stream, (client, server))] of every TCP connection but those to a name server, in the order of their first packets."""
    found = {}
    for stream, flags, src, src6, sport, dst, dst6, dport in fields(
            path, "tcp && tcp.port!=53", "tcp.stream", "tcp.flags", "ip.src", "ipv6.src", "tcp.srcport", "ip.dst", "ipv6.dst", "tcp.dstport", occurrence="l"):
        ends = [end(src or src6, sport), end(dst or dst6, dport)]
        if stream not in found:
            answered = int(flags, 16) & 0x12 == 0x12
            midstream_from_server = not int(flags, 16) & 2 and int(sport) < int(dport)
            found[stream] = ends[::-1] if answered or midstream_from_server else ends
    return [(stream, tuple(found[stream])) for stream in sorted(found, key=int)]


def end(address, port):
    return f"[{address}]:{port}" if ":" in address else f"{address}:{port}"


def both_directions(path, stream):
    """What crossed in one connection, both directions, as bytes."""
    shown = tshark(path, "-q", "-z", f"follow,tcp,raw,{stream}")
    return bytes.fromhex("".join(re.findall(r"^\t?((?:[0-9a-f]{2})+)$", shown, re.M)))


def observed(path, stream):
    """What tshark says of one connection."""
    hellos = fields(path, f"tls.handshake.type==2 && tcp.stream=={stream} && !(tls.handshake.random contains cf:21:ad:74:e5:9a:61:11)",
                    "tls.handshake.version", "tls.handshake.extensions.supported_version", "tls.handshake.ciphersuite")
    names = fields(path, f"tls.handshake.type==1 && tcp.stream=={stream}", "tls.handshake.extensions_server_name")
    data = both_directions(path, stream)
    secrets = [base64.b64encode(text.encode()) for text in (f"\0alice\0{PASSWORD}", PASSWORD, "alice")]
    seen = {"tls": None, "suite": None, "sni": names[0][0] or None if names else None,
            "mail": MARKER.encode() in data,
            "auth": any(secret in data for secret in secrets) or b"AUTH CRAM-MD5" in data}
    if hellos:
        version, selected, suite = hellos[0]
        seen["tls"] = VERSIONS[selected or version]
        seen["suite"] = suite
    return seen


def suite_code(name):
    """IANA name to code, by OpenSSL's own table."""
    shown = subprocess.run(["openssl", "ciphers", "-V", "-stdname", "ALL:COMPLEMENTOFALL:@SECLEVEL=0"], capture_output=True, text=True).stdout
    for line in shown.splitlines():
        parts = line.split()
        if parts[2] == name:
            high, low = parts[0].split(",")
            return f"0x{int(high, 16):02x}{int(low, 16):02x}"
    codes = {"TLS_ECDHE_RSA_WITH_3DES_EDE_CBC_SHA": "0xc012", "TLS_RSA_WITH_RC4_128_SHA": "0x0005"}     # only GnuTLS has them
    return codes[name]


def save(scenario):
    """Puts capture, log and key log in their places and checks every row against tshark. Returns the rows."""
    raw = scenario.directory / "capture.pcap"
    form = scenario.form
    table = rows(scenario, raw, f"{scenario.name}.{form}")
    path = ROOM / f"{scenario.name}.{form}"
    for old in ROOM.glob(scenario.name + ".pcap*"):
        old.unlink()
    plain = raw
    if form.startswith("pcapng"):
        plain = scenario.directory / "capture.pcapng"
        subprocess.run(["editcap", "-F", "pcapng", raw, plain], check=True)
    if form.endswith(".gz"):
        with open(path, "wb") as out, gzip.GzipFile(filename="", mode="wb", fileobj=out, mtime=0) as packed:
            packed.write(plain.read_bytes())
    elif form.endswith(".zst"):
        subprocess.run(["zstd", "-q", "-19", "-f", plain, "-o", path], check=True)
    else:
        shutil.copyfile(plain, path)
    (ROOM / "truth" / f"{scenario.name}.log").write_text(scenario.log_text())
    if scenario.keylog:
        shutil.copyfile(scenario.keylog, ROOM / "keylogs" / f"{scenario.name}.keys")
    return table


def check_keylog(raw, keylog):
    """The key log opens the capture: tshark sees the certificate of a TLS 1.3 handshake."""
    if not tshark(raw, "-o", f"tls.keylog_file:{keylog}", "-Y", "tls.handshake.type==11"):
        raise RuntimeError(f"{keylog} does not open {raw}")


def rows(scenario, raw, filename):
    decode_as[:] = scenario.decode_as
    if scenario.keylog:
        check_keylog(raw, scenario.keylog)
    found = connections(raw)
    if len(found) != len(scenario.sessions):
        raise RuntimeError(f"{scenario.name}: {len(found)} connections, {len(scenario.sessions)} expected: {found}")
    table = []
    for (stream, ends), session in zip(found, scenario.sessions):
        suite = iana_name(session["cipher"]) if session["cipher"] else None
        expected = {"tls": session["tls"], "suite": suite_code(suite) if suite else None, "sni": session["sni"],
                    "mail": session["mail"], "auth": session["auth"], **session["shown"]}
        seen = observed(raw, stream)
        if seen != expected:
            raise RuntimeError(f"{scenario.name} {ends}: expected {expected}, tshark shows {seen}")
        yes = {True: "yes", False: "no", None: "-"}
        resumed = session["resumed"]
        if resumed is None and session["tls"] and session["verdict"] in ("starttls", "implicit_tls"):
            resumed = False
        table.append(dict(zip(COLUMNS, [filename, *ends, session["verdict"], session["tls"] or "-", suite or "-", session["sni"] or "-",
                                        yes[resumed], yes[session["mail"]], yes[session["auth"]], scenario.evidence(session)])))
    return table


def read_truth():
    path = ROOM / "truth.tsv"
    if not path.exists():
        return []
    with open(path, newline="") as file:
        return list(csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE))


def write_truth(made, order):
    """Replaces the rows of what was made now; scenarios that no longer exist leave the table."""
    names = {stem(filename) for filename in made}
    kept = [row for row in read_truth() if stem(row["file"]) not in names and stem(row["file"]) in order]
    table = kept + [row for rows_of_one in made.values() for row in rows_of_one]
    table.sort(key=lambda row: order.index(stem(row["file"])))
    with open(ROOM / "truth.tsv", "w", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS, delimiter="\t", lineterminator="\n", quoting=csv.QUOTE_NONE, quotechar=None, escapechar=None)
        writer.writeheader()
        for row in table:
            writer.writerow({key: value.replace("\t", " ") for key, value in row.items()})
    return table


def stem(filename):
    return filename.split(".pcap")[0]


def cell(text):
    return " ".join(text.split()).replace("|", "\\|")


def write_index(scenarios, table, versions):
    """INDEX.md from the scenarios' own words and the truth."""
    lines = [(ROOM / "make/INDEX.head.md").read_text().format(versions=versions).rstrip(), "",
             "| file | how it was made | what a reader should see | SHA-256 |", "| --- | --- | --- | --- |"]
    total = 0
    for name, _, how, sees in scenarios:
        of_this = [row for row in table if stem(row["file"]) == name]
        if not of_this:
            continue
        path = ROOM / of_this[0]["file"]
        total += path.stat().st_size
        told = "; ".join(verdict_text(row) for row in of_this)
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
        lines.append(f"| `{path.name}` | {cell(how)} | {told}. {cell(sees)} | `{digest}` |")
    lines += ["", f"{len(table)} connections, {total} bytes of captures."]
    (ROOM / "INDEX.md").write_text("\n".join(lines) + "\n")


def verdict_text(row):
    told = "no event" if row["verdict"] == "-" else f"**{row['verdict']}**"
    honest = re.search(r"or \w+ \([\w ]+\)", row["source"])
    if honest:
        told += " " + honest.group(0)
    if row["tls_version"] != "-":
        told += f", TLS {row['tls_version']} {row['cipher']}"
    if row["resumed"] == "yes":
        told += ", resumed"
    if row["sni"] != "-":
        told += f", SNI {row['sni']}"
    if row["mail_cleartext"] == "yes":
        told += ", mail in clear"
    if row["auth_cleartext"] == "yes":
        told += ", AUTH in clear"
    return told
