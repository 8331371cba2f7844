#include "mirror.h"

#include <stddef.h>

static const char *const names[] = {
    [MIRROR_UNKNOWN] = NULL,
    [MIRROR_OK] = "ok",
    [MIRROR_SILENT] = "silent",
    [MIRROR_ONE_WAY] = "one_way",
};

static enum mirror_state told(uint64_t to_server, uint64_t to_client) {
    uint64_t less = to_server < to_client ? to_server : to_client;
    uint64_t more = to_server < to_client ? to_client : to_server;
    return less * MIRROR_SHARE_MIN < more ? MIRROR_ONE_WAY : MIRROR_OK;
}

bool mirror_look(struct mirror *mirror, uint64_t running_s, uint64_t to_server, uint64_t to_client) {
    enum mirror_state before = mirror->state;
    uint64_t new_to_server = to_server - mirror->to_server, new_to_client = to_client - mirror->to_client;
    if (to_server + to_client == 0 && running_s >= MIRROR_SILENT_S)
        mirror->state = MIRROR_SILENT;
    if (new_to_server + new_to_client >= MIRROR_SEGMENTS_MIN) {
        mirror->state = told(new_to_server, new_to_client);
        mirror->to_server = to_server;
        mirror->to_client = to_client;
    }
    return mirror->state != before;
}

const char *mirror_name(enum mirror_state state) {
    return names[state];
}
