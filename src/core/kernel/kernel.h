/* The verbs, for one type R and one instruction set: blocks of rows, batches, epochs. */
#include "simd.h"

#include "exp.h"

#include "activations.h"
#include "decay.h"
#include "gemm.h"
#include "optimizers.h"
#include "outputs.h"
#include "sparse.h"

#include "pass.h"

#include "lanes.h"

#include "online.h"

#include "move.h"

static int64_t NAME(item)(const Job *job, int64_t network, int64_t i)
{
    return job->order ? job->order[network * job->order_stride + i] : i;
}

/* Rows of the next block of a batch of `rows`, all blocks of it about equal. */
static int64_t NAME(block_rows)(const Job *job, int64_t rows, int64_t done)
{
    const int64_t blocks = (rows + job->block_rows - 1) / job->block_rows;
    const int64_t whole = rows / blocks, larger = rows % blocks; /* the first `larger` have one more */
    return whole + (done < larger * (whole + 1));
}

/* Where the items [first, first + rows) of a network begin and end in a CSR x. */
static void NAME(find_spans)(const Job *job, int64_t network, int64_t first, int64_t rows, int64_t *spans)
{
    for (int64_t i = 0; i < rows; i++) {
        const int64_t item = NAME(item)(job, network, first + i);
        spans[2 * i] = pl2_index(job->indptr, job->index_bytes, item);
        spans[2 * i + 1] = pl2_index(job->indptr, job->index_bytes, item + 1);
    }
}

/* The targets of `count` items from i on, in lanes: y (outputs, step); of class indices 1 and 0. */
static void NAME(targets)(const Job *job, int64_t network, int64_t i, int count, int64_t outputs, R *y,
                          int64_t step)
{
    if (job->labels) {
        const V zero = NAME(splat)(0), one = NAME(splat)(1);
        V label =
            NAME(splat)((R)job->labels[NAME(item)(job, network, i)]); /* exact, as a count of outputs is */
        if (count > 1) {
            R each[LANES] = {0};
            for (int r = 0; r < count; r++) each[r] = (R)job->labels[NAME(item)(job, network, i + r)];
            label = NAME(load)(each);
        }
        for (int64_t j = 0; j < outputs; j++) {
            const V at = NAME(splat)((R)j), below = NAME(pick)(NAME(less)(label, at), zero, one);
            NAME(store)(y + j * step, NAME(pick)(NAME(less)(at, label), zero, below));
        }
        return;
    }
    const R *row[LANES];
    for (int r = 0; r < count; r++)
        row[r] = (const R *)job->y + NAME(item)(job, network, i + r) * job->y_stride;
    NAME(to_lanes)(row, count, outputs, y, step);
}

/* The items of a block that begins with item `first`, in lanes, x and y. */
static void NAME(turn)(const Job *job, int64_t network, int64_t first, const Block *b)
{
    for (int64_t i = b->from; i < b->from + b->rows; i += LANES) {
        const R *row[LANES];
        const int64_t left = b->from + b->rows - i;
        const int count = (int)(left < LANES ? left : LANES);
        for (int r = 0; r < count; r++)
            row[r] = (const R *)job->x + NAME(item)(job, network, first + i + r) * job->x_stride;
        NAME(to_lanes)(row, count, b->net->inputs, b->inputs + i, b->room);
        if (job->y || job->labels)
            NAME(targets)(job, network, first + i, count, b->net->outputs, b->targets + i, b->room);
    }
}

/* The same in rows, x alone, each padded with 0. */
static void NAME(gather)(const Job *job, int64_t network, int64_t first, const Block *b)
{
    const Net *net = b->net;
    for (int64_t i = b->from; i < b->from + b->rows; i++) {
        const R *from = (const R *)job->x + NAME(item)(job, network, first + i) * job->x_stride;
        R *to = b->inputs + i * net->x_stride;
        int64_t j = 0;
        for (; j + LANES <= net->inputs; j += LANES) NAME(store)(to + j, NAME(load)(from + j));
        if (j < net->inputs) NAME(store)(to + j, NAME(load_part)(from + j, (int)(net->inputs - j)));
    }
}

