#include "api/dataset.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

#include "core/file.h"
#include "core/json.h"

enum { DEPTH_LIMIT = 32, VERSION = 1 };

/* ---- videos -------------------------------------------------------------------------------------------------------
 */

static bool is_video(const char *name) {
    static const char *const extensions[] = {"mp4", "mkv", "mov", "webm", "avi", "m4v", "mpg", "mpeg",
                                             "ts",  "mts", "flv", "wmv",  "3gp", "ogv", "m2ts"};
    const char *dot = strrchr(name, '.');
    for (size_t i = 0; dot && i < sizeof extensions / sizeof *extensions; i++)
        if (strcasecmp(dot + 1, extensions[i]) == 0)
            return true;
    return false;
}

typedef struct listing {
    arena *memory;
    const char *root;
    dataset_video *video;
    size_t count, capacity;
} listing;

static loris_status add_video(listing *l, const char *path) {
    if (l->count == l->capacity) {
        const size_t capacity = l->capacity ? 2 * l->capacity : 256;
        dataset_video *grown = realloc(l->video, capacity * sizeof *grown);
        if (!grown)
            return fail_memory("a list of videos");
        l->video = grown;
        l->capacity = capacity;
    }
    l->video[l->count++] = (dataset_video){.path = path};
    return LORIS_OK;
}

/* `folder` is relative to the root, "" or with its '/'. */
static loris_status scan(listing *l, const char *folder, int depth) {
    const char *full = arena_printf(l->memory, "%s/%s", l->root, folder);
    DIR *dir = full ? opendir(full) : NULL;
    if (!full)
        return fail_memory("a list of videos");
    if (!dir)
        return fail(LORIS_ERROR_INPUT, "name a folder of videos", "%s: not a folder that can be read", full);
    loris_status status = LORIS_OK;
    for (struct dirent *e; status == LORIS_OK && (e = readdir(dir));) {
        struct stat info;
        if (e->d_name[0] == '.' || fstatat(dirfd(dir), e->d_name, &info, 0) != 0)
            continue;
        const bool inside = S_ISDIR(info.st_mode);
        if (!inside && !(S_ISREG(info.st_mode) && is_video(e->d_name)))
            continue;
        const char *path = arena_printf(l->memory, "%s%s%s", folder, e->d_name, inside ? "/" : "");
        if (!path)
            status = fail_memory("a list of videos");
        else if (!inside)
            status = add_video(l, path);
        else if (depth < DEPTH_LIMIT)
            status = scan(l, path, depth + 1);
    }
    closedir(dir);
    return status;
}

static int by_path(const void *a, const void *b) {
    return strcmp(((const dataset_video *)a)->path, ((const dataset_video *)b)->path);
}

static int by_name(const void *a, const void *b) {
    const dataset_video *const *x = a, *const *y = b;
    const int order = strcmp((*x)->name, (*y)->name);
    return order ? order : (*x > *y) - (*x < *y);
}

/* "dance/gBR_c01.mp4" -> "dance-gBR_c01": lists have a path on each line. */
static char *name_of(arena *a, const char *path) {
    char *name = arena_printf(a, "%.*s", (int)(strrchr(path, '.') - path), path);
    for (char *c = name; c && *c; c++)
        if (*c == '/' || (unsigned char)*c < 0x20 || *c == 0x7f)
            *c = *c == '/' ? '-' : '_';
    return name;
}

/* Whose takes are in several cameras (AIST: "gBR_sBM_c01_d04_mBR0_ch01") has them in one field: all of a take or none.
 */
static void take_of(const char *name, char *take, size_t size) {
    size_t length = 0;
    for (const char *c = name; *c && length + 1 < size;) {
        const bool camera = c[0] == '_' && c[1] == 'c' && c[2] >= '0' && c[2] <= '9' && c[3] >= '0' && c[3] <= '9' &&
                            (c[4] == '_' || c[4] == '\0');
        if (camera)
            c += 4;
        else
            take[length++] = *c++;
    }
    take[length] = '\0';
}

