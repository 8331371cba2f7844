/* Records under the names of Zeek and Suricata. */
#include "../../outputs/profile.h"

#include "sample_event.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

static char *encode(const struct encoder *encoder, const struct event *event) {
    struct buffer out = {0};
    void *state = encoder->open();
    assert_non_null(state);
    encoder->begin(state, &out);
    encoder->encode(state, event, &out);
    encoder->close(state);
    buffer_add_char(&out, '\0');
    assert_false(out.failed);
    return out.data;
}

static void check(const struct encoder *encoder, const struct event *event, const char *expected) {
    char *found = encode(encoder, event);
    assert_string_equal(found, expected);
    free(found);
}

static void check_has(const struct encoder *encoder, const struct event *event, const char *part) {
    char *found = encode(encoder, event);
    if (strstr(found, part) == NULL) {
        fail_msg("no %s in %s", part, found);
    }
    free(found);
}

static void check_lacks(const struct encoder *encoder, const struct event *event, const char *part) {
    char *found = encode(encoder, event);
    if (strstr(found, part) != NULL) {
        fail_msg("%s in %s", part, found);
    }
    free(found);
}

static void test_zeek(void **state) {
    (void)state;
    struct event event = {0};
    sample_session(&event);
    check(&zeek_encoder, &event,
          "{\"_path\":\"smtp\",\"ts\":1700000000.123456,\"uid\":\"C0123456789abcdef0\",\"id.orig_h\":\"192.0."
          "2.10\","
          "\"id.orig_p\":40001,\"id.resp_h\":\"198.51.100.25\",\"id.resp_p\":25,\"helo\":\"client.example."
          "net\","
          "\"last_reply\":\"220\",\"tls\":true,\"starttap.event_id\":\"0123456789abcdef0123456789abcdef\","
          "\"starttap.verdict\":\"starttls\"}\n"
          "{\"_path\":\"ssl\",\"ts\":1700000000.123456,\"uid\":\"C0123456789abcdef0\",\"id.orig_h\":\"192.0."
          "2.10\","
          "\"id.orig_p\":40001,\"id.resp_h\":\"198.51.100.25\",\"id.resp_p\":25,\"version\":\"TLSv12\","
          "\"cipher\":\"TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384\",\"server_name\":\"mx.example.org\","
          "\"established\":true,"
          "\"cert_chain_fps\":[\"0687f666a054ef17a08e2f2162eab4cbc0d265e1d7875be74bf3c712ca92daf0\"],"
          "\"subject\":\"CN=mx.example.org\",\"starttap.event_id\":\"0123456789abcdef0123456789abcdef\","
          "\"starttap.verdict\":\"starttls\"}\n"
          "{\"_path\":\"x509\",\"ts\":1700000000.123456,"
          "\"fingerprint\":\"0687f666a054ef17a08e2f2162eab4cbc0d265e1d7875be74bf3c712ca92daf0\","
          "\"certificate.subject\":\"CN=mx.example.org\",\"certificate.not_valid_before\":1690000000,"
          "\"certificate.not_valid_after\":1710000000,\"certificate.key_length\":2048,"
          "\"san.dns\":[\"mx.example.org\",\"mail.example.org\"],\"host_cert\":true,\"client_cert\":false,"
          "\"starttap.event_id\":\"0123456789abcdef0123456789abcdef\"}\n");
    event_cleanup(&event);
}

static void test_eve(void **state) {
    (void)state;
    struct event event = {0};
    sample_session(&event);
    event.session.tls_ja3 = "579ccef312d18482fc42e2b822ca2430";
    event.session.tls_ja3s = "ae4edc6faf64d08308082ad26be60767";
    event.session.server_cert.serial_number = "A0B1C";
    event.session.vlan_id = 10;
    check(
        &eve_encoder, &event,
        "{\"timestamp\":\"2023-11-14T22:13:20.123456+0000\",\"flow_id\":1250999896491,\"event_type\":"
        "\"smtp\","
        "\"vlan\":[10],\"src_ip\":\"192.0.2.10\",\"src_port\":40001,\"dest_ip\":\"198.51.100.25\",\"dest_"
        "port\":25,"
        "\"proto\":\"TCP\",\"community_id\":\"1:hO+sN4H+MG5MY/8hIrXPqc4ZQz0=\",\"host\":\"sensor1\","
        "\"smtp\":{\"helo\":\"client.example.net\"},"
        "\"starttap\":{\"event_id\":\"0123456789abcdef0123456789abcdef\",\"verdict\":\"starttls\"}}\n"
        "{\"timestamp\":\"2023-11-14T22:13:20.123456+0000\",\"flow_id\":1250999896491,\"event_type\":\"tls\","
        "\"vlan\":[10],\"src_ip\":\"192.0.2.10\",\"src_port\":40001,\"dest_ip\":\"198.51.100.25\",\"dest_"
        "port\":25,"
        "\"proto\":\"TCP\",\"community_id\":\"1:hO+sN4H+MG5MY/8hIrXPqc4ZQz0=\",\"host\":\"sensor1\","
        "\"tls\":{\"subject\":\"CN=mx.example.org\",\"serial\":\"A:0B:1C\","
        "\"subjectaltname\":[\"mx.example.org\",\"mail.example.org\"],\"sni\":\"mx.example.org\","
        "\"version\":\"TLS 1.2\",\"notbefore\":\"2023-07-22T04:26:40\",\"notafter\":\"2024-03-09T16:00:00\","
        "\"from_proto\":\"smtp\",\"ja3\":{\"hash\":\"579ccef312d18482fc42e2b822ca2430\"},"
        "\"ja3s\":{\"hash\":\"ae4edc6faf64d08308082ad26be60767\"}},"
        "\"starttap\":{\"event_id\":\"0123456789abcdef0123456789abcdef\",\"verdict\":\"starttls\"}}\n");
    event.session.tls_ja4 = "t13d";
    check_has(&eve_encoder, &event,
              "\"ja3s\":{\"hash\":\"ae4edc6faf64d08308082ad26be60767\"},\"ja4\":\"t13d\"},\"starttap\"");
    event.session.mode = "implicit";
    check_lacks(&eve_encoder, &event, "from_proto");
    event_cleanup(&event);
}

