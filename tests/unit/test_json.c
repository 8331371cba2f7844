#include "../../outputs/fields_value.h"
#include "../../outputs/json.h"

#include "sample_event.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

static char *encode(const struct event *event) {
    struct buffer buffer = {0};
    json_encode(event, &buffer);
    buffer_add_char(&buffer, '\0');
    assert_false(buffer.failed);
    return buffer.data;
}

static void test_session(void **state) {
    (void)state;
    struct event event = {0};
    sample_session(&event);
    char *json = encode(&event);
    assert_string_equal(
        json,
        "{\"@timestamp\":\"2023-11-14T22:13:20.123456789Z\",\"ecs\":{\"version\":\"8.11.0\"},"
        "\"event\":{\"kind\":\"event\",\"category\":[\"network\",\"email\"],"
        "\"type\":[\"connection\",\"end\",\"info\"],\"module\":\"starttap\",\"dataset\":\"starttap.session\","
        "\"id\":\"0123456789abcdef0123456789abcdef\",\"start\":\"2023-11-14T22:13:20.123456789Z\","
        "\"end\":\"2023-11-14T22:13:21.000000000Z\",\"duration\":876543211,\"outcome\":\"success\","
        "\"reason\":\"STARTTLS was accepted and the TLS handshake completed.\"},"
        "\"observer\":{\"name\":\"sensor1\",\"type\":\"sensor\",\"product\":\"starttap\",\"version\":\"0.1."
        "0\"},"
        "\"network\":{\"transport\":\"tcp\",\"type\":\"ipv4\",\"protocol\":\"smtp\","
        "\"community_id\":\"1:hO+sN4H+MG5MY/8hIrXPqc4ZQz0=\"},"
        "\"source\":{\"ip\":\"192.0.2.10\",\"port\":40001,\"bytes\":2211,\"packets\":14},"
        "\"destination\":{\"ip\":\"198.51.100.25\",\"port\":25,\"domain\":\"mx.example.org\",\"bytes\":5021,"
        "\"packets\":12},"
        "\"tls\":{\"version\":\"1.2\",\"version_protocol\":\"tls\","
        "\"cipher\":\"TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384\",\"established\":true,"
        "\"client\":{\"server_name\":\"mx.example.org\"},"
        "\"server\":{\"hash\":{\"sha256\":"
        "\"0687f666a054ef17a08e2f2162eab4cbc0d265e1d7875be74bf3c712ca92daf0\"},"
        "\"x509\":{\"subject\":{\"common_name\":\"mx.example.org\",\"distinguished_name\":\"CN=mx.example."
        "org\"},"
        "\"alternative_names\":[\"mx.example.org\",\"mail.example.org\"],\"not_before\":\"2023-07-22T04:26:"
        "40Z\","
        "\"not_after\":\"2024-03-09T16:00:00Z\",\"public_key_size\":2048}}},"
        "\"starttap\":{\"schema_version\":1,\"verdict\":\"starttls\",\"mode\":\"starttls\","
        "\"smtp\":{\"banner\":\"mx.example.org ESMTP Postfix\",\"ehlo\":\"client.example.net\","
        "\"capabilities\":[\"PIPELINING\",\"SIZE "
        "10240000\",\"STARTTLS\",\"8BITMIME\"],\"last_reply_code\":220},"
        "\"starttls\":{\"offered\":true,\"requested\":true,\"reply_code\":220},\"mail\":{\"cleartext\":false}"
        ","
        "\"tls\":{\"forward_secrecy\":true,\"cipher_bits\":256},\"cert\":{\"visible\":true,\"days_left\":115}"
        "}}\n");
    free(json);
    event_cleanup(&event);
}

