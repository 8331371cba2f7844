#!/usr/bin/env python3
"""run.py: the Kafka output against a real Apache Kafka, which is started here, on the loopback.

    run.py STARTTAP WORK_DIRECTORY

After each thing that can go wrong (the sensor killed, brokers stopped, a leader lost, credentials wrong, ...) the set
of event.id read back by a consumer is the set expected. Ends with 77 where Maven Central cannot be reached.
"""
import json
import os
import pathlib
import pty
import random
import re
import resource
import shutil
import signal
import subprocess
import sys
import time

from capture import Template
from cluster import Cluster, fetch_jars, free_ports

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
PCAPS = ROOT / "pcaps"
KILLS = 30
CONNECTIONS = 1000  # of each capture that is interrupted
DATASETS = ("sessions", "peers", "sensors")
PASSWORD = "correct-horse"


class Bench:
    """What all tests share."""

    def __init__(self, starttap, work):
        self.starttap, self.work = starttap, work
        self.template = Template(PCAPS / "exim-offered-unused.pcap")
        self.failures = 0

    def command(self, output, name, *more, source="-"):
        return [self.starttap, "-n", "-r", source, "--observer-name", "sensor-1", "-o", output,
                "--spool", str(self.work / "spool" / name), *more]

    def run(self, output, name, *more, source="-", data=None, status=0, limit=120):
        result = subprocess.run(self.command(output, name, *more, source=source), input=data, timeout=limit,
                                capture_output=True, check=False)
        self.check(result.returncode == status, f"{name}: status {result.returncode}, not {status}: {result.stderr}")
        return result.stderr.decode()

    def deliver(self, output, name, *more, status=0):
        command = [self.starttap, "--deliver", "-o", output, "--spool", str(self.work / "spool" / name), *more]
        result = subprocess.run(command, timeout=120, capture_output=True, check=False)
        self.check(result.returncode == status, f"{name}: status {result.returncode}, not {status}: {result.stderr}")
        return result.stderr.decode()

    def expected(self, source="-", data=None, datasets=""):
        """The ids of the events, in their order."""
        output = f"json:-?datasets={datasets}" if datasets else "json:-"
        result = subprocess.run(self.command(output, "none", source=source), input=data, check=True,
                                capture_output=True)
        return [json.loads(line)["event"]["id"] for line in result.stdout.splitlines()]

    def check(self, good, what):
        if not good:
            print("wrong:", what)
            self.failures += 1

    def check_set(self, name, got, expected):
        got, expected = set(got), set(expected)
        self.check(len(expected) > 0, f"{name}: nothing was expected")
        self.check(got == expected, f"{name}: {len(expected - got)} events lost, {len(got - expected)} too many, "
                                    f"of {len(expected)}")

    def check_spool_empty(self, name):
        left = list((self.work / "spool" / name).glob("*/*.seg"))
        self.check(not left, f"{name}: the spool is not empty: {left}")


def consume(brokers, topic, *more):
    """The messages of a topic: partition, key, headers, event."""
    lines = subprocess.run(["kcat", "-C", "-q", "-e", "-o", "beginning", "-b", brokers, "-t", topic,
                            "-X", "topic.metadata.refresh.interval.ms=200", "-f", "%p\t%k\t%h\t%s\n", *more],
                           check=True, capture_output=True, timeout=120).stdout.decode().splitlines()
    messages = []
    for line in lines:
        partition, key, headers, value = line.split("\t", 3)
        messages.append((int(partition), key, dict(one.split("=", 1) for one in headers.split(",")),
                         json.loads(value)))
    return messages


def ids(messages):
    return [event["event"]["id"] for _, _, _, event in messages]


def wait_until(condition, what, seconds=30):
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            raise RuntimeError("waited in vain for " + what)
        time.sleep(0.05)


def peer_of(event):
    if event["event"]["dataset"] == "starttap.sensor":
        return event["observer"]["name"]
    if event["event"]["dataset"] == "starttap.peer":
        return event["starttap"]["peer"]["name"]
    inbound = event["network"].get("direction") == "inbound"
    return event["source" if inbound else "destination"]["ip"]


# --- one broker ---

