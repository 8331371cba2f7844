/* tlsrpt.h: how a session failed, in the words of RFC 8460, section 4.3. */
#ifndef STARTTAP_SENSOR_JUDGE_TLSRPT_H
#define STARTTAP_SENSOR_JUDGE_TLSRPT_H

#include "../../outputs/event.h"

/* Of a described session; NULL when it did not fail, or in a way that cannot be seen, or began with TLS,
 * which the RFC is not about.
 * By what was seen of both ends, and of a policy (DANE, MTA-STS) that the certificate had to keep:
 *
 *     starttls-not-supported        STARTTLS was not offered, was overwritten, or was refused
 *     certificate-expired           the client said so by an alert, or the policy failed for it
 *     certificate-host-mismatch     the client rejected a certificate that is valid, but of another name; or
 *                                   the policy failed for its name
 *     certificate-not-trusted       the client rejected the certificate otherwise, or it failed the policy so
 *     validation-failure            no handshake was completed, for a reason that is none of these; or the
 *                                   policy does not name the server */
const char *tlsrpt_result_type(const struct session_event *session);

#endif
