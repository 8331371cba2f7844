/* sample_event.h: events for the tests of outputs/, with every member set. */
#ifndef STARTTAP_TESTS_SAMPLE_EVENT_H
#define STARTTAP_TESTS_SAMPLE_EVENT_H

#include "../../outputs/fields.h"

#include <string.h>

static inline void sample_id(struct event *event) {
    memcpy(event->id, "0123456789abcdef0123456789abcdef", 33);
}

/* Fills what is optional in event from the table of fields, so that no member is
 * forgotten: texts with `text`, numbers with 7, facts with yes. */
static inline void sample_fill(struct event *event, const char *text) {
    static const char *items[3];
    static struct count counts[2];
    size_t num;
    const struct field *table = fields_table(&num);
    items[0] = text;
    items[1] = NULL; /* may be there, is skipped */
    items[2] = "second";
    counts[0] = (struct count){text, 12};
    counts[1] = (struct count){"second", 1};
    for (size_t i = 0; i < num; i++) {
        void *at = (char *)event + table[i].offset;
        if (!field_in(&table[i], event->dataset)) {
            continue;
        }
        /* Members with a fixed set of words keep to it: the schema says so. */
        static char words[NUM_FINDINGS][32];
        static size_t used;
        const char *word = text;
        if (table[i].values != NULL) {
            char *copy = words[used++ % NUM_FINDINGS];
            (void)strncpy(copy, table[i].values, sizeof words[0] - 1);
            copy[strcspn(copy, " ")] = '\0';
            word = copy;
        }
        if (table[i].kind == FIELD_IP) {
            word = "192.0.2.1";
        } else if (table[i].kind == FIELD_HEX) {
            word = "00ff";
        }
        switch ((enum field_kind)table[i].kind) {
        case FIELD_TEXT:
        case FIELD_IP:
        case FIELD_HEX:
            memcpy(at, &word, sizeof word);
            break;
        case FIELD_TEXTS:
            *(struct text_list *)at = (struct text_list){.items = items, .num = 3};
            break;
        case FIELD_NUMBER:
        case FIELD_NUMBER_WORD:
        case FIELD_COUNTER:
            *(int64_t *)at = 7;
            break;
        case FIELD_TIME_S:
            *(int64_t *)at = -1;
            break;
        case FIELD_FACT:
        case FIELD_OUTCOME:
            *(enum fact *)at = FACT_YES;
            break;
        case FIELD_FLAG:
        case FIELD_IP_VERSION:
            *(bool *)at = true;
            break;
        case FIELD_SESSION_COUNTS:
        case FIELD_HIT_COUNTS:
        case FIELD_SINK_COUNTS:
            *(struct count_list *)at = (struct count_list){counts, 2};
            break;
        case FIELD_FINDING_COUNTS:
            ((uint64_t *)at)[FINDING_CERT_EXPIRED] = 3;
            break;
        case FIELD_VERDICT_COUNTS:
            ((uint64_t *)at)[VERDICT_REFUSED] = 2;
            break;
        case FIELD_RATIO:
            ((uint64_t *)at)[0] = 2;
            ((uint64_t *)at)[1] = 3;
            break;
        default:
            break;
        }
    }
    sample_id(event);
    if (event->dataset == DATASET_SESSION) {
        event->session.start_ns = UINT64_C(1700000000000000001);
        event->session.end_ns = UINT64_C(1700000002500000001);
        event->session.verdict = VERDICT_UNKNOWN;
        event->session.unknown_reason = UNKNOWN_GAP;
        event_find(&event->session, FINDING_MAIL_CLEARTEXT);
        event_find(&event->session, FINDING_AUTH_CLEARTEXT);
    } else if (event->dataset == DATASET_ALERT) {
        event->alert.findings = UINT64_C(1) << FINDING_AUTH_CLEARTEXT;
    }
}

/* A session as it comes out of usual traffic, with borrowed texts. */
static inline void sample_session(struct event *event) {
    static const char *const capabilities[] = {"PIPELINING", "SIZE 10240000", "STARTTLS", "8BITMIME"};
    static const char *const names[] = {"mx.example.org", "mail.example.org"};
    event_reset(event, DATASET_SESSION);
    sample_id(event);
    event->observer_name = "sensor1";
    event->observer_version = "0.1.0";
    struct session_event *session = &event->session;
    session->start_ns = UINT64_C(1700000000123456789);
    session->end_ns = UINT64_C(1700000001000000000);
    session->outcome = FACT_YES;
    session->reason = "STARTTLS was accepted and the TLS handshake completed.";
    session->source = (struct event_endpoint){
        .ip = "192.0.2.10", .port = 40001, .bytes = 2211, .packets = 14, .as_number = EVENT_ABSENT};
    session->destination = (struct event_endpoint){.ip = "198.51.100.25",
                                                   .port = 25,
                                                   .bytes = 5021,
                                                   .packets = 12,
                                                   .domain = "mx.example.org",
                                                   .as_number = EVENT_ABSENT};
    session->network_protocol = "smtp";
    session->community_id = "1:hO+sN4H+MG5MY/8hIrXPqc4ZQz0=";
    session->tls_version = "1.2";
    session->tls_version_protocol = "tls";
    session->tls_cipher = "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384";
    session->tls_established = FACT_YES;
    session->tls_server_name = "mx.example.org";
    session->server_cert.sha256 = "0687f666a054ef17a08e2f2162eab4cbc0d265e1d7875be74bf3c712ca92daf0";
    session->server_cert.subject_cn = "mx.example.org";
    session->server_cert.subject_dn = "CN=mx.example.org";
    session->server_cert.alternative_names = (struct text_list){.items = (const char **)names, .num = 2};
    session->server_cert.not_before_s = 1690000000;
    session->server_cert.not_after_s = 1710000000;
    session->server_cert.public_key_size = 2048;
    session->verdict = VERDICT_STARTTLS;
    session->mode = "starttls";
    session->smtp_banner = "mx.example.org ESMTP Postfix";
    session->smtp_ehlo = "client.example.net";
    session->smtp_capabilities = (struct text_list){.items = (const char **)capabilities, .num = 4};
    session->smtp_last_reply_code = 220;
    session->starttls_offered = FACT_YES;
    session->starttls_requested = FACT_YES;
    session->starttls_reply_code = 220;
    session->tls_forward_secrecy = FACT_YES;
    session->tls_cipher_bits = 256;
    session->cert_visible = FACT_YES;
    session->cert_days_left = 115;
    session->mail_cleartext = FACT_NO;
}

#endif
