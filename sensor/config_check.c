#include "config_check.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "../outputs/sink.h"
#include "capture/filter.h"
#include "config_values.h"
#include "judge/geo.h"
#include "judge/mta_sts.h"
#include "log.h"
#include "metrics.h"
#include "policy_open.h"
#include "record/record_file.h"

__attribute__((format(printf, 1, 2))) static void complain(const char *format, ...) {
    char text[LOG_LINE_MAX];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    log_line(LEVEL_ERROR, "%s", text);
}

static bool check_sinks(const struct config *config) {
    char why[CONFIG_WHY_MAX];
    for (size_t i = 0; i < config->num_sinks; i++) {
        if (!sink_check(config->sinks[i], why, sizeof why)) {
            complain("--output: %s", why);
            return false;
        }
        if (strncmp(config->sinks[i], "syslog:", 7) == 0 && alert_rules_findings(&config->alert_on) == 0) {
            complain("--output: '%s' gets alerts: say by --alert-on of which findings", config->sinks[i]);
            return false;
        }
        for (size_t j = 0; j < i; j++) {
            if (sink_same_place(config->sinks[j], config->sinks[i])) {
                complain("--output: '%s' and '%s' write to the same place", config->sinks[j],
                         config->sinks[i]);
                return false;
            }
        }
    }
    return true;
}

/* The database of events is another file. */
static bool check_state(const struct config *config) {
    char as_sink[SINK_PLACE_MAX + 8];
    if (config->state == NULL)
        return true;
    snprintf(as_sink, sizeof as_sink, "sqlite:%s", config->state);
    for (size_t i = 0; i < config->num_sinks; i++) {
        if (sink_same_place(config->sinks[i], as_sink)) {
            complain("--state: '%s' is the file of an output: '%s'", config->state, config->sinks[i]);
            return false;
        }
    }
    return true;
}

static bool check_kafka(const struct config *config) {
    char why[CONFIG_WHY_MAX];
    struct kafka_settings kafka = {config->kafka_config, config->kafka_properties,
                                   config->num_kafka_properties};
    if (kafka_conf_check(&kafka, why, sizeof why))
        return true;
    complain("%s", why);
    return false;
}

static bool check_inputs(const struct config *config) {
    size_t num_standard_input = 0;
    for (size_t i = 0; i < config->num_inputs; i++)
        num_standard_input += strcmp(config->inputs[i], "-") == 0;
    if (num_standard_input > 1)
        complain("--read: '-', standard input, can be read only once");
    return num_standard_input <= 1;
}

static bool check_filter(const struct config *config) {
    char why[CONFIG_WHY_MAX];
    if (config->filter == NULL)
        return true;
    struct filter *filter = filter_new(config->filter, why, sizeof why);
    if (filter == NULL)
        complain("%s: '%s'", why, config->filter);
    filter_free(filter);
    return filter != NULL;
}

/* What is written must not be what is read, or what something else writes. */
static bool check_record(const struct config *config) {
    char why[CONFIG_WHY_MAX];
    if (config->record == NULL) {
        if (config->scrub)
            complain("--scrub is about what -w FILE records");
        return !config->scrub;
    }
    if (!record_file_check(config->record, why, sizeof why)) {
        complain("--write: %s", why);
        return false;
    }
    for (size_t i = 0; i < config->num_inputs; i++) {
        if (!record_file_is_stdout(config->record) && record_file_is(config->record, config->inputs[i])) {
            complain("--write: '%s' is to be read", config->inputs[i]);
            return false;
        }
    }
    for (size_t i = 0; i < config->num_sinks; i++) {
        if (record_file_is_sink(config->record, config->sinks[i])) {
            complain("--write and --output: '%s' writes to the same place", config->sinks[i]);
            return false;
        }
    }
    return true;
}

static bool check_metrics(const struct config *config) {
    char why[CONFIG_WHY_MAX];
    if (config->metrics == NULL || metrics_check(config->metrics, why, sizeof why))
        return true;
    complain("%s", why);
    return false;
}

/* A test tells the remarks on it, too; a run does when it begins. */
static bool check_policy(const struct config *config, enum config_check_for purpose) {
    char why[CONFIG_WHY_MAX];
    if (!config->policy)
        return true;
    struct policy *policy = purpose == CONFIG_CHECK_TEST ? policy_open(config, why, sizeof why)
                                                         : policy_load(config->policy, why, sizeof why);
    if (!policy)
        complain("--policy: %s", why);
    policy_free(policy);
    return policy != NULL;
}

/* What a run opens when it begins. */
static bool check_files(const struct config *config) {
    char why[CONFIG_WHY_MAX];
    if (config->num_mmdb > 0) {
        struct geo *geo = geo_open(config->mmdb, config->num_mmdb, why, sizeof why);
        if (!geo) {
            complain("--mmdb: %s", why);
            return false;
        }
        geo_close(geo);
    }
    if (config->mta_sts) {
        struct mta_sts *mta_sts = mta_sts_load(config->mta_sts, why, sizeof why);
        if (!mta_sts) {
            complain("--mta-sts: %s", why);
            return false;
        }
        mta_sts_free(mta_sts);
    }
    return true;
}

static bool has_kafka(const struct config *config) {
    for (size_t i = 0; i < config->num_sinks; i++) {
        if (strncmp(config->sinks[i], "kafka:", 6) == 0)
            return true;
    }
    return false;
}

static bool has_input(const struct config *config) {
    bool live = config->num_interfaces > 0;
    if (live && config->num_inputs > 0) {
        complain("-i captures from the network and -r reads files: give one of them");
        return false;
    }
    if (config->deliver && (config->num_inputs > 0 || live || !has_kafka(config))) {
        complain("--deliver reads nothing and needs a Kafka output: starttap --deliver -o kafka://...");
        return false;
    }
    if (config->deliver || config->num_inputs > 0 || live)
        return true;
    if (config->filter != NULL && access(config->filter, F_OK) == 0)
        complain("nothing to read; did you mean: starttap -r %s", config->filter);
    else
        complain(
            "nothing to read: give a capture with -r FILE ('-' is standard input) or an interface with -i "
            "NAME (-D lists them), or see --help");
    return false;
}

bool config_check(const struct config *config, enum config_check_for purpose) {
    char range[PORTS_TEXT_MAX];
    if (purpose == CONFIG_CHECK_RUN && !has_input(config))
        return false;
    if (ports_next_range(&config->mail_ports, 0, range) == 0 &&
        ports_next_range(&config->tls_ports, 0, range) == 0 && !config->any_port) {
        complain("nothing to look for: no --mail-ports, no --tls-ports and no --any-port");
        return false;
    }
    return check_inputs(config) && check_sinks(config) && check_state(config) && check_record(config) &&
           check_kafka(config) && check_metrics(config) && check_filter(config) &&
           check_policy(config, purpose) && (purpose != CONFIG_CHECK_TEST || check_files(config));
}
