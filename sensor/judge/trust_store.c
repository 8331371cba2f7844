#include "trust_store.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <openssl/err.h>
#include <openssl/pem.h>

#include "trust_cert.h"

/* An encrypted block must not make OpenSSL ask the terminal. */
static int no_password(char *buffer, int size, int writing, void *context) {
    (void)buffer, (void)size, (void)writing, (void)context;
    return 0;
}

static void load_der(struct trust_store *store, BIO *file) {
    unsigned char *der = NULL;
    X509 *x509 = d2i_X509_bio(file, NULL);
    int len = x509 ? i2d_X509(x509, &der) : 0;
    if (len > 0)
        (void)trust_anchors_add(store->anchors, der, (size_t)len);
    X509_free(x509);
}

static void load_file(struct trust_store *store, const char *path) {
    BIO *file = BIO_new_file(path, "rb");
    if (file == NULL)
        return;
    size_t before = trust_anchors_num(store->anchors);
    unsigned char *der;
    long len;
    /* as PEM_read_bio_X509_AUX() does, but for the parsing: what is damaged ends the file */
    while (PEM_bytes_read_bio(&der, &len, NULL, PEM_STRING_X509_TRUSTED, file, no_password, NULL) &&
           trust_anchors_add(store->anchors, der, (size_t)len))
        continue;
    if (trust_anchors_num(store->anchors) == before && BIO_seek(file, 0) == 0)
        load_der(store, file);
    BIO_free(file);
}

static bool ends_in(const char *name, const char *end) {
    size_t len = strlen(name), end_len = strlen(end);
    return len > end_len && strcmp(name + len - end_len, end) == 0;
}

static int named_as_certificate(const struct dirent *entry) {
    return ends_in(entry->d_name, ".pem") || ends_in(entry->d_name, ".crt") || ends_in(entry->d_name, ".cer");
}

/* "0f5dc4f3.0", as c_rehash names them */
static int named_by_hash(const struct dirent *entry) {
    const char *name = entry->d_name;
    return strlen(name) == 10 && strspn(name, "0123456789abcdef") == 8 && name[8] == '.' &&
           isdigit((unsigned char)name[9]);
}

/* In name order, so that the same directory gives the same store. */
static void load_directory(struct trust_store *store, const char *path,
                           int (*wanted)(const struct dirent *)) {
    struct dirent **entries;
    int num = scandir(path, &entries, wanted, alphasort);
    if (num < 0)
        return;
    for (int i = 0; i < num; i++) {
        char file[4096];
        if ((size_t)snprintf(file, sizeof file, "%s/%s", path, entries[i]->d_name) < sizeof file)
            load_file(store, file);
        free(entries[i]);
    }
    free(entries);
}

static bool load_path(struct trust_store *store, const char *path) {
    struct stat status;
    size_t before = trust_anchors_num(store->anchors);
    if (stat(path, &status) != 0)
        return false;
    if (S_ISDIR(status.st_mode)) {
        load_directory(store, path, named_as_certificate);
        if (trust_anchors_num(store->anchors) == before)
            load_directory(store, path, named_by_hash);
    } else {
        load_file(store, path);
    }
    return trust_anchors_num(store->anchors) > before;
}

static const char *setting(const char *variable) {
    const char *value = getenv(variable);
    return value && value[0] != '\0' ? value : NULL;
}

/* Debian keeps all that is in the directory in one file there too, and reading keys twice takes time. */
static void load_system_directory(struct trust_store *store, const char *path) {
    char bundle[4096];
    if ((size_t)snprintf(bundle, sizeof bundle, "%s/ca-certificates.crt", path) >= sizeof bundle ||
        !load_path(store, bundle))
        (void)load_path(store, path);
}

/* A machine need not have such a store: then there are no anchors, and that is a fact, not an error. */
static void load_system(struct trust_store *store) {
    const char *file = setting(X509_get_default_cert_file_env());
    const char *directories = setting(X509_get_default_cert_dir_env());
    bool found = load_path(store, file ? file : X509_get_default_cert_file());
    if (directories == NULL)
        directories = found && !file ? "" : X509_get_default_cert_dir(); /* by default they are the same */
    while (*directories != '\0') {                                       /* "one:two" */
        size_t len = strcspn(directories, ":");
        char path[4000];
        if (len > 0 && len < sizeof path) {
            memcpy(path, directories, len);
            path[len] = '\0';
            load_system_directory(store, path);
        }
        directories += len + (directories[len] == ':');
    }
}

static void bound_add(struct trust_store *store, int64_t at_s) {
    if (at_s != EVENT_ABSENT)
        store->bounds[store->num_bounds++] = at_s;
}

static int compare_bounds(const void *left, const void *right) {
    const int64_t *a = left, *b = right;
    return (*a > *b) - (*a < *b);
}

static bool find_bounds(struct trust_store *store) {
    store->num_anchors = trust_anchors_num(store->anchors);
    store->bounds = calloc(2 * store->num_anchors + 1, sizeof *store->bounds);
    if (store->bounds == NULL)
        return false;
    for (size_t i = 0; i < store->num_anchors; i++) {
        const struct trust_anchor *anchor = trust_anchors_get(store->anchors, i);
        bound_add(store, anchor->not_before_s);
        bound_add(store, anchor->not_after_s);
    }
    qsort(store->bounds, store->num_bounds, sizeof *store->bounds, compare_bounds);
    return true;
}

static bool load(struct trust_store *store, const char *path, char *error, size_t error_len) {
    snprintf(error, error_len, "out of memory");
    store->store = X509_STORE_new();
    store->anchors = trust_anchors_new();
    if (store->store == NULL || store->anchors == NULL)
        return false;
    if (path == NULL) {
        load_system(store);
    } else if (!load_path(store, path)) {
        if (access(path, R_OK) != 0)
            snprintf(error, error_len, "cannot read CA certificates from %s: %s", path, strerror(errno));
        else
            snprintf(error, error_len, "no CA certificate found in %s", path);
        return false;
    }
    return find_bounds(store) && trust_anchors_serve(store->anchors, store->store);
}

bool trust_store_load(struct trust_store *store, const char *path, char *error, size_t error_len) {
    *store = (struct trust_store){0};
    bool loaded = load(store, path, error, error_len);
    if (!loaded)
        trust_store_cleanup(store);
    ERR_clear_error();
    return loaded;
}

void trust_store_cleanup(struct trust_store *store) {
    X509_STORE_free(store->store);
    trust_anchors_free(store->anchors);
    free(store->bounds);
    *store = (struct trust_store){0};
}

bool trust_store_span(const struct trust_store *store, int64_t at_s, int64_t *after_s, int64_t *before_s) {
    size_t low = 0, high = store->num_bounds; /* bounds[0..low) < at_s <= bounds[high..) */
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (store->bounds[middle] < at_s)
            low = middle + 1;
        else
            high = middle;
    }
    if (low < store->num_bounds && store->bounds[low] == at_s)
        return false;
    *after_s = low > 0 ? store->bounds[low - 1] : INT64_MIN;
    *before_s = low < store->num_bounds ? store->bounds[low] : INT64_MAX;
    return true;
}
