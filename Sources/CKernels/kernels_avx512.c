#include <math.h>

#include "ckernels.h"
#include "tables.h"

#if defined(__x86_64__)
#define TABLE_NAME "avx512"
#define HONE_AVX512
#define PRODUCT_COLUMNS 16
#pragma clang attribute push(__attribute__((target("avx2,fma,f16c,avx512f,avx512bw,avx512dq,avx512vl"))), apply_to = function)
#include "kernels.inc"
#pragma clang attribute pop

const hone_kernel_table *hone_table_avx512(void) { return &table; }
#endif
