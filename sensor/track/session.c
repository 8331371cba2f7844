#include "session.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../../parsers/tls_names.h"

#define TLS_CONTENT_HANDSHAKE 22 /* RFC 8446 section 5.1 */
#define TLS_CONTENT_DATA      23 /* application data */
#define CLIENT_HELLO          1  /* section 4 */
#define SERVER_HELLO          2
#define SEARCH_AT_ONCE        2048 /* bytes; what waits is offered, and searched, again and again */

/* --- what is hidden from others --- */

static void on_hide(void *context, enum side side, uint64_t from, uint64_t to) {
    struct session *session = context;
    veil_hide(&session->veils[side], from, to);
}

static void open_veils(struct session *session) {
    session->veils = calloc(2, sizeof *session->veils);
    if (!session->veils || smtp_hide_by(session->smtp, on_hide, session))
        return;
    free(session->veils);
    session->veils = NULL;
}

static void free_veils(struct session *session) {
    if (!session->veils)
        return;
    veil_cleanup(&session->veils[SIDE_CLIENT]);
    veil_cleanup(&session->veils[SIDE_SERVER]);
    free(session->veils);
}

/* A NULL cipher encrypts nothing: neither may one that was not captured. */
static bool is_encrypted(const struct tls_facts *facts) {
    if (!facts->server_hello)
        return facts->early_data; /* of an earlier session, which had a cipher suite with a key */
    const struct tls_suite *suite = tls_suite_find(facts->cipher_suite);
    return !suite || suite->bits > 0;
}

static void on_application_data(void *context, enum side from, size_t offset, size_t len) {
    struct session *session = context;
    uint64_t begin = session->veils[from].pos + offset;
    if (!is_encrypted(tls_facts(session->tls)))
        veil_hide(&session->veils[from], begin, begin + len);
}

/* The side moved on by len bytes. SMTP decides by lines; TLS stays, but for what is in clear. */
static void move_veil(struct session *session, enum side side, uint64_t len) {
    struct veil *veil = &session->veils[side];
    veil->pos += len;
    veil->settled = veil->pos;
    if (session->lanes[side] == LANE_DONE) {
        veil_close(veil);
    } else if (session->lanes[side] == LANE_SMTP) {
        smtp_hide_at(session->smtp, side, veil->pos);
        veil->settled = smtp_hide_settled(session->smtp, side);
    }
}

/* The last of `used` bytes that SMTP took for a line's beginning were the hello of another protocol's TLS. */
static void show_found_tls(struct session *session, enum side side, size_t used) {
    struct veil *veil = &session->veils[side];
    uint64_t hello = veil->pos + used - TLS_SEARCH_BEGIN;
    veil_hide(veil, smtp_hide_settled(session->smtp, side), hello);
    veil_show(veil, hello);
}

/* What a proxy is told is passed over, but for the line ends of its header. */
static void hide_prelude(struct veil *veil, size_t ahead, const uint8_t *data, size_t len, bool lines) {
    uint64_t from = veil->pos + ahead;
    if (!lines) {
        veil_hide(veil, from, from + len);
        return;
    }
    for (size_t i = 0; i < len; i++) {
        if (data[i] != '\r' && data[i] != '\n')
            veil_hide(veil, from + i, from + i + 1);
    }
}

/* Not calloc(), which does not ask the thread's cache: sessions come and go. */
struct session *session_new(const struct session_tools *tools) {
    struct session *session = malloc(sizeof *session);
    if (!session)
        return NULL;
    *session = (struct session){.tools = tools, .smtp = smtp_new()};
    session->prelude = malloc(sizeof *session->prelude);
    if (!session->smtp || !session->prelude) {
        session_free(session);
        return NULL;
    }
    *session->prelude = (struct prelude){0};
    if (tools->received)
        smtp_read_received(session->smtp);
    if (tools->veils)
        open_veils(session);
    session->smtp_held = (uint32_t)smtp_held(session->smtp);
    return session;
}

static void notes_cleanup(struct tls_notes *notes) {
    hello_release(notes->hello);
    trust_chain_free(notes->chains[SIDE_CLIENT]);
    trust_chain_free(notes->chains[SIDE_SERVER]);
}

static void notes_free(struct tls_notes *notes) {
    if (!notes)
        return;
    notes_cleanup(notes);
    free(notes);
}

static void end_tls(struct session *session) {
    tls_free(session->tls);
    notes_free(session->notes);
    decrypt_free(session->decrypt);
    inner_free(session->inner);
    session->tls = NULL;
    session->tls_held = 0;
    session->notes = NULL;
    session->decrypt = NULL;
    session->inner = NULL;
    session->inner_missed[SIDE_CLIENT] = session->inner_missed[SIDE_SERVER] = false;
}

