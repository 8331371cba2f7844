/* summary.h: what someone who runs starttap first sees: one screen about all sessions.
 *
 * Fed with every event, it keeps counts only: the peers with mail or passwords in
 * clear (SUMMARY_PEERS_MAX), the certificates that have expired or soon will
 * (SUMMARY_CERTS_MAX), and the names of versions and ciphers (SUMMARY_NAMES_MAX).
 * What comes after a limit is counted in the totals and not listed; the summary
 * says so. Peer events are not read: sessions say the same. Counters of sensor
 * events are added up, so each must stand for its own interval. */
#ifndef STARTTAP_OUTPUTS_SUMMARY_H
#define STARTTAP_OUTPUTS_SUMMARY_H

#include "event.h"

#include <stdio.h>

#define SUMMARY_PEERS_MAX 16384
#define SUMMARY_CERTS_MAX 4096
#define SUMMARY_NAMES_MAX 64

struct summary;

struct summary_style {
    bool color;          /* ANSI colours */
    bool utf8;           /* the terminal shows UTF-8; otherwise all is ASCII */
    unsigned width;      /* columns; 0: 80; taken as 60 when less */
    unsigned height_max; /* lines; 0: 24; taken as 40 when more. Below 24 the tables shrink first. */
};

struct summary *summary_new(void); /* NULL when out of memory */
void summary_free(struct summary *summary);
void summary_add(struct summary *summary, const struct event *event);

/* Host names and the like are printed by text_add_terminal(): nothing in them reaches the terminal as a
 * command. */
void summary_print(const struct summary *summary, FILE *file, const struct summary_style *style);

#endif
