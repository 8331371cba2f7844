#include "smtp_command.h"

#include <string.h>

#include "smtp_text.h"

#define NAME(text)   text, SMTP_NAME_TAG(sizeof(text) - 1, (text)[0])
#define VERB_LEN_MAX UINT8_MAX /* none is as long */

static const struct {
    const char *name;
    uint16_t tag;
    enum smtp_verb verb;
} verbs[] = {
    {NAME("EHLO"), SMTP_VERB_EHLO},
    {NAME("LHLO"), SMTP_VERB_EHLO},
    {NAME("HELO"), SMTP_VERB_HELO},
    {NAME("MAIL"), SMTP_VERB_MAIL},
    {NAME("RCPT"), SMTP_VERB_RCPT},
    {NAME("DATA"), SMTP_VERB_DATA},
    {NAME("BDAT"), SMTP_VERB_BDAT},
    {NAME("RSET"), SMTP_VERB_RSET},
    {NAME("QUIT"), SMTP_VERB_QUIT},
    {NAME("AUTH"), SMTP_VERB_AUTH},
    {NAME("STARTTLS"), SMTP_VERB_STARTTLS},
    {NAME("X-ANONYMOUSTLS"), SMTP_VERB_ANONYMOUSTLS},
    {NAME("NOOP"), SMTP_VERB_OTHER}, /* RFC 5321 */
    {NAME("VRFY"), SMTP_VERB_OTHER},
    {NAME("EXPN"), SMTP_VERB_OTHER},
    {NAME("HELP"), SMTP_VERB_OTHER},
    {NAME("SEND"), SMTP_VERB_OTHER}, /* RFC 821 */
    {NAME("SOML"), SMTP_VERB_OTHER},
    {NAME("SAML"), SMTP_VERB_OTHER},
    {NAME("TURN"), SMTP_VERB_OTHER},
    {NAME("ETRN"), SMTP_VERB_OTHER}, /* RFC 1985 */
    {NAME("ATRN"), SMTP_VERB_OTHER}, /* RFC 2645 */
    {NAME("BURL"), SMTP_VERB_OTHER}, /* RFC 4468 */
    {NAME("XCLIENT"), SMTP_VERB_OTHER},
    {NAME("XFORWARD"), SMTP_VERB_OTHER},
    {NAME("VERB"), SMTP_VERB_OTHER}, /* Sendmail */
    {NAME("ONEX"), SMTP_VERB_OTHER},
    {NAME("XADR"), SMTP_VERB_OTHER},
    {NAME("XSTA"), SMTP_VERB_OTHER},
    {NAME("XCIR"), SMTP_VERB_OTHER},
    {NAME("XGEN"), SMTP_VERB_OTHER},
    {NAME("XUSR"), SMTP_VERB_OTHER},
    {NAME("X-EXPS"), SMTP_VERB_OTHER}, /* Exchange */
    {NAME("X-LINK2STATE"), SMTP_VERB_OTHER},
    {NAME("XPROXY"), SMTP_VERB_OTHER},
    {NAME("XPROXYFROM"), SMTP_VERB_OTHER},
    {NAME("XPROXYTO"), SMTP_VERB_OTHER},
    {NAME("XSHADOW"), SMTP_VERB_OTHER},
    {NAME("XQDISCARD"), SMTP_VERB_OTHER},
    {NAME("XSESSIONPARAMS"), SMTP_VERB_OTHER},
};

struct smtp_command smtp_command_of(struct reader line) {
    struct smtp_command command = {SMTP_VERB_UNKNOWN, false, line};
    /* RFC 5321 section 4.1.1: the verb begins the line. */
    const uint8_t *at = line.pos;
    while (at < line.end && !smtp_is_blank(*at)) {
        at++;
    }
    size_t len = (size_t)(at - line.pos);
    if (len == 0 || len > VERB_LEN_MAX) {
        return command;
    }
    struct reader word = reader_sub(&line, len);
    uint16_t tag = SMTP_NAME_TAG(len, smtp_upper_of(word.pos[0]));
    for (size_t i = 0; i < sizeof(verbs) / sizeof(verbs[0]); i++) {
        if (verbs[i].tag == tag && smtp_is(word, verbs[i].name)) {
            command.verb = verbs[i].verb;
            command.lmtp = verbs[i].name[0] == 'L'; /* LHLO */
            command.argument = smtp_trim(line);
            break;
        }
    }
    return command;
}

