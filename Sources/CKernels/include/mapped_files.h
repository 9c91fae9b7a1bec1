#ifndef HONE_MAPPED_FILES_H
#define HONE_MAPPED_FILES_H

#include <stddef.h>

// What becomes of the process when a mapped file shrinks while it is read.
//
// Reading beyond the end of a mapped file is a signal, SIGBUS, whose default is to end the process without a word. Where
// a mapping has been watched, `message` is written to standard error instead and the process ends with `status`.

// Watches a mapping; `message` must live until the mapping is forgotten. Returns 0 where no room is left.
int hone_watch_mapping(const void *start, size_t size, const char *message, int status);

// No longer watches the mapping that begins at `start`.
void hone_forget_mapping(const void *start);

#endif
