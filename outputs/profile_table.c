#include "profile.h"

#define NUM(array) (sizeof(array) / sizeof(array)[0])

/* --- Zeek: names and types of its base scripts; ja3, ja3s and ja4 as the packages of these names add them
 * --- */

#define ZEEK_CONNECTION                                                                                      \
    {"ts", "@timestamp", PROFILE_EPOCH}, {"uid", "event.id", PROFILE_UID},                                   \
        {"id.orig_h", "source.ip", PROFILE_COPY}, {"id.orig_p", "source.port", PROFILE_COPY},                \
        {"id.resp_h", "destination.ip", PROFILE_COPY}, {                                                     \
        "id.resp_p", "destination.port", PROFILE_COPY                                                        \
    }

/* What no other sensor says. */
#define OUR_OWN                                                                                              \
    {"starttap.event_id", "event.id", PROFILE_COPY}, {"starttap.verdict", "starttap.verdict", PROFILE_COPY}, \
    {                                                                                                        \
        "starttap.findings", "starttap.findings", PROFILE_COPY                                               \
    }

static const struct profile_row zeek_smtp[] = {
    {"_path", "\"smtp\"", PROFILE_FIXED},
    ZEEK_CONNECTION,
    {"trans_depth", "starttap.mail.transactions", PROFILE_COPY},
    {"helo", "starttap.smtp.ehlo", PROFILE_COPY},
    {"helo", "starttap.smtp.helo", PROFILE_COPY},
    {"last_reply", "starttap.smtp.last_reply_code", PROFILE_TEXT},
    {"tls", "tls.established", PROFILE_COPY},
    OUR_OWN,
};

static const struct profile_row zeek_ssl[] = {
    {"_path", "\"ssl\"", PROFILE_FIXED},
    ZEEK_CONNECTION,
    {"version", "tls.version", PROFILE_ZEEK_TLS},
    {"cipher", "tls.cipher", PROFILE_COPY},
    {"curve", "tls.curve", PROFILE_COPY},
    {"server_name", "tls.client.server_name", PROFILE_COPY},
    {"resumed", "tls.resumed", PROFILE_COPY},
    {"last_alert", "starttap.tls.alerts", PROFILE_LAST_ALERT},
    {"next_protocol", "tls.next_protocol", PROFILE_COPY},
    {"established", "tls.established", PROFILE_COPY},
    {"cert_chain_fps", "tls.server.hash.sha256", PROFILE_LIST},
    {"client_cert_chain_fps", "tls.client.hash.sha256", PROFILE_LIST},
    {"subject", "tls.server.x509.subject.distinguished_name", PROFILE_COPY},
    {"issuer", "tls.server.x509.issuer.distinguished_name", PROFILE_COPY},
    {"client_subject", "tls.client.x509.subject.distinguished_name", PROFILE_COPY},
    {"client_issuer", "tls.client.x509.issuer.distinguished_name", PROFILE_COPY},
    {"sni_matches_cert", "starttap.cert.name_match", PROFILE_COPY},
    {"validation_status", "starttap.cert.chain_error", PROFILE_CHAIN},
    {"ja3", "tls.client.ja3", PROFILE_COPY},
    {"ja3s", "tls.server.ja3s", PROFILE_COPY},
    {"ja4", "starttap.tls.ja4", PROFILE_COPY},
    OUR_OWN,
};

#define ZEEK_X509(side)                                                                                      \
    {"_path", "\"x509\"", PROFILE_FIXED}, {"ts", "@timestamp", PROFILE_EPOCH},                               \
        {"fingerprint", side "hash.sha256", PROFILE_COPY},                                                   \
        {"certificate.serial", side "x509.serial_number", PROFILE_COPY},                                     \
        {"certificate.subject", side "x509.subject.distinguished_name", PROFILE_COPY},                       \
        {"certificate.issuer", side "x509.issuer.distinguished_name", PROFILE_COPY},                         \
        {"certificate.not_valid_before", side "x509.not_before", PROFILE_EPOCH},                             \
        {"certificate.not_valid_after", side "x509.not_after", PROFILE_EPOCH},                               \
        {"certificate.key_alg", side "x509.public_key_algorithm", PROFILE_COPY},                             \
        {"certificate.sig_alg", side "x509.signature_algorithm", PROFILE_COPY},                              \
        {"certificate.key_type", side "x509.public_key_algorithm", PROFILE_KEY_TYPE},                        \
        {"certificate.key_length", side "x509.public_key_size", PROFILE_COPY},                               \
        {"certificate.curve", side "x509.public_key_curve", PROFILE_COPY}, {                                 \
        "san.dns", side "x509.alternative_names", PROFILE_COPY                                               \
    }

static const struct profile_row zeek_server_x509[] = {
    ZEEK_X509("tls.server."),
    {"host_cert", "true", PROFILE_FIXED},
    {"client_cert", "false", PROFILE_FIXED},
    {"starttap.event_id", "event.id", PROFILE_COPY},
};

