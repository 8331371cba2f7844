/* signals.h: what signals ask of the program. Handlers only set flags; the loops look at them.
 *
 *     SIGINT, SIGTERM  stop; a second one, of either, ends the program at once
 *     SIGHUP           reopen outputs, and read the configuration again
 *     SIGUSR1          print counters
 *
 * A write to a closed pipe and a file that grows too large are error values where they happen. */
#ifndef STARTTAP_SENSOR_SIGNALS_H
#define STARTTAP_SENSOR_SIGNALS_H

#include <stdbool.h>

/* Without reopens SIGHUP ends the program as ever. */
void signals_catch(bool reopens);

bool signals_stop(void);          /* stop was asked for */
bool signals_take_reopen(void);   /* true once for each SIGHUP (or several in a row) */
bool signals_take_counters(void); /* the same of SIGUSR1 */

/* For threads beside the loop: with begin, signals are for others than the threads made until end. */
void signals_hold_begin(void);
void signals_hold_end(void);

#endif
