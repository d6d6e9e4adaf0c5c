/* The products of a first layer whose rows x_i are CSR: a few pairs (j, x_ij), in any order; a j
   that comes twice counts twice, which sums it.

   W (in, n) and its gradient are dense; a row of x meets only their rows j. */
#ifndef PL2_SPARSE_ONCE
#define PL2_SPARSE_ONCE
/* Rows that a batch has active: active[0] begins a chain through the slots j + 1 of the rows j,
   each holding the next slot; END closes it, and 0 is a row inactive. */
enum { END = -1 };

static inline void pl2_none_active(const Net *net, int32_t *active)
{
    memset(active, 0, (size_t)(net->inputs + 1) * sizeof *active);
    active[0] = END;
}
#endif

#define Sparse NAME(Sparse)
/* Rows of a block: the values and columns of row i stand at [spans[2 i], spans[2 i + 1]). */
typedef struct {
    const R *values;
    const void *indices;
    int32_t index_bytes;
    int64_t inputs;
    int64_t rows;
    const int64_t *spans; /* NULL where x is dense */
    R *kept;              /* (rows, fullest) the values that dropout has left; NULL: all */
    int64_t fullest;
} Sparse;

/* The values of row i. */
PL2_INLINE const R *NAME(sparse_values)(const Sparse *x, int64_t i)
{
    return x->kept ? x->kept + i * x->fullest : x->values + x->spans[2 * i];
}

/* The column j of the k-th value. */
PL2_INLINE int64_t NAME(sparse_column)(const Sparse *x, int64_t k)
{
    return pl2_among(pl2_index(x->indices, x->index_bytes, k), x->inputs);
}

/* z_i (nv vectors of it, the last with `last` lanes in use) = max(b + sum_j x_ij W_j, floor), in
   registers. */
PL2_INLINE void NAME(sparse_strip)(const Sparse *x, int64_t i, const R *w, const R *bias, int64_t n, R floor,
                                   R *z, const int nv, int last)
{
    const R *values = NAME(sparse_values)(x, i);
    V sum[4];
    PL2_UNROLL
    for (int v = 0; v < nv; v++) sum[v] = NAME(load_part)(bias + v * LANES, v == nv - 1 ? last : LANES);
    for (int64_t k = x->spans[2 * i]; k < x->spans[2 * i + 1]; k++) {
        const R *row = w + NAME(sparse_column)(x, k) * n;
        const V value = NAME(splat)(*values++);
        PL2_UNROLL
        for (int v = 0; v < nv - 1; v++) sum[v] += value * NAME(load)(row + v * LANES);
        sum[nv - 1] += value * NAME(load_part)(row + (nv - 1) * LANES, last);
    }
    PL2_UNROLL
    for (int v = 0; v < nv; v++) {
        const V bound = NAME(splat)(floor);
        NAME(store)(z + v * LANES, NAME(pick)(NAME(less)(sum[v], bound), bound, sum[v]));
    }
}

/* Z (rows, n), its rows padded to whole vectors, = max(b + X W, floor). */
static void NAME(sparse_forward)(const Sparse *x, const R *w, const R *bias, int64_t n, R floor, R *z,
                                 int64_t z_stride)
{
    for (int64_t i = 0; i < x->rows; i++, z += z_stride) {
        for (int64_t j = 0; j < n; j += 4 * LANES) {
            const int64_t left = n - j < 4 * LANES ? n - j : 4 * LANES;
            const int nv = (int)((left + LANES - 1) / LANES), last = (int)(left - (nv - 1) * LANES);
#define PL2_STRIP(nv) \
    case nv: \
        NAME(sparse_strip)(x, i, w + j, bias + j, n, floor, z + j, nv, last); \
        break;
            switch (nv) {
                PL2_STRIP(1)
                PL2_STRIP(2)
                PL2_STRIP(3)
                PL2_STRIP(4)
            }
#undef PL2_STRIP
        }
    }
}

/* G (in, n) <- G + X^T delta, delta (rows, n) padded.  With a list of active rows those not in it
   hold anything: they enter it as 0. */
static void NAME(sparse_gradient)(const Sparse *x, const R *delta, int64_t delta_stride, int64_t n, R *g,
                                  int32_t *active)
{
    for (int64_t i = 0; i < x->rows; i++, delta += delta_stride) {
        const R *values = NAME(sparse_values)(x, i);
        for (int64_t k = x->spans[2 * i]; k < x->spans[2 * i + 1]; k++) {
            const int64_t j = NAME(sparse_column)(x, k);
            const V value = NAME(splat)(*values++);
            R *row = g + j * n;
            if (active && !active[j + 1]) {
                active[j + 1] = active[0];
                active[0] = (int32_t)(j + 1);
                memset(row, 0, (size_t)n * sizeof(R));
            }
            for (int64_t c = 0; c < n; c += LANES) {
                const int lanes = (int)(n - c < LANES ? n - c : LANES);
                NAME(store_part)(row + c, NAME(load_part)(row + c, lanes) + value * NAME(load)(delta + c),
                                 lanes);
            }
        }
    }
}

/* w <- w - (c w + scale g) for `count` numbers; g NULL is 0. */
static void NAME(sparse_step)(R *w, const R *g, R scale, R c, int64_t count)
{
    const V vscale = NAME(splat)(scale), vc = NAME(splat)(c);
    for (int64_t i = 0; i < count; i += LANES) {
        const int lanes = (int)(count - i < LANES ? count - i : LANES);
        const V step = g ? vscale * NAME(load_part)(g + i, lanes) : NAME(splat)(0);
        NAME(store_part)(w + i, NAME(decayed)(NAME(load_part)(w + i, lanes), vc, step), lanes);
    }
}

/* Plain gradient descent on W (in, n), whose gradient stands in the active rows of G: these take
   decay and step at once, the others decay alone, and where c is 0 are not even visited.  Rows one
   after another of which all or none are active go together.  Leaves no row active. */
static void NAME(sparse_descend)(R *w, const R *g, R scale, R c, int64_t in, int64_t n, int32_t *active)
{
    for (int64_t j = 0, end; c != 0 && j < in; j = end) {
        const int hit = active[j + 1] != 0;
        for (end = j + 1; end < in && (active[end + 1] != 0) == hit;) end++;
        NAME(sparse_step)(w + j * n, hit ? g + j * n : NULL, scale, c, (end - j) * n);
    }
    for (int32_t slot = active[0], next; slot != END; slot = next) {
        const int64_t j = slot - 1;
        if (c == 0) NAME(sparse_step)(w + j * n, g + j * n, scale, 0, n);
        next = active[slot];
        active[slot] = 0;
    }
    active[0] = END;
}
