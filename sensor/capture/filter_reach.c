#include "filter_reach.h"

#include <pcap.h>
#include <stdlib.h>

#include "../config_values.h"

#define FRAME_LEN 128
#define STEPS_MAX                                                                                            \
    200000u            /* of all ways together through one frame; beyond, a match is taken for possible      \
                        */
#define WAYS_MAX 4096u /* that wait to be gone; the kernel takes no longer programs */
#define SNAP_LEN 262144

/* A frame some of whose bytes are known. */
struct frame {
    uint8_t bytes[FRAME_LEN];
    bool known[FRAME_LEN];
    size_t client_port_at; /* not known, but it is above those that servers have; 0: there is none */
};

#define CLIENT_PORT_MIN 1024u

struct value {
    uint32_t number; /* of an unknown value the least that it can be */
    bool known;
};

/* The machine of BPF (McCanne, Jacobson: The BSD Packet Filter, 1993), at one point of one way. */
struct way {
    uint32_t pc;
    struct value a, x, memory[BPF_MEMWORDS];
};

struct walk {
    const struct bpf_program *program;
    const struct frame *frame;
    uint32_t num_steps;
    size_t num_ways;
    struct way ways[WAYS_MAX];
};

static const struct value UNKNOWN = {0, false};

static struct value number(uint32_t n) {
    return (struct value){n, true};
}

static struct value load(const struct frame *frame, struct value base, uint32_t offset, unsigned len) {
    uint32_t sum = 0;
    uint64_t at = (uint64_t)base.number + offset;
    if (!base.known || at + len > FRAME_LEN)
        return UNKNOWN;
    if (len == 2 && at != 0 && at == frame->client_port_at)
        return (struct value){CLIENT_PORT_MIN, false};
    for (unsigned i = 0; i < len; i++) {
        if (!frame->known[at + i])
            return UNKNOWN;
        sum = sum << 8 | frame->bytes[at + i];
    }
    return number(sum);
}

static unsigned size_of(uint16_t code) {
    return BPF_SIZE(code) == BPF_W ? 4 : BPF_SIZE(code) == BPF_H ? 2 : 1;
}

static struct value loaded(const struct walk *walk, const struct way *way, const struct bpf_insn *step) {
    switch (BPF_MODE(step->code)) {
    case BPF_IMM:
        return number(step->k);
    case BPF_ABS:
        return load(walk->frame, number(0), step->k, size_of(step->code));
    case BPF_IND:
        return load(walk->frame, way->x, step->k, size_of(step->code));
    case BPF_MEM:
        return step->k < BPF_MEMWORDS ? way->memory[step->k] : UNKNOWN;
    case BPF_MSH: {
        struct value byte = load(walk->frame, number(0), step->k, 1);
        return byte.known ? number((byte.number & 0x0f) * 4) : UNKNOWN;
    }
    default: /* the frame's length */
        return UNKNOWN;
    }
}

static struct value computed(struct value a, struct value b, uint16_t operation) {
    if (operation == BPF_AND && ((a.known && a.number == 0) || (b.known && b.number == 0)))
        return number(0);
    if (!a.known || !b.known)
        return UNKNOWN;
    switch (operation) {
    case BPF_ADD:
        return number(a.number + b.number);
    case BPF_SUB:
        return number(a.number - b.number);
    case BPF_MUL:
        return number(a.number * b.number);
    case BPF_AND:
        return number(a.number & b.number);
    case BPF_OR:
        return number(a.number | b.number);
    case BPF_LSH:
        return b.number < 32 ? number(a.number << b.number) : number(0);
    case BPF_RSH:
        return b.number < 32 ? number(a.number >> b.number) : number(0);
    default: /* divisions and the like, in nobody's filter for mail */
        return UNKNOWN;
    }
}

static bool jumps(uint32_t a, uint32_t b, uint16_t operation) {
    switch (operation) {
    case BPF_JEQ:
        return a == b;
    case BPF_JGT:
        return a > b;
    case BPF_JGE:
        return a >= b;
    default: /* BPF_JSET */
        return (a & b) != 0;
    }
}

