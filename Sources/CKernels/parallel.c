#define _GNU_SOURCE
#include <pthread.h>
#include <stdatomic.h>
#include <unistd.h>

#include "ckernels.h"

// A persistent pool. The caller works too; workers spin for a moment before they sleep, because an operation of a
// small model is over in less time than a wake-up takes.

#define MOST_THREADS 64
#define SPINS 2000

static pthread_mutex_t pool_mutex = PTHREAD_MUTEX_INITIALIZER;  // held by the one call that uses the pool
static pthread_mutex_t sleep_mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t work_ready = PTHREAD_COND_INITIALIZER;
static _Atomic int threads_wanted = 0;
static int workers_started = 0;
static uint64_t first_generation[MOST_THREADS];  // the last job before a worker was started, which it must not join

static void (*job_body)(void *, int64_t);
static void *job_context;
static int64_t job_count;
static int job_workers;
static _Atomic int64_t job_next;
static _Atomic uint64_t job_generation = 0;
static _Atomic int workers_running = 0;
static _Thread_local int inside = 0;

static inline void pause_briefly(void) {
#if defined(__x86_64__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("yield");
#endif
}

static void run_job(void) {
    int64_t index;
    while ((index = atomic_fetch_add_explicit(&job_next, 1, memory_order_relaxed)) < job_count)
        job_body(job_context, index);
}

static void *worker(void *argument) {
    const int number = (int)(intptr_t)argument;
    uint64_t seen = first_generation[number];
    inside = 1;
    for (;;) {
        uint64_t generation = seen;
        for (int spin = 0; spin < SPINS; spin++) {
            generation = atomic_load_explicit(&job_generation, memory_order_acquire);
            if (generation != seen) break;
            pause_briefly();
        }
        if (generation == seen) {
            pthread_mutex_lock(&sleep_mutex);
            while ((generation = atomic_load_explicit(&job_generation, memory_order_acquire)) == seen)
                pthread_cond_wait(&work_ready, &sleep_mutex);
            pthread_mutex_unlock(&sleep_mutex);
        }
        seen = generation;
        if (number < job_workers) run_job();
        atomic_fetch_sub_explicit(&workers_running, 1, memory_order_release);
    }
    return NULL;
}

int hone_threads(void) {
    int threads = atomic_load_explicit(&threads_wanted, memory_order_relaxed);
    if (threads > 0) return threads;
    long cores = sysconf(_SC_NPROCESSORS_ONLN);
    return cores < 1 ? 1 : cores > MOST_THREADS ? MOST_THREADS : (int)cores;
}

void hone_set_threads(int threads) {
    atomic_store_explicit(&threads_wanted, threads > MOST_THREADS ? MOST_THREADS : threads, memory_order_relaxed);
}

void hone_parallel(int64_t count, void (*body)(void *, int64_t), void *context) {
    int threads = hone_threads();
    if (count <= 1 || threads <= 1 || inside || pthread_mutex_trylock(&pool_mutex) != 0) {
        for (int64_t index = 0; index < count; index++) body(context, index);
        return;
    }
    while (workers_started < threads - 1) {
        pthread_t thread;
        pthread_attr_t attributes;
        first_generation[workers_started] = atomic_load(&job_generation);
        pthread_attr_init(&attributes);
        pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
        if (pthread_create(&thread, &attributes, worker, (void *)(intptr_t)workers_started) != 0) break;
        pthread_attr_destroy(&attributes);
        workers_started++;
    }
    inside = 1;
    job_body = body;
    job_context = context;
    job_count = count;
    job_workers = threads - 1;
    atomic_store_explicit(&job_next, 0, memory_order_relaxed);
    // Every worker acknowledges every generation, so that none can wake late into a later job.
    atomic_store_explicit(&workers_running, workers_started, memory_order_relaxed);
    pthread_mutex_lock(&sleep_mutex);
    atomic_fetch_add_explicit(&job_generation, 1, memory_order_release);
    pthread_cond_broadcast(&work_ready);
    pthread_mutex_unlock(&sleep_mutex);
    run_job();
    for (int spin = 0; atomic_load_explicit(&workers_running, memory_order_acquire) > 0; spin++) {
        if (spin < SPINS * 4) pause_briefly();
        else usleep(20);
    }
    inside = 0;
    pthread_mutex_unlock(&pool_mutex);
}
