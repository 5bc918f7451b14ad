/* Sound files out, through libsndfile. */
#include "media/audio.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <sndfile.h>

#include "core/file.h"
#include "core/text.h"

/* Samples written at a time: libsndfile's Vorbis encoder keeps a whole call's samples on the stack. */
enum { BLOCK = 4096 };

static const double vorbis_quality = 0.6; /* nominal 192 kb/s in stereo */

static int file_format(const char *path) {
    const char *dot = strrchr(path, '.');
    if (strcasecmp(dot, ".wav") == 0)
        return SF_FORMAT_WAV | SF_FORMAT_PCM_24;
    if (strcasecmp(dot, ".flac") == 0)
        return SF_FORMAT_FLAC | SF_FORMAT_PCM_24;
    return SF_FORMAT_OGG | SF_FORMAT_VORBIS;
}

/* libsndfile's number of a metadata key, or 0: such keys go into the comment. */
static int string_number(const char *key) {
    static const struct {
        const char *key;
        int number;
    } known[] = {
        {"title", SF_STR_TITLE},     {"artist", SF_STR_ARTIST}, {"software", SF_STR_SOFTWARE},
        {"date", SF_STR_DATE},       {"album", SF_STR_ALBUM},   {"copyright", SF_STR_COPYRIGHT},
        {"license", SF_STR_LICENSE}, {"genre", SF_STR_GENRE},
    };
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++)
        if (strcasecmp(key, known[i].key) == 0)
            return known[i].number;
    return 0;
}

static loris_status write_metadata(SNDFILE *file, const metadata_entry *metadata, size_t count) {
    text comment = {0};
    for (size_t i = 0; i < count; i++) {
        int number = string_number(metadata[i].key);
        if (number)
            sf_set_string(file, number, metadata[i].value);
        else if (strcasecmp(metadata[i].key, "comment") == 0)
            text_printf(&comment, "%s%s", comment.length ? "; " : "", metadata[i].value);
        else
            text_printf(&comment, "%s%s=%s", comment.length ? "; " : "", metadata[i].key, metadata[i].value);
    }
    bool failed = text_failed(&comment);
    if (!failed && comment.length)
        sf_set_string(file, SF_STR_COMMENT, comment.data);
    text_free(&comment);
    return failed ? fail_memory("metadata") : LORIS_OK;
}

static loris_status write_failed(SNDFILE *file, const char *path) {
    return fail(LORIS_ERROR_OUTPUT, "is the disk full?", "%s: cannot be written: %s", path, sf_strerror(file));
}

/* What the format cannot hold is clipped here: integer formats would wrap around and Vorbis would keep it. */
static loris_status write_samples(SNDFILE *file, const audio *a, const char *path) {
    float block[BLOCK];
    size_t total = a->frames * (size_t)a->channels, whole = BLOCK - BLOCK % (size_t)a->channels;
    for (size_t at = 0; at < total; at += whole) {
        TRY(check_cancelled());
        size_t count = total - at < whole ? total - at : whole;
        for (size_t i = 0; i < count; i++) {
            float x = a->samples[at + i];
            if (isnan(x))
                return fail(LORIS_ERROR_INTERNAL, "please report this", "%s: sample %zu is not a number", path, at + i);
            block[i] = fminf(1, fmaxf(-1, x));
        }
        if (sf_write_float(file, block, (sf_count_t)count) != (sf_count_t)count)
            return write_failed(file, path);
    }
    return LORIS_OK;
}

static loris_status write_file(const audio *a, const char *temporary, const char *path, const metadata_entry *metadata,
                               size_t metadata_count) {
    SF_INFO info = {.samplerate = a->rate, .channels = a->channels, .format = file_format(path)};
    if (a->channels < 1 || a->channels > BLOCK || !sf_format_check(&info))
        return fail(LORIS_ERROR_ARGUMENT, "choose .wav", "%s: this format cannot hold %d channels at %d Hz", path,
                    a->channels, a->rate);
    SNDFILE *file = sf_open(temporary, SFM_WRITE, &info);
    if (!file)
        return write_failed(NULL, path);
    double quality = vorbis_quality;
    sf_command(file, SFC_SET_VBR_ENCODING_QUALITY, &quality, sizeof quality); /* for Vorbis alone */
    sf_command(file, SFC_SET_CLIPPING, NULL, SF_TRUE);                        /* +1.0 is beyond the largest integer */
    loris_status status = write_metadata(file, metadata, metadata_count);
    if (status == LORIS_OK)
        status = write_samples(file, a, path);
    if (sf_close(file) != 0 && status == LORIS_OK)
        status = fail(LORIS_ERROR_OUTPUT, "is the disk full?", "%s: cannot be completed", path);
    return status;
}

loris_status audio_write(const audio *a, const char *path, const metadata_entry *metadata, size_t metadata_count) {
    if (output_kind_of(path) != OUTPUT_AUDIO)
        return fail(LORIS_ERROR_ARGUMENT, "end its name in .wav, .flac or .ogg", "%s: not the name of a sound file",
                    path);
    output_file out;
    TRY(output_begin(&out, path));
    loris_status status = write_file(a, out.temporary, path, metadata, metadata_count);
    if (status == LORIS_OK)
        return output_commit(&out);
    output_discard(&out);
    return status;
}
