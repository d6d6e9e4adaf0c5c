/* Two micro-kernels, and the products of a layer made of them.

   gemm: C (m, n) <- A (m, k) B (k, n).  A is read one number at a time, so any strides do; B and C are
   read by vectors along n.
   dots: C (m, n) <- A (m, k) B^T, for B (n, k).  A and B are read by vectors along k.

   gemm of interleaved networks (interleaved.h): each number of A, B and C is a vector; n counts the lanes too.

   Rows are padded to whole vectors and hold 0 there, unless they are said to be unpadded.  Shapes of
   tiles stand in simd.h. */
#ifndef PL2_GEMM_ONCE
#define PL2_GEMM_ONCE
/* What becomes of a tile of sums. */
enum {
    STORE,        /* C = max(start + A B, floor) */
    STORE_SLOPE,  /* C = (A B) * slope(by), see activations.h */
    STORE_ADD,    /* C = C + A B */
    STORE_DECAYED /* C = C - (c C + scale A B): plain gradient descent, no gradient in memory */
};
#endif

#define Product NAME(Product)
typedef struct {
    int store, activation;
    int unpadded;     /* gemm: rows of B and C; dots: rows of A and B, never of C */
    int c_unpadded;   /* rows of C */
    int start_by_row; /* start is (m), one for each row of C, rather than (n) */
    int interleaved;
    int64_t m, n, k;
    const R *a;
    int64_t a_row, a_column; /* A_ip = a[i a_row + p a_column]; in dots a_column is 1 */
    const R *b;
    int64_t b_stride, b_column; /* the latter, from one vector of a row to the next, 0: LANES */
    R *c;
    int64_t c_stride;
    const R *start; /* what the sums begin with, or NULL: 0 */
    int onward;     /* they begin with C, a sum over smaller p */
    R floor;
    const R *by; /* as C */
    V scale, shrink;
} Product;

/* C for a row of `nv` vectors of sums, the last of which has `last` lanes in use. */
PL2_INLINE void NAME(epilogue)(const Product *g, const int store, V *sum, const int nv, int last, int64_t i,
                               int64_t j)
{
    R *c = g->c + i * g->c_stride + j;
    const R *other = store == STORE_SLOPE ? g->by + i * g->c_stride + j : c;
    const V floor = NAME(splat)(g->floor);
    V old[NV];
    PL2_UNROLL
    for (int v = 0; v < nv; v++) {
        if (store != STORE) old[v] = NAME(load_part)(other + v * LANES, v == nv - 1 ? last : LANES);
        if (store == STORE) sum[v] = NAME(larger)(sum[v], floor);
        if (store == STORE_ADD) sum[v] = old[v] + sum[v];
        if (store == STORE_DECAYED) sum[v] = NAME(decayed)(old[v], g->shrink, g->scale * sum[v]);
    }
    if (store == STORE_SLOPE) NAME(times_slopes)(g->activation, old, sum, nv);
    PL2_UNROLL
    for (int v = 0; v < nv; v++) NAME(store_part)(c + v * LANES, sum[v], v == nv - 1 ? last : LANES);
}

/* The same of `mr` rows. */
PL2_INLINE void NAME(epilogues)(const Product *g, V (*sum)[NV], const int mr, const int nv, int last,
                                int64_t i, int64_t j)
{
#define PL2_CASE(store) \
    case store: \
        PL2_UNROLL \
        for (int r = 0; r < mr; r++) NAME(epilogue)(g, store, sum[r], nv, last, i + r, j); \
        break;
    switch (g->store) {
        PL2_CASE(STORE)
        PL2_CASE(STORE_SLOPE)
        PL2_CASE(STORE_ADD)
        PL2_CASE(STORE_DECAYED)
    }
#undef PL2_CASE
}

/* For each row r and vector v of a tile. */
#define PL2_EACH(statement) \
    PL2_UNROLL \
    for (int r = 0; r < mr; r++) { \
        PL2_UNROLL \
        for (int v = 0; v < nv; v++) statement; \
    }

