/* From the poses of frames to rows at an even rate. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "eyes/poses.h"

/* ---- holding ----------------------------------------------------------------------------------------------------- */

/* Joint j over the frames first .. end - 1 of a shot: where it is not seen, it is where it was last, or will be first.
 */
static void hold(joint *path, const poses *p, int j, size_t first, size_t end) {
    const joint *known = NULL;
    for (size_t i = first; i < end && !known; i++)
        if (p->seen[i].joints[j].score >= JOINT_SEEN)
            known = &p->seen[i].joints[j];
    for (size_t i = first; i < end; i++) {
        const joint *now = &p->seen[i].joints[j];
        if (now->score >= JOINT_SEEN)
            known = now;
        path[i - first] = known ? (joint){known->x, known->y, now->score} : (joint){0, 0, 0};
    }
}

/* ---- averaging --------------------------------------------------------------------------------------------------- */

/* A shot's frames, and the paths of its joints. */
typedef struct shot {
    const double *time; /* [count] */
    size_t count;
    double start, end; /* seconds that belong to it */
    joint *path;       /* [count] of one joint */
} shot;

static joint mix(const joint *a, const joint *b, double share) {
    const float s = (float)share;
    return (joint){a->x + (b->x - a->x) * s, a->y + (b->y - a->y) * s, a->score + (b->score - a->score) * s};
}

static joint at(const shot *s, size_t i, double time) {
    if (time <= s->time[0] || s->count == 1)
        return s->path[0];
    if (i + 1 >= s->count)
        return s->path[s->count - 1];
    return mix(&s->path[i], &s->path[i + 1], (time - s->time[i]) / (s->time[i + 1] - s->time[i]));
}

/* The last frame at or before `time`; the first when there is none. */
static size_t frame_before(const shot *s, double time) {
    size_t low = 0, high = s->count;
    while (low + 1 < high) {
        const size_t middle = low + (high - low) / 2;
        if (s->time[middle] <= time)
            low = middle;
        else
            high = middle;
    }
    return low;
}

/* Mean of the path from `from` to `to`: it is straight between frames, so trapezoids give it exactly. */
static joint mean_between(const shot *s, double from, double to) {
    size_t i = frame_before(s, from);
    joint a = at(s, i, from);
    if (!(to > from))
        return a;
    double x = 0, y = 0, score = 0, time = from;
    while (time < to) {
        /* the next corner of the path, or the end */
        const double corner = time < s->time[0] ? s->time[0] : i + 1 < s->count ? s->time[i + 1] : to;
        const double next = fmin(corner, to), share = (next - time) / (to - from) / 2;
        const joint b = at(s, i, next);
        x += share * ((double)a.x + b.x);
        y += share * ((double)a.y + b.y);
        score += share * ((double)a.score + b.score);
        a = b;
        time = next;
        if (i + 1 < s->count && time >= s->time[i + 1])
            i++;
    }
    return (joint){(float)x, (float)y, (float)score};
}

/* Joint j at times within the shot. A window that would leave the shot becomes shorter on both
 * sides. */
static void average(pose *out, const double *time, size_t count, double half, const shot *s, int j) {
    for (size_t k = 0; k < count; k++) {
        const double reach = fmax(0, fmin(half, fmin(time[k] - s->start, s->end - time[k])));
        out[k].joints[j] = mean_between(s, time[k] - reach, time[k] + reach);
    }
}

loris_status poses_mean(pose *out, const double *time, size_t count, double half, const poses *p) {
    joint *path = malloc(p->frames * sizeof *path);
    if (!path)
        return fail_memory("the poses");
    for (size_t first = 0, end, k = 0, next; first < p->frames; first = end, k = next) {
        for (end = first + 1; end < p->frames && !p->cut[end];)
            end++;
        const shot s = {.time = p->time + first,
                        .count = end - first,
                        .start = first ? p->time[first] : -INFINITY,
                        .end = end < p->frames ? p->time[end] : INFINITY,
                        .path = path};
        for (next = k; next < count && time[next] < s.end;)
            next++;
        for (int j = 0; j < JOINTS; j++) {
            hold(path, p, j, first, end);
            average(out + k, time + k, next - k, half, &s, j);
        }
    }
    free(path);
    return LORIS_OK;
}

loris_status poses_rows(pose **rows, size_t *count, const poses *p, double rate) {
    const double all = floor(p->duration * rate + 0.5);
    *count = all >= 1 ? (size_t)all : 1;
    *rows = calloc(*count, sizeof **rows);
    double *time = malloc(*count * sizeof *time);
    loris_status status = *rows && time ? LORIS_OK : fail_memory("the poses");
    for (size_t k = 0; status == LORIS_OK && k < *count; k++)
        time[k] = (double)k / rate;
    if (status == LORIS_OK)
        status = poses_mean(*rows, time, *count, 0.5 / rate, p);
    free(time);
    if (status != LORIS_OK) {
        free(*rows);
        *rows = NULL;
    }
    return status;
}
