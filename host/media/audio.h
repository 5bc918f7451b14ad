/* Sound: files out, loudness, and the soundtrack muxed into the video. Samples are float, interleaved, -1..1. */
#ifndef LORIS_MEDIA_AUDIO_H
#define LORIS_MEDIA_AUDIO_H

#include <stdbool.h>
#include <stddef.h>

#include "core/status.h"

typedef struct audio {
    float *samples; /* frames * channels, interleaved; free() */
    size_t frames;
    int channels, rate;
} audio;

void audio_free(audio *a);

typedef struct metadata_entry {
    const char *key, *value;
} metadata_entry;

/* Whether `path`'s extension names an audio file (.wav .flac .ogg), a video (.mp4 .mkv .mov) or neither. */
typedef enum output_kind { OUTPUT_UNKNOWN, OUTPUT_AUDIO, OUTPUT_VIDEO } output_kind;
output_kind output_kind_of(const char *path);

/* Writes .wav (24 bit), .flac (24 bit) or .ogg (Vorbis) at a->rate, complete or not at all. Samples beyond -1..1 are
 * clipped. Keys of metadata: title, artist, album, date, genre, copyright, license, software; others join the
 * comment as "key=value". */
loris_status audio_write(const audio *a, const char *path, const metadata_entry *metadata, size_t metadata_count);

/* The original sound of a video at `rate` and `channels` (1 or 2), sample 0 at the first video frame; frames = 0
 * when it has none. Gaps are silent; what comes after the first hour is left out. */
loris_status audio_from_video(audio *out, const char *path, int rate, int channels);

/* Copies the video packets of `video_path` untouched into `path` (.mp4 .mkv .mov) with `a` (1 or 2 channels) encoded
 * beside them: AAC at 48 kHz, 128 kb/s mono or 192 kb/s stereo. Picture and sound begin at 0; the sound lasts as
 * long as the video, cut or followed by silence. Rotation, pixel aspect, subtitles and chapters are kept where the
 * container can hold them; the original's sound is not. Metadata is added to the original's (MP4 and MOV know title,
 * artist, album, date, genre, copyright, description; other keys join the comment). The same input gives the same
 * bytes. LORIS_ERROR_OUTPUT also where the container cannot hold the video's codec (the hint names one that can).
 * `path` may be `video_path`. With `seconds` > 0 only packets to be decoded by then are copied, from the beginning on:
 * none that a picture before that time needs is missing, and where pictures are stored out of order a few later ones
 * may show at the end. */
loris_status video_mux(const char *video_path, const audio *a, const char *path, const metadata_entry *metadata,
                       size_t metadata_count, double seconds);

/* Integrated loudness (EBU R128, LUFS; -HUGE_VAL for silence) and true peak (dBTP, 4x oversampled). */
loris_status audio_loudness(const audio *a, double *lufs, double *true_peak);

/* One static gain that brings `a` to `target` LUFS without letting the true peak exceed `peak` dBTP: where both
 * cannot be had, the peak wins. Below 0.4 s there is no loudness and only the peak is brought to `peak` if it
 * exceeds it. *gain in dB. */
loris_status audio_normalise(audio *a, double target, double peak, double *gain);

/* Resamples `a` in place and spreads mono over `channels`, or mixes down. */
loris_status audio_convert(audio *a, int rate, int channels);

/* a += gain * original (equal rate and channels; shorter originals end early; the sum may exceed -1..1). With
 * `duck`, a is first lowered by up to 12 dB where the original holds speech (audio_mix.c says how that is told). */
loris_status audio_mix_original(audio *a, const audio *original, double gain, bool duck);

#endif
