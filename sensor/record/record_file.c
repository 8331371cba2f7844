#include "record_file.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../../outputs/compress.h"
#include "../../outputs/sink_spec.h"
#include "../../outputs/sink_units.h"
#include "record_aside.h"
#include "record_block.h"

#define NS_PER_S    UINT64_C(1000000000)
#define EVERY_MAX_S (366u * 86400)
#define MESSAGE_LEN 512

/* What stands behind -w. */
struct record_spec {
    char path[PATH_MAX];
    bool append;
    uint64_t rotate_len, rotate_ns, len_max; /* 0: not given */
};

struct record_file {
    struct record_spec spec;
    struct record_file_settings settings;
    struct sink_path file; /* fd -1: to be opened again */
    struct compressor *compressor;
    struct record_section section;
    struct buffer pending, packed;
    uint64_t num_pending, bytes_pending; /* packets, and their bytes, in pending */
    uint64_t begin_ns;                   /* of the first packet in the file */
    uint64_t aside_len;                  /* bytes of the files put aside */
    uint64_t number;                     /* of files opened */
    bool has_packets;
    bool failing; /* the last attempt failed; said once */
    bool full;    /* the cap is reached; said once */
    bool dead;    /* a pipe or device that failed: nothing is written any more */
    bool gone;    /* because the reader of standard output went away */
    struct record_file_stats stats;
};

/* --- the text behind -w --- */

static bool ends_in_zst(const char *path) {
    size_t len = strlen(path);
    return len >= 4 && strcmp(path + len - 4, ".zst") == 0;
}

static const char *read_options(const struct sink_spec *options, struct record_spec *spec) {
    uint64_t seconds = 0;
    for (size_t i = 0; i < options->num_options; i++) {
        const char *key = options->options[i].key, *value = options->options[i].value;
        if (strcmp(spec->path, "-") == 0)
            return "standard output has no options";
        if (strcmp(key, "append") == 0) {
            spec->append = true;
            if (value[0] != '\0')
                return "append takes no value";
        } else if (strcmp(key, "rotate") == 0) {
            if (!sink_units_bytes(value, &spec->rotate_len))
                return "rotate wants a size, such as 1GB";
        } else if (strcmp(key, "every") == 0) {
            if (!sink_units_seconds(value, &seconds) || seconds > EVERY_MAX_S)
                return "every wants a time, such as 1h, of a year at most";
        } else if (strcmp(key, "max") == 0) {
            if (!sink_units_bytes(value, &spec->len_max))
                return "max wants a size, such as 50GB";
        } else {
            return "the options are append, rotate, every and max";
        }
    }
    spec->rotate_ns = seconds * NS_PER_S;
    if (spec->len_max > 0 && spec->rotate_len > 0 && spec->len_max < 2 * spec->rotate_len)
        return "max has to be twice rotate at least";
    return NULL;
}

static bool read_spec(const char *text, struct record_spec *spec, char *error, size_t error_len) {
    struct sink_spec options;
    char whole[PATH_MAX + 256];
    *spec = (struct record_spec){0};
    const char *wrong = NULL;
    if (snprintf(whole, sizeof whole, "record:%s", text) >= (int)sizeof whole) {
        snprintf(error, error_len, "'%s': the name is too long", text);
        return false;
    }
    if (!sink_spec_parse(&options, whole, error, error_len))
        return false;
    if (snprintf(spec->path, sizeof spec->path, "%s", options.target) >= (int)sizeof spec->path)
        wrong = "the name is too long";
    else
        wrong = read_options(&options, spec);
    sink_spec_cleanup(&options);
    if (wrong)
        snprintf(error, error_len, "'%s': %s", text, wrong);
    return wrong == NULL;
}

bool record_file_check(const char *text, char *error, size_t error_len) {
    struct record_spec spec;
    return read_spec(text, &spec, error, error_len);
}

