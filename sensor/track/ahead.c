#include "ahead.h"

#include "../../parsers/fetch.h"
#include "session.h"

/* What the session points to. */
static void fetch_parts(const struct session *session) {
    smtp_fetch(session->smtp);
    if (session->tls)
        tls_fetch(session->tls);
    fetch(session->notes, sizeof *session->notes);
}

/* What those point to. */
static void fetch_details(const struct session *session) {
    smtp_fetch_texts(session->smtp);
    if (session->notes) {
        fetch(session->notes->hello, FETCH_LINE);
        fetch(session->notes->chains[SIDE_SERVER], FETCH_LINE);
    }
}

void ahead_fetch(const struct flow *const flows[AHEAD_MAX]) {
    if (flows[0] && flows[0]->session)
        fetch_details(flows[0]->session);
    if (flows[1] && flows[1]->session)
        fetch_parts(flows[1]->session);
    if (flows[2])
        fetch(flows[2]->session, sizeof *flows[2]->session);
    fetch(flows[3], sizeof *flows[3]);
}
