/* mta_sts.h: MTA-STS policies (RFC 8461) that somebody put into a directory: nothing is fetched.
 *
 * DIR/DOMAIN.txt holds what https://mta-sts.DOMAIN/.well-known/mta-sts.txt would say (section 3.2). */
#ifndef STARTTAP_SENSOR_JUDGE_MTA_STS_H
#define STARTTAP_SENSOR_JUDGE_MTA_STS_H

#include <stdbool.h>
#include <stddef.h>

#define MTA_STS_POLICIES_MAX 65536u
#define MTA_STS_FILE_MAX     65536u /* bytes; section 3.3 speaks of 64 kilobytes as plenty */
#define MTA_STS_MX_MAX       256u   /* patterns of a policy */
#define MTA_STS_LINES_MAX                                                                                    \
    64u /* lines of a policy, and bytes of a line: of one with more the text is not kept */
#define MTA_STS_LINE_MAX 512u

struct mta_sts_policy {
    char *domain;     /* lower case */
    const char *mode; /* "enforce", "testing", "none" */
    char **mx;        /* patterns, lower case */
    size_t num_mx;
    char **lines; /* its text, without blanks at their ends */
    size_t num_lines;
};

struct mta_sts;

/* All *.txt of the directory. NULL with a message in error, which names file and line. */
struct mta_sts *mta_sts_load(const char *directory, char *error, size_t error_len);
void mta_sts_free(struct mta_sts *sts); /* NULL is fine */

/* The policy of that very domain; NULL: none, or sts is NULL. */
const struct mta_sts_policy *mta_sts_find(const struct mta_sts *sts, const char *domain);

/* Is the host one of the policy's (section 4.1)? '*' stands for the whole leftmost label. */
bool mta_sts_has_mx(const struct mta_sts_policy *policy, const char *host);

/* One file's text -> policy, but for its domain. False with the number of the line (0: the file as a whole)
 * and what is wrong. */
bool mta_sts_parse(const char *text, size_t len, struct mta_sts_policy *policy, unsigned *line,
                   const char **wrong);
void mta_sts_policy_cleanup(struct mta_sts_policy *policy);

#endif
