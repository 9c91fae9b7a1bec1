#include <stddef.h>

#include "ckernels.h"

// How a product is cut into pieces of work. The cut decides nothing about the bits, see product.inc.
//
// Wide products first pack the second factor, a part at a time that the caches hold, and then compute; both steps are
// shared among the threads. Where all rows of the first factor fit into one piece, each piece packs what it needs.

#define ROWS_AT_ONCE 128
#define PANELS_AT_ONCE 12
#define LEAST_PIECES 16
#define PACKED_WORDS (1 << 20)  // of the second factor at a time, if it is not packed for good
#define BLOCKS_AT_ONCE 16
#define LEAST_SHARED (1 << 19)  // multiplications that take longer than to hand them over

static int64_t smaller(int64_t a, int64_t b) { return a < b ? a : b; }
static int64_t rounded_up(int64_t a, int64_t step) { return (a + step - 1) / step; }

typedef struct {
    const hone_kernel_table *kernels;
    const hone_product *p;
    int pairs;
    int gathers;  // whether rows of the first factor are gathered before they are used
    int64_t per_word, blocks, words, panels;
    // The part at work: blocks of the depth and panels, and where they are packed; null for pieces that pack themselves.
    int64_t first_block, block_end, first_panel, panel_end;
    const float *packed;
    int64_t packed_stride;
    int64_t row_pieces, panel_pieces;
} plan;

static int64_t words_of(hone_format precision, int64_t depth) { return precision == HONE_BFLOAT16 ? (depth + 1) / 2 : depth; }

int64_t hone_packed_words(hone_format precision, int64_t columns, int64_t depth) {
    return rounded_up(columns, HONE_PANEL) * HONE_PANEL * words_of(precision, depth);
}

int64_t hone_product_scratch(const hone_product *p) {
    if (p->packed || p->rows <= ROWS_AT_ONCE) return 0;
    const int64_t words = smaller(words_of(p->precision, p->depth), BLOCKS_AT_ONCE * HONE_DEPTH_BLOCK);
    const int64_t panels = rounded_up(p->columns, HONE_PANEL), most = PACKED_WORDS / (words * HONE_PANEL);
    return smaller(panels, most < 1 ? 1 : most) * HONE_PANEL * words;
}

static void pack_into(const plan *s, int64_t panel, int64_t block, float *out) {
    _Alignas(64) float buffer[HONE_PANEL * HONE_DEPTH_BLOCK];
    const int64_t column = panel * HONE_PANEL, depth = block * HONE_DEPTH_BLOCK * s->per_word;
    s->kernels->pack_panel(&s->p->b, s->pairs, column, smaller(HONE_PANEL, s->p->columns - column), depth,
                           smaller(HONE_DEPTH_BLOCK * s->per_word, s->p->depth - depth), buffer, out);
}

// Packs one panel of the part at work.
static void pack_piece(void *context, int64_t index) {
    const plan *s = context;
    const int64_t blocks = s->block_end - s->first_block, block = index % blocks, panel = index / blocks;
    pack_into(s, s->first_panel + panel, s->first_block + block,
              (float *)s->packed + panel * s->packed_stride + block * HONE_DEPTH_BLOCK * HONE_PANEL);
}

static void multiply_piece(void *context, int64_t index) {
    const plan *s = context;
    const hone_product *p = s->p;
    _Alignas(64) float gathered[ROWS_AT_ONCE * HONE_DEPTH_BLOCK], own[HONE_DEPTH_BLOCK * HONE_PANEL];
    const int64_t row_piece = index % s->row_pieces, panel_piece = index / s->row_pieces;
    const int64_t row = row_piece * p->rows / s->row_pieces, rows = (row_piece + 1) * p->rows / s->row_pieces - row;
    const int64_t panels = s->panel_end - s->first_panel;
    const int64_t from = s->first_panel + panel_piece * panels / s->panel_pieces;
    const int64_t to = s->first_panel + (panel_piece + 1) * panels / s->panel_pieces;
    for (int64_t block = s->first_block; block < s->block_end; block++) {
        const int64_t word = block * HONE_DEPTH_BLOCK, words = smaller(HONE_DEPTH_BLOCK, s->words - word);
        const float *a = gathered;
        int64_t a_stride = HONE_DEPTH_BLOCK;
        if (s->gathers) {
            s->kernels->gather_rows(&p->a, s->pairs, row, rows, word * s->per_word,
                                    smaller(words * s->per_word, p->depth - word * s->per_word), own, gathered);
        } else {
            a_stride = p->a.stride / s->per_word;
            a = (const float *)p->a.data + row * a_stride + word;
        }
        for (int64_t panel = from; panel < to; panel++) {
            const int64_t column = panel * HONE_PANEL;
            const float *b = own, *next = NULL;
            if (s->packed) {
                b = s->packed + (panel - s->first_panel) * s->packed_stride +
                    (block - s->first_block) * HONE_DEPTH_BLOCK * HONE_PANEL;
                if (panel + 1 < to) next = b + s->packed_stride;
                else if (block + 1 < s->block_end) next = b + (from - panel) * s->packed_stride + HONE_DEPTH_BLOCK * HONE_PANEL;
            } else {
                pack_into(s, panel, block, own);
            }
            s->kernels->multiply_rows[s->pairs](
                rows, words, a, a_stride, b, next, smaller(HONE_PANEL, p->columns - column), block > 0 || p->adding,
                p->bias && block + 1 == s->blocks ? p->bias + column : NULL, p->c + row * p->c_stride + column, p->c_stride);
        }
    }
}

