/* config.c: the command line (by argp), and what is in force once the file and the defaults are joined with
 * it. */
#include "config.h"

#include <argp.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "capture/filter.h"
#include "capture/filter_mail.h"
#include "capture/live.h"
#include "config_check.h"
#include "config_file.h"
#include "config_setting.h"
#include "config_values.h"
#include "log.h"

#ifndef STARTTAP_VERSION
#define STARTTAP_VERSION "unknown"
#endif
#ifndef STARTTAP_LIBRARIES /* "libpcap 1.10.3, ...": what it was built with, told by CMake */
#define STARTTAP_LIBRARIES "unknown"
#endif

#define DEFAULT_MAIL_PORTS "25,587,2525"
#define DEFAULT_TLS_PORTS  "465"
#define DEFAULT_MAX_FLOWS  1000000u
#define DEFAULT_MEMORY_CAP 512u
#define DEFAULT_MAX_PEERS  65536u
#define DEFAULT_SINK_WAIT  60u
#define DEFAULT_SPOOL_MB   4096u
#define DEFAULT_RING_MB    64u
#define DEFAULT_SNAP_LEN   262144u
#define DEFAULT_INTERVAL_S 60u
#define LIVE_PEER_WINDOW_S 300u
#define NOT_GIVEN          UINT32_MAX
#define DEFAULT_DRAIN_S    10u
#define HOST_NAME_LEN      256
#define SPOOL_NAME_LEN     4096

#define USAGE_STATUS 2

/* Options that are about the configuration and no part of it. */
enum { OPTION_CONFIG = 1000, OPTION_PRINT_FILTER, OPTION_DUMP, OPTION_USAGE, OPTION_DELIVER };

static const char doc[] =
    "Reads captures of mail traffic and says for each connection and each peer whether mail was encrypted, "
    "how well, and if not, why not."
    "\v"
    "A filter is a libpcap expression (pcap-filter(7)): only packets that match it are read. It is given "
    "either at the end of the command line or by -F, not both.\n"
    "\n"
    "Examples:\n"
    "  starttap -r mail.pcap                         the summary\n"
    "  starttap -r captures/ -o json:events.ndjson   a directory: summary, events\n"
    "  starttap -n -r day.pcap.zst -o json:- | jq .  events only\n"
    "  tcpdump -w - port 25 | starttap -r -          from a pipe\n"
    "  starttap -r mail.pcap host 192.0.2.25         one peer\n"
    "  starttap -r mail.pcap -o kafka://b1,b2/mail   events to Kafka\n"
    "  starttap -r all.pcapng --any-port             SMTP on unusual ports too\n"
    "  starttap -r mail.pcap --home 192.0.2.0/24     tell inbound from outbound\n"
    "\n"
    "Exit status:\n"
    "  0  everything was read to its end\n"
    "  1  a failure while running: cannot read, cannot write, disk full\n"
    "  2  wrong usage or configuration\n"
    "  3  input that was cut or damaged; all before the damage was reported\n"
    "\n"
    "starttap(1) has the rest.";

