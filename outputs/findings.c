/* The table of findings. Severity is how much the one who runs the mail system
 * should care (enum severity in event.h). Opportunistic TLS encrypts whatever
 * the certificate says (RFC 7435), so a certificate that nobody can trust is
 * low here; where a policy asks for more, policy.violation says so. */
#include "event.h"

static const struct finding_info findings[NUM_FINDINGS] = {
    [FINDING_MAIL_CLEARTEXT] =
        {"mail.cleartext", SEVERITY_MEDIUM,
         "A message crossed the network in clear: anyone on the path could read it.",
         "Find out from the verdict which end prevented TLS, and enable STARTTLS there."},
    [FINDING_AUTH_CLEARTEXT] = {"auth.cleartext", SEVERITY_HIGH,
                                "A client logged in without encryption: the credentials could be read.",
                                "Offer AUTH only inside TLS, and have the passwords that were used changed."},
    [FINDING_STARTTLS_NOT_OFFERED] = {"starttls.not_offered", SEVERITY_LOW,
                                      "The server did not offer STARTTLS, so the session went on in clear.",
                                      "Give the server a certificate and enable STARTTLS."},
    [FINDING_STARTTLS_MASKED] =
        {"starttls.masked", SEVERITY_HIGH, "Something on the path overwrote the server's offer of STARTTLS.",
         "Turn off SMTP inspection in the firewall that is in between, or find who did it."},
    [FINDING_STARTTLS_OFFERED_UNUSED] = {"starttls.offered_unused", SEVERITY_MEDIUM,
                                         "The server offered STARTTLS and the client sent its mail in clear.",
                                         "Enable opportunistic TLS in the sending server."},
    [FINDING_STARTTLS_REFUSED] =
        {"starttls.refused", SEVERITY_MEDIUM, "The client asked for STARTTLS and the server refused it.",
         "See the reply code and the server's log: often certificate or key cannot be read."},
    [FINDING_STARTTLS_ACCEPTED_NO_TLS] = {"starttls.accepted_no_tls", SEVERITY_MEDIUM,
                                          "STARTTLS was accepted, and what followed was not TLS.",
                                          "Look for a proxy that answers on the server's behalf."},
    [FINDING_STARTTLS_WITHDRAWN] = {"starttls.withdrawn", SEVERITY_HIGH,
                                    "This peer offered STARTTLS before and no longer does.",
                                    "Ask the peer; if it knows of no change, suspect stripping on the path."},
    [FINDING_STARTTLS_DIFFERS] =
        {"starttls.differs", SEVERITY_MEDIUM,
         "The server offers STARTTLS to one client and, at the same time, not to another.",
         "See whether the server is set up to do so; if not, look at the path of the client without it."},
    [FINDING_STARTTLS_COMMAND_INJECTION] =
        {"starttls.command_injection", SEVERITY_HIGH,
         "Commands followed STARTTLS in clear, before TLS began (CVE-2011-0411).",
         "Make sure that the server throws such bytes away: update it; find who sent them."},
    [FINDING_STARTTLS_RESPONSE_INJECTION] =
        {"starttls.response_injection", SEVERITY_HIGH,
         "Replies followed the 220 to STARTTLS in clear, before TLS began (CVE-2021-22947).",
         "Make sure that the client throws such bytes away: update it; find who sent them."},
    [FINDING_FALLBACK_CLEARTEXT] = {"fallback.cleartext", SEVERITY_MEDIUM,
                                    "After a failed handshake mail went to the same peer in clear.",
                                    "Mend the failed handshake, or require TLS towards this peer."},
    [FINDING_TLS_HANDSHAKE_FAILED] =
        {"tls.handshake_failed", SEVERITY_MEDIUM, "TLS was due and the handshake was not completed.",
         "See alerts, versions and ciphers: the two ends have none in common, or reject "
         "a certificate."},
    [FINDING_TLS_OBSOLETE_VERSION] = {"tls.obsolete_version", SEVERITY_MEDIUM,
                                      "The version is below TLS 1.2, deprecated by RFC 8996.",
                                      "Enable TLS 1.2 and 1.3 on the end that lacks them."},
    [FINDING_TLS_VERSION_LOWERED] =
        {"tls.version_lowered", SEVERITY_MEDIUM,
         "The server chose an older TLS version than before, though the client offered the newer one.",
         "Ask the server's operator; if they know of no change, suspect something on the path."},
    [FINDING_TLS_WEAK_CIPHER] = {"tls.weak_cipher", SEVERITY_MEDIUM,
                                 "The cipher suite can be broken: NULL, export, anonymous, RC4, DES or MD5.",
                                 "Remove weak suites from the server's list; prefer AES-GCM and ChaCha20."},
    [FINDING_TLS_NO_FORWARD_SECRECY] = {"tls.no_forward_secrecy", SEVERITY_LOW,
                                        "Whoever gets the server's key later can read this recorded session.",
                                        "Prefer suites with ECDHE or DHE key exchange."},
    [FINDING_TLS_WEAK_KEY_EXCHANGE] = {"tls.weak_key_exchange", SEVERITY_MEDIUM,
                                       "The key exchange used a group that is too small.",
                                       "Use X25519, P-256 or a finite-field group of 2048 bits or more."},
    [FINDING_TLS_DOWNGRADE_SENTINEL] =
        {"tls.downgrade_sentinel", SEVERITY_HIGH,
         "The server marked that it could do better than what was agreed "
         "(RFC 8446 4.1.3).",
         "If the client supports the better version, suspect tampering on the path."},
    [FINDING_CERT_EXPIRED] = {"cert.expired", SEVERITY_LOW,
                              "The certificate had expired at the time of the session.",
                              "Renew the certificate and automate its renewal."},
    [FINDING_CERT_NOT_YET_VALID] = {"cert.not_yet_valid", SEVERITY_LOW,
                                    "The certificate was not valid yet at the time of the session.",
                                    "Check the clocks of the server and of whoever issued it."},
    [FINDING_CERT_EXPIRING_SOON] = {"cert.expiring_soon", SEVERITY_INFORMATIONAL,
                                    "The certificate will expire soon.", "Renew the certificate."},
    [FINDING_CERT_SELF_SIGNED] = {"cert.self_signed", SEVERITY_INFORMATIONAL,
                                  "The certificate was signed with its own key: it proves no identity.",
                                  "Get one from a public authority, or publish it by DANE."},
    [FINDING_CERT_UNTRUSTED] =
        {"cert.untrusted", SEVERITY_LOW, "No chain leads to a trusted authority.",
         "Send the intermediate certificates too, or get one from a public authority."},
    [FINDING_CERT_NAME_MISMATCH] = {"cert.name_mismatch", SEVERITY_LOW,
                                    "The certificate does not hold the name that was expected.",
                                    "Put the name that the MX record gives into the certificate."},
    [FINDING_CERT_WEAK_KEY] = {"cert.weak_key", SEVERITY_MEDIUM,
                               "The certificate's key is too short: RSA below 2048 or EC below 224 bits.",
                               "Make a new key: RSA 2048 or more, or P-256."},
    [FINDING_CERT_WEAK_SIGNATURE] = {"cert.weak_signature", SEVERITY_LOW,
                                     "The certificate was signed with MD5 or SHA-1.",
                                     "Have it issued anew with SHA-256."},
    [FINDING_CERT_CHANGED] =
        {"cert.changed", SEVERITY_INFORMATIONAL, "The peer shows a certificate with another key than before.",
         "Nothing, if the peer renewed it; ask when it is early or the issuer is another."},
    [FINDING_PORT_UNEXPECTED] = {"port.unexpected", SEVERITY_INFORMATIONAL,
                                 "SMTP was spoken on a port that is not one of the mail ports.",
                                 "Add the port if it is wanted; otherwise find out what sends mail there."},
    [FINDING_POLICY_VIOLATION] = {"policy.violation", SEVERITY_HIGH,
                                  "The session did not keep the policy set for this peer.",
                                  "See the policy's reasons, and mend the end that is at fault."},
};

const struct finding_info *finding_info(enum finding finding) {
    return &findings[finding];
}
