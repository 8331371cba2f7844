-- The database that starttap writes (-o sqlite:PATH). Made from outputs/fields.c; a test compares both.
--
-- Columns are named like the fields of events (fields.md), without "starttap." and with '_' for '.'.
-- What was not observed is NULL. Truth is 1 or 0, times are RFC 3339 in UTC, lists are JSON arrays and counts
-- JSON objects (json_each() takes them apart). Rows are told apart by event.id: reading a capture again
-- changes nothing.

-- One for each TCP connection that carries or may carry mail.
CREATE TABLE IF NOT EXISTS sessions (
    timestamp TEXT, -- Time of the first packet.
    event_id TEXT PRIMARY KEY, -- 128 bits in hex, made from the content: the same capture gives the same id, doubles can be dropped by it.
    event_start TEXT, -- First packet.
    event_end TEXT, -- Last packet.
    event_duration INTEGER, -- event.end - event.start in nanoseconds.
    event_outcome TEXT, -- success: encrypted; failure: in clear, or TLS failed; unknown: left out of adoption.
    event_reason TEXT, -- One sentence: why the verdict is what it is.
    event_severity INTEGER, -- Highest severity of the findings: 1 informational, 2 low, 3 medium, 4 high.
    observer_name TEXT, -- Name of the sensor: its host name, or as configured.
    observer_version TEXT, -- Version of starttap.
    network_type TEXT, -- IP version.
    network_protocol TEXT, -- smtp; absent when something else was spoken.
    network_community_id TEXT, -- Community ID 1 of the connection: the same in Zeek, Suricata and others.
    network_direction TEXT, -- Seen from the home networks; absent when none are configured.
    network_vlan_id TEXT, -- Outermost VLAN tag.
    source_ip TEXT, -- IP address of the client (who opened the connection).
    source_port INTEGER, -- TCP port of the client (who opened the connection).
    source_bytes INTEGER, -- TCP payload that the client sent, each byte counted once.
    source_packets INTEGER, -- Packets seen from the client, duplicates left out.
    source_as_number INTEGER, -- Autonomous system, from a database if one was given.
    source_as_organization_name TEXT, -- Who runs the autonomous system.
    source_geo_country_iso_code TEXT, -- Country, from a database if one was given.
    destination_ip TEXT, -- IP address of the server.
    destination_port INTEGER, -- TCP port of the server.
    destination_domain TEXT, -- Name that the server goes by.
    destination_bytes INTEGER, -- TCP payload that the server sent, each byte counted once.
    destination_packets INTEGER, -- Packets seen from the server, duplicates left out.
    destination_as_number INTEGER, -- Autonomous system, from a database if one was given.
    destination_as_organization_name TEXT, -- Who runs the autonomous system.
    destination_geo_country_iso_code TEXT, -- Country, from a database if one was given.
    tls_version TEXT, -- Negotiated version, such as 1.2.
    tls_version_protocol TEXT, -- Family of the version.
    tls_cipher TEXT, -- Negotiated cipher suite, by its IANA name.
    tls_curve TEXT, -- Elliptic curve of the key exchange.
    tls_established INTEGER, -- Whether the handshake was completed.
    tls_resumed INTEGER, -- Whether an earlier session was resumed.
    tls_next_protocol TEXT, -- Protocol chosen by ALPN.
    tls_client_server_name TEXT, -- Name that the client asked for (SNI).
    tls_client_ja3 TEXT, -- JA3 fingerprint of the ClientHello.
    tls_client_supported_ciphers TEXT, -- Cipher suites that the client offered, in its order.
    tls_client_hash_sha256 TEXT, -- SHA-256 of the certificate (DER), lower-case hex as openssl, tshark and Zeek print it.
    tls_server_ja3s TEXT, -- JA3S fingerprint of the ServerHello.
    tls_server_hash_sha256 TEXT, -- SHA-256 of the certificate (DER), lower-case hex as openssl, tshark and Zeek print it.
    verdict TEXT, -- The verdict: exactly one for each session.
    unknown_reason TEXT, -- Why the verdict is unknown.
    mode TEXT, -- How TLS was to begin.
    findings TEXT, -- What is wrong with the session, by name.
    smtp_banner TEXT, -- Text of the server's greeting.
    smtp_helo TEXT, -- Argument of HELO.
    smtp_ehlo TEXT, -- Argument of EHLO.
    smtp_server_name TEXT, -- First word of the EHLO reply, else of the banner.
    smtp_capabilities TEXT, -- Lines of the EHLO reply behind the first.
    smtp_auth_mechanisms TEXT, -- AUTH mechanisms that the server offered.
    smtp_last_reply_code INTEGER, -- Code of the last reply that was seen in clear.
    smtp_requiretls_offered INTEGER, -- Whether the server offered REQUIRETLS (RFC 8689).
    smtp_requiretls_used INTEGER, -- Whether a MAIL command asked for REQUIRETLS.
    starttls_offered INTEGER, -- Whether the EHLO reply held STARTTLS.
    starttls_masked_keyword TEXT, -- The overwritten keyword that stood where STARTTLS was.
    starttls_requested INTEGER, -- Whether the client asked for STARTTLS.
    starttls_reply_code INTEGER, -- Code of the reply to STARTTLS.
    starttls_injected_command_bytes INTEGER, -- Bytes in clear behind STARTTLS, before its reply (CVE-2011-0411).
    starttls_injected_reply_bytes INTEGER, -- Bytes in clear behind the 220, before TLS (CVE-2021-22947).
    mail_transactions INTEGER, -- Messages whose content was sent to its end.
    mail_cleartext INTEGER, -- Whether mail crossed the network in clear.
    mail_cleartext_bytes INTEGER, -- Bytes of message content in clear.
    mail_from_domains TEXT, -- Domains of the senders; never the local parts.
    mail_rcpt_domains TEXT, -- Domains of the recipients; never the local parts.
    mail_auth_cleartext INTEGER, -- Whether credentials crossed the network in clear.
    mail_auth_mechanism TEXT, -- AUTH mechanism that the client used.
    tls_client_versions TEXT, -- Versions that the client offered.
    tls_key_exchange_group TEXT, -- Group of the key exchange, by its IANA name.
    tls_post_quantum INTEGER, -- Whether the key exchange withstands quantum computers.
    tls_forward_secrecy INTEGER, -- Whether a key stolen later leaves this session unreadable.
    tls_cipher_bits INTEGER, -- Key length of the cipher in bits.
    tls_signature_scheme TEXT, -- Scheme by which the server signed the handshake.
    tls_dh_bits INTEGER, -- Size of the finite-field group in bits.
    tls_hello_retry INTEGER, -- Whether the server sent a HelloRetryRequest.
    tls_alerts TEXT, -- Alerts in clear, such as client:handshake_failure.
    tls_encrypted_alerts INTEGER, -- Alert records that were encrypted.
    tls_ech INTEGER, -- Whether the client sent an Encrypted Client Hello.
    tls_early_data INTEGER, -- Whether the client sent early data.
    tls_legacy_hello INTEGER, -- Whether the ClientHello had the format of SSL 2.
    tls_compression INTEGER, -- Whether TLS compression was negotiated.
    tls_fallback_scsv INTEGER, -- Whether the client marked a fallback (RFC 7507).
    tls_ocsp_stapled INTEGER, -- Whether the server sent an OCSP response.
    tls_renegotiated INTEGER, -- Whether the session was negotiated anew.
    tls_decrypted INTEGER, -- Whether a key log made the encrypted part readable.
    tls_ja4 TEXT, -- JA4 fingerprint of the ClientHello.
    cert_visible INTEGER, -- Whether the server's certificate could be seen.
    cert_absent_reason TEXT, -- Why it could not.
    cert_chain_length INTEGER, -- Certificates that the server sent.
    cert_chain_valid INTEGER, -- Whether the chain led to a trusted authority at the time of the session.
    cert_chain_error TEXT, -- Why it did not.
    cert_name_match INTEGER, -- Whether the certificate holds the expected name.
    cert_expected_name TEXT, -- The name that was expected.
    cert_self_signed INTEGER, -- Whether the certificate was signed with its own key.
    cert_days_left INTEGER, -- Days until it expires, at the time of the session; negative when it had.
    client_cert_requested INTEGER, -- Whether the server asked for a client certificate.
    client_cert_sent INTEGER, -- Whether the client sent one.
    policy_rule TEXT, -- Name of the rule that applied.
    policy_level TEXT, -- Level that the rule asks for.
    policy_result TEXT, -- Whether the session kept it.
    policy_reasons TEXT, -- Why it did not.
    tlsrpt_result_type TEXT, -- Result in the words of RFC 8460, section 4.3.
    capture_gap_bytes INTEGER, -- Bytes that the capture did not hold.
    capture_midstream INTEGER, -- The capture began after the connection did.
    capture_one_sided INTEGER, -- Only one direction was captured.
    capture_truncated INTEGER, -- Packets were cut by the snap length.
    capture_out_of_order INTEGER, -- Segments that came out of order.
    capture_retransmits INTEGER, -- Segments that were sent again.
    capture_duplicates INTEGER, -- Packets that were captured twice.
    capture_overlap_conflict INTEGER, -- Segments or fragments overlapped with different bytes (the first copy was used), or bytes were urgent: hosts may have read something else.
    memory_offers INTEGER, -- Sessions before this one in which the server offered STARTTLS; with it and the next four: starttls.withdrawn.
    memory_omissions INTEGER, -- Sessions before this one in which it did not.
    memory_first_offered TEXT, -- When it was first seen to offer STARTTLS.
    memory_last_offered TEXT, -- When it last was.
    memory_confidence INTEGER, -- How sure an offer was to be expected, percent: (offers + 1) / (sessions + 2) of the last 32 sessions that showed it.
    memory_cert_sha256 TEXT, -- Certificate that the server showed last before this one, which has another key (cert.changed).
    memory_cert_seen TEXT, -- When it was last shown.
    memory_tls_version TEXT, -- Newest TLS version that the server chose before (tls.version_lowered).
    memory_tls_version_seen TEXT, -- When it last did.
    memory_failed TEXT, -- End of the failed handshake before (fallback.cleartext).
    memory_other_client TEXT, -- The client that the server treated differently (starttls.differs).
    memory_other_offered INTEGER, -- Whether STARTTLS was offered to that one.
    memory_other_seen TEXT, -- When.
    dns_host TEXT, -- Name by which the server was looked up, from DNS answers that were seen: the host of an MX record, or what this client had asked for.
    dns_domains TEXT, -- Domains of which it was seen to be an MX.
    dns_mta_sts_id TEXT, -- id of the domain's _mta-sts record (RFC 8461, section 3.1).
    dns_tlsrpt_rua TEXT, -- Where the domain wants reports: rua of its _smtp._tls record (RFC 8460, section 3).
    dane_records TEXT, -- TLSA records seen for the server: usage, selector, matching type, data in hexadecimal (64 bytes of it).
    dane_result TEXT, -- Whether one of them matches the certificate that was seen (RFC 7671, RFC 7672).
    dane_reason TEXT, -- Why it is no match.
    dane_dnssec TEXT, -- Whether the resolver said that DNSSEC had made the records safe (AD bit). Nothing verified it.
    mta_sts_domain TEXT, -- Domain whose MTA-STS policy applied.
    mta_sts_mode TEXT, -- Mode of the policy.
    mta_sts_result TEXT, -- Whether the session obeyed it (RFC 8461, section 4).
    mta_sts_reason TEXT, -- Why it did not, or why that cannot be said.
    received_hops TEXT, -- With --received: earlier hops of messages in clear, from their Received fields: number (1 is the last hop before this one), encrypted, cleartext or unknown, then with=, version=, cipher=, by=, from= as far as the field says.
    received_encrypted INTEGER, -- How many of these hops say that they were encrypted.
    received_cleartext INTEGER, -- How many name a protocol without encryption.
    received_unknown INTEGER -- How many do not say.
);