/* What the sums of a tile begin with. */
PL2_INLINE void NAME(begin_tile)(const Product *g, V sum[MOST_MR][NV], const int mr, const int nv, int last,
                                 int64_t i, int64_t j)
{
    const R *start = g->start, *c = g->c + i * g->c_stride + j;
    const int reads = g->store == STORE_ADD || g->store == STORE_DECAYED;
    if (reads && (g->c_unpadded || g->interleaved)) /* C is read in the end, and may be far away */
        PL2_EACH(PL2_PREFETCH(c + r * g->c_stride + v * LANES))
    if (g->onward) {
        PL2_EACH(sum[r][v] = NAME(load)(c + r * g->c_stride + v * LANES))
    } else if (start && g->start_by_row) {
        PL2_EACH(sum[r][v] = NAME(splat)(start[i + r]))
    } else if (start) {
        V from[NV];
        PL2_UNROLL
        for (int v = 0; v < nv; v++)
            from[v] = NAME(load_part)(start + j + v * LANES, v == nv - 1 ? last : LANES);
        PL2_EACH(sum[r][v] = from[v])
    } else {
        PL2_EACH(sum[r][v] = NAME(splat)(0))
    }
}

/* A tile of mr rows and nv vectors, the last of which has `last` lanes in use. */
PL2_INLINE void NAME(tile)(const Product *g, const int mr, const int nv, int last, int64_t i, int64_t j)
{
    const int b_last = g->unpadded ? last : LANES, c_last = g->c_unpadded ? last : LANES;
    const int64_t k = g->k, a_row = g->a_row, a_column = g->a_column, b_stride = g->b_stride;
    const int64_t b_column = g->b_column ? g->b_column : LANES;
    const R *a = g->a + i * a_row, *b = g->b + j / LANES * b_column;
    V sum[MOST_MR][NV];

    NAME(begin_tile)(g, sum, mr, nv, b_last, i, j);
#define PL2_STEPS(load_a, column, load_last) \
    for (int64_t p = 0; p < k; p++, a += a_column, b += b_stride) { \
        V row[NV]; \
        PL2_UNROLL \
        for (int v = 0; v < nv - 1; v++) row[v] = NAME(load)(b + v * (column)); \
        row[nv - 1] = load_last; \
        PL2_UNROLL \
        for (int r = 0; r < mr; r++) { \
            const V x = load_a(a + r * a_row); \
            PL2_UNROLL \
            for (int v = 0; v < nv; v++) sum[r][v] += x * row[v]; \
        } \
    }
    if (g->interleaved)
        PL2_STEPS(NAME(load), b_column, NAME(load)(b + (nv - 1) * b_column))
    else if (b_last == LANES)
        PL2_STEPS(NAME(broadcast), LANES, NAME(load)(b + (nv - 1) * LANES))
    else
        PL2_STEPS(NAME(broadcast), LANES, NAME(load_part)(b + (nv - 1) * LANES, b_last))
#undef PL2_STEPS
    NAME(epilogues)(g, sum, mr, nv, c_last, i, j);
}

/* Compiled once for every shape of a tile: its accumulators then live in registers. */
#define PL2_TILE(mr, nv) \
    case (mr) * 8 + (nv): \
        NAME(tile)(g, mr, nv, last, i, j); \
        break;
#define PL2_TILES(nv) PL2_TILE(1, nv) PL2_TILE(2, nv) PL2_TILE(3, nv) PL2_TILE(4, nv)

static void NAME(any_tile)(const Product *g, int mr, int nv, int last, int64_t i, int64_t j)
{
    /* clang-format off */
    switch (mr * 8 + nv) {
        PL2_TILES(1) PL2_TILES(2) PL2_TILES(3)
#if MOST_MR >= 6
        PL2_TILE(5, 1) PL2_TILE(6, 1) PL2_TILE(5, 2) PL2_TILE(6, 2)
#endif
#if NV >= 4
        PL2_TILES(4) PL2_TILE(5, 4) PL2_TILE(6, 4)
#endif
#if MR >= 6
        PL2_TILE(5, 3) PL2_TILE(6, 3)
#endif
    }
    /* clang-format on */
}
#undef PL2_TILE
#undef PL2_TILES

