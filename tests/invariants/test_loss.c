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
    if (!fact_fits(truth->client_cert_requested, now->client_cert_requested))
        return "client_cert.requested";
    if (!fact_fits(truth->client_cert_sent, now->client_cert_sent))
        return "client_cert.sent";
    if (!fact_fits(truth->requiretls_used, now->requiretls_used))
        return "smtp.requiretls_used";
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

struct trial {
    const char *path;
    const struct config *config;
    const struct traffic *traffic;
    const struct outcome *whole, *blind; /* blind: without the key log */
    bool *lost;                          /* a mark for each segment */
};

/* A refusal inside of TLS 1.3 is seen by the key log alone, and that needs every packet up to it. Without one
 * of them the approximation stands that all have who have no key log (parsers/tls_outcome.h). */
static const char *what_is_wrong_in(const struct trial *trial, const struct session_event *now) {
    const struct session_event *whole = same_session(trial->whole, now),
                               *blind = same_session(trial->blind, now);
    if (!whole || !blind)
        return "a session that there was not";
    struct session_event truth = *whole;
    if (now->verdict == blind->verdict)
        truth.verdict = blind->verdict;
    if (now->tls_established == blind->tls_established)
        truth.tls_established = blind->tls_established;
    return what_is_wrong(&truth, now);
}

static size_t compare(const struct trial *trial, const char *how, size_t number, const struct outcome *now) {
    size_t num = 0;
    for (size_t i = 0; i < now->num; i++) {
        const struct session_event *s = &now->events[i].session;
        const struct session_event *truth = same_session(trial->whole, s);
        const char *wrong = what_is_wrong_in(trial, s);
        if (!wrong)
            continue;
        print_error("%s without %s %zu: %s; verdict %s, and %s with it (%s)\n", trial->path, how, number,
                    wrong, verdict_name(s->verdict), truth ? verdict_name(truth->verdict) : "none",
                    s->reason);
        num++;
    }
    return num;
}

static size_t try_without(const struct trial *trial, const char *how, size_t number) {
    struct outcome now = traffic_run_without(trial->traffic, trial->lost, trial->config);
    size_t num = compare(trial, how, number, &now);
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

static size_t try_capture(const char *path, const struct config *config) {
    struct traffic traffic = traffic_read(path);
    struct outcome whole = traffic_run(&traffic, config), blind = traffic_run(&traffic, traffic_config());
    bool *lost = calloc(traffic.num + 1, sizeof *lost);
    assert_non_null(lost);
    struct trial trial = {path, config, &traffic, &whole, &blind, lost};
    size_t num = drop_each(&trial) + cut_ends(&trial);
    num += drop_some(&trial, 5, 10) + drop_some(&trial, 20, 10) + drop_some(&trial, 50, 10);
    free(lost);
    outcome_cleanup(&whole);
    outcome_cleanup(&blind);
    traffic_cleanup(&traffic);
    return num;
}

/* Also with the key log, if there is one. */
static size_t try_both(const char *path) {
    const struct config *keys = traffic_config_with_keys(path);
    return try_capture(path, traffic_config()) + (keys ? try_capture(path, keys) : 0);
}

static void no_wrong_verdict_without_a_packet(void **state) {
    (void)state;
    const char *only = getenv("STARTTAP_CAPTURE");
    size_t num = 0;
    if (only) {
        num = try_both(only);
    } else {
        char **paths = bundled_captures();
        for (size_t i = 0; paths[i]; i++)
            num += try_both(paths[i]);
        bundled_cleanup(paths);
    }
    assert_int_equal(num, 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(no_wrong_verdict_without_a_packet)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
