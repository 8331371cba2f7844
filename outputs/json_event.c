/* An event as a line of JSON. Each row of fields_rows.h becomes code here, one after the other, instead of an
 * entry that is walked over: names are constants, an absent field costs one comparison, and the processor
 * learns of each row for itself how often it is there. It takes half of what a walk over the table took.
 *
 * While an event is being written, each value and each object has its comma behind it already. What closes an
 * object writes its brace in place of the last one. */
#include "json.h"

#include "fields_value.h"

#define SHORT_MAX (FIELD_WORD_MAX + 3) /* bytes of a word, time, number or flag, with quotes and comma */

/* All names, all short values, and the ends and beginnings of all groups: for that there is room from the
 * beginning. Only what may be long asks for more. */
#define GROUPS_ROOM                                          ((NUM_GROUPS + 1) * (FIELD_JSON_MAX + 2))
#define ROW(csv, in, grp, kind, member, name, allowed, text) +(sizeof(name) + 3 + SHORT_MAX)
#define FIXED(csv, in, grp, name, word, text)                +(sizeof(name) + sizeof(word) + 6)
#define FIXED_NUMBER(csv, in, grp, name, number, text)       +(sizeof(name) + sizeof(number) + 4)
enum {
    ROOM = GROUPS_ROOM
#include "fields_rows.h"
};
#undef ROW
#undef FIXED
#undef FIXED_NUMBER

/* An event on its way out. Where it is written stands in a variable of its own, `at`. */
struct writing {
    const struct event *event;
    struct buffer *out;
    const char *end; /* up to here: then what is short still has room */
    struct text_day day;
};

/* It is copied with the zeros behind it, as a fixed length takes few instructions; what comes next overwrites
 * them. */
static inline char *open_group(char *at, const struct field_group_info *group) {
    memcpy(at, group->json, sizeof group->json);
    return at + group->json_len;
}

static char *enter_deeply(char *at, enum field_group from, enum field_group to);

/* Closes and opens objects, so that the writing that stood in group `from` stands in group `to`. */
static __attribute__((noinline)) char *enter_group(char *at, enum field_group from, enum field_group to) {
    const struct field_group_info *inner = fields_group(to);
    while (from != to && fields_group(from)->depth >= inner->depth) {
        at[-1] = '}';
        *at++ = ',';
        from = fields_group(from)->parent;
    }
    if (from == to) {
        return at;
    }
    return from == inner->parent ? open_group(at, inner) : enter_deeply(at, from, to);
}

/* More than one level down. */
static __attribute__((noinline)) char *enter_deeply(char *at, enum field_group from, enum field_group to) {
    const struct field_group_info *inner = fields_group(to);
    return open_group(enter_group(at, from, inner->parent), inner);
}

/* --- what may be long: `at` moves with the buffer. When there is no memory it stays, and the buffer has
 * failed --- */

static inline void stand_at(struct writing *writing, const char *at) {
    writing->out->len = (size_t)(at - writing->out->data);
}

/* Goes on behind what was appended to the buffer at `before` and later. */
static char *go_on(struct writing *writing, size_t before) {
    struct buffer *out = writing->out;
    if (!buffer_reserve(out, ROOM)) {
        return out->data + before;
    }
    writing->end = out->data + (out->cap - ROOM);
    return out->data + out->len;
}

static char *append_comma(struct writing *writing, size_t before) {
    buffer_add_char(writing->out, ',');
    return go_on(writing, before);
}

static __attribute__((noinline)) char *append_text(struct writing *writing, char *at, const char *text) {
    stand_at(writing, at);
    size_t before = writing->out->len;
    text_add_json(writing->out, text);
    return append_comma(writing, before);
}

static __attribute__((noinline)) char *append_texts(struct writing *writing, char *at,
                                                    const struct text_list *list) {
    stand_at(writing, at);
    size_t before = writing->out->len;
    json_add_texts(list, writing->out);
    return append_comma(writing, before);
}

static __attribute__((noinline)) char *append_made(struct writing *writing, char *at, enum field_kind kind,
                                                   const void *member) {
    struct field_value value;
    stand_at(writing, at);
    size_t before = writing->out->len;
    fields_make(writing->event, kind, member, &value);
    json_add_value(kind, &value, writing->out);
    return append_comma(writing, before);
}

static inline bool has_room(const struct writing *writing, const char *at, size_t len) {
    return writing->end - at >= (ptrdiff_t)len;
}