#define Work NAME(Work)
/* The work buffer, carved (see pl2_work_bytes). */
typedef struct {
    R *desk; /* params and state of one network, padded; NULL where they are used as they are */
    R *gradient, *panel;
    double *squares;  /* of the weights, SEGMENT by SEGMENT */
    int32_t *touched; /* CSR: the list of touched rows, which lasts for a batch */
    R *block;
} Work;

/* Panels are one for each member of a team. */
static Work NAME(carve)(const Net *net, const Job *job, const Team *team, void *work)
{
    R *desk = work, *gradient = desk + pl2_desk_items(net, job);
    char *panels = (char *)(gradient + pl2_gradient_items(net, job));
    char *squares = panels + team->size * net->panel_bytes;
    char *touched = squares + pl2_squares_bytes(net, job);
    return (Work){
        .desk = pl2_at_desk(net, job) ? desk : NULL,
        .gradient = gradient,
        .panel = (R *)(panels + team->rank * net->panel_bytes),
        .squares = (double *)squares,
        .touched = job->indptr ? (int32_t *)touched : NULL,
        .block = (R *)(touched + (job->indptr ? net->touched_bytes : 0)),
    };
}

static const Team NAME(alone) = {0, 1, NULL};

/* A block of the items [first, first + rows) of a network, which are still to be brought there. */
static Block NAME(whole_block)(const Net *net, const Job *job, const Team *team, int64_t network,
                               int64_t first, int64_t rows, const Work *work)
{
    enum { FEW = 4 };
    const int sparse = job->indptr != NULL, gathered = !sparse && !job->lanes && job->order && rows > 1;
    const int64_t room = pl2_room(rows, (int64_t)sizeof(R));
    double *loss = (double *)work->block;
    R *targets = (R *)(loss + room), *act = targets + room * net->layer[net->layers - 1].stride;
    R *delta = act + room * net->columns;
    int64_t *spans = (int64_t *)(delta + (pl2_goes_back(job) ? room * net->columns : 0));
    R *inputs = (R *)(spans + (sparse ? 2 * room : 0));
    const R *x = job->x;
    return (Block){
        .net = net,
        .team = team,
        .params = work->desk ? work->desk : (R *)job->params + network * net->params,
        .desk = work->desk != NULL,
        .narrow =
            work->desk ? net->narrow : net->outputs == 1 && !job->to_inputs && !(sparse && net->layers == 1),
        .lanes = job->lanes,
        .few = rows <= FEW,
        .rows = rows,
        .filled = (rows + LANES - 1) / LANES * LANES,
        .room = room,
        .x = sparse                   ? NULL
             : job->lanes || gathered ? inputs
                                      : x + NAME(item)(job, network, first) * job->x_stride,
        .x_stride = gathered ? net->x_stride : job->x_stride,
        .x_dense = !gathered,
        .sparse = {x, job->indices, job->index_bytes, rows, sparse ? spans : NULL},
        .touched = work->touched,
        .act = act,
        .delta = delta,
        .panel = work->panel,
        .targets = targets,
        .loss = loss,
        .inputs = inputs,
    };
}

/* Its items: into lanes, or gathered where they do not lie one after another. */
static void NAME(bring)(const Job *job, int64_t network, int64_t first, const Block *b)
{
    if (b->sparse.spans)
        NAME(find_spans)(job, network, first, b->rows, (int64_t *)b->sparse.spans);
    else if (b->lanes)
        NAME(turn)(job, network, first, b);
    else if (!b->x_dense)
        NAME(gather)(job, network, first, b);
}

/* A whole block with its items, unless they are held there from a block before. */
static Block NAME(block)(const Net *net, const Job *job, int64_t network, int64_t first, int64_t rows,
                         int held, const Work *work)
{
    const Block b = NAME(whole_block)(net, job, &NAME(alone), network, first, rows, work);
    if (!held) NAME(bring)(job, network, first, &b);
    return b;
}

/* Layers [first, last), the last of the network left at z; in lanes and online all of them. */
static void NAME(forward)(const Block *b, int64_t first, int64_t last)
{
    if (b->online)
        NAME(forward_one)(b);
    else if (b->lanes)
        NAME(forward_lanes)(b);
    else
        NAME(forward_rows)(b, first, last);
}

