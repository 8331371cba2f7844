/* crc32c.h: CRC-32C (Castagnoli; RFC 3720 section 12.1), the checksum of what lies in a spool.
 *
 * By the processor's own instruction where it has one (SSE 4.2, ARMv8 with CRC), some 7 GB/s; else by a
 * table, a tenth of that. */
#ifndef STARTTAP_OUTPUTS_CRC32C_H
#define STARTTAP_OUTPUTS_CRC32C_H

#include <stddef.h>
#include <stdint.h>

/* Of what `crc` is the checksum of, followed by data; 0 for nothing before. */
uint32_t crc32c(uint32_t crc, const void *data, size_t len);

/* The same, always by the table: for machines without such an instruction, and to test the other by. */
uint32_t crc32c_by_table(uint32_t crc, const void *data, size_t len);

#endif
