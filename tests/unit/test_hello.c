#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "../../outputs/json.h"
#include "../../parsers/tls_fingerprint.h"
#include "../../parsers/tls_hello.h"
#include "../../parsers/tls_names.h"
#include "../../sensor/judge/hello.h"

/* The body of a small ClientHello: version, random, session id, suites, compression, extensions. */
struct wire {
    uint8_t bytes[512];
    size_t len;
};

static void add(struct wire *w, const void *bytes, size_t len) {
    assert_true(w->len + len <= sizeof w->bytes);
    memcpy(w->bytes + w->len, bytes, len);
    w->len += len;
}

static struct wire make_hello(uint8_t random, uint8_t last_suite, const char *name) {
    struct wire w = {.len = 0};
    uint8_t fixed[34] = {3, 3};
    memset(fixed + 2, random, 32);
    add(&w, fixed, sizeof fixed);
    add(&w, "\0", 1);
    const uint8_t suites[] = {0, 8, 0x1a, 0x1a, 0x13, 0x01, 0xc0, 0x2f, 0xfe, last_suite};
    add(&w, suites, sizeof suites);
    add(&w, "\x01\x00", 2);
    uint8_t name_len = (uint8_t)strlen(name), groups[] = {0, 10, 0, 4, 0, 2, 0, 0x1d};
    const uint8_t sni[] = {0, 0, 0, (uint8_t)(name_len + 5), 0, (uint8_t)(name_len + 3), 0, 0, name_len};
    const uint8_t extensions_len[] = {0, (uint8_t)(sizeof sni + name_len + sizeof groups)};
    add(&w, extensions_len, 2);
    add(&w, sni, sizeof sni);
    add(&w, name, name_len);
    add(&w, groups, sizeof groups);
    return w;
}

static struct hello *describe(struct hello_cache *cache, const struct wire *wire) {
    struct tls_client_hello hello;
    assert_int_equal(tls_client_hello_parse(reader_of(wire->bytes, wire->len), &hello), PARSE_OK);
    return hello_describe(cache, &hello);
}

static void one_description_for_each_kind_of_client(void **state) {
    (void)state;
    struct digest *digest = digest_new();
    struct hello_cache *cache = hello_cache_new(digest);
    struct wire first = make_hello(1, 0x7f, "mx.example.org"),
                again = make_hello(2, 0x7f, "mail.example.com");
    struct wire other = make_hello(1, 0x7e, "mx.example.org");
    struct hello *a = describe(cache, &first), *b = describe(cache, &again), *c = describe(cache, &other);
    assert_ptr_equal(a, b);
    assert_ptr_not_equal(a, c);
    assert_string_not_equal(a->ja3, c->ja3);
    assert_int_equal(a->suites.num, 3); /* GREASE is left out, an unknown one is a number */
    assert_string_equal(a->suites.items[0], "TLS_AES_128_GCM_SHA256");
    assert_string_equal(a->suites.items[1], "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256");
    assert_string_equal(a->suites.items[2], "0xfe7f");
    hello_release(a);
    hello_release(b);
    hello_cache_free(cache); /* what is still held outlives the cache */
    assert_string_equal(c->suites.items[2], "0xfe7e");
    hello_release(c);
    digest_free(digest);
}

/* md5("771,4865-49199-65151,0-10,29,") as md5sum prints it. */
static void ja3_is_the_md5_of_its_text(void **state) {
    (void)state;
    struct digest *digest = digest_new();
    struct hello_cache *cache = hello_cache_new(digest);
    struct wire wire = make_hello(1, 0x7f, "mx.example.org");
    struct hello *hello = describe(cache, &wire);
    assert_string_equal(hello->ja3, "dfe92bb40360ac5af315586ef6b087c1");
    hello_release(hello);
    hello_cache_free(cache);
    digest_free(digest);
}

static void an_event_holds_what_it_shows(void **state) {
    (void)state;
    struct digest *digest = digest_new();
    struct hello_cache *cache = hello_cache_new(digest);
    struct wire wire = make_hello(1, 0x7f, "mx.example.org");
    struct hello *hello = describe(cache, &wire);
    struct event event = {0};
    event_init(&event);
    hello_show(hello, &event);
    hello_release(hello);
    hello_cache_free(cache);
    digest_free(digest);
    const struct text_list *shown = &event.session.tls_supported_ciphers;
    assert_string_equal(event.session.tls_ja3, "dfe92bb40360ac5af315586ef6b087c1");
    assert_int_equal(shown->num, 3);
    assert_string_equal(shown->items[2], "0xfe7f");
    struct buffer prepared = {0}, made = {0};
    struct text_list items = {.items = shown->items, .num = shown->num};
    json_add_texts(shown, &prepared);
    json_add_texts(&items, &made);
    assert_non_null(shown->json);
    assert_int_equal(prepared.len, made.len);
    assert_memory_equal(prepared.data, made.data, made.len);
    buffer_cleanup(&prepared);
    buffer_cleanup(&made);
    event_cleanup(&event);
}

