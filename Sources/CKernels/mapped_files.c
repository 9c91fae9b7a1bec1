#define _GNU_SOURCE
#include "mapped_files.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

// The handler reads the table while others change it: a row counts once its start is set, which is done last.
#define MOST_MAPPINGS 512

static struct {
    _Atomic uintptr_t start;
    _Atomic size_t size;
    const char *_Atomic message;
    _Atomic int status;
} mappings[MOST_MAPPINGS];

static pthread_mutex_t mappings_mutex = PTHREAD_MUTEX_INITIALIZER;
static struct sigaction previous_action;

static void tell(int number, siginfo_t *information, void *context) {
    uintptr_t place = (uintptr_t)information->si_addr;
    for (int row = 0; row < MOST_MAPPINGS; row++) {
        uintptr_t start = atomic_load(&mappings[row].start);
        if (start == 0 || place < start || place - start >= atomic_load(&mappings[row].size)) continue;
        const char *message = atomic_load(&mappings[row].message);
        if (write(STDERR_FILENO, message, strlen(message)) < 0) { /* there is nobody left to tell */
        }
        _exit(atomic_load(&mappings[row].status));
    }
    if (previous_action.sa_flags & SA_SIGINFO) {
        previous_action.sa_sigaction(number, information, context);
    } else if (previous_action.sa_handler != SIG_DFL && previous_action.sa_handler != SIG_IGN) {
        previous_action.sa_handler(number);
    } else {
        // The instruction runs again, and the default does what it does.
        signal(number, SIG_DFL);
    }
}

static void install(void) {
    struct sigaction action;
    memset(&action, 0, sizeof action);
    action.sa_sigaction = tell;
    action.sa_flags = SA_SIGINFO | SA_ONSTACK;
    sigemptyset(&action.sa_mask);
    sigaction(SIGBUS, &action, &previous_action);
}

int hone_watch_mapping(const void *start, size_t size, const char *message, int status) {
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, install);
    int found = 0;
    pthread_mutex_lock(&mappings_mutex);
    for (int row = 0; row < MOST_MAPPINGS && !found; row++) {
        if (atomic_load(&mappings[row].start) != 0) continue;
        atomic_store(&mappings[row].size, size);
        atomic_store(&mappings[row].message, message);
        atomic_store(&mappings[row].status, status);
        atomic_store(&mappings[row].start, (uintptr_t)start);
        found = 1;
    }
    pthread_mutex_unlock(&mappings_mutex);
    return found;
}

void hone_forget_mapping(const void *start) {
    pthread_mutex_lock(&mappings_mutex);
    for (int row = 0; row < MOST_MAPPINGS; row++) {
        if (atomic_load(&mappings[row].start) == (uintptr_t)start) atomic_store(&mappings[row].start, 0);
    }
    pthread_mutex_unlock(&mappings_mutex);
}
