#include "address.h"

#include <string.h>

#include "../../outputs/buffer.h"

static char *put_byte(char *at, uint8_t byte) {
    if (byte >= 100) {
        *at++ = (char)('0' + byte / 100);
        byte %= 100;
    } else if (byte < 10) {
        *at++ = (char)('0' + byte);
        return at;
    }
    memcpy(at, buffer_pairs + (size_t)2 * byte, 2);
    return at + 2;
}

static char *put_ipv4(char *at, const uint8_t bytes[4]) {
    for (size_t i = 0; i < 4; i++) {
        if (i > 0)
            *at++ = '.';
        at = put_byte(at, bytes[i]);
    }
    return at;
}

/* Lower-case hex without leading zeros (RFC 5952 sections 4.1 and 4.3). */
static char *put_group(char *at, const uint8_t bytes[2]) {
    static const char digits[] = "0123456789abcdef";
    unsigned group = (unsigned)bytes[0] << 8 | bytes[1];
    for (unsigned shift = 12; shift > 0; shift -= 4) {
        if (group >> shift != 0)
            *at++ = digits[group >> shift & 15];
    }
    *at++ = digits[group & 15];
    return at;
}

/* The first of the longest runs of zero groups, of two at least, is "::" (RFC 5952 section 4.2). */
static size_t longest_zeros(const uint8_t bytes[16], size_t *first) {
    size_t longest = 1, run = 0;
    *first = 8;
    for (size_t i = 0; i < 8; i++) {
        run = bytes[2 * i] == 0 && bytes[2 * i + 1] == 0 ? run + 1 : 0;
        if (run > longest) {
            longest = run;
            *first = i + 1 - run;
        }
    }
    return longest;
}

static char *put_ipv6(char *at, const uint8_t bytes[16]) {
    size_t first, num = longest_zeros(bytes, &first);
    /* ::192.0.2.1 and ::ffff:192.0.2.1 (RFC 5952 section 5), as inet_ntop() writes them */
    bool mapped = first == 0 && (num == 6 || (num == 5 && bytes[10] == 0xff && bytes[11] == 0xff));
    for (size_t i = 0; i < 8; i++) {
        if (i == first) {
            *at++ = ':';
            i += num;
        }
        if (i > 0)
            *at++ = ':';
        if (mapped && i == 6)
            return put_ipv4(at, bytes + 12);
        if (i < 8)
            at = put_group(at, bytes + 2 * i);
    }
    return at;
}

const char *address_text(const struct endpoint_address *endpoint, char text[ADDRESS_TEXT_MAX]) {
    char *end = endpoint->addr_len == 4 ? put_ipv4(text, endpoint->bytes) : put_ipv6(text, endpoint->bytes);
    *end = '\0';
    return text;
}

static void base64(const uint8_t *bytes, size_t len, char *text) {
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    for (size_t i = 0; i < len; i += 3) {
        uint32_t group = (uint32_t)bytes[i] << 16;
        if (i + 1 < len)
            group |= (uint32_t)bytes[i + 1] << 8;
        if (i + 2 < len)
            group |= bytes[i + 2];
        *text++ = digits[group >> 18 & 63];
        *text++ = digits[group >> 12 & 63];
        *text++ = i + 1 < len ? digits[group >> 6 & 63] : '=';
        *text++ = i + 2 < len ? digits[group & 63] : '=';
    }
    *text = '\0';
}

static size_t put(uint8_t *at, size_t pos, const void *bytes, size_t len) {
    memcpy(at + pos, bytes, len);
    return pos + len;
}

static size_t put_port(uint8_t *at, size_t pos, uint16_t port) {
    const uint8_t bytes[2] = {(uint8_t)(port >> 8), (uint8_t)port};
    return put(at, pos, bytes, sizeof bytes);
}

bool address_community_id(struct digest *digest, const struct endpoint_address *source,
                          const struct endpoint_address *destination, char text[COMMUNITY_ID_MAX]) {
    static const uint8_t seed[2] = {0, 0}, tcp_and_padding[2] = {6, 0};
    int order = memcmp(source->bytes, destination->bytes, source->addr_len);
    if (order == 0)
        order = (int)source->port - (int)destination->port;
    const struct endpoint_address *low = order <= 0 ? source : destination;
    const struct endpoint_address *high = order <= 0 ? destination : source;
    uint8_t input[2 + 16 + 16 + 2 + 2 + 2], hash[20];
    size_t len = put(input, 0, seed, sizeof seed);
    len = put(input, len, low->bytes, low->addr_len);
    len = put(input, len, high->bytes, high->addr_len);
    len = put(input, len, tcp_and_padding, sizeof tcp_and_padding);
    len = put_port(input, len, low->port);
    len = put_port(input, len, high->port);
    if (!digest_sha1(digest, input, len, hash))
        return false;
    memcpy(text, "1:", 2);
    base64(hash, sizeof hash, text + 2);
    return true;
}

static bool in_network(const struct network *network, const struct endpoint_address *endpoint) {
    if (network->addr_len != endpoint->addr_len)
        return false;
    size_t whole = network->prefix_len / 8;
    unsigned rest = network->prefix_len % 8;
    if (memcmp(network->address, endpoint->bytes, whole) != 0)
        return false;
    if (rest == 0)
        return true;
    uint8_t mask = (uint8_t)(0xff00u >> rest);
    return ((network->address[whole] ^ endpoint->bytes[whole]) & mask) == 0;
}

static bool is_home(const struct config *config, const struct endpoint_address *endpoint) {
    for (size_t i = 0; i < config->num_home; i++) {
        if (in_network(&config->home[i], endpoint))
            return true;
    }
    return false;
}

enum direction address_direction(const struct config *config, const struct endpoint_address *client,
                                 const struct endpoint_address *server) {
    if (config->num_home == 0)
        return DIRECTION_OPEN;
    bool client_home = is_home(config, client), server_home = is_home(config, server);
    if (client_home)
        return server_home ? DIRECTION_INTERNAL : DIRECTION_OUTBOUND;
    return server_home ? DIRECTION_INBOUND : DIRECTION_EXTERNAL;
}

const char *direction_name(enum direction direction) {
    static const char *const names[] = {
        [DIRECTION_OPEN] = NULL,           [DIRECTION_INBOUND] = "inbound",
        [DIRECTION_OUTBOUND] = "outbound", [DIRECTION_INTERNAL] = "internal",
        [DIRECTION_EXTERNAL] = "external",
    };
    return names[direction];
}
