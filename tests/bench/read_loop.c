/* read_loop.c: what the kernel costs: read() of a whole file in large pieces.
 *
 *   read_loop FILE        nothing else
 *   read_loop FILE walk   and steps from record to record of a pcap file, as any reader must */
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PIECE       (1u << 20)
#define FILE_HEADER 24
#define RECORD      16

int main(int argc, char **argv) {
    int fd = argc >= 2 ? open(argv[1], O_RDONLY) : -1;
    char *piece = malloc(PIECE);
    if (fd < 0 || !piece) {
        perror(argc >= 2 ? argv[1] : "usage: read_loop FILE [walk]");
        free(piece);
        return 1;
    }
    bool walk = argc == 3;
    unsigned long long packets = 0;
    size_t held = 0, skip = FILE_HEADER; /* held: bytes of a record header that a piece ended in */
    ssize_t got;
    while ((got = read(fd, piece + held, PIECE - held)) > 0) {
        size_t len = held + (size_t)got, at = skip;
        if (!walk)
            continue;
        while (at + RECORD <= len) {
            uint32_t captured;
            memcpy(&captured, piece + at + 8, sizeof captured);
            at += RECORD + captured;
            packets++;
        }
        held = at < len ? len - at : 0;
        skip = at > len ? at - len : 0;
        memmove(piece, piece + at, held);
    }
    free(piece);
    close(fd);
    printf("%llu\n", packets);
    return got < 0;
}
