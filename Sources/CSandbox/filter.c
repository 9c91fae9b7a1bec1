#define _GNU_SOURCE
#include "internal.h"

#include <errno.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <stddef.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#if defined(__x86_64__)
#define OWN_ARCHITECTURE AUDIT_ARCH_X86_64
#elif defined(__aarch64__)
#define OWN_ARCHITECTURE AUDIT_ARCH_AARCH64
#else
#error "the filter of system calls knows x86-64 and ARM64"
#endif

#ifndef CLONE_NEWTIME
#define CLONE_NEWTIME 0x80
#endif
#ifndef CLONE_NEWCGROUP
#define CLONE_NEWCGROUP 0x02000000
#endif
#define NEW_NAMESPACES                                                                                            \
    (CLONE_NEWNS | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWUSER | CLONE_NEWPID | CLONE_NEWNET | CLONE_NEWCGROUP | \
        CLONE_NEWTIME)

// Never needed to compute something, and each a way out that was used before. Numbers above 423 are the same on all
// architectures; headers may be older than the kernel.
static const int denied[] = {
    // Mounts, roots and namespaces.
    SYS_mount, SYS_umount2, SYS_pivot_root, SYS_chroot, SYS_unshare, SYS_setns, 428 /* open_tree */,
    429 /* move_mount */, 430 /* fsopen */, 431 /* fsconfig */, 432 /* fsmount */, 433 /* fspick */,
    442 /* mount_setattr */, 467 /* open_tree_attr */,
    // Other processes.
    SYS_ptrace, SYS_process_vm_readv, SYS_process_vm_writev, SYS_kcmp, 438 /* pidfd_getfd */,
    440 /* process_madvise */, 448 /* process_mrelease */, SYS_move_pages, SYS_migrate_pages,
    // Kernel.
    SYS_bpf, SYS_perf_event_open, SYS_userfaultfd, 425, 426, 427 /* io_uring */, SYS_kexec_load,
#ifdef SYS_kexec_file_load
    SYS_kexec_file_load,
#endif
    SYS_init_module, SYS_finit_module, SYS_delete_module, SYS_reboot, SYS_swapon, SYS_swapoff, SYS_acct, SYS_syslog,
    SYS_personality, SYS_quotactl, 443 /* quotactl_fd */, SYS_vhangup, SYS_fanotify_init,
#ifdef SYS_modify_ldt
    SYS_modify_ldt,
#endif
#ifdef SYS_iopl
    SYS_iopl, SYS_ioperm,
#endif
    // Keys, handles, clocks, names.
    SYS_add_key, SYS_request_key, SYS_keyctl, SYS_name_to_handle_at, SYS_open_by_handle_at, SYS_clock_settime,
    SYS_settimeofday, SYS_sethostname, SYS_setdomainname,
    // Memory that no limit of a process counts.
    SYS_shmget, SYS_msgget, SYS_semget, SYS_mq_open,
};

// What programs do without when the kernel does not know it.
static const int unknown[] = {435 /* clone3 */, SYS_memfd_create, 447 /* memfd_secret */};

typedef struct {
    struct sock_filter code[512];
    unsigned short count;
} assembly;

static void emit(assembly *to, struct sock_filter instruction) { to->code[to->count++] = instruction; }

static void load(assembly *to, size_t offset) {
    emit(to, (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, (unsigned)offset));
}

static void result(assembly *to, uint32_t action) {
    emit(to, (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, action));
}

// `action` when the value that was loaded is `value`.
static void when(assembly *to, uint32_t value, uint32_t action) {
    emit(to, (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, value, 0, 1));
    result(to, action);
}

static void when_any(assembly *to, uint32_t bits, uint32_t action) {
    emit(to, (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, bits, 0, 1));
    result(to, action);
}

static void load_number(assembly *to) { load(to, offsetof(struct seccomp_data, nr)); }
// The lower half of an argument; no argument looked at here has more.
static void load_argument(assembly *to, int index) {
    load(to, offsetof(struct seccomp_data, args) + 8 * (size_t)index);
}

