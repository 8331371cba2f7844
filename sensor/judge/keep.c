#include "keep.h"

#include <stdlib.h>
#include <string.h>

const char *name_pool_keep(struct name_pool *pool, const char *name) {
    for (size_t i = 0; i < pool->num; i++) {
        if (strcmp(pool->names[i], name) == 0)
            return pool->names[i];
    }
    char *copy = pool->num < NAME_POOL_MAX ? strdup(name) : NULL;
    if (!copy)
        return "other";
    pool->names[pool->num++] = copy;
    return copy;
}

void name_pool_cleanup(struct name_pool *pool) {
    for (size_t i = 0; i < pool->num; i++)
        free(pool->names[i]);
    pool->num = 0;
}

static struct count *find_count(const struct count_list *list, const char *name) {
    for (size_t i = 0; i < list->num; i++) {
        if (strcmp(list->items[i].name, name) == 0)
            return &list->items[i];
    }
    return NULL;
}

bool count_one(struct count_list *list, size_t max, struct name_pool *pool, const char *name) {
    struct count *count = find_count(list, name);
    if (!count) {
        name = name_pool_keep(pool, name); /* it may be "other" now */
        count = find_count(list, name);
    }
    if (!count && list->num >= max)
        return false;
    if (!count) {
        count = &list->items[list->num++];
        *count = (struct count){name, 0};
    }
    count->num++;
    return true;
}

/* The texts of a certificate, one after the other. */
static const char **text_at(struct event_cert *cert, size_t i) {
    const char **const texts[] = {
        &cert->sha256,
        &cert->subject_cn,
        &cert->subject_dn,
        &cert->issuer_cn,
        &cert->issuer_dn,
        &cert->serial_number,
        &cert->signature_algorithm,
        &cert->public_key_algorithm,
        &cert->public_key_curve,
    };
    size_t num = sizeof texts / sizeof texts[0];
    if (i < num)
        return texts[i];
    return i - num < cert->alternative_names.num ? &cert->alternative_names.items[i - num] : NULL;
}

struct event_cert *cert_keep(const struct event_cert *cert, size_t *size) {
    struct event_cert copy = *cert;
    size_t list_len = copy.alternative_names.num * sizeof(const char *), len = sizeof copy + list_len;
    const char **text;
    for (size_t i = 0; (text = text_at(&copy, i)) != NULL; i++)
        len += *text ? strlen(*text) + 1 : 0;
    char *block = malloc(len);
    if (!block)
        return NULL;
    *size = len;
    struct event_cert *kept = (struct event_cert *)(void *)block;
    *kept = copy;
    if (list_len > 0) {
        kept->alternative_names.items = (const char **)(void *)(block + sizeof copy);
        memcpy(kept->alternative_names.items, copy.alternative_names.items, list_len);
    }
    char *at = block + sizeof copy + list_len;
    for (size_t i = 0; (text = text_at(kept, i)) != NULL; i++) {
        if (!*text)
            continue;
        size_t text_len = strlen(*text) + 1;
        memcpy(at, *text, text_len);
        *text = at;
        at += text_len;
    }
    return kept;
}
