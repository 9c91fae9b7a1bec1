#include <stdatomic.h>
#include <stddef.h>

#include "ckernels.h"

// How a product is cut into pieces of work. The cut decides nothing about the bits, see product.inc.
//
// Wide products first pack the second factor, a part at a time that the caches hold, and then compute; both steps are
// shared among the threads. Where all rows of the first factor fit into one piece, each piece packs what it needs, unless
// that was done for good; several such products may be computed in one go.

#define ROWS_AT_ONCE HONE_THIN_ROWS
#define PANELS_AT_ONCE 12
#define LEAST_PIECES 16
#define PACKED_WORDS (1 << 20)  // of the second factor at a time, if it is not packed for good
#define BLOCKS_AT_ONCE 16
#define LEAST_SHARED (1 << 19)   // multiplications that take longer than to hand them over
#define READ_AS_ROWS 16          // reading a word of a weight takes as long as multiplying it by so many rows
#define LONGEST_PIECE (1 << 23)  // multiplications of a piece of a thin product, reading counted in

static int64_t smaller(int64_t a, int64_t b) { return a < b ? a : b; }
static int64_t quotient_up(int64_t a, int64_t b) { return (a + b - 1) / b; }

typedef struct {
    const hone_kernel_table *kernels;
    const hone_product *p;
    int pairs;
    int gathers;  // whether rows of the first factor are gathered before they are used
    int64_t per_word, words, panels;
    int64_t blocks, block_words;  // the depth in blocks of so many words, the last of what is left
    // The part at work: blocks of the depth and panels, and where they are packed; null for pieces that pack themselves.
    int64_t first_block, block_end, first_panel, panel_end;
    const float *packed;
    int64_t packed_stride;
    int64_t row_pieces, panel_pieces;
} plan;

static int64_t words_of(hone_format precision, int64_t depth) { return precision == HONE_BFLOAT16 ? (depth + 1) / 2 : depth; }

int64_t hone_packed_words(hone_format precision, int64_t columns, int64_t depth) {
    return quotient_up(columns, HONE_PANEL) * HONE_PANEL * words_of(precision, depth);
}

int64_t hone_product_scratch(const hone_product *p) {
    if (p->packed || p->rows <= ROWS_AT_ONCE) return 0;
    const int64_t words = smaller(words_of(p->precision, p->depth), BLOCKS_AT_ONCE * HONE_DEPTH_BLOCK);
    const int64_t panels = quotient_up(p->columns, HONE_PANEL), most = PACKED_WORDS / (words * HONE_PANEL);
    return smaller(panels, most < 1 ? 1 : most) * HONE_PANEL * words;
}

// The first panel of a piece of panels.
static int64_t first_panel_of(const plan *s, int64_t piece) {
    return s->first_panel + piece * (s->panel_end - s->first_panel) / s->panel_pieces;
}

static const float *packed_panel(const plan *s, int64_t panel, int64_t block) {
    return s->packed + (panel - s->first_panel) * s->packed_stride + (block - s->first_block) * s->block_words * HONE_PANEL;
}

static void pack_into(const plan *s, int64_t panel, int64_t block, float *out) {
    _Alignas(64) float buffer[HONE_PANEL * HONE_DEPTH_BLOCK];
    const int64_t column = panel * HONE_PANEL, depth = block * s->block_words * s->per_word;
    s->kernels->pack_panel(&s->p->b, s->pairs, column, smaller(HONE_PANEL, s->p->columns - column), depth,
                           smaller(s->block_words * s->per_word, s->p->depth - depth), buffer, out);
}

// Whether there is nothing to multiply; what there is to write is then written.
static int is_trivial(const hone_product *p) {
    if (p->rows == 0 || p->columns == 0) return 1;
    if (p->depth > 0) return 0;
    for (int64_t r = 0; r < p->rows; r++)
        for (int64_t c = 0; c < p->columns; c++) {
            float *y = p->c + r * p->c_stride + c;
            *y = (p->adding ? *y : 0) + (p->bias ? p->bias[c] : 0);
        }
    return 1;
}

