#include "rhythm/dance.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "rhythm/motion.h"
#include "rhythm/signal.h"
#include "rhythm/watch.h"

/* Lengths of the body: what a joint at rest seems to move from frame to frame, and, a second, what is so fast that it
 * was another joint. */
static const double TREMBLE = 0.002, FASTEST = 6;

/* Seconds to either side, over which joints' ways are smoothed, and how surely they are seen. */
static const double WAY_SMOOTHING = 0.04, SCORE_SMOOTHING = 0.5;

/* Between these scores a joint counts in part: one that now and then falls below a limit would start and stop. */
static const double UNSEEN = 0.1, SURE = 0.5;

/* Of the box around a body, half is body. */
static const float BODY_SHARE = 0.5f;

enum { HEAD_JOINTS = 5 };

/* Area of the box around the joints that are seen, and its longer side. */
static float box_area(const pose *p, float *length) {
    float left = INFINITY, right = -INFINITY, top = INFINITY, bottom = -INFINITY;
    for (int j = 0; j < JOINTS; j++)
        if (p->joints[j].score >= JOINT_SEEN) {
            left = fminf(left, p->joints[j].x);
            right = fmaxf(right, p->joints[j].x);
            top = fminf(top, p->joints[j].y);
            bottom = fmaxf(bottom, p->joints[j].y);
        }
    const float width = fmaxf(0, right - left), height = fmaxf(0, bottom - top);
    *length = fmaxf(width, height);
    return width * height;
}

/* The typical area and length of the body over the frames in which it is seen; 0 when it never is. */
static loris_status typical_body(const poses *p, float *area, float *length) {
    float *areas = malloc(p->frames * sizeof *areas), *lengths = malloc(p->frames * sizeof *lengths);
    size_t count = 0;
    *area = *length = 0;
    loris_status status = areas && lengths ? LORIS_OK : fail_memory("the dance");
    for (size_t i = 0; status == LORIS_OK && i < p->frames; i++) {
        areas[count] = box_area(&p->seen[i], &lengths[count]);
        count += areas[count] > 0;
    }
    if (status == LORIS_OK && count)
        status = signal_percentile(areas, count, 0.5, area);
    if (status == LORIS_OK && count)
        status = signal_percentile(lengths, count, 0.5, length);
    free(areas);
    free(lengths);
    return status;
}

/* What a joint counts of the body; the five joints of the head move as one. */
static double weight_of(int j, const joint *before, const joint *after) {
    const double part = (j < HEAD_JOINTS ? 1.0 / HEAD_JOINTS : 1.0) / (JOINTS - HEAD_JOINTS + 1);
    const double score = fmin((double)before->score, (double)after->score);
    return part * fmax(0, fmin(1, (score - UNSEEN) / (SURE - UNSEEN)));
}

/* The joints' paths, and how surely they are seen, at the frames looked at. */
typedef struct dance {
    const poses *poses;
    pose *way, *sure;
    float area, length; /* of the body */
} dance;

/* Adds what the joints move from frame i to the next. */
static void add_moves(float row[FLOW_BINS], const dance *d, size_t i, double share) {
    const double seconds = d->poses->time[i + 1] - d->poses->time[i], length = (double)d->length;
    for (int j = 0; j < JOINTS; j++) {
        const joint *from = &d->way[i].joints[j], *to = &d->way[i + 1].joints[j];
        const double x = (double)to->x - from->x, y = (double)to->y - from->y, way = hypot(x, y) - TREMBLE * length;
        if (way <= 0 || way > FASTEST * length * seconds)
            continue;
        const double turn = atan2(y, x) / (2 * acos(-1)); /* y is down: clockwise */
        const int bin = (int)floor((turn < 0 ? turn + 1 : turn) * FLOW_BINS) % FLOW_BINS;
        row[bin] += (float)(share * way * weight_of(j, &d->sure[i].joints[j], &d->sure[i + 1].joints[j]));
    }
}

/* One row and interval for each pair of frames. Across a cut the motion before it goes on, and is compared with
 * nothing. */
static void list_moves(motion_interval *list, float *rows, const dance *d) {
    const poses *p = d->poses;
    const double share = BODY_SHARE * (double)d->area / ((double)p->width * p->height);
    for (size_t i = 0; i + 1 < p->frames; i++) {
        const bool cut = p->cut[i + 1];
        float *row = rows + i * FLOW_BINS;
        if (!cut)
            add_moves(row, d, i, share);
        const float *known = !cut ? row : i > 0 ? list[i - 1].row : NULL;
        list[i] = (motion_interval){.start = p->time[i], .end = p->time[i + 1], .row = known, .cut = cut};
    }
}

static loris_status make_grid(motion_grid *g, const poses *p) {
    *g = (motion_grid){0};
    if (p->frames < 2)
        return LORIS_OK;
    dance d = {.poses = p, .way = calloc(p->frames, sizeof *d.way), .sure = calloc(p->frames, sizeof *d.sure)};
    motion_interval *list = malloc(p->frames * sizeof *list);
    float *rows = calloc(p->frames * FLOW_BINS, sizeof *rows);
    loris_status status = d.way && d.sure && list && rows ? LORIS_OK : fail_memory("the dance");
    if (status == LORIS_OK)
        status = typical_body(p, &d.area, &d.length);
    if (status == LORIS_OK)
        status = poses_mean(d.way, p->time, p->frames, WAY_SMOOTHING, p);
    if (status == LORIS_OK)
        status = poses_mean(d.sure, p->time, p->frames, SCORE_SMOOTHING, p);
    if (status == LORIS_OK) {
        list_moves(list, rows, &d);
        status = motion_grid_fill(g, list, p->frames - 1, p->width > p->height ? p->width : p->height);
    }
    free(d.way);
    free(d.sure);
    free(list);
    free(rows);
    return status;
}

static loris_status take_cuts(rhythm *r, const poses *p) {
    r->cuts = malloc(p->frames * sizeof *r->cuts);
    if (!r->cuts)
        return fail_memory("the cuts");
    for (size_t i = 0; i < p->frames; i++)
        if (p->cut[i])
            r->cuts[r->cut_count++] = p->time[i];
    return LORIS_OK;
}

loris_status dance_rhythm(rhythm *out, const poses *p, flux *curves) {
    *out = (rhythm){.duration = p->duration};
    if (curves)
        *curves = (flux){0};
    motion_grid grid = {0};
    loris_status status;
    TRY_GOTO(take_cuts(out, p));
    TRY_GOTO(make_grid(&grid, p));
    TRY_GOTO(rhythm_of_grid(out, &grid, curves));
done:
    motion_grid_free(&grid);
    if (status != LORIS_OK) {
        rhythm_free(out);
        if (curves)
            flux_free(curves);
    }
    return status;
}
