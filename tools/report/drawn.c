#include "drawn.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/random.h"

#define TWO_PI 6.283185307179586476925286766559

static const double FIRST = 0.7, LAST = 0.7; /* seconds without an event at either end */
static const double MOVE = 0.12, HARD_MOVE = 0.13, ACCELERATION = 0.24;

enum { EVENTS, POSES, CAMERA, SPOILING, SCENE }; /* random streams; each shot has its scene from SCENE on */

/* ---- events ------------------------------------------------------------------------------------------------------ */

loris_status drawn_events(const drawn_clip *c, double **times, size_t *count) {
    static const double SHORTEST = 0.37, LONGEST = 1.5, MOSTLY = 0.95; /* three of four gaps are below MOSTLY */
    const double end = c->seconds - LAST, shortest = c->bpm > 0 ? 60 / c->bpm : SHORTEST;
    random_state r = random_begin(c->seed, EVENTS);
    *count = 0;
    *times = malloc(((size_t)fmax(0, c->seconds / shortest) + 2) * sizeof **times);
    if (!*times)
        return fail_memory("events");
    for (double t = FIRST; t < end;) {
        double chance = random_uniform(&r);
        if (!(c->bpm > 0)) {
            (*times)[(*count)++] = t;
            t += chance < 0.75 ? random_range(&r, SHORTEST, MOSTLY) : random_range(&r, MOSTLY, LONGEST);
        } else {
            if (chance >= c->rests)
                (*times)[(*count)++] = t;
            t += shortest;
        }
    }
    return LORIS_OK;
}

/* ---- poses ------------------------------------------------------------------------------------------------------- */

/* Angles from straight down, radians; forearms and shins relative to upper arms and thighs. */
typedef enum angle {
    TORSO,
    LEFT_ARM,
    LEFT_FOREARM,
    RIGHT_ARM,
    RIGHT_FOREARM,
    LEFT_THIGH,
    LEFT_SHIN,
    RIGHT_THIGH,
    RIGHT_SHIN,
    ANGLES
} angle;

typedef struct pose {
    double at[ANGLES];
} pose;

static const double LOWEST[ANGLES] = {-0.2, -2.4, -1.6, 0.2, -0.4, -0.7, -0.2, -0.1, -0.8};
static const double HIGHEST[ANGLES] = {0.2, -0.2, 0.4, 2.4, 1.6, 0.1, 0.8, 0.7, 0.2};

/* A pose that differs from `from` by a quarter of the range at least in both arms. */
static pose another_pose(random_state *r, const pose *from) {
    static const double LEAST = 0.25, STAYING = 0.3;
    pose p = *from;
    for (int i = 0; i < ANGLES; i++) {
        double range = HIGHEST[i] - LOWEST[i], drawn;
        bool arm = i == LEFT_ARM || i == RIGHT_ARM;
        if (!arm && random_uniform(r) < STAYING)
            continue;
        do
            drawn = random_range(r, LOWEST[i], HIGHEST[i]);
        while (arm && fabs(drawn - from->at[i]) < LEAST * range);
        p.at[i] = drawn;
    }
    return p;
}

/* A swing from one side to the other: even ones to the left. */
static pose swung_pose(random_state *r, bool left) {
    pose p;
    for (int i = 0; i < ANGLES; i++) {
        double middle = (LOWEST[i] + HIGHEST[i]) / 2, half = (HIGHEST[i] - LOWEST[i]) / 2;
        p.at[i] = middle + (left ? -1 : 1) * half * random_range(r, 0.5, 0.9);
    }
    return p;
}

typedef struct motion_plan {
    const drawn_clip *clip;
    double *events;
    size_t count;
    pose *poses; /* [count + 1]: pose i is left at (STARTS), or reached before (STOPS, TURNS), event i */
} motion_plan;

static loris_status plan_motion(motion_plan *m, const drawn_clip *c) {
    *m = (motion_plan){.clip = c};
    TRY(drawn_events(c, &m->events, &m->count));
    m->poses = malloc((m->count + 1) * sizeof *m->poses);
    if (!m->poses) {
        free(m->events);
        return fail_memory("poses");
    }
    random_state r = random_begin(c->seed, POSES);
    pose standing = {{0, -0.6, -0.3, 0.6, 0.3, -0.15, 0.05, 0.15, -0.05}};
    m->poses[0] = c->kind == DRAWN_TURNS ? swung_pose(&r, true) : another_pose(&r, &standing);
    for (size_t i = 1; i <= m->count; i++)
        m->poses[i] = c->kind == DRAWN_TURNS ? swung_pose(&r, i % 2 == 0) : another_pose(&r, &m->poses[i - 1]);
    return LORIS_OK;
}

