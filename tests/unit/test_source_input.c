/* What captures come in: compression, pipes, directories; and what is no capture. */
#include "build_file.h"

#include <errno.h>
#include <sys/stat.h>
#include <zlib.h>
#include <zstd.h>

struct packed {
    uint8_t bytes[65536];
    size_t len;
};

/* Appends from[0, len) as a gzip member. */
static void gzip_add(struct packed *p, const uint8_t *from, size_t len) {
    z_stream z = {0};
    assert_int_equal(deflateInit2(&z, 6, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY), Z_OK);
    z.next_in = (z_const Bytef *)(uintptr_t)from;
    z.avail_in = (unsigned)len;
    z.next_out = p->bytes + p->len;
    z.avail_out = (unsigned)(sizeof p->bytes - p->len);
    assert_int_equal(deflate(&z, Z_FINISH), Z_STREAM_END);
    p->len = sizeof p->bytes - z.avail_out;
    assert_int_equal(deflateEnd(&z), Z_OK);
}

static void zstd_add(struct packed *p, const uint8_t *from, size_t len) {
    size_t got = ZSTD_compress(p->bytes + p->len, sizeof p->bytes - p->len, from, len, 3);
    assert_false(ZSTD_isError(got));
    p->len += got;
}

typedef void (*packer)(struct packed *p, const uint8_t *from, size_t len);
static const packer PACKERS[] = {gzip_add, zstd_add};

static void compressed_captures(void **state) {
    (void)state;
    size_t ends[3];
    begin_pcap();
    put_three_records(ends);
    for (size_t i = 0; i < 2; i++) {
        static struct packed p;
        for (size_t cut = 0; cut <= f.len; cut++) { /* in two parts, cut anywhere */
            p.len = 0;
            PACKERS[i](&p, f.bytes, cut);
            PACKERS[i](&p, f.bytes + cut, f.len - cut);
            struct outcome o = read_bytes(p.bytes, p.len);
            assert_int_equal(o.result, SOURCE_END);
            assert_int_equal(o.num_packets, 3);
        }
        p.len = 0;
        PACKERS[i](&p, f.bytes, ends[1]);
        size_t first_len = p.len;
        PACKERS[i](&p, f.bytes + ends[1], f.len - ends[1]);
        for (size_t len = first_len + 1; len < p.len; len++) {
            struct outcome o = read_bytes(p.bytes, len);
            assert_int_equal(o.result, SOURCE_DAMAGED);
            assert_true(o.num_packets >= 2);
            assert_non_null(strstr(o.message, "compressed data"));
        }
        p.len = first_len;
        memcpy(p.bytes + p.len, "garbage behind it", 17);
        struct outcome o = read_bytes(p.bytes, p.len + 17);
        assert_int_equal(o.result, SOURCE_DAMAGED);
        assert_int_equal(o.num_packets, 2);
        assert_non_null(strstr(o.message, "compressed data"));
        assert_non_null(strstr(o.message, "(decompressed)"));
    }
}

/* Data that compression shortens a little only: what lies before the damage is handed out. */
static void corrupt_compression_keeps_what_came_before(void **state) {
    (void)state;
    for (size_t i = 0; i < 2; i++) {
        uint32_t random = 1;
        begin_pcap();
        for (int n = 0; n < 2000; n++) {
            char text[257];
            for (size_t k = 0; k < 256; k++) {
                random = random * 1664525 + 1013904223;
                text[k] = (char)('a' + (random >> 24) % 16);
            }
            text[256] = '\0';
            put_record(1, 2, text, 256);
        }
        uint8_t *bytes = malloc(2 * f.len);
        assert_non_null(bytes);
        size_t len = 2 * f.len;
        if (i == 0) {
            z_stream z = {0};
            assert_int_equal(deflateInit2(&z, 6, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY), Z_OK);
            z.next_in = f.bytes;
            z.avail_in = (unsigned)f.len;
            z.next_out = bytes;
            z.avail_out = (unsigned)len;
            assert_int_equal(deflate(&z, Z_FINISH), Z_STREAM_END);
            len -= z.avail_out;
            (void)deflateEnd(&z);
        } else {
            ZSTD_CCtx *zstd = ZSTD_createCCtx();
            assert_non_null(zstd);
            (void)ZSTD_CCtx_setParameter(zstd, ZSTD_c_checksumFlag, 1);
            len = ZSTD_compress2(zstd, bytes, len, f.bytes, f.len);
            (void)ZSTD_freeCCtx(zstd);
        }
        memset(bytes + len * 9 / 10, 0xff, 1000);
        write_file(bytes, len);
        struct outcome o = read_path(path, false);
        assert_int_equal(o.result, SOURCE_DAMAGED);
        /* all but what lies in the damaged block, of 128 KiB or less */
        assert_true(o.num_packets >= 2000 * 6 / 10);
        assert_true(o.num_packets < 2000);
        free(bytes);
    }
}

static uint32_t large_len(size_t number) {
    return number % 3 == 0 ? 262144 : number % 3 == 1 ? 99991 : 1;
}

static void check_large(const struct packet *packet, size_t number) {
    assert_int_equal(packet->captured_len, large_len(number));
    for (uint32_t k = 0; k < packet->captured_len; k++)
        if (packet->data[k] != 'a' + number)
            fail_msg("packet %zu byte %u", number, k);
}

