/* test_spool.c: nothing that was appended is lost, whatever fails and wherever the process dies. */
#include "../../outputs/spool.h"

#include "spool_dir.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>

#include <cmocka.h>

#define BIG_LEN (1u << 20)

static char dir[SPOOL_DIR_LEN];

/* Each fallible call once: the fail_at-th fails, from 1. */
static struct {
    unsigned calls, fail_at;
    int fail_errno;
    size_t torn; /* a failing pwrite puts that many bytes before it fails */
    bool stays;  /* and all that follow fail as well */
} fake;

static bool fake_fails(void) {
    ++fake.calls;
    if (fake.calls == fake.fail_at || (fake.stays && fake.fail_at != 0 && fake.calls > fake.fail_at)) {
        errno = fake.fail_errno;
        return true;
    }
    return false;
}

static int fake_openat(int at, const char *name, int flags, ...) {
    return fake_fails() ? -1 : openat(at, name, flags, 0600);
}

static ssize_t fake_pwrite(int fd, const void *data, size_t len, off_t offset) {
    if (!fake_fails()) {
        return pwrite(fd, data, len, offset);
    }
    if (fake.torn > 0) {
        size_t torn = fake.torn < len ? fake.torn : len;
        assert_int_equal(pwrite(fd, data, torn, offset), torn);
        errno = fake.fail_errno;
    }
    return -1;
}

static int fake_sync(int fd) {
    return fake_fails() ? -1 : fsync(fd);
}

static const struct spool_io fake_io = {fake_openat, fake_pwrite, fake_sync, fake_sync};

static struct spool *open_spool(const struct spool_options *options) {
    static const struct spool_options defaults = {.size_max = UINT64_C(1) << 30};
    char error[512] = "";
    struct spool *spool = spool_open(dir, options != NULL ? options : &defaults, error, sizeof error);
    if (spool == NULL) {
        fail_msg("%s", error);
    }
    return spool;
}

static void append_text(struct spool *spool, const char *text) {
    assert_int_equal(spool_append(spool, text, strlen(text)), SPOOL_OK);
}

static void append_number(struct spool *spool, unsigned number) {
    char text[32];
    (void)snprintf(text, sizeof text, "event %u", number);
    append_text(spool, text);
}

static enum spool_result append_big(struct spool *spool, size_t len) {
    static char big[BIG_LEN];
    memset(big, 'x', sizeof big);
    return spool_append(spool, big, len);
}

static uint64_t expect_text(struct spool *spool, const char *text) {
    struct spool_record record;
    assert_int_equal(spool_next(spool, &record), SPOOL_OK);
    assert_int_equal(record.len, strlen(text));
    assert_memory_equal(record.data, text, record.len);
    return record.number;
}

static uint64_t expect_number(struct spool *spool, unsigned number) {
    char text[32];
    (void)snprintf(text, sizeof text, "event %u", number);
    return expect_text(spool, text);
}

static void expect_empty(struct spool *spool) {
    struct spool_record record;
    assert_int_equal(spool_next(spool, &record), SPOOL_EMPTY);
}

static int setup(void **state) {
    (void)state;
    memset(&fake, 0, sizeof fake);
    spool_dir_make(dir);
    return 0;
}

static int teardown(void **state) {
    (void)state;
    spool_dir_remove(dir);
    return 0;
}

static void test_first_in_first_out(void **state) {
    (void)state;
    struct spool *spool = open_spool(NULL);
    expect_empty(spool);
    append_text(spool, "a");
    append_text(spool, "bc");
    assert_int_equal(expect_text(spool, "a"), 1);
    assert_int_equal(expect_text(spool, "bc"), 2);
    expect_empty(spool);
    append_text(spool, "d");
    assert_int_equal(expect_text(spool, "d"), 3);
    assert_int_equal(spool_stats(spool).num_waiting, 3);
    spool_ack(spool, 3);
    assert_int_equal(spool_stats(spool).num_waiting, 1);
    spool_rewind(spool);
    expect_text(spool, "d");
    expect_empty(spool);
    spool_ack(spool, 4);
    assert_int_equal(spool_close(spool), 0);
    assert_int_equal(spool_dir_segments(dir), 0);
}

