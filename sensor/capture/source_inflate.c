#include "source_inflate.h"

#include <assert.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>
#include <zstd.h>
#include <zstd_errors.h>

#include "../../parsers/reader.h"
#include "../ring.h"

#define GZIP_MAGIC          0x1f8bu     /* RFC 1952 section 2.3.1 */
#define ZSTD_FRAME_MAGIC    0xfd2fb528u /* RFC 8878 section 3.1.1 */
#define ZSTD_SKIPPABLE      0x184d2a50u /* RFC 8878 section 3.1.2; pzstd begins its files with such a frame */
#define ZSTD_SKIPPABLE_MASK 0xfffffff0u
#define GZIP_WINDOW_BITS    (15 + 16) /* zlib's largest window, gzip wrapper only */

#define BLOCKS      16 /* inflated ahead */
#define BLOCK_BYTES (64u << 10)

/* Input for the thread, borrowed until it is used up. */
struct task {
    const uint8_t *in;
    size_t in_len, in_pos;
    bool stop; /* no input: the thread ends */
};

struct block {
    size_t len;
    bool ends_task; /* with what came of it: */
    bool complete;
    size_t in_pos;
    const char *cause;
    uint8_t bytes[BLOCK_BYTES];
};

struct inflater {
    /* of the thread, if there is one */
    bool complete;        /* between members or frames */
    z_stream zlib;        /* when zstd is NULL */
    ZSTD_DStream *zstd;   /* NULL: gzip */
    size_t zstd_in_bytes; /* what the decoder wants next */

    bool threaded;
    pthread_t thread;
    struct ring tasks, ready;
    struct task task;     /* the one slot of tasks */
    struct block *blocks; /* BLOCKS, of ready */
    atomic_bool abandon;  /* nobody wants the rest of the task */

    /* of the reader */
    bool busy;          /* there is a task, or blocks of it */
    bool task_complete; /* as the last task left it */
    size_t block_pos;   /* bytes of the first block that were read */
};

const char inflate_no_memory[] = "out of memory";

static bool is_gzip(const uint8_t *magic, size_t len) {
    struct reader r = reader_of(magic, len);
    return reader_u16(&r) == GZIP_MAGIC;
}

static bool is_zstd(const uint8_t *magic, size_t len) {
    struct reader r = reader_of(magic, len);
    uint32_t value = reader_u32le(&r);
    return value == ZSTD_FRAME_MAGIC || (value & ZSTD_SKIPPABLE_MASK) == ZSTD_SKIPPABLE;
}

bool inflate_knows(const uint8_t *magic, size_t len) {
    return is_gzip(magic, len) || is_zstd(magic, len);
}

static size_t step_gzip(struct inflater *inflater, const uint8_t *in, size_t in_len, size_t *in_pos,
                        uint8_t *out, size_t out_len, const char **cause) {
    z_stream *zlib = &inflater->zlib;
    if (inflater->complete)
        (void)inflateReset(zlib); /* RFC 1952 section 2.2: members simply follow one another */
    assert(in_len <= UINT_MAX && out_len <= UINT_MAX);
    zlib->next_in = (z_const Bytef *)(uintptr_t)(in + *in_pos); /* zlib does not write there */
    zlib->avail_in = (unsigned)(in_len - *in_pos);
    zlib->next_out = out;
    zlib->avail_out = (unsigned)out_len;
    int result = inflate(zlib, Z_NO_FLUSH);
    *in_pos = in_len - zlib->avail_in;
    inflater->complete = result == Z_STREAM_END;
    if (result != Z_OK && result != Z_STREAM_END && result != Z_BUF_ERROR)
        *cause = result == Z_MEM_ERROR ? inflate_no_memory : zlib->msg ? zlib->msg : zError(result);
    return out_len - zlib->avail_out;
}

static size_t step_zstd(struct inflater *inflater, const uint8_t *in, size_t in_len, size_t *in_pos,
                        uint8_t *out, size_t out_len, const char **cause) {
    /* Block by block, as the decoder asks: on an error libzstd forgets all that the same call had produced.
     */
    size_t left = in_len - *in_pos;
    size_t share = left < inflater->zstd_in_bytes ? left : inflater->zstd_in_bytes;
    ZSTD_inBuffer from = {in, *in_pos + share, *in_pos};
    ZSTD_outBuffer to = {out, out_len, 0};
    size_t result = ZSTD_decompressStream(inflater->zstd, &to, &from);
    *in_pos = from.pos;
    inflater->complete = result == 0;
    if (ZSTD_isError(result))
        *cause = ZSTD_getErrorCode(result) == ZSTD_error_memory_allocation ? inflate_no_memory
                                                                           : ZSTD_getErrorName(result);
    else
        inflater->zstd_in_bytes = result > 0 ? result : ZSTD_initDStream(inflater->zstd);
    return to.pos;
}

static size_t step(struct inflater *inflater, const uint8_t *in, size_t in_len, size_t *in_pos, uint8_t *out,
                   size_t out_len, const char **cause) {
    return inflater->zstd ? step_zstd(inflater, in, in_len, in_pos, out, out_len, cause)
                          : step_gzip(inflater, in, in_len, in_pos, out, out_len, cause);
}

/* --- the thread --- */

