/* An EHLO reply is shown as its texts are, whether it was seen before or not. */
#include "../../sensor/judge/ehlo.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "../../outputs/json.h"

#define SERVERS_MAX 400 /* more than the cache holds */

struct reply {
    struct smtp_text capabilities[4], mechanisms[2];
    struct smtp_facts facts;
    char kept[EHLO_KEY_MAX + 8];
};

static struct smtp_text text_of(const char *text) {
    return (struct smtp_text){text, strlen(text)};
}

/* As a parser would keep it: which bytes these are does not matter to who only compares them. */
static void make_reply(struct reply *reply, const char *size, const char *mechanism) {
    memset(reply, 0, sizeof *reply);
    reply->capabilities[0] = text_of("PIPELINING");
    reply->capabilities[1] = text_of(size);
    reply->mechanisms[0] = text_of(mechanism);
    int len = snprintf(reply->kept, sizeof reply->kept, "PIPELINING|%s|%s", size, mechanism);
    reply->facts.capabilities = reply->capabilities;
    reply->facts.num_capabilities = 2;
    reply->facts.auth_mechanisms = reply->mechanisms;
    reply->facts.num_auth_mechanisms = mechanism[0] != '\0' ? 1 : 0;
    reply->facts.capabilities_kept = (struct smtp_text){reply->kept, (size_t)len};
}

static void expect_json(const struct text_list *list, const char *expected) {
    struct buffer prepared = {0}, made = {0};
    struct text_list items = *list;
    items.json = NULL;
    json_add_texts(list, &prepared);
    json_add_texts(&items, &made);
    buffer_add_char(&prepared, '\0');
    buffer_add_char(&made, '\0');
    assert_string_equal(prepared.data, expected);
    assert_string_equal(made.data, expected);
    buffer_cleanup(&prepared);
    buffer_cleanup(&made);
}

static void expect_shown(struct ehlo_cache *cache, const char *size, const char *mechanism, bool known) {
    struct event event = {0};
    struct reply reply;
    char capabilities[EHLO_KEY_MAX + 64], mechanisms[EHLO_KEY_MAX + 64];
    event_init(&event);
    make_reply(&reply, size, mechanism);
    ehlo_show(cache, &reply.facts, &event);
    (void)snprintf(capabilities, sizeof capabilities, "[\"PIPELINING\",\"%s\"]", size);
    (void)snprintf(mechanisms, sizeof mechanisms, "[%s%s%s]", mechanism[0] ? "\"" : "", mechanism,
                   mechanism[0] ? "\"" : "");
    expect_json(&event.session.smtp_capabilities, capabilities);
    expect_json(&event.session.smtp_auth_mechanisms, mechanisms);
    assert_true((event.session.smtp_capabilities.json != NULL) == known);
    event_cleanup(&event);
}

static void test_seen_again(void **state) {
    (void)state;
    struct ehlo_cache *cache = ehlo_cache_new();
    expect_shown(cache, "SIZE 10", "PLAIN", false);
    expect_shown(cache, "SIZE 10", "PLAIN", true);
    expect_shown(cache, "SIZE 20", "PLAIN", false);
    expect_shown(cache, "SIZE 20", "", false);
    expect_shown(cache, "SIZE 20", "", true);
    expect_shown(cache, "SIZE 20", "PLAIN", true);
    ehlo_cache_free(cache);
    ehlo_cache_free(NULL);
}

/* Those that share a slot push each other out and are never taken for each other. */
static void test_more_than_there_is_room_for(void **state) {
    (void)state;
    struct ehlo_cache *cache = ehlo_cache_new();
    for (int round = 0; round < 2; round++) {
        for (int i = 0; i < SERVERS_MAX; i++) {
            char size[32], capabilities[64];
            struct event event = {0};
            struct reply reply;
            event_init(&event);
            (void)snprintf(size, sizeof size, "SIZE %d", i);
            (void)snprintf(capabilities, sizeof capabilities, "[\"PIPELINING\",\"%s\"]", size);
            make_reply(&reply, size, "LOGIN");
            ehlo_show(cache, &reply.facts, &event);
            expect_json(&event.session.smtp_capabilities, capabilities);
            event_cleanup(&event);
        }
    }
    ehlo_cache_free(cache);
}

/* What an event shows outlives the cache, and what pushes it out of there. */
static void test_an_event_holds_what_it_shows(void **state) {
    (void)state;
    struct ehlo_cache *cache = ehlo_cache_new();
    struct event event = {0};
    struct reply reply;
    event_init(&event);
    expect_shown(cache, "SIZE 1", "PLAIN", false);
    make_reply(&reply, "SIZE 1", "PLAIN");
    ehlo_show(cache, &reply.facts, &event);
    ehlo_cache_free(cache);
    expect_json(&event.session.smtp_capabilities, "[\"PIPELINING\",\"SIZE 1\"]");
    event_cleanup(&event);
}

static void test_long_replies_are_shown_too(void **state) {
    (void)state;
    struct ehlo_cache *cache = ehlo_cache_new();
    char size[EHLO_KEY_MAX + 1];
    memset(size, 'x', sizeof size);
    size[sizeof size - 20] = '\0';
    expect_shown(cache, size, "", false); /* as long as may be */
    expect_shown(cache, size, "", true);
    struct event event = {0};
    struct reply reply;
    event_init(&event);
    make_reply(&reply, size, "PLAIN");
    reply.facts.capabilities_kept.len = EHLO_KEY_MAX + 1;
    for (int round = 0; round < 2; round++) {
        event_reset(&event, DATASET_SESSION);
        ehlo_show(cache, &reply.facts, &event);
        assert_null(event.session.smtp_capabilities.json);
        assert_string_equal(event.session.smtp_capabilities.items[1], size);
    }
    event_cleanup(&event);
    ehlo_cache_free(cache);
}

/* Wire bytes become what an event may hold, in what is kept as well. */
static void test_bad_bytes(void **state) {
    (void)state;
    struct ehlo_cache *cache = ehlo_cache_new();
    for (int round = 0; round < 2; round++) {
        struct event event = {0};
        struct reply reply;
        event_init(&event);
        make_reply(&reply, "SIZE \xff\"\x01", "");
        ehlo_show(cache, &reply.facts, &event);
        assert_string_equal(event.session.smtp_capabilities.items[1], "SIZE \xef\xbf\xbd\"\x01");
        expect_json(&event.session.smtp_capabilities, "[\"PIPELINING\",\"SIZE \xef\xbf\xbd\\\"\\u0001\"]");
        event_cleanup(&event);
    }
    ehlo_cache_free(cache);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_seen_again),
        cmocka_unit_test(test_more_than_there_is_room_for),
        cmocka_unit_test(test_an_event_holds_what_it_shows),
        cmocka_unit_test(test_long_replies_are_shown_too),
        cmocka_unit_test(test_bad_bytes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
