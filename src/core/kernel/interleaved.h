/* An epoch of many small networks of one shape, interleaved in the lanes of vectors.

   They have the same items, and each its own update; the order of the items and their weights may be each
   one's own, too.  Whatever is a number elsewhere is a vector here, a lane for each network: so no product
   has an edge or adds up across lanes, and the narrowest layer is as good as any.  The input alone is the
   same for all where the order is. */

#define Interleaved NAME(Interleaved)
/* The networks [first, first + count) and a block of their items.  The array of a layer is (rows, out,
   LANES), those of all layers lie one after another; parameters are laid out as users have them. */
typedef struct {
    const Net *net;
    const Update *updates; /* (count): those of the epoch, or where rates change by the batch, `now` */
    Update now[LANES];
    int64_t first, rows;
    int count;
    R *params, *state, *gradient; /* (d, LANES), but of the state (S, d, LANES) */
    R *l2, *c;                    /* (layers, LANES): see decay.h; of this update */
    Decay *decay;                 /* (layers, LANES) */
    double *loss, *mass;          /* (LANES) of the batch so far; m of the batch */
    V step, mean;                 /* eta / m, 1 / m */
    double known;                 /* m, for which `decay` and `step` are, or 0 where each has its own */
    int own_order, own_weights;
    int fused;                /* fused.h takes them on the way back */
    int plain, decays;        /* plain gradient descent without lambda in it; whether any lambda */
    int waits;                /* whether any decay is not of every update */
    int scheduled;            /* whether any rate changes by the batch */
    R *act, *delta, *targets; /* targets (outputs, LANES) of one item */
    R *slope;                 /* as act, or NULL: see Block */
    R *inputs;                /* (rows, x_stride): gathered items */
    const R *x;               /* (rows, in), of own orders (rows, in, LANES) */
    int64_t x_stride;
} Interleaved;

static Interleaved NAME(interleaved)(const Net *net, const Job *job, const Cursor *at, void *memory)
{
    const InterleavedLayout *work = &job->interleaved_work;
    return (Interleaved){
        .net = net,
        .updates = job->training.updates + at->network,
        .first = at->network,
        .count = (int)at->interleaved,
        .params = NAME(in_work)(memory, work->params),
        .state = NAME(in_work)(memory, work->state),
        .gradient = NAME(in_work)(memory, work->gradient),
        .l2 = NAME(in_work)(memory, work->l2),
        .c = NAME(in_work)(memory, work->c),
        .decay = (Decay *)NAME(in_work)(memory, work->decay),
        .loss = (double *)NAME(in_work)(memory, work->loss),
        .mass = (double *)NAME(in_work)(memory, work->mass),
        .own_order = job->training.order_stride != 0,
        .own_weights = job->data.sample_weight && (job->data.weight_stride || job->training.order_stride),
        .fused = job->split.fused && !job->training.order_stride,
        .act = NAME(in_work)(memory, work->activation),
        .delta = NAME(in_work)(memory, work->delta),
        .slope = work->slope ? NAME(in_work)(memory, work->slope) : NULL,
        .targets = NAME(in_work)(memory, work->targets),
        .inputs = NAME(in_work)(memory, work->inputs),
    };
}

/* The array of layer l in one of all layers. */
static R *NAME(interleaved_layer)(const Interleaved *g, R *all, int64_t l)
{
    return all + (g->net->layer[l].bias - g->net->weights) * g->rows * LANES;
}

/* As stored_slopes and slopes of a Block. */
static R *NAME(interleaved_stored_slopes)(const Interleaved *g, int64_t l)
{
    const int stores = g->slope && PL2_STORES_SLOPE(g->net->layer[l].activation);
    return stores ? NAME(interleaved_layer)(g, g->slope, l) : NULL;
}

static const R *NAME(interleaved_slopes)(const Interleaved *g, int64_t l)
{
    const R *stored = NAME(interleaved_stored_slopes)(g, l);
    return stored ? stored : NAME(interleaved_layer)(g, g->act, l);
}

