/* Scripts: steps become what is said. */
#include "talk.h"

#include <string.h>

#include "../unit/rfc8448.h"
#include "../unit/unhex.h"

#define NS_PER_S UINT64_C(1000000000)

#define LINE(text)                                                                                           \
    { text, sizeof text - 1 }

struct line {
    const char *text;
    size_t len;
};

static const struct line client_lines[32] = {
    LINE("EHLO client.example\r\n"),
    LINE("STARTTLS\r\n"),
    LINE("HELO c\r\n"),
    LINE("MAIL FROM:<a@b.example>\r\n"),
    LINE("RCPT TO:<c@d.example>\r\n"),
    LINE("DATA\r\n"),
    LINE("Subject: x\r\n\r\nbody\r\n.\r\n"),
    LINE("BDAT 10 LAST\r\n0123456789"),
    LINE("AUTH PLAIN AGEAYg==\r\n"),
    LINE("AUTH LOGIN\r\n"),
    LINE("YQ==\r\n"),
    LINE("*\r\n"),
    LINE("QUIT\r\n"),
    LINE("RSET\r\n"),
    LINE("NOOP\r\n"),
    LINE("XCLIENT NAME=x ADDR=10.0.0.9 LOGIN=y\r\n"),
    LINE("STARTTLS\r\nMAIL FROM:<x@y>\r\n"),
    LINE("CONNECT mx.example:25 HTTP/1.1\r\n\r\n"),
    LINE("GET / HTTP/1.0\r\n\r\n"),
    LINE("LHLO x\r\n"),
    LINE("MAIL FROM:<a@b> REQUIRETLS BODY=8BITMIME SMTPUTF8 SIZE=99\r\n"),
    LINE("X-ANONYMOUSTLS\r\n"),
    LINE("Received: from a.example (b [10.0.0.1])\r\n\tby c with ESMTPS (TLS1.2) id x; now\r\n"),
    LINE(".\r\n"),
    LINE("\r\n"),
    LINE("..\r\nlast\r\n.\r\n"),
    LINE("BDAT 0 LAST\r\n"),
    LINE("BDAT 2000\r\n"),
    LINE("\x05\x01\x00"),
    LINE("PROXY TCP4 10.0.0.1 10.0.0.9 10000 25\r\n"),
    LINE("MAIL FROM:<\"a b\"@[IPv6:2001:db8::1]>\n"),
    LINE("a-line-without-its-end"),
};

static const struct line server_lines[32] = {
    LINE("220 mx.example ESMTP Postfix\r\n"),
    LINE("250-mx.example\r\n250-PIPELINING\r\n250-AUTH PLAIN LOGIN\r\n250-CHUNKING\r\n250 STARTTLS\r\n"),
    LINE("220 2.0.0 go ahead\r\n"),
    LINE("250 2.1.0 Ok\r\n"),
    LINE("354 End data with <CR><LF>.<CR><LF>\r\n"),
    LINE("250-mx\r\n250 SIZE 1000\r\n"),
    LINE("250-mx\r\n250-XXXXXXXA\r\n250 DSN\r\n"),
    LINE("454 4.7.0 not now\r\n"),
    LINE("502 5.5.1 no\r\n"),
    LINE("235 2.7.0 ok\r\n"),
    LINE("334 \r\n"),
    LINE("334 VXNlcm5hbWU6\r\n"),
    LINE("535 5.7.8 wrong\r\n"),
    LINE("221 2.0.0 bye\r\n"),
    LINE("421 4.7.0 too many\r\n"),
    LINE("554 5.7.1 no\r\n"),
    LINE("530 5.7.0 Must issue a STARTTLS command first\r\n"),
    LINE("250-mx.example\r\n"),
    LINE("250-STARTTLS\r\n"),
    LINE("250 REQUIRETLS\r\n"),
    LINE("HTTP/1.1 200 Connection established\r\n\r\n"),
    LINE("220-mx.example\r\n"),
    LINE("500 5.5.2 \xff\xfe what\r\n"),
    LINE("250-mx\r\n250-AUTH=LOGIN PLAIN\r\n250 X-ANONYMOUSTLS\r\n"),
    LINE("SSH-2.0-x\r\n"),
    LINE("\x05\x00"),
    LINE("220 go\r\n250 injected\r\n"),
    LINE("250\r\n"),
    LINE("250-"),
    LINE("99 not a reply\r\n"),
    LINE("250 a\n"),
    LINE("+OK POP3\r\n"),
};

static const char *const flights[2][4] = {
    {rfc8448_client_hello, rfc8448_client_finished, rfc8448_client_data, rfc8448_client_alert},
    {rfc8448_server_hello, rfc8448_server_flight, rfc8448_server_data, rfc8448_server_alert},
};

bool talk_next(struct reader *in, struct talk_step *step) {
    if (reader_left(in) < TALK_STEP)
        return false;
    step->what = reader_u8(in);
    step->who = reader_u8(in);
    step->how = reader_u8(in);
    step->len = reader_u8(in);
    if (step->len > reader_left(in))
        step->len = (uint8_t)reader_left(in);
    step->bytes = reader_bytes(in, step->len);
    return true;
}

static void read_header(struct talk *t, struct reader *in) {
    static const uint16_t ports[4] = {25, 465, 587, 25};
    uint8_t switches = reader_u8(in), kinds = reader_u8(in), where = reader_u8(in), more = reader_u8(in);
    t->snap_len = switches & 0x40 ? 64u + more : 0;
    for (unsigned i = 0; i < TALK_CONNECTIONS; i++) {
        struct talk_connection *c = &t->connections[i];
        c->midstream = kinds >> i & 1;
        c->ipv6 = kinds >> (4 + i) & 1;
        c->server_port = ports[where >> 2 * i & 3];
    }
}