static void test_replay_in_order(void **state) {
    (void)state;
    struct spool *spool = open_spool(NULL);
    for (unsigned i = 1; i <= 10; i++) {
        append_number(spool, i);
    }
    spool_ack(spool, 4);
    assert_int_equal(spool_close(spool), 0);
    spool = open_spool(NULL);
    assert_int_equal(spool_stats(spool).num_waiting, 7);
    append_number(spool, 11);
    for (unsigned i = 4; i <= 11; i++) {
        assert_int_equal(expect_number(spool, i), i);
    }
    expect_empty(spool);
    spool_ack(spool, 12);
    assert_int_equal(spool_close(spool), 0);
    spool = open_spool(NULL);
    expect_empty(spool);
    append_text(spool, "numbers go on");
    assert_int_equal(expect_text(spool, "numbers go on"), 12);
    assert_int_equal(spool_close(spool), 0);
}

static void test_segments_go_when_done(void **state) {
    (void)state;
    struct spool *spool = open_spool(&(struct spool_options){.size_max = SPOOL_SIZE_MIN});
    for (unsigned i = 0; i < 20; i++) {
        assert_int_equal(append_big(spool, BIG_LEN), SPOOL_OK);
    }
    assert_true(spool_dir_segments(dir) >= 5);
    uint64_t all = spool_stats(spool).bytes;
    assert_true(all > 20 * BIG_LEN);
    spool_ack(spool, 11);
    assert_int_equal(spool_sync(spool), 0);
    assert_true(spool_stats(spool).bytes < all * 2 / 3);
    spool_ack(spool, 21);
    assert_int_equal(spool_sync(spool), 0);
    assert_int_equal(spool_stats(spool).bytes, 0);
    assert_int_equal(spool_dir_segments(dir), 0);
    append_text(spool, "again");
    spool_rewind(spool);
    assert_int_equal(expect_text(spool, "again"), 21);
    assert_int_equal(spool_close(spool), 0);
}

static void test_full_waits(void **state) {
    (void)state;
    struct spool *spool = open_spool(&(struct spool_options){.size_max = SPOOL_SIZE_MIN});
    unsigned taken = 0;
    while (append_big(spool, BIG_LEN) == SPOOL_OK) {
        taken++;
    }
    assert_int_equal(taken, SPOOL_SIZE_MIN / (BIG_LEN + SPOOL_HEAD_LEN));
    assert_int_equal(append_big(spool, BIG_LEN), SPOOL_FULL);
    assert_int_equal(errno, 0);
    assert_int_equal(append_big(spool, 1), SPOOL_OK);
    spool_ack(spool, 10);
    assert_int_equal(spool_sync(spool), 0);
    assert_int_equal(append_big(spool, BIG_LEN), SPOOL_OK);
    assert_int_equal(spool_stats(spool).num_dropped, 0);
    assert_int_equal(spool_close(spool), 0);
}

static void test_full_drops_oldest(void **state) {
    (void)state;
    struct spool *spool =
        open_spool(&(struct spool_options){.size_max = SPOOL_SIZE_MIN, .drop_oldest = true});
    struct spool_record record;
    for (unsigned i = 0; i < 100; i++) {
        assert_int_equal(append_big(spool, BIG_LEN), SPOOL_OK);
        if (i == 0) { /* the reader is in what will be dropped */
            assert_int_equal(spool_next(spool, &record), SPOOL_OK);
        }
    }
    struct spool_stats stats = spool_stats(spool);
    assert_true(stats.bytes <= SPOOL_SIZE_MIN);
    assert_int_equal(stats.num_dropped + stats.num_waiting, 100);
    uint64_t expected = stats.num_dropped + 1;
    assert_true(expected > 60);
    while (spool_next(spool, &record) == SPOOL_OK) {
        assert_int_equal(record.number, expected++);
    }
    assert_int_equal(expected, 101);
    assert_int_equal(spool_stats(spool).damaged_bytes, 0);
    assert_int_equal(spool_close(spool), 0);
}

