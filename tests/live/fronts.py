"""fronts.py: what stands in front of a TLS server: the words of a protocol up to where TLS begins."""

import contextlib
import socket
import threading
import time

PATIENCE = 8
SMTP = [  # (what ends the client's turn, the answer); a number is a count of bytes
    (None, b"220 mx.example.org ESMTP matrix\r\n"),
    (b"\n", b"250-mx.example.org\r\n250-8BITMIME\r\n250 STARTTLS\r\n"),
    (b"\n", b"220 2.0.0 ready\r\n"),
]
MYSQL_GREETING = b"\x0a8.0.0\x00\x01\x00\x00\x00aaaaaaaa\x00\xff\xff\x21\x02\x00\xff\xdf\x15" + bytes(10) + b"bbbbbbbbbbbb\x00name\x00"
XMPP_HEAD = b"<stream:stream xmlns:stream='http://etherx.jabber.org/streams' xmlns='jabber:client' version='1.0'>"
XMPP_TLS = b"xmlns='urn:ietf:params:xml:ns:xmpp-tls'"
TALKS = {
    "smtp": SMTP,
    "lmtp": SMTP,
    "proxy": [(b"\r\n\r\n", b"HTTP/1.0 200 open\r\n\r\n"), *SMTP],
    "ftp": [(None, b"220 ready\r\n"), (b"\n", b"234 go\r\n")],
    "pop3": [(None, b"+OK ready\r\n"), (b"\n", b"+OK go\r\n")],
    "imap": [(None, b"* OK ready\r\n"), (b"\n", b"* CAPABILITY IMAP4rev1 STARTTLS\r\n. OK\r\n"), (b"\n", b". OK go\r\n")],
    "sieve": [(None, b'"IMPLEMENTATION" "matrix"\r\n"STARTTLS"\r\nOK\r\n'), (b"\n", b"OK\r\n")],
    "postgres": [(8, b"S")],
    "mysql": [(None, len(MYSQL_GREETING).to_bytes(3, "little") + b"\x00" + MYSQL_GREETING), (36, b"")],
    "ldap": [(31, bytes.fromhex("300c02010178070a010004000400"))],
    "xmpp": [(b">", XMPP_HEAD + b"<stream:features><starttls " + XMPP_TLS + b"/></stream:features>"),
             (b">", b"<proceed " + XMPP_TLS + b"/>")],
}


def read_turn(stream, end):
    """A turn of known length or end. False: the client went away."""
    data = b""
    while len(data) < end if isinstance(end, int) else not data.endswith(end):
        byte = stream.recv(1)
        if not byte:
            return False
        data += byte
    return True


def greet(stream, talk):
    for turn, (end, answer) in enumerate(talk):
        if end is None and turn > 0:
            time.sleep(0.3)  # s_client loses what comes together with a proxy's answer
        if end is not None and not read_turn(stream, end):
            return False
        stream.sendall(answer)
    return True


def pass_on(source, sink):
    with contextlib.suppress(OSError):
        while data := source.recv(65536):
            sink.sendall(data)
    with contextlib.suppress(OSError):
        sink.shutdown(socket.SHUT_WR)


def serve(listener, backend, talk):
    with contextlib.suppress(OSError):  # the listener is closed at the end
        while True:
            stream, _ = listener.accept()
            with stream, socket.create_connection(("127.0.0.1", backend)) as server:
                if not greet(stream, talk):
                    continue
                back = threading.Thread(target=pass_on, args=(server, stream))
                back.start()
                pass_on(stream, server)
                back.join(PATIENCE)


@contextlib.contextmanager
def front(port, backend, protocol):
    listener = socket.create_server(("127.0.0.1", port))
    thread = threading.Thread(target=serve, args=(listener, backend, TALKS[protocol]), daemon=True)
    thread.start()
    try:
        yield
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join(PATIENCE)
