/* verdict.h: what the evidence of one connection allows to say, and nothing more.
 *
 * The rule above all: a verdict is the true one or `unknown`. Whatever a lost
 * packet could have hidden makes a verdict unknown when it could have changed it. */
#ifndef STARTTAP_SENSOR_JUDGE_VERDICT_H
#define STARTTAP_SENSOR_JUDGE_VERDICT_H

#include "../../outputs/event.h"
#include "../../parsers/smtp.h"
#include "../../parsers/tls.h"

struct evidence {
    const struct smtp_facts *smtp;
    const struct tls_facts *tls;           /* NULL: no TLS byte was seen */
    bool tls_began[2], clear_after_tls[2]; /* by side */
    bool tls_from_start[2];                /* the first byte after the SYN was TLS */
    bool tls_found[2];                     /* it was found in the words of another protocol */
    bool asked_proxy[2];                   /* it began with the words for, or of, a proxy */
    bool visible[2];                       /* packets of that side were captured */
    bool gap;                              /* bytes of either side are missing */
    bool midstream, truncated, evicted;    /* as in starttap.capture */
    bool ended;                            /* by RST or both FINs */
    bool timed_out;                        /* silence for the idle timeout, while the capture went on */
    bool mail_port, tls_port;              /* what the server's port is configured as */
};

struct judgement {
    enum verdict verdict;
    enum unknown_reason unknown_reason;
    const char *reason; /* one static sentence */
    const char *mode;   /* "starttls", "implicit", "plain"; NULL for not_smtp and where it is not known */
};

/* The connection has ended, or its client said so: nothing can follow that would change what was seen. */
bool verdict_is_over(const struct evidence *evidence);

struct judgement verdict_of(const struct evidence *evidence);

#endif