static const struct argp_option options[] = {
    {0, 0, 0, 0, "Input:", 1},
    {"read", SETTING_READ, "PATH", 0,
     "pcap or pcapng, plain, .gz or .zst; a directory stands for its captures in name order, '-' for "
     "standard "
     "input; repeatable",
     0},
    {"interface", SETTING_INTERFACE, "NAME", 0,
     "capture from a network interface until a signal comes; 'any' is all of them; repeatable", 0},
    {"list-interfaces", 'D', 0, 0, "list the interfaces and exit", 0},
    {"filter-file", SETTING_FILTER_FILE, "FILE", 0,
     "take the filter expression from FILE; '#' begins a comment", 0},
    {"verify-checksums", SETTING_VERIFY_CHECKSUMS, 0, 0,
     "drop packets with wrong checksums (off: offload makes captured ones wrong)", 0},

    {0, 0, 0, 0, "Live capture (with -i):", 2},
    {"no-promiscuous", SETTING_NO_PROMISCUOUS, 0, 0, "do not put interfaces into promiscuous mode", 0},
    {"snap-length", SETTING_SNAP_LENGTH, "BYTES", 0,
     "capture so much of each packet (default 262144: all; less costs handshakes)", 0},
    {"ring-mb", SETTING_RING_MB, "MB", 0,
     "buffer for packets in the kernel, for each interface and worker (default 64)", 0},
    {"time-stamps", SETTING_TIME_STAMPS, "TYPE", 0,
     "host, adapter or adapter_unsynced (default: adapter where it keeps the host's time, else host)", 0},
    {"tunnels", SETTING_TUNNELS, "LIST", 0,
     "look into them too: all, or gre, ipip, 6in4, vxlan, geneve, gtpu, mpls, pppoe, pbb, vntag, etag "
     "(default: none; all packets of these leave the kernel)",
     0},
    {"print-filter", OPTION_PRINT_FILTER, 0, 0,
     "print the filter that live capture would give the kernel (-v: and its program) and exit", 0},
    {"sensor-interval", SETTING_SENSOR_INTERVAL, "SECONDS", 0,
     "report what was captured and what was missed each SECONDS (default 60)", 0},

    {0, 0, 0, 0, "Output:", 3},
    {"output", SETTING_OUTPUT, "SINK", 0,
     "json:PATH, csv:PATH ('-' is standard output), sqlite:PATH, kafka://BROKER,BROKER/TOPIC, tlsrpt:DIR "
     "(reports "
     "on TLS, RFC 8460), for alerts syslog:unix, syslog:udp://HOST:PORT or syslog:tcp://HOST:PORT; "
     "repeatable. "
     "The summary is printed all the same, on standard error when a sink has standard output",
     0},
    {"datasets", SETTING_DATASETS, "LIST", 0,
     "session, peer, sensor, alert: what sinks get (default: all); json:PATH?datasets=session,peer for one "
     "sink",
     0},
    {"force", SETTING_FORCE, 0, 0,
     "overwrite a file that is there; json:PATH?append adds to it, json:PATH?rotate=100MB&every=1h puts full "
     "files aside, PATH.zst is compressed",
     0},
    {"sink-wait", SETTING_SINK_WAIT, "SECONDS", 0,
     "give up (exit status 1; what is for Kafka stays in its spool) when for so long a sink takes nothing: "
     "brokers away, disk full (default 60)",
     0},
    {"write", SETTING_WRITE, "FILE", 0,
     "record the packets of mail connections (pcapng; '-' is standard output); FILE.zst is compressed, "
     "FILE?rotate=1GB&every=1d&max=50GB put aside and bounded",
     0},
    {"scrub", SETTING_SCRUB, 0, 0,
     "recorded without mail bodies and passwords: zeros stand there, and the events stay the same", 0},
    {"metrics", SETTING_METRICS, "ADDRESS:PORT", 0,
     "serve /metrics for Prometheus, and /healthz; PORT alone is 127.0.0.1:PORT", 0},
    {"no-summary", SETTING_NO_SUMMARY, 0, 0, "leave the summary out", 0},
    {"quiet", SETTING_QUIET, 0, 0, "no progress line and no warnings, errors only", 0},
    {"verbose", SETTING_VERBOSE, 0, 0, "name each input as it is read or passed over", 0},
    {"observer-name", SETTING_OBSERVER_NAME, "NAME", 0, "observer.name in events (default: this host's name)",
     0},
    {"peer-window", SETTING_PEER_WINDOW, "SECONDS", 0,
     "report peers each SECONDS of packet time; 0: once, at the end (default 0, live 300)", 0},

    {"alert-on", SETTING_ALERT_ON, "LIST", 0,
     "tell of findings, once for each peer and hour, by events of their own and to syslog: mail.cleartext, "
     "'mail.cleartext>=10' (sessions), or all of a severity: high",
     0},

    {0, 0, 0, 0, "Kafka (events are kept in a spool until they are delivered):", 4},
    {"kafka-config", SETTING_KAFKA_CONFIG, "FILE", 0,
     "properties of librdkafka, key=value on each line: TLS, passwords, time-outs", 0},
    {"kafka-property", SETTING_KAFKA_PROPERTY, "KEY=VALUE", 0, "one of them; repeatable", 0},
    {"spool", SETTING_SPOOL, "DIR", 0, "where the spools are (default: see --dump-config)", 0},
    {"spool-max", SETTING_SPOOL_MAX, "MB", 0, "a spool of that size is full: reading waits (default 4096)",
     0},
    {"deliver", OPTION_DELIVER, 0, 0, "read nothing, deliver what earlier runs left in the spools", 0},

    {0, 0, 0, 0, "What is mail:", 5},
    {"mail-ports", SETTING_MAIL_PORTS, "LIST", 0,
     "ports and ranges on which mail begins in clear (default " DEFAULT_MAIL_PORTS "); 'none' for none", 0},
    {"tls-ports", SETTING_TLS_PORTS, "LIST", 0,
     "the same for implicit TLS (default " DEFAULT_TLS_PORTS "); ranges such as 1-65535 work", 0},
    {"any-port", SETTING_ANY_PORT, 0, 0, "find SMTP on every other port too, by nDPI", 0},
    {"home", SETTING_HOME, "NET[,NET]", 0,
     "our networks, such as 192.0.2.0/24,2001:db8::/32: decide direction and which end is the peer", 0},
    {"max-flows", SETTING_MAX_FLOWS, "NUMBER", 0,
     "connections tracked at a time (default 1000000); beyond, the longest idle one is reported early", 0},
    {"memory-cap", SETTING_MEMORY_CAP, "MB", 0,
     "memory for connections, certificates, peers and names (default 512); beyond, connections that are not "
     "established, then the longest idle ones are reported early",
     0},
    {"max-peers", SETTING_MAX_PEERS, "NUMBER", 0,
     "peers remembered, of each kind: addresses, names, domains (default 65536); beyond, the one seen "
     "longest "
     "ago is added to 'other'",
     0},
    {"state", SETTING_STATE, "FILE", 0,
     "remember peers from run to run (SQLite): who used to offer STARTTLS, certificates, TLS versions", 0},
    {"mmdb", SETTING_MMDB, "FILE", 0,
     "database of addresses (MMDB, such as GeoLite2): autonomous system and country in events; repeatable",
     0},
    {"workers", SETTING_WORKERS, "NUMBER", 0,
     "threads that share out the connections, or live the packets (default 1; 0: one for each processor)", 0},

    {0, 0, 0, 0, "Certificates, keys and rules:", 6},
    {"ca", SETTING_CA, "FILE|DIR", 0, "trusted certificates, PEM (default: the system's)", 0},
    {"no-verify", SETTING_NO_VERIFY, 0, 0, "do not verify certificate chains", 0},
    {"no-dns", SETTING_NO_DNS, 0, 0,
     "do not look at DNS answers, which say by which name a server was looked up, and its TLSA records", 0},
    {"mta-sts", SETTING_MTA_STS, "DIR", 0,
     "judge by MTA-STS policies in DIR, one DOMAIN.txt for each domain; nothing is fetched", 0},
    {"received", SETTING_RECEIVED, 0, 0,
     "of messages in clear, read what their Received fields say of TLS on earlier hops", 0},
    {"keylog", SETTING_KEYLOG, "FILE", 0, "TLS secrets of your own mail server (NSS format), to look inside",
     0},

    {"policy", SETTING_POLICY, "FILE", 0,
     "judge each session by the rules in FILE (Postfix's smtp_tls_policy_maps), or by a profile that comes "
     "with it: see starttap policy --help",
     0},

    {0, 0, 0, 0, "Service:", 7},
    {"user", SETTING_USER, "USER", 0,
     "whom root becomes once interfaces and outputs are open (default: starttap, or else nobody)", 0},
    {"no-sandbox", SETTING_NO_SANDBOX, 0, 0, "leave out seccomp and Landlock", 0},
    {"drain-timeout", SETTING_DRAIN_TIMEOUT, "SECONDS", 0,
     "how long outputs may take after SIGTERM (default 10); what Kafka has not then stays in the spool", 0},

    {0, 0, 0, 0, "Configuration:", 8},
    {"config", OPTION_CONFIG, "FILE", 0,
     "settings from a YAML file, names as here; the command line overrides it", 0},
    {"dump-config", OPTION_DUMP, 0, 0, "print the settings in force as such a file and exit", 0},
    {"test", 'T', 0, 0, "test the configuration and exit", 0},

    {"usage", OPTION_USAGE, 0, OPTION_HIDDEN, 0, 0},

    {0, 0, 0, 0, "Help:", 9},
    {"help", 'h', 0, 0, "print this", 0},
    {"version", 'V', 0, 0, "print the version and those of the libraries", 0},
    {0},
};

