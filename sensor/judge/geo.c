#include "geo.h"

#include <arpa/inet.h>
#include <errno.h>
#include <maxminddb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define COUNTRY_LEN 2 /* ISO 3166-1 alpha-2 */

struct geo {
    size_t num;
    MMDB_s databases[];
};

struct geo *geo_open(char *const *paths, size_t num, char *error, size_t error_len) {
    struct geo *geo = calloc(1, sizeof *geo + num * sizeof geo->databases[0]);
    if (!geo) {
        snprintf(error, error_len, "out of memory");
        return NULL;
    }
    for (size_t i = 0; i < num; i++) {
        int failed = MMDB_open(paths[i], MMDB_MODE_MMAP, &geo->databases[i]);
        if (failed != MMDB_SUCCESS) {
            const char *why = failed == MMDB_FILE_OPEN_ERROR || failed == MMDB_IO_ERROR
                                  ? strerror(errno)
                                  : MMDB_strerror(failed);
            snprintf(error, error_len, "--mmdb: cannot read '%s': %s", paths[i], why);
            geo_close(geo);
            return NULL;
        }
        geo->num++;
    }
    return geo;
}

void geo_close(struct geo *geo) {
    if (!geo)
        return;
    for (size_t i = 0; i < geo->num; i++)
        MMDB_close(&geo->databases[i]);
    free(geo);
}

/* The value at path in the entry; false when there is none of this type. */
static bool get(MMDB_entry_s *entry, const char *const *path, uint32_t type, MMDB_entry_data_s *data) {
    return MMDB_aget_value(entry, data, path) == MMDB_SUCCESS && data->has_data && data->type == type;
}

static void describe_entry(struct event *event, struct event_endpoint *end, MMDB_entry_s *entry) {
    static const char *const number[] = {"autonomous_system_number", NULL};
    static const char *const organization[] = {"autonomous_system_organization", NULL};
    static const char *const country[] = {"country", "iso_code", NULL};
    MMDB_entry_data_s data;
    if (end->as_number == EVENT_ABSENT && get(entry, number, MMDB_DATA_TYPE_UINT32, &data)) {
        end->as_number = data.uint32;
        if (get(entry, organization, MMDB_DATA_TYPE_UTF8_STRING, &data))
            end->as_organization = event_text(event, data.utf8_string, data.data_size);
    }
    if (!end->country && get(entry, country, MMDB_DATA_TYPE_UTF8_STRING, &data) &&
        data.data_size == COUNTRY_LEN)
        end->country = event_text(event, data.utf8_string, data.data_size);
}

static bool parse_address(const char *ip, struct sockaddr_storage *address) {
    struct sockaddr_in v4 = {.sin_family = AF_INET};
    struct sockaddr_in6 v6 = {.sin6_family = AF_INET6};
    *address = (struct sockaddr_storage){0};
    if (inet_pton(AF_INET, ip, &v4.sin_addr) == 1) {
        memcpy(address, &v4, sizeof v4);
        return true;
    }
    if (inet_pton(AF_INET6, ip, &v6.sin6_addr) != 1)
        return false;
    memcpy(address, &v6, sizeof v6);
    return true;
}

static void describe_end(const struct geo *geo, struct event *event, struct event_endpoint *end) {
    struct sockaddr_storage address;
    if (!end->ip || !parse_address(end->ip, &address))
        return;
    for (size_t i = 0; i < geo->num; i++) {
        int failed = MMDB_SUCCESS;
        MMDB_lookup_result_s found = MMDB_lookup_sockaddr(
            &geo->databases[i], (const struct sockaddr *)(const void *)&address, &failed);
        if (failed == MMDB_SUCCESS && found.found_entry)
            describe_entry(event, end, &found.entry);
    }
}

void geo_describe(const struct geo *geo, struct event *session) {
    describe_end(geo, session, &session->session.source);
    describe_end(geo, session, &session->session.destination);
}
