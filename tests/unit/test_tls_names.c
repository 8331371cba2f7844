/* The registries: names as IANA writes them, facts about suites and groups, order of the tables. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "../../parsers/tls_names.h"
#include "../../parsers/tls_suites.h"

static void suites_are_sorted_and_fit(void **state) {
    (void)state;
    assert_true(tls_num_suites > 360);
    for (size_t i = 0; i < tls_num_suites; i++) {
        assert_true(i == 0 || tls_suites[i - 1].id < tls_suites[i].id);
        assert_true(strlen(tls_suites[i].name) < TLS_NAME_BUF);
        assert_ptr_equal(tls_suite_find(tls_suites[i].id), &tls_suites[i]);
        assert_false(tls_is_grease(tls_suites[i].id));
    }
}

/* Facts follow from names; here they are read off the names by other rules than those that made the table. */
static void facts_agree_with_names(void **state) {
    (void)state;
    for (size_t i = 0; i < tls_num_suites; i++) {
        const struct tls_suite *s = &tls_suites[i];
        bool null = strstr(s->name, "NULL") != NULL || s->id == 0xc0b4 || s->id == 0xc0b5;
        bool scsv = strstr(s->name, "SCSV") != NULL;
        assert_int_equal(s->bits == 0, null || scsv);
        bool ephemeral = strstr(s->name, "DHE_") != NULL || strstr(s->name, "DH_anon") != NULL;
        assert_true(!ephemeral || s->forward_secrecy);
        assert_true(strstr(s->name, "TLS_RSA_") != s->name || !s->forward_secrecy);
        assert_true(strstr(s->name, "TLS_PSK_WITH_") != s->name || !s->forward_secrecy);
        assert_true(!s->anonymous || s->weak);
        assert_true(!null || s->weak);
        assert_true(!(strstr(s->name, "_GCM_") != NULL) || (s->aead && !s->weak) || s->anonymous);
        assert_true(strstr(s->name, "_CBC_") == NULL || !s->aead);
    }
}

static void facts_of_known_suites(void **state) {
    (void)state;
    static const struct tls_suite rows[] = {
        {0x0000, 0, "TLS_NULL_WITH_NULL_NULL", TLS_KX_OTHER, false, false, true, true},
        {0x0003, 40, "TLS_RSA_EXPORT_WITH_RC4_40_MD5", TLS_KX_OTHER, false, false, true, false},
        {0x0005, 128, "TLS_RSA_WITH_RC4_128_SHA", TLS_KX_OTHER, false, false, true, false},
        {0x0009, 56, "TLS_RSA_WITH_DES_CBC_SHA", TLS_KX_OTHER, false, false, true, false},
        {0x0014, 40, "TLS_DHE_RSA_EXPORT_WITH_DES40_CBC_SHA", TLS_KX_DHE, true, false, true, false},
        {0x0016, 168, "TLS_DHE_RSA_WITH_3DES_EDE_CBC_SHA", TLS_KX_DHE, true, false, true, false},
        {0x002f, 128, "TLS_RSA_WITH_AES_128_CBC_SHA", TLS_KX_OTHER, false, false, false, false},
        {0x006d, 256, "TLS_DH_anon_WITH_AES_256_CBC_SHA256", TLS_KX_DHE, true, false, true, true},
        {0x00aa, 128, "TLS_DHE_PSK_WITH_AES_128_GCM_SHA256", TLS_KX_DHE_PSK, true, true, false, false},
        {0x1302, 256, "TLS_AES_256_GCM_SHA384", TLS_KX_TLS13, true, true, false, false},
        {0xc018, 128, "TLS_ECDH_anon_WITH_AES_128_CBC_SHA", TLS_KX_ECDHE, true, false, true, true},
        {0xc02f, 128, "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256", TLS_KX_ECDHE, true, true, false, false},
        {0xc037, 128, "TLS_ECDHE_PSK_WITH_AES_128_CBC_SHA256", TLS_KX_ECDHE_PSK, true, false, false, false},
        {0xc09d, 256, "TLS_RSA_WITH_AES_256_CCM", TLS_KX_OTHER, false, true, false, false},
        {0xcca8, 256, "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256", TLS_KX_ECDHE, true, true, false, false},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const struct tls_suite *s = tls_suite_find(rows[i].id);
        assert_non_null(s);
        assert_string_equal(s->name, rows[i].name);
        assert_int_equal(s->bits, rows[i].bits);
        assert_int_equal(s->key_exchange, rows[i].key_exchange);
        assert_int_equal(s->forward_secrecy, rows[i].forward_secrecy);
        assert_int_equal(s->aead, rows[i].aead);
        assert_int_equal(s->weak, rows[i].weak);
        assert_int_equal(s->anonymous, rows[i].anonymous);
    }
    assert_null(tls_suite_find(0x1a1a));
}

