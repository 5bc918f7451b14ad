#include "core/file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "core/random.h"

/* ---- reading ----------------------------------------------------------------------------------------------------- */

static loris_status fail_read(const char *path, int error) {
    const char *hint = error == ENOENT || error == ENOTDIR ? "check the spelling of the path"
                       : error == EACCES                   ? "check the permissions of the file and its folders"
                                                           : NULL;
    return fail(LORIS_ERROR_INPUT, hint, "%s: %s", path, strerror(error));
}

/* Opens anything but a folder. `extra` is added to the flags. */
static loris_status open_input(const char *path, int extra, int *descriptor, struct stat *info) {
    if (path[0] == '\0')
        return fail(LORIS_ERROR_INPUT, "give the name of a file", "the name of a file to read is empty");
    int fd;
    /* A pipe is waited for; a signal, perhaps the user's, ends the wait. */
    while ((fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | extra)) < 0) {
        if (errno != EINTR)
            return fail_read(path, errno);
        TRY(check_cancelled());
    }
    if (fstat(fd, info) != 0) {
        int error = errno;
        close(fd);
        return fail_read(path, error);
    }
    if (S_ISDIR(info->st_mode)) {
        close(fd);
        return fail(LORIS_ERROR_INPUT, "give the name of a file in it", "%s: is a folder", path);
    }
    *descriptor = fd;
    return LORIS_OK;
}

loris_status file_map_open(file_map *map, const char *path) {
    *map = (file_map){0};
    int fd;
    struct stat info;
    /* Non-blocking: a pipe is to be refused below, not waited for. */
    TRY(open_input(path, O_NONBLOCK, &fd, &info));
    if (!S_ISREG(info.st_mode)) {
        close(fd);
        return fail(LORIS_ERROR_INPUT, "copy it into a file first", "%s: not a regular file", path);
    }
    if ((uintmax_t)info.st_size > SIZE_MAX / 2) {
        close(fd);
        return fail_read(path, EFBIG);
    }
    size_t size = (size_t)info.st_size;
    void *data = size ? mmap(NULL, size, PROT_READ, MAP_PRIVATE, fd, 0) : NULL;
    int error = errno;
    close(fd);
    if (data == MAP_FAILED)
        return fail_read(path, error);
    *map = (file_map){.data = data, .size = size};
    return LORIS_OK;
}

void file_map_close(file_map *map) {
    if (map->data)
        munmap((void *)map->data, map->size);
    *map = (file_map){0};
}

void file_map_release(const file_map *map) {
    if (map->data)
        (void)madvise((void *)map->data, map->size, MADV_DONTNEED); /* a refusal costs memory, nothing else */
}

/* Reads to the end of the file, whatever its size was said to be: pipes and /proc say 0. */
static loris_status read_all(int fd, const char *path, size_t limit, size_t expected, char **data, size_t *size) {
    size_t capacity = (expected < limit ? expected : limit) + 2; /* one byte to notice the end, one for the NUL */
    size_t used = 0;
    char *block = malloc(capacity);
    while (block) {
        ssize_t got = read(fd, block + used, capacity - 1 - used);
        if (got < 0) {
            loris_status status = errno == EINTR ? check_cancelled() : fail_read(path, errno);
            if (status == LORIS_OK)
                continue;
            free(block);
            return status;
        }
        used += (size_t)got;
        if (used > limit) {
            free(block);
            return fail(LORIS_ERROR_INPUT, "is this the right file?", "%s: larger than the %zu bytes allowed", path,
                        limit);
        }
        if (got == 0) {
            block[used] = '\0';
            *data = block;
            *size = used;
            return LORIS_OK;
        }
        if (used == capacity - 1) {
            capacity *= 2;
            char *grown = realloc(block, capacity);
            if (!grown)
                free(block);
            block = grown;
        }
    }
    return fail_memory(path);
}

loris_status file_read(const char *path, size_t limit, char **data, size_t *size) {
    *data = NULL;
    *size = 0;
    int fd;
    struct stat info;
    TRY(open_input(path, 0, &fd, &info));
    loris_status status = read_all(fd, path, limit, info.st_size > 0 ? (size_t)info.st_size : 0, data, size);
    close(fd);
    return status;
}

bool file_exists(const char *path) {
    struct stat info;
    return stat(path, &info) == 0;
}

/* ---- temporaries still open -------------------------------------------------------------------------------------- */

/* Static storage, so that a signal handler can remove what is listed: output_discard_all() touches nothing else. */
enum { MAX_OPEN = 64 };
enum { SLOT_FREE, SLOT_CLAIMED, SLOT_OPEN };