/* `count` in `parts`, all about equal: the size of part `which`.  32 bits, for a division of 64 costs
   as much as a small tile on some machines. */
PL2_INLINE int NAME(share)(uint32_t count, uint32_t parts, uint32_t which)
{
    return parts == 1 ? (int)count : (int)(count / parts + (which < count % parts));
}

/* Heights and widths are split evenly: 10 rows are 5 + 5, never 6 + 4; a rest of 1 is the worst. */
static void NAME(gemm)(const Product *g)
{
    const uint32_t vectors = (uint32_t)((g->n + LANES - 1) / LANES), m = (uint32_t)g->m;
    const uint32_t panels = (vectors + NV - 1) / NV;
    for (uint32_t q = 0, v = 0; q < panels; q++) {
        const int nv = NAME(share)(vectors, panels, q);
        const uint32_t most = nv > 2 ? MR : MOST_MR, bands = (m + most - 1) / most;
        const uint32_t height = bands ? m / bands : 0,
                       higher = m - height * bands; /* the first are higher by 1 */
        const int64_t j = (int64_t)v * LANES, left = g->n - j;
        const int last = (int)(left < nv * LANES ? left - (nv - 1) * LANES : LANES);
        for (uint32_t h = 0, i = 0; h < bands; h++) {
            const uint32_t mr = height + (h < higher);
            NAME(any_tile)(g, (int)mr, nv, last, i, j);
            i += mr;
        }
        v += (uint32_t)nv;
    }
}

PL2_INLINE void NAME(epilogue_dots)(const Product *g, V total, const int dr, const int dc, int64_t i,
                                    int64_t j)
{
    const int columns = (int)(g->n - j < dc ? g->n - j : dc), step = LANES / (dr * dc);
    const int lanes = g->c_unpadded ? columns : g->n - j <= dc ? LANES - (int)(j % LANES) : dc;
    PL2_UNROLL
    for (int r = 0; r < dr; r++) {
        V sum[1][NV];
        if (i + r == g->m) break;
        sum[0][0] = NAME(every)(total, r * dc * step, step);
        if (g->start) sum[0][0] += g->start[i + r];
        sum[0][0] = NAME(first)(sum[0][0], columns);
        NAME(epilogues)(g, sum, 1, 1, lanes, i + r, j);
    }
}

/* The dot products of dr rows of A and dc rows of B, LANES of them or fewer; beyond the last row it is
   taken again, for nothing. */
PL2_INLINE void NAME(dots_tile)(const Product *g, const int dr, const int dc, int64_t i, int64_t j)
{
    const int64_t m = g->m, n = g->n, k = g->k, whole = g->unpadded ? k / LANES * LANES : k;
    const R *a[LANES], *b[LANES];
    V sum[LANES];
    PL2_UNROLL
    for (int r = 0; r < dr; r++) a[r] = g->a + (i + r < m ? i + r : m - 1) * g->a_row;
    PL2_UNROLL
    for (int c = 0; c < dc; c++) b[c] = g->b + (j + c < n ? j + c : n - 1) * g->b_stride;
    PL2_UNROLL
    for (int l = 0; l < dr * dc; l++) sum[l] = NAME(splat)(0);
#define PL2_STEP(load, lanes) \
    V x[LANES]; \
    PL2_UNROLL \
    for (int r = 0; r < dr; r++) x[r] = load(a[r] + p, lanes); \
    PL2_UNROLL \
    for (int c = 0; c < dc; c++) { \
        V y = load(b[c] + p, lanes); \
        PL2_ROUNDED(y); /* else it is loaded again for each row */ \
        PL2_UNROLL \
        for (int r = 0; r < dr; r++) sum[r * dc + c] += x[r] * y; \
    }
    int64_t p = 0;
    for (; p < whole; p += LANES) {
        PL2_STEP(NAME(load_part), LANES)
    }
    if (p < k) {
        const int lanes = (int)(k - p);
        PL2_STEP(NAME(load_part), lanes)
    }
#undef PL2_STEP
    NAME(epilogue_dots)(g, NAME(totals)(sum, dr * dc), dr, dc, i, j);
}

