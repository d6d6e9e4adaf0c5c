/* Forward and backward of one block of items.  Knows a Net and its arrays; no epochs, no orders. */

#define Block NAME(Block)
/* A block on its way through a network, or some of its rows, where a team shares it.  The array of layer
   l begins at room * column:
   - rows: a' (rows, stride), each item a row;
   - columns (see feature_major.h): a' (out, room), each unit a row.
   The last layer of a narrow network is (out, room) either way.  After the losses it holds
   delta = dE0/dz, times m. */
typedef struct {
    const Net *net;
    const Team *team;
    R *params;
    int packed;                 /* params are packed, not as users have them */
    int narrow;                 /* W of the last layer is at hand as W^T */
    int layout;                 /* PL2_ROWS, PL2_COLUMNS, or PL2_ONE_ITEM, which online.h takes */
    int fused;                  /* fused.h takes it */
    int few;                    /* so few rows in the whole block that W is not transposed for them */
    int64_t from, rows, filled; /* rows, from one on; and rounded up to whole vectors */
    int64_t room;               /* the whole block's, rounded up to whole cache lines */
    const R *x;                 /* (rows, in), or in columns (in, room) */
    int64_t x_stride;
    int x_unpadded;
    Sparse sparse;                  /* the first layer's input where it is CSR, instead of x */
    int32_t *active;                /* CSR: a list for sparse_gradient */
    R *act, *delta, *slope, *panel; /* slope: NULL where none is stored */
    R *strips;                      /* of a large layer's inputs, see gemm.h; or NULL */
    R *targets;                     /* (outputs, room), in columns */
    double *loss;                   /* (room) of each vector of items */
    R *inputs;                      /* (room, x_stride): gathered items, or gradients by them; in columns x */
    const Update *drops;            /* whose dropout there is, or NULL: */
    int64_t t, place;               /* in which update, and where in its batch the whole block begins */
} Block;

/* Whether dropout leaves out some of what goes into layer l. */
PL2_INLINE int NAME(drops)(const Block *b, int64_t l) { return b->drops && b->drops->dropout[l] > 0; }

/* Where the rows of layer l begin in act, or in delta. */
static int64_t NAME(origin)(const Block *b, int64_t l)
{
    const Layer *layer = &b->net->layer[l];
    const int turned = b->layout == PL2_COLUMNS || (b->narrow && l == b->net->layers - 1);
    return b->room * layer->column + b->from * (turned ? 1 : layer->stride);
}

static R *NAME(activation)(const Block *b, int64_t l) { return b->act + NAME(origin)(b, l); }

static R *NAME(delta)(const Block *b, int64_t l)
{
    return (l == b->net->layers - 1 ? b->act : b->delta) + NAME(origin)(b, l);
}

/* Where the slopes of layer l are stored, or NULL. */
static R *NAME(stored_slopes)(const Block *b, int64_t l)
{
    const int stores = PL2_STORES_SLOPE(b->net->layer[l].activation) || NAME(drops)(b, l + 1);
    return b->slope && stores ? b->slope + NAME(origin)(b, l) : NULL;
}

/* What the slopes of layer l are told from. */
static const R *NAME(slopes)(const Block *b, int64_t l)
{
    const R *stored = NAME(stored_slopes)(b, l);
    return stored ? stored : NAME(activation)(b, l);
}

/* The rows [from, from + rows) of a whole block. */
static Block NAME(rows_of)(const Block *whole, int64_t from, int64_t rows)
{
    Block b = *whole;
    b.from = from;
    b.rows = rows;
    b.filled = (rows + LANES - 1) / LANES * LANES;
    b.x += from * (b.layout == PL2_COLUMNS ? 1 : b.x_stride);
    return b;
}

