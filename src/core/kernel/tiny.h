/* Online training by plain gradient descent of a network so small that its parameters stay in registers:
   one hidden layer, few inputs and outputs.

   Its items are one chain of dependent operations: no array and no description of a product may stand in
   between, and vectors of 32 bytes have the faster shuffles, so that AVX-512 takes AVX2's.  Units are the lanes
   of `vectors` vectors; W1 is a row for each input, W2^T a row for each output.  An output lies in each of
   the lanes of its quarter of a vector. */

#define TINY_INPUTS 8
#define TINY_UNITS 16
#define TINY_OUTPUTS 4

/* Losses are the outputs' own here, which come first, and slopes are told from activations: others would make the
   code of every width longer, and take the way of online.h. */
static int NAME(is_tiny)(const Net *net, const Job *job, const Update *u)
{
    const int plain = NAME(is_plain)(u) && !u->eta_factors && !u->l2_factors && !u->dropout;
    if (net->loss != net->output || net->label_smoothing > 0 || net->slopes) return 0;
    return LANES >= 4 && plain && job->training.batch_rows == 1 && !job->data.indptr && net->layers == 2
           && net->inputs <= TINY_INPUTS && net->layer[0].out <= TINY_UNITS && net->outputs <= TINY_OUTPUTS;
}

#ifdef PL2_AVX512
#define PL2_TINY_BATCHES PL2_HALF_AS_WIDE(tiny_batches)
void PL2_TINY_BATCHES(const Net *net, const Job *job, Cursor *at, int64_t items);
#else
#define PL2_TINY_BATCHES NAME(tiny_batches)

enum { NAME(QUARTER) = LANES < 4 ? 1 : LANES / 4 };
#define QUARTER NAME(QUARTER)

#define Tiny NAME(Tiny)
typedef struct {
    V w[TINY_INPUTS][4], bias[4]; /* W1 (inputs, units) and b1 */
    V v[TINY_OUTPUTS][4], out;    /* W2^T (outputs, units); b2, spread */
} Tiny;

/* The lanes of v, each with its partner's, `apart` lanes away. */
PL2_INLINE V NAME(partner)(V v, const int apart)
{
    return NAME(shuffle)(v, v, NAME(lane_numbers)() ^ (INT)(apart < LANES ? apart : 0));
}

/* In all lanes the sum of the outputs, and the largest of them. */
PL2_INLINE V NAME(sum_outputs)(V v)
{
    v += NAME(partner)(v, 2 * QUARTER);
    return v + NAME(partner)(v, QUARTER);
}

PL2_INLINE V NAME(largest_output)(V v)
{
    v = NAME(larger)(v, NAME(partner)(v, 2 * QUARTER));
    return NAME(larger)(v, NAME(partner)(v, QUARTER));
}

/* Lane l of v in all lanes. */
PL2_INLINE V NAME(repeat)(V v, const int l)
{
    const I none = {0};
    return NAME(shuffle)(v, v, none + (INT)l);
}

/* The output that each lane holds. */
PL2_INLINE I NAME(quarters)(void) { return NAME(lane_numbers)() / (INT)QUARTER; }

PL2_INLINE M NAME(quarters_below)(int64_t outputs)
{
    R lane[LANES];
    for (int l = 0; l < LANES; l++) lane[l] = (R)(l / QUARTER);
    return NAME(less)(NAME(load)(lane), NAME(splat)((R)outputs));
}

/* Numbers for each output, each in all lanes of its quarter; 0 where there is none. */
PL2_INLINE V NAME(spread)(const R *from, int64_t outputs)
{
    const V v = NAME(load_part)(from, (int)outputs);
    return NAME(shuffle)(v, v, NAME(quarters)());
}

PL2_INLINE V NAME(activated)(int kind, V z)
{
#define PL2_CASE(f) \
    case ACTIVATION_##f: \
        return NAME(f)(z);
    switch (kind) {
        ACTIVATIONS(PL2_CASE)
    }
#undef PL2_CASE
    return z;
}

