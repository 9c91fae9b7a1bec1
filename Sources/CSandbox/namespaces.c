#define _GNU_SOURCE
#include "internal.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

// Who a program is inside a user namespace.
static const unsigned inner_user = 1000;

int failed(failure *failure, const char *stage, const char *detail) {
    failure->error = errno;
    snprintf(failure->stage, sizeof failure->stage, "%s%s%s", stage, detail ? " " : "", detail ? detail : "");
    return -1;
}

bool has_namespaces(const configuration *settings) {
    return settings->way == HONE_SANDBOX_ROOT || settings->way == HONE_SANDBOX_USER;
}

static int write_file(const char *path, const char *text) {
    int file = open(path, O_WRONLY | O_CLOEXEC);
    if (file < 0) return -1;
    int outcome = write_all(file, text, strlen(text));
    int error = errno;
    close(file);
    errno = error;
    return outcome;
}

int map_user(uid_t user, gid_t group, failure *failure) {
    char line[64];
    // Kernels before 3.19 have no such file.
    if (write_file("/proc/self/setgroups", "deny") < 0 && errno != ENOENT)
        return failed(failure, "write /proc/self/setgroups", NULL);
    snprintf(line, sizeof line, "%u %u 1", inner_user, user);
    if (write_file("/proc/self/uid_map", line) < 0) return failed(failure, "write /proc/self/uid_map", NULL);
    snprintf(line, sizeof line, "%u %u 1", inner_user, group);
    if (write_file("/proc/self/gid_map", line) < 0) return failed(failure, "write /proc/self/gid_map", NULL);
    return 0;
}

int drop_user(uid_t user, failure *failure) {
    if (setgroups(0, NULL) != 0) return failed(failure, "setgroups", NULL);
    if (setresgid(user, user, user) != 0) return failed(failure, "setresgid", NULL);
    if (setresuid(user, user, user) != 0) return failed(failure, "setresuid", NULL);
    return 0;
}

// MARK: A root with nothing in it but what is listed

typedef struct {
    uint64_t set, cleared, propagation, user_namespace;
} mount_attributes;

// With all mounts below it.
static int make_read_only(const char *path) {
    mount_attributes wanted = {.set = 1 /* read-only */ | 2 /* nosuid */ | 4 /* nodev */};
    return (int)syscall(442 /* mount_setattr */, AT_FDCWD, path, 0x8000 /* AT_RECURSIVE */, &wanted, sizeof wanted);
}

static int make_parents(char *path) {
    for (char *slash = strchr(path + 1, '/'); slash != NULL; slash = strchr(slash + 1, '/')) {
        *slash = 0;
        int outcome = mkdir(path, 0755);
        *slash = '/';
        if (outcome != 0 && errno != EEXIST) return -1;
    }
    return 0;
}

static int touch(const char *path) {
    int file = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0444);
    if (file < 0) return -1;
    return close(file);
}

// Shows a file, a folder or a link of the old root under the same path in the new one.
static int show(const char *path, failure *failure) {
    char from[4200], to[4200], target[4096];
    if (path[0] != '/' || snprintf(from, sizeof from, "/old%s", path) >= (int)sizeof from) return 0;
    snprintf(to, sizeof to, "/new%s", path);
    struct stat status, shown;
    if (lstat(from, &status) != 0) return 0;
    if (make_parents(to) != 0) return failed(failure, "mkdir for", path);
    if (lstat(to, &shown) == 0 && (S_ISLNK(shown.st_mode) || shown.st_dev == status.st_dev)) return 0;
    if (S_ISLNK(status.st_mode)) {
        ssize_t count = readlink(from, target, sizeof target - 1);
        if (count < 0) return failed(failure, "readlink", path);
        target[count] = 0;
        return symlink(target, to) == 0 || errno == EEXIST ? 0 : failed(failure, "symlink", path);
    }
    if (S_ISDIR(status.st_mode) ? mkdir(to, 0755) != 0 && errno != EEXIST : touch(to) != 0)
        return failed(failure, "mkdir", path);
    if (mount(from, to, NULL, MS_BIND | MS_REC, NULL) != 0) return failed(failure, "mount (bind)", path);
    if (make_read_only(to) != 0) return failed(failure, "mount_setattr (read-only)", path);
    return 0;
}

