#include "summary_data.h"

#include "text.h"

#include <inttypes.h>
#include <stdlib.h>

#define WIDTH_DEFAULT     80
#define WIDTH_MIN         60
#define WIDTH_MAX         120 /* wider is harder to read, not better */
#define HEIGHT_DEFAULT    24
#define HEIGHT_MAX        40
#define LABEL_COLUMNS     14
#define NUMBER_COLUMNS    10
#define PEER_ROWS_MAX     10
#define CERT_ROWS_MAX     5
#define LIST_LINES_MAX    2
#define VERDICT_LINES_MAX 4 /* enough for every verdict of a class */
#define NS_PER_S          UINT64_C(1000000000)

enum color { COLOR_NONE, COLOR_BOLD, COLOR_GREEN, COLOR_YELLOW, COLOR_RED };

/* Text under construction, and how many lines it has. */
struct page {
    struct buffer text;
    const struct summary_style *style;
    size_t width;
    size_t lines;
    size_t column; /* columns taken in the current line */
};

static void page_end_line(struct page *page) {
    buffer_add_char(&page->text, '\n');
    page->lines++;
    page->column = 0;
}

static void paint(struct page *page, enum color color) {
    static const char *const codes[] = {"\x1b[0m", "\x1b[1m", "\x1b[32m", "\x1b[33m", "\x1b[31m"};
    if (page->style->color) {
        buffer_add_string(&page->text, codes[color]);
    }
}

/* Adds text in at most `columns` columns. */
static void add_cut(struct page *page, const char *text, size_t columns) {
    page->column += text_add_terminal(&page->text, text, columns, page->style->utf8);
}

/* Adds text up to the end of the line. */
static void add_text(struct page *page, const char *text) {
    add_cut(page, text, page->width - page->column);
}

static void pad_to(struct page *page, size_t column) {
    while (page->column < column) {
        buffer_add_char(&page->text, ' ');
        page->column++;
    }
}

static void add_right(struct page *page, const char *text, size_t columns) {
    size_t len = strlen(text);
    pad_to(page, page->column + (len < columns ? columns - len : 0));
    add_cut(page, text, columns);
}

static void add_label(struct page *page, const char *label, enum color color) {
    paint(page, color);
    add_text(page, label);
    paint(page, COLOR_NONE);
    pad_to(page, LABEL_COLUMNS);
}

#define NUMBER_LEN 32

/* 1234567 as "1,234,567". */
static const char *grouped(char out[NUMBER_LEN], uint64_t number) {
    char digits[NUMBER_LEN];
    int len = snprintf(digits, sizeof digits, "%" PRIu64, number);
    size_t at = 0;
    for (int i = 0; i < len; i++) {
        if (i > 0 && (len - i) % 3 == 0) {
            out[at++] = ',';
        }
        out[at++] = digits[i];
    }
    out[at] = '\0';
    return out;
}

/* 1234567 as "1.2 MB". */
static const char *human_bytes(char out[NUMBER_LEN], uint64_t bytes) {
    static const char *const units[] = {"B", "kB", "MB", "GB", "TB", "PB", "EB"};
    size_t unit = 0;
    uint64_t tenths = 0;
    while (bytes >= 1000) {
        tenths = bytes % 1000 / 100;
        bytes /= 1000;
        unit++;
    }
    if (unit == 0) {
        (void)snprintf(out, NUMBER_LEN, "%" PRIu64 " B", bytes);
    } else {
        (void)snprintf(out, NUMBER_LEN, "%" PRIu64 ".%" PRIu64 " %s", bytes, tenths, units[unit]);
    }
    return out;
}

/* A list that wraps where it began. */
struct list {
    struct page *page;
    size_t indent;  /* where it began */
    size_t left;    /* items still to come */
    size_t lines;   /* that it may still take, this one included */
    bool cut;       /* the rest was counted instead of shown */
    bool separator; /* an item stands before */
};

