/* tlsrpt.h: the sink that writes reports on TLS (RFC 8460) into a directory.
 *
 *     tlsrpt:DIR?organization=Example Org&contact=mailto:postmaster@example.org&sender=example.org
 *
 * One file for each policy domain and UTC day, JSON in gzip, named as section 5.1 says:
 *
 *     DIR/sender!policy-domain!begin!end.json.gz         begin and end in seconds since 1970
 *
 * sender is a domain, by default the sensor's name where that is one; organization is by default the sensor's
 * name, and contact postmaster@sender. What counts, for which domain, stands in tlsrpt_report.h.
 *
 * A session belongs to the day of its last packet. A day is written when an event comes whose time is
 * TLSRPT_GRACE_S after its end, or when the sink is closed; sessions that come still later make another
 * report of that day, whose name has a number: !begin!end!2.json.gz. A file appears under its name when all
 * of it is on disk.
 *
 * A report that is there and says the same is left alone. One that says something else is not touched: an
 * error, unless options->force overwrites it, or the option append, or options->live, writes another one
 * beside it under the next number. */
#ifndef STARTTAP_OUTPUTS_TLSRPT_H
#define STARTTAP_OUTPUTS_TLSRPT_H

#include "sink.h"
#include "sink_spec.h"

#define TLSRPT_GRACE_S    3600
#define TLSRPT_OPEN_MAX   32   /* days that are gathered at a time; the oldest is then written early */
#define TLSRPT_DAYS_MAX   4096 /* days of which it is known how many reports were written */
#define TLSRPT_PARTS_MAX  9999 /* reports of one day and domain */
#define TLSRPT_SENDER_MAX 100  /* bytes of the sender: a file name has room for 255 */

bool tlsrpt_check(const struct sink_spec *spec, char *error, size_t error_len);
struct sink *tlsrpt_open(const struct sink_spec *spec, const char *text, const struct sink_options *options,
                         char *error, size_t error_len);

#endif
