/* spool_file.h: the files of a spool, for spool.c: names, records as bytes, and reading them back. */
#ifndef STARTTAP_OUTPUTS_SPOOL_FILE_H
#define STARTTAP_OUTPUTS_SPOOL_FILE_H

#include "buffer.h"
#include "spool.h"

#define SPOOL_NAME_LEN   32                  /* "00000000000000000001.seg" */
#define SPOOL_NUMBER_MAX (UINT64_C(1) << 62) /* numbers below it are good; nobody lives to see it */
#define SPOOL_ACKED_LEN  16 /* of the file `acked`: magic (4), number (8), CRC-32 of the number (4) */

void spool_file_name(uint64_t first, char name[SPOOL_NAME_LEN]);

/* Makes the directory and its parents where they are not there, opens it and takes its lock (*lock_fd). -1
 * with a message in error. */
int spool_file_open_dir(const char *name, int *lock_fd, char *error, size_t error_len);

/* The segments in dir, by their numbers, rising; the caller frees *firsts. False with errno. */
bool spool_file_list(int dir, uint64_t **firsts, size_t *num);
bool spool_file_len(int dir, uint64_t first, uint64_t *len);

/* Replaces what is in out by the record. */
void spool_file_encode(struct buffer *out, uint64_t number, const void *body, size_t body_len);

void spool_file_encode_acked(uint8_t out[SPOOL_ACKED_LEN], uint64_t acked);
uint64_t spool_file_read_acked(int fd); /* 1 when the file is new or damaged: then all are delivered again */

/* Reads the records of one segment after the other. */
struct spool_reader {
    uint64_t first;       /* the segment */
    uint64_t offset;      /* in it, of the next record */
    uint64_t last_number; /* read; numbers rise within a segment */
    int fd;               /* -1: not open yet */
    struct buffer window; /* bytes of the segment from window_at on */
    uint64_t window_at;
    uint64_t damaged_bytes; /* passed over; the caller takes them from here */
};

void spool_reader_init(struct spool_reader *reader);
void spool_reader_cleanup(struct spool_reader *reader);
void spool_reader_seek(struct spool_reader *reader, uint64_t first); /* to the start of that segment */

/* The next good record within the first len bytes of the segment, all of whose numbers are below `end`:
 * SPOOL_OK, SPOOL_EMPTY at its end (or when the file is gone), SPOOL_FAILED with errno. */
enum spool_result spool_reader_next(struct spool_reader *reader, int dir, uint64_t len, uint64_t end,
                                    struct spool_record *record);

/* The number behind the last good record of a segment, `first` when there is none. */
uint64_t spool_reader_end(struct spool_reader *reader, int dir, uint64_t first, uint64_t len);

#endif
