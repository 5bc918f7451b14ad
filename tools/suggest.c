/* "Did you mean": the candidate nearest to a mistyped word. */
#include <string.h>

#include "cli.h"

enum { LENGTH_MAX = 40 };

static int least(int a, int b, int c) {
    int low = a < b ? a : b;
    return low < c ? low : c;
}

/* Insertions, deletions, substitutions and exchanges of neighbours that turn `a` into `b` (optimal string alignment;
 * Damerau 1964). Of both, the first LENGTH_MAX characters count. */
static int distance(const char *a, const char *b) {
    size_t rows = strnlen(a, LENGTH_MAX), columns = strnlen(b, LENGTH_MAX);
    int d[LENGTH_MAX + 1][LENGTH_MAX + 1];
    for (size_t i = 0; i <= rows; i++)
        d[i][0] = (int)i;
    for (size_t j = 0; j <= columns; j++)
        d[0][j] = (int)j;
    for (size_t i = 1; i <= rows; i++) {
        for (size_t j = 1; j <= columns; j++) {
            d[i][j] = least(d[i - 1][j] + 1, d[i][j - 1] + 1, d[i - 1][j - 1] + (a[i - 1] != b[j - 1]));
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] && d[i - 2][j - 2] + 1 < d[i][j])
                d[i][j] = d[i - 2][j - 2] + 1;
        }
    }
    return d[rows][columns];
}

const char *suggest(const char *word, const char *const *candidates) {
    const char *best = NULL;
    int allowed = (int)(strnlen(word, LENGTH_MAX) + 2) / 3; /* a third of the letters may be wrong */
    for (; *candidates; candidates++) {
        int d = distance(word, *candidates);
        if (d <= allowed) {
            best = *candidates;
            allowed = d - 1;
        }
    }
    return best;
}