def test_every_capture(bench, cluster):
    """All bundled captures into the default topics: keys, headers, order within a peer, equal ids everywhere."""
    home = ("--home", "192.0.2.25")
    output = bench.work / "events.ndjson"
    shutil.rmtree(bench.work / "spool" / "captures", ignore_errors=True)
    bench.run(f"kafka://{cluster.addresses}", "captures", "-o", f"json:{output}", *home, source=str(PCAPS))
    written = [json.loads(line) for line in output.read_text().splitlines()]
    read = [message for name in DATASETS for message in consume(cluster.addresses, f"starttap.{name}")]
    bench.check_set("captures", ids(read), [event["event"]["id"] for event in written])
    bench.check(len(read) == len(written), f"captures: {len(read)} messages for {len(written)} events")
    by_id = {event["event"]["id"]: event for event in written}
    for _, key, headers, event in read:
        dataset = event["event"]["dataset"].removeprefix("starttap.")
        bench.check(headers == {"schema": "1", "dataset": dataset, "sensor": "sensor-1"}, f"headers {headers}")
        bench.check(key == peer_of(event), f"key {key} of {event['event']['id']}")
        bench.check(event == by_id[event["event"]["id"]], f"value of {event['event']['id']}")
    sensor = next(event["starttap"]["sensor"] for event in written if event["event"]["dataset"] == "starttap.sensor")
    bench.check([one["number"] for one in sensor["sink_events"]] == [len(written) - 1], f"sensor event: {sensor}")
    order = {event["event"]["id"]: i for i, event in enumerate(written)}
    for key in {key for _, key, _, _ in read}:
        own = [(partition, order[event["event"]["id"]]) for partition, one, headers, event in read
               if one == key and headers["dataset"] == "session"]
        bench.check(len({partition for partition, _ in own}) <= 1, f"{key} is in several partitions")
        bench.check(own == sorted(own), f"the events of {key} are out of order")
    directions = {event["network"].get("direction") for _, _, headers, event in read if headers["dataset"] == "session"}
    bench.check("inbound" in directions and len(directions) > 1, f"directions {directions}")
    bench.check_spool_empty("captures")


