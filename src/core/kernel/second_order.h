/* Derivatives by the parameters, row by row: the Jacobian J of the outputs before their link, and from it the
   Gauss-Newton matrix G = sum s J^T Lambda J / sum s.  float64 alone: a product of J's is only as good as its
   sums, so a float32 network is looked at as the float64 one that it is, too.

   G is d x d and symmetric: its lower triangle is computed by strips of columns, each of which is a part of
   its own, goes through all rows and holds no more of J than PL2_JACOBIAN_ROWS rows of it.  Those lie in
   slabs as wide as a tile, (slabs, PL2_JACOBIAN_ROWS, SLAB), so that a square of G reads two pieces of memory
   from end to end.  A panel of PL2_JACOBIAN_COLUMNS columns is whole slabs. */
#undef SLAB
#define SLAB (NV * LANES)

/* to (in, out) <- a (in) delta (out)^T.  Rows are stored in whole vectors, the next over the end of the one
   before: there are LANES numbers behind the last to spare. */
static void NAME(outer)(const R *a, int64_t in, const R *delta, int64_t out, R *to)
{
    if (out == 1) { /* the usual last layer: a row is a single number */
        const V x = NAME(broadcast)(delta);
        for (int64_t p = 0; p < in; p += LANES)
            NAME(store)(to + p, x * NAME(load_part)(a + p, (int)(in - p < LANES ? in - p : LANES)));
        return;
    }
    for (int64_t p = 0; p < in; p++, to += out) {
        const V x = NAME(broadcast)(a + p);
        for (int64_t q = 0; q < out; q += LANES) NAME(store)(to + q, x * NAME(load)(delta + q));
    }
}

/* row (d) <- the derivatives of item i by the parameters, from number `from` on, by the deltas of its layers.
   Numbers before may be written as well; behind d there is a vector to spare. */
static void NAME(jacobian_row)(const Block *b, int64_t i, int64_t from, R *row)
{
    for (int64_t l = 0; l < b->net->layers; l++) {
        const Layer *layer = &b->net->layer[l];
        const R *a = l ? NAME(activation)(b, l - 1) + i * layer[-1].stride : b->x + i * b->x_stride;
        const R *delta = b->delta + b->room * layer->column + i * layer->stride;
        const int64_t skip = from > layer->weight ? (from - layer->weight) / layer->out : 0;
        if (skip < layer->in)
            NAME(outer)(a + skip, layer->in - skip, delta, layer->out,
                        row + layer->weight + skip * layer->out);
    }
    for (int64_t l = 0; l < b->net->layers; l++) {
        const Layer *layer = &b->net->layer[l];
        memcpy(row + layer->bias, b->delta + b->room * layer->column + i * layer->stride,
               (size_t)layer->out * sizeof(R));
    }
}

/* The deltas of all layers from those of the last, which are in b->delta. */
static void NAME(backward_to_layers)(const Block *b)
{
    for (int64_t l = b->net->layers - 1; l > 0; l--)
        NAME(backward_once)(b, l, b->delta + b->room * b->net->layer[l].column);
}

/* jacobian: d z / d params of each row, z being the outputs before their link.  One step takes a block
   forward, or back from one of the outputs. */
static void NAME(jacobian_rows)(const Net *net, const Job *job, Cursor *at, void *memory)
{
    const Layer *top = &net->layer[net->layers - 1];
    R *row = NAME(in_work)(memory, job->work.jacobian), *result = job->result;
    const pl2_flush found = pl2_flush_on();
    while (at->left > 0 && at->row < at->last_row) {
        const int64_t rows = NAME(block_rows)(job->split.block_rows, job->data.rows, at->row);
        const int held = at->held == 1 + at->row;
        const Block b = NAME(block)(net, job, 0, at->row, rows, held, memory);
        at->left -= (double)rows * job->split.row_cost;
        if (!held) {
            NAME(forward)(&b);
            at->held = 1 + at->row;
            continue;
        }
        R *delta = b.delta + b.room * top->column;
        for (int64_t i = 0; i < rows; i++, delta += top->stride)
            for (int64_t j = 0; j < net->outputs; j++) delta[j] = j == at->output;
        NAME(backward_to_layers)(&b);
        for (int64_t i = 0; i < rows; i++) {
            NAME(jacobian_row)(&b, i, 0, row);
            memcpy(result + ((at->row + i) * net->outputs + at->output) * net->params, row,
                   (size_t)net->params * sizeof(R));
        }
        if (++at->output < at->last_output) continue;
        at->output = at->first_output;
        at->row += rows;
    }
    at->done = at->row == at->last_row;
    pl2_flush_restore(found);
}

/* Row j of an S with S^T S = Lambda, times `scale`, into d (n).  Links are canonical: the curvature Lambda of
   the loss in z is the link's Jacobian, whose rows are p_j (e_j - p) of softmax and diagonal of others. */
static void NAME(curvature_root)(int output, const R *p, int64_t j, R scale, R *d, int64_t n)
{
    NAME(jacobian)(output, p, j, d, n);
    const R square = output == OUTPUT_softmax ? p[j] : d[j];
    const R factor = square == 0 ? 0 : scale / (R)sqrt(square);
    for (int64_t i = 0; i < n; i++) d[i] *= factor;
}

#define Strip NAME(Strip)
/* The columns of G that a part makes, those of the panels [first, end), and the rows of J that are to be
   added to them. */
typedef struct {
    int64_t first, end, panels, params;
    int64_t rows; /* of J, at hand */
    int store;    /* STORE, until G holds something */
    R *g, *jacobian, *row;
} Strip;

/* Columns from number `column` on, the first of a slab. */
static R *NAME(slab)(const Strip *s, int64_t column) { return s->jacobian + column * PL2_JACOBIAN_ROWS; }

