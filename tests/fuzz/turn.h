/* turn.h: whose turn it is for the dear checks, which cost a multiple of the parser under test: to parse
 * again in other pieces, to compare with a model, to print and compare the facts.
 *
 * With sanitizers, and in what only replays, that is each input. In a fast build (STARTTAP_FUZZ_FAST), one of
 * so many, as its bytes say, so that an input that failed fails again. In either, one input is one execution.
 */
#ifndef STARTTAP_TESTS_FUZZ_TURN_H
#define STARTTAP_TESTS_FUZZ_TURN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

static inline bool has_turn(const uint8_t *data, size_t len, unsigned one_of) {
#ifdef STARTTAP_FUZZ_FAST
    uint64_t sum = len;
    for (; len >= sizeof sum; data += sizeof sum, len -= sizeof sum) {
        uint64_t word;
        memcpy(&word, data, sizeof word);
        sum = (sum ^ word) * UINT64_C(0x9e3779b97f4a7c15);
        sum ^= sum >> 32;
    }
    for (; len > 0; len--)
        sum = (sum ^ *data++) * UINT64_C(0x9e3779b97f4a7c15);
    return (sum >> 32) % one_of == 0;
#else
    (void)data, (void)len, (void)one_of;
    return true;
#endif
}

#endif
