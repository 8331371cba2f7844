/* send.c: sends a capture over an interface, round after round, faster than tcpreplay does.
 *
 *   bench_send INTERFACE FILE SECONDS PACKETS_PER_SECOND
 *
 * FILE is what bench_generate writes (pcap of Ethernet frames, of this machine's byte order); it is held in
 * memory. The rate 0 is as fast as it goes. Frames go many at a time (sendmmsg) and past the queueing
 * discipline (PACKET_QDISC_BYPASS). In each round all addresses are others, so that its connections are new;
 * checksums stay as they are, nobody checks them. Says how many packets it sent in how many seconds. */
#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#define BATCH         64u
#define FILE_HEADER   24u
#define PACKET_HEADER 16u

struct capture {
    uint8_t *bytes;
    size_t len;
    struct iovec *frames;
    size_t num;
};

static bool read_file(const char *path, struct capture *capture) {
    FILE *file = fopen(path, "rb");
    if (!file)
        return false;
    bool good = fseek(file, 0, SEEK_END) == 0;
    long len = good ? ftell(file) : -1;
    capture->len = len > 0 ? (size_t)len : 0;
    capture->bytes = malloc(capture->len + 1);
    rewind(file);
    good = capture->bytes && capture->len > FILE_HEADER &&
           fread(capture->bytes, 1, capture->len, file) == capture->len;
    (void)fclose(file);
    return good;
}

static bool find_frames(struct capture *capture) {
    capture->frames = calloc(capture->len / (PACKET_HEADER + ETH_HLEN), sizeof *capture->frames);
    if (!capture->frames)
        return false;
    for (size_t at = FILE_HEADER; at + PACKET_HEADER < capture->len;) {
        uint32_t len;
        memcpy(&len, capture->bytes + at + 8, sizeof len);
        at += PACKET_HEADER;
        if (len < ETH_HLEN + 40 || len > capture->len - at)
            return false;
        capture->frames[capture->num++] = (struct iovec){capture->bytes + at, len};
        at += len;
    }
    return capture->num > 0;
}

/* The same change to either address of a frame, so that both directions of a connection stay one. */
static void change_addresses(struct iovec *frame, uint16_t change) {
    uint8_t *at = (uint8_t *)frame->iov_base + 12;
    if (at[0] == 0x81 && at[1] == 0)
        at += 4; /* 802.1Q */
    bool ipv6 = at[0] == 0x86;
    uint8_t *source = at + 2 + (ipv6 ? 8 + 6 : 12 + 1);
    uint8_t *destination = source + (ipv6 ? 16 : 4);
    source[0] ^= (uint8_t)(change >> 8);
    source[1] ^= (uint8_t)change;
    destination[0] ^= (uint8_t)(change >> 8);
    destination[1] ^= (uint8_t)change;
}

static int open_socket(const char *interface, struct sockaddr_ll *to) {
    int fd = socket(AF_PACKET, SOCK_RAW, 0), on = 1;
    *to = (struct sockaddr_ll){
        .sll_family = AF_PACKET, .sll_ifindex = (int)if_nametoindex(interface), .sll_halen = ETH_ALEN};
    if (fd < 0 || to->sll_ifindex == 0 ||
        bind(fd, (const struct sockaddr *)(const void *)to, sizeof *to) != 0 ||
        setsockopt(fd, SOL_PACKET, PACKET_QDISC_BYPASS, &on, sizeof on) != 0)
        return -1;
    return fd;
}

static double now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

/* How many of them went; a full queue takes none. */
static unsigned send_batch(int fd, struct iovec *frames, size_t num) {
    struct mmsghdr messages[BATCH] = {0};
    for (size_t i = 0; i < num; i++)
        messages[i].msg_hdr = (struct msghdr){.msg_iov = &frames[i], .msg_iovlen = 1};
    int sent = sendmmsg(fd, messages, (unsigned)num, 0);
    return sent > 0 ? (unsigned)sent : 0;
}

/* False with errno. */
static bool send_rounds(int fd, struct capture *capture, double seconds, double rate) {
    double begin = now(), time = begin;
    uint64_t sent = 0;
    uint16_t change = 0;
    size_t at = 0;
    while ((time = now()) < begin + seconds) {
        if (rate > 0 && (double)sent >= (time - begin) * rate)
            continue;
        size_t num = capture->num - at < BATCH ? capture->num - at : BATCH;
        unsigned gone = send_batch(fd, capture->frames + at, num);
        if (gone == 0 && errno != ENOBUFS && errno != EAGAIN)
            return false;
        sent += gone;
        at += gone;
        if (at < capture->num)
            continue;
        at = 0;
        uint16_t next = (uint16_t)(change + 1);
        for (size_t i = 0; i < capture->num; i++)
            change_addresses(&capture->frames[i], change ^ next);
        change = next;
    }
    printf("%llu %.6f\n", (unsigned long long)sent, time - begin);
    return true;
}

int main(int argc, char **argv) {
    struct capture capture = {0};
    struct sockaddr_ll to;
    if (argc != 5) {
        fprintf(stderr, "usage: bench_send INTERFACE FILE SECONDS PACKETS_PER_SECOND\n");
        return 2;
    }
    if (!read_file(argv[2], &capture) || !find_frames(&capture)) {
        fprintf(stderr, "%s: cannot be read\n", argv[2]);
        return 1;
    }
    int fd = open_socket(argv[1], &to);
    bool good = fd >= 0 && send_rounds(fd, &capture, strtod(argv[3], NULL), strtod(argv[4], NULL));
    if (!good)
        perror(argv[1]);
    free(capture.frames);
    free(capture.bytes);
    return good ? 0 : 1;
}
