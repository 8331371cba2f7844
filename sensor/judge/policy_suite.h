/* policy_suite.h: what OpenSSL's words for kinds of cipher suites (ciphers(1)), as Postfix uses them, say of
 * a suite with its IANA name. Inner part of policy.
 *
 * Suites of TLS 1.3 are none of these kinds: OpenSSL's lists do not choose among them. */
#ifndef STARTTAP_SENSOR_JUDGE_POLICY_SUITE_H
#define STARTTAP_SENSOR_JUDGE_POLICY_SUITE_H

#include <stdbool.h>

/* From the lowest. Postfix's grade includes all above it; NULL stands for itself. */
enum suite_grade { SUITE_NULL, SUITE_EXPORT, SUITE_LOW, SUITE_MEDIUM, SUITE_HIGH, SUITE_UNKNOWN };

/* "export", "low", "medium", "high", "null"; SUITE_UNKNOWN: none of these. */
enum suite_grade suite_grade_find(const char *word);
const char *suite_grade_name(enum suite_grade grade);

/* By OpenSSL 3: HIGH is AES, ChaCha20, Camellia and ARIA; MEDIUM 3DES, RC4, SEED and IDEA; LOW single DES. */
enum suite_grade suite_grade_of(const char *suite);

bool suite_is_tls13(const char *suite);
bool suite_is_anonymous(const char *suite);

/* Words of exclude=: "RC4", "3DES", "kRSA", "aNULL", "SHA1", "CBC" ..., joined by '+' where all must be true.
 */
bool suite_word_known(const char *word);
bool suite_word_fits(const char *word, const char *suite);

#endif