static void NAME(deltas)(const Block *b)
{
    if (b->lanes)
        NAME(deltas_lanes)(b);
    else
        NAME(deltas_rows)(b);
}

static void NAME(gradients)(const Block *b, const Gradient *g)
{
    if (b->lanes)
        NAME(gradients_lanes)(b, g);
    else
        NAME(gradients_rows)(b, g);
}

/* Sample weights, 0 in lanes without an item; a single item's online in all lanes, as its z is. */
static V NAME(sample_weights)(const Block *b, const Job *job, int64_t network, int64_t i, int count)
{
    const R *given = job->sample_weight;
    R s[LANES] = {0};
    if (!given) return NAME(first)(NAME(splat)(1), count);
    if (b->online) return NAME(splat)(given[NAME(item)(job, network, i)]);
    for (int r = 0; r < count; r++) s[r] = given[NAME(item)(job, network, i + r)];
    return NAME(load)(s);
}

/* The rows [i, i + count) of the last layer. */
static void NAME(top_rows)(const Block *b, int64_t i, int count, R **row)
{
    const int64_t top = b->net->layers - 1;
    for (int r = 0; r < count; r++) row[r] = NAME(activation)(b, top) + (i + r) * b->net->layer[top].stride;
}

/* z of the last layer -> delta, each times its sample weight, 0 in unused lanes; the sums of s loss over
   each vector of items into `loss`.  The whole block begins with item `first`. */
static void NAME(losses)(const Block *b, const Job *job, int64_t network, int64_t first)
{
    const int64_t n = b->net->outputs;
    const int turned = b->lanes || b->narrow;
    const int64_t step = turned ? b->room : LANES;
    for (int64_t i = 0; i < b->rows; i += LANES) {
        const int64_t at = b->from + i;
        const int count = (int)(b->rows - i < LANES ? b->rows - i : LANES);
        R *z = turned ? NAME(activation)(b, b->net->layers - 1) + i : b->panel;
        R *y = turned ? b->targets + at : b->panel + n * LANES, *row[LANES], each[LANES];
        if (!b->lanes) NAME(targets)(job, network, first + at, count, n, y, step);
        if (!turned) {
            NAME(top_rows)(b, i, count, row);
            NAME(to_lanes)((const R *const *)row, count, n, z, step);
        }
        V loss = NAME(loss)(b->net->output, z, step, y, n);
        if ((count < LANES && !b->online) || job->sample_weight) {
            const V s = NAME(sample_weights)(b, job, network, first + at, count), zero = NAME(splat)(0);
            const M counts = NAME(less)(zero, s);
            loss = NAME(pick)(counts, s * loss, zero);
            for (int64_t j = 0; j < n; j++)
                NAME(store)(z + j * step, NAME(pick)(counts, s * NAME(load)(z + j * step), zero));
        }
        if (!turned) NAME(from_lanes)(z, step, n, row, count, 0);
        NAME(store)(each, loss);
        b->loss[at / LANES] = 0;
        for (int r = 0; r < count; r++) b->loss[at / LANES] += (double)each[r];
    }
}

static double NAME(block_loss)(const Block *whole)
{
    double sum = 0;
    for (int64_t g = 0; g < whole->filled / LANES; g++) sum += whole->loss[g];
    return sum;
}

/* The predictions of a block, as rows of `result`, which may be those of the last layer. */
static void NAME(predictions)(const Block *b, R *result, int64_t stride)
{
    const int64_t n = b->net->outputs;
    const int turned = b->lanes || b->narrow;
    for (int64_t i = 0; i < b->rows; i += LANES) {
        const int count = (int)(b->rows - i < LANES ? b->rows - i : LANES);
        const int64_t step = turned ? b->room : LANES;
        R *z = turned ? NAME(activation)(b, b->net->layers - 1) + i : b->panel, *row[LANES], *to[LANES];
        if (!turned) {
            NAME(top_rows)(b, i, count, row);
            NAME(to_lanes)((const R *const *)row, count, n, z, step);
        }
        NAME(link)(b->net->output, z, step, n);
        for (int r = 0; r < count; r++) to[r] = result + (i + r) * stride;
        NAME(from_lanes)(z, step, n, to, count, 1);
    }
}

