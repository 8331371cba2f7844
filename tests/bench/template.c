#include "template.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../../parsers/reader.h"
#include "../../sensor/capture/decode.h"
#include "../../sensor/capture/source.h"
#include "rewrite.h"
#include "wire.h"

#define PIECES_MAX      8192
#define STREAM_MAX      (4u << 20)
#define TCP_OPTIONS_MAX 40
#define FILLER_STEP_US  50 /* between two frames of inserted body */
#define FILLER_RECORD   (5 + 16384)

/* A segment of the connection; its payload is stream[side] from `at` on. */
struct piece {
    uint64_t offset_us;
    int64_t at, ack; /* from the first byte of the streams; a SYN is at -1 */
    uint32_t len;
    uint16_t window;
    uint8_t side, flags, options_len;
    uint8_t options[TCP_OPTIONS_MAX];
};

struct stream_bytes {
    uint8_t *data;
    size_t len;
    uint32_t first_seq;
    bool started;
};

/* A connection between being read and becoming frames. */
struct draft {
    struct piece *pieces;
    size_t num_pieces;
    struct stream_bytes streams[2];
    struct rewrite rewrites[2];
    uint8_t ends[2][16]; /* addresses by side */
    uint16_t ports[2];
    uint8_t addr_len;
    uint64_t first_ns;
};

/* --- reading --- */

static bool is_of(const struct draft *d, const struct segment *s, enum side side) {
    return s->addr_len == d->addr_len && memcmp(s->src, d->ends[side], s->addr_len) == 0 &&
           memcmp(s->dst, d->ends[side_other(side)], s->addr_len) == 0 && s->src_port == d->ports[side] &&
           s->dst_port == d->ports[side_other(side)];
}

static void begin(struct draft *d, const struct segment *s) {
    d->addr_len = s->addr_len;
    memcpy(d->ends[SIDE_CLIENT], s->src, s->addr_len);
    memcpy(d->ends[SIDE_SERVER], s->dst, s->addr_len);
    d->ports[SIDE_CLIENT] = s->src_port;
    d->ports[SIDE_SERVER] = s->dst_port;
    d->first_ns = s->ts_ns;
}

/* RFC 9293 section 3.1: what stands between the fixed header and the payload. */
static void copy_options(struct piece *piece, const struct segment *s) {
    struct reader ip = reader_of(s->network, s->network_len);
    uint32_t ip_len = s->addr_len == 4 ? (reader_u8(&ip) & 15u) * 4 : 40;
    struct reader tcp = reader_of(s->network, s->network_len);
    reader_skip(&tcp, ip_len + 12);
    size_t header_len = (size_t)(reader_u8(&tcp) >> 4) * 4;
    reader_skip(&tcp, 7);
    size_t len = header_len > 20 ? header_len - 20 : 0;
    const uint8_t *options = reader_bytes(&tcp, len);
    if (!options || len > TCP_OPTIONS_MAX)
        return;
    memcpy(piece->options, options, len);
    piece->options_len = (uint8_t)len;
}

static bool take(struct draft *d, const struct segment *s, enum side side, unsigned scale) {
    struct stream_bytes *own = &d->streams[side], *other = &d->streams[side_other(side)];
    if (s->flags & TCP_SYN) {
        own->first_seq = s->seq + 1;
        own->started = true;
    }
    if (!own->started || d->num_pieces == PIECES_MAX)
        return false;
    struct piece *piece = &d->pieces[d->num_pieces++];
    *piece = (struct piece){.side = (uint8_t)side, .flags = (uint8_t)s->flags, .window = s->window};
    piece->offset_us = (s->ts_ns - d->first_ns) / 1000 * scale;
    piece->at = (int32_t)(s->seq - own->first_seq);
    piece->ack = s->flags & TCP_ACK ? (int32_t)(s->ack - other->first_seq) : 0;
    piece->len = s->flags & (TCP_RST | TCP_SYN) ? 0 : s->payload_len;
    copy_options(piece, s);
    if (piece->len == 0)
        return true;
    if (piece->at < 0 || (uint64_t)piece->at > own->len || own->len + piece->len > STREAM_MAX)
        return false; /* a hole: not whole enough to be a template */
    memcpy(own->data + piece->at, s->payload, piece->len);
    if ((size_t)piece->at + piece->len > own->len)
        own->len = (size_t)piece->at + piece->len;
    return true;
}

