/* test_config.c: command line and configuration file. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../../sensor/config.h"
#include "../../sensor/config_file.h"
#include "../../sensor/config_setting.h"
#include "../../sensor/config_values.h"

#define MAX_ARGS 24

/* What one run of config_load() did and said. */
struct run {
    struct config config;
    enum config_result result;
    char out[65536], err[8192];
};

static void read_back(FILE *file, char *text, size_t text_len) {
    rewind(file);
    size_t len = fread(text, 1, text_len - 1, file);
    text[len] = '\0';
    fclose(file);
}

/* Calls config_load() with the arguments up to NULL, standard output and error going to files. */
static void run_config(struct run *run, const char *const *args) {
    char *argv[MAX_ARGS + 1] = {0};
    int argc = 0, saved_out = dup(STDOUT_FILENO), saved_err = dup(STDERR_FILENO);
    FILE *out = tmpfile(), *err = tmpfile();
    assert_non_null(out);
    assert_non_null(err);
    argv[argc++] = strdup("starttap");
    for (; *args != NULL; args++) {
        assert_true(argc < MAX_ARGS);
        argv[argc++] = strdup(*args);
    }
    fflush(NULL);
    dup2(fileno(out), STDOUT_FILENO);
    dup2(fileno(err), STDERR_FILENO);
    run->result = config_load(argc, argv, &run->config);
    fflush(NULL);
    dup2(saved_out, STDOUT_FILENO);
    dup2(saved_err, STDERR_FILENO);
    close(saved_out);
    close(saved_err);
    read_back(out, run->out, sizeof run->out);
    read_back(err, run->err, sizeof run->err);
    for (int i = 0; i < argc; i++)
        free(argv[i]);
}

#define RUN(run, ...) run_config(run, (const char *const[]){__VA_ARGS__, NULL})

static void assert_contains(const char *text, const char *part) {
    if (strstr(text, part) == NULL)
        fail_msg("'%s' is not in: %s", part, text);
}

/* The arguments are refused with a complaint that contains part. */
#define ASSERT_WRONG(part, ...)                                                                              \
    do {                                                                                                     \
        struct run wrong_run;                                                                                \
        RUN(&wrong_run, __VA_ARGS__);                                                                        \
        assert_int_equal(wrong_run.result, CONFIG_WRONG);                                                    \
        assert_string_equal(wrong_run.out, "");                                                              \
        assert_contains(wrong_run.err, part);                                                                \
        config_cleanup(&wrong_run.config);                                                                   \
    } while (0)

/* A file with that text; the name is static, so one at a time. */
static const char *file_with(const char *text) {
    static char path[] = "/tmp/starttap-test-XXXXXX";
    strcpy(path + strlen(path) - 6, "XXXXXX");
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), strlen(text));
    close(fd);
    return path;
}

static size_t num_ports(const struct port_set *set) {
    size_t num = 0;
    for (unsigned port = 0; port <= 65535; port++)
        num += port_set_has(set, (uint16_t)port);
    return num;
}

static void test_defaults(void **state) {
    (void)state;
    struct run run;
    RUN(&run, "-r", "mail.pcap");
    const struct config *config = &run.config;
    assert_int_equal(run.result, CONFIG_RUN);
    assert_string_equal(run.out, "");
    assert_string_equal(run.err, "");
    assert_int_equal(config->num_inputs, 1);
    assert_string_equal(config->inputs[0], "mail.pcap");
    assert_int_equal(config->num_sinks, 0);
    assert_null(config->filter);
    assert_int_equal(num_ports(&config->mail_ports), 3);
    assert_true(port_set_has(&config->mail_ports, 25));
    assert_true(port_set_has(&config->mail_ports, 587));
    assert_true(port_set_has(&config->mail_ports, 2525));
    assert_int_equal(num_ports(&config->tls_ports), 1);
    assert_true(port_set_has(&config->tls_ports, 465));
    assert_false(config->any_port || config->no_verify || config->verify_checksums);
    assert_false(config->no_summary || config->quiet);
    assert_int_equal(config->num_home, 0);
    assert_null(config->ca_path);
    assert_null(config->keylog);
    assert_null(config->policy);
    assert_non_null(config->observer_name);
    assert_int_equal(config->peer_window_s, 0);
    assert_true(config->max_flows > 0);
    assert_int_equal(config->workers, 1);
    assert_int_equal(config->verbose, 0);
    config_cleanup(&run.config);
}

