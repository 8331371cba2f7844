#include "dns_streams.h"

#include <stdlib.h>
#include <string.h>

#include "../../parsers/reader.h"
#include "stream.h"

#define LENGTH_FIELD 2u

struct dns_stream {
    struct stream stream; /* started: this place is taken */
    uint8_t address[2][16];
    uint16_t client_port;
    uint8_t addr_len;
    uint64_t used;                /* number of the segment that was the last */
    uint8_t length[LENGTH_FIELD]; /* of the message at hand */
    uint8_t *message;             /* NULL: its length is not known yet */
    size_t have;                  /* bytes of the one or the other */
};

struct dns_streams {
    struct dns_stream streams[DNS_STREAMS_MAX];
    uint64_t num_segments;
};

struct dns_streams *dns_streams_new(void) {
    return calloc(1, sizeof(struct dns_streams));
}

static void forget(struct dns_stream *dns) {
    stream_cleanup(&dns->stream);
    free(dns->message);
    *dns = (struct dns_stream){0};
}

void dns_streams_free(struct dns_streams *streams) {
    if (!streams)
        return;
    for (size_t i = 0; i < DNS_STREAMS_MAX; i++)
        forget(&streams->streams[i]);
    free(streams);
}

static bool is_of(const struct dns_stream *dns, const struct segment *segment) {
    return dns->stream.started && dns->addr_len == segment->addr_len &&
           dns->client_port == segment->dst_port &&
           memcmp(dns->address[0], segment->src, segment->addr_len) == 0 &&
           memcmp(dns->address[1], segment->dst, segment->addr_len) == 0;
}

static int place_of(const struct dns_streams *streams, const struct dns_stream *dns) {
    return (int)(dns - streams->streams);
}

/* With a SYN a new one, in place of the one silent for longest. */
int dns_streams_find(struct dns_streams *streams, const struct segment *segment, bool *begun) {
    struct dns_stream *oldest = &streams->streams[0];
    bool begins = (segment->flags & TCP_SYN) != 0;
    *begun = false;
    for (size_t i = 0; i < DNS_STREAMS_MAX; i++) {
        struct dns_stream *dns = &streams->streams[i];
        if (is_of(dns, segment)) {
            if (!begins || dns->stream.first_seq == segment->seq + 1)
                return place_of(streams, dns);
            oldest = dns;
            break;
        }
        if (dns->used < oldest->used)
            oldest = dns;
    }
    if (!begins)
        return -1;
    forget(oldest);
    *begun = true;
    oldest->stream = (struct stream){.started = true, .first_seq = segment->seq + 1, .syn_seen = true};
    memcpy(oldest->address[0], segment->src, segment->addr_len);
    memcpy(oldest->address[1], segment->dst, segment->addr_len);
    oldest->addr_len = segment->addr_len;
    oldest->client_port = segment->dst_port;
    return place_of(streams, oldest);
}

/* Takes of in what the message at hand lacks; true when it is whole. *bad: no memory. */
static bool fill(struct dns_stream *dns, struct reader *in, size_t *len, bool *bad) {
    struct reader field = reader_of(dns->length, LENGTH_FIELD);
    *len = dns->message ? reader_u16(&field) : LENGTH_FIELD;
    size_t lacks = *len - dns->have, left = reader_left(in);
    size_t more = lacks < left ? lacks : left;
    const uint8_t *bytes = reader_bytes(in, more);
    if (bytes && more > 0)
        memcpy((dns->message ? dns->message : dns->length) + dns->have, bytes, more);
    dns->have += more;
    if (dns->have < *len)
        return false;
    if (dns->message)
        return true;
    field = reader_of(dns->length, LENGTH_FIELD);
    size_t size = reader_u16(&field);
    dns->message = malloc(size > 0 ? size : 1);
    dns->have = 0;
    *bad = dns->message == NULL;
    return false;
}

/* Reads what is there in order; false: no memory for it. */
static bool read_messages(struct dns_stream *dns, dns_streams_take take, void *context) {
    const uint8_t *data;
    size_t len;
    bool bad = false;
    while (!bad && (data = stream_peek(&dns->stream, &len)) != NULL) {
        struct reader in = reader_of(data, len);
        size_t message_len;
        while (!bad && reader_left(&in) > 0) {
            if (!fill(dns, &in, &message_len, &bad))
                continue;
            take(context, dns->message, message_len);
            free(dns->message);
            dns->message = NULL;
            dns->have = 0;
        }
        stream_consume(&dns->stream, len);
    }
    return !bad;
}

void dns_streams_segment(struct dns_streams *streams, int place, const struct segment *segment,
                         dns_streams_take take, void *context) {
    struct dns_stream *dns = &streams->streams[place];
    dns->used = ++streams->num_segments;
    uint32_t first = segment->seq + ((segment->flags & TCP_SYN) ? 1 : 0);
    int64_t offset = stream_offset(&dns->stream, first);
    bool near =
        offset > -(int64_t)STREAM_WINDOW_MAX && offset < (int64_t)(dns->stream.next + STREAM_WINDOW_MAX);
    bool good = true;
    if (segment->payload_len > 0 && near)
        good = stream_push(&dns->stream, offset, segment->payload, segment->payload_len) != STREAM_FULL &&
               read_messages(dns, take, context);
    bool over = (segment->flags & (TCP_FIN | TCP_RST)) != 0 && !dns->stream.chunks;
    if (!good || over)
        forget(dns);
}
