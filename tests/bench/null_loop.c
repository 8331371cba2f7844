/* null_loop.c: what libpcap costs: reads every packet of a capture and does nothing with it. */
#include <pcap/pcap.h>
#include <stdio.h>

static void count(u_char *context, const struct pcap_pkthdr *header, const u_char *data) {
    (void)header;
    (void)data;
    ++*(unsigned long long *)(void *)context;
}

int main(int argc, char **argv) {
    char error[PCAP_ERRBUF_SIZE] = "usage: null_loop FILE";
    unsigned long long packets = 0;
    pcap_t *pcap = argc == 2 ? pcap_open_offline(argv[1], error) : NULL;
    if (!pcap) {
        fprintf(stderr, "%s\n", error);
        return 1;
    }
    int result = pcap_loop(pcap, -1, count, (u_char *)&packets);
    if (result != 0)
        fprintf(stderr, "%s\n", pcap_geterr(pcap));
    pcap_close(pcap);
    printf("%llu\n", packets);
    return result != 0;
}
