/* -w --scrub behind conversations with passwords and messages: whatever is lost, cut, late, repeated or
 * contradicted on the way, no byte of an AUTH response, of a message or of what was not understood is in the
 * recording. Both sides keep to the protocol, so that it is known which bytes those are. Input: a script
 * (talk.h) whose steps are these: */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../../sensor/capture/decode.h"
#include "../../sensor/capture/source.h"
#include "../../sensor/record/recorder.h"
#include "talk.h"
#include "whole.h"

enum what {
    STEP_EHLO,
    STEP_AUTH_PLAIN,
    STEP_AUTH_LOGIN,
    STEP_DATA,
    STEP_BDAT,
    STEP_SMALL, /* RSET, NOOP, a refused STARTTLS, and so on */
    STEP_NONSENSE,
    STEP_REPEAT,
    STEP_CLOSE,
    STEP_CROWD,
    NUM_STEPS,
};

#define SECRETS_MAX 200

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t len, size_t max_len, unsigned seed);
size_t LLVMFuzzerCustomCrossOver(const uint8_t *a, size_t a_len, const uint8_t *b, size_t b_len, uint8_t *out,
                                 size_t max_len, unsigned seed);

struct script {
    const uint8_t *data;
    size_t len;
};

/* What is going on: the script plays into talk; secret[] says which of the client's bytes must not be seen.
 */
static struct talk talk;
static bool secret[TALK_CONNECTIONS][TALK_SAID_MAX];

/* A step as it is played: each thing that is said of it has its bit in a mask of those with tricks. */
struct play {
    const struct talk_step *step;
    unsigned connection, num_said;
    uint8_t kind, mask;
};

static void say(struct play *play, enum side side, const char *text, size_t len, bool is_secret) {
    bool tricky = play->mask >> (play->num_said++ & 7) & 1;
    uint32_t from = talk.connections[play->connection].ends[side].len;
    talk_say(&talk, play->connection, side, (const uint8_t *)text, len, tricky ? play->step->how : 0);
    uint32_t to = talk.connections[play->connection].ends[side].len;
    for (uint32_t i = from; is_secret && i < to; i++)
        secret[play->connection][i] = true;
}

static void client(struct play *play, const char *text) {
    say(play, SIDE_CLIENT, text, strlen(text), false);
}

static void server(struct play *play, const char *text) {
    say(play, SIDE_SERVER, text, strlen(text), false);
}

/* No verb can be made of these. (Behind a hole, nobody knows what is a command; then as much of a line stays
 * as makes it look like one, and no more: smtp_hide.c.) */
static char harmless(uint8_t byte) {
    return "bcdfghjkmwz+/0123456789="[byte % 24];
}

/* The step's bytes as letters, at least one. */
static size_t letters(const struct play *play, char text[SECRETS_MAX]) {
    size_t len = play->step->len < SECRETS_MAX ? play->step->len : SECRETS_MAX;
    for (size_t i = 0; i < len; i++)
        text[i] = harmless(play->step->bytes[i]);
    if (len == 0)
        text[len++] = 'z';
    return len;
}

static void say_letters(struct play *play) {
    char text[SECRETS_MAX];
    size_t len = letters(play, text);
    say(play, SIDE_CLIENT, text, len, true);
}

static void answer_to_auth(struct play *play) {
    static const char *const answers[4] = {"235 2.7.0 ok\r\n", "535 5.7.8 wrong\r\n", "501 5.5.2 bad\r\n",
                                           "454 4.7.0 later\r\n"};
    server(play, answers[play->kind & 3]);
}

static void auth_plain(struct play *play) {
    if (play->kind & 4) {
        client(play, "AUTH PLAIN\r\n");
        server(play, "334 \r\n");
    } else {
        client(play, "AUTH PLAIN ");
    }
    say_letters(play);
    client(play, "\r\n");
    answer_to_auth(play);
}

static void auth_login(struct play *play) {
    client(play, "AUTH LOGIN\r\n");
    server(play, "334 VXNlcm5hbWU6\r\n");
    say_letters(play);
    client(play, "\r\n");
    server(play, "334 UGFzc3dvcmQ6\r\n");
    say_letters(play);
    client(play, "\r\n");
    answer_to_auth(play);
}

