// The process between Hone and the programs: it starts them, keeps the time, gathers what they write, and sees to it
// that nothing of them is left. It has one thread and nothing that a program could want.
#define _GNU_SOURCE
#include "internal.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define MARK "HONE_SANDBOX_SUPERVISOR"
enum { CONTROL = 3, MOST_PROGRAMS = 2 };

int hone_sandbox_start(pid_t *process) {
    int sockets[2];
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sockets) != 0) return -errno;
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    sigset_t all, none;
    sigfillset(&all);
    sigemptyset(&none);
    posix_spawn_file_actions_init(&actions);
    posix_spawnattr_init(&attributes);
    // Above those that it becomes, so that none is overwritten before it is copied.
    int high = fcntl(sockets[1], F_DUPFD_CLOEXEC, 16);
    close(sockets[1]);
    posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDWR, 0);
    posix_spawn_file_actions_adddup2(&actions, 0, 1);
    // What it has to say, it says over the socket.
    posix_spawn_file_actions_adddup2(&actions, 0, 2);
    posix_spawn_file_actions_adddup2(&actions, high, CONTROL);
    posix_spawn_file_actions_addclosefrom_np(&actions, CONTROL + 1);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSID | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK);
    posix_spawnattr_setsigdefault(&attributes, &all);
    posix_spawnattr_setsigmask(&attributes, &none);
    char *arguments[] = {"hone-sandbox", NULL}, *variables[] = {MARK "=1", "OPENBLAS_NUM_THREADS=1", NULL};
    int error = high < 0 ? errno
                         : posix_spawn(process, "/proc/self/exe", &actions, &attributes, arguments, variables);
    posix_spawn_file_actions_destroy(&actions);
    posix_spawnattr_destroy(&attributes);
    if (high >= 0) close(high);
    if (error == 0) return sockets[0];
    close(sockets[0]);
    return -error;
}

// MARK: One program while it runs

typedef struct {
    uint64_t written;
    buffer head;
    // The last bytes behind the head, in a ring.
    unsigned char *tail;
    size_t tail_start, tail_count;
} capture;

typedef struct {
    program program;
    pid_t process;
    // Ends of its pipes: input, output, error, report, what its first process says; -1 once closed.
    int input, output, error, report, status;
    int handle;
    size_t input_sent;
    capture texts[2];
    buffer reported, said;
    uint32_t end;
    bool is_over;
    int wait_status;
    struct rusage usage;
    uint64_t peak_kib, wall_microseconds;
    char folder[64];
} running;

static uint64_t now_microseconds(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (uint64_t)time.tv_sec * 1000000 + (uint64_t)time.tv_nsec / 1000;
}

static void close_end(int *end) {
    if (*end >= 0) close(*end);
    *end = -1;
}

static void keep(capture *text, const unsigned char *bytes, size_t count, size_t limit) {
    text->written += count;
    size_t room = text->head.count < limit ? limit - text->head.count : 0;
    size_t taken = count < room ? count : room;
    put_bytes(&text->head, bytes, taken);
    bytes += taken;
    count -= taken;
    if (count == 0 || limit == 0) return;
    if (text->tail == NULL && (text->tail = malloc(limit)) == NULL) _exit(1);
    if (count > limit) {
        bytes += count - limit;
        count = limit;
    }
    for (size_t index = 0; index < count; index++) {
        text->tail[(text->tail_start + text->tail_count) % limit] = bytes[index];
        if (text->tail_count < limit)
            text->tail_count++;
        else
            text->tail_start = (text->tail_start + 1) % limit;
    }
}

