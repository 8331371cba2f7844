/* pipeline.h: the whole sensor as one function call, intake -> tracker -> reporter, or -> workers ->.
 * Packets in, events out; no I/O, no clock. The fuzzer enters here, and so do the tests of the invariants. */
#ifndef STARTTAP_SENSOR_PIPELINE_H
#define STARTTAP_SENSOR_PIPELINE_H

#include "../outputs/event.h"
#include "capture/packet.h"
#include "config.h"
#include "judge/keylog.h"
#include "reporter.h"

typedef reporter_emit pipeline_emit;

struct pipeline;

/* config is borrowed and must outlive the pipeline. NULL with a message in error. */
struct pipeline *pipeline_new(const struct config *config, pipeline_emit emit, void *context, char *error,
                              size_t error_len);
void pipeline_free(struct pipeline *pipeline);

/* Before the first packet: secrets to look inside TLS 1.3 with. Borrowed, must outlive the pipeline. */
void pipeline_set_keylog(struct pipeline *pipeline, struct keylog *keylog);

/* Before the first packet or while it pauses: what sessions are judged by (judge/policy.h); NULL nothing.
 * Borrowed, must outlive the pipeline or the next one given. */
struct policy;
void pipeline_set_policy(struct pipeline *pipeline, const struct policy *policy);

/* Before the first packet, where config->workers is more than 1: starts their threads. Events are then
 * emitted by a thread of their own until pipeline_finish() returns. False with a message in error. */
bool pipeline_start(struct pipeline *pipeline, char *error, size_t error_len);

/* Between two packets: all that came before is done with, and nobody but the caller works on the pipeline
 * until it goes on. What it shares with its owner (config, key log) may be changed meanwhile. False with a
 * message in error: it is at its end. */
void pipeline_pause(struct pipeline *pipeline);
bool pipeline_resume(struct pipeline *pipeline, char *error, size_t error_len);

/* While it pauses: the ports, the anchors and the MTA-STS policies become those of fresh (config_reload.h),
 * which is not kept; what else of it can change is read from the pipeline's own config as it goes.
 * Connections go on. False with a message: nothing changed. */
bool pipeline_reload(struct pipeline *pipeline, const struct config *fresh, char *error, size_t error_len);

/* Before the first packet: where addresses belong. Borrowed, must outlive the pipeline. */
struct geo;
void pipeline_set_geo(struct pipeline *pipeline, const struct geo *geo);

/* What is remembered of peers: to be used before the first packet, after the last, and by whoever gets an
 * event, until it returns. */
struct memory *pipeline_memory(struct pipeline *pipeline);

/* Before the first packet: packets of mail connections go there, and the answers of the DNS that their events
 * rest on. Borrowed, must outlive the pipeline. */
struct recorder;
void pipeline_set_recorder(struct pipeline *pipeline, struct recorder *recorder);

/* Live, where config->workers is more than 1: the lanes that packets are brought to instead (lanes.h), by
 * threads that pipeline_start() and pipeline_resume() begin and pipeline_pause() ends; lanes_set_body() comes
 * before. The caller's thread reports; pipeline_tick() ends windows. NULL: there is pipeline_packet() alone.
 */
struct lanes *pipeline_lanes(struct pipeline *pipeline);

void pipeline_packet(struct pipeline *pipeline, const struct packet *packet);

/* Several in their order, in less time than one by one. */
void pipeline_packets(struct pipeline *pipeline, const struct packet *packets, size_t num);

/* No packet came up to this time, by the clock that stamps packets: what was due by then is emitted. */
void pipeline_tick(struct pipeline *pipeline, uint64_t now_ns);

/* Nothing is held back any more to be handed to workers with what comes next: somebody waits for the events.
 */
void pipeline_flush(struct pipeline *pipeline);

/* The next packets come from another capture: connections go on, but silence across the seam proves nothing.
 */
void pipeline_next_input(struct pipeline *pipeline);

/* Live: what the capture knows of itself, for the next event of the sensor, and that event, now. */
void pipeline_set_capture(struct pipeline *pipeline, const struct capture_facts *facts);
void pipeline_sensor(struct pipeline *pipeline);

/* Before the first packet, and then as often as wanted: tell() gets the counts since the start, soon, as
 * events come. Of what pipeline_set_capture() says it gets the last. */
void pipeline_set_tell(struct pipeline *pipeline, reporter_tell tell);
void pipeline_tell(struct pipeline *pipeline);

/* End of the input: every open session, the peers and the sensor's own event are emitted. */
void pipeline_finish(struct pipeline *pipeline);

struct pipeline_counters {
    uint64_t packets, bytes;
    uint64_t sessions;                               /* emitted so far */
    uint64_t segments_to_server, segments_to_client; /* of mail */
};
struct pipeline_counters pipeline_counters(const struct pipeline *pipeline);

#endif
