#include "compute/cache.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "core/file.h"
#include "core/sha256.h"

/* A file: magic, SHA-256 of key and payload, payload. With the key in the digest a renamed file does not pass for
 * another. */
static const char magic[8] = {'L', 'O', 'R', 'I', 'S', 'B', 'I', 'N'};
enum { DIGEST_BYTES = 32, HEADER_BYTES = sizeof magic + DIGEST_BYTES, KEY_DIGITS = 64 };
static const char suffix[] = ".bin";
static const size_t payload_limit = (size_t)128 << 20;
static const uint64_t folder_limit = (uint64_t)256 << 20;
static const time_t abandoned_seconds = 3600; /* no write takes longer */

/* ---- the folder -------------------------------------------------------------------------------------------------- */

static char *default_folder(arena *a) {
    const char *base = getenv("XDG_CACHE_HOME");
    if (base && base[0] == '/') /* the specification: relative paths are to be ignored */
        return arena_printf(a, "%s/loris-cl", base);
    base = getenv("HOME");
    return base && base[0] == '/' ? arena_printf(a, "%s/.cache/loris-cl", base) : NULL;
}

const char *cache_folder(arena *a, const char *wanted) {
    if (wanted && !*wanted)
        return NULL;
    const char *folder = wanted ? arena_strdup(a, wanted) : default_folder(a);
    if (!folder) {
        log_message(LORIS_LOG_INFO, "nothing is kept for the next run: neither XDG_CACHE_HOME nor HOME names a folder");
        return NULL;
    }
    const char *wrong = NULL;
    struct stat info;
    if (folder_make(folder, 0700) != LORIS_OK)
        wrong = loris_error_message();
    else if (stat(folder, &info) != 0 || !S_ISDIR(info.st_mode))
        wrong = "it is not a folder";
    else if (info.st_uid != geteuid())
        wrong = "it belongs to another user";
    else if (info.st_mode & (S_IWGRP | S_IWOTH))
        wrong = "other users may write to it (chmod 700 helps)";
    if (!wrong)
        return folder;
    log_message(LORIS_LOG_WARNING, "nothing is kept for the next run in %s: %s", folder, wrong);
    return NULL;
}

/* ---- entries ----------------------------------------------------------------------------------------------------- */

static char *entry_path(const char *folder, const char *key) {
    size_t size = strlen(folder) + 1 + strlen(key) + sizeof suffix;
    char *path = malloc(size);
    if (path)
        snprintf(path, size, "%s/%s%s", folder, key, suffix);
    return path;
}

static void digest_of(const char *key, const void *payload, size_t size, uint8_t digest[DIGEST_BYTES]) {
    sha256 s;
    sha256_begin(&s);
    sha256_update(&s, key, strlen(key));
    sha256_update(&s, payload, size);
    sha256_end(&s, digest);
}

static bool intact(const char *key, const uint8_t *file, size_t size) {
    uint8_t digest[DIGEST_BYTES];
    if (size <= HEADER_BYTES || memcmp(file, magic, sizeof magic) != 0)
        return false;
    digest_of(key, file + HEADER_BYTES, size - HEADER_BYTES, digest);
    return memcmp(file + sizeof magic, digest, DIGEST_BYTES) == 0;
}

bool cache_load(const char *folder, const char *key, uint8_t **data, size_t *size) {
    char *path = entry_path(folder, key), *file = NULL;
    size_t bytes = 0;
    bool found = false;
    if (path && file_exists(path)) {
        found = file_read(path, payload_limit + HEADER_BYTES, &file, &bytes) == LORIS_OK &&
                intact(key, (const uint8_t *)file, bytes);
        if (found) {
            *size = bytes - HEADER_BYTES;
            *data = (uint8_t *)memmove(file, file + HEADER_BYTES, *size);
            utimensat(AT_FDCWD, path, NULL, 0); /* used now: cache_trim() goes by this time */
        } else {
            free(file);
            unlink(path);
            log_message(LORIS_LOG_INFO, "%s is damaged and will be made again", path);
        }
    }
    free(path);
    return found;
}

