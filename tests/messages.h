/* What the library reported. */
#ifndef LORIS_TESTS_MESSAGES_H
#define LORIS_TESTS_MESSAGES_H

#include <stdbool.h>

/* From now on the library's messages are kept, up to a few thousand characters, instead of those before. */
void messages_keep(void);
bool messages_contain(const char *part);
void messages_drop(void); /* back to the default */

#endif