/* [*first, *end) of `count` is this member's share, in whole multiples of `grain`. */
static void NAME(member_share)(const Team *team, int64_t count, int64_t grain, int64_t *first, int64_t *end)
{
    *first = 0, *end = count;
    if (team->size == 1) return;
    const int64_t grains = (count + grain - 1) / grain;
    const int64_t before = grains * team->rank / team->size * grain;
    const int64_t upto = grains * (team->rank + 1) / team->size * grain;
    *first = before < count ? before : count;
    *end = upto < count ? upto : count;
}

#define Matrix NAME(Matrix)
/* W (in, out) of a layer, or W^T where transposed: rows `pitch` apart, `count` numbers in all; and b.
   Of its gradient and update a member of a team has the rows [first, end), of W^T all or none. */
typedef struct {
    R *w, *bias;
    int64_t pitch, count, first, end;
    int unpadded, transposed;
} Matrix;

/* Layer l of params, or of what is laid out as they are. */
static Matrix NAME(matrix)(const Block *b, R *params, int64_t l)
{
    const Layer *layer = &b->net->layer[l];
    const int transposed = b->narrow && l == b->net->layers - 1;
    const int64_t rows = transposed ? layer->out : layer->in, columns = transposed ? layer->in : layer->out;
    const int64_t pitch = b->packed ? layer->pitch : columns;
    int64_t first = 0, end = b->team->rank == 0 ? rows : 0;
    if (!transposed) NAME(member_share)(b->team, rows, 1, &first, &end);
    return (Matrix){
        .w = params + (b->packed ? layer->packed_weight : layer->weight),
        .bias = params + (b->packed ? layer->packed_bias : layer->bias),
        .pitch = pitch,
        .count = rows * pitch,
        .first = first,
        .end = end,
        .unpadded = !b->packed,
        .transposed = transposed,
    };
}

/* The numbers of a band of W, whose squares are one sum: all of a small W; else rows that take a part of the
   nearest cache, and where they are enough whole tiles of every instruction set. */
static int64_t NAME(band_size)(const Matrix *W)
{
    if (W->count <= 2 * PL2_SEGMENT) return W->count;
    if (W->pitch > PL2_SEGMENT) return W->pitch;
    const uint32_t rows = PL2_SEGMENT / (uint32_t)W->pitch;
    return (rows < PL2_BAND_ROWS ? rows : rows / PL2_BAND_ROWS * PL2_BAND_ROWS) * W->pitch;
}

static int64_t NAME(bands)(const Matrix *W)
{
    const int64_t size = NAME(band_size)(W);
    return size == W->count ? 1 : (W->count + size - 1) / size;
}

/* The squares of a band. */
static double NAME(band_squares)(const Matrix *W, int64_t band)
{
    const int64_t size = NAME(band_size)(W), left = W->count - band * size;
    return NAME(sum_of_squares)(W->w + band * size, left < size ? left : size);
}

/* a' = f(a W + b) of the units [j, end) of layer l, which in the last is left at z. */
static void NAME(forward_layer)(const Block *b, int64_t l, int64_t j, int64_t end)
{
    const Layer *layer = &b->net->layer[l];
    const int hidden = l < b->net->layers - 1;
    const Matrix W = NAME(matrix)(b, b->params, l);
    const R *a = l ? NAME(activation)(b, l - 1) : b->x;
    const int64_t a_stride = l ? layer[-1].stride : b->x_stride;
    R *z = NAME(activation)(b, l), *slopes = NAME(stored_slopes)(b, l);
    const R floor = hidden ? NAME(lower_bound)(layer->activation) : -(R)INFINITY;
    if (l == 0 && b->sparse.spans)
        NAME(sparse_forward)(&b->sparse, W.w, W.bias, layer->out, floor, z, layer->stride);
    else if (W.transposed)
        NAME(dots)(&(Product){
            .store = STORE,
            .unpadded = W.unpadded || (l == 0 && b->x_unpadded),
            .m = layer->out,
            .n = b->rows,
            .k = layer->in,
            .a = W.w,
            .a_row = W.pitch,
            .b = a,
            .b_stride = a_stride,
            .c = z,
            .c_stride = b->room,
            .start = W.bias,
            .floor = floor,
        });
    else
        NAME(gemm_layer)(
            &(Product){
                .store = STORE,
                .unpadded = W.unpadded,
                .m = b->rows,
                .n = end - j,
                .k = layer->in,
                .a = a,
                .a_row = a_stride,
                .a_column = 1,
                .b = W.w + j,
                .b_stride = W.pitch,
                .c = z + j,
                .c_stride = layer->stride,
                .start = W.bias + j,
                .floor = floor,
            },
            layer, b->panel);
    if (hidden)
        NAME(activate)(layer->activation, (R)layer->number, z + j, slopes ? slopes + j : NULL, b->rows,
                       end - j, layer->stride);
    if (hidden && NAME(drops)(b, l + 1))
        NAME(drop_rows)(NAME(mask)(b->drops, l + 1, b->t), b->place + b->from, layer->activation, z, slopes,
                        b->rows, layer->out, layer->stride);
}

