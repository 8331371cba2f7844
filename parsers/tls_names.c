/* The registries. Unknown numbers are written as hex, so that a reader can look them up in a newer one. */
#include "tls_names.h"

#include <stdio.h>
#include <stdlib.h>

#include "tls_suites.h"

struct named {
    uint16_t id;
    const char *name;
};

struct group {
    uint16_t id;
    uint16_t bits; /* of the curve or the field; 0: none, or it depends */
    bool post_quantum;
    const char *name;
};

/* clang-format off */

/* "TLS SignatureScheme". The pairs of hash and signature that only TLS 1.2 has are named in the same manner;
 * dsa_sha1 and its kin stand there as reserved. */
static const struct named schemes[] = {
    {0x0101, "rsa_pkcs1_md5"},
    {0x0102, "dsa_md5"},
    {0x0103, "ecdsa_md5"},
    {0x0201, "rsa_pkcs1_sha1"},
    {0x0202, "dsa_sha1"},
    {0x0203, "ecdsa_sha1"},
    {0x0301, "rsa_pkcs1_sha224"},
    {0x0302, "dsa_sha224"},
    {0x0303, "ecdsa_sha224"},
    {0x0401, "rsa_pkcs1_sha256"},
    {0x0402, "dsa_sha256"},
    {0x0403, "ecdsa_secp256r1_sha256"},
    {0x0420, "rsa_pkcs1_sha256_legacy"},
    {0x0501, "rsa_pkcs1_sha384"},
    {0x0502, "dsa_sha384"},
    {0x0503, "ecdsa_secp384r1_sha384"},
    {0x0520, "rsa_pkcs1_sha384_legacy"},
    {0x0601, "rsa_pkcs1_sha512"},
    {0x0602, "dsa_sha512"},
    {0x0603, "ecdsa_secp521r1_sha512"},
    {0x0620, "rsa_pkcs1_sha512_legacy"},
    {0x0704, "eccsi_sha256"},
    {0x0705, "iso_ibs1"},
    {0x0706, "iso_ibs2"},
    {0x0707, "iso_chinese_ibs"},
    {0x0708, "sm2sig_sm3"},
    {0x0709, "gostr34102012_256a"},
    {0x070a, "gostr34102012_256b"},
    {0x070b, "gostr34102012_256c"},
    {0x070c, "gostr34102012_256d"},
    {0x070d, "gostr34102012_512a"},
    {0x070e, "gostr34102012_512b"},
    {0x070f, "gostr34102012_512c"},
    {0x0804, "rsa_pss_rsae_sha256"},
    {0x0805, "rsa_pss_rsae_sha384"},
    {0x0806, "rsa_pss_rsae_sha512"},
    {0x0807, "ed25519"},
    {0x0808, "ed448"},
    {0x0809, "rsa_pss_pss_sha256"},
    {0x080a, "rsa_pss_pss_sha384"},
    {0x080b, "rsa_pss_pss_sha512"},
    {0x081a, "ecdsa_brainpoolP256r1tls13_sha256"},
    {0x081b, "ecdsa_brainpoolP384r1tls13_sha384"},
    {0x081c, "ecdsa_brainpoolP512r1tls13_sha512"},
    {0x0904, "mldsa44"},
    {0x0905, "mldsa65"},
    {0x0906, "mldsa87"},
    {0x0911, "slhdsa_sha2_128s"},
    {0x0912, "slhdsa_sha2_128f"},
    {0x0913, "slhdsa_sha2_192s"},
    {0x0914, "slhdsa_sha2_192f"},
    {0x0915, "slhdsa_sha2_256s"},
    {0x0916, "slhdsa_sha2_256f"},
    {0x0917, "slhdsa_shake_128s"},
    {0x0918, "slhdsa_shake_128f"},
    {0x0919, "slhdsa_shake_192s"},
    {0x091a, "slhdsa_shake_192f"},
    {0x091b, "slhdsa_shake_256s"},
    {0x091c, "slhdsa_shake_256f"},
};

