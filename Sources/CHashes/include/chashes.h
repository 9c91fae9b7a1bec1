#pragma once

#include <stddef.h>
#include <stdint.h>

// Adds whole blocks of 64 bytes to the state of a SHA-256 by the instructions that processors have for it. Returns 0, and
// has done nothing, where this processor has none.
int hone_sha256_blocks(uint32_t state[8], const uint8_t *blocks, size_t count);
