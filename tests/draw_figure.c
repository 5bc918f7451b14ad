#include "draw_figure.h"

#include <math.h>

/* Distance of (x, y) from the line between two points. */
static double distance(double x, double y, double ax, double ay, double bx, double by) {
    const double dx = bx - ax, dy = by - ay, length = dx * dx + dy * dy;
    const double t = length > 0 ? fmin(1, fmax(0, ((x - ax) * dx + (y - ay) * dy) / length)) : 0;
    return hypot(x - ax - t * dx, y - ay - t * dy);
}

/* In units of the height, the hips' middle at 0, 0, y down; `side` 1: the picture's right. */
static void elbow_and_wrist(double arms, double side, double elbow[2], double wrist[2]) {
    elbow[0] = side * (0.1 + 0.17 * sin(arms));
    elbow[1] = -0.31 + 0.17 * cos(arms);
    wrist[0] = elbow[0] + side * 0.16 * sin(arms + 0.15);
    wrist[1] = elbow[1] + 0.16 * cos(arms + 0.15);
}

uint8_t draw_figure(const drawn_figure *f, double px, double py, uint8_t ground) {
    enum { SHIRT = 90, TROUSERS = 45, SKIN = 140, HAIR = 30 };
    if (f->height <= 0)
        return ground;
    const double x = (px - f->x) / f->height, y = (py - f->y) / f->height;
    for (int side = -1; side <= 1; side += 2) {
        double elbow[2], wrist[2];
        elbow_and_wrist(f->arms, side, elbow, wrist);
        if (distance(x, y, elbow[0], elbow[1], wrist[0], wrist[1]) < 0.022)
            return SKIN;
        if (distance(x, y, side * 0.1, -0.31, elbow[0], elbow[1]) < 0.03)
            return SHIRT;
        if (hypot(x - side * 0.018, y + 0.425) < 0.008)
            return HAIR; /* an eye */
        if (distance(x, y, side * 0.07, 0.47, side * 0.09, 0.48) < 0.018)
            return HAIR; /* a shoe */
        if (distance(x, y, side * 0.05, 0.02, side * 0.06, 0.45) < 0.042)
            return TROUSERS;
    }
    if (hypot(x, (y + 0.42) * 0.85) < 0.052)
        return SKIN;
    if (hypot(x, y + 0.435) < 0.062)
        return HAIR;
    if (distance(x, y, 0, -0.37, 0, -0.33) < 0.025)
        return SKIN;
    if (distance(x, y, -0.06, -0.3, 0.06, -0.3) < 0.045 || distance(x, y, 0, -0.27, 0, -0.02) < 0.085)
        return SHIRT;
    return ground;
}

void drawn_elbows(const drawn_figure *f, double left[2], double right[2]) {
    double elbow[2], wrist[2];
    elbow_and_wrist(f->arms, 1, elbow, wrist);
    left[0] = f->x + f->height * elbow[0];
    right[0] = f->x - f->height * elbow[0];
    left[1] = right[1] = f->y + f->height * elbow[1];
}