-- One for each peer and window.
CREATE TABLE IF NOT EXISTS peers (
    timestamp TEXT, -- End of the window.
    event_id TEXT PRIMARY KEY, -- 128 bits in hex, made from the content: the same capture gives the same id, doubles can be dropped by it.
    event_start TEXT, -- Start of the window.
    event_end TEXT, -- End of the window.
    event_duration INTEGER, -- event.end - event.start in nanoseconds.
    observer_name TEXT, -- Name of the sensor: its host name, or as configured.
    observer_version TEXT, -- Version of starttap.
    tls_server_hash_sha256 TEXT, -- SHA-256 of the certificate (DER), lower-case hex as openssl, tshark and Zeek print it.
    ip TEXT, -- IP address of the peer, where kind is ip.
    names TEXT, -- Names seen: banner, EHLO, SNI, certificate.
    direction TEXT, -- Seen from the home networks; absent when none are configured.
    role TEXT, -- Which end of its sessions the peer was.
    window_start TEXT, -- Start of the window.
    window_end TEXT, -- End of the window.
    first_seen TEXT, -- First packet ever seen of the peer.
    last_seen TEXT, -- Last packet seen of the peer.
    sessions INTEGER, -- Sessions in the window.
    verdicts TEXT, -- Sessions by verdict.
    tls_versions TEXT, -- Sessions by TLS version.
    ciphers TEXT, -- Sessions by cipher suite.
    messages_cleartext INTEGER, -- Messages in clear.
    bytes_cleartext INTEGER, -- Bytes of message content in clear.
    auth_cleartext INTEGER, -- Sessions with credentials in clear.
    adoption_encrypted INTEGER, -- Numerator: sessions encrypted.
    adoption_total INTEGER, -- Denominator: sessions encrypted, in clear or failed.
    adoption_ratio REAL, -- encrypted / total; absent when total is 0.
    cert_days_left INTEGER, -- Days until the last certificate expires, at the end of the window.
    findings TEXT, -- Sessions by finding.
    ever_offered INTEGER, -- Whether the peer ever offered STARTTLS, as far back as the sensor remembers (--state).
    kind TEXT, -- What the peer is told apart by: an IP address, a name that it showed or was looked up by, or the organisational domain of such names. A session counts once for each of them.
    name TEXT, -- The address, name or domain; other: those of this kind for which there was no room, together.
    last_offered TEXT, -- When it last did.
    rolled_up INTEGER -- Where name is other: how often a peer was put into it, the one seen longest ago (--max-peers).
);

