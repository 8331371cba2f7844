/* smtp_command.h: one line of a client, taken apart. Pure functions over borrowed bytes. */
#ifndef STARTTAP_PARSERS_SMTP_COMMAND_H
#define STARTTAP_PARSERS_SMTP_COMMAND_H

#include <stdbool.h>
#include <stdint.h>

#include "reader.h"

#define SMTP_MECHANISM_LEN_MAX 20 /* RFC 4422 section 3.1 */

enum smtp_verb {
    SMTP_VERB_UNKNOWN, /* not a command that any SMTP server is known for */
    SMTP_VERB_EHLO,    /* and LHLO */
    SMTP_VERB_HELO,
    SMTP_VERB_STARTTLS,
    SMTP_VERB_ANONYMOUSTLS, /* X-ANONYMOUSTLS, Exchange between its own servers (MS-XANONYMOUSTLS) */
    SMTP_VERB_MAIL,
    SMTP_VERB_RCPT,
    SMTP_VERB_DATA,
    SMTP_VERB_BDAT,
    SMTP_VERB_AUTH,
    SMTP_VERB_RSET,
    SMTP_VERB_QUIT,
    SMTP_VERB_OTHER, /* another command of RFC 5321 or an extension: one reply, nothing to learn */
};

struct smtp_command {
    enum smtp_verb verb;
    bool lmtp;              /* LHLO (RFC 2033) */
    struct reader argument; /* what follows the verb, blanks at both ends cut off */
};

struct smtp_command smtp_command_of(struct reader line);

/* STARTTLS, or Exchange's X-ANONYMOUSTLS. */
bool smtp_command_is_starttls(const struct smtp_command *command);

/* Whether bytes without a line end may still become a command. */
bool smtp_command_may_become(struct reader begun);

/* Whether the argument has the form that RFC 5321 section 4.1.1 asks for. Told
 * strictly: it decides whether a line, met where it may as well be content or an
 * AUTH response, is a command. */
bool smtp_command_well_formed(const struct smtp_command *command);

/* BDAT chunk-size [LAST] (RFC 3030 section 2). False: no such form, so no octets follow. */
bool smtp_command_bdat(struct reader argument, uint64_t *size, bool *last);

/* AUTH mechanism [initial-response] (RFC 4954 section 4). False: no mechanism's name
 * (up to 20 letters, digits, '-', '_'). */
bool smtp_command_auth(struct reader argument, struct reader *mechanism, bool *initial_response);

/* FROM:<path> or TO:<path> (prefix says which). False: no path there. domain is what
 * follows the last '@' outside a quoted string, or empty (null path, local name);
 * parameters is what follows the path. */
bool smtp_command_path(struct reader argument, const char *prefix, struct reader *domain,
                       struct reader *parameters);

#endif