static struct {
    atomic_int state;
    char path[PATH_MAX];
} open_output[MAX_OPEN];

static int claim_slot(void) {
    for (int i = 0; i < MAX_OPEN; i++) {
        int expected = SLOT_FREE;
        if (atomic_compare_exchange_strong(&open_output[i].state, &expected, SLOT_CLAIMED))
            return i;
    }
    return -1;
}

/* What must not be half done when the program ends: a temporary made but not yet listed, some of a group's renames. */
static atomic_int underway;
static atomic_bool stopped;

/* Sequentially consistent on both sides: either this sees that outputs are stopped, or output_stop() sees it underway.
 */
static loris_status enter(void) {
    atomic_fetch_add(&underway, 1);
    if (!atomic_load(&stopped))
        return LORIS_OK;
    atomic_fetch_sub(&underway, 1);
    return fail(LORIS_CANCELLED, NULL, "cancelled");
}

static void leave(void) {
    atomic_fetch_sub(&underway, 1);
}

void output_stop(void) {
    enum { PATIENCE = 100 }; /* ms; a signal handler may have come between enter() and leave() of its own thread */
    int saved = errno;
    atomic_store(&stopped, true);
    for (int i = 0; i < PATIENCE && atomic_load(&underway) > 0; i++)
        poll(NULL, 0, 1);
    errno = saved;
}

void output_discard_all(void) {
    int saved = errno;
    for (int i = 0; i < MAX_OPEN; i++)
        if (atomic_load(&open_output[i].state) == SLOT_OPEN)
            unlink(open_output[i].path);
    errno = saved;
}

/* ---- outputs ----------------------------------------------------------------------------------------------------- */

static loris_status fail_write(const char *path, int error) {
    const char *hint = NULL;
    switch (error) {
    case ENOSPC:
    case EDQUOT:
        hint = "free some space or write to another disk";
        break;
    case EACCES:
    case EPERM:
        hint = "check the permissions or write to another folder";
        break;
    case EROFS:
        hint = "the disk is read-only: write to another folder";
        break;
    case ENOENT:
    case ENOTDIR:
        hint = "make the folder first or write to another";
        break;
    case ENAMETOOLONG:
        hint = "choose a shorter name";
        break;
    }
    return fail(LORIS_ERROR_OUTPUT, hint, "%s: cannot be written: %s", path, strerror(error));
}

/* The length of `path`'s folder part including the slash: 0 for a bare name. */
static size_t folder_length(const char *path) {
    const char *slash = strrchr(path, '/');
    return slash ? (size_t)(slash - path) + 1 : 0;
}

static loris_status check_folder(const char *path, size_t length) {
    if (length == 0)
        return LORIS_OK;
    char folder[PATH_MAX];
    if (length >= sizeof folder)
        return fail_write(path, ENAMETOOLONG);
    memcpy(folder, path, length);
    folder[length > 1 ? length - 1 : 1] = '\0';
    struct stat info;
    if (stat(folder, &info) == 0) {
        if (S_ISDIR(info.st_mode))
            return LORIS_OK;
        return fail(LORIS_ERROR_OUTPUT, "write to another folder", "%s: cannot be written: %s is not a folder", path,
                    folder);
    }
    if (errno == ENOENT)
        return fail(LORIS_ERROR_OUTPUT, "make the folder first or write to another",
                    "%s: cannot be written: no folder %s", path, folder);
    return fail_write(path, errno);
}

/* What rename() would do regardless but nobody means: replace a device, or a file made read-only on purpose. A link is
 * followed, so that the file it names is replaced and not the link. */
static loris_status resolve_target(const char *path, char **resolved) {
    struct stat info;
    if (stat(path, &info) != 0) {
        if (errno != ENOENT)
            return fail_write(path, errno);
        *resolved = strdup(path);
        return *resolved ? LORIS_OK : fail_memory("name of an output");
    }
    if (S_ISDIR(info.st_mode))
        return fail(LORIS_ERROR_OUTPUT, "give the name of a file in it", "%s: cannot be written: is a folder", path);
    if (!S_ISREG(info.st_mode))
        return fail(LORIS_ERROR_OUTPUT, "give the name of a file", "%s: cannot be replaced: not a regular file", path);
    if (access(path, W_OK) != 0)
        return fail(LORIS_ERROR_OUTPUT, "make it writable or choose another name", "%s: exists and is write-protected",
                    path);
    if (lstat(path, &info) == 0 && S_ISLNK(info.st_mode))
        *resolved = realpath(path, NULL);
    else
        *resolved = strdup(path);
    return *resolved ? LORIS_OK : fail_memory("name of an output");
}