static void test_conversions(void **state) {
    (void)state;
    static const char *versions[][3] = {
        {"1.3", "\"TLSv13\"", "\"TLS 1.3\""}, {"1.1", "\"TLSv11\"", "\"TLS 1.1\""},
        {"1.0", "\"TLSv10\"", "\"TLSv1\""},   {"3.0", "\"SSLv3\"", "\"SSLv3\""},
        {"2.0", "\"SSLv2\"", "\"SSLv2\""},    {"7.7", "\"7.7\"", "\"7.7\""}};
    static const char *alerts[] = {"client:handshake_failure", NULL, "server:close_notify"};
    struct event event = {0};
    sample_session(&event);
    struct session_event *session = &event.session;
    for (size_t i = 0; i < sizeof versions / sizeof versions[0]; i++) {
        session->tls_version = versions[i][0];
        check_has(&zeek_encoder, &event, versions[i][1]);
        check_has(&eve_encoder, &event, versions[i][2]);
    }
    session->tls_alerts = (struct text_list){.items = alerts, .num = 3};
    check_has(&zeek_encoder, &event, "\"last_alert\":\"close_notify\"");
    session->server_cert.public_key_algorithm = "id-ecPublicKey";
    check_has(&zeek_encoder, &event,
              "\"certificate.key_alg\":\"id-ecPublicKey\",\"certificate.key_type\":\"ecdsa\"");
    session->cert_chain_error = "expired";
    check_has(&zeek_encoder, &event, "\"validation_status\":\"expired\"");
    session->cert_chain_valid = FACT_YES;
    check_has(&zeek_encoder, &event, "\"validation_status\":\"ok\"");
    session->client_cert = session->server_cert;
    session->client_cert.sha256 = "11";
    check_has(&zeek_encoder, &event, "\"client_cert_chain_fps\":[\"11\"]");
    check_has(&zeek_encoder, &event, "\"fingerprint\":\"11\"");
    check_has(&zeek_encoder, &event, "\"host_cert\":false,\"client_cert\":true");
    session->smtp_ehlo = NULL;
    session->smtp_helo = "old.example.net";
    check_has(&zeek_encoder, &event, "\"helo\":\"old.example.net\"");
    session->smtp_ehlo = "bad\"name";
    check_has(&eve_encoder, &event, "\"helo\":\"bad\\\"name\"}");
    check_lacks(&eve_encoder, &event, "old.example.net");
    event_cleanup(&event);
}

/* What a session has nothing for is not written. */
static void test_kinds_of_records(void **state) {
    (void)state;
    struct event event = {0};
    event_reset(&event, DATASET_SESSION);
    memcpy(event.id, "0123456789abcdef0123456789abcdef", 33);
    check(&zeek_encoder, &event, "");
    check(&eve_encoder, &event, "");
    event.session.network_protocol = "smtp";
    check_has(&zeek_encoder, &event, "\"_path\":\"smtp\"");
    check_lacks(&zeek_encoder, &event, "\"_path\":\"ssl\"");
    event.session.tls_ja3 = "00";
    check_has(&zeek_encoder, &event, "\"_path\":\"ssl\"");
    event_reset(&event, DATASET_PEER);
    check(&zeek_encoder, &event, "");
    event_reset(&event, DATASET_SENSOR);
    check(&eve_encoder, &event, "");
    event_cleanup(&event);
}

/* Each row of the tables names a field of ours, and a conversion that fits it. */
static void test_tables(void **state) {
    (void)state;
    static const struct profile *const profiles[] = {&profile_zeek, &profile_eve};
    size_t num;
    const struct field *fields = fields_table(&num);
    for (size_t p = 0; p < 2; p++) {
        for (size_t r = 0; r < profiles[p]->num_records; r++) {
            const struct profile_record *record = &profiles[p]->records[r];
            for (size_t i = 0; i < record->num_rows; i++) {
                bool found = record->rows[i].convert == PROFILE_FIXED;
                for (size_t k = 0; k < num; k++) {
                    found = found || (field_in(&fields[k], DATASET_SESSION) &&
                                      strcmp(fields[k].name, record->rows[i].field) == 0);
                }
                if (!found) {
                    fail_msg("%s is no field", record->rows[i].field);
                }
                assert_non_null(profile_describe(record->rows[i].convert));
            }
        }
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_zeek),        cmocka_unit_test(test_eve),
        cmocka_unit_test(test_conversions), cmocka_unit_test(test_kinds_of_records),
        cmocka_unit_test(test_tables),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
