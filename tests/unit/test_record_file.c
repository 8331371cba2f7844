/* Recordings: rotation, cap, full disk, what a crash left behind. */
#include "../../sensor/record/record_file.h"

#include "sink_files.h"

static struct {
    bool full;       /* the disk */
    size_t left;     /* bytes that fit before it is */
    unsigned errors; /* writes that failed */
} disk;

static ssize_t disk_write(int fd, const void *data, size_t len) {
    if (disk.full && disk.left == 0) {
        disk.errors++;
        errno = ENOSPC;
        return -1;
    }
    size_t fits = disk.full && len > disk.left ? disk.left : len;
    disk.left -= disk.full ? fits : 0;
    return write(fd, data, fits);
}

static struct sink_path_io io;

static struct record_file *open_file(const char *options, bool force) {
    char text[PATH_LEN + 64], error[512] = "";
    const struct record_file_settings settings = {.io = &io, .force = force, .log = on_message};
    snprintf(text, sizeof text, "%s%s", path, options);
    io = sink_path_system;
    io.write = disk_write;
    struct record_file *file = record_file_open(text, &settings, error, sizeof error);
    if (!file)
        snprintf(last_message, sizeof last_message, "%s", error);
    return file;
}

static void add(struct record_file *file, uint64_t ts_ns, uint32_t len) {
    static uint8_t bytes[2048];
    const struct packet packet = {bytes, len, len, 1, ts_ns};
    record_file_add(file, &packet);
}

static void begin(void) {
    empty_directory();
    memset(&disk, 0, sizeof disk);
    num_messages = 0;
    snprintf(path, sizeof path, "%s/mail.pcapng", directory);
}

static uint64_t file_len(const char *name) {
    struct stat status;
    assert_int_equal(stat(name, &status), 0);
    return (uint64_t)status.st_size;
}

/* Packets in all files of the directory, walked block by block (pcapng: type, length, ..., length). */
static unsigned count_packets(unsigned *num_files) {
    unsigned num = 0;
    DIR *dir = opendir(directory);
    *num_files = 0;
    assert_non_null(dir);
    for (struct dirent *entry = readdir(dir); entry; entry = readdir(dir)) {
        char name[PATH_LEN * 4];
        uint32_t head[2];
        if (entry->d_name[0] == '.')
            continue;
        snprintf(name, sizeof name, "%s/%s", directory, entry->d_name);
        FILE *in = fopen(name, "rb");
        assert_non_null(in);
        ++*num_files;
        while (fread(head, sizeof head, 1, in) == 1) {
            assert_true(head[1] >= 12 && head[1] % 4 == 0);
            num += head[0] == 6; /* Enhanced Packet Block */
            assert_int_equal(fseek(in, (long)head[1] - 12, SEEK_CUR), 0);
            uint32_t again;
            assert_int_equal(fread(&again, sizeof again, 1, in), 1);
            assert_int_equal(again, head[1]);
        }
        fclose(in);
    }
    closedir(dir);
    return num;
}

static void test_mode_and_refusal(void **state) {
    (void)state;
    struct stat status;
    unsigned num_files;
    begin();
    umask(0);
    struct record_file *file = open_file("", false);
    add(file, SECOND, 100);
    assert_true(record_file_close(file));
    assert_int_equal(stat(path, &status), 0);
    assert_int_equal(status.st_mode & 0777, 0600);
    assert_null(open_file("", false)); /* it holds something */
    assert_non_null(strstr(last_message, path));
    file = open_file("", true);
    add(file, SECOND, 100);
    add(file, SECOND, 100);
    assert_true(record_file_close(file));
    assert_int_equal(count_packets(&num_files), 2);
    assert_true(record_file_close(NULL));
}

static void test_no_packets(void **state) {
    (void)state;
    struct stat status;
    unsigned num_files;
    begin();
    assert_true(record_file_close(open_file("", false)));
    assert_int_equal(stat(path, &status), 0);
    assert_true(status.st_size >= 28); /* a Section Header Block */
    assert_int_equal(count_packets(&num_files), 0);
    struct record_file *file = open_file("?append", false);
    add(file, SECOND, 100);
    assert_true(record_file_close(file));
    assert_int_equal(count_packets(&num_files), 1);
}

static void test_specs(void **state) {
    (void)state;
    static const char *const bad[] = {"a?x",    "a?append=1", "a?rotate=never",      "a?every=2y",
                                      "a?max=", "-?append",   "a?rotate=1GB&max=1GB"};
    static const char *const good[] = {"-", "a", "a?append&rotate=1GB&every=1d&max=50GB", "a.zst?every=1h"};
    char error[512];
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_false(record_file_check(bad[i], error, sizeof error));
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++)
        assert_true(record_file_check(good[i], error, sizeof error));
}

