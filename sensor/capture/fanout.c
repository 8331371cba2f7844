#include "fanout.h"

#include <errno.h>
#include <linux/filter.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <netinet/in.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>

#ifndef PACKET_FANOUT_FLAG_UNIQUEID /* Linux 4.12 */
#define PACKET_FANOUT_FLAG_UNIQUEID 0x2000
#endif

#define PROGRAM_MAX 128
#define TAGS        2 /* that the kernel has not taken off */
#define AT(offset)  ((uint32_t)(SKF_NET_OFF + (int)(offset)))

enum { OF_BASE, OF_SUM }; /* cells of memory */

struct program {
    struct sock_filter code[PROGRAM_MAX];
    unsigned short len;
};

static void add(struct program *program, unsigned code, uint32_t k) {
    program->code[program->len++] = (struct sock_filter){(uint16_t)code, 0, 0, k};
}

/* Goes over the next `over` instructions unless A is one of the values. */
static void unless_any(struct program *program, const uint32_t *values, uint8_t num, uint8_t over) {
    for (uint8_t i = 0; i < num; i++) {
        uint8_t hit = (uint8_t)(num - 1 - i), miss = i + 1 == num ? over : 0;
        program->code[program->len++] = (struct sock_filter){BPF_JMP | BPF_JEQ | BPF_K, hit, miss, values[i]};
    }
}

/* A: the sum of the addresses; folds it. */
static void fold(struct program *program) {
    add(program, BPF_ST, OF_SUM);
    add(program, BPF_ALU | BPF_RSH | BPF_K, 16);
    add(program, BPF_LDX | BPF_MEM, OF_SUM);
    add(program, BPF_ALU | BPF_XOR | BPF_X, 0);
}

/* X: where the IP header begins, behind the network header that the kernel knows. */
static void add_words(struct program *program, unsigned offset, unsigned num) {
    add(program, BPF_STX, OF_BASE);
    add(program, BPF_LD | BPF_IMM, 0);
    add(program, BPF_ST, OF_SUM);
    for (unsigned i = 0; i < num; i++) {
        add(program, BPF_LDX | BPF_MEM, OF_BASE);
        add(program, BPF_LD | BPF_W | BPF_IND, AT(offset + 4 * i));
        add(program, BPF_LDX | BPF_MEM, OF_SUM);
        add(program, BPF_ALU | BPF_XOR | BPF_X, 0);
        add(program, BPF_ST, OF_SUM);
    }
}

/* When A is that protocol and the octet at next one of those: returns the hash of the words. */
static void add_protocol(struct program *program, uint32_t protocol, unsigned next, const uint32_t *those,
                         uint8_t num_those, unsigned offset, unsigned num_words, uint32_t key) {
    struct program body = {.len = 0};
    struct program words = {.len = 0};
    add_words(&words, offset, num_words);
    fold(&words);
    add(&words, BPF_ALU | BPF_MUL | BPF_K, key);
    add(&words, BPF_ALU | BPF_RSH | BPF_K, 16);
    add(&words, BPF_RET | BPF_A, 0);
    add(&body, BPF_LD | BPF_B | BPF_IND, AT(next));
    unless_any(&body, those, num_those, (uint8_t)words.len);
    memcpy(body.code + body.len, words.code, words.len * sizeof words.code[0]);
    body.len = (unsigned short)(body.len + words.len);
    add(&body, BPF_RET | BPF_K, 0);
    unless_any(program, &protocol, 1, (uint8_t)body.len);
    memcpy(program->code + program->len, body.code, body.len * sizeof body.code[0]);
    program->len = (unsigned short)(program->len + body.len);
}

/* A load beyond the packet's end ends the program with 0. */
static void write_program(struct program *program, uint32_t key) {
    static const uint32_t tags[] = {ETH_P_8021Q, ETH_P_8021AD, 0x9100};
    static const uint32_t tcp[] = {IPPROTO_TCP};
    static const uint32_t tcp_6[] = {IPPROTO_TCP, IPPROTO_FRAGMENT, IPPROTO_HOPOPTS, IPPROTO_ROUTING,
                                     IPPROTO_DSTOPTS};
    add(program, BPF_LDX | BPF_IMM, 0);
    add(program, BPF_LD | BPF_W | BPF_ABS, (uint32_t)(SKF_AD_OFF + SKF_AD_PROTOCOL));
    for (int i = 0; i < TAGS; i++) {
        unless_any(program, tags, 3, 4);
        add(program, BPF_MISC | BPF_TXA, 0);
        add(program, BPF_ALU | BPF_ADD, 4); /* of a constant: BPF_K, which is 0 */
        add(program, BPF_MISC | BPF_TAX, 0);
        add(program, BPF_LD | BPF_H | BPF_IND, AT(-2)); /* the type that the tag ends with */
    }
    add_protocol(program, ETH_P_IP, 9, tcp, 1, 12, 2, key);
    add_protocol(program, ETH_P_IPV6, 6, tcp_6, 5, 8, 8, key);
    add(program, BPF_RET | BPF_K, 0);
}

static int set_program(int fd, uint32_t key) {
    struct program program = {.len = 0};
    write_program(&program, key);
    struct sock_fprog code = {program.len, program.code};
    return setsockopt(fd, SOL_PACKET, PACKET_FANOUT_DATA, &code, sizeof code);
}

int fanout_join(int fd, uint32_t key, int *group) {
    bool makes = *group == FANOUT_NEW; /* 0 is a number like others */
    uint32_t number = makes ? 0 : (uint32_t)*group;
    uint32_t type = PACKET_FANOUT_CBPF | (makes ? PACKET_FANOUT_FLAG_UNIQUEID : 0);
    uint32_t option = number | type << 16;
    socklen_t option_len = sizeof option;
    if (setsockopt(fd, SOL_PACKET, PACKET_FANOUT, &option, sizeof option) != 0)
        return errno;
    if (!makes)
        return 0;
    if (set_program(fd, key) != 0 || getsockopt(fd, SOL_PACKET, PACKET_FANOUT, &option, &option_len) != 0)
        return errno;
    *group = (uint16_t)option;
    return 0;
}

static uint32_t sum_words(const uint8_t *bytes, size_t len) {
    uint32_t sum = 0;
    for (size_t i = 0; i < len; i++)
        sum ^= (uint32_t)bytes[i] << (24 - 8 * (i % 4));
    return sum;
}

uint32_t fanout_hash(const struct segment *segment, uint32_t key) {
    uint32_t sum = sum_words(segment->src, segment->addr_len) ^ sum_words(segment->dst, segment->addr_len);
    return (sum ^ sum >> 16) * key >> 16;
}
