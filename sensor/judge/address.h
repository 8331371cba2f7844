/* address.h: what addresses tell: their text, the Community ID of a connection, and its direction. */
#ifndef STARTTAP_SENSOR_JUDGE_ADDRESS_H
#define STARTTAP_SENSOR_JUDGE_ADDRESS_H

#include "../config.h"
#include "digest.h"

#define ADDRESS_TEXT_MAX 46
#define COMMUNITY_ID_MAX 32 /* "1:" and 28 characters, terminated */

struct endpoint_address {
    const uint8_t *bytes; /* addr_len bytes, network order */
    uint8_t addr_len;     /* 4 or 16 */
    uint16_t port;
};

const char *address_text(const struct endpoint_address *endpoint, char text[ADDRESS_TEXT_MAX]);

/* Community ID version 1, seed 0 (https://github.com/corelight/community-id-spec), for TCP. False when
 * OpenSSL has no SHA-1 to offer (FIPS). */
bool address_community_id(struct digest *digest, const struct endpoint_address *source,
                          const struct endpoint_address *destination, char text[COMMUNITY_ID_MAX]);

enum direction {
    DIRECTION_OPEN,
    DIRECTION_INBOUND,
    DIRECTION_OUTBOUND,
    DIRECTION_INTERNAL,
    DIRECTION_EXTERNAL
};

/* Which way a connection crosses the edge of the home networks; OPEN when none are configured. */
enum direction address_direction(const struct config *config, const struct endpoint_address *client,
                                 const struct endpoint_address *server);
const char *direction_name(enum direction direction); /* ECS network.direction; NULL for OPEN */

#endif
