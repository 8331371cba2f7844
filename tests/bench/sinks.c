/* sinks.c: writes one session again and again, each time with another event.id, time and peer, into one sink.
 *
 *     bench_sinks SPEC EVENTS SPOOL
 *
 * Ends when all is delivered. SPOOL: the directory for that of a Kafka sink. */
#include <stdio.h>
#include <stdlib.h>

#include "../../outputs/sink.h"
#include "../unit/sample_event.h"

#define NUM_PEERS   1000
#define SPOOL_MAX   (UINT64_C(4) << 30)
#define DELIVERY_MS 120000

static void on_message(void *context, const char *message) {
    (void)context;
    (void)fprintf(stderr, "%s\n", message);
}

/* Eight digits. What an event takes here besides the sink's own work should not count. */
static void put_hex(char *at, unsigned number) {
    for (unsigned i = 0; i < 8; i++) {
        at[i] = "0123456789abcdef"[number >> (28 - 4 * i) & 15];
    }
}

static bool write_events(struct sink *sink, unsigned num) {
    struct event event = {0};
    char peers[NUM_PEERS][16];
    int result = 0;
    sample_session(&event);
    memset(event.id, '0', sizeof event.id - 1);
    for (unsigned i = 0; i < NUM_PEERS; i++) {
        (void)snprintf(peers[i], sizeof peers[i], "198.18.%u.%u", i / 250, i % 250);
    }
    for (unsigned i = 0; i < num && result == 0; i++) {
        put_hex(event.id, i * 2654435761u); /* in no order */
        put_hex(event.id + 24, i);
        event.session.destination.ip = peers[i % NUM_PEERS];
        event.session.start_ns += 1000000;
        event.session.end_ns += 1000000;
        while ((result = sink_write(sink, &event)) == SINK_FULL) {
            (void)sink_wait(sink, 10);
        }
    }
    event_cleanup(&event);
    return result == 0;
}

int main(int argc, char **argv) {
    char error[512];
    if (argc != 4) {
        (void)fprintf(stderr, "usage: bench_sinks SPEC EVENTS SPOOL\n");
        return 2;
    }
    struct sink_options options = {
        .force = true, .spool = argv[3], .spool_max = SPOOL_MAX, .log = on_message};
    struct sink *sink = sink_open(argv[1], &options, error, sizeof error);
    if (sink == NULL) {
        (void)fprintf(stderr, "%s\n", error);
        return 1;
    }
    bool good = write_events(sink, (unsigned)strtoul(argv[2], NULL, 10)) && sink_flush(sink) == 0 &&
                sink_wait(sink, DELIVERY_MS) == 0;
    if (!good) {
        (void)fprintf(stderr, "%s\n", sink_error(sink));
    }
    return sink_close(sink) == 0 && good ? 0 : 1;
}