static void records_straddle_reads(void **state) {
    (void)state;
    static char large[262145];
    begin_pcap();
    for (size_t i = 0; i < 20; i++) {
        size_t len = large_len(i);
        memset(large, (int)('a' + i), len);
        large[len] = '\0';
        put_record(1, 2, large, len);
    }
    write_file(f.bytes, f.len);
    char error[512];
    struct source *source = source_open(path, error, sizeof error);
    assert_non_null(source);
    struct packet packets[8];
    size_t num;
    bool several = false;
    for (size_t i = 0; i < 20; i += num) {
        assert_int_equal(source_next_several(source, packets, 8, &num), SOURCE_PACKET);
        several |= num > 1;
        for (size_t k = 0; k < num; k++)
            check_large(&packets[k], i + k);
    }
    assert_true(several);
    assert_int_equal(source_next_several(source, packets, 8, &num), SOURCE_END);
    assert_int_equal(num, 0);
    uint64_t bytes_read, bytes_total;
    source_progress(source, &bytes_read, &bytes_total);
    assert_int_equal(bytes_read, f.len);
    assert_int_equal(bytes_total, f.len);
    source_close(source);
}

/* Standard input as a pipe that gives one byte at a time. */
static void standard_input_is_a_pipe(void **state) {
    (void)state;
    size_t ends[3];
    static struct packed p;
    begin_pcap();
    put_three_records(ends);
    p.len = 0;
    gzip_add(&p, f.bytes, f.len);
    int saved = dup(STDIN_FILENO);
    for (int packed = 0; packed < 2; packed++) {
        int ends_of_pipe[2];
        assert_int_equal(pipe(ends_of_pipe), 0);
        assert_true(dup2(ends_of_pipe[0], STDIN_FILENO) >= 0);
        pid_t child = fork();
        if (child == 0) {
            const uint8_t *bytes = packed ? p.bytes : f.bytes;
            for (size_t i = 0; i < (packed ? p.len : f.len); i++)
                if (write(ends_of_pipe[1], bytes + i, 1) != 1)
                    _exit(1);
            _exit(0);
        }
        (void)close(ends_of_pipe[0]);
        (void)close(ends_of_pipe[1]);
        struct outcome o = read_path("-", true);
        assert_int_equal(o.result, SOURCE_END);
        assert_int_equal(o.num_packets, 3);
    }
    (void)dup2(saved, STDIN_FILENO);
    (void)close(saved);
}

static void assert_refused(const char *at, const char *reason) {
    char error[512] = "";
    assert_null(source_open(at, error, sizeof error));
    if (strstr(error, at) == NULL || strstr(error, reason) == NULL)
        fail_msg("\"%s\" does not name %s and %s", error, at, reason);
}

static void strangers_are_refused(void **state) {
    (void)state;
    write_file("", 0);
    assert_refused(path, "empty");
    write_file("<html>", 6);
    assert_refused(path, "begins with \"<html>\"");
    write_file("\xfd"
               "7zXZ\0",
               6);
    assert_refused(path, "begins with fd 37 7a 58 5a 00");
    write_file("\xa1\xb2", 2);
    assert_refused(path, "not a capture file");
    write_file("\x1f\x8b", 2);
    assert_refused(path, "cut short");
    static struct packed p;
    p.len = 0;
    gzip_add(&p, (const uint8_t *)"some text", 9);
    write_file(p.bytes, p.len);
    assert_refused(path, "begins with \"some tex\"");
    assert_refused("/nonexistent/file.pcap", strerror(ENOENT));
    assert_refused(directory, strerror(EISDIR));
    source_close(NULL);
}

static void directories_expand_in_name_order(void **state) {
    (void)state;
    static const char *const names[] = {"b.pcap", "a10.pcap", "B.pcap", "a9.pcap", ".hidden.pcap"};
    char error[512] = "", name[128];
    char other[] = "/tmp/test_source.XXXXXX";
    assert_non_null(mkdtemp(other));
    for (size_t i = 0; i < 5; i++) {
        (void)snprintf(name, sizeof name, "%s/%s", other, names[i]);
        FILE *out = fopen(name, "wb");
        assert_non_null(out);
        (void)fclose(out);
    }
    (void)snprintf(name, sizeof name, "%s/directory", other);
    assert_int_equal(mkdir(name, 0700), 0);

    struct path_list list;
    (void)snprintf(name, sizeof name, "%s/", other);
    for (int slash = 0; slash < 2; slash++) {
        assert_int_equal(source_expand(slash ? name : other, &list, error, sizeof error), 0);
        assert_true(list.from_directory);
        assert_int_equal(list.num, 4);
        static const char *const sorted[] = {"B.pcap", "a10.pcap", "a9.pcap", "b.pcap"};
        for (size_t i = 0; i < 4; i++) {
            char expected[128];
            (void)snprintf(expected, sizeof expected, "%s/%s", other, sorted[i]);
            assert_string_equal(list.paths[i], expected);
            if (slash == 1)
                assert_int_equal(remove(expected), 0);
        }
        path_list_cleanup(&list);
    }
    assert_int_equal(source_expand("-", &list, error, sizeof error), 0);
    assert_int_equal(list.num, 1);
    assert_false(list.from_directory);
    assert_string_equal(list.paths[0], "-");
    path_list_cleanup(&list);
    assert_int_equal(source_expand("/nonexistent/file.pcap", &list, error, sizeof error), -1);
    assert_non_null(strstr(error, "/nonexistent/file.pcap"));

    (void)snprintf(name, sizeof name, "%s/.hidden.pcap", other);
    (void)remove(name);
    (void)snprintf(name, sizeof name, "%s/directory", other);
    (void)rmdir(name);
    (void)rmdir(other);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(compressed_captures),
        cmocka_unit_test(corrupt_compression_keeps_what_came_before),
        cmocka_unit_test(records_straddle_reads),
        cmocka_unit_test(standard_input_is_a_pipe),
        cmocka_unit_test(strangers_are_refused),
        cmocka_unit_test(directories_expand_in_name_order),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