static int make_devices(failure *failure) {
    static const char *const devices[] = {"null", "zero", "full", "random", "urandom", NULL};
    static const char *const links[][2] = {
        {"/proc/self/fd", "/new/dev/fd"}, {"/proc/self/fd/0", "/new/dev/stdin"}, {"/proc/self/fd/1", "/new/dev/stdout"},
        {"/proc/self/fd/2", "/new/dev/stderr"}, {"/tmp", "/new/dev/shm"}};
    if (mkdir("/new/dev", 0755) != 0 && errno != EEXIST) return failed(failure, "mkdir /dev", NULL);
    for (int index = 0; devices[index] != NULL; index++) {
        char from[64], to[64];
        snprintf(from, sizeof from, "/old/dev/%s", devices[index]);
        snprintf(to, sizeof to, "/new/dev/%s", devices[index]);
        if (access(from, F_OK) != 0) continue;
        if (touch(to) != 0 || mount(from, to, NULL, MS_BIND, NULL) != 0)
            return failed(failure, "mount (bind) /dev", devices[index]);
    }
    for (size_t index = 0; index < sizeof links / sizeof *links; index++)
        if (symlink(links[index][0], links[index][1]) != 0) return failed(failure, "symlink", links[index][1]);
    return 0;
}

int enter_private_root(configuration *settings, failure *failure) {
    if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0) return failed(failure, "mount (private /)", NULL);
    // The old root moves to /old, where also what lies in the real /tmp can be seen, and the new one grows in /new.
    if (mount("hone", "/tmp", "tmpfs", MS_NOSUID | MS_NODEV, "size=1m,nr_inodes=256,mode=755") != 0)
        return failed(failure, "mount (tmpfs) /tmp", NULL);
    if (mkdir("/tmp/old", 0755) != 0 || mkdir("/tmp/new", 0755) != 0) return failed(failure, "mkdir /tmp/old", NULL);
    if (syscall(SYS_pivot_root, "/tmp", "/tmp/old") != 0 || chdir("/") != 0)
        return failed(failure, "pivot_root /tmp", NULL);
    if (mount("hone", "/new", "tmpfs", MS_NOSUID | MS_NODEV, "size=1m,nr_inodes=1024,mode=755") != 0)
        return failed(failure, "mount (tmpfs) root", NULL);
    for (char **path = settings->readable; *path != NULL; path++)
        if (show(*path, failure) != 0) return -1;
    if (make_devices(failure) != 0) return -1;
    if (mkdir("/new/tmp", 0755) != 0 && errno != EEXIST) return failed(failure, "mkdir /tmp", NULL);
    if (mkdir("/new/proc", 0555) != 0 && errno != EEXIST) return failed(failure, "mkdir /proc", NULL);
    // Must come before the old one is gone: a kernel lets nobody see more of /proc than was seen before.
    if (mount("proc", "/new/proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL) == 0)
        settings->features |= HONE_SANDBOX_HAS_PROC | HONE_SANDBOX_SEES_MEMORY;
    if (chdir("/new") != 0 || syscall(SYS_pivot_root, ".", ".") != 0 || umount2(".", MNT_DETACH) != 0 ||
        chdir("/") != 0)
        return failed(failure, "pivot_root", NULL);
    if (mount(NULL, "/", NULL, MS_REMOUNT | MS_BIND | MS_RDONLY | MS_NOSUID | MS_NODEV, NULL) != 0)
        return failed(failure, "mount (read-only /)", NULL);
    // The names of this machine say something about it.
    if (sethostname("sandbox", 7) != 0) return failed(failure, "sethostname", NULL);
    return 0;
}