/* G <- G + J^T J where the rows [i, i + SLAB) and the columns [j, j + SLAB) meet. */
static void NAME(add_square)(const Strip *s, int64_t i, int64_t j)
{
    const int64_t d = s->params;
    NAME(gemm)(&(Product){
        .store = s->store,
        .c_unpadded = 1,
        .m = d - i < SLAB ? d - i : SLAB,
        .n = d - j < SLAB ? d - j : SLAB,
        .k = s->rows,
        .a = NAME(slab)(s, i),
        .a_row = 1,
        .a_column = SLAB,
        .b = NAME(slab)(s, j),
        .b_stride = SLAB,
        .c = s->g + i * d + j,
        .c_stride = d,
        .floor = -(R)INFINITY,
    });
}

/* G <- G + J^T J in the lower triangle, and no more of the upper than a square has.  The slabs of a panel stay
   in cache while those of the strip meet them. */
static void NAME(add_products)(Strip *s)
{
    enum { COLUMNS = PL2_JACOBIAN_COLUMNS };
    const int64_t d = s->params, first = s->first * COLUMNS, end = s->end * COLUMNS;
    for (int64_t panel = first; panel < d; panel += COLUMNS) {
        const int64_t below = panel + COLUMNS < d ? panel + COLUMNS : d;
        for (int64_t j = first; j < end && j < below; j += SLAB)
            for (int64_t i = j > panel ? j : panel; i < below; i += SLAB) NAME(add_square)(s, i, j);
    }
    s->store = STORE_ADD;
    s->rows = 0;
}

/* One more row of J, that of item i. */
static void NAME(take_row)(Strip *s, const Block *b, int64_t i)
{
    if (s->rows == PL2_JACOBIAN_ROWS) NAME(add_products)(s);
    NAME(jacobian_row)(b, i, s->first * PL2_JACOBIAN_COLUMNS, s->row);
    memset(s->row + s->params, 0, (size_t)(s->panels * PL2_JACOBIAN_COLUMNS - s->params) * sizeof(R));
    for (int64_t j = s->first * PL2_JACOBIAN_COLUMNS; j < s->params; j += SLAB)
        memcpy(NAME(slab)(s, j) + s->rows * SLAB, s->row + j, SLAB * sizeof(R));
    s->rows++;
}

/* The rows Lambda^1/2 J of a block, times sqrt(s), into G.  A row of weight 0 is none: what it overflows to
   is nobody's affair. */
static void NAME(add_block)(Strip *s, const Block *b, const Job *job, int64_t first)
{
    const Net *net = b->net;
    const Layer *top = &net->layer[net->layers - 1];
    const R *p = NAME(activation)(b, net->layers - 1), *weight = job->data.sample_weight;
    R *delta = b->delta + b->room * top->column;
    for (int64_t c = 0; c < net->outputs; c++) {
        for (int64_t i = 0; i < b->rows; i++)
            NAME(curvature_root)(net->output, p + i * top->stride, c, weight ? (R)sqrt(weight[first + i]) : 1,
                                 delta + i * top->stride, top->out);
        NAME(backward_to_layers)(b);
        for (int64_t i = 0; i < b->rows; i++)
            if (!weight || weight[first + i] > 0) NAME(take_row)(s, b, i);
    }
    NAME(add_products)(s);
}

/* The columns of a strip, at their end: G <- G / mass, and the same above the diagonal, by squares, for one of
   the two is read against the grain. */
static void NAME(mirror)(const Strip *s, double mass)
{
    enum { SIDE = 16 };
    const int64_t d = s->params, from = s->first * PL2_JACOBIAN_COLUMNS;
    const int64_t upto = s->end == s->panels ? d : s->end * PL2_JACOBIAN_COLUMNS;
    const R scale = (R)(1 / mass);
    for (int64_t row = from; row < d; row += SIDE)
        for (int64_t column = from; column < upto && column <= row; column += SIDE)
            for (int64_t i = row; i < row + SIDE && i < d; i++)
                for (int64_t j = column; j < column + SIDE && j < upto && j <= i; j++)
                    s->g[j * d + i] = s->g[i * d + j] *= scale;
}

/* gauss_newton: a strip of G. */
static void NAME(gauss_newton)(const Net *net, const Job *job, Cursor *at, void *memory)
{
    const int64_t top = net->layers - 1;
    R *row = NAME(in_work)(memory, job->work.jacobian);
    Strip s = {
        .first = at->first_output,
        .end = at->last_output,
        .panels = pl2_jacobian_panels(net),
        .params = net->params,
        .store = at->row > at->first_row ? STORE_ADD : STORE,
        .g = job->result,
        .row = row,
    };
    s.jacobian = row + (s.panels + 1) * PL2_JACOBIAN_COLUMNS;
    const pl2_flush found = pl2_flush_on();
    while (at->left > 0 && at->row < at->last_row) {
        const int64_t rows = NAME(block_rows)(job->split.block_rows, job->data.rows, at->row);
        const Block b = NAME(block)(net, job, 0, at->row, rows, 0, memory);
        NAME(forward)(&b);
        NAME(predictions)(&b, NAME(activation)(&b, top), net->layer[top].stride);
        NAME(add_block)(&s, &b, job, at->row);
        at->mass += NAME(mass)(job, 0, at->row, rows);
        at->row += rows;
        at->left -= (double)rows * job->split.row_cost;
    }
    at->done = at->row == at->last_row;
    if (at->done) NAME(mirror)(&s, at->mass);
    pl2_flush_restore(found);
}

const SecondOrder NAME(second_order) = {NAME(gauss_newton), NAME(jacobian_rows)};