enum action { ACTION_RUN, ACTION_TEST, ACTION_DUMP, ACTION_LIST, ACTION_PRINT_FILTER, ACTION_STOP };

/* The command line while it is read. It is read twice: first for help and --config, then, with the file's
 * settings in place, for the settings, which override the file's. */
struct command_line {
    struct config *config;
    const char *config_path;
    enum action action;
    bool given[NUM_SETTINGS];
};

__attribute__((format(printf, 1, 2))) static void complain(const char *format, ...) {
    char text[LOG_LINE_MAX];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    log_line(LEVEL_ERROR, "%s", text);
}

/* Prints what was asked for, and ends the parsing. */
static error_t stop_with_help(struct argp_state *state, unsigned flags) {
    struct command_line *line = state->input;
    line->action = ACTION_STOP;
    argp_state_help(state, stdout, flags);
    return ECANCELED;
}

static error_t stop_with_version(struct command_line *line) {
    line->action = ACTION_STOP;
    puts("starttap " STARTTAP_VERSION "\nbuilt with " STARTTAP_LIBRARIES);
    return ECANCELED;
}

/* First reading: everything that is no setting. Settings are passed over. */
static error_t first_reading(int key, char *value, struct argp_state *state) {
    struct command_line *line = state->input;
    switch (key) {
    case 'h':
        return stop_with_help(state, ARGP_HELP_STD_HELP);
    case OPTION_USAGE:
        return stop_with_help(state, ARGP_HELP_USAGE);
    case 'V':
        return stop_with_version(line);
    case 'T':
        line->action = ACTION_TEST;
        return 0;
    case OPTION_DELIVER:
        line->config->deliver = true;
        return 0;
    case 'D':
        line->action = ACTION_LIST;
        return 0;
    case OPTION_PRINT_FILTER:
        line->action = ACTION_PRINT_FILTER;
        return 0;
    case OPTION_DUMP:
        line->action = ACTION_DUMP;
        return 0;
    case OPTION_CONFIG:
        if (line->config_path != NULL) {
            complain("--config is given twice");
            return EINVAL;
        }
        line->config_path = line->config->path = value;
        return 0;
    default:
        return 0;
    }
}

