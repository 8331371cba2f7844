/* config_file.c: the configuration file, by libyaml. */
#include "config_file.h"

#include <errno.h>
#include <stdarg.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <yaml.h>

#include "config_setting.h"
#include "config_values.h"

/* One file being read. */
struct reading {
    const char *path;
    struct config *config;
    yaml_document_t document;
    bool seen[NUM_SETTINGS];
    char *why;
    size_t why_len;
};

/* Fills why with "FILE:LINE:COLUMN: message"; false, for callers to return. */
__attribute__((format(printf, 3, 4))) static bool complain(struct reading *reading, const yaml_mark_t *mark,
                                                           const char *format, ...) {
    char message[CONFIG_WHY_MAX];
    va_list args;
    va_start(args, format);
    vsnprintf(message, sizeof message, format, args);
    va_end(args);
    snprintf(reading->why, reading->why_len, "%s:%zu:%zu: %s", reading->path, mark->line + 1,
             mark->column + 1, message);
    return false;
}

/* A scalar's text, or NULL when the node is no scalar. */
static const char *scalar_text(const yaml_node_t *node) {
    return node->type == YAML_SCALAR_NODE ? (const char *)node->data.scalar.value : NULL;
}

static bool scalar_is_null(const yaml_node_t *node) {
    const char *text = scalar_text(node);
    return text != NULL && node->data.scalar.style == YAML_PLAIN_SCALAR_STYLE &&
           (text[0] == '\0' || strcmp(text, "~") == 0 || strcasecmp(text, "null") == 0);
}

static bool read_value(struct reading *reading, const struct setting *setting, const yaml_node_t *node) {
    char why[CONFIG_WHY_MAX];
    const char *text = scalar_text(node);
    if (text == NULL)
        return complain(reading, &node->start_mark, "%s: a plain value is expected here", setting->name);
    if (strlen(text) != node->data.scalar.length)
        return complain(reading, &node->start_mark, "%s: a zero byte in the value", setting->name);
    if (!setting_add(reading->config, setting, text, why, sizeof why))
        return complain(reading, &node->start_mark, "%s: %s", setting->name, why);
    return true;
}

static bool read_sequence(struct reading *reading, const struct setting *setting, const yaml_node_t *node) {
    if (!setting_takes_many(setting))
        return complain(reading, &node->start_mark, "%s: takes one value, not a list", setting->name);
    for (yaml_node_item_t *item = node->data.sequence.items.start; item < node->data.sequence.items.top;
         item++) {
        if (!read_value(reading, setting, yaml_document_get_node(&reading->document, *item)))
            return false;
    }
    return true;
}

/* A filter can be given in the file itself or by the name of another; with both, which one counts? */
static bool two_filters(const struct reading *reading) {
    return reading->seen[setting_by_key(SETTING_FILTER) - settings] &&
           reading->seen[setting_by_key(SETTING_FILTER_FILE) - settings];
}

static bool read_pair(struct reading *reading, const yaml_node_t *key, const yaml_node_t *value) {
    const char *name = scalar_text(key);
    if (name == NULL)
        return complain(reading, &key->start_mark, "the name of a setting is expected here");
    const struct setting *setting = setting_by_name(name);
    if (setting == NULL)
        return complain(reading, &key->start_mark, "unknown setting '%s'; the nearest known one is '%s'",
                        name, setting_nearest(name)->name);
    if (reading->seen[setting - settings])
        return complain(reading, &key->start_mark, "'%s' is given twice", name);
    if (scalar_is_null(value))
        return true;
    reading->seen[setting - settings] = true;
    if (two_filters(reading))
        return complain(reading, &key->start_mark, "filter and filter-file exclude each other");
    setting_clear(reading->config, setting);
    if (value->type == YAML_SEQUENCE_NODE)
        return read_sequence(reading, setting, value);
    return read_value(reading, setting, value);
}

static bool read_document(struct reading *reading) {
    const yaml_node_t *root = yaml_document_get_root_node(&reading->document);
    if (root == NULL || scalar_is_null(root))
        return true; /* empty, or comments only */
    if (root->type != YAML_MAPPING_NODE)
        return complain(reading, &root->start_mark, "lines of the form 'name: value' are expected");
    for (yaml_node_pair_t *pair = root->data.mapping.pairs.start; pair < root->data.mapping.pairs.top;
         pair++) {
        if (!read_pair(reading, yaml_document_get_node(&reading->document, pair->key),
                       yaml_document_get_node(&reading->document, pair->value)))
            return false;
    }
    return true;
}

/* Loads the next document of the file; false when the file is no YAML. */
static bool load_document(struct reading *reading, yaml_parser_t *parser) {
    if (yaml_parser_load(parser, &reading->document))
        return true;
    const char *problem = parser->problem != NULL ? parser->problem : "out of memory";
    if (parser->error != YAML_READER_ERROR)
        return complain(reading, &parser->problem_mark, "not YAML: %s", problem);
    /* Not even text: libyaml then knows no line. */
    snprintf(reading->why, reading->why_len, "%s: byte %zu: not YAML: %s", reading->path,
             parser->problem_offset + 1, problem);
    return false;
}

static bool read_stream(struct reading *reading, yaml_parser_t *parser) {
    if (!load_document(reading, parser))
        return false;
    bool good = read_document(reading);
    yaml_document_delete(&reading->document);
    if (!good || !load_document(reading, parser))
        return false;
    const yaml_node_t *second = yaml_document_get_root_node(&reading->document);
    if (second != NULL)
        good = complain(reading, &second->start_mark, "a second document begins here; one is expected");
    yaml_document_delete(&reading->document);
    return good;
}

bool config_file_load(const char *path, struct config *config, char *why, size_t why_len) {
    struct reading reading = {.path = path, .config = config, .why = why, .why_len = why_len};
    struct stat status;
    yaml_parser_t parser;
    bool good = false;
    FILE *file = fopen(path, "rb");
    if (file == NULL || fstat(fileno(file), &status) != 0) {
        snprintf(why, why_len, "%s: %s", path, strerror(errno));
    } else if (S_ISDIR(status.st_mode)) {
        snprintf(why, why_len, "%s: is a directory", path);
    } else if (!yaml_parser_initialize(&parser)) {
        snprintf(why, why_len, "%s: out of memory", path);
    } else {
        yaml_parser_set_input_file(&parser, file);
        good = read_stream(&reading, &parser);
        yaml_parser_delete(&parser);
    }
    if (file != NULL)
        (void)fclose(file);
    return good;
}