static bool read_connection(struct draft *d, const struct template_options *options) {
    char error[256];
    struct source *source = source_open(options->path, error, sizeof error);
    if (!source) {
        fprintf(stderr, "%s\n", error);
        return false;
    }
    struct decode_options decode = {0};
    struct decoder *decoder = decoder_new(&decode);
    struct packet packet;
    struct segment s;
    unsigned connections = 0;
    bool good = decoder != NULL;
    while (good && source_next(source, &packet) == SOURCE_PACKET) {
        if (decode_packet(decoder, &packet, &s) != DECODE_TCP)
            continue;
        if ((s.flags & (TCP_SYN | TCP_ACK)) == TCP_SYN && connections++ == options->connection)
            begin(d, &s);
        if (d->addr_len == 0)
            continue;
        if (is_of(d, &s, SIDE_CLIENT))
            good = take(d, &s, SIDE_CLIENT, options->scale);
        else if (is_of(d, &s, SIDE_SERVER))
            good = take(d, &s, SIDE_SERVER, options->scale);
    }
    decoder_free(decoder);
    source_close(source);
    return good && d->num_pieces > 0;
}

/* --- body --- */

static struct piece *insert_piece(struct draft *d, size_t index) {
    if (d->num_pieces == PIECES_MAX) {
        fprintf(stderr, "a template of more than %d frames\n", PIECES_MAX);
        exit(1);
    }
    memmove(&d->pieces[index + 1], &d->pieces[index], (d->num_pieces - index) * sizeof *d->pieces);
    d->num_pieces++;
    d->pieces[index] = d->pieces[index + 1];
    return &d->pieces[index];
}

/* Cuts a piece in two, `len` bytes in the first. */
static void split_piece(struct draft *d, size_t index, uint32_t len) {
    struct piece *first = insert_piece(d, index), *second = first + 1;
    first->len = len;
    first->flags = (uint8_t)(first->flags & ~(TCP_FIN | TCP_PSH));
    second->at += len;
    second->len -= len;
}

/* No frame is larger than a wire's, also where the capture holds what the kernel was yet to cut. */
static void split_large(struct draft *d) {
    for (size_t i = 0; i < d->num_pieces; i++) {
        if (d->pieces[i].len > FRAME_SEGMENT)
            split_piece(d, i, FRAME_SEGMENT);
    }
}

/* Lines as of an encoded attachment, or TLS records of what looks random. */
static void make_filler(uint8_t *at, uint32_t len, bool tls) {
    static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    uint64_t random = 1;
    for (uint32_t i = 0; i < len; i++) {
        random = random * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
        uint8_t byte = (uint8_t)(random >> 56);
        uint32_t column = i % 78;
        at[i] = tls ? byte : column == 76 ? '\r' : column == 77 ? '\n' : (uint8_t)letters[byte & 63];
    }
    if (!tls && len >= 2)
        memcpy(at + len - 2, "\r\n", 2);
    for (uint32_t i = 0; tls && i < len; i += FILLER_RECORD) {
        uint32_t record = (len - i < FILLER_RECORD ? len - i : FILLER_RECORD) - 5;
        memcpy(at + i, "\x17\x03\x03", 3);
        put_u16(at + i + 3, record);
    }
}

/* Makes room in a stream; what comes later is sent and acknowledged that much later. */
static void shift_later(struct draft *d, size_t from, enum side side, int64_t place, uint32_t len) {
    uint64_t pause = (len / FRAME_SEGMENT + 1) * FILLER_STEP_US;
    for (size_t i = from; i < d->num_pieces; i++) {
        struct piece *piece = &d->pieces[i];
        piece->offset_us += pause;
        if (piece->side == side && piece->at >= place)
            piece->at += len;
        if (piece->side != side && piece->ack >= place)
            piece->ack += len;
    }
    for (size_t i = 0; i < d->rewrites[side].num_spots; i++) {
        if (d->rewrites[side].spots[i].at >= (uint64_t)place)
            d->rewrites[side].spots[i].at += len;
    }
}

