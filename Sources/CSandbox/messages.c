#include "internal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

// More than any program with its files and input has.
static const uint32_t frame_limit = 512u << 20;

void put_bytes(buffer *to, const void *bytes, size_t count) {
    if (to->count + count > to->capacity) {
        to->capacity = (to->count + count) * 2 + 256;
        to->bytes = realloc(to->bytes, to->capacity);
        // Nothing is lost with the supervisor: whoever asked is told that it is gone.
        if (to->bytes == NULL) _exit(1);
    }
    if (count > 0) memcpy(to->bytes + to->count, bytes, count);
    to->count += count;
}

void put_u32(buffer *to, uint32_t value) { put_bytes(to, &value, sizeof value); }
void put_u64(buffer *to, uint64_t value) { put_bytes(to, &value, sizeof value); }

void put_block(buffer *to, const void *bytes, size_t count) {
    put_u32(to, (uint32_t)count);
    put_bytes(to, bytes, count);
}

static bool take(reader *from, void *value, size_t count) {
    if (from->is_damaged || (size_t)(from->end - from->next) < count) {
        from->is_damaged = true;
        memset(value, 0, count);
        return false;
    }
    memcpy(value, from->next, count);
    from->next += count;
    return true;
}

uint32_t take_u32(reader *from) {
    uint32_t value;
    take(from, &value, sizeof value);
    return value;
}

uint64_t take_u64(reader *from) {
    uint64_t value;
    take(from, &value, sizeof value);
    return value;
}

block take_block(reader *from) {
    block block = {.bytes = from->next, .count = take_u32(from)};
    if (from->is_damaged || (size_t)(from->end - from->next) < block.count) {
        from->is_damaged = true;
        block.count = 0;
        return block;
    }
    block.bytes = from->next;
    from->next += block.count;
    return block;
}

char *take_text(reader *from) {
    block block = take_block(from);
    char *text = malloc((size_t)block.count + 1);
    if (text == NULL) _exit(1);
    if (block.count > 0) memcpy(text, block.bytes, block.count);
    text[block.count] = 0;
    return text;
}

char **take_texts(reader *from) {
    uint32_t count = take_u32(from);
    // Each takes four bytes at least.
    if (count > (size_t)(from->end - from->next) / 4) from->is_damaged = true;
    if (from->is_damaged) count = 0;
    char **texts = calloc((size_t)count + 1, sizeof *texts);
    if (texts == NULL) _exit(1);
    for (uint32_t index = 0; index < count; index++) texts[index] = take_text(from);
    return texts;
}

static int read_all(int socket, unsigned char *bytes, size_t count) {
    while (count > 0) {
        ssize_t got = read(socket, bytes, count);
        if (got < 0 && errno == EINTR) continue;
        if (got <= 0) return -1;
        bytes += got;
        count -= (size_t)got;
    }
    return 0;
}

unsigned char *receive_frame(int socket, size_t *count) {
    uint32_t length;
    if (read_all(socket, (unsigned char *)&length, sizeof length) < 0 || length > frame_limit) return NULL;
    unsigned char *bytes = malloc((size_t)length + 1);
    if (bytes == NULL) return NULL;
    if (read_all(socket, bytes, length) < 0) {
        free(bytes);
        return NULL;
    }
    *count = length;
    return bytes;
}

int write_all(int descriptor, const void *bytes, size_t count) {
    const char *next = bytes;
    while (count > 0) {
        ssize_t written = write(descriptor, next, count);
        if (written < 0 && errno == EINTR) continue;
        if (written <= 0) return -1;
        next += written;
        count -= (size_t)written;
    }
    return 0;
}

int send_frame(int socket, const buffer *message) {
    uint32_t length = (uint32_t)message->count;
    if (write_all(socket, &length, sizeof length) < 0) return -1;
    return write_all(socket, message->bytes, message->count);
}