bool record_file_is_sink(const char *text, const char *sink) {
    char whole[PATH_MAX + 256];
    return snprintf(whole, sizeof whole, "json:%s", text) < (int)sizeof whole && sink_same_place(whole, sink);
}

bool record_file_place(const char *text, struct sink_place *place) {
    struct record_spec spec;
    char error[MESSAGE_LEN];
    *place = (struct sink_place){0};
    if (!read_spec(text, &spec, error, sizeof error) || strcmp(spec.path, "-") == 0)
        return false;
    place->creates = spec.rotate_len > 0 || spec.rotate_ns > 0;
    snprintf(place->path, sizeof place->path, "%s", spec.path);
    return true;
}

bool record_file_is(const char *text, const char *path) {
    char whole[PATH_MAX + 256]; /* the last '?' begins options, so that the name may hold others */
    return snprintf(whole, sizeof whole, "json:%s?", path) < (int)sizeof whole &&
           record_file_is_sink(text, whole);
}

bool record_file_is_stdout(const char *text) {
    return strcmp(text, "-") == 0;
}

/* --- opening --- */

__attribute__((format(printf, 2, 3))) static void say(const struct record_file *file, const char *format,
                                                      ...) {
    char message[PATH_MAX + MESSAGE_LEN];
    int used = snprintf(message, sizeof message, "%s: ", file->spec.path);
    va_list args;
    va_start(args, format);
    vsnprintf(message + used, sizeof message - (size_t)used, format, args);
    va_end(args);
    if (file->settings.log)
        file->settings.log(file->settings.log_context, message);
}

/* What a file holds that is added to has to be whole; what a crash left behind its last block is cut off. */
static bool settle_old(struct record_file *file, char why[SINK_PATH_WHY_MAX]) {
    if (file->compressor) {
        bool whole = compressor_is_whole(file->file.fd);
        if (!whole)
            snprintf(why, SINK_PATH_WHY_MAX, "ends within a frame, so nothing can be added to it");
        return whole;
    }
    uint64_t whole = record_block_whole(file->file.fd, file->file.len);
    if (whole == 0) {
        snprintf(why, SINK_PATH_WHY_MAX,
                 "is no pcapng file of this byte order, so nothing can be added to it");
        return false;
    }
    if (whole < file->file.len && ftruncate(file->file.fd, (off_t)whole) != 0) {
        snprintf(why, SINK_PATH_WHY_MAX, "%s", strerror(errno));
        return false;
    }
    file->file.len = whole;
    return true;
}

static bool open_path(struct record_file *file, enum sink_path_mode mode, char why[SINK_PATH_WHY_MAX]) {
    if (!sink_path_open(&file->file, file->spec.path, mode, why))
        return false;
    if (file->file.is_regular && file->file.len == 0)
        (void)fchmod(file->file.fd, S_IRUSR | S_IWUSR); /* mail is in there */
    if (file->file.len > 0 && !settle_old(file, why)) {
        (void)sink_path_close(&file->file, file->settings.io);
        return false;
    }
    file->section = (struct record_section){0};
    file->has_packets = false;
    file->number++;
    return true;
}

static void free_file(struct record_file *file) {
    compressor_free(file->compressor);
    buffer_cleanup(&file->pending);
    buffer_cleanup(&file->packed);
    free(file);
}

struct record_file *record_file_open(const char *text, const struct record_file_settings *settings,
                                     char *error, size_t error_len) {
    char why[SINK_PATH_WHY_MAX] = "";
    struct record_file *file = calloc(1, sizeof *file);
    if (!file) {
        snprintf(error, error_len, "%s: out of memory", text);
        return NULL;
    }
    if (!read_spec(text, &file->spec, error, error_len)) {
        free_file(file);
        return NULL;
    }
    file->settings = *settings;
    if (!file->settings.io)
        file->settings.io = &sink_path_system;
    bool packs = ends_in_zst(file->spec.path);
    file->compressor = packs ? compressor_new() : NULL;
    enum sink_path_mode mode = file->spec.append ? SINK_PATH_APPEND
                               : settings->force ? SINK_PATH_FORCE
                                                 : SINK_PATH_NEW;
    if ((packs && !file->compressor) || !buffer_reserve(&file->pending, RECORD_FILE_GATHER))
        snprintf(why, sizeof why, "out of memory");
    else if (open_path(file, mode, why)) {
        file->aside_len = record_aside_len(file->spec.path);
        return file;
    }
    snprintf(error, error_len, "%s: %s", file->spec.path, why);
    free_file(file);
    return NULL;
}

