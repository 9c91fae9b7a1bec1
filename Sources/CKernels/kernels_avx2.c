#include <math.h>

#include "ckernels.h"
#include "tables.h"

#if defined(__x86_64__)
#define TABLE_NAME "avx2"
#define HONE_AVX2
#pragma clang attribute push(__attribute__((target("avx2,fma,f16c"))), apply_to = function)
#include "kernels.inc"
#pragma clang attribute pop

const hone_kernel_table *hone_table_avx2(void) { return &table; }
#endif
