#include "messages.h"

#include <pthread.h>
#include <stddef.h>
#include <string.h>

#include "core/status.h"

/* Drivers report from threads of their own. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static char kept[16384];
static size_t used;

static void keep(void *user, loris_level level, const char *message) {
    (void)user;
    (void)level;
    size_t length = strlen(message);
    pthread_mutex_lock(&lock);
    if (used + length + 2 <= sizeof kept) {
        memcpy(kept + used, message, length);
        used += length;
        kept[used++] = '\n';
        kept[used] = '\0';
    }
    pthread_mutex_unlock(&lock);
}

void messages_keep(void) {
    pthread_mutex_lock(&lock);
    used = 0;
    kept[0] = '\0';
    pthread_mutex_unlock(&lock);
    loris_set_log(keep, NULL);
}

bool messages_contain(const char *part) {
    pthread_mutex_lock(&lock);
    bool found = strstr(kept, part) != NULL;
    pthread_mutex_unlock(&lock);
    return found;
}

void messages_drop(void) {
    loris_set_log(NULL, NULL);
}
