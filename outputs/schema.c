#include "schema.h"

#include "fields.h"

#define NO_GROUP NUM_GROUPS

static const char *const dataset_names[NUM_DATASETS] = {"session", "peer", "sensor", "alert"};

static void add_line(struct buffer *out, size_t depth) {
    buffer_add_char(out, '\n');
    for (size_t i = 0; i < depth; i++) {
        buffer_add_string(out, "  ");
    }
}

static void add_item(struct buffer *out, const char *text, bool first) {
    buffer_add_string(out, first ? "" : ", ");
    text_add_json(out, text);
}

/* "enum": [...] of words with blanks between. */
static void add_enum(struct buffer *out, const char *words) {
    buffer_add_string(out, "\"enum\": [");
    while (*words != '\0') {
        size_t len = strcspn(words, " ");
        buffer_printf(out, "\"%.*s\"", (int)len, words);
        words += len + strspn(words + len, " ");
        buffer_add_string(out, *words != '\0' ? ", " : "");
    }
    buffer_add_char(out, ']');
}

static void add_made_enum(struct buffer *out, enum field_kind kind) {
    bool first = true;
    buffer_add_string(out, "\"enum\": [");
    for (unsigned i = 0; kind == FIELD_VERDICT && i < NUM_VERDICTS; i++, first = false) {
        add_item(out, verdict_name((enum verdict)i), first);
    }
    for (unsigned i = UNKNOWN_MIDSTREAM; kind == FIELD_UNKNOWN_REASON && i <= UNKNOWN_EVICTED;
         i++, first = false) {
        add_item(out, unknown_reason_name((enum unknown_reason)i), first);
    }
    for (unsigned i = 0; kind == FIELD_FINDINGS && i < NUM_FINDINGS; i++, first = false) {
        add_item(out, finding_info((enum finding)i)->name, first);
    }
    buffer_add_char(out, ']');
}

static void add_verdict_counts(struct buffer *out) {
    buffer_add_string(out, "\"type\": \"object\", \"additionalProperties\": false, \"properties\": {");
    for (unsigned i = 0; i < NUM_VERDICTS; i++) {
        add_item(out, verdict_name((enum verdict)i), i == 0);
        buffer_add_string(out, ": {\"type\": \"integer\", \"minimum\": 0}");
    }
    buffer_add_string(out, "}, \"required\": [");
    for (unsigned i = 0; i < NUM_VERDICTS; i++) {
        add_item(out, verdict_name((enum verdict)i), i == 0);
    }
    buffer_add_char(out, ']');
}

static void add_counts(struct buffer *out, const struct field *field) {
    const char *key = field_count_key((enum field_kind)field->kind);
    buffer_printf(out,
                  "\"type\": \"array\", \"minItems\": 1, \"items\": {\"type\": \"object\", "
                  "\"additionalProperties\": false, \"properties\": {\"name\": {\"type\": \"string\"}, "
                  "\"%s\": {\"type\": \"integer\", \"minimum\": 0}}, \"required\": [\"name\", \"%s\"]}",
                  key, key);
}

/* What stands for the kind in the schema, for those that need nothing but words. */
static const char *plain_schema(enum field_kind kind) {
    switch (kind) {
    case FIELD_TEXT:
        return "\"type\": \"string\", \"minLength\": 1";
    case FIELD_IP:
        return "\"type\": \"string\", \"anyOf\": [{\"format\": \"ipv4\"}, {\"format\": \"ipv6\"}]";
    case FIELD_HEX:
        return "\"type\": \"string\", \"pattern\": \"^[0-9a-f]+$\"";
    case FIELD_ID:
        return "\"type\": \"string\", \"pattern\": \"^[0-9a-f]{32}$\"";
    case FIELD_TEXTS:
        return "\"type\": \"array\", \"minItems\": 1, \"items\": {\"type\": \"string\"}";
    case FIELD_NUMBER:
        return "\"type\": \"integer\"";
    case FIELD_NUMBER_WORD:
        return "\"type\": \"string\", \"pattern\": \"^[0-9]+$\"";
    case FIELD_COUNTER:
        return "\"type\": \"integer\", \"minimum\": 1";
    case FIELD_UNSIGNED:
    case FIELD_DURATION:
        return "\"type\": \"integer\", \"minimum\": 0";
    case FIELD_PORT:
        return "\"type\": \"integer\", \"minimum\": 0, \"maximum\": 65535";
    case FIELD_FACT:
        return "\"type\": \"boolean\"";
    case FIELD_FLAG:
        return "\"const\": true";
    case FIELD_TIME_NS:
        return "\"type\": \"string\", \"format\": \"date-time\", \"pattern\": \"[.][0-9]{9}Z$\"";
    case FIELD_TIME_S:
        return "\"type\": \"string\", \"format\": \"date-time\", \"pattern\": \"[0-9]Z$\"";
    case FIELD_SEVERITY:
        return "\"type\": \"integer\", \"minimum\": 1, \"maximum\": 4";
    case FIELD_RATIO:
        return "\"type\": \"number\", \"minimum\": 0, \"maximum\": 1";
    default:
        return NULL;
    }
}