/* The first time that the command line gives a setting, what the file said of it goes. */
static error_t set(struct command_line *line, const struct setting *setting, const char *value) {
    char why[CONFIG_WHY_MAX];
    bool *given = &line->given[setting - settings];
    if (!*given)
        setting_clear(line->config, setting);
    *given = true;
    if (setting->key == SETTING_VERBOSE) {
        line->config->verbose++;
        return 0;
    }
    if (setting_add(line->config, setting, value != NULL ? value : "true", why, sizeof why))
        return 0;
    complain("--%s: %s", setting->name, why);
    return EINVAL;
}

/* What is left behind the options are the words of the filter. */
static error_t set_filter(struct command_line *line, char **words, int num_words) {
    char *expression = NULL;
    size_t len = 0;
    if (line->given[setting_by_key(SETTING_FILTER_FILE) - settings]) {
        complain("a filter expression ('%s ...') and --filter-file exclude each other", words[0]);
        return EINVAL;
    }
    FILE *stream = open_memstream(&expression, &len);
    if (stream == NULL)
        return ENOMEM;
    for (int i = 0; i < num_words; i++)
        fprintf(stream, "%s%s", i > 0 ? " " : "", words[i]);
    error_t error = fclose(stream) == 0 ? set(line, setting_by_key(SETTING_FILTER), expression) : ENOMEM;
    free(expression);
    return error;
}

/* Second reading: the settings. */
static error_t second_reading(int key, char *value, struct argp_state *state) {
    const struct setting *setting = setting_by_key(key);
    if (setting != NULL)
        return set(state->input, setting, value);
    if (key == ARGP_KEY_ARG)
        return ARGP_ERR_UNKNOWN; /* then all of them come at once, by ARGP_KEY_ARGS */
    if (key == ARGP_KEY_ARGS)
        return set_filter(state->input, state->argv + state->next, state->argc - state->next);
    return 0;
}

/* Leaves argp's remark on mandatory arguments out of the help. */
static char *help_filter(int key, const char *text, void *input) {
    (void)input;
    return key == ARGP_KEY_HELP_DUP_ARGS_NOTE ? NULL : (char *)text;
}

static bool read_command_line(struct command_line *line, int argc, char **argv, argp_parser_t reading) {
    const struct argp argp = {options, reading, "[BPF filter expression]", doc, NULL, help_filter, NULL};
    error_t error = argp_parse(&argp, argc, argv, ARGP_NO_EXIT | ARGP_NO_HELP, NULL, line);
    if (error == ENOMEM)
        complain("out of memory");
    return error == 0;
}

/* Where a service keeps its state, or a user. */
static void find_spool(char spool[SPOOL_NAME_LEN]) {
    const char *state = getenv("STATE_DIRECTORY"), *xdg = getenv("XDG_STATE_HOME"), *home = getenv("HOME");
    if (state && state[0])
        snprintf(spool, SPOOL_NAME_LEN, "%s/spool", state);
    else if (geteuid() == 0)
        snprintf(spool, SPOOL_NAME_LEN, "/var/lib/starttap/spool");
    else if (xdg && xdg[0])
        snprintf(spool, SPOOL_NAME_LEN, "%s/starttap/spool", xdg);
    else
        snprintf(spool, SPOOL_NAME_LEN, "%s/.local/state/starttap/spool", home ? home : "");
}

