/* syslog_message.h: an alert as one syslog message (RFC 5424), its text plain or CEF.
 *
 *     <28>1 2024-01-31T23:59:59.123456Z sensor-1 starttap - mail.cleartext [origin software="starttap"
 *     swVersion="0.1.0"] A message crossed ... peer=192.0.2.25 name="mx.example.org" sessions=10 ...
 *
 * (one line). The time is that of the alert, MSGID its finding. Names came off the wire: they are quoted as
 * in JSON, cut to SYSLOG_TEXT_MAX bytes, and hold no control character.
 *
 * CEF is ArcSight's Common Event Format, version 0 of its revision 25: the finding is the signature ID, what
 * it means the name; an IPv6 address stands in c6a2 or c6a3, as src and dst are for IPv4. */
#ifndef STARTTAP_OUTPUTS_SYSLOG_MESSAGE_H
#define STARTTAP_OUTPUTS_SYSLOG_MESSAGE_H

#include "buffer.h"
#include "event.h"

#define SYSLOG_TEXT_MAX        255
#define SYSLOG_FACILITY_DAEMON 3

/* The number of a facility such as "daemon", "mail" or "local0" (RFC 5424 section 6.2.1); -1: there is none
 * of that name. */
int syslog_facility(const char *name);

/* Appends the message of an alert, without framing. */
void syslog_message(struct buffer *out, const struct event *event, int facility, bool cef);

#endif