static void say_record(struct talk *t, const struct talk_step *step, enum side side, uint8_t kind) {
    static const uint8_t types[8] = {22, 23, 21, 20, 24, 0x80, 0, 26};
    uint8_t record[5 + UINT8_MAX] = {types[kind & 7], 3, (uint8_t)(kind >> 3 == 3 ? 4 : 1 + (kind >> 3))};
    record[4] = step->len;
    memcpy(record + 5, step->bytes, step->len);
    talk_say(t, step->who >> 1, side, record, 5u + step->len, step->how);
}

static void say_flight(struct talk *t, const struct talk_step *step, enum side side, uint8_t which) {
    uint8_t bytes[2048];
    size_t len = unhex(flights[side][which & 3], bytes, sizeof bytes);
    if (which & 4 && step->len > 1) /* one byte is another */
        bytes[step->bytes[0] % len] = step->bytes[1];
    talk_say(t, step->who >> 1, side, bytes, len, step->how);
}

static void close_end(struct talk *t, unsigned connection, enum side side, uint8_t kind) {
    struct talk_connection *c = &t->connections[connection];
    switch (kind % 8) {
    case 0:
    case 1:
        talk_flags(t, connection, side, TCP_FIN | TCP_ACK, 0);
        break;
    case 2:
        talk_flags(t, connection, side, TCP_RST | TCP_ACK, 0);
        break;
    case 3:
        talk_flags(t, connection, side, TCP_RST, 20000 * (kind >> 3));
        break;
    case 4:
        talk_flags(t, connection, side, TCP_ACK | TCP_URG, 0);
        break;
    case 5:
        talk_flags(t, connection, side, TCP_ACK, -1); /* keep-alive */
        break;
    case 6: /* a new connection between the same ports */
        t->odd = true;
        c->ends[0].isn += 1u << (10 + 5 * (kind >> 3));
        c->ends[1].isn += 1u << (10 + 5 * (kind >> 3));
        c->ends[0].len = c->ends[1].len = 0;
        c->ends[0].ended = c->ends[1].ended = c->opened = false;
        break;
    default:
        talk_flags(t, connection, side, kind >> 3 == 0 ? 0 : 0x3f, 0);
        t->odd = true;
    }
}

static void wait_a_while(struct talk *t, uint8_t kind) {
    static const uint64_t whiles_s[4] = {1, 3, 61, 640};
    t->odd = true;
    if (kind & 4)
        t->ts_ns -= NS_PER_S / 20;
    else
        t->ts_ns += whiles_s[kind & 3] * NS_PER_S;
}

/* A part of what was said, or with bit 0 of kind other bytes in its place. */
static void repeat(struct talk *t, const struct talk_step *step, enum side side, uint8_t kind) {
    const struct talk_end *end = &t->connections[step->who >> 1 & 3].ends[side];
    uint32_t back = (1u + (step->len > 0 ? step->bytes[0] : 0)) << (kind >> 3), len = back;
    uint8_t others[UINT8_MAX + 1];
    if (!t->connections[step->who >> 1 & 3].opened || back > end->len)
        return;
    t->lossy = true;
    const uint8_t *bytes = end->said + end->len - back;
    if (kind & 1) {
        len = back < sizeof others ? back : sizeof others;
        for (uint32_t i = 0; i < len; i++)
            others[i] = step->len > 1 ? step->bytes[1 + i % (step->len - 1u)] : 'x';
        bytes = others;
    }
    if (kind & 2)
        len = (len + 1) / 2;
    talk_repeat(t, step->who >> 1, side, end->len - back, bytes, len, step->how);
}

static void play_step(struct talk *t, const struct talk_step *step) {
    static const uint8_t nothing[UINT8_MAX + 1];
    enum side side = step->who & 1 ? SIDE_SERVER : SIDE_CLIENT;
    unsigned connection = step->who >> 1 & 3;
    uint8_t kind = step->who >> 3;
    const struct line *line = side == SIDE_SERVER ? &server_lines[kind] : &client_lines[kind];
    switch (step->what % NUM_TALK_WHATS) {
    case TALK_SAY:
        talk_say(t, connection, side, step->bytes, step->len, step->how);
        break;
    case TALK_LINE:
        talk_say(t, connection, side, (const uint8_t *)line->text, line->len, step->how);
        break;
    case TALK_RECORD:
        say_record(t, step, side, kind);
        break;
    case TALK_HELLO:
        say_flight(t, step, side, kind);
        break;
    case TALK_CLOSE:
        close_end(t, connection, side, kind);
        break;
    case TALK_WAIT:
        wait_a_while(t, kind);
        break;
    case TALK_GAP:
        for (unsigned i = 0; i <= kind; i++)
            talk_say(t, connection, side, nothing, step->len, TALK_LOST);
        break;
    case TALK_REPEAT:
        repeat(t, step, side, kind);
        break;
    case TALK_CROWD:
        talk_crowd(t);
        break;
    default:
        t->odd = true;
        talk_repeat(t, connection, side, t->connections[connection].ends[side].len + (1u << kind),
                    step->bytes, step->len, step->how);
    }
    if (!(step->how & TALK_LATE))
        talk_flush(t);
}

void talk_play(struct talk *t, const uint8_t *script, size_t len) {
    struct reader in = reader_of(script, len);
    struct talk_step step;
    read_header(t, &in);
    while (t->num_frames < TALK_FRAMES_MAX && talk_next(&in, &step))
        play_step(t, &step);
    talk_flush(t);
}
