#include "synthetic.h"

#include <string.h>

#include "wire.h"

#define QUIC_PACKET  1250
#define QUIC_ACK     36
#define QUIC_STEP_US 400

/* Returns where the payload goes. */
static uint8_t *add_datagram(struct template *t, enum side side, uint64_t offset_us, uint32_t len) {
    uint8_t *at = template_add_frame(t, side, offset_us, ETHERNET_LEN + IPV4_LEN + UDP_LEN + len);
    put_headers(at, 4, IP_PROTOCOL_UDP, UDP_LEN + len);
    at += ETHERNET_LEN + IPV4_LEN;
    put_u16(at + 4, UDP_LEN + len);
    return at + UDP_LEN;
}

/* RFC 1035 section 4.1: an A question for mx.example.org and its answer. */
void synthetic_dns(struct template *t) {
    static const uint8_t question[] = "\2mx\7example\3org\0\0\1\0\1";
    static const uint8_t answer[] = "\xc0\x0c\0\1\0\1\0\0\1\x2c\0\4\xc0\0\2\x19";
    const uint32_t question_len = sizeof question - 1, answer_len = sizeof answer - 1;
    *t = (struct template){.addr_len = 4, .udp = true, .server_port = 53};
    uint8_t *at = add_datagram(t, SIDE_CLIENT, 0, 12 + question_len);
    memcpy(at, "\x12\x34\x01\0\0\1\0\0\0\0\0\0", 12);
    memcpy(at + 12, question, question_len);
    at = add_datagram(t, SIDE_SERVER, 20000, 12 + question_len + answer_len);
    memcpy(at, "\x12\x34\x81\x80\0\1\0\1\0\0\0\0", 12);
    memcpy(at + 12, question, question_len);
    memcpy(at + 12 + question_len, answer, answer_len);
}

static void fill(uint8_t *at, uint32_t len, uint64_t *random) {
    for (uint32_t i = 0; i < len; i++) {
        *random = *random * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
        at[i] = (uint8_t)(*random >> 56);
    }
}

/* Initials both ways, then short headers: data from the server, an acknowledgement for every fourth. */
void synthetic_quic(struct template *t, uint32_t len) {
    static const uint8_t initial[] = "\xc3\0\0\0\1\x08";
    uint64_t random = 7, now_us = 0;
    *t = (struct template){.addr_len = 4, .udp = true, .server_port = 443};
    for (enum side side = SIDE_CLIENT; side <= SIDE_SERVER; side++, now_us += 20000) {
        uint8_t *at = add_datagram(t, side, now_us, QUIC_PACKET);
        fill(at, QUIC_PACKET, &random);
        memcpy(at, initial, sizeof initial - 1);
    }
    for (uint32_t sent = 0, n = 0; sent < len; sent += QUIC_PACKET, n++, now_us += QUIC_STEP_US) {
        uint8_t *at = add_datagram(t, SIDE_SERVER, now_us, QUIC_PACKET);
        fill(at, QUIC_PACKET, &random);
        at[0] = 0x41;
        if (n % 4 != 3)
            continue;
        at = add_datagram(t, SIDE_CLIENT, now_us, QUIC_ACK);
        fill(at, QUIC_ACK, &random);
        at[0] = 0x41;
    }
}
