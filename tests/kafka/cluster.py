"""cluster.py: Apache Kafka on the loopback, in KRaft mode, for tests."""
import pathlib
import shutil
import signal
import socket
import subprocess
import sys
import time

HERE = pathlib.Path(__file__).resolve().parent
CLUSTER_ID = "c3RhcnR0YXAtdGVzdC1jMQ"  # any 16 bytes
START_S = 90
HEAP = ["-Xms64m", "-Xmx256m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Xshare:auto"]


def fetch_jars(work):
    """The class path; None with the reason where Maven Central cannot be reached."""
    jars = work / "jars"
    command = ["mvn", "-q", "-B", "-f", str(HERE / "pom.xml"), "dependency:copy-dependencies",
               "-DincludeScope=runtime", f"-DoutputDirectory={jars}"]
    for tool in ("mvn", "java", "kcat"):
        if shutil.which(tool) is None:
            return None, f"{tool} is not here"
    result = subprocess.run(command, capture_output=True, text=True)
    if result.returncode != 0 or not list(jars.glob("kafka_2.13-*.jar")):
        print(result.stdout, result.stderr)
        return None, "Maven Central cannot be reached: no Kafka"
    return f"{jars}/*", ""


def free_ports(number):
    held = [socket.socket() for _ in range(number)]
    for one in held:
        one.bind(("127.0.0.1", 0))
    ports = [one.getsockname()[1] for one in held]
    for one in held:
        one.close()
    return ports


class Broker:
    """One broker that is a controller, too."""

    def __init__(self, class_path, directory, node, port, voters, settings):
        self.class_path, self.directory, self.node, self.port = class_path, directory, node, port
        self.process = None
        self.settings = {
            "process.roles": "broker,controller",
            "node.id": node,
            "controller.quorum.voters": ",".join(f"{id}@127.0.0.1:{port}" for id, port in voters.items()),
            "listeners": f"PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{voters[node]}",
            "advertised.listeners": f"PLAINTEXT://127.0.0.1:{port}",
            "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT,SASL_SSL:SASL_SSL",
            "controller.listener.names": "CONTROLLER",
            "inter.broker.listener.name": "PLAINTEXT",
            "log.dirs": directory / "log",
            "num.partitions": 3,
            "offsets.topic.replication.factor": 1,
            "group.initial.rebalance.delay.ms": 0,
            # A broker that comes back waits until its former life is forgotten.
            "broker.session.timeout.ms": 2000,
            "broker.heartbeat.interval.ms": 500,
            **settings,
        }

    def configure(self, **settings):
        self.settings.update({name.replace("_", "."): value for name, value in settings.items()})

    def java(self, main, *arguments, **options):
        log = open(self.directory / "broker.log", "a")
        return subprocess.Popen(["java", *HEAP, "-cp", self.class_path, main, *map(str, arguments)],
                                stdin=subprocess.DEVNULL, stdout=log, stderr=log, **options)

    def write_properties(self):
        path = self.directory / "server.properties"
        path.write_text("".join(f"{name}={value}\n" for name, value in self.settings.items()))
        return path

    def format(self):
        self.directory.mkdir(parents=True, exist_ok=True)
        return self.java("kafka.tools.StorageTool", "format", "-t", CLUSTER_ID, "-c", self.write_properties())

    def start(self):
        self.process = self.java("kafka.Kafka", self.write_properties())

    def wait(self):
        """Until it answers for its topics."""
        until = time.monotonic() + START_S
        while time.monotonic() < until:
            if self.process.poll() is not None:
                break
            answer = subprocess.run(["kcat", "-L", "-b", f"127.0.0.1:{self.port}", "-m", "2"], capture_output=True)
            if answer.returncode == 0:
                return
            time.sleep(0.2)
        print((self.directory / "broker.log").read_text()[-5000:])
        sys.exit(f"the broker on port {self.port} did not start")

    def stop(self, how=signal.SIGKILL):
        if self.process:
            self.process.send_signal(how)
            self.process.wait()
        self.process = None


class Cluster:
    """Some brokers; a context that ends with none of them left."""

    def __init__(self, class_path, directory, number=1, **settings):
        ports = free_ports(2 * number)
        voters = {node: ports[number + node - 1] for node in range(1, number + 1)}
        settings = {name.replace("_", "."): value for name, value in settings.items()}
        self.brokers = [Broker(class_path, directory / f"broker-{node}", node, ports[node - 1], voters, settings)
                        for node in voters]
        self.addresses = ",".join(f"127.0.0.1:{broker.port}" for broker in self.brokers)

    def __enter__(self):
        for formatting in [broker.format() for broker in self.brokers]:
            if formatting.wait() != 0:
                sys.exit("the storage of a broker cannot be formatted, see broker.log")
        self.start()
        return self

    def __exit__(self, *_):
        for broker in self.brokers:
            broker.stop(signal.SIGKILL)

    def start(self):
        for broker in self.brokers:
            broker.start()
        for broker in self.brokers:
            broker.wait()

    def stop(self, how=signal.SIGKILL):
        for broker in self.brokers:
            broker.stop(how)


if __name__ == "__main__":  # a broker to play with: cluster.py DIRECTORY
    work = pathlib.Path(sys.argv[1])
    path, why = fetch_jars(work)
    with Cluster(path or sys.exit(why), work) as cluster:
        print(cluster.addresses, flush=True)
        signal.pause()
