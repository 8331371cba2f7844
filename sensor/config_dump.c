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

static void start_sequence(struct dump *dump) {
    yaml_event_t event;
    emit(dump, yaml_sequence_start_event_initialize(&event, NULL, NULL, 1, YAML_FLOW_SEQUENCE_STYLE), &event);
}

static void end_sequence(struct dump *dump) {
    yaml_event_t event;
    emit(dump, yaml_sequence_end_event_initialize(&event), &event);
}

static void put_texts(struct dump *dump, char *const *texts, size_t num) {
    start_sequence(dump);
    for (size_t i = 0; i < num; i++)
        put_text(dump, texts[i]);
    end_sequence(dump);
}

static void put_ports(struct dump *dump, const struct port_set *ports) {
    char range[PORTS_TEXT_MAX];
    start_sequence(dump);
    for (uint32_t next = 0; (next = ports_next_range(ports, next, range)) != 0;)
        put_scalar(dump, range, YAML_PLAIN_SCALAR_STYLE);
    end_sequence(dump);
}

static void put_networks(struct dump *dump, const struct config *config) {
    char text[NETWORK_TEXT_MAX];
    start_sequence(dump);
    for (size_t i = 0; i < config->num_home; i++) {
        network_format(&config->home[i], text);
        put_text(dump, text);
    }
    end_sequence(dump);
}

static void put_tunnels(struct dump *dump, uint32_t tunnels) {
    start_sequence(dump);
    for (size_t i = 0; filter_tunnel_name(i) != NULL; i++) {
        if ((tunnels >> i & 1) != 0)
            put_scalar(dump, filter_tunnel_name(i), YAML_PLAIN_SCALAR_STYLE);
    }
    end_sequence(dump);
}

static void put_datasets(struct dump *dump, unsigned datasets) {
    start_sequence(dump);
    for (unsigned i = 0; datasets >> i != 0; i++) {
        if ((datasets >> i & 1) != 0)
            put_scalar(dump, dataset_word(i), YAML_PLAIN_SCALAR_STYLE);
    }
    end_sequence(dump);
}

static void put_alerts(struct dump *dump, const struct alert_rules *rules) {
    char rule[ALERT_RULE_MAX];
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

static void put_own(struct dump *dump, const struct config *config, enum setting_key key) {
    switch (key) {
    case SETTING_TUNNELS:
        put_tunnels(dump, config->tunnels);
        break;
    case SETTING_DATASETS:
        put_datasets(dump, config->datasets);
        break;
    case SETTING_FILTER:
        put_text(dump, config->filter);
        break;
    case SETTING_HOME:
        put_networks(dump, config);
        break;
    case SETTING_ALERT_ON:
        put_alerts(dump, &config->alert_on);
        break;
    case SETTING_WORKERS:
        put_number(dump, config->workers);
        break;
    default: /* a value that is missing here is no YAML, which the tests see */
        dump->good = false;
    }
}

static void put_value(struct dump *dump, const struct config *config, const struct setting *setting) {
    const void *member = (const char *)config + setting->at;
    switch (setting->kind) {
    case SETTING_TEXT:
        put_text(dump, *(char *const *)member);
        break;
    case SETTING_TEXTS:
        if (setting->key == SETTING_KAFKA_PROPERTY)
            put_properties(dump, config);
        else
            put_texts(dump, *(char **const *)member,
                      *(const size_t *)(const void *)((const char *)config + setting->num_at));
        break;
    case SETTING_SWITCH:
        put_scalar(dump, *(const bool *)member ? "true" : "false", YAML_PLAIN_SCALAR_STYLE);
        break;
    case SETTING_NUMBER:
        put_number(dump, *(const uint32_t *)member);
        break;
    case SETTING_PORTS:
        put_ports(dump, member);
        break;
    default:
        put_own(dump, config, setting->key);
        break;
    }
}

/* What a filter's file holds is dumped as the filter. */
static void put_settings(struct dump *dump, const struct config *config) {
    for (size_t i = 0; i < NUM_SETTINGS; i++) {
        if (settings[i].key == SETTING_FILTER_FILE)
            continue;
        put_scalar(dump, settings[i].name, YAML_PLAIN_SCALAR_STYLE);
        put_value(dump, config, &settings[i]);
    }
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
    put_settings(&dump, config);
    emit(&dump, yaml_mapping_end_event_initialize(&event), &event);
    emit(&dump, yaml_document_end_event_initialize(&event, 1), &event);
    emit(&dump, yaml_stream_end_event_initialize(&event), &event);
    dump.good = dump.good && yaml_emitter_flush(&dump.emitter) != 0;
    yaml_emitter_delete(&dump.emitter);
    return dump.good && fflush(stream) == 0;
}
