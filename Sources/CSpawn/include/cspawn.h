// Starts a process that can harm nobody: what posix_spawn cannot say (limits, the parent's death, private descriptors).
#pragma once
#include <stdint.h>
#include <sys/types.h>

typedef struct {
    // An executable; a relative path starts from `folder`.
    const char *path;
    // Both end with NULL.
    char *const *arguments;
    char *const *environment;
    // Where the process works; NULL leaves it where its parent is.
    const char *folder;
    // Become its descriptors 0, 1 and 2; each above 3. -1 for an input that is empty.
    int input;
    int output;
    int error;
    // Becomes its descriptor 3; above 3, or -1 for none.
    int channel;
    // Limits; 0 sets none.
    uint64_t address_space_bytes;
    uint64_t cpu_seconds;
} hone_spawn_request;

// Starts a process as the leader of a new session, with no other descriptor, all signals at their defaults, no
// core dump, and killed when the thread that called this ends. Gives 0, or the errno of what failed.
int hone_spawn(const hone_spawn_request *request, pid_t *process);
