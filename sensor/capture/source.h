/* source.h: where packets come from: capture files in any wrapping, or standard input. */
#ifndef STARTTAP_SENSOR_CAPTURE_SOURCE_H
#define STARTTAP_SENSOR_CAPTURE_SOURCE_H

#include <stddef.h>

#include "packet.h"

enum source_result {
    SOURCE_PACKET,
    SOURCE_END,     /* read to the end */
    SOURCE_DAMAGED, /* cut or damaged here; everything before it was handed out; source_message() says place
                       and cause */
    SOURCE_FAILED,  /* the system could not read, or a signal whose handler was installed without SA_RESTART
                       interrupted it; source_message() */
};

struct source;

/* pcap (micro- and nanoseconds, either byte order, and the variants libpcap knows) or pcapng (any number of
 * sections and interfaces, also of different link types), plain, gzip or zstd by their magic; "-" is standard
 * input. NULL with a message in error that names the file and the cause: it cannot be opened or read, or it
 * does not begin like a capture. One that begins like a capture and is then cut or of an unknown version
 * opens, and is SOURCE_DAMAGED. errno is ENOMEM when there was no memory for it, else something else. */
struct source *source_open(const char *path, char *error, size_t error_len);
void source_close(struct source *source); /* NULL is fine */

/* packet borrows the source's buffer until the next call. Any other result than SOURCE_PACKET is the last. */
enum source_result source_next(struct source *source, struct packet *packet);

/* The next packet and those behind it that lie in memory already, max at most; *num are handed out, none with
 * another result than SOURCE_PACKET. All are borrowed until the next call. */
enum source_result source_next_several(struct source *source, struct packet *packets, size_t max,
                                       size_t *num);

/* Bytes for more packets are in memory: the next one hardly needs a read, which may wait. */
bool source_at_hand(const struct source *source);

const char *source_message(const struct source *source); /* "mail.pcap: packet 17 at byte 1234: ..." */

/* For the progress line: bytes of the file (compressed size) read, and its size; size 0 when unknown. */
void source_progress(const struct source *source, uint64_t *bytes_read, uint64_t *bytes_total);

/* The files that a -r argument stands for: the path itself, or, for a directory, its captures in name order
 * (regular files; those that are no capture are passed over when read as part of a directory). */
struct path_list {
    char **paths;
    size_t num;
    bool from_directory;
};
int source_expand(const char *path, struct path_list *list, char *error, size_t error_len); /* 0 or -1 */
void path_list_cleanup(struct path_list *list);

/* The system may read the beginning of this file meanwhile: it is the next one. Nothing if it is no regular
 * file. */
void source_read_ahead(const char *path);

#endif
