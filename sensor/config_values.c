/* config_values.c: ports, networks, numbers and switches as people write them. */
#include "config_values.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#define PORT_MAX 65535u

/* One entry of a comma-separated list, without the blanks around it. */
struct entry {
    const char *start;
    size_t len;
};

static bool is_blank(char c) {
    return c == ' ' || c == '\t';
}

/* The entry at *cursor, which moves behind its comma, or to NULL behind the last one. */
static struct entry entry_next(const char **cursor) {
    const char *start = *cursor;
    size_t len = strcspn(start, ",");
    *cursor = start[len] == ',' ? start + len + 1 : NULL;
    while (len > 0 && is_blank(*start)) {
        start++;
        len--;
    }
    while (len > 0 && is_blank(start[len - 1]))
        len--;
    return (struct entry){start, len};
}

/* Digits only, at most max; false for anything else, an empty text among it. */
static bool digits_parse(const char *text, size_t len, uint32_t max, uint32_t *value) {
    uint64_t sum = 0;
    if (len == 0)
        return false;
    for (size_t i = 0; i < len; i++) {
        if (text[i] < '0' || text[i] > '9')
            return false;
        sum = sum * 10 + (uint64_t)(text[i] - '0');
        if (sum > max)
            return false;
    }
    *value = (uint32_t)sum;
    return true;
}

static bool port_parse(const char *text, size_t len, uint32_t *port) {
    return digits_parse(text, len, PORT_MAX, port) && *port > 0;
}

static bool port_range_parse(struct entry entry, uint32_t *first, uint32_t *last, char *why, size_t why_len) {
    const char *dash = memchr(entry.start, '-', entry.len);
    size_t first_len = dash != NULL ? (size_t)(dash - entry.start) : entry.len;
    bool good = port_parse(entry.start, first_len, first);
    *last = *first;
    if (good && dash != NULL)
        good = port_parse(dash + 1, entry.len - first_len - 1, last);
    if (!good) {
        snprintf(why, why_len, "'%.*s' is not a port: write 1 to 65535, or a range such as 1-1024",
                 (int)entry.len, entry.start);
        return false;
    }
    if (*first > *last) {
        snprintf(why, why_len, "'%.*s' runs backwards: write %u-%u", (int)entry.len, entry.start, *last,
                 *first);
        return false;
    }
    return true;
}

bool ports_add(struct port_set *set, const char *text, char *why, size_t why_len) {
    struct port_set sum = *set;
    if (strcasecmp(text, "none") == 0)
        return true;
    for (const char *cursor = text; cursor != NULL;) {
        uint32_t first = 0, last = 0;
        if (!port_range_parse(entry_next(&cursor), &first, &last, why, why_len))
            return false;
        for (uint32_t port = first; port <= last; port++)
            sum.bits[port / 64] |= UINT64_C(1) << (port % 64);
    }
    *set = sum;
    return true;
}

uint32_t ports_next_range(const struct port_set *set, uint32_t from, char out[PORTS_TEXT_MAX]) {
    uint32_t first = from;
    while (first <= PORT_MAX && !port_set_has(set, (uint16_t)first))
        first++;
    if (first > PORT_MAX)
        return 0;
    uint32_t end = first + 1;
    while (end <= PORT_MAX && port_set_has(set, (uint16_t)end))
        end++;
    if (end - first == 1)
        snprintf(out, PORTS_TEXT_MAX, "%u", first);
    else
        snprintf(out, PORTS_TEXT_MAX, "%u-%u", first, end - 1);
    return end;
}

/* Clears what lies beyond the prefix; true when there was something. */
static bool network_mask(struct network *network) {
    bool had_host_bits = false;
    for (unsigned i = 0; i < network->addr_len; i++) {
        unsigned prefix_bits = network->prefix_len > i * 8 ? network->prefix_len - i * 8 : 0;
        uint8_t mask = (uint8_t)(prefix_bits >= 8 ? 0xffu : 0xff00u >> prefix_bits);
        if ((network->address[i] & (uint8_t)~mask) != 0)
            had_host_bits = true;
        network->address[i] &= mask;
    }
    return had_host_bits;
}

