/* One item, and with packed parameters its update by plain gradient descent: pass.h for a single row.

   A small matrix times a vector takes less time than it takes to say what is to be done, so all is in
   line here.  Of a narrow network z and delta are repeated in all lanes. */

/* The columns of `nv` vectors from j on, the last of which has `last` lanes in use, of
   z (n) = max(b + a (k) W (k, n), floor); each in four chains, for one would wait for itself. */
PL2_INLINE void NAME(row_strip)(const R *a, int64_t k, const Matrix *W, R floor, R *z, int64_t j,
                                const int nv, int last)
{
    enum { CHAINS = 4 };
    const R *w = W->w + j;
    V sum[CHAINS][2];
    int64_t p = 0;
#define PL2_LANES(v) ((v) == nv - 1 ? last : LANES)
#define PL2_CHAIN(c) \
    PL2_UNROLL \
    for (int v = 0; v < nv; v++) \
        sum[c][v] += a[p + (c)] * NAME(load_part)(w + (c) * W->pitch + v * LANES, PL2_LANES(v));
    PL2_UNROLL
    for (int v = 0; v < nv; v++) {
        sum[0][v] = NAME(load_part)(W->bias + j + v * LANES, PL2_LANES(v));
        PL2_UNROLL
        for (int c = 1; c < CHAINS; c++) sum[c][v] = NAME(splat)(0);
    }
    for (; p + CHAINS <= k; p += CHAINS, w += CHAINS * W->pitch) {
        PL2_UNROLL
        for (int c = 0; c < CHAINS; c++) {
            PL2_CHAIN(c)
        }
    }
    for (; p < k; p++, w += W->pitch) {
        PL2_CHAIN(0)
    }
#undef PL2_CHAIN
#undef PL2_LANES
    PL2_UNROLL
    for (int v = 0; v < nv; v++) {
        const V all = (sum[0][v] + sum[1][v]) + (sum[2][v] + sum[3][v]);
        NAME(store)(z + j + v * LANES, NAME(larger)(all, NAME(splat)(floor)));
    }
}

PL2_INLINE void NAME(row_product)(const R *a, int64_t k, const Matrix *W, R floor, R *z, int64_t n)
{
    int64_t j = 0;
    for (; j + 2 * LANES <= n; j += 2 * LANES) NAME(row_strip)(a, k, W, floor, z, j, 2, LANES);
    for (; j < n; j += LANES) {
        if (!W->unpadded || j + LANES <= n)
            NAME(row_strip)(a, k, W, floor, z, j, 1, LANES);
        else
            NAME(row_strip)(a, k, W, floor, z, j, 1, (int)(n - j));
    }
}

/* z (n, step) = b + W^T (n, k) a (k). */
PL2_INLINE void NAME(narrow_product)(const R *a, int64_t k, const Matrix *W, R *z, int64_t step, int64_t n)
{
    enum { FOUR = LANES < 4 ? LANES : 4 };
    for (int64_t j = 0; j < n; j += FOUR) {
        V sum[FOUR];
        R total[LANES];
        const int count = (int)(n - j < FOUR ? n - j : FOUR);
        PL2_UNROLL
        for (int c = 0; c < FOUR; c++) {
            const R *w = W->w + (j + c) * W->pitch;
            sum[c] = NAME(splat)(0);
            for (int64_t p = 0; c < count && p < k; p += LANES) {
                const int lanes = (int)(k - p < LANES ? k - p : LANES);
                sum[c] += NAME(load_part)(a + p, lanes) * NAME(load_part)(w + p, lanes);
            }
        }
        NAME(store)(total, NAME(totals)(sum, FOUR));
        for (int c = 0; c < count; c++)
            NAME(store)(z + (j + c) * step, NAME(splat)(W->bias[j + c] + total[c * (LANES / FOUR)]));
    }
}

/* W (rows, n) <- W - (c W + scale left (rows) x right (n)). */
PL2_INLINE void NAME(rank_one)(const Matrix *W, int64_t rows, const R *left, int64_t left_step,
                               const R *right, int64_t n, R scale, R c)
{
    const V shrink = NAME(splat)(c);
    for (int64_t i = 0; i < rows; i++) {
        R *w = W->w + i * W->pitch;
        const V factor = NAME(splat)(scale * left[i * left_step]);
        for (int64_t j = 0; j < n; j += LANES)
            NAME(store)(w + j, NAME(decayed)(NAME(load)(w + j), shrink, factor * NAME(load)(right + j)));
    }
}

static void NAME(forward_one)(const Block *b)
{
    const int64_t layers = b->net->layers;
    const R *a = b->x;
    for (int64_t l = 0; l < layers; l++) {
        const Layer *layer = &b->net->layer[l];
        const Matrix W = NAME(matrix)(b, b->params, l);
        const int hidden = l < layers - 1;
        R *z = NAME(activation)(b, l);
        if (W.transposed)
            NAME(narrow_product)(a, layer->in, &W, z, b->room, layer->out);
        else
            NAME(row_product)(a, layer->in, &W, hidden ? NAME(lower_bound)(layer->activation) : -(R)INFINITY,
                              z, layer->out);
        if (hidden)
            NAME(activate)(layer->activation, (R)layer->number, z, NAME(stored_slopes)(b, l), 1, layer->out,
                           layer->stride);
        a = z;
    }
}

/* delta of the layer before l, through weights that are still the old ones. */
PL2_INLINE void NAME(delta_one)(const Block *b, int64_t l, const Matrix *W, const R *delta)
{
    const Layer *layer = &b->net->layer[l], *before = layer - 1;
    const R *by = NAME(slopes)(b, l - 1);
    R *next = NAME(delta)(b, l - 1);
    if (!W->transposed) {
        NAME(dots)(&(Product){
            .store = STORE_SLOPE,
            .activation = before->activation,
            .m = 1,
            .n = layer->in,
            .k = layer->out,
            .a = delta,
            .b = W->w,
            .b_stride = W->pitch,
            .c = next,
            .by = by,
        });
        return;
    }
    for (int64_t q = 0; q < layer->in; q += LANES) {
        V sum = NAME(splat)(0);
        for (int64_t j = 0; j < layer->out; j++)
            sum += NAME(load)(delta + j * b->room) * NAME(load)(W->w + j * W->pitch + q);
        NAME(store)(next + q, sum * NAME(slope)(before->activation, NAME(load)(by + q)));
    }
}

/* W <- W - (c W + scale a^T delta), b <- b - scale delta, from the last layer to the first. */
static void NAME(backward_one)(const Block *b, R scale, const R *shrink)
{
    for (int64_t l = b->net->layers - 1; l >= 0; l--) {
        const Layer *layer = &b->net->layer[l];
        const Matrix W = NAME(matrix)(b, b->params, l);
        const R *a = l ? NAME(activation)(b, l - 1) : b->x, *delta = NAME(delta)(b, l);
        if (l) NAME(delta_one)(b, l, &W, delta);
        if (W.transposed) {
            NAME(rank_one)(&W, layer->out, delta, b->room, a, layer->in, scale, shrink[l]);
            for (int64_t j = 0; j < layer->out; j++) W.bias[j] -= scale * delta[j * b->room];
        } else {
            NAME(rank_one)(&W, layer->in, a, 1, delta, layer->out, scale, shrink[l]);
            for (int64_t j = 0; j < layer->out; j += LANES)
                NAME(store)(W.bias + j, NAME(load)(W.bias + j) - scale * NAME(load)(delta + j));
        }
    }
}