/* The sum of the sample weights of items [first, first + rows). */
static double NAME(mass)(const Job *job, int64_t network, int64_t first, int64_t rows)
{
    const R *sample_weight = job->sample_weight;
    double sum = 0;
    if (!sample_weight) return (double)rows;
    for (int64_t i = 0; i < rows; i++) sum += (double)sample_weight[NAME(item)(job, network, first + i)];
    return sum;
}

/* R for lambda/n of each layer, of parameters as users have them. */
static double NAME(penalties)(const Net *net, const R *params, const double *rates)
{
    double sum = 0;
    for (int64_t l = 0; l < net->layers; l++) {
        const Layer *layer = &net->layer[l];
        if (rates[l])
            sum += rates[l] / 2 * NAME(sum_of_squares)(params + layer->weight, layer->in * layer->out);
    }
    return sum;
}

/* If the chunk is at its end: what `add_up` needs of it. */
static void NAME(end_chunk)(const Net *net, const Job *job, Cursor *at)
{
    const int64_t p = at->network;
    double *sums = job->part_sums + 2 * (p * job->chunks + at->chunk);
    at->done = at->row == at->last_row;
    if (!at->done) return;
    sums[0] = at->loss;
    sums[1] = NAME(mass)(job, p, at->first_row, at->last_row - at->first_row);
    if (at->chunk || job->updates) return;
    job->sums[2 * p + 1] =
        NAME(penalties)(net, (const R *)job->params + p * net->params, job->rates + p * net->layers);
}

/* predict: layers [first_layer, last_layer) of all rows. */
static void NAME(predict)(const Net *net, const Job *job, Cursor *at, void *memory)
{
    const int64_t l = job->last_layer - 1, n = net->layer[l].out, stride = net->layer[l].stride;
    const Work work = NAME(carve)(net, job, &NAME(alone), memory);
    const pl2_flush found = pl2_flush_on();
    while (at->left > 0 && at->row < at->last_row) {
        const int64_t rows = NAME(block_rows)(job, job->rows, at->row);
        const Block b = NAME(block)(net, job, 0, at->row, rows, 0, &work);
        R *result = (R *)job->result + at->row * n;
        NAME(forward)(&b, job->first_layer, job->last_layer);
        if (l == net->layers - 1)
            NAME(predictions)(&b, result, n);
        else
            for (int64_t i = 0; i < rows; i++)
                memcpy(result + i * n, NAME(activation)(&b, l) + i * stride, (size_t)n * sizeof(R));
        at->row += rows;
        at->left -= (double)rows * job->row_cost;
    }
    at->done = at->row == at->last_row;
    pl2_flush_restore(found);
}

/* errors: E0 of one network on a chunk of rows, and with the first its R.  The networks of a swarm come
   one after the other to the same rows, which are brought into lanes once. */
static void NAME(errors)(const Net *net, const Job *job, Cursor *at, void *memory)
{
    const Work work = NAME(carve)(net, job, &NAME(alone), memory);
    const int64_t p = at->network;
    const pl2_flush found = pl2_flush_on();
    while (at->left > 0 && at->row < at->last_row) {
        const int64_t rows = NAME(block_rows)(job, job->rows, at->row);
        const Block b = NAME(block)(net, job, p, at->row, rows, at->held == 1 + at->row, &work);
        at->held = 1 + at->row;
        NAME(forward)(&b, 0, net->layers);
        NAME(losses)(&b, job, p, at->row);
        at->loss += NAME(block_loss)(&b);
        at->row += rows;
        at->left -= (double)rows * job->row_cost;
    }
    NAME(end_chunk)(net, job, at);
    pl2_flush_restore(found);
}

/* The rows of b through the network and back, up to the deltas of all layers. */
static void NAME(there_and_back)(const Job *job, int64_t network, int64_t first, const Block *b)
{
    NAME(bring)(job, network, first, b);
    NAME(forward)(b, 0, b->net->layers);
    NAME(losses)(b, job, network, first);
    if (!b->online) NAME(deltas)(b);
}