static void test_findings_and_severity(void **state) {
    (void)state;
    struct event event = {0};
    sample_session(&event);
    event.session.verdict = VERDICT_UNKNOWN;
    event.session.unknown_reason = UNKNOWN_ONE_SIDED;
    event.session.outcome = FACT_UNKNOWN;
    event.session.network_protocol = NULL;
    event.session.vlan_id = 10;
    event.session.gap_bytes = 12;
    event.session.truncated = true;
    event_find(&event.session, FINDING_CERT_UNTRUSTED);
    event_find(&event.session, FINDING_AUTH_CLEARTEXT);
    char *json = encode(&event);
    assert_non_null(strstr(json, "\"outcome\":\"unknown\""));
    assert_non_null(strstr(json, "\"category\":[\"network\"],\"type\":[\"connection\",\"end\"],"));
    assert_non_null(strstr(json, "\"severity\":4}"));
    assert_non_null(strstr(json, "\"vlan\":{\"id\":\"10\"}"));
    assert_non_null(strstr(json, "\"verdict\":\"unknown\",\"unknown_reason\":\"one_sided\","));
    assert_non_null(strstr(json, "\"findings\":[\"auth.cleartext\",\"cert.untrusted\"]"));
    assert_non_null(strstr(json, "\"capture\":{\"gap_bytes\":12,\"truncated\":true}}}\n"));
    free(json);
    event_cleanup(&event);
}