// Starts rules that hold for one call; `finish` says what becomes of it otherwise.
static unsigned short begin(assembly *to, int number) {
    load_number(to);
    emit(to, (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (unsigned)number, 0, 0));
    return to->count;
}

static void finish(assembly *to, unsigned short start, uint32_t action) {
    result(to, action);
    to->code[start - 1].jf = (unsigned char)(to->count - start);
}

static void begin_program(assembly *to) {
    load(to, offsetof(struct seccomp_data, arch));
    emit(to, (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, OWN_ARCHITECTURE, 1, 0));
    result(to, SECCOMP_RET_KILL_PROCESS);
    load_number(to);
#if defined(__x86_64__)
    // The 32-bit calls of x32 have numbers of their own.
    emit(to, (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, 0x40000000, 0, 1));
    result(to, SECCOMP_RET_KILL_PROCESS);
#endif
}

static int install(assembly *program) {
    struct sock_fprog filter = {.len = program->count, .filter = program->code};
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) return -1;
    return (int)syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &filter);
}

int install_filter(filter_options options) {
    const uint32_t allow = SECCOMP_RET_ALLOW, no = SECCOMP_RET_ERRNO | EPERM, missing = SECCOMP_RET_ERRNO | ENOSYS;
    assembly program = {.count = 0};
    begin_program(&program);
    for (size_t index = 0; index < sizeof denied / sizeof *denied; index++) when(&program, (unsigned)denied[index], no);
    for (size_t index = 0; index < sizeof unknown / sizeof *unknown; index++)
        when(&program, (unsigned)unknown[index], missing);

    unsigned short rule = begin(&program, SYS_clone);
    load_argument(&program, 0);
    when_any(&program, NEW_NAMESPACES, no);
    finish(&program, rule, allow);

    rule = begin(&program, SYS_socket);
    load_argument(&program, 0);
    if (options.allows_local_sockets) when(&program, AF_UNIX, allow);
    finish(&program, rule, no);

    rule = begin(&program, SYS_ioctl);
    load_argument(&program, 1);
    when(&program, TIOCSTI, no);
    when(&program, 0x541C /* TIOCLINUX */, no);
    finish(&program, rule, allow);

    if (options.only_signalled != 0) {
        // The process group (0) is its own, as it leads a session.
        const int one[] = {SYS_kill, SYS_tgkill, SYS_rt_sigqueueinfo, SYS_rt_tgsigqueueinfo};
        for (size_t index = 0; index < sizeof one / sizeof *one; index++) {
            rule = begin(&program, one[index]);
            load_argument(&program, 0);
            when(&program, (unsigned)options.only_signalled, allow);
            if (one[index] == SYS_kill) when(&program, 0, allow);
            finish(&program, rule, no);
        }
        load_number(&program);
        when(&program, SYS_tkill, no);
        when(&program, 424 /* pidfd_send_signal */, no);
    }
    result(&program, allow);
    return install(&program);
}

int install_block(uint32_t blocked) {
    const uint32_t no = SECCOMP_RET_ERRNO | EPERM;
    assembly program = {.count = 0};
    begin_program(&program);
    if (blocked & HONE_SANDBOX_NO_NAMESPACES) {
        load_number(&program);
        when(&program, SYS_unshare, no);
        unsigned short rule = begin(&program, SYS_clone);
        load_argument(&program, 0);
        when_any(&program, NEW_NAMESPACES, no);
        finish(&program, rule, SECCOMP_RET_ALLOW);
    }
    load_number(&program);
    if (blocked & HONE_SANDBOX_NO_MOUNTS) when(&program, SYS_mount, no);
    if (blocked & HONE_SANDBOX_NO_LANDLOCK) when(&program, 444, SECCOMP_RET_ERRNO | ENOSYS);
    if (blocked & HONE_SANDBOX_NO_FILTER) when(&program, SYS_seccomp, no);
    result(&program, SECCOMP_RET_ALLOW);
    return install(&program);
}