static void test_record_too_long(void **state) {
    (void)state;
    struct spool *spool = open_spool(NULL);
    assert_int_equal(spool_append(spool, "", SPOOL_RECORD_MAX + 1), SPOOL_FAILED);
    assert_int_equal(errno, EMSGSIZE);
    assert_int_equal(spool_append(spool, "", 0), SPOOL_FAILED);
    expect_empty(spool);
    assert_int_equal(spool_close(spool), 0);
}

/* --- what a crash leaves --- */

static void segment_path(uint64_t first, char path[SPOOL_DIR_LEN + 40]) {
    (void)snprintf(path, SPOOL_DIR_LEN + 40, "%s/%020llu.seg", dir, (unsigned long long)first);
}

/* The last record is cut at every length. Those before are replayed, what comes then is read as well. */
static void test_torn_last_record(void **state) {
    (void)state;
    for (size_t kept = 0; kept < SPOOL_HEAD_LEN + 7; kept++) {
        char path[SPOOL_DIR_LEN + 40];
        struct spool *spool = open_spool(NULL);
        append_number(spool, 1);
        append_number(spool, 2);
        append_number(spool, 3);
        assert_int_equal(spool_close(spool), 0);
        segment_path(1, path);
        assert_int_equal(truncate(path, (off_t)(2 * (SPOOL_HEAD_LEN + 7) + kept)), 0);
        spool = open_spool(NULL);
        append_number(spool, 4);
        expect_number(spool, 1);
        expect_number(spool, 2);
        assert_int_equal(expect_number(spool, 4), 3);
        expect_empty(spool);
        assert_int_equal(spool_stats(spool).damaged_bytes, kept);
        spool_ack(spool, 4);
        assert_int_equal(spool_close(spool), 0);
        spool_dir_remove(dir);
    }
}

/* A segment without any good record leaves its name to the next one. */
static void test_torn_first_record(void **state) {
    (void)state;
    char path[SPOOL_DIR_LEN + 40];
    struct spool *spool = open_spool(NULL);
    append_number(spool, 1);
    assert_int_equal(spool_close(spool), 0);
    segment_path(1, path);
    assert_int_equal(truncate(path, 5), 0);
    spool = open_spool(NULL);
    append_number(spool, 2);
    assert_int_equal(expect_number(spool, 2), 1);
    expect_empty(spool);
    assert_int_equal(spool_stats(spool).damaged_bytes, 5);
    assert_int_equal(spool_close(spool), 0);
}

static void flip_byte(const char *path, off_t offset) {
    int fd = open(path, O_RDWR);
    char byte = 0;
    assert_true(fd >= 0);
    assert_int_equal(pread(fd, &byte, 1, offset), 1);
    byte = (char)(byte ^ 0x10);
    assert_int_equal(pwrite(fd, &byte, 1, offset), 1);
    (void)close(fd);
}

/* Any damaged byte costs its record and no other. */
static void test_damaged_record(void **state) {
    (void)state;
    for (off_t offset = 0; offset < SPOOL_HEAD_LEN + 7; offset++) {
        char path[SPOOL_DIR_LEN + 40];
        struct spool *spool = open_spool(NULL);
        for (unsigned i = 1; i <= 3; i++) {
            append_number(spool, i);
        }
        assert_int_equal(spool_close(spool), 0);
        segment_path(1, path);
        flip_byte(path, SPOOL_HEAD_LEN + 7 + offset);
        spool = open_spool(NULL);
        expect_number(spool, 1);
        assert_int_equal(expect_number(spool, 3), 3);
        expect_empty(spool);
        assert_int_equal(spool_stats(spool).damaged_bytes, SPOOL_HEAD_LEN + 7);
        spool_ack(spool, 4);
        assert_int_equal(spool_close(spool), 0);
        spool_dir_remove(dir);
    }
}