void cache_store(const char *folder, const char *key, const void *data, size_t size) {
    if (size == 0 || size > payload_limit) {
        log_message(LORIS_LOG_WARNING, "not kept for the next run: %zu bytes", size);
        return;
    }
    char *path = entry_path(folder, key);
    uint8_t *file = malloc(HEADER_BYTES + size);
    if (path && file) {
        memcpy(file, magic, sizeof magic);
        digest_of(key, data, size, file + sizeof magic);
        memcpy(file + HEADER_BYTES, data, size);
        if (file_write(path, file, HEADER_BYTES + size) != LORIS_OK)
            log_message(LORIS_LOG_WARNING, "not kept for the next run: %s", loris_error_message());
        else
            cache_trim(folder, folder_limit);
    }
    free(file);
    free(path);
}

void cache_remove(const char *folder, const char *key) {
    char *path = entry_path(folder, key);
    if (path)
        unlink(path);
    free(path);
}

/* ---- keeping the folder small ------------------------------------------------------------------------------------ */

typedef struct entry {
    char name[KEY_DIGITS + sizeof suffix];
    struct timespec used;
    uint64_t bytes;
} entry;

static bool starts_with_key(const char *name) {
    return strspn(name, "0123456789abcdef") == KEY_DIGITS;
}

static int by_time_used(const void *a, const void *b) {
    const struct timespec *x = &((const entry *)a)->used, *y = &((const entry *)b)->used;
    if (x->tv_sec != y->tv_sec)
        return x->tv_sec < y->tv_sec ? -1 : 1;
    return (x->tv_nsec > y->tv_nsec) - (x->tv_nsec < y->tv_nsec);
}

/* Lists the entries of the open folder in a new block, and removes abandoned temporaries (".KEY.XXXXXX.bin") on the
 * way. */
static entry *list_entries(DIR *dir, size_t *count) {
    entry *list = NULL;
    size_t capacity = 0;
    *count = 0;
    for (const struct dirent *d; (d = readdir(dir)) != NULL;) {
        struct stat info;
        bool temporary = d->d_name[0] == '.' && starts_with_key(d->d_name + 1);
        bool own = starts_with_key(d->d_name) && strcmp(d->d_name + KEY_DIGITS, suffix) == 0;
        if ((!temporary && !own) || fstatat(dirfd(dir), d->d_name, &info, AT_SYMLINK_NOFOLLOW) != 0 ||
            !S_ISREG(info.st_mode))
            continue;
        if (temporary) {
            if (time(NULL) - info.st_mtime > abandoned_seconds)
                unlinkat(dirfd(dir), d->d_name, 0);
            continue;
        }
        if (*count == capacity) {
            capacity = capacity ? 2 * capacity : 64;
            entry *grown = realloc(list, capacity * sizeof *list);
            if (!grown)
                break; /* trimming by what is known so far is good enough */
            list = grown;
        }
        entry *e = &list[(*count)++];
        memcpy(e->name, d->d_name, sizeof e->name);
        e->used = info.st_mtim;
        e->bytes = (uint64_t)info.st_size;
    }
    return list;
}

void cache_trim(const char *folder, uint64_t limit) {
    DIR *dir = opendir(folder);
    if (!dir)
        return;
    size_t count;
    entry *list = list_entries(dir, &count);
    uint64_t total = 0;
    for (size_t i = 0; i < count; i++)
        total += list[i].bytes;
    if (count)
        qsort(list, count, sizeof *list, by_time_used);
    for (size_t i = 0; i < count && total > limit; i++) {
        if (unlinkat(dirfd(dir), list[i].name, 0) == 0)
            total -= list[i].bytes;
    }
    free(list);
    closedir(dir);
}
