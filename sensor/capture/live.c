#include "live.h"

#include <arpa/inet.h>
#include <errno.h>
#include <inttypes.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <pcap.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "fanout.h"

#define NS_PER_S     UINT64_C(1000000000)
#define LINKTYPE_RAW 101
#define NOTE_LEN     (PCAP_ERRBUF_SIZE + 128)
#define NO_PACKETS                                                                                           \
    ETH_P_LOCALTALK /* a protocol that the kernel makes up: what comes by wire never has it                  \
                     */

struct live {
    pcap_t *handle;
    char *interface;
    int linktype;
    int fd;
    bool stamps_foreign;
    bool stamps_of_adapter;
    struct live_counts counts;
    struct pcap_stat last; /* libpcap's counters have 32 bits */
    char note[NOTE_LEN];
};

static bool is_any(const char *interface) {
    return strcmp(interface, "any") == 0;
}

/* --- opening --- */

/* "/usr/local/bin/starttap", for a command that can be pasted. */
static void own_path(char *path, size_t path_len) {
    ssize_t len = readlink("/proc/self/exe", path, path_len - 1);
    if (len <= 0)
        len = snprintf(path, path_len, "starttap");
    path[len] = '\0';
}

/* Capturing takes CAP_NET_RAW, promiscuous mode too; setting up the adapter's clock takes CAP_NET_ADMIN. */
static void say_privilege(const struct live *live, char *message, size_t message_len) {
    char path[512];
    own_path(path, sizeof path);
    snprintf(
        message, message_len,
        "%s: no permission to capture%s. Run as root, or let this program do so once and for all: setcap "
        "cap_net_raw%s=eip %s",
        live->interface, live->stamps_of_adapter ? " with time stamps of the adapter" : "",
        live->stamps_of_adapter ? ",cap_net_admin" : "", path);
}

static enum live_open_result say_failure(const struct live *live, int status, char *message,
                                         size_t message_len) {
    const char *interface = live->interface, *why = pcap_geterr(live->handle);
    switch (status) {
    case PCAP_ERROR_PERM_DENIED:
    case PCAP_ERROR_PROMISC_PERM_DENIED:
        say_privilege(live, message, message_len);
        return LIVE_REFUSED;
    case PCAP_ERROR_NO_SUCH_DEVICE:
        snprintf(message, message_len, "%s: there is no such interface; starttap -D lists them", interface);
        return LIVE_GONE;
    case PCAP_ERROR_IFACE_NOT_UP:
        snprintf(message, message_len, "%s: the interface is down: ip link set dev %s up", interface,
                 interface);
        return LIVE_GONE;
    default:
        snprintf(message, message_len, "%s: %s", interface, why[0] ? why : pcap_statustostr(status));
        return if_nametoindex(interface) == 0 && !is_any(interface) ? LIVE_GONE : LIVE_REFUSED;
    }
}

static bool has_type(const int *types, int num_types, int wanted) {
    for (int i = 0; i < num_types; i++) {
        if (types[i] == wanted)
            return true;
    }
    return false;
}

/* Only stamps in the host's time can be taken unasked: what an adapter's own clock says may be any date. */
static bool choose_stamps(struct live *live, const char *wanted, char *message, size_t message_len) {
    int *types = NULL;
    int num_types = pcap_list_tstamp_types(live->handle, &types);
    int type = wanted ? pcap_tstamp_type_name_to_val(wanted) : PCAP_TSTAMP_ADAPTER;
    bool offered = has_type(types, num_types, type);
    pcap_free_tstamp_types(types);
    if (type < 0) {
        snprintf(message, message_len,
                 "'%s' is no type of time stamp: write host, host_lowprec, host_hiprec, adapter or "
                 "adapter_unsynced",
                 wanted);
        return false;
    }
    if (!offered || pcap_set_tstamp_type(live->handle, type) != 0) {
        if (wanted && type != PCAP_TSTAMP_HOST)
            snprintf(live->note, sizeof live->note,
                     "%s: has no time stamps of type '%s'; the host's are used", live->interface, wanted);
        return true;
    }
    live->stamps_foreign = type == PCAP_TSTAMP_ADAPTER_UNSYNCED;
    live->stamps_of_adapter = live->stamps_foreign || type == PCAP_TSTAMP_ADAPTER;
    return true;
}

static void set_options(pcap_t *handle, const struct live_options *options, bool promiscuous) {
    pcap_set_snaplen(handle, (int)options->snap_len);
    pcap_set_promisc(handle, promiscuous);
    pcap_set_timeout(handle, LIVE_BLOCK_MS);
    pcap_set_buffer_size(handle, (int)(options->ring_mb << 20));
    pcap_set_tstamp_precision(handle, PCAP_TSTAMP_PRECISION_NANO);
    if (options->shared)
        pcap_set_protocol_linux(handle, NO_PACKETS);
}