static void read_program(program *program, reader *from) {
    uint64_t *limits = (uint64_t *)&program->limits;
    for (size_t index = 0; index < sizeof program->limits / sizeof *limits; index++) limits[index] = take_u64(from);
    program->arguments = take_texts(from);
    program->variables = take_texts(from);
    program->file_count = take_u32(from);
    if (program->file_count > (size_t)(from->end - from->next) / 12) from->is_damaged = true;
    if (from->is_damaged) program->file_count = 0;
    program->files = calloc((size_t)program->file_count + 1, sizeof *program->files);
    if (program->files == NULL) _exit(1);
    for (uint32_t index = 0; index < program->file_count; index++) {
        program->files[index].name = take_text(from);
        program->files[index].mode = take_u32(from);
        program->files[index].content = take_block(from);
    }
    program->input = take_block(from);
    program->returned = take_text(from);
}

static void free_texts(char **texts) {
    for (char **text = texts; text != NULL && *text != NULL; text++) free(*text);
    free(texts);
}

static void free_running(running *one) {
    int *ends[] = {&one->input, &one->output, &one->error, &one->report, &one->status, &one->handle};
    for (size_t index = 0; index < sizeof ends / sizeof *ends; index++) close_end(ends[index]);
    for (int index = 0; index < 2; index++) {
        free(one->texts[index].head.bytes);
        free(one->texts[index].tail);
    }
    free(one->reported.bytes);
    free(one->said.bytes);
    for (uint32_t index = 0; index < one->program.file_count; index++) free(one->program.files[index].name);
    free(one->program.files);
    free(one->program.returned);
    free_texts(one->program.arguments);
    free_texts(one->program.variables);
}

// MARK: Starting

// A process of the same program text, in new namespaces; unlike fork, glibc learns nothing of it.
static pid_t clone_process(unsigned long flags) {
#if defined(__x86_64__) || defined(__aarch64__)
    return (pid_t)syscall(SYS_clone, flags | SIGCHLD, NULL, NULL, NULL, NULL);
#endif
}

