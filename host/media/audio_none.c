/* Built without FFmpeg: sound can be written to sound files only. */
#include "media/audio.h"

loris_status audio_from_video(audio *out, const char *path, int rate, int channels) {
    *out = (audio){.rate = rate, .channels = channels};
    return fail(LORIS_ERROR_INPUT, "configure with -DLORIS_WITH_FFMPEG=ON",
                "%s: videos cannot be read: built without FFmpeg", path);
}

loris_status video_mux(const char *video_path, const audio *a, const char *path, const metadata_entry *metadata,
                       size_t metadata_count, double seconds) {
    (void)video_path;
    (void)seconds;
    (void)a;
    (void)metadata;
    (void)metadata_count;
    return fail(LORIS_ERROR_OUTPUT, "write the sound alone (.wav .flac .ogg), or configure with -DLORIS_WITH_FFMPEG=ON",
                "%s: videos cannot be written: built without FFmpeg", path);
}

loris_status audio_convert(audio *a, int rate, int channels) {
    return fail(LORIS_ERROR_INPUT, "configure with -DLORIS_WITH_FFMPEG=ON",
                "sound of %d Hz and %d channels cannot be converted to %d Hz and %d: built without FFmpeg", a->rate,
                a->channels, rate, channels);
}
