/* Policies of hostile bytes, and sessions whose names are of the same: no crash, and a result only by a rule.
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "../../sensor/judge/policy.h"

#define NAME_MAX_LEN 300

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The first word of each line, which is likely to be a key. */
static const char *take_name(struct event *event, const uint8_t **at, const uint8_t *end) {
    size_t len = 0, left = (size_t)(end - *at);
    while (len < left && len < NAME_MAX_LEN && (*at)[len] > ' ')
        len++;
    const char *name = event_text(event, *at, len);
    const uint8_t *newline = memchr(*at, '\n', left);
    *at = newline ? newline + 1 : end;
    return name;
}

static void fill(struct event *event, const uint8_t *data, size_t size) {
    struct session_event *s = &event->session;
    const uint8_t *at = data, *end = data + size;
    uint8_t dice = size > 0 ? data[size - 1] : 0;
    s->verdict = (enum verdict)(dice % NUM_VERDICTS);
    s->destination.port = dice & 0x80 ? 587 : 25;
    s->destination.ip = "10.1.2.3";
    s->source.ip = "2001:db8::1";
    s->direction = dice & 0x40 ? "inbound" : "outbound";
    s->tls_version = "1.2";
    s->tls_version_protocol = "tls";
    s->smtp_server_name = take_name(event, &at, end);
    s->tls_server_name = take_name(event, &at, end);
    s->smtp_ehlo = take_name(event, &at, end);
    s->tls_cipher = take_name(event, &at, end);
    s->server_cert.sha256 = s->server_cert.subject_cn = take_name(event, &at, end);
    if (event_list(event, &s->mail_rcpt_domains, 2))
        s->mail_rcpt_domains.items[0] = take_name(event, &at, end);
    if (event_list(event, &s->server_cert.alternative_names, 2))
        s->server_cert.alternative_names.items[1] = take_name(event, &at, end);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    char error[512] = "";
    struct event event = {0};
    struct policy *policy = policy_parse("f", (const char *)data, size, error, sizeof error);
    assert(policy || strncmp(error, "f:", 2) == 0);
    if (!policy)
        return 0;
    event_init(&event);
    fill(&event, data, size);
    policy_judge(policy, &event);
    const struct session_event *s = &event.session;
    assert(!s->policy_result == !s->policy_rule && !s->policy_result == !s->policy_level);
    assert(policy_num_rules(policy) > 0 || !s->policy_result);
    for (size_t i = 0; i < policy_num_notes(policy); i++)
        assert(strncmp(policy_note(policy, i), "f:", 2) == 0);
    event_cleanup(&event);
    policy_free(policy);
    return 0;
}