/* gradient: the same, and the sum of s dl/dparams over the chunk; also the epoch that is one batch. */
static void NAME(gradient)(const Net *net, const Job *job, Cursor *at, void *memory)
{
    const Work work = NAME(carve)(net, job, &NAME(alone), memory);
    const int64_t apart = at->chunk - (job->chunks - pl2_part_gradients(job));
    R *sum = apart < 0 ? job->result : (R *)job->part_gradients + apart * net->params_stride;
    const pl2_flush found = pl2_flush_on();
    while (at->left > 0 && at->row < at->last_row) {
        const int64_t rows = NAME(block_rows)(job, job->rows, at->row);
        const Block b = NAME(whole_block)(net, job, &NAME(alone), 0, at->row, rows, &work);
        NAME(there_and_back)(job, 0, at->row, &b);
        at->loss += NAME(block_loss)(&b);
        NAME(gradients)(&b, &(Gradient){
                                .store = at->row > at->first_row ? STORE_ADD : STORE,
                                .scale = 1,
                                .to = sum,
                                .sparse = sum,
                            });
        at->row += rows;
        at->left -= (double)rows * job->row_cost;
    }
    NAME(end_chunk)(net, job, at);
    pl2_flush_restore(found);
}

static void NAME(add_gradients)(const Net *net, R *sum, const R *part, int64_t count)
{
    for (; count-- > 0; part += net->params_stride)
        for (int64_t i = 0; i < net->params; i++) sum[i] += part[i];
}

/* result <- result / m + (lambda/n) W, the sum over all rows being in result and part_gradients. */
static void NAME(finish_gradient)(const Net *net, const Job *job, double mass)
{
    const R scale = (R)(1 / mass), *params = job->params;
    R *result = job->result;
    NAME(add_gradients)(net, result, job->part_gradients, pl2_part_gradients(job));
    for (int64_t i = 0; i < net->params; i++) result[i] *= scale;
    for (int64_t l = 0; l < net->layers; l++) {
        const Layer *layer = &net->layer[l];
        const R rate = (R)job->rates[l], *w = params + layer->weight;
        R *g = result + layer->weight;
        for (int64_t i = 0; rate && i < layer->in * layer->out; i++) g[i] += rate * w[i];
    }
}

/* input_gradient: d prediction / d x of each row. */
static void NAME(input_gradient)(const Net *net, const Job *job, Cursor *at, void *memory)
{
    const int64_t top = net->layers - 1;
    const Work work = NAME(carve)(net, job, &NAME(alone), memory);
    const pl2_flush found = pl2_flush_on();
    while (at->left > 0 && at->row < at->last_row) {
        const int64_t rows = NAME(block_rows)(job, job->rows, at->row);
        const Block b = NAME(block)(net, job, 0, at->row, rows, 0, &work);
        R *result = (R *)job->result + at->row * net->outputs * net->inputs;
        NAME(forward)(&b, 0, net->layers);
        NAME(predictions)(&b, NAME(activation)(&b, top), net->layer[top].stride);
        for (int64_t j = 0; j < net->outputs; j++) NAME(backward_to_inputs)(&b, j, result);
        at->row += rows;
        at->left -= (double)net->outputs * (double)rows * job->row_cost;
    }
    at->done = at->row == at->last_row;
    pl2_flush_restore(found);
}

/* w <- w - (c w + step(scale g + l2 w)) for `count` numbers, their state vectors d apart. */
static void NAME(descend)(int optimizer, const Rule *rule, R scale, R l2, R c, R *w, const R *g, R *state,
                          int64_t d, int64_t count)
{
    const V vscale = NAME(splat)(scale), vl2 = NAME(splat)(l2), vc = NAME(splat)(c);
#define PL2_CASE(f, states) \
    case OPTIMIZER_##f: \
        for (int64_t i = 0; i < count; i += LANES) { \
            const int lanes = (int)(count - i < LANES ? count - i : LANES); \
            V s[(states) + 1]; \
            for (int q = 0; q < (states); q++) s[q] = NAME(load_part)(state + q * d + i, lanes); \
            const V old = NAME(load_part)(w + i, lanes); \
            const V step = NAME(f)(rule, vscale * NAME(load_part)(g + i, lanes) + vl2 * old, s); \
            NAME(store_part)(w + i, NAME(decayed)(old, vc, step), lanes); \
            for (int q = 0; q < (states); q++) NAME(store_part)(state + q * d + i, s[q], lanes); \
        } \
        break;
    switch (optimizer) {
        OPTIMIZERS(PL2_CASE)
    }
#undef PL2_CASE
}