/* Lines of any bytes, but no dots and no line ends of other kinds, so that it is sure where it ends. */
static void message(struct play *play) {
    char line[SECRETS_MAX];
    size_t len = 0;
    for (size_t i = 0; i < play->step->len; i++) {
        char c = (char)play->step->bytes[i];
        if (c == '\n') {
            say(play, SIDE_CLIENT, line, len, true);
            client(play, play->kind & 8 ? "\r\n.." : "\r\n");
            len = 0;
        } else if (c != '\r' && c != '.' && c > 1 && len < sizeof line) {
            line[len++] = isalpha((unsigned char)c) ? harmless((uint8_t)c) : c;
        }
    }
    say(play, SIDE_CLIENT, line, len, true);
    client(play, "\r\n.\r\n");
}

static void data(struct play *play) {
    client(play, "MAIL FROM:<a@b.example>\r\n");
    if (!(play->kind & 4))
        server(play, "250 2.1.0 ok\r\n");
    client(play, "RCPT TO:<c@d.example>\r\n");
    if (!(play->kind & 4))
        server(play, "250 2.1.5 ok\r\n");
    client(play, "DATA\r\n");
    if (play->kind & 4) /* PIPELINING */
        server(play, "250 2.1.0 ok\r\n250 2.1.5 ok\r\n");
    server(play, "354 go\r\n");
    message(play);
    server(play, play->kind & 1 ? "550 5.7.1 spam\r\n" : "250 2.0.0 queued\r\n");
}

static void bdat(struct play *play) {
    char line[32], text[SECRETS_MAX];
    size_t len = letters(play, text);
    if (!(play->kind & 4)) {
        client(play, "MAIL FROM:<a@b.example>\r\nRCPT TO:<c@d.example>\r\n");
        server(play, "250 2.1.0 ok\r\n250 2.1.5 ok\r\n");
    }
    (void)snprintf(line, sizeof line, "BDAT %zu%s\r\n", len, play->kind & 1 ? " LAST" : "");
    client(play, line);
    say(play, SIDE_CLIENT, text, len, true);
    server(play, play->kind & 2 ? "503 5.5.1 no\r\n" : "250 2.0.0 ok\r\n");
}

static void small(struct play *play) {
    static const char *const exchanges[8][2] = {
        {"RSET\r\n", "250 2.0.0 ok\r\n"},          {"NOOP\r\n", "250 2.0.0 ok\r\n"},
        {"STARTTLS\r\n", "454 4.7.0 not now\r\n"}, {"VRFY x\r\n", "252 2.0.0 perhaps\r\n"},
        {"HELO c\r\n", "250 mx.example\r\n"},      {"MAIL FROM:<a@b.example>\r\n", "550 5.7.1 no\r\n"},
        {"DATA\r\n", "503 5.5.1 no\r\n"},          {"AUTH LOGIN\r\n", "503 5.5.1 no\r\n"},
    };
    client(play, exchanges[play->kind & 7][0]);
    server(play, exchanges[play->kind & 7][1]);
}

/* A command that nobody knows; a password sent too early, say. */
static void nonsense(struct play *play) {
    say(play, SIDE_CLIENT, "zz", 2, true);
    say_letters(play);
    client(play, "\r\n");
    server(play, "500 5.5.2 what\r\n");
}

/* Again, or with other bytes in their place. */
static void repeat(struct play *play) {
    const struct talk_end *end = &talk.connections[play->connection].ends[SIDE_CLIENT];
    uint32_t back = (1u + (play->step->len > 0 ? play->step->bytes[0] : 0)) << (play->kind & 3);
    uint8_t others[2048];
    if (!talk.connections[play->connection].opened || back > end->len || back > sizeof others)
        return;
    memcpy(others, end->said + end->len - back, back);
    for (uint32_t i = 0; play->kind & 4 && i < back; i++)
        others[i] = others[i] >= ' ' ? others[i] ^ 2 : others[i];
    talk_repeat(&talk, play->connection, SIDE_CLIENT, end->len - back, others, back, play->step->how);
}