/* Whether a comparison with a known number has the same outcome for all that an unknown value may be. */
static bool is_decided(struct value a, struct value b, uint16_t operation, bool *outcome) {
    if (!b.known)
        return false;
    *outcome = a.known ? jumps(a.number, b.number, operation) : operation != BPF_JEQ;
    if (a.known)
        return true;
    return operation == BPF_JEQ   ? a.number > b.number
           : operation == BPF_JGT ? a.number > b.number
           : operation == BPF_JGE ? a.number >= b.number
                                  : false;
}

/* A way that forks goes on as its first branch; the second one waits. */
static void jump(struct walk *walk, struct way *way, const struct bpf_insn *step) {
    struct value b = BPF_SRC(step->code) == BPF_K ? number(step->k) : way->x;
    if (BPF_OP(step->code) == BPF_JA) {
        way->pc += step->k;
        return;
    }
    bool outcome;
    if (is_decided(way->a, b, BPF_OP(step->code), &outcome)) {
        way->pc += outcome ? step->jt : step->jf;
        return;
    }
    if (walk->num_ways < WAYS_MAX) {
        walk->ways[walk->num_ways] = *way;
        walk->ways[walk->num_ways++].pc += step->jf;
    } else {
        walk->num_steps = STEPS_MAX;
    }
    way->pc += step->jt;
}

static void work(const struct walk *walk, struct way *way, const struct bpf_insn *step) {
    struct value operand = BPF_SRC(step->code) == BPF_K ? number(step->k) : way->x;
    switch (BPF_CLASS(step->code)) {
    case BPF_LD:
        way->a = loaded(walk, way, step);
        break;
    case BPF_LDX:
        way->x = loaded(walk, way, step);
        break;
    case BPF_ST:
    case BPF_STX:
        if (step->k < BPF_MEMWORDS)
            way->memory[step->k] = BPF_CLASS(step->code) == BPF_ST ? way->a : way->x;
        break;
    case BPF_ALU:
        way->a = BPF_OP(step->code) == BPF_NEG ? UNKNOWN : computed(way->a, operand, BPF_OP(step->code));
        break;
    default: /* BPF_MISC */
        if (BPF_MISCOP(step->code) == BPF_TAX)
            way->x = way->a;
        else
            way->a = way->x;
        break;
    }
}

/* True when this way ends in a match, or gets too long. */
static bool go(struct walk *walk, struct way way) {
    while (way.pc < walk->program->bf_len) {
        const struct bpf_insn *step = &walk->program->bf_insns[way.pc++];
        if (++walk->num_steps > STEPS_MAX)
            return true;
        if (BPF_CLASS(step->code) == BPF_RET)
            return BPF_RVAL(step->code) != BPF_K || step->k != 0;
        if (BPF_CLASS(step->code) == BPF_JMP)
            jump(walk, &way, step);
        else
            work(walk, &way, step);
    }
    return false;
}

static bool may_match(struct walk *walk, const struct frame *frame) {
    walk->frame = frame;
    walk->num_steps = 0;
    walk->num_ways = 1;
    walk->ways[0] = (struct way){0};
    while (walk->num_ways > 0) {
        if (go(walk, walk->ways[--walk->num_ways]))
            return true;
    }
    return false;
}

/* --- frames --- */

static size_t put(struct frame *frame, size_t at, uint32_t value, unsigned len) {
    for (unsigned i = 0; i < len; i++) {
        frame->bytes[at + i] = (uint8_t)(value >> 8 * (len - 1 - i));
        frame->known[at + i] = true;
    }
    return at + len;
}

/* Ethernet, with or without a VLAN tag, up to its type. */
static size_t put_link(struct frame *frame, bool tagged, uint16_t ethertype) {
    *frame = (struct frame){0};
    size_t at = 12;
    if (tagged)
        at = put(frame, at, 0x8100, 2) + 2;
    return put(frame, at, ethertype, 2);
}

