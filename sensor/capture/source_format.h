/* source_format.h: what source.c and the walkers of the single formats share. Internal to capture. */
#ifndef STARTTAP_SENSOR_CAPTURE_SOURCE_FORMAT_H
#define STARTTAP_SENSOR_CAPTURE_SOURCE_FORMAT_H

#include "source.h"
#include "source_input.h"

/* The largest frame that libpcap and Wireshark accept; a longer one means that the file is damaged. */
#define SOURCE_FRAME_MAX (256u << 10)
/* Interfaces in one pcapng section; each costs the file at least 20 bytes. */
#define SOURCE_INTERFACES_MAX 65536u

#define NS_PER_S 1000000000u

/* A classic pcap file (draft-ietf-opsawg-pcap). */
struct pcap_format {
    bool little_endian;
    uint32_t ns_per_tick; /* of the second time field: 1000 or 1 */
    uint32_t record_header_len;
    bool lengths_swapped;       /* written before version 2.3 */
    bool lengths_maybe_swapped; /* version 2.3: by some writers */
    int linktype;
};

/* An interface of a pcapng section. */
struct pcapng_interface {
    int linktype;
    uint32_t snaplen;    /* 0: no limit */
    uint8_t resolution;  /* if_tsresol as it is written */
    uint64_t per_second; /* decimal resolutions: ticks */
    uint64_t ns_factor;  /* and nanoseconds per tick, or ticks per nanosecond when they are shorter */
    int64_t offset_s;    /* if_tsoffset */
};

/* A pcapng file (draft-ietf-opsawg-pcapng). */
struct pcapng_format {
    bool little_endian; /* of the section at hand */
    struct pcapng_interface *interfaces;
    size_t num_interfaces, room_interfaces;
    uint64_t last_ts_ns; /* for simple packet blocks, which have no time */
};

struct source {
    char *name; /* for messages */
    struct input *input;
    enum source_result (*next)(struct source *source, struct packet *packet);
    /* Packets that lie in memory already, max at most; NULL: not for this format. */
    size_t (*more)(struct source *source, struct packet *packets, size_t max);
    enum source_result ended; /* SOURCE_PACKET while it has not */
    uint64_t num_packets;     /* handed out */
    struct pcap_format pcap;
    struct pcapng_format pcapng;
    char message[1024];
};

/* Each knows a file by its first four bytes: true, and source->next set, when it is of this format. */
bool source_start_pcap(struct source *source);
bool source_start_pcapng(struct source *source);
void source_cleanup_pcapng(struct source *source);

/* Ends the source: the bytes at the input's position make no sense. */
enum source_result source_damaged(struct source *source, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Ends the source: the input did not hold `want` bytes of `what`. A clean end when it holds none and a record
 * may begin here. */
enum source_result source_cut(struct source *source, bool at_start, size_t want, const char *what);

#endif