static void NAME(dots)(const Product *g)
{
    enum { TWO = LANES >= 2 ? 2 : 1, FOUR = LANES >= 4 ? 4 : TWO, MOST = LANES >= 16 ? 4 : TWO };
    const int few = g->n == 1, dr = few ? FOUR : g->m == 1 ? 1 : g->m == 2 ? TWO : MOST;
    for (int64_t i = 0; i < g->m; i += dr) {
        for (int64_t j = 0; j < g->n; j += few ? 1 : LANES / dr) {
            if (few)
                NAME(dots_tile)(g, FOUR, 1, i, j);
            else if (dr == 1)
                NAME(dots_tile)(g, 1, LANES, i, j);
            else if (dr == TWO)
                NAME(dots_tile)(g, TWO, LANES / TWO, i, j);
            else
                NAME(dots_tile)(g, MOST, LANES / MOST, i, j);
        }
    }
}

/* A panel of B: as many columns as the widest tile, in rows one after another. */
#define PANEL (NV * LANES)
#define PANEL_ROWS (PL2_PANEL_BYTES / (PANEL * (int)sizeof(R)))

/* As many rows in several panels, no fewer than a gradient's sums have terms. */
#define BLOCK_OF_PANELS_ROWS (PL2_PANEL_BYTES / PL2_PANEL_ROW_BYTES)

/* Of A B the columns [j, j + n), and of their sums the part [p, p + k), for which B is in a panel.  C is
   finished with the last part. */
static Product NAME(part)(const Product *g, int64_t p, int64_t k, int64_t j, int64_t n, const R *panel)
{
    Product part = *g;
    part.n = n, part.k = k;
    part.a += p * g->a_column;
    part.b = panel, part.b_stride = PANEL;
    part.c += j;
    if (part.by) part.by += j;
    if (part.start) part.start += j;
    part.onward = p > 0;
    if (p + k < g->k) part.store = STORE, part.floor = -(R)INFINITY;
    return part;
}

/* A square of W into T, transposed: so many rows and columns of it, the others 0 and not written. */
PL2_INLINE void NAME(transpose_part)(const R *w, int64_t w_stride, int rows, int columns, R *t)
{
    V square[LANES];
    PL2_UNROLL
    for (int r = 0; r < LANES; r++)
        square[r] = r < rows ? NAME(load_part)(w + r * w_stride, columns) : NAME(splat)(0);
    NAME(transpose_square)(square);
    PL2_UNROLL
    for (int r = 0; r < LANES; r++)
        if (r < columns) NAME(store)(t + r * PANEL, square[r]);
}

/* T (k, PANEL) = W (rows, k) transposed, rows <= PANEL; what T has beyond `rows` columns up to a whole
   vector is 0. */
static void NAME(transpose)(const R *w, int64_t w_stride, int64_t rows, int64_t k, R *t)
{
    for (int64_t i = 0; i < rows; i += LANES) {
        const int height = (int)(rows - i < LANES ? rows - i : LANES);
        for (int64_t j = 0; j < k; j += LANES) {
            const int width = (int)(k - j < LANES ? k - j : LANES);
            if (height == LANES && width == LANES) /* no branches: the square stays in registers */
                NAME(transpose_part)(w + i * w_stride + j, w_stride, LANES, LANES, t + j * PANEL + i);
            else
                NAME(transpose_part)(w + i * w_stride + j, w_stride, height, width, t + j * PANEL + i);
        }
    }
}

/* T (k, PANEL) = n columns of B (k, ...), padded with 0 to whole vectors. */
static void NAME(pack_panel)(const R *b, int64_t b_stride, int64_t k, int64_t n, R *t)
{
    for (int64_t p = 0; p < k; p++, b += b_stride, t += PANEL) {
        int64_t j = 0;
        for (; j + LANES <= n; j += LANES) NAME(store)(t + j, NAME(load)(b + j));
        if (j < n) NAME(store)(t + j, NAME(load_part)(b + j, (int)(n - j)));
    }
}