/* Writes "folder/.stem.XXXXXX.extension" for `path`. The X are drawn anew by each call. */
static loris_status name_temporary(char name[PATH_MAX], const char *path) {
    static atomic_uint calls;
    static const char letters[] = "abcdefghijklmnopqrstuvwxyz0123456789";
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    const uint32_t counter[4] = {(uint32_t)now.tv_nsec, (uint32_t)now.tv_sec, atomic_fetch_add(&calls, 1), 0};
    const uint32_t key[2] = {(uint32_t)getpid(), 0};
    uint32_t words[4];
    philox4x32(counter, key, words);
    uint64_t bits = (uint64_t)words[0] << 32 | words[1];
    char unique[7] = {0};
    for (int i = 0; i < 6; i++, bits /= 36)
        unique[i] = letters[bits % 36];

    size_t folder = folder_length(path);
    const char *base = path + folder;
    const char *dot = strrchr(base, '.');
    const char *extension = dot && dot != base ? dot : base + strlen(base);
    size_t stem = (size_t)(extension - base);
    /* A name that fills the file system's limit leaves no room for the 8 characters added: its stem is cut, at a
     * character. */
    if (strlen(extension) > NAME_MAX - 8)
        return fail_write(path, ENAMETOOLONG);
    size_t room = NAME_MAX - 8 - strlen(extension);
    if (stem > room)
        for (stem = room; stem > 0 && ((unsigned char)base[stem] & 0xc0) == 0x80;)
            stem--;
    int length = snprintf(name, PATH_MAX, "%.*s.%.*s.%s%s", (int)folder, path, (int)stem, base, unique, extension);
    return length < PATH_MAX ? LORIS_OK : fail_write(path, ENAMETOOLONG);
}

