#define _GNU_SOURCE
#include "internal.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

// Reads a small file of a process; gives its length, and ends it with 0.
static ssize_t read_entry(int proc, const char *process, const char *name, char *text, size_t size) {
    char path[64];
    snprintf(path, sizeof path, "%s/%s", process, name);
    int file = openat(proc, path, O_RDONLY | O_CLOEXEC);
    if (file < 0) return -1;
    ssize_t count = read(file, text, size - 1);
    close(file);
    if (count >= 0) text[count] = 0;
    return count;
}

static uint64_t kib(const char *status, const char *name) {
    const char *line = strstr(status, name);
    return line == NULL ? 0 : strtoull(line + strlen(name), NULL, 10);
}

static bool read_process(int proc, const char *name, bool with_memory, process_entry *entry) {
    char text[4096];
    if (read_entry(proc, name, "stat", text, sizeof text) <= 0) return false;
    // `4711 (name) S parent …`; the name may hold anything.
    const char *end = strrchr(text, ')');
    if (end == NULL || end[1] == 0) return false;
    char state = 0;
    int parent = 0;
    unsigned threads = 0;
    if (sscanf(end + 1, " %c %d %*d %*d %*d %*d %*u %*u %*u %*u %*u %*u %*u %*d %*d %*d %*d %u", &state, &parent,
            &threads) != 3)
        return false;
    *entry = (process_entry){.process = (pid_t)atoi(name), .parent = parent, .threads = threads};
    if (with_memory && read_entry(proc, name, "status", text, sizeof text) > 0)
        entry->memory =
            kib(text, "\nRssAnon:") + kib(text, "\nRssShmem:") + kib(text, "\nVmSwap:") + kib(text, "\nVmPTE:");
    return true;
}

static const process_entry *entry_of(const process_entry *entries, size_t count, pid_t process) {
    for (size_t index = 0; index < count; index++)
        if (entries[index].process == process) return &entries[index];
    return NULL;
}

size_t descendants(process_entry **list, bool with_memory) {
    *list = NULL;
    DIR *folder = opendir("/proc");
    if (folder == NULL) return 0;
    size_t count = 0, capacity = 0;
    process_entry *entries = NULL;
    pid_t own = getpid();
    for (struct dirent *entry; (entry = readdir(folder)) != NULL;) {
        if (entry->d_name[0] < '1' || entry->d_name[0] > '9') continue;
        if (count == capacity) {
            capacity = capacity * 2 + 64;
            process_entry *grown = realloc(entries, capacity * sizeof *entries);
            if (grown == NULL) break;
            entries = grown;
        }
        if (read_process(dirfd(folder), entry->d_name, with_memory, &entries[count]) && entries[count].process != own)
            count++;
    }
    closedir(folder);
    size_t kept = 0;
    for (size_t index = 0; index < count; index++) {
        // The chain of parents ends at this process, or outside what was listed.
        pid_t parent = entries[index].parent;
        for (int steps = 0; parent != own && steps < 256; steps++) {
            const process_entry *above = entry_of(entries, count, parent);
            if (above == NULL) break;
            parent = above->parent;
        }
        // Those that do not descend are moved behind, so that chains through them stay whole.
        if (parent != own) continue;
        process_entry found = entries[index];
        entries[index] = entries[kept];
        entries[kept++] = found;
    }
    *list = entries;
    return kept;
}

int root_of(const process_entry *entries, size_t count, pid_t process, const pid_t *roots, int root_count) {
    for (int steps = 0; steps < 256; steps++) {
        for (int index = 0; index < root_count; index++)
            if (roots[index] == process) return index;
        const process_entry *entry = entry_of(entries, count, process);
        if (entry == NULL) return -1;
        process = entry->parent;
    }
    return -1;
}

uint64_t threads_of(uid_t user) {
    DIR *folder = opendir("/proc");
    if (folder == NULL) return 0;
    uint64_t total = 0;
    for (struct dirent *entry; (entry = readdir(folder)) != NULL;) {
        struct stat status;
        process_entry process;
        if (entry->d_name[0] < '1' || entry->d_name[0] > '9') continue;
        if (fstatat(dirfd(folder), entry->d_name, &status, 0) != 0 || status.st_uid != user) continue;
        if (read_process(dirfd(folder), entry->d_name, false, &process)) total += process.threads;
    }
    closedir(folder);
    return total;
}

// From a process of that user: nobody that it starts meanwhile is missed.
static void kill_user(uid_t user) {
    pid_t child = fork();
    if (child == 0) {
        if (setresgid(user, user, user) == 0 && setresuid(user, user, user) == 0) kill(-1, SIGKILL);
        _exit(0);
    }
    while (child > 0 && waitpid(child, NULL, 0) < 0 && errno == EINTR) {
    }
}

void kill_descendants(uid_t user, const pid_t *spared, int spared_count) {
    // A program that starts processes as fast as they are ended is slower each time.
    for (int round = 0; round < 1000; round++) {
        if (user != 0) kill_user(user);
        process_entry *entries;
        size_t count = descendants(&entries, false), left = 0;
        for (size_t index = 0; index < count; index++) {
            pid_t process = entries[index].process;
            if (root_of(entries, count, process, spared, spared_count) >= 0) continue;
            left++;
            kill(process, SIGKILL);
            waitpid(process, NULL, WNOHANG);
        }
        free(entries);
        if (left == 0) return;
        if (round > 0) usleep(500);
    }
}

static void each_entry(int parent, const char *name, void (*body)(int, const char *, void *), void *context) {
    int folder = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    DIR *list = folder < 0 ? NULL : fdopendir(folder);
    if (list == NULL) {
        if (folder >= 0) close(folder);
        return;
    }
    for (struct dirent *entry; (entry = readdir(list)) != NULL;)
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
            body(dirfd(list), entry->d_name, context);
    closedir(list);
}

static void remove_entry(int folder, const char *name, void *context) {
    (void)context;
    if (unlinkat(folder, name, 0) == 0 || errno == ENOENT) return;
    remove_folder(folder, name);
}

void remove_folder(int parent, const char *name) {
    struct stat status;
    if (fstatat(parent, name, &status, AT_SYMLINK_NOFOLLOW) != 0 || !S_ISDIR(status.st_mode)) return;
    // A program may have taken its own right to look into it away.
    fchmodat(parent, name, 0700, 0);
    each_entry(parent, name, remove_entry, NULL);
    unlinkat(parent, name, AT_REMOVEDIR);
}

static void measure_entry(int folder, const char *name, void *context) {
    uint64_t *sums = context;
    struct stat status;
    if (fstatat(folder, name, &status, AT_SYMLINK_NOFOLLOW) != 0) return;
    sums[0] += (uint64_t)status.st_blocks * 512;
    sums[1] += 1;
    // Enough to know that it is too much.
    if (S_ISDIR(status.st_mode) && sums[1] < 100000) each_entry(folder, name, measure_entry, context);
}

void measure_folder(int parent, const char *name, uint64_t *bytes, uint64_t *entries) {
    uint64_t sums[2] = {0, 0};
    each_entry(parent, name, measure_entry, sums);
    *bytes = sums[0];
    *entries = sums[1];
}