#define Piece NAME(Piece)
/* k rows of n numbers, a part of a matrix. */
typedef struct {
    const R *from;
    int64_t stride, k, n;
} Piece;

/* Of B from row p and column j on, so many rows and columns at most. */
static Piece NAME(piece)(const Product *g, int64_t p, int64_t j, int64_t rows, int64_t columns)
{
    return (Piece){
        .from = g->b + p * g->b_stride + j,
        .stride = g->b_stride,
        .k = g->k - p < rows ? g->k - p : rows,
        .n = g->n - j < columns ? g->n - j : columns,
    };
}

/* Of what is to be in the cache soon, the part `which` of `parts`. */
static void NAME(fetch)(const Piece *next, int64_t which, int64_t parts)
{
    enum { LINE = PL2_LINE / (int)sizeof(R) };
    for (int64_t p = next->k * which / parts; p < next->k * (which + 1) / parts; p++)
        for (int64_t j = 0; j < next->n; j += LINE) PL2_PREFETCH_FAR(next->from + p * next->stride + j);
}

/* As many panels as end with a cache line: half a line more makes reading a column of them twice as slow, where
   rows are a multiple of 4 KB apart. */
#define PANELS_TOGETHER (PANEL * (int)sizeof(R) % PL2_LINE ? 2 : 1)

/* B in panels, one behind the other. */
static void NAME(pack_panels)(const Piece *b, R *panels)
{
    enum { WIDE = PANELS_TOGETHER * PANEL };
    int64_t j = 0;
    for (; WIDE > PANEL && j + WIDE <= b->n; j += WIDE) {
        const R *from = b->from + j;
        R *to = panels + j * b->k;
        for (int64_t p = 0; p < b->k; p++, from += b->stride, to += PANEL) {
            PL2_UNROLL
            for (int v = 0; v < WIDE / LANES; v++)
                NAME(store)(to + v / NV * b->k * PANEL + v % NV * LANES, NAME(load)(from + v * LANES));
        }
    }
    for (; j < b->n; j += PANEL)
        NAME(pack_panel)(b->from + j, b->stride, b->k, b->n - j < PANEL ? b->n - j : PANEL,
                         panels + j * b->k);
}

/* A in strips, each as many rows as a tile of gemm_panels has, column after column, for A whose columns lie in
   order.  Up to a vector behind the last is written. */
static void NAME(pack_strips)(const Product *g, R *strip)
{
    const uint32_t m = (uint32_t)g->m, bands = (m + MR - 1) / MR;
    for (uint32_t h = 0, i = 0; h < bands; h++) {
        const int mr = NAME(share)(m, bands, h);
        const R *a = g->a + i;
        for (int64_t p = 0; p < g->k; p++, a += g->a_column, strip += mr)
            for (int r = 0; r < mr; r += LANES)
                NAME(store)(strip + r, NAME(load_part)(a + r, mr - r < LANES ? mr - r : LANES));
        i += (uint32_t)mr;
    }
}
/* C (m, n) = A (m, k) B (k, n), some panels of B at a time: what is read again and again lies close together,
   whatever the stride of B. */
static void NAME(gemm_packed)(const Product *g, R *panels)
{
    for (int64_t j = 0; j < g->n; j += PANELS_TOGETHER * PANEL) {
        for (int64_t p = 0; p < g->k; p += PANEL_ROWS) {
            const Piece here = NAME(piece)(g, p, j, PANEL_ROWS, PANELS_TOGETHER * PANEL);
            NAME(pack_panels)(&here, panels);
            for (int64_t q = 0; q < here.n; q += PANEL) {
                const int64_t n = here.n - q < PANEL ? here.n - q : PANEL;
                const Product part = NAME(part)(g, p, here.k, j + q, n, panels + q * here.k);
                NAME(gemm)(&part);
            }
        }
    }
}