static void free_motion(motion_plan *m) {
    free(m->events);
    free(m->poses);
}

static pose between(const pose *a, const pose *b, double part) {
    pose p;
    for (int i = 0; i < ANGLES; i++)
        p.at[i] = a->at[i] + part * (b->at[i] - a->at[i]);
    return p;
}

static double clamped(double x) {
    return fmin(fmax(x, 0), 1);
}

static pose pose_at(const motion_plan *m, double time) {
    size_t next = 0; /* event */
    while (next < m->count && m->events[next] <= time)
        next++;
    if (m->clip->kind == DRAWN_STARTS) {
        if (next == 0)
            return m->poses[0];
        double part = clamped((time - m->events[next - 1]) / (m->clip->hard ? HARD_MOVE : MOVE));
        return between(&m->poses[next - 1], &m->poses[next], part);
    }
    double reached = next < m->count ? m->events[next] : m->clip->seconds;
    if (m->clip->kind == DRAWN_STOPS) {
        double part = next < m->count ? clamped((time - reached + ACCELERATION) / ACCELERATION) : 0;
        return between(&m->poses[next], &m->poses[next + (next < m->count)], part * part);
    }
    double left = next > 0 ? m->events[next - 1] : 0, part = clamped((time - left) / fmax(reached - left, 1e-3));
    return between(&m->poses[next > 0 ? next - 1 : 0], &m->poses[next], (1 - cos(TWO_PI / 2 * part)) / 2);
}

/* ---- pictures ---------------------------------------------------------------------------------------------------- */

typedef struct picture {
    int width, height;
    uint8_t *luma;
} picture;

typedef struct point {
    double x, y;
} point;

/* A limb: all that is at most `radius` from the line a .. b. */
static void draw_limb(picture *p, point a, point b, double radius, double shade) {
    double dx = b.x - a.x, dy = b.y - a.y, length = dx * dx + dy * dy;
    int left = (int)floor(fmin(a.x, b.x) - radius - 1), right = (int)ceil(fmax(a.x, b.x) + radius + 1);
    int top = (int)floor(fmin(a.y, b.y) - radius - 1), bottom = (int)ceil(fmax(a.y, b.y) + radius + 1);
    for (int y = top < 0 ? 0 : top; y <= bottom && y < p->height; y++)
        for (int x = left < 0 ? 0 : left; x <= right && x < p->width; x++) {
            double at = length > 0 ? clamped((((double)x - a.x) * dx + ((double)y - a.y) * dy) / length) : 0;
            double cover = clamped(radius + 0.5 - hypot(x - a.x - at * dx, y - a.y - at * dy));
            uint8_t *pixel = &p->luma[(size_t)y * (size_t)p->width + (size_t)x];
            *pixel = (uint8_t)lround(*pixel + cover * (shade - *pixel));
        }
}

static point along(point from, double direction, double length) {
    return (point){from.x + length * sin(direction), from.y + length * cos(direction)};
}

static void draw_figure(picture *p, const pose *q, point hip, double size) {
    static const double SKIN = 190, SHIRT = 118, SLEEVE = 132, TROUSERS = 84;
    const double *a = q->at;
    point neck = along(hip, a[TORSO] + TWO_PI / 2, 0.30 * size), head = along(neck, a[TORSO] + TWO_PI / 2, 0.11 * size);
    const struct {
        point from;
        int upper, lower;
        double length, radius, shade;
    } limbs[] = {{hip, LEFT_THIGH, LEFT_SHIN, 0.15, 0.035, TROUSERS},
                 {hip, RIGHT_THIGH, RIGHT_SHIN, 0.15, 0.035, TROUSERS - 12},
                 {neck, LEFT_ARM, LEFT_FOREARM, 0.16, 0.028, SLEEVE},
                 {neck, RIGHT_ARM, RIGHT_FOREARM, 0.16, 0.028, SLEEVE - 20}};
    for (size_t i = 0; i < sizeof limbs / sizeof *limbs; i++) {
        if (i == 2) {
            draw_limb(p, hip, neck, 0.06 * size, SHIRT);
            draw_limb(p, head, head, 0.065 * size, SKIN);
        }
        point middle = along(limbs[i].from, a[limbs[i].upper], limbs[i].length * size);
        point end = along(middle, a[limbs[i].upper] + a[limbs[i].lower], limbs[i].length * size);
        draw_limb(p, limbs[i].from, middle, limbs[i].radius * size, limbs[i].shade);
        draw_limb(p, middle, end, 0.8 * limbs[i].radius * size, SKIN - 4 * (double)i);
    }
}

