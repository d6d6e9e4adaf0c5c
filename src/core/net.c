/* What follows from a network's shape: offsets, padding, rows of a block, bytes of work. */
#include "core.h"

/* Rows that pass through all layers together: few enough to stay in the cache. */
#define BLOCK_ROWS 256

/* Ctrl-C is to be seen within 0.1 s on a slow machine, and a verb returns between blocks only: so
   many operations, for each number that a vector holds, before it looks, and so many slices in a
   block at most. */
#define SLICE 2e7
#define BLOCK_SLICES 4

static int64_t min_int(int64_t a, int64_t b) { return a < b ? a : b; }
static int64_t max_int(int64_t a, int64_t b) { return a > b ? a : b; }

/* Whole cache lines, but no multiple of 2 KB, which would put all rows into the same cache sets. */
static int64_t padded(int64_t count, int64_t item_bytes)
{
    int64_t lines = (count * item_bytes + PL2_LINE - 1) / PL2_LINE;
    lines += lines % (2048 / PL2_LINE) == 0;
    return lines * PL2_LINE / item_bytes;
}

/* Networks whose parameters, padded, take so many bytes at most are packed for training, for they and
   their gradient stay in the nearest caches. */
#define PACKED_BYTES 131072
#define NARROW 4

static void plan_packed(Net *net, int64_t item_bytes)
{
    int64_t at = 0;
    net->narrow = net->outputs <= NARROW;
    for (int64_t l = 0; l < net->layers; l++) {
        Layer *layer = &net->layer[l];
        const int turned = net->narrow && l == net->layers - 1;
        layer->packed_weight = at;
        layer->pitch = turned ? padded(layer->in, item_bytes) : layer->stride;
        at += layer->pitch * (turned ? layer->out : layer->in);
    }
    net->packed_weights = at;
    for (int64_t l = 0; l < net->layers; l++) {
        net->layer[l].packed_bias = at;
        at += net->layer[l].stride;
    }
    net->packed = at * item_bytes <= PACKED_BYTES ? at : 0;
}

void pl2_plan(Net *net, int64_t item_bytes, int64_t width)
{
    net->lanes = width / item_bytes;
    net->slice = SLICE * (double)net->lanes;
    net->inputs = net->layer[0].in;
    net->outputs = net->layer[net->layers - 1].out;
    net->x_stride = padded(net->inputs, item_bytes);
    net->active_bytes = padded(net->inputs + 1, sizeof(int32_t)) * (int64_t)sizeof(int32_t);
    net->widest = net->weights = net->columns = 0;
    for (int64_t l = 0; l < net->layers; l++) {
        Layer *layer = &net->layer[l];
        layer->weight = net->weights;
        layer->stride = padded(layer->out, item_bytes);
        layer->column = net->columns;
        net->weights += layer->in * layer->out;
        net->columns += layer->stride;
        net->widest = max_int(net->widest, layer->stride);
    }
    net->params = net->weights;
    for (int64_t l = 0; l < net->layers; l++) {
        net->layer[l].bias = net->params;
        net->params += net->layer[l].out;
    }
    net->params_stride = padded(net->params, item_bytes);
    net->panel_bytes =
        max_int(min_int(max_int(net->widest, net->inputs), PL2_PANEL_ROWS), net->outputs) * PL2_PANEL_BYTES;
    plan_packed(net, item_bytes);
}

/* Operations a weight and an item, a unit and an item.  A value of a sparse row counts as so many
   and so many a unit, for each number that a vector holds: the row of W that it meets may come from
   anywhere in memory, and wider vectors do not hasten that. */
#define PRODUCT 6.0
#define ACTIVATION 60.0
#define MEETING 80.0
#define MEETING_UNIT 3.0

/* Items lie in columns where the layers are no wider than this, on the way back less wide, for there rows
   of deltas are dear; and where there are so many items at least.  Measured; see bench/scaling.py. */
#define FEATURE_MAJOR_UNITS 128
#define FEATURE_MAJOR_UNITS_BACK 32
#define FEATURE_MAJOR_INPUTS 64
#define FEATURE_MAJOR_ROWS 64
#define FEATURE_MAJOR_BLOCK 128

static int feature_major_pays(const Net *net, const Job *job, int64_t rows)
{
    const int64_t units = pl2_goes_back(job) ? FEATURE_MAJOR_UNITS_BACK : FEATURE_MAJOR_UNITS;
    int narrow = net->inputs <= FEATURE_MAJOR_INPUTS;
    for (int64_t l = 0; l < net->layers; l++) narrow = narrow && net->layer[l].out <= units;
    return narrow && rows >= FEATURE_MAJOR_ROWS && !job->indptr && !job->to_inputs;
}