static void test_every_option(void **state) {
    (void)state;
    struct run run;
    RUN(&run, "-ra", "--read=b", "-o", "json:x", "-ocsv:-", "-nqvv", "--any-port", "--no-verify",
        "--verify-checksums", "--ca=/ca", "--keylog=k", "--observer-name=me", "--peer-window=300",
        "--max-flows=7", "--workers=3", "--datasets=session", "--datasets=sensor");
    const struct config *config = &run.config;
    assert_int_equal(run.result, CONFIG_RUN);
    assert_int_equal(config->num_inputs, 2);
    assert_string_equal(config->inputs[1], "b");
    assert_int_equal(config->num_sinks, 2);
    assert_string_equal(config->sinks[0], "json:x");
    assert_string_equal(config->sinks[1], "csv:-");
    assert_true(config->any_port && config->no_verify && config->verify_checksums);
    assert_true(config->no_summary && config->quiet);
    assert_int_equal(config->verbose, 2);
    assert_string_equal(config->ca_path, "/ca");
    assert_string_equal(config->keylog, "k");
    assert_string_equal(config->observer_name, "me");
    assert_int_equal(config->peer_window_s, 300);
    assert_int_equal(config->max_flows, 7);
    assert_int_equal(config->workers, 3);
    assert_int_equal(config->datasets, 5);
    config_cleanup(&run.config);
}

static void test_ports(void **state) {
    (void)state;
    struct run run;
    RUN(&run, "-r", "x", "--mail-ports", "1-65535", "--tls-ports", "25, 465 ,1000-1002", "--tls-ports", "9");
    assert_int_equal(run.result, CONFIG_RUN);
    assert_int_equal(num_ports(&run.config.mail_ports), 65535);
    assert_false(port_set_has(&run.config.mail_ports, 0));
    assert_int_equal(num_ports(&run.config.tls_ports), 6);
    assert_true(port_set_has(&run.config.tls_ports, 1001));
    assert_true(port_set_has(&run.config.tls_ports, 9));
    config_cleanup(&run.config);

    RUN(&run, "-r", "x", "--tls-ports", "none");
    assert_int_equal(num_ports(&run.config.tls_ports), 0);
    config_cleanup(&run.config);

    static const char *const bad[] = {"0",     "65536", "99999999999999999999",
                                      "25-",   "-25",   "2 5",
                                      "25,,5", "",      "smtp",
                                      "1-2-3", "1--2",  "25,",
                                      "+25",   "0x19",  "25.",
                                      "0-5",   "1-none"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        char argument[64];
        snprintf(argument, sizeof argument, "--mail-ports=%s", bad[i]);
        ASSERT_WRONG("--mail-ports: '", "-r", "x", argument);
    }
    ASSERT_WRONG("'99999' is not a port", "-r", "x", "--mail-ports", "25,99999");
    ASSERT_WRONG("write 25-587", "-r", "x", "--tls-ports", "587-25");
    ASSERT_WRONG("nothing to look for", "-r", "x", "--mail-ports=none", "--tls-ports=none");
}

static void test_ports_keep_on_failure(void **state) {
    (void)state;
    struct port_set set = {0};
    char why[CONFIG_WHY_MAX];
    assert_true(ports_add(&set, "1,64-65", why, sizeof why));
    assert_false(ports_add(&set, "7,70000", why, sizeof why));
    assert_int_equal(num_ports(&set), 3);
}

