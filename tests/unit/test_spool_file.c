/* test_spool_file.c: records of earlier versions are read from a spool, between those of this one. */
#include "../../outputs/spool_file.h"

#include "spool_dir.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <zlib.h>

#include <cmocka.h>

#define TEXT "an event"

static void put_number(uint8_t *out, uint64_t number, size_t len) {
    for (size_t i = 0; i < len; i++) {
        out[i] = (uint8_t)(number >> (8 * i));
    }
}

/* A record as version 1 wrote it. */
static size_t encode_1(uint8_t *out, uint64_t number, const char *text) {
    size_t len = strlen(text);
    memcpy(out, "\377SP1", 4);
    put_number(out + 4, len, 4);
    put_number(out + 8, number, 8);
    memcpy(out + SPOOL_HEAD_LEN, text, len);
    uLong crc = crc32(crc32(0, NULL, 0), out + 4, 12);
    put_number(out + 16, crc32(crc, out + SPOOL_HEAD_LEN, (uInt)len), 4);
    return SPOOL_HEAD_LEN + len;
}

static void write_segment(const char *dir, const uint8_t *bytes, size_t len) {
    char path[SPOOL_DIR_LEN + SPOOL_NAME_LEN + 1];
    char name[SPOOL_NAME_LEN];
    spool_file_name(1, name);
    (void)snprintf(path, sizeof path, "%s/%s", dir, name);
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, bytes, len), len);
    (void)close(fd);
}

static void expect(struct spool *spool, uint64_t number) {
    struct spool_record record;
    assert_int_equal(spool_next(spool, &record), SPOOL_OK);
    assert_int_equal(record.number, number);
    assert_int_equal(record.len, strlen(TEXT));
    assert_memory_equal(record.data, TEXT, record.len);
}

/* Two good ones and, damaged in its last byte, a third; then one of this version. */
static void test_version_1(void **state) {
    (void)state;
    char dir[SPOOL_DIR_LEN];
    uint8_t bytes[256];
    size_t len = 0;
    spool_dir_make(dir);
    for (uint64_t number = 1; number <= 3; number++) {
        len += encode_1(bytes + len, number, TEXT);
    }
    bytes[len - 1] ^= 1;
    write_segment(dir, bytes, len);

    char error[512] = "";
    struct spool *spool = spool_open(dir, &(struct spool_options){0}, error, sizeof error);
    assert_non_null(spool);
    assert_int_equal(spool_append(spool, TEXT, strlen(TEXT)), SPOOL_OK);
    struct spool_record record;
    for (uint64_t number = 1; number <= 3; number++) { /* the damaged one's number was free again */
        expect(spool, number);
    }
    assert_int_equal(spool_next(spool, &record), SPOOL_EMPTY);
    assert_int_equal(spool_stats(spool).damaged_bytes, SPOOL_HEAD_LEN + strlen(TEXT));
    assert_int_equal(spool_close(spool), 0);
    spool_dir_remove(dir);
}

/* Neither version's magic makes a record of the other. */
static void test_magic_of_the_other(void **state) {
    (void)state;
    char dir[SPOOL_DIR_LEN];
    uint8_t bytes[64];
    char error[512] = "";
    struct spool_record record;
    for (unsigned version = 1; version <= 2; version++) {
        struct buffer record_2 = {0};
        size_t len = encode_1(bytes, 1, TEXT);
        spool_file_encode(&record_2, 1, TEXT, strlen(TEXT));
        assert_int_equal(record_2.len, len);
        if (version == 2) {
            memcpy(bytes, record_2.data, len);
        }
        bytes[3] = version == 1 ? '2' : '1';
        buffer_cleanup(&record_2);
        spool_dir_make(dir);
        write_segment(dir, bytes, len);
        struct spool *spool = spool_open(dir, &(struct spool_options){0}, error, sizeof error);
        assert_non_null(spool);
        assert_int_equal(spool_next(spool, &record), SPOOL_EMPTY);
        assert_int_equal(spool_stats(spool).damaged_bytes, len);
        assert_int_equal(spool_close(spool), 0);
        spool_dir_remove(dir);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_version_1),
        cmocka_unit_test(test_magic_of_the_other),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
