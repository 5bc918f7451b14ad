/* Drawn people, such as a pose network takes for people: tests of videos put them into frames pixel by pixel. */
#ifndef LORIS_TESTS_DRAW_FIGURE_H
#define LORIS_TESTS_DRAW_FIGURE_H

#include <stdint.h>

/* Standing, seen from the front. */
typedef struct drawn_figure {
    double x, y;   /* the middle of the hips, pixels */
    double height; /* from crown to feet, pixels; 0: not there */
    double arms;   /* how far the arms are raised from the sides, radians: the left one, and mirrored the right one */
} drawn_figure;

/* The grey of the pixel at (x, y): `ground`, or what a figure shows there. */
uint8_t draw_figure(const drawn_figure *f, double x, double y, uint8_t ground);

/* Where its elbows are: the person's left is on the picture's right. */
void drawn_elbows(const drawn_figure *f, double left[2], double right[2]);

#endif
