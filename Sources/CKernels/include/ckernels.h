// The hot loops of Hone: one table of functions for each instruction set, and a pool of threads.
//
// Every function of a table computes the same bits in every table: the source is written once, in vectors of sixteen
// floats with explicit fused multiply-adds, and compiled once for each instruction set (kernels_*.c). The plain table
// is therefore the oracle of the others. Unless a comment says otherwise matrices are row-major and contiguous,
// numbers are float32, and outputs do not overlap inputs.
#pragma once
#include <stddef.h>
#include <stdint.h>

typedef enum {
    HONE_EXP,
    HONE_LOG,
    HONE_TANH,
    HONE_SIGMOID,
    HONE_LOG_SIGMOID,
    HONE_SILU,
    HONE_GELU_TANH,
    HONE_RELU,
    HONE_SQUARE,
    HONE_SQRT,
    HONE_NEGATE,
} hone_unary;

typedef enum { HONE_ADD, HONE_SUBTRACT, HONE_MULTIPLY, HONE_DIVIDE, HONE_MAXIMUM, HONE_MINIMUM } hone_binary;

// How logits become probabilities at the head: logit = cap * tanh(x * scale / cap), or x * scale when cap is 0.
typedef struct {
    float scale;
    float cap;
} hone_logit_transform;

// One document of a packed attention call. Rows of keys and values are `key_stride` floats apart, rows of queries and
// outputs `query_stride`; head h of a row starts at h * head_size. The last query sees the last key: keys in front of
// those of the queries belong to tokens before them, a cache or a prefix.
typedef struct {
    const float *query;
    const float *key;
    const float *value;
    float *output;
    float *log_sum;  // [heads, log_sum_stride]: log of the sum of exponentials for each query; may be null
    int64_t query_count;
    int64_t key_count;
    int64_t query_stride;
    int64_t key_stride;
    int64_t log_sum_stride;
} hone_attention_document;

// Keys and values that several sequences have in common: what stands before each one's own. `key_stride`, in numbers,
// and `format`, 0 float32 or 1 bfloat16, are those of the sequences' own rows too.
typedef struct {
    const void *key;
    const void *value;
    int64_t key_count;
    int64_t key_stride;
    int format;
} hone_attention_prefix;

// A token that was appended to a sequence: its row of queries and outputs, and the own rows of its sequence up to and
// with itself.
typedef struct {
    const float *query;
    float *output;
    const void *key;
    const void *value;
    int64_t key_count;
} hone_attention_query;

typedef struct {
    int64_t heads;
    int64_t key_heads;
    int64_t head_size;
    int64_t window;  // keys a query sees, itself included; 0 for all
    float scale;
    float cap;  // logit = cap * tanh(logit / cap); 0 for none
} hone_attention_shape;

// Gradients of a document, which are written; each pointer has the layout of its value, but that the rows of the query
// gradient begin with that of query `first_query`.
typedef struct {
    const float *output_gradient;
    float *query_gradient;
    float *key_gradient;
    float *value_gradient;
    int64_t first_query;
} hone_attention_gradient;

typedef struct {
    float learning_rate;
    float beta1;
    float beta2;
    float epsilon;
    float weight_decay;
    float bias_correction1;  // 1 - beta1^step
    float bias_correction2;  // 1 - beta2^step
    float gradient_scale;    // multiplies the gradient first: one over the weight of the step, and clipping
} hone_adamw;

// What `draw` says of a row: the token, ln of its probability, the entropy of the distribution in nats, the highest
// scaled logit, and the sum of e^(scale * logit - highest).
typedef struct {
    int64_t token;
    float log_probability;
    float entropy;
    float highest;
    double total;
} hone_draw;

typedef enum { HONE_FLOAT32, HONE_BFLOAT16 } hone_format;

// A factor of a product, seen as rows whose numbers run along the depth: [rows, depth] in memory, or [depth, rows] when
// it is turned.
typedef struct {
    const void *data;
    int64_t stride;      // numbers from one row in memory to the next
    hone_format format;  // of the numbers in memory
    int turned;
    // For numbers that are stored in another way; null for none. Writes the rows [row0, row1) and columns [column0,
    // column1) of the matrix in memory as numbers of `format`, rows `stride` numbers apart. Columns come in multiples of
    // 16 from a multiple of 16 on, except at the end. `data` is what it is called with.
    void (*unpack)(const void *data, int64_t row0, int64_t row1, int64_t column0, int64_t column1, hone_format format,
                   void *out, int64_t stride);
} hone_factor;

