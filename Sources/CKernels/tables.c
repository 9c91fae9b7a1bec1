#include "tables.h"

int hone_kernel_tables(const hone_kernel_table *tables[HONE_MOST_TABLES]) {
    int count = 0;
#if defined(__x86_64__)
    __builtin_cpu_init();
    const int avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
    const int avx512 = avx2 && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
                       __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl");
    if (avx512 && __builtin_cpu_supports("avx512bf16")) tables[count++] = hone_table_avx512_bf16();
    if (avx512) tables[count++] = hone_table_avx512();
    if (avx2) tables[count++] = hone_table_avx2();
#endif
    tables[count++] = hone_table_plain();
    return count;
}

int64_t hone_attention_scratch(int64_t head_size, int64_t keys) {
    const int64_t padded = (head_size + 15) / 16 * 16, lanes = 64;
    return 5 * lanes * padded + 2 * lanes * HONE_KEY_BLOCK + 4 * lanes + 4 * (keys + HONE_KEY_BLOCK) * padded;
}

void hone_philox(const uint32_t counter[4], const uint32_t key[2], uint32_t output[4]) {
    uint32_t c0 = counter[0], c1 = counter[1], c2 = counter[2], c3 = counter[3], k0 = key[0], k1 = key[1];
    for (int round = 0; round < 10; round++) {
        const uint64_t first = (uint64_t)0xD2511F53 * c0, second = (uint64_t)0xCD9E8D57 * c2;
        const uint32_t n0 = (uint32_t)(second >> 32) ^ c1 ^ k0, n2 = (uint32_t)(first >> 32) ^ c3 ^ k1;
        c1 = (uint32_t)second;
        c3 = (uint32_t)first;
        c0 = n0;
        c2 = n2;
        k0 += 0x9E3779B9;
        k1 += 0xBB67AE85;
    }
    output[0] = c0;
    output[1] = c1;
    output[2] = c2;
    output[3] = c3;
}
