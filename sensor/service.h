/* service.h: what a program that runs for months is asked by its surroundings: signals (signals.h) and the
 * service manager (notify.h). */
#ifndef STARTTAP_SENSOR_SERVICE_H
#define STARTTAP_SENSOR_SERVICE_H

#include "config.h"
#include "log.h"
#include "notify.h"

struct run;

struct service {
    struct notify notify;
    int argc; /* what the configuration is read from again */
    char **argv;
    struct config *config; /* the one that is in force, and changes */
    uint64_t keylog_ms;    /* when the key log was read last */
    uint64_t measured_ms;  /* when the metrics were given numbers last */
    uint64_t said_ms;      /* when the manager was told the numbers last */
};

void service_open(struct service *service, int argc, char **argv, struct config *config);
void service_close(struct service *service);

/* Everything is open and the loop begins. */
void service_ready(struct run *run);

/* A stop was asked for, or the loop has come to its end. */
void service_stopping(struct run *run);

/* Whenever a loop has time, between two packets and at least each second: does what signals ask for, and
 * gives signs of life. Cheap when there is nothing. */
void service_turn(struct run *run);

/* The turn at this time, of the monotonic clock, will give the metrics numbers. */
bool service_measures(const struct run *run, uint64_t now_ms);

uint64_t service_memory_bytes(void); /* allocated now */

/* Live with --workers: how well the kernel shares out the packets. Else nothing. */
void service_say_workers(const struct run *run, enum log_level level);

/* pipeline_resume(); a failure ends the run. */
void service_resume(struct run *run);

#endif
