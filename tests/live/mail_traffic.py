"""mail_traffic.py: connections that open and close all the time, each known by its source port.

A small SMTP server in one namespace, clients in another, in processes of their own. What each client did is in a file:
lines of `port kind start end`, by the monotonic clock.
"""

import contextlib
import os
import pathlib
import random
import signal
import socket
import socketserver
import ssl
import time

import span_net as net

SERVER, CLIENT = "192.0.2.25", "192.0.2.10"
HOSTS = {"server": [SERVER + "/24"], "client": [CLIENT + "/24"]}
KINDS = {"clear": "offered_unused", "tls12": "starttls", "tls13": "starttls", "quit": "no_mail"}  # and what is said of them
FIRST_PORT, LAST_PORT = 10000, 60000
CLIENTS = 3  # at a time


class Talk(socketserver.StreamRequestHandler):
    def say(self, text):
        self.wfile.write(text.encode() + b"\r\n")

    def handle(self):
        self.say("220 mx.example.org ESMTP")
        with contextlib.suppress(OSError):
            while line := self.rfile.readline(2000):
                verb = line.split()[:1]
                if verb == [b"STARTTLS"]:
                    self.say("220 go")
                    self.request = self.server.context.wrap_socket(self.request, server_side=True)
                    self.rfile, self.wfile = self.request.makefile("rb"), self.request.makefile("wb", 0)
                elif verb == [b"EHLO"]:
                    self.say("250-mx.example.org\r\n250-STARTTLS\r\n250 SIZE")
                elif verb == [b"DATA"]:
                    self.say("354 go")
                    while self.rfile.readline(2000) not in (b".\r\n", b""):
                        pass
                    self.say("250 taken")
                elif verb == [b"QUIT"]:
                    return self.say("221 bye")
                else:
                    self.say("250 ok")


class Server(socketserver.ThreadingTCPServer):
    request_queue_size = 100
    allow_reuse_address = daemon_threads = True

    def __init__(self, certs):
        super().__init__((SERVER, 25), Talk)
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.load_cert_chain(certs / "rsa.pem", certs / "rsa.key")


def ask(stream, line):
    stream.write(line.encode() + b"\r\n")
    while stream.readline(2000)[3:4] == b"-":
        pass


def send(port, kind, contexts):
    with socket.create_connection((SERVER, 25), 30, (CLIENT, port)) as connection:
        stream = connection.makefile("rwb", 0)
        stream.readline()
        ask(stream, "EHLO client.example.net")
        if kind in contexts:
            ask(stream, "STARTTLS")
            connection = contexts[kind].wrap_socket(connection, server_hostname="mx.example.org")
            stream = connection.makefile("rwb", 0)
            ask(stream, "EHLO client.example.net")
        if kind != "quit":
            for line in ("MAIL FROM:<ann@example.net>", "RCPT TO:<bob@example.org>", "DATA", "Subject: x\r\n\r\nHello.\r\n."):
                ask(stream, line)
        ask(stream, "QUIT")
        connection.close()


def client_contexts(certs):
    contexts = {}
    for kind, version in (("tls12", ssl.TLSVersion.TLSv1_2), ("tls13", ssl.TLSVersion.TLSv1_3)):
        contexts[kind] = ssl.create_default_context(cafile=certs / "ca.pem")
        contexts[kind].minimum_version = contexts[kind].maximum_version = version
    return contexts


def run_client(number, path, certs, pause):
    contexts, choice = client_contexts(certs), random.Random(number)
    with open(path, "a", buffering=1) as record:
        for port in range(FIRST_PORT + number, LAST_PORT, CLIENTS):
            kind, start = choice.choice(list(KINDS)), time.monotonic()
            send(port, kind, contexts)
            record.write(f"{port} {kind} {start} {time.monotonic()}\n")
            time.sleep(pause)


class Traffic:
    """Until stop(): clients connect, one connection after the other each, with a pause in seconds between them."""

    def __init__(self, folder, certs, pause=0.02):
        self.record = pathlib.Path(folder) / "traffic"
        self.record.touch()
        self.children = [net.fork("server", lambda: Server(certs).serve_forever())]
        net.wait_until(lambda: net.listens("server", SERVER, 25), "the mail server")
        self.children += [net.fork("client", run_client, number, self.record, certs, pause) for number in range(CLIENTS)]

    def connections(self):
        """port -> (kind, start, end) of those that have ended"""
        found = {}
        text = self.record.read_text()
        for line in text[:text.rfind("\n") + 1].splitlines():  # the last may be half written
            port, kind, start, end = line.split()
            found[int(port)] = kind, float(start), float(end)
        return found

    def wait_for(self, number):
        """Until so many more have ended."""
        wanted = len(self.connections()) + number
        net.wait_until(lambda: len(self.connections()) >= wanted, f"{number} connections", 60)

    def stop(self):
        for child in reversed(self.children):
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
        self.children = []
