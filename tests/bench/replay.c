#include "replay.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

#include "../../sensor/capture/packet.h"
#include "wire.h"

#define FIRST_US        UINT64_C(1800000000000000) /* within the life of our captures' certificates */
#define SERVERS_PER_ROW 24
#define ROUND_US        UINT64_C(40000000) /* from one packet of a session to its next, in rounds */

struct session {
    const struct role *role;
    uint64_t number, start_us, end_us;
    uint32_t next;  /* frame */
    bool overtaken; /* by the one after it, which was written already */
    uint32_t lost, repeated, reordered;
    uint8_t address[2][16];
    uint16_t port[2];
    uint32_t first_seq[2];
    uint8_t server_label[SERVER_LABEL_LEN + 1], client_label[CLIENT_LABEL_LEN + 1];
    uint8_t material[MATERIAL_LEN];
};

struct replay {
    const struct mix *mix;
    const struct replay_options *options;
    struct output *output;
    double total_weight;
    uint64_t random; /* for the disorder of packets */
    uint64_t started;
    uint64_t next_start_us;
    struct session **heap; /* by the time of the next packet */
    size_t num_heap, heap_room;
};

/* splitmix64 */
static uint64_t mixed(uint64_t x) {
    x += UINT64_C(0x9e3779b97f4a7c15);
    x = (x ^ x >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    x = (x ^ x >> 27) * UINT64_C(0x94d049bb133111eb);
    return x ^ x >> 31;
}

static double unit(uint64_t random) {
    return (double)(random >> 11) * 0x1p-53;
}

static bool chance(struct replay *r, double share) {
    return share > 0 && unit(mixed(r->random++)) < share;
}

/* --- sessions --- */

static const struct role *choose_role(const struct replay *r, uint64_t random) {
    double left = unit(random) * r->total_weight;
    for (size_t i = 0; i + 1 < r->mix->num_roles; i++) {
        left -= r->mix->roles[i].weight;
        if (left < 0)
            return &r->mix->roles[i];
    }
    return &r->mix->roles[r->mix->num_roles - 1];
}

static void put_label(uint8_t *label, size_t len, uint64_t value) {
    static const char digits[] = "abcdefghijklmnopqrstuvwxyz0123456789";
    for (size_t i = len; i-- > 0; value /= 36)
        label[i] = (uint8_t)digits[value % 36];
    label[len] = '\0';
}

/* Servers are in 10.row.0.0/16 and 2001:db8:row::/48, clients in 172.16.0.0/12 and 2001:db8:ffff::/48: each
 * session has a client of its own up to a million, then another port. */
static void give_addresses(struct session *s, uint64_t random) {
    uint32_t server = (uint32_t)(random % SERVERS_PER_ROW), client = s->number & 0xfffff;
    if (s->role->template.addr_len == 4) {
        put_u32(s->address[SIDE_SERVER], 10u << 24 | s->role->row << 16 | server << 8 | 25);
        put_u32(s->address[SIDE_CLIENT], 172u << 24 | 16u << 16 | client);
    } else {
        for (enum side side = SIDE_CLIENT; side <= SIDE_SERVER; side++)
            put_u32(s->address[side], 0x20010db8);
        put_u32(s->address[SIDE_SERVER] + 4, s->role->row << 16 | server);
        put_u32(s->address[SIDE_SERVER] + 12, 0x25);
        put_u32(s->address[SIDE_CLIENT] + 4, 0xffff0000);
        put_u32(s->address[SIDE_CLIENT] + 12, client);
    }
    s->port[SIDE_SERVER] = s->role->template.server_port;
    s->port[SIDE_CLIENT] = (uint16_t)(1024 + (mixed(client) + (s->number >> 20)) % 64000);
    put_label(s->server_label, SERVER_LABEL_LEN, s->role->row * SERVERS_PER_ROW + server);
    put_label(s->client_label, CLIENT_LABEL_LEN, s->number);
}

static void fill_material(struct session *s, uint64_t seed, bool unique_certs) {
    for (uint32_t at = 0; at < MATERIAL_SERVER_LABEL; at += 8) {
        uint64_t random = mixed(seed + at);
        if (at == MATERIAL_SERIAL && !unique_certs)
            random = 0;
        memcpy(s->material + at, &random, 8);
    }
    for (size_t i = 0; i < SERVER_LABEL_LEN; i++)
        s->material[MATERIAL_SERVER_LABEL + i] = (uint8_t)(s->server_label[i] ^ SERVER_NAME[i]);
    for (size_t i = 0; i < CLIENT_LABEL_LEN; i++)
        s->material[MATERIAL_CLIENT_LABEL + i] = (uint8_t)(s->client_label[i] ^ CLIENT_NAME[i]);
}

static void init_session(const struct replay *r, struct session *s, uint64_t number, uint64_t start_us) {
    uint64_t seed = mixed(r->options->seed ^ mixed(number));
    *s = (struct session){.number = number, .start_us = start_us, .end_us = start_us};
    s->role = choose_role(r, mixed(seed + 1000));
    give_addresses(s, mixed(seed + 1001));
    uint64_t seqs = mixed(seed + 1002);
    s->first_seq[SIDE_CLIENT] = (uint32_t)seqs;
    s->first_seq[SIDE_SERVER] = (uint32_t)(seqs >> 32);
    fill_material(s, seed, r->options->unique_certs);
}

static void write_fact(const struct replay *r, const struct session *s) {
    char ends[2][INET6_ADDRSTRLEN];
    if (!s->role->mail)
        return;
    int family = s->role->template.addr_len == 4 ? AF_INET : AF_INET6;
    for (enum side side = SIDE_CLIENT; side <= SIDE_SERVER; side++)
        inet_ntop(family, s->address[side], ends[side], sizeof ends[side]);
    fprintf(r->output->facts, "session\t%llu\t%td\t%llu\t%llu\t%s\t%u\t%s\t%s\t%s\t",
            (unsigned long long)s->number, s->role - r->mix->roles, (unsigned long long)s->start_us,
            (unsigned long long)s->end_us, ends[SIDE_CLIENT], s->port[SIDE_CLIENT], ends[SIDE_SERVER],
            s->server_label, s->client_label);
    for (size_t i = 0; i < 8; i++)
        fprintf(r->output->facts, "%02x", s->material[MATERIAL_SERIAL + i]);
    fprintf(r->output->facts, "\t%u\t%u\t%u\n", s->lost, s->repeated, s->reordered);
}

/* --- frames --- */

static void put_checksums(uint8_t *ip, unsigned addr_len, uint32_t ip_len, uint32_t tcp_len) {
    if (addr_len == 4)
        put_checksum(ip + 10, sum_of(0, ip, IPV4_LEN));
    uint8_t pseudo[4] = {0, IP_PROTOCOL_TCP, (uint8_t)(tcp_len >> 8), (uint8_t)tcp_len};
    uint64_t sum = sum_of(0, pseudo, sizeof pseudo);
    sum = sum_of(sum, ip + ip_len - 2 * addr_len, 2 * addr_len);
    put_checksum(ip + ip_len + 16, sum_of(sum, ip + ip_len, tcp_len));
}

static void write_frame(struct replay *r, struct session *s, uint32_t index, uint64_t ts_us) {
    const struct template *t = &s->role->template;
    const struct frame *frame = &t->frames[index];
    uint8_t *at = output_frame(r->output, ts_us, frame->len);
    enum side from = (enum side)frame->side, to = side_other(from);
    memcpy(at, t->bytes + frame->at, frame->len);
    for (uint32_t i = frame->first_patch; i < frame->first_patch + frame->num_patches; i++) {
        const struct patch *patch = &t->patches[i];
        for (uint32_t k = 0; k < patch->len; k++)
            at[patch->at + k] ^= s->material[patch->from + k];
    }
    uint32_t ip_len = t->addr_len == 4 ? IPV4_LEN : IPV6_LEN;
    uint8_t *ip = at + ETHERNET_LEN, *l4 = ip + ip_len;
    if (t->addr_len == 4)
        put_u16(ip + 4, (uint32_t)(s->number + index));
    memcpy(ip + ip_len - 2 * t->addr_len, s->address[from], t->addr_len);
    memcpy(ip + ip_len - t->addr_len, s->address[to], t->addr_len);
    put_u16(l4, s->port[from]);
    put_u16(l4 + 2, s->port[to]);
    if (t->udp) {
        put_checksum(ip + 10, sum_of(0, ip, IPV4_LEN));
        return;
    }
    put_u32(l4 + 4, get_u32(l4 + 4) + s->first_seq[from]);
    if (l4[13] & TCP_ACK)
        put_u32(l4 + 8, get_u32(l4 + 8) + s->first_seq[to]);
    put_checksums(ip, t->addr_len, ip_len, frame->len - ETHERNET_LEN - ip_len);
    s->end_us = ts_us;
}

/* The session's next packet, in the disorder that was asked for: at most one packet overtakes one other. */
static void write_next(struct replay *r, struct session *s, uint64_t ts_us) {
    uint32_t index = s->next;
    if (s->overtaken) {
        s->overtaken = false;
        s->next += 2;
    } else if (index + 1 < s->role->template.num_frames && chance(r, r->options->reorder)) {
        s->overtaken = true;
        s->reordered++;
        index++;
    } else {
        s->next++;
    }
    if (chance(r, r->options->lose)) {
        s->lost++;
        return;
    }
    write_frame(r, s, index, ts_us);
    if (chance(r, r->options->duplicate)) {
        s->repeated++;
        write_frame(r, s, index, ts_us);
    }
}

/* --- order of time --- */

static uint64_t due_us(const struct session *s) {
    return s->start_us + s->role->template.frames[s->next].offset_us;
}

static void sift_down(struct replay *r, size_t i) {
    struct session *s = r->heap[i];
    uint64_t due = due_us(s);
    for (;;) {
        size_t child = 2 * i + 1;
        if (child >= r->num_heap)
            break;
        if (child + 1 < r->num_heap && due_us(r->heap[child + 1]) < due_us(r->heap[child]))
            child++;
        if (due_us(r->heap[child]) >= due)
            break;
        r->heap[i] = r->heap[child];
        i = child;
    }
    r->heap[i] = s;
}

static void push(struct replay *r, struct session *s) {
    if (r->num_heap == r->heap_room) {
        r->heap_room = r->heap_room ? r->heap_room * 2 : 1024;
        r->heap = realloc(r->heap, r->heap_room * sizeof(struct session *));
        if (!r->heap) {
            fprintf(stderr, "out of memory\n");
            exit(1);
        }
    }
    size_t i = r->num_heap++;
    while (i > 0 && due_us(r->heap[(i - 1) / 2]) > due_us(s)) {
        r->heap[i] = r->heap[(i - 1) / 2];
        i = (i - 1) / 2;
    }
    r->heap[i] = s;
}

static struct session *new_sessions(size_t num) {
    struct session *sessions = calloc(num > 0 ? num : 1, sizeof *sessions);
    if (!sessions) {
        fprintf(stderr, "out of memory\n");
        exit(1);
    }
    return sessions;
}

static void start_next(struct replay *r) {
    struct session *s = new_sessions(1);
    init_session(r, s, r->started, r->next_start_us);
    double spacing_us = 1e6 / r->options->sessions_per_s;
    r->started++;
    r->next_start_us =
        FIRST_US + (uint64_t)(((double)r->started + unit(mixed(r->options->seed + r->started))) * spacing_us);
    push(r, s);
}

static void run_by_time(struct replay *r) {
    while (!r->output->failed) {
        bool more = r->started < r->options->num_sessions;
        if (more && (r->num_heap == 0 || r->next_start_us <= due_us(r->heap[0]))) {
            start_next(r);
            continue;
        }
        if (r->num_heap == 0)
            return;
        struct session *s = r->heap[0];
        write_next(r, s, due_us(s));
        if (s->next == s->role->template.num_frames) {
            write_fact(r, s);
            free(s);
            r->heap[0] = r->heap[--r->num_heap];
        }
        if (r->num_heap > 0)
            sift_down(r, 0);
    }
}

static void run_in_rounds(struct replay *r) {
    size_t num = (size_t)r->options->num_sessions;
    struct session *sessions = new_sessions(num);
    for (size_t i = 0; i < num; i++)
        init_session(r, &sessions[i], i, FIRST_US + ROUND_US * i / num);
    for (uint32_t round = 0, left = 1; left > 0; round++) {
        left = 0;
        for (size_t i = 0; i < num && !r->output->failed; i++) {
            struct session *s = &sessions[i];
            if (s->next == s->role->template.num_frames)
                continue;
            write_next(r, s, s->start_us + round * ROUND_US);
            left = 1;
        }
    }
    for (size_t i = 0; i < num; i++)
        write_fact(r, &sessions[i]);
    free(sessions);
}

bool replay_run(const struct mix *mix, const struct replay_options *options, struct output *output) {
    struct replay r = {
        .mix = mix, .options = options, .output = output, .next_start_us = FIRST_US, .random = options->seed};
    for (size_t i = 0; i < mix->num_roles; i++)
        r.total_weight += mix->roles[i].weight;
    if (options->in_rounds)
        run_in_rounds(&r);
    else
        run_by_time(&r);
    free(r.heap);
    return !output->failed;
}