/* Zeroes at the end, as some file systems leave them. */
static void test_zeroes_behind(void **state) {
    (void)state;
    char path[SPOOL_DIR_LEN + 40];
    struct spool *spool = open_spool(NULL);
    append_number(spool, 1);
    assert_int_equal(spool_close(spool), 0);
    segment_path(1, path);
    assert_int_equal(truncate(path, 1 << 20), 0);
    spool = open_spool(NULL);
    append_number(spool, 2);
    expect_number(spool, 1);
    assert_int_equal(expect_number(spool, 2), 2);
    expect_empty(spool);
    assert_int_equal(spool_close(spool), 0);
}

/* Without the number of what was delivered all is delivered again. */
static void test_damaged_acked(void **state) {
    (void)state;
    char path[SPOOL_DIR_LEN + 8];
    (void)snprintf(path, sizeof path, "%s/acked", dir);
    for (unsigned i = 0; i < 16; i++) {
        struct spool *spool = open_spool(NULL);
        append_number(spool, 1);
        append_number(spool, 2);
        spool_ack(spool, 2);
        assert_int_equal(spool_close(spool), 0);
        flip_byte(path, (off_t)i);
        spool = open_spool(NULL);
        expect_number(spool, 1);
        expect_number(spool, 2);
        spool_ack(spool, 3);
        assert_int_equal(spool_close(spool), 0);
        spool_dir_remove(dir);
    }
}

/* Acknowledged, and then the machine lost what was never synced: new records must not count as delivered. */
static void test_acked_beyond_the_end(void **state) {
    (void)state;
    char path[SPOOL_DIR_LEN + 40];
    struct spool *spool = open_spool(NULL);
    for (unsigned i = 1; i <= 9; i++) {
        append_number(spool, i);
    }
    spool_ack(spool, 9);
    assert_int_equal(spool_close(spool), 0);
    segment_path(1, path);
    assert_int_equal(truncate(path, SPOOL_HEAD_LEN + 7), 0);
    spool = open_spool(NULL);
    assert_int_equal(spool_stats(spool).num_waiting, 0);
    append_number(spool, 10);
    assert_int_equal(expect_number(spool, 10), 9);
    assert_int_equal(spool_close(spool), 0);
}

/* --- failing calls --- */

static const int no_room_errors[] = {ENOSPC, EIO};

/* The n-th call fails, once. What was taken is read back after a restart, in order, exactly once; what was
 * not taken can be appended anew. */
static void check_nth_fails(unsigned nth, int fail_errno, size_t torn) {
    struct spool_options options = {.size_max = SPOOL_SIZE_MIN, .io = &fake_io};
    memset(&fake, 0, sizeof fake);
    struct spool *spool = open_spool(&options);
    fake.fail_at = nth;
    fake.fail_errno = fail_errno;
    fake.torn = torn;
    unsigned failures = 0;
    for (unsigned i = 1; i <= 12; i++) {
        char text[32];
        int len = snprintf(text, sizeof text, "event %u", i);
        while (true) {
            enum spool_result result = spool_append(spool, text, (size_t)len);
            if (result == SPOOL_OK) {
                break;
            }
            assert_int_equal(errno, fail_errno);
            assert_int_equal(result, fail_errno == ENOSPC ? SPOOL_FULL : SPOOL_FAILED);
            assert_true(++failures <= 1);
        }
        if (i % 3 == 0) {
            spool_ack(spool, i == 12 ? 1 : i / 2);
            (void)spool_sync(spool);
        }
    }
    (void)spool_close(spool);
    spool = open_spool(NULL);
    struct spool_record record;
    assert_int_equal(spool_next(spool, &record), SPOOL_OK);
    assert_true(record.number <= 4); /* acknowledged below 4, or less when that could not be saved */
    for (unsigned i = (unsigned)record.number + 1; i <= 12; i++) {
        assert_int_equal(expect_number(spool, i), i);
    }
    expect_empty(spool);
    spool_ack(spool, 13);
    assert_int_equal(spool_close(spool), 0);
}

