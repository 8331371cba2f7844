/* replay.c: runs a fuzz target once over each file that it is given, where there is no libFuzzer. A directory
 * stands for its files. */
#include <dirent.h>
#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);
size_t LLVMFuzzerMutate(uint8_t *data, size_t len, size_t max_len);

/* For the mutators, which nobody calls here. */
size_t LLVMFuzzerMutate(uint8_t *data, size_t len, size_t max_len) {
    (void)data;
    return len < max_len ? len : max_len;
}

static int replay(const char *path) {
    FILE *file = fopen(path, "rb");
    if (file == NULL || fseek(file, 0, SEEK_END) != 0) {
        perror(path);
        return -1;
    }
    long len = ftell(file);
    uint8_t *data = len >= 0 ? malloc(len > 0 ? (size_t)len : 1) : NULL;
    rewind(file);
    if (data == NULL || fread(data, 1, (size_t)len, file) != (size_t)len) {
        perror(path);
        fclose(file);
        free(data);
        return -1;
    }
    fclose(file);
    LLVMFuzzerTestOneInput(data, (size_t)len);
    free(data);
    return 0;
}

static int replay_all(const char *path) {
    DIR *directory = opendir(path);
    int status = 0;
    if (directory == NULL)
        return replay(path);
    for (struct dirent *entry; (entry = readdir(directory)) != NULL;) {
        char name[PATH_MAX];
        (void)snprintf(name, sizeof name, "%s/%s", path, entry->d_name);
        if (entry->d_name[0] != '.' && replay(name) != 0)
            status = -1;
    }
    closedir(directory);
    return status;
}

int main(int argc, char **argv) {
    int status = EXIT_SUCCESS;
    for (int i = 1; i < argc; i++) {
        if (replay_all(argv[i]) != 0)
            status = EXIT_FAILURE;
    }
    return status;
}
