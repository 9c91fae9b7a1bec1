#include <math.h>

#include "ckernels.h"
#include "tables.h"

#if defined(__x86_64__)
#define TABLE_NAME "avx2"
#define TILE_ROWS 6
#define TILE_VECTORS 1
#define SMALL_VECTORS 2
#define SMALL_ROWS(vectors) ((vectors) == 2 ? 3 : 6)
#define HONE_AVX2
#pragma clang attribute push(__attribute__((target("avx2,fma,f16c"))), apply_to = function)
#include "kernels.inc"
#pragma clang attribute pop

const hone_kernel_table *hone_table_avx2(void) { return &table; }
#endif