static void test_nth_call_fails(void **state) {
    (void)state;
    unsigned most = 0;
    for (size_t e = 0; e < sizeof no_room_errors / sizeof no_room_errors[0]; e++) {
        for (size_t torn = 0; torn < 40; torn += 13) {
            for (unsigned nth = 1; nth <= 24; nth++) {
                check_nth_fails(nth, no_room_errors[e], torn);
                most = fake.calls > most ? fake.calls : most;
                spool_dir_remove(dir);
                spool_dir_make(dir);
            }
        }
    }
    assert_in_range(most, 18, 24); /* every call was made to fail */
}

/* The disk fills up for good: what was there stays. */
static void test_disk_full(void **state) {
    (void)state;
    struct spool *spool = open_spool(&(struct spool_options){.size_max = SPOOL_SIZE_MIN, .io = &fake_io});
    append_number(spool, 1);
    fake.fail_at = fake.calls + 1;
    fake.fail_errno = ENOSPC;
    fake.torn = 10;
    fake.stays = true;
    assert_int_equal(spool_append(spool, "not taken, and longer", 21), SPOOL_FULL);
    assert_int_equal(errno, ENOSPC);
    expect_number(spool, 1);
    expect_empty(spool);
    fake.fail_at = 0;
    append_number(spool, 2);
    expect_number(spool, 2);
    assert_int_equal(spool_close(spool), 0);
    spool = open_spool(NULL);
    expect_number(spool, 1);
    expect_number(spool, 2);
    expect_empty(spool);
    assert_int_equal(spool_close(spool), 0);
}

static void test_sync_reports_failure(void **state) {
    (void)state;
    struct spool *spool = open_spool(&(struct spool_options){.size_max = SPOOL_SIZE_MIN, .io = &fake_io});
    append_number(spool, 1);
    fake.fail_at = fake.calls + 1;
    fake.fail_errno = EIO;
    assert_int_equal(spool_sync(spool), -1);
    assert_int_equal(errno, EIO);
    assert_int_equal(spool_sync(spool), 0);
    assert_int_equal(spool_close(spool), 0);
}

/* --- processes --- */

static void check_open_fails(const char *path, const char *says) {
    char error[512] = "";
    static const struct spool_options options;
    assert_null(spool_open(path, &options, error, sizeof error));
    if (strstr(error, says) == NULL || strstr(error, path) == NULL) {
        fail_msg("%s", error);
    }
}

static void test_one_process_at_a_time(void **state) {
    (void)state;
    struct spool *spool = open_spool(NULL);
    char says[64];
    (void)snprintf(says, sizeof says, "in use by another process (%ld)", (long)getpid());
    check_open_fails(dir, says);
    assert_int_equal(spool_close(spool), 0);
    spool = open_spool(NULL);
    assert_int_equal(spool_close(spool), 0);
}

static void test_directory_that_cannot_be(void **state) {
    (void)state;
    check_open_fails("/dev/null/spool", "Not a directory");
    check_open_fails("/proc/spool", "No such file or directory");
    char deep[SPOOL_DIR_LEN + 16], error[256];
    static const struct spool_options options;
    (void)snprintf(deep, sizeof deep, "%s/a/b/", dir);
    struct spool *spool = spool_open(deep, &options, error, sizeof error);
    assert_non_null(spool);
    assert_int_equal(spool_close(spool), 0);
    spool_dir_remove(deep);
    deep[strlen(deep) - 2] = '\0';
    spool_dir_remove(deep);
}

/* What the killed process has been told to be taken, in memory that outlives it. */
struct told {
    _Atomic uint64_t appended;
};

static void append_until_killed(struct told *told) {
    struct spool *spool = open_spool(&(struct spool_options){.size_max = UINT64_C(1) << 28});
    for (unsigned i = 0;; i++) {
        char text[400];
        memset(text, 'a' + (int)(i % 26), sizeof text);
        if (spool_append(spool, text, 20 + i % 380) != SPOOL_OK) {
            _exit(1);
        }
        told->appended = told->appended + 1;
        if (i % 50 == 0) {
            (void)spool_sync(spool);
        }
    }
}

