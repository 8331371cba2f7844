/* budget.h: the memory that what strangers send may take, all together (--memory-cap).
 *
 * Who keeps something that grows with the traffic says how many bytes it holds: connections with their
 * sessions and reorder buffers, certificates, peers and what is remembered of servers, answers of the DNS.
 * Each bounds itself to a part of the whole; connections take what is left, and when the budget is overdrawn,
 * they give way. One budget for all threads. NULL stands for one that is never overdrawn. */
#ifndef STARTTAP_SENSOR_BUDGET_H
#define STARTTAP_SENSOR_BUDGET_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define BUDGET_BLOCK 16 /* what an allocation costs besides its bytes: header and rounding */

struct budget {
    atomic_size_t held;
    size_t max;
};

static inline void budget_init(struct budget *budget, size_t max) {
    atomic_init(&budget->held, 0);
    budget->max = max;
}

/* Holds now bytes where it held before. */
static inline void budget_change(struct budget *budget, size_t before, size_t now) {
    if (budget && before != now)
        atomic_fetch_add_explicit(&budget->held, now - before, memory_order_relaxed);
}

static inline bool budget_overdrawn(const struct budget *budget) {
    return budget && atomic_load_explicit(&budget->held, memory_order_relaxed) > budget->max;
}

/* One of so many equal parts. */
static inline size_t budget_part(const struct budget *budget, size_t parts) {
    return budget ? budget->max / parts : SIZE_MAX;
}

#endif
