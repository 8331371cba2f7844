/* recognise.h: is this connection SMTP, whatever its port? By nDPI; all that differs between its versions 4.2
 * to 5.x is in recognise.c alone. */
#ifndef STARTTAP_SENSOR_JUDGE_RECOGNISE_H
#define STARTTAP_SENSOR_JUDGE_RECOGNISE_H

#include <stdbool.h>

#include "../capture/packet.h"

enum recognised { RECOGNISED_NOT_YET, RECOGNISED_SMTP, RECOGNISED_OTHER };

struct recogniser;                       /* one per pipeline */
struct recogniser *recogniser_new(void); /* NULL: nDPI would not start */
void recogniser_free(struct recogniser *recogniser);

struct recognition; /* one per connection that is being looked at */
struct recognition *recognition_new(struct recogniser *recogniser);
void recognition_free(struct recognition *recognition); /* NULL is fine */

/* Shows it the next segment of the connection. Gives up (OTHER) after RECOGNISE_SEGMENTS_MAX with payload. */
#define RECOGNISE_SEGMENTS_MAX 12
enum recognised recognition_look(struct recognition *recognition, const struct segment *segment,
                                 bool from_client);

#endif
