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

/* What follows the panel in work; for CSR the list of touched rows, which lasts for a batch. */
static R *NAME(lists)(const Net *net, R *work)
{
    return work + net->params_stride + net->widest * (PL2_PANEL_BYTES / (int64_t)sizeof(R));
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

/* Carves work (see pl2_work_bytes) and finds the items [first, first + rows) of a network: where
   they lie in x if that is one after another, else gathered. */
static Block NAME(block)(const Net *net, const Job *job, int64_t network, int64_t first, int64_t rows,
                         R *work)
{
    const int sparse = job->indptr != NULL;
    const R *x = job->x;
    R *lists = NAME(lists)(net, work);
    R *act = lists + (sparse ? net->touched_bytes / (int64_t)sizeof(R) : 0);
    R *scratch = act + rows * net->columns, *other = scratch + rows * net->widest;
    int64_t *spans = (int64_t *)(other + rows * net->widest);
    Block b = {
        .net = net,
        .params = (const R *)job->params + network * net->params,
        .rows = rows,
        .x = sparse ? NULL : x + NAME(item)(job, network, first) * job->x_stride,
        .x_stride = job->x_stride,
        .sparse = {x, job->indices, job->index_bytes, rows, sparse ? spans : NULL},
        .touched = sparse ? (int32_t *)lists : NULL,
        .act = act,
        .scratch = scratch,
        .other = other,
        .panel = work + net->params_stride,
        .inputs = (R *)(spans + (sparse ? 2 * rows : 0)),
    };
    if (sparse) {
        NAME(find_spans)(job, network, first, rows, spans);
        return b;
    }
    if (!job->order || rows == 1) return b;
    for (int64_t i = 0; i < rows; i++)
        memcpy(b.inputs + i * net->x_stride, x + NAME(item)(job, network, first + i) * job->x_stride,
               (size_t)net->inputs * sizeof(R));
    b.x = b.inputs;
    b.x_stride = net->x_stride;
    return b;
}

/* z of the last layer -> delta, each row times its sample weight; returns the sum of s loss. */
static double NAME(losses)(const Block *b, const Job *job, int64_t network, int64_t first)
{
    const Net *net = b->net;
    const Layer *top = &net->layer[net->layers - 1];
    const R *y = job->y, *sample_weight = job->sample_weight;
    double sum = 0;
    for (int64_t i = 0; i < b->rows; i++) {
        const int64_t item = NAME(item)(job, network, first + i);
        R *z = NAME(activation)(b, net->layers - 1) + i * top->stride;
        const double loss = NAME(loss)(net->output, z, y ? y + item * job->y_stride : NULL,
                                       job->labels ? job->labels[item] : 0, top->out);
        const R s = sample_weight ? sample_weight[item] : 1;
        sum += (double)s * loss;
        if (sample_weight)
            for (int64_t j = 0; j < top->out; j++) z[j] *= s;
    }
    return sum;
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

static double NAME(penalty)(const Layer *layer, const R *params, double rate)
{
    return rate ? rate / 2 * NAME(sum_of_squares)(params + layer->weight, layer->in * layer->out) : 0;
}

/* R for lambda/n of each layer. */
static double NAME(penalties)(const Net *net, const R *params, const double *rates)
{
    double sum = 0;
    for (int64_t l = 0; l < net->layers; l++) sum += NAME(penalty)(&net->layer[l], params, rates[l]);
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
    if (at->chunk) return;
    job->sums[2 * p + 1] =
        NAME(penalties)(net, (const R *)job->params + p * net->params, job->rates + p * net->layers);
}

/* predict: layers [first_layer, last_layer) of all rows. */
static void NAME(predict)(const Net *net, const Job *job, Cursor *at, void *work)
{
    const int64_t l = job->last_layer - 1, n = net->layer[l].out, stride = net->layer[l].stride;
    R *result = job->result;
    const pl2_flush found = pl2_flush_on();
    while (at->left > 0 && at->row < at->last_row) {
        const int64_t rows = NAME(block_rows)(job, job->rows, at->row);
        const Block b = NAME(block)(net, job, 0, at->row, rows, work);
        NAME(forward)(&b, job->first_layer, job->last_layer);
        R *z = NAME(activation)(&b, l);
        for (int64_t i = 0; i < rows; i++) {
            if (l == net->layers - 1) NAME(link)(net->output, z + i * stride, n);
            memcpy(result + (at->row + i) * n, z + i * stride, (size_t)n * sizeof(R));
        }
        at->row += rows;
        at->left -= (double)rows * job->row_cost;
    }
    at->done = at->row == at->last_row;
    pl2_flush_restore(found);
}

/* errors: E0 of one network on a chunk of rows, and with the first its R. */
static void NAME(errors)(const Net *net, const Job *job, Cursor *at, void *work)
{
    const int64_t p = at->network;
    const pl2_flush found = pl2_flush_on();
    while (at->left > 0 && at->row < at->last_row) {
        const int64_t rows = NAME(block_rows)(job, job->rows, at->row);
        const Block b = NAME(block)(net, job, p, at->row, rows, work);
        NAME(forward)(&b, 0, net->layers);
        at->loss += NAME(losses)(&b, job, p, at->row);
        at->row += rows;
        at->left -= (double)rows * job->row_cost;
    }
    NAME(end_chunk)(net, job, at);
    pl2_flush_restore(found);
}

/* gradient: the same, and the sum of s dl/dparams over the chunk. */
static void NAME(gradient)(const Net *net, const Job *job, Cursor *at, void *work)
{
    R *sum = at->chunk ? (R *)job->part_gradients + (at->chunk - 1) * net->params_stride : job->result;
    const pl2_flush found = pl2_flush_on();
    while (at->left > 0 && at->row < at->last_row) {
        const int64_t rows = NAME(block_rows)(job, job->rows, at->row);
        const Block b = NAME(block)(net, job, 0, at->row, rows, work);
        NAME(forward)(&b, 0, net->layers);
        at->loss += NAME(losses)(&b, job, 0, at->row);
        NAME(backward)(&b, &(Gradient){
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

/* result <- result / m + (lambda/n) W, the sum over all rows being in result and part_gradients. */
static void NAME(finish_gradient)(const Net *net, const Job *job, double mass)
{
    const R scale = (R)(1 / mass), *params = job->params, *part = job->part_gradients;
    R *result = job->result;
    for (int64_t c = 1; c < job->chunks; c++, part += net->params_stride)
        for (int64_t i = 0; i < net->params; i++) result[i] += part[i];
    for (int64_t i = 0; i < net->params; i++) result[i] *= scale;
    for (int64_t l = 0; l < net->layers; l++) {
        const Layer *layer = &net->layer[l];
        const R rate = (R)job->rates[l], *w = params + layer->weight;
        R *g = result + layer->weight;
        for (int64_t i = 0; rate && i < layer->in * layer->out; i++) g[i] += rate * w[i];
    }
}

/* Adds up what the chunks have left, in their order, whoever did them. */
static void NAME(add_up)(const Net *net, const Job *job)
{
    const double *part = job->part_sums;
    const pl2_flush found = pl2_flush_on();
    for (int64_t p = 0; p < job->networks; p++) {
        double loss = 0, mass = 0;
        for (int64_t c = 0; c < job->chunks; c++, part += 2) loss += part[0], mass += part[1];
        job->sums[2 * p] = loss / mass;
        if (job->result) NAME(finish_gradient)(net, job, mass);
    }
    pl2_flush_restore(found);
}

/* input_gradient: d prediction / d x of each row. */
static void NAME(input_gradient)(const Net *net, const Job *job, Cursor *at, void *work)
{
    const Layer *top = &net->layer[net->layers - 1];
    const pl2_flush found = pl2_flush_on();
    while (at->left > 0 && at->row < at->last_row) {
        const int64_t rows = NAME(block_rows)(job, job->rows, at->row);
        const Block b = NAME(block)(net, job, 0, at->row, rows, work);
        NAME(forward)(&b, 0, net->layers);
        R *z = NAME(activation)(&b, net->layers - 1);
        R *result = (R *)job->result + at->row * net->outputs * net->inputs;
        for (int64_t i = 0; i < rows; i++) NAME(link)(net->output, z + i * top->stride, top->out);
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

/* One update of one network from the sum over a batch of s dl/dparams.  Biases are never decayed.
   touched: NULL, or the only rows of the first weights in the gradient, under plain SGD. */
static void NAME(update)(const Net *net, const Job *job, int64_t p, double mass, const R *gradient,
                         int32_t *touched)
{
    static const int states[] = {OPTIMIZERS(OPTIMIZER_STATES)};
    const Update *u = &job->updates[p];
    const Rule rule = NAME(rule)(u, job->steps[p]);
    const R scale = (R)(1 / mass);
    R *params = (R *)job->params + p * net->params;
    R *state = (R *)job->state + p * states[u->optimizer] * net->params;
    for (int64_t l = 0; l < net->layers; l++) {
        const Layer *layer = &net->layer[l];
        const Decay decay = NAME(layer_decay)(u, l, mass);
        R *w = params + layer->weight;
        const R *g = gradient + layer->weight;
        if (l == 0 && touched)
            NAME(sparse_descend)(w, g, (R)(u->eta / mass), (R)decay.c, layer->in, layer->out, touched);
        else
            NAME(descend)(u->optimizer, &rule, scale, (R)decay.l2, (R)decay.c, w, g, state + layer->weight,
                          net->params, layer->in * layer->out);
    }
    NAME(descend)(u->optimizer, &rule, scale, 0, 0, params + net->weights, gradient + net->weights,
                  state + net->weights, net->params, net->params - net->weights);
}

/* The whole batch in one block under plain SGD: W <- W - (c W + (eta/m) a^T delta) at once; for CSR
   the first sum goes through work, for a row of W waits there for all rows of x that touch it. */
static void NAME(update_at_once)(const Block *b, const Update *u, double mass, R *gradient, R *params)
{
    const Layer *layer = b->net->layer;
    const R scale = (R)(u->eta / mass);
    R *shrink = gradient + b->net->weights; /* the biases', of which each layer has at least one */
    for (int64_t l = 0; l < b->net->layers; l++) shrink[l] = (R)NAME(layer_decay)(u, l, mass).c;
    NAME(backward)(b, &(Gradient){STORE_DECAYED, scale, shrink, params, gradient, b->touched});
    if (b->touched)
        NAME(sparse_descend)(params, gradient, scale, shrink[0], layer->in, layer->out, b->touched);
}

static double NAME(batch_penalty)(const Net *net, const Update *u, const R *params, double mass)
{
    double sum = 0;
    for (int64_t l = 0; l < net->layers; l++)
        sum += NAME(penalty)(&net->layer[l], params, NAME(layer_decay)(u, l, mass).r);
    return sum;
}

/* One block of the batch under the cursor, with the update if it is the last of its batch.
   Until then nothing but work and the cursor is written, so a batch can be dropped whole. */
static int64_t NAME(advance)(const Net *net, const Job *job, Cursor *at, R *work)
{
    const int64_t p = at->network, start = at->batch * job->batch_rows, left = job->rows - start;
    const int64_t batch = left < job->batch_rows ? left : job->batch_rows;
    const int64_t rows = NAME(block_rows)(job, batch, at->row);
    const Update *u = &job->updates[p];
    const int plain = u->optimizer == OPTIMIZER_sgd && u->decay != DECAY_l2;
    R *params = (R *)job->params + p * net->params;
    if (!at->row) at->mass = NAME(mass)(job, p, start, batch);
    if (at->mass > 0) {
        const Block b = NAME(block)(net, job, p, start + at->row, rows, work);
        R *gradient = work; /* begins it, wherever the blocks of a batch end */
        int32_t *touched = plain ? b.touched : NULL;
        const int last = at->row + rows == batch;
        NAME(forward)(&b, 0, net->layers);
        at->loss += NAME(losses)(&b, job, p, start + at->row);
        if (last) {
            job->steps[p]++;
            job->sums[2 * p] += (double)batch * (at->loss / at->mass);
            job->sums[2 * p + 1] += (double)batch * NAME(batch_penalty)(net, u, params, at->mass);
        }
        if (plain && rows == batch) {
            NAME(update_at_once)(&b, u, at->mass, gradient, params);
        } else {
            const int store = at->row ? STORE_ADD : STORE;
            NAME(backward)(&b, &(Gradient){store, 1, NULL, gradient, gradient, touched});
            if (last) NAME(update)(net, job, p, at->mass, gradient, touched);
        }
    }
    at->row += rows;
    if (at->row == batch) {
        at->batch++, at->row = 0, at->loss = 0;
        at->done = start + batch == job->rows;
    }
    return rows;
}

/* epoch: every batch of one network. */
static void NAME(epoch)(const Net *net, const Job *job, Cursor *at, void *work)
{
    const double update_cost = 20 * (double)net->params;
    const int begun = at->batch || at->row;
    const pl2_flush found = pl2_flush_on();
    if (job->indptr && !begun) pl2_none_touched(net, (int32_t *)NAME(lists)(net, work));
    while (at->left > 0 && !at->done) {
        at->left -= (double)NAME(advance)(net, job, at, work) * job->row_cost;
        if (!at->row) at->left -= update_cost;
    }
    pl2_flush_restore(found);
}

const Kernels NAME(kernels) = {
    WIDTH, NAME(predict), NAME(errors), NAME(gradient), NAME(input_gradient),
    NAME(epoch), NAME(add_up), NAME(move),
};
