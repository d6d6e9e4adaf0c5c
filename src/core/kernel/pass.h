/* Forward and backward of one block of rows.  Knows a Net and its arrays; no epochs, no orders. */

#define Block NAME(Block)
/* A block on its way through a network.  Activations of layer l: act + rows * column, row length
   stride; after the loss those of the last layer hold delta = dE0/dz, times m. */
typedef struct {
    const Net *net;
    const R *params;
    int64_t rows;
    const R *x;
    int64_t x_stride;
    Sparse sparse;    /* the first layer's input where it is CSR, instead of x */
    int32_t *touched; /* CSR: a list for sparse_gradient */
    R *act, *scratch, *other, *panel;
    R *inputs; /* (rows, x_stride): gathered items, or gradients by them */
} Block;

static R *NAME(activation)(const Block *b, int64_t l) { return b->act + b->rows * b->net->layer[l].column; }

/* z -> f(z), in place, whole padded rows. */
static void NAME(activate)(int kind, R *z, int64_t count)
{
#define PL2_CASE(f) \
    case ACTIVATION_##f: \
        for (int64_t i = 0; i < count; i += LANES) NAME(store)(z + i, NAME(f)(NAME(load)(z + i))); \
        break;
    switch (kind) {
        ACTIVATIONS(PL2_CASE)
    }
#undef PL2_CASE
}