static void NAME(forward_rows)(const Block *b)
{
    for (int64_t l = 0; l < b->net->layers; l++) NAME(forward_layer)(b, l, 0, b->net->layer[l].out);
}

/* The same of a whole block whose team shares the units of every layer but the last, of which each member
   has its `own` rows; there are units for all, as pl2_settle sees to. */
static void NAME(forward_units)(const Block *whole, const Block *own)
{
    const int64_t top = whole->net->layers - 1;
    for (int64_t l = 0; l < top; l++) {
        int64_t first, end;
        pl2_team_wait(whole->team);
        NAME(member_share)(whole->team, whole->net->layer[l].out, PL2_LINE / (int64_t)sizeof(R), &first,
                           &end);
        NAME(forward_layer)(whole, l, first, end);
    }
    pl2_team_wait(whole->team);
    if (own->rows > 0) NAME(forward_layer)(own, top, 0, whole->net->layer[top].out);
}

/* delta (m, in) = (delta' (m, out) W^T) * f'(a), of the units [j, end) of the layer before l. */
static void NAME(delta_layer)(const Block *b, int64_t l, int64_t j, int64_t end)
{
    const Layer *layer = &b->net->layer[l], *before = layer - 1;
    const Matrix W = NAME(matrix)(b, b->params, l);
    Product product = {
        .store = STORE_SLOPE,
        .activation = NAME(stored_slopes)(b, l - 1) ? PL2_STORED : before->activation,
        .unpadded = W.unpadded,
        .m = b->rows,
        .n = end - j,
        .k = layer->out,
        .a = NAME(delta)(b, l),
        .a_row = W.transposed ? 1 : layer->stride,
        .a_column = W.transposed ? b->room : 1,
        .b = W.w + j * (W.transposed ? 1 : W.pitch),
        .b_stride = W.pitch,
        .c = NAME(delta)(b, l - 1) + j,
        .c_stride = before->stride,
        .by = NAME(slopes)(b, l - 1) + j,
    };
    if (W.transposed)
        NAME(gemm)(&product);
    else
        NAME(gemm_back)(&product, b->few, b->panel);
}

/* From the last layer down to the first, whose own inputs need none. */
static void NAME(deltas_rows)(const Block *b)
{
    for (int64_t l = b->net->layers - 1; l > 0; l--) NAME(delta_layer)(b, l, 0, b->net->layer[l].in);
}

/* The same of a whole block whose team shares the units. */
static void NAME(deltas_units)(const Block *whole)
{
    for (int64_t l = whole->net->layers - 1; l > 0; l--) {
        int64_t first, end;
        pl2_team_wait(whole->team);
        NAME(member_share)(whole->team, whole->net->layer[l].in, PL2_LINE / (int64_t)sizeof(R), &first, &end);
        NAME(delta_layer)(whole, l, first, end);
    }
}

