/* thrd.c: threads of C11 by those of POSIX, which ThreadSanitizer knows; librdkafka makes the former. To be
 * preloaded (threads.sh). */
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <threads.h>
struct start {
    thrd_start_t run;
    void *context;
};
static void *begin(void *context) {
    struct start start = *(struct start *)context;
    free(context);
    return (void *)(intptr_t)start.run(start.context);
}
int thrd_create(thrd_t *thread, thrd_start_t run, void *context) {
    struct start *start = malloc(sizeof *start);
    if (!start)
        return thrd_nomem;
    *start = (struct start){run, context};
    return pthread_create(thread, NULL, begin, start) == 0 ? thrd_success : thrd_error;
}
int thrd_join(thrd_t thread, int *result) {
    void *value;
    if (pthread_join(thread, &value) != 0)
        return thrd_error;
    if (result)
        *result = (int)(intptr_t)value;
    return thrd_success;
}
int thrd_detach(thrd_t thread) {
    return pthread_detach(thread) == 0 ? thrd_success : thrd_error;
}
