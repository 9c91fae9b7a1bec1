#define _GNU_SOURCE
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <time.h>
#include <unistd.h>

#include "ckernels.h"

// A persistent pool. The caller works too; workers watch for the next job for a while before they sleep, because an
// operation of a small model is over in less time than a wake-up takes, and the next one follows soon. The caller never
// waits for a worker that has not begun: on a busy machine a worker may not get a processor before the caller has done
// everything alone.

#define MOST_THREADS 64
#define SPINS 2000
#define WATCH_NANOSECONDS 100000

static pthread_mutex_t pool_mutex = PTHREAD_MUTEX_INITIALIZER;  // held by the one call that uses the pool
static pthread_mutex_t sleep_mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t work_ready = PTHREAD_COND_INITIALIZER;
static _Atomic int threads_wanted = 0;
static _Atomic int processors = 0;
static _Atomic int workers_asleep = 0;
static int workers_started = 0;

// The job's number above, whether workers may still join it, and how many are at it. A worker reads the job only
// after it has joined, and the caller writes the next one only when nobody is left, so no worker is late into a job.
static _Atomic uint64_t job_state = 0;
#define AT_WORK 0xffffu
#define OPEN 0x10000u
#define ONE_JOB 0x20000u

static void (*job_body)(void *, int64_t);
static void *job_context;
static int64_t job_count;
static _Atomic int job_workers;
static _Atomic int64_t job_next;
static _Thread_local int inside = 0;

static inline void pause_briefly(void) {
#if defined(__x86_64__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("yield");
#endif
}

static int64_t nanoseconds(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (int64_t)time.tv_sec * 1000000000 + time.tv_nsec;
}

static void run_job(void) {
    int64_t index;
    while ((index = atomic_fetch_add_explicit(&job_next, 1, memory_order_relaxed)) < job_count)
        job_body(job_context, index);
}

// Whether the state is of an open job that this worker has not been at yet.
static inline int is_new(uint64_t state, uint64_t seen, int number) {
    return (state & OPEN) && state / ONE_JOB != seen &&
           number < atomic_load_explicit(&job_workers, memory_order_relaxed);
}

static uint64_t wait_for_job(uint64_t seen, int number) {
    uint64_t state;
    const int64_t end = nanoseconds() + WATCH_NANOSECONDS;
    do {
        for (int spin = 0; spin < 32; spin++) {
            state = atomic_load(&job_state);
            if (is_new(state, seen, number)) return state;
            pause_briefly();
        }
    } while (nanoseconds() < end);
    pthread_mutex_lock(&sleep_mutex);
    // Either the caller sees the sleeper, or the sleeper sees the job.
    atomic_fetch_add(&workers_asleep, 1);
    while (state = atomic_load(&job_state), !is_new(state, seen, number)) pthread_cond_wait(&work_ready, &sleep_mutex);
    atomic_fetch_sub(&workers_asleep, 1);
    pthread_mutex_unlock(&sleep_mutex);
    return state;
}

static void *worker(void *argument) {
    const int number = (int)(intptr_t)argument;
    uint64_t seen = 0;
    inside = 1;
    for (;;) {
        uint64_t state = wait_for_job(seen, number);
        if (!atomic_compare_exchange_strong(&job_state, &state, state + 1)) continue;
        seen = state / ONE_JOB;
        run_job();
        atomic_fetch_sub(&job_state, 1);
    }
    return NULL;
}

int hone_threads(void) {
    int threads = atomic_load_explicit(&threads_wanted, memory_order_relaxed);
    if (threads > 0) return threads;
    // Asked once: the answer is in a file, which takes as long to read as a small product.
    int known = atomic_load_explicit(&processors, memory_order_relaxed);
    if (known == 0) {
        const long cores = sysconf(_SC_NPROCESSORS_ONLN);
        known = cores < 1 ? 1 : cores > MOST_THREADS ? MOST_THREADS : (int)cores;
        atomic_store_explicit(&processors, known, memory_order_relaxed);
    }
    return known;
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
    atomic_store_explicit(&job_workers, threads - 1, memory_order_relaxed);
    atomic_store_explicit(&job_next, 0, memory_order_relaxed);
    atomic_store(&job_state, (atomic_load(&job_state) / ONE_JOB + 1) * ONE_JOB + OPEN);
    if (atomic_load(&workers_asleep) > 0) {
        pthread_mutex_lock(&sleep_mutex);
        pthread_cond_broadcast(&work_ready);
        pthread_mutex_unlock(&sleep_mutex);
    }
    run_job();
    atomic_fetch_and(&job_state, ~(uint64_t)OPEN);
    for (int spin = 0; atomic_load(&job_state) & AT_WORK; spin++) {
        if (spin < SPINS) pause_briefly();
        else sched_yield();
    }
    inside = 0;
    pthread_mutex_unlock(&pool_mutex);
}