/* By a hash: the same video is on the same side whatever other videos there are. */
static bool is_test(const char *name, double share) {
    char take[1024];
    uint8_t digest[32];
    sha256 s;
    uint64_t number = 0;
    take_of(name, take, sizeof take);
    sha256_begin(&s);
    sha256_update(&s, take, strlen(take));
    sha256_end(&s, digest);
    for (int i = 0; i < 6; i++)
        number = number << 8 | digest[i];
    return (double)number < share * 0x1p48;
}

/* Of two videos with one name the first in the order of paths has it. */
static loris_status mark_taken(dataset_video *video, size_t count) {
    dataset_video **sorted = malloc(count * sizeof *sorted);
    if (!sorted)
        return fail_memory("a list of videos");
    for (size_t i = 0; i < count; i++)
        sorted[i] = &video[i];
    qsort(sorted, count, sizeof *sorted, by_name);
    for (size_t i = 1; i < count; i++)
        sorted[i]->taken = strcmp(sorted[i]->name, sorted[i - 1]->name) == 0;
    free(sorted);
    return LORIS_OK;
}

loris_status dataset_list(dataset *d, arena *a, double test_share) {
    listing l = {.memory = a, .root = d->videos};
    loris_status status = scan(&l, "", 0);
    if (status == LORIS_OK && l.count == 0)
        status = fail(LORIS_ERROR_INPUT, "videos are known by their extension: .mp4, .mkv, .mov, .webm, .avi ...",
                      "%s: holds no videos", d->videos);
    dataset_video *video = status == LORIS_OK ? arena_alloc(a, l.count, sizeof *video) : NULL;
    if (status == LORIS_OK && !video)
        status = fail_memory("a list of videos");
    if (status == LORIS_OK) {
        qsort(l.video, l.count, sizeof *l.video, by_path);
        memcpy(video, l.video, l.count * sizeof *video);
        for (size_t i = 0; i < l.count && status == LORIS_OK; i++) {
            video[i].name = name_of(a, video[i].path);
            status = video[i].name ? LORIS_OK : fail_memory("a list of videos");
            video[i].test = video[i].name && is_test(video[i].name, test_share);
        }
    }
    if (status == LORIS_OK)
        status = mark_taken(video, l.count);
    d->video = video;
    d->count = l.count;
    free(l.video);
    return status;
}

/* ---- clips --------------------------------------------------------------------------------------------------------
 */

static const struct {
    const char *name, *extension;
} kinds[DATASET_KINDS] = {{"audio", "wav"}, {"i3d", "npy"}, {"pose2d", "npy"}};

loris_status dataset_make_folders(const dataset *d) {
    char folder[4096];
    for (int k = 0; k <= DATASET_KINDS; k++) {
        const int length = snprintf(folder, sizeof folder, "%s/%s_s%d", d->out,
                                    k < DATASET_KINDS ? kinds[k].name : "videos", d->segment);
        if (length >= (int)sizeof folder)
            return fail(LORIS_ERROR_OUTPUT, NULL, "%s: the path is too long", d->out);
        TRY(folder_make(folder, 0777));
    }
    return LORIS_OK;
}

const char *dataset_clip(const dataset *d, arena *a, const dataset_video *v, int kind, size_t clip) {
    return arena_printf(a, "%s/%s_s%d/%s_%03zu.%s", d->out, kinds[kind].name, d->segment, v->name, clip,
                        kinds[kind].extension);
}

/* ---- records ------------------------------------------------------------------------------------------------------
 */

static char *record_path(const dataset *d, arena *a, const dataset_video *v) {
    return arena_printf(a, "%s/videos_s%d/%s.json", d->out, d->segment, v->name);
}

/* A video is known again by its size: contents are not read twice. */
static double size_of(const dataset *d, arena *a, const dataset_video *v) {
    struct stat info;
    const char *path = arena_printf(a, "%s/%s", d->videos, v->path);
    return path && stat(path, &info) == 0 ? (double)info.st_size : -1;
}

