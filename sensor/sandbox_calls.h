/* sandbox_calls.h: the system calls that are left to the program (sandbox.h), by libseccomp. */
#ifndef STARTTAP_SENSOR_SANDBOX_CALLS_H
#define STARTTAP_SENSOR_SANDBOX_CALLS_H

#include "sandbox.h"

/* For all threads, from here on. False with the reason in missing. A build with sanitizers keeps all its
 * calls, because they need more than the program does, and says so there. */
bool sandbox_calls_limit(const struct sandbox_needs *needs, char *missing, size_t missing_len);

#endif