// c[r, i] (= or +=) sum over k of a[r, k] * b[i, k], + bias[i]. See product.inc for what exactly is computed: it depends
// on the numbers of row r, of row i and on the depth alone.
typedef struct {
    int64_t rows;
    int64_t columns;
    int64_t depth;
    hone_factor a;         // [rows, depth]
    hone_factor b;         // [columns, depth]; not read when `packed` is given
    const float *packed;   // what hone_pack made of b in the same precision; or null
    hone_format precision; // HONE_BFLOAT16: factors are rounded to it, nearest, ties to even; sums are float32
    const float *bias;     // may be null
    float *c;
    int64_t c_stride;
    int adding;
} hone_product;

// Columns of a panel, and words of a block of the depth at most.
#define HONE_PANEL 48
#define HONE_THIN_ROWS 128
#define HONE_MOST_TOGETHER 8
#define HONE_DEPTH_BLOCK 384

typedef void hone_multiply_rows(int64_t rows, int64_t words, const float *a, int64_t a_stride, const float *b,
                                const float *next, int64_t columns, int adding, const float *bias, float *c,
                                int64_t c_stride);

// To what the numbers of a packed matrix are rounded when it is unpacked.
typedef enum { HONE_ROUND_NOT, HONE_ROUND_BFLOAT16, HONE_ROUND_FLOAT16 } hone_rounding;

// A matrix in NF4: sixteen levels times the scale of their block, blocks running through the row-major matrix.
typedef struct {
    const uint8_t *codes;        // two in a byte, the first in the high half
    const uint8_t *scale_codes;  // one for each block; null if `scales` has one for each block
    const float *scales;         // with codes: one for each `scale_block` blocks
    const float *scale_map;      // 256; scale = scale_map[code] * scales[block / scale_block] + offset
    float offset;
    int32_t block;  // weights; even
    int32_t scale_block;
    hone_rounding rounding;
    int64_t columns;
} hone_nf4;

#define HONE_DRAW_BLOCKS(columns) ((columns) / 1024 + 1)