/* softmax_log_loss of outputs.h for one item: eta times delta, and the loss of each output. */
PL2_INLINE V NAME(tiny_softmax)(V z, V y, V eta, M given, V *loss)
{
    const V zero = NAME(splat)(0), one = NAME(splat)(1), none = NAME(splat)(-(R)INFINITY);
    const V logit = NAME(pick)(given, z, none), total = NAME(sum_outputs)(y);
    const V below = logit - NAME(largest_output)(logit), e = NAME(exp_below)(below);
    const V delta = e * (eta * total / NAME(sum_outputs)(e)) - eta * y;
    const M less = NAME(less)(below, zero);
    const V rest =
        NAME(sum_outputs)(NAME(pick)(less, e, zero)) + (NAME(sum_outputs)(NAME(pick)(less, zero, one)) - one);
    *loss = y * (NAME(log1p)(rest) - below);
    return delta;
}

PL2_INLINE V NAME(tiny_output)(int kind, V z, V y, V eta, M given, V *loss)
{
    V delta = z;
    R *at = (R *)&delta;
    const R *target = (const R *)&y;
    switch (kind) {
        case OUTPUT_identity:
            *loss = NAME(identity_squared_error)(at, 0, target, 1, 0);
            break;
        case OUTPUT_logistic:
            *loss = NAME(logistic_log_loss)(at, 0, target, 1, 0);
            break;
        case OUTPUT_exp:
            *loss = NAME(exp_poisson)(at, 0, target, 1, 0);
            break;
        default:
            return NAME(tiny_softmax)(z, y, eta, given, loss);
    }
    return eta * NAME(pick)(given, delta, NAME(splat)(0));
}

/* The weights of the network into registers, the lanes beyond its units 0. */
static void NAME(tiny_load)(const Net *net, const R *params, Tiny *t, int vectors)
{
    const Layer *first = &net->layer[0], *last = &net->layer[1];
    R lane[4 * LANES] = {0};
    memset(t, 0, sizeof *t);
    for (int64_t i = 0; i <= first->in; i++) {
        const R *row = params + (i < first->in ? first->weight + i * first->out : first->bias);
        memcpy(lane, row, (size_t)first->out * sizeof(R));
        memcpy(i < first->in ? t->w[i] : t->bias, lane, (size_t)vectors * sizeof(V));
    }
    for (int64_t j = 0; j < last->out; j++) {
        for (int64_t q = 0; q < last->in; q++) lane[q] = params[last->weight + q * last->out + j];
        memcpy(t->v[j], lane, (size_t)vectors * sizeof(V));
    }
    t->out = NAME(spread)(params + last->bias, last->out);
}

static void NAME(tiny_store)(const Net *net, R *params, const Tiny *t, int vectors)
{
    const Layer *first = &net->layer[0], *last = &net->layer[1];
    R lane[4 * LANES];
    for (int64_t i = 0; i <= first->in; i++) {
        R *row = params + (i < first->in ? first->weight + i * first->out : first->bias);
        memcpy(lane, i < first->in ? t->w[i] : t->bias, (size_t)vectors * sizeof(V));
        memcpy(row, lane, (size_t)first->out * sizeof(R));
    }
    for (int64_t j = 0; j < last->out; j++) {
        memcpy(lane, t->v[j], (size_t)vectors * sizeof(V));
        for (int64_t q = 0; q < last->in; q++) params[last->weight + q * last->out + j] = lane[q];
    }
    NAME(store)(lane, t->out);
    for (int64_t j = 0; j < last->out; j++) params[last->bias + j] = lane[j * QUARTER];
}

/* One item on its way. */
#define TinyItem NAME(TinyItem)
typedef struct {
    V x[TINY_INPUTS], y;   /* each input in all lanes; the target of each output, spread */
    V a[4], slope[4], out; /* the hidden layer, and z of the last */
} TinyItem;

