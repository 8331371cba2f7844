/* sink_report.h: what the sensor event says of sinks: how much they were given, what waits, how late they
 * are, and how they fail.
 *
 * Reading captures, files and databases are left out: the same capture has to give the same events in them,
 * whatever they are called and however full their disk was. */
#ifndef STARTTAP_SENSOR_SINK_REPORT_H
#define STARTTAP_SENSOR_SINK_REPORT_H

#include "../outputs/sink.h"

#define SINK_REPORT_MAX 64 /* entries of one list; what is beyond is left out */

struct sink_report;

struct sink_report *sink_report_new(bool live);    /* live: of all sinks. NULL: out of memory */
void sink_report_free(struct sink_report *report); /* NULL is fine */

/* Empties the lists of event, and adds what one sink says of itself. */
void sink_report_begin(struct sensor_event *event);
void sink_report_add(struct sink_report *report, const char *name, const struct sink_stats *stats,
                     struct sensor_event *event);

/* Both, of several sinks: fills the lists of event; they live in report until the next call. sinks may hold
 * NULLs. */
void sink_report_fill(struct sink_report *report, struct sink *const *sinks, size_t num_sinks,
                      struct sensor_event *event);

#endif
