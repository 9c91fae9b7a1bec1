#define _GNU_SOURCE
#include "cspawn.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static int limit(int resource, uint64_t value) {
    struct rlimit both = {.rlim_cur = (rlim_t)value, .rlim_max = (rlim_t)value};
    return setrlimit(resource, &both);
}

static void close_from(int first) {
#ifdef SYS_close_range
    if (syscall(SYS_close_range, (unsigned)first, ~0U, 0U) == 0) return;
#endif
    struct rlimit open_files;
    rlim_t end = 65536;
    if (getrlimit(RLIMIT_NOFILE, &open_files) == 0 && open_files.rlim_cur < end) end = open_files.rlim_cur;
    for (int descriptor = first; (rlim_t)descriptor < end; descriptor++) close(descriptor);
}

static void default_signals(void) {
    struct sigaction action = {.sa_handler = SIG_DFL};
    for (int number = 1; number < NSIG; number++) sigaction(number, &action, NULL);
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
}

// Runs in the child on its parent's memory: system calls only, and nothing is allocated.
static int become(const hone_spawn_request *request, pid_t parent) {
    if (setsid() < 0) return errno;
    if (prctl(PR_SET_PDEATHSIG, SIGKILL) != 0) return errno;
    if (getppid() != parent) return ESRCH;
    int input = request->input;
    if (input < 0 && (input = open("/dev/null", O_RDONLY)) < 0) return errno;
    if (dup2(input, 0) < 0 || dup2(request->output, 1) < 0 || dup2(request->error, 2) < 0) return errno;
    if (request->channel >= 0 && dup2(request->channel, 3) < 0) return errno;
    close_from(request->channel >= 0 ? 4 : 3);
    if (limit(RLIMIT_CORE, 0) != 0) return errno;
    if (request->address_space_bytes != 0 && limit(RLIMIT_AS, request->address_space_bytes) != 0) return errno;
    if (request->cpu_seconds != 0 && limit(RLIMIT_CPU, request->cpu_seconds) != 0) return errno;
    if (request->folder != NULL && chdir(request->folder) != 0) return errno;
    default_signals();
    execve(request->path, request->arguments, request->environment);
    return errno;
}

int hone_spawn(const hone_spawn_request *request, pid_t *process) {
    // A handler of the parent must not run on the memory that both share.
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    pid_t parent = getpid();
    volatile int failure = 0;
    // Copying the page tables of a trainer that holds a model would take longer than a verifier's call.
    pid_t child = vfork();
    if (child == 0) {
        failure = become(request, parent);
        _exit(127);
    }
    int error = child < 0 ? errno : failure;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (child > 0 && error != 0) {
        while (waitpid(child, NULL, 0) < 0 && errno == EINTR) {
        }
    }
    if (error == 0) *process = child;
    return error;
}