PL2_INLINE void NAME(tiny_gather)(const Net *net, const Job *job, int64_t item, const int inputs,
                                  TinyItem *of)
{
    enum { PARTS = (TINY_INPUTS + LANES - 1) / LANES };
    const R *from = (const R *)job->data.x + item * job->data.x_stride;
    V part[PARTS];
    PL2_UNROLL
    for (int i = 0; i < inputs; i += LANES) {
        const int left = (int)net->inputs - i;
        part[i / LANES] = left > 0 ? NAME(load_part)(from + i, left < LANES ? left : LANES) : NAME(splat)(0);
    }
    PL2_UNROLL
    for (int i = 0; i < inputs; i++) of->x[i] = NAME(repeat)(part[i / LANES], i % LANES);
    if (job->data.labels)
        of->y = NAME(same)(NAME(quarters)(), (INT)job->data.labels[item]);
    else
        of->y = NAME(spread)((const R *)job->data.y + item * job->data.y_stride, net->outputs);
}

/* The same sums as those of online.h. */
PL2_INLINE void NAME(tiny_forward)(const Net *net, const Tiny *n, const int inputs, const int vectors,
                                   TinyItem *of)
{
    const int kind = net->layer[0].activation;
    V sum[4];
    PL2_UNROLL
    for (int q = 0; q < vectors; q++) {
        PL2_UNROLL
        for (int c = 0; c < 4; c++) {
            sum[c] = c ? of->x[c] * n->w[c][q] : n->bias[q] + of->x[0] * n->w[0][q];
            if (inputs > 4) sum[c] += of->x[c + 4] * n->w[c + 4][q];
        }
        of->a[q] = NAME(activated)(kind, (sum[0] + sum[1]) + (sum[2] + sum[3]));
        if (kind == ACTIVATION_logistic) { /* which alone is not 0 at 0 */
            const int64_t left = net->layer[0].out - q * LANES;
            of->a[q] = NAME(first)(of->a[q], (int)(left < 0 ? 0 : left < LANES ? left : LANES));
        }
        of->slope[q] = NAME(slope)(kind, of->a[q]);
    }
    PL2_UNROLL
    for (int j = 0; j < TINY_OUTPUTS; j++) {
        sum[j] = of->a[0] * n->v[j][0];
        PL2_UNROLL
        for (int q = 1; q < vectors; q++) sum[j] += of->a[q] * n->v[j][q];
    }
    of->out = n->out + NAME(totals)(sum, TINY_OUTPUTS);
}

/* delta is eta times that of the last layer. */
PL2_INLINE void NAME(tiny_backward)(Tiny *n, const TinyItem *of, V delta, const int inputs, const int vectors,
                                    const V *shrink)
{
    V each[TINY_OUTPUTS];
    n->out -= delta;
    PL2_UNROLL
    for (int j = 0; j < TINY_OUTPUTS; j++) each[j] = NAME(repeat)(delta, j * QUARTER);
    PL2_UNROLL
    for (int q = 0; q < vectors; q++) {
        const V sum =
            (each[0] * n->v[0][q] + each[1] * n->v[1][q]) + (each[2] * n->v[2][q] + each[3] * n->v[3][q]);
        const V back = sum * of->slope[q];
        PL2_UNROLL
        for (int j = 0; j < TINY_OUTPUTS; j++)
            n->v[j][q] = NAME(decayed)(n->v[j][q], shrink[1], each[j] * of->a[q]);
        n->bias[q] -= back;
        PL2_UNROLL
        for (int i = 0; i < inputs; i++) n->w[i][q] = NAME(decayed)(n->w[i][q], shrink[0], of->x[i] * back);
    }
}