-- One for each interval of the sensor, and for its end.
CREATE TABLE IF NOT EXISTS sensors (
    timestamp TEXT, -- End of the interval.
    event_id TEXT PRIMARY KEY, -- 128 bits in hex, made from the content: the same capture gives the same id, doubles can be dropped by it.
    event_start TEXT, -- Start of the interval.
    event_end TEXT, -- End of the interval.
    event_duration INTEGER, -- event.end - event.start in nanoseconds.
    observer_name TEXT, -- Name of the sensor: its host name, or as configured.
    observer_version TEXT, -- Version of starttap.
    packets INTEGER, -- Packets read.
    bytes INTEGER, -- Bytes read.
    packets_dropped INTEGER, -- Packets that the kernel dropped.
    interface_dropped INTEGER, -- Packets that the interface dropped.
    packets_truncated INTEGER, -- Packets cut by the snap length.
    packets_damaged INTEGER, -- Packets that could not be decoded.
    packets_fragment INTEGER, -- IP fragments.
    packets_duplicate INTEGER, -- Packets captured twice.
    gaps INTEGER, -- Gaps in TCP streams.
    gap_bytes INTEGER, -- Bytes in those gaps.
    flows_tracked INTEGER, -- Connections being tracked.
    flows_peak INTEGER, -- Most connections tracked at once.
    flows_evicted INTEGER, -- Connections given up for lack of room.
    sessions INTEGER, -- Session events.
    sessions_one_sided INTEGER, -- Sessions of which one direction was captured.
    sessions_midstream INTEGER, -- Sessions that had begun before the capture.
    limits_hit INTEGER, -- How often any named limit was reached.
    limits TEXT, -- Limits that were reached, and how often.
    memory_bytes INTEGER, -- Memory in use.
    sink_events TEXT, -- Events that each sink was given. Reading captures, files and databases are left out here and below: the same capture gives the same events.
    sink_bytes TEXT, -- Bytes of these events.
    sink_waiting TEXT, -- Events that each sink has not delivered yet, those of earlier runs among them.
    sink_lag_ms TEXT, -- Age of the oldest of these, in milliseconds.
    sink_lost TEXT, -- Events that each sink dropped for lack of room, or put aside because they were refused for good.
    sink_errors TEXT, -- Errors of each sink, by class: connection, authentication, topic, size, fatal, spool, disk, other.
    segments_to_server INTEGER, -- TCP segments to mail ports. This and all below is there in live capture only.
    segments_to_client INTEGER, -- TCP segments from mail ports: a mirror of one direction shows nearly none of one kind.
    one_sided_ratio REAL, -- Share of sessions of which one direction was seen.
    duplicate_ratio REAL, -- Packets seen twice, for each packet: a mirror of both ends of a line shows each twice.
    interface_outages INTEGER, -- Times that an interface was down or away.
    interface_outage_ms INTEGER, -- For how long, in milliseconds: nothing was captured from it meanwhile.
    clock_steps INTEGER, -- Times that the host's clock was set by a second or more.
    suspended_ms INTEGER, -- For how long the host was suspended, in milliseconds.
    mirror TEXT -- What the mirror shows: both directions, nothing since the start, or one direction only.
);