/* Stamps may be anything; a duration has 63 bits. */
static void test_duration(void **state) {
    (void)state;
    static const struct {
        uint64_t start_ns, end_ns;
        const char *duration;
    } cases[] = {
        {5, 12, "\"duration\":7,"},
        {12, 5, "\"duration\":0,"},
        {0, UINT64_MAX, "\"duration\":9223372036854775807,"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct event event = {0};
        sample_session(&event);
        event.session.start_ns = cases[i].start_ns;
        event.session.end_ns = cases[i].end_ns;
        char *json = encode(&event);
        assert_non_null(strstr(json, cases[i].duration));
        free(json);
        event_cleanup(&event);
    }
}

static void test_peer(void **state) {
    (void)state;
    static struct count versions[] = {{"1.3", 12}, {"1.\"2", 1}};
    struct event event = {0};
    event_reset(&event, DATASET_PEER);
    sample_id(&event);
    event.peer.window_end_ns = 1;
    event.peer.ip = "2001:db8::25";
    event.peer.sessions = 14;
    event.peer.by_verdict[VERDICT_STARTTLS] = 13;
    event.peer.by_version = (struct count_list){versions, 2};
    event.peer.adoption_encrypted = 2;
    event.peer.adoption_total = 3;
    event.peer.findings[FINDING_MAIL_CLEARTEXT] = 1;
    event.peer.ever_offered = FACT_NO;
    char *json = encode(&event);
    assert_non_null(
        strstr(json, "\"kind\":\"metric\",\"category\":[\"network\",\"email\"],\"type\":[\"info\"],"));
    assert_non_null(strstr(
        json, "\"starttap\":{\"schema_version\":1,\"peer\":{\"ip\":\"2001:db8::25\",\"window\":{\"start\":"
              "\"1970-01-01T00:00:00.000000000Z\",\"end\":\"1970-01-01T00:00:00.000000001Z\"},\"first_seen\":"
              "\"1970-01-01T00:00:00.000000000Z\",\"last_seen\":\"1970-01-01T00:00:00.000000000Z\","
              "\"sessions\":14,\"verdicts\":{\"starttls\":13,\"implicit_tls\":0,"));
    assert_non_null(strstr(json, "\"unknown\":0},\"tls_versions\":[{\"name\":\"1.3\",\"sessions\":12},"
                                 "{\"name\":\"1.\\\"2\",\"sessions\":1}],\"messages_cleartext\":0,"));
    assert_non_null(strstr(json,
                           "\"adoption\":{\"encrypted\":2,\"total\":3,\"ratio\":0.666667},\"findings\":"
                           "[{\"name\":\"mail.cleartext\",\"sessions\":1}],\"ever_offered\":false}}}\n"));
    free(json);
    event.peer.adoption_total = 0;
    json = encode(&event);
    assert_null(strstr(json, "\"ratio\""));
    free(json);
    event.peer.adoption_encrypted = event.peer.adoption_total = UINT64_MAX;
    json = encode(&event);
    assert_non_null(strstr(json, "\"ratio\":1.000000"));
    free(json);
    event_cleanup(&event);
}

static void test_sensor(void **state) {
    (void)state;
    static struct count limits[] = {{"flow.max", 3}};
    struct event event = {0};
    event_reset(&event, DATASET_SENSOR);
    sample_id(&event);
    event.sensor.packets = UINT64_MAX;
    event.sensor.limits = (struct count_list){limits, 1};
    char *json = encode(&event);
    assert_non_null(strstr(json, "\"dataset\":\"starttap.sensor\""));
    assert_non_null(strstr(json, "\"sensor\":{\"packets\":18446744073709551615,\"bytes\":0,"));
    assert_non_null(strstr(json, "\"limits\":[{\"name\":\"flow.max\",\"hits\":3}],\"memory_bytes\":0}}}\n"));
    free(json);
    event_cleanup(&event);
}

/* Reads one value of JSON strictly: its end, or NULL. Enough to know that the
 * encoder never breaks the syntax; keys must differ within an object. */
static const char *skip_value(const char *at);

static const char *skip_string(const char *at) {
    if (*at != '"') {
        return NULL;
    }
    for (at++; *at != '"'; at++) {
        if ((unsigned char)*at < 0x20 || *at == 0x7f) {
            return NULL;
        }
        if (*at == '\\') {
            at++;
            if (*at == 'u' && strspn(at + 1, "0123456789abcdef") >= 4) {
                at += 4;
            } else if (*at != '"' && *at != '\\') {
                return NULL;
            }
        }
    }
    return at + 1;
}

static const char *skip_list(const char *at, char close) {
    const char *keys[256];
    size_t lens[256];
    size_t num = 0;
    if (at[1] == close) {
        return NULL; /* nothing empty is ever written */
    }
    do {
        at++;
        if (close == '}') {
            const char *end = skip_string(at);
            if (end == NULL || *end != ':' || num == 256) {
                return NULL;
            }
            keys[num] = at;
            lens[num] = (size_t)(end - at);
            for (size_t i = 0; i < num; i++) {
                if (lens[i] == lens[num] && memcmp(keys[i], at, lens[num]) == 0) {
                    return NULL;
                }
            }
            num++;
            at = end + 1;
        }
        at = skip_value(at);
    } while (at != NULL && *at == ',');
    return at != NULL && *at == close ? at + 1 : NULL;
}

static const char *skip_value(const char *at) {
    if (*at == '{') {
        return skip_list(at, '}');
    }
    if (*at == '[') {
        return skip_list(at, ']');
    }
    if (*at == '"') {
        return skip_string(at);
    }
    if (strncmp(at, "true", 4) == 0) {
        return at + 4;
    }
    if (strncmp(at, "false", 5) == 0) {
        return at + 5;
    }
    size_t len = strspn(at, "-0123456789.");
    return len > 0 ? at + len : NULL;
}

/* Every member of every dataset set, with hostile text in each. */
static void test_everything_is_valid_json(void **state) {
    (void)state;
    static const char *const texts[] = {
        "plain", "\"",     "\\", "\x01\n\r\x1b[31m\x7f", "\xff\xc0\xed\xa0\x80", "\xc2\x85\xe2\x80\xa8",
        "},{",   "\\u0000"};
    for (unsigned dataset = 0; dataset < NUM_DATASETS; dataset++) {
        for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
            struct event event = {.observer_name = texts[i]};
            event_reset(&event, (enum dataset)dataset);
            sample_fill(&event, texts[i]);
            char *json = encode(&event);
            const char *end = skip_value(json);
            assert_non_null(end);
            assert_string_equal(end, "\n");
            free(json);
            event_cleanup(&event);
        }
    }
}

static void test_same_event_same_bytes(void **state) {
    (void)state;
    struct event event = {0};
    struct buffer buffer = {0};
    sample_session(&event);
    json_encode(&event, &buffer);
    size_t len = buffer.len;
    json_encode(&event, &buffer);
    assert_int_equal(buffer.len, 2 * len);
    assert_memory_equal(buffer.data, buffer.data + len, len);
    buffer_cleanup(&buffer);
    event_cleanup(&event);
}

