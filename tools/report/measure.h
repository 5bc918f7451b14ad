/* What is measured of a soundtrack. Sound is mono at ONSET_RATE; spectra have windows of ONSET_WINDOW, ONSET_HOP apart.
 */
#ifndef LORIS_TOOLS_REPORT_MEASURE_H
#define LORIS_TOOLS_REPORT_MEASURE_H

#include <stdbool.h>

#include "loris/loris.h"
#include "music/score.h"
#include "rhythm/audio_onsets.h"

typedef struct sound {
    float *samples; /* free() */
    size_t count;
    double seconds;
} sound;

/* ---- sound.c ----------------------------------------------------------------------------------------------------- */

loris_status sound_read(sound *out, const char *path);

/* Power [frames][SPECTRUM_BINS] of centred frames, silence beyond the ends; free() *out. */
enum { SPECTRUM_BINS = ONSET_WINDOW / 2 + 1 };
loris_status sound_power(const sound *s, float **out, size_t *frames);

/* Root mean square of samples [from, to) in dB below full scale, -120 for silence. */
double sound_level(const sound *s, size_t from, size_t to);

/* The quietest two seconds, dB; of a shorter sound, all of it. */
double sound_quietest(const sound *s);

/* ---- tonal.c ----------------------------------------------------------------------------------------------------- */

/* The share of energy in the harmonic part of a separation by median filters of 31 frames and 31 bins with soft masks
 * of power 2 (Fitzgerald, "Harmonic/Percussive Separation using Median Filtering", 2010), as librosa 0.11's
 * decompose.hpss() has it. */
loris_status harmonic_share(const sound *s, double *share);

enum { PITCH_CLASSES = 12 };

/* Chroma of one frame's power, as librosa 0.11's feature.chroma_stft(tuning=0) has it: semitone bumps around A440
 * weighted towards the fifth octave (Ellis, "Chroma Feature Analysis and Synthesis", 2007), the largest class 1. */
typedef struct chroma_bank chroma_bank;
loris_status chroma_bank_new(chroma_bank **out);
void chroma_bank_free(chroma_bank *b);
void chroma_of(const chroma_bank *b, const float *power, double out[PITCH_CLASSES]);

/* The mean cosine, over beats (half seconds without a pulse), between the mean chroma heard in the beat and the score's
 * notes, weighted by velocity and by how long each sounds in it. Beats without notes do not count. */
loris_status chroma_agreement(const sound *s, const score *written, double *cosine);

/* The largest share, over `parts` equal parts of the piece, of what sounds outside of the seven pitch classes that
 * sound most in all of it: a part in the next key would have a tenth or more there. */
double outside_key(const score *s, int parts);

/* The least correlation between the mean mel spectrum (dB) of one of `parts` equal parts of the sound and that of the
 * whole: how constant its palette is. */
loris_status palette_constancy(const sound *s, int parts, double *least);

/* ---- follow.c ---------------------------------------------------------------------------------------------------- */

enum { CONTRAST_BANDS = 3 };

/* Accent contrast: how much more the flux, in three bands (to 0.2, to 2, to 11 kHz; each z-scored), rises within 50 ms
 * of the events than of the same events moved by 0.37 of the gap that follows and of the one before. */
typedef struct flux_bands {
    float *strength; /* [CONTRAST_BANDS][frames], of mean 0 and deviation 1 */
    size_t frames;
} flux_bands;

loris_status flux_bands_of(flux_bands *out, const sound *s);
void flux_bands_free(flux_bands *f);
double accent_contrast(const flux_bands *f, const double *events, size_t count);

/* Events of a video, ascending, within 0 .. seconds. */
typedef struct event_list {
    double *times;
    size_t count;
    double seconds;
} event_list;

/* The share of `others` strange event lists that fit the sound worse than the events: list k is lists[k % list_count],
 * repeated end to end, from a random place on (seeded by k), as long as the sound. */
loris_status contrast_rank(const flux_bands *f, double seconds, const double *events, size_t count,
                           const event_list *lists, size_t list_count, int others, double *rank);

/* Onset strength peaks at the beats: beats a minute of its autocorrelation between `low` and `high` with a log-normal
 * prior around 120 (Ellis, "Beat Tracking by Dynamic Programming", 2007); 0 of silence. */
double tempo_heard(const float *strength, size_t frames, double low, double high);

/* The share of a's lead notes that b has within 50 ms at the same pitch. */
double melody_shared(const score *a, const score *b);

/* ---- joints.c ---------------------------------------------------------------------------------------------------- */

/* Two-sample Kolmogorov-Smirnov test: the probability of so large a distance between the distributions of samples of
 * the same (Stephens' approximation; Press et al., "Numerical Recipes", 14.3). Sorts both. */
double kolmogorov_smirnov(double *a, size_t a_count, double *b, size_t b_count);

/* Are the joints heard? Flux (mean onset strength within 50 ms) and level steps (between the 100 ms before and after,
 * dB) at the begin, middle and end of each joint, against the same moved by whole `period`s (beats, so that what is
 * compared stands equally in the metre) to all places outside of joints. */
typedef struct joint_test {
    double flux_p, level_p; /* of kolmogorov_smirnov() */
    size_t at, elsewhere;   /* how many of each */
} joint_test;

loris_status joints_heard(const sound *s, const loris_joint *joints, size_t count, double period, joint_test *out);

#endif
