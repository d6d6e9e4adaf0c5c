/* One micro-kernel, and the three products of a layer made of it.

   C (m, n) <- store(A (m, k) B (k, n)).  A is read one number at a time, so any strides do: the
   forward product reads activations by rows, the weight gradient reads them by columns.  B and C
   are read by vectors along n.  Shapes of tiles stand in simd.h. */
#ifndef PL2_GEMM_ONCE
#define PL2_GEMM_ONCE
enum {
    STORE_PADDED, /* C = start + A B: C's rows are padded to whole vectors, B's and start's are not */
    STORE,        /* C = scale A B: here and below B's rows are padded, C's are not */
    STORE_ADD,    /* C = C + scale A B */
    STORE_DECAYED /* C = C - (c C + scale A B): plain gradient descent, no gradient in memory */
};
#endif

#define Product NAME(Product)
typedef struct {
    int store;
    int64_t m, n, k;
    const R *a;
    int64_t a_row, a_column; /* A_ip = a[i a_row + p a_column] */
    const R *b;
    int64_t b_stride;
    R *c;
    int64_t c_stride;
    const R *start; /* (n), what the accumulators of a row begin with, or NULL: 0 */
    R scale, shrink;
} Product;

/* A tile of mr rows and nv vectors, the last of which has `last` lanes in use. */
PL2_INLINE void NAME(tile)(const Product *g, const int mr, const int nv, int last, int64_t i, int64_t j)
{
    const int padded = g->store == STORE_PADDED, b_last = padded ? last : LANES;
    const int64_t k = g->k, a_row = g->a_row, a_column = g->a_column, b_stride = g->b_stride;
    const R *a = g->a + i * a_row, *b = g->b + j;
    R *c = g->c + i * g->c_stride + j;
    V sum[MR][NV];

    PL2_UNROLL
    for (int v = 0; v < nv; v++) {
        V start = NAME(splat)(0);
        if (g->start) start = NAME(load_part)(g->start + j + v * LANES, v == nv - 1 ? last : LANES);
        PL2_UNROLL
        for (int r = 0; r < mr; r++) sum[r][v] = start;
    }
    for (int64_t p = 0; p < k; p++, a += a_column, b += b_stride) {
        V row[NV];
        PL2_UNROLL
        for (int v = 0; v < nv - 1; v++) row[v] = NAME(load)(b + v * LANES);
        row[nv - 1] = NAME(load_part)(b + (nv - 1) * LANES, b_last);
        PL2_UNROLL
        for (int r = 0; r < mr; r++) {
            const V x = NAME(splat)(a[r * a_row]);
            PL2_UNROLL
            for (int v = 0; v < nv; v++) sum[r][v] += x * row[v];
        }
    }
    const V scale = NAME(splat)(g->scale), shrink = NAME(splat)(g->shrink);
    PL2_UNROLL
    for (int r = 0; r < mr; r++, c += g->c_stride) {
        PL2_UNROLL
        for (int v = 0; v < nv; v++) {
            R *to = c + v * LANES;
            const int lanes = v == nv - 1 ? last : LANES;
            if (padded)
                NAME(store)(to, sum[r][v]);
            else if (g->store == STORE)
                NAME(store_part)(to, scale * sum[r][v], lanes);
            else {
                const V old = NAME(load_part)(to, lanes), step = scale * sum[r][v];
                NAME(store_part)(to, g->store == STORE_ADD ? old + step : NAME(decayed)(old, shrink, step),
                                 lanes);
            }
        }
    }
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
#if NV >= 4
        PL2_TILES(4) PL2_TILE(5, 4) PL2_TILE(6, 4)
#endif
#if MR >= 6
        PL2_TILE(5, 1) PL2_TILE(6, 1) PL2_TILE(5, 2) PL2_TILE(6, 2) PL2_TILE(5, 3) PL2_TILE(6, 3)
#endif
    }
    /* clang-format on */
}
#undef PL2_TILE
#undef PL2_TILES

