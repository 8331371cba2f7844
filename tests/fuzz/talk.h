/* talk.h: TCP connections in the making. What both sides say becomes frames, with the tricks of networks and
 * attackers on the way: cut, backwards, twice, late, lost, in fragments.
 *
 * A script is a compact description of some connections that talk at once:
 *
 *     header  switches (1), which connections begin midstream and which are IPv6 (1), their ports (1), more
 * (1) step    what (1), who (1), how (1), len (1), len bytes
 *
 * so that a mutator that knows steps (talk_mutate.c) gets deep where bytes alone would not. */
#ifndef STARTTAP_TESTS_FUZZ_TALK_H
#define STARTTAP_TESTS_FUZZ_TALK_H

#include "../../parsers/parse.h"
#include "../../parsers/reader.h"
#include "../../sensor/capture/packet.h"

#define TALK_CONNECTIONS 4
#define TALK_FRAMES_MAX  512u   /* of one script; what would be more is left out */
#define TALK_SAID_MAX    16384u /* bytes of one side; likewise */
#define TALK_SEGMENT_MAX 1400u
#define TALK_LATE_MAX    32u
#define TALK_HEADER      4u
#define TALK_STEP        4u /* bytes of a step in front of its own */
#define TALK_CLIENT_PORT 10000

/* How something is sent. */
enum talk_how {
    TALK_CUT = 0x07, /* into segments: 0 not at all, else of a size in a table */
    TALK_BACKWARDS = 0x08,
    TALK_TWICE = 0x10,
    TALK_LATE = 0x20, /* behind what is sent next */
    TALK_FRAGMENTS = 0x40,
    TALK_LOST = 0x80, /* of several segments, two of three */
    TALK_TRICKS = TALK_CUT | TALK_BACKWARDS | TALK_TWICE | TALK_FRAGMENTS,
};

enum talk_what {
    TALK_SAY,    /* the step's bytes */
    TALK_LINE,   /* a line that SMTP knows, by the high bits of `who` */
    TALK_RECORD, /* a TLS record around the step's bytes, its type and version by the high bits of `who` */
    TALK_HELLO,  /* a flight of the handshake of RFC 8448, by the high bits of `who` */
    TALK_CLOSE,  /* FIN, RST, RST of a wrong sequence, SYN again, urgent data, by the high bits of `who` */
    TALK_WAIT,   /* by the high bits of `who` */
    TALK_GAP,    /* so many bytes are sent and never captured */
    TALK_REPEAT, /* bytes of before once more, or others in their place */
    TALK_ASTRAY, /* bytes whose sequence number is off by a lot */
    TALK_CROWD,  /* so many others open connections that those here are folded (flow.h) */
    NUM_TALK_WHATS,
};

typedef void (*talk_take)(void *context, const struct packet *packet);

struct talk_end {
    uint32_t isn;
    uint32_t len; /* said so far */
    bool ended;   /* a FIN took a sequence number */
    uint8_t said[TALK_SAID_MAX];
};

struct talk_connection {
    bool opened, midstream, ipv6;
    bool reported; /* packets were captured of which a session is made */
    uint16_t server_port;
    struct talk_end ends[2];
};

struct talk_frame {
    uint32_t len;
    uint8_t bytes[TALK_SEGMENT_MAX + 80];
};

struct talk {
    talk_take take;
    void *context;
    uint64_t ts_ns;
    uint32_t num_frames, num_late, datagram_id;
    uint32_t snap_len; /* 0: none */
    bool plain;        /* to be set before: nothing is cut, backwards, twice or in fragments */
    bool tricky;       /* something was, or would have been */
    bool crowded;      /* once is enough */
    bool lossy;        /* and what arrives, or in which order it does, is not the same without that */
    bool odd;          /* something was sent after which a connection may count twice, or not at all */
    struct talk_connection connections[TALK_CONNECTIONS];
    struct talk_frame late[TALK_LATE_MAX];
};

void talk_begin(struct talk *talk, talk_take take, void *context);
/* The next bytes of a side. The connection is opened before its first. */
void talk_say(struct talk *talk, unsigned connection, enum side side, const uint8_t *bytes, size_t len,
              uint8_t how);
/* Bytes at an offset of the side, other than what was said there perhaps. */
void talk_repeat(struct talk *talk, unsigned connection, enum side side, uint32_t offset,
                 const uint8_t *bytes, size_t len, uint8_t how);
void talk_flags(struct talk *talk, unsigned connection, enum side side, uint8_t flags, int32_t astray);
void talk_flush(struct talk *talk); /* what is late comes now */
void talk_crowd(struct talk *talk);

/* How many sessions there have to be; only when not odd. */
unsigned talk_num_sessions(const struct talk *talk);

/* Takes the next step from a script; false at its end. */
struct talk_step {
    uint8_t what, who, how, len;
    const uint8_t *bytes;
};
bool talk_next(struct reader *in, struct talk_step *step);

/* Plays header and steps. */
void talk_play(struct talk *talk, const uint8_t *script, size_t len);

/* As LLVMFuzzerCustomMutator and LLVMFuzzerCustomCrossOver; num_whats: those below it are made. */
size_t talk_mutate(uint8_t *script, size_t len, size_t max_len, unsigned seed, unsigned num_whats);
size_t talk_cross(const uint8_t *a, size_t a_len, const uint8_t *b, size_t b_len, uint8_t *out,
                  size_t max_len, unsigned seed);

#endif
