/* live.h: packets from a network interface, by libpcap.
 *
 * On Linux that is a ring shared with the kernel (TPACKET_V3): the kernel fills a block of it and hands it
 * over when it is full or LIVE_BLOCK_MS old. Nothing here waits; whoever reads waits for live_fd(). */
#ifndef STARTTAP_SENSOR_CAPTURE_LIVE_H
#define STARTTAP_SENSOR_CAPTURE_LIVE_H

#include <stddef.h>
#include <stdio.h>

#include "packet.h"

#define LIVE_BLOCK_MS 50 /* so old at most are packets that the kernel hands over */

struct live_options {
    unsigned ring_mb;  /* of the ring: 1 to 2047 */
    unsigned snap_len; /* bytes of each packet that are captured */
    bool promiscuous;
    bool shared;             /* captures nothing before live_share() and live_filter() */
    const char *time_stamps; /* NULL: those of the adapter where it keeps the host's time, else the host's; or
                                the name of one of libpcap's types ("host", "adapter", "adapter_unsynced") */
};

struct live;

enum live_open_result {
    LIVE_OPENED,
    LIVE_GONE,    /* there is no such interface, or it is down: it may come */
    LIVE_REFUSED, /* the system does not let us; or a wrong option: trying again is of no use */
};

/* On LIVE_OPENED *out captures every packet until live_filter(), unless it is shared. Else message (always
 * terminated) names the interface and what is wrong, and for a lack of privilege what to do. */
enum live_open_result live_open(const char *interface, const struct live_options *options, struct live **out,
                                char *message, size_t message_len);
void live_close(struct live *live); /* NULL is fine */

/* Compiles the expression for this interface and gives it to the kernel. What was captured before is dropped.
 * False with libpcap's message. */
bool live_filter(struct live *live, const char *expression, char *message, size_t message_len);

/* Right after live_open() of a shared one: joins those that share out this interface's packets (fanout.h,
 * also for key and group). No packet came before it was one of them, so none comes to two; and none comes
 * before live_filter(): only then, with all of them there, are packets where they stay. False with a message.
 */
bool live_share(struct live *live, uint32_t key, int *group, char *message, size_t message_len);

int live_linktype(const struct live *live);     /* LINKTYPE_ value */
int live_fd(const struct live *live);           /* readable when a block is ready, or the interface failed */
const char *live_note(const struct live *live); /* what could not be had but is not needed; "" when nothing */
bool live_stamps_foreign(const struct live *live); /* the adapter's clock runs on its own */
bool live_needs_admin(const struct live *live); /* opening it again takes CAP_NET_ADMIN: the adapter stamps */

/* False while the interface is down or has no carrier: nothing comes, but it needs not be opened again. */
bool live_link_up(const struct live *live);

enum live_result {
    LIVE_PACKET, /* borrows the handle's buffer until the next call */
    LIVE_NONE,   /* none is ready */
    LIVE_LOST,   /* the interface went down or away: close it; message says what happened */
};
enum live_result live_next(struct live *live, struct packet *packet, char *message, size_t message_len);

/* Since it was opened. */
struct live_counts {
    uint64_t received;          /* past the filter, with those dropped */
    uint64_t kernel_dropped;    /* the ring was full */
    uint64_t interface_dropped; /* by the adapter or its driver, mail or not */
};
/* Remembers what libpcap's counters, which wrap, said last. */
void live_count(struct live *live, struct live_counts *counts);

/* Prints the interfaces that can be captured from. False with a message. */
bool live_list(FILE *out, char *message, size_t message_len);

#endif