static struct list list_begin(struct page *page, size_t num, size_t lines) {
    return (struct list){.page = page, .indent = page->column, .left = num, .lines = lines};
}

/* Room for ", and 1000 more". */
#define LIST_TAIL 16

static void list_add(struct list *list, const char *name, uint64_t num) {
    struct page *page = list->page;
    if (list->cut) {
        return;
    }
    char number[NUMBER_LEN];
    size_t need = strlen(name) + 1 + strlen(grouped(number, num)) + (list->separator ? 2 : 0);
    bool last_line = list->lines == 1;
    size_t room = page->width - page->column - (last_line && list->left > 1 ? LIST_TAIL : 1);
    if (need > room && last_line && list->separator) {
        char more[NUMBER_LEN * 2];
        (void)snprintf(more, sizeof more, " and %zu more", list->left);
        add_text(page, more);
        list->cut = true;
        return;
    }
    if (list->separator) {
        add_text(page, need > room ? "," : ", ");
    }
    if (need > room && list->separator) {
        page_end_line(page);
        pad_to(page, list->indent);
        list->lines--;
    }
    add_cut(page, name, page->width - page->column - strlen(number) - 1);
    add_text(page, " ");
    add_text(page, number);
    list->separator = true;
    list->left--;
}

struct named {
    const char *name;
    uint64_t num;
};

static int by_number(const void *a, const void *b) {
    const struct named *left = a;
    const struct named *right = b;
    if (left->num != right->num) {
        return left->num > right->num ? -1 : 1;
    }
    return strcmp(left->name, right->name);
}

/* One line: label, then names with their numbers, the most frequent first. */
static void print_named(struct page *page, const char *label, struct named *items, size_t num) {
    if (num == 0) {
        return;
    }
    qsort(items, num, sizeof *items, by_number);
    add_label(page, label, COLOR_BOLD);
    struct list list = list_begin(page, num, LIST_LINES_MAX);
    for (size_t i = 0; i < num; i++) {
        list_add(&list, items[i].name, items[i].num);
    }
    page_end_line(page);
}

static void print_tally(struct page *page, const char *label, const struct summary_tally *tally) {
    struct named items[SUMMARY_NAMES_MAX + 1];
    size_t num = 0;
    for (size_t i = 0; i < tally->num; i++) {
        items[num++] = (struct named){tally->items[i].name, tally->items[i].num};
    }
    if (tally->others > 0) {
        items[num++] = (struct named){"others", tally->others};
    }
    print_named(page, label, items, num);
}

static uint64_t class_total(const struct summary *summary, enum verdict_class class) {
    uint64_t total = 0;
    for (unsigned i = 0; i < NUM_VERDICTS; i++) {
        total += verdict_counts_as((enum verdict)i) == class ? summary->by_verdict[i] : 0;
    }
    return total;
}

/* "Plaintext     20: not_offered 15, refused 5", and why sessions are unknown. */
static void print_class(struct page *page, const struct summary *summary, enum verdict_class class,
                        const char *label, enum color color) {
    struct named items[NUM_VERDICTS + (size_t)UNKNOWN_EVICTED + 1];
    static const char *const unknown[] = {"unknown",
                                          "unknown (midstream)",
                                          "unknown (gap)",
                                          "unknown (one_sided)",
                                          "unknown (truncated)",
                                          "unknown (evicted)"};
    size_t num = 0;
    for (unsigned i = 0; i < NUM_VERDICTS; i++) {
        if (i != VERDICT_UNKNOWN && summary->by_verdict[i] > 0 &&
            verdict_counts_as((enum verdict)i) == class) {
            items[num++] = (struct named){verdict_name((enum verdict)i), summary->by_verdict[i]};
        }
    }
    for (unsigned i = UNKNOWN_MIDSTREAM; class == COUNTS_NOT && i <= UNKNOWN_EVICTED; i++) {
        if (summary->by_reason[i] > 0) {
            items[num++] = (struct named){unknown[i], summary->by_reason[i]};
        }
    }
    uint64_t total = class_total(summary, class);
    char number[NUMBER_LEN];
    add_label(page, label, total > 0 ? color : COLOR_NONE);
    add_right(page, grouped(number, total), 8);
    add_text(page, "  ");
    qsort(items, num, sizeof *items, by_number);
    struct list list = list_begin(page, num, VERDICT_LINES_MAX);
    for (size_t i = 0; i < num; i++) {
        list_add(&list, items[i].name, items[i].num);
    }
    page_end_line(page);
}

