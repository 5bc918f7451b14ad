#include "eyes/people.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { NOSE = 0, SHOULDERS = 5, HIPS = 11 }; /* left; the right one is next */
enum { MOST_TRACKS = 4, LEAST_JOINTS = 5 };

static const double TRIAL_SECONDS = 1.0, PATIENCE_SECONDS = 1.0, SEARCH_SECONDS = 0.25;
static const float TORSO_REACH = 1.9f, BODY_REACH = 1.2f;

/* ---- poses ------------------------------------------------------------------------------------------------------- */

static bool seen(const joint *j) {
    return j->score >= JOINT_SEEN;
}

bool is_person(const pose *p) {
    int count = 0;
    for (int j = 0; j < JOINTS; j++)
        count += seen(&p->joints[j]);
    return count >= LEAST_JOINTS;
}

typedef struct place {
    float x, y;
} place;

/* Mean of the joints seen among first .. first + count - 1; false: none is. */
static bool mean_place(const pose *p, int first, int count, place *out) {
    int used = 0;
    *out = (place){0, 0};
    for (int j = first; j < first + count; j++)
        if (seen(&p->joints[j])) {
            out->x += p->joints[j].x;
            out->y += p->joints[j].y;
            used++;
        }
    out->x /= (float)(used ? used : 1);
    out->y /= (float)(used ? used : 1);
    return used > 0;
}

/* Where the body is: the hips, or what is seen. */
static place body_place(const pose *p) {
    place at;
    if (!mean_place(p, HIPS, 2, &at) && !mean_place(p, SHOULDERS, 2, &at))
        mean_place(p, 0, JOINTS, &at);
    return at;
}

/* Longer side of the box around the joints that are seen. */
static float body_size(const pose *p) {
    float left = INFINITY, right = -INFINITY, top = INFINITY, bottom = -INFINITY;
    for (int j = 0; j < JOINTS; j++)
        if (seen(&p->joints[j])) {
            left = fminf(left, p->joints[j].x);
            right = fmaxf(right, p->joints[j].x);
            top = fminf(top, p->joints[j].y);
            bottom = fmaxf(bottom, p->joints[j].y);
        }
    return fmaxf(0, fmaxf(right - left, bottom - top));
}

/* ---- squares ----------------------------------------------------------------------------------------------------- */

square whole_square(int width, int height) {
    const float side = (float)(width > height ? width : height);
    return (square){((float)width - side) / 2, ((float)height - side) / 2, side};
}

/* How far joints first .. first + count - 1 are from `from`, along x or y. */
static float reach(const pose *p, int first, int count, place from) {
    float far = 0;
    for (int j = first; j < first + count; j++)
        if (seen(&p->joints[j]))
            far = fmaxf(far, fmaxf(fabsf(p->joints[j].x - from.x), fabsf(p->joints[j].y - from.y)));
    return far;
}

square follow_square(const pose *p, int width, int height) {
    place hips, shoulders;
    const square whole = whole_square(width, height);
    if (!mean_place(p, HIPS, 2, &hips) || !mean_place(p, SHOULDERS, 2, &shoulders))
        return whole;
    const float torso = fmaxf(reach(p, SHOULDERS, 2, hips), reach(p, HIPS, 2, hips));
    float half = fmaxf(TORSO_REACH * torso, BODY_REACH * reach(p, 0, JOINTS, hips));
    /* no further than the frame's farthest border, and never nothing */
    const float across = fmaxf(hips.x, (float)width - hips.x), down = fmaxf(hips.y, (float)height - hips.y);
    half = fmaxf(fminf(half, fmaxf(across, down)), 8);
    return half > whole.side / 2 ? whole : (square){hips.x - half, hips.y - half, 2 * half};
}

/* ---- tracks ------------------------------------------------------------------------------------------------------ */

/* Somebody who is followed. */
typedef struct track {
    pose last;        /* seen so */
    double last_time; /* then */
    square next;
    double moved, watched; /* sizes of the body that joints have moved on average, in so many seconds */
    double size, offset;   /* sums over `views`: of the body against the frame; from the frame's middle, 0..1 */
    int views;
    pose *history; /* since the trial's first frame; only while on trial */
} track;

struct people {
    poses *out;
    look_function *look;
    void *user;
    track tracks[MOST_TRACKS];
    int count;
    bool trial;
    size_t first;    /* frame the trial began with */
    size_t capacity; /* of the histories */
    double searched; /* when the last search was; negative: not in this shot */
};

