/* pcapng files (draft-ietf-opsawg-pcapng-03; section numbers are its own). */
#include <stdlib.h>

#include "../../parsers/reader.h"
#include "source_format.h"

#define BLOCK_SECTION         0x0a0d0d0au /* section 4.1; the same in either byte order */
#define BLOCK_INTERFACE       0x00000001u /* section 4.2 */
#define BLOCK_PACKET          0x00000002u /* obsolete, appendix A */
#define BLOCK_SIMPLE_PACKET   0x00000003u /* section 4.4 */
#define BLOCK_ENHANCED_PACKET 0x00000006u /* section 4.3 */

#define BYTE_ORDER_MAGIC  0x1a2b3c4du
#define BLOCK_HEADER_LEN  8u /* type, total length */
#define BLOCK_TRAILER_LEN 4u /* total length again */
#define BLOCK_LEN_MIN     (BLOCK_HEADER_LEN + BLOCK_TRAILER_LEN)
#define SECTION_LEN_MIN   28u
#define BLOCK_READ_MAX    INPUT_PEEK_MAX /* blocks that are read; others are skipped at any length */

#define OPTION_END          0
#define OPTION_TSRESOL      9 /* section 4.2 */
#define OPTION_TSOFFSET     14
#define TSRESOL_DEFAULT     6 /* microseconds */
#define TSRESOL_BINARY      0x80u
#define TSRESOL_DECIMAL_MAX 19 /* 10^19 is the last power that 64 bits hold */
#define TSRESOL_BINARY_MAX  63
#define NS_EXPONENT         9

static inline uint32_t block_u32(const struct source *source, struct reader *r) {
    return source->pcapng.little_endian ? reader_u32le(r) : reader_u32(r);
}

static inline uint16_t block_u16(const struct source *source, struct reader *r) {
    return source->pcapng.little_endian ? reader_u16le(r) : reader_u16(r);
}

/* Two 32-bit halves, the high one first in either byte order (section 4.3). */
static uint64_t block_timestamp(const struct source *source, struct reader *r) {
    uint64_t high = block_u32(source, r);
    return high << 32 | block_u32(source, r);
}

/* One 64-bit number in the section's byte order. */
static uint64_t block_u64(const struct source *source, struct reader *r) {
    uint64_t first = block_u32(source, r);
    uint64_t second = block_u32(source, r);
    return source->pcapng.little_endian ? second << 32 | first : first << 32 | second;
}

static uint64_t power_of_ten(unsigned exponent) {
    uint64_t power = 1;
    while (exponent-- > 0)
        power *= 10;
    return power;
}

/* Once for each interface, for all its packets. */
static void set_resolution(struct pcapng_interface *interface) {
    unsigned exponent = interface->resolution & ~TSRESOL_BINARY;
    if (interface->resolution & TSRESOL_BINARY)
        return;
    interface->per_second = power_of_ten(exponent);
    interface->ns_factor =
        power_of_ten(exponent > NS_EXPONENT ? exponent - NS_EXPONENT : NS_EXPONENT - exponent);
}

/* Ticks of the interface's clock to nanoseconds since 1970; held at the ends of the range. */
static uint64_t to_ns(const struct pcapng_interface *interface, uint64_t ticks) {
    unsigned exponent = interface->resolution & ~TSRESOL_BINARY;
    uint64_t seconds, ns;
    if (interface->resolution & TSRESOL_BINARY) {
        uint64_t fraction = ticks & ((UINT64_C(1) << exponent) - 1);
        seconds = ticks >> exponent;
        /* 32 bits are more than a nanosecond needs, and leave room for the product */
        ns = exponent > 32 ? (fraction >> (exponent - 32)) * NS_PER_S >> 32 : fraction * NS_PER_S >> exponent;
    } else {
        uint64_t fraction = ticks % interface->per_second;
        seconds = ticks / interface->per_second;
        ns = exponent > NS_EXPONENT ? fraction / interface->ns_factor : fraction * interface->ns_factor;
    }
    const uint64_t max = UINT64_MAX / NS_PER_S - 1;
    uint64_t offset =
        interface->offset_s < 0 ? 0 - (uint64_t)interface->offset_s : (uint64_t)interface->offset_s;
    if (interface->offset_s < 0)
        seconds = seconds > offset ? seconds - offset : 0;
    else
        seconds = seconds > max || offset > max - seconds ? max : seconds + offset;
    return (seconds > max ? max : seconds) * NS_PER_S + ns;
}