def test_kill(bench, cluster):
    """kill -9 in mid-stream, each time in another capture; then what is in the spool is delivered, without reading
    anything again: of each capture, events without a hole. Then all of them to their ends."""
    output = f"kafka://{cluster.addresses}/kill"
    captures = [bench.template.capture(i * CONNECTIONS, CONNECTIONS) for i in range(KILLS)]
    lists = [bench.expected(data=data, datasets="session") for data in captures]
    for data in captures:
        sensor = subprocess.Popen(bench.command(output, "kill"), stdin=subprocess.PIPE, stderr=subprocess.PIPE)
        sensor.stdin.write(data[:int(len(data) * random.uniform(0.2, 0.95))])
        sensor.stdin.flush()
        time.sleep(random.uniform(0, 0.6))  # any moment
        sensor.kill()
        complaints = sensor.communicate()[1]
        bench.check(sensor.returncode == -signal.SIGKILL, f"kill: the sensor ended by itself: {complaints}")
    bench.deliver(output, "kill")
    bench.check_spool_empty("kill")
    got = set(ids(consume(cluster.addresses, "kill")))
    partly = 0
    for i, expected in enumerate(lists):
        there = [one in got for one in expected]
        bench.check(not any(there[there.count(True):]), f"kill: capture {i} has a hole")
        partly += 0 < there.count(True) < len(there)
    bench.check(got <= {one for expected in lists for one in expected}, "kill: events that nobody sent")
    bench.check(partly >= KILLS * 2 // 3, f"kill: only {partly} of {KILLS} kills were in mid-stream")
    bench.run(f"{output}?datasets=session&spool={bench.work / 'spool' / 'all'}", "kill",
              data=bench.template.capture(0, KILLS * CONNECTIONS))
    got = ids(consume(cluster.addresses, "kill"))
    bench.check_set("kill", got, [one for expected in lists for one in expected])
    print(f"    {partly} of {KILLS} kills in mid-stream, {len(got)} messages for {len(set(got))} events")


def number_delivered(cluster, topic):
    """0 as well where no event has made the topic yet."""
    done = subprocess.run(["kcat", "-C", "-q", "-e", "-o", "beginning", "-b", cluster.addresses, "-t", topic,
                           "-f", "%o\n"], check=False, capture_output=True, timeout=120)
    return done.stdout.count(b"\n") if done.returncode == 0 else 0


def feed_around(bench, cluster, name, data, interruption):
    """Feeds half of data to a topic, interrupts once events of it have come, and the sensor must end well.
    The interruption is given what feeds the rest, and a file, to which the sensor complains."""
    quick = ("-X", "reconnect.backoff.max.ms=500")
    complaints = bench.work / f"{name}.complaints"
    before = number_delivered(cluster, name)
    with open(complaints, "wb") as stderr:
        sensor = subprocess.Popen(bench.command(f"kafka://{cluster.addresses}/{name}", name, *quick),
                                  stdin=subprocess.PIPE, stderr=stderr)
    sensor.stdin.write(data[:len(data) // 2])
    sensor.stdin.flush()
    wait_until(lambda: number_delivered(cluster, name) > before, f"events in {name}")
    interruption(lambda: (sensor.stdin.write(data[len(data) // 2:]), sensor.stdin.flush()), complaints)
    sensor.stdin.close()
    status = sensor.wait(120)
    bench.check(status == 0, f"{name}: status {status}: {complaints.read_text()}")


def test_broker_restart(bench, cluster):
    """The broker stops while events come, and starts again: once in order, once killed."""
    expected = []
    for i, how in enumerate((signal.SIGTERM, signal.SIGKILL)):
        data = bench.template.capture((100 + i) * CONNECTIONS, CONNECTIONS)

        def interruption(feed_rest, complaints, how=how):
            before = complaints.read_text().count(cluster.addresses)
            cluster.stop(how)
            feed_rest()
            wait_until(lambda: complaints.read_text().count(cluster.addresses) > before, "the broker to be named")
            cluster.start()

        feed_around(bench, cluster, "restart", data, interruption)
        expected += bench.expected(data=data)
        bench.check_set("restart", ids(consume(cluster.addresses, "restart")), expected)


def test_broker_away(bench, cluster):
    """Without a broker a run fails with status 1 and keeps its events, which --deliver delivers later."""
    output = f"kafka://{cluster.addresses}/away"
    data = bench.template.capture(200 * CONNECTIONS, CONNECTIONS)
    cluster.stop()
    complaints = bench.run(output, "away", "--sink-wait", "2", data=data, status=1)
    bench.check("events are not delivered; they are kept in" in complaints and cluster.addresses in complaints,
                f"away: {complaints}")
    complaints = bench.deliver(output, "away", "--sink-wait", "1", status=1)
    cluster.start()
    bench.deliver(output, "away")
    bench.check_set("away", ids(consume(cluster.addresses, "away")), bench.expected(data=data))
    bench.check_spool_empty("away")


def test_spool_disk_full(bench, cluster):
    """The disk of the spool is full while events come: reading waits until some are delivered, and none is lost."""
    disk = bench.work / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=512k", "tmpfs", str(disk)]
    if subprocess.run(mount, capture_output=True, check=False).returncode != 0:
        bench.check(os.environ.get("CI") != "true", "full: no disk can be mounted here")
        print("    left out: no disk can be mounted here")
        return
    try:
        data = bench.template.capture(600 * CONNECTIONS, CONNECTIONS)
        output = f"kafka://{cluster.addresses}/full"
        expected = bench.expected(data=data)
        away = f"kafka://127.0.0.1:{free_ports(1)[0]}/full?spool={disk / 'spool'}"
        complaints = bench.run(away, "full", "--sink-wait", "1", data=data, status=1)
        bench.check("No space left on device" in complaints, f"full: {complaints}")
        bench.deliver(f"{output}?spool={disk / 'spool'}", "full")
        first = ids(consume(cluster.addresses, "full"))
        bench.check(0 < len(first) < len(expected), f"full: {len(first)} events were taken of {len(expected)}")
        bench.check(set(first) <= set(expected), "full: events that nobody sent")
        bench.run(f"{output}?spool={disk / 'spool'}", "full", data=data)
        bench.check_set("full", ids(consume(cluster.addresses, "full")), expected)
    finally:
        subprocess.run(["umount", str(disk)], check=True)


def test_progress(bench, _cluster):
    """On a terminal, a run that cannot deliver says how many events wait, and where."""
    target = f"kafka://127.0.0.1:{free_ports(1)[0]}/progress"
    terminal, inside = pty.openpty()
    command = bench.command(target, "progress", "--sink-wait", "3", source=str(PCAPS / "exim-offered-unused.pcap"))
    with subprocess.Popen(command, stdin=subprocess.DEVNULL, stderr=inside) as sensor:
        os.close(inside)
        shown = b""
        try:
            while part := os.read(terminal, 4096):
                shown += part
        except OSError:  # how a terminal ends
            pass
    os.close(terminal)
    waiting = len(bench.expected(source=str(PCAPS / "exim-offered-unused.pcap")))
    lines = [line for line in re.split("[\r\n]", shown.decode()) if target in line and "starttap:" not in line]
    bench.check(sensor.returncode == 1, f"progress: status {sensor.returncode}")
    bench.check(lines and str(waiting) in lines[-1], f"progress: {shown}")


# --- three brokers ---

def leader_of(cluster, topic):
    about = json.loads(subprocess.run(["kcat", "-L", "-J", "-b", cluster.addresses, "-t", topic], check=True,
                                      capture_output=True).stdout)
    node = about["topics"][0]["partitions"][0]["leader"]
    return next(broker for broker in cluster.brokers if broker.node == node)


def test_leader_lost(bench, cluster):
    """Of three brokers the leader of a partition is killed; the other two go on without it."""
    data = bench.template.capture(300 * CONNECTIONS, CONNECTIONS)

    def interruption(feed_rest, _complaints):
        leader_of(cluster, "leader").stop(signal.SIGKILL)
        feed_rest()

    feed_around(bench, cluster, "leader", data, interruption)
    bench.check_set("leader", ids(consume(cluster.addresses, "leader")), bench.expected(data=data))


# --- a broker that refuses ---

def make_certificates(directory):
    directory.mkdir(parents=True, exist_ok=True)

    def openssl(*arguments):
        subprocess.run(["openssl", *arguments], cwd=directory, check=True, capture_output=True)

    for name in ("ca", "other"):
        openssl("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", f"{name}.key", "-out", f"{name}.pem",
                "-subj", f"/CN={name}", "-days", "2")
    (directory / "san").write_text("subjectAltName=IP:127.0.0.1\n")
    openssl("req", "-newkey", "rsa:2048", "-nodes", "-keyout", "server.key", "-out", "server.csr", "-subj", "/CN=server")
    openssl("x509", "-req", "-in", "server.csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-days", "2",
            "-extfile", "san", "-out", "server.pem")
    (directory / "keystore.pem").write_text((directory / "server.key").read_text() +
                                            (directory / "server.pem").read_text())


def secure(cluster, certificates):
    """Adds a SASL_SSL listener; its address."""
    broker, port = cluster.brokers[0], free_ports(1)[0]
    plain = "org.apache.kafka.common.security.plain.PlainLoginModule"
    broker.configure(
        listeners=f"{broker.settings['listeners']},SASL_SSL://127.0.0.1:{port}",
        advertised_listeners=f"{broker.settings['advertised.listeners']},SASL_SSL://127.0.0.1:{port}",
        sasl_enabled_mechanisms="PLAIN", ssl_keystore_type="PEM",
        ssl_keystore_location=certificates / "keystore.pem",
        **{"listener_name_sasl.ssl_plain_sasl_jaas_config": ""})
    del broker.settings["listener.name.sasl.ssl.plain.sasl.jaas.config"]
    broker.settings["listener.name.sasl_ssl.plain.sasl.jaas.config"] = (
        f'{plain} required user_starttap="{PASSWORD}";')
    return f"127.0.0.1:{port}"


def write_config(path, certificates, ca, password):
    path.write_text(f"# for the test\nsecurity.protocol=SASL_SSL\nsasl.mechanism=PLAIN\nsasl.username=starttap\n"
                    f"sasl.password={password}\nssl.ca.location={certificates / ca}\n")
    return ("--kafka-config", str(path))


def test_credentials(bench, cluster, address, certificates):
    """SASL over TLS: right, with a wrong password, with a certificate of an unknown authority."""
    output = f"kafka://{address}/secure"
    data = bench.template.capture(400 * CONNECTIONS, CONNECTIONS)
    config = bench.work / "kafka.conf"
    for ca, password, says in (("ca.pem", "wrong-horse", "uthentication"), ("other.pem", PASSWORD, "certificate")):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        complaints = bench.run(output, "secure", *write_config(config, certificates, ca, password),
                               "--sink-wait", "3", data=data, status=1)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        busy = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
        bench.check(says in complaints and address in complaints, f"secure: {says} is not in: {complaints}")
        bench.check(password not in complaints, f"secure: the password is in: {complaints}")
        bench.check(complaints.count("\n") <= 6, f"secure: too many complaints: {complaints}")
        bench.check(busy < 3, f"secure: {busy} seconds of work")
    bench.deliver(output, "secure", *write_config(config, certificates, "ca.pem", PASSWORD))
    bench.check_set("secure", ids(consume(cluster.addresses, "secure")), bench.expected(data=data))


def test_missing_topic(bench, cluster):
    """A topic that is not there, and is not made, is named; when it comes, its events come."""
    output = f"kafka://{cluster.addresses}/missing"
    data = bench.template.capture(500 * CONNECTIONS, 100)
    quick = ("-X", "topic.metadata.propagation.max.ms=1000", "--sink-wait", "4")
    complaints = bench.run(output, "missing", *quick, data=data, status=1)
    bench.check("topic 'missing' at" in complaints and cluster.addresses in complaints, f"missing: {complaints}")
    cluster.stop()
    cluster.brokers[0].configure(auto_create_topics_enable="true")
    cluster.start()
    bench.deliver(output, "missing")
    bench.check_set("missing", ids(consume(cluster.addresses, "missing")), bench.expected(data=data))


def test_too_large(bench, cluster):
    """Events that are too large for the broker are put aside, and no others, though batches are refused, too."""
    output = f"kafka://{cluster.addresses}/large"
    complaints = bench.run(output, "large", "-X", "compression.codec=none", source=str(PCAPS), status=1)
    bench.check("topic 'large' at" in complaints and "put aside into" in complaints, f"large: {complaints}")
    lines = [line for path in (bench.work / "spool" / "large").glob("*/rejected.ndjson")
             for line in path.read_text().splitlines()]
    aside = [json.loads(line)["event"]["id"] for line in lines]
    read = consume(cluster.addresses, "large")
    bench.check(len(aside) > 0 and len(read) > 0, f"large: {len(aside)} aside, {len(read)} read")
    bench.check(min(len(line) for line in lines) > 2000, "large: an event was put aside that is not large")
    bench.check_set("large", ids(read) + aside, bench.expected(source=str(PCAPS)))
    bench.check_spool_empty("large")


def main():
    bench = Bench(str(pathlib.Path(sys.argv[1]).resolve()), pathlib.Path(sys.argv[2]).resolve())
    shutil.rmtree(bench.work, ignore_errors=True)
    bench.work.mkdir(parents=True)
    class_path, missing = fetch_jars(bench.work)
    if not class_path:
        print(missing)
        return 77
    random.seed(int(time.time()))

    def run(test, *arguments):
        start = time.monotonic()
        print(f"{test.__name__}: {test.__doc__.split(chr(10))[0]}", flush=True)
        test(bench, *arguments)
        print(f"    {time.monotonic() - start:.0f} s", flush=True)

    with Cluster(class_path, bench.work / "one") as cluster:
        for test in (test_every_capture, test_kill, test_spool_disk_full, test_progress, test_broker_restart,
                     test_broker_away):
            run(test, cluster)
    replicated = {"default_replication_factor": 3, "min_insync_replicas": 2}
    with Cluster(class_path, bench.work / "three", 3, **replicated) as cluster:
        run(test_leader_lost, cluster)
    certificates = bench.work / "certificates"
    make_certificates(certificates)
    with Cluster(class_path, bench.work / "strict", message_max_bytes=2500) as cluster:
        cluster.stop()
        address = secure(cluster, certificates)
        cluster.start()
        run(test_credentials, cluster, address, certificates)
        run(test_too_large, cluster)
        cluster.stop()
        cluster.brokers[0].configure(auto_create_topics_enable="false")
        cluster.start()
        run(test_missing_topic, cluster)
    print(f"{bench.failures} wrong")
    return 1 if bench.failures else 0


if __name__ == "__main__":
    sys.exit(main())
