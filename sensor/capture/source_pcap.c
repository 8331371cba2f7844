/* Classic pcap files, in all the variants that libpcap reads (draft-ietf-opsawg-pcap, libpcap's sf-pcap.c).
 */
#include "../../parsers/fetch.h"
#include "../../parsers/reader.h"
#include "source_format.h"

#define FILE_HEADER_LEN   24
#define RECORD_HEADER_LEN 16
#define PATCHED_RECORD_HEADER_LEN                                                                            \
    24 /* Alexey Kuznetzov's libpcap also wrote interface, protocol and type                                 \
        */

#define NEXT_HEADERS_LEN 80 /* of a record: its own, Ethernet's, those of IP and TCP or most of them */

#define MAGIC_MICROSECONDS 0xa1b2c3d4u
#define MAGIC_NANOSECONDS  0xa1b23c4du
#define MAGIC_PATCHED      0xa1b2cd34u

/* Above the 16 bits of the link type lie the FCS length and reserved bits. */
#define LINKTYPE_MASK 0xffffu

static inline uint32_t file_u32(struct reader *r, bool little_endian) {
    return little_endian ? reader_u32le(r) : reader_u32(r);
}

static uint16_t file_u16(struct reader *r, bool little_endian) {
    return little_endian ? reader_u16le(r) : reader_u16(r);
}

static bool known_magic(struct pcap_format *pcap, uint32_t magic) {
    pcap->ns_per_tick = magic == MAGIC_NANOSECONDS ? 1 : 1000;
    pcap->record_header_len = magic == MAGIC_PATCHED ? PATCHED_RECORD_HEADER_LEN : RECORD_HEADER_LEN;
    return magic == MAGIC_MICROSECONDS || magic == MAGIC_NANOSECONDS || magic == MAGIC_PATCHED;
}

/* Captured and wire length changed places in version 2.3; DG/UX wrote 543.0. */
static bool known_version(struct pcap_format *pcap, uint16_t major, uint16_t minor) {
    bool dg_ux = major == 543 && minor == 0;
    pcap->lengths_swapped = dg_ux || (major == 2 && minor < 3);
    pcap->lengths_maybe_swapped = major == 2 && minor == 3;
    return dg_ux || (major == 2 && minor <= 4);
}

/* Reads one record's header and frame, in place. Inlined with what most files have, it is half as long. */
static inline enum source_result next_record(struct source *source, struct packet *packet,
                                             uint32_t record_header_len, bool little_endian) {
    const struct pcap_format *pcap = &source->pcap;
    struct input *input = source->input;
    const uint8_t *header = input_peek(input, record_header_len);
    if (header == NULL)
        return source_cut(source, true, record_header_len, "packet header");

    struct reader r = reader_of(header, record_header_len);
    uint64_t seconds = file_u32(&r, little_endian);
    uint64_t ticks = file_u32(&r, little_endian);
    uint32_t captured_len = file_u32(&r, little_endian);
    uint32_t wire_len = file_u32(&r, little_endian);
    if (pcap->lengths_swapped || (pcap->lengths_maybe_swapped && captured_len > wire_len)) {
        uint32_t swap = captured_len;
        captured_len = wire_len;
        wire_len = swap;
    }
    if (captured_len > SOURCE_FRAME_MAX)
        return source_damaged(source, "captured length %u is above %u", captured_len, SOURCE_FRAME_MAX);

    size_t record_len = record_header_len + captured_len;
    const uint8_t *record = input_peek(input, record_len);
    if (record == NULL)
        return source_cut(source, false, record_len, "packet record");
    input_consume(input, record_len);
    fetch(input->pos, NEXT_HEADERS_LEN); /* maybe past the end, where nothing is read */
    packet->data = record + record_header_len;
    packet->captured_len = captured_len;
    packet->wire_len = wire_len < captured_len ? captured_len : wire_len;
    packet->linktype = pcap->linktype;
    packet->ts_ns = seconds * NS_PER_S + ticks * pcap->ns_per_tick; /* below 2^63 for any fields */
    return SOURCE_PACKET;
}

static enum source_result next_usual(struct source *source, struct packet *packet) {
    return next_record(source, packet, RECORD_HEADER_LEN, true);
}

/* Reading it will not fail, nor move what was handed out before. */
static inline bool usual_lies_whole(const struct source *source) {
    struct reader r = reader_of(source->input->pos, input_left(source->input));
    reader_skip(&r, 2 * sizeof(uint32_t)); /* time */
    uint32_t captured_len = reader_u32le(&r);
    reader_skip(&r, sizeof(uint32_t));
    return reader_ok(&r) && captured_len <= reader_left(&r) && captured_len <= SOURCE_FRAME_MAX;
}

static size_t more_usual(struct source *source, struct packet *packets, size_t max) {
    size_t num = 0;
    while (num < max && usual_lies_whole(source) &&
           next_record(source, &packets[num], RECORD_HEADER_LEN, true) == SOURCE_PACKET)
        num++;
    return num;
}

static enum source_result next_unusual(struct source *source, struct packet *packet) {
    return next_record(source, packet, source->pcap.record_header_len, source->pcap.little_endian);
}

static enum source_result first_pcap(struct source *source, struct packet *packet) {
    struct pcap_format *pcap = &source->pcap;
    const uint8_t *header = input_peek(source->input, FILE_HEADER_LEN);
    if (header == NULL)
        return source_cut(source, false, FILE_HEADER_LEN, "file header");
    struct reader r = reader_of(header, FILE_HEADER_LEN);
    reader_skip(&r, sizeof(uint32_t));
    uint16_t major = file_u16(&r, pcap->little_endian);
    uint16_t minor = file_u16(&r, pcap->little_endian);
    if (!known_version(pcap, major, minor))
        return source_damaged(source, "pcap version %u.%u is not supported", major, minor);
    reader_skip(&r, 12); /* time zone, accuracy, snap length: each record says its own length */
    pcap->linktype = (int)(file_u32(&r, pcap->little_endian) & LINKTYPE_MASK);
    input_consume(source->input, FILE_HEADER_LEN);
    bool usual = pcap->little_endian && pcap->record_header_len == RECORD_HEADER_LEN;
    source->next = usual ? next_usual : next_unusual;
    source->more = usual && !pcap->lengths_swapped && !pcap->lengths_maybe_swapped ? more_usual : NULL;
    return source->next(source, packet);
}

bool source_start_pcap(struct source *source) {
    const uint8_t *bytes = input_peek(source->input, sizeof(uint32_t));
    struct reader r = reader_of(bytes, bytes ? sizeof(uint32_t) : 0);
    struct reader again = r;
    source->next = first_pcap;
    source->pcap.little_endian = known_magic(&source->pcap, reader_u32le(&r));
    return source->pcap.little_endian || known_magic(&source->pcap, reader_u32(&again));
}