/* What lambda of layer l does in the update of a batch whose sample weights sum to mass. */
static Decay NAME(layer_decay)(const Update *u, int64_t l, double mass)
{
    return pl2_decay(u->decay, u->eta, u->l2[l], u->n ? u->n : mass);
}

/* One update from the sum over a batch of s dl/dparams, with the state vectors `state`; of this
   member's share of the weights, whose gradient it has made itself.  Biases are never decayed.
   touched: NULL, or the only rows of the first weights in the gradient, under plain SGD. */
static void NAME(update)(const Block *b, const Update *u, int64_t t, double mass, R *gradient, R *state,
                         int32_t *touched)
{
    const Net *net = b->net;
    const Rule rule = NAME(rule)(u, t);
    const R scale = (R)(1 / mass);
    const int64_t d = b->desk ? net->desk : net->params, weights = b->desk ? net->desk_weights : net->weights;
    for (int64_t l = 0; l < net->layers; l++) {
        const Layer *layer = &net->layer[l];
        const Decay decay = NAME(layer_decay)(u, l, mass);
        const Matrix W = NAME(matrix)(b, b->params, l);
        const int64_t at = W.w - b->params + W.first * W.pitch;
        if (l == 0 && touched)
            NAME(sparse_descend)(W.w, gradient + at, (R)(u->eta / mass), (R)decay.c, layer->in, layer->out,
                                 touched);
        else
            NAME(descend)(u->optimizer, &rule, scale, (R)decay.l2, (R)decay.c, b->params + at, gradient + at,
                          state + at, d, (W.end - W.first) * W.pitch);
    }
    if (b->team->rank == 0)
        NAME(descend)(u->optimizer, &rule, scale, 0, 0, b->params + weights, gradient + weights,
                      state + weights, d, d - weights);
}

/* c of each layer. */
static void NAME(shrinks)(const Net *net, const Update *u, double mass, R *shrink)
{
    for (int64_t l = 0; l < net->layers; l++) shrink[l] = (R)NAME(layer_decay)(u, l, mass).c;
}

/* The whole batch in one block under plain SGD: W <- W - (c W + (eta/m) a^T delta) at once; for CSR
   the first sum goes through work, for a row of W waits there for all rows of x that touch it. */
static void NAME(update_at_once)(const Block *b, R scale, const R *shrink, R *gradient)
{
    const Layer *layer = b->net->layer;
    NAME(gradients)(b, &(Gradient){STORE_DECAYED, scale, shrink, b->params, gradient, b->touched});
    if (b->touched)
        NAME(sparse_descend)(b->params, gradient, scale, shrink[0], layer->in, layer->out, b->touched);
}

/* Sums of squares of the weights, segment by segment, so that they may be shared and add up alike
   whoever has made them; this member's segments into `squares`. */
static void NAME(segment_squares)(const Block *b, double *squares)
{
    int64_t at = 0;
    for (int64_t l = 0; l < b->net->layers; l++) {
        const Matrix W = NAME(matrix)(b, b->params, l);
        for (int64_t i = 0; i < W.count; i += PL2_SEGMENT, at++) {
            const int64_t left = W.count - i;
            if (at % b->team->size == b->team->rank)
                squares[at] = NAME(sum_of_squares)(W.w + i, left < PL2_SEGMENT ? left : PL2_SEGMENT);
        }
    }
}

static double NAME(batch_penalty)(const Block *b, const Update *u, double mass, const double *squares)
{
    double sum = 0;
    for (int64_t l = 0; l < b->net->layers; l++) {
        const double rate = NAME(layer_decay)(u, l, mass).r;
        const int64_t count = NAME(matrix)(b, b->params, l).count;
        double square = 0;
        for (int64_t i = 0; i < count; i += PL2_SEGMENT) square += *squares++;
        sum += rate / 2 * square;
    }
    return sum;
}