typedef struct {
    const char *name;

    void (*unary)(hone_unary operation, int64_t count, const float *x, float *y);
    // dx = dy * f'(x), where y = f(x).
    void (*unary_gradient)(hone_unary operation, int64_t count, const float *x, const float *y, const float *dy,
                           float *dx);
    // y[i] = a[i] op b[i % period]; period divides count.
    void (*binary)(hone_binary operation, int64_t count, int64_t period, const float *a, const float *b, float *y);
    // y = scale * x + offset
    void (*affine)(int64_t count, float scale, float offset, const float *x, float *y);
    // y += scale * x
    void (*accumulate)(int64_t count, float scale, const float *x, float *y);
    // y[r, c] = x[r, c] * s[r]
    void (*scale_rows)(int64_t rows, int64_t columns, const float *x, const float *s, float *y);

    double (*sum)(int64_t count, const float *x);
    double (*sum_of_squares)(int64_t count, const float *x);
    double (*dot)(int64_t count, const float *x, const float *y);
    // Whether every value is finite.
    int (*all_finite)(int64_t count, const float *x);
    // y[r] = sum over c of a[r, c] * b[r, c]; b may be null, for one.
    void (*row_sums)(int64_t rows, int64_t columns, const float *a, const float *b, float *y);
    // y[c] += sum over r of a[r, c] * b[r, c]; b may be null, for one. Rows are `stride` apart.
    void (*add_column_sums)(int64_t rows, int64_t columns, int64_t stride, const float *a, const float *b, float *y);

    void (*softmax)(int64_t rows, int64_t columns, const float *x, float *y, int logarithm);
    void (*softmax_gradient)(int64_t rows, int64_t columns, const float *y, const float *dy, float *dx, int logarithm);

    // y = x * r * (w + offset), r = 1 / sqrt(mean(x^2) + epsilon), which is stored in inverse_rms[rows].
    void (*rms_norm)(int64_t rows, int64_t columns, float epsilon, float offset, const float *x, const float *w,
                     float *y, float *inverse_rms);
    // dx is written; dw (may be null) is added to.
    void (*rms_norm_gradient)(int64_t rows, int64_t columns, float offset, const float *x, const float *w,
                              const float *inverse_rms, const float *dy, float *dx, float *dw);

    // Rotates pairs (i, i + half) of each head by angles cos/sin [rows, half]; direction 1 forward, -1 back.
    void (*rotary)(int64_t rows, int64_t heads, int64_t head_size, int64_t half, const float *cosine,
                   const float *sine, float direction, const float *x, float *y);

    // y = f(gate) * up, f being silu, gelu or relu.
    void (*gated)(hone_unary f, int64_t count, const float *gate, const float *up, float *y);
    void (*gated_gradient)(hone_unary f, int64_t count, const float *gate, const float *up, const float *dy,
                           float *dgate, float *dup);

    // Queries [first, first + count) of the heads that share one key head. `scratch` holds
    // hone_attention_scratch(head_size, keys) floats, where keys are those that the queries see.
    void (*attention)(const hone_attention_shape *shape, const hone_attention_document *document, int64_t key_head,
                      int64_t first, int64_t count, float *scratch);
    // Queries of several sequences behind one prefix, for the heads [head, head + heads), which share one key head;
    // count * heads is at most HONE_ATTENTION_ROWS. A query's result does not depend on the others. `scratch` holds
    // hone_attention_scratch(head_size, 0) floats.
    void (*prefixed_attention)(const hone_attention_shape *shape, const hone_attention_prefix *prefix, int64_t count,
                               const hone_attention_query *queries, int64_t head, int64_t heads, float *scratch);
    // What keys [first_key, first_key + count) of one key head have to do with the gradients: those of these keys and
    // values, and their part of the gradients of the queries from `first_query` on, of which none before sees the keys.
    // `first_key` is a multiple of HONE_KEY_BLOCK; `scratch` holds hone_attention_scratch(head_size, count) floats.
    void (*attention_gradient)(const hone_attention_shape *shape, const hone_attention_document *document,
                               const hone_attention_gradient *gradient, int64_t key_head, int64_t first_key,
                               int64_t count, float *scratch);

    // For each row of logits [rows, columns] (after the transform): log-probability of the label, entropy in nats,
    // whether the label has the highest logit (of equals, the lowest index), the log of the sum of exponentials, and
    // (both may be null) the mean logit and the log of the sum of squared probabilities.
    void (*label_statistics)(int64_t rows, int64_t columns, hone_logit_transform transform, float *logits,
                             const int32_t *labels, float *log_probability, float *entropy, float *top1,
                             float *log_sum, float *mean_logit, float *log_square_sum);
    // Replaces transformed logits by the gradient with respect to the untransformed ones, for upstream gradients of
    // the log-probability and (may be null) of the entropy.
    void (*label_gradient)(int64_t rows, int64_t columns, hone_logit_transform transform, float *logits,
                           const int32_t *labels, const float *log_sum, const float *entropy,
                           const float *log_probability_gradient, const float *entropy_gradient);

    // One token of softmax(scale * logits); `block_sums` holds HONE_DRAW_BLOCKS(columns) doubles. The first token at
    // which the cumulative probability exceeds `uniform`, in [0, 1); the most likely one, of equals the lowest, when
    // it is negative. Sums are those of label_statistics, to the bit.
    void (*draw)(int64_t columns, float scale, const float *logits, double uniform, double *block_sums,
                 hone_draw *result);
    // Writes the numbers of the logits whose scale * logit is `floor` or more, in order; returns how many.
    int64_t (*at_least)(int64_t columns, float scale, const float *logits, float floor, int32_t *indices);

    // The parts of a product that depend on the instruction set; see hone_multiply. `pairs`: whether a word is two
    // numbers of bf16 along the depth, or one float32. `depth` and `length` count numbers; `depth` begins a block. `buffer`
    // holds HONE_PANEL * HONE_DEPTH_BLOCK floats.
    //
    // out[w * HONE_PANEL + r] = word w of row r, for `rows` <= HONE_PANEL; the last rows and the last word are filled up
    // with zeros as far as multiply_rows reads.
    void (*pack_panel)(const hone_factor *factor, int pairs, int64_t row, int64_t rows, int64_t depth, int64_t length,
                       void *buffer, float *out);
    // out[r * HONE_DEPTH_BLOCK + w] = word w of row r.
    void (*gather_rows)(const hone_factor *factor, int pairs, int64_t row, int64_t rows, int64_t depth, int64_t length,
                        void *buffer, float *out);
    // c[r, i] = (or +=, when adding) the sum over words of a[r * a_stride + w] * b[w * HONE_PANEL + i], plus bias[i] unless
    // that is null; words are float32 for the first of the two functions, pairs for the second. Meanwhile the panel at
    // `next` is fetched, unless that is null.
    hone_multiply_rows *multiply_rows[2];

    void (*adamw)(const hone_adamw *settings, int64_t count, const float *gradient, float *parameter, float *moment1,
                  float *moment2);

    void (*from_bfloat16)(int64_t count, const uint16_t *x, float *y);
    void (*to_bfloat16)(int64_t count, const float *x, uint16_t *y);  // nearest, ties to even
    void (*from_float16)(int64_t count, const uint16_t *x, float *y);
    void (*to_float16)(int64_t count, const float *x, uint16_t *y);

    // Philox4x32-10: y[i] uniform in [0, 1) from word (first + i) of the stream with this key and high counter words.
    void (*uniform)(int64_t first, int64_t count, uint64_t key, uint64_t stream, float *y);

    // Packs `count` weights, from the start of a block on: two codes in a byte (the last half byte is that of 0 where
    // the count is odd), and the largest magnitude of each block, NaN or infinite if a weight is.
    void (*quantize_nf4)(int64_t count, int64_t block, const float *x, uint8_t *codes, float *scales);
    // out[r * stride + c] = weight [first_row + r, first_column + c], as bfloat16 or float32.
    void (*unpack_nf4)(const hone_nf4 *matrix, int64_t first_row, int64_t rows, int64_t first_column, int64_t columns,
                       int to_bfloat16, void *out, int64_t stride);
} hone_kernel_table;

