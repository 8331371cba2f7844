/* syslog.h: the sink that tells a syslog server of alerts (syslog_message.h).
 *
 *     syslog:unix                     /dev/log; syslog:unix:/run/other.sock for another socket of datagrams
 *     syslog:udp://HOST:PORT          one message each (RFC 5426); not confirmed by anyone
 *     syslog:tcp://[2001:db8::1]:514  with the length in front of each message (RFC 6587 section 3.4.1)
 *
 * The port is 514 when none is given. Options: format=rfc5424 or cef, facility=daemon (the default), mail,
 * local0 and so on.
 *
 * A server that is not there is said once, and tried again each SYSLOG_RETRY_MS; alerts wait in memory
 * meanwhile, up to SYSLOG_PENDING_MAX bytes, then the sink is full. A message that was cut by the end of a
 * connection is sent anew on the next one; what the other end had not read by then is lost, as TCP does not
 * tell of it. */
#ifndef STARTTAP_OUTPUTS_SYSLOG_H
#define STARTTAP_OUTPUTS_SYSLOG_H

#include "sink.h"
#include "sink_spec.h"

#define SYSLOG_PENDING_MAX (1u << 20)
#define SYSLOG_RETRY_MS    1000
#define SYSLOG_CONNECT_MS  2000 /* for a connection to come about */

bool syslog_check(const struct sink_spec *spec, char *error, size_t error_len);
struct sink *syslog_open(const struct sink_spec *spec, const char *text, const struct sink_options *options,
                         char *error, size_t error_len);

#endif
