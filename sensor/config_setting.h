/* config_setting.h: every setting by its name, wherever it is given: command line, file or dump.
 * A new setting is a row of the table in config_setting.c, an option in config.c and an entry in
 * starttap.yaml and starttap.1; the tests miss none of these. One of a kind of its own is also a case in
 * config_setting.c and config_dump.c. */
#ifndef STARTTAP_SENSOR_CONFIG_SETTING_H
#define STARTTAP_SENSOR_CONFIG_SETTING_H

#include "config.h"

/* The letter of the option, or a number beyond letters for one that has none. */
enum setting_key {
    SETTING_READ = 'r',
    SETTING_INTERFACE = 'i',
    SETTING_SNAP_LENGTH = 's',
    SETTING_NO_PROMISCUOUS = 'p',
    SETTING_OUTPUT = 'o',
    SETTING_FILTER_FILE = 'F',
    SETTING_NO_SUMMARY = 'n',
    SETTING_QUIET = 'q',
    SETTING_WRITE = 'w',
    SETTING_KAFKA_PROPERTY = 'X',
    SETTING_VERBOSE = 'v',
    SETTING_FILTER = 256, /* the expression after the options; a name in the file only */
    SETTING_RING_MB,
    SETTING_TIME_STAMPS,
    SETTING_TUNNELS,
    SETTING_SENSOR_INTERVAL,
    SETTING_DATASETS,
    SETTING_KAFKA_CONFIG,
    SETTING_SINK_WAIT,
    SETTING_SPOOL,
    SETTING_SPOOL_MAX,
    SETTING_MAIL_PORTS,
    SETTING_TLS_PORTS,
    SETTING_ANY_PORT,
    SETTING_HOME,
    SETTING_CA,
    SETTING_NO_VERIFY,
    SETTING_NO_DNS,
    SETTING_MTA_STS,
    SETTING_RECEIVED,
    SETTING_KEYLOG,
    SETTING_VERIFY_CHECKSUMS,
    SETTING_OBSERVER_NAME,
    SETTING_PEER_WINDOW,
    SETTING_MAX_FLOWS,
    SETTING_MEMORY_CAP,
    SETTING_WORKERS,
    SETTING_FORCE,
    SETTING_USER,
    SETTING_NO_SANDBOX,
    SETTING_DRAIN_TIMEOUT,
    SETTING_SCRUB,
    SETTING_METRICS,
    SETTING_ALERT_ON,
    SETTING_MAX_PEERS,
    SETTING_STATE,
    SETTING_MMDB,
    SETTING_POLICY,
};

/* How the value is kept in struct config. */
enum setting_kind {
    SETTING_TEXT,       /* char *, owned; NULL: none */
    SETTING_TEXTS,      /* char **, owned, with a size_t that says how many */
    SETTING_SWITCH,     /* bool */
    SETTING_NUMBER,     /* uint32_t */
    SETTING_PORTS,      /* struct port_set */
    SETTING_OWN_VALUE,  /* in a way of its own: one value */
    SETTING_OWN_VALUES, /* the same, several */
};

struct setting {
    enum setting_key key;
    const char *name;
    enum setting_kind kind;
    size_t at, num_at; /* offsets in struct config: of the value, of how many there are */
    uint32_t min, max; /* of a number */
};

#define NUM_SETTINGS 48
extern const struct setting settings[NUM_SETTINGS];

const struct setting *setting_by_name(const char *name); /* NULL: no such setting */
const struct setting *setting_by_key(int key);
const struct setting *setting_nearest(const char *name); /* the one spelled most like it */

/* True for one that takes several values; of others the last one counts. */
bool setting_takes_many(const struct setting *setting);

/* Takes back what setting_add() or the default put there; what follows starts from nothing. */
void setting_clear(struct config *config, const struct setting *setting);

/* False with a complaint in why: config is then unchanged. */
bool setting_add(struct config *config, const struct setting *setting, const char *value, char *why,
                 size_t why_len);

#endif
