#define _GNU_SOURCE
#include "internal.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static _Noreturn void give_up(int status, const failure *why) {
    end_record record = {.is_failure = 1, .failure = *why, .returned = -1};
    write_all(status, &record, sizeof record);
    _exit(127);
}

static _Noreturn void give_up_at(int status, const char *stage, const char *detail) {
    failure failure;
    failed(&failure, stage, detail);
    give_up(status, &failure);
}

// MARK: Files

int write_files(const program *program, int folder, uid_t user, failure *failure) {
    for (uint32_t index = 0; index < program->file_count; index++) {
        const struct input_file *file = &program->files[index];
        if (strchr(file->name, '/') != NULL || file->name[0] == '.' || file->name[0] == 0) {
            errno = EINVAL;
            return failed(failure, "write", file->name);
        }
        int descriptor = openat(folder, file->name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, file->mode);
        if (descriptor < 0) return failed(failure, "write", file->name);
        if (write_all(descriptor, file->content.bytes, file->content.count) != 0 ||
            fchmod(descriptor, file->mode) != 0 || (user != 0 && fchown(descriptor, user, user) != 0)) {
            failed(failure, "write", file->name);
            close(descriptor);
            return -1;
        }
        close(descriptor);
    }
    return 0;
}

int open_returned(const program *program, int folder, int64_t *size) {
    *size = -1;
    if (program->returned[0] == 0 || strchr(program->returned, '/') != NULL) return -1;
    // No wait for the other end of a pipe, and no link that leads elsewhere.
    int file = openat(folder, program->returned, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    struct stat status;
    if (file < 0) return -1;
    if (fstat(file, &status) != 0 || !S_ISREG(status.st_mode) ||
        (uint64_t)status.st_size > program->limits.returned_bytes) {
        close(file);
        return -1;
    }
    *size = status.st_size;
    return file;
}

// MARK: Becoming the program

static int limit(int resource, uint64_t soft, uint64_t hard) {
    struct rlimit now;
    if (getrlimit(resource, &now) != 0) return -1;
    // What a parent has taken away cannot be given back.
    if (now.rlim_max != RLIM_INFINITY && hard > now.rlim_max) hard = now.rlim_max;
    if (soft > hard) soft = hard;
    struct rlimit wanted = {.rlim_cur = soft, .rlim_max = hard};
    return setrlimit(resource, &wanted);
}

static int set_limits(const hone_sandbox_limits *limits, uint64_t other_threads) {
    const uint64_t stack = 8 << 20, largest_stack = 256 << 20;
    if (limit(RLIMIT_CORE, 0, 0) != 0) return -1;
    if (limit(RLIMIT_CPU, limits->processor_seconds, limits->processor_seconds + 1) != 0) return -1;
    if (limits->address_space != 0 && limit(RLIMIT_AS, limits->address_space, limits->address_space) != 0) return -1;
    if (limit(RLIMIT_NPROC, limits->processes + other_threads, limits->processes + other_threads) != 0) return -1;
    if (limit(RLIMIT_NOFILE, limits->descriptors, limits->descriptors) != 0) return -1;
    if (limit(RLIMIT_FSIZE, limits->file_bytes, limits->file_bytes) != 0) return -1;
    if (limit(RLIMIT_STACK, stack, largest_stack) != 0) return -1;
    if (limit(RLIMIT_MEMLOCK, 0, 0) != 0 || limit(RLIMIT_MSGQUEUE, 0, 0) != 0) return -1;
    return limit(RLIMIT_SIGPENDING, 1024, 1024);
}

static int drop_capabilities(void) {
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct none[2] = {{0}, {0}};
    prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
    return (int)syscall(SYS_capset, &header, none);
}

static void default_signals(void) {
    struct sigaction action = {.sa_handler = SIG_DFL};
    for (int number = 1; number < NSIG; number++) sigaction(number, &action, NULL);
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
}

// Puts the ends of pipes where the program expects them, and closes everything else but `status`.
static int arrange(const plumbing *pipes, int *status) {
    int moved[7];
    for (int index = 0; index < 7; index++) {
        int from = index < 6 ? pipes->ends[index] : pipes->status;
        moved[index] = from < 0 ? -1 : fcntl(from, F_DUPFD_CLOEXEC, 16);
        if (from >= 0 && moved[index] < 0) return -1;
    }
    for (int index = 0; index < 6; index++) {
        if (moved[index] < 0)
            close(index);
        else if (dup2(moved[index], index) < 0)
            return -1;
    }
    // Last, so that it is closed by execve.
    if (dup3(moved[6], 6, O_CLOEXEC) < 0) return -1;
    *status = 6;
    if (syscall(436 /* close_range */, 7, ~0U, 0) == 0) return 0;
    for (int descriptor = 7; descriptor < 4096; descriptor++) close(descriptor);
    return 0;
}

static _Noreturn void become(const configuration *settings, const program *program, const plumbing *pipes, uid_t user,
    const char *folder, const char *const *readable, uint64_t other_threads) {
    failure failure;
    int status = pipes->status;
    if (setsid() < 0) give_up_at(status, "setsid", NULL);
    if (arrange(pipes, &status) != 0) give_up_at(status, "dup2", NULL);
    if (chdir(folder) != 0) give_up_at(status, "chdir", folder);
    default_signals();
    umask(022);
    if (set_limits(&program->limits, other_threads) != 0) give_up_at(status, "setrlimit", NULL);
    if (user != 0 && drop_user(user, &failure) != 0) give_up(status, &failure);
    if (drop_capabilities() != 0) give_up_at(status, "capset", NULL);
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) give_up_at(status, "prctl (no new privileges)", NULL);
    // A change of user takes this away, so that it comes late.
    if (prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) != 0) give_up_at(status, "prctl (parent's death)", NULL);
    const char *const writable[] = {has_namespaces(settings) ? "/tmp" : folder, "/dev/null", "/dev/zero", "/dev/full",
        "/dev/random", "/dev/urandom", NULL};
    if (settings->way != HONE_SANDBOX_FILTER && restrict_files(readable, writable) != 0) {
        // In a root of its own the rules are a second lock.
        if (!has_namespaces(settings) || (errno != EOPNOTSUPP && errno != ENOSYS))
            give_up_at(status, "landlock", NULL);
    }
    bool keeps_signals_in = has_namespaces(settings) ||
                            (settings->way == HONE_SANDBOX_RULES && hone_sandbox_landlock_version() >= 6);
    filter_options options = {
        .allows_local_sockets = has_namespaces(settings), .only_signalled = keeps_signals_in ? 0 : getpid()};
    if (install_filter(options) != 0) give_up_at(status, "seccomp", NULL);
    execve(program->arguments[0], program->arguments, program->variables);
    give_up_at(status, "exec", program->arguments[0]);
}

