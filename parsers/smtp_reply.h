/* smtp_reply.h: one line of a server, taken apart. Pure functions over borrowed bytes. */
#ifndef STARTTAP_PARSERS_SMTP_REPLY_H
#define STARTTAP_PARSERS_SMTP_REPLY_H

#include <stdbool.h>

#include "reader.h"

struct smtp_reply_line {
    int code;           /* 200 to 599 */
    bool last;          /* the reply's last line: no '-' after the code */
    struct reader text; /* may be empty: "250" alone is a reply (RFC 5321 section 4.2) */
};

/* False: not a line of a reply; reply is untouched. */
bool smtp_reply_parse(struct reader line, struct smtp_reply_line *reply);

/* What an EHLO keyword line says (RFC 5321 section 4.1.1.1), as far as it matters here. */
enum smtp_keyword {
    SMTP_KEYWORD_UNKNOWN,
    SMTP_KEYWORD_STARTTLS,
    SMTP_KEYWORD_REQUIRETLS,
    SMTP_KEYWORD_AUTH,  /* also the "AUTH=" of old clients' servers */
    SMTP_KEYWORD_KNOWN, /* another one of the common keywords */
};

/* parameters is what follows the keyword; text has no blanks at its ends. */
enum smtp_keyword smtp_keyword_of(struct reader text, struct reader *parameters);
bool smtp_is_auth(struct reader text, struct reader *mechanisms); /* true: SMTP_KEYWORD_AUTH */

/* Common keywords by number, from 1: of a text that is exactly such a keyword (0: it is not), and back. */
uint8_t smtp_keyword_number(struct reader text);
enum smtp_keyword smtp_keyword_numbered(uint8_t number); /* what smtp_keyword_of() says of it */
struct reader smtp_keyword_text(uint8_t number);

#endif
