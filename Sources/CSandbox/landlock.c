#define _GNU_SOURCE
#include "internal.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

// Written down here as a system's headers are often older than its kernel.
enum { CREATE_RULESET = 444, ADD_RULE = 445, RESTRICT_SELF = 446 };
enum { ASK_VERSION = 1, BENEATH_PATH = 1 };

typedef struct {
    uint64_t files, network, scope;
} ruleset;

typedef struct {
    uint64_t allowed;
    int32_t parent;
} __attribute__((packed)) path_rule;

#define RIGHT(number) (1ULL << (number))
#define EXECUTE_FILE RIGHT(0)
#define WRITE_FILE RIGHT(1)
#define READ_FILE RIGHT(2)
#define READ_FOLDER RIGHT(3)
#define TRUNCATE_FILE RIGHT(14)
#define CONTROL_DEVICE RIGHT(15)
#define OF_FILES (EXECUTE_FILE | WRITE_FILE | READ_FILE | TRUNCATE_FILE | CONTROL_DEVICE)
#define READING (EXECUTE_FILE | READ_FILE | READ_FOLDER)

int hone_sandbox_landlock_version(void) {
    long version = syscall(CREATE_RULESET, NULL, 0, ASK_VERSION);
    return version < 0 ? 0 : (int)version;
}

static uint64_t known_rights(int version) {
    if (version >= 5) return RIGHT(16) - 1;
    if (version >= 3) return RIGHT(15) - 1;
    if (version == 2) return RIGHT(14) - 1;
    return RIGHT(13) - 1;
}

static int allow(int rules, const char *const *paths, uint64_t rights) {
    for (; *paths != NULL; paths++) {
        int descriptor = open(*paths, O_PATH | O_CLOEXEC);
        if (descriptor < 0) {
            // What is not there cannot be read.
            if (errno == ENOENT || errno == EACCES || errno == ENOTDIR) continue;
            return -1;
        }
        struct stat status;
        path_rule rule = {.allowed = rights, .parent = descriptor};
        if (fstat(descriptor, &status) == 0 && !S_ISDIR(status.st_mode)) rule.allowed &= OF_FILES;
        long added = syscall(ADD_RULE, rules, BENEATH_PATH, &rule, 0);
        int error = errno;
        close(descriptor);
        errno = error;
        if (added != 0) return -1;
    }
    return 0;
}

int restrict_files(const char *const *readable, const char *const *writable) {
    int version = hone_sandbox_landlock_version();
    if (version == 0) {
        errno = EOPNOTSUPP;
        return -1;
    }
    uint64_t rights = known_rights(version);
    // Connections of TCP; sockets outside that have no path, and signals.
    ruleset wanted = {.files = rights, .network = version >= 4 ? 3 : 0, .scope = version >= 6 ? 3 : 0};
    size_t size = version >= 6 ? 24 : version >= 4 ? 16 : 8;
    int rules = (int)syscall(CREATE_RULESET, &wanted, size, 0);
    if (rules < 0) return -1;
    int outcome = -1;
    if (allow(rules, readable, READING & rights) == 0 && allow(rules, writable, rights) == 0 &&
        prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0)
        outcome = (int)syscall(RESTRICT_SELF, rules, 0);
    int error = errno;
    close(rules);
    errno = error;
    return outcome;
}