/* `sums` plus R of the two layers by their rates. */
PL2_INLINE void NAME(tiny_penalty)(const Tiny *n, const int inputs, const int vectors, const Decay *decay,
                                   Sums *sums)
{
    Sums first = NAME(no_sums)(), second = NAME(no_sums)();
    PL2_UNROLL
    for (int q = 0; q < vectors; q++) {
        PL2_UNROLL
        for (int i = 0; i < inputs; i++) NAME(add_squares)(&first, n->w[i][q]);
        PL2_UNROLL
        for (int j = 0; j < TINY_OUTPUTS; j++) NAME(add_squares)(&second, n->v[j][q]);
    }
    NAME(add_scaled)(sums, &first, decay[0].r / 2);
    NAME(add_scaled)(sums, &second, decay[1].r / 2);
}

/* `items` of them, from the cursor's batch on.  A sample weight tells whether an item counts and, where n is
   its own, how much it decays; in eta over its mass times delta it cancels. */
PL2_INLINE void NAME(tiny_items)(const Net *net, const Job *job, Cursor *at, int64_t items, const int inputs,
                                 const int vectors)
{
    const int64_t p = at->network;
    const R *sample_weight = NAME(weights_of)(job, p);
    const Update *u = &job->training.updates[p];
    const V zero = NAME(splat)(0), eta = NAME(splat)((R)u->eta);
    const M given = NAME(quarters_below)(net->outputs);
    const int decays = NAME(decays)(net, u);
    Decay decay[2] = {NAME(layer_decay)(u, 0, 1), NAME(layer_decay)(u, 1, 1)};
    Sums losses = NAME(no_sums)(), penalties = NAME(no_sums)();
    double mass = 1;
    int64_t t = job->training.steps[p];
    Tiny n;

    NAME(tiny_load)(net, (const R *)job->params + p * net->params, &n, vectors);
    for (const int64_t end = at->batch + items; at->batch < end; at->batch++) {
        const int64_t item = NAME(item)(job, p, at->batch);
        const double s = sample_weight ? (double)sample_weight[item] : 1;
        TinyItem of;
        V loss, shrink[2];

        if (!(s > 0)) continue;
        if (s != mass) decay[0] = NAME(layer_decay)(u, 0, s), decay[1] = NAME(layer_decay)(u, 1, s);
        mass = s, t++;
        NAME(tiny_gather)(net, job, item, inputs, &of);
        if (decays) NAME(tiny_penalty)(&n, inputs, vectors, decay, &penalties);
        NAME(tiny_forward)(net, &n, inputs, vectors, &of);
        const V delta = NAME(tiny_output)(net->output, of.out, of.y, eta, given, &loss);
        NAME(add)(&losses, NAME(pick)(given, loss, zero));
        PL2_UNROLL
        for (int l = 0; l < 2; l++) shrink[l] = NAME(splat)(pl2_due(decay[l].window, t) ? (R)decay[l].c : 0);
        NAME(tiny_backward)(&n, &of, delta, inputs, vectors, shrink);
    }
    NAME(tiny_store)(net, (R *)job->params + p * net->params, &n, vectors);
    job->training.steps[p] = t;
    job->sums[2 * p] += NAME(sum_up)(&losses) / QUARTER;
    job->sums[2 * p + 1] += NAME(sum_up)(&penalties);
    at->done = at->batch == job->data.rows;
}

/* So many of the batches of one row. */
void NAME(tiny_batches)(const Net *net, const Job *job, Cursor *at, int64_t items)
{
    enum { EIGHT = LANES < 8 ? 8 / LANES : 1, SIXTEEN = 2 * EIGHT }; /* units, in vectors */
    const int few = net->layer[0].out <= 8;
    if (LANES < 4) return;
    if (net->inputs <= 4 && few)
        NAME(tiny_items)(net, job, at, items, 4, EIGHT);
    else if (net->inputs <= 4)
        NAME(tiny_items)(net, job, at, items, 4, SIXTEEN);
    else if (few)
        NAME(tiny_items)(net, job, at, items, 8, EIGHT);
    else
        NAME(tiny_items)(net, job, at, items, 8, SIXTEEN);
}
#undef QUARTER
#endif
