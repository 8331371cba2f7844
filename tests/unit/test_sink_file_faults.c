/* Files behind sinks: disks that are full or fail. */
#include "sink_files.h"

/* What the stand-in for write(2) does; tests set it. */
static struct {
    unsigned calls, fail_at, fail_for; /* these calls of write fail, from 1 */
    unsigned syncs, fail_sync_at, renames, fail_rename_at;
    int fail_errno;
    size_t most; /* bytes taken at once at most */
} fake;

static bool fake_fails(unsigned *calls, unsigned fail_at, unsigned fail_for) {
    ++*calls;
    errno = fake.fail_errno;
    return fail_at > 0 && *calls >= fail_at && *calls - fail_at < fail_for;
}

static ssize_t fake_write(int fd, const void *data, size_t len) {
    return fake_fails(&fake.calls, fake.fail_at, fake.fail_for)
               ? -1
               : write(fd, data, len > fake.most ? fake.most : len);
}

static int fake_fsync(int fd) {
    return fake_fails(&fake.syncs, fake.fail_sync_at, 1) ? -1 : fsync(fd);
}

static int fake_rename(const char *from, const char *to) {
    return fake_fails(&fake.renames, fake.fail_rename_at, 1) ? -1 : sink_path_system.rename(from, to);
}

static const struct sink_path_io fake_io = {fake_write, fake_fsync, fake_rename};

/* Five files by time, with pauses in which all is written. Returns whether a write failed. */
static bool write_while_failing(unsigned nth) {
    fake.calls = 0;
    fake.fail_at = nth;
    fake.fail_for = nth % 3 + 1;
    fake.fail_errno = nth % 2 == 0 ? ENOSPC : EIO;
    fake.most = 1000;
    num_messages = 0;
    struct sink *sink =
        open_sink(&json_encoder, (struct sink_file_settings){.io = &fake_io, .rotate_ns = HOUR});
    for (uint16_t i = 0; i < 20; i++) {
        write_session(sink, i, i / 4 * HOUR + SECOND);
        assert_int_equal(i % 3 == 0 ? sink->ops->flush(sink) : 0, 0);
    }
    for (unsigned i = 0; i < 10 && sink->ops->wait(sink, 0) > 0; i++) {
        assert_non_null(sink->ops->error(sink));
    }
    struct sink_stats stats;
    sink->ops->stats(sink, &stats);
    assert_int_equal(stats.num_written, 20);
    assert_int_equal(stats.num_delivered, 20);
    assert_int_equal(stats.num_waiting, 0);
    fake.fail_at = 0; /* what comes now is the end of the frame alone */
    close_sink(sink);
    assert_int_equal(num_messages, stats.errors[SINK_ERROR_DISK] > 0 ? 2 : 0); /* it fails; it is over */
    return stats.errors[SINK_ERROR_DISK] > 0;
}

/* All files, those put aside first, in the order of their names: which is that of time. */
static struct buffer read_all(void) {
    struct buffer all = {0};
    struct dirent **entries;
    bool packed = strstr(path, ".zst") != NULL;
    int num = scandir(directory, &entries, NULL, alphasort);
    for (int i = 0; i < num; i++) {
        if (entries[i]->d_name[0] != '.') {
            struct buffer content = read_file(entries[i]->d_name);
            content = packed ? unpack(content) : content;
            buffer_add(&all, content.data, content.len);
            buffer_cleanup(&content);
        }
        free(entries[i]);
    }
    free(entries);
    return all;
}

/* Whichever write fails, and for however long: said once, and in the end every event is there once, in order.
 */
static void test_nth_write_fails(void **state) {
    (void)state;
    static const char *const names[] = {"events.ndjson", "events.ndjson.zst"};
    for (size_t i = 0; i < 2; i++) {
        unsigned nth = 1;
        for (bool failed = true; failed; nth++) {
            empty_directory();
            name_file(names[i]);
            failed = write_while_failing(nth);
            check_sessions(read_all(), 0, 20);
        }
        assert_true(nth > 8);
    }
}

