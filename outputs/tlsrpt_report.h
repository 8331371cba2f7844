/* tlsrpt_report.h: sessions gathered into reports on TLS (RFC 8460), one for each policy domain.
 *
 * Which sessions: those in which a mail server hands mail to another. With home networks, only what goes out,
 * as it is the sender who reports; without, every one, as a capture does not tell who asks. What is a
 * submission (implicit TLS, port 587, a login) is none of it. A session counts
 *
 *     successful    when TLS was established after STARTTLS
 *     failed        when starttap.tlsrpt.result_type says how
 *     not at all    otherwise: the verdict is unknown, there was no mail, the client never asked for TLS. The
 *                   receiving domain is not to blame, or nobody who only looks on can tell.
 *
 * The policy is what was seen of one: "tlsa" where TLSA records were in DNS answers, as safe by DNSSEC as the
 * resolver claimed, "sts" where an MTA-STS policy in force was given (--mta-sts), else "no-policy-found".
 * Under a policy a session is successful when it was seen to keep it, so that one whose certificate is hidden
 * (TLS 1.3) does not count. Without one, a certificate that no authority vouches for, or of another name,
 * fails no session: the sender does not look at it. Its text (section 4.4) is in the report where all of it
 * is known: the lines of the file, with the patterns in mx-host, or the TLSA records. Each text has counts of
 * its own. A session that was under the MTA-STS policy of one recipient's domain is in no report of the
 * others'.
 *
 * The policy domain is that of the recipients, where these were seen, and a session counts for each of them.
 * TLS hides them: then it is the one domain of which the server was seen to be an MX, else the name of the
 * server. Not the domain that this name is in: who holds the name
 * of a host is known, for whose mail it stands is not, and a provider's domain is no customer's. A session
 * with neither, as with a server that said no name, is in no report, and so is a domain that is no host name
 * (RFC 1123), such as an address. */
#ifndef STARTTAP_OUTPUTS_TLSRPT_REPORT_H
#define STARTTAP_OUTPUTS_TLSRPT_REPORT_H

#include "buffer.h"
#include "event.h"

#define TLSRPT_DOMAINS_MAX     10000 /* of a day; sessions of more are counted as dropped */
#define TLSRPT_DETAILS_MAX     64 /* kinds of failure of a domain; beyond, only result types are told apart */
#define TLSRPT_DAY_DETAILS_MAX 50000   /* the same of all domains of a day together */
#define TLSRPT_POLICIES_MAX    16      /* policies of a domain; more are counted without their text, */
#define TLSRPT_DAY_TEXT_MAX    8388608 /* as are those beyond so many bytes of text in a day */
#define TLSRPT_DOMAIN_LEN      254     /* with the NUL */

struct tlsrpt_report;

/* The reports of one day, in order of their domains. Zeroed: none. */
struct tlsrpt_day {
    struct tlsrpt_report **reports;
    size_t num, cap, num_details, text_len;
    uint64_t num_sessions; /* counted in them; one of several domains once */
    uint64_t num_dropped;  /* for lack of room */
};

/* Who reports. */
struct tlsrpt_sender {
    const char *organization, *contact, *domain; /* borrowed */
};

/* Whether the session counts, and how: 1 successful, -1 failed, 0 not at all. */
int tlsrpt_counts(const struct session_event *session);

/* Counts it where it counts. False when out of memory: it is then in no report, or not in all. */
bool tlsrpt_day_add(struct tlsrpt_day *day, const struct session_event *session);
void tlsrpt_day_cleanup(struct tlsrpt_day *day);

const char *tlsrpt_domain(const struct tlsrpt_report *report);

/* Appends the report as JSON, of the UTC day that begins at begin_s. Its report-id is made of what it says,
 * so that the same sessions give the same bytes. Ask out->failed for lack of memory. */
void tlsrpt_write(const struct tlsrpt_report *report, uint64_t begin_s, const struct tlsrpt_sender *sender,
                  struct buffer *out);

/* text as a host name in lower case, without a dot at its end; false when it is none. */
bool tlsrpt_host_name(const char *text, char out[TLSRPT_DOMAIN_LEN]);

#endif