static void test_networks(void **state) {
    (void)state;
    struct run run;
    char text[NETWORK_TEXT_MAX];
    RUN(&run, "-r", "x", "--home", "192.0.2.0/24, 2001:db8::/33", "--home=198.51.100.7", "--home",
        "0.0.0.0/0");
    assert_int_equal(run.result, CONFIG_RUN);
    assert_int_equal(run.config.num_home, 4);
    const struct network *home = run.config.home;
    assert_int_equal(home[0].addr_len, 4);
    assert_int_equal(home[0].prefix_len, 24);
    assert_memory_equal(home[0].address, "\xc0\x00\x02\x00", 4);
    assert_int_equal(home[1].addr_len, 16);
    assert_int_equal(home[1].prefix_len, 33);
    assert_memory_equal(home[1].address, "\x20\x01\x0d\xb8\0\0\0\0", 8);
    assert_int_equal(home[2].prefix_len, 32);
    assert_int_equal(home[3].prefix_len, 0);
    network_format(&home[1], text);
    assert_string_equal(text, "2001:db8::/33");
    config_cleanup(&run.config);

    ASSERT_WRONG("the network is 10.0.0.0/8", "-r", "x", "--home", "10.1.2.3/8");
    ASSERT_WRONG("the network is 2001:db8::/33", "-r", "x", "--home", "2001:db8:4000::/33");
    ASSERT_WRONG("0 to 32", "-r", "x", "--home", "10.0.0.0/33");
    ASSERT_WRONG("0 to 128", "-r", "x", "--home", "::/129");
    ASSERT_WRONG("no valid prefix length", "-r", "x", "--home", "10.0.0.0/");
    ASSERT_WRONG("'mail' is not a network", "-r", "x", "--home", "10.0.0.0/8,mail");
    ASSERT_WRONG("'' is not a network", "-r", "x", "--home", "10.0.0.0/8,");
    ASSERT_WRONG("is not a network", "-r", "x", "--home",
                 "2001:0db8:0000:0000:0000:0000:0000:0000:0000:0000:0000:0000/64");
}

static void test_filter(void **state) {
    (void)state;
    struct run run;
    RUN(&run, "-r", "x", "tcp", "port 25", "-n", "and", "host", "192.0.2.1");
    assert_int_equal(run.result, CONFIG_RUN);
    assert_string_equal(run.config.filter, "tcp port 25 and host 192.0.2.1");
    assert_true(run.config.no_summary);
    config_cleanup(&run.config);

    RUN(&run, "-r", "x", " ");
    assert_int_equal(run.result, CONFIG_RUN);
    assert_null(run.config.filter);
    config_cleanup(&run.config);

    const char *path = file_with("# mail only\ntcp port 25 # SMTP\r\n  or tcp port 465\n#");
    RUN(&run, "-r", "x", "-F", path);
    assert_int_equal(run.result, CONFIG_RUN);
    assert_null(strpbrk(run.config.filter, "#\r\nSM"));
    assert_contains(run.config.filter, "tcp port 25 ");
    assert_contains(run.config.filter, " or tcp port 465");
    config_cleanup(&run.config);
    ASSERT_WRONG("exclude each other", "-r", "x", "-F", path, "tcp");
    ASSERT_WRONG("exclude each other", "-r", "x", "tcp", "-F", path);
    remove(path);
    ASSERT_WRONG("--filter-file: cannot open", "-r", "x", "-F", path);
    ASSERT_WRONG("--filter-file: cannot read", "-r", "x", "-F", "/tmp");
    ASSERT_WRONG(": 'tcp prot 25'", "-r", "x", "tcp", "prot", "25");
}