static void print_title(struct page *page, const struct summary *summary) {
    char number[NUMBER_LEN];
    char first[TEXT_TIME_MAX];
    char last[TEXT_TIME_MAX];
    text_time_s(first, (int64_t)(summary->first_ns / NS_PER_S));
    text_time_s(last, (int64_t)(summary->last_ns / NS_PER_S));
    paint(page, COLOR_BOLD);
    add_text(page, grouped(number, summary->sessions));
    add_text(page, summary->sessions == 1 ? " session, " : " sessions, ");
    paint(page, COLOR_NONE);
    add_text(page, first);
    add_text(page, " to ");
    add_text(page, last);
    page_end_line(page);
}

static void print_adoption(struct page *page, const struct summary *summary) {
    uint64_t encrypted = class_total(summary, COUNTS_ENCRYPTED);
    uint64_t total = encrypted + class_total(summary, COUNTS_PLAINTEXT) + class_total(summary, COUNTS_FAILED);
    char a[NUMBER_LEN];
    char b[NUMBER_LEN];
    add_label(page, "Adoption", COLOR_BOLD);
    if (total == 0) {
        add_text(page, "nothing to judge: no session came as far as mail");
        page_end_line(page);
        return;
    }
    char share[NUMBER_LEN];
    (void)snprintf(share, sizeof share, "%.1f %%", (double)encrypted * 100 / (double)total);
    paint(page, encrypted == total ? COLOR_GREEN : COLOR_YELLOW);
    add_right(page, share, 8);
    paint(page, COLOR_NONE);
    add_text(page, "  ");
    add_text(page, grouped(a, encrypted));
    add_text(page, " of ");
    add_text(page, grouped(b, total));
    add_text(page, total == 1 ? " session that counts was encrypted" : " sessions that count were encrypted");
    page_end_line(page);
}

static int by_mail(const void *a, const void *b) {
    const struct summary_entry *left = *(struct summary_entry *const *)a;
    const struct summary_entry *right = *(struct summary_entry *const *)b;
    if (left->messages != right->messages) {
        return left->messages > right->messages ? -1 : 1;
    }
    if (left->bytes != right->bytes) {
        return left->bytes > right->bytes ? -1 : 1;
    }
    if (left->sessions != right->sessions) {
        return left->sessions > right->sessions ? -1 : 1;
    }
    return strcmp(left->key, right->key);
}

static int by_days(const void *a, const void *b) {
    const struct summary_entry *left = *(struct summary_entry *const *)a;
    const struct summary_entry *right = *(struct summary_entry *const *)b;
    if (left->days_left != right->days_left) {
        return left->days_left < right->days_left ? -1 : 1;
    }
    return strcmp(left->key, right->key);
}

/* The entries in the order of compare; NULL when out of memory. */
static struct summary_entry **sorted(const struct summary_table *table,
                                     int (*compare)(const void *, const void *)) {
    struct summary_entry **items = malloc((table->num + 1) * sizeof(struct summary_entry *));
    if (items != NULL && table->num > 0) {
        memcpy(items, table->items, table->num * sizeof(struct summary_entry *));
        qsort(items, table->num, sizeof(struct summary_entry *), compare);
    }
    return items;
}

/* Peers with mail in clear; those that only logged in do not count. */
static size_t clear_peers(const struct summary *summary) {
    size_t num = 0;
    for (size_t i = 0; i < summary->peers.num; i++) {
        num += summary->peers.items[i]->sessions > 0;
    }
    return num;
}

