#include "core/worker.h"

#include <limits.h>
#include <sched.h>
#include <stdatomic.h>
#include <unistd.h>

#include <pthread.h>

enum { MAX_THREADS = 256 };

int worker_processors(void) {
    /* The affinity mask honours taskset and containers' cpusets; it fails where the machine has more than 1024
     * processors. */
    cpu_set_t set;
    if (sched_getaffinity(0, sizeof set, &set) == 0) {
        int count = CPU_COUNT(&set);
        if (count > 0)
            return count;
    }
    long online = sysconf(_SC_NPROCESSORS_ONLN);
    return online < 1 ? 1 : online > MAX_THREADS ? MAX_THREADS : (int)online;
}

typedef struct job {
    worker_function *function;
    void *user;
    int count;
    atomic_int next; /* first index nobody has taken; `count` once a call failed */
    pthread_mutex_t lock;
    int failed_index;   /* lowest index that failed, INT_MAX when none */
    error_record error; /* its failure */
} job;

/* Indices are taken in order, so when one fails all lower ones were taken and run to their end: the lowest failing
 * index, and with it the error reported, does not depend on timing. */
static void record_failure(job *j, int index, loris_status status) {
    pthread_mutex_lock(&j->lock);
    if (index < j->failed_index) {
        j->failed_index = index;
        error_take(&j->error);
        j->error.status = status;
    }
    pthread_mutex_unlock(&j->lock);
    atomic_store(&j->next, j->count);
}

static void *work(void *argument) {
    job *j = argument;
    for (;;) {
        int index = atomic_load(&j->next);
        do {
            if (index >= j->count)
                return NULL;
        } while (!atomic_compare_exchange_weak(&j->next, &index, index + 1));
        loris_status status = check_cancelled();
        if (status == LORIS_OK)
            status = j->function(j->user, index);
        if (status != LORIS_OK) {
            record_failure(j, index, status);
            return NULL;
        }
    }
}

loris_status worker_run(int threads, int count, worker_function *function, void *user) {
    if (count <= 0)
        return LORIS_OK;
    if (threads <= 0)
        threads = worker_processors();
    if (threads > count)
        threads = count;
    if (threads > MAX_THREADS)
        threads = MAX_THREADS;

    job j = {.function = function, .user = user, .count = count, .failed_index = INT_MAX};
    atomic_init(&j.next, 0);
    pthread_mutex_init(&j.lock, NULL);

    /* The calling thread works too, so a failure to start a thread only makes the run slower. */
    pthread_t started[MAX_THREADS];
    int running = 0;
    while (running < threads - 1 && pthread_create(&started[running], NULL, work, &j) == 0)
        running++;
    work(&j);
    for (int i = 0; i < running; i++)
        pthread_join(started[i], NULL);
    pthread_mutex_destroy(&j.lock);
    return j.failed_index == INT_MAX ? LORIS_OK : error_put(&j.error);
}
