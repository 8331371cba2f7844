#include "recognise.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <ndpi_api.h>

/* From nDPI 4.6 on, a packet may come with what the caller knows of the flow; we have nothing to add. */
#define NDPI_AT_LEAST(major, minor) (NDPI_MAJOR > (major) || (NDPI_MAJOR == (major) && NDPI_MINOR >= (minor)))
#if NDPI_AT_LEAST(4, 6)
#define PROCESS_EXTRA , NULL
#else
#define PROCESS_EXTRA
#endif

/* 4.12 put both ids into a struct of their own. */
#if NDPI_AT_LEAST(4, 12)
#define MASTER_OF(found) ((found).proto.master_protocol)
#define APP_OF(found)    ((found).proto.app_protocol)
#else
#define MASTER_OF(found) ((found).master_protocol)
#define APP_OF(found)    ((found).app_protocol)
#endif

#define IP_HEADER_LEN  20
#define TCP_HEADER_LEN 20
#define PACKET_MAX     (IP_HEADER_LEN + TCP_HEADER_LEN + RECOGNISE_PAYLOAD_MAX)

/* What nDPI is told in place of addresses and ports: they stand for no protocol, and are other ones for each
 * connection, for nDPI also remembers them from one to the next. */
#define CLIENT_ADDRESS 0x0a000000u /* 10.0.0.0/9 */
#define SERVER_ADDRESS 0x0a800000u /* 10.128.0.0/9 */
#define ADDRESS_MASK   0x007fffffu
#define CLIENT_PORT    49001
#define SERVER_PORT    49002

struct recogniser {
    struct ndpi_detection_module_struct *module;
    uint32_t num_recognitions;
    _Alignas(8) uint8_t packet[PACKET_MAX]; /* for one call; nDPI reads words from it */
};

struct recognition {
    struct recogniser *recogniser;
    struct ndpi_flow_struct *flow;
    uint32_t number;           /* which stands for its addresses */
    unsigned int num_segments; /* with payload, shown */
    enum recognised decided;
};

static struct ndpi_detection_module_struct *module_new(void) {
#if NDPI_AT_LEAST(6, 0)
#error "nDPI 6 wants to be told under which licence it is used: not supported yet"
#elif NDPI_AT_LEAST(4, 10)
    return ndpi_init_detection_module(NULL);
#else
    return ndpi_init_detection_module(ndpi_no_prefs);
#endif
}

/* SMTP, and those that it could be taken for or that are soon told apart: the rest of nDPI's hundreds would
 * only claim SMTP by some weak sign (4.2 calls a banner with "--" in it MQTT) and be one more reader of
 * hostile bytes. */
static const unsigned int protocols[] = {
    NDPI_PROTOCOL_MAIL_SMTP,   NDPI_PROTOCOL_MAIL_POP, NDPI_PROTOCOL_MAIL_IMAP,
    NDPI_PROTOCOL_FTP_CONTROL, NDPI_PROTOCOL_HTTP,     NDPI_PROTOCOL_SSH,
};
#define NUM_PROTOCOLS (sizeof protocols / sizeof protocols[0])

static void module_enable(struct ndpi_detection_module_struct *module) {
#if NDPI_AT_LEAST(5, 0)
    (void)ndpi_set_config(module, "any", "enable", "0");
    for (size_t i = 0; i < NUM_PROTOCOLS; i++) {
        char id[16];
        snprintf(id, sizeof id, "%u", protocols[i]);
        (void)ndpi_set_config(module, id, "enable", "1");
    }
#else
    NDPI_PROTOCOL_BITMASK enabled;
    NDPI_BITMASK_RESET(enabled);
/* the macro's own arithmetic is in long */
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wconversion"
    for (size_t i = 0; i < NUM_PROTOCOLS; i++)
        NDPI_BITMASK_ADD(enabled, protocols[i]);
#pragma GCC diagnostic pop
    ndpi_set_protocol_detection_bitmask2(module, &enabled);
#endif
}

struct recogniser *recogniser_new(void) {
    struct recogniser *recogniser = calloc(1, sizeof *recogniser);
    if (recogniser == NULL)
        return NULL;
    recogniser->module = module_new();
    if (recogniser->module == NULL) {
        free(recogniser);
        return NULL;
    }
    module_enable(recogniser->module);
    ndpi_finalize_initialization(recogniser->module);
    return recogniser;
}

void recogniser_free(struct recogniser *recogniser) {
    if (recogniser == NULL)
        return;
    ndpi_exit_detection_module(recogniser->module);
    free(recogniser);
}