-- One for each finding that was asked for, peer and hour.
CREATE TABLE IF NOT EXISTS alerts (
    timestamp TEXT, -- Last packet of the session that raised it.
    event_id TEXT PRIMARY KEY, -- 128 bits in hex, made from the content: the same capture gives the same id, doubles can be dropped by it.
    event_start TEXT, -- Start of the hour.
    event_end TEXT, -- Last packet of the session that raised it.
    event_reason TEXT, -- One sentence: what the finding means.
    event_severity INTEGER, -- Severity of the finding: 1 informational, 2 low, 3 medium, 4 high.
    observer_name TEXT, -- Name of the sensor: its host name, or as configured.
    observer_version TEXT, -- Version of starttap.
    network_community_id TEXT, -- Community ID 1 of the session that raised it.
    network_direction TEXT, -- Seen from the home networks; absent when none are configured.
    source_ip TEXT, -- Client of the session that raised it.
    source_port INTEGER, -- Its TCP port.
    destination_ip TEXT, -- Server of the session that raised it.
    destination_port INTEGER, -- Its TCP port.
    destination_domain TEXT, -- Name that the server goes by.
    verdict TEXT, -- The verdict of the session that raised it.
    finding TEXT, -- The finding, by name.
    remedy TEXT, -- One sentence: what to do.
    sessions INTEGER, -- Sessions of the peer in this hour that had it: as many as --alert-on asks for.
    peer_ip TEXT, -- IP address of the peer.
    peer_name TEXT, -- Name that the peer goes by; absent when it said none.
    session_id TEXT -- event.id of the session that raised it.
);