static _Atomic int64_t products_computed = 0, multiplications_made = 0;

static void note(const hone_product *p) {
    atomic_fetch_add_explicit(&products_computed, 1, memory_order_relaxed);
    atomic_fetch_add_explicit(&multiplications_made, p->rows * p->columns * p->depth, memory_order_relaxed);
}

hone_product_counts hone_products_so_far(void) {
    return (hone_product_counts){atomic_load_explicit(&products_computed, memory_order_relaxed),
                                 atomic_load_explicit(&multiplications_made, memory_order_relaxed)};
}

static plan plan_for(const hone_kernel_table *kernels, const hone_product *p) {
    plan s = {.kernels = kernels, .p = p, .pairs = p->precision == HONE_BFLOAT16};
    s.per_word = s.pairs ? 2 : 1;
    const hone_format words_format = s.pairs ? HONE_BFLOAT16 : HONE_FLOAT32;
    s.gathers = p->a.turned || p->a.unpack || p->a.format != words_format ||
                (s.pairs && (p->depth % 2 != 0 || p->a.stride % 2 != 0));
    s.words = words_of(p->precision, p->depth);
    s.blocks = s.block_end = quotient_up(s.words, HONE_DEPTH_BLOCK);
    // Of one length, as few as there can be: a short block costs nearly as much as a long one.
    s.block_words = quotient_up(quotient_up(s.words, s.blocks), 16) * 16;
    s.panels = s.panel_end = quotient_up(p->columns, HONE_PANEL);
    s.packed = p->packed;
    s.packed_stride = s.words * HONE_PANEL;
    return s;
}

// Packs one panel of the part at work.
static void pack_piece(void *context, int64_t index) {
    const plan *s = context;
    const int64_t blocks = s->block_end - s->first_block, block = index % blocks, panel = index / blocks;
    pack_into(s, s->first_panel + panel, s->first_block + block,
              (float *)s->packed + panel * s->packed_stride + block * s->block_words * HONE_PANEL);
}

// Rows of one piece times the panels of one piece. `after` is what will be read behind it, as far as anybody knows.
static void multiply_piece(const plan *s, int64_t index, const float *after) {
    const hone_product *p = s->p;
    _Alignas(64) float gathered[ROWS_AT_ONCE * HONE_DEPTH_BLOCK], own[HONE_DEPTH_BLOCK * HONE_PANEL];
    const int64_t row_piece = index % s->row_pieces, panel_piece = index / s->row_pieces;
    const int64_t row = row_piece * p->rows / s->row_pieces, rows = (row_piece + 1) * p->rows / s->row_pieces - row;
    const int64_t from = first_panel_of(s, panel_piece), to = first_panel_of(s, panel_piece + 1);
    for (int64_t block = s->first_block; block < s->block_end; block++) {
        const int64_t word = block * s->block_words, words = smaller(s->block_words, s->words - word);
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
            const float *b = own, *next = after;
            if (s->packed) {
                b = packed_panel(s, panel, block);
                if (panel + 1 < to) next = b + s->packed_stride;
                else if (block + 1 < s->block_end) next = packed_panel(s, from, block + 1);
            } else {
                pack_into(s, panel, block, own);
            }
            s->kernels->multiply_rows[s->pairs](
                rows, words, a, a_stride, b, next, smaller(HONE_PANEL, p->columns - column), block > 0 || p->adding,
                p->bias && block + 1 == s->blocks ? p->bias + column : NULL, p->c + row * p->c_stride + column, p->c_stride);
        }
    }
}

static void multiply_wide_piece(void *context, int64_t index) { multiply_piece(context, index, NULL); }