struct recognition *recognition_new(struct recogniser *recogniser) {
    struct recognition *recognition = calloc(1, sizeof *recognition);
    size_t flow_len = ndpi_detection_get_sizeof_ndpi_flow_struct();
    struct ndpi_flow_struct *flow = ndpi_flow_malloc(flow_len);
    if (recognition == NULL || flow == NULL) {
        free(recognition);
        ndpi_flow_free(flow);
        return NULL;
    }
    memset(flow, 0, flow_len);
    recognition->recogniser = recogniser;
    recognition->flow = flow;
    recognition->number = recogniser->num_recognitions++ & ADDRESS_MASK;
    return recognition;
}

void recognition_free(struct recognition *recognition) {
    if (recognition == NULL)
        return;
    ndpi_free_flow(recognition->flow);
    free(recognition);
}

static uint8_t *put_u16(uint8_t *at, uint32_t value) {
    *at++ = (uint8_t)(value >> 8);
    *at++ = (uint8_t)value;
    return at;
}

static uint8_t *put_u32(uint8_t *at, uint32_t value) {
    return put_u16(put_u16(at, value >> 16), value);
}

/* The segment as a packet of its own (RFC 791 section 3.1, RFC 9293 section 3.1), without what could mislead:
 * nDPI guesses by port and address, even to call HTTP on port 25 "SMTP.HTTP". It is whole in itself also
 * where the capture cut it, where it came in fragments, or with a length of 0 from an offloading card. */
static size_t packet_build(uint8_t *packet, const struct recognition *recognition,
                           const struct segment *segment, bool from_client) {
    uint32_t client = CLIENT_ADDRESS | recognition->number, server = SERVER_ADDRESS | recognition->number;
    uint32_t payload_len = segment->payload_len;
    if (payload_len > RECOGNISE_PAYLOAD_MAX)
        payload_len = RECOGNISE_PAYLOAD_MAX;
    uint8_t *at = put_u16(packet, 0x4500); /* version 4, header of 5 words */
    at = put_u16(at, IP_HEADER_LEN + TCP_HEADER_LEN + payload_len);
    at = put_u32(at, 0x00004000); /* not a fragment */
    at = put_u32(at, 0x40060000); /* hops, TCP, no checksum: nDPI does not look at it */
    at = put_u32(at, from_client ? client : server);
    at = put_u32(at, from_client ? server : client);
    at = put_u16(at, from_client ? CLIENT_PORT : SERVER_PORT);
    at = put_u16(at, from_client ? SERVER_PORT : CLIENT_PORT);
    at = put_u32(at, segment->seq);
    at = put_u32(at, segment->ack);
    at = put_u16(at, 0x5000u | segment->flags); /* header of 5 words */
    at = put_u16(at, segment->window);
    at = put_u32(at, 0);
    memcpy(at, segment->payload, payload_len);
    return IP_HEADER_LEN + TCP_HEADER_LEN + payload_len;
}

static enum recognised ask(struct recognition *recognition, const struct segment *segment, bool from_client) {
    struct recogniser *recogniser = recognition->recogniser;
    size_t len = packet_build(recogniser->packet, recognition, segment, from_client);
    ndpi_protocol found =
        ndpi_detection_process_packet(recogniser->module, recognition->flow, recogniser->packet,
                                      (unsigned short)len, segment->ts_ns / 1000000 PROCESS_EXTRA);
    /* "SMTP.Google" is SMTP by a name that is known; a guess, or what a cache says, is no evidence */
    unsigned int spoken = MASTER_OF(found) != NDPI_PROTOCOL_UNKNOWN ? MASTER_OF(found) : APP_OF(found);
    if (spoken == NDPI_PROTOCOL_UNKNOWN || recognition->flow->confidence != NDPI_CONFIDENCE_DPI)
        return RECOGNISED_NOT_YET;
    return spoken == NDPI_PROTOCOL_MAIL_SMTP || spoken == NDPI_PROTOCOL_MAIL_SMTPS ? RECOGNISED_SMTP
                                                                                   : RECOGNISED_OTHER;
}

/* A TLS record of the handshake (RFC 8446 section 5.1): no need to ask. */
static bool starts_tls(const struct segment *segment) {
    return segment->payload_len >= 2 && segment->payload[0] == 22 && segment->payload[1] == 3;
}

enum recognised recognition_look(struct recognition *recognition, const struct segment *segment,
                                 bool from_client) {
    if (recognition->decided != RECOGNISED_NOT_YET || segment->payload_len == 0)
        return recognition->decided;
    if (recognition->num_segments == 0 && starts_tls(segment))
        recognition->decided = RECOGNISED_OTHER;
    else
        recognition->decided = ask(recognition, segment, from_client);
    if (++recognition->num_segments >= RECOGNISE_SEGMENTS_MAX && recognition->decided == RECOGNISED_NOT_YET)
        recognition->decided = RECOGNISED_OTHER;
    return recognition->decided;
}
