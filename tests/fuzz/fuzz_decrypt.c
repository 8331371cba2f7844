/* What is inside TLS, hostile: the input is cut into contents of records, which are sealed with secrets that
 * the session has in its key log, between hellos in clear. So it comes past the tags to what reads the
 * inside. A part of the records is damaged, lost or out of turn. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "../../parsers/reader.h"
#include "../../sensor/judge/hello.h"
#include "../../sensor/track/session.h"
#include "../unit/rfc8448.h"
#include "../unit/seal.h"
#include "../unit/unhex.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct scene {
    struct session_tools tools;
    struct session *session;
    struct sealer sealers[2][2]; /* by side; of the handshake, of what follows */
    bool application[2];
};

static void set_sealer(struct sealer *sealer, const char *label) {
    const char *line = strstr(rfc8448_keylog, label);
    char hex[65] = "";
    memcpy(hex, line + strlen(label) + 1 + 64 + 1, 64);
    sealer->suite = 0x1301;
    sealer->sequence = 0;
    unhex(hex, sealer->secret, sizeof sealer->secret);
}

static void push(struct scene *scene, enum side side, const uint8_t *bytes, size_t len) {
    uint8_t *copy = malloc(len > 0 ? len : 1);
    assert(copy);
    memcpy(copy, bytes, len);
    session_push(scene->session, side, copy, len, true);
    free(copy);
}

static void push_hex(struct scene *scene, enum side side, const char *hex) {
    uint8_t bytes[1024];
    push(scene, side, bytes, unhex(hex, bytes, sizeof bytes));
}

static void begin(struct scene *scene, uint8_t how) {
    set_sealer(&scene->sealers[SIDE_CLIENT][0], "CLIENT_HANDSHAKE_TRAFFIC_SECRET");
    set_sealer(&scene->sealers[SIDE_SERVER][0], "SERVER_HANDSHAKE_TRAFFIC_SECRET");
    set_sealer(&scene->sealers[SIDE_CLIENT][1], "CLIENT_TRAFFIC_SECRET_0");
    set_sealer(&scene->sealers[SIDE_SERVER][1], "SERVER_TRAFFIC_SECRET_0");
    scene->session = session_new(&scene->tools);
    assert(scene->session);
    if (how & 1) {
        static const char greeting[] = "220 mx ESMTP\r\n", ehlo[] = "EHLO x\r\nSTARTTLS\r\n";
        static const char replies[] = "250-mx\r\n250 STARTTLS\r\n220 go\r\n";
        push(scene, SIDE_SERVER, (const uint8_t *)greeting, sizeof greeting - 1);
        push(scene, SIDE_CLIENT, (const uint8_t *)ehlo, sizeof ehlo - 1);
        push(scene, SIDE_SERVER, (const uint8_t *)replies, sizeof replies - 1);
    }
    push_hex(scene, SIDE_CLIENT, rfc8448_client_hello);
    if (!(how & 2))
        push_hex(scene, SIDE_SERVER, rfc8448_server_hello);
}

/* The receiving end follows the same messages; here it is enough that the input says when keys change. */
static void one_record(struct scene *scene, uint8_t what, const uint8_t *content, size_t len) {
    static uint8_t record[SEAL_MAX];
    static const uint8_t types[] = {23, 22, 21, 23};
    enum side side = what & 1 ? SIDE_SERVER : SIDE_CLIENT;
    struct sealer *sealer = &scene->sealers[side][scene->application[side]];
    size_t record_len = seal(sealer, types[what >> 1 & 3], content, len, what >> 3 & 3, record);
    if ((what & 0xe0) == 0xe0)
        record[record_len - 1] ^= 1;
    if ((what & 0xe0) == 0xc0)
        session_gap(scene->session, side, record_len);
    else
        push(scene, side, record, record_len);
    if ((what & 0xe0) == 0xa0)
        scene->application[side] = true;
    if ((what & 0xe0) == 0x80)
        seal_update(sealer);
}

/* Steps: one byte of control, one of length, then the content. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct scene scene = {0};
    struct reader in = reader_of(data, size);
    uint8_t how = reader_u8(&in);
    scene.tools.digest = digest_new();
    scene.tools.trust = trust_new(&(struct trust_options){0}, scene.tools.digest, (char[256]){0}, 256);
    scene.tools.hellos = hello_cache_new(scene.tools.digest);
    scene.tools.keylog = keylog_new(NULL, NULL);
    assert(scene.tools.digest && scene.tools.trust && scene.tools.hellos && scene.tools.keylog);
    keylog_push(scene.tools.keylog, (const uint8_t *)rfc8448_keylog, sizeof rfc8448_keylog - 1);
    keylog_set_growing(scene.tools.keylog, (how & 4) != 0);
    begin(&scene, how);
    while (reader_left(&in) >= 2) {
        uint8_t what = reader_u8(&in);
        size_t len = reader_u8(&in);
        len = len < reader_left(&in) ? len : reader_left(&in);
        one_record(&scene, what, reader_bytes(&in, len), len);
    }
    if (how & 2)
        push_hex(&scene, SIDE_SERVER, rfc8448_server_hello);
    session_finish(scene.session);
    if (scene.session->inner)
        assert(inner_facts(scene.session->inner)->num_capabilities <= SMTP_CAPABILITIES_MAX);
    session_free(scene.session);
    keylog_free(scene.tools.keylog);
    hello_cache_free(scene.tools.hellos);
    trust_free(scene.tools.trust);
    digest_free(scene.tools.digest);
    return 0;
}
