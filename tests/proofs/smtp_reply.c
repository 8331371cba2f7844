/* Any line of up to BYTES bytes, taken apart as a reply of a server: no read out of bounds, only what RFC
 * 5321 section 4.2 calls a reply is one, and its text lies inside the line, without blanks at its ends. */
#include <assert.h>

#include "../../parsers/smtp_reply.h"
#include "proof.h"

#ifndef BYTES
#define BYTES 10
#endif

static bool is_digit(uint8_t c) {
    return c >= '0' && c <= '9';
}

static bool is_blank(uint8_t c) {
    return c == ' ' || c == '\t';
}

int main(void) {
    uint8_t memory[BYTES];
    struct reader line = any_bytes(memory, BYTES);
    size_t len = reader_left(&line);
    struct smtp_reply_line reply = {-1, false, {0}};
    bool is_reply = smtp_reply_parse(line, &reply);
    const uint8_t *at = line.pos;
    bool expected = len >= 3 && at[0] >= '2' && at[0] <= '5' && is_digit(at[1]) && is_digit(at[2]) &&
                    (len == 3 || at[3] == ' ' || at[3] == '-');
    assert(is_reply == expected);
    if (!is_reply) {
        assert(reply.code == -1);
        return 0;
    }
    assert(reply.code == (at[0] - '0') * 100 + (at[1] - '0') * 10 + (at[2] - '0'));
    assert(reply.last == (len == 3 || at[3] == ' '));
    size_t text = reader_left(&reply.text);
    assert(text == 0 || (reply.text.pos > at + 3 && reply.text.end <= line.end));
    assert(text == 0 || (!is_blank(reply.text.pos[0]) && !is_blank(reply.text.end[-1])));
    struct reader parameters;
    (void)smtp_keyword_of(reply.text, &parameters);
    assert(reader_left(&parameters) <= text);
    return 0;
}