static void print_mail_row(struct page *page, const char *label, const struct summary_entry *row) {
    char number[NUMBER_LEN];
    size_t name_columns = page->width - 3 * NUMBER_COLUMNS - 1;
    add_cut(page, label, name_columns - page->column);
    pad_to(page, name_columns);
    add_right(page, grouped(number, row->messages), NUMBER_COLUMNS);
    add_right(page, human_bytes(number, row->bytes), NUMBER_COLUMNS);
    add_right(page, grouped(number, row->sessions), NUMBER_COLUMNS);
    page_end_line(page);
}

/* "  mx.example.com (192.0.2.1)". A long name is cut, the address never is. */
static void print_peer(struct page *page, const struct summary_entry *peer) {
    size_t ip_columns = strlen(peer->key) + 3;
    size_t name_columns = page->width - 3 * NUMBER_COLUMNS - 1;
    char ip[SUMMARY_KEY_LEN + 4];
    add_text(page, "  ");
    if (peer->name[0] == '\0' || ip_columns + 6 > name_columns) {
        print_mail_row(page, peer->key, peer);
        return;
    }
    add_cut(page, peer->name, name_columns - ip_columns - 2);
    (void)snprintf(ip, sizeof ip, " (%s)", peer->key);
    print_mail_row(page, ip, peer);
}

static void print_more(struct page *page, size_t num, const char *what) {
    char line[NUMBER_LEN * 3];
    (void)snprintf(line, sizeof line, "  and %zu more %s%s", num, what, num == 1 ? "" : "s");
    add_text(page, line);
    page_end_line(page);
}

static void print_mail_in_clear(struct page *page, const struct summary *summary, size_t rows) {
    if (summary->clear_sessions == 0) {
        return;
    }
    size_t name_columns = page->width - 3 * NUMBER_COLUMNS - 1;
    paint(page, COLOR_RED);
    add_text(page, "Mail in clear");
    paint(page, COLOR_NONE);
    pad_to(page, name_columns);
    add_right(page, "messages", NUMBER_COLUMNS);
    add_right(page, "bytes", NUMBER_COLUMNS);
    add_right(page, "sessions", NUMBER_COLUMNS);
    page_end_line(page);
    size_t num = clear_peers(summary);
    struct summary_entry **peers = sorted(&summary->peers, by_mail);
    size_t shown = 0;
    for (size_t i = 0; peers != NULL && i < summary->peers.num && shown < rows; i++) {
        if (peers[i]->sessions > 0) {
            print_peer(page, peers[i]);
            shown++;
        }
    }
    free(peers);
    const struct summary_entry all = {.messages = summary->clear_messages,
                                      .bytes = summary->clear_bytes,
                                      .sessions = summary->clear_sessions};
    char label[NUMBER_LEN * 2];
    (void)snprintf(label, sizeof label, "  all of %s%zu peer%s",
                   summary->peers.omitted > 0 ? "more than " : "", num, num == 1 ? "" : "s");
    if (num != shown || num > 1) {
        print_mail_row(page, label, &all);
    }
}

static void print_passwords(struct page *page, const struct summary *summary) {
    if (summary->password_sessions == 0) {
        return;
    }
    size_t peers = 0;
    for (size_t i = 0; i < summary->peers.num; i++) {
        peers += summary->peers.items[i]->passwords > 0;
    }
    char number[NUMBER_LEN];
    char text[NUMBER_LEN * 3];
    (void)snprintf(text, sizeof text, "%s session%s with a login in clear, %zu peer%s",
                   grouped(number, summary->password_sessions), summary->password_sessions == 1 ? "" : "s",
                   peers, peers == 1 ? "" : "s");
    add_label(page, "Passwords", COLOR_RED);
    add_text(page, text);
    page_end_line(page);
}

