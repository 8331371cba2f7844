/* config_file.h: settings as YAML: one mapping, the names of the long options as its keys.
 *
 *     mail-ports: [25, 587, 2525-2530]
 *     home: 192.0.2.0/24
 *     any-port: true
 *
 * A setting that takes several values takes a sequence or one text. `null` is a setting not given. */
#ifndef STARTTAP_SENSOR_CONFIG_FILE_H
#define STARTTAP_SENSOR_CONFIG_FILE_H

#include <stdio.h>

#include "config.h"

/* Reads path over what config holds. False with "FILE:LINE:COLUMN: what is wrong" in why; config may then
 * hold a part of the file. */
bool config_file_load(const char *path, struct config *config, char *why, size_t why_len);

/* Writes every setting that is in force, so that config_file_load() makes the same configuration of it. False
 * when a text cannot be written as YAML (a file name that is not UTF-8) or stream takes no more. */
bool config_file_dump(const struct config *config, FILE *stream);

#endif
