/* tls_fold.c: the handshake follower's state, folded. */
#include <stdlib.h>

#include "fold.h"
#include "tls_state.h"
#include "tls_text.h"

_Static_assert(TLS_NAME_MAX <= FOLD_TEXT_MAX, "texts fit");

bool tls_fold(const struct tls *tls, struct fold *fold) {
    if (tls->handler.protected_record != NULL) {
        return false;
    }
    for (int side = SIDE_CLIENT; side <= SIDE_SERVER; side++) {
        if (tls->sides[side].messages.buffer != NULL || tls->sides[side].gather.data != NULL) {
            return false;
        }
    }
    fold_text(fold, tls->facts.server_name, tls->facts.server_name_len);
    fold_text(fold, tls->facts.next_protocol, tls->facts.next_protocol_len);
    struct tls state = *tls;
    state.handler = (struct tls_handler){0};
    state.facts.server_name = state.facts.next_protocol = NULL;
    state.facts.server_name_len = state.facts.next_protocol_len = 0;
    fold_state(fold, &state, sizeof state);
    return !fold->full;
}

size_t tls_held(const struct tls *tls) {
    size_t held = sizeof *tls + tls->facts.server_name_len + tls->facts.next_protocol_len;
    for (int side = SIDE_CLIENT; side <= SIDE_SERVER; side++) {
        held += tls->sides[side].messages.capacity + tls->sides[side].gather.capacity;
    }
    return held;
}

struct tls *tls_unfold(struct reader *in, const struct tls_handler *handler) {
    struct tls *tls = malloc(sizeof *tls);
    struct reader server_name = unfold_text(in), next_protocol = unfold_text(in);
    if (tls == NULL) {
        return NULL;
    }
    unfold_state(in, tls, sizeof *tls);
    struct tls_facts *facts = &tls->facts;
    tls->handler = *handler;
    facts->server_name = tls_text_new(server_name, &facts->server_name_len, facts);
    facts->next_protocol = tls_text_new(next_protocol, &facts->next_protocol_len, facts);
    return tls;
}
