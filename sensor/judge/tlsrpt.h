/* tlsrpt.h: how a session failed, in the words of RFC 8460, section 4.3. */
#ifndef STARTTAP_SENSOR_JUDGE_TLSRPT_H
#define STARTTAP_SENSOR_JUDGE_TLSRPT_H

#include "../../outputs/event.h"

/* Of a described session; NULL when it did not fail, or in a way that cannot be seen, or began with TLS,
 * which the RFC is not about.
 *
 *     starttls-not-supported        STARTTLS was not offered, was overwritten, or was refused
 *     certificate-expired           the client said so by an alert
 *     certificate-host-mismatch     the client rejected a certificate that is valid, but of another name
 *     certificate-not-trusted       the client rejected the certificate otherwise
 *     validation-failure            no handshake was completed, for a reason that is none of these */
const char *tlsrpt_result_type(const struct session_event *session);

#endif
