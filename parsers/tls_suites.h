/* tls_suites.h: the table behind tls_suite_find() in tls_names.h. */
#ifndef STARTTAP_PARSERS_TLS_SUITES_H
#define STARTTAP_PARSERS_TLS_SUITES_H

#include "tls_names.h"

extern const struct tls_suite tls_suites[]; /* sorted by id */
extern const size_t tls_num_suites;

#endif
