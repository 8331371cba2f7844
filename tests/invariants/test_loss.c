/* No wrong verdict under loss: drop any packets of any capture, and each verdict is the true one or
 * `unknown`; each fact is the true one or absent. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "../support/traffic.h"

static bool fact_fits(enum fact truth, enum fact now) {
    return now == FACT_UNKNOWN || now == truth;
}

/* Without the packet a fact may be missing; it may not be another one. */
static const char *what_is_wrong(const struct session_event *truth, const struct session_event *now) {
    if (now->verdict != truth->verdict && now->verdict != VERDICT_UNKNOWN)
        return "verdict";
    if (now->verdict == VERDICT_UNKNOWN && now->unknown_reason == UNKNOWN_NONE)
        return "unknown without a reason";
    if (truth->verdict == VERDICT_NOT_SMTP)
        return NULL; /* what is not said of another protocol may be said of a part of it */
    if (!fact_fits(truth->mail_cleartext, now->mail_cleartext))
        return "mail.cleartext";
    if (!fact_fits(truth->auth_cleartext, now->auth_cleartext))
        return "mail.auth_cleartext";
    if (!fact_fits(truth->starttls_offered, now->starttls_offered))
        return "starttls.offered";
    if (!fact_fits(truth->starttls_requested, now->starttls_requested))
        return "starttls.requested";
    if (!fact_fits(truth->tls_established, now->tls_established))
        return "tls.established";
    if (!fact_fits(truth->tls_resumed, now->tls_resumed))
        return "tls.resumed";
    return NULL;
}

static const struct session_event *same_session(const struct outcome *whole, const struct session_event *s) {
    for (size_t i = 0; i < whole->num; i++) {
        const struct session_event *w = &whole->events[i].session;
        if (w->source.port == s->source.port && w->destination.port == s->destination.port)
            return w;
    }
    return NULL;
}

static size_t compare(const char *path, const char *how, size_t number, const struct outcome *whole,
                      const struct outcome *now) {
    size_t num = 0;
    for (size_t i = 0; i < now->num; i++) {
        const struct session_event *s = &now->events[i].session;
        const struct session_event *truth = same_session(whole, s);
        const char *wrong = truth ? what_is_wrong(truth, s) : "a session that there was not";
        if (!wrong)
            continue;
        print_error("%s without %s %zu: %s; verdict %s, and %s with it (%s)\n", path, how, number, wrong,
                    verdict_name(s->verdict), truth ? verdict_name(truth->verdict) : "none", s->reason);
        num++;
    }
    return num;
}

struct trial {
    const char *path;
    const struct traffic *traffic;
    const struct outcome *whole;
    bool *lost; /* a mark for each segment */
};

static size_t try_without(const struct trial *trial, const char *how, size_t number) {
    struct outcome now = traffic_run_without(trial->traffic, trial->lost, traffic_config());
    size_t num = compare(trial->path, how, number, trial->whole, &now);
    outcome_cleanup(&now);
    return num;
}

static void mark(const struct trial *trial, size_t from, size_t to, bool lost) {
    for (size_t i = from; i < to; i++)
        trial->lost[i] = lost;
}

static size_t drop_each(const struct trial *trial) {
    size_t num = 0;
    for (size_t i = 0; i < trial->traffic->num; i++) {
        trial->lost[i] = true;
        num += try_without(trial, "segment", i);
        trial->lost[i] = false;
    }
    return num;
}

/* The capture begins late, or ends early, at any segment. */
static size_t cut_ends(const struct trial *trial) {
    size_t num = 0, all = trial->traffic->num;
    for (size_t i = 1; i < all; i++) {
        mark(trial, 0, i, true);
        num += try_without(trial, "all before", i);
        mark(trial, 0, i, false);
        mark(trial, i, all, true);
        num += try_without(trial, "all from", i);
        mark(trial, i, all, false);
    }
    return num;
}

static size_t drop_some(const struct trial *trial, unsigned percent, size_t tries) {
    size_t num = 0;
    for (size_t try = 0; try < tries; try++) {
        uint64_t random = try * 100 + percent;
        for (size_t i = 0; i < trial->traffic->num; i++)
            trial->lost[i] = next_random(&random) % 100 < percent;
        num += try_without(trial,
                           percent == 5    ? "5 %, seed"
                           : percent == 20 ? "20 %, seed"
                                           : "50 %, seed",
                           try);
    }
    mark(trial, 0, trial->traffic->num, false);
    return num;
}

static size_t try_capture(const char *path) {
    struct traffic traffic = traffic_read(path);
    struct outcome whole = traffic_run(&traffic, traffic_config());
    bool *lost = calloc(traffic.num + 1, sizeof *lost);
    assert_non_null(lost);
    struct trial trial = {path, &traffic, &whole, lost};
    size_t num = drop_each(&trial) + cut_ends(&trial);
    num += drop_some(&trial, 5, 10) + drop_some(&trial, 20, 10) + drop_some(&trial, 50, 10);
    free(lost);
    outcome_cleanup(&whole);
    traffic_cleanup(&traffic);
    return num;
}

static void no_wrong_verdict_without_a_packet(void **state) {
    (void)state;
    const char *only = getenv("STARTTAP_CAPTURE");
    size_t num = 0;
    if (only) {
        num = try_capture(only);
    } else {
        char **paths = bundled_captures();
        for (size_t i = 0; paths[i]; i++)
            num += try_capture(paths[i]);
        bundled_cleanup(paths);
    }
    assert_int_equal(num, 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(no_wrong_verdict_without_a_packet)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