static void test_rotation(void **state) {
    (void)state;
    unsigned num_files;
    begin();
    struct record_file *file = open_file("?every=1h", false);
    for (unsigned i = 0; i < 12; i++)
        add(file, HOUR / 4 * i, 100);
    assert_true(record_file_close(file));
    assert_int_equal(count_packets(&num_files), 12);
    assert_int_equal(num_files, 3);
    begin();
    file = open_file("?rotate=100kB", false);
    for (unsigned i = 0; i < 1000; i++)
        add(file, SECOND * i, 1000);
    assert_true(record_file_close(file));
    assert_int_equal(count_packets(&num_files), 1000);
    assert_true(num_files >= 10 && num_files <= 12);
}

static void test_cap(void **state) {
    (void)state;
    unsigned num_files;
    struct record_file_stats stats;
    begin();
    struct record_file *file = open_file("?max=100kB", false); /* it ends there */
    for (unsigned i = 0; i < 1000; i++)
        add(file, SECOND * i, 1000);
    record_file_flush(file);
    record_file_stats(file, &stats);
    assert_true(record_file_close(file));
    assert_int_equal(count_packets(&num_files), stats.packets);
    assert_int_equal(stats.packets + stats.packets_lost, 1000);
    assert_true(stats.packets > 80 && file_len(path) <= 100000);
    assert_int_equal(num_messages, 1);
    begin();
    file = open_file("?rotate=100kB&max=400kB", false); /* the oldest go */
    for (unsigned i = 0; i < 2000; i++)
        add(file, SECOND * i, 1000);
    assert_true(record_file_close(file));
    unsigned left = count_packets(&num_files);
    assert_true(left > 200 && left < 400);
    assert_int_equal(num_messages, 0);
}

/* What cannot be written is lost and counted, said once, and once more when it is over; never is a block
 * torn. */
static void test_full_disk(void **state) {
    (void)state;
    unsigned num_files;
    struct record_file_stats stats;
    begin();
    struct record_file *file = open_file("", false);
    for (unsigned i = 0; i < 30; i++) {
        disk.full = i >= 10 && i < 20;
        disk.left = disk.full ? 777 : 0;
        add(file, SECOND * i, 1000);
        record_file_flush(file);
    }
    record_file_stats(file, &stats);
    assert_int_equal(stats.packets, 20);
    assert_int_equal(stats.packets_lost, 10);
    assert_int_equal(stats.errors, 10);
    assert_int_equal(disk.errors, 10);
    assert_int_equal(num_messages, 2);
    assert_non_null(strstr(last_message, "10 packets were not recorded"));
    assert_true(record_file_close(file));
    assert_int_equal(count_packets(&num_files), 20);
    begin();
    file = open_file("", false);
    disk.full = true;
    add(file, SECOND, 1000);
    assert_false(record_file_close(file));
}

/* A crash in the middle of a block: what is whole stays, the rest is cut off, and it goes on behind it. */
static void test_torn(void **state) {
    (void)state;
    unsigned num_files;
    for (uint64_t cut = 1; cut < 140; cut += 7) {
        begin();
        struct record_file *file = open_file("", false);
        for (unsigned i = 0; i < 3; i++)
            add(file, SECOND * i, 100);
        assert_true(record_file_close(file));
        assert_int_equal(truncate(path, (off_t)(file_len(path) - cut)), 0);
        file = open_file("?append", false);
        assert_non_null(file);
        add(file, SECOND * 9, 100);
        assert_true(record_file_close(file));
        assert_int_equal(count_packets(&num_files), cut <= 132 ? 3 : 2);
    }
    begin();
    FILE *out = fopen(path, "wb"); /* no recording at all */
    assert_non_null(out);
    fputs("{\"some\": \"thing else\"}\n", out);
    fclose(out);
    assert_null(open_file("?append", false));
    assert_int_equal(file_len(path), 23);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_mode_and_refusal),
        cmocka_unit_test(test_no_packets),
        cmocka_unit_test(test_specs),
        cmocka_unit_test(test_rotation),
        cmocka_unit_test(test_cap),
        cmocka_unit_test(test_full_disk),
        cmocka_unit_test(test_torn),
    };
    return cmocka_run_group_tests(tests, make_directory, remove_directory);
}