static const struct profile_row zeek_client_x509[] = {
    ZEEK_X509("tls.client."),
    {"host_cert", "false", PROFILE_FIXED},
    {"client_cert", "true", PROFILE_FIXED},
    {"starttap.event_id", "event.id", PROFILE_COPY},
};

static const struct profile_record zeek_records[] = {
    {"smtp", PROFILE_IF_SMTP, zeek_smtp, NUM(zeek_smtp)},
    {"ssl", PROFILE_IF_TLS, zeek_ssl, NUM(zeek_ssl)},
    {"x509", PROFILE_IF_SERVER_CERT, zeek_server_x509, NUM(zeek_server_x509)},
    {"x509", PROFILE_IF_CLIENT_CERT, zeek_client_x509, NUM(zeek_client_x509)},
};

const struct profile profile_zeek = {"zeek", false, zeek_records, NUM(zeek_records)};

/* --- EVE: names and types of Suricata's schema.json --- */

#define EVE_FLOW(type)                                                                                       \
    {"timestamp", "@timestamp", PROFILE_EVE_TIME}, {"flow_id", "event.id", PROFILE_FLOW_ID},                 \
        {"event_type", "\"" type "\"", PROFILE_FIXED}, {"vlan", "network.vlan.id", PROFILE_NUMBERS},         \
        {"src_ip", "source.ip", PROFILE_COPY}, {"src_port", "source.port", PROFILE_COPY},                    \
        {"dest_ip", "destination.ip", PROFILE_COPY}, {"dest_port", "destination.port", PROFILE_COPY},        \
        {"proto", "\"TCP\"", PROFILE_FIXED}, {"community_id", "network.community_id", PROFILE_COPY}, {       \
        "host", "observer.name", PROFILE_COPY                                                                \
    }

static const struct profile_row eve_smtp[] = {
    EVE_FLOW("smtp"),
    {"smtp.helo", "starttap.smtp.ehlo", PROFILE_COPY},
    {"smtp.helo", "starttap.smtp.helo", PROFILE_COPY},
    OUR_OWN,
};

static const struct profile_row eve_tls[] = {
    EVE_FLOW("tls"),
    {"tls.subject", "tls.server.x509.subject.distinguished_name", PROFILE_COPY},
    {"tls.issuerdn", "tls.server.x509.issuer.distinguished_name", PROFILE_COPY},
    {"tls.serial", "tls.server.x509.serial_number", PROFILE_COLONS},
    {"tls.subjectaltname", "tls.server.x509.alternative_names", PROFILE_COPY},
    {"tls.sni", "tls.client.server_name", PROFILE_COPY},
    {"tls.version", "tls.version", PROFILE_EVE_TLS},
    {"tls.notbefore", "tls.server.x509.not_before", PROFILE_EVE_DATE},
    {"tls.notafter", "tls.server.x509.not_after", PROFILE_EVE_DATE},
    {"tls.session_resumed", "tls.resumed", PROFILE_COPY},
    {"tls.from_proto", "network.protocol", PROFILE_UPGRADED},
    {"tls.ja3.hash", "tls.client.ja3", PROFILE_COPY},
    {"tls.ja3s.hash", "tls.server.ja3s", PROFILE_COPY},
    {"tls.ja4", "starttap.tls.ja4", PROFILE_COPY},
    OUR_OWN,
};

static const struct profile_record eve_records[] = {
    {"smtp", PROFILE_IF_SMTP, eve_smtp, NUM(eve_smtp)},
    {"tls", PROFILE_IF_TLS, eve_tls, NUM(eve_tls)},
};

const struct profile profile_eve = {"eve", true, eve_records, NUM(eve_records)};

const char *profile_describe(enum profile_convert convert) {
    static const char *const words[] = {
        [PROFILE_COPY] = "",
        [PROFILE_FIXED] = "always",
        [PROFILE_EPOCH] = "seconds since 1970",
        [PROFILE_EVE_TIME] = "microseconds, +0000",
        [PROFILE_EVE_DATE] = "without a zone",
        [PROFILE_UID] = "C and its first 17 digits",
        [PROFILE_FLOW_ID] = "its first 12 digits as a number",
        [PROFILE_TEXT] = "as text",
        [PROFILE_LIST] = "as a list",
        [PROFILE_NUMBERS] = "as a list",
        [PROFILE_ZEEK_TLS] = "as TLSv12",
        [PROFILE_EVE_TLS] = "as TLS 1.2",
        [PROFILE_LAST_ALERT] = "the last, without its side",
        [PROFILE_KEY_TYPE] = "rsa, ecdsa, dsa",
        [PROFILE_COLONS] = "as 0A:1B",
        [PROFILE_CHAIN] = "ok where the chain is valid",
        [PROFILE_UPGRADED] = "where TLS began by STARTTLS",
    };
    return words[convert];
}