-- What is wrong with sessions.
CREATE TABLE IF NOT EXISTS findings (
    event_id TEXT NOT NULL, -- The session's.
    finding TEXT NOT NULL, -- Name of the finding.
    severity INTEGER NOT NULL, -- 1 informational, 2 low, 3 medium, 4 high.
    PRIMARY KEY (event_id, finding)
) WITHOUT ROWID;

-- Certificates that were seen, of servers and clients.
CREATE TABLE IF NOT EXISTS certificates (
    sha256 TEXT PRIMARY KEY, -- SHA-256 of the certificate (DER), lower-case hex.
    first_seen TEXT NOT NULL, -- First session that showed it.
    last_seen TEXT NOT NULL, -- Last session that showed it.
    subject_common_name TEXT, -- Common name of the subject.
    subject_distinguished_name TEXT, -- Distinguished name of the subject.
    issuer_common_name TEXT, -- Common name of the issuer.
    issuer_distinguished_name TEXT, -- Distinguished name of the issuer.
    alternative_names TEXT, -- Subject alternative names.
    not_before TEXT, -- When it becomes valid; years beyond 0000..9999 become the nearest that RFC 3339 can say.
    not_after TEXT, -- When it expires.
    serial_number TEXT, -- Serial number, upper-case hex.
    signature_algorithm TEXT, -- How the certificate is signed.
    public_key_algorithm TEXT, -- Kind of the key.
    public_key_size INTEGER, -- Size of the key in bits.
    public_key_curve TEXT -- Curve of the key.
);