/* to <- s * f'(a); `to` may be a's own memory or s's. */
static void NAME(times_slope)(int kind, const R *a, const R *s, R *to, int64_t count)
{
#define PL2_CASE(f) \
    case ACTIVATION_##f: \
        for (int64_t i = 0; i < count; i += LANES) \
            NAME(store)(to + i, NAME(load)(s + i) * NAME(f##_slope)(NAME(load)(a + i))); \
        break;
    switch (kind) {
        ACTIVATIONS(PL2_CASE)
    }
#undef PL2_CASE
}

static void NAME(link)(int kind, R *z, int64_t n)
{
#define PL2_CASE(f) \
    case OUTPUT_##f: \
        NAME(f##_link)(z, n); \
        break;
    switch (kind) {
        OUTPUTS(PL2_CASE)
    }
#undef PL2_CASE
}

/* z -> delta of one row, in place; returns its loss. */
static double NAME(loss)(int kind, R *z, const R *y, int64_t label, int64_t n)
{
#define PL2_CASE(f) \
    case OUTPUT_##f: \
        return NAME(f##_loss)(z, y, label, n);
    switch (kind) {
        OUTPUTS(PL2_CASE)
    }
#undef PL2_CASE
    return 0;
}

static void NAME(jacobian)(int kind, const R *p, int64_t j, R *d, int64_t n)
{
#define PL2_CASE(f) \
    case OUTPUT_##f: \
        NAME(f##_jacobian)(p, j, d, n); \
        break;
    switch (kind) {
        OUTPUTS(PL2_CASE)
    }
#undef PL2_CASE
}

/* Layers [first, last): a' = f(a W + b), but for the last of the network, which is left at z. */
static void NAME(forward)(const Block *b, int64_t first, int64_t last)
{
    const Net *net = b->net;
    const R *a = b->x;
    int64_t a_stride = b->x_stride;
    for (int64_t l = first; l < last; l++) {
        const Layer *layer = &net->layer[l];
        const R *w = b->params + layer->weight, *bias = b->params + layer->bias;
        R *z = NAME(activation)(b, l);
        if (l == first && b->sparse.spans)
            NAME(sparse_forward)(&b->sparse, w, bias, layer->out, z, layer->stride);
        else
            NAME(gemm)(&(Product){
                .store = STORE_PADDED,
                .m = b->rows,
                .n = layer->out,
                .k = layer->in,
                .a = a,
                .a_row = a_stride,
                .a_column = 1,
                .b = w,
                .b_stride = layer->out,
                .c = z,
                .c_stride = layer->stride,
                .start = bias,
            });
        if (l < net->layers - 1) NAME(activate)(layer->activation, z, b->rows * layer->stride);
        a = z;
        a_stride = layer->stride;
    }
}

#define Gradient NAME(Gradient)
/* What becomes of the products a^T delta: `store` says how, W <- and b <- are in `to` (params). */
typedef struct {
    int store;
    R scale;
    const R *shrink; /* unused but by STORE_DECAYED: c of each layer's weights; biases have none */
    R *to;
    R *sparse;        /* for CSR: the sum x^T delta of the first layer, whatever becomes of the others */
    int32_t *touched; /* for CSR: see sparse_gradient; NULL: all rows of it, and STORE zeroes them */
} Gradient;

/* b (n) <- as the weights of a layer whose only input is 1: the column sums of delta (m, n). */
static void NAME(bias_gradient)(const Gradient *g, const R *delta, int64_t rows, const Layer *layer)
{
    static const R one = 1;
    NAME(gemm)(&(Product){
        .store = g->store,
        .m = 1,
        .n = layer->out,
        .k = rows,
        .a = &one,
        .b = delta,
        .b_stride = layer->stride,
        .c = g->to + layer->bias,
        .scale = g->scale,
    });
}

static void NAME(sparse_sum)(const Block *b, const Gradient *g, const R *delta, const Layer *layer)
{
    if (g->store == STORE && !g->touched) memset(g->sparse, 0, (size_t)(layer->in * layer->out) * sizeof(R));
    NAME(sparse_gradient)(&b->sparse, delta, layer->stride, layer->out, g->sparse, g->touched);
}

/* delta (m, in) = (delta' (m, out) W^T) * f'(a) goes before W <- a^T delta', for the gradient is
   that of the old weights (SPEC, The update).  delta takes the memory of a, which is then spent. */
static void NAME(backward)(const Block *b, const Gradient *g)
{
    const Net *net = b->net;
    for (int64_t l = net->layers - 1; l >= 0; l--) {
        const Layer *layer = &net->layer[l], *before = layer - 1;
        const R *delta = NAME(activation)(b, l);
        R *a = l ? NAME(activation)(b, l - 1) : NULL;
        if (l)
            NAME(gemm_transposed)(delta, layer->stride, b->params + layer->weight, b->rows, layer->in,
                                  layer->out, b->scratch, before->stride, b->panel);
        if (l == 0 && b->sparse.spans)
            NAME(sparse_sum)(b, g, delta, layer);
        else
            NAME(gemm)(&(Product){
                .store = g->store,
                .m = layer->in,
                .n = layer->out,
                .k = b->rows,
                .a = l ? a : b->x,
                .a_row = 1,
                .a_column = l ? before->stride : b->x_stride,
                .b = delta,
                .b_stride = layer->stride,
                .c = g->to + layer->weight,
                .c_stride = layer->out,
                .scale = g->scale,
                .shrink = g->store == STORE_DECAYED ? g->shrink[l] : 0,
            });
        NAME(bias_gradient)(g, delta, b->rows, layer);
        if (l) NAME(times_slope)(before->activation, a, b->scratch, a, b->rows * before->stride);
    }
}

/* d prediction_j / d x of each row into result (rows, outputs, inputs), after `forward`. */
static void NAME(backward_to_inputs)(const Block *b, int64_t j, R *result)
{
    const Net *net = b->net;
    const Layer *top = &net->layer[net->layers - 1];
    R *delta = b->scratch, *other = b->other;
    for (int64_t i = 0; i < b->rows; i++)
        NAME(jacobian)(net->output, NAME(activation)(b, net->layers - 1) + i * top->stride, j,
                       delta + i * top->stride, top->out);
    for (int64_t l = net->layers - 1; l >= 0; l--) {
        const Layer *layer = &net->layer[l];
        const int64_t stride = l ? layer[-1].stride : net->x_stride;
        R *next = l ? other : b->inputs;
        NAME(gemm_transposed)(delta, layer->stride, b->params + layer->weight, b->rows, layer->in, layer->out,
                              next, stride, b->panel);
        if (l)
            NAME(times_slope)(layer[-1].activation, NAME(activation)(b, l - 1), next, next, b->rows * stride);
        other = delta, delta = next;
    }
    for (int64_t i = 0; i < b->rows; i++)
        memcpy(result + (i * net->outputs + j) * net->inputs, delta + i * net->x_stride,
               (size_t)net->inputs * sizeof(R));
}
