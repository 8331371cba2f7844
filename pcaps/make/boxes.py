"""What stands between client and server: middleboxes that edit SMTP, fronts that give TLS servers a STARTTLS, a VLAN switch.

Each is a function that serves for ever; the scenario ends its process.
"""
import fcntl
import os
import select
import socket
import struct

import lab


class Close(Exception):
    """The box closes both sides now."""


class Box:
    """A transparent relay. Subclasses edit lines; after the 220 to STARTTLS everything is bytes."""

    def __init__(self):
        self.asked = False
        self.blind = False      # true from the 220 on

    def from_client(self, line):
        """Returns what goes to the server and what the box itself answers."""
        return line, b""

    def from_server(self, line):
        """Returns what goes to the client."""
        return line

    def client_bytes(self, data):
        forward, answer = b"", b""
        for line in data.splitlines(keepends=True):
            if line.strip().upper() == b"STARTTLS":
                self.asked = True
            to_server, to_client = self.from_client(line)
            forward += to_server
            answer += to_client
        return forward, answer

    def server_bytes(self, data):
        forward = b""
        for line in data.splitlines(keepends=True):
            forward += self.from_server(line)
            if self.asked and line.startswith(b"220"):
                self.blind = True
        return forward


class Mask(Box):
    """Cisco ASA's `inspect esmtp`: STARTTLS is overwritten in the reply, at the same length."""

    def from_server(self, line):
        return line.replace(b"STARTTLS", b"XXXXXXXA")


class Strip(Box):
    """Takes the whole line out of the reply. STARTTLS is never the last line of Postfix's."""

    def from_server(self, line):
        return b"" if line.upper().startswith(b"250-STARTTLS") else line


class InjectCommand(Box):
    """CVE-2011-0411: a command in the same segment as STARTTLS, for the server to find in its buffer after the handshake."""

    def from_client(self, line):
        return (b"STARTTLS\r\nNOOP\r\n" if line.strip().upper() == b"STARTTLS" else line), b""


class InjectReply(Box):
    """CVE-2021-22947: a reply in the same segment as the 220, for the client to find in its buffer after the handshake."""

    def from_server(self, line):
        return line + b"250 injected\r\n" if self.asked and line.startswith(b"220") else line


class TwoLines220(Box):
    """The 220 to STARTTLS as a reply of two lines."""

    def from_server(self, line):
        return b"220-2.0.0 In a moment\r\n" + line if self.asked and line.startswith(b"220") else line


class Swallow(Box):
    """Answers STARTTLS with 220 and never tells the server, so whoever goes on in clear is served."""

    def from_client(self, line):
        if line.strip().upper() == b"STARTTLS":
            return b"", b"220 2.0.0 Ready to start TLS\r\n"
        return line, b""

    def server_bytes(self, data):
        return data


class CloseAfter220(Box):
    def from_server(self, line):
        if self.asked and line.startswith(b"220"):
            self.last_words = line
            raise Close
        return line


def relay(port, target, kind, address="0.0.0.0"):
    """Relays one connection after another to `target` through a new `kind` of box each."""
    listener = socket.create_server((address, port))
    while True:
        client, peer = listener.accept()
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        server = socket.create_connection(target)
        box = kind()
        print(f"{kind.__name__}: relays {peer[0]}:{peer[1]}")
        try:
            relay_one(client, server, box)
        except Close:
            client.sendall(getattr(box, "last_words", b""))
            print(f"{kind.__name__}: closes")
        except OSError as error:
            print(f"{kind.__name__}: {error}")
        client.close()
        server.close()


def relay_one(client, server, box):
    while True:
        ready, _, _ = select.select([client, server], [], [])
        if client in ready:
            data = client.recv(65536)
            if not data:
                return
            forward, answer = (data, b"") if box.blind else box.client_bytes(data)
            server.sendall(forward)
            client.sendall(answer)
        if server in ready:
            data = server.recv(65536)
            if not data:
                return
            forward = data if box.blind else box.server_bytes(data)
            client.sendall(forward)


def read_line(connection):
    line = b""
    while not line.endswith(b"\n"):
        byte = connection.recv(1)
        if not byte:
            raise EOFError
        line += byte
    return line


