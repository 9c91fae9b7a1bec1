#include <math.h>

#include "ckernels.h"
#include "tables.h"

#if defined(__x86_64__)
#define TABLE_NAME "avx512"
#define TILE_ROWS 8
#define TILE_VECTORS 3
#define SMALL_VECTORS 4
#define SMALL_ROWS(vectors) ((vectors) == 4 ? 6 : (vectors) == 3 ? 8 : (vectors) == 2 ? 12 : 16)
#define HONE_AVX512
#pragma clang attribute push(__attribute__((target("avx2,fma,f16c,avx512f,avx512bw,avx512dq,avx512vl"))), apply_to = function)
#include "kernels.inc"
#pragma clang attribute pop

const hone_kernel_table *hone_table_avx512(void) { return &table; }

// The same table with the instruction for pairs of bf16, which later processors have.
#pragma clang attribute push( \
    __attribute__((target("avx2,fma,f16c,avx512f,avx512bw,avx512dq,avx512vl,avx512bf16"))), apply_to = function)
#define PRODUCT_NAME instruction_rows
#define PRODUCT_PAIRS 1
typedef __bf16 bf16_pairs __attribute__((vector_size(64)));
#define PRODUCT_ADD(a, b, sum) __builtin_ia32_dpbf16ps_512(sum, (bf16_pairs)(a), (bf16_pairs)(b))
#include "product_tiles.inc"
#pragma clang attribute pop

static hone_kernel_table table_bf16;

const hone_kernel_table *hone_table_avx512_bf16(void) { return &table_bf16; }

__attribute__((constructor)) static void make_table(void) {
    table_bf16 = table;
    table_bf16.name = "avx512_bf16";
    table_bf16.multiply_rows[1] = instruction_rows;
}
#endif
