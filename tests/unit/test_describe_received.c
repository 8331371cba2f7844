#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "../../sensor/judge/describe_received.h"

static void hop(struct received *received, const char *field) {
    struct received_hop *at = &received->hops[received->num_hops];
    assert_true(received_read(field, strlen(field), at));
    at->number = (uint32_t)++received->num_hops;
}

/* Each hop in one text, and how many there were of each kind. */
static void test_hops(void **state) {
    struct received *received = calloc(1, sizeof *received);
    struct event event = {0};
    (void)state;
    assert_non_null(received);
    event_init(&event);
    event_reset(&event, DATASET_SESSION);
    hop(received, "from a.example (a.example [192.0.2.1]) (using TLSv1.3 with cipher TLS_AES_256_GCM_SHA384 "
                  "(256/256 bits)) by mx.example.net (Postfix) with ESMTPS id 1; x");
    hop(received, "from b.example by a.example with ESMTP id 2; x");
    hop(received, "by b.example (Postfix, from userid 1000) id 3; x");
    describe_received(&event, received);
    const struct session_event *s = &event.session;
    assert_int_equal(s->received_hops.num, 3);
    assert_string_equal(s->received_hops.items[0], "1 encrypted with=ESMTPS version=1.3 "
                                                   "cipher=TLS_AES_256_GCM_SHA384 by=mx.example.net "
                                                   "from=a.example");
    assert_string_equal(s->received_hops.items[1], "2 cleartext with=ESMTP by=a.example from=b.example");
    assert_string_equal(s->received_hops.items[2], "3 unknown by=b.example");
    assert_int_equal(s->received_encrypted, 1);
    assert_int_equal(s->received_cleartext, 1);
    assert_int_equal(s->received_unknown, 1);
    event_cleanup(&event);
    free(received);
}

/* Nothing read, nothing said; the longest texts are whole. */
static void test_limits(void **state) {
    struct received *received = calloc(1, sizeof *received);
    struct event event = {0};
    (void)state;
    assert_non_null(received);
    event_init(&event);
    event_reset(&event, DATASET_SESSION);
    describe_received(&event, received);
    assert_int_equal(event.session.received_hops.num, 0);
    assert_int_equal(event.session.received_encrypted, EVENT_ABSENT);
    for (size_t i = 0; i < RECEIVED_HOPS_MAX; i++) {
        struct received_hop *at = &received->hops[i];
        at->tls = RECEIVED_TLS;
        at->number = UINT32_MAX;
        memset(at->from, 'f', sizeof at->from - 1);
        memset(at->by, 'b', sizeof at->by - 1);
        memset(at->with, 'W', sizeof at->with - 1);
        memset(at->cipher, 'C', sizeof at->cipher - 1);
        memset(at->version, '1', sizeof at->version - 1);
    }
    received->num_hops = RECEIVED_HOPS_MAX;
    describe_received(&event, received);
    assert_true(event.session.received_hops.num > 0);
    const char *text = event.session.received_hops.items[0];
    assert_int_equal(strspn(text, "0123456789"), 10);
    assert_non_null(strstr(text, " encrypted with=W"));
    assert_int_equal(strlen(strstr(text, " from=")), strlen(" from=") + RECEIVED_NAME_MAX - 1);
    event_cleanup(&event);
    free(received);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_hops),
        cmocka_unit_test(test_limits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