CREATE INDEX IF NOT EXISTS sessions_by_time ON sessions (timestamp);

-- Each day: sessions by how they count, and adoption, encrypted / (encrypted + plaintext + failed).
DROP VIEW IF EXISTS adoption_by_day;
CREATE VIEW adoption_by_day AS
WITH days AS (
  SELECT substr(timestamp, 1, 10) AS day, count(*) AS sessions,
    sum(verdict IN ('starttls', 'implicit_tls')) AS encrypted,
    sum(verdict IN ('not_offered', 'masked', 'no_ehlo', 'offered_unused', 'refused', 'accepted_no_tls', 'cleartext_on_tls_port')) AS plaintext,
    sum(verdict IN ('handshake_failed')) AS failed
  FROM sessions GROUP BY day)
SELECT day, sessions, encrypted, plaintext, failed,
  sessions - encrypted - plaintext - failed AS left_out,
  encrypted + plaintext + failed AS counted,
  round(1.0 * encrypted / nullif(encrypted + plaintext + failed, 0), 6) AS adoption
FROM days ORDER BY day;

-- Peers with which mail or passwords crossed in clear, the most bytes first.
DROP VIEW IF EXISTS plaintext_peers;
CREATE VIEW plaintext_peers AS
SELECT CASE network_direction WHEN 'inbound' THEN source_ip ELSE destination_ip END AS peer,
  max(CASE network_direction WHEN 'inbound' THEN smtp_ehlo ELSE destination_domain END) AS name,
  network_direction AS direction, count(*) AS sessions,
  sum(ifnull(mail_cleartext, 0)) AS sessions_with_mail,
  sum(CASE WHEN mail_cleartext THEN ifnull(mail_transactions, 0) ELSE 0 END) AS messages,
  sum(ifnull(mail_cleartext_bytes, 0)) AS bytes,
  sum(ifnull(mail_auth_cleartext, 0)) AS sessions_with_password,
  group_concat(DISTINCT verdict) AS verdicts, min(timestamp) AS first_seen, max(timestamp) AS last_seen
FROM sessions WHERE mail_cleartext OR mail_auth_cleartext
GROUP BY peer, direction ORDER BY bytes DESC, sessions DESC, peer;

-- Certificates with less than 30 days left, or none, when they were last seen.
DROP VIEW IF EXISTS expiring_certificates;
CREATE VIEW expiring_certificates AS
WITH servers AS (
  SELECT tls_server_hash_sha256 AS sha256, group_concat(DISTINCT destination_ip) AS servers
  FROM sessions WHERE tls_server_hash_sha256 IS NOT NULL GROUP BY 1),
clients AS (
  SELECT tls_client_hash_sha256 AS sha256, group_concat(DISTINCT source_ip) AS clients
  FROM sessions WHERE tls_client_hash_sha256 IS NOT NULL GROUP BY 1),
ages AS (
  SELECT *, strftime('%s', not_after) - strftime('%s', last_seen) AS seconds_left FROM certificates)
SELECT not_after, (seconds_left - (seconds_left < 0) * 86399) / 86400 AS days_left, subject_common_name,
  issuer_common_name, serial_number, servers, clients, first_seen, last_seen, sha256
FROM ages LEFT JOIN servers USING (sha256) LEFT JOIN clients USING (sha256)
WHERE seconds_left < 30 * 86400 ORDER BY not_after, sha256;

PRAGMA application_id = 1400132720;
PRAGMA user_version = 4;