/* The same with B (n, k) in place of its transpose, a panel at a time. */
static void NAME(gemm_transposed)(const Product *g, R *panel)
{
    for (int64_t j = 0; j < g->n; j += PANEL) {
        for (int64_t p = 0; p < g->k; p += PANEL_ROWS) {
            const int64_t n = g->n - j < PANEL ? g->n - j : PANEL;
            const int64_t k = g->k - p < PANEL_ROWS ? g->k - p : PANEL_ROWS;
            Product part = NAME(part)(g, p, k, j, n, panel);
            NAME(transpose)(g->b + j * g->b_stride + p, g->b_stride, n, k, panel);
            part.unpadded = 0;
            NAME(gemm)(&part);
        }
    }
}

/* A product with B in panels, one behind the other, and A as it is or in strips: a row of tiles of C after the
   other, for C may be W, which is then read and written in order.  Between two tiles a part of `next`, if any, is
   fetched. */
static void NAME(gemm_panels)(const Product *g, int in_strips, const Piece *next)
{
    const uint32_t m = (uint32_t)g->m, bands = (m + MR - 1) / MR;
    const int64_t panels = (g->n + PANEL - 1) / PANEL;
    Product band = *g;
    for (uint32_t h = 0, i = 0; h < bands; h++) {
        const int mr = NAME(share)(m, bands, h);
        if (in_strips) band.a = g->a + i * (g->k - 1), band.a_row = 1, band.a_column = mr;
        for (int64_t q = 0; q < panels; q++) {
            const int64_t left = g->n - q * PANEL, vectors = (left + LANES - 1) / LANES;
            const int nv = (int)(vectors < NV ? vectors : NV);
            const int last = (int)(left < nv * LANES ? left - (nv - 1) * LANES : LANES);
            if (next) NAME(fetch)(next, h * panels + q, bands * panels);
            NAME(any_tile)(&band, mr, nv, last, i, q * PANEL);
        }
        i += (uint32_t)mr;
    }
}

/* C (m, n) = A (m, k) B (k, n) where B or C is far away: as many panels at a time as fit.  The next ones are
   fetched meanwhile, unless A is in strips, which it is where C alone is far. */
static void NAME(gemm_far)(const Product *g, int in_strips, R *panels)
{
    enum { ALL = PL2_PANEL_BYTES / (int)sizeof(R) };
    const int64_t rows = g->k < BLOCK_OF_PANELS_ROWS ? g->k : BLOCK_OF_PANELS_ROWS;
    const int64_t columns = ALL / rows / PANEL * PANEL;
    for (int64_t j = 0; j < g->n; j += columns) {
        for (int64_t p = 0; p < g->k; p += rows) {
            const Piece here = NAME(piece)(g, p, j, rows, columns);
            const Piece next = p + rows < g->k ? NAME(piece)(g, p + rows, j, rows, columns)
                                               : NAME(piece)(g, 0, j + columns, rows, columns);
            Product part = NAME(part)(g, p, here.k, j, here.n, panels);
            part.b_column = here.k * LANES;
            NAME(pack_panels)(&here, panels);
            NAME(gemm_panels)(&part, in_strips, in_strips ? NULL : &next);
        }
    }
}
#undef Piece

/* The product of a layer, which is packed where it is large and there are rows enough to pay for that. */
static void NAME(gemm_layer)(const Product *g, const Layer *layer, R *panels)
{
    if (layer->far && g->m >= PL2_PACKING_ROWS)
        NAME(gemm_far)(g, 0, panels);
    else if (layer->large && g->m >= PL2_PACKING_ROWS)
        NAME(gemm_packed)(g, panels);
    else
        NAME(gemm)(g);
}

/* The same for a large layer's update, with room for A in strips: each step through the rows of its transpose
   would else bring a cache line of another page, for a few numbers. */
static void NAME(gemm_strips)(const Product *g, R *strips, R *panels)
{
    Product packed = *g;
    NAME(pack_strips)(g, strips);
    packed.a = strips;
    NAME(gemm_far)(&packed, 1, panels);
}

/* C (m, n) = A (m, k) B^T for B (n, k).  A few rows take dot products along k; more of them pay for
   transposing B. */
static void NAME(gemm_back)(const Product *g, int few, R *panel)
{
    if (few)
        NAME(dots)(g);
    else
        NAME(gemm_transposed)(g, panel);
}
#undef PANEL