/* IP of a protocol; with a server's port (0: none is known) in one direction or the other. */
static void put_ip(struct frame *frame, bool tagged, bool ipv6, uint8_t protocol, uint16_t port,
                   bool from_server) {
    size_t at = put_link(frame, tagged, ipv6 ? 0x86dd : 0x0800);
    put(frame, at, ipv6 ? 0x60 : 0x45, 1);
    put(frame, at + (ipv6 ? 6 : 9), protocol, 1);
    at += ipv6 ? 40 : 20;
    if (port == 0)
        return;
    put(frame, from_server ? at : at + 2, port, 2);
    frame->client_port_at = from_server ? at + 2 : at;
}

static bool may_match_ip(struct walk *walk, uint8_t protocol, uint16_t port) {
    struct frame frame;
    for (unsigned i = 0; i < 8; i++) {
        put_ip(&frame, i & 1, i & 2, protocol, port, i & 4);
        if (may_match(walk, &frame))
            return true;
    }
    return false;
}

static bool may_match_ports(struct walk *walk, const struct port_set *ports) {
    const uint8_t tcp = 6;
    char range[PORTS_TEXT_MAX];
    for (uint32_t next = 0; (next = ports_next_range(ports, next, range)) != 0;) {
        /* what is in the middle of a range is left out of none but strange filters */
        uint32_t first = next - 1;
        while (first > 0 && port_set_has(ports, (uint16_t)(first - 1)))
            first--;
        if (may_match_ip(walk, tcp, (uint16_t)first) || may_match_ip(walk, tcp, (uint16_t)(next - 1)))
            return true;
    }
    return false;
}

/* What the decoder looks into (decode_layer.h). */
static bool may_match_tunnels(struct walk *walk) {
    static const uint16_t ethertypes[] = {0x8847, 0x8848, 0x8864, 0x88e7, 0x8926, 0x893f, 0x880b, 0x6558};
    static const uint8_t protocols[] = {4, 41, 47, 51, 137};
    static const uint16_t udp_ports[] = {4789, 8472, 6081, 2152, 4754};
    const uint8_t udp = 17;
    struct frame frame;
    for (size_t i = 0; i < sizeof ethertypes / sizeof ethertypes[0]; i++) {
        put_link(&frame, false, ethertypes[i]);
        if (may_match(walk, &frame))
            return true;
        put_link(&frame, true, ethertypes[i]);
        if (may_match(walk, &frame))
            return true;
    }
    for (size_t i = 0; i < sizeof protocols; i++) {
        if (may_match_ip(walk, protocols[i], 0))
            return true;
    }
    for (size_t i = 0; i < sizeof udp_ports / sizeof udp_ports[0]; i++) {
        if (may_match_ip(walk, udp, udp_ports[i]))
            return true;
    }
    return false;
}

static bool reaches(const struct config *config, const struct bpf_program *program) {
    struct walk *walk = malloc(sizeof *walk);
    if (!walk)
        return true;
    walk->program = program;
    bool files = config->num_interfaces == 0;
    bool reached = (config->any_port && may_match_ip(walk, 6, 0)) ||
                   may_match_ports(walk, &config->mail_ports) || may_match_ports(walk, &config->tls_ports) ||
                   ((files || config->tunnels != 0) && may_match_tunnels(walk));
    free(walk);
    return reached;
}

bool filter_reaches_mail(const struct config *config) {
    struct bpf_program program;
    if (!config->filter)
        return true;
    pcap_t *handle = pcap_open_dead(DLT_EN10MB, SNAP_LEN);
    if (!handle)
        return true;
    bool compiled = pcap_compile(handle, &program, config->filter, 1, PCAP_NETMASK_UNKNOWN) == 0;
    bool reached = !compiled || reaches(config, &program);
    if (compiled)
        pcap_freecode(&program);
    pcap_close(handle);
    return reached;
}
