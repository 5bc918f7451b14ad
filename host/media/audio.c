#include "media/audio.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

void audio_free(audio *a) {
    free(a->samples);
    *a = (audio){0};
}

output_kind output_kind_of(const char *path) {
    static const struct {
        const char *extension;
        output_kind kind;
    } known[] = {
        {".wav", OUTPUT_AUDIO}, {".flac", OUTPUT_AUDIO}, {".ogg", OUTPUT_AUDIO},
        {".mp4", OUTPUT_VIDEO}, {".mkv", OUTPUT_VIDEO},  {".mov", OUTPUT_VIDEO},
    };
    const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path, *dot = strrchr(name, '.');
    for (size_t i = 0; dot && i < sizeof known / sizeof known[0]; i++)
        if (strcasecmp(dot, known[i].extension) == 0)
            return known[i].kind;
    return OUTPUT_UNKNOWN;
}