/* Heights and widths are split evenly: 10 rows are 5 + 5, never 6 + 4; a rest of 1 is the worst. */
static void NAME(gemm)(const Product *g)
{
    const int64_t vectors = (g->n + LANES - 1) / LANES;
    const int64_t panels = (vectors + NV - 1) / NV, bands = (g->m + MR - 1) / MR;
    for (int64_t q = 0, v = 0; q < panels; q++) {
        const int nv = (int)(vectors / panels + (q < vectors % panels));
        const int64_t j = v * LANES, left = g->n - j;
        const int last = (int)(left < nv * LANES ? left - (nv - 1) * LANES : LANES);
        for (int64_t h = 0, i = 0; h < bands; h++) {
            const int mr = (int)(g->m / bands + (h < g->m % bands));
            NAME(any_tile)(g, mr, nv, last, i, j);
            i += mr;
        }
        v += nv;
    }
}

/* T (n, PANEL) = W (rows, n) transposed, rows <= PANEL; what T has beyond `rows` columns up to a
   whole vector is 0.  Squares of LANES x LANES by exchanging ever smaller halves. */
#define PANEL (PL2_PANEL_BYTES / (int)sizeof(R))
static void NAME(transpose)(const R *w, int64_t rows, int64_t n, R *t)
{
    for (int64_t i = 0; i < rows; i += LANES) {
        for (int64_t j = 0; j < n; j += LANES) {
            V square[LANES];
            const int lanes = (int)(n - j < LANES ? n - j : LANES);
            PL2_UNROLL
            for (int r = 0; r < LANES; r++)
                square[r] = i + r < rows ? NAME(load_part)(w + (i + r) * n + j, lanes) : NAME(splat)(0);
            PL2_UNROLL
            for (int half = LANES / 2; half > 0; half /= 2) {
                INT low[LANES], high[LANES];
                for (int l = 0; l < LANES; l++) {
                    low[l] = (INT)(l & half ? LANES + l - half : l);
                    high[l] = (INT)(l & half ? LANES + l : l + half);
                }
                I to_low, to_high;
                memcpy(&to_low, low, sizeof low);
                memcpy(&to_high, high, sizeof high);
                PL2_UNROLL
                for (int r = 0; r < LANES; r++) {
                    if (r & half) continue;
                    const V a = square[r], b = square[r + half];
                    square[r] = NAME(shuffle)(a, b, to_low);
                    square[r + half] = NAME(shuffle)(a, b, to_high);
                }
            }
            PL2_UNROLL
            for (int r = 0; r < LANES; r++)
                if (r < lanes) NAME(store)(t + (j + r) * PANEL + i, square[r]);
        }
    }
}

/* S (m, k) = D (m, n) W^T, for W (k, n) dense, D and S with padded rows.  A few rows take dot
   products along n; more of them pay for transposing W, a panel at a time. */
static void NAME(gemm_transposed)(const R *d, int64_t d_stride, const R *w, int64_t m, int64_t k, int64_t n,
                                  R *s, int64_t s_stride, R *panel)
{
    enum { FEW = 4 };
    for (int64_t i = 0; m <= FEW && i < m; i++) {
        for (int64_t q = 0; q < k; q++) {
            V sum = NAME(splat)(0);
            int64_t j = 0;
            for (; j + LANES <= n; j += LANES)
                sum += NAME(load)(d + i * d_stride + j) * NAME(load)(w + q * n + j);
            if (j < n) {
                const int lanes = (int)(n - j);
                sum += NAME(load_part)(d + i * d_stride + j, lanes) * NAME(load_part)(w + q * n + j, lanes);
            }
            s[i * s_stride + q] = NAME(total)(sum);
        }
    }
    for (int64_t q = 0; m > FEW && q < k; q += PANEL) {
        const int64_t rows = k - q < PANEL ? k - q : PANEL;
        NAME(transpose)(w + q * n, rows, n, panel);
        NAME(gemm)(&(Product){
            .store = STORE_PADDED,
            .m = m,
            .n = (rows + LANES - 1) / LANES * LANES,
            .k = n,
            .a = d,
            .a_row = d_stride,
            .a_column = 1,
            .b = panel,
            .b_stride = PANEL,
            .c = s + q,
            .c_stride = s_stride,
        });
    }
}
#undef PANEL
