/* The verbs, for one type R and one instruction set. */
#include "simd.h"

#include "exp.h"

#include "activations.h"
#include "decay.h"
#include "gemm.h"
#include "optimizers.h"
#include "outputs.h"
#include "rng.h"
#include "sparse.h"

#include "dropout.h"

#include "pass.h"

#include "feature_major.h"

#include "online.h"

#include "fused.h"

#include "block.h"

#include "epoch.h"

#include "interleaved.h"

#include "move.h"

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
    double *sums = job->part_sums + 2 * (p * job->split.chunks + at->chunk);
    at->done = at->row == at->last_row;
    if (!at->done) return;
    sums[0] = at->loss;
    sums[1] = NAME(mass)(job, p, at->first_row, at->last_row - at->first_row);
    if (at->chunk || job->training.updates) return;
    job->sums[2 * p + 1] =
        NAME(penalties)(net, (const R *)job->params + p * net->params, job->rates + p * net->layers);
}

/* predict: the outputs of the last layer, or of every layer, for all rows. */
static void NAME(predict)(const Net *net, const Job *job, Cursor *at, void *memory)
{
    const int64_t top = net->layers - 1;
    const pl2_flush found = pl2_flush_on();
    while (at->left > 0 && at->row < at->last_row) {
        const int64_t rows = NAME(block_rows)(job->split.block_rows, job->data.rows, at->row);
        Block b = NAME(block)(net, job, 0, at->row, rows, 0, memory);
        R *result = job->result;
        if (rows == 1 && b.layout == PL2_ROWS && !b.sparse.spans) b.layout = PL2_ONE_ITEM;
        NAME(forward)(&b);
        for (int64_t l = job->every_layer ? 0 : top; l <= top; l++) {
            NAME(layer_outputs)(&b, l, result + at->row * net->layer[l].out);
            result += job->data.rows * net->layer[l].out;
        }
        at->row += rows;
        at->left -= (double)rows * job->split.row_cost;
    }
    at->done = at->row == at->last_row;
    pl2_flush_restore(found);
}

/* errors: E0 of one network on a chunk of rows, and with the first its R.  The networks of a swarm come
   one after the other to the same rows, which are put into columns once. */
static void NAME(errors)(const Net *net, const Job *job, Cursor *at, void *memory)
{
    const int64_t p = at->network;
    const pl2_flush found = pl2_flush_on();
    while (at->left > 0 && at->row < at->last_row) {
        const int64_t rows = NAME(block_rows)(job->split.block_rows, job->data.rows, at->row);
        const Block b = NAME(block)(net, job, p, at->row, rows, at->held == 1 + at->row, memory);
        at->held = 1 + at->row;
        NAME(forward)(&b);
        NAME(losses)(&b, job, p, at->row);
        at->loss += NAME(block_loss)(&b);
        at->row += rows;
        at->left -= (double)rows * job->split.row_cost;
    }
    NAME(end_chunk)(net, job, at);
    pl2_flush_restore(found);
}

/* gradient: the same, and the sum of s dl/dparams over the chunk; also the epoch that is one batch. */
static void NAME(gradient)(const Net *net, const Job *job, Cursor *at, void *memory)
{
    const int64_t apart = at->chunk - (job->split.chunks - pl2_part_gradients(job));
    R *sum = apart < 0 ? job->result : (R *)job->part_gradients + apart * net->params_stride;
    const pl2_flush found = pl2_flush_on();
    while (at->left > 0 && at->row < at->last_row) {
        const int64_t rows = NAME(block_rows)(job->split.block_rows, job->data.rows, at->row);
        const Block b = NAME(whole_block)(net, job, &pl2_alone, 0, at->row, rows, memory);
        NAME(there_and_back)(job, 0, at->row, &b);
        at->loss += NAME(block_loss)(&b);
        NAME(gradients)(&b, &(Gradient){
                                .store = at->row > at->first_row ? STORE_ADD : STORE,
                                .scale = 1,
                                .to = sum,
                                .sparse = sum,
                            });
        at->row += rows;
        at->left -= (double)rows * job->split.row_cost;
    }
    NAME(end_chunk)(net, job, at);
    pl2_flush_restore(found);
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

/* input_gradient: d prediction / d x of each row.  One step takes a block forward, or back from one of
   the outputs. */
static void NAME(input_gradient)(const Net *net, const Job *job, Cursor *at, void *memory)
{
    const int64_t top = net->layers - 1;
    R *result = job->result;
    const pl2_flush found = pl2_flush_on();
    while (at->left > 0 && at->row < at->last_row) {
        const int64_t rows = NAME(block_rows)(job->split.block_rows, job->data.rows, at->row);
        const int held = at->held == 1 + at->row;
        const Block b = NAME(block)(net, job, 0, at->row, rows, held, memory);
        at->left -= (double)rows * job->split.row_cost;
        if (!held) {
            NAME(forward)(&b);
            NAME(predictions)(&b, NAME(activation)(&b, top), net->layer[top].stride);
            at->held = 1 + at->row;
            continue;
        }
        NAME(backward_to_inputs)(&b, at->output++, result + at->row * net->outputs * net->inputs);
        if (at->output < at->last_output) continue;
        at->output = at->first_output;
        at->row += rows;
    }
    at->done = at->row == at->last_row;
    pl2_flush_restore(found);
}

/* epoch: every batch of one network or of some interleaved ones, or a chunk of its only one. */
static void NAME(epoch)(const Net *net, const Job *job, Cursor *at, void *memory)
{
    if (job->split.chunks > 1)
        NAME(gradient)(net, job, at, memory);
    else if (at->interleaved)
        NAME(interleaved_batches)(net, job, at, memory);
    else
        NAME(batches)(net, job, at, memory);
}

/* Adds up what the chunks have left, in their order, whoever did them. */
static void NAME(add_up)(const Net *net, const Job *job)
{
    const double *part = job->part_sums;
    const pl2_flush found = pl2_flush_on();
    for (int64_t p = 0; p < job->networks; p++) {
        double loss = 0, mass = 0;
        for (int64_t c = 0; c < job->split.chunks; c++, part += 2) loss += part[0], mass += part[1];
        if (job->training.updates) {
            NAME(finish_epoch)(net, job, loss, mass);
            continue;
        }
        job->sums[2 * p] = loss / mass;
        if (job->result) NAME(finish_gradient)(net, job, mass);
    }
    pl2_flush_restore(found);
}

const Kernels NAME(kernels) = {
    LANES * sizeof(R),    NAME(predict), NAME(errors), NAME(gradient),
    NAME(input_gradient), NAME(epoch),   NAME(add_up), NAME(move),
};