static void print_cert(struct page *page, const struct summary_entry *cert) {
    char when[NUMBER_LEN * 2];
    int64_t days = cert->days_left;
    uint64_t away = days < 0 ? 0 - (uint64_t)days : (uint64_t)days;
    const char *plural = away == 1 ? "" : "s";
    if (days == EVENT_ABSENT) {
        (void)snprintf(when, sizeof when, "%s", cert->expired ? "expired" : "expires soon");
    } else if (cert->expired) {
        (void)snprintf(when, sizeof when, "expired %" PRIu64 " day%s before", away, plural);
    } else {
        (void)snprintf(when, sizeof when, "expires in %" PRIu64 " day%s", away, plural);
    }
    char number[NUMBER_LEN];
    size_t name_columns = page->width - 3 * NUMBER_COLUMNS - 1;
    add_text(page, "  ");
    add_cut(page, cert->name[0] != '\0' ? cert->name : cert->key, name_columns - 9);
    pad_to(page, name_columns - 6);
    paint(page, cert->expired ? COLOR_RED : COLOR_YELLOW);
    add_right(page, when, 2 * NUMBER_COLUMNS + 6);
    paint(page, COLOR_NONE);
    add_right(page, grouped(number, cert->sessions), NUMBER_COLUMNS);
    page_end_line(page);
}

static void print_certs(struct page *page, const struct summary *summary, size_t rows) {
    const struct summary_table *certs = &summary->certs;
    if (certs->num == 0) {
        return;
    }
    size_t expired = 0;
    for (size_t i = 0; i < certs->num; i++) {
        expired += certs->items[i]->expired;
    }
    char text[NUMBER_LEN * 3];
    (void)snprintf(text, sizeof text, "%zu expired, %zu about to expire%s", expired, certs->num - expired,
                   certs->omitted > 0 ? ", and more" : "");
    add_label(page, "Certificates", expired > 0 ? COLOR_RED : COLOR_YELLOW);
    add_text(page, text);
    pad_to(page, page->width - NUMBER_COLUMNS - 1);
    add_right(page, "sessions", NUMBER_COLUMNS);
    page_end_line(page);
    struct summary_entry **items = sorted(certs, by_days);
    size_t shown = items == NULL ? 0 : certs->num < rows ? certs->num : rows;
    for (size_t i = 0; i < shown; i++) {
        print_cert(page, items[i]);
    }
    free(items);
    if (shown > 0 && shown < certs->num) {
        print_more(page, certs->num - shown, "certificate");
    }
}

/* What the capture was missing, so that nobody takes silence for evidence. */
static void print_capture(struct page *page, const struct summary *summary) {
    struct named items[] = {
        {"packets dropped", summary->packets_dropped},  {"packets damaged", summary->packets_damaged},
        {"sessions one-sided", summary->one_sided},     {"begun before it", summary->midstream},
        {"cut by the snap length", summary->truncated}, {"with gaps", summary->with_gaps},
        {"bytes lost in gaps", summary->gap_bytes},
    };
    size_t num = 0;
    for (size_t i = 0; i < sizeof items / sizeof items[0]; i++) {
        if (items[i].num > 0) {
            items[num++] = items[i];
        }
    }
    add_label(page, "Missing", num > 0 ? COLOR_YELLOW : COLOR_BOLD);
    if (num == 0) {
        add_text(page, "nothing: the capture holds every session whole");
    }
    struct list list = list_begin(page, num, LIST_LINES_MAX);
    for (size_t i = 0; i < num; i++) {
        list_add(&list, items[i].name, items[i].num);
    }
    page_end_line(page);
}

