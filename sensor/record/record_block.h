/* record_block.h: packets as blocks of a pcapng file (draft-ietf-opsawg-pcapng), ready to be written.
 *
 * pcapng and not pcap, because it holds nanoseconds and any number of link types in one file, and what is
 * behind it can be told from its beginning alone. Numbers are little-endian on every machine. */
#ifndef STARTTAP_SENSOR_RECORD_RECORD_BLOCK_H
#define STARTTAP_SENSOR_RECORD_RECORD_BLOCK_H

#include "../../outputs/buffer.h"
#include "../capture/packet.h"

#define RECORD_LINKTYPES_MAX 64 /* in one file */

/* The interfaces of a section: one for each link type. Zeroed is new. */
struct record_section {
    int linktypes[RECORD_LINKTYPES_MAX];
    uint32_t num_linktypes;
    bool begun;
};

/* Appends the section's header if it lacks that; alone it is a capture without packets. */
void record_block_begin(struct record_section *section, struct buffer *out);

/* Appends the packet, and in front of it what the section still lacks: its own header, the packet's
 * interface. False when there is no memory (the buffer has failed) or no room for another link type: then
 * section and buffer are as they were. */
bool record_block_add(struct record_section *section, const struct packet *packet, struct buffer *out);

/* How many bytes from the file's start are whole blocks; 0 when it does not begin as such a file. */
uint64_t record_block_whole(int fd, uint64_t file_len);

#endif
