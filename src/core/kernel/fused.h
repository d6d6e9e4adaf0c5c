/* The pass of pass.h for one hidden layer and one output, the two layers together and in the same bits: each tile
   of the hidden layer goes into the output while it is in registers, and its deltas d w f'(a) are made where the
   gradients want them, of both layers at once.  They are in no memory. */

enum { NAME(HEIGHT) = LANES < 4 ? LANES : 4, NAME(BAND) = 8 };
#define HEIGHT NAME(HEIGHT) /* rows of a tile forward; LANES is a multiple of it */
#define BAND NAME(BAND)     /* the most inputs of a tile of gradients */

/* Of HEIGHT rows of x and a the `nv` vectors of units from j on: a = max(x W + b, floor), and a w is added to their
   parts of z, a vector each, which begin with 0. */
PL2_INLINE void NAME(fused_tile)(const Matrix *W, const R *w, R floor, int64_t inputs, const R *const *x,
                                 R *const *a, int64_t j, const int nv, R *parts)
{
    V sum[HEIGHT][NV], part[HEIGHT];
    const R *row = W->w + j;
    PL2_UNROLL
    for (int v = 0; v < nv; v++) {
        const V bias = NAME(load)(W->bias + j + v * LANES);
        PL2_UNROLL
        for (int r = 0; r < HEIGHT; r++) sum[r][v] = bias;
    }
    for (int64_t p = 0; p < inputs; p++, row += W->pitch) {
        V weight[NV];
        PL2_UNROLL
        for (int v = 0; v < nv; v++) weight[v] = NAME(load)(row + v * LANES);
        PL2_UNROLL
        for (int r = 0; r < HEIGHT; r++) {
            const V input = NAME(broadcast)(x[r] + p);
            PL2_UNROLL
            for (int v = 0; v < nv; v++) sum[r][v] += input * weight[v];
        }
    }
    PL2_UNROLL
    for (int r = 0; r < HEIGHT; r++) part[r] = j ? NAME(load)(parts + r * LANES) : NAME(splat)(0);
    PL2_UNROLL
    for (int v = 0; v < nv; v++) {
        const V weight = NAME(load)(w + j + v * LANES);
        PL2_UNROLL
        for (int r = 0; r < HEIGHT; r++) {
            const V value = NAME(larger)(sum[r][v], NAME(splat)(floor));
            NAME(store)(a[r] + j + v * LANES, value);
            part[r] += value * weight;
        }
    }
    PL2_UNROLL
    for (int r = 0; r < HEIGHT; r++) NAME(store)(parts + r * LANES, part[r]);
}

/* The rows [i, i + HEIGHT); in place of those that there are not the last once more. */
PL2_INLINE void NAME(fused_rows)(const Block *b, const Matrix *W, const R *w, R *a, int64_t i, R *parts)
{
    const Layer *layer = b->net->layer;
    const int64_t vectors = (layer->out + LANES - 1) / LANES, last = b->rows - 1;
    const R floor = NAME(lower_bound)(layer->activation), *x[HEIGHT];
    R *value[HEIGHT];
    PL2_UNROLL
    for (int r = 0; r < HEIGHT; r++) {
        const int64_t at = i + r < last ? i + r : last;
        x[r] = b->x + at * b->x_stride;
        value[r] = a + at * layer->stride;
    }
#define PL2_TILE(nv) NAME(fused_tile)(W, w, floor, layer->in, x, value, v * LANES, nv, parts)
    int64_t v = 0;
    for (; vectors - v > NV + 1 || vectors - v == NV; v += NV) PL2_TILE(NV);
    for (; vectors - v >= 2; v += 2) PL2_TILE(2);
    if (v < vectors) PL2_TILE(1);
#undef PL2_TILE
}

/* z = f(x W + b) w + c of all rows, f being a bound at most. */
static void NAME(forward_fused)(const Block *b)
{
    const Matrix W = NAME(matrix)(b, b->params, 0), w = NAME(matrix)(b, b->params, 1);
    R *a = NAME(activation)(b, 0), *z = NAME(activation)(b, 1), *parts = b->delta;
    for (int64_t i = 0; i < b->rows; i += HEIGHT) NAME(fused_rows)(b, &W, w.w, a, i, parts + i * LANES);
    for (int64_t i = 0; i < b->rows; i += LANES, parts += LANES * LANES) {
        const int count = (int)(b->rows - i < LANES ? b->rows - i : LANES);
        V sum[LANES];
        PL2_UNROLL
        for (int r = 0; r < LANES; r++) sum[r] = r < count ? NAME(load)(parts + r * LANES) : NAME(splat)(0);
        NAME(store)(z + i, NAME(first)(NAME(totals)(sum, LANES) + NAME(splat)(w.bias[0]), count));
    }
}

