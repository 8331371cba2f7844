/* output.h: the two files that a generator run writes: a capture, and the facts to check results against.
 *
 * Facts are lines of tab-separated values; the first says what it is:
 *   role N file connection client server server_port filler bytes_client bytes_server packets_client
 *        packets_server serial_at certificate(hex or -)
 *   session N role start_us end_us client client_port server server_label client_label serial_mask lost
 *        repeated reordered
 *   total packets bytes sessions */
#ifndef STARTTAP_BENCH_OUTPUT_H
#define STARTTAP_BENCH_OUTPUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

struct output {
    int fd;
    FILE *facts;
    uint8_t *buffer;
    size_t used;
    uint64_t packets, bytes;
    bool failed;
};

/* False with a message on standard error. The facts go to path with ".facts" behind it. */
bool output_open(struct output *output, const char *path);
bool output_close(struct output *output);

/* Room for a frame of that length, captured at that time: to be filled before the next call. */
uint8_t *output_frame(struct output *output, uint64_t ts_us, uint32_t len);

#endif