/* Ends and begins objects, so that writing that stood in group `from` stands in group `to`. */
static void enter(struct buffer *out, enum field_group from, enum field_group to) {
    if (from == to) {
        return;
    }
    if (fields_group(from)->depth >= fields_group(to)->depth) {
        buffer_add_char(out, '}');
        enter(out, fields_group(from)->parent, to);
        return;
    }
    enter(out, from, fields_group(to)->parent);
    buffer_add_string(out, out->data[out->len - 1] == '{' ? "" : ",");
    buffer_add(out, fields_group(to)->json, fields_group(to)->json_len);
}

/* What json_encode() ought to write, by a walk over the table. */
static void walk(const struct event *event, struct buffer *out) {
    size_t num;
    const struct field *table = fields_table(&num);
    enum field_group group = GROUP_ROOT;
    buffer_add_char(out, '{');
    for (size_t i = 0; i < num; i++) {
        const struct field *field = &table[i];
        struct field_value value = {.shape = VALUE_ABSENT};
        if (field_in(field, event->dataset)) {
            fields_get(event, field, &value);
        }
        if (value.shape == VALUE_ABSENT) {
            continue;
        }
        enter(out, group, (enum field_group)field->group);
        group = (enum field_group)field->group;
        buffer_add_string(out, out->data[out->len - 1] == '{' ? "\"" : ",\"");
        buffer_add_string(out, field->name + fields_group(group)->prefix_len);
        buffer_add_string(out, "\":");
        json_add_value((enum field_kind)field->kind, &value, out);
    }
    enter(out, group, GROUP_ROOT);
    buffer_add_string(out, "}\n");
}

/* Past support/keep_events.c: with members missing at will these are no events of the schema. */
void real_json_encode(const struct event *event, struct buffer *out) __asm__("__real_json_encode");

static void check_as_walked(const struct event *event) {
    struct buffer walked = {0}, encoded = {0};
    walk(event, &walked);
    real_json_encode(event, &encoded);
    assert_int_equal(encoded.len, walked.len);
    assert_memory_equal(encoded.data, walked.data, walked.len);
    buffer_cleanup(&walked);
    buffer_cleanup(&encoded);
}

/* Nothing, everything, and each member (the 16 bytes of it that tell whether it is there) alone. */
static void test_code_says_what_the_table_says(void **state) {
    (void)state;
    static char long_text[3 * EVENT_TEXT_MAX + 1];
    memset(long_text, 'x', sizeof long_text - 1);
    const char *const texts[] = {"plain", "\"\x01", long_text};
    struct event empty = {0}, full = {0}, event;
    size_t num;
    const struct field *table = fields_table(&num);
    for (unsigned dataset = 0; dataset < NUM_DATASETS; dataset++) {
        event_reset(&empty, (enum dataset)dataset);
        check_as_walked(&empty);
        for (size_t text = 0; text < sizeof texts / sizeof texts[0]; text++) {
            event_reset(&full, (enum dataset)dataset);
            sample_fill(&full, texts[text]);
            check_as_walked(&full);
            for (size_t i = 0; i < num; i++) {
                if (field_in(&table[i], (enum dataset)dataset)) {
                    size_t from = table[i].offset / 8 * 8, left = sizeof event - from;
                    event = empty;
                    memcpy((char *)&event + from, (char *)&full + from, left < 16 ? left : 16);
                    check_as_walked(&event);
                }
            }
        }
    }
    event_cleanup(&empty);
    event_cleanup(&full);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_code_says_what_the_table_says),
        cmocka_unit_test(test_session),
        cmocka_unit_test(test_findings_and_severity),
        cmocka_unit_test(test_duration),
        cmocka_unit_test(test_peer),
        cmocka_unit_test(test_sensor),
        cmocka_unit_test(test_everything_is_valid_json),
        cmocka_unit_test(test_same_event_same_bytes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