static bool set_defaults(struct config *config) {
    char why[CONFIG_WHY_MAX], host[HOST_NAME_LEN] = "", spool[SPOOL_NAME_LEN];
    if (gethostname(host, sizeof host - 1) != 0 || host[0] == '\0')
        snprintf(host, sizeof host, "localhost");
    find_spool(spool);
    config->max_flows = DEFAULT_MAX_FLOWS;
    config->memory_cap_mb = DEFAULT_MEMORY_CAP;
    config->workers = 1;
    config->max_peers = DEFAULT_MAX_PEERS;
    config->sink_wait_s = DEFAULT_SINK_WAIT;
    config->spool_max_mb = DEFAULT_SPOOL_MB;
    config->ring_mb = DEFAULT_RING_MB;
    config->snap_len = DEFAULT_SNAP_LEN;
    config->sensor_interval_s = DEFAULT_INTERVAL_S;
    config->peer_window_s = NOT_GIVEN;
    config->drain_timeout_s = DEFAULT_DRAIN_S;
    bool good = ports_add(&config->mail_ports, DEFAULT_MAIL_PORTS, why, sizeof why) &&
                ports_add(&config->tls_ports, DEFAULT_TLS_PORTS, why, sizeof why) &&
                setting_add(config, setting_by_key(SETTING_SPOOL), spool, why, sizeof why) &&
                setting_add(config, setting_by_key(SETTING_OBSERVER_NAME), host, why, sizeof why);
    config->spool_given = false;
    return good;
}

static bool print_filter(const struct config *config) {
    const int linktype_ethernet = 1;
    char *expression = filter_mail(config, linktype_ethernet);
    bool good = expression && filter_print(expression, linktype_ethernet, config->verbose > 0);
    if (!good)
        complain("cannot print the filter");
    free(expression);
    return good;
}

static bool list_interfaces(void) {
    char why[CONFIG_WHY_MAX];
    if (live_list(stdout, why, sizeof why))
        return true;
    complain("%s", why);
    return false;
}

static enum config_result finish(const struct command_line *line) {
    switch (line->action) {
    case ACTION_DUMP:
        if (config_file_dump(line->config, stdout))
            return CONFIG_DONE;
        complain("cannot write the configuration as YAML");
        return CONFIG_WRONG;
    case ACTION_LIST:
        return list_interfaces() ? CONFIG_DONE : CONFIG_WRONG;
    case ACTION_PRINT_FILTER:
        return print_filter(line->config) ? CONFIG_DONE : CONFIG_WRONG;
    case ACTION_TEST:
        puts("starttap: the configuration is good");
        return CONFIG_DONE;
    default:
        return CONFIG_RUN;
    }
}

static enum config_check_for check_for(enum action action) {
    if (action == ACTION_TEST)
        return CONFIG_CHECK_TEST;
    return action == ACTION_RUN ? CONFIG_CHECK_RUN : CONFIG_CHECK_SHOW;
}

static enum config_result load(int argc, char **argv, struct config *config) {
    struct command_line line = {.config = config};
    char why[CONFIG_WHY_MAX];
    if (!set_defaults(config)) {
        complain("out of memory");
        return CONFIG_WRONG;
    }
    bool read = read_command_line(&line, argc, argv, first_reading);
    if (line.action == ACTION_STOP)
        return CONFIG_DONE;
    if (!read)
        return CONFIG_WRONG;
    if (line.config_path != NULL && !config_file_load(line.config_path, config, why, sizeof why)) {
        complain("%s", why);
        return CONFIG_WRONG;
    }
    if (!read_command_line(&line, argc, argv, second_reading))
        return CONFIG_WRONG;
    if (config->peer_window_s == NOT_GIVEN)
        config->peer_window_s = config->num_interfaces > 0 ? LIVE_PEER_WINDOW_S : 0;
    if (!config_check(config, check_for(line.action)))
        return CONFIG_WRONG;
    return finish(&line);
}

enum config_result config_load(int argc, char **argv, struct config *config) {
    *config = (struct config){0};
    enum config_result result = load(argc, argv, config);
    if (result != CONFIG_RUN)
        config_cleanup(config);
    return result;
}

void config_cleanup(struct config *config) {
    if (config == NULL)
        return;
    for (size_t i = 0; i < NUM_SETTINGS; i++)
        setting_clear(config, &settings[i]);
    *config = (struct config){0};
}