static int NAME(decays)(const Net *net, const Update *u)
{
    int some = 0;
    for (int64_t l = 0; l < net->layers; l++) some |= u->l2[l] != 0;
    return some;
}

static int NAME(states)(const Update *u)
{
    static const int states[] = {OPTIMIZERS(OPTIMIZER_STATES)};
    return states[u->optimizer];
}

static R *NAME(state)(const Net *net, const Job *job, int64_t p)
{
    return (R *)job->state + p * NAME(states)(&job->updates[p]) * net->params;
}

/* What a batch leaves, before its update: for each member to see, and one of them to write down. */
static void NAME(note)(const Job *job, const Block *b, const Update *u, const Cursor *at, int64_t batch,
                       const double *squares)
{
    double *sums = job->sums + 2 * at->network;
    if (b->team->rank) return;
    sums[0] += (double)batch * (at->loss / at->mass);
    if (NAME(decays)(b->net, u)) sums[1] += (double)batch * NAME(batch_penalty)(b, u, at->mass, squares);
}

/* One block of the batch under the cursor, with the update if it is the last of its batch.  Until then
   nothing but work and the cursor is written, so a batch can be dropped whole.

   A team shares the rows on the way forward and back, and then the rows of all W.  Each member has a
   cursor of its own, all the same. */
static int64_t NAME(advance)(const Net *net, const Job *job, Cursor *at, const Work *work)
{
    const Team *team = at->team;
    const int64_t p = at->network, start = at->batch * job->batch_rows, left = job->rows - start;
    const int64_t batch = left < job->batch_rows ? left : job->batch_rows;
    const int64_t rows = NAME(block_rows)(job, batch, at->row), first = start + at->row;
    const Update *u = &job->updates[p];
    const int plain = u->optimizer == OPTIMIZER_sgd && u->decay != DECAY_l2;
    if (!at->row) at->mass = NAME(mass)(job, p, start, batch);
    if (at->mass > 0) {
        Block whole = NAME(whole_block)(net, job, team, p, first, rows, work);
        R *gradient = work->gradient, *state = work->desk ? work->desk + net->desk : NAME(state)(net, job, p);
        R *shrink = gradient + net->weights; /* the biases', of which each layer has at least one */
        int32_t *touched = plain ? whole.touched : NULL;
        const int last = at->row + rows == batch, at_once = plain && rows == batch;
        int64_t own, end;
        whole.online = plain && batch == 1 && whole.desk && net->layers > 1;
        NAME(member_share)(team, rows, PL2_LINE / (int64_t)sizeof(R), &own, &end);
        const Block b = team->size > 1 ? NAME(rows_of)(&whole, own, end - own) : whole;
        if (b.rows > 0) NAME(there_and_back)(job, p, first, &b);
        if (last && NAME(decays)(net, u)) NAME(segment_squares)(&whole, work->squares);
        if (at_once && team->rank == 0) NAME(shrinks)(net, u, at->mass, shrink);
        pl2_team_wait(team);
        at->loss += NAME(block_loss)(&whole);
        const int64_t t = job->steps[p] + 1;
        if (last) NAME(note)(job, &whole, u, at, batch, work->squares);
        if (whole.online)
            NAME(backward_one)(&whole, (R)(u->eta / at->mass), shrink);
        else if (at_once)
            NAME(update_at_once)(&whole, (R)(u->eta / at->mass), shrink, gradient);
        else
            NAME(gradients)(&whole,
                            &(Gradient){at->row ? STORE_ADD : STORE, 1, NULL, gradient, gradient, touched});
        if (last && !at_once) NAME(update)(&whole, u, t, at->mass, gradient, state, touched);
        pl2_team_wait(team);
        if (last && team->rank == 0) job->steps[p] = t;
    }
    at->row += rows;
    if (at->row == batch) {
        at->batch++, at->row = 0, at->loss = 0;
        at->done = start + batch == job->rows;
    }
    return rows;
}