/* The body in full frames; every second one is acknowledged. */
static void add_body_pieces(struct draft *d, size_t index, enum side side, int64_t place, uint32_t len) {
    struct piece like = d->pieces[index - 1];
    like.flags = TCP_ACK;
    for (uint32_t done = 0, n = 0; done < len; n++) {
        struct piece *piece = insert_piece(d, index++);
        *piece = like;
        piece->at = place + done;
        piece->len = len - done < FRAME_SEGMENT ? len - done : FRAME_SEGMENT;
        piece->offset_us += (uint64_t)(n + 1) * FILLER_STEP_US;
        done += piece->len;
        if (n % 2 == 0 && done < len)
            continue;
        struct piece data = *piece, *ack = insert_piece(d, index++);
        *ack = data;
        ack->side = (uint8_t)side_other(side);
        ack->len = 0;
        ack->at = data.ack;
        ack->ack = place + done;
    }
}

static bool insert_body(struct draft *d, enum side side, uint32_t len) {
    struct stream_bytes *stream = &d->streams[side];
    int64_t place = (int64_t)d->rewrites[side].mail_end;
    if (place == 0 || len % FILLER_RECORD < 6 || stream->len + len > STREAM_MAX)
        return false; /* also when the last record would have no room for its header */
    size_t i = 0;
    while (i < d->num_pieces && !(d->pieces[i].side == side && d->pieces[i].at < place &&
                                  d->pieces[i].at + d->pieces[i].len >= place))
        i++;
    if (i == d->num_pieces)
        return false;
    if (d->pieces[i].at + d->pieces[i].len > place)
        split_piece(d, i, (uint32_t)(place - d->pieces[i].at));
    shift_later(d, i + 1, side, place, len);
    memmove(stream->data + place + len, stream->data + place, stream->len - (size_t)place);
    make_filler(stream->data + place, len, d->rewrites[side].tls);
    stream->len += len;
    add_body_pieces(d, i + 1, side, place, len);
    return true;
}

/* --- frames --- */

static void *grown(void *array, size_t num, size_t size) {
    if ((num & (num - 1)) != 0)
        return array;
    void *larger = realloc(array, (num > 0 ? num * 2 : 1) * size);
    if (!larger) {
        fprintf(stderr, "out of memory\n");
        exit(1);
    }
    return larger;
}

uint8_t *template_add_frame(struct template *t, enum side side, uint64_t offset_us, uint32_t len) {
    if (t->bytes_len + len > t->bytes_room) {
        t->bytes_room = (t->bytes_room + len) * 2;
        t->bytes = realloc(t->bytes, t->bytes_room);
        if (!t->bytes) {
            fprintf(stderr, "out of memory\n");
            exit(1);
        }
    }
    t->frames = grown(t->frames, t->num_frames, sizeof *t->frames);
    t->frames[t->num_frames++] = (struct frame){.offset_us = (uint32_t)offset_us,
                                                .len = len,
                                                .at = t->bytes_len,
                                                .first_patch = (uint32_t)t->num_patches,
                                                .side = (uint8_t)side};
    t->packets[side]++;
    uint8_t *bytes = t->bytes + t->bytes_len;
    memset(bytes, 0, len);
    t->bytes_len += len;
    return bytes;
}

void template_add_patch(struct template *t, uint32_t at, uint32_t len, uint32_t from) {
    t->patches = grown(t->patches, t->num_patches, sizeof *t->patches);
    t->patches[t->num_patches++] = (struct patch){at, (uint16_t)len, (uint16_t)from};
    t->frames[t->num_frames - 1].num_patches++;
}

/* The spots that lie in a piece's payload. */
static void add_patches(struct template *t, const struct draft *d, const struct piece *piece,
                        uint32_t payload_at) {
    const struct rewrite *rewrite = &d->rewrites[piece->side];
    uint64_t begin_at = (uint64_t)piece->at, end_at = begin_at + piece->len;
    for (size_t i = 0; piece->len > 0 && i < rewrite->num_spots; i++) {
        const struct spot *spot = &rewrite->spots[i];
        uint64_t from = spot->at > begin_at ? spot->at : begin_at;
        uint64_t to = spot->at + spot->len < end_at ? spot->at + spot->len : end_at;
        if (from < to)
            template_add_patch(t, payload_at + (uint32_t)(from - begin_at), (uint32_t)(to - from),
                               spot->from + (uint32_t)(from - spot->at));
    }
}

