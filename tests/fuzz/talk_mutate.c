/* Mutations of scripts (talk.h) that keep steps whole. */
#include "talk.h"

#include <string.h>

size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t max_size);

#define STEPS_MAX 256

/* xorshift, because rand() is everybody's. */
static uint32_t roll(uint32_t *dice) {
    *dice ^= *dice << 13;
    *dice ^= *dice >> 17;
    *dice ^= *dice << 5;
    return *dice;
}

/* Where each step begins, and at last where the last one ends. */
static size_t find_steps(const uint8_t *script, size_t len, size_t starts[STEPS_MAX + 1]) {
    struct reader in = reader_of(script, len);
    struct talk_step step;
    size_t num = 0;
    reader_skip(&in, TALK_HEADER);
    starts[0] = len - reader_left(&in);
    while (num < STEPS_MAX && talk_next(&in, &step))
        starts[++num] = len - reader_left(&in);
    return num;
}

/* Puts bytes in place of [from, to). Returns the new length; the old one when there is no room. */
static size_t splice(uint8_t *script, size_t len, size_t max_len, size_t from, size_t to,
                     const uint8_t *bytes, size_t num) {
    if (len - (to - from) + num > max_len)
        return len;
    memmove(script + from + num, script + to, len - to);
    memcpy(script + from, bytes, num);
    return len - (to - from) + num;
}

static uint8_t some_how(uint32_t *dice) {
    uint32_t luck = roll(dice) % 8;
    return luck < 4 ? 0 : luck == 4 ? (uint8_t)roll(dice) : (uint8_t)(1u << roll(dice) % 8);
}

static size_t make_step(uint32_t *dice, unsigned num_whats, uint8_t step[TALK_STEP + 16]) {
    static const uint8_t likely[] = {TALK_LINE, TALK_LINE, TALK_LINE, TALK_HELLO};
    uint32_t luck = roll(dice) % 8;
    step[0] =
        luck < sizeof likely && likely[luck] < num_whats ? likely[luck] : (uint8_t)(roll(dice) % num_whats);
    step[1] =
        (uint8_t)(roll(dice) % 4 == 0 ? roll(dice) : roll(dice) & 0xf9); /* mostly the first connection */
    step[2] = some_how(dice);
    step[3] = step[0] == TALK_LINE ? 0 : (uint8_t)(roll(dice) % 16);
    for (uint8_t i = 0; i < step[3]; i++)
        step[TALK_STEP + i] = (uint8_t)roll(dice);
    return TALK_STEP + step[3];
}

/* What mail begins with, so that later steps have something to build on. */
static size_t insert_opening(uint8_t *script, size_t len, size_t max_len, size_t at, uint32_t *dice) {
    static const uint8_t opening[] = {
        TALK_LINE,  0x01, 0,          0,    TALK_LINE,  0x00,
        0,          0,    TALK_LINE,  0x09, 0,          0, /* 220, EHLO, its reply */
        TALK_LINE,  0x08, 0,          0,    TALK_LINE,  0x11,
        0,          0,    TALK_HELLO, 0,    0,          0, /* STARTTLS, 220, ClientHello */
        TALK_HELLO, 0x01, 0,          0,    TALK_HELLO, 0x09,
        0,          0,    TALK_HELLO, 0x08, 0,          0,
    };
    size_t num = TALK_STEP * (1 + roll(dice) % (sizeof opening / TALK_STEP));
    uint8_t steps[sizeof opening];
    memcpy(steps, opening, sizeof steps);
    uint8_t connection = (uint8_t)(roll(dice) % TALK_CONNECTIONS);
    for (size_t i = 0; i < num; i += TALK_STEP)
        steps[i + 1] |= (uint8_t)(connection << 1);
    return splice(script, len, max_len, at, at, steps, num);
}

/* A step's own bytes, by libFuzzer's means (dictionaries among them). */
static size_t mutate_text(uint8_t *script, size_t len, size_t max_len, size_t from, size_t to) {
    uint8_t step[TALK_STEP + UINT8_MAX];
    size_t text_len = to - from - TALK_STEP, room = text_len + max_len - len;
    memcpy(step, script + from, to - from);
    room = room < UINT8_MAX ? room : UINT8_MAX;
    step[3] = (uint8_t)(room > 0 ? LLVMFuzzerMutate(step + TALK_STEP, text_len, room) : 0);
    return splice(script, len, max_len, from, to, step, TALK_STEP + step[3]);
}

static size_t swap_steps(uint8_t *script, size_t len, const size_t *starts, size_t a) {
    uint8_t first[TALK_STEP + UINT8_MAX];
    size_t first_len = starts[a + 1] - starts[a], second_len = starts[a + 2] - starts[a + 1];
    memcpy(first, script + starts[a], first_len);
    memmove(script + starts[a], script + starts[a + 1], second_len);
    memcpy(script + starts[a] + second_len, first, first_len);
    return len;
}

size_t talk_mutate(uint8_t *script, size_t len, size_t max_len, unsigned seed, unsigned num_whats) {
    uint8_t step[TALK_STEP + UINT8_MAX];
    size_t starts[STEPS_MAX + 1];
    uint32_t dice = seed * 2654435761u | 1;
    if (max_len < TALK_HEADER + sizeof step)
        return LLVMFuzzerMutate(script, len, max_len);
    if (len < TALK_HEADER) {
        memset(script + len, 0, TALK_HEADER - len);
        len = TALK_HEADER;
    }
    size_t num = find_steps(script, len, starts), which = num > 0 ? roll(&dice) % num : 0;
    size_t from = starts[which], to = num > 0 ? starts[which + 1] : from;
    switch (num > 0 ? roll(&dice) % 12 : 0) {
    case 0:
    case 1:
    case 2:
        return splice(script, len, max_len, from, from, step, make_step(&dice, num_whats, step));
    case 3:
        return splice(script, len, max_len, from, to, step, 0);
    case 4: /* once more, behind any other */
        memcpy(step, script + from, to - from);
        from = to - from;
        to = starts[roll(&dice) % (num + 1)];
        return splice(script, len, max_len, to, to, step, from);
    case 5:
        return which + 2 <= num ? swap_steps(script, len, starts, which) : len;
    case 6:
        script[from + 2] = some_how(&dice);
        return len;
    case 7:
        script[from + 1] ^= (uint8_t)(1u << roll(&dice) % 8);
        return len;
    case 8:
        script[roll(&dice) % TALK_HEADER] ^= (uint8_t)(1u << roll(&dice) % 8);
        return len;
    case 9:
        return insert_opening(script, len, max_len, from, &dice);
    case 10:
        return mutate_text(script, len, max_len, from, to);
    default:
        return LLVMFuzzerMutate(script, len, max_len);
    }
}

size_t talk_cross(const uint8_t *a, size_t a_len, const uint8_t *b, size_t b_len, uint8_t *out,
                  size_t max_len, unsigned seed) {
    size_t a_starts[STEPS_MAX + 1], b_starts[STEPS_MAX + 1];
    uint32_t dice = seed * 2654435761u | 1;
    size_t a_num = find_steps(a, a_len, a_starts), b_num = find_steps(b, b_len, b_starts);
    size_t first = a_starts[roll(&dice) % (a_num + 1)], second = b_starts[roll(&dice) % (b_num + 1)];
    first = first < max_len ? first : max_len;
    size_t rest = b_len - second < max_len - first ? b_len - second : max_len - first;
    memcpy(out, a, first);
    memcpy(out + first, b + second, rest);
    return first + rest;
}
