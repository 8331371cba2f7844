/* fold.h: the state of something that waits, in as few bytes as it takes.
 *
 * State is mostly zeros and a few short texts. Whoever holds a million of them that are quiet writes each
 * into one block (fold_*), and makes it anew from there when it goes on (unfold_*). A fold is read by the
 * program that wrote it and by nobody else: pointers may be in it. */
#ifndef STARTTAP_PARSERS_FOLD_H
#define STARTTAP_PARSERS_FOLD_H

#include "reader.h"

#define FOLD_TEXT_MAX 0x3fff /* bytes of one text */

/* Where to write: [at, end). */
struct fold {
    uint8_t *at, *end;
    bool full; /* something did not fit; the whole fold is void */
};

/* A struct of size bytes, a multiple of 8: of each word that is not 0 the bytes that are not 0. */
void fold_state(struct fold *fold, const void *state, size_t size);
void unfold_state(struct reader *in, void *state, size_t size);

/* A text of up to FOLD_TEXT_MAX bytes; unfolded it is borrowed. */
void fold_text(struct fold *fold, const void *text, size_t len);
struct reader unfold_text(struct reader *in);

void fold_u8(struct fold *fold, uint8_t value); /* reader_u8() reads it */

#endif
