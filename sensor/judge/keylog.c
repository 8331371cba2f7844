#include "keylog.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "../../parsers/reader.h"

#define FIRST_ROOM 64

struct entry {
    uint8_t random[KEYLOG_RANDOM_LEN];
    struct keylog_secret secret;
    uint8_t label; /* enum keylog_label */
    uint32_t order;
};

/* Entries are sorted when something is looked for, so that no client random, however chosen, makes a search
 * slow. */
struct keylog {
    pthread_mutex_t mutex;
    keylog_complain complain;
    void *context;
    struct entry *entries;
    size_t num, room;
    bool sorted, growing;
    uint64_t line_number, num_dropped;
    uint8_t line[KEYLOG_LINE_MAX];
    size_t line_len; /* more than KEYLOG_LINE_MAX: the rest of it is passed over */
};

struct keylog *keylog_new(keylog_complain complain, void *context) {
    struct keylog *keylog = calloc(1, sizeof *keylog);
    if (!keylog)
        return NULL;
    pthread_mutex_init(&keylog->mutex, NULL);
    keylog->complain = complain;
    keylog->context = context;
    return keylog;
}

void keylog_free(struct keylog *keylog) {
    if (!keylog)
        return;
    if (keylog->entries)
        explicit_bzero(keylog->entries, keylog->room * sizeof *keylog->entries);
    free(keylog->entries);
    pthread_mutex_destroy(&keylog->mutex);
    explicit_bzero(keylog, sizeof *keylog);
    free(keylog);
}

/* --- lines --- */

static bool find_label(struct reader word, enum keylog_label *label) {
    static const char *const names[] = {
        [KEYLOG_CLIENT_HANDSHAKE] = "CLIENT_HANDSHAKE_TRAFFIC_SECRET",
        [KEYLOG_SERVER_HANDSHAKE] = "SERVER_HANDSHAKE_TRAFFIC_SECRET",
        [KEYLOG_CLIENT_APPLICATION] = "CLIENT_TRAFFIC_SECRET_0",
        [KEYLOG_SERVER_APPLICATION] = "SERVER_TRAFFIC_SECRET_0",
    };
    size_t len = reader_left(&word);
    const uint8_t *bytes = reader_bytes(&word, len);
    for (enum keylog_label i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (strlen(names[i]) == len && memcmp(bytes, names[i], len) == 0) {
            *label = i;
            return true;
        }
    }
    return false;
}

/* Labels that are not known are to be passed over (RFC 9850 section 2); what cannot be one is no key log. */
static bool may_be_label(struct reader word) {
    if (reader_left(&word) == 0)
        return false;
    while (reader_left(&word) > 0) {
        uint8_t c = reader_u8(&word);
        if (!(c >= 'A' && c <= 'Z') && !(c >= '0' && c <= '9') && c != '_')
            return false;
    }
    return true;
}

static struct reader next_word(struct reader *line) {
    struct reader rest = *line;
    size_t len = 0;
    while (reader_left(&rest) > 0 && reader_u8(&rest) != ' ')
        len++;
    struct reader word = reader_sub(line, len);
    if (reader_left(line) > 0)
        reader_skip(line, 1);
    return word;
}

