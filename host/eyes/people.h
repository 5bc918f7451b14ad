/* Whom to follow, and where to look next.
 *
 * A shot begins with a search: the whole frame and three squares along its longer side are looked at, and each person
 * found is followed on trial for a second. Then the one with the most weight stays: large, near the middle and moving
 * counts (people_weight()). Others are not looked at again until the shot ends: nobody is exchanged for another.
 *
 * The square to look at follows from the last pose as MoveNet's authors publish it (follow_square()). A pose whose body
 * is further from the last one than a body can have moved is somebody else's and does not count; while the person is
 * not seen, the square grows. After a second without the person there is a new search. */
#ifndef LORIS_EYES_PEOPLE_H
#define LORIS_EYES_PEOPLE_H

#include "eyes/poses.h"
#include "nets/movenet.h"

/* Sees the person nearest to the middle of a square of the present frame. */
typedef loris_status look_function(void *user, square s, pose *seen);

/* The whole frame in the middle of a square. */
square whole_square(int width, int height);

/* Where to look for a person last seen so: around the middle of the hips, as far as 1.9 times the torso or 1.2 times
 * the body reaches from there; the whole frame when no shoulder or no hip is seen, or when that is smaller. */
square follow_square(const pose *p, int width, int height);

/* Is that a person at all: are at least 5 joints seen? */
bool is_person(const pose *p);

typedef struct people people;

/* Fills p->seen for the frames handed over, and p->people, p->looks. `p` outlives it. */
loris_status people_new(people **out, poses *p, look_function *look, void *user);
void people_free(people *p); /* NULL is allowed */

/* The next frame is p->frames - 1 of `p`; its place in p->seen is written now, or at the end of the trial it belongs
 * to. */
loris_status people_frame(people *p);

/* After the last frame. */
void people_end(people *p);

#endif