static R *NAME(interleaved_delta)(const Interleaved *g, int64_t l)
{
    return NAME(interleaved_layer)(g, l == g->net->layers - 1 ? g->act : g->delta, l);
}

/* So many units of a hidden layer go through all that they can go through while a block of their
   numbers is in the nearest cache. */
#define PL2_PANEL_UNITS 8
#define PL2_EACH_PANEL(count) \
    for (int64_t u = 0, n; n = (count) - u < PL2_PANEL_UNITS ? (count) - u : PL2_PANEL_UNITS, n > 0; u += n)

/* z of the units [u, u + n) of layer l. */
static void NAME(interleaved_product)(const Interleaved *g, int64_t l, R floor, int64_t u, int64_t n, R *z)
{
    const Layer *layer = &g->net->layer[l];
    NAME(gemm)(&(Product){
        .store = STORE,
        .interleaved = l > 0 || g->own_order,
        .m = g->rows,
        .n = n * LANES,
        .k = layer->in,
        .a = l ? NAME(interleaved_layer)(g, g->act, l - 1) : g->x,
        .a_row = l ? layer->in * LANES : g->x_stride,
        .a_column = l || g->own_order ? LANES : 1,
        .b = g->params + (layer->weight + u) * LANES,
        .b_stride = layer->out * LANES,
        .b_column = LANES,
        .c = z,
        .c_stride = layer->out * LANES,
        .start = g->params + (layer->bias + u) * LANES,
        .floor = floor,
    });
}

static void NAME(interleaved_forward)(const Interleaved *g)
{
    const int64_t top = g->net->layers - 1;
    for (int64_t l = 0; l < top; l++) {
        const Layer *layer = &g->net->layer[l];
        const R floor = NAME(lower_bound)(layer->activation);
        R *slopes = NAME(interleaved_stored_slopes)(g, l);
        PL2_EACH_PANEL(layer->out)
        {
            R *z = NAME(interleaved_layer)(g, g->act, l) + u * LANES;
            NAME(interleaved_product)(g, l, floor, u, n, z);
            NAME(activate)(layer->activation, (R)layer->number, z, slopes ? slopes + u * LANES : NULL,
                           g->rows, n * LANES, layer->out * LANES);
        }
    }
    NAME(interleaved_product)(g, top, -(R)INFINITY, 0, g->net->outputs,
                              NAME(interleaved_layer)(g, g->act, top));
}

/* The targets of the i-th item of each network. */
static void NAME(interleaved_targets)(const Interleaved *g, const Job *job, int64_t i)
{
    const Data *data = &job->data;
    for (int64_t j = 0; j < g->net->outputs; j++) {
        R each[LANES] = {0};
        for (int r = 0; r < (g->own_order ? g->count : 1); r++) {
            const int64_t item = NAME(item)(job, g->first + r, i);
            each[r] =
                data->labels ? (R)(data->labels[item] == j) : ((const R *)data->y)[item * data->y_stride + j];
        }
        NAME(store)(g->targets + j * LANES, g->own_order ? NAME(load)(each) : NAME(splat)(each[0]));
    }
    if (g->net->label_smoothing > 0)
        NAME(smooth)(g->targets, LANES, g->net->outputs, g->net->label_smoothing, NAME(classes)(g->net));
}

/* The i-th item has weight 0 in the lanes that do not count: see `silence` in block.h. */
static void NAME(interleaved_silence)(const Interleaved *g, int64_t i, M counts)
{
    const V zero = NAME(splat)(0);
    for (int64_t l = 0; l < g->net->layers - 1; l++) {
        const int64_t count = g->net->layer[l].out * LANES;
        R *a = NAME(interleaved_layer)(g, g->act, l) + i * count;
        R *slopes = NAME(interleaved_stored_slopes)(g, l);
        for (int64_t j = 0; j < count; j += LANES)
            NAME(store)(a + j, NAME(pick)(counts, NAME(load)(a + j), zero));
        for (int64_t j = i * count; slopes && j < (i + 1) * count; j += LANES)
            NAME(store)(slopes + j, NAME(pick)(counts, NAME(load)(slopes + j), zero));
    }
}