static void test_kill_at_any_instant(void **state) {
    (void)state;
    struct told *told = mmap(NULL, sizeof *told, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    assert_true(told != MAP_FAILED);
    uint64_t next = 1;
    for (unsigned round = 0; round < 30; round++) {
        told->appended = 0;
        pid_t child = fork();
        assert_true(child >= 0);
        if (child == 0) {
            append_until_killed(told);
        }
        (void)usleep(2000 + round * 700);
        assert_int_equal(kill(child, SIGKILL), 0);
        int status = 0;
        assert_int_equal(waitpid(child, &status, 0), child);
        assert_true(WIFSIGNALED(status));
        struct spool *spool = open_spool(NULL);
        struct spool_record record;
        uint64_t found = 0;
        while (spool_next(spool, &record) == SPOOL_OK) {
            assert_int_equal(record.number, next + found);
            found++;
        }
        assert_in_range(found, told->appended, told->appended + 1);
        next += found;
        spool_ack(spool, next);
        assert_int_equal(spool_close(spool), 0);
    }
    assert_true(next > 100);
    (void)munmap(told, sizeof *told);
}

/* --- two threads --- */

#define NUM_THREADED 20000u

static void *append_many(void *argument) {
    for (unsigned i = 1; i <= NUM_THREADED; i++) {
        char text[32];
        int len = snprintf(text, sizeof text, "event %u", i);
        if (spool_append(argument, text, (size_t)len) != SPOOL_OK) {
            return argument;
        }
    }
    return NULL;
}

static void test_two_threads(void **state) {
    (void)state;
    struct spool *spool = open_spool(NULL);
    pthread_t thread;
    void *failed = NULL;
    struct spool_record record;
    unsigned expected = 1;
    assert_int_equal(pthread_create(&thread, NULL, append_many, spool), 0);
    while (expected <= NUM_THREADED) {
        char text[32];
        if (spool_next(spool, &record) != SPOOL_OK) {
            continue;
        }
        int len = snprintf(text, sizeof text, "event %u", expected);
        assert_int_equal(record.number, expected++);
        assert_int_equal(record.len, len);
        assert_memory_equal(record.data, text, record.len);
        if (expected % 1000 == 0) {
            spool_ack(spool, expected - 100);
            assert_int_equal(spool_sync(spool), 0);
        }
    }
    assert_int_equal(pthread_join(thread, &failed), 0);
    assert_null(failed);
    expect_empty(spool);
    spool_ack(spool, expected);
    assert_int_equal(spool_close(spool), 0);
}

static void test_close_takes_null(void **state) {
    (void)state;
    assert_int_equal(spool_close(NULL), 0);
}

int main(void) {
#define SPOOL_TEST(test) cmocka_unit_test_setup_teardown(test, setup, teardown)
    const struct CMUnitTest tests[] = {
        SPOOL_TEST(test_first_in_first_out),
        SPOOL_TEST(test_replay_in_order),
        SPOOL_TEST(test_segments_go_when_done),
        SPOOL_TEST(test_full_waits),
        SPOOL_TEST(test_full_drops_oldest),
        SPOOL_TEST(test_record_too_long),
        SPOOL_TEST(test_torn_last_record),
        SPOOL_TEST(test_torn_first_record),
        SPOOL_TEST(test_damaged_record),
        SPOOL_TEST(test_zeroes_behind),
        SPOOL_TEST(test_damaged_acked),
        SPOOL_TEST(test_acked_beyond_the_end),
        SPOOL_TEST(test_nth_call_fails),
        SPOOL_TEST(test_disk_full),
        SPOOL_TEST(test_sync_reports_failure),
        SPOOL_TEST(test_one_process_at_a_time),
        SPOOL_TEST(test_directory_that_cannot_be),
        SPOOL_TEST(test_kill_at_any_instant),
        SPOOL_TEST(test_two_threads),
        cmocka_unit_test(test_close_takes_null),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
