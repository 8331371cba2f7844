#include "sink_units.h"

#include <stddef.h>
#include <strings.h>

#define AMOUNT_MAX UINT64_C(1000000000000) /* times the largest unit it still is no overflow */

struct unit {
    const char *name;
    uint64_t times;
};

static bool parse(const char *text, const struct unit *units, size_t num_units, uint64_t *value) {
    uint64_t amount = 0;
    const char *at = text;
    for (; *at >= '0' && *at <= '9' && amount <= AMOUNT_MAX; at++) {
        amount = amount * 10 + (uint64_t)(*at - '0');
    }
    if (amount == 0 || amount > AMOUNT_MAX) {
        return false;
    }
    for (size_t i = 0; i < num_units; i++) {
        if (strcasecmp(at, units[i].name) == 0 && amount <= UINT64_MAX / units[i].times) {
            *value = amount * units[i].times;
            return true;
        }
    }
    return false;
}

bool sink_units_bytes(const char *text, uint64_t *bytes) {
    static const struct unit units[] = {
        {"", 1},          {"B", 1},         {"kB", 1000},     {"MB", 1000000}, {"GB", 1000000000},
        {"KiB", 1 << 10}, {"MiB", 1 << 20}, {"GiB", 1 << 30},
    };
    return parse(text, units, sizeof units / sizeof units[0], bytes);
}

bool sink_units_seconds(const char *text, uint64_t *seconds) {
    static const struct unit units[] = {{"", 1}, {"s", 1}, {"m", 60}, {"h", 3600}, {"d", 86400}};
    return parse(text, units, sizeof units / sizeof units[0], seconds);
}