/* The weights of the i-th item of each network, 1 in lanes without one. */
static V NAME(interleaved_weights)(const Interleaved *g, const Job *job, int64_t i)
{
    R each[LANES];
    if (!job->data.sample_weight) return NAME(splat)(1);
    for (int r = 0; r < LANES; r++) each[r] = 1;
    for (int r = 0; r < g->count; r++)
        each[r] = NAME(weights_of)(job, g->first + r)[NAME(item)(job, g->first + r, i)];
    return NAME(load)(each);
}

/* z of the last layer -> delta, times sample weights, and the sums of s loss. */
static void NAME(interleaved_losses)(const Interleaved *g, const Job *job, int64_t begin)
{
    const int64_t n = g->net->outputs;
    R *z = NAME(interleaved_layer)(g, g->act, g->net->layers - 1), each[LANES];
    for (int64_t i = 0; i < g->rows; i++, z += n * LANES) {
        const V s = NAME(interleaved_weights)(g, job, begin + i), zero = NAME(splat)(0);
        const M counts = NAME(less)(zero, s);
        const int weighted = job->data.sample_weight != NULL;
        NAME(interleaved_targets)(g, job, begin + i);
        V loss = NAME(splat)(0);
        NAME(loss)(g->net->loss, (R)g->net->loss_number, z, LANES, g->targets, n, &loss, 1);
        for (int64_t j = 0; weighted && j < n; j++)
            NAME(store)(z + j * LANES, NAME(pick)(counts, s * NAME(load)(z + j * LANES), zero));
        if (weighted) {
            R all[LANES];
            int none = 0;
            NAME(store)(all, s);
            loss = NAME(pick)(counts, s * loss, zero);
            for (int r = 0; r < LANES; r++) none |= !(all[r] > 0);
            if (none) NAME(interleaved_silence)(g, i, counts);
        }
        NAME(store)(each, loss);
        for (int r = 0; r < LANES; r++) g->loss[r] += (double)each[r];
    }
}

/* The deltas of the units [u, u + n) of the layer before l, whose W is still the old one for them. */
static void NAME(interleaved_deltas)(const Interleaved *g, int64_t l, int64_t u, int64_t n)
{
    const Layer *layer = &g->net->layer[l];
    NAME(gemm)(&(Product){
        .store = STORE_SLOPE,
        .activation = layer[-1].activation,
        .interleaved = 1,
        .m = g->rows,
        .n = n * LANES,
        .k = layer->out,
        .a = NAME(interleaved_delta)(g, l),
        .a_row = layer->out * LANES,
        .a_column = LANES,
        .b = g->params + (layer->weight + u * layer->out) * LANES,
        .b_stride = LANES,
        .b_column = layer->out * LANES,
        .c = NAME(interleaved_delta)(g, l - 1) + u * LANES,
        .c_stride = layer->in * LANES,
        .by = NAME(interleaved_slopes)(g, l - 1) + u * LANES,
    });
}

#define Descent NAME(Descent)
/* What becomes of the sums of a^T delta: `store` says how, W <- and b <- are in `to`; plain gradient
   descent takes `scale` times as much. */
typedef struct {
    int store;
    V scale;
    R *to;
} Descent;

/* The rows [i, i + m) of W of layer l and their columns [u, u + n). */
static void NAME(interleaved_gradient)(const Interleaved *g, const Descent *by, int64_t l, int64_t i,
                                       int64_t m, int64_t u, int64_t n)
{
    const int lanes = l > 0 || g->own_order;
    const Layer *layer = &g->net->layer[l];
    NAME(gemm)(&(Product){
        .store = by->store,
        .interleaved = lanes,
        .m = m,
        .n = n * LANES,
        .k = g->rows,
        .a = (l ? NAME(interleaved_layer)(g, g->act, l - 1) : g->x) + i * (lanes ? LANES : 1),
        .a_row = lanes ? LANES : 1,
        .a_column = l ? layer->in * LANES : g->x_stride,
        .b = NAME(interleaved_delta)(g, l) + u * LANES,
        .b_stride = layer->out * LANES,
        .b_column = LANES,
        .c = by->to + (layer->weight + i * layer->out + u) * LANES,
        .c_stride = layer->out * LANES,
        .floor = -(R)INFINITY,
        .scale = by->scale,
        .shrink = NAME(load)(g->c + l * LANES),
    });
}