static void play_step(const struct talk_step *step) {
    struct play play = {step, step->who >> 1 & 3, 0, step->who >> 3, step->len > 0 ? step->bytes[0] : 0xff};
    const struct talk_connection *connection = &talk.connections[play.connection];
    if (!connection->opened && !connection->midstream)
        server(&play, play.kind & 1 ? "220-mx.example\r\n220 ESMTP\r\n" : "220 mx.example ESMTP\r\n");
    switch ((enum what)(step->what % NUM_STEPS)) {
    case STEP_EHLO:
        client(&play, "EHLO c.example\r\n");
        server(&play, "250-mx.example\r\n250-PIPELINING\r\n250-AUTH PLAIN LOGIN\r\n250 CHUNKING\r\n");
        break;
    case STEP_AUTH_PLAIN:
        auth_plain(&play);
        break;
    case STEP_AUTH_LOGIN:
        auth_login(&play);
        break;
    case STEP_DATA:
        data(&play);
        break;
    case STEP_BDAT:
        bdat(&play);
        break;
    case STEP_SMALL:
        small(&play);
        break;
    case STEP_NONSENSE:
        nonsense(&play);
        break;
    case STEP_REPEAT:
        repeat(&play);
        break;
    case STEP_CROWD:
        talk_crowd(&talk);
        break;
    default:
        talk_flags(&talk, play.connection, step->who & 1 ? SIDE_SERVER : SIDE_CLIENT,
                   play.kind & 1 ? TCP_RST | TCP_ACK : TCP_FIN | TCP_ACK, 0);
    }
    if (!(step->how & TALK_LATE))
        talk_flush(&talk);
}

static void take(void *context, const struct packet *packet) {
    pipeline_packet(context, packet);
}

static void feed(void *context, struct pipeline *pipeline) {
    const struct script *script = context;
    struct reader in = reader_of(script->data, script->len);
    struct talk_step step;
    talk_begin(&talk, take, pipeline);
    uint8_t switches = reader_u8(&in), kinds = reader_u8(&in);
    talk.snap_len = switches & 0x40 ? 64u + reader_u8(&in) : 0;
    in = reader_of(script->data + TALK_HEADER, script->len - TALK_HEADER);
    for (unsigned i = 0; i < TALK_CONNECTIONS; i++) {
        talk.connections[i].midstream = kinds >> i & 1;
        talk.connections[i].ipv6 = kinds >> (4 + i) & 1;
        memset(secret[i], 0, sizeof secret[i]);
    }
    while (talk.num_frames < TALK_FRAMES_MAX && talk_next(&in, &step))
        play_step(&step);
    talk_flush(&talk);
}

/* --- the recording --- */

static void check_segment(const struct segment *s) {
    unsigned number = (unsigned)s->src_port - TALK_CLIENT_PORT;
    if (number >= TALK_CONNECTIONS)
        return;
    uint32_t offset = s->seq - talk.connections[number].ends[SIDE_CLIENT].isn - 1;
    for (uint32_t i = 0; i < s->payload_len; i++) {
        uint32_t at = offset + i;
        WHOLE_REQUIRE(at >= TALK_SAID_MAX || !secret[number][at] || s->payload[i] <= 1,
                      "connection %u: '%c' at %u is seen: %.*s", number, s->payload[i], at,
                      (int)s->payload_len, s->payload);
    }
}

static void check_recording(const char *path) {
    char error[256] = "";
    struct decoder *decoder = decoder_new(&(struct decode_options){0});
    struct source *source = source_open(path, error, sizeof error);
    struct packet packet;
    struct segment segment;
    enum source_result result = SOURCE_END;
    while (source && (result = source_next(source, &packet)) == SOURCE_PACKET) {
        if (decode_packet(decoder, &packet, &segment) == DECODE_TCP)
            check_segment(&segment);
    }
    WHOLE_REQUIRE(result == SOURCE_END, "the recording is damaged");
    source_close(source);
    decoder_free(decoder);
}

int LLVMFuzzerTestOneInput(const uint8_t *data_bytes, size_t len) {
    struct script script = {data_bytes, len};
    struct whole whole;
    char path[64];
    int fd;
    if (len < TALK_HEADER)
        return 0;
    struct recorder *recorder = whole_recorder(&fd, path);
    whole_run(data_bytes[0], feed, &script, recorder, &whole);
    WHOLE_REQUIRE(recorder_close(recorder), "cannot write");
    check_recording(path);
    whole_cleanup(&whole);
    (void)close(fd);
    return 0;
}

size_t LLVMFuzzerCustomMutator(uint8_t *bytes, size_t len, size_t max_len, unsigned seed) {
    return talk_mutate(bytes, len, max_len, seed, NUM_STEPS);
}

size_t LLVMFuzzerCustomCrossOver(const uint8_t *a, size_t a_len, const uint8_t *b, size_t b_len, uint8_t *out,
                                 size_t max_len, unsigned seed) {
    return talk_cross(a, a_len, b, b_len, out, max_len, seed);
}
