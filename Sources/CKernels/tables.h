#pragma once
#include "ckernels.h"

const hone_kernel_table *hone_table_avx512_bf16(void);
const hone_kernel_table *hone_table_avx512(void);
const hone_kernel_table *hone_table_avx2(void);
const hone_kernel_table *hone_table_plain(void);