static void test_wrong_usage(void **state) {
    (void)state;
    ASSERT_WRONG("nothing to read", "-n");
    ASSERT_WRONG("did you mean: starttap -r /dev/null", "/dev/null");
    ASSERT_WRONG("unrecognized option", "-r", "x", "--nonsense");
    ASSERT_WRONG("invalid option", "-r", "x", "-x");
    ASSERT_WRONG("requires an argument", "-r");
    ASSERT_WRONG("allow an argument", "-r", "x", "--quiet=1");
    ASSERT_WRONG("--ca: the value is empty", "-r", "x", "--ca", "");
    ASSERT_WRONG("--read: the value is empty", "-r", "");
    ASSERT_WRONG("--datasets: 'mail' is not a dataset", "-r", "x", "--datasets=session,mail");
    ASSERT_WRONG("'x': a scheme is missing", "-r", "x", "-o", "x");
    ASSERT_WRONG("'xml:x': expected json:PATH", "-r", "x", "-o", "xml:x");
    ASSERT_WRONG("what follows the 'json:' is missing", "-r", "x", "-o", "json:");
    ASSERT_WRONG("':x': expected json:PATH", "-r", "x", "-o", ":x");
    ASSERT_WRONG("write to the same place", "-r", "x", "-o", "json:-", "-o", "csv:-");
    ASSERT_WRONG("only once", "-r", "-", "-r", "-");
    ASSERT_WRONG("--peer-window: '-1' is not a number", "-r", "x", "--peer-window=-1");
    ASSERT_WRONG("--peer-window: '4294967296' is not a number", "-r", "x", "--peer-window=4294967296");
    ASSERT_WRONG("--workers: '65' is not a number from 0", "-r", "x", "--workers=65");
    ASSERT_WRONG("--max-flows: '0' is not a number from 1", "-r", "x", "--max-flows=0");
    ASSERT_WRONG("--config is given twice", "-r", "x", "--config=a", "--config=b");
    ASSERT_WRONG("/no/such/file", "-r", "x", "--config=/no/such/file");
    ASSERT_WRONG("is a directory", "-r", "x", "--config=/tmp");
}

static void test_help(void **state) {
    (void)state;
    struct run run;
    RUN(&run, "--help", "--config=/no/such/file");
    assert_int_equal(run.result, CONFIG_DONE);
    assert_string_equal(run.err, "");
    for (size_t i = 0; i < NUM_SETTINGS; i++) {
        char option[64];
        snprintf(option, sizeof option, "--%s", settings[i].name);
        if (settings[i].key != SETTING_FILTER)
            assert_contains(run.out, option);
    }
    assert_contains(run.out, "Examples:");
    assert_contains(run.out, "Exit status:");
    assert_null(run.config.observer_name);

    RUN(&run, "-V");
    assert_int_equal(run.result, CONFIG_DONE);
    assert_int_equal(strncmp(run.out, "starttap 0.", 11), 0);
    assert_contains(run.out, "libpcap");

    RUN(&run, "--usage");
    assert_int_equal(run.result, CONFIG_DONE);
    assert_contains(run.out, "[--mail-ports=LIST]");
}

/* Loads text as a file over the command line's arguments and expects it to be refused with `part`. */
static void assert_file_wrong(const char *text, const char *part) {
    const char *path = file_with(text);
    char expected[256];
    snprintf(expected, sizeof expected, "starttap: %s:%s", path, part);
    ASSERT_WRONG(expected, "-T", "--config", path);
    remove(path);
}