void session_free(struct session *session) {
    if (!session)
        return;
    smtp_free(session->smtp);
    free(session->prelude);
    free_veils(session);
    end_tls(session);
    free(session);
}

/* --- what the TLS messages tell as they pass --- */

static void on_client_hello(void *context, const struct tls_client_hello *hello) {
    struct session *session = context;
    hello_release(session->notes->hello);
    session->notes->hello = hello_describe(session->tools->hellos, hello);
    struct reader random = hello->random;
    if (session->decrypt && reader_left(&random) == KEYLOG_RANDOM_LEN)
        decrypt_client_hello(session->decrypt, reader_bytes(&random, KEYLOG_RANDOM_LEN),
                             tls_facts(session->tls)->early_data);
}

static void on_server_hello(void *context, const struct tls_server_hello *hello) {
    struct session *session = context;
    session->notes->has_ja3s = hello_ja3s(session->tools->hellos, hello, session->notes->ja3s);
    if (session->decrypt)
        decrypt_server_hello(session->decrypt, hello->version, hello->cipher_suite);
}

static void on_certificate(void *context, enum side from, size_t index, size_t num, const uint8_t *der,
                           size_t len) {
    (void)num;
    struct session *session = context;
    struct trust_chain **chain = &session->notes->chains[from];
    if (index == 0) {
        trust_chain_free(*chain);
        *chain = trust_chain_new(session->tools->trust);
    }
    if (*chain)
        trust_chain_add(*chain, der, len);
}

/* --- inside TLS --- */

static void on_protected_record(void *context, enum side from, const uint8_t *record, size_t len) {
    struct session *session = context;
    decrypt_record(session->decrypt, from, record, len);
}

static enum inner_start inner_start(const struct session *session) {
    const struct smtp_facts *outer = smtp_facts(session->smtp);
    if (outer->client_speaks == SMTP_SPEAKS_SMTP || outer->server_speaks == SMTP_SPEAKS_SMTP)
        return INNER_RESET;
    if (session->tls_from_start[SIDE_CLIENT] || session->tls_from_start[SIDE_SERVER])
        return INNER_GREETING;
    return INNER_UNKNOWN;
}

static bool open_inner(struct session *session) {
    if (session->inner)
        return true;
    session->inner = inner_new(inner_start(session));
    for (enum side side = SIDE_CLIENT; session->inner && side <= SIDE_SERVER; side++) {
        if (session->inner_missed[side])
            inner_gap(session->inner, side);
    }
    return session->inner != NULL;
}

static void on_plain(void *context, enum side from, uint8_t content_type, const uint8_t *data, size_t len) {
    struct session *session = context;
    tls_push_plain(session->tls, from, content_type, data, len);
    if (content_type == TLS_CONTENT_DATA && len > 0 && open_inner(session))
        inner_push(session->inner, from, data, len);
}

static void on_missed(void *context, enum side from) {
    struct session *session = context;
    session->inner_missed[from] = true;
    if (session->inner)
        inner_gap(session->inner, from);
}

void session_finish(struct session *session) {
    if (session->decrypt)
        decrypt_finish(session->decrypt);
    if (session->inner)
        inner_finish(session->inner);
    if (!session->veils)
        return;
    smtp_hide_finish(session->smtp);
    veil_close(&session->veils[SIDE_CLIENT]);
    veil_close(&session->veils[SIDE_SERVER]);
}

/* --- lanes --- */

static struct tls_handler tls_handler_of(struct session *session) {
    return (struct tls_handler){.context = session,
                                .client_hello = on_client_hello,
                                .server_hello = on_server_hello,
                                .certificate = on_certificate,
                                .application_data = session->veils ? on_application_data : NULL};
}

/* A handshake that failed earlier on this connection makes room for the next one. */
static bool begin_tls(struct session *session) {
    bool again = session->clear_after_tls[SIDE_CLIENT] && session->clear_after_tls[SIDE_SERVER];
    if (session->tls && !again)
        return true;
    if (again) {
        session->tls_failures++;
        session->clear_after_tls[SIDE_CLIENT] = session->clear_after_tls[SIDE_SERVER] = false;
    }
    end_tls(session);
    session->notes = malloc(sizeof *session->notes);
    struct tls_handler handler = tls_handler_of(session);
    struct decrypt_handler inside = {session, on_plain, on_missed};
    if (session->tools->keylog)
        session->decrypt = decrypt_new(session->tools->keylog, &inside);
    if (session->decrypt)
        handler.protected_record = on_protected_record;
    if (!session->notes)
        return false;
    *session->notes = (struct tls_notes){0};
    session->tls = tls_new(&handler);
    if (!session->tls)
        return false;
    session->tls_held = (uint32_t)tls_held(session->tls);
    return true;
}

