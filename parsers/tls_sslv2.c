#include "tls_sslv2.h"

#define CERTIFICATE_X509 1

enum parse_result tls_sslv2_server_hello_parse(struct reader record, struct tls_sslv2_server_hello *hello) {
    uint8_t type = reader_u8(&record);
    uint8_t hit = reader_u8(&record);
    uint8_t certificate_type = reader_u8(&record);
    uint16_t version = reader_u16(&record);
    uint16_t certificate_len = reader_u16(&record);
    uint16_t specs_len = reader_u16(&record);
    uint16_t connection_id_len = reader_u16(&record);
    struct reader certificate = reader_sub(&record, certificate_len);
    reader_skip(&record, specs_len);
    reader_skip(&record, connection_id_len);
    if (!reader_ok(&record) || type != TLS_SSLV2_SERVER_HELLO) {
        return PARSE_BAD;
    }
    hello->session_id_hit = hit != 0;
    hello->version = version;
    hello->certificate = certificate_type == CERTIFICATE_X509 ? certificate : reader_of(NULL, 0);
    return PARSE_OK;
}
