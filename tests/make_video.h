/* Tiny videos for tests, made with FFmpeg's own encoders that every build has (MPEG-4 part 2, FFV1, GIF, PCM). */
#ifndef LORIS_TESTS_MAKE_VIDEO_H
#define LORIS_TESTS_MAKE_VIDEO_H

#include <stdbool.h>
#include <stdint.h>

typedef uint8_t picture_function(int x, int y, int frame);
typedef double sound_function(double seconds); /* -1..1 */

typedef struct made_video {
    const char *codec;            /* "mpeg4" unless given; "ffv1" is lossless */
    const char *pixel_format;     /* "yuv420p" unless given */
    int width, height, frames;    /* 64 x 48, 25 unless given; frames < 0: none */
    const int *ticks;             /* `frames` times in ms; NULL: every 40 ms */
    int first_ms;                 /* added to every time, of sound too */
    int b_frames;
    int rotation;                 /* degrees clockwise; with `mirror`, flipped left to right first */
    bool mirror;
    int aspect_num, aspect_den;   /* of a pixel */
    bool full_range;
    picture_function *luma;       /* NULL: a moving gradient */
    double sound_seconds;         /* 0 = no sound; mono, 48 kHz, 16 bit, silent but for clicks */
    int sound_offset_ms;          /* from the first frame to the first sample */
    sound_function *sound;        /* NULL: silence */
    double click;                 /* seconds from the first sample: one sample of 0.9 */
    bool cover_picture_only;      /* the video stream is marked as an attached picture */
    bool subtitle, chapter;       /* a text line from 0.1 to 0.5 s; a chapter to 0.5 s */
} made_video;

void make_video(const char *path, const made_video *spec);

#endif