/* Fills the block; it ends the task when the input is used up, nothing is held back, or nothing moves. */
static void fill(struct inflater *inflater, struct task *task, struct block *block) {
    block->len = 0;
    block->cause = NULL;
    block->ends_task = false;
    while (!block->ends_task && block->len < BLOCK_BYTES) {
        size_t before = task->in_pos;
        size_t got = step(inflater, task->in, task->in_len, &task->in_pos, block->bytes + block->len,
                          BLOCK_BYTES - block->len, &block->cause);
        block->len += got;
        bool used_up = task->in_pos == task->in_len && (got == 0 || inflater->complete);
        bool stands = got == 0 && task->in_pos == before;
        block->ends_task = used_up || stands || block->cause != NULL;
    }
    block->ends_task = block->ends_task || atomic_load_explicit(&inflater->abandon, memory_order_relaxed);
    block->in_pos = task->in_pos;
    block->complete = inflater->complete;
}

static void *run(void *context) {
    struct inflater *inflater = context;
    for (;;) {
        (void)ring_await(&inflater->tasks);
        struct task task = inflater->task;
        if (task.stop)
            return NULL;
        bool ended = false;
        while (!ended) {
            struct block *block = &inflater->blocks[ring_await_room(&inflater->ready)];
            fill(inflater, &task, block);
            ended = block->ends_task;
            ring_put(&inflater->ready);
            if (ended)
                ring_take(&inflater->tasks);
            ring_hand_over(&inflater->ready);
        }
    }
}

/* Without memory or threads for it, all goes on without. */
static void start_thread(struct inflater *inflater) {
    sigset_t all, before;
    inflater->blocks = malloc(BLOCKS * sizeof *inflater->blocks);
    if (inflater->blocks == NULL)
        return;
    ring_init(&inflater->tasks, 1);
    ring_init(&inflater->ready, BLOCKS);
    sigfillset(&all); /* signals are for the reader, whom they interrupt */
    pthread_sigmask(SIG_SETMASK, &all, &before);
    inflater->threaded = pthread_create(&inflater->thread, NULL, run, inflater) == 0;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (inflater->threaded)
        return;
    ring_cleanup(&inflater->tasks);
    ring_cleanup(&inflater->ready);
}

/* --- the reader --- */

static void give_task(struct inflater *inflater, struct task task) {
    (void)ring_await_room(&inflater->tasks);
    inflater->task = task;
    ring_put(&inflater->tasks);
    ring_hand_over(&inflater->tasks);
}

static void take_block(struct inflater *inflater, const struct block *block) {
    if (block->ends_task) {
        inflater->busy = false;
        inflater->task_complete = block->complete;
    }
    inflater->block_pos = 0;
    ring_take(&inflater->ready);
}

static void stop_thread(struct inflater *inflater) {
    atomic_store(&inflater->abandon, true);
    while (inflater->busy)
        take_block(inflater, &inflater->blocks[ring_await(&inflater->ready)]);
    give_task(inflater, (struct task){.stop = true});
    pthread_join(inflater->thread, NULL);
    ring_cleanup(&inflater->tasks);
    ring_cleanup(&inflater->ready);
}

static bool open_codec(struct inflater *inflater, const uint8_t *magic, size_t len) {
    if (is_gzip(magic, len))
        return inflateInit2(&inflater->zlib, GZIP_WINDOW_BITS) == Z_OK;
    inflater->zstd = ZSTD_createDStream();
    inflater->zstd_in_bytes = inflater->zstd ? ZSTD_initDStream(inflater->zstd) : 0;
    return inflater->zstd != NULL;
}

struct inflater *inflate_new(const uint8_t *magic, size_t len) {
    struct inflater *inflater = aligned_alloc(_Alignof(struct inflater), sizeof *inflater);
    if (inflater == NULL)
        return NULL;
    memset(inflater, 0, sizeof *inflater);
    if (!open_codec(inflater, magic, len)) {
        free(inflater);
        return NULL;
    }
    start_thread(inflater);
    return inflater;
}

void inflate_free(struct inflater *inflater) {
    if (inflater == NULL)
        return;
    if (inflater->threaded)
        stop_thread(inflater);
    if (inflater->zstd == NULL)
        (void)inflateEnd(&inflater->zlib);
    ZSTD_freeDStream(inflater->zstd);
    free(inflater->blocks);
    free(inflater);
}

size_t inflate_step(struct inflater *inflater, const uint8_t *in, size_t in_len, size_t *in_pos, uint8_t *out,
                    size_t out_len, const char **cause) {
    if (!inflater->threaded)
        return step(inflater, in, in_len, in_pos, out, out_len, cause);
    if (!inflater->busy)
        give_task(inflater, (struct task){.in = in, .in_len = in_len, .in_pos = *in_pos});
    inflater->busy = true;
    const struct block *block = &inflater->blocks[ring_await(&inflater->ready)];
    size_t left = block->len - inflater->block_pos;
    size_t len = left < out_len ? left : out_len;
    memcpy(out, block->bytes + inflater->block_pos, len);
    inflater->block_pos += len;
    if (len < left)
        return len;
    if (block->ends_task)
        *in_pos = block->in_pos;
    if (block->cause != NULL)
        *cause = block->cause;
    take_block(inflater, block);
    return len;
}

bool inflate_complete(const struct inflater *inflater) {
    return inflater->threaded ? !inflater->busy && inflater->task_complete : inflater->complete;
}