static void note_warning(struct live *live, int status) {
    if (status == PCAP_WARNING_PROMISC_NOTSUP)
        snprintf(live->note, sizeof live->note, "%s: promiscuous mode is not supported: %s", live->interface,
                 pcap_geterr(live->handle));
    else if (status == PCAP_WARNING_TSTAMP_TYPE_NOTSUP)
        snprintf(live->note, sizeof live->note,
                 "%s: time stamps of the adapter cannot be had; the host's are used", live->interface);
    else if (status > 0)
        snprintf(live->note, sizeof live->note, "%s: %s", live->interface, pcap_geterr(live->handle));
    if (status == PCAP_WARNING_TSTAMP_TYPE_NOTSUP)
        live->stamps_foreign = live->stamps_of_adapter = false;
}

/* "any" stays with LINUX_SLL: in LINUX_SLL2 there is no place for the VLAN tag that the kernel took off. */
static void find_linktype(struct live *live) {
    int dlt = pcap_datalink(live->handle);
    live->linktype = dlt == DLT_RAW ? LINKTYPE_RAW : dlt;
}

static enum live_open_result activate(struct live *live, const struct live_options *options, char *message,
                                      size_t message_len) {
    char why[PCAP_ERRBUF_SIZE] = "";
    live->handle = pcap_create(live->interface, why);
    if (!live->handle) {
        snprintf(message, message_len, "%s: %s", live->interface, why);
        return LIVE_REFUSED;
    }
    if (!choose_stamps(live, options->time_stamps, message, message_len))
        return LIVE_REFUSED;
    set_options(live->handle, options, options->promiscuous && !is_any(live->interface));
    int status = pcap_activate(live->handle);
    if (status < 0)
        return say_failure(live, status, message, message_len);
    note_warning(live, status);
    find_linktype(live);
    live->fd = pcap_get_selectable_fd(live->handle);
    if (live->fd < 0 || pcap_setnonblock(live->handle, 1, why) != 0) {
        snprintf(message, message_len, "%s: cannot be waited for: %s", live->interface, why);
        return LIVE_REFUSED;
    }
    return LIVE_OPENED;
}

/* Time stamps of the adapter that nobody asked for are no reason not to capture. */
static enum live_open_result activate_without_adapter(struct live *live, const struct live_options *options,
                                                      char *message, size_t message_len) {
    struct live_options others = *options;
    others.time_stamps = "host";
    if (live->handle)
        pcap_close(live->handle);
    live->handle = NULL;
    live->stamps_foreign = live->stamps_of_adapter = false;
    snprintf(live->note, sizeof live->note,
             "%s: time stamps of the adapter take CAP_NET_ADMIN; the host's are used", live->interface);
    return activate(live, &others, message, message_len);
}

enum live_open_result live_open(const char *interface, const struct live_options *options, struct live **out,
                                char *message, size_t message_len) {
    struct live *live = calloc(1, sizeof *live);
    if (!live || !(live->interface = strdup(interface))) {
        snprintf(message, message_len, "%s: out of memory", interface);
        free(live);
        return LIVE_REFUSED;
    }
    enum live_open_result result = activate(live, options, message, message_len);
    if (result == LIVE_REFUSED && live->stamps_of_adapter && !options->time_stamps)
        result = activate_without_adapter(live, options, message, message_len);
    if (result == LIVE_OPENED)
        *out = live;
    else
        live_close(live);
    return result;
}

void live_close(struct live *live) {
    if (!live)
        return;
    if (live->handle)
        pcap_close(live->handle);
    free(live->interface);
    free(live);
}

bool live_filter(struct live *live, const char *expression, char *message, size_t message_len) {
    struct bpf_program program;
    if (pcap_compile(live->handle, &program, expression, 1, PCAP_NETMASK_UNKNOWN) != 0) {
        snprintf(message, message_len, "%s: filter: %s", live->interface, pcap_geterr(live->handle));
        return false;
    }
    int status = pcap_setfilter(live->handle, &program);
    pcap_freecode(&program);
    if (status != 0)
        snprintf(message, message_len, "%s: filter: %s", live->interface, pcap_geterr(live->handle));
    return status == 0;
}

/* The ring is empty, and the filter there: from now on all protocols are looked at. */
static int take_all_protocols(int fd) {
    struct sockaddr_ll address;
    socklen_t len = sizeof address;
    if (getsockname(fd, (struct sockaddr *)&address, &len) != 0)
        return errno;
    address.sll_protocol = htons(ETH_P_ALL);
    return bind(fd, (const struct sockaddr *)&address, sizeof address) == 0 ? 0 : errno;
}

