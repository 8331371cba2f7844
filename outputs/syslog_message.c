#include "syslog_message.h"

#include "text.h"

#include <inttypes.h>
#include <stdio.h>

#define NS_PER_MS   UINT64_C(1000000)
#define FRACTION_US 6 /* digits that RFC 5424 allows; of times in nanoseconds three are cut off */

static const char *const facilities[] = {"kern",   "user",   "mail",    "daemon", "auth",     "syslog",
                                         "lpr",    "news",   "uucp",    "cron",   "authpriv", "ftp",
                                         "ntp",    "audit",  "console", "cron2",  "local0",   "local1",
                                         "local2", "local3", "local4",  "local5", "local6",   "local7"};

int syslog_facility(const char *name) {
    for (size_t i = 0; i < sizeof facilities / sizeof facilities[0]; i++) {
        if (strcmp(facilities[i], name) == 0) {
            return (int)i;
        }
    }
    return -1;
}

/* What is said about how bad it is: by enum severity. */
static const struct {
    int syslog; /* RFC 5424 section 6.2.1: 3 error, 4 warning, 5 notice, 6 informational */
    int cef;    /* 0 to 10; 0-3 low, 4-6 medium, 7-8 high, 9-10 very high */
} levels[] = {
    [SEVERITY_INFORMATIONAL] = {6, 1},
    [SEVERITY_LOW] = {5, 3},
    [SEVERITY_MEDIUM] = {4, 6},
    [SEVERITY_HIGH] = {3, 8},
};

static enum severity severity_of(const struct alert_event *alert) {
    enum severity worst = SEVERITY_INFORMATIONAL;
    for (unsigned i = 0; i < NUM_FINDINGS; i++) {
        enum severity severity = finding_info((enum finding)i)->severity;
        if ((alert->findings >> i & 1) != 0 && severity > worst) {
            worst = severity;
        }
    }
    return worst;
}

/* PRINTUSASCII of at most max characters, '-' when nothing of it is. */
static void add_header_word(struct buffer *out, const char *text, size_t max) {
    size_t num = 0;
    for (; text != NULL && *text != '\0' && num < max; text++) {
        if (*text > ' ' && *text < 0x7f) {
            buffer_add_char(out, *text);
            num++;
        }
    }
    if (num == 0) {
        buffer_add_char(out, '-');
    }
    buffer_add_char(out, ' ');
}

/* A PARAM-VALUE (RFC 5424 section 6.3.3). */
static void add_param(struct buffer *out, const char *name, const char *value) {
    buffer_printf(out, " %s=\"", name);
    for (; value != NULL && *value != '\0'; value++) {
        if (*value == '"' || *value == '\\' || *value == ']') {
            buffer_add_char(out, '\\');
        }
        buffer_add_char(out, *value >= ' ' && *value < 0x7f ? *value : '?');
    }
    buffer_add_char(out, '"');
}

static void add_header(struct buffer *out, const struct event *event, int facility) {
    char time[TEXT_TIME_MAX];
    const struct alert_event *alert = &event->alert;
    size_t len = text_time_ns(time, alert->time_ns);
    time[len - 1 - (9 - FRACTION_US)] = '\0';
    buffer_printf(out, "<%d>1 %sZ ", facility * 8 + levels[severity_of(alert)].syslog, time);
    add_header_word(out, event->observer_name, 255);
    buffer_add_string(out, "starttap - ");
    add_header_word(out, alert->finding, 32);
    buffer_add_string(out, "[origin software=\"starttap\"");
    add_param(out, "swVersion", event->observer_version);
    buffer_add_string(out, "] ");
}

/* --- plain --- */

static void add_quoted(struct buffer *out, const char *key, const char *value) {
    char text[TEXT_CLEAN_GROWTH * SYSLOG_TEXT_MAX + 1];
    if (value == NULL) {
        return;
    }
    text[text_clean(text, value, strlen(value), SYSLOG_TEXT_MAX)] = '\0';
    buffer_printf(out, " %s=", key);
    text_add_json(out, text);
}

static void add_word(struct buffer *out, const char *key, const char *value) {
    if (value != NULL) {
        buffer_printf(out, " %s=%s", key, value);
    }
}

