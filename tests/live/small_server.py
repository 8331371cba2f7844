"""small_server.py: the server's side of one SMTP conversation, with STARTTLS if there is a context for it."""

import ssl


def converse(peer, host, context):
    """Until QUIT or the end of the connection; every command is taken, every message thrown away."""
    lines, body = peer.makefile("rb"), False
    peer.sendall(f"220 {host} ESMTP\r\n".encode())
    while line := lines.readline():
        word = line.strip().upper()[:4]
        if body:
            body = word != b"."
            answer = b"" if body else b"250 taken\r\n"
        elif word == b"STAR":
            peer.sendall(b"220 go on\r\n")
            peer = context.wrap_socket(peer, server_side=True)
            lines = peer.makefile("rb")
            continue
        else:
            body = word == b"DATA"
            offer = "250-STARTTLS\r\n" if context and not isinstance(peer, ssl.SSLSocket) else ""
            answer = {b"EHLO": f"250-{host}\r\n{offer}250 8BITMIME\r\n".encode(), b"DATA": b"354 go on\r\n",
                      b"QUIT": b"221 bye\r\n"}.get(word, b"250 well\r\n")
        peer.sendall(answer)
        if word == b"QUIT" and not body:
            return