static void test_file(void **state) {
    (void)state;
    struct run run;
    const char *path = file_with("# comment\n"
                                 "read: [a, 'b c']\n"
                                 "output:\n  - json:x\n  - csv:y\n"
                                 "mail-ports: 26,30-31\n"
                                 "tls-ports: [465, 1000-1001]\n"
                                 "home: [192.0.2.0/24, '2001:db8::/32,10.0.0.0/8']\n"
                                 "any-port: Yes\nno-verify: off\nverbose: 3\nca: ~\nkeylog: 'null'\n"
                                 "observer-name:\npeer-window: 60\nfilter: tcp\n");
    RUN(&run, "--config", path);
    const struct config *config = &run.config;
    assert_string_equal(run.err, "");
    assert_int_equal(run.result, CONFIG_RUN);
    assert_int_equal(config->num_inputs, 2);
    assert_string_equal(config->inputs[1], "b c");
    assert_int_equal(config->num_sinks, 2);
    assert_int_equal(num_ports(&config->mail_ports), 3);
    assert_true(port_set_has(&config->mail_ports, 31));
    assert_int_equal(num_ports(&config->tls_ports), 3);
    assert_int_equal(config->num_home, 3);
    assert_true(config->any_port);
    assert_false(config->no_verify);
    assert_int_equal(config->verbose, 3);
    assert_null(config->ca_path);
    assert_string_equal(config->keylog, "null");
    assert_non_null(config->observer_name);
    assert_int_equal(config->peer_window_s, 60);
    assert_string_equal(config->filter, "tcp");
    config_cleanup(&run.config);

    /* The command line overrides the file, lists as a whole. */
    RUN(&run, "-r", "z", "--config", path, "--mail-ports=25", "-v", "--home=10.0.0.0/8", "--peer-window=9",
        "udp");
    assert_int_equal(run.result, CONFIG_RUN);
    assert_int_equal(config->num_inputs, 1);
    assert_string_equal(config->inputs[0], "z");
    assert_int_equal(num_ports(&config->mail_ports), 1);
    assert_int_equal(num_ports(&config->tls_ports), 3);
    assert_int_equal(config->num_home, 1);
    assert_int_equal(config->verbose, 1);
    assert_int_equal(config->peer_window_s, 9);
    assert_string_equal(config->filter, "udp");
    config_cleanup(&run.config);
    remove(path);
}

static void test_file_wrong(void **state) {
    (void)state;
    assert_file_wrong("quiet: true\nmail-prots: 25\n",
                      "2:1: unknown setting 'mail-prots'; the nearest known one "
                      "is 'mail-ports'");
    assert_file_wrong("Mail_Ports: 25\n", "1:1: unknown setting 'Mail_Ports'; the nearest known one is "
                                          "'mail-ports'");
    assert_file_wrong("mail-ports: [25,\n             70000]\n", "2:14: mail-ports: '70000' is not a port");
    assert_file_wrong("home: 10.1.0.0/8\n", "1:7: home: '10.1.0.0/8' has bits set");
    assert_file_wrong("any-port: maybe\n", "1:11: any-port: 'maybe' is neither");
    assert_file_wrong("any-port: [true]\n", "1:11: any-port: takes one value");
    assert_file_wrong("read: {a: b}\n", "1:7: read: a plain value");
    assert_file_wrong("read: [[a]]\n", "1:8: read: a plain value");
    assert_file_wrong("read: \"a\\0b\"\n", "1:7: read: a zero byte");
    assert_file_wrong("quiet: true\nquiet: false\n", "2:1: 'quiet' is given twice");
    assert_file_wrong("[a]: b\n", "1:1: the name of a setting");
    assert_file_wrong("- a\n", "1:1: lines of the form");
    assert_file_wrong("quiet: true\n---\nquiet: true\n", "3:1: a second document");
    assert_file_wrong("read: [a\n", "2:1: not YAML");
    assert_file_wrong("read: \xff\n", " byte 7: not YAML");
    assert_file_wrong("filter: tcp\nfilter-file: x\n", "2:1: filter and filter-file");
    assert_file_wrong("filter-file: /no/such/file\n", "1:14: filter-file: cannot open");
}

static void test_empty_file(void **state) {
    (void)state;
    struct run run;
    const char *path = file_with("# nothing\n");
    RUN(&run, "-T", "--config", path);
    assert_string_equal(run.err, "");
    assert_int_equal(run.result, CONFIG_DONE);
    remove(path);
}