static void add_plain(struct buffer *out, const struct event *event) {
    const struct alert_event *alert = &event->alert;
    buffer_add_string(out, alert->reason != NULL ? alert->reason : "");
    add_word(out, "peer", alert->peer_ip);
    add_quoted(out, "name", alert->peer_name);
    buffer_printf(out, " sessions=%" PRIu64 " verdict=%s", alert->sessions, verdict_name(alert->verdict));
    add_word(out, "direction", alert->direction);
    add_word(out, "client", alert->source.ip);
    add_word(out, "server", alert->destination.ip);
    buffer_printf(out, " port=%u id=%s", alert->destination.port, event->id);
    add_word(out, "session", alert->session_id);
}

/* --- CEF --- */

/* Backslash and `special` are escaped; control characters, and what is no UTF-8, do not get through. */
static void add_cef(struct buffer *out, const char *value, char special) {
    char text[TEXT_CLEAN_GROWTH * SYSLOG_TEXT_MAX + 1];
    size_t len = value != NULL ? text_clean(text, value, strlen(value), SYSLOG_TEXT_MAX) : 0;
    for (size_t i = 0, size; i < len; i += size) {
        uint32_t code;
        size = text_decode(text + i, len - i, &code);
        bool is_line_end = code == 0x2028 || code == 0x2029;
        if (code < ' ' || (code >= 0x7f && code < 0xa0) || is_line_end) {
            buffer_add_char(out, ' ');
            continue;
        }
        if (code == '\\' || code == (uint32_t)special) {
            buffer_add_char(out, '\\');
        }
        buffer_add(out, text + i, size);
    }
}

static void add_extension(struct buffer *out, const char *key, const char *value) {
    if (value == NULL) {
        return;
    }
    buffer_printf(out, " %s=", key);
    add_cef(out, value, '=');
}

/* One of the six strings that have a meaning of ours. */
static void add_custom(struct buffer *out, int number, const char *label, const char *value) {
    char key[16];
    if (value == NULL) {
        return;
    }
    buffer_printf(out, " cs%dLabel=%s", number, label);
    (void)snprintf(key, sizeof key, "cs%d", number);
    add_extension(out, key, value);
}

static void add_address(struct buffer *out, const char *ip, const char *key, const char *key6,
                        const char *label6) {
    if (ip != NULL && strchr(ip, ':') != NULL) {
        buffer_printf(out, " %sLabel=%s", key6, label6);
        key = key6;
    }
    add_extension(out, key, ip);
}

/* deviceDirection: 0 inbound, 1 outbound. */
static const char *cef_direction(const char *direction) {
    bool inbound = direction != NULL && strcmp(direction, "inbound") == 0;
    bool outbound = direction != NULL && strcmp(direction, "outbound") == 0;
    return inbound ? "0" : outbound ? "1" : NULL;
}

static void add_cef_message(struct buffer *out, const struct event *event) {
    const struct alert_event *alert = &event->alert;
    buffer_add_string(out, "CEF:0|starttap|starttap|");
    add_cef(out, event->observer_version, '|');
    buffer_add_char(out, '|');
    add_cef(out, alert->finding, '|');
    buffer_add_char(out, '|');
    add_cef(out, alert->reason, '|');
    buffer_printf(out, "|%d|rt=%" PRIu64 " start=%" PRIu64 " cnt=%" PRIu64, levels[severity_of(alert)].cef,
                  alert->time_ns / NS_PER_MS, alert->hour_ns / NS_PER_MS, alert->sessions);
    buffer_add_string(out, " app=SMTP proto=TCP");
    add_address(out, alert->source.ip, "src", "c6a2", "Source IPv6 Address");
    buffer_printf(out, " spt=%u", alert->source.port);
    add_address(out, alert->destination.ip, "dst", "c6a3", "Destination IPv6 Address");
    buffer_printf(out, " dpt=%u", alert->destination.port);
    add_extension(out, "dhost", alert->destination.domain);
    add_extension(out, "deviceDirection", cef_direction(alert->direction));
    add_extension(out, "dvchost", event->observer_name);
    add_extension(out, "externalId", event->id);
    add_custom(out, 1, "verdict", verdict_name(alert->verdict));
    add_custom(out, 2, "peer", alert->peer_ip);
    add_custom(out, 3, "peerName", alert->peer_name);
    add_custom(out, 4, "session", alert->session_id);
    add_custom(out, 5, "communityId", alert->community_id);
    add_extension(out, "msg", alert->remedy);
}

void syslog_message(struct buffer *out, const struct event *event, int facility, bool cef) {
    add_header(out, event, facility);
    if (cef) {
        add_cef_message(out, event);
    } else {
        add_plain(out, event);
    }
}