loris_status people_new(people **out, poses *p, look_function *look, void *user) {
    *out = calloc(1, sizeof **out);
    if (!*out)
        return fail_memory("the people");
    **out = (people){.out = p, .look = look, .user = user, .searched = -1};
    return LORIS_OK;
}

void people_free(people *p) {
    if (!p)
        return;
    for (int i = 0; i < MOST_TRACKS; i++)
        free(p->tracks[i].history);
    free(p);
}

static double now(const people *p) {
    return p->out->time[p->out->frames - 1];
}

static loris_status look_at(people *p, square s, pose *got) {
    p->out->looks++;
    return p->look(p->user, s, got);
}

/* Mean distance, over joints seen in both, in sizes of the body. */
static double distance_moved(const pose *a, const pose *b) {
    double sum = 0;
    int count = 0;
    for (int j = 0; j < JOINTS; j++)
        if (seen(&a->joints[j]) && seen(&b->joints[j])) {
            sum += hypot(a->joints[j].x - b->joints[j].x, a->joints[j].y - b->joints[j].y);
            count++;
        }
    const double size = body_size(b);
    return count && size > 0 ? sum / count / size : 0;
}

/* The square stays while it fits the person well enough: the network trembles with each change of it. */
static square steady_square(square now, square wanted) {
    static const float slack = 0.15f; /* of the side */
    const float x = now.left + now.side / 2 - (wanted.left + wanted.side / 2);
    const float y = now.top + now.side / 2 - (wanted.top + wanted.side / 2);
    const bool fits =
        fabsf(x) < slack * now.side && fabsf(y) < slack * now.side && fabsf(now.side - wanted.side) < slack * now.side;
    return fits ? now : wanted;
}

static void take_view(people *p, track *t, const pose *got) {
    const poses *o = p->out;
    const place at = body_place(got);
    const double half = hypot(o->width, o->height) / 2;
    if (t->views) {
        t->moved += distance_moved(&t->last, got);
        t->watched += now(p) - t->last_time;
    }
    t->size += body_size(got) / (float)(o->width > o->height ? o->width : o->height);
    t->offset += hypot(at.x - o->width / 2.0, at.y - o->height / 2.0) / half;
    t->views++;
    t->last = *got;
    t->last_time = now(p);
    t->next = steady_square(t->next, follow_square(got, o->width, o->height));
}

/* Large, near the middle, moving: a person at the border counts half of one in the middle, one who stands still a
 * quarter of one who moves by a body's size a second. */
static double track_weight(const track *t) {
    static const double lively = 1.0; /* sizes of the body a second */
    const double size = t->size / t->views, offset = fmin(1, t->offset / t->views);
    const double speed = t->watched > 0 ? t->moved / t->watched : 0;
    return size * (1 - 0.5 * offset) * (0.25 + 0.75 * fmin(1, speed / lively)) * t->views;
}

/* Is that the person of the track? A body's middle moves by less than a third of its square's half side from one frame
 * to the next, and by as much as the half side in a second. */
static bool is_same(const people *p, const track *t, const pose *got) {
    const double gap = now(p) - t->last_time;
    const place from = body_place(&t->last), to = body_place(got);
    const square around = follow_square(&t->last, p->out->width, p->out->height);
    return hypot(to.x - from.x, to.y - from.y) <= around.side / 2 * fmin(1, 0.3 + gap);
}

/* The square grows by a quarter with each frame without the person, up to the whole frame. */
static square grown(square s, int width, int height) {
    const square whole = whole_square(width, height);
    const float side = 1.25f * s.side;
    return side >= whole.side ? whole : (square){s.left - side / 10, s.top - side / 10, side};
}

/* Looks for the person; *got is all 0 when not seen. */
static loris_status follow(people *p, track *t, pose *got) {
    TRY(look_at(p, t->next, got));
    if (is_person(got) && is_same(p, t, got)) {
        take_view(p, t, got);
    } else {
        *got = (pose){0};
        t->next = grown(t->next, p->out->width, p->out->height);
    }
    return LORIS_OK;
}

/* ---- searching --------------------------------------------------------------------------------------------------- */

static void drop_track(people *p, int i) {
    free(p->tracks[i].history);
    p->tracks[i] = p->tracks[--p->count];
    p->tracks[p->count] = (track){0};
}