/* --- prelude --- */

/* Another protocol's TLS may still come. */
static bool searches(const struct session *session, enum side side) {
    return session->prelude && tls_search_goes_on(&session->prelude->searches[side]) &&
           !smtp_is_open(session->smtp, side);
}

static void give_back_prelude(struct session *session) {
    bool proxy = session->lanes[SIDE_CLIENT] == LANE_PROXY || session->lanes[SIDE_SERVER] == LANE_PROXY;
    if (proxy || searches(session, SIDE_CLIENT) || searches(session, SIDE_SERVER))
        return;
    free(session->prelude);
    session->prelude = NULL;
}

/* In front of a tunnel stands how it was opened. */
static size_t push_proxy(struct session *session, enum side side, const uint8_t *data, size_t len,
                         bool force) {
    size_t used = 0, part = 0;
    struct proxy *proxy = &session->prelude->proxies[side];
    enum parse_result result;
    do {
        bool lines, passes_over = proxy_passes_over(proxy, &lines);
        result = proxy_push_part(proxy, side, data + used, len - used, &part);
        if (passes_over && session->veils)
            hide_prelude(&session->veils[side], used, data + used, part, lines);
        used += part;
    } while (result == PARSE_MORE && part > 0 && used < len);
    session->asked_proxy[side] = proxy->seen;
    if (result == PARSE_OK || (force && used < len))
        session->lanes[side] = LANE_SMTP;
    return used;
}

static void enter_tls(struct session *session, enum side side) {
    session->tls_began[side] = true;
    session->lanes[side] = begin_tls(session) ? LANE_TLS : LANE_DONE;
}

/* Another protocol's TLS. What showed it was used by the SMTP parser, too. */
static void enter_found_tls(struct session *session, enum side side) {
    const uint8_t *begin = session->prelude->searches[side].begin;
    size_t used = 0;
    session->found_tls[side] = true;
    enter_tls(session, side);
    if (session->lanes[side] == LANE_TLS)
        tls_push(session->tls, side, begin, TLS_SEARCH_BEGIN, &used);
}

/* How much of data to offer while another protocol's TLS may come: not beyond where that TLS shows, and line
 * by line up to there, as a line before it may be SMTP. ahead is the search behind that. */
static size_t search_ahead(const struct session *session, enum side side, const uint8_t *data, size_t len,
                           struct tls_search *ahead) {
    const struct tls_search *search = &session->prelude->searches[side];
    size_t part = len < SEARCH_AT_ONCE ? len : SEARCH_AT_ONCE;
    *ahead = *search;
    size_t clear = tls_search_push(ahead, side, data, part);
    if (!ahead->found)
        return clear;
    *ahead = *search;
    const uint8_t *line_end = memchr(data, '\n', len);
    return tls_search_push(ahead, side, data, line_end ? (size_t)(line_end - data) + 1 : len);
}

static size_t push_smtp(struct session *session, enum side side, const uint8_t *data, size_t len,
                        bool force) {
    struct tls_search ahead;
    bool searched = searches(session, side);
    if (searched)
        len = search_ahead(session, side, data, len, &ahead);
    if (session->veils)
        smtp_hide_at(session->smtp, side, session->veils[side].pos);
    size_t used = smtp_push(session->smtp, side, data, len, force);
    session->smtp_held = (uint32_t)smtp_held(session->smtp);
    if (smtp_state(session->smtp, side) == SMTP_TLS) {
        if (!session->tls_began[side] && !session->spoke[side] && used == 0)
            session->tls_from_start[side] = true;
        session->tls_after_gap[side] = session->after_gap[side];
        enter_tls(session, side);
    } else if (searched) {
        struct tls_search *search = &session->prelude->searches[side];
        if (used == len)
            *search = ahead;
        else
            tls_search_push(search, side, data, used);
        if (search->found && session->veils)
            show_found_tls(session, side, used);
        if (search->found)
            enter_found_tls(session, side);
    }
    if (session->prelude)
        give_back_prelude(session);
    return used;
}