bool live_share(struct live *live, uint32_t key, int *group, char *message, size_t message_len) {
    if (!live_filter(live, "less 0", message, message_len))
        return false;
    int error = take_all_protocols(live->fd);
    if (error == 0)
        error = fanout_join(live->fd, key, group);
    if (error != 0)
        snprintf(message, message_len,
                 "%s: its packets cannot be shared out among --workers (PACKET_FANOUT): %s", live->interface,
                 strerror(error));
    return error == 0;
}

int live_linktype(const struct live *live) {
    return live->linktype;
}

int live_fd(const struct live *live) {
    return live->fd;
}

const char *live_note(const struct live *live) {
    return live->note;
}

bool live_stamps_foreign(const struct live *live) {
    return live->stamps_foreign;
}

bool live_needs_admin(const struct live *live) {
    return live->stamps_of_adapter;
}

/* By its number: it may have another name by now. */
bool live_link_up(const struct live *live) {
    struct sockaddr_ll address;
    socklen_t len = sizeof address;
    struct ifreq request = {0};
    if (is_any(live->interface) || getsockname(live->fd, (struct sockaddr *)&address, &len) != 0)
        return true;
    request.ifr_ifindex = address.sll_ifindex;
    if (ioctl(live->fd, SIOCGIFNAME, &request) != 0 || ioctl(live->fd, SIOCGIFFLAGS, &request) != 0)
        return true; /* gone: reading says so */
    return (request.ifr_flags & IFF_UP) && (request.ifr_flags & IFF_RUNNING);
}

/* --- reading --- */

enum live_result live_next(struct live *live, struct packet *packet, char *message, size_t message_len) {
    struct pcap_pkthdr *header = NULL;
    const u_char *data = NULL;
    int status = pcap_next_ex(live->handle, &header, &data);
    if (status == 0)
        return LIVE_NONE;
    if (status < 0) {
        snprintf(message, message_len, "%s: %s", live->interface, pcap_geterr(live->handle));
        return LIVE_LOST;
    }
    *packet = (struct packet){
        .data = data,
        .captured_len = header->caplen,
        .wire_len = header->len,
        .linktype = live->linktype,
        .ts_ns = (uint64_t)header->ts.tv_sec * NS_PER_S + (uint64_t)header->ts.tv_usec, /* nanoseconds */
    };
    return LIVE_PACKET;
}

void live_count(struct live *live, struct live_counts *counts) {
    struct pcap_stat now;
    if (pcap_stats(live->handle, &now) == 0) {
        live->counts.received += now.ps_recv - live->last.ps_recv;
        live->counts.kernel_dropped += now.ps_drop - live->last.ps_drop;
        live->counts.interface_dropped += now.ps_ifdrop - live->last.ps_ifdrop;
        live->last = now;
    }
    *counts = live->counts;
}

/* --- listing --- */

static void print_addresses(FILE *out, const pcap_if_t *device) {
    char text[INET6_ADDRSTRLEN];
    for (const pcap_addr_t *address = device->addresses; address; address = address->next) {
        if (!address->addr)
            continue;
        const void *bytes = NULL;
        if (address->addr->sa_family == AF_INET)
            bytes = &((const struct sockaddr_in *)(const void *)address->addr)->sin_addr;
        else if (address->addr->sa_family == AF_INET6)
            bytes = &((const struct sockaddr_in6 *)(const void *)address->addr)->sin6_addr;
        if (bytes && inet_ntop(address->addr->sa_family, bytes, text, sizeof text))
            fprintf(out, " %s", text);
    }
}

static const char *state_of(const pcap_if_t *device) {
    if (!(device->flags & PCAP_IF_UP))
        return "down";
    if ((device->flags & PCAP_IF_CONNECTION_STATUS) == PCAP_IF_CONNECTION_STATUS_DISCONNECTED)
        return "up, no carrier";
    return "up";
}

/* Those that frames of mail can be on: not the buses and debugging devices that libpcap lists too. */
static bool is_network(const pcap_if_t *device) {
    return is_any(device->name) || if_nametoindex(device->name) != 0;
}

bool live_list(FILE *out, char *message, size_t message_len) {
    char why[PCAP_ERRBUF_SIZE] = "";
    pcap_if_t *devices = NULL;
    if (pcap_findalldevs(&devices, why) != 0) {
        snprintf(message, message_len, "interfaces cannot be listed: %s", why);
        return false;
    }
    for (const pcap_if_t *device = devices; device; device = device->next) {
        if (!is_network(device))
            continue;
        fprintf(out, "%-16s %s", device->name,
                is_any(device->name) ? "all interfaces together" : state_of(device));
        print_addresses(out, device);
        fputc('\n', out);
    }
    pcap_freealldevs(devices);
    return true;
}