def front(port, tls_port, then="splice", ehlo=b"250-front.example.org\r\n250-PIPELINING\r\n250-STARTTLS\r\n250 8BITMIME\r\n"):
    """Speaks SMTP up to the 220 of STARTTLS, then hands the connection to a TLS server on loopback.

    `then` may be "close" (closes after the 220) or "454" (answers a ClientHello with 454 in clear, as Sendmail can, and goes on)."""
    listener = socket.create_server(("0.0.0.0", port))
    while True:
        client, _ = listener.accept()
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        try:
            front_one(client, tls_port, then, ehlo)
        except (EOFError, OSError) as error:
            print("front:", repr(error))
        client.close()


def front_one(client, tls_port, then, ehlo):
    client.sendall(b"220 front.example.org ESMTP\r\n")
    while True:
        line = read_line(client)
        print("front <", line.decode(errors="replace").strip())
        verb = line.split()[0].upper() if line.split() else b""
        if verb == b"STARTTLS":
            break
        answer = {b"EHLO": ehlo, b"HELO": b"250 front.example.org\r\n", b"QUIT": b"221 bye\r\n",
                  b"DATA": b"354 go on\r\n"}.get(verb, b"250 ok\r\n")
        client.sendall(answer)
        if verb == b"DATA":
            while read_line(client) != b".\r\n":
                pass
            client.sendall(b"250 taken\r\n")
        if verb == b"QUIT":
            return
    client.sendall(b"220 2.0.0 Ready to start TLS\r\n")
    print("front > 220 2.0.0 Ready to start TLS")
    if then == "close":
        return
    if then == "454":
        client.recv(65536)
        client.sendall(b"454 4.3.3 TLS not available after start\r\n")
        print("front > 454 4.3.3 TLS not available after start, in clear")
        while True:
            verb = read_line(client).split()[0].upper()
            print("front <", verb.decode(errors="replace"))
            client.sendall(b"221 bye\r\n" if verb == b"QUIT" else b"250 ok\r\n")
            if verb == b"QUIT":
                return
    relay_one(client, socket.create_connection(("127.0.0.1", tls_port)), Blind())


class Blind(Box):
    def __init__(self):
        super().__init__()
        self.blind = True


def vlan_switch(_port, identifier):
    """Two switches with a trunk between them: frames of w1 and w2 cross trunk0/trunk1 with an 802.1Q tag.

    The kernel takes the tag off before a packet socket sees a frame, so only the way in has to be written."""
    out = {"w1": "trunk0", "trunk1": "w2", "w2": "trunk1", "trunk0": "w1"}
    sockets = {}
    for name in out:
        packets = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
        packets.bind((name, 0))
        sockets[name] = packets
    names = {packets: name for name, packets in sockets.items()}
    while True:
        for packets in select.select(list(names), [], [])[0]:
            frame, (_, _, kind, _, _) = packets.recvfrom(65536)
            if kind == socket.PACKET_OUTGOING:
                continue
            target = out[names[packets]]
            if target.startswith("trunk"):
                frame = frame[:12] + struct.pack("!HH", 0x8100, identifier) + frame[12:]
            sockets[target].send(frame)


def tun(namespace, address):
    """A tun device of raw IP packets in a namespace; the descriptor is its other end."""
    lab.enter(namespace)
    descriptor = os.open("/dev/net/tun", os.O_RDWR)
    tunsetiff, iff_tun_no_pi = 0x400454CA, 0x1001
    fcntl.ioctl(descriptor, tunsetiff, struct.pack("16sH22x", b"vpn0", iff_tun_no_pi))
    lab.run("ip", "address", "add", address, "dev", "vpn0")
    lab.run("ip", "link", "set", "vpn0", "up")
    return descriptor


def vpn(_port):
    """What a VPN looks like from inside: two tun devices, and whatever enters one leaves the other."""
    client, server = tun("client", "198.18.9.10/24"), tun("server", "198.18.9.25/24")
    while True:
        for descriptor in select.select([client, server], [], [])[0]:
            os.write(server if descriptor == client else client, os.read(descriptor, 65536))
