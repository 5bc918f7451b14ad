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

/* Writes .wav (24 bit), .flac or .ogg (Vorbis) at a->rate, with metadata, complete or not at all. */
loris_status audio_write(const audio *a, const char *path, const metadata_entry *metadata, size_t metadata_count);

/* The original sound of a video at `rate` and `channels`, aligned with its first video frame; frames = 0 when it has none. */
loris_status audio_from_video(audio *out, const char *path, int rate, int channels);

/* Copies the video packets of `video_path` untouched into `path` (.mp4 .mkv .mov) with `a` encoded beside them (AAC, 48 kHz;
 * `a` is resampled). The audio lasts as long as the video. Subtitles and chapters are kept where the container can hold them. */
loris_status video_mux(const char *video_path, const audio *a, const char *path, const metadata_entry *metadata,
                       size_t metadata_count);

/* Integrated loudness (EBU R128, LUFS; -HUGE_VAL for silence) and true peak (dBTP, 4x oversampled). */
loris_status audio_loudness(const audio *a, double *lufs, double *true_peak);

/* One static gain that brings `a` to `target` LUFS without letting the true peak exceed `peak` dBTP. Returns the gain in dB. */
loris_status audio_normalise(audio *a, double target, double peak, double *gain);

/* a += gain * original (equal rate and channels; shorter originals end early). With `duck`, a is first lowered by up to 12 dB
 * where the original holds speech. */
loris_status audio_mix_original(audio *a, const audio *original, double gain, bool duck);

#endif