/* Behind a hole: a hello begins the handshake, and of anything else the first records may be lost. */
static bool settle_tls_after_gap(struct session *session, enum side side, const uint8_t *data, size_t len,
                                 bool force) {
    struct reader in = reader_of(data, len);
    bool handshake = reader_u8(&in) == TLS_CONTENT_HANDSHAKE;
    reader_skip(&in, 4); /* version and length */
    bool hello = reader_u8(&in) == (side == SIDE_CLIENT ? CLIENT_HELLO : SERVER_HELLO);
    if (handshake && !reader_ok(&in) && !force)
        return false;
    session->tls_after_gap[side] = false;
    if (!handshake || !hello)
        tls_gap(session->tls, side, 1);
    return true;
}

static size_t push_tls(struct session *session, enum side side, const uint8_t *data, size_t len, bool force) {
    if (session->tls_after_gap[side] && !settle_tls_after_gap(session, side, data, len, force))
        return 0;
    size_t passed, used = 0;
    if (tls_pass(session->tls, side, data, len, &passed))
        return len;
    enum parse_result result = tls_push(session->tls, side, data + passed, len - passed, &used);
    session->tls_held = (uint32_t)tls_held(session->tls);
    if (result != PARSE_BAD)
        return len;
    if (tls_facts(session->tls)->outcome == TLS_ESTABLISHED) {
        session->lanes[side] = LANE_DONE;
        return len;
    }
    session->clear_after_tls[side] = true;
    session->lanes[side] = LANE_SMTP;
    smtp_resume(session->smtp, side);
    return passed + used;
}

static size_t push_lane(struct session *session, enum side side, const uint8_t *data, size_t len,
                        bool force) {
    switch ((enum lane)session->lanes[side]) {
    case LANE_PROXY:
        return push_proxy(session, side, data, len, force);
    case LANE_SMTP:
        return push_smtp(session, side, data, len, force);
    case LANE_TLS:
        return push_tls(session, side, data, len, force);
    case LANE_DONE:
        break;
    }
    return len;
}

/* A byte that neither parser wants would be handed to and fro for ever: two
 * changes of lane without a byte used end that, and the rest is passed over. */
size_t session_push(struct session *session, enum side side, const uint8_t *data, size_t len, bool force) {
    size_t used = 0;
    int idle_turns = 0;
    while (used < len) {
        uint8_t lane = session->lanes[side];
        size_t step = push_lane(session, side, data + used, len - used, force);
        if (step > 0) {
            session->spoke[side] = true;
            session->after_gap[side] = false;
        }
        if (session->veils)
            move_veil(session, side, step);
        used += step;
        if (used == len || (step == 0 && session->lanes[side] == lane))
            break;
        idle_turns = step == 0 ? idle_turns + 1 : 0;
        if (idle_turns > 2)
            session->lanes[side] = LANE_DONE;
    }
    return used;
}

/* Not over a hole: what is missing may be SMTP. */
static void stop_search(struct session *session, enum side side) {
    if (session->prelude)
        session->prelude->searches[side].seen = TLS_SEARCH_MAX;
    if (session->lanes[side] == LANE_PROXY)
        session->lanes[side] = LANE_SMTP;
}

void session_gap(struct session *session, enum side side, uint64_t len) {
    session->spoke[side] = session->after_gap[side] = true;
    stop_search(session, side);
    if (session->lanes[side] == LANE_SMTP)
        smtp_gap(session->smtp, side, len);
    if (session->veils) {
        veil_hide(&session->veils[side], session->veils[side].pos, session->veils[side].pos + len);
        move_veil(session, side, len);
    }
    if (session->lanes[side] != LANE_TLS)
        return;
    tls_gap(session->tls, side, len);
    if (session->decrypt)
        decrypt_gap(session->decrypt, side);
}

void session_midstream(struct session *session) {
    smtp_midstream(session->smtp);
    session->spoke[SIDE_CLIENT] = session->spoke[SIDE_SERVER] = true;
    session->after_gap[SIDE_CLIENT] = session->after_gap[SIDE_SERVER] = true;
    stop_search(session, SIDE_CLIENT);
    stop_search(session, SIDE_SERVER);
}

bool session_asked_proxy(const struct session *session) {
    return session && session->asked_proxy[SIDE_CLIENT];
}

bool session_listens(const struct session *session, enum side side) {
    return session->lanes[side] != LANE_DONE;
}

#define BLOCKS 8 /* of a session, about */

size_t session_held(const struct session *session) {
    size_t held = sizeof *session + session->smtp_held + session->tls_held + BLOCKS * BUDGET_BLOCK;
    if (session->prelude)
        held += sizeof *session->prelude;
    if (session->notes)
        held += sizeof *session->notes;
    if (session->decrypt)
        held += decrypt_held(session->decrypt);
    if (session->inner)
        held += inner_held(session->inner);
    for (enum side side = SIDE_CLIENT; session->veils && side <= SIDE_SERVER; side++)
        held += sizeof(struct veil) + session->veils[side].room * sizeof(struct veil_range);
    return held;
}