static bool network_parse(struct entry entry, struct network *network, char *why, size_t why_len) {
    char address[INET6_ADDRSTRLEN] = "";
    const char *slash = memchr(entry.start, '/', entry.len);
    size_t address_len = slash != NULL ? (size_t)(slash - entry.start) : entry.len;
    *network = (struct network){0};
    if (address_len < sizeof address)
        memcpy(address, entry.start, address_len);
    if (inet_pton(AF_INET, address, network->address) == 1) {
        network->addr_len = 4;
    } else if (inet_pton(AF_INET6, address, network->address) == 1) {
        network->addr_len = 16;
    } else {
        snprintf(why, why_len, "'%.*s' is not a network: write 192.0.2.0/24 or 2001:db8::/32", (int)entry.len,
                 entry.start);
        return false;
    }
    uint32_t max = network->addr_len * 8u, prefix_len = max;
    if (slash != NULL && !digits_parse(slash + 1, entry.len - address_len - 1, max, &prefix_len)) {
        snprintf(why, why_len, "'%.*s' has no valid prefix length: write 0 to %u after the '/'",
                 (int)entry.len, entry.start, max);
        return false;
    }
    network->prefix_len = (uint8_t)prefix_len;
    if (network_mask(network)) {
        char meant[NETWORK_TEXT_MAX];
        network_format(network, meant);
        snprintf(why, why_len, "'%.*s' has bits set beyond its prefix: the network is %s", (int)entry.len,
                 entry.start, meant);
        return false;
    }
    return true;
}

bool networks_add(struct network **networks, size_t *num, const char *text, char *why, size_t why_len) {
    size_t total = *num;
    for (const char *cursor = text; cursor != NULL; total++) {
        struct network *grown = realloc(*networks, (total + 1) * sizeof *grown);
        if (grown == NULL) {
            snprintf(why, why_len, "out of memory");
            return false;
        }
        *networks = grown;
        if (!network_parse(entry_next(&cursor), &grown[total], why, why_len))
            return false;
    }
    *num = total;
    return true;
}

void network_format(const struct network *network, char out[NETWORK_TEXT_MAX]) {
    char address[INET6_ADDRSTRLEN] = "";
    inet_ntop(network->addr_len == 4 ? AF_INET : AF_INET6, network->address, address, sizeof address);
    snprintf(out, NETWORK_TEXT_MAX, "%s/%u", address, network->prefix_len);
}

bool number_parse(uint32_t *number, uint32_t min, uint32_t max, const char *text, char *why, size_t why_len) {
    uint32_t value = 0;
    if (!digits_parse(text, strlen(text), max, &value) || value < min) {
        snprintf(why, why_len, "'%s' is not a number from %u to %u", text, min, max);
        return false;
    }
    *number = value;
    return true;
}

bool workers_parse(uint32_t *workers, const char *text, char *why, size_t why_len) {
    if (!number_parse(workers, 0, CONFIG_WORKERS_MAX, text, why, why_len))
        return false;
    if (*workers > 0)
        return true;
    long processors = sysconf(_SC_NPROCESSORS_ONLN);
    *workers = processors < 1                    ? 1
               : processors > CONFIG_WORKERS_MAX ? CONFIG_WORKERS_MAX
                                                 : (uint32_t)processors;
    return true;
}

bool switch_parse(bool *value, const char *text, char *why, size_t why_len) {
    static const char *const words[][2] = {{"false", "true"}, {"no", "yes"}, {"off", "on"}};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        for (int meant = 0; meant < 2; meant++) {
            if (strcasecmp(text, words[i][meant]) == 0) {
                *value = meant != 0;
                return true;
            }
        }
    }
    snprintf(why, why_len, "'%s' is neither true nor false", text);
    return false;
}
