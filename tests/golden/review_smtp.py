"""What SMTP in clear says, read from tshark's view of one connection: the other reader that review.py compares with."""
import re

TLS_RECORD = re.compile(rb"[\x14-\x17]\x03[\x00-\x04]")


class Reader:
    """Commands wait for their replies in a queue; DATA and STARTTLS hold the client's bytes back until they are answered."""

    def __init__(self):
        self.client, self.server = b"", b""
        self.queue, self.reply, self.left_of_chunk = ["greeting"], [], 0
        self.held, self.body, self.over, self.waits_for_tls = False, False, False, False
        self.facts, self.domains = {}, {"from": [], "rcpt": []}
        self.inside = False
        self.messages, self.body_bytes, self.unfinished = 0, 0, 0

    # ---- client

    def from_client(self, data):
        if self.waits_for_tls and not TLS_RECORD.match(data):
            self.over = False                                                            # 220, and no TLS after it
        self.waits_for_tls = False
        self.client += data
        self.take_client()

    def take_client(self):
        while self.client and not self.held and not self.over:
            if self.left_of_chunk:
                taken = min(self.left_of_chunk, len(self.client))
                self.body_bytes, self.left_of_chunk = self.body_bytes + taken, self.left_of_chunk - taken
                self.client = self.client[taken:]
            elif self.body:
                whole = b"\r\n" + self.client
                end = whole.find(b"\r\n.\r\n")
                if end < 0:
                    self.unfinished = len(self.client)
                    return
                self.body_bytes += end
                self.client, self.body, self.unfinished = whole[end + 5:], False, 0
                self.queue.append("message")
            elif b"\n" in self.client:
                line, self.client = self.client.split(b"\n", 1)
                self.command(line.rstrip(b"\r").decode(errors="replace"))
            else:
                return

    def command(self, line):
        if self.queue and self.queue[0].startswith("auth"):
            return                                                                   # a response to 334
        verb, _, argument = line.partition(" ")
        verb = verb.upper()
        self.queue.append("auth " + argument if verb == "AUTH" else verb)
        if verb in ("EHLO", "HELO"):
            self.facts["starttap.smtp." + verb.lower()] = argument
        path = re.search(r"<[^>]*@([^>]*)>", argument)
        if verb in ("MAIL", "RCPT") and path:
            of = self.domains["from" if verb == "MAIL" else "rcpt"]
            if path[1] not in of:
                of.append(path[1])
        if verb == "BDAT":
            self.left_of_chunk = int(argument.split()[0])
            self.queue[-1] = "message" if argument.upper().endswith("LAST") else "chunk"
        if verb == "STARTTLS":
            self.facts["starttap.starttls.requested"] = True
        if verb == "AUTH":
            self.facts.update({"starttap.mail.auth_mechanism": argument.split()[0].upper()})
        self.held = verb in ("DATA", "STARTTLS", "AUTH")

    # ---- server

    def from_server(self, data):
        if self.over and re.match(rb"[245]\d\d[ -]", data):
            self.over = False                                                            # in clear to a ClientHello
        self.server += data
        while b"\n" in self.server and not self.over:
            line, self.server = self.server.split(b"\n", 1)
            line = line.rstrip(b"\r").decode(errors="replace")
            self.reply.append(line[4:])
            if line[3:4] != "-":
                text, self.reply = self.reply, []
                self.replied(int(line[:3]), text)

    def replied(self, code, text):
        self.facts["starttap.smtp.last_reply_code"] = code
        to = self.queue.pop(0) if self.queue else "nothing"
        if to == "greeting":
            self.facts["starttap.smtp.banner"] = text[0]
            self.facts["starttap.smtp.server_name"] = text[0].split()[0]
        elif to == "EHLO" and code == 250:
            self.offered(text)
        elif to == "EHLO" and code >= 500:
            self.facts.update({"starttap.smtp.requiretls_offered": False, "starttap.starttls.offered": False})
        elif to == "HELO" and code == 250:
            self.facts["starttap.smtp.server_name"] = text[0].split()[0]
        elif to == "DATA":
            self.body, self.held = code == 354, False
        elif to == "message":
            self.messages += code == 250
        elif to.startswith("auth"):
            if code == 334:
                self.queue.insert(0, to)
            self.held = False
        elif to == "STARTTLS":
            self.facts["starttap.starttls.reply_code"] = code
            self.held, self.over = False, code == 220
            self.waits_for_tls = self.over
            if self.over and self.client and not TLS_RECORD.match(self.client):
                self.facts["starttap.starttls.injected_command_bytes"] = len(self.client)
            if self.over and self.server and not TLS_RECORD.match(self.server):
                self.facts["starttap.starttls.injected_reply_bytes"] = len(self.server)
                self.facts["starttap.smtp.last_reply_code"] = int(self.server[:3])
        self.take_client()

    def offered(self, text):
        mechanisms = [line.upper().replace("=", " ").split()[1:] for line in text[1:] if line.upper().startswith("AUTH")]
        self.facts.update({"starttap.smtp.server_name": text[0].split()[0], "starttap.smtp.capabilities": text[1:],
                           "starttap.smtp.requiretls_offered": "REQUIRETLS" in text[1:],
                           "starttap.smtp.auth_mechanisms": mechanisms[0] if mechanisms else None})
        if not self.inside:
            self.facts["starttap.starttls.offered"] = "STARTTLS" in text[1:]


def chunks_of(followed):
    """From tshark's `-z follow,tcp,raw`: a line of hex for each chunk, the server's with a tab in front."""
    return [(bool(tab), bytes.fromhex(text)) for tab, text in re.findall(r"^(\t?)((?:[0-9a-f]{2})+)$", followed, re.M)]


def replies(chunks):
    """Does the server speak SMTP?"""
    return next((data for server, data in chunks if server), b"")[:3].isdigit()


def facts(followed, inside):
    """What crossed in the connection, and what a key log shows of its inside."""
    outside = chunks_of(followed)
    inside = [(not tab, data) for tab, data in chunks_of(inside)]                          # there the server is without a tab
    implicit = bool(outside) and TLS_RECORD.match(outside[0][1])
    if not replies(inside):
        inside = []                                                                          # s_server -rev says no SMTP
    if not replies(inside if implicit else outside):
        return {}
    reader = Reader()
    for server, data in [] if implicit else outside:
        (reader.from_server if server else reader.from_client)(data)
    if inside:
        reader.over, reader.inside, reader.client, reader.server = False, True, b"", b""
    in_clear = reader.body_bytes + reader.unfinished
    for server, data in inside:
        (reader.from_server if server else reader.from_client)(data)
    names = ["banner", "helo", "ehlo", "server_name", "capabilities", "auth_mechanisms", "last_reply_code", "requiretls_offered"]
    found = {"starttap.smtp." + name: None for name in names}
    found.update({f"starttap.starttls.{name}": None for name in ("offered", "reply_code", "injected_command_bytes", "injected_reply_bytes")})
    found.update(reader.facts)
    found["starttap.mail.from_domains"] = reader.domains["from"] or None
    found["starttap.mail.rcpt_domains"] = reader.domains["rcpt"] or None
    found["starttap.mail.transactions"] = reader.messages or None
    found["starttap.mail.cleartext_bytes"] = in_clear or None
    return found