/* "TLS ExtensionType Values", and those that browsers used without a place in it. */
static const struct named extensions[] = {
    {0x0000, "server_name"},
    {0x0001, "max_fragment_length"},
    {0x0002, "client_certificate_url"},
    {0x0003, "trusted_ca_keys"},
    {0x0004, "truncated_hmac"},
    {0x0005, "status_request"},
    {0x0006, "user_mapping"},
    {0x0007, "client_authz"},
    {0x0008, "server_authz"},
    {0x0009, "cert_type"},
    {0x000a, "supported_groups"},
    {0x000b, "ec_point_formats"},
    {0x000c, "srp"},
    {0x000d, "signature_algorithms"},
    {0x000e, "use_srtp"},
    {0x000f, "heartbeat"},
    {0x0010, "application_layer_protocol_negotiation"},
    {0x0011, "status_request_v2"},
    {0x0012, "signed_certificate_timestamp"},
    {0x0013, "client_certificate_type"},
    {0x0014, "server_certificate_type"},
    {0x0015, "padding"},
    {0x0016, "encrypt_then_mac"},
    {0x0017, "extended_master_secret"},
    {0x0018, "token_binding"},
    {0x0019, "cached_info"},
    {0x001a, "tls_lts"},
    {0x001b, "compress_certificate"},
    {0x001c, "record_size_limit"},
    {0x001d, "pwd_protect"},
    {0x001e, "pwd_clear"},
    {0x001f, "password_salt"},
    {0x0020, "ticket_pinning"},
    {0x0021, "tls_cert_with_extern_psk"},
    {0x0022, "delegated_credential"},
    {0x0023, "session_ticket"},
    {0x0024, "TLMSP"},
    {0x0025, "TLMSP_proxying"},
    {0x0026, "TLMSP_delegate"},
    {0x0027, "supported_ekt_ciphers"},
    {0x0029, "pre_shared_key"},
    {0x002a, "early_data"},
    {0x002b, "supported_versions"},
    {0x002c, "cookie"},
    {0x002d, "psk_key_exchange_modes"},
    {0x002f, "certificate_authorities"},
    {0x0030, "oid_filters"},
    {0x0031, "post_handshake_auth"},
    {0x0032, "signature_algorithms_cert"},
    {0x0033, "key_share"},
    {0x0034, "transparency_info"},
    {0x0035, "connection_id_deprecated"},
    {0x0036, "connection_id"},
    {0x0037, "external_id_hash"},
    {0x0038, "external_session_id"},
    {0x0039, "quic_transport_parameters"},
    {0x003a, "ticket_request"},
    {0x003b, "dnssec_chain"},
    {0x003c, "sequence_number_encryption_algorithms"},
    {0x003d, "rrc"},
    {0x003e, "tls_flags"},
    {0x3374, "next_protocol_negotiation"},
    {0x4469, "application_settings_old"},
    {0x44cd, "application_settings"},
    {0x754f, "channel_id_old"},
    {0x7550, "channel_id"},
    {0xfd00, "ech_outer_extensions"},
    {0xfe0d, "encrypted_client_hello"},
    {0xff01, "renegotiation_info"},
    {0xffce, "encrypted_server_name"},
};