/* ---- scenes ------------------------------------------------------------------------------------------------------ */

enum { TEXTURE = 64, OCTAVES = 3 };

typedef struct scene {
    bool textured;
    float texture[TEXTURE][TEXTURE];
    double x, y, size; /* of the figure's hip, parts of the picture; of the figure, parts of its height */
} scene;

static scene make_scene(const drawn_clip *c, int number) {
    random_state r = random_begin(c->seed, SCENE + (uint64_t)number);
    scene s = {.textured = c->textured || c->hard, .x = 0.5, .y = 0.62, .size = 0.95};
    if (c->hard) {
        s.x = random_range(&r, 0.38, 0.62);
        s.size = random_range(&r, 0.8, 1);
    }
    for (int y = 0; y < TEXTURE; y++)
        for (int x = 0; x < TEXTURE; x++)
            s.texture[y][x] = (float)random_uniform(&r);
    return s;
}

/* Value noise of three octaves, 0..1, that repeats far outside of the picture. */
static double noise_at(const scene *s, double x, double y) {
    double sum = 0, weight = 0.5;
    for (int octave = 0; octave < OCTAVES; octave++, weight /= 2) {
        double fx = floor(x), fy = floor(y), rx = x - fx, ry = y - fy;
        unsigned ix = (unsigned)((int)fx + (1 << 20)), iy = (unsigned)((int)fy + (1 << 20));
        const float *row = s->texture[iy % TEXTURE], *below = s->texture[(iy + 1) % TEXTURE];
        double upper = (double)row[ix % TEXTURE] * (1 - rx) + (double)row[(ix + 1) % TEXTURE] * rx;
        double lower = (double)below[ix % TEXTURE] * (1 - rx) + (double)below[(ix + 1) % TEXTURE] * rx;
        sum += weight * (upper * (1 - ry) + lower * ry);
        x *= 2;
        y *= 2;
    }
    return sum / (1 - weight * 2);
}

static void draw_ground(picture *p, const scene *s, point camera) {
    static const double WALL = 60, FLOOR = 104, HORIZON = 0.75, DARK = 20, BRIGHT = 215, GRAIN_SIZE = 24;
    for (int y = 0; y < p->height; y++) {
        uint8_t *row = p->luma + (size_t)y * (size_t)p->width;
        double down = y + camera.y, plain = down < HORIZON * p->height ? WALL : FLOOR;
        if (!s->textured)
            memset(row, (int)plain, (size_t)p->width);
        for (int x = 0; s->textured && x < p->width; x++)
            row[x] = (uint8_t)lround(
                DARK +
                (BRIGHT - DARK) * clamped(2 * noise_at(s, (x + camera.x) / GRAIN_SIZE, down / GRAIN_SIZE) - 0.5));
    }
}

/* Noise of deviation about 7 grey levels on each pixel, and brightness that jitters from frame to frame. */
static void spoil(picture *p, random_state *r) {
    static const double FLICKER = 0.04;
    uint64_t bits = (uint64_t)random_u32(r) << 32 | random_u32(r) | 1;
    int gain = (int)lround(256 * (1 + random_range(r, -FLICKER, FLICKER)));
    for (size_t i = 0; i < (size_t)p->width * (size_t)p->height; i++) {
        bits ^= bits << 13; /* xorshift64 (Marsaglia, 2003) */
        bits ^= bits >> 7;
        bits ^= bits << 17;
        int grain = (int)(bits & 15) + (int)(bits >> 16 & 15) + (int)(bits >> 32 & 15) - 22;
        int value = p->luma[i] * gain / 256 + grain;
        p->luma[i] = (uint8_t)(value < 0 ? 0 : value > 255 ? 255 : value);
    }
}

