/* config_dump.c: the configuration in force, written as the file that config_file.c reads. */
#include <string.h>
#include <yaml.h>

#include "../outputs/kafka_conf.h"
#include "../outputs/sink_spec.h"
#include "capture/filter_mail.h"
#include "config_file.h"
#include "config_setting.h"
#include "config_values.h"

/* The first failure sticks; nothing is written after it. */
struct dump {
    yaml_emitter_t emitter;
    bool good;
};

/* made: what the function that initialised the event returned. The event is taken over in any case. */
static void emit(struct dump *dump, int made, yaml_event_t *event) {
    if (!made)
        dump->good = false;
    else if (!dump->good)
        yaml_event_delete(event);
    else
        dump->good = yaml_emitter_emit(&dump->emitter, event) != 0;
}

static void put_scalar(struct dump *dump, const char *text, yaml_scalar_style_t style) {
    yaml_event_t event;
    int made = yaml_scalar_event_initialize(&event, NULL, NULL, (const yaml_char_t *)text, (int)strlen(text),
                                            1, 1, style);
    emit(dump, made, &event);
}

static void put_name(struct dump *dump, enum setting_key key) {
    put_scalar(dump, setting_by_key((int)key)->name, YAML_PLAIN_SCALAR_STYLE);
}

/* Quoted, so that a file called "null" stays one. */
static void put_text(struct dump *dump, const char *text) {
    if (text == NULL)
        put_scalar(dump, "null", YAML_PLAIN_SCALAR_STYLE);
    else
        put_scalar(dump, text, YAML_DOUBLE_QUOTED_SCALAR_STYLE);
}

static void put_number(struct dump *dump, uint32_t number) {
    char text[16];
    snprintf(text, sizeof text, "%u", number);
    put_scalar(dump, text, YAML_PLAIN_SCALAR_STYLE);
}

static void put_switch(struct dump *dump, enum setting_key key, bool on) {
    put_name(dump, key);
    put_scalar(dump, on ? "true" : "false", YAML_PLAIN_SCALAR_STYLE);
}

static void start_sequence(struct dump *dump) {
    yaml_event_t event;
    emit(dump, yaml_sequence_start_event_initialize(&event, NULL, NULL, 1, YAML_FLOW_SEQUENCE_STYLE), &event);
}

static void end_sequence(struct dump *dump) {
    yaml_event_t event;
    emit(dump, yaml_sequence_end_event_initialize(&event), &event);
}

static void put_texts(struct dump *dump, enum setting_key key, char *const *texts, size_t num) {
    put_name(dump, key);
    start_sequence(dump);
    for (size_t i = 0; i < num; i++)
        put_text(dump, texts[i]);
    end_sequence(dump);
}

static void put_ports(struct dump *dump, enum setting_key key, const struct port_set *ports) {
    char range[PORTS_TEXT_MAX];
    put_name(dump, key);
    start_sequence(dump);
    for (uint32_t next = 0; (next = ports_next_range(ports, next, range)) != 0;)
        put_scalar(dump, range, YAML_PLAIN_SCALAR_STYLE);
    end_sequence(dump);
}

static void put_networks(struct dump *dump, const struct config *config) {
    char text[NETWORK_TEXT_MAX];
    put_name(dump, SETTING_HOME);
    start_sequence(dump);
    for (size_t i = 0; i < config->num_home; i++) {
        network_format(&config->home[i], text);
        put_text(dump, text);
    }
    end_sequence(dump);
}

static void put_tunnels(struct dump *dump, uint32_t tunnels) {
    put_name(dump, SETTING_TUNNELS);
    start_sequence(dump);
    for (size_t i = 0; filter_tunnel_name(i) != NULL; i++) {
        if ((tunnels >> i & 1) != 0)
            put_scalar(dump, filter_tunnel_name(i), YAML_PLAIN_SCALAR_STYLE);
    }
    end_sequence(dump);
}

static void put_datasets(struct dump *dump, unsigned datasets) {
    put_name(dump, SETTING_DATASETS);
    start_sequence(dump);
    for (unsigned i = 0; datasets >> i != 0; i++) {
        if ((datasets >> i & 1) != 0)
            put_scalar(dump, dataset_word(i), YAML_PLAIN_SCALAR_STYLE);
    }
    end_sequence(dump);
}

static void put_alerts(struct dump *dump, const struct alert_rules *rules) {
    char rule[ALERT_RULE_MAX];
    put_name(dump, SETTING_ALERT_ON);
    start_sequence(dump);
    for (unsigned i = 0; i < NUM_FINDINGS; i++) {
        if (rules->sessions[i] == 0)
            continue;
        alert_rules_format(rules, (enum finding)i, rule);
        put_text(dump, rule);
    }
    end_sequence(dump);
}

/* Secrets are for nobody's eyes: what stands for them is refused when it is read back. */
static void put_properties(struct dump *dump, const struct config *config) {
    put_name(dump, SETTING_KAFKA_PROPERTY);
    start_sequence(dump);
    for (size_t i = 0; i < config->num_kafka_properties; i++) {
        const char *property = config->kafka_properties[i];
        char hidden[CONFIG_WHY_MAX];
        snprintf(hidden, sizeof hidden, "%.*s=" KAFKA_HIDDEN_VALUE, (int)kafka_secret_key_len(property),
                 property);
        put_text(dump, kafka_secret_key_len(property) > 0 ? hidden : property);
    }
    end_sequence(dump);
}