/* "TLS Alerts", by the names that they had before some were retired ("_RESERVED"). */
static const struct named alerts[] = {
    {0x00, "close_notify"},
    {0x01, "end_of_early_data"},
    {0x0a, "unexpected_message"},
    {0x14, "bad_record_mac"},
    {0x15, "decryption_failed"},
    {0x16, "record_overflow"},
    {0x1e, "decompression_failure"},
    {0x28, "handshake_failure"},
    {0x29, "no_certificate"},
    {0x2a, "bad_certificate"},
    {0x2b, "unsupported_certificate"},
    {0x2c, "certificate_revoked"},
    {0x2d, "certificate_expired"},
    {0x2e, "certificate_unknown"},
    {0x2f, "illegal_parameter"},
    {0x30, "unknown_ca"},
    {0x31, "access_denied"},
    {0x32, "decode_error"},
    {0x33, "decrypt_error"},
    {0x34, "too_many_cids_requested"},
    {0x3c, "export_restriction"},
    {0x46, "protocol_version"},
    {0x47, "insufficient_security"},
    {0x50, "internal_error"},
    {0x56, "inappropriate_fallback"},
    {0x5a, "user_canceled"},
    {0x64, "no_renegotiation"},
    {0x6d, "missing_extension"},
    {0x6e, "unsupported_extension"},
    {0x6f, "certificate_unobtainable"},
    {0x70, "unrecognized_name"},
    {0x71, "bad_certificate_status_response"},
    {0x72, "bad_certificate_hash_value"},
    {0x73, "unknown_psk_identity"},
    {0x74, "certificate_required"},
    {0x75, "general_error"},
    {0x78, "no_application_protocol"},
    {0x79, "ech_required"},
};

/* "TLS Supported Groups", and the experiments with Kyber and NTRU that came before ML-KEM. */
static const struct group groups[] = {
    {0x0001, 163, false, "sect163k1"},
    {0x0002, 163, false, "sect163r1"},
    {0x0003, 163, false, "sect163r2"},
    {0x0004, 193, false, "sect193r1"},
    {0x0005, 193, false, "sect193r2"},
    {0x0006, 233, false, "sect233k1"},
    {0x0007, 233, false, "sect233r1"},
    {0x0008, 239, false, "sect239k1"},
    {0x0009, 283, false, "sect283k1"},
    {0x000a, 283, false, "sect283r1"},
    {0x000b, 409, false, "sect409k1"},
    {0x000c, 409, false, "sect409r1"},
    {0x000d, 571, false, "sect571k1"},
    {0x000e, 571, false, "sect571r1"},
    {0x000f, 160, false, "secp160k1"},
    {0x0010, 160, false, "secp160r1"},
    {0x0011, 160, false, "secp160r2"},
    {0x0012, 192, false, "secp192k1"},
    {0x0013, 192, false, "secp192r1"},
    {0x0014, 224, false, "secp224k1"},
    {0x0015, 224, false, "secp224r1"},
    {0x0016, 256, false, "secp256k1"},
    {0x0017, 256, false, "secp256r1"},
    {0x0018, 384, false, "secp384r1"},
    {0x0019, 521, false, "secp521r1"},
    {0x001a, 256, false, "brainpoolP256r1"},
    {0x001b, 384, false, "brainpoolP384r1"},
    {0x001c, 512, false, "brainpoolP512r1"},
    {0x001d, 255, false, "x25519"},
    {0x001e, 448, false, "x448"},
    {0x001f, 256, false, "brainpoolP256r1tls13"},
    {0x0020, 384, false, "brainpoolP384r1tls13"},
    {0x0021, 512, false, "brainpoolP512r1tls13"},
    {0x0022, 256, false, "GC256A"},
    {0x0023, 256, false, "GC256B"},
    {0x0024, 256, false, "GC256C"},
    {0x0025, 256, false, "GC256D"},
    {0x0026, 512, false, "GC512A"},
    {0x0027, 512, false, "GC512B"},
    {0x0028, 512, false, "GC512C"},
    {0x0029, 256, false, "curveSM2"},
    {0x0100, 2048, false, "ffdhe2048"},
    {0x0101, 3072, false, "ffdhe3072"},
    {0x0102, 4096, false, "ffdhe4096"},
    {0x0103, 6144, false, "ffdhe6144"},
    {0x0104, 8192, false, "ffdhe8192"},
    {0x0200, 0, true, "MLKEM512"},
    {0x0201, 0, true, "MLKEM768"},
    {0x0202, 0, true, "MLKEM1024"},
    {0x11eb, 256, true, "SecP256r1MLKEM768"},
    {0x11ec, 255, true, "X25519MLKEM768"},
    {0x11ed, 384, true, "SecP384r1MLKEM1024"},
    {0x11ee, 256, true, "curveSM2MLKEM768"},
    {0x4138, 255, true, "CECPQ2"},
    {0x6399, 255, true, "X25519Kyber768Draft00"},
    {0x639a, 256, true, "SecP256r1Kyber768Draft00"},
    {0xfe30, 255, true, "X25519Kyber512Draft00"},
    {0xfe31, 255, true, "X25519Kyber768Draft00"},
    {0xff01, 0, false, "arbitrary_explicit_prime_curves"},
    {0xff02, 0, false, "arbitrary_explicit_char2_curves"},
};
/* clang-format on */