static int write_files(void) {
    num_messages = fake.syncs = fake.renames = 0;
    struct sink *sink =
        open_sink(&json_encoder, (struct sink_file_settings){.io = &fake_io, .rotate_ns = HOUR});
    for (uint16_t i = 0; i < 20; i++) {
        write_session(sink, i, i / 4 * HOUR + SECOND);
    }
    return sink->ops->close(sink);
}

/* Five files, each synced, four renamed. What cannot be synced fails the run at its end; what cannot be
 * renamed is written on. No event is missing, doubled or out of order. */
static void test_nth_sync_or_rename_fails(void **state) {
    (void)state;
    fake.fail_at = 0;
    fake.most = 1000;
    fake.fail_errno = EIO;
    for (unsigned nth = 0; nth <= 5; nth++) {
        fake.fail_sync_at = nth;
        empty_directory();
        assert_int_equal(write_files(), nth == 0 ? 0 : -1);
        assert_int_equal(fake.syncs, 5);
        assert_int_equal(num_messages, nth >= 1 && nth <= 4); /* of the last one the caller tells */
        check_sessions(read_all(), 0, 20);
    }
    fake.fail_sync_at = 0;
    for (unsigned nth = 1; nth <= 4; nth++) {
        fake.fail_rename_at = nth;
        empty_directory();
        assert_int_equal(write_files(), 0);
        assert_int_equal(fake.renames, 4);
        assert_int_equal(num_messages, 1);
        check_sessions(read_all(), 0, 20);
    }
    fake.fail_rename_at = 0;
}

/* A disk that stays full: events wait in memory, up to a limit, and are said not to be written. */
static void test_full_disk(void **state) {
    (void)state;
    struct event event = {0};
    fake.calls = 0;
    fake.fail_at = 2;
    fake.fail_for = UINT32_MAX;
    fake.fail_errno = ENOSPC;
    fake.most = 1 << 20;
    struct sink *sink = open_sink(&json_encoder, (struct sink_file_settings){.io = &fake_io});
    int result = 0;
    size_t taken = 0;
    sample_session(&event);
    while (result == 0) {
        event.session.source.port = (uint16_t)taken;
        result = sink->ops->write(sink, &event);
        taken += result == 0;
    }
    assert_int_equal(result, SINK_FULL);
    assert_true(fake.calls < 1000); /* not one for each event */
    assert_int_equal(num_messages, 1);
    assert_string_equal(last_message, "json:x: No space left on device; trying again");
    struct sink_stats stats;
    sink->ops->stats(sink, &stats);
    assert_true(stats.bytes_waiting >= SINK_FILE_PENDING_MAX &&
                stats.bytes_waiting < SINK_FILE_PENDING_MAX + 4096);
    assert_int_equal(stats.num_written, taken);
    assert_int_equal(sink->ops->wait(sink, 0), stats.num_waiting);
    fake.fail_at = 0;
    assert_int_equal(sink->ops->wait(sink, 0), 0);
    assert_string_equal(last_message, "json:x: written again");
    assert_int_equal(sink->ops->write(sink, &event), 0);
    sink->ops->stats(sink, &stats);
    close_sink(sink);
    struct stat status;
    assert_int_equal(stat(path, &status), 0);
    assert_int_equal((uint64_t)status.st_size, stats.bytes_written);
    event_cleanup(&event);
}

/* What is no matter of time has failed. */
static void test_other_errors_are_final(void **state) {
    (void)state;
    struct event event = {0};
    fake.calls = 0;
    fake.fail_at = 1;
    fake.fail_for = 1;
    fake.fail_errno = EFBIG;
    fake.most = 1 << 20;
    struct sink *sink = open_sink(&json_encoder, (struct sink_file_settings){.io = &fake_io});
    sample_session(&event);
    assert_int_equal(sink->ops->write(sink, &event), 0);
    assert_int_equal(sink->ops->flush(sink), -1);
    assert_string_equal(sink->ops->error(sink), "json:x: File too large");
    close_sink(sink);
    event_cleanup(&event);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_nth_write_fails, each_begins_empty),
        cmocka_unit_test_setup(test_nth_sync_or_rename_fails, each_begins_empty),
        cmocka_unit_test_setup(test_full_disk, each_begins_empty),
        cmocka_unit_test_setup(test_other_errors_are_final, each_begins_empty),
    };
    return cmocka_run_group_tests(tests, make_directory, remove_directory);
}
