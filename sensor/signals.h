/* signals.h: what signals ask of the program. Handlers only set flags; the loops look at them. */
#ifndef STARTTAP_SENSOR_SIGNALS_H
#define STARTTAP_SENSOR_SIGNALS_H

#include <stdbool.h>

/* SIGINT and SIGTERM ask to stop; a second one ends the program at once. SIGHUP asks to reopen outputs when
 * reopens is set, else it ends the program as ever. A write to a closed pipe and a file that grows too large
 * are error values where they happen. */
void signals_catch(bool reopens);

bool signals_stop(void);        /* stop was asked for */
bool signals_take_reopen(void); /* true once for each SIGHUP (or several in a row) */

#endif