static void put_inputs_and_outputs(struct dump *dump, const struct config *config) {
    put_texts(dump, SETTING_READ, config->inputs, config->num_inputs);
    put_texts(dump, SETTING_INTERFACE, config->interfaces, config->num_interfaces);
    put_name(dump, SETTING_RING_MB);
    put_number(dump, config->ring_mb);
    put_name(dump, SETTING_SNAP_LENGTH);
    put_number(dump, config->snap_len);
    put_switch(dump, SETTING_NO_PROMISCUOUS, config->no_promiscuous);
    put_name(dump, SETTING_TIME_STAMPS);
    put_text(dump, config->time_stamps);
    put_tunnels(dump, config->tunnels);
    put_texts(dump, SETTING_OUTPUT, config->sinks, config->num_sinks);
    put_datasets(dump, config->datasets);
    put_name(dump, SETTING_KAFKA_CONFIG);
    put_text(dump, config->kafka_config);
    put_properties(dump, config);
    put_name(dump, SETTING_SINK_WAIT);
    put_number(dump, config->sink_wait_s);
    put_name(dump, SETTING_SPOOL);
    put_text(dump, config->spool);
    put_name(dump, SETTING_SPOOL_MAX);
    put_number(dump, config->spool_max_mb);
}

static void put_what_is_judged(struct dump *dump, const struct config *config) {
    put_name(dump, SETTING_FILTER);
    put_text(dump, config->filter);
    put_ports(dump, SETTING_MAIL_PORTS, &config->mail_ports);
    put_ports(dump, SETTING_TLS_PORTS, &config->tls_ports);
    put_switch(dump, SETTING_ANY_PORT, config->any_port);
    put_networks(dump, config);
    put_name(dump, SETTING_CA);
    put_text(dump, config->ca_path);
    put_switch(dump, SETTING_NO_VERIFY, config->no_verify);
    put_switch(dump, SETTING_NO_DNS, config->no_dns);
    put_name(dump, SETTING_MTA_STS);
    put_text(dump, config->mta_sts);
    put_switch(dump, SETTING_RECEIVED, config->received);
    put_name(dump, SETTING_KEYLOG);
    put_text(dump, config->keylog);
    put_name(dump, SETTING_POLICY);
    put_text(dump, config->policy);
    put_switch(dump, SETTING_VERIFY_CHECKSUMS, config->verify_checksums);
    put_name(dump, SETTING_OBSERVER_NAME);
    put_text(dump, config->observer_name);
}

static void put_how_it_runs(struct dump *dump, const struct config *config) {
    put_name(dump, SETTING_SENSOR_INTERVAL);
    put_number(dump, config->sensor_interval_s);
    put_name(dump, SETTING_PEER_WINDOW);
    put_number(dump, config->peer_window_s);
    put_alerts(dump, &config->alert_on);
    put_name(dump, SETTING_MAX_FLOWS);
    put_number(dump, config->max_flows);
    put_name(dump, SETTING_MEMORY_CAP);
    put_number(dump, config->memory_cap_mb);
    put_name(dump, SETTING_WORKERS);
    put_number(dump, config->workers);
    put_name(dump, SETTING_MAX_PEERS);
    put_number(dump, config->max_peers);
    put_name(dump, SETTING_STATE);
    put_text(dump, config->state);
    put_texts(dump, SETTING_MMDB, config->mmdb, config->num_mmdb);
    put_switch(dump, SETTING_FORCE, config->force);
    put_name(dump, SETTING_WRITE);
    put_text(dump, config->record);
    put_switch(dump, SETTING_SCRUB, config->scrub);
    put_name(dump, SETTING_METRICS);
    put_text(dump, config->metrics);
    put_name(dump, SETTING_USER);
    put_text(dump, config->user);
    put_switch(dump, SETTING_NO_SANDBOX, config->no_sandbox);
    put_name(dump, SETTING_DRAIN_TIMEOUT);
    put_number(dump, config->drain_timeout_s);
    put_switch(dump, SETTING_NO_SUMMARY, config->no_summary);
    put_switch(dump, SETTING_QUIET, config->quiet);
    put_name(dump, SETTING_VERBOSE);
    put_number(dump, (uint32_t)config->verbose);
}

bool config_file_dump(const struct config *config, FILE *stream) {
    struct dump dump = {.good = true};
    yaml_event_t event;
    if (!yaml_emitter_initialize(&dump.emitter))
        return false;
    yaml_emitter_set_output_file(&dump.emitter, stream);
    yaml_emitter_set_unicode(&dump.emitter, 1);
    yaml_emitter_set_width(&dump.emitter, -1);
    emit(&dump, yaml_stream_start_event_initialize(&event, YAML_UTF8_ENCODING), &event);
    emit(&dump, yaml_document_start_event_initialize(&event, NULL, NULL, NULL, 1), &event);
    emit(&dump, yaml_mapping_start_event_initialize(&event, NULL, NULL, 1, YAML_BLOCK_MAPPING_STYLE), &event);
    put_inputs_and_outputs(&dump, config);
    put_what_is_judged(&dump, config);
    put_how_it_runs(&dump, config);
    emit(&dump, yaml_mapping_end_event_initialize(&event), &event);
    emit(&dump, yaml_document_end_event_initialize(&event, 1), &event);
    emit(&dump, yaml_stream_end_event_initialize(&event), &event);
    dump.good = dump.good && yaml_emitter_flush(&dump.emitter) != 0;
    yaml_emitter_delete(&dump.emitter);
    return dump.good && fflush(stream) == 0;
}