#define COUNT(table) (sizeof(table) / sizeof *(table))

/* All four tables begin their rows with the number. */
static int compare_id(const void *key, const void *row) {
    uint16_t id = *(const uint16_t *)key;
    uint16_t other = *(const uint16_t *)row;
    return (id > other) - (id < other);
}

static const char *write_hex(uint16_t id, char name[TLS_NAME_BUF]) {
    snprintf(name, TLS_NAME_BUF, "0x%04x", id);
    return name;
}

static const char *find_name(const struct named *table, size_t num, uint16_t id, char name[TLS_NAME_BUF]) {
    const struct named *row = bsearch(&id, table, num, sizeof *table, compare_id);
    return row != NULL ? row->name : write_hex(id, name);
}

static const struct group *find_group(uint16_t id) {
    return bsearch(&id, groups, COUNT(groups), sizeof *groups, compare_id);
}

const struct tls_suite *tls_suite_find(uint16_t id) {
    return bsearch(&id, tls_suites, tls_num_suites, sizeof *tls_suites, compare_id);
}

const char *tls_suite_name(uint16_t id, char name[TLS_NAME_BUF]) {
    const struct tls_suite *suite = tls_suite_find(id);
    return suite != NULL ? suite->name : write_hex(id, name);
}

const char *tls_group_name(uint16_t id, char name[TLS_NAME_BUF]) {
    const struct group *group = find_group(id);
    return group != NULL ? group->name : write_hex(id, name);
}

const char *tls_scheme_name(uint16_t id, char name[TLS_NAME_BUF]) {
    return find_name(schemes, COUNT(schemes), id, name);
}

const char *tls_extension_name(uint16_t id, char name[TLS_NAME_BUF]) {
    return find_name(extensions, COUNT(extensions), id, name);
}

const char *tls_alert_name(uint8_t id, char name[TLS_NAME_BUF]) {
    return find_name(alerts, COUNT(alerts), id, name);
}

const char *tls_version_name(uint16_t id, char name[TLS_NAME_BUF]) {
    static const struct named versions[] = {
        {0x0002, "2.0"}, {0x0300, "3.0"}, {0x0301, "1.0"}, {0x0302, "1.1"}, {0x0303, "1.2"}, {0x0304, "1.3"},
    };
    if (id >> 8 == 0x7f) { /* drafts of 1.3 until RFC 8446 */
        snprintf(name, TLS_NAME_BUF, "1.3-draft%d", id & 0xff);
        return name;
    }
    return find_name(versions, COUNT(versions), id, name);
}

bool tls_version_is_ssl(uint16_t id) {
    return id == 0x0002 || id == 0x0300;
}

bool tls_is_grease(uint16_t id) {
    return (id & 0x0f0f) == 0x0a0a && id >> 8 == (id & 0xff);
}

bool tls_group_is_post_quantum(uint16_t id) {
    const struct group *group = find_group(id);
    return group != NULL && group->post_quantum;
}

int tls_group_bits(uint16_t id) {
    const struct group *group = find_group(id);
    return group != NULL ? group->bits : 0;
}

/* Less than 112 bits of security (NIST SP 800-57): curves under 224 bits; explicit curves are anything. */
bool tls_group_is_weak(uint16_t id) {
    int bits = tls_group_bits(id);
    return (bits > 0 && bits < 224) || id == 0xff01 || id == 0xff02;
}