/* Section 3.5: code, length, value padded to 32 bits. False when they overrun or make no sense. */
static bool read_interface_options(const struct source *source, struct reader *r,
                                   struct pcapng_interface *interface) {
    while (reader_left(r) >= 4) {
        uint16_t code = block_u16(source, r);
        uint16_t len = block_u16(source, r);
        if (code == OPTION_END)
            break;
        struct reader value = reader_sub(r, len);
        size_t padding = (4u - len % 4u) % 4u;
        reader_skip(r, padding);
        if (code == OPTION_TSRESOL)
            interface->resolution = reader_u8(&value);
        else if (code == OPTION_TSOFFSET)
            interface->offset_s = (int64_t)block_u64(source, &value);
        if (!reader_ok(r) || !reader_ok(&value))
            return false;
    }
    bool binary = interface->resolution & TSRESOL_BINARY;
    unsigned exponent = interface->resolution & ~TSRESOL_BINARY;
    return exponent <= (binary ? TSRESOL_BINARY_MAX : TSRESOL_DECIMAL_MAX);
}

static bool add_interface(struct pcapng_format *pcapng, const struct pcapng_interface *interface) {
    if (pcapng->num_interfaces == pcapng->room_interfaces) {
        size_t room = pcapng->room_interfaces ? 2 * pcapng->room_interfaces : 4;
        struct pcapng_interface *larger = realloc(pcapng->interfaces, room * sizeof *larger);
        if (larger == NULL)
            return false;
        pcapng->interfaces = larger;
        pcapng->room_interfaces = room;
    }
    pcapng->interfaces[pcapng->num_interfaces++] = *interface;
    return true;
}

/* Section 4.2: link type, reserved, snap length, options. */
static enum source_result read_interface(struct source *source, struct reader *r) {
    struct pcapng_interface interface = {.resolution = TSRESOL_DEFAULT};
    interface.linktype = block_u16(source, r);
    reader_skip(r, 2);
    interface.snaplen = block_u32(source, r);
    if (!reader_ok(r) || !read_interface_options(source, r, &interface))
        return source_damaged(source, "interface %zu is described wrongly", source->pcapng.num_interfaces);
    set_resolution(&interface);
    if (source->pcapng.num_interfaces == SOURCE_INTERFACES_MAX)
        return source_damaged(source, "more than %u interfaces", SOURCE_INTERFACES_MAX);
    if (!add_interface(&source->pcapng, &interface)) {
        (void)source_damaged(source, "out of memory");
        return SOURCE_FAILED;
    }
    return SOURCE_PACKET; /* the walk goes on */
}

/* Hands out len bytes of r as a frame of the given interface. */
static enum source_result read_frame(struct source *source, struct reader *r, uint32_t interface_id,
                                     uint32_t captured_len, uint32_t wire_len, struct packet *packet) {
    const uint8_t *data = reader_bytes(r, captured_len);
    if (captured_len > SOURCE_FRAME_MAX || data == NULL)
        return source_damaged(source, "captured length %u does not fit its block", captured_len);
    packet->data = data;
    packet->captured_len = captured_len;
    packet->wire_len = wire_len < captured_len ? captured_len : wire_len;
    packet->linktype = source->pcapng.interfaces[interface_id].linktype;
    packet->ts_ns = source->pcapng.last_ts_ns;
    return SOURCE_PACKET;
}

/* The three blocks that hold a frame (sections 4.3, 4.4, appendix A); r is the block's body. */
static enum source_result read_packet(struct source *source, uint32_t type, struct reader *r,
                                      struct packet *packet) {
    struct pcapng_format *pcapng = &source->pcapng;
    uint32_t interface_id = 0;
    uint64_t ticks = 0;
    uint32_t captured_len = 0;
    if (type == BLOCK_ENHANCED_PACKET) {
        interface_id = block_u32(source, r);
    } else if (type == BLOCK_PACKET) {
        interface_id = block_u16(source, r);
        reader_skip(r, 2); /* drops */
    }
    if (type != BLOCK_SIMPLE_PACKET) {
        ticks = block_timestamp(source, r);
        captured_len = block_u32(source, r);
    }
    uint32_t wire_len = block_u32(source, r);
    if (!reader_ok(r))
        return source_damaged(source, "packet block is too short");
    if (interface_id >= pcapng->num_interfaces)
        return source_damaged(source, "interface %u was not described", interface_id);
    const struct pcapng_interface *interface = &pcapng->interfaces[interface_id];
    if (type == BLOCK_SIMPLE_PACKET)
        captured_len =
            interface->snaplen > 0 && interface->snaplen < wire_len ? interface->snaplen : wire_len;
    else
        pcapng->last_ts_ns = to_ns(interface, ticks);
    return read_frame(source, r, interface_id, captured_len, wire_len, packet);
}

