/* policy.h: what was agreed of the encryption of mail, and whether a session kept it.
 *
 * A policy is a file of rules in the syntax of Postfix's smtp_tls_policy_maps as a text table (postconf(5),
 * postmap(1)): a key, white space, a level, and attributes name=value or { name = value } between spaces or
 * commas. '#' as the first character begins a comment, a line that begins with white space goes on with the
 * one before. What Postfix takes is taken; what it would refuse is an error with its line.
 *
 * Keys. NAME, NAME:PORT, [NAME], [NAME]:PORT, .PARENT, an address with or without brackets and port, and,
 * which Postfix has not, a network (10.0.0.0/8) and `*`, which is everybody else. Letter case does not
 * matter. Of two rules with the same key (and direction) the first counts, as in Postfix, and a note says so.
 *
 * Which rule is a session's? Its names are tried one after the other, and the first that has a rule decides:
 *
 *   1. the recipients' domains, where they were seen (in clear, or with a key log); of several each has its
 *      rule, and the worst result is the session's; else the one domain whose MX the server was looked up as
 *   2. inbound, where the peer is the client: its EHLO name, its certificate's names, its address
 *   3. the host that has the address by DNS answers seen, the name that the client asked for (SNI), then
 *      the one that the server gives itself (EHLO reply, banner), those of its certificate, its address
 *   4. `*`
 *
 * A name has the rule of, in this order: [NAME]:PORT, [NAME], NAME:PORT, NAME, and then of its parents, the
 * longest first: for mx.example.org .example.org, then .org. The bracketed ones are hosts, so recipients'
 * domains leave them out. PORT is the server's; a key without a port is for any. An address has the rule of
 * [ADDRESS]:PORT, ADDRESS, and then of the smallest network that holds it. A rule with direction= is for
 * sessions of that direction alone, and goes before one without.
 *
 * Levels, as Postfix enforces them:
 *
 *   none                     nothing is asked for
 *   may                      clear text is fine, and so is a failed handshake, as Postfix sends in clear
 *                            later; TLS, where there is any, is as the attributes say
 *   encrypt                  TLS, with any certificate
 *   dane                     as dane-only where TLSA records of the server were seen, else unknown
 *   dane-only                TLS with a certificate that the TLSA records name
 *   fingerprint match=HEX    TLS with that certificate or key: SHA-256, several with | between them
 *   verify                   TLS, a valid chain, and the server's name in the certificate
 *   secure                   the same with the name of the next hop, or one below it
 *
 * Where TLS is asked for or used, it must be TLS 1.0 and grade medium at least, not NULL, and not anonymous
 * where a certificate is asked for: these are Postfix's defaults. Attributes:
 *
 *   match=nexthop:dot-nexthop:hostname:NAME:.PARENT    whom the certificate must name (verify, secure)
 *   protocols=>=TLSv1.2  protocols=TLSv1.2:TLSv1.3  protocols=!SSLv3:!TLSv1    versions
 *   ciphers=high     export, low, medium, high or null, up to TLS 1.2
 *   exclude=3DES:RC4:kRSA    kinds of suites (policy_suite.h), up to TLS 1.2
 *   tafile=FILE      not judged: a chain is judged by --ca, so that it stays unknown here
 *   servername= connection_reuse= enable_rpk= policy_...= mx_host_pattern=    taken, nothing to judge
 *   min_bits=256     of the cipher
 *   client_cert=required  pq=required  forward_secrecy=required
 *   direction=inbound|outbound    needs home networks
 *
 * `nexthop` is the recipients' domain, or the host that a key in brackets or the exact key names; where
 * .PARENT was found by a host's name any name below PARENT will do. `hostname` is the host's name by which
 * the rule was found, else the one that was looked up in DNS, else SNI. TLSA records are those seen in DNS
 * answers with AD set. What was not seen makes the result unknown.
 *
 * The result says what Postfix would do at that level with what the session shows: `pass` where it would hand
 * mail over, `fail` where it would not, whether or not somebody did. So a server that makes a strict sender
 * defer its mail fails, and the reason "nothing was mailed" tells that from mail that went on against the
 * rule. `unknown` where that cannot be judged: evidence is missing, or the certificate is hidden (TLS 1.3
 * without a key log, resumption). A session without mail in it (no_mail) fails where no TLS was offered and
 * TLS is asked for, as a strict sender leaves then; otherwise it has no result, and what is not SMTP has none
 * either. Nor has one for which there is no rule.
 *
 * Immutable once read; any number of threads. */
#ifndef STARTTAP_SENSOR_JUDGE_POLICY_H
#define STARTTAP_SENSOR_JUDGE_POLICY_H

#include "../../outputs/event.h"

#define POLICY_FILE_MAX    (16u << 20) /* bytes */
#define POLICY_REASONS_MAX 16          /* of one session */
#define POLICY_FOUND_MAX   16          /* rules of one session, by as many recipients' domains */

struct policy;

/* A file, or by name a profile of those that come with the program (policy_profile.h) where no file has that
 * name. NULL with "FILE:LINE: cause" or "FILE: cause" in error. */
struct policy *policy_load(const char *file, char *error, size_t error_len);

/* The same of a text in memory, which is called `file` in messages. */
struct policy *policy_parse(const char *file, const char *text, size_t len, char *error, size_t error_len);

void policy_free(struct policy *policy); /* NULL is fine */

size_t policy_num_rules(const struct policy *policy);

/* What a reader should know, "FILE:LINE: ...": rules that never apply, attributes that are not judged. */
size_t policy_num_notes(const struct policy *policy);
const char *policy_note(const struct policy *policy, size_t i);

/* True when a rule has direction=, which nothing matches without home networks. */
bool policy_has_direction(const struct policy *policy);

/* Sets session.policy_* and the finding policy.violation of a session's event that is complete otherwise. */
void policy_judge(const struct policy *policy, struct event *event);

#endif
