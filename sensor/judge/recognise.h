/* recognise.h: is this connection SMTP, whatever its port? By nDPI; all that differs between its versions 4.2
 * to 5.x is in recognise.c alone.
 *
 * nDPI goes by packets: three signs of SMTP (220, EHLO, 250, MAIL ...) in segments that end with a line. It
 * is told neither ports nor addresses, so that it cannot guess by them. TLS from the first byte is OTHER:
 * there is no SMTP to be seen. */
#ifndef STARTTAP_SENSOR_JUDGE_RECOGNISE_H
#define STARTTAP_SENSOR_JUDGE_RECOGNISE_H

#include <stdbool.h>

#include "../capture/packet.h"

enum recognised { RECOGNISED_NOT_YET, RECOGNISED_SMTP, RECOGNISED_OTHER };

/* One per pipeline and thread; made and freed by one thread at a time (nDPI's rule). NULL: nDPI would not
 * start. Outlives its recognitions. */
struct recogniser;
struct recogniser *recogniser_new(void);
void recogniser_free(struct recogniser *recogniser); /* NULL is fine */

struct recognition; /* one per connection that is being looked at: some kilobytes, so free it when decided */
struct recognition *recognition_new(struct recogniser *recogniser); /* NULL: out of memory */
void recognition_free(struct recognition *recognition);             /* NULL is fine */

/* Shows it the next segment of the connection, in the order of capture; those without payload change
 * nothing. What was decided stays. Gives up (OTHER) after RECOGNISE_SEGMENTS_MAX with payload. */
#define RECOGNISE_SEGMENTS_MAX 12
#define RECOGNISE_PAYLOAD_MAX  4096 /* bytes of one segment that are shown */
enum recognised recognition_look(struct recognition *recognition, const struct segment *segment,
                                 bool from_client);

#endif