/* Creates the temporary with the permissions any new file gets (mkstemp's 0600 would stay with the final file). */
static loris_status create_temporary(const char *path, char name[PATH_MAX]) {
    for (int attempt = 0; attempt < 100; attempt++) {
        TRY(name_temporary(name, path));
        int fd = open(name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
        if (fd >= 0) {
            close(fd);
            return LORIS_OK;
        }
        if (errno == EACCES || errno == EPERM || errno == EROFS) {
            const char *why = errno == EROFS ? "on a read-only disk" : "not writable";
            size_t folder = folder_length(path);
            return fail(LORIS_ERROR_OUTPUT, "check its permissions or write to another folder",
                        "%s: cannot be written: folder %.*s is %s", path, folder ? (int)folder : 1, folder ? path : ".",
                        why);
        }
        if (errno != EEXIST && errno != EINTR)
            return fail_write(path, errno);
    }
    return fail_write(path, EEXIST);
}

loris_status output_begin(output_file *out, const char *path) {
    *out = (output_file){.slot = -1};
    if (path[0] == '\0')
        return fail(LORIS_ERROR_OUTPUT, "give the name of a file", "the name of an output is empty");
    size_t folder = folder_length(path);
    if (path[folder] == '\0')
        return fail(LORIS_ERROR_OUTPUT, "give the name of a file in it", "%s: cannot be written: names a folder", path);
    TRY(check_folder(path, folder));
    char *target;
    TRY(resolve_target(path, &target));
    int slot = claim_slot();
    if (slot < 0) {
        free(target);
        return fail(LORIS_ERROR_INTERNAL, NULL, "%s: more than %d outputs are open at once", path, MAX_OPEN);
    }
    loris_status status = enter();
    if (status == LORIS_OK) {
        status = create_temporary(target, open_output[slot].path);
        atomic_store(&open_output[slot].state, status == LORIS_OK ? SLOT_OPEN : SLOT_FREE);
        leave();
    } else {
        atomic_store(&open_output[slot].state, SLOT_FREE);
    }
    if (status != LORIS_OK) {
        free(target);
        return status;
    }
    *out = (output_file){.path = target, .temporary = strdup(open_output[slot].path), .slot = slot};
    if (!out->temporary) {
        output_discard(out);
        return fail_memory("name of an output");
    }
    return LORIS_OK;
}

static void release_output(output_file *out) {
    atomic_store(&open_output[out->slot].state, SLOT_FREE);
    free(out->path);
    free(out->temporary);
    *out = (output_file){.slot = -1};
}

void output_discard(output_file *out) {
    if (!out->path)
        return;
    unlink(open_output[out->slot].path);
    release_output(out);
}

/* Some file systems cannot sync (EINVAL): then rename is all there is. */
static int sync_path(const char *path, int flags) {
    int fd = open(path, O_RDONLY | O_CLOEXEC | flags);
    if (fd < 0)
        return errno;
    int error = fsync(fd) == 0 || errno == EINVAL || errno == ENOTSUP ? 0 : errno;
    close(fd);
    return error;
}

static void sync_folder_of(const char *path) {
    char folder[PATH_MAX] = ".";
    size_t length = folder_length(path);
    if (length > 0 && length < sizeof folder) {
        memcpy(folder, path, length);
        folder[length] = '\0';
    }
    /* The file is whole under its name already; after a power cut it may be the old one. Nothing to report. */
    (void)sync_path(folder, O_DIRECTORY);
}

/* Renames `count` outputs, in order, then sees to it that the names reach the disk. */
static loris_status place(output_file *out, size_t count) {
    size_t placed = 0;
    loris_status status = enter();
    if (status == LORIS_OK) {
        while (placed < count && rename(out[placed].temporary, out[placed].path) == 0)
            placed++;
        if (placed < count)
            status = fail_write(out[placed].path, errno);
        leave();
    }
    for (size_t i = 0; i < count; i++)
        if (i < placed) {
            sync_folder_of(out[i].path);
            release_output(&out[i]);
        } else {
            output_discard(&out[i]);
        }
    return status;
}

static _Thread_local output_group *holding; /* NULL = commits take place at once */

static loris_status hold(output_group *g, output_file *out) {
    output_file *held = realloc(g->held, (g->count + 1) * sizeof *held);
    if (!held) {
        output_discard(out);
        return fail_memory("outputs");
    }
    g->held = held;
    held[g->count++] = *out;
    *out = (output_file){.slot = -1};
    return LORIS_OK;
}

loris_status output_commit(output_file *out) {
    if (!out->path)
        return fail(LORIS_ERROR_INTERNAL, NULL, "an output was committed that is not open");
    int error = sync_path(out->temporary, 0);
    if (error) {
        loris_status status = fail_write(out->path, error);
        output_discard(out);
        return status;
    }
    return holding ? hold(holding, out) : place(out, 1);
}

void output_group_hold(output_group *g) {
    holding = g;
}

void output_group_rest(void) {
    holding = NULL;
}

loris_status output_group_commit(output_group *g) {
    loris_status status = g->count ? place(g->held, g->count) : LORIS_OK;
    free(g->held);
    *g = (output_group){0};
    return status;
}

void output_group_discard(output_group *g) {
    for (size_t i = 0; i < g->count; i++)
        output_discard(&g->held[i]);
    free(g->held);
    *g = (output_group){0};
}

static int write_all(const char *path, const char *data, size_t size) {
    int fd = open(path, O_WRONLY | O_TRUNC | O_CLOEXEC);
    if (fd < 0)
        return errno;
    int error = 0;
    while (size > 0 && !error) {
        ssize_t written = write(fd, data, size);
        if (written >= 0) {
            data += written;
            size -= (size_t)written;
        } else if (errno != EINTR) {
            error = errno;
        }
    }
    if (close(fd) != 0 && !error && errno != EINTR)
        error = errno;
    return error;
}

loris_status file_write(const char *path, const void *data, size_t size) {
    output_file out;
    TRY(output_begin(&out, path));
    int error = write_all(out.temporary, data, size);
    if (error) {
        output_discard(&out);
        return fail_write(path, error);
    }
    return output_commit(&out);
}

loris_status folder_make(const char *path, unsigned mode) {
    char part[PATH_MAX];
    size_t length = strlen(path);
    if (length == 0)
        return fail(LORIS_ERROR_OUTPUT, "give the name of a folder", "the name of a folder to make is empty");
    if (length >= sizeof part)
        return fail_write(path, ENAMETOOLONG);
    for (size_t end = 1; end <= length; end++) {
        if (path[end] != '/' && path[end] != '\0')
            continue;
        memcpy(part, path, end);
        part[end] = '\0';
        struct stat info;
        if (mkdir(part, (mode_t)mode) == 0)
            continue;
        int error = errno;
        /* A parent that exists may answer EROFS or EACCES instead of EEXIST. */
        if (stat(part, &info) != 0)
            return fail(LORIS_ERROR_OUTPUT, "check the permissions or choose another folder", "%s: cannot be made: %s",
                        part, strerror(error));
        if (!S_ISDIR(info.st_mode))
            return fail(LORIS_ERROR_OUTPUT, "choose another folder", "%s: cannot be made: %s is a file", path, part);
    }
    return LORIS_OK;
}

bool folder_exists(const char *path) {
    struct stat s;
    return stat(path, &s) == 0 && S_ISDIR(s.st_mode);
}
