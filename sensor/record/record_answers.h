/* record_answers.h: the packets of the last answers of the DNS that told something, kept until it is known
 * whether an event rests on them. Most never are, and are forgotten: what else was looked up on the network
 * is nobody's business.
 *
 * Bounded: RECORD_ANSWERS_MAX, and RECORD_ANSWERS_BYTES all together; the oldest goes. */
#ifndef STARTTAP_SENSOR_RECORD_RECORD_ANSWERS_H
#define STARTTAP_SENSOR_RECORD_RECORD_ANSWERS_H

#include "record_unit.h"

#define RECORD_ANSWERS_MAX   65536u /* a power of two; as many as names.h remembers facts */
#define RECORD_ANSWERS_BYTES (32u << 20)

struct record_answers;

struct record_answers *record_answers_new(void);                  /* NULL: out of memory */
void record_answers_free(struct record_answers *answers);         /* NULL is fine */
size_t record_answers_size(const struct record_answers *answers); /* bytes */

/* Takes the frames over. Returns the number by which they are asked for, counted from 1. */
uint64_t record_answers_keep(struct record_answers *answers, struct record_frame *frames);

/* The frames of that answer, unless they were asked for before for the same file, or are forgotten: NULL.
 * Borrowed until the next record_answers_keep(). */
const struct record_frame *record_answers_once(struct record_answers *answers, uint64_t number,
                                               uint64_t file_number);

#endif
