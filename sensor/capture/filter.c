#include "filter.h"

#include <pcap.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Link types in one input; packets of any further one do not match. */
#define FILTER_LINKTYPES_MAX 32
#define FILTER_SNAPLEN       262144 /* what a match returns; any number above 0 would do */

struct program {
    int linktype;
    bool compiled; /* false: the expression has no meaning for this link type, so nothing matches */
    struct bpf_program code;
};

struct filter {
    char *expression;
    size_t num_programs;
    struct program programs[FILTER_LINKTYPES_MAX];
};

/* The value in the file to the one that libpcap works with; they differ for raw IP alone among those that the
 * decoder knows (https://www.tcpdump.org/linktypes.html). */
static int dlt_of(int linktype) {
    const int linktype_raw = 101;
    return linktype == linktype_raw || linktype == 12 || linktype == 14 ? DLT_RAW : linktype;
}

/* Compiles for one more link type; on failure libpcap's message is in error, and nothing will match. */
static const struct program *add_program(struct filter *filter, int linktype, char *error, size_t error_len) {
    struct program *program = &filter->programs[filter->num_programs++];
    program->linktype = linktype;
    pcap_t *handle = pcap_open_dead(dlt_of(linktype), FILTER_SNAPLEN);
    if (handle == NULL) {
        (void)snprintf(error, error_len, "filter: out of memory");
        return program;
    }
    program->compiled =
        pcap_compile(handle, &program->code, filter->expression, 1, PCAP_NETMASK_UNKNOWN) == 0;
    if (!program->compiled)
        (void)snprintf(error, error_len, "filter: %s", pcap_geterr(handle));
    pcap_close(handle);
    return program;
}

struct filter *filter_new(const char *expression, char *error, size_t error_len) {
    const int linktype_linux_sll = 113;
    struct filter *filter = calloc(1, sizeof *filter);
    if (filter == NULL || (filter->expression = strdup(expression)) == NULL) {
        (void)snprintf(error, error_len, "filter: out of memory");
        free(filter);
        return NULL;
    }
    /* Some expressions mean something on Linux's "any" device alone (inbound); the message is Ethernet's. */
    char ignored[PCAP_ERRBUF_SIZE];
    if (!add_program(filter, DLT_EN10MB, error, error_len)->compiled &&
        !add_program(filter, linktype_linux_sll, ignored, sizeof ignored)->compiled) {
        filter_free(filter);
        return NULL;
    }
    return filter;
}

void filter_free(struct filter *filter) {
    if (filter == NULL)
        return;
    for (size_t i = 0; i < filter->num_programs; i++)
        if (filter->programs[i].compiled)
            pcap_freecode(&filter->programs[i].code);
    free(filter->expression);
    free(filter);
}

static const struct program *find_program(struct filter *filter, int linktype) {
    for (size_t i = 0; i < filter->num_programs; i++)
        if (filter->programs[i].linktype == linktype)
            return &filter->programs[i];
    if (filter->num_programs == FILTER_LINKTYPES_MAX)
        return NULL;
    char ignored[PCAP_ERRBUF_SIZE];
    return add_program(filter, linktype, ignored, sizeof ignored);
}

bool filter_match(struct filter *filter, const struct packet *packet) {
    const struct program *program = find_program(filter, packet->linktype);
    struct pcap_pkthdr header = {.caplen = packet->captured_len, .len = packet->wire_len};
    return program != NULL && program->compiled &&
           pcap_offline_filter(&program->code, &header, packet->data) != 0;
}

bool filter_print(const char *expression, int linktype, bool with_program) {
    struct bpf_program program;
    pcap_t *handle = pcap_open_dead(dlt_of(linktype), FILTER_SNAPLEN);
    bool good = handle != NULL && pcap_compile(handle, &program, expression, 1, PCAP_NETMASK_UNKNOWN) == 0;
    if (handle != NULL)
        pcap_close(handle);
    if (!good)
        return false;
    puts(expression);
    if (with_program)
        bpf_dump(&program, 1);
    pcap_freecode(&program);
    return fflush(stdout) == 0;
}