static loris_status write_record(const dataset *d, arena *a, const dataset_video *v, const dataset_record *r) {
    json_writer w;
    json_begin(&w, 1);
    json_open(&w, NULL, '{');
    json_integer(&w, "version", VERSION);
    json_string(&w, "video", v->path);
    json_number(&w, "bytes", size_of(d, a, v));
    json_bool(&w, "pad", d->pad);
    json_string(&w, "i3d", d->i3d_hash);
    json_string(&w, "poses", d->eyes_hash);
    json_integer(&w, "clips", (long long)r->clips);
    if (r->skipped)
        json_string(&w, "skipped", r->skipped);
    json_close(&w, '}');
    const char *path = record_path(d, a, v);
    loris_status status =
        text_failed(&w.out) || !path ? fail_memory("a record") : file_write(path, w.out.data, w.out.length);
    text_free(&w.out);
    return status;
}

loris_status dataset_write_record(const dataset *d, const dataset_video *v, const dataset_record *r) {
    arena *a = arena_new();
    loris_status status = a ? write_record(d, a, v, r) : fail_memory("a record");
    arena_free(a);
    return status;
}

static bool is_text(const json *object, const char *key, const char *wanted) {
    const json *value = json_get(object, key);
    return value && value->type == JSON_STRING && strcmp(value->string, wanted) == 0;
}

bool dataset_read_record(const dataset *d, arena *a, const dataset_video *v, dataset_record *r) {
    const char *path = record_path(d, a, v);
    const json *record = NULL;
    char *data = NULL;
    size_t size;
    double clips, bytes, version;
    if (!path || !file_exists(path) || file_read(path, 1 << 20, &data, &size) != LORIS_OK)
        return false;
    bool good = json_parse(&record, a, data, size, path) == LORIS_OK;
    free(data);
    const json *pad = good ? json_get(record, "pad") : NULL, *skipped = good ? json_get(record, "skipped") : NULL;
    good = good && json_need_number(record, "version", VERSION, VERSION, &version, path) == LORIS_OK &&
           json_need_number(record, "clips", 0, 1e6, &clips, path) == LORIS_OK &&
           json_need_number(record, "bytes", 0, 1e18, &bytes, path) == LORIS_OK && bytes == size_of(d, a, v) && pad &&
           pad->type == (d->pad ? JSON_TRUE : JSON_FALSE) && is_text(record, "video", v->path) &&
           is_text(record, "i3d", d->i3d_hash) && is_text(record, "poses", d->eyes_hash);
    if (good)
        *r = (dataset_record){(size_t)clips, skipped && skipped->type == JSON_STRING ? skipped->string : NULL};
    return good;
}

/* ---- lists --------------------------------------------------------------------------------------------------------
 */

static loris_status write_list(const dataset *d, arena *a, int kind, bool test, const size_t *clips) {
    text out = {0};
    text_append(&out, "", 0);
    for (size_t i = 0; i < d->count; i++)
        for (size_t k = 0; d->video[i].test == test && k < clips[i]; k++)
            text_printf(&out, "%s_s%d/%s_%03zu.%s\n", kinds[kind].name, d->segment, d->video[i].name, k,
                        kinds[kind].extension);
    const char *path =
        arena_printf(a, "%s/%s_s%d_%s_segment.txt", d->out, kinds[kind].name, d->segment, test ? "test" : "train");
    loris_status status =
        text_failed(&out) || !path ? fail_memory("a list of clips") : file_write(path, out.data, out.length);
    text_free(&out);
    return status;
}

static loris_status write_lists(const dataset *d, arena *a, bool *complete, size_t *train, size_t *test) {
    size_t *clips = arena_alloc(a, d->count, sizeof *clips);
    if (!clips)
        return fail_memory("a list of clips");
    for (size_t i = 0; i < d->count; i++) {
        dataset_record r = {0};
        if (!d->video[i].taken && !dataset_read_record(d, a, &d->video[i], &r))
            return LORIS_OK;
        clips[i] = r.clips;
        *(d->video[i].test ? test : train) += r.clips;
    }
    for (int kind = 0; kind < DATASET_KINDS; kind++)
        for (int side = 0; side < 2; side++)
            TRY(write_list(d, a, kind, side == 1, clips));
    *complete = true;
    return LORIS_OK;
}

loris_status dataset_write_lists(const dataset *d, bool *complete, size_t *train, size_t *test) {
    arena *a = arena_new();
    *complete = false;
    *train = *test = 0;
    loris_status status = a ? write_lists(d, a, complete, train, test) : fail_memory("a list of clips");
    arena_free(a);
    return status;
}
