/* config.h: command line and configuration file -> one const struct. */
#ifndef STARTTAP_SENSOR_CONFIG_H
#define STARTTAP_SENSOR_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "capture/port_set.h"
#include "judge/alert_rules.h"

/* A network in CIDR notation; IPv4 has addr_len 4. */
struct network {
    uint8_t address[16];
    uint8_t addr_len;
    uint8_t prefix_len;
};

#define CONFIG_WORKERS_MAX 64

struct config {
    const char *path; /* --config, as in argv; NULL: none */
    char **inputs;    /* -r, in order */
    size_t num_inputs;
    char **interfaces; /* -i, in order; not together with inputs */
    size_t num_interfaces;
    uint32_t ring_mb;  /* --ring-mb: of each interface */
    uint32_t snap_len; /* --snap-length */
    bool no_promiscuous;
    char *time_stamps;          /* --time-stamps; NULL: the adapter's where they are in the host's time */
    uint32_t tunnels;           /* --tunnels: bits of filter_tunnel_name() */
    uint32_t sensor_interval_s; /* --sensor-interval: of packet time; 0: at the end only */
    char **sinks;               /* -o specs, in order */
    size_t num_sinks;
    bool force;         /* --force: overwrite files that sinks find */
    unsigned datasets;  /* --datasets: bit per enum dataset (event.h), of sinks that do not say; 0: all */
    char *kafka_config; /* --kafka-config; NULL: none */
    char **kafka_properties; /* -X, "key=value", in order */
    size_t num_kafka_properties;
    uint32_t sink_wait_s;  /* --sink-wait: how long a run goes on when nothing is delivered any more */
    char *spool;           /* --spool: where each Kafka sink has its directory */
    bool spool_given;      /* false: it is where this user keeps state */
    uint32_t spool_max_mb; /* --spool-max: of each */
    bool deliver;          /* --deliver: read nothing, deliver what the spools hold */
    char *record;          /* -w: where packets of mail connections go (record_file.h); NULL: nowhere */
    bool scrub;            /* --scrub: without bodies and passwords */
    char *metrics;         /* --metrics: ADDRESS:PORT or PORT; NULL: none */
    char *filter;          /* BPF expression or NULL */
    char *filter_path;     /* where it was read from; NULL: it was given itself */
    struct port_set mail_ports, tls_ports;
    bool any_port;
    bool no_dns;   /* --no-dns: answers of the DNS are not looked at */
    char *mta_sts; /* --mta-sts: directory of policies; NULL: none */
    bool received; /* --received */
    struct network *home;
    size_t num_home;
    char *ca_path;  /* --ca; NULL system store */
    bool no_verify; /* --no-verify */
    char *keylog;   /* --keylog */
    char *policy;   /* --policy: a file or a profile's name; NULL none */
    bool verify_checksums;
    char *observer_name;         /* default: the host's name */
    struct alert_rules alert_on; /* --alert-on */
    uint32_t peer_window_s;      /* 0: one window, to the end (default for files) */
    uint32_t max_flows;          /* --max-flows: tracked connections */
    uint32_t memory_cap_mb;      /* --memory-cap: of all that grows with the traffic (budget.h); 0: none */
    uint32_t workers; /* --workers: trackers, each in a thread if there are several; live, capture threads */
    uint32_t max_peers; /* --max-peers: of each kind (judge/peers.h); 0: PEERS_MAX */
    char *state;        /* --state: what is remembered from run to run; NULL: nothing */
    char **mmdb;        /* --mmdb: databases of addresses, in order */
    size_t num_mmdb;
    bool no_summary, quiet;
    char *user;               /* --user: whom root becomes once it captures; NULL: privilege.h says who */
    bool no_sandbox;          /* --no-sandbox */
    uint32_t drain_timeout_s; /* --drain-timeout: for what is left to do after SIGTERM */
    uint32_t verbose;         /* -v: how many times */
};

enum config_result {
    CONFIG_RUN,   /* go on */
    CONFIG_DONE,  /* --help, --version, --dump-config or -T did their work: exit 0 */
    CONFIG_WRONG, /* said why on standard error: exit 2 */
};

/* Reads the command line and the file that it names (the command line overrides it). The order of argv may
 * change. config owns what it holds: give it to config_cleanup(); unless CONFIG_RUN is returned it is empty.
 */
enum config_result config_load(int argc, char **argv, struct config *config);
void config_cleanup(struct config *config); /* NULL is fine */

#endif