static int hex_digit(uint8_t c) {
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

/* Exactly len bytes. */
static bool read_hex(struct reader word, uint8_t *out, size_t len) {
    if (reader_left(&word) != 2 * len)
        return false;
    for (size_t i = 0; i < len; i++) {
        int high = hex_digit(reader_u8(&word)), low = hex_digit(reader_u8(&word));
        if (high < 0 || low < 0)
            return false;
        out[i] = (uint8_t)(high << 4 | low);
    }
    return true;
}

static bool make_room(struct keylog *keylog) {
    if (keylog->num < keylog->room)
        return true;
    size_t room = keylog->room > 0 ? 2 * keylog->room : FIRST_ROOM;
    struct entry *entries = room <= KEYLOG_SECRETS_MAX ? calloc(room, sizeof *entries) : NULL;
    if (!entries)
        return false;
    if (keylog->num > 0) {
        memcpy(entries, keylog->entries, keylog->num * sizeof *entries);
        explicit_bzero(keylog->entries, keylog->num * sizeof *entries);
    }
    free(keylog->entries);
    keylog->entries = entries;
    keylog->room = room;
    return true;
}

static void keep(struct keylog *keylog, const struct entry *entry) {
    if (!make_room(keylog)) {
        keylog->num_dropped++;
        return;
    }
    keylog->entries[keylog->num] = *entry;
    keylog->entries[keylog->num].order = (uint32_t)keylog->num;
    keylog->num++;
    keylog->sorted = false;
}

/* "LABEL CLIENT_RANDOM SECRET", the last two in hex. NULL, or what is wrong with it. */
static const char *read_line(struct keylog *keylog, struct reader line) {
    struct entry entry = {0};
    enum keylog_label label;
    struct reader first = line;
    if (reader_left(&line) == 0 || reader_u8(&first) == '#')
        return NULL;
    struct reader word = next_word(&line);
    if (!find_label(word, &label))
        return may_be_label(word) ? NULL : "not a line of a key log";
    entry.label = (uint8_t)label;
    if (!read_hex(next_word(&line), entry.random, sizeof entry.random))
        return "the client random is not 64 hex digits";
    word = next_word(&line);
    entry.secret.len = (uint8_t)(reader_left(&word) / 2);
    if ((entry.secret.len != 32 && entry.secret.len != KEYLOG_SECRET_MAX) ||
        !read_hex(word, entry.secret.bytes, entry.secret.len))
        return "the secret is not 64 or 96 hex digits";
    if (reader_left(&line) > 0)
        return "something follows the secret";
    keep(keylog, &entry);
    explicit_bzero(&entry, sizeof entry);
    return NULL;
}

static void end_line(struct keylog *keylog) {
    const char *cause = "the line is too long";
    keylog->line_number++;
    if (keylog->line_len <= KEYLOG_LINE_MAX) {
        size_t len = keylog->line_len;
        if (len > 0 && keylog->line[len - 1] == '\r')
            len--;
        cause = read_line(keylog, reader_of(keylog->line, len));
    }
    if (cause && keylog->complain)
        keylog->complain(keylog->context, keylog->line_number, cause);
    keylog->line_len = 0;
}

static void add_to_line(struct keylog *keylog, const uint8_t *data, size_t len) {
    if (len > KEYLOG_LINE_MAX - keylog->line_len || keylog->line_len > KEYLOG_LINE_MAX) {
        keylog->line_len = KEYLOG_LINE_MAX + 1;
        return;
    }
    memcpy(keylog->line + keylog->line_len, data, len);
    keylog->line_len += len;
}

static void push(struct keylog *keylog, const uint8_t *data, size_t len) {
    while (len > 0) {
        const uint8_t *feed = memchr(data, '\n', len);
        size_t part = feed ? (size_t)(feed - data) : len;
        add_to_line(keylog, data, part);
        if (!feed)
            return;
        end_line(keylog);
        data += part + 1;
        len -= part + 1;
    }
}

void keylog_push(struct keylog *keylog, const uint8_t *data, size_t len) {
    pthread_mutex_lock(&keylog->mutex);
    push(keylog, data, len);
    pthread_mutex_unlock(&keylog->mutex);
}

void keylog_end(struct keylog *keylog) {
    pthread_mutex_lock(&keylog->mutex);
    if (keylog->line_len > 0)
        end_line(keylog);
    pthread_mutex_unlock(&keylog->mutex);
}

void keylog_set_growing(struct keylog *keylog, bool growing) {
    keylog->growing = growing;
}

bool keylog_is_growing(const struct keylog *keylog) {
    return keylog->growing;
}

/* --- the table --- */

static int compare(const struct entry *entry, const uint8_t *random, uint8_t label) {
    int result = memcmp(entry->random, random, KEYLOG_RANDOM_LEN);
    return result != 0 ? result : (int)entry->label - (int)label;
}

static int compare_entries(const void *left, const void *right) {
    const struct entry *a = left, *b = right;
    int result = compare(a, b->random, b->label);
    return result != 0 ? result : (a->order > b->order) - (a->order < b->order);
}

static void sort(struct keylog *keylog) {
    if (!keylog->sorted && keylog->num > 0)
        qsort(keylog->entries, keylog->num, sizeof *keylog->entries, compare_entries);
    keylog->sorted = true;
}

static bool find(struct keylog *keylog, const uint8_t *random, enum keylog_label label,
                 struct keylog_secret *secret) {
    sort(keylog);
    size_t low = 0, high = keylog->num; /* entries below low are at most what is looked for */
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (compare(&keylog->entries[middle], random, (uint8_t)label) <= 0)
            low = middle + 1;
        else
            high = middle;
    }
    if (low == 0 || compare(&keylog->entries[low - 1], random, (uint8_t)label) != 0)
        return false;
    *secret = keylog->entries[low - 1].secret;
    return true;
}

bool keylog_find(struct keylog *keylog, const uint8_t random[KEYLOG_RANDOM_LEN], enum keylog_label label,
                 struct keylog_secret *secret) {
    pthread_mutex_lock(&keylog->mutex);
    bool found = find(keylog, random, label, secret);
    pthread_mutex_unlock(&keylog->mutex);
    return found;
}

size_t keylog_num_secrets(const struct keylog *keylog) {
    return keylog->num;
}

uint64_t keylog_num_dropped(const struct keylog *keylog) {
    return keylog->num_dropped;
}
