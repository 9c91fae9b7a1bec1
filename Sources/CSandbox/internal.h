#pragma once
#include "include/csandbox.h"

#include <stdbool.h>
#include <stddef.h>

// Where it went wrong; sent to whoever asked.
typedef struct {
    int error;
    char stage[120];
} failure;

// Notes errno and what was tried; gives -1.
int failed(failure *failure, const char *stage, const char *detail);

// MARK: messages.c

typedef struct {
    unsigned char *bytes;
    size_t count, capacity;
} buffer;

typedef struct {
    const unsigned char *next, *end;
    bool is_damaged;
} reader;

typedef struct {
    const unsigned char *bytes;
    uint32_t count;
} block;

void put_bytes(buffer *, const void *, size_t);
void put_u32(buffer *, uint32_t);
void put_u64(buffer *, uint64_t);
void put_block(buffer *, const void *, size_t);
uint32_t take_u32(reader *);
uint64_t take_u64(reader *);
block take_block(reader *);
// Ends with 0; owned by the caller.
char *take_text(reader *);
// Ends with NULL; owned by the caller.
char **take_texts(reader *);
// Gives the message's bytes, owned by the caller; NULL when the other side is gone.
unsigned char *receive_frame(int socket, size_t *count);
// Gives 0, or -1 when the other side is gone.
int send_frame(int socket, const buffer *);
int write_all(int descriptor, const void *, size_t);

// MARK: filter.c

typedef struct {
    // Sockets of the machine itself are harmless where the network is private.
    bool allows_local_sockets;
    // Where nothing else keeps signals in: only this process may be sent any. 0 for no such rule.
    pid_t only_signalled;
} filter_options;

int install_filter(filter_options);
// Denies what HONE_SANDBOX_NO_… name.
int install_block(uint32_t blocked);

// MARK: landlock.c

// From now on this process and its children only read what lies below `readable` and only write below `writable`
// (each ends with NULL), and signal nobody outside. Gives 0, or -1 with errno.
int restrict_files(const char *const *readable, const char *const *writable);

// MARK: processes.c

typedef struct {
    pid_t process, parent;
    uint32_t threads;
    // KiB that belong to it alone or to no file; only read on request.
    uint64_t memory;
} process_entry;

// All that descend from this process; the caller frees them. 0 when /proc cannot be read.
size_t descendants(process_entry **, bool with_memory);
// The process among `roots` that `entry` descends from, as an index; -1 for an orphan of any.
int root_of(const process_entry *entries, size_t count, pid_t process, const pid_t *roots, int root_count);
// Threads of a user on this machine.
uint64_t threads_of(uid_t);
// Ends all that descend from this process but not from one that is spared, and reaps them; all of `user` too where that
// is not 0.
void kill_descendants(uid_t user, const pid_t *spared, int spared_count);
void remove_folder(int parent, const char *name);
// Bytes and entries below a folder.
void measure_folder(int parent, const char *name, uint64_t *bytes, uint64_t *entries);

// MARK: namespaces.c

typedef struct {
    uint32_t way, uid, blocked, features;
    char *folder;
    char **readable;
} configuration;

bool has_namespaces(const configuration *);
// Moves this process into a root of its own. Only called in fresh namespaces.
int enter_private_root(configuration *, failure *);
// Writes the maps of a fresh user namespace.
int map_user(uid_t, gid_t, failure *);
int drop_user(uid_t, failure *);

// MARK: program.c

typedef struct {
    hone_sandbox_limits limits;
    char **arguments, **variables;
    struct input_file {
        char *name;
        uint32_t mode;
        block content;
    } *files;
    uint32_t file_count;
    block input;
    char *returned;
} program;

// Descriptors that become 0 to 5 of the program; -1 for none.
typedef struct {
    int ends[6];
    // Where a failure, and then the end, are written.
    int status;
} plumbing;

// What the first process of a program writes to `status`.
typedef struct {
    uint32_t is_failure;
    failure failure;
    int32_t wait_status;
    uint64_t processor_microseconds, peak_kib;
    // Bytes of the returned file that follow; -1 for none.
    int64_t returned;
} end_record;

// In a fresh process, never returns: the first process of a program's namespaces.
_Noreturn void run_in_namespaces(const configuration *, const program *, const plumbing *, uid_t user);
// The same without namespaces: becomes the program. `folder` is where it works.
_Noreturn void run_in_folder(
    const configuration *, const program *, const plumbing *, uid_t user, const char *folder, uint64_t other_threads);
int write_files(const program *, int folder, uid_t user, failure *);
// Opens what a program leaves to be brought back; -1 for none.
int open_returned(const program *, int folder, int64_t *size);
