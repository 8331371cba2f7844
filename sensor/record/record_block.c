#include "record_block.h"

#include <unistd.h>

#include "../../parsers/reader.h"

#ifndef STARTTAP_VERSION
#define STARTTAP_VERSION "unknown"
#endif

#define BLOCK_SECTION    UINT32_C(0x0a0d0d0a)
#define BLOCK_INTERFACE  UINT32_C(1)
#define BLOCK_PACKET     UINT32_C(6) /* enhanced packet block */
#define BYTE_ORDER_MAGIC UINT32_C(0x1a2b3c4d)
#define OPTION_END       0
#define OPTION_USERAPPL  4 /* shb_userappl */
#define OPTION_TSRESOL   9 /* if_tsresol */
#define NANOSECONDS      9 /* 10^-9 s */
#define BLOCK_LEN_MIN    12

static void put_u16(struct buffer *out, unsigned value) {
    const char bytes[] = {(char)(value & 0xff), (char)(value >> 8 & 0xff)};
    buffer_add(out, bytes, sizeof bytes);
}

static void put_u32(struct buffer *out, uint32_t value) {
    put_u16(out, value & 0xffff);
    put_u16(out, value >> 16);
}

/* Everything in a block is padded to four bytes. */
static void put_padded(struct buffer *out, const void *bytes, size_t len) {
    static const char zeros[4] = {0};
    buffer_add(out, bytes, len);
    buffer_add(out, zeros, (4 - len % 4) % 4);
}

static void put_option(struct buffer *out, unsigned code, const void *value, size_t len) {
    put_u16(out, code);
    put_u16(out, (unsigned)len);
    put_padded(out, value, len);
}

/* A block's length stands at both of its ends; until it is known, 0 stands there. */
static size_t begin_block(struct buffer *out, uint32_t type) {
    put_u32(out, type);
    put_u32(out, 0);
    return out->len - 8;
}

static void end_block(struct buffer *out, size_t start) {
    put_u32(out, 0);
    if (out->failed)
        return;
    uint32_t len = (uint32_t)(out->len - start);
    for (unsigned i = 0; i < 4; i++) {
        char byte = (char)(len >> 8 * i & 0xff);
        out->data[start + 4 + i] = byte;
        out->data[out->len - 4 + i] = byte;
    }
}

static void put_section(struct buffer *out) {
    static const char name[] = "starttap " STARTTAP_VERSION;
    size_t start = begin_block(out, BLOCK_SECTION);
    put_u32(out, BYTE_ORDER_MAGIC);
    put_u16(out, 1); /* version 1.0 */
    put_u16(out, 0);
    put_u32(out, UINT32_MAX); /* length of the section: not given */
    put_u32(out, UINT32_MAX);
    put_option(out, OPTION_USERAPPL, name, sizeof name - 1);
    put_option(out, OPTION_END, NULL, 0);
    end_block(out, start);
}

static void put_interface(struct buffer *out, int linktype) {
    static const uint8_t resolution = NANOSECONDS;
    size_t start = begin_block(out, BLOCK_INTERFACE);
    put_u16(out, (unsigned)linktype);
    put_u16(out, 0);
    put_u32(out, 0); /* no snap length: each packet says what was cut */
    put_option(out, OPTION_TSRESOL, &resolution, 1);
    put_option(out, OPTION_END, NULL, 0);
    end_block(out, start);
}

/* The interface for a link type; RECORD_LINKTYPES_MAX when there is no room for it. */
static uint32_t interface_of(struct record_section *section, int linktype, struct buffer *out) {
    uint32_t i = 0;
    while (i < section->num_linktypes && section->linktypes[i] != linktype)
        i++;
    if (i == section->num_linktypes && i < RECORD_LINKTYPES_MAX) {
        section->linktypes[section->num_linktypes++] = linktype;
        put_interface(out, linktype);
    }
    return i;
}

void record_block_begin(struct record_section *section, struct buffer *out) {
    if (!section->begun)
        put_section(out);
    section->begun = true;
}

bool record_block_add(struct record_section *section, const struct packet *packet, struct buffer *out) {
    struct record_section before = *section;
    size_t len = out->len;
    record_block_begin(section, out);
    uint32_t interface = interface_of(section, packet->linktype, out);
    size_t start = begin_block(out, BLOCK_PACKET);
    put_u32(out, interface);
    put_u32(out, (uint32_t)(packet->ts_ns >> 32));
    put_u32(out, (uint32_t)packet->ts_ns);
    put_u32(out, packet->captured_len);
    put_u32(out, packet->wire_len);
    put_padded(out, packet->data, packet->captured_len);
    end_block(out, start);
    if (!out->failed && interface < RECORD_LINKTYPES_MAX)
        return true;
    *section = before;
    out->len = len;
    return false;
}

static uint32_t le32(struct reader *r) {
    uint32_t low = reader_u8(r);
    low |= (uint32_t)reader_u8(r) << 8;
    low |= (uint32_t)reader_u8(r) << 16;
    return low | (uint32_t)reader_u8(r) << 24;
}

uint64_t record_block_whole(int fd, uint64_t file_len) {
    uint64_t at = 0;
    uint8_t head[8];
    while (file_len - at >= BLOCK_LEN_MIN && pread(fd, head, sizeof head, (off_t)at) == sizeof head) {
        struct reader r = reader_of(head, sizeof head);
        uint32_t type = le32(&r), len = le32(&r);
        if ((at == 0 && type != BLOCK_SECTION) || len < BLOCK_LEN_MIN || len % 4 != 0 || len > file_len - at)
            break;
        at += len;
    }
    return at;
}
