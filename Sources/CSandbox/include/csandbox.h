// Runs programs that nobody trusts. A supervisor is this executable again, in a process of its own with nothing of the
// parent's: no variables, no descriptors. It is asked over a socket, and starts every program in fresh namespaces.
//
// Frames go both ways: a length (32 bits), then so many bytes. Numbers are little-endian; a text or a block of bytes is
// its length (32 bits) and itself; a list is its count (32 bits) and its elements.
//
//   configure   u32 1, u32 way, u32 uid, u32 blocked, text folder, list of readable paths
//   configured  u32 0, u32 features, u32 landlock version           or     u32 1, u32 errno, text what failed
//   run         u32 2, list of programs: 13 u64 limits (hone_sandbox_limits), list of arguments, list of variables,
//               list of files (text name, u32 mode, bytes), bytes of standard input, text name of the file to bring back
//   ran         u32 0, for each program: u32 end, i32 status, u64 wall µs, u64 processor µs, u64 peak KiB,
//               twice (output, error): u64 bytes written, head, tail; bytes of report, bytes of file, u32 has file
//               or u32 1, u32 errno, text what failed
//
// Of two programs, each writes to its descriptor 5 what the other reads from its descriptor 4; the first decides when
// both end. What a program writes to descriptor 3 is its report.
#pragma once
#include <stdint.h>
#include <sys/types.h>

// How a program is kept in. The first two give the same.
enum {
    // Namespaces made by root; the program has a user of its own.
    HONE_SANDBOX_ROOT = 1,
    // Namespaces made inside a user namespace.
    HONE_SANDBOX_USER = 2,
    // Landlock, a filter of system calls, limits.
    HONE_SANDBOX_RULES = 3,
    // A filter of system calls and limits only.
    HONE_SANDBOX_FILTER = 4,
};

// What a test takes away from a supervisor, as a container, a policy or an old kernel would.
enum {
    HONE_SANDBOX_NO_NAMESPACES = 1,
    HONE_SANDBOX_NO_MOUNTS = 2,
    HONE_SANDBOX_NO_LANDLOCK = 4,
    HONE_SANDBOX_NO_FILTER = 8,
};

// What a supervisor found.
enum {
    // The program has a /proc of its own.
    HONE_SANDBOX_HAS_PROC = 1,
    // The supervisor sees how much memory the program uses, all its processes together.
    HONE_SANDBOX_SEES_MEMORY = 2,
};

// How a program ended.
enum {
    HONE_SANDBOX_EXITED = 0,
    HONE_SANDBOX_SIGNALLED = 1,
    HONE_SANDBOX_OUT_OF_TIME = 2,
    HONE_SANDBOX_OUT_OF_MEMORY = 3,
    HONE_SANDBOX_TOO_MUCH_OUTPUT = 4,
    HONE_SANDBOX_TOO_MUCH_DISK = 5,
    HONE_SANDBOX_TOO_MANY_PROCESSES = 6,
    // Because the first program had ended.
    HONE_SANDBOX_DISMISSED = 7,
};

// In this order on the wire.
typedef struct {
    uint64_t wall_milliseconds;
    uint64_t processor_seconds;
    // Of each process; 0 for no limit.
    uint64_t address_space;
    // Of all its processes together, in bytes.
    uint64_t memory;
    uint64_t processes;
    uint64_t descriptors;
    uint64_t file_bytes;
    uint64_t disk_bytes;
    uint64_t disk_files;
    // Bytes of output and error together after which it is ended.
    uint64_t output_bytes;
    // Bytes of each that are kept at the beginning, and as many at the end.
    uint64_t kept_bytes;
    uint64_t report_bytes;
    // Of the file that is brought back.
    uint64_t returned_bytes;
} hone_sandbox_limits;

// Starts a supervisor and gives the socket to ask it, closed when a program is executed. It ends when the socket is
// closed. Gives -errno when it cannot be started.
int hone_sandbox_start(pid_t *process);

// The version of Landlock that the kernel has; 0 for none.
int hone_sandbox_landlock_version(void);