/* --- writing --- */

/* What was gathered goes: into the file or, when that fails, nowhere. */
static void forget_pending(struct record_file *file) {
    buffer_clear(&file->pending);
    buffer_clear(&file->packed);
    file->num_pending = file->bytes_pending = 0;
}

/* True when it is to be tried again at once. */
static bool wait_for_room(const struct record_file *file) {
    struct pollfd wanted = {.fd = file->file.fd, .events = POLLOUT};
    return errno == EINTR || (errno == EAGAIN && (poll(&wanted, 1, -1) > 0 || errno == EINTR));
}

static bool write_all(struct record_file *file, const struct buffer *out) {
    size_t done = 0;
    while (done < out->len) {
        errno = EIO; /* for a write that takes nothing and names no reason */
        ssize_t taken = file->settings.io->write(file->file.fd, out->data + done, out->len - done);
        if (taken > 0)
            done += (size_t)taken;
        else if (taken == 0 || !wait_for_room(file))
            return false;
    }
    file->file.len += done;
    return true;
}

/* A block that was written in part would hide all that follows it. */
static void cut_back(struct record_file *file) {
    if (file->file.is_regular && ftruncate(file->file.fd, (off_t)file->file.len) == 0)
        return;
    file->dead = !file->file.is_regular; /* its reader cannot go on either */
    (void)sink_path_close(&file->file, file->settings.io);
}

static bool pack(struct record_file *file) {
    return !file->compressor || compressor_add(file->compressor, file->pending.data, file->pending.len,
                                               COMPRESS_END, &file->packed);
}

static void fail(struct record_file *file, const char *why) {
    file->stats.errors++;
    file->stats.packets_lost += file->num_pending;
    if (!file->failing && !file->gone)
        say(file, "%s; packets are not recorded %s", why,
            file->dead ? "any more" : "until it can be written again");
    file->failing = true;
    /* The section's header may be among what is lost: the next blocks begin another. */
    file->section = (struct record_section){0};
}

/* Each time a frame of its own (.zst), so that what is lost is whole frames. */
void record_file_flush(struct record_file *file) {
    char why[SINK_PATH_WHY_MAX];
    if (file->pending.len == 0)
        return;
    if (file->dead) {
        file->stats.packets_lost += file->num_pending;
    } else if (file->file.fd < 0 && !open_path(file, SINK_PATH_APPEND, why)) {
        fail(file, why);
    } else if (!pack(file)) {
        fail(file, "out of memory");
    } else if (!write_all(file, file->compressor ? &file->packed : &file->pending)) {
        int error = errno;
        cut_back(file);
        file->gone = error == EPIPE && strcmp(file->spec.path, "-") == 0;
        fail(file, strerror(error));
    } else {
        file->stats.packets += file->num_pending;
        file->stats.bytes += file->bytes_pending;
        if (file->failing)
            say(file, "is written again; %llu packets were not recorded",
                (unsigned long long)file->stats.packets_lost);
        file->failing = false;
    }
    forget_pending(file);
}

/* --- rotation and cap --- */

static uint64_t len_now(const struct record_file *file) {
    return file->file.len + file->pending.len;
}

static bool rotates(const struct record_file *file) {
    return file->spec.rotate_len > 0 || file->spec.rotate_ns > 0;
}

