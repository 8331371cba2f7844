/* null_live.c: what libpcap costs on an interface: takes every packet that passes the filter and does nothing
 * with it.
 *
 *   bench_null_live INTERFACE RING_MB FILTER
 *
 * Says "ready" on standard error, and at SIGTERM how many packets came and how many the kernel dropped. */
#include <pcap/pcap.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

static pcap_t *pcap;

static void stop(int signal_number) {
    (void)signal_number;
    pcap_breakloop(pcap);
}

static void count(u_char *context, const struct pcap_pkthdr *header, const u_char *data) {
    (void)header;
    (void)data;
    ++*(unsigned long long *)(void *)context;
}

static int open_live(char **argv, char *error) {
    struct bpf_program filter;
    pcap = pcap_create(argv[1], error);
    if (!pcap)
        return -1;
    pcap_set_snaplen(pcap, 262144);
    pcap_set_promisc(pcap, 1);
    pcap_set_timeout(pcap, 100);
    pcap_set_buffer_size(pcap, atoi(argv[2]) << 20);
    if (pcap_activate(pcap) < 0 || pcap_compile(pcap, &filter, argv[3], 1, PCAP_NETMASK_UNKNOWN) != 0)
        return -1;
    int result = pcap_setfilter(pcap, &filter);
    pcap_freecode(&filter);
    return result;
}

int main(int argc, char **argv) {
    char error[PCAP_ERRBUF_SIZE] = "";
    unsigned long long packets = 0;
    struct pcap_stat stat = {0};
    if (argc != 4) {
        fprintf(stderr, "usage: bench_null_live INTERFACE RING_MB FILTER\n");
        return 2;
    }
    if (open_live(argv, error) != 0) {
        fprintf(stderr, "%s\n", pcap ? pcap_geterr(pcap) : error);
        return 1;
    }
    struct sigaction action = {.sa_handler = stop};
    sigaction(SIGTERM, &action, NULL);
    fprintf(stderr, "ready\n");
    int result = pcap_loop(pcap, -1, count, (u_char *)&packets);
    if (result == PCAP_ERROR)
        fprintf(stderr, "%s\n", pcap_geterr(pcap));
    pcap_stats(pcap, &stat);
    pcap_close(pcap);
    printf("%llu %u\n", packets, stat.ps_drop + stat.ps_ifdrop);
    return result == PCAP_ERROR;
}
