/* spool.h: records on disk until they are delivered, so that neither a crash nor an outage loses one.
 *
 * A spool is a directory of its own:
 *
 *     00000000000000000001.seg ...   records back to back; named by the number of the first
 *     acked                          every record below this number was delivered
 *     lock                           held while a process uses the spool
 *
 * Records are numbered from 1 on, for the life of the directory. One thread appends; one other reads,
 * acknowledges and syncs. What was appended survives the death of the process at once, and that of the
 * machine from the next spool_sync() on. A record with a wrong checksum (torn by a crash, or damaged later)
 * is passed over and counted, those behind it are read. Acknowledged records may come once more after a
 * crash: the number on disk is as old as the last spool_sync().
 *
 * All numbers on disk are little-endian. A record: magic (4 bytes), length of the body (4), number (8),
 * CRC-32C of length, number and body (4), body. Records of earlier versions, with another magic and the
 * CRC-32 of zlib, are read, too. */
#ifndef STARTTAP_OUTPUTS_SPOOL_H
#define STARTTAP_OUTPUTS_SPOOL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define SPOOL_RECORD_MAX (16u << 20)                      /* bytes of one record */
#define SPOOL_SIZE_MIN   (UINT64_C(2) * SPOOL_RECORD_MAX) /* smallest cap */
#define SPOOL_SEGMENT_MAX                                                                                    \
    (UINT64_C(64) << 20)  /* a segment is closed at this size, or an eighth of the cap                       \
                           */
#define SPOOL_HEAD_LEN 20 /* of a record, before its body */

/* What a test puts its own functions into. */
struct spool_io {
    int (*openat)(int dir, const char *name, int flags, ...);
    ssize_t (*pwrite)(int fd, const void *data, size_t len, off_t offset);
    int (*fdatasync)(int fd);
    int (*fsync)(int fd); /* of the directory */
};

struct spool_options {
    uint64_t size_max;         /* bytes on disk; raised to SPOOL_SIZE_MIN */
    bool drop_oldest;          /* when full or out of disk: the oldest segment goes, and is counted */
    const struct spool_io *io; /* NULL: those of the system */
};

enum spool_result {
    SPOOL_OK,
    SPOOL_EMPTY,  /* spool_next(): everything was read */
    SPOOL_FULL,   /* spool_append(): not taken; room comes with acknowledgements, or with disk space */
    SPOOL_FAILED, /* errno says why */
};

struct spool;

/* Opens dir, which is made when it is not there, readable by this user alone. NULL with a message in error
 * that names dir: also when another process has it. */
struct spool *spool_open(const char *dir, const struct spool_options *options, char *error, size_t error_len);

/* Does a last spool_sync(); its result. NULL is fine. A spool without records keeps no segment. */
int spool_close(struct spool *spool);

/* --- the thread that appends --- */

/* SPOOL_OK: taken. SPOOL_FULL: errno is 0 when the cap was reached, else ENOSPC or its kin. */
enum spool_result spool_append(struct spool *spool, const void *data, size_t len);

/* --- the thread that reads --- */

struct spool_record {
    uint64_t number;
    const uint8_t *data; /* borrowed until the next call */
    size_t len;
};

/* The next record that was not acknowledged; SPOOL_OK, SPOOL_EMPTY or SPOOL_FAILED. Numbers rise, with holes
 * where records were damaged or dropped. */
enum spool_result spool_next(struct spool *spool, struct spool_record *record);
void spool_rewind(struct spool *spool);              /* spool_next() starts again with the oldest */
void spool_ack(struct spool *spool, uint64_t below); /* all records with lower numbers were delivered */

/* Writes down what was acknowledged, so that not even the death of the process brings it back, and removes
 * segments that are done. Cheap. 0, or -1 with errno. */
int spool_save(struct spool *spool);

/* The same, and makes what was appended durable. 0, or -1 with errno; all that can be done is done all the
 * same. */
int spool_sync(struct spool *spool);

/* --- any thread --- */

struct spool_stats {
    uint64_t num_waiting;   /* records not acknowledged; damaged ones count until they are passed over */
    uint64_t bytes;         /* on disk */
    uint64_t num_dropped;   /* by drop_oldest */
    uint64_t damaged_bytes; /* passed over */
};

struct spool_stats spool_stats(struct spool *spool);

#endif
