/* record_file.h: the file that packets are recorded in: rotated, capped, and never torn.
 *
 * Blocks are gathered and written together. When they cannot be written (disk full) they are lost and
 * counted, the file is cut back to its last whole block, and later ones are tried again: capturing never
 * waits for the disk. That is said once, and once more when it is over. A path that ends in .zst is
 * compressed (Zstandard). */
#ifndef STARTTAP_SENSOR_RECORD_RECORD_FILE_H
#define STARTTAP_SENSOR_RECORD_RECORD_FILE_H

#include <stddef.h>

#include "../../outputs/sink.h"
#include "../../outputs/sink_path.h"
#include "../capture/packet.h"

#define RECORD_FILE_GATHER (256u << 10) /* bytes that are written together */

struct record_file_settings {
    const struct sink_path_io *io; /* NULL: the system's */
    bool force;                    /* overwrite what is there */
    void (*log)(void *context, const char *message);
    void *log_context;
};

struct record_file_stats {
    uint64_t packets, bytes; /* written: packets, and their captured bytes */
    uint64_t packets_lost;   /* could not be written, or the cap was reached */
    uint64_t errors;         /* failed attempts */
};

struct record_file;

/* The text behind -w: PATH?append&rotate=1GB&every=1d&max=50GB. PATH '-' is standard output and has no
 * options. rotate and every put the file aside when it is so large, or at each multiple of so much time (by
 * its packets), as name.TIME.pcapng, TIME being that of its first packet. max bounds what all of them
 * take: the oldest put aside are removed; without rotate and every recording ends there. append adds to a
 * file that is there; else such a file is refused unless settings->force. NULL with a message in error. */
struct record_file *record_file_open(const char *text, const struct record_file_settings *settings,
                                     char *error, size_t error_len);

/* The same as far as it goes without opening anything. */
bool record_file_check(const char *text, char *error, size_t error_len);
bool record_file_is_stdout(const char *text);
bool record_file_is(const char *text, const char *path); /* the same file, by whichever of its names */
bool record_file_place(const char *text, struct sink_place *place); /* as sink_place() */
bool record_file_is_sink(const char *text, const char *sink);

void record_file_add(struct record_file *file, const struct packet *packet);
/* One that is out of order: its time neither ends a file nor names it. */
void record_file_add_older(struct record_file *file, const struct packet *packet);
uint64_t record_file_number(const struct record_file *file); /* how many were opened, this one included */
void record_file_flush(struct record_file *file);            /* what was gathered is written */
/* The reader of standard output went away: nothing is written any more. */
bool record_file_gone(const struct record_file *file);
/* SIGHUP: whoever renamed the file asks for a new one. */
void record_file_reopen(struct record_file *file);
void record_file_stats(const struct record_file *file, struct record_file_stats *stats);

/* Writes what was gathered, syncs, and frees; NULL is fine. A file that got no packet is a capture without
 * packets, not an empty one. False: not all could be written. */
bool record_file_close(struct record_file *file);

#endif