/* Are these poses of one person: bodies at the same place and about as large? */
static bool same_body(const pose *a, const pose *b) {
    const place from = body_place(a), to = body_place(b);
    const float one = body_size(a), other = body_size(b), larger = fmaxf(one, other);
    return hypotf(to.x - from.x, to.y - from.y) < 0.25f * larger && fminf(one, other) > 0.5f * larger;
}

static loris_status reserve_history(people *p, track *t) {
    t->history = malloc(p->capacity * sizeof *t->history);
    return t->history ? LORIS_OK : fail_memory("the people");
}

static loris_status add_track(people *p, const pose *got) {
    for (int i = 0; i < p->count; i++)
        if (same_body(&p->tracks[i].last, got))
            return LORIS_OK;
    track *t = &p->tracks[p->count];
    *t = (track){0};
    TRY(reserve_history(p, t));
    p->count++;
    take_view(p, t, got);
    t->history[0] = *got;
    return LORIS_OK;
}

/* Looks at the whole frame and at three squares along its longer side. */
static loris_status search(people *p) {
    const poses *o = p->out;
    const float side = (float)(o->width < o->height ? o->width : o->height);
    square squares[MOST_TRACKS] = {whole_square(o->width, o->height)};
    for (int i = 0; i < 3; i++)
        squares[1 + i] =
            (square){((float)o->width - side) * (float)i / 2, ((float)o->height - side) * (float)i / 2, side};
    p->searched = now(p);
    p->first = o->frames - 1;
    p->trial = true;
    p->capacity = 64;
    const int count = o->width == o->height ? 1 : MOST_TRACKS;
    for (int i = 0; i < count; i++) {
        pose got;
        TRY(look_at(p, squares[i], &got));
        if (is_person(&got))
            TRY(add_track(p, &got));
    }
    if (p->count > p->out->people)
        p->out->people = p->count;
    return LORIS_OK;
}

/* ---- the trial --------------------------------------------------------------------------------------------------- */

/* The weightiest stays, and its poses since the trial began become the person's. `end`: after the last frame on trial.
 */
static void end_trial(people *p, size_t end) {
    int best = 0;
    for (int i = 1; i < p->count; i++)
        if (track_weight(&p->tracks[i]) > track_weight(&p->tracks[best]))
            best = i;
    if (p->count) {
        memcpy(p->out->seen + p->first, p->tracks[best].history, (end - p->first) * sizeof *p->out->seen);
        const track chosen = p->tracks[best];
        p->tracks[best] = p->tracks[0];
        p->tracks[0] = chosen;
        while (p->count > 1)
            drop_track(p, p->count - 1);
        free(p->tracks[0].history);
        p->tracks[0].history = NULL;
    }
    p->trial = false;
}

static void end_shot(people *p, size_t end) {
    if (p->trial)
        end_trial(p, end);
    while (p->count)
        drop_track(p, 0);
    p->searched = -1;
}

static loris_status follow_on_trial(people *p) {
    const size_t i = p->out->frames - 1 - p->first;
    if (i >= p->capacity) { /* frames closer than expected */
        end_trial(p, p->out->frames - 1);
        return LORIS_OK;
    }
    for (int k = 0; k < p->count; k++)
        TRY(follow(p, &p->tracks[k], &p->tracks[k].history[i]));
    return LORIS_OK;
}

loris_status people_frame(people *p) {
    poses *o = p->out;
    const size_t frame = o->frames - 1;
    o->seen[frame] = (pose){0};
    if (o->cut[frame])
        end_shot(p, frame);
    if (p->count && now(p) - p->tracks[0].last_time > PATIENCE_SECONDS && !p->trial)
        end_shot(p, frame);
    if (!p->count) {
        if (p->searched >= 0 && now(p) - p->searched < SEARCH_SECONDS)
            return LORIS_OK;
        TRY(search(p));
    } else if (p->trial) {
        TRY(follow_on_trial(p));
    }
    if (p->trial && (p->count < 2 || now(p) - o->time[p->first] >= TRIAL_SECONDS))
        end_trial(p, frame + 1);
    else if (p->count && !p->trial && o->frames - 1 > p->first)
        TRY(follow(p, &p->tracks[0], &o->seen[frame]));
    return LORIS_OK;
}

void people_end(people *p) {
    end_shot(p, p->out->frames);
}
