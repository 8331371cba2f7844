#include "dns.h"

#include <string.h>

#define CLASS_IN 1

#define FLAG_RESPONSE  0x8000u /* RFC 1035 section 4.1.1, RFC 4035 section 3.2.3 */
#define FLAG_TRUNCATED 0x0200u
#define FLAG_AUTHENTIC 0x0020u
#define MASK_OPCODE    0x7800u
#define MASK_RCODE     0x000fu

#define LABEL_KIND    0xc0u /* RFC 1035 section 4.1.4 */
#define LABEL_POINTER 0xc0u
#define POINTER_MASK  0x3fffu
#define TTL_MAX       0x7fffffffu

enum section { ANSWER, AUTHORITY, ADDITIONAL, NUM_SECTIONS };

/* A name on its way from the wire to text. */
struct name_text {
    char *text; /* DNS_NAME_MAX + 1 bytes */
    size_t len;
    bool odd; /* holds what no host's name does */
};

static bool is_host_byte(uint8_t c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
}

/* False: the name is longer than any may be. */
static bool add_label(struct name_text *name, const uint8_t *label, size_t len) {
    if (name->len + (name->len > 0) + len > DNS_NAME_MAX)
        return false;
    if (name->len > 0)
        name->text[name->len++] = '.';
    for (size_t i = 0; i < len; i++) {
        uint8_t c = label[i] >= 'A' && label[i] <= 'Z' ? (uint8_t)(label[i] + ('a' - 'A')) : label[i];
        name->odd = name->odd || !is_host_byte(c);
        name->text[name->len++] = (char)c;
    }
    return true;
}

/* Goes on where the pointer leads, which is before `limit`: each one leads further back. */
static bool follow_pointer(const struct reader *message, struct reader *at, uint8_t high, size_t *limit) {
    size_t offset = ((size_t)high << 8 | reader_u8(at)) & POINTER_MASK;
    if (!reader_ok(at) || offset >= *limit)
        return false;
    *limit = offset;
    *at = *message;
    reader_skip(at, offset);
    return true;
}

/* One name at r, which is left behind it. A bad one makes r fail. */
static void read_name(const struct dns *dns, struct reader *r, char text[DNS_NAME_MAX + 1]) {
    struct name_text name = {.text = text};
    struct reader at = *r, after = *r;
    size_t limit = (size_t)(r->pos - dns->message.pos);
    unsigned jumps = 0;
    bool good = true;
    text[0] = '\0';
    for (uint8_t len; good && (len = reader_u8(&at)) != 0;) {
        const uint8_t *label;
        if ((len & LABEL_KIND) == LABEL_POINTER) {
            good = follow_pointer(&dns->message, &at, len, &limit) && jumps < DNS_JUMPS_MAX;
            if (jumps++ == 0)
                reader_skip(&after, 2);
        } else {
            good =
                (len & LABEL_KIND) == 0 && (label = reader_bytes(&at, len)) && add_label(&name, label, len);
            if (jumps == 0)
                reader_skip(&after, (size_t)len + 1);
        }
    }
    if (jumps == 0)
        reader_skip(&after, 1);
    if (!good || !reader_ok(&at))
        reader_fail(&after);
    *r = after;
    text[name.odd || !good ? 0 : name.len] = '\0';
}

enum parse_result dns_begin(struct dns *dns, const uint8_t *data, size_t len) {
    struct dns out = {.message = reader_of(data, len)};
    struct reader *r = &out.rest;
    *r = out.message;
    reader_skip(r, 2); /* identifier */
    uint16_t flags = reader_u16(r);
    uint16_t num_questions = reader_u16(r);
    for (unsigned i = 0; i < NUM_SECTIONS; i++)
        out.left[i] = reader_u16(r);
    if (!reader_ok(r) || !(flags & FLAG_RESPONSE) || (flags & (MASK_OPCODE | MASK_RCODE)) != 0 ||
        num_questions > 1)
        return PARSE_BAD;
    out.authentic = (flags & FLAG_AUTHENTIC) != 0;
    out.truncated = (flags & FLAG_TRUNCATED) != 0;
    if (num_questions == 1) {
        read_name(&out, r, out.question);
        out.question_type = reader_u16(r);
        if (reader_u16(r) != CLASS_IN || !reader_ok(r))
            return PARSE_BAD;
    }
    *dns = out;
    return PARSE_OK;
}

/* Strings, each with its length in front (RFC 1035 section 3.3.14), joined (RFC 8461 section 3.1). */
static void read_text(struct reader *in, struct dns_record *record) {
    while (reader_left(in) > 0 && reader_ok(in)) {
        struct reader string = reader_vec8(in);
        size_t room = DNS_TEXT_MAX - record->text_len, left = reader_left(&string);
        const uint8_t *bytes = reader_bytes(&string, left < room ? left : room);
        if (bytes && left > 0 && room > 0) {
            memcpy(record->text + record->text_len, bytes, left < room ? left : room);
            record->text_len = (uint16_t)(record->text_len + (left < room ? left : room));
        }
    }
}

static void read_rest(struct reader *in, struct dns_record *record) {
    record->data_len = (uint16_t)reader_left(in);
    record->data = reader_bytes(in, record->data_len);
}

/* False: not one of ours, or not what its type says. */
static bool read_data(const struct dns *dns, struct reader data, struct dns_record *record) {
    switch (record->type) {
    case DNS_A:
        read_rest(&data, record);
        return record->data_len == 4;
    case DNS_AAAA:
        read_rest(&data, record);
        return record->data_len == 16;
    case DNS_CNAME:
        read_name(dns, &data, record->target);
        return reader_done(&data);
    case DNS_MX:
        record->preference = reader_u16(&data);
        read_name(dns, &data, record->target);
        return reader_done(&data);
    case DNS_TXT:
        read_text(&data, record);
        return reader_done(&data);
    case DNS_TLSA:
        record->usage = reader_u8(&data);
        record->selector = reader_u8(&data);
        record->matching = reader_u8(&data);
        read_rest(&data, record);
        return reader_done(&data) && record->data_len > 0;
    default:
        return false;
    }
}

/* Takes the next record; false: there is none that is whole. *ours: it is one to be given out. */
static bool take_record(struct dns *dns, struct dns_record *record, bool *ours) {
    unsigned section = ANSWER;
    while (section < NUM_SECTIONS && dns->left[section] == 0)
        section++;
    if (section == NUM_SECTIONS || dns->num_records == DNS_RECORDS_MAX)
        return false;
    dns->left[section]--;
    dns->num_records++;
    struct reader *r = &dns->rest;
    record->additional = section == ADDITIONAL;
    record->target[0] = '\0';
    record->text_len = record->data_len = 0;
    read_name(dns, r, record->owner);
    record->type = reader_u16(r);
    uint16_t class = reader_u16(r);
    uint32_t ttl_s = reader_u32(r);
    record->ttl_s = ttl_s <= TTL_MAX ? ttl_s : 0;
    struct reader data = reader_vec16(r);
    *ours = reader_ok(r) && section != AUTHORITY && class == CLASS_IN && read_data(dns, data, record);
    return reader_ok(r);
}

bool dns_next(struct dns *dns, struct dns_record *record) {
    bool ours = false;
    while (!ours) {
        if (!take_record(dns, record, &ours))
            return false;
    }
    return true;
}
