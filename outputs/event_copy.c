#include "fields.h"

#include <stddef.h>
#include <string.h>

/* Texts in events are clean already: copied as they are. */
static const char *copy_text(struct event *to, const char *text) {
    size_t size = strlen(text) + 1;
    char *copy = arena_alloc(&to->arena, size);
    return copy != NULL ? memcpy(copy, text, size) : NULL;
}

static bool copy_texts(struct event *to, struct text_list *list) {
    struct text_list from = *list;
    if (from.num == 0) {
        return true;
    }
    const char **items = arena_alloc(&to->arena, from.num * sizeof *items);
    *list = (struct text_list){.items = items, .num = items != NULL ? from.num : 0}; /* without json */
    for (size_t i = 0; i < list->num; i++) {
        if (from.items[i] != NULL && (items[i] = copy_text(to, from.items[i])) == NULL) {
            return false;
        }
    }
    return items != NULL;
}

static bool copy_counts(struct event *to, struct count_list *list) {
    struct count_list from = *list;
    if (from.num == 0) {
        return true;
    }
    struct count *items = arena_alloc(&to->arena, from.num * sizeof *items);
    *list = (struct count_list){items, items != NULL ? from.num : 0};
    for (size_t i = 0; i < list->num; i++) {
        items[i].num = from.items[i].num;
        if (from.items[i].name != NULL && (items[i].name = copy_text(to, from.items[i].name)) == NULL) {
            return false;
        }
    }
    return items != NULL;
}

static bool copy_member(struct event *to, const struct field *field, void *member) {
    const char **text = member;
    switch ((enum field_kind)field->kind) {
    case FIELD_TEXT:
    case FIELD_IP:
    case FIELD_HEX:
        return *text == NULL || (*text = copy_text(to, *text)) != NULL;
    case FIELD_TEXTS:
        return copy_texts(to, member);
    case FIELD_SESSION_COUNTS:
    case FIELD_HIT_COUNTS:
    case FIELD_SINK_COUNTS:
        return copy_counts(to, member);
    default:
        return true; /* a value that points nowhere */
    }
}

static bool points_to_observer(const struct field *field) {
    return field->offset == offsetof(struct event, observer_name) ||
           field->offset == offsetof(struct event, observer_version);
}

bool event_copy(struct event *to, const struct event *from) {
    size_t num;
    const struct field *table = fields_table(&num);
    event_reset(to, from->dataset);
    struct arena arena = to->arena;
    *to = *from;
    to->arena = arena;
    to->num_holds = 0;
    for (size_t i = 0; i < num; i++) {
        if (field_in(&table[i], from->dataset) && !points_to_observer(&table[i]) &&
            !copy_member(to, &table[i], (char *)to + table[i].offset)) {
            event_reset(to, from->dataset);
            return false;
        }
    }
    if (from->dataset == DATASET_SESSION && !copy_texts(to, &to->session.mta_sts_lines)) {
        event_reset(to, from->dataset);
        return false;
    }
    return true;
}
