/* record_aside.h: the files that a recording has put aside, found by their names, so that a cap holds from
 * one run to the next. */
#ifndef STARTTAP_SENSOR_RECORD_RECORD_ASIDE_H
#define STARTTAP_SENSOR_RECORD_RECORD_ASIDE_H

#include <stdbool.h>
#include <stdint.h>

/* Of path mail.pcapng these are mail.20240131T235959Z.pcapng and mail.20240131T235959Z-1.pcapng
 * (sink_path_put_aside()). */
uint64_t record_aside_len(const char *path);       /* bytes, all together */
bool record_aside_remove_oldest(const char *path); /* false with errno: there is none, or it stays */

#endif