static point camera_at(const drawn_clip *c, double time, int frame) {
    static const double SWING = 40; /* pixels */
    point p = {0, 0};
    if (c->hard) {
        random_state r = random_begin(c->seed, CAMERA);
        for (int i = 0; i < 3; i++) { /* slow swaying, about a pixel a frame at most */
            double hertz = random_range(&r, 0.1, 0.6), phase = random_range(&r, 0, TWO_PI);
            p.x += 5 * sin(TWO_PI * hertz * time + phase);
            p.y += 2.5 * cos(TWO_PI * hertz * time + 2 * phase);
        }
    }
    p.x += SWING * sin(frame * c->pan / SWING);
    return p;
}

/* ---- the file ---------------------------------------------------------------------------------------------------- */

typedef struct drawing {
    picture picture;
    motion_plan motion;
    scene *scenes; /* one a shot */
    random_state spoiling;
    double frame_seconds;
} drawing;

static void draw_frame(drawing *d, int frame) {
    static const double CUTS[] = {0.37, 0.7}; /* of a hard clip's length */
    const drawn_clip *c = d->motion.clip;
    double time = frame * d->frame_seconds;
    int shot = c->hard ? (time >= CUTS[0] * c->seconds) + (time >= CUTS[1] * c->seconds) : 0;
    const scene *s = &d->scenes[shot];
    point camera = camera_at(c, time, frame);
    pose q = pose_at(&d->motion, time);
    draw_ground(&d->picture, s, camera);
    draw_figure(&d->picture, &q, (point){s->x * d->picture.width - camera.x, s->y * d->picture.height - camera.y},
                s->size * d->picture.height);
    if (c->hard)
        spoil(&d->picture, &d->spoiling);
}

static loris_status write_frames(drawing *d, FILE *file, const char *path) {
    const size_t size = (size_t)d->picture.width * (size_t)d->picture.height;
    const int frames = (int)lround(d->motion.clip->seconds / d->frame_seconds);
    bool written = fprintf(file, "YUV4MPEG2 W%d H%d F%s Ip A1:1 Cmono\n", d->picture.width, d->picture.height,
                           d->motion.clip->hard ? "30000:1001" : "25:1") > 0;
    for (int i = 0; written && i < frames; i++) {
        draw_frame(d, i);
        written = fputs("FRAME\n", file) >= 0 && fwrite(d->picture.luma, 1, size, file) == size;
    }
    return written ? LORIS_OK : fail(LORIS_ERROR_OUTPUT, "is there room?", "%s: cannot be written", path);
}

static loris_status write_file(drawing *d, const char *path) {
    FILE *file = fopen(path, "wb");
    if (!file)
        return fail(LORIS_ERROR_OUTPUT, NULL, "%s: %s", path, strerror(errno));
    loris_status status = write_frames(d, file, path);
    if (fclose(file) && status == LORIS_OK)
        status = fail(LORIS_ERROR_OUTPUT, "is there room?", "%s: %s", path, strerror(errno));
    if (status != LORIS_OK)
        remove(path);
    return status;
}

loris_status drawn_write(const drawn_clip *c, const char *path) {
    enum { SHOTS = 3 };
    drawing d = {.spoiling = random_begin(c->seed, SPOILING),
                 .frame_seconds = c->hard ? 1001.0 / 30000 : 0.04,
                 .picture = c->hard ? (picture){480, 270, NULL} : (picture){320, 240, NULL}};
    TRY(plan_motion(&d.motion, c));
    d.picture.luma = malloc((size_t)d.picture.width * (size_t)d.picture.height);
    d.scenes = malloc(SHOTS * sizeof *d.scenes);
    loris_status status = d.picture.luma && d.scenes ? LORIS_OK : fail_memory("a drawing");
    for (int i = 0; status == LORIS_OK && i < SHOTS; i++)
        d.scenes[i] = make_scene(c, i);
    if (status == LORIS_OK)
        status = write_file(&d, path);
    free(d.picture.luma);
    free(d.scenes);
    free_motion(&d.motion);
    return status;
}
