/* naming.h: what the names that were looked up change of a session event.
 *
 * Which name a certificate has to stand for, the first of these that is known:
 *   1. the server's name by the DNS, on any port but those for submission (465, 587), if it was seen to be
 *      the MX of some domain and its address is the server's;
 *   2. the name that the client asked for (SNI);
 *   3. the name by the DNS that this client had looked up: an A or AAAA answer to it with the server's
 *      address;
 *   4. the name by which the server calls itself.
 * Where several hosts fit, one is taken that is an MX of a recipient's domain, then the client's SNI, then
 * one that the certificate stands for, then one that the client itself asked for, then the one seen last:
 * nobody is accused on a doubtful name. 2 and 4 are judged where the certificate is (describe_tls.c).
 *
 * A host may be an alias (CNAME) whose address came in another answer: NAMING_ALIASES_MAX such steps are
 * followed, and NAMING_HOSTS_MAX hosts of one address looked at.
 *
 * From there come dns.*, dane.* and, where there are policies, mta_sts.*. */
#ifndef STARTTAP_SENSOR_JUDGE_NAMING_H
#define STARTTAP_SENSOR_JUDGE_NAMING_H

#include "../../outputs/event.h"
#include "digest.h"
#include "mta_sts.h"
#include "names.h"
#include "trust.h"

#define NAMING_ALIASES_MAX 8
#define NAMING_HOSTS_MAX   32

struct naming {
    const struct names *names;     /* NULL: the DNS is not looked at */
    const struct mta_sts *mta_sts; /* NULL: no policies */
    struct digest *digest;
    struct trust *trust; /* reads the chains that TLSA records are compared with */
    /* Told of each fact that the event rests on: without the others it would be the same. NULL: nobody. */
    void (*rests_on)(void *context, const struct name_found *fact);
    void *context;
};

/* What a session's event does not hold of it. */
struct naming_ends {
    struct name_end client, server;
    struct trust_copy chain; /* of the server */
};

void naming_describe(const struct naming *naming, struct event *event, const struct naming_ends *ends);

/* Does a certificate with these alternative names stand for the host (RFC 9525 sections 6.3)? '*' only as the
 * whole leftmost label, with two more behind it. */
enum fact naming_matches(const struct text_list *alternative_names, const char *host);

#endif