/* b of layer l, a row of weights whose input is 1. */
static void NAME(interleaved_bias)(const Interleaved *g, const Descent *by, int64_t l, int64_t u, int64_t n)
{
    static const R one = 1;
    const Layer *layer = &g->net->layer[l];
    NAME(gemm)(&(Product){
        .store = by->store,
        .m = 1,
        .n = n * LANES,
        .k = g->rows,
        .a = &one,
        .b = NAME(interleaved_delta)(g, l) + u * LANES,
        .b_stride = layer->out * LANES,
        .c = by->to + (layer->bias + u) * LANES,
        .floor = -(R)INFINITY,
        .scale = by->scale,
    });
}

/* The same of two layers with one output, and the same items for all: see fused.h. */
static void NAME(interleaved_fused)(const Interleaved *g, const Descent *by)
{
    const Net *net = g->net;
    const Layer *first = net->layer, *second = first + 1;
    const int64_t units = first->out * LANES;
    const V none = NAME(splat)(0);
    NAME(fused_back)(&(Fused){
        .activation = first->activation,
        .rows = g->rows,
        .inputs = first->in,
        .units = units,
        .x = g->x,
        .a = NAME(interleaved_layer)(g, g->act, 0),
        .d = NAME(interleaved_delta)(g, 1),
        .w = g->params + second->weight * LANES,
        .x_stride = g->x_stride,
        .a_stride = units,
        .first = NAME(fused_product)(by->store, by->scale, NAME(load)(g->c), by->to + first->weight * LANES,
                                     units),
        .bias = NAME(fused_product)(by->store, by->scale, none, by->to + first->bias * LANES, 0),
        .second = NAME(fused_product)(by->store, by->scale, NAME(load)(g->c + LANES),
                                      by->to + second->weight * LANES, 0),
    });
    NAME(interleaved_bias)(g, by, 1, 0, 1);
}

/* The deltas of all layers, and what becomes of all W and b: those of a layer's units when they have
   passed their deltas on. */
static void NAME(interleaved_backward)(const Interleaved *g, const Descent *by)
{
    const Net *net = g->net;
    const int64_t top = net->layers - 1;
    if (g->fused) {
        NAME(interleaved_fused)(g, by);
        return;
    }
    for (int64_t l = top; l > 0; l--) {
        const Layer *layer = &net->layer[l];
        PL2_EACH_PANEL(layer->in)
        {
            NAME(interleaved_deltas)(g, l, u, n);
            NAME(interleaved_gradient)(g, by, l, u, n, 0, layer->out);
            NAME(interleaved_bias)(g, by, l - 1, u, n);
            if (l == 1) NAME(interleaved_gradient)(g, by, 0, 0, net->inputs, u, n);
        }
    }
    NAME(interleaved_bias)(g, by, top, 0, net->outputs);
    if (!top) NAME(interleaved_gradient)(g, by, 0, 0, net->inputs, 0, net->outputs);
}
#undef PL2_EACH_PANEL