/* Chunks of rows: many, for threads need not be equally fast, but few where each has a gradient of
   its own, and fewer still where that is large; one where each batch needs the one before.  The only
   batch of an epoch is a gradient, too, of a network so small that its gradients take no room; a larger
   one has a team for it. */
#define CHUNKS 64
#define GRADIENTS 8
#define LARGE_GRADIENTS 4
#define LARGE 100000
#define SMALL 10000

static int64_t most_chunks(const Net *net, const Job *job, int64_t batch_rows)
{
    if (job->updates && (batch_rows < job->rows || job->networks > 1 || net->params >= SMALL)) return 1;
    if (job->updates) return GRADIENTS;
    if (job->second_order == PL2_GAUSS_NEWTON) return 1;
    if (!job->sums || !job->result) return CHUNKS;
    return net->params < LARGE ? GRADIENTS : LARGE_GRADIENTS;
}

/* Networks are interleaved where as many fill so much more of the vectors than the units of each would, and
   the vectors of their parameters and state are not too many for the caches.  Measured; see
   bench/path.py. */
#define INTERLEAVED_GAIN 1.125
#define INTERLEAVED_BYTES 4194304
#define INTERLEAVED_ROWS 32

static int interleaving_pays(const Net *net, int64_t networks)
{
    int64_t units = 0, filled = 0;
    for (int64_t l = 0; l < net->layers; l++) {
        units += net->layer[l].out;
        filled += (net->layer[l].out + net->lanes - 1) / net->lanes * net->lanes;
    }
    return (double)(networks * filled) > INTERLEAVED_GAIN * (double)(net->lanes * units);
}

static int64_t grouped(const Net *net, const Job *job, int64_t item_bytes)
{
    if (!job->updates || job->indptr || job->order_stride || net->lanes == 1) return 0;
    const int64_t rest = job->networks % net->lanes, states = pl2_states[job->updates->optimizer];
    if ((1 + states) * net->params * net->lanes * item_bytes > INTERLEAVED_BYTES) return 0;
    if (!interleaving_pays(net, net->lanes)) return 0;
    return job->networks - (interleaving_pays(net, rest) ? 0 : rest);
}

/* The outputs of input_gradient, each of which is a pass of its own, go to threads too where there are
   too few blocks; but so many at least together, for each chunk of them needs a pass forward. */
#define OUTPUTS 16

/* Panels of columns in a strip of gauss_newton: each strip makes the Jacobian anew. */
#define STRIP 3

static int64_t most_output_chunks(const Net *net, const Job *job)
{
    if (job->second_order == PL2_GAUSS_NEWTON) return (pl2_jacobian_panels(net) + STRIP - 1) / STRIP;
    return job->to_inputs ? max_int(1, min_int(CHUNKS / job->chunks, net->outputs / OUTPUTS)) : 1;
}

static int64_t blocks(const Job *job) { return (job->rows + job->block_rows - 1) / job->block_rows; }

/* gauss_newton: as many rows as fill the Jacobian at hand, and what each costs in a strip of G. */
static void measure_gauss_newton(const Net *net, Job *job)
{
    const double params = (double)net->params, outputs = (double)net->outputs;
    job->block_rows = max_int(1, min_int(job->block_rows, PL2_JACOBIAN_ROWS / net->outputs));
    job->passes = job->output_chunks;
    job->row_cost += outputs * (PRODUCT * params + params * (params / (double)job->passes));
}

/* All sparse rows are taken for the fullest: a block may be shorter than it need be, never longer. */
void pl2_measure(const Net *net, Job *job, int64_t batch_rows, int64_t item_bytes)
{
    const Layer *first = net->layer;
    const int64_t dense = net->weights - (job->indptr && !job->to_inputs ? first->in * first->out : 0);
    const double meeting = (MEETING + MEETING_UNIT * (double)first->out) * net->slice / SLICE;
    job->row_cost = PRODUCT * (double)dense + ACTIVATION * (double)net->columns;
    if (job->indptr) job->row_cost += meeting * (double)job->fullest;
    job->passes = job->to_inputs ? 1 + net->outputs : 1;
    job->layout = feature_major_pays(net, job, batch_rows);
    job->block_rows = max_int(1, min_int(job->layout == PL2_COLUMNS ? FEATURE_MAJOR_BLOCK : BLOCK_ROWS,
                                         (int64_t)(BLOCK_SLICES * net->slice / job->row_cost)));
    job->chunks = min_int(blocks(job), most_chunks(net, job, batch_rows));
    job->output_chunks = job->chunks ? most_output_chunks(net, job) : 1;
    if (job->second_order == PL2_GAUSS_NEWTON) measure_gauss_newton(net, job);
    job->grouped = grouped(net, job, item_bytes);
    job->interleaved = net->lanes;
    job->interleaved_rows = INTERLEAVED_ROWS;
}