static void add_frame(struct template *t, const struct draft *d, const struct piece *piece) {
    uint32_t ip_len = d->addr_len == 4 ? IPV4_LEN : IPV6_LEN;
    uint32_t tcp_len = TCP_LEN + piece->options_len;
    uint32_t payload_at = ETHERNET_LEN + ip_len + tcp_len;
    uint8_t *at = template_add_frame(t, (enum side)piece->side, piece->offset_us, payload_at + piece->len);
    put_headers(at, d->addr_len, IP_PROTOCOL_TCP, tcp_len + piece->len);
    at += ETHERNET_LEN + ip_len;
    put_u32(at + 4, (uint32_t)piece->at);
    put_u32(at + 8, (uint32_t)piece->ack);
    at[12] = (uint8_t)(tcp_len / 4 << 4);
    at[13] = piece->flags;
    put_u16(at + 14, piece->window);
    memcpy(at + TCP_LEN, piece->options, piece->options_len);
    if (piece->len > 0)
        memcpy(at + tcp_len, d->streams[piece->side].data + piece->at, piece->len);
    add_patches(t, d, piece, payload_at);
}

static void describe_end(const struct draft *d, enum side side, char *text, size_t len) {
    const uint8_t *a = d->ends[side];
    if (d->addr_len == 4) {
        snprintf(text, len, "%d.%d.%d.%d:%u", a[0], a[1], a[2], a[3], d->ports[side]);
        return;
    }
    size_t used = (size_t)snprintf(text, len, "[");
    for (size_t i = 0; i < 16; i += 2)
        used += (size_t)snprintf(text + used, len - used, "%x:", (unsigned)(a[i] << 8 | a[i + 1]));
    snprintf(text + used - 1, len - used + 1, "]:%u", d->ports[side]);
}

static void finish(struct template *t, const struct draft *d, const struct template_options *options) {
    *t = (struct template){.addr_len = d->addr_len};
    t->server_port = options->port ? options->port : d->ports[SIDE_SERVER];
    describe_end(d, SIDE_CLIENT, t->client, sizeof t->client);
    describe_end(d, SIDE_SERVER, t->server, sizeof t->server);
    for (size_t i = 0; i < d->num_pieces && (options->max_frames == 0 || i < options->max_frames); i++)
        add_frame(t, d, &d->pieces[i]);
    const struct rewrite *server = &d->rewrites[SIDE_SERVER];
    for (enum side side = SIDE_CLIENT; side <= SIDE_SERVER; side++)
        t->stream_len[side] = d->streams[side].len;
    t->has_cert = server->has_cert && server->serial_at > 0 && server->cert_len <= sizeof t->cert;
    if (!t->has_cert)
        return;
    t->cert_len = server->cert_len;
    t->serial_at = server->serial_at;
    memcpy(t->cert, d->streams[SIDE_SERVER].data + server->cert_at, t->cert_len);
}

bool template_load(struct template *t, const struct template_options *options) {
    struct draft d = {.pieces = calloc(PIECES_MAX, sizeof *d.pieces)};
    bool good = d.pieces != NULL;
    for (enum side side = SIDE_CLIENT; side <= SIDE_SERVER; side++) {
        d.streams[side].data = malloc(STREAM_MAX);
        good = good && d.streams[side].data;
    }
    good = good && read_connection(&d, options);
    for (enum side side = SIDE_CLIENT; good && side <= SIDE_SERVER; side++)
        rewrite_find(&d.rewrites[side], side, d.streams[side].data, d.streams[side].len);
    if (good && options->filler > 0)
        good = insert_body(&d, options->filler_side, options->filler);
    if (good) {
        split_large(&d);
        finish(t, &d, options);
    } else {
        fprintf(stderr, "%s: connection %u makes no template\n", options->path, options->connection);
    }
    free(d.pieces);
    free(d.streams[SIDE_CLIENT].data);
    free(d.streams[SIDE_SERVER].data);
    return good;
}

void template_cleanup(struct template *t) {
    free(t->bytes);
    free(t->frames);
    free(t->patches);
    *t = (struct template){0};
}