static void multiply_part(plan *s) {
    s->row_pieces = rounded_up(s->p->rows, ROWS_AT_ONCE);
    const int64_t panels = s->panel_end - s->first_panel, few = rounded_up(panels, PANELS_AT_ONCE);
    // At least so many pieces that threads which are held up do not hold up the others.
    const int64_t wanted = rounded_up(LEAST_PIECES, s->row_pieces);
    const int is_shared = s->p->rows * s->p->columns * s->p->depth > LEAST_SHARED;
    s->panel_pieces = is_shared ? smaller(panels, few > wanted ? few : wanted) : 1;
    const int64_t pieces = s->row_pieces * s->panel_pieces;
    if (is_shared) return hone_parallel(pieces, multiply_piece, s);
    for (int64_t piece = 0; piece < pieces; piece++) multiply_piece(s, piece);
}

static void no_depth(const hone_product *p) {
    for (int64_t r = 0; r < p->rows; r++)
        for (int64_t c = 0; c < p->columns; c++) {
            float *y = p->c + r * p->c_stride + c;
            *y = (p->adding ? *y : 0) + (p->bias ? p->bias[c] : 0);
        }
}

void hone_multiply(const hone_kernel_table *kernels, const hone_product *p, float *scratch) {
    if (p->rows == 0 || p->columns == 0) return;
    if (p->depth == 0) return no_depth(p);
    plan s = {.kernels = kernels, .p = p, .pairs = p->precision == HONE_BFLOAT16};
    s.per_word = s.pairs ? 2 : 1;
    const hone_format words_format = s.pairs ? HONE_BFLOAT16 : HONE_FLOAT32;
    s.gathers = p->a.turned || p->a.unpack || p->a.format != words_format ||
                (s.pairs && (p->depth % 2 != 0 || p->a.stride % 2 != 0));
    s.words = words_of(p->precision, p->depth);
    s.blocks = rounded_up(s.words, HONE_DEPTH_BLOCK);
    s.panels = rounded_up(p->columns, HONE_PANEL);
    s.block_end = s.blocks;
    s.panel_end = s.panels;
    if (p->packed) {
        s.packed = p->packed;
        s.packed_stride = s.words * HONE_PANEL;
        return multiply_part(&s);
    }
    if (p->rows <= ROWS_AT_ONCE) return multiply_part(&s);
    const int64_t room = hone_product_scratch(p);
    s.packed = scratch;
    for (s.first_block = 0; s.first_block < s.blocks; s.first_block = s.block_end) {
        s.block_end = smaller(s.blocks, s.first_block + BLOCKS_AT_ONCE);
        const int64_t words = smaller(s.words, s.block_end * HONE_DEPTH_BLOCK) - s.first_block * HONE_DEPTH_BLOCK;
        s.packed_stride = words * HONE_PANEL;
        for (s.first_panel = 0; s.first_panel < s.panels; s.first_panel = s.panel_end) {
            s.panel_end = smaller(s.panels, s.first_panel + room / s.packed_stride);
            hone_parallel((s.panel_end - s.first_panel) * (s.block_end - s.first_block), pack_piece, &s);
            multiply_part(&s);
        }
    }
}

void hone_pack(const hone_kernel_table *kernels, const hone_factor *b, hone_format precision, int64_t columns, int64_t depth,
               float *packed) {
    if (columns == 0 || depth == 0) return;
    const hone_product p = {.columns = columns, .depth = depth, .b = *b, .precision = precision};
    plan s = {.kernels = kernels, .p = &p, .pairs = precision == HONE_BFLOAT16};
    s.per_word = s.pairs ? 2 : 1;
    s.words = words_of(precision, depth);
    s.blocks = s.block_end = rounded_up(s.words, HONE_DEPTH_BLOCK);
    s.panels = s.panel_end = rounded_up(columns, HONE_PANEL);
    s.packed = packed;
    s.packed_stride = s.words * HONE_PANEL;
    hone_parallel(s.panels * s.blocks, pack_piece, &s);
}