static __attribute__((noinline)) char *put_text(struct writing *writing, char *at, const char *text) {
    size_t len = strlen(text);
    if (!has_room(writing, at, len + 3) || !text_copy_plain(at + 1, text, len)) {
        return append_text(writing, at, text);
    }
    at[0] = '"';
    at[len + 1] = '"';
    at[len + 2] = ',';
    return at + len + 3;
}

/* In which nothing needs an escape. */
static __attribute__((noinline)) char *put_plain(struct writing *writing, char *at, const char *text) {
    size_t len = strlen(text);
    if (!has_room(writing, at, len + 3)) {
        return append_text(writing, at, text);
    }
    at[0] = '"';
    memcpy(at + 1, text, len);
    at[len + 1] = '"';
    at[len + 2] = ',';
    return at + len + 3;
}

static inline char *put_texts(struct writing *writing, char *at, const struct text_list *list) {
    if (list->json == NULL || !has_room(writing, at, list->json_len + 1)) {
        return append_texts(writing, at, list);
    }
    memcpy(at, list->json, list->json_len);
    at[list->json_len] = ',';
    return at + list->json_len + 1;
}

/* --- what is short --- */

static inline char *put_unsigned(char *at, uint64_t number) {
    at = buffer_put_unsigned(at, number);
    *at = ',';
    return at + 1;
}

static inline char *put_number(char *at, int64_t number) {
    if (number >= 0) {
        return put_unsigned(at, (uint64_t)number);
    }
    *at = '-';
    return put_unsigned(at + 1, 0 - (uint64_t)number);
}

static inline char *put_bool(char *at, bool yes) {
    memcpy(at, yes ? "true,," : "false,", 6);
    return at + (yes ? 5 : 6);
}

static inline char *quote_end(char *at) {
    at[0] = '"';
    at[1] = ',';
    return at + 2;
}

/* --- kinds of fields: whether it is there, and its value with a comma behind it --- */

#define MEMBER(type) (*(const type *)member)
#define KIND(kind, is_there, value)                                                                          \
    static inline bool has_##kind(const void *member) {                                                      \
        (void)member;                                                                                        \
        return is_there;                                                                                     \
    }                                                                                                        \
    static inline char *put_##kind(struct writing *writing, char *at, const void *member) {                  \
        (void)writing, (void)member;                                                                         \
        return value;                                                                                        \
    }

static inline bool is_text(const char *text) {
    return text != NULL && text[0] != '\0';
}

static inline bool has_items(const struct text_list *list) {
    size_t i = 0;
    while (i < list->num && list->items[i] == NULL) {
        i++;
    }
    return i < list->num;
}

static bool has_counts(const uint64_t *counts, size_t num) {
    size_t i = 0;
    while (i < num && counts[i] == 0) {
        i++;
    }
    return i < num;
}

static inline char *put_time_ns(struct writing *writing, char *at, uint64_t time_ns) {
    *at = '"';
    return quote_end(text_put_time_ns(at + 1, time_ns, &writing->day));
}

static inline char *put_time_s(char *at, int64_t time_s) {
    *at = '"';
    return quote_end(at + 1 + text_time_s(at + 1, time_s));
}

static inline char *put_number_word(char *at, int64_t number) {
    *at = '"';
    return quote_end(put_number(at + 1, number) - 1);
}

static inline char *put_findings(struct writing *writing, char *at, uint64_t findings) {
    *at++ = '[';
    for (; findings != 0; findings &= findings - 1) {
        at = put_plain(writing, at, finding_info(event_first_finding(findings))->name);
    }
    at[-1] = ']';
    *at = ',';
    return at + 1;
}

#define MADE(kind) append_made(writing, at, FIELD_##kind, member)
#define WORD(kind) put_plain(writing, at, field_word(FIELD_##kind, member))