#define Gradient NAME(Gradient)
/* What becomes of the products a^T delta: `store` says how, W <- and b <- are in `to` (as params). */
typedef struct {
    int store;
    R scale;
    const R *shrink; /* unused but by STORE_DECAYED: c of each layer's weights; biases have none */
    R *to;
    double *squares; /* STORE_DECAYED: of each band before its update, in layers that take_squares; or NULL */
    R *sparse;       /* for CSR: the sum x^T delta of the first layer, whatever becomes of the others */
    int32_t *active; /* for CSR: see sparse_gradient; NULL: all rows of it, and STORE zeroes them */
} Gradient;

/* b (n) <- as the weights of a layer whose only input is 1: the sums of delta (m, n) over items, or of
   delta (n, room) where items are columns. */
static void NAME(bias_gradient)(const Block *b, const Gradient *g, const Matrix *to, int64_t l, int columns)
{
    static const R one = 1;
    const R *delta = NAME(delta)(b, l);
    const int64_t n = b->net->layer[l].out;
    Product product = {
        .store = g->store,
        .unpadded = 0,
        .c_unpadded = to->unpadded,
        .m = 1,
        .n = n,
        .k = b->rows,
        .a = &one,
        .b = delta,
        .b_stride = b->net->layer[l].stride,
        .c = to->bias,
        .floor = -(R)INFINITY,
        .scale = NAME(splat)(g->scale),
    };
    if (!columns) {
        NAME(gemm)(&product);
        return;
    }
    enum { FOUR = LANES >= 4 ? 4 : LANES };
    for (int64_t j = 0; j < n; j += FOUR) {
        const int count = (int)(n - j < FOUR ? n - j : FOUR);
        V sum[FOUR];
        for (int c = 0; c < FOUR; c++) {
            sum[c] = NAME(splat)(0);
            for (int64_t i = 0; c < count && i < b->filled; i += LANES)
                sum[c] += NAME(load)(delta + (j + c) * b->room + i);
        }
        V total[1][NV];
        total[0][0] = NAME(first)(NAME(every)(NAME(totals)(sum, FOUR), 0, LANES / FOUR), count);
        NAME(epilogues)(&product, total, 1, 1, to->unpadded ? count : FOUR, 0, j);
    }
}

static void NAME(sparse_sum)(const Block *b, const Gradient *g, const Layer *layer)
{
    if (g->store == STORE && !g->active) memset(g->sparse, 0, (size_t)(layer->in * layer->out) * sizeof(R));
    NAME(sparse_gradient)(&b->sparse, NAME(delta)(b, 0), layer->stride, layer->out, g->sparse, g->active);
}

/* Whether the squares of a layer's weights are taken in its update by one thread, band by band: they come from
   afar once then.  Else they are taken before it. */
static int NAME(takes_squares)(const Block *b, const Matrix *W, int64_t l)
{
    const int plain = !W->transposed && !b->net->layer[l].large && !(l == 0 && b->sparse.spans);
    const int enough = W->count <= 2 * PL2_SEGMENT || W->pitch * PL2_BAND_ROWS <= PL2_SEGMENT;
    return plain && enough && b->layout == PL2_ROWS && b->team->size == 1 && !b->fused;
}

/* C <- C - (c C + scale a^T delta) of a layer W that takes squares. */
static void NAME(gemm_bands)(const Product *g, const Matrix *W, double *squares)
{
    const int64_t height = NAME(band_size)(W) / W->pitch;
    Product band = *g;
    for (int64_t i = 0; i < g->m; i += height) {
        *squares++ = NAME(band_squares)(W, i / height);
        band.m = g->m - i < height ? g->m - i : height;
        NAME(gemm)(&band);
        band.a += height, band.c += height * g->c_stride;
    }
}

/* The product a^T delta of a layer, of this member's rows from `first` on.  Each has its own part of the strips, with
   a cache line to spare. */
static void NAME(gemm_gradient)(const Block *b, const Product *g, const Layer *layer, int64_t first)
{
    const int64_t line = PL2_LINE / (int64_t)sizeof(R);
    if (b->strips && layer->large && g->a_row == 1 && g->m >= PL2_PACKING_ROWS)
        NAME(gemm_strips)(g, b->strips + first * b->rows + b->team->rank * line, b->panel);
    else
        NAME(gemm_layer)(g, layer, b->panel);
}

