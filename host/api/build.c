/* What this library was built with. */
#include "loris/diagnose.h"

#if defined(__clang__)
#define COMPILER "clang " __clang_version__
#elif defined(__GNUC__)
#define COMPILER "gcc " __VERSION__
#else
#define COMPILER "unknown compiler"
#endif

#if defined(LORIS_WITH_FFMPEG)
#define FFMPEG "FFmpeg"
#else
#define FFMPEG "no FFmpeg"
#endif

#if defined(LORIS_WITH_ONEDNN)
#define ONEDNN "oneDNN"
#else
#define ONEDNN "no oneDNN"
#endif

#if defined(NDEBUG)
#define ASSERTIONS "release"
#else
#define ASSERTIONS "with assertions"
#endif

#if defined(__SANITIZE_ADDRESS__)
#define SANITIZER ", AddressSanitizer"
#else
#define SANITIZER ""
#endif

const char *loris_build(void) {
    return COMPILER ", " ASSERTIONS ", " FFMPEG ", CLBlast, " ONEDNN SANITIZER;
}