static void names(void **state) {
    (void)state;
    char name[TLS_NAME_BUF];
    assert_string_equal(tls_suite_name(0xc030, name), "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384");
    assert_string_equal(tls_suite_name(0xfdfd, name), "0xfdfd");
    assert_string_equal(tls_group_name(0x11ec, name), "X25519MLKEM768");
    assert_string_equal(tls_group_name(0x11ed, name), "SecP384r1MLKEM1024");
    assert_string_equal(tls_group_name(0x0201, name), "MLKEM768");
    assert_string_equal(tls_group_name(29, name), "x25519");
    assert_string_equal(tls_group_name(26, name), "brainpoolP256r1");
    assert_string_equal(tls_group_name(0x0102, name), "ffdhe4096");
    assert_string_equal(tls_group_name(0x7777, name), "0x7777");
    assert_string_equal(tls_scheme_name(0x0804, name), "rsa_pss_rsae_sha256");
    assert_string_equal(tls_scheme_name(0x0905, name), "mldsa65");
    assert_string_equal(tls_scheme_name(0x091c, name), "slhdsa_shake_256f");
    assert_string_equal(tls_scheme_name(0x0999, name), "0x0999");
    assert_string_equal(tls_extension_name(0, name), "server_name");
    assert_string_equal(tls_extension_name(0xfe0d, name), "encrypted_client_hello");
    assert_string_equal(tls_extension_name(0xff01, name), "renegotiation_info");
    assert_string_equal(tls_alert_name(40, name), "handshake_failure");
    assert_string_equal(tls_alert_name(121, name), "ech_required");
    assert_string_equal(tls_alert_name(255, name), "0x00ff");
}

static void versions(void **state) {
    (void)state;
    static const struct {
        uint16_t id;
        const char *name;
    } rows[] = {{0x0002, "2.0"},         {0x0300, "3.0"},    {0x0301, "1.0"},
                {0x0302, "1.1"},         {0x0303, "1.2"},    {0x0304, "1.3"},
                {0x7f17, "1.3-draft23"}, {0x7e02, "0x7e02"}, {0x0305, "0x0305"}};
    char name[TLS_NAME_BUF];
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        assert_string_equal(tls_version_name(rows[i].id, name), rows[i].name);
    }
    assert_true(tls_version_is_ssl(0x0002) && tls_version_is_ssl(0x0300));
    assert_false(tls_version_is_ssl(0x0301) || tls_version_is_ssl(0));
}

/* bsearch finds every row only if the tables are in order: all that have a name are found from below. */
static void tables_are_in_order(void **state) {
    (void)state;
    size_t num[4] = {0};
    char name[TLS_NAME_BUF];
    for (unsigned id = 0; id <= UINT16_MAX; id++) {
        num[0] += strncmp(tls_group_name((uint16_t)id, name), "0x", 2) != 0;
        num[1] += strncmp(tls_scheme_name((uint16_t)id, name), "0x", 2) != 0;
        num[2] += strncmp(tls_extension_name((uint16_t)id, name), "0x", 2) != 0;
        num[3] += id < 256 && strncmp(tls_alert_name((uint8_t)id, name), "0x", 2) != 0;
    }
    assert_int_equal(num[0], 60);
    assert_int_equal(num[1], 59);
    assert_int_equal(num[2], 70);
    assert_int_equal(num[3], 38);
}

static void grease_and_groups(void **state) {
    (void)state;
    assert_true(tls_is_grease(0x0a0a) && tls_is_grease(0xfafa));
    assert_false(tls_is_grease(0x0a1a) || tls_is_grease(0x1a2a) || tls_is_grease(0x0303));
    assert_true(tls_group_is_post_quantum(0x11ec) && tls_group_is_post_quantum(0x0200));
    assert_true(tls_group_is_post_quantum(0x6399));
    assert_false(tls_group_is_post_quantum(29) || tls_group_is_post_quantum(0x0100));
    assert_int_equal(tls_group_bits(25), 521);
    assert_int_equal(tls_group_bits(0x0104), 8192);
    assert_int_equal(tls_group_bits(0x4444), 0);
    assert_true(tls_group_is_weak(19) && tls_group_is_weak(1) && tls_group_is_weak(0xff01));
    assert_false(tls_group_is_weak(23) || tls_group_is_weak(21) || tls_group_is_weak(0x0201));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(suites_are_sorted_and_fit),
        cmocka_unit_test(facts_agree_with_names),
        cmocka_unit_test(facts_of_known_suites),
        cmocka_unit_test(names),
        cmocka_unit_test(versions),
        cmocka_unit_test(tables_are_in_order),
        cmocka_unit_test(grease_and_groups),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