bool smtp_command_is_starttls(const struct smtp_command *command) {
    return command->verb == SMTP_VERB_STARTTLS || command->verb == SMTP_VERB_ANONYMOUSTLS;
}

bool smtp_command_may_become(struct reader begun) {
    struct reader line = begun;
    struct reader word = smtp_word(&line);
    size_t len = reader_left(&word);
    if (len < reader_left(&begun)) {
        return smtp_command_of(begun).verb != SMTP_VERB_UNKNOWN;
    }
    for (size_t i = 0; i < sizeof(verbs) / sizeof(verbs[0]); i++) {
        struct reader name = reader_of((const uint8_t *)verbs[i].name, strlen(verbs[i].name));
        struct reader at = word;
        size_t same = 0;
        while (reader_left(&at) > 0 && (reader_u8(&at) & 0xdf) == (reader_u8(&name) & 0xdf)) {
            same++;
        }
        if (same == len) {
            return true;
        }
    }
    return false;
}

bool smtp_command_well_formed(const struct smtp_command *command) {
    struct reader argument = command->argument;
    struct reader ignored;
    uint64_t size;
    bool flag;
    switch (command->verb) {
    case SMTP_VERB_EHLO:
    case SMTP_VERB_HELO:
        return reader_left(&argument) > 0;
    case SMTP_VERB_MAIL:
        return smtp_skip_prefix(&argument, "FROM:");
    case SMTP_VERB_RCPT:
        return smtp_skip_prefix(&argument, "TO:");
    case SMTP_VERB_BDAT:
        return smtp_command_bdat(argument, &size, &flag);
    case SMTP_VERB_AUTH:
        return smtp_command_auth(argument, &ignored, &flag);
    case SMTP_VERB_STARTTLS:
    case SMTP_VERB_ANONYMOUSTLS:
    case SMTP_VERB_DATA:
    case SMTP_VERB_RSET:
    case SMTP_VERB_QUIT:
        return reader_left(&argument) == 0;
    case SMTP_VERB_UNKNOWN:
    case SMTP_VERB_OTHER:
        break;
    }
    return false;
}

bool smtp_command_bdat(struct reader argument, uint64_t *size, bool *last) {
    struct reader digits = smtp_word(&argument);
    struct reader word = smtp_word(&argument);
    bool is_last = smtp_is(word, "LAST");
    if (reader_left(&digits) == 0 || reader_left(&argument) > 0 || (!is_last && reader_left(&word) > 0)) {
        return false;
    }
    uint64_t value = 0;
    while (reader_left(&digits) > 0) {
        unsigned digit = (unsigned)reader_u8(&digits) - '0';
        if (digit > 9 || value > (UINT64_MAX - digit) / 10) {
            return false;
        }
        value = value * 10 + digit;
    }
    *size = value;
    *last = is_last;
    return true;
}

bool smtp_command_auth(struct reader argument, struct reader *mechanism, bool *initial_response) {
    struct reader name = smtp_word(&argument);
    struct reader at = name;
    if (reader_left(&name) == 0 || reader_left(&name) > SMTP_MECHANISM_LEN_MAX) {
        return false;
    }
    while (reader_left(&at) > 0) {
        uint8_t c = reader_u8(&at);
        bool good = (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' ||
                    c == '_';
        if (!good) {
            return false;
        }
    }
    *mechanism = name;
    *initial_response = reader_left(&argument) > 0;
    return true;
}

bool smtp_command_path(struct reader argument, const char *prefix, struct reader *domain,
                       struct reader *parameters) {
    if (!smtp_skip_prefix(&argument, prefix)) {
        return false;
    }
    struct reader path = smtp_trim(argument); /* "FROM: <path>" is wrong and common */
    struct reader at = path;
    bool bracketed = smtp_skip_prefix(&at, "<");
    bool quoted = false, found = false;
    size_t domain_len = 0;
    struct reader after = at;
    while (reader_left(&at) > 0) {
        uint8_t c = reader_u8(&at);
        if (quoted && c == '\\') {
            reader_skip(&at, reader_left(&at) > 0 ? 1 : 0);
        } else if (c == '"') {
            quoted = !quoted;
        } else if (!quoted && c == '@') {
            found = true;
            domain_len = 0;
            after = at;
            continue;
        } else if (!quoted && (c == '>' || (!bracketed && (c == ' ' || c == '\t')))) {
            break;
        }
        domain_len++;
    }
    *domain = reader_sub(&after, found ? domain_len : 0);
    *parameters = at;
    return true;
}
