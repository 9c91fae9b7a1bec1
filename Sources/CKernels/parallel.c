#define _GNU_SOURCE
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <unistd.h>

#include "ckernels.h"

// A persistent pool. The caller works too, and waits only for workers that have joined its job: one that the system
// has put aside is not missed. Workers spin for a moment before they sleep, because an operation of a small model is
// over in less time than a wake-up takes.

#define MOST_THREADS 64
#define SPINS 4000

static pthread_mutex_t pool_mutex = PTHREAD_MUTEX_INITIALIZER;  // held by the one call that uses the pool
static pthread_mutex_t sleep_mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t work_ready = PTHREAD_COND_INITIALIZER;
static _Atomic int threads_wanted = 0;
static _Atomic int sleepers = 0;
static int workers_started = 0;

// The job: its number in the upper bits, then whether it may be joined, then how many workers are inside.
#define OPEN ((uint64_t)1 << 16)
#define NUMBER(state) ((state) >> 17)
static _Atomic uint64_t job = 0;

// Written while no job is open and nobody is inside; read by workers that have joined.
static void (*job_body)(void *, int64_t);
static void *job_context;
static int64_t job_count;
static int job_workers;
static _Atomic int64_t job_next;
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

// Waits until a job with another number than `seen` is there, and gives its number.
static uint64_t next_job(uint64_t seen) {
    uint64_t number;
    for (int spin = 0; spin < SPINS; spin++) {
        if ((number = NUMBER(atomic_load_explicit(&job, memory_order_acquire))) != seen) return number;
        pause_briefly();
    }
    pthread_mutex_lock(&sleep_mutex);
    atomic_fetch_add(&sleepers, 1);
    while ((number = NUMBER(atomic_load(&job))) == seen) pthread_cond_wait(&work_ready, &sleep_mutex);
    atomic_fetch_sub(&sleepers, 1);
    pthread_mutex_unlock(&sleep_mutex);
    return number;
}

static void *worker(void *argument) {
    const int index = (int)(intptr_t)argument;
    uint64_t seen = 0;
    inside = 1;
    for (;;) {
        seen = next_job(seen);
        uint64_t state = atomic_load(&job);
        int joined = 0;
        while (NUMBER(state) == seen && (state & OPEN) && !joined)
            joined = atomic_compare_exchange_weak(&job, &state, state + 1);
        if (!joined) continue;
        if (index < job_workers) run_job();
        atomic_fetch_sub(&job, 1);
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
    const int threads = hone_threads();
    if (count <= 1 || threads <= 1 || inside || pthread_mutex_trylock(&pool_mutex) != 0) {
        for (int64_t index = 0; index < count; index++) body(context, index);
        return;
    }
    while (workers_started < threads - 1) {
        pthread_t thread;
        pthread_attr_t attributes;
        pthread_attr_init(&attributes);
        pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
        const int failed = pthread_create(&thread, &attributes, worker, (void *)(intptr_t)workers_started);
        pthread_attr_destroy(&attributes);
        if (failed) break;
        workers_started++;
    }
    inside = 1;
    job_body = body;
    job_context = context;
    job_count = count;
    job_workers = threads - 1;
    atomic_store_explicit(&job_next, 0, memory_order_relaxed);
    atomic_store(&job, ((NUMBER(atomic_load(&job)) + 1) << 17) | OPEN);
    if (atomic_load(&sleepers) > 0) {
        pthread_mutex_lock(&sleep_mutex);
        pthread_cond_broadcast(&work_ready);
        pthread_mutex_unlock(&sleep_mutex);
    }
    run_job();
    uint64_t state = atomic_fetch_and(&job, ~OPEN);
    for (int spin = 0; (state & (OPEN - 1)) != 0; spin++) {
        if (spin < SPINS) pause_briefly();
        else sched_yield();
        state = atomic_load(&job);
    }
    inside = 0;
    pthread_mutex_unlock(&pool_mutex);
}