/* No session at all: what may be the cause, and what to try. */
static void print_empty(struct page *page, const struct summary *summary) {
    char number[NUMBER_LEN];
    if (summary->sensor_seen && summary->packets == 0) {
        buffer_add_string(&page->text,
                          "No packets were read: the capture is empty, or the filter left nothing.\n");
        return;
    }
    buffer_add_string(&page->text, "No mail sessions found");
    if (summary->sensor_seen) {
        buffer_printf(&page->text, " in %s packet%s", grouped(number, summary->packets),
                      summary->packets == 1 ? "" : "s");
    }
    buffer_add_string(
        &page->text,
        ".\n"
        "Only the mail ports were looked at (25, 465, 587 and 2525 unless told otherwise).\n"
        "Name others with --mail-ports and --tls-ports, or find SMTP anywhere with --any-port.\n");
    if (summary->packets_dropped + summary->packets_damaged > 0) {
        buffer_printf(&page->text, "%s packets were dropped or damaged.\n",
                      grouped(number, summary->packets_dropped + summary->packets_damaged));
    }
}

static struct page page_begin(const struct summary_style *style) {
    size_t width = style->width > 0 ? style->width : WIDTH_DEFAULT;
    width = width < WIDTH_MIN ? WIDTH_MIN : width;
    return (struct page){.style = style, .width = width > WIDTH_MAX ? WIDTH_MAX : width};
}

static void print_head(struct page *page, const struct summary *summary) {
    print_title(page, summary);
    page_end_line(page);
    print_adoption(page, summary);
    print_class(page, summary, COUNTS_ENCRYPTED, "  encrypted", COLOR_GREEN);
    print_class(page, summary, COUNTS_PLAINTEXT, "  plaintext", COLOR_RED);
    print_class(page, summary, COUNTS_FAILED, "  failed", COLOR_YELLOW);
    print_class(page, summary, COUNTS_NOT, "  left out", COLOR_NONE);
    print_tally(page, "TLS", &summary->versions);
    print_tally(page, "Ciphers", &summary->ciphers);
}

/* What the height leaves for rows of peers and of certificates: certificates get a third
 * of them, and what peers do not need. */
static void share_rows(const struct summary *summary, size_t height, size_t used, size_t *peer_rows,
                       size_t *cert_rows) {
    size_t rows = height > used ? height - used : 0;
    size_t certs = summary->certs.num < CERT_ROWS_MAX ? summary->certs.num : CERT_ROWS_MAX;
    size_t peers = clear_peers(summary);
    peers = peers < PEER_ROWS_MAX ? peers : PEER_ROWS_MAX;
    size_t third = (rows + 2) / 3;
    if (peers + certs > rows && certs > third) {
        size_t left = peers < rows - third ? rows - peers : third;
        certs = certs < left ? certs : left;
    }
    *cert_rows = certs;
    *peer_rows = peers < rows - certs ? peers : rows - certs;
}

void summary_print(const struct summary *summary, FILE *file, const struct summary_style *style) {
    struct page page = page_begin(style);
    if (summary->sessions == 0) {
        print_empty(&page, summary);
    } else {
        size_t height = style->height_max > 0 ? style->height_max : HEIGHT_DEFAULT;
        height = height > HEIGHT_MAX ? HEIGHT_MAX : height;
        struct page tail = page_begin(style);
        print_capture(&tail, summary);
        print_head(&page, summary);
        /* Blank line, head and sum of the mail table, passwords, head and "more" of the certificates, the
         * prompt that follows. */
        size_t fixed = page.lines + tail.lines + 2 + (summary->clear_sessions > 0 ? 2 : 0) +
                       (summary->password_sessions > 0 ? 1 : 0) + (summary->certs.num > 0 ? 2 : 0);
        size_t peer_rows;
        size_t cert_rows;
        share_rows(summary, height, fixed, &peer_rows, &cert_rows);
        page_end_line(&page);
        print_mail_in_clear(&page, summary, peer_rows);
        print_passwords(&page, summary);
        print_certs(&page, summary, cert_rows);
        buffer_add(&page.text, tail.text.data, tail.text.len);
        buffer_cleanup(&tail.text);
    }
    if (page.text.len > 0) /* without memory there is no page */
        (void)fwrite(page.text.data, 1, page.text.len, file);
    buffer_cleanup(&page.text);
}
