/* What follows from a network's shape: offsets, padding, rows of a block, bytes of work. */
#include "core.h"

/* Rows that pass through all layers together: few enough to stay in the cache. */
#define BLOCK_ROWS 256

/* Ctrl-C is to be seen within 0.1 s on a slow machine, and a verb returns between blocks only: so
   many operations, for each number that a vector holds, before it looks and in a block at most. */
#define SLICE 2e7
#define BLOCK 8e7

static int64_t least(int64_t a, int64_t b) { return a < b ? a : b; }
static int64_t most(int64_t a, int64_t b) { return a > b ? a : b; }

/* Whole cache lines, but no multiple of 2 KB, which would put all rows into the same cache sets. */
static int64_t padded(int64_t count, int64_t item_bytes)
{
    int64_t lines = (count * item_bytes + PL2_LINE - 1) / PL2_LINE;
    lines += lines % (2048 / PL2_LINE) == 0;
    return lines * PL2_LINE / item_bytes;
}

void pl2_plan(Net *net, int64_t item_bytes, int64_t width)
{
    const double lanes = (double)width / (double)item_bytes;
    net->slice = SLICE * lanes;
    net->inputs = net->layer[0].in;
    net->outputs = net->layer[net->layers - 1].out;
    net->x_stride = padded(net->inputs, item_bytes);
    net->widest = net->x_stride;
    net->weights = net->columns = 0;
    for (int64_t l = 0; l < net->layers; l++) {
        Layer *layer = &net->layer[l];
        layer->weight = net->weights;
        layer->stride = padded(layer->out, item_bytes);
        layer->column = net->columns;
        net->weights += layer->in * layer->out;
        net->columns += layer->stride;
        net->widest = most(net->widest, layer->stride);
    }
    net->params = net->weights;
    for (int64_t l = 0; l < net->layers; l++) {
        net->layer[l].bias = net->params;
        net->params += net->layer[l].out;
    }
    net->params_stride = padded(net->params, item_bytes);
    net->block_rows = most(1, least(BLOCK_ROWS, (int64_t)(BLOCK * lanes / pl2_cost(net, 1))));
}

double pl2_cost(const Net *net, int64_t rows)
{
    const double product = 6, activation = 60; /* operations a weight and an item, a unit and an item */
    return rows * (product * (double)net->weights + activation * (double)net->columns);
}

/* work, in order: a gradient (params_stride), a transposed panel of W (widest, PL2_PANEL_BYTES), and
   for the m rows of a block gathered items (m, x_stride), activations (m, columns) and two scratch
   arrays (m, widest). */
int64_t pl2_work_bytes(const Net *net, int64_t batch_rows, int64_t item_bytes)
{
    int64_t rows = most(1, least(batch_rows, net->block_rows));
    int64_t items = net->params_stride + rows * (net->x_stride + net->columns + 2 * net->widest);
    return items * item_bytes + net->widest * PL2_PANEL_BYTES;
}
