/* test_config_reload.c: what changes while the program runs, what does not, and a file that is wrong. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../../sensor/config_reload.h"
#include "../../sensor/config_setting.h"

static char path[] = "/tmp/test_config_reload.XXXXXX";

static void write_file(const char *text) {
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fputs(text, file);
    assert_int_equal(fclose(file), 0);
}

struct run {
    struct config running, fresh;
    struct config_changes changes;
    char *argv[8];
    int argc;
};

static void start(struct run *run, const char *text, const char *option) {
    *run = (struct run){.argv = {"starttap", "--config", path, "-i", "lo", (char *)option}};
    run->argc = option ? 6 : 5;
    write_file(text);
    assert_int_equal(config_load(run->argc, run->argv, &run->running), CONFIG_RUN);
}

static bool reload(struct run *run, const char *text) {
    write_file(text);
    return config_reload(run->argc, run->argv, &run->running, &run->fresh, &run->changes);
}

static void take(struct run *run) {
    config_exchange(&run->running, &run->fresh);
    config_cleanup(&run->fresh);
}

static void test_nothing(void **state) {
    (void)state;
    struct run run;
    start(&run, "home: 10.0.0.0/8\n", NULL);
    assert_true(reload(&run, "# the same\nhome: [10.0.0.0/8]\n"));
    assert_string_equal(run.changes.changed, "");
    assert_string_equal(run.changes.restarting, "");
    assert_false(run.changes.filters);
    take(&run);
    config_cleanup(&run.running);
}

static void test_what_can(void **state) {
    (void)state;
    struct run run;
    start(&run, "mail-ports: 25\nfilter: host 192.0.2.1\n", NULL);
    assert_true(reload(&run,
                       "mail-ports: [25, 26]\ntls-ports: 466\nhome: 10.0.0.0/8\nca: /tmp\nno-verify: true\n"
                       "verbose: 2\ndrain-timeout: 3\nquiet: true\n"));
    assert_string_equal(run.changes.changed,
                        "filter, mail-ports, tls-ports, home, ca, no-verify, drain-timeout, quiet, verbose");
    assert_string_equal(run.changes.restarting, "");
    assert_true(run.changes.filters);
    take(&run);
    assert_true(port_set_has(&run.running.mail_ports, 26) && port_set_has(&run.running.tls_ports, 466));
    assert_false(port_set_has(&run.running.tls_ports, 465));
    assert_int_equal(run.running.num_home, 1);
    assert_string_equal(run.running.ca_path, "/tmp");
    assert_null(run.running.filter);
    assert_int_equal(run.running.drain_timeout_s, 3);
    assert_true(run.running.no_verify && run.running.quiet && run.running.verbose == 2);
    config_cleanup(&run.running);
}

/* Every other setting is named, and stays. */
static void test_what_cannot(void **state) {
    (void)state;
    struct run run;
    start(&run, "", NULL);
    assert_true(reload(&run, "max-flows: 5\nring-mb: 3\nhome: 10.0.0.0/8\nspool: /tmp/x\noutput: json:-\n"));
    assert_string_equal(run.changes.changed, "home");
    assert_non_null(strstr(run.changes.restarting, "max-flows"));
    assert_non_null(strstr(run.changes.restarting, "ring-mb"));
    assert_non_null(strstr(run.changes.restarting, "spool"));
    assert_non_null(strstr(run.changes.restarting, "output"));
    assert_false(run.changes.filters);
    uint32_t max_flows = run.running.max_flows;
    take(&run);
    assert_int_equal(run.running.max_flows, max_flows);
    assert_int_equal(run.running.num_sinks, 0);
    config_cleanup(&run.running);
}

static void test_command_line_stays_above(void **state) {
    (void)state;
    struct run run;
    start(&run, "", "--home=192.0.2.0/24");
    assert_true(reload(&run, "home: 10.0.0.0/8\n"));
    assert_string_equal(run.changes.changed, "");
    take(&run);
    config_cleanup(&run.running);
}

static void test_wrong_file(void **state) {
    (void)state;
    struct run run;
    start(&run, "home: 10.0.0.0/8\n", NULL);
    static const char *const wrong[] = {
        "home: 10.0.0.1/8\n",  "homes: 1\n",           "{",
        "mail-ports: 70000\n", "filter: nonsense (\n", "mail-ports: none\ntls-ports: none\n",
        "output: json:\n"};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++)
        assert_false(reload(&run, wrong[i]));
    unlink(path);
    assert_false(config_reload(run.argc, run.argv, &run.running, &run.fresh, &run.changes));
    assert_int_equal(run.running.num_home, 1);
    config_cleanup(&run.running);
}

static int setup(void **state) {
    (void)state;
    int fd = mkstemp(path);
    return fd >= 0 ? close(fd) : -1;
}

static int teardown(void **state) {
    (void)state;
    unlink(path);
    return 0;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_nothing),     cmocka_unit_test(test_what_can),
        cmocka_unit_test(test_what_cannot), cmocka_unit_test(test_command_line_stays_above),
        cmocka_unit_test(test_wrong_file),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
