/* Fuzzes the reader of DNS messages: the input is one message. However it is cut, the records that come are
 * those of the whole, and each keeps its promises. */
#include <stdlib.h>
#include <string.h>

#include "../../parsers/dns.h"
#include "turn.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void require(bool condition) {
    if (!condition)
        abort();
}

static void check_name(const char *name) {
    size_t len = strnlen(name, DNS_NAME_MAX + 1);
    require(len <= DNS_NAME_MAX);
    for (size_t i = 0; i < len; i++)
        require(strchr("abcdefghijklmnopqrstuvwxyz0123456789-_.", name[i]) != NULL);
}

/* How many records there are; *last is the last of at most max. */
static size_t read_all(const uint8_t *data, size_t len, size_t max, struct dns_record *last) {
    struct dns dns;
    struct dns_record record;
    size_t num = 0;
    if (dns_begin(&dns, data, len) != PARSE_OK)
        return 0;
    check_name(dns.question);
    while (num < max && dns_next(&dns, &record)) {
        *last = record;
        check_name(last->owner);
        check_name(last->target);
        require(last->text_len <= DNS_TEXT_MAX);
        require(last->data_len == 0 || (last->data >= data && last->data + last->data_len <= data + len));
        num++;
    }
    require(num <= DNS_RECORDS_MAX);
    return num;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len) {
    struct dns_record record, again;
    size_t num = read_all(data, len, DNS_RECORDS_MAX, &record);
    if (!has_turn(data, len, 8))
        return 0;
    size_t cut = len > 0 ? data[len - 1] % len : 0;
    size_t fewer = read_all(data, cut, DNS_RECORDS_MAX, &record);
    require(fewer <= num);
    if (fewer > 0) {
        require(read_all(data, len, fewer, &again) == fewer);
        require(strcmp(record.owner, again.owner) == 0 && record.type == again.type);
    }
    return 0;
}
