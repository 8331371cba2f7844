/* Certificates from the wire: parsed, described and judged at any moment, twice, so that what is cached must
 * agree with what is worked out anew. Input: moment (u32), expected name (u8 length), then certificates
 * (u24 length each), as in a TLS 1.2 Certificate message. */
#include <assert.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "../../parsers/reader.h"
#include "../../sensor/judge/trust.h"
#include "turn.h"

static struct trust_judgement judge(struct trust *trust, struct reader certificates, int64_t at_s,
                                    const char *name) {
    struct trust_judgement judgement;
    struct event event = {0};
    struct event_cert cert;
    struct trust_chain *chain = trust_chain_new(trust);
    assert(chain);
    event_reset(&event, DATASET_SESSION);
    while (reader_left(&certificates) > 0) {
        struct reader der = reader_vec24(&certificates);
        if (reader_ok(&der))
            trust_chain_add(chain, der.pos, reader_left(&der));
    }
    bool described = trust_describe(chain, &event, &cert);
    assert(described == (trust_chain_length(chain) > 0));
    assert(!described || strlen(cert.sha256) == 64);
    trust_judge(chain, at_s, name, &judgement);
    assert((judgement.chain_error != NULL) == (judgement.chain_valid == FACT_NO));
    event_cleanup(&event);
    trust_chain_free(chain);
    return judgement;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    /* One for all inputs: reading the system's store takes longer than an input. */
    static struct trust *trust;
    if (trust == NULL) {
        char error[256];
        const struct trust_options options = {.verify = true};
        trust = trust_new(&options, digest_new(), error, sizeof error);
        assert(trust);
    }
    struct reader in = reader_of(data, size);
    int64_t at_s = reader_u32(&in);
    struct reader expected = reader_vec8(&in);
    char name[256] = "";
    memcpy(name, expected.pos, reader_left(&expected));

    struct trust_judgement first = judge(trust, in, at_s, name);
    if (!has_turn(data, size, 8))
        return 0;
    struct trust_judgement second = judge(trust, in, at_s, name);
    assert(first.chain_valid == second.chain_valid && first.chain_error == second.chain_error);
    assert(first.name_match == second.name_match && first.self_signed == second.self_signed);
    assert(first.days_left == second.days_left && first.weak_signature == second.weak_signature);
    return 0;
}
