/* wire.h: headers as they are written. The sensor only reads, so this is the benchmark's own. */
#ifndef STARTTAP_BENCH_WIRE_H
#define STARTTAP_BENCH_WIRE_H

#include <stdint.h>
#include <string.h>

enum { IPV4_LEN = 20, IPV6_LEN = 40, TCP_LEN = 20, UDP_LEN = 8 };
enum { IP_PROTOCOL_TCP = 6, IP_PROTOCOL_UDP = 17 };

static inline void put_u16(uint8_t *at, uint32_t value) {
    at[0] = (uint8_t)(value >> 8);
    at[1] = (uint8_t)value;
}

static inline void put_u32(uint8_t *at, uint32_t value) {
    put_u16(at, value >> 16);
    put_u16(at + 2, value);
}

static inline uint32_t get_u32(const uint8_t *at) {
    return (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
}

/* Ethernet and IP, without what differs between sessions. len is what follows the IP header. */
static inline void put_headers(uint8_t *at, unsigned addr_len, uint8_t protocol, uint32_t len) {
    memcpy(at, "\x02\x00\x00\x00\x00\x01\x02\x00\x00\x00\x00\x02", 12);
    put_u16(at + 12, addr_len == 4 ? 0x0800 : 0x86dd);
    at += 14;
    if (addr_len == 4) {
        put_u16(at, 0x4500);
        put_u16(at + 2, IPV4_LEN + len);
        put_u16(at + 6, 0x4000); /* do not fragment */
        at[8] = 64;
        at[9] = protocol;
    } else {
        put_u32(at, 0x60000000);
        put_u16(at + 4, len);
        at[6] = protocol;
        at[7] = 64;
    }
}

/* RFC 1071: the sum of 16-bit words, carried on and not yet folded. Byte order does not matter to it, so
 * words are taken as the machine has them. */
static inline uint64_t sum_of(uint64_t sum, const uint8_t *at, uint32_t len) {
    uint32_t word;
    for (; len >= 4; len -= 4, at += 4) {
        memcpy(&word, at, 4);
        sum += word;
    }
    word = 0;
    memcpy(&word, at, len);
    return sum + word;
}

static inline void put_checksum(uint8_t *at, uint64_t sum) {
    while (sum >> 16)
        sum = (sum & 0xffff) + (sum >> 16);
    uint16_t folded = (uint16_t)~sum;
    memcpy(at, &folded, 2);
}

#endif
