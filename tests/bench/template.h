/* template.h: one TCP connection of a real capture, made ready to be replayed any number of times.
 *
 * A template is a list of Ethernet frames with, for each, the places that differ from session to session:
 * addresses, ports and sequence numbers (at their fixed places in the headers), and patches: places in the
 * payload that are XORed with the session's material. XOR with a mask keeps what a parser compares: the
 * session id that a server echoes stays the one that the client sent, and two equal randoms stay equal. All
 * replacements have the length of what they replace, so TCP's offsets stay. */
#ifndef STARTTAP_BENCH_TEMPLATE_H
#define STARTTAP_BENCH_TEMPLATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "../../parsers/parse.h"

#define SERVER_NAME      "mx.example.org" /* what servers of our captures are called: its label is replaced */
#define SERVER_LABEL_LEN 2
#define CLIENT_NAME      "client.example.net"
#define CLIENT_LABEL_LEN 6
#define ETHERNET_LEN     14
#define FRAME_SEGMENT    1448 /* payload of a full frame */

/* Places in a session's material. */
enum material {
    MATERIAL_CLIENT_RANDOM =
        0, /* 24 bytes: the last 8 may be a downgrade sentinel (RFC 8446 section 4.1.3) */
    MATERIAL_SERVER_RANDOM = 24,
    MATERIAL_SESSION_ID = 48,   /* 16 bytes */
    MATERIAL_SERIAL = 64,       /* 8 bytes */
    MATERIAL_SERVER_LABEL = 72, /* XOR with "mx" */
    MATERIAL_CLIENT_LABEL = 74, /* XOR with "client" */
    MATERIAL_LEN = 80,
};

struct patch {
    uint32_t at; /* in the frame */
    uint16_t len;
    uint16_t from; /* in the material */
};

struct frame {
    uint32_t offset_us; /* after the connection's first packet */
    uint32_t len;
    size_t at; /* in bytes */
    uint32_t first_patch, num_patches;
    uint8_t side; /* that sends it */
};

/* What is in the frames. In TCP headers, sequence numbers count from the first byte of the stream. */
struct template {
    uint8_t *bytes;
    size_t bytes_len, bytes_room;
    struct frame *frames;
    size_t num_frames;
    struct patch *patches;
    size_t num_patches;
    uint8_t addr_len; /* 4 or 16 */
    bool udp;
    uint16_t server_port;
    /* For checking results */
    char client[64], server[64]; /* "192.0.2.10:4711" in the capture */
    uint64_t stream_len[2];
    uint32_t packets[2];
    bool has_cert;
    uint8_t cert[4096]; /* the server's own, in clear (up to TLS 1.2) */
    uint32_t cert_len, serial_at;
};

struct template_options {
    const char *path;
    unsigned connection;   /* which of the capture, counted from 0 */
    unsigned scale;        /* of the times between packets */
    uint32_t filler;       /* bytes of body to insert */
    enum side filler_side; /* who sends them */
    size_t max_frames;     /* cut after so many; 0: all */
    uint16_t port;         /* of the server instead of the capture's; 0: that */
};

/* False with a message on standard error. */
bool template_load(struct template *t, const struct template_options *options);
void template_cleanup(struct template *t);

/* Adds an empty frame of a template that is made up; returns its bytes. Exits when out of memory. */
uint8_t *template_add_frame(struct template *t, enum side side, uint64_t offset_us, uint32_t len);
void template_add_patch(struct template *t, uint32_t at, uint32_t len, uint32_t from);

#endif