KIND(TEXT, is_text(MEMBER(char *const)), put_text(writing, at, MEMBER(char *const)))
KIND(IP, is_text(MEMBER(char *const)), put_text(writing, at, MEMBER(char *const)))
KIND(HEX, is_text(MEMBER(char *const)), put_text(writing, at, MEMBER(char *const)))
KIND(ID, true, put_plain(writing, at, member))
KIND(TEXTS, has_items(&MEMBER(struct text_list)), put_texts(writing, at, &MEMBER(struct text_list)))
KIND(NUMBER, MEMBER(int64_t) != EVENT_ABSENT, put_number(at, MEMBER(int64_t)))
KIND(NUMBER_WORD, MEMBER(int64_t) != EVENT_ABSENT, put_number_word(at, MEMBER(int64_t)))
KIND(COUNTER, MEMBER(int64_t) > 0, put_number(at, MEMBER(int64_t)))
KIND(UNSIGNED, true, put_unsigned(at, MEMBER(uint64_t)))
KIND(PORT, true, put_unsigned(at, MEMBER(uint16_t)))
KIND(FACT, MEMBER(enum fact) != FACT_UNKNOWN, put_bool(at, MEMBER(enum fact) == FACT_YES))
KIND(FLAG, MEMBER(bool), put_bool(at, true))
KIND(TIME_NS, true, put_time_ns(writing, at, MEMBER(uint64_t)))
KIND(TIME_S, MEMBER(int64_t) != EVENT_ABSENT, put_time_s(at, MEMBER(int64_t)))
KIND(DURATION, true, put_unsigned(at, field_duration(member)))
KIND(OUTCOME, true, WORD(OUTCOME))
KIND(IP_VERSION, true, WORD(IP_VERSION))
KIND(CATEGORY, true, put_texts(writing, at, field_list(FIELD_CATEGORY, writing->event)))
KIND(TYPE, true, put_texts(writing, at, field_list(FIELD_TYPE, writing->event)))
KIND(VERDICT, true, WORD(VERDICT))
KIND(UNKNOWN_REASON, MEMBER(enum unknown_reason) != UNKNOWN_NONE, MADE(UNKNOWN_REASON))
KIND(FINDINGS, MEMBER(uint64_t) != 0, put_findings(writing, at, MEMBER(uint64_t)))
KIND(SEVERITY, MEMBER(uint64_t) != 0, put_number(at, field_severity(MEMBER(uint64_t))))
KIND(SESSION_COUNTS, MEMBER(struct count_list).num > 0, MADE(SESSION_COUNTS))
KIND(HIT_COUNTS, MEMBER(struct count_list).num > 0, MADE(HIT_COUNTS))
KIND(SINK_COUNTS, MEMBER(struct count_list).num > 0, MADE(SINK_COUNTS))
KIND(FINDING_COUNTS, has_counts(member, NUM_FINDINGS), MADE(FINDING_COUNTS))
KIND(VERDICT_COUNTS, true, MADE(VERDICT_COUNTS))
KIND(RATIO, field_has_ratio(member), MADE(RATIO))

/* --- the rows --- */

#define PUT_CONSTANT(constant) (memcpy(at, constant, sizeof(constant) - 1), at += sizeof(constant) - 1)

/* In a function where `dataset` is a constant, so that it is left with the rows of that dataset. */
#define PUT_ROW(in, grp, is_there, name_and_value)                                                           \
    if ((FIELDS_##in >> dataset & 1) != 0 && (is_there)) {                                                   \
        if (group != GROUP_##grp) {                                                                          \
            at = enter_group(at, group, GROUP_##grp);                                                        \
            group = GROUP_##grp;                                                                             \
        }                                                                                                    \
        PUT_CONSTANT(name_and_value);

#define ROW(csv, in, grp, kind, member, name, allowed, text)                                                 \
    PUT_ROW(in, grp, has_##kind(&event->member), "\"" name "\":")                                            \
    at = put_##kind(writing, at, &event->member);                                                            \
    }
#define FIXED(csv, in, grp, name, word, text)                                                                \
    PUT_ROW(in, grp, true, "\"" name "\":\"" word "\",")                                                     \
    }
#define FIXED_NUMBER(csv, in, grp, name, number, text)                                                       \
    PUT_ROW(in, grp, true, "\"" name "\":" number ",")                                                       \
    }

/* As long as the table. NOLINTNEXTLINE(readability-function-size) */
static inline __attribute__((always_inline)) char *put_fields(struct writing *writing, char *at,
                                                              const enum dataset dataset) {
    const struct event *event = writing->event;
    enum field_group group = GROUP_ROOT;
#include "fields_rows.h"
    return enter_group(at, group, GROUP_ROOT);
}

static char *put_event(struct writing *writing, char *at) {
    switch (writing->event->dataset) {
    case DATASET_SESSION:
        return put_fields(writing, at, DATASET_SESSION);
    case DATASET_PEER:
        return put_fields(writing, at, DATASET_PEER);
    case DATASET_ALERT:
        return put_fields(writing, at, DATASET_ALERT);
    default:
        return put_fields(writing, at, DATASET_SENSOR);
    }
}

void json_encode(const struct event *event, struct buffer *out) {
    if (!buffer_reserve(out, ROOM + 3)) {
        return;
    }
    struct writing writing = {.event = event, .out = out};
    char *at = go_on(&writing, out->len);
    *at++ = '{';
    at = put_event(&writing, at);
    at[-1] = '}';
    *at++ = '\n';
    stand_at(&writing, at);
}