/* What is dumped, read back, is dumped the same, and says what was given. */
static void test_dump(void **state) {
    (void)state;
    struct run first, second;
    const char *awkward = "a: \"b\"\n\xc3\xa9'#";
    RUN(&first, "--dump-config", "-r", "null", "-r", awkward, "-o", "json:-", "--mail-ports=1-7,9",
        "--tls-ports=none", "--home=2001:db8::/32,10.0.0.0/8", "--ca=~", "-vvn", "--peer-window=300", "tcp",
        "or", "udp");
    assert_int_equal(first.result, CONFIG_DONE);
    const char *path = file_with(first.out);
    RUN(&second, "--dump-config", "--config", path);
    assert_string_equal(second.err, "");
    assert_int_equal(second.result, CONFIG_DONE);
    assert_string_equal(first.out, second.out);

    RUN(&second, "--config", path);
    const struct config *config = &second.config;
    assert_int_equal(second.result, CONFIG_RUN);
    assert_int_equal(config->num_inputs, 2);
    assert_string_equal(config->inputs[0], "null");
    assert_string_equal(config->inputs[1], awkward);
    assert_string_equal(config->filter, "tcp or udp");
    assert_string_equal(config->ca_path, "~");
    assert_int_equal(num_ports(&config->mail_ports), 8);
    assert_int_equal(num_ports(&config->tls_ports), 0);
    assert_int_equal(config->num_home, 2);
    assert_int_equal(config->verbose, 2);
    assert_true(config->no_summary);
    for (size_t i = 0; i < NUM_SETTINGS; i++) {
        if (settings[i].key != SETTING_FILTER_FILE) /* dumped as the filter that it holds */
            assert_contains(first.out, settings[i].name);
    }
    config_cleanup(&second.config);
    remove(path);

    ASSERT_WRONG("cannot write the configuration as YAML", "--dump-config", "-r", "\xff");
}

static void read_document(const char *path, char *text, size_t text_len) {
    FILE *file = fopen(path, "r");
    assert_non_null(file);
    read_back(file, text, text_len);
}

/* The example file sets everything to its default, and names every setting; so does the manual page. */
static void test_documents(void **state) {
    (void)state;
    struct run plain, example;
    static char text[65536];
    RUN(&plain, "--dump-config");
    RUN(&example, "--dump-config", "--config", TESTS_DIR "/../sensor/starttap.yaml");
    assert_string_equal(example.err, "");
    assert_string_equal(plain.out, example.out);
    read_document(TESTS_DIR "/../sensor/starttap.yaml", text, sizeof text);
    for (size_t i = 0; i < NUM_SETTINGS; i++) {
        char line[64];
        snprintf(line, sizeof line, "\n%s: ", settings[i].name);
        assert_contains(text, line);
    }
    read_document(TESTS_DIR "/../sensor/starttap.1", text, sizeof text);
    for (size_t i = 0; i < NUM_SETTINGS; i++)
        assert_contains(text, settings[i].name);
}

static void test_cleanup_of_nothing(void **state) {
    (void)state;
    struct config config = {0};
    config_cleanup(NULL);
    config_cleanup(&config);
    config_cleanup(&config);
    assert_null(config.inputs);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_defaults),    cmocka_unit_test(test_every_option),
        cmocka_unit_test(test_ports),       cmocka_unit_test(test_ports_keep_on_failure),
        cmocka_unit_test(test_networks),    cmocka_unit_test(test_filter),
        cmocka_unit_test(test_wrong_usage), cmocka_unit_test(test_help),
        cmocka_unit_test(test_file),        cmocka_unit_test(test_file_wrong),
        cmocka_unit_test(test_empty_file),  cmocka_unit_test(test_dump),
        cmocka_unit_test(test_documents),   cmocka_unit_test(test_cleanup_of_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
