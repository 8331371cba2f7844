/* proof.h: what proofs are made of. The values that nondet_*() gives are any at all; CBMC
 * (https://www.cprover.org) follows them all at once, and reports each read out of bounds and each assertion
 * that some of them break. */
#ifndef STARTTAP_TESTS_PROOF_H
#define STARTTAP_TESTS_PROOF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "../../parsers/reader.h"

void __CPROVER_assume(bool);
bool __CPROVER_same_object(const void *, const void *);
bool nondet_bool(void);
uint8_t nondet_u8(void);
uint64_t nondet_u64(void);
size_t nondet_size(void);

/* Any number of any bytes, up to max, at the very end of memory that is max bytes long: one byte further is
 * out of bounds. memory is not initialised, so its bytes are any. */
static inline struct reader any_bytes(const uint8_t *memory, size_t max) {
    size_t len = nondet_size();
    __CPROVER_assume(len <= max);
    return reader_of(memory + (max - len), len);
}

#endif