_Noreturn void run_in_folder(const configuration *settings, const program *program, const plumbing *pipes, uid_t user,
    const char *folder, uint64_t other_threads) {
    become(settings, program, pipes, user, folder, (const char *const *)settings->readable, other_threads);
}

// MARK: The first process of a program's namespaces

static int mount_own(const configuration *settings, const program *program, uid_t user, failure *failure) {
    char options[160];
    snprintf(options, sizeof options, "size=%llu,nr_inodes=%llu,mode=700,uid=%u,gid=%u",
        (unsigned long long)program->limits.disk_bytes, (unsigned long long)program->limits.disk_files,
        user != 0 ? user : geteuid(), user != 0 ? user : getegid());
    if (mount("hone", "/tmp", "tmpfs", MS_NOSUID | MS_NODEV, options) != 0)
        return failed(failure, "mount (tmpfs) /tmp", NULL);
    if (mkdir("/tmp/work", 0700) != 0 || (user != 0 && chown("/tmp/work", user, user) != 0))
        return failed(failure, "mkdir /tmp/work", NULL);
    if (settings->features & HONE_SANDBOX_HAS_PROC) {
        const unsigned long flags = MS_NOSUID | MS_NODEV | MS_NOEXEC;
        if (mount("proc", "/proc", "proc", flags, "subset=pid") != 0 && mount("proc", "/proc", "proc", flags, NULL) != 0)
            return failed(failure, "mount (proc)", NULL);
    }
    return 0;
}

static void report_end(const program *program, int status, int wait_status, const struct rusage *usage, int folder) {
    end_record record = {.wait_status = wait_status, .peak_kib = (uint64_t)usage->ru_maxrss};
    struct rusage rest;
    // With the children that it waited for, and those that were reaped here.
    getrusage(RUSAGE_CHILDREN, &rest);
    record.processor_microseconds = (uint64_t)(rest.ru_utime.tv_sec + rest.ru_stime.tv_sec) * 1000000 +
                                    (uint64_t)(rest.ru_utime.tv_usec + rest.ru_stime.tv_usec);
    int file = open_returned(program, folder, &record.returned);
    write_all(status, &record, sizeof record);
    static unsigned char piece[1 << 16];
    for (int64_t left = record.returned; file >= 0 && left > 0;) {
        ssize_t count = read(file, piece, left < (int64_t)sizeof piece ? (size_t)left : sizeof piece);
        if (count <= 0 || write_all(status, piece, (size_t)count) != 0) break;
        left -= count;
    }
}

_Noreturn void run_in_namespaces(
    const configuration *settings, const program *program, const plumbing *pipes, uid_t user) {
    failure failure;
    prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
    // Nothing in here may look into this process.
    prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
    if (mount_own(settings, program, user, &failure) != 0) give_up(pipes->status, &failure);
    int folder = open("/tmp/work", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (folder < 0) give_up_at(pipes->status, "open /tmp/work", NULL);
    if (write_files(program, folder, user, &failure) != 0) give_up(pipes->status, &failure);
    pid_t child = fork();
    if (child < 0) give_up_at(pipes->status, "fork", NULL);
    if (child == 0) {
        static const char *const everything[] = {"/", NULL};
        become(settings, program, pipes, user, "/tmp/work", everything, 0);
    }
    // Whoever reads from a program must see that it has closed its end.
    int ends[2] = {fcntl(pipes->status, F_DUPFD, 16), fcntl(folder, F_DUPFD, 16)};
    if (ends[0] < 0 || ends[1] < 0 || dup2(ends[0], 0) < 0 || dup2(ends[1], 1) < 0) _exit(125);
    for (int descriptor = 2; syscall(436 /* close_range */, 2, ~0U, 0) != 0 && descriptor < 4096; descriptor++)
        close(descriptor);
    while (true) {
        int status;
        struct rusage usage;
        pid_t ended = wait4(-1, &status, 0, &usage);
        if (ended < 0 && errno != EINTR) _exit(126);
        if (ended != child) continue;
        report_end(program, 0, status, &usage, 1);
        // The kernel ends everything else that lives in here.
        _exit(0);
    }
}
