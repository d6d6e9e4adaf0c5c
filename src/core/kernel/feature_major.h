/* The pass of pass.h with items in the lanes of vectors: a' (out, room) = f(W^T a (in, room) + b).

   For narrow layers, whose units would leave lanes empty, and blocks of many items.  Here the weights
   are what the micro-kernel reads one at a time, so W and W^T need no transposing and no padding. */

/* t (n, step) <- `count` rows of n numbers, which may lie anywhere; the lanes of missing rows hold 0,
   but for a single row, which is repeated. */
static void NAME(to_feature_major)(const R *const *row, int count, int64_t n, R *t, int64_t step)
{
    if (count == 1) {
        for (int64_t j = 0; j < n; j++) NAME(store)(t + j * step, NAME(splat)(row[0][j]));
        return;
    }
    if (n == 1) {
        for (int r = 0; r < LANES; r++) t[r] = r < count ? row[r][0] : 0;
        return;
    }
    for (int64_t j = 0; j < n; j += LANES) {
        const int lanes = (int)(n - j < LANES ? n - j : LANES);
        V square[LANES];
        PL2_UNROLL
        for (int r = 0; r < LANES; r++)
            square[r] = r < count ? NAME(load_part)(row[r] + j, lanes) : NAME(splat)(0);
        NAME(transpose_square)(square);
        for (int r = 0; r < lanes; r++) NAME(store)(t + (j + r) * step, square[r]);
    }
}

/* The way back; rows are padded with 0 to whole vectors, or unpadded. */
static void NAME(from_feature_major)(const R *t, int64_t step, int64_t n, R *const *row, int count,
                                     int unpadded)
{
    if (count == 1 && unpadded) {
        for (int64_t j = 0; j < n; j++) row[0][j] = t[j * step];
        return;
    }
    for (int64_t j = 0; j < n; j += LANES) {
        const int lanes = (int)(n - j < LANES ? n - j : LANES);
        V square[LANES];
        PL2_UNROLL
        for (int r = 0; r < LANES; r++)
            square[r] = r < lanes ? NAME(load)(t + (j + r) * step) : NAME(splat)(0);
        NAME(transpose_square)(square);
        PL2_UNROLL
        for (int r = 0; r < LANES; r++)
            if (r < count) NAME(store_part)(row[r] + j, square[r], unpadded ? lanes : LANES);
    }
}

static void NAME(forward_feature_major)(const Block *b)
{
    const Net *net = b->net;
    const R *a = b->x;
    for (int64_t l = 0; l < net->layers; l++) {
        const Layer *layer = &net->layer[l];
        const int hidden = l < net->layers - 1;
        const Matrix W = NAME(matrix)(b, b->params, l);
        R *z = NAME(activation)(b, l);
        NAME(gemm)(&(Product){
            .store = STORE,
            .start_by_row = 1,
            .m = layer->out,
            .n = b->filled,
            .k = layer->in,
            .a = W.w,
            .a_row = W.transposed ? W.pitch : 1,
            .a_column = W.transposed ? 1 : W.pitch,
            .b = a,
            .b_stride = b->room,
            .c = z,
            .c_stride = b->room,
            .start = W.bias,
            .floor = hidden ? NAME(lower_bound)(layer->activation) : -(R)INFINITY,
        });
        if (hidden)
            NAME(activate)(layer->activation, (R)layer->number, z, NAME(stored_slopes)(b, l), layer->out,
                           b->filled, b->room);
        a = z;
    }
}

static void NAME(deltas_feature_major)(const Block *b)
{
    for (int64_t l = b->net->layers - 1; l > 0; l--) {
        const Layer *layer = &b->net->layer[l];
        const Matrix W = NAME(matrix)(b, b->params, l);
        NAME(gemm)(&(Product){
            .store = STORE_SLOPE,
            .activation = layer[-1].activation,
            .m = layer->in,
            .n = b->filled,
            .k = layer->out,
            .a = W.w,
            .a_row = W.transposed ? 1 : W.pitch,
            .a_column = W.transposed ? W.pitch : 1,
            .b = NAME(delta)(b, l),
            .b_stride = b->room,
            .c = NAME(delta)(b, l - 1),
            .c_stride = b->room,
            .by = NAME(slopes)(b, l - 1),
        });
    }
}

static void NAME(gradients_feature_major)(const Block *b, const Gradient *g)
{
    for (int64_t l = 0; l < b->net->layers; l++) {
        const Layer *layer = &b->net->layer[l];
        const Matrix to = NAME(matrix)(b, g->to, l);
        const R *a = l ? NAME(activation)(b, l - 1) : b->x, *delta = NAME(delta)(b, l);
        NAME(dots)(&(Product){
            .store = g->store,
            .c_unpadded = 1,
            .m = to.end - to.first,
            .n = to.transposed ? layer->in : layer->out,
            .k = b->filled,
            .a = (to.transposed ? delta : a) + to.first * b->room,
            .a_row = b->room,
            .b = to.transposed ? a : delta,
            .b_stride = b->room,
            .c = to.w + to.first * to.pitch,
            .c_stride = to.pitch,
            .floor = -(R)INFINITY,
            .scale = NAME(splat)(g->scale),
            .shrink = NAME(splat)(g->store == STORE_DECAYED ? g->shrink[l] : 0),
        });
        if (b->team->rank == 0) NAME(bias_gradient)(b, g, &to, l, 1);
    }
}