static void multiply_part(plan *s) {
    s->row_pieces = quotient_up(s->p->rows, ROWS_AT_ONCE);
    const int64_t panels = s->panel_end - s->first_panel, few = quotient_up(panels, PANELS_AT_ONCE);
    // At least so many pieces that threads which are held up do not hold up the others.
    const int64_t wanted = quotient_up(LEAST_PIECES, s->row_pieces);
    const int is_shared = s->p->rows * s->p->columns * s->p->depth > LEAST_SHARED;
    s->panel_pieces = is_shared ? smaller(panels, few > wanted ? few : wanted) : 1;
    const int64_t pieces = s->row_pieces * s->panel_pieces;
    if (is_shared) return hone_parallel(pieces, multiply_wide_piece, s);
    for (int64_t piece = 0; piece < pieces; piece++) multiply_wide_piece(s, piece);
}

// ---- Products of few rows ----

typedef struct {
    int64_t count, pieces;
    plan plans[HONE_MOST_TOGETHER];
    int64_t ends[HONE_MOST_TOGETHER];  // of the pieces of each
} plans;

static int64_t plan_of(const plans *all, int64_t index) {
    int64_t which = 0;
    while (index >= all->ends[which]) which++;
    return which;
}

static void multiply_thin_piece(void *context, int64_t index) {
    const plans *all = context;
    const int64_t which = plan_of(all, index), ahead = index + hone_threads();
    const float *after = NULL;
    if (ahead < all->pieces) {
        const int64_t other = plan_of(all, ahead);
        const plan *s = &all->plans[other];
        if (s->packed) after = packed_panel(s, first_panel_of(s, ahead - (other > 0 ? all->ends[other - 1] : 0)), 0);
    }
    multiply_piece(&all->plans[which], index - (which > 0 ? all->ends[which - 1] : 0), after);
}

// The weights are read in few long pieces, because the first panel of a piece comes from memory while nothing is computed.
void hone_multiply_thin(const hone_kernel_table *kernels, int64_t count, const hone_product *products) {
    plans all = {.count = 0};
    int64_t work = 0;
    for (int64_t i = 0; i < count; i++) {
        if (is_trivial(&products[i])) continue;
        note(&products[i]);
        all.plans[all.count] = plan_for(kernels, &products[i]);
        work += (products[i].rows + READ_AS_ROWS) * products[i].columns * all.plans[all.count++].words;
    }
    const int64_t threads = work > LEAST_SHARED ? hone_threads() : 1;
    const int64_t share = smaller(quotient_up(work, threads), LONGEST_PIECE);
    for (int64_t i = 0; i < all.count; i++) {
        plan *s = &all.plans[i];
        const int64_t own = (s->p->rows + READ_AS_ROWS) * s->p->columns * s->words;
        s->row_pieces = 1;
        s->panel_pieces = threads > 1 ? smaller(s->panels, quotient_up(own, share)) : 1;
        all.pieces += s->panel_pieces;
        all.ends[i] = all.pieces;
    }
    if (threads > 1) return hone_parallel(all.pieces, multiply_thin_piece, &all);
    for (int64_t piece = 0; piece < all.pieces; piece++) multiply_thin_piece(&all, piece);
}

void hone_multiply(const hone_kernel_table *kernels, const hone_product *p, float *scratch) {
    if (p->rows <= ROWS_AT_ONCE) return hone_multiply_thin(kernels, 1, p);
    if (is_trivial(p)) return;
    note(p);
    plan s = plan_for(kernels, p);
    if (s.packed) return multiply_part(&s);
    const int64_t room = hone_product_scratch(p);
    s.packed = scratch;
    for (s.first_block = 0; s.first_block < s.blocks; s.first_block = s.block_end) {
        s.block_end = smaller(s.blocks, s.first_block + BLOCKS_AT_ONCE);
        const int64_t words = smaller(s.words, s.block_end * s.block_words) - s.first_block * s.block_words;
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
    const hone_product p = {.columns = columns, .depth = depth, .b = *b, .precision = precision, .packed = packed};
    const plan s = plan_for(kernels, &p);
    hone_parallel(s.panels * s.blocks, pack_piece, (void *)&s);
}