/* The row that a chunk begins with, or that the last one ends before. */
static int64_t chunk_row(const Job *job, int64_t chunk)
{
    const int64_t whole = job->rows / blocks(job), larger = job->rows % blocks(job);
    const int64_t block = blocks(job) * chunk / job->chunks;
    return block * whole + min_int(block, larger); /* as the kernel's block_rows has it */
}

static int64_t groups(const Job *job)
{
    return job->grouped ? (job->grouped + job->interleaved - 1) / job->interleaved : 0;
}

int64_t pl2_parts(const Job *job)
{
    return groups(job) + (job->networks - job->grouped) * job->chunks * job->output_chunks;
}

Cursor pl2_part(const Net *net, const Job *job, int64_t part)
{
    const int64_t first = part * job->interleaved, other = part - groups(job);
    if (other < 0)
        return (Cursor){.network = first, .interleaved = min_int(job->interleaved, job->grouped - first)};
    const int64_t alone = job->networks - job->grouped;
    const int64_t chunk = other / alone, outputs = chunk % job->output_chunks;
    Cursor at = {.network = job->grouped + other % alone, .chunk = chunk / job->output_chunks};
    if (job->updates && job->chunks == 1) return at;
    at.row = at.first_row = chunk_row(job, at.chunk);
    at.last_row = chunk_row(job, at.chunk + 1);
    const int64_t panels = pl2_jacobian_panels(net);
    const int64_t all = job->second_order == PL2_GAUSS_NEWTON ? panels : net->outputs;
    at.first_output = at.output = all * outputs / job->output_chunks;
    at.last_output = all * (outputs + 1) / job->output_chunks;
    return at;
}

/* work, in order: a Jacobian; packed parameters; a gradient; a panel for each of a team; the squares of segments; for CSR the
   list of active rows; and for a block the losses of its rows, float64, targets in columns (outputs, room),
   activations and, to go back, deltas (room, columns) each, for CSR the spans (room, 2) of the items,
   int64, and as the verb needs them rows as long as the inputs (room, x_stride). */
static int64_t work_alone(const Net *net, const Job *job, int64_t batch_rows, int64_t item_bytes,
                          int64_t team)
{
    const int64_t room = pl2_room(max_int(1, min_int(batch_rows, job->block_rows)), item_bytes);
    const int64_t targets = net->layer[net->layers - 1].stride;
    const int64_t columns = targets + net->columns * (1 + pl2_goes_back(job));
    const int64_t gathered = job->indptr && !job->to_inputs ? 0 : net->x_stride;
    const int64_t items = pl2_jacobian_items(net, job) + pl2_packed_items(net, job)
                          + pl2_gradient_items(net, job) + room * (columns + gathered);
    const int64_t lists = job->indptr ? net->active_bytes + room * 2 * (int64_t)sizeof(int64_t) : 0;
    const int64_t sums = pl2_squares_bytes(net, job) + room * (int64_t)sizeof(double);
    return items * item_bytes + team * net->panel_bytes + sums + lists;
}

/* work of interleaved networks, in order: params, state and a gradient; l2 and c of the layers; for a block
   activations and deltas; the targets of an item; of each a vector.  The losses and what decay.h says of
   the layers, four words each; and gathered rows as long as the inputs. */
static int64_t work_interleaved(const Net *net, const Job *job, int64_t item_bytes)
{
    const int64_t rows = pl2_interleaved_rows(job), units = net->params - net->weights;
    const int64_t vectors =
        (2 + PL2_STATES) * net->params + 2 * net->layers + 2 * rows * units + net->outputs;
    const int64_t sums = (1 + 4 * net->layers) * net->lanes * (int64_t)sizeof(double);
    return (vectors * net->lanes + rows * net->x_stride) * item_bytes + sums;
}

int64_t pl2_work_bytes(const Net *net, const Job *job, int64_t batch_rows, int64_t item_bytes, int64_t team)
{
    return max_int(work_alone(net, job, batch_rows, item_bytes, team),
                   job->grouped ? work_interleaved(net, job, item_bytes) : 0);
}