static int make_folder(const configuration *settings, running *one, int number, uid_t user, failure *failure) {
    snprintf(one->folder, sizeof one->folder, "job-%d-%d", getpid(), number);
    // Another supervisor that ended may have removed it.
    if (mkdir(settings->folder, 0711) == 0) chmod(settings->folder, 0711);
    int parent = open(settings->folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (parent < 0) return failed(failure, "open", settings->folder);
    remove_folder(parent, one->folder);
    int outcome = -1, folder = -1;
    if (mkdirat(parent, one->folder, 0700) != 0 ||
        (folder = openat(parent, one->folder, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)) < 0)
        failed(failure, "mkdir in", settings->folder);
    else if (user != 0 && fchown(folder, user, user) != 0)
        failed(failure, "chown in", settings->folder);
    else
        outcome = write_files(&one->program, folder, user, failure);
    close_end(&folder);
    close(parent);
    return outcome;
}

static void add_variable(program *program, const char *name, const char *value) {
    size_t count = 0;
    while (program->variables[count] != NULL) count++;
    char **grown = realloc(program->variables, (count + 2) * sizeof *grown);
    size_t length = strlen(name) + strlen(value) + 2;
    char *text = malloc(length);
    if (grown == NULL || text == NULL) _exit(1);
    snprintf(text, length, "%s=%s", name, value);
    grown[count] = text;
    grown[count + 1] = NULL;
    program->variables = grown;
}

static int open_pipes(running *one, plumbing *inner, failure *failure) {
    int *outer[] = {&one->input, &one->output, &one->error, &one->report, &one->status};
    int *others[] = {&inner->ends[0], &inner->ends[1], &inner->ends[2], &inner->ends[3], &inner->status};
    for (int index = 0; index < 5; index++) {
        int ends[2];
        if (pipe2(ends, O_CLOEXEC) != 0) return failed(failure, "pipe", NULL);
        bool is_input = index == 0;
        *outer[index] = ends[is_input ? 1 : 0];
        *others[index] = ends[is_input ? 0 : 1];
        fcntl(*outer[index], F_SETFL, O_NONBLOCK);
    }
    return 0;
}

static int start(const configuration *settings, running *one, int number, plumbing *inner, failure *failure) {
    uid_t user = settings->uid != 0 && settings->way != HONE_SANDBOX_USER ? settings->uid + (uid_t)number : 0;
    if (open_pipes(one, inner, failure) != 0) return -1;
    if (has_namespaces(settings)) {
        add_variable(&one->program, "HOME", "/tmp/work");
        add_variable(&one->program, "TMPDIR", "/tmp");
        one->process = clone_process(CLONE_NEWPID | CLONE_NEWNS | CLONE_NEWIPC);
        if (one->process == 0) run_in_namespaces(settings, &one->program, inner, user);
        if (one->process < 0) return failed(failure, "clone (pid, mount, ipc namespaces)", NULL);
    } else {
        if (make_folder(settings, one, number, user, failure) != 0) return -1;
        char path[4096];
        snprintf(path, sizeof path, "%s/%s", settings->folder, one->folder);
        add_variable(&one->program, "HOME", path);
        add_variable(&one->program, "TMPDIR", path);
        uint64_t others = user == 0 ? threads_of(getuid()) : 0;
        one->process = fork();
        if (one->process == 0) run_in_folder(settings, &one->program, inner, user, path, others);
        if (one->process < 0) return failed(failure, "fork", NULL);
    }
    one->handle = (int)syscall(434 /* pidfd_open */, one->process, 0);
    if (one->handle < 0) return failed(failure, "pidfd_open", NULL);
    return 0;
}

// MARK: Running

static void stop(running *one, uint32_t end) {
    if (one->is_over || one->process <= 0) return;
    if (one->end == HONE_SANDBOX_EXITED) one->end = end;
    kill(one->process, SIGKILL);
}

static void drain(running *one, int *end, void (*take)(running *, int, const unsigned char *, size_t), int index) {
    static unsigned char piece[1 << 16];
    // Of one that writes for ever, not more at a time than what is looked at in between.
    for (int round = 0; round < 16 && *end >= 0; round++) {
        ssize_t count = read(*end, piece, sizeof piece);
        if (count > 0) {
            take(one, index, piece, (size_t)count);
        } else if (count == 0 || (errno != EAGAIN && errno != EINTR)) {
            close_end(end);
        } else {
            return;
        }
    }
}

static void take_output(running *one, int index, const unsigned char *bytes, size_t count) {
    keep(&one->texts[index], bytes, count, one->program.limits.kept_bytes);
    if (one->texts[0].written + one->texts[1].written > one->program.limits.output_bytes)
        stop(one, HONE_SANDBOX_TOO_MUCH_OUTPUT);
}

static void take_report(running *one, int index, const unsigned char *bytes, size_t count) {
    (void)index;
    put_bytes(&one->reported, bytes, count);
    if (one->reported.count > one->program.limits.report_bytes) {
        one->reported.count = one->program.limits.report_bytes;
        stop(one, HONE_SANDBOX_TOO_MUCH_OUTPUT);
    }
}

static void take_said(running *one, int index, const unsigned char *bytes, size_t count) {
    (void)index;
    put_bytes(&one->said, bytes, count);
}

static void feed(running *one) {
    const block *input = &one->program.input;
    while (one->input >= 0) {
        if (one->input_sent == input->count) {
            close_end(&one->input);
            return;
        }
        ssize_t count = write(one->input, input->bytes + one->input_sent, input->count - one->input_sent);
        if (count > 0)
            one->input_sent += (size_t)count;
        else if (errno == EAGAIN)
            return;
        else if (errno != EINTR)
            close_end(&one->input);
    }
}

// Ends programs that use more than they may together with all that they started.
static void watch(const configuration *settings, running *programs, int count) {
    pid_t roots[MOST_PROGRAMS];
    uint64_t memory[MOST_PROGRAMS] = {0}, processes[MOST_PROGRAMS] = {0};
    for (int index = 0; index < count; index++) roots[index] = programs[index].process;
    process_entry *entries;
    size_t total = descendants(&entries, true);
    for (size_t index = 0; index < total; index++) {
        int root = root_of(entries, total, entries[index].process, roots, count);
        for (int other = 0; other < count; other++) {
            if (root >= 0 && root != other) continue;
            memory[other] += entries[index].memory;
            processes[other] += entries[index].threads;
        }
    }
    free(entries);
    for (int index = 0; index < count; index++) {
        running *one = &programs[index];
        const hone_sandbox_limits *limits = &one->program.limits;
        if (memory[index] > one->peak_kib) one->peak_kib = memory[index];
        if (memory[index] > limits->memory >> 10) stop(one, HONE_SANDBOX_OUT_OF_MEMORY);
        if (has_namespaces(settings)) continue;
        // Where processes are counted for a user, all others of that user could use up what this program leaves.
        if (processes[index] > limits->processes + 4) stop(one, HONE_SANDBOX_TOO_MANY_PROCESSES);
        int parent = open(settings->folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        uint64_t bytes = 0, files = 0;
        measure_folder(parent, one->folder, &bytes, &files);
        close_end(&parent);
        if (bytes > limits->disk_bytes || files > limits->disk_files) stop(one, HONE_SANDBOX_TOO_MUCH_DISK);
    }
}

// Waits for the first process of a program, which is known to have ended, and for everything that it left.
static void reap(const configuration *settings, running *programs, int count, int number, uint64_t began) {
    running *one = &programs[number];
    while (wait4(one->process, &one->wait_status, 0, &one->usage) < 0 && errno == EINTR) {
    }
    one->is_over = true;
    one->wall_microseconds = now_microseconds() - began;
    close_end(&one->handle);
    close_end(&one->input);
    if (!has_namespaces(settings)) {
        pid_t others[MOST_PROGRAMS];
        int other_count = 0;
        for (int other = 0; other < count; other++)
            if (!programs[other].is_over) others[other_count++] = programs[other].process;
        kill_descendants(settings->uid != 0 ? settings->uid + (uid_t)number : 0, others, other_count);
    }
    // All that could write has ended, so that these end now.
    while (one->output >= 0) drain(one, &one->output, take_output, 0);
    while (one->error >= 0) drain(one, &one->error, take_output, 1);
    while (one->report >= 0) drain(one, &one->report, take_report, 0);
    while (one->status >= 0) drain(one, &one->status, take_said, 0);
}

static void add(struct pollfd *list, int *count, int descriptor, short events) {
    if (descriptor < 0) return;
    list[(*count)++] = (struct pollfd){.fd = descriptor, .events = events};
}

static void attend(const configuration *settings, running *programs, int count, uint64_t began) {
    const uint64_t interval = has_namespaces(settings) ? 10000 : 50000;
    uint64_t watched = began;
    while (true) {
        struct pollfd list[1 + 6 * MOST_PROGRAMS];
        int length = 0, alive = 0;
        uint64_t now = now_microseconds(), next = watched + interval;
        add(list, &length, CONTROL, 0);
        for (int index = 0; index < count; index++) {
            running *one = &programs[index];
            if (one->is_over) continue;
            alive++;
            add(list, &length, one->handle, POLLIN);
            add(list, &length, one->input, POLLOUT);
            add(list, &length, one->output, POLLIN);
            add(list, &length, one->error, POLLIN);
            add(list, &length, one->report, POLLIN);
            add(list, &length, one->status, POLLIN);
            uint64_t deadline = began + one->program.limits.wall_milliseconds * 1000;
            if (now >= deadline) stop(one, HONE_SANDBOX_OUT_OF_TIME);
            else if (deadline < next) next = deadline;
        }
        if (alive == 0) return;
        int patience = next > now ? (int)((next - now + 999) / 1000) : 0;
        if (poll(list, (nfds_t)length, patience) < 0 && errno != EINTR) _exit(1);
        if (list[0].revents & (POLLHUP | POLLERR)) {
            // Nobody waits for this any more.
            for (int index = 0; index < count; index++) stop(&programs[index], HONE_SANDBOX_DISMISSED);
        }
        for (int index = 0; index < count; index++) {
            running *one = &programs[index];
            if (one->is_over) continue;
            feed(one);
            drain(one, &one->output, take_output, 0);
            drain(one, &one->error, take_output, 1);
            drain(one, &one->report, take_report, 0);
            drain(one, &one->status, take_said, 0);
            struct pollfd ended = {.fd = one->handle, .events = POLLIN};
            if (poll(&ended, 1, 0) == 1) {
                reap(settings, programs, count, index, began);
                for (int other = 1; index == 0 && other < count; other++)
                    stop(&programs[other], HONE_SANDBOX_DISMISSED);
            }
        }
        if (now_microseconds() >= watched + interval) {
            watch(settings, programs, count);
            watched = now_microseconds();
        }
    }
}

// MARK: Answering

static void put_capture(buffer *answer, const capture *text, size_t limit) {
    put_u64(answer, text->written);
    put_block(answer, text->head.bytes, text->head.count);
    put_u32(answer, (uint32_t)text->tail_count);
    size_t first = text->tail_count;
    if (limit > 0 && text->tail_start + first > limit) first = limit - text->tail_start;
    put_bytes(answer, text->tail == NULL ? NULL : text->tail + text->tail_start, first);
    if (text->tail_count > first) put_bytes(answer, text->tail, text->tail_count - first);
}

// What the first process said of the end; or what is known where it is the program itself.
static int learn_end(const configuration *settings, running *one, end_record *record, failure *failure) {
    if (one->said.count >= sizeof *record) {
        memcpy(record, one->said.bytes, sizeof *record);
        if (record->is_failure) {
            *failure = record->failure;
            return -1;
        }
        return 0;
    }
    *record = (end_record){.wait_status = one->wait_status, .returned = -1};
    record->peak_kib = (uint64_t)one->usage.ru_maxrss;
    record->processor_microseconds = (uint64_t)(one->usage.ru_utime.tv_sec + one->usage.ru_stime.tv_sec) * 1000000 +
                                     (uint64_t)(one->usage.ru_utime.tv_usec + one->usage.ru_stime.tv_usec);
    if (!has_namespaces(settings) || one->end != HONE_SANDBOX_EXITED) return 0;
    errno = ECHILD;
    return failed(failure, "the first process of the namespaces ended", NULL);
}

static void put_returned(const configuration *settings, running *one, const end_record *record, buffer *answer) {
    if (has_namespaces(settings)) {
        size_t count = one->said.count > sizeof *record ? one->said.count - sizeof *record : 0;
        bool is_whole = record->returned >= 0 && count == (uint64_t)record->returned;
        put_block(answer, one->said.bytes + (is_whole ? sizeof *record : 0), is_whole ? count : 0);
        put_u32(answer, is_whole);
        return;
    }
    int parent = open(settings->folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int folder = openat(parent, one->folder, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    int64_t size;
    int file = open_returned(&one->program, folder, &size);
    unsigned char *bytes = file >= 0 ? malloc((size_t)size + 1) : NULL;
    bool is_whole = bytes != NULL && read(file, bytes, (size_t)size) == size;
    put_block(answer, bytes, is_whole ? (size_t)size : 0);
    put_u32(answer, is_whole);
    free(bytes);
    close_end(&file);
    close_end(&folder);
    close_end(&parent);
}

static void put_failure(buffer *answer, const failure *failure) {
    put_u32(answer, 1);
    put_u32(answer, (uint32_t)failure->error);
    put_block(answer, failure->stage, strnlen(failure->stage, sizeof failure->stage));
}

static int put_answer(const configuration *settings, running *programs, int count, buffer *answer, failure *failure) {
    put_u32(answer, 0);
    for (int index = 0; index < count; index++) {
        running *one = &programs[index];
        end_record record;
        if (learn_end(settings, one, &record, failure) != 0) return -1;
        uint32_t end = one->end;
        int32_t status = WIFSIGNALED(record.wait_status) ? WTERMSIG(record.wait_status) : WEXITSTATUS(record.wait_status);
        if (end == HONE_SANDBOX_EXITED && WIFSIGNALED(record.wait_status)) end = HONE_SANDBOX_SIGNALLED;
        put_u32(answer, end);
        put_u32(answer, (uint32_t)status);
        put_u64(answer, one->wall_microseconds);
        put_u64(answer, record.processor_microseconds);
        put_u64(answer, record.peak_kib > one->peak_kib ? record.peak_kib : one->peak_kib);
        for (int text = 0; text < 2; text++)
            put_capture(answer, &one->texts[text], one->program.limits.kept_bytes);
        put_block(answer, one->reported.bytes, one->reported.count);
        put_returned(settings, one, &record, answer);
    }
    return 0;
}

static void run(const configuration *settings, reader *request, buffer *answer) {
    running programs[MOST_PROGRAMS];
    failure failure = {0};
    uint32_t count = take_u32(request);
    if (count < 1 || count > MOST_PROGRAMS) _exit(1);
    plumbing inner[MOST_PROGRAMS];
    int outcome = 0, started = 0;
    for (uint32_t index = 0; index < count; index++) {
        programs[index] = (running){.input = -1,
            .output = -1,
            .error = -1,
            .report = -1,
            .status = -1,
            .handle = -1,
            .wait_status = SIGKILL};
        inner[index] = (plumbing){.ends = {-1, -1, -1, -1, -1, -1}, .status = -1};
        read_program(&programs[index].program, request);
        if (programs[index].program.arguments[0] == NULL) request->is_damaged = true;
    }
    if (request->is_damaged) _exit(1);
    if (count == 2) {
        int there[2], back[2];
        if (pipe2(there, O_CLOEXEC) != 0 || pipe2(back, O_CLOEXEC) != 0) _exit(1);
        inner[0].ends[5] = there[1], inner[1].ends[4] = there[0];
        inner[1].ends[5] = back[1], inner[0].ends[4] = back[0];
    }
    uint64_t began = now_microseconds();
    for (uint32_t index = 0; index < count && outcome == 0; index++) {
        outcome = start(settings, &programs[index], (int)index, &inner[index], &failure);
        if (outcome == 0) started++;
        // One that was started keeps its own; the other's ends of the links stay open until it is started too.
        for (int end = 0; end < 4; end++) close_end(&inner[index].ends[end]);
        close_end(&inner[index].status);
    }
    for (uint32_t index = 0; index < count; index++)
        for (int end = 4; end < 6; end++) close_end(&inner[index].ends[end]);
    if (outcome != 0)
        for (uint32_t index = 0; index < count; index++) {
            if (programs[index].process > 0) kill(programs[index].process, SIGKILL);
        }
    attend(settings, programs, started, began);
    if (outcome == 0) outcome = put_answer(settings, programs, (int)count, answer, &failure);
    if (outcome != 0) {
        answer->count = 0;
        put_failure(answer, &failure);
    }
    int parent = has_namespaces(settings) ? -1 : open(settings->folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    for (uint32_t index = 0; index < count; index++) {
        if (parent >= 0 && programs[index].folder[0] != 0) remove_folder(parent, programs[index].folder);
        free_running(&programs[index]);
    }
    close_end(&parent);
}

// MARK: The supervisor

static _Noreturn void serve(const configuration *settings) {
    buffer answer = {0};
    put_u32(&answer, 0);
    put_u32(&answer, settings->features);
    put_u32(&answer, (uint32_t)hone_sandbox_landlock_version());
    while (send_frame(CONTROL, &answer) == 0) {
        // Nobody keeps the memory of an unusual program.
        if (answer.capacity > 8 << 20) {
            free(answer.bytes);
            answer = (buffer){0};
        }
        answer.count = 0;
        size_t count;
        unsigned char *message = receive_frame(CONTROL, &count);
        if (message == NULL) break;
        reader request = {.next = message, .end = message + count};
        if (take_u32(&request) != 2) break;
        run(settings, &request, &answer);
        free(message);
    }
    // A run that was killed has not removed it; of several supervisors, the last that ends does.
    if (!has_namespaces(settings)) rmdir(settings->folder);
    _exit(0);
}

static _Noreturn void refuse(const failure *failure) {
    buffer answer = {0};
    put_failure(&answer, failure);
    send_frame(CONTROL, &answer);
    _exit(1);
}

// The process that serves lives in the namespaces; this one only waits for it, and takes it along when it is ended.
static void enter_namespaces(configuration *settings) {
    failure failure;
    uid_t user = geteuid();
    gid_t group = getegid();
    unsigned long flags = CLONE_NEWPID | CLONE_NEWNS | CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWUTS;
    bool has_user_namespace = settings->way == HONE_SANDBOX_USER;
    pid_t child = clone_process(flags | (has_user_namespace ? CLONE_NEWUSER : 0));
    if (child < 0) {
        failed(&failure, has_user_namespace ? "clone (user namespace)" : "clone (namespaces)", NULL);
        refuse(&failure);
    }
    if (child > 0) {
        close(CONTROL);
        while (waitpid(child, NULL, 0) < 0 && errno == EINTR) {
        }
        _exit(0);
    }
    prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
    if (has_user_namespace && map_user(user, group, &failure) != 0) refuse(&failure);
    if (enter_private_root(settings, &failure) != 0) refuse(&failure);
    prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
}

static _Noreturn void supervise(void) {
    size_t count;
    failure failure;
    prctl(PR_SET_NAME, "hone-sandbox", 0, 0, 0);
    // A program that is gone is seen where its pipe is written to.
    signal(SIGPIPE, SIG_IGN);
    signal(SIGINT, SIG_IGN);
    signal(SIGTERM, SIG_IGN);
    signal(SIGHUP, SIG_IGN);
    struct rlimit files;
    if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
        files.rlim_cur = files.rlim_max;
        setrlimit(RLIMIT_NOFILE, &files);
    }
    // Short of memory, the machine is to end what was started here, and not the training.
    int score = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);
    if (score >= 0) {
        if (write(score, "1000", 4) < 0) errno = 0;
        close(score);
    }
    fcntl(CONTROL, F_SETFD, FD_CLOEXEC);
    unsigned char *message = receive_frame(CONTROL, &count);
    if (message == NULL) _exit(0);
    reader request = {.next = message, .end = message + count};
    configuration settings = {0};
    if (take_u32(&request) != 1) _exit(1);
    settings.way = take_u32(&request);
    settings.uid = take_u32(&request);
    settings.blocked = take_u32(&request);
    settings.folder = take_text(&request);
    settings.readable = take_texts(&request);
    if (request.is_damaged) _exit(1);
    free(message);
    if (settings.blocked != 0 && install_block(settings.blocked) != 0) {
        failed(&failure, "seccomp (as asked by a test)", NULL);
        refuse(&failure);
    }
    if (geteuid() == 0 && settings.uid == 0) {
        // The kernel limits the processes of every user but this one.
        errno = EINVAL;
        failed(&failure, "a program would run as root", NULL);
        refuse(&failure);
    }
    if (settings.way == HONE_SANDBOX_USER && settings.uid != 0) {
        if (drop_user(settings.uid, &failure) != 0) refuse(&failure);
        // Or the files of this process in /proc would be root's.
        prctl(PR_SET_DUMPABLE, 1, 0, 0, 0);
    }
    if (has_namespaces(&settings)) {
        enter_namespaces(&settings);
    } else {
        prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
        settings.features |= HONE_SANDBOX_HAS_PROC | HONE_SANDBOX_SEES_MEMORY;
    }
    serve(&settings);
}

// Before `main` of whatever program this is linked into, so that every executable of Hone, of a user and of the tests
// is its own supervisor, wherever it is installed.
__attribute__((constructor)) static void become_supervisor(void) {
    if (getenv(MARK) != NULL) supervise();
}