/* What lambda does to each layer of each network in a batch of this mass, and the length of its steps. */
static void NAME(interleaved_rates)(Interleaved *g, const Job *job, int64_t batch)
{
    R step[LANES], mean[LANES];
    const double known = g->own_weights ? 0 : g->mass[0];
    for (int r = 0; g->scheduled && r < g->count; r++) {
        Update now;
        g->now[r] = *pl2_scheduled(job->training.updates + g->first + r, batch, &now);
        g->updates = g->now;
    }
    if (known > 0 && known == g->known && !g->scheduled) return;
    g->known = known;
    g->plain = 1;
    g->decays = g->waits = 0;
    for (int r = 0; r < LANES; r++) {
        const Update *u = &g->updates[r < g->count ? r : 0];
        const double mass = g->mass[r];
        step[r] = (R)(u->eta / mass);
        mean[r] = (R)(1 / mass);
        g->plain = g->plain && NAME(is_plain)(u);
        g->decays = g->decays || NAME(decays)(g->net, u);
        for (int64_t l = 0; l < g->net->layers; l++) {
            const Decay decay = g->decay[l * LANES + r] = NAME(layer_decay)(u, l, mass);
            g->c[l * LANES + r] = (R)decay.c;
            g->l2[l * LANES + r] = (R)decay.l2;
            g->waits |= decay.window;
        }
    }
    g->step = NAME(load)(step);
    g->mean = NAME(load)(mean);
}

/* What of it the next update of each takes. */
static void NAME(interleaved_due)(const Interleaved *g, const int64_t *steps)
{
    for (int64_t i = 0; g->waits && i < g->net->layers * LANES; i++) {
        const int64_t r = i % LANES < g->count ? i % LANES : 0;
        const int due = pl2_due(g->decay[i].window, steps[r] + 1);
        g->c[i] = due ? (R)g->decay[i].c : 0;
        g->l2[i] = due ? (R)g->decay[i].l2 : 0;
    }
}

/* What a batch leaves, before its update. */
static void NAME(interleaved_note)(const Interleaved *g, const Job *job, int64_t batch)
{
    double *sums = job->sums + 2 * g->first, square[LANES];
    for (int r = 0; r < g->count; r++) sums[2 * r] += (double)batch / g->mass[r] * g->loss[r];
    for (int64_t l = 0; g->decays && l < g->net->layers; l++) {
        const Layer *layer = &g->net->layer[l];
        NAME(lane_squares)(g->params + layer->weight * LANES, layer->in * layer->out * LANES, square,
                           g->count);
        const Decay *decay = g->decay + l * LANES;
        for (int r = 0; r < g->count; r++)
            if (decay[r].r) sums[2 * r + 1] += (double)batch * (decay[r].r / 2 * square[r]);
    }
}

/* One update of each from the sums over a batch of s dl/dparams. */
static void NAME(interleaved_update)(const Interleaved *g, const int64_t *steps)
{
    const Net *net = g->net;
    const Rule rule = NAME(rules)(g->updates, steps, g->count);
    const int64_t d = net->params * LANES, weights = net->weights * LANES;
    const V scale = g->mean, none = NAME(splat)(0);
    for (int64_t l = 0; l < net->layers; l++) {
        const Layer *layer = &net->layer[l];
        const int64_t w = layer->weight * LANES;
        NAME(descend)(g->updates, &rule, scale, NAME(load)(g->l2 + l * LANES), NAME(load)(g->c + l * LANES),
                      g->params + w, g->gradient + w, g->state + w, d, layer->in * layer->out * LANES);
    }
    NAME(descend)(g->updates, &rule, scale, none, none, g->params + weights, g->gradient + weights,
                  g->state + weights, d, d - weights);
}

/* m of a batch for each network; of the first in lanes without one. */
static void NAME(interleaved_mass)(const Interleaved *g, const Job *job, int64_t start, int64_t batch)
{
    for (int r = 0; r < LANES; r++) {
        const int own = r < g->count && g->own_weights;
        g->mass[r] = r && !own ? g->mass[0] : NAME(mass)(job, g->first + r, start, batch);
    }
}