/* The update of an epoch that was one batch, in chunks. */
static void NAME(finish_epoch)(const Net *net, const Job *job, double loss, double mass)
{
    const Update *u = job->updates;
    const Cursor at = {.loss = loss, .mass = mass};
    R *gradient = job->part_gradients;
    double *squares = (double *)(gradient + job->chunks * net->params_stride);
    const Block b = {.net = net, .team = &NAME(alone), .params = job->params};
    if (!(mass > 0)) return;
    NAME(add_gradients)(net, gradient, gradient + net->params_stride, job->chunks - 1);
    NAME(segment_squares)(&b, squares);
    NAME(note)(job, &b, u, &at, job->rows, squares);
    NAME(update)(&b, u, ++job->steps[0], mass, gradient, NAME(state)(net, job, 0), NULL);
}

/* Adds up what the chunks have left, in their order, whoever did them. */
static void NAME(add_up)(const Net *net, const Job *job)
{
    const double *part = job->part_sums;
    const pl2_flush found = pl2_flush_on();
    for (int64_t p = 0; p < job->networks; p++) {
        double loss = 0, mass = 0;
        for (int64_t c = 0; c < job->chunks; c++, part += 2) loss += part[0], mass += part[1];
        if (job->updates) {
            NAME(finish_epoch)(net, job, loss, mass);
            continue;
        }
        job->sums[2 * p] = loss / mass;
        if (job->result) NAME(finish_gradient)(net, job, mass);
    }
    pl2_flush_restore(found);
}

PL2_INLINE void NAME(copy)(R *there, R *here, int64_t count, int back)
{
    memcpy(back ? there : here, back ? here : there, (size_t)count * sizeof(R));
}

/* A vector laid out as params onto the desk, or back. */
static void NAME(carry)(const Net *net, R *params, R *desk, int back)
{
    for (int64_t l = 0; l < net->layers; l++) {
        const Layer *layer = &net->layer[l];
        const int64_t n = layer->out;
        R *w = params + layer->weight, *to = desk + layer->desk_weight;
        if (net->narrow && l == net->layers - 1)
            for (int64_t i = 0; i < layer->in * n; i++)
                NAME(copy)(w + i, to + i % n * layer->pitch + i / n, 1, back);
        else
            for (int64_t i = 0; i < layer->in; i++) NAME(copy)(w + i * n, to + i * layer->pitch, n, back);
        NAME(copy)(params + layer->bias, desk + layer->desk_bias, n, back);
    }
}

/* Parameters and state of network p onto the desk, padded with 0, or back. */
static void NAME(carry_all)(const Net *net, const Job *job, int64_t p, const Work *work, int back)
{
    const int states = NAME(states)(&job->updates[p]);
    R *desk = work->desk, *state = NAME(state)(net, job, p);
    if (!back) memset(desk, 0, (size_t)((1 + states) * net->desk) * sizeof(R));
    NAME(carry)(net, (R *)job->params + p * net->params, desk, back);
    for (int s = 0; s < states; s++)
        NAME(carry)(net, state + s * net->params, desk + (1 + s) * net->desk, back);
}

/* epoch: every batch of one network, or a chunk of its only one. */
static void NAME(epoch)(const Net *net, const Job *job, Cursor *at, void *memory)
{
    if (job->chunks > 1) {
        NAME(gradient)(net, job, at, memory);
        return;
    }
    const double update_cost = 20 * (double)net->params;
    const int begun = at->batch || at->row;
    const Team *team = at->team;
    const Work work = NAME(carve)(net, job, team, memory);
    const int carries = work.desk && team->rank == 0;
    const pl2_flush found = pl2_flush_on();
    if (work.touched && !begun) pl2_none_touched(net, work.touched);
    if (carries) NAME(carry_all)(net, job, at->network, &work, 0);
    if (carries && !at->row) memset(work.gradient, 0, (size_t)net->desk * sizeof(R));
    pl2_team_wait(team);
    while (at->left > 0 && !at->done) {
        at->left -= (double)NAME(advance)(net, job, at, &work) * job->row_cost;
        if (!at->row) at->left -= update_cost;
    }
    if (carries) NAME(carry_all)(net, job, at->network, &work, 1);
    pl2_flush_restore(found);
}

const Kernels NAME(kernels) = {
    WIDTH,       NAME(predict), NAME(errors), NAME(gradient), NAME(input_gradient),
    NAME(epoch), NAME(add_up),  NAME(move),
};