#define Fused NAME(Fused)
/* The way back of a block: a and d and the old w, each of d's a vector, and what becomes of the gradients of W, b
   and w.  `units` are whole vectors; of interleaved networks (interleaved.h) each is one unit of all of them. */
typedef struct {
    int activation;
    int64_t rows, inputs, units;
    const R *x, *a, *d, *w;
    int64_t x_stride, a_stride;
    Product first, bias, second;
} Fused;

/* At the vector of units j what becomes of the sums over all rows of x^T delta for the inputs [p, p + inputs); and
   the sums of delta and of d a, for w of these units. */
PL2_INLINE void NAME(fused_tile_back)(const Fused *f, const int inputs, int64_t p, int64_t j, V w,
                                      V (*others)[NV])
{
    const int64_t rows = f->rows, x_stride = f->x_stride, a_stride = f->a_stride;
    const R *x = f->x + p, *a = f->a + j, *d = f->d;
    V sum[BAND][NV], bias = NAME(splat)(0), second = bias;
    PL2_UNROLL
    for (int q = 0; q < inputs; q++) sum[q][0] = bias;
    for (int64_t i = 0; i < rows; i++, x += x_stride, a += a_stride, d += LANES) {
        const V value = NAME(load)(a), output = NAME(load)(d);
        V delta = NAME(times_slope)(f->activation, value, output * w);
        PL2_ROUNDED(delta); /* as it is in pass.h */
        PL2_UNROLL
        for (int q = 0; q < inputs; q++) sum[q][0] += NAME(broadcast)(x + q) * delta;
        bias += delta;
        second += output * value;
    }
    PL2_NEVER(f->first.store == STORE_SLOPE);
    NAME(epilogues)(&f->first, sum, inputs, 1, LANES, p, j);
    others[0][0] = bias;
    others[1][0] = second;
}

static void NAME(fused_back)(const Fused *f)
{
    const uint32_t inputs = (uint32_t)f->inputs, bands = (inputs + BAND - 1) / BAND;
    PL2_NEVER(f->bias.store == STORE_SLOPE || f->second.store == STORE_SLOPE);
    for (int64_t j = 0; j < f->units; j += LANES) {
        const V w = NAME(load)(f->w + j); /* before it is updated with the first band */
        int64_t p = 0;
        for (uint32_t h = 0; h < bands; h++) {
            const int band = NAME(share)(inputs, bands, h);
            V others[2][NV];
#define PL2_BAND(inputs) \
    NAME(fused_tile_back)(f, inputs, p, j, w, others); \
    break;
            /* clang-format off */
            switch (band) {
                case 1: PL2_BAND(1)
                case 2: PL2_BAND(2)
                case 3: PL2_BAND(3)
                case 4: PL2_BAND(4)
                case 5: PL2_BAND(5)
                case 6: PL2_BAND(6)
                case 7: PL2_BAND(7)
                default: PL2_BAND(BAND)
            }
                /* clang-format on */
#undef PL2_BAND
            if (!p) NAME(epilogues)(&f->bias, others, 1, 1, LANES, 0, j);
            if (!p) NAME(epilogues)(&f->second, others + 1, 1, 1, LANES, 0, j);
            p += band;
        }
    }
}

static Product NAME(fused_product)(int store, V scale, V shrink, R *c, int64_t c_stride)
{
    return (Product){
        .store = store,
        .c = c,
        .c_stride = c_stride,
        .floor = -(R)INFINITY,
        .scale = scale,
        .shrink = shrink,
    };
}

/* What gradients_rows does, after the losses. */
static void NAME(gradients_fused)(const Block *b, const Gradient *g)
{
    const Layer *layer = b->net->layer;
    const Matrix W = NAME(matrix)(b, g->to, 0), w = NAME(matrix)(b, g->to, 1);
    const V scale = NAME(splat)(g->scale), none = NAME(splat)(0);
    const int decays = g->store == STORE_DECAYED;
    const R *delta = NAME(delta)(b, 1);
    R *d = b->delta;
    for (int64_t i = 0; i < b->rows; i++) NAME(store)(d + i * LANES, NAME(broadcast)(delta + i));
    NAME(fused_back)(&(Fused){
        .activation = layer->activation,
        .rows = b->rows,
        .inputs = layer->in,
        .units = layer->out,
        .x = b->x,
        .a = NAME(activation)(b, 0),
        .d = d,
        .w = NAME(matrix)(b, b->params, 1).w,
        .x_stride = b->x_stride,
        .a_stride = layer->stride,
        .first =
            NAME(fused_product)(g->store, scale, decays ? NAME(splat)(g->shrink[0]) : none, W.w, W.pitch),
        .bias = NAME(fused_product)(g->store, scale, none, W.bias, 0),
        .second = NAME(fused_product)(g->store, scale, decays ? NAME(splat)(g->shrink[1]) : none, w.w, 0),
    });
    NAME(bias_gradient)(b, g, &w, 1, 1);
}
#undef HEIGHT
#undef BAND