/* W <- a^T delta and b <- the sums of delta, in every layer; of a whole block. */
static void NAME(gradients_rows)(const Block *b, const Gradient *g)
{
    double *squares = g->squares;
    for (int64_t l = 0; l < b->net->layers; l++) {
        const Layer *layer = &b->net->layer[l];
        const Matrix to = NAME(matrix)(b, g->to, l);
        const R *a = l ? NAME(activation)(b, l - 1) : b->x, *delta = NAME(delta)(b, l);
        const int64_t a_stride = l ? layer[-1].stride : b->x_stride;
        Product product = {
            .store = g->store,
            .c_unpadded = to.unpadded,
            .k = b->rows,
            .m = to.end - to.first,
            .c = to.w + to.first * to.pitch,
            .c_stride = to.pitch,
            .floor = -(R)INFINITY,
            .scale = NAME(splat)(g->scale),
            .shrink = NAME(splat)(g->store == STORE_DECAYED ? g->shrink[l] : 0),
        };
        if (to.transposed) {
            product.unpadded = !l && b->x_unpadded;
            product.n = layer->in;
            product.a = delta, product.a_row = b->room, product.a_column = 1;
            product.b = a, product.b_stride = a_stride;
        } else {
            product.n = layer->out;
            product.a = a + to.first, product.a_row = 1, product.a_column = a_stride;
            product.b = delta, product.b_stride = layer->stride;
        }
        if (l == 0 && b->sparse.spans)
            NAME(sparse_sum)(b, g, layer);
        else if (squares && NAME(takes_squares)(b, &to, l))
            NAME(gemm_bands)(&product, &to, squares);
        else
            NAME(gemm_gradient)(b, &product, layer, to.first);
        if (b->team->rank == 0) NAME(bias_gradient)(b, g, &to, l, to.transposed);
        if (squares) squares += NAME(bands)(&to);
    }
}

/* delta (m, in) = (delta' (m, out) W^T) * f'(a) of layer l, or for the first by its inputs; returns it. */
static R *NAME(backward_once)(const Block *b, int64_t l, const R *delta)
{
    const Layer *layer = &b->net->layer[l];
    R *next = l ? b->delta + b->room * layer[-1].column : b->inputs;
    NAME(gemm_back)(
        &(Product){
            .store = l ? STORE_SLOPE : STORE,
            .activation = l ? layer[-1].activation : 0,
            .unpadded = 1,
            .m = b->rows,
            .n = layer->in,
            .k = layer->out,
            .a = delta,
            .a_row = layer->stride,
            .a_column = 1,
            .b = b->params + layer->weight,
            .b_stride = layer->out,
            .c = next,
            .c_stride = l ? layer[-1].stride : b->net->x_stride,
            .floor = -(R)INFINITY,
            .by = l ? NAME(slopes)(b, l - 1) : next,
        },
        b->few, b->panel);
    return next;
}

/* d prediction_j / d x of each row into result (rows, outputs, inputs), after `forward`, with the
   predictions in the last layer. */
static void NAME(backward_to_inputs)(const Block *b, int64_t j, R *result)
{
    const Net *net = b->net;
    const Layer *top = &net->layer[net->layers - 1];
    const R *p = NAME(activation)(b, net->layers - 1);
    R *delta = b->delta + b->room * top->column;
    for (int64_t i = 0; i < b->rows; i++)
        NAME(jacobian)(net->output, p + i * top->stride, j, delta + i * top->stride, top->out);
    for (int64_t l = net->layers - 1; l >= 0; l--) delta = NAME(backward_once)(b, l, delta);
    for (int64_t i = 0; i < b->rows; i++)
        memcpy(result + (i * net->outputs + j) * net->inputs, delta + i * net->x_stride,
               (size_t)net->inputs * sizeof(R));
}