static bool rotation_due(const struct record_file *file, uint64_t ts_ns) {
    const struct record_spec *spec = &file->spec;
    if (!file->has_packets || file->failing || !file->file.is_regular)
        return false;
    /* Half of the cap, so that a file that is only timed cannot outgrow it. */
    uint64_t len_max = spec->rotate_len > 0 ? spec->rotate_len : spec->len_max / 2;
    return (rotates(file) && len_max > 0 && len_now(file) >= len_max) ||
           (spec->rotate_ns > 0 && ts_ns / spec->rotate_ns > file->begin_ns / spec->rotate_ns);
}

static bool leave_file(struct record_file *file) {
    record_file_flush(file);
    if (file->failing)
        return false;
    if (!sink_path_close(&file->file, file->settings.io))
        say(file, "%s, when the file was closed: its end may be lost", strerror(errno));
    return true;
}

static void rotate(struct record_file *file) {
    char why[SINK_PATH_WHY_MAX];
    uint64_t begin_ns = file->begin_ns, len = len_now(file);
    if (!leave_file(file))
        return;
    if (sink_path_put_aside(file->spec.path, begin_ns, file->settings.io))
        file->aside_len += len;
    else
        say(file, "%s, when it was to be renamed; it is written on", strerror(errno));
    if (!open_path(file, SINK_PATH_APPEND, why))
        fail(file, why);
}

/* True when there is room for so many bytes more. */
static bool keep_cap(struct record_file *file, uint64_t len) {
    uint64_t most = file->spec.len_max;
    if (most == 0 || !file->file.is_regular)
        return true;
    if (!rotates(file))
        return len_now(file) + len <= most;
    while (file->aside_len > 0 && file->aside_len + len_now(file) + len > most) {
        if (!record_aside_remove_oldest(file->spec.path)) {
            say(file, "%s, when the oldest was to be removed", strerror(errno));
            file->aside_len = 0; /* whoever took it away keeps the cap */
            break;
        }
        file->aside_len = record_aside_len(file->spec.path);
    }
    return true;
}

void record_file_add_older(struct record_file *file, const struct packet *packet) {
    if (!keep_cap(file, packet->captured_len)) {
        if (!file->full)
            say(file, "has reached its max; packets are not recorded any more");
        file->full = true;
        file->stats.packets_lost++;
        return;
    }
    if (!record_block_add(&file->section, packet, &file->pending)) {
        buffer_clear(&file->pending); /* forgets that memory ran out; what it held is lost with it */
        file->stats.packets_lost += 1 + file->num_pending;
        file->section = (struct record_section){0};
        forget_pending(file);
        return;
    }
    file->num_pending++;
    file->bytes_pending += packet->captured_len;
    if (file->pending.len >= RECORD_FILE_GATHER)
        record_file_flush(file);
}

void record_file_add(struct record_file *file, const struct packet *packet) {
    if (rotation_due(file, packet->ts_ns))
        rotate(file);
    if (!file->has_packets)
        file->begin_ns = packet->ts_ns;
    file->has_packets = true;
    record_file_add_older(file, packet);
}

uint64_t record_file_number(const struct record_file *file) {
    return file->number;
}

void record_file_reopen(struct record_file *file) {
    char why[SINK_PATH_WHY_MAX];
    if (file->file.is_regular && leave_file(file) && !open_path(file, SINK_PATH_APPEND, why))
        fail(file, why);
}

bool record_file_gone(const struct record_file *file) {
    return file->gone;
}

void record_file_stats(const struct record_file *file, struct record_file_stats *stats) {
    *stats = file->stats;
}

bool record_file_close(struct record_file *file) {
    if (!file)
        return true;
    if (file->file.fd >= 0 && file->file.len == 0 && !file->failing)
        record_block_begin(&file->section, &file->pending);
    record_file_flush(file);
    bool good = !file->failing;
    if (good && !sink_path_close(&file->file, file->settings.io)) {
        good = false;
        say(file, "%s, when the file was closed: its end may be lost", strerror(errno));
    }
    free_file(file);
    return good;
}