/* Section 4.1. A section begins anew: its own byte order and its own interfaces. */
static enum source_result read_section(struct source *source) {
    const uint8_t *bytes = input_peek(source->input, SECTION_LEN_MIN);
    if (bytes == NULL)
        return source_cut(source, false, SECTION_LEN_MIN, "section header");
    struct reader r = reader_of(bytes + BLOCK_HEADER_LEN, SECTION_LEN_MIN - BLOCK_HEADER_LEN);
    struct reader order = r;
    source->pcapng.little_endian = reader_u32le(&order) == BYTE_ORDER_MAGIC;
    if (block_u32(source, &r) != BYTE_ORDER_MAGIC)
        return source_damaged(source, "section header without a byte-order magic");
    uint16_t major = block_u16(source, &r);
    uint16_t minor = block_u16(source, &r);
    if (major != 1 || (minor != 0 && minor != 2)) /* 1.2 is read like 1.0 */
        return source_damaged(source, "pcapng version %u.%u is not supported", major, minor);
    source->pcapng.num_interfaces = 0;
    return SOURCE_PACKET;
}

static bool holds_packet(uint32_t type) {
    return type == BLOCK_ENHANCED_PACKET || type == BLOCK_SIMPLE_PACKET || type == BLOCK_PACKET;
}

/* Reads a block of total_len bytes, in place, when it is of a kind that matters here. */
static enum source_result read_block(struct source *source, uint32_t type, uint32_t total_len,
                                     struct packet *packet) {
    if (type != BLOCK_INTERFACE && !holds_packet(type))
        return SOURCE_PACKET;
    if (total_len > BLOCK_READ_MAX)
        return source_damaged(source, "block length %u is above %u", total_len, BLOCK_READ_MAX);
    const uint8_t *block = input_peek(source->input, total_len);
    if (block == NULL)
        return source_cut(source, false, total_len, "block");
    struct reader body = reader_of(block + BLOCK_HEADER_LEN, total_len - BLOCK_LEN_MIN);
    return type == BLOCK_INTERFACE ? read_interface(source, &body) : read_packet(source, type, &body, packet);
}

/* Moves past a block; the length at its end has to be the one at its head (section 3.1). */
static enum source_result finish_block(struct source *source, uint32_t total_len) {
    if (!input_skip(source->input, total_len - BLOCK_TRAILER_LEN))
        return source_cut(source, false, total_len, "block");
    const uint8_t *trailer = input_peek(source->input, BLOCK_TRAILER_LEN);
    if (trailer == NULL)
        return source_cut(source, false, BLOCK_TRAILER_LEN, "block's end");
    struct reader r = reader_of(trailer, BLOCK_TRAILER_LEN);
    uint32_t again = block_u32(source, &r);
    if (again != total_len)
        return source_damaged(source, "block length %u at its head, %u at its end", total_len, again);
    input_consume(source->input, BLOCK_TRAILER_LEN);
    return SOURCE_PACKET;
}

static enum source_result next_pcapng(struct source *source, struct packet *packet) {
    for (;;) {
        const uint8_t *header = input_peek(source->input, BLOCK_HEADER_LEN);
        if (header == NULL)
            return source_cut(source, true, BLOCK_HEADER_LEN, "block header");
        struct reader r = reader_of(header, BLOCK_HEADER_LEN);
        uint32_t type = block_u32(source, &r);
        enum source_result result = SOURCE_PACKET;
        if (type == BLOCK_SECTION) { /* it tells the byte order of its own length */
            result = read_section(source);
            r = reader_of(source->input->pos, BLOCK_HEADER_LEN);
            reader_skip(&r, sizeof type);
        }
        uint32_t total_len = block_u32(source, &r);
        if (result == SOURCE_PACKET && (total_len < BLOCK_LEN_MIN || total_len % 4 != 0))
            result = source_damaged(source, "block length %u makes no sense", total_len);
        if (result == SOURCE_PACKET)
            result = read_block(source, type, total_len, packet);
        if (result == SOURCE_PACKET)
            result = finish_block(source, total_len);
        if (result != SOURCE_PACKET || holds_packet(type))
            return result;
    }
}

bool source_start_pcapng(struct source *source) {
    const uint8_t *bytes = input_peek(source->input, sizeof(uint32_t));
    struct reader r = reader_of(bytes, bytes ? sizeof(uint32_t) : 0);
    source->next = next_pcapng;
    return reader_u32(&r) == BLOCK_SECTION;
}

void source_cleanup_pcapng(struct source *source) {
    free(source->pcapng.interfaces);
}
