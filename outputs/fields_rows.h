/* fields_rows.h: the rows of the table of fields, in the order of JSON: fields of one group stand together.
 * fields.c makes the table of it and json_event.c the code that writes an event, so there is no guard.
 *
 * A row: CSV column (0: none), datasets, group, kind, member of struct event; then name within the group,
 * allowed values, description. FIXED and FIXED_NUMBER have always the same value, which stands there instead.
 */

#define STRING(x)  STRING_(x)
#define STRING_(x) #x

/* The rows of a certificate; csv is the column of the first. */
#define CERT_COLUMN(csv, add) ((csv) > 0 ? (csv) + (add) : 0)
#define CERT_ROWS(csv, in, grp, cert)                                                                        \
    ROW(CERT_COLUMN(csv, 0), in, grp##_HASH, HEX, cert.sha256, "sha256", ANY,                                \
        "SHA-256 of the certificate (DER), lower-case hex as openssl, tshark and Zeek print it.")            \
    ROW(CERT_COLUMN(csv, 1), in, grp##_X509_SUBJECT, TEXT, cert.subject_cn, "common_name", ANY,              \
        "Common name of the subject.")                                                                       \
    ROW(CERT_COLUMN(csv, 2), in, grp##_X509_SUBJECT, TEXT, cert.subject_dn, "distinguished_name", ANY,       \
        "Distinguished name of the subject.")                                                                \
    ROW(CERT_COLUMN(csv, 3), in, grp##_X509_ISSUER, TEXT, cert.issuer_cn, "common_name", ANY,                \
        "Common name of the issuer.")                                                                        \
    ROW(CERT_COLUMN(csv, 4), in, grp##_X509_ISSUER, TEXT, cert.issuer_dn, "distinguished_name", ANY,         \
        "Distinguished name of the issuer.")                                                                 \
    ROW(CERT_COLUMN(csv, 5), in, grp##_X509, TEXTS, cert.alternative_names, "alternative_names", ANY,        \
        "Subject alternative names.")                                                                        \
    ROW(CERT_COLUMN(csv, 6), in, grp##_X509, TIME_S, cert.not_before_s, "not_before", ANY,                   \
        "When it becomes valid; years beyond 0000..9999 become the nearest that RFC 3339 can say.")          \
    ROW(CERT_COLUMN(csv, 7), in, grp##_X509, TIME_S, cert.not_after_s, "not_after", ANY, "When it expires.") \
    ROW(CERT_COLUMN(csv, 8), in, grp##_X509, TEXT, cert.serial_number, "serial_number", ANY,                 \
        "Serial number, upper-case hex.")                                                                    \
    ROW(CERT_COLUMN(csv, 9), in, grp##_X509, TEXT, cert.signature_algorithm, "signature_algorithm", ANY,     \
        "How the certificate is signed.")                                                                    \
    ROW(CERT_COLUMN(csv, 10), in, grp##_X509, TEXT, cert.public_key_algorithm, "public_key_algorithm", ANY,  \
        "Kind of the key.")                                                                                  \
    ROW(CERT_COLUMN(csv, 11), in, grp##_X509, NUMBER, cert.public_key_size, "public_key_size", ANY,          \
        "Size of the key in bits.")                                                                          \
    ROW(CERT_COLUMN(csv, 12), in, grp##_X509, TEXT, cert.public_key_curve, "public_key_curve", ANY,          \
        "Curve of the key.")

ROW(1, SESSION, ROOT, TIME_NS, session.start_ns, "@timestamp", ANY, "Time of the first packet.")
ROW(0, PEER, ROOT, TIME_NS, peer.window_end_ns, "@timestamp", ANY, "End of the window.")
ROW(0, SENSOR, ROOT, TIME_NS, sensor.end_ns, "@timestamp", ANY, "End of the interval.")
ROW(0, ALERT, ROOT, TIME_NS, alert.time_ns, "@timestamp", ANY, "Last packet of the session that raised it.")
FIXED(25, EVERY, ECS, "version", FIELDS_ECS_VERSION,
      "Version of the Elastic Common Schema that the names are from.")
FIXED(26, SESSION, EVENT, "kind", "event", "Always event: something that happened.")
FIXED(0, MEASURE, EVENT, "kind", "metric", "Always metric: a measurement over a window.")
FIXED(0, ALERT, EVENT, "kind", "alert", "Always alert: a finding that was asked to be told of.")
ROW(27, EVERY, EVENT, CATEGORY, dataset, "category", "network email",
    "network; email too, where SMTP was spoken.")
ROW(28, EVERY, EVENT, TYPE, dataset, "type", "connection end info",
    "connection and end for a session, info too where SMTP was spoken; info alone for the others.")
FIXED(29, EVERY, EVENT, "module", "starttap", "Always starttap.")
FIXED(30, SESSION, EVENT, "dataset", "starttap.session", "Which of the datasets the event belongs to.")
FIXED(0, PEER, EVENT, "dataset", "starttap.peer", "Which of the datasets the event belongs to.")
FIXED(0, SENSOR, EVENT, "dataset", "starttap.sensor", "Which of the datasets the event belongs to.")
FIXED(0, ALERT, EVENT, "dataset", "starttap.alert", "Which of the datasets the event belongs to.")
ROW(31, EVERY, EVENT, ID, id, "id", ANY,
    "128 bits in hex, made from the content: the same capture gives the same id, doubles can be dropped "
    "by it.")
ROW(32, SESSION, EVENT, TIME_NS, session.start_ns, "start", ANY, "First packet.")
ROW(33, SESSION, EVENT, TIME_NS, session.end_ns, "end", ANY, "Last packet.")
ROW(34, SESSION, EVENT, DURATION, session.start_ns, "duration", ANY,
    "event.end - event.start in nanoseconds.")
ROW(0, PEER, EVENT, TIME_NS, peer.window_start_ns, "start", ANY, "Start of the window.")
ROW(0, PEER, EVENT, TIME_NS, peer.window_end_ns, "end", ANY, "End of the window.")
ROW(0, PEER, EVENT, DURATION, peer.window_start_ns, "duration", ANY,
    "event.end - event.start in nanoseconds.")
ROW(0, SENSOR, EVENT, TIME_NS, sensor.start_ns, "start", ANY, "Start of the interval.")
ROW(0, SENSOR, EVENT, TIME_NS, sensor.end_ns, "end", ANY, "End of the interval.")
ROW(0, SENSOR, EVENT, DURATION, sensor.start_ns, "duration", ANY, "event.end - event.start in nanoseconds.")
ROW(0, ALERT, EVENT, TIME_NS, alert.hour_ns, "start", ANY, "Start of the hour.")
ROW(0, ALERT, EVENT, TIME_NS, alert.time_ns, "end", ANY, "Last packet of the session that raised it.")
ROW(10, SESSION, EVENT, OUTCOME, session.outcome, "outcome", "success failure unknown",
    "success: encrypted; failure: in clear, or TLS failed; unknown: left out of adoption.")
ROW(11, SESSION, EVENT, TEXT, session.reason, "reason", ANY, "One sentence: why the verdict is what it is.")
ROW(12, SESSION, EVENT, SEVERITY, session.findings, "severity", ANY,
    "Highest severity of the findings: 1 informational, 2 low, 3 medium, 4 high.")
ROW(0, ALERT, EVENT, TEXT, alert.reason, "reason", ANY, "One sentence: what the finding means.")
ROW(0, ALERT, EVENT, SEVERITY, alert.findings, "severity", ANY,
    "Severity of the finding: 1 informational, 2 low, 3 medium, 4 high.")
ROW(35, EVERY, OBSERVER, TEXT, observer_name, "name", ANY,
    "Name of the sensor: its host name, or as configured.")
FIXED(36, EVERY, OBSERVER, "type", "sensor", "Always sensor.")
FIXED(37, EVERY, OBSERVER, "product", "starttap", "Always starttap.")
ROW(38, EVERY, OBSERVER, TEXT, observer_version, "version", ANY, "Version of starttap.")
FIXED(39, SESSION, NETWORK, "transport", "tcp", "Always tcp.")
ROW(40, SESSION, NETWORK, IP_VERSION, session.ipv6, "type", "ipv4 ipv6", "IP version.")
ROW(41, SESSION, NETWORK, TEXT, session.network_protocol, "protocol", "smtp",
    "smtp; absent when something else was spoken.")
ROW(42, SESSION, NETWORK, TEXT, session.community_id, "community_id", ANY,
    "Community ID 1 of the connection: the same in Zeek, Suricata and others.")
ROW(7, SESSION, NETWORK, TEXT, session.direction, "direction", "inbound outbound internal external",
    "Seen from the home networks; absent when none are configured.")
ROW(0, ALERT, NETWORK, TEXT, alert.community_id, "community_id", ANY,
    "Community ID 1 of the session that raised it.")
ROW(0, ALERT, NETWORK, TEXT, alert.direction, "direction", "inbound outbound internal external",
    "Seen from the home networks; absent when none are configured.")
ROW(43, SESSION, NETWORK_VLAN, NUMBER_WORD, session.vlan_id, "id", ANY, "Outermost VLAN tag.")
ROW(2, SESSION, SOURCE, IP, session.source.ip, "ip", ANY,
    "IP address of the client (who opened the connection).")
ROW(3, SESSION, SOURCE, PORT, session.source.port, "port", ANY,
    "TCP port of the client (who opened the connection).")
ROW(44, SESSION, SOURCE, NUMBER, session.source.bytes, "bytes", ANY,
    "TCP payload that the client sent, each byte counted once.")
ROW(45, SESSION, SOURCE, NUMBER, session.source.packets, "packets", ANY,
    "Packets seen from the client, duplicates left out.")
ROW(0, ALERT, SOURCE, IP, alert.source.ip, "ip", ANY, "Client of the session that raised it.")
ROW(0, ALERT, SOURCE, PORT, alert.source.port, "port", ANY, "Its TCP port.")
ROW(46, SESSION, SOURCE_AS, NUMBER, session.source.as_number, "number", ANY,
    "Autonomous system, from a database if one was given.")
ROW(47, SESSION, SOURCE_AS_ORGANIZATION, TEXT, session.source.as_organization, "name", ANY,
    "Who runs the autonomous system.")
ROW(48, SESSION, SOURCE_GEO, TEXT, session.source.country, "country_iso_code", ANY,
    "Country, from a database if one was given.")
ROW(4, SESSION, DESTINATION, IP, session.destination.ip, "ip", ANY, "IP address of the server.")
ROW(5, SESSION, DESTINATION, PORT, session.destination.port, "port", ANY, "TCP port of the server.")
ROW(6, SESSION, DESTINATION, TEXT, session.destination.domain, "domain", ANY, "Name that the server goes by.")
ROW(49, SESSION, DESTINATION, NUMBER, session.destination.bytes, "bytes", ANY,
    "TCP payload that the server sent, each byte counted once.")
ROW(50, SESSION, DESTINATION, NUMBER, session.destination.packets, "packets", ANY,
    "Packets seen from the server, duplicates left out.")
ROW(0, ALERT, DESTINATION, IP, alert.destination.ip, "ip", ANY, "Server of the session that raised it.")
ROW(0, ALERT, DESTINATION, PORT, alert.destination.port, "port", ANY, "Its TCP port.")
ROW(0, ALERT, DESTINATION, TEXT, alert.destination.domain, "domain", ANY, "Name that the server goes by.")
ROW(51, SESSION, DESTINATION_AS, NUMBER, session.destination.as_number, "number", ANY,
    "Autonomous system, from a database if one was given.")
ROW(52, SESSION, DESTINATION_AS_ORGANIZATION, TEXT, session.destination.as_organization, "name", ANY,
    "Who runs the autonomous system.")
ROW(53, SESSION, DESTINATION_GEO, TEXT, session.destination.country, "country_iso_code", ANY,
    "Country, from a database if one was given.")
ROW(19, SESSION, TLS, TEXT, session.tls_version, "version", ANY, "Negotiated version, such as 1.2.")
ROW(54, SESSION, TLS, TEXT, session.tls_version_protocol, "version_protocol", "tls ssl",
    "Family of the version.")
ROW(20, SESSION, TLS, TEXT, session.tls_cipher, "cipher", ANY, "Negotiated cipher suite, by its IANA name.")
ROW(55, SESSION, TLS, TEXT, session.tls_curve, "curve", ANY, "Elliptic curve of the key exchange.")
ROW(21, SESSION, TLS, FACT, session.tls_established, "established", ANY,
    "Whether the handshake was completed.")
ROW(56, SESSION, TLS, FACT, session.tls_resumed, "resumed", ANY, "Whether an earlier session was resumed.")
ROW(57, SESSION, TLS, TEXT, session.tls_next_protocol, "next_protocol", ANY, "Protocol chosen by ALPN.")
ROW(22, SESSION, TLS_CLIENT, TEXT, session.tls_server_name, "server_name", ANY,
    "Name that the client asked for (SNI).")
ROW(58, SESSION, TLS_CLIENT, TEXT, session.tls_ja3, "ja3", ANY, "JA3 fingerprint of the ClientHello.")
ROW(59, SESSION, TLS_CLIENT, TEXTS, session.tls_supported_ciphers, "supported_ciphers", ANY,
    "Cipher suites that the client offered, in its order.")
CERT_ROWS(60, SESSION, TLS_CLIENT, session.client_cert)
ROW(73, SESSION, TLS_SERVER, TEXT, session.tls_ja3s, "ja3s", ANY, "JA3S fingerprint of the ServerHello.")
CERT_ROWS(74, SESSION, TLS_SERVER, session.server_cert)
CERT_ROWS(0, PEER, TLS_SERVER, peer.cert)
FIXED_NUMBER(87, EVERY, STARTTAP, "schema_version", STRING(EVENT_SCHEMA_VERSION),
             "Version of this schema; a change that breaks readers raises it.")
ROW(8, SESSION, STARTTAP, VERDICT, session.verdict, "verdict", ANY,
    "The verdict: exactly one for each session.")
ROW(0, ALERT, STARTTAP, VERDICT, alert.verdict, "verdict", ANY, "The verdict of the session that raised it.")
ROW(9, SESSION, STARTTAP, UNKNOWN_REASON, session.unknown_reason, "unknown_reason", ANY,
    "Why the verdict is unknown.")
ROW(14, SESSION, STARTTAP, TEXT, session.mode, "mode", "starttls implicit plain", "How TLS was to begin.")
ROW(13, SESSION, STARTTAP, FINDINGS, session.findings, "findings", ANY,
    "What is wrong with the session, by name.")
ROW(88, SESSION, SMTP, TEXT, session.smtp_banner, "banner", ANY, "Text of the server's greeting.")
ROW(89, SESSION, SMTP, TEXT, session.smtp_helo, "helo", ANY, "Argument of HELO.")
ROW(24, SESSION, SMTP, TEXT, session.smtp_ehlo, "ehlo", ANY, "Argument of EHLO.")
ROW(23, SESSION, SMTP, TEXT, session.smtp_server_name, "server_name", ANY,
    "First word of the EHLO reply, else of the banner.")
ROW(90, SESSION, SMTP, TEXTS, session.smtp_capabilities, "capabilities", ANY,
    "Lines of the EHLO reply behind the first.")
ROW(91, SESSION, SMTP, TEXTS, session.smtp_auth_mechanisms, "auth_mechanisms", ANY,
    "AUTH mechanisms that the server offered.")
ROW(92, SESSION, SMTP, NUMBER, session.smtp_last_reply_code, "last_reply_code", ANY,
    "Code of the last reply that was seen in clear.")
ROW(93, SESSION, SMTP, FACT, session.requiretls_offered, "requiretls_offered", ANY,
    "Whether the server offered REQUIRETLS (RFC 8689).")
ROW(94, SESSION, SMTP, FACT, session.requiretls_used, "requiretls_used", ANY,
    "Whether a MAIL command asked for REQUIRETLS.")
ROW(95, SESSION, STARTTLS, FACT, session.starttls_offered, "offered", ANY,
    "Whether the EHLO reply held STARTTLS.")
ROW(96, SESSION, STARTTLS, TEXT, session.starttls_masked_keyword, "masked_keyword", ANY,
    "The overwritten keyword that stood where STARTTLS was.")
ROW(97, SESSION, STARTTLS, FACT, session.starttls_requested, "requested", ANY,
    "Whether the client asked for STARTTLS.")
ROW(98, SESSION, STARTTLS, NUMBER, session.starttls_reply_code, "reply_code", ANY,
    "Code of the reply to STARTTLS.")
ROW(99, SESSION, STARTTLS, NUMBER, session.injected_command_bytes, "injected_command_bytes", ANY,
    "Bytes in clear behind STARTTLS, before its reply (CVE-2011-0411).")
ROW(100, SESSION, STARTTLS, NUMBER, session.injected_reply_bytes, "injected_reply_bytes", ANY,
    "Bytes in clear behind the 220, before TLS (CVE-2021-22947).")
ROW(15, SESSION, MAIL, NUMBER, session.mail_transactions, "transactions", ANY,
    "Messages whose content was sent to its end.")
ROW(16, SESSION, MAIL, FACT, session.mail_cleartext, "cleartext", ANY,
    "Whether mail crossed the network in clear.")
ROW(17, SESSION, MAIL, NUMBER, session.mail_cleartext_bytes, "cleartext_bytes", ANY,
    "Bytes of message content in clear.")
ROW(101, SESSION, MAIL, TEXTS, session.mail_from_domains, "from_domains", ANY,
    "Domains of the senders; never the local parts.")
ROW(102, SESSION, MAIL, TEXTS, session.mail_rcpt_domains, "rcpt_domains", ANY,
    "Domains of the recipients; never the local parts.")
ROW(18, SESSION, MAIL, FACT, session.auth_cleartext, "auth_cleartext", ANY,
    "Whether credentials crossed the network in clear.")
ROW(103, SESSION, MAIL, TEXT, session.auth_mechanism, "auth_mechanism", ANY,
    "AUTH mechanism that the client used.")
ROW(104, SESSION, STARTTAP_TLS, TEXTS, session.tls_client_versions, "client_versions", ANY,
    "Versions that the client offered.")
ROW(105, SESSION, STARTTAP_TLS, TEXT, session.tls_key_exchange_group, "key_exchange_group", ANY,
    "Group of the key exchange, by its IANA name.")
ROW(106, SESSION, STARTTAP_TLS, FACT, session.tls_post_quantum, "post_quantum", ANY,
    "Whether the key exchange withstands quantum computers.")
ROW(107, SESSION, STARTTAP_TLS, FACT, session.tls_forward_secrecy, "forward_secrecy", ANY,
    "Whether a key stolen later leaves this session unreadable.")
ROW(108, SESSION, STARTTAP_TLS, NUMBER, session.tls_cipher_bits, "cipher_bits", ANY,
    "Key length of the cipher in bits.")
ROW(109, SESSION, STARTTAP_TLS, TEXT, session.tls_signature_scheme, "signature_scheme", ANY,
    "Scheme by which the server signed the handshake.")
ROW(110, SESSION, STARTTAP_TLS, NUMBER, session.tls_dh_bits, "dh_bits", ANY,
    "Size of the finite-field group in bits.")
ROW(111, SESSION, STARTTAP_TLS, FACT, session.tls_hello_retry, "hello_retry", ANY,
    "Whether the server sent a HelloRetryRequest.")
ROW(112, SESSION, STARTTAP_TLS, TEXTS, session.tls_alerts, "alerts", ANY,
    "Alerts in clear, such as client:handshake_failure.")
ROW(113, SESSION, STARTTAP_TLS, NUMBER, session.tls_encrypted_alerts, "encrypted_alerts", ANY,
    "Alert records that were encrypted.")
ROW(114, SESSION, STARTTAP_TLS, FACT, session.tls_ech, "ech", ANY,
    "Whether the client sent an Encrypted Client Hello.")
ROW(115, SESSION, STARTTAP_TLS, FACT, session.tls_early_data, "early_data", ANY,
    "Whether the client sent early data.")
ROW(116, SESSION, STARTTAP_TLS, FACT, session.tls_legacy_hello, "legacy_hello", ANY,
    "Whether the ClientHello had the format of SSL 2.")
ROW(117, SESSION, STARTTAP_TLS, FACT, session.tls_compression, "compression", ANY,
    "Whether TLS compression was negotiated.")
ROW(118, SESSION, STARTTAP_TLS, FACT, session.tls_fallback_scsv, "fallback_scsv", ANY,
    "Whether the client marked a fallback (RFC 7507).")
ROW(119, SESSION, STARTTAP_TLS, FACT, session.tls_ocsp_stapled, "ocsp_stapled", ANY,
    "Whether the server sent an OCSP response.")
ROW(120, SESSION, STARTTAP_TLS, FACT, session.tls_renegotiated, "renegotiated", ANY,
    "Whether the session was negotiated anew.")
ROW(121, SESSION, STARTTAP_TLS, FACT, session.tls_decrypted, "decrypted", ANY,
    "Whether a key log made the encrypted part readable.")
ROW(122, SESSION, STARTTAP_TLS, TEXT, session.tls_ja4, "ja4", ANY, "JA4 fingerprint of the ClientHello.")
ROW(123, SESSION, CERT, FACT, session.cert_visible, "visible", ANY,
    "Whether the server's certificate could be seen.")
ROW(124, SESSION, CERT, TEXT, session.cert_absent_reason, "absent_reason",
    "tls13_encrypted resumed truncated gap anonymous", "Why it could not.")
ROW(125, SESSION, CERT, NUMBER, session.cert_chain_length, "chain_length", ANY,
    "Certificates that the server sent.")
ROW(126, SESSION, CERT, FACT, session.cert_chain_valid, "chain_valid", ANY,
    "Whether the chain led to a trusted authority at the time of the session.")
ROW(127, SESSION, CERT, TEXT, session.cert_chain_error, "chain_error", ANY, "Why it did not.")
ROW(128, SESSION, CERT, FACT, session.cert_name_match, "name_match", ANY,
    "Whether the certificate holds the expected name.")
ROW(129, SESSION, CERT, TEXT, session.cert_expected_name, "expected_name", ANY, "The name that was expected.")
ROW(130, SESSION, CERT, FACT, session.cert_self_signed, "self_signed", ANY,
    "Whether the certificate was signed with its own key.")
ROW(131, SESSION, CERT, NUMBER, session.cert_days_left, "days_left", ANY,
    "Days until it expires, at the time of the session; negative when it had.")
ROW(132, SESSION, CLIENT_CERT, FACT, session.client_cert_requested, "requested", ANY,
    "Whether the server asked for a client certificate.")
ROW(133, SESSION, CLIENT_CERT, FACT, session.client_cert_sent, "sent", ANY, "Whether the client sent one.")
ROW(134, SESSION, POLICY, TEXT, session.policy_rule, "rule", ANY, "Name of the rule that applied.")
ROW(135, SESSION, POLICY, TEXT, session.policy_level, "level", ANY, "Level that the rule asks for.")
ROW(136, SESSION, POLICY, TEXT, session.policy_result, "result", "pass fail unknown",
    "Whether the session kept it.")
ROW(137, SESSION, POLICY, TEXTS, session.policy_reasons, "reasons", ANY, "Why it did not.")
ROW(138, SESSION, TLSRPT, TEXT, session.tlsrpt_result_type, "result_type", ANY,
    "Result in the words of RFC 8460, section 4.3.")
ROW(139, SESSION, CAPTURE, COUNTER, session.gap_bytes, "gap_bytes", ANY,
    "Bytes that the capture did not hold.")
ROW(140, SESSION, CAPTURE, FLAG, session.midstream, "midstream", ANY,
    "The capture began after the connection did.")
ROW(141, SESSION, CAPTURE, FLAG, session.one_sided, "one_sided", ANY, "Only one direction was captured.")
ROW(142, SESSION, CAPTURE, FLAG, session.truncated, "truncated", ANY, "Packets were cut by the snap length.")
ROW(143, SESSION, CAPTURE, COUNTER, session.out_of_order, "out_of_order", ANY,
    "Segments that came out of order.")
ROW(144, SESSION, CAPTURE, COUNTER, session.retransmits, "retransmits", ANY, "Segments that were sent again.")
ROW(145, SESSION, CAPTURE, COUNTER, session.duplicates, "duplicates", ANY,
    "Packets that were captured twice.")
ROW(146, SESSION, CAPTURE, FLAG, session.overlap_conflict, "overlap_conflict", ANY,
    "Segments or fragments overlapped with different bytes (the first copy was used), or bytes were "
    "urgent:"
    " hosts may have read something else.")
ROW(147, SESSION, MEMORY, NUMBER, session.memory_offers, "offers", ANY,
    "Sessions before this one in which the server offered STARTTLS; with it and the next four: "
    "starttls.withdrawn.")
ROW(148, SESSION, MEMORY, NUMBER, session.memory_omissions, "omissions", ANY,
    "Sessions before this one in which it did not.")
ROW(149, SESSION, MEMORY, TIME_S, session.memory_first_offered_s, "first_offered", ANY,
    "When it was first seen to offer STARTTLS.")
ROW(150, SESSION, MEMORY, TIME_S, session.memory_last_offered_s, "last_offered", ANY, "When it last was.")
ROW(151, SESSION, MEMORY, NUMBER, session.memory_confidence, "confidence", ANY,
    "How sure an offer was to be expected, percent: (offers + 1) / (sessions + 2) of the last 32 "
    "sessions that showed it.")
ROW(152, SESSION, MEMORY, HEX, session.memory_cert_sha256, "cert_sha256", ANY,
    "Certificate that the server showed last before this one, which has another key (cert.changed).")
ROW(153, SESSION, MEMORY, TIME_S, session.memory_cert_seen_s, "cert_seen", ANY, "When it was last shown.")
ROW(154, SESSION, MEMORY, TEXT, session.memory_tls_version, "tls_version", ANY,
    "Newest TLS version that the server chose before (tls.version_lowered).")
ROW(155, SESSION, MEMORY, TIME_S, session.memory_tls_version_seen_s, "tls_version_seen", ANY,
    "When it last did.")
ROW(156, SESSION, MEMORY, TIME_S, session.memory_failed_s, "failed", ANY,
    "End of the failed handshake before (fallback.cleartext).")
ROW(157, SESSION, MEMORY, IP, session.memory_other_client, "other_client", ANY,
    "The client that the server treated differently (starttls.differs).")
ROW(158, SESSION, MEMORY, FACT, session.memory_other_offered, "other_offered", ANY,
    "Whether STARTTLS was offered to that one.")
ROW(159, SESSION, MEMORY, TIME_S, session.memory_other_seen_s, "other_seen", ANY, "When.")
ROW(160, SESSION, DNS, TEXT, session.dns_host, "host", ANY,
    "Name by which the server was looked up, from DNS answers that were seen: the host of an MX record, "
    "or what this client had asked for.")
ROW(161, SESSION, DNS, TEXTS, session.dns_domains, "domains", ANY,
    "Domains of which it was seen to be an MX.")
ROW(162, SESSION, DNS, TEXT, session.dns_mta_sts_id, "mta_sts_id", ANY,
    "id of the domain's _mta-sts record (RFC 8461, section 3.1).")
ROW(163, SESSION, DNS, TEXT, session.dns_tlsrpt_rua, "tlsrpt_rua", ANY,
    "Where the domain wants reports: rua of its _smtp._tls record (RFC 8460, section 3).")
ROW(164, SESSION, DANE, TEXTS, session.dane_records, "records", ANY,
    "TLSA records seen for the server: usage, selector, matching type, data in hexadecimal (64 bytes of "
    "it).")
ROW(165, SESSION, DANE, TEXT, session.dane_result, "result", "match mismatch unknown",
    "Whether one of them matches the certificate that was seen (RFC 7671, RFC 7672).")
ROW(166, SESSION, DANE, TEXT, session.dane_reason, "reason",
    "certificate_not_visible no_usable_records no_record_matches anchor_not_sent chain_not_signed "
    "name_mismatch certificate_out_of_date",
    "Why it is no match.")
ROW(167, SESSION, DANE, TEXT, session.dane_dnssec, "dnssec", "claimed not_claimed",
    "Whether the resolver said that DNSSEC had made the records safe (AD bit). Nothing verified it.")
ROW(168, SESSION, MTA_STS, TEXT, session.mta_sts_domain, "domain", ANY,
    "Domain whose MTA-STS policy applied.")
ROW(169, SESSION, MTA_STS, TEXT, session.mta_sts_mode, "mode", "enforce testing none", "Mode of the policy.")
ROW(170, SESSION, MTA_STS, TEXT, session.mta_sts_result, "result", "pass fail unknown",
    "Whether the session obeyed it (RFC 8461, section 4).")
ROW(171, SESSION, MTA_STS, TEXT, session.mta_sts_reason, "reason",
    "starttls_not_supported handshake_failed mx_unknown mx_mismatch certificate_not_visible "
    "certificate_expired certificate_host_mismatch certificate_not_trusted certificate_not_verified "
    "several_domains",
    "Why it did not, or why that cannot be said.")
ROW(172, SESSION, RECEIVED, TEXTS, session.received_hops, "hops", ANY,
    "With --received: earlier hops of messages in clear, from their Received fields: number (1 is the "
    "last "
    "hop before this one), encrypted, cleartext or unknown, then with=, version=, cipher=, by=, from= as "
    "far as the field says.")
ROW(173, SESSION, RECEIVED, NUMBER, session.received_encrypted, "encrypted", ANY,
    "How many of these hops say that they were encrypted.")
ROW(174, SESSION, RECEIVED, NUMBER, session.received_cleartext, "cleartext", ANY,
    "How many name a protocol without encryption.")
ROW(175, SESSION, RECEIVED, NUMBER, session.received_unknown, "unknown", ANY, "How many do not say.")
ROW(0, PEER, PEER, IP, peer.ip, "ip", ANY, "IP address of the peer, where kind is ip.")
ROW(0, PEER, PEER, TEXTS, peer.names, "names", ANY, "Names seen: banner, EHLO, SNI, certificate.")
ROW(0, PEER, PEER, TEXT, peer.direction, "direction", "inbound outbound internal external",
    "Seen from the home networks; absent when none are configured.")
ROW(0, PEER, PEER, TEXT, peer.role, "role", "server client", "Which end of its sessions the peer was.")
ROW(0, PEER, PEER_WINDOW, TIME_NS, peer.window_start_ns, "start", ANY, "Start of the window.")
ROW(0, PEER, PEER_WINDOW, TIME_NS, peer.window_end_ns, "end", ANY, "End of the window.")
ROW(0, PEER, PEER, TIME_NS, peer.first_seen_ns, "first_seen", ANY, "First packet ever seen of the peer.")
ROW(0, PEER, PEER, TIME_NS, peer.last_seen_ns, "last_seen", ANY, "Last packet seen of the peer.")
ROW(0, PEER, PEER, UNSIGNED, peer.sessions, "sessions", ANY, "Sessions in the window.")
ROW(0, PEER, PEER, VERDICT_COUNTS, peer.by_verdict, "verdicts", ANY, "Sessions by verdict.")
ROW(0, PEER, PEER, SESSION_COUNTS, peer.by_version, "tls_versions", ANY, "Sessions by TLS version.")
ROW(0, PEER, PEER, SESSION_COUNTS, peer.by_cipher, "ciphers", ANY, "Sessions by cipher suite.")
ROW(0, PEER, PEER, UNSIGNED, peer.messages_cleartext, "messages_cleartext", ANY, "Messages in clear.")
ROW(0, PEER, PEER, UNSIGNED, peer.bytes_cleartext, "bytes_cleartext", ANY,
    "Bytes of message content in clear.")
ROW(0, PEER, PEER, UNSIGNED, peer.auth_cleartext, "auth_cleartext", ANY,
    "Sessions with credentials in clear.")
ROW(0, PEER, PEER_ADOPTION, UNSIGNED, peer.adoption_encrypted, "encrypted", ANY,
    "Numerator: sessions encrypted.")
ROW(0, PEER, PEER_ADOPTION, UNSIGNED, peer.adoption_total, "total", ANY,
    "Denominator: sessions encrypted, in clear or failed.")
ROW(0, PEER, PEER_ADOPTION, RATIO, peer.adoption_encrypted, "ratio", ANY,
    "encrypted / total; absent when total is 0.")
ROW(0, PEER, PEER_CERT, NUMBER, peer.cert_days_left, "days_left", ANY,
    "Days until the last certificate expires, at the end of the window.")
ROW(0, PEER, PEER, FINDING_COUNTS, peer.findings, "findings", ANY, "Sessions by finding.")
ROW(0, PEER, PEER, FACT, peer.ever_offered, "ever_offered", ANY,
    "Whether the peer ever offered STARTTLS, as far back as the sensor remembers (--state).")
ROW(0, PEER, PEER, TEXT, peer.kind, "kind", "ip name domain",
    "What the peer is told apart by: an IP address, a name that it showed or was looked up by, or the "
    "organisational domain of such names. A session counts once for each of them.")
ROW(0, PEER, PEER, TEXT, peer.name, "name", ANY,
    "The address, name or domain; other: those of this kind for which there was no room, together.")
ROW(0, PEER, PEER, TIME_S, peer.last_offered_s, "last_offered", ANY, "When it last did.")
ROW(0, PEER, PEER, COUNTER, peer.rolled_up, "rolled_up", ANY,
    "Where name is other: how often a peer was put into it, the one seen longest ago (--max-peers).")
ROW(0, SENSOR, SENSOR, UNSIGNED, sensor.packets, "packets", ANY, "Packets read.")
ROW(0, SENSOR, SENSOR, UNSIGNED, sensor.bytes, "bytes", ANY, "Bytes read.")
ROW(0, SENSOR, SENSOR, UNSIGNED, sensor.packets_dropped, "packets_dropped", ANY,
    "Packets that the kernel dropped.")
ROW(0, SENSOR, SENSOR, UNSIGNED, sensor.interface_dropped, "interface_dropped", ANY,
    "Packets that the interface dropped.")
ROW(0, SENSOR, SENSOR, UNSIGNED, sensor.packets_truncated, "packets_truncated", ANY,
    "Packets cut by the snap length.")
ROW(0, SENSOR, SENSOR, UNSIGNED, sensor.packets_damaged, "packets_damaged", ANY,
    "Packets that could not be decoded.")
ROW(0, SENSOR, SENSOR, UNSIGNED, sensor.packets_fragment, "packets_fragment", ANY, "IP fragments.")
ROW(0, SENSOR, SENSOR, UNSIGNED, sensor.packets_duplicate, "packets_duplicate", ANY,
    "Packets captured twice.")
ROW(0, SENSOR, SENSOR, UNSIGNED, sensor.gaps, "gaps", ANY, "Gaps in TCP streams.")
ROW(0, SENSOR, SENSOR, UNSIGNED, sensor.gap_bytes, "gap_bytes", ANY, "Bytes in those gaps.")
ROW(0, SENSOR, SENSOR, UNSIGNED, sensor.flows_tracked, "flows_tracked", ANY, "Connections being tracked.")
ROW(0, SENSOR, SENSOR, UNSIGNED, sensor.flows_peak, "flows_peak", ANY, "Most connections tracked at once.")
ROW(0, SENSOR, SENSOR, UNSIGNED, sensor.flows_evicted, "flows_evicted", ANY,
    "Connections given up for lack of room.")
ROW(0, SENSOR, SENSOR, UNSIGNED, sensor.sessions, "sessions", ANY, "Session events.")
ROW(0, SENSOR, SENSOR, UNSIGNED, sensor.sessions_one_sided, "sessions_one_sided", ANY,
    "Sessions of which one direction was captured.")
ROW(0, SENSOR, SENSOR, UNSIGNED, sensor.sessions_midstream, "sessions_midstream", ANY,
    "Sessions that had begun before the capture.")
ROW(0, SENSOR, SENSOR, UNSIGNED, sensor.limits_hit, "limits_hit", ANY,
    "How often any named limit was reached.")
ROW(0, SENSOR, SENSOR, HIT_COUNTS, sensor.limits, "limits", ANY, "Limits that were reached, and how often.")
ROW(0, SENSOR, SENSOR, UNSIGNED, sensor.memory_bytes, "memory_bytes", ANY, "Memory in use.")
ROW(0, SENSOR, SENSOR, SINK_COUNTS, sensor.sink_events, "sink_events", ANY,
    "Events that each sink was given. Reading captures, files and databases are left out here and "
    "below: the same capture gives the same events.")
ROW(0, SENSOR, SENSOR, SINK_COUNTS, sensor.sink_bytes, "sink_bytes", ANY, "Bytes of these events.")
ROW(0, SENSOR, SENSOR, SINK_COUNTS, sensor.sink_waiting, "sink_waiting", ANY,
    "Events that each sink has not delivered yet, those of earlier runs among them.")
ROW(0, SENSOR, SENSOR, SINK_COUNTS, sensor.sink_lag_ms, "sink_lag_ms", ANY,
    "Age of the oldest of these, in milliseconds.")
ROW(0, SENSOR, SENSOR, SINK_COUNTS, sensor.sink_lost, "sink_lost", ANY,
    "Events that each sink dropped for lack of room, or put aside because they were refused for good.")
ROW(0, SENSOR, SENSOR, SINK_COUNTS, sensor.sink_errors, "sink_errors", ANY,
    "Errors of each sink, by class: connection, authentication, topic, size, fatal, spool, disk, other.")
ROW(0, SENSOR, SENSOR, NUMBER, sensor.segments_to_server, "segments_to_server", ANY,
    "TCP segments to mail ports. This and all below is there in live capture only.")
ROW(0, SENSOR, SENSOR, NUMBER, sensor.segments_to_client, "segments_to_client", ANY,
    "TCP segments from mail ports: a mirror of one direction shows nearly none of one kind.")
ROW(0, SENSOR, SENSOR, RATIO, sensor.one_sided, "one_sided_ratio", ANY,
    "Share of sessions of which one direction was seen.")
ROW(0, SENSOR, SENSOR, RATIO, sensor.duplicate, "duplicate_ratio", ANY,
    "Packets seen twice, for each packet: a mirror of both ends of a line shows each twice.")
ROW(0, SENSOR, SENSOR, NUMBER, sensor.interface_outages, "interface_outages", ANY,
    "Times that an interface was down or away.")
ROW(0, SENSOR, SENSOR, NUMBER, sensor.interface_outage_ms, "interface_outage_ms", ANY,
    "For how long, in milliseconds: nothing was captured from it meanwhile.")
ROW(0, SENSOR, SENSOR, NUMBER, sensor.clock_steps, "clock_steps", ANY,
    "Times that the host's clock was set by a second or more.")
ROW(0, SENSOR, SENSOR, NUMBER, sensor.suspended_ms, "suspended_ms", ANY,
    "For how long the host was suspended, in milliseconds.")
ROW(0, SENSOR, SENSOR, TEXT, sensor.mirror, "mirror", "ok silent one_way",
    "What the mirror shows: both directions, nothing since the start, or one direction only.")
ROW(0, ALERT, ALERT, TEXT, alert.finding, "finding", ANY, "The finding, by name.")
ROW(0, ALERT, ALERT, TEXT, alert.remedy, "remedy", ANY, "One sentence: what to do.")
ROW(0, ALERT, ALERT, UNSIGNED, alert.sessions, "sessions", ANY,
    "Sessions of the peer in this hour that had it: as many as --alert-on asks for.")
ROW(0, ALERT, ALERT, IP, alert.peer_ip, "peer_ip", ANY, "IP address of the peer.")
ROW(0, ALERT, ALERT, TEXT, alert.peer_name, "peer_name", ANY,
    "Name that the peer goes by; absent when it said none.")
ROW(0, ALERT, ALERT, TEXT, alert.session_id, "session_id", ANY, "event.id of the session that raised it.")

#undef STRING
#undef STRING_
#undef CERT_COLUMN
#undef CERT_ROWS
