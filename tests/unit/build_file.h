/* build_file.h: capture files for the source's tests, written field by field, and read back. */
#ifndef STARTTAP_TESTS_UNIT_BUILD_FILE_H
#define STARTTAP_TESTS_UNIT_BUILD_FILE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "../../sensor/capture/source.h"

#define ETHERNET 1

/* A file in the making, in either byte order. */
struct file {
    uint8_t *bytes;
    size_t len, room;
    bool little_endian;
};

static struct file f;
static char directory[] = "/tmp/test_source.XXXXXX";
static char path[64];

static inline void put(const void *bytes, size_t len) {
    if (f.len + len > f.room) {
        f.room = 2 * (f.len + len);
        f.bytes = realloc(f.bytes, f.room);
        assert_non_null(f.bytes);
    }
    memcpy(f.bytes + f.len, bytes, len);
    f.len += len;
}

static inline void put_number(uint64_t value, size_t len) {
    for (size_t i = 0; i < len; i++) {
        uint8_t byte = (uint8_t)(value >> 8 * (f.little_endian ? i : len - 1 - i));
        put(&byte, 1);
    }
}

static inline void put_u16(uint64_t value) {
    put_number(value, 2);
}

static inline void put_u32(uint64_t value) {
    put_number(value, 4);
}

static inline void begin(bool little_endian) {
    f.len = 0;
    f.little_endian = little_endian;
}

static inline void put_file_header(uint32_t magic, uint32_t linktype) {
    put_u32(magic);
    put_u16(2);
    put_u16(4);
    put_u32(0);
    put_u32(0);
    put_u32(65535);
    put_u32(linktype);
}

static inline void put_record(uint32_t seconds, uint32_t ticks, const char *data, size_t wire_len) {
    put_u32(seconds);
    put_u32(ticks);
    put_u32(strlen(data));
    put_u32(wire_len);
    put(data, strlen(data));
}

static inline void begin_pcap(void) {
    begin(true);
    put_file_header(0xa1b2c3d4, ETHERNET);
}

static inline void write_file(const void *bytes, size_t len) {
    FILE *out = fopen(path, "wb");
    assert_non_null(out);
    assert_int_equal(fwrite(bytes, 1, len, out), len);
    assert_int_equal(fclose(out), 0);
}

/* What a source said at its end. */
struct outcome {
    enum source_result result;
    size_t num_packets;
    char message[512];
};

static inline void check_packet(const struct packet *packet, size_t number) {
    char expected[32];
    (void)snprintf(expected, sizeof expected, "packet %zu", number);
    assert_int_equal(packet->captured_len, strlen(expected));
    assert_memory_equal(packet->data, expected, strlen(expected));
}

/* Reads all of the file at `at`, several packets at once as far as there are. Packet number n (from 0) has
 * the bytes "packet n", when check is set. */
static inline struct outcome read_path(const char *at, bool check) {
    char error[512] = "";
    struct outcome outcome = {0};
    struct source *source = source_open(at, error, sizeof error);
    if (source == NULL)
        fail_msg("%s", error);
    struct packet packets[3];
    size_t num = 0;
    while ((outcome.result = source_next_several(source, packets, 1 + outcome.num_packets % 3, &num)) ==
           SOURCE_PACKET) {
        assert_in_range(num, 1, 1 + outcome.num_packets % 3);
        for (size_t i = 0; check && i < num; i++)
            check_packet(&packets[i], outcome.num_packets + i);
        outcome.num_packets += num;
    }
    assert_int_equal(num, 0);
    assert_int_equal(source_next(source, packets), outcome.result); /* stays at its end */
    (void)snprintf(outcome.message, sizeof outcome.message, "%s", source_message(source));
    source_close(source);
    return outcome;
}

static inline struct outcome read_bytes(const void *bytes, size_t len) {
    write_file(bytes, len);
    return read_path(path, true);
}

/* Three packets behind what is there; ends[] gets where each ends. */
static inline void put_three_records(size_t *ends) {
    for (size_t i = 0; i < 3; i++) {
        char text[16];
        (void)snprintf(text, sizeof text, "packet %zu", i);
        put_record((uint32_t)i, 0, text, 8);
        ends[i] = f.len;
    }
}

static inline int set_up(void **state) {
    (void)state;
    if (mkdtemp(directory) == NULL)
        return -1;
    (void)snprintf(path, sizeof path, "%s/capture", directory);
    return 0;
}

static inline int tear_down(void **state) {
    (void)state;
    (void)remove(path);
    free(f.bytes);
    return rmdir(directory);
}

#endif
