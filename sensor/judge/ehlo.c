#include "ehlo.h"

#include <stdlib.h>
#include <string.h>

#include "../../outputs/json.h"
#include "slot_hash.h"

enum list { CAPABILITIES, MECHANISMS, NUM_LISTS };

/* One block of memory, owned by the cache and by the events that show it. */
struct ehlo {
    uint32_t holders;
    uint32_t key_len;
    uint8_t key[EHLO_KEY_MAX];
    struct text_list lists[NUM_LISTS];
    _Alignas(const char *) char bytes[]; /* items of the lists, then their texts, then their JSON */
};

struct ehlo_cache {
    struct ehlo *slots[EHLO_CACHE_MAX];
    struct buffer json; /* reused */
};

struct ehlo_cache *ehlo_cache_new(void) {
    return calloc(1, sizeof(struct ehlo_cache));
}

static void release(void *ehlo) {
    struct ehlo *released = ehlo;
    if (released && --released->holders == 0)
        free(released);
}

void ehlo_cache_free(struct ehlo_cache *cache) {
    if (!cache)
        return;
    for (size_t i = 0; i < EHLO_CACHE_MAX; i++)
        release(cache->slots[i]);
    buffer_cleanup(&cache->json);
    free(cache);
}

void ehlo_list(struct event *event, struct text_list *list, const struct smtp_text *texts, size_t num) {
    if (num == 0 || !event_list(event, list, num))
        return;
    for (size_t i = 0; i < list->num; i++)
        list->items[i] = event_text(event, texts[i].data, texts[i].len);
}

static void describe(const struct smtp_facts *facts, struct event *event) {
    ehlo_list(event, &event->session.smtp_capabilities, facts->capabilities, facts->num_capabilities);
    ehlo_list(event, &event->session.smtp_auth_mechanisms, facts->auth_mechanisms,
              facts->num_auth_mechanisms);
}

/* Bytes of a list's items and texts; SIZE_MAX when there was no memory for one of them. */
static size_t size_of(const struct text_list *list) {
    size_t size = list->num * sizeof *list->items;
    for (size_t i = 0; i < list->num; i++) {
        if (list->items[i] == NULL)
            return SIZE_MAX;
        size += strlen(list->items[i]) + 1;
    }
    return size;
}

/* The items of a list at *items, its texts at *texts; returns what points there. */
static struct text_list pack_list(const struct text_list *list, const char ***items, char **texts) {
    struct text_list packed = {.items = *items, .num = list->num};
    for (size_t i = 0; i < list->num; i++) {
        size_t size = strlen(list->items[i]) + 1;
        packed.items[i] = memcpy(*texts, list->items[i], size);
        *texts += size;
    }
    *items += list->num;
    return packed;
}

static void pack_json(struct text_list *packed, struct buffer *json, char **at) {
    if (packed->num == 0)
        return;
    buffer_clear(json);
    json_add_texts(packed, json);
    packed->json = memcpy(*at, json->data, json->len);
    packed->json_len = json->len;
    *at += json->len;
}

static size_t json_size(const struct text_list *list, struct buffer *json) {
    buffer_clear(json);
    json_add_texts(list, json);
    return json->failed ? SIZE_MAX : json->len;
}

/* What an event says of a reply, for others. NULL: out of memory, or too large to be kept. */
static struct ehlo *pack(struct ehlo_cache *cache, const struct text_list lists[NUM_LISTS]) {
    size_t size = 0, num_items = 0;
    for (size_t i = 0; i < NUM_LISTS; i++) {
        size_t list_size = size_of(&lists[i]), json = json_size(&lists[i], &cache->json);
        if (list_size > EHLO_SIZE_MAX || json > EHLO_SIZE_MAX)
            return NULL;
        size += list_size + json;
        num_items += lists[i].num;
    }
    struct ehlo *ehlo = size <= EHLO_SIZE_MAX ? malloc(sizeof *ehlo + size) : NULL;
    if (!ehlo)
        return NULL;
    ehlo->holders = 1;
    const char **items = (const char **)(void *)ehlo->bytes;
    char *at = ehlo->bytes + num_items * sizeof *items;
    for (size_t i = 0; i < NUM_LISTS; i++)
        ehlo->lists[i] = pack_list(&lists[i], &items, &at);
    for (size_t i = 0; i < NUM_LISTS; i++)
        pack_json(&ehlo->lists[i], &cache->json, &at);
    return ehlo;
}

static void show(struct ehlo *ehlo, struct event *event) {
    event->session.smtp_capabilities = ehlo->lists[CAPABILITIES];
    event->session.smtp_auth_mechanisms = ehlo->lists[MECHANISMS];
    ehlo->holders++;
    event_hold(event, ehlo, release);
}

void ehlo_show(struct ehlo_cache *cache, const struct smtp_facts *facts, struct event *event) {
    const struct smtp_text *key = &facts->capabilities_kept;
    if (key->len == 0 || key->len > EHLO_KEY_MAX) {
        describe(facts, event);
        return;
    }
    struct ehlo **slot = &cache->slots[slot_hash(key->data, key->len) % EHLO_CACHE_MAX];
    if (*slot && (*slot)->key_len == key->len && memcmp((*slot)->key, key->data, key->len) == 0) {
        show(*slot, event);
        return;
    }
    describe(facts, event);
    struct text_list lists[NUM_LISTS] = {[CAPABILITIES] = event->session.smtp_capabilities,
                                         [MECHANISMS] = event->session.smtp_auth_mechanisms};
    struct ehlo *ehlo = pack(cache, lists);
    if (!ehlo)
        return;
    memcpy(ehlo->key, key->data, key->len);
    ehlo->key_len = (uint32_t)key->len;
    release(*slot);
    *slot = ehlo;
}
