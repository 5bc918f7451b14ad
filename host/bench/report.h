/* Records for people and for other programs. What comes from a file is escaped: it may be anybody's. Failure to
 * allocate is the text's (text_failed). */
#ifndef LORIS_BENCH_REPORT_H
#define LORIS_BENCH_REPORT_H

#include "bench/record.h"
#include "core/text.h"

void report_table(text *out, const record *r, size_t count);    /* Markdown: a row each, the fastest first */
void report_markdown(text *out, const record *r, size_t count); /* the table, then every record in full */
void report_csv(text *out, const record *r, size_t count);      /* RFC 4180: a row for each sample and figure */

/* One page that loads nothing, in HTML that an XML reader takes too: bars, stages, rooflines, a table that sorts. */
void report_html(text *out, const record *r, size_t count);

/* ---- shared by the writers --------------------------------------------------------------------------------------- */

/* The records' places, the fastest first, those without a headline last, else as they were. */
void report_order(const record *r, size_t count, size_t *order);

double record_evaluation_seconds(const record *r); /* median of one evaluation; NaN */
double record_gflops(const record *r);             /* of one evaluation; NaN */

/* `digits` significant ones, without an exponent where it can be read so; "-" where not finite. */
typedef struct figure {
    char text[32];
} figure;
figure figure_of(double value, int digits);

/* Text on one line that Markdown takes for nothing but text; NULL is "unknown". */
void report_plain(text *out, const char *value);

/* For the page: charts.c */
void chart_speeds(text *out, const record *r, const size_t *order, size_t count);
void chart_stages(text *out, const record *r, const size_t *order, size_t count);
void chart_rooflines(text *out, const record *r, const size_t *order, size_t count);

#endif
