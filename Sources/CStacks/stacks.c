#define _GNU_SOURCE
#include "stacks.h"

#include <dirent.h>
#include <errno.h>
#include <execinfo.h>
#include <fcntl.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

// What a thread that is asked needs to know; one dump at a time.
static atomic_int output = -1;
static atomic_int asked = 0;
static atomic_int answered = 0;

static void write_stack(int number) {
    (void)number;
    int saved = errno;
    // An answer that comes too late belongs to no question.
    if (atomic_load(&asked) == (int)syscall(SYS_gettid)) {
        void *frames[96];
        int count = backtrace(frames, 96);
        // The two innermost are this function and the frame of the signal.
        int skipped = count > 2 ? 2 : 0;
        backtrace_symbols_fd(frames + skipped, count - skipped, atomic_load(&output));
        atomic_store(&answered, 1);
    }
    errno = saved;
}

void hone_stacks_prepare(void) {
    void *frames[4];
    backtrace(frames, 4);
}

// A file of one short line, without its line feed; empty where it cannot be read.
static void read_line(const char *task, const char *name, char *text, size_t size) {
    char path[128];
    snprintf(path, sizeof path, "/proc/self/task/%s/%s", task, name);
    text[0] = 0;
    int file = open(path, O_RDONLY | O_CLOEXEC);
    if (file < 0) return;
    ssize_t count = read(file, text, size - 1);
    close(file);
    text[count > 0 ? count : 0] = 0;
    char *end = strchr(text, '\n');
    if (end) *end = 0;
}

static int ask(int descriptor, const char *task, int signal) {
    char name[64], wait[64], state[512];
    read_line(task, "comm", name, sizeof name);
    read_line(task, "wchan", wait, sizeof wait);
    read_line(task, "stat", state, sizeof state);
    // The name in `stat` may hold anything, so the state is looked for behind its last bracket.
    char *bracket = strrchr(state, ')');
    char letter = bracket && bracket[1] == ' ' && bracket[2] ? bracket[2] : '?';
    dprintf(descriptor, "thread %s %s, state %c, waits in %s\n", task, name, letter, wait[0] && strcmp(wait, "0") ? wait : "-");
    int id = atoi(task);
    atomic_store(&answered, 0);
    atomic_store(&asked, id);
    if (syscall(SYS_tgkill, getpid(), id, signal) != 0) return 0;
    for (int turn = 0; turn < 200 && !atomic_load(&answered); turn++) {
        struct timespec millisecond = {0, 1000000};
        nanosleep(&millisecond, NULL);
    }
    int got = atomic_load(&answered);
    atomic_store(&asked, 0);
    if (!got) dprintf(descriptor, "(it does not answer: it blocks signals, or is in the kernel)\n");
    dprintf(descriptor, "\n");
    return got;
}

int hone_stacks_dump(int descriptor) {
    // A signal that nothing else uses.
    int signal = SIGRTMAX - 2;
    struct sigaction action, before;
    memset(&action, 0, sizeof action);
    action.sa_handler = write_stack;
    action.sa_flags = SA_RESTART;
    sigemptyset(&action.sa_mask);
    if (sigaction(signal, &action, &before) != 0) return 0;
    atomic_store(&output, descriptor);
    int count = 0;
    int self = (int)syscall(SYS_gettid);
    DIR *tasks = opendir("/proc/self/task");
    if (tasks) {
        struct dirent *entry;
        while ((entry = readdir(tasks)) != NULL) {
            if (entry->d_name[0] == '.' || atoi(entry->d_name) == self) continue;
            count += ask(descriptor, entry->d_name, signal);
        }
        closedir(tasks);
    }
    // The handler stays where the default would end the process: a thread that could not answer still has the signal.
    if (before.sa_handler != SIG_DFL) sigaction(signal, &before, NULL);
    return count;
}