/* The items of a block: where they lie, or gathered where they do not lie one after another. */
static void NAME(interleaved_gather)(Interleaved *g, const Job *job, int64_t begin)
{
    if (g->own_order) {
        const int64_t inputs = g->net->inputs;
        g->x = g->inputs;
        g->x_stride = inputs * LANES;
        for (int64_t i = 0; i < g->rows; i++) {
            const R *row[LANES];
            for (int r = 0; r < g->count; r++) {
                const int64_t item = NAME(item)(job, g->first + r, begin + i);
                row[r] = (const R *)job->data.x + item * job->data.x_stride;
            }
            NAME(to_feature_major)(row, g->count, inputs, g->inputs + i * inputs * LANES, LANES);
        }
        return;
    }
    g->x = job->training.order ? g->inputs : (const R *)job->data.x + begin * job->data.x_stride;
    g->x_stride = job->training.order ? g->net->x_stride : job->data.x_stride;
    if (job->training.order)
        NAME(gather_rows)(job, 0, begin, &(Block){.net = g->net, .rows = g->rows, .inputs = g->inputs});
}

/* As `advance` for one network: one block of the batch under the cursor, with the update if it is the
   last of its batch. */
static int64_t NAME(interleaved_advance)(const Job *job, Cursor *at, Interleaved *g)
{
    const int64_t start = at->batch * job->training.batch_rows, left = job->data.rows - start;
    const int64_t batch = left < job->training.batch_rows ? left : job->training.batch_rows,
                  begin = start + at->row;
    g->rows = NAME(block_rows)(job->split.interleaved_rows, batch, at->row);
    if (!at->row) {
        NAME(interleaved_mass)(g, job, start, batch);
        at->mass = g->mass[0];
        memset(g->loss, 0, LANES * sizeof(double));
    }
    if (at->mass > 0) {
        const int last = at->row + g->rows == batch;
        int64_t *steps = job->training.steps + g->first;
        NAME(interleaved_rates)(g, job, at->batch);
        NAME(interleaved_gather)(g, job, begin);
        NAME(interleaved_forward)(g);
        NAME(interleaved_losses)(g, job, begin);
        if (last) NAME(interleaved_note)(g, job, batch);
        if (last) NAME(interleaved_due)(g, steps);
        if (g->plain && g->rows == batch) {
            NAME(interleaved_backward)(g, &(Descent){STORE_DECAYED, g->step, g->params});
        } else {
            const V one = NAME(splat)(1);
            NAME(interleaved_backward)(g, &(Descent){at->row ? STORE_ADD : STORE, one, g->gradient});
            if (last) NAME(interleaved_update)(g, steps);
        }
        for (int r = 0; last && r < g->count; r++) steps[r]++;
    }
    at->row += g->rows;
    if (at->row == batch) {
        at->batch++, at->row = 0;
        at->done = start + batch == job->data.rows;
    }
    return g->rows;
}

/* `d` numbers of each network into lanes, or back. */
static void NAME(interleaved_pack)(const Interleaved *g, R *numbers, int64_t d, R *lanes, int back)
{
    R *row[LANES];
    for (int r = 0; r < g->count; r++) row[r] = numbers + (g->first + r) * d;
    if (back)
        NAME(from_feature_major)(lanes, LANES, d, row, g->count, 1);
    else
        NAME(to_feature_major)((const R *const *)row, g->count, d, lanes, LANES);
}

static void NAME(interleaved_batches)(const Net *net, const Job *job, Cursor *at, void *memory)
{
    const double row_cost = job->split.row_cost * LANES, update_cost = 20 * (double)net->params * LANES;
    const int64_t states = pl2_state_vectors(job->training.updates) * net->params;
    Interleaved g = NAME(interleaved)(net, job, at, memory);
    const pl2_flush found = pl2_flush_on();
    for (int r = 0; r < g.count; r++) g.scheduled |= g.updates[r].eta_factors || g.updates[r].l2_factors;
    NAME(interleaved_pack)(&g, (R *)job->params, net->params, g.params, 0);
    NAME(interleaved_pack)(&g, job->training.state, states, g.state, 0);
    while (at->left > 0 && !at->done) {
        at->left -= (double)NAME(interleaved_advance)(job, at, &g) * row_cost;
        if (!at->row) at->left -= update_cost;
    }
    NAME(interleaved_pack)(&g, (R *)job->params, net->params, g.params, 1);
    NAME(interleaved_pack)(&g, job->training.state, states, g.state, 1);
    pl2_flush_restore(found);
}
