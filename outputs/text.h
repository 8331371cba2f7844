/* text.h: texts made safe for where they go.
 *
 * What came off the wire may hold anything. event_text() turns it into valid
 * UTF-8 once (text_clean()); the text_add_*() functions write it so that it
 * does no harm in JSON, in a spreadsheet or on a terminal. They accept any
 * bytes and replace what is not UTF-8, so a caller cannot get it wrong. */
#ifndef STARTTAP_OUTPUTS_TEXT_H
#define STARTTAP_OUTPUTS_TEXT_H

#include "buffer.h"

#define TEXT_BAD          0xfffdu /* U+FFFD REPLACEMENT CHARACTER */
#define TEXT_CLEAN_GROWTH 3       /* bytes of U+FFFD */
#define TEXT_TIME_MAX     31      /* "2024-01-31T23:59:59.123456789Z" and the NUL */

/* The first character of data (len > 0). Returns how many bytes it takes. Bytes
 * that are not UTF-8 (RFC 3629) give TEXT_BAD once for each maximal run that
 * began like a character (Unicode 15, section 3.9, table 3-7). */
size_t text_decode(const char *data, size_t len, uint32_t *code);

/* Copies the characters of data as valid UTF-8 without NUL: both bad bytes and
 * NUL become U+FFFD. Reads whole characters while they fit in max bytes.
 * Writes to out unless that is NULL; returns the bytes that it takes (at most
 * TEXT_CLEAN_GROWTH * max). Not terminated. */
size_t text_clean(char *out, const char *data, size_t len, size_t max);

/* What of text fits into the size bytes of out (size > 0), terminated. Returns the length. */
size_t text_copy(char *out, size_t size, const char *text);

/* A JSON string (RFC 8259) with its quotes: within, quote, backslash, C0, DEL, C1 and the
 * line separators U+2028 and U+2029 are written as escapes. */
void text_add_json(struct buffer *buffer, const char *text);

/* Copies text of len bytes. False: something in it has to be escaped in JSON; out then holds nothing of use.
 */
bool text_copy_plain(char *out, const char *text, size_t len);

/* The inside of a quoted CSV cell (RFC 4180). Quotes are doubled; control
 * characters are written as in JSON (backslash u 00 XX), so a record is always
 * one line; so is '|' when in_list. A ' goes in front of = + - @ at the
 * beginning and behind , ; | where a spreadsheet might begin a cell (OWASP, CSV
 * injection). */
void text_add_csv(struct buffer *buffer, const char *text, bool in_list);

/* At most `columns` columns of a terminal, an ellipsis where the rest was cut.
 * Only letters, digits and signs whose width and direction are certain are
 * shown; everything else (controls, escapes, bidirectional and zero-width
 * characters, and without utf8 all that is not ASCII) is shown as '?'.
 * Returns the columns taken. */
size_t text_add_terminal(struct buffer *buffer, const char *text, size_t columns, bool utf8);

/* The same in place and whole, without memory: text of len bytes becomes what a terminal that shows UTF-8 may
 * be given, blanks where tabs and line ends were. Returns the length, which never grows. */
size_t text_make_terminal(char *text, size_t len);

/* RFC 3339 in UTC. Returns the length; out is terminated. Years outside
 * 0000..9999, which RFC 3339 cannot say, become the nearest time that it can. */
size_t text_time_ns(char out[TEXT_TIME_MAX], uint64_t time_ns); /* nine fractional digits */
size_t text_time_s(char out[TEXT_TIME_MAX], int64_t time_s);    /* no fraction */

/* The day that was written last: the times of an event are mostly of one. A zeroed one is right, too. */
struct text_day {
    uint64_t days; /* since 1970, and one */
    char date[11]; /* YYYY-MM-DDT */
};

/* As text_time_ns(), but not terminated. Returns where it ends. */
char *text_put_time_ns(char *at, uint64_t time_ns, struct text_day *day);

#endif