static void add_property(struct buffer *out, const struct field *field) {
    enum field_kind kind = (enum field_kind)field->kind;
    buffer_add_string(out, "{\"description\": ");
    text_add_json(out, field->describe);
    buffer_add_string(out, ", ");
    if (kind == FIELD_FIXED) {
        buffer_add_string(out, "\"const\": ");
        text_add_json(out, field->values);
    } else if (kind == FIELD_FIXED_NUMBER) {
        buffer_printf(out, "\"const\": %s", field->values);
    } else if (kind == FIELD_CATEGORY || kind == FIELD_TYPE) {
        buffer_add_string(out, "\"type\": \"array\", \"minItems\": 1, \"items\": {");
        add_enum(out, field->values);
        buffer_add_char(out, '}');
    } else if (field->values != NULL) {
        add_enum(out, field->values);
    } else if (kind == FIELD_FINDINGS) {
        buffer_add_string(out, "\"type\": \"array\", \"minItems\": 1, \"uniqueItems\": true, \"items\": {");
        add_made_enum(out, kind);
        buffer_add_char(out, '}');
    } else if (kind == FIELD_VERDICT || kind == FIELD_UNKNOWN_REASON) {
        add_made_enum(out, kind);
    } else if (kind == FIELD_VERDICT_COUNTS) {
        add_verdict_counts(out);
    } else if (kind == FIELD_SESSION_COUNTS || kind == FIELD_HIT_COUNTS || kind == FIELD_SINK_COUNTS ||
               kind == FIELD_FINDING_COUNTS) {
        add_counts(out, field);
    } else {
        buffer_add_string(out, plain_schema(kind));
    }
    buffer_add_char(out, '}');
}

/* The group right below `outer` that holds `group`: `outer` itself when they are the same, NO_GROUP when it
 * stands elsewhere. */
static enum field_group child_towards(enum field_group outer, enum field_group group) {
    enum field_group child = outer;
    while (group != outer) {
        if (group == GROUP_ROOT) {
            return NO_GROUP;
        }
        child = group;
        group = fields_group(group)->parent;
    }
    return child;
}

/* The name of the group without its parent's. */
static void add_group_key(struct buffer *out, enum field_group group) {
    const struct field_group_info *info = fields_group(group);
    size_t parent_len = fields_group(info->parent)->prefix_len;
    buffer_printf(out, "\"%.*s\"", (int)(info->prefix_len - parent_len - 1), info->prefix + parent_len);
}

static void add_key(struct buffer *out, const struct field *field, enum field_group group,
                    enum field_group child) {
    if (child == group) {
        text_add_json(out, field->name + fields_group(group)->prefix_len);
    } else {
        add_group_key(out, child);
    }
}

/* "required": [...]: the fields, and the objects with fields, that are always there. */
static void add_required(struct buffer *out, enum dataset dataset, enum field_group group) {
    size_t num;
    const struct field *table = fields_table(&num);
    enum field_group last = NO_GROUP;
    bool first = true;
    buffer_add_string(out, "\"required\": [");
    for (size_t i = 0; i < num; i++) {
        enum field_group child = child_towards(group, (enum field_group)table[i].group);
        if (!field_in(&table[i], dataset) || child == NO_GROUP || !field_always(&table[i]) ||
            (child != group && child == last)) {
            continue;
        }
        last = child;
        buffer_add_string(out, first ? "" : ", ");
        first = false;
        add_key(out, &table[i], group, child);
    }
    buffer_add_char(out, ']');
}

/* The object of a group; recursion is as deep as the groups are. */
static void add_object(struct buffer *out, enum dataset dataset, enum field_group group, size_t depth) {
    size_t num;
    const struct field *table = fields_table(&num);
    enum field_group last = NO_GROUP;
    bool first = true;
    buffer_add_string(out, "{\"type\": \"object\", \"additionalProperties\": false, ");
    add_required(out, dataset, group);
    buffer_add_string(out, ", \"properties\": {");
    for (size_t i = 0; i < num; i++) {
        enum field_group child = child_towards(group, (enum field_group)table[i].group);
        if (!field_in(&table[i], dataset) || child == NO_GROUP || (child != group && child == last)) {
            continue;
        }
        last = child;
        buffer_add_string(out, first ? "" : ",");
        first = false;
        add_line(out, depth + 1);
        add_key(out, &table[i], group, child);
        buffer_add_string(out, ": ");
        if (child == group) {
            add_property(out, &table[i]);
        } else {
            add_object(out, dataset, child, depth + 1);
        }
    }
    add_line(out, depth);
    buffer_add_string(out, "}}");
}

void schema_json(struct buffer *out) {
    buffer_printf(out,
                  "{\n"
                  "  \"$schema\": \"https://json-schema.org/draft/2020-12/schema\",\n"
                  "  \"$id\": \"urn:starttap:schema:%d\",\n"
                  "  \"title\": \"starttap events\",\n"
                  "  \"description\": \"One line of starttap's JSON output. Made from outputs/fields.c.\",\n"
                  "  \"oneOf\": [",
                  EVENT_SCHEMA_VERSION);
    for (unsigned i = 0; i < NUM_DATASETS; i++) {
        buffer_printf(out, "%s{\"$ref\": \"#/$defs/%s\"}", i > 0 ? ", " : "", dataset_names[i]);
    }
    buffer_add_string(out, "],\n  \"$defs\": {");
    for (unsigned i = 0; i < NUM_DATASETS; i++) {
        buffer_printf(out, "%s\n    \"%s\": ", i > 0 ? "," : "", dataset_names[i]);
        add_object(out, (enum dataset)i, GROUP_ROOT, 2);
    }
    buffer_add_string(out, "\n  }\n}\n");
}