// Rows that one call of `prefixed_attention` may take, the keys of a block, and the floats of scratch that the attention
// functions need.
#define HONE_ATTENTION_ROWS 32
#define HONE_KEY_BLOCK 64
int64_t hone_attention_scratch(int64_t head_size, int64_t keys);

// The tables this processor can run, fastest first; the last is the plain one. Returns how many were written.
#define HONE_MOST_TABLES 4
int hone_kernel_tables(const hone_kernel_table *tables[HONE_MOST_TABLES]);

// Ten rounds of Philox4x32 (Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", 2011).
void hone_philox(const uint32_t counter[4], const uint32_t key[2], uint32_t output[4]);

// Calls body(context, i) once for every i in [0, count), on up to hone_threads() threads; returns when all are done.
// Which thread takes which i is not determined. A call from inside a body, or while another call runs, is serial.
void hone_parallel(int64_t count, void (*body)(void *context, int64_t index), void *context);
int hone_threads(void);
void hone_set_threads(int threads);

// Computes a product on all threads. `scratch` holds hone_product_scratch(product) floats, which may be none.
void hone_multiply(const hone_kernel_table *kernels, const hone_product *product, float *scratch);
// Computes up to HONE_MOST_TOGETHER products of up to HONE_THIN_ROWS rows each, none of which reads what another writes:
// in one go, because to begin and to end takes as long as a small product.
void hone_multiply_thin(const hone_kernel_table *kernels, int64_t count, const hone_product *products);
int64_t hone_product_scratch(const hone_product *product);
// Products computed since the program began, and the multiplications in them.
typedef struct {
    int64_t products, multiplications;
} hone_product_counts;
hone_product_counts hone_products_so_far(void);
// Packs a second factor for good: hone_packed_words(...) floats.
void hone_pack(const hone_kernel_table *kernels, const hone_factor *b, hone_format precision, int64_t columns, int64_t depth,
               float *packed);
int64_t hone_packed_words(hone_format precision, int64_t columns, int64_t depth);
