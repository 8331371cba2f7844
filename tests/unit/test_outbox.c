#include "../../sensor/outbox.h"

#include "sample_event.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#define TIMEOUT_MS 60000

/* A sink whose writes wait while the gate is closed, and which takes note of what it gets. */
struct gated {
    struct sink sink;
    pthread_mutex_t lock;
    pthread_cond_t opened;
    bool open, full, broken;
    uint64_t num_taken, last_port, num_reopened, num_flushed;
};

static struct gated *gated_of(struct sink *sink) {
    return (struct gated *)(void *)sink;
}

static int gated_write(struct sink *sink, const struct event *event) {
    struct gated *gated = gated_of(sink);
    pthread_mutex_lock(&gated->lock);
    while (!gated->open)
        pthread_cond_wait(&gated->opened, &gated->lock);
    int result = gated->broken ? -1 : gated->full ? SINK_FULL : 0;
    if (result == 0) {
        gated->num_taken++;
        gated->last_port = event->session.source.port;
    }
    pthread_mutex_unlock(&gated->lock);
    return result;
}

static int gated_flush(struct sink *sink) {
    gated_of(sink)->num_flushed++;
    return 0;
}

static int gated_close(struct sink *sink) {
    (void)sink;
    return 0;
}

static const char *gated_error(const struct sink *sink) {
    (void)sink;
    return "broken on purpose";
}

static void gated_stats(struct sink *sink, struct sink_stats *stats) {
    *stats = (struct sink_stats){.num_written = gated_of(sink)->num_taken};
}

static void gated_reopen(struct sink *sink) {
    gated_of(sink)->num_reopened++;
}

static const struct sink_ops ops = {.write = gated_write,
                                    .flush = gated_flush,
                                    .close = gated_close,
                                    .error = gated_error,
                                    .stats = gated_stats,
                                    .reopen = gated_reopen};

static void gated_start(struct gated *gated, bool open) {
    static char target[] = "gated:";
    *gated = (struct gated){.sink = {.ops = &ops, .target = target, .datasets = ~0u}, .open = open};
    pthread_mutex_init(&gated->lock, NULL);
    pthread_cond_init(&gated->opened, NULL);
}

static void gated_open(struct gated *gated) {
    pthread_mutex_lock(&gated->lock);
    gated->open = true;
    pthread_cond_broadcast(&gated->opened);
    pthread_mutex_unlock(&gated->lock);
}

static void put(struct outbox *outbox, size_t num) {
    struct event event = {0};
    for (size_t i = 0; i < num; i++) {
        sample_session(&event);
        event.session.source.port = (uint16_t)(i + 1);
        outbox_put(outbox, &event);
    }
    event_cleanup(&event);
}

static void test_all_come_in_order(void **state) {
    (void)state;
    struct gated gated;
    gated_start(&gated, true);
    struct outbox *outbox = outbox_start(&gated.sink);
    put(outbox, 1000);
    outbox_reopen(outbox);
    assert_true(outbox_works(outbox));
    assert_ptr_equal(outbox_stop(outbox, TIMEOUT_MS), &gated.sink);
    assert_int_equal(gated.num_taken, 1000);
    assert_int_equal(gated.last_port, 1000);
    assert_int_equal(gated.num_reopened, 1);
    assert_true(gated.num_flushed > 0);
}

/* Nothing is taken while the gate is closed: what does not fit is dropped and counted, and the caller comes
 * back. */
static void test_sink_stands_still(void **state) {
    (void)state;
    struct gated gated;
    struct sink_stats stats;
    gated_start(&gated, false);
    struct outbox *outbox = outbox_start(&gated.sink);
    put(outbox, OUTBOX_EVENTS_MAX + 10);
    assert_true(outbox_stats(outbox, &stats));
    assert_int_equal(stats.num_dropped, 10);
    gated_open(&gated);
    assert_ptr_equal(outbox_stop(outbox, TIMEOUT_MS), &gated.sink);
    assert_int_equal(gated.num_taken, OUTBOX_EVENTS_MAX);
    assert_int_equal(gated.last_port, OUTBOX_EVENTS_MAX);
}

static void test_stop_does_not_wait_for_ever(void **state) {
    (void)state;
    static struct gated gated; /* the thread goes on with both */
    static struct outbox *outbox;
    gated_start(&gated, false);
    outbox = outbox_start(&gated.sink);
    put(outbox, 1);
    assert_null(outbox_stop(outbox, 1));
    gated_open(&gated);
}

static void test_full_sink(void **state) {
    (void)state;
    struct gated gated;
    struct sink_stats stats = {0};
    gated_start(&gated, true);
    gated.full = true;
    struct outbox *outbox = outbox_start(&gated.sink);
    put(outbox, 5);
    while (stats.num_dropped < 5)
        assert_true(outbox_stats(outbox, &stats));
    assert_true(outbox_works(outbox));
    assert_ptr_equal(outbox_stop(outbox, TIMEOUT_MS), &gated.sink);
    assert_int_equal(gated.num_taken, 0);
}

static void test_broken_sink(void **state) {
    (void)state;
    struct gated gated;
    gated_start(&gated, true);
    gated.broken = true;
    struct outbox *outbox = outbox_start(&gated.sink);
    put(outbox, 5);
    while (outbox_works(outbox))
        ;
    put(outbox, 5);
    assert_ptr_equal(outbox_stop(outbox, TIMEOUT_MS), &gated.sink);
    assert_int_equal(gated.num_taken, 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_all_come_in_order),
        cmocka_unit_test(test_sink_stands_still),
        cmocka_unit_test(test_stop_does_not_wait_for_ever),
        cmocka_unit_test(test_full_sink),
        cmocka_unit_test(test_broken_sink),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