/* --- folded --- */

/* Which parts there are besides SMTP; a chain for each side. */
enum { FOLD_PRELUDE = 1, FOLD_TLS = 2, FOLD_CHAIN = 4 };

static bool may_fold(const struct session *session) {
    bool tls_whole = (session->tls != NULL) == (session->notes != NULL);
    return tls_whole && !session->decrypt && !session->inner && !session->veils;
}

static unsigned parts_of(const struct session *session) {
    unsigned parts = (session->prelude ? FOLD_PRELUDE : 0u) | (session->tls ? FOLD_TLS : 0u);
    for (enum side side = SIDE_CLIENT; session->notes && side <= SIDE_SERVER; side++)
        parts |= session->notes->chains[side] ? (unsigned)FOLD_CHAIN << side : 0u;
    return parts;
}

static void fold_notes(const struct tls_notes *notes, struct fold *fold) {
    struct tls_notes state = *notes;
    state.chains[SIDE_CLIENT] = state.chains[SIDE_SERVER] = NULL;
    fold_state(fold, &state, sizeof state);
    for (enum side side = SIDE_CLIENT; side <= SIDE_SERVER; side++) {
        if (notes->chains[side])
            trust_chain_fold(notes->chains[side], fold);
    }
}

bool session_fold(const struct session *session, struct fold *fold) {
    if (!may_fold(session))
        return false;
    struct session state = *session;
    state.tools = NULL;
    state.smtp = NULL;
    state.tls = NULL;
    state.notes = NULL;
    state.prelude = NULL;
    state.smtp_held = state.tls_held = 0;
    fold_u8(fold, (uint8_t)parts_of(session));
    if (session->notes)
        fold_notes(session->notes, fold);
    fold_state(fold, &state, sizeof state);
    if (session->prelude)
        fold_state(fold, session->prelude, sizeof *session->prelude);
    return (!session->tls || tls_fold(session->tls, fold)) && smtp_fold(session->smtp, fold) && !fold->full;
}

void session_free_folded(struct session *session) {
    struct tls_notes *notes = session->notes;
    if (notes) {
        trust_chain_free_folded(notes->chains[SIDE_CLIENT]);
        trust_chain_free_folded(notes->chains[SIDE_SERVER]);
        *notes = (struct tls_notes){0};
    }
    session_free(session);
}

static bool unfold_notes(struct tls_notes *notes, const struct session_tools *tools, unsigned parts,
                         struct reader *in) {
    bool whole = true;
    unfold_state(in, notes, sizeof *notes);
    for (enum side side = SIDE_CLIENT; side <= SIDE_SERVER; side++) {
        if (parts & (unsigned)FOLD_CHAIN << side) {
            notes->chains[side] = trust_chain_unfold(tools->trust, in);
            whole = whole && notes->chains[side];
        }
    }
    return whole;
}

static bool unfold_rest(struct session *session, unsigned parts, struct reader *in) {
    struct tls_handler handler = tls_handler_of(session);
    if (parts & FOLD_PRELUDE) {
        session->prelude = malloc(sizeof *session->prelude);
        if (!session->prelude)
            return false;
        unfold_state(in, session->prelude, sizeof *session->prelude);
    }
    if (parts & FOLD_TLS) {
        session->tls = tls_unfold(in, &handler);
        if (!session->tls)
            return false;
        session->tls_held = (uint32_t)tls_held(session->tls);
    }
    session->smtp = smtp_unfold(in);
    if (!session->smtp)
        return false;
    session->smtp_held = (uint32_t)smtp_held(session->smtp);
    return true;
}

/* The notes first: what the fold holds for them is given up when there is no memory. */
struct session *session_unfold(struct reader *in, const struct session_tools *tools) {
    unsigned parts = reader_u8(in);
    struct tls_notes held = {0};
    bool whole = !(parts & FOLD_TLS) || unfold_notes(&held, tools, parts, in);
    struct session *session = malloc(sizeof *session);
    struct tls_notes *notes = parts & FOLD_TLS ? malloc(sizeof *notes) : NULL;
    if (!whole || !session || (!notes && (parts & FOLD_TLS))) {
        notes_cleanup(&held);
        free(session);
        free(notes);
        return NULL;
    }
    unfold_state(in, session, sizeof *session);
    session->tools = tools;
    session->notes = notes;
    if (notes)
        *notes = held;
    if (unfold_rest(session, parts, in))
        return session;
    session_free(session);
    return NULL;
}