/* The first time they are described; others than these, and no hello, take the long way. */
static void versions_are_those_asked_for(void **state) {
    (void)state;
    static const uint16_t first[] = {0x0304, 0x0303, 0x7f77}, others[] = {0x0303, 0x0302, 0x0301};
    struct digest *digest = digest_new();
    struct hello_cache *cache = hello_cache_new(digest);
    struct wire wire = make_hello(1, 0x7f, "mx.example.org");
    struct hello *hello = describe(cache, &wire), *const hellos[] = {hello, hello, hello, hello, NULL};
    const uint16_t *const asked[] = {first, first, others, first, others};
    for (size_t i = 0; i < sizeof asked / sizeof asked[0]; i++) {
        struct event event = {0};
        struct text_list *shown = &event.session.tls_client_versions;
        event_init(&event);
        hello_show_versions(hellos[i], asked[i], 0, &event);
        assert_int_equal(shown->num, 0);
        hello_show_versions(hellos[i], asked[i], 3, &event);
        assert_int_equal(shown->num, 3);
        for (size_t k = 0; k < 3; k++) {
            char name[TLS_NAME_BUF];
            assert_string_equal(shown->items[k], tls_version_name(asked[i][k], name));
        }
        if (asked[i] == first) {
            struct buffer made = {0};
            json_add_texts(&(struct text_list){.items = shown->items, .num = 3}, &made);
            assert_int_equal(shown->json_len, made.len);
            assert_memory_equal(shown->json, made.data, made.len);
            buffer_cleanup(&made);
        }
        event_cleanup(&event);
    }
    hello_release(hello);
    hello_cache_free(cache);
    digest_free(digest);
}

static void check_ja3s(struct hello_cache *cache, struct digest *digest, uint16_t suite, const uint8_t *types,
                       size_t num) {
    uint8_t bytes[4 * 32], shown[HELLO_JA3S_LEN], expected[16];
    char text[512];
    for (size_t i = 0; i < num; i++)
        memcpy(bytes + 4 * i, (const uint8_t[]){0, types[i], 0, 0}, 4);
    const struct tls_server_hello wire = {.legacy_version = 0x0303,
                                          .cipher_suite = suite,
                                          .extensions = reader_of(bytes, 4 * num),
                                          .has_extensions = num > 0};
    assert_true(digest_md5(digest, text, tls_ja3s_text(&wire, text, sizeof text), expected));
    assert_true(hello_ja3s(cache, &wire, shown));
    assert_memory_equal(shown, expected, sizeof expected);
}

/* Many kinds, those with two types in the other order, and with more types than are remembered. */
static void ja3s_is_the_md5_of_its_text(void **state) {
    (void)state;
    struct digest *digest = digest_new();
    struct hello_cache *cache = hello_cache_new(digest);
    uint8_t many[32];
    for (uint8_t i = 0; i < sizeof many; i++)
        many[i] = (uint8_t)(i + 60);
    for (unsigned i = 0; i < 2 * 600; i++) {
        uint16_t suite = (uint16_t)(0xc000 + i % 600);
        check_ja3s(cache, digest, suite, (const uint8_t[]){43, 51}, 2);
        check_ja3s(cache, digest, suite, (const uint8_t[]){51, 43}, 2);
        check_ja3s(cache, digest, suite, many, i % (sizeof many + 1));
    }
    hello_cache_free(cache);
    digest_free(digest);
}

static void many_kinds_do_not_grow_it(void **state) {
    (void)state;
    struct digest *digest = digest_new();
    struct hello_cache *cache = hello_cache_new(digest);
    for (unsigned i = 0; i < 3 * HELLO_CACHE_MAX; i++) {
        struct wire wire = make_hello(1, (uint8_t)i, "a");
        wire.bytes[0] = (uint8_t)(i >> 8); /* another version is another kind */
        hello_release(describe(cache, &wire));
    }
    hello_cache_free(cache);
    digest_free(digest);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_description_for_each_kind_of_client),
        cmocka_unit_test(ja3_is_the_md5_of_its_text),
        cmocka_unit_test(an_event_holds_what_it_shows),
        cmocka_unit_test(versions_are_those_asked_for),
        cmocka_unit_test(ja3s_is_the_md5_of_its_text),
        cmocka_unit_test(many_kinds_do_not_grow_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
