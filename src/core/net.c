/* What follows from a network's shape: offsets, padding, rows of a block, bytes of work. */
#include "core.h"

#include "kernel/decay.h"

#include <stddef.h>

static int64_t min_int(int64_t a, int64_t b) { return a < b ? a : b; }
static int64_t max_int(int64_t a, int64_t b) { return a > b ? a : b; }

/* Whole cache lines, but no multiple of what would put all rows into the same cache sets. */
static int64_t padded_apart(int64_t count, int64_t item_bytes, int64_t alias)
{
    int64_t lines = (count * item_bytes + PL2_LINE - 1) / PL2_LINE;
    lines += lines % (alias / PL2_LINE) == 0;
    return lines * PL2_LINE / item_bytes;
}

static int64_t padded(int64_t count, int64_t item_bytes)
{
    return padded_apart(count, item_bytes, PL2_ALIAS_BYTES);
}

static void plan_packed(Net *net, int64_t item_bytes)
{
    int64_t at = 0;
    net->narrow = net->outputs <= PL2_NARROW_OUTPUTS;
    for (int64_t l = 0; l < net->layers; l++) {
        Layer *layer = &net->layer[l];
        const int turned = net->narrow && l == net->layers - 1;
        layer->packed_weight = at;
        layer->pitch = padded_apart(turned ? layer->in : layer->out, item_bytes, PL2_PACKED_ALIAS_BYTES);
        at += layer->pitch * (turned ? layer->out : layer->in);
    }
    net->packed_weights = at;
    for (int64_t l = 0; l < net->layers; l++) {
        net->layer[l].packed_bias = at;
        at += net->layer[l].stride;
    }
    net->packed = at;
    net->packed_vectors = PL2_PACKED_BYTES / (at * item_bytes);
}

void pl2_plan(Net *net, int64_t item_bytes, int64_t width)
{
    net->lanes = width / item_bytes;
    net->slice = PL2_SLICE * (double)net->lanes;
    net->inputs = net->layer[0].in;
    net->outputs = net->layer[net->layers - 1].out;
    net->x_stride = padded(net->inputs, item_bytes);
    net->active_bytes = padded(net->inputs + 1, sizeof(int32_t)) * (int64_t)sizeof(int32_t);
    const int64_t large = width < PL2_LINE ? PL2_LARGE_BYTES_SHORT : PL2_LARGE_BYTES;
    net->widest = net->weights = net->columns = net->large = net->slopes = 0;
    for (int64_t l = 0; l < net->layers; l++) {
        Layer *layer = &net->layer[l];
        layer->weight = net->weights;
        layer->stride = padded(layer->out, item_bytes);
        layer->column = net->columns;
        layer->large = layer->in * layer->out * item_bytes >= large;
        layer->far = layer->in * layer->out * item_bytes >= PL2_FAR_BYTES;
        net->large |= layer->large;
        net->slopes |= l < net->layers - 1 && pl2_stores_slope[layer->activation];
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
    const int64_t longest = max_int(net->widest, net->inputs) * PL2_PANEL_ROW_BYTES;
    const int64_t together = width < PL2_LINE ? 2 : 1; /* panels of gemm.h, at most */
    net->panel_bytes = max_int(net->large ? together * PL2_PANEL_BYTES : min_int(longest, PL2_PANEL_BYTES),
                               net->outputs * PL2_PANEL_ROW_BYTES);
    plan_packed(net, item_bytes);
}

/* Whether deltas are wanted. */
static int goes_back(const Job *job)
{
    return job->training.updates || job->to_inputs || (job->rates && job->result);
}

/* Whether there is dropout in one of the networks, whose rows then lie in rows, none beside another. */
static int any_drops(const Job *job)
{
    int some = 0;
    for (int64_t p = 0; job->training.updates && p < job->networks; p++)
        some |= job->training.updates[p].dropout != NULL;
    return some;
}

/* One where each batch needs the one before.  The only batch of an epoch is a gradient, too, of a network so
   small that its gradients take no room; a larger one has a team for it. */
static int64_t most_chunks(const Net *net, const Job *job, int64_t batch_rows)
{
    if (job->training.updates
        && (batch_rows < job->data.rows || job->networks > 1 || net->params >= PL2_SMALL_GRADIENT))
        return 1;
    if (job->training.updates) return PL2_GRADIENTS;
    if (job->second_order == PL2_GAUSS_NEWTON) return 1;
    if (!job->sums || !job->result) return PL2_CHUNKS;
    return net->params < PL2_LARGE_GRADIENT ? PL2_GRADIENTS : PL2_LARGE_GRADIENTS;
}

/* Whether the two layers of a network with one output are taken together; see fused.h. */
static int is_fused(const Net *net, const Job *job)
{
    const int shape = net->layers == 2 && net->outputs == 1 && net->inputs <= PL2_FUSED_INPUTS;
    return shape && !net->slopes && !any_drops(job);
}

/* Whether that is better than columns: where units fill their vectors. */
static int fused_pays(const Net *net, const Job *job, int64_t batch_rows)
{
    const int64_t units = net->layer->out, filled = (units + net->lanes - 1) / net->lanes * net->lanes;
    const int fills = (double)units >= PL2_FUSED_FILL * (double)filled;
    return is_fused(net, job) && fills && job->training.updates && most_chunks(net, job, batch_rows) == 1;
}

static int feature_major_pays(const Net *net, const Job *job, int64_t rows)
{
    const int64_t units = goes_back(job) ? PL2_FEATURE_MAJOR_UNITS_BACK : PL2_FEATURE_MAJOR_UNITS;
    int narrow = net->inputs <= PL2_FEATURE_MAJOR_INPUTS;
    for (int64_t l = 0; l < net->layers; l++) narrow = narrow && net->layer[l].out <= units;
    return narrow && rows >= PL2_FEATURE_MAJOR_ROWS && !job->data.indptr && !job->to_inputs && !any_drops(job)
           && !fused_pays(net, job, rows);
}

static int64_t feature_major_block(const Net *net, const Job *job, int64_t item_bytes)
{
    const int64_t units = net->params - net->weights, arrays = goes_back(job) ? 2 : 1;
    const int64_t rows = PL2_FEATURE_MAJOR_BYTES / ((net->inputs + arrays * units) * item_bytes);
    const int64_t least = goes_back(job) ? PL2_FEATURE_MAJOR_BLOCK_BACK : PL2_FEATURE_MAJOR_BLOCK;
    return max_int(least, min_int(rows / net->lanes * net->lanes, PL2_FEATURE_MAJOR_MOST));
}

/* Whether as many networks in lanes fill more of the vectors than the units of each would. */
static int interleaving_pays(const Net *net, int64_t networks)
{
    int64_t units = 0, filled = 0;
    for (int64_t l = 0; l < net->layers; l++) {
        units += net->layer[l].out;
        filled += (net->layer[l].out + net->lanes - 1) / net->lanes * net->lanes;
    }
    return (double)(networks * filled) > PL2_INTERLEAVED_GAIN * (double)(net->lanes * units);
}

/* A clipped gradient has a norm of its own in each lane: such networks are trained one by one. */
static int any_clips(const Job *job)
{
    int some = 0;
    for (int64_t p = 0; p < job->networks; p++) some |= pl2_clips(&job->training.updates[p]);
    return some;
}

/* Whether every batch of each network has some weight, where batches differ in their weights: a lane
   cannot leave an update out.  Looking costs nothing beside the training. */
static int all_batches_weigh(const Job *job, int64_t item_bytes)
{
    const Data *data = &job->data;
    const Training *training = &job->training;
    if (!data->sample_weight || !(data->weight_stride || training->order_stride)) return 1;
    for (int64_t p = 0; p < job->networks; p++)
        for (int64_t i = 0, some = 0; i < data->rows; i++) {
            const int64_t at =
                training->order ? pl2_once(&training->order[p * training->order_stride + i]) : i;
            const int64_t k = p * data->weight_stride + pl2_among(at, data->rows);
            some |= item_bytes == 4 ? ((const float *)data->sample_weight)[k] > 0
                                    : ((const double *)data->sample_weight)[k] > 0;
            if ((i + 1) % training->batch_rows && i + 1 < data->rows) continue;
            if (!some) return 0;
            some = 0;
        }
    return 1;
}

static int64_t grouped(const Net *net, const Job *job, int64_t item_bytes)
{
    if (!job->training.updates || job->data.indptr || net->lanes == 1) return 0;
    if (any_clips(job) || any_drops(job)) return 0;
    const int64_t rest = job->networks % net->lanes, states = pl2_state_vectors(job->training.updates);
    if ((1 + states) * net->params * net->lanes * item_bytes > PL2_INTERLEAVED_BYTES) return 0;
    if (!interleaving_pays(net, net->lanes) || !all_batches_weigh(job, item_bytes)) return 0;
    return job->networks - (interleaving_pays(net, rest) ? 0 : rest);
}

/* The outputs of input_gradient, each of which is a pass of its own, go to threads too where there are
   too few blocks. */
static int64_t most_output_chunks(const Net *net, const Job *job)
{
    if (job->second_order == PL2_GAUSS_NEWTON)
        return (pl2_jacobian_panels(net) + PL2_STRIP_PANELS - 1) / PL2_STRIP_PANELS;
    return job->to_inputs
               ? max_int(1, min_int(PL2_CHUNKS / job->split.chunks, net->outputs / PL2_CHUNK_OUTPUTS))
               : 1;
}

static int64_t blocks(const Job *job)
{
    return (job->data.rows + job->split.block_rows - 1) / job->split.block_rows;
}

/* gauss_newton: as many rows as fill the Jacobian at hand, and what each costs in a strip of G. */
static void measure_gauss_newton(const Net *net, Job *job)
{
    const double params = (double)net->params, outputs = (double)net->outputs;
    job->split.block_rows = max_int(1, min_int(job->split.block_rows, PL2_JACOBIAN_ROWS / net->outputs));
    job->split.passes = job->split.output_chunks;
    job->split.row_cost +=
        outputs * (PL2_PRODUCT_COST * params + params * (params / (double)job->split.passes));
}

/* A team that shares units has the next layer read activations that others have made, one that shares rows has
   it read weights; and packs a large W once, not each for itself. */
static int shared_by_units(const Net *net, const Job *job, int64_t rows)
{
    const int fit =
        job->split.layout == PL2_ROWS && !job->data.indptr && !any_drops(job) && !is_fused(net, job);
    return fit && net->weights > rows * (net->inputs + net->columns);
}

/* All sparse rows are taken for the fullest: a block may be shorter than it need be, never longer. */
void pl2_measure(const Net *net, Job *job, int64_t batch_rows, int64_t item_bytes)
{
    const Layer *first = net->layer;
    const int64_t dense = net->weights - (job->data.indptr && !job->to_inputs ? first->in * first->out : 0);
    const double meeting =
        (PL2_SPARSE_COST + PL2_SPARSE_UNIT_COST * (double)first->out) * net->slice / PL2_SLICE;
    job->split.row_cost = PL2_PRODUCT_COST * (double)dense + PL2_ACTIVATION_COST * (double)net->columns;
    if (job->data.indptr) job->split.row_cost += meeting * (double)job->data.fullest;
    job->split.passes = job->to_inputs ? 1 + net->outputs : 1;
    job->split.layout = feature_major_pays(net, job, batch_rows);
    const int64_t most = job->split.layout == PL2_COLUMNS ? feature_major_block(net, job, item_bytes)
                         : net->large                     ? PL2_LARGE_BLOCK_ROWS
                                                          : PL2_BLOCK_ROWS;
    const int64_t unseen = (int64_t)(PL2_BLOCK_SLICES * net->slice / job->split.row_cost);
    job->split.staged = job->training.updates && net->large && unseen < min_int(batch_rows, most);
    job->split.block_rows = max_int(1, min_int(most, job->split.staged ? PL2_STAGES * unseen : unseen));
    job->split.by_units = shared_by_units(net, job, min_int(batch_rows, job->split.block_rows));
    job->split.chunks = min_int(blocks(job), most_chunks(net, job, batch_rows));
    job->split.output_chunks = job->split.chunks ? most_output_chunks(net, job) : 1;
    if (job->second_order == PL2_GAUSS_NEWTON) measure_gauss_newton(net, job);
    job->split.grouped = grouped(net, job, item_bytes);
    job->split.fused = is_fused(net, job);
    job->split.interleaved = net->lanes;
    job->split.interleaved_rows = PL2_INTERLEAVED_ROWS;
}

/* The row that a chunk begins with, or that the last one ends before. */
static int64_t chunk_row(const Job *job, int64_t chunk)
{
    const int64_t whole = job->data.rows / blocks(job), larger = job->data.rows % blocks(job);
    const int64_t block = blocks(job) * chunk / job->split.chunks;
    return block * whole + min_int(block, larger); /* as the kernel's block_rows has it */
}

static int64_t groups(const Job *job)
{
    return job->split.grouped ? (job->split.grouped + job->split.interleaved - 1) / job->split.interleaved
                              : 0;
}

int64_t pl2_parts(const Job *job)
{
    return groups(job) + (job->networks - job->split.grouped) * job->split.chunks * job->split.output_chunks;
}

Cursor pl2_part(const Net *net, const Job *job, int64_t part)
{
    const int64_t first = part * job->split.interleaved, other = part - groups(job);
    if (other < 0)
        return (Cursor){.network = first,
                        .interleaved = min_int(job->split.interleaved, job->split.grouped - first)};
    const int64_t alone = job->networks - job->split.grouped;
    const int64_t chunk = other / alone, outputs = chunk % job->split.output_chunks;
    Cursor at = {.network = job->split.grouped + other % alone, .chunk = chunk / job->split.output_chunks};
    if (job->training.updates && job->split.chunks == 1) return at;
    at.row = at.first_row = chunk_row(job, at.chunk);
    at.last_row = chunk_row(job, at.chunk + 1);
    const int64_t panels = pl2_jacobian_panels(net);
    const int64_t all = job->second_order == PL2_GAUSS_NEWTON ? panels : net->outputs;
    at.first_output = at.output = all * outputs / job->split.output_chunks;
    at.last_output = all * (outputs + 1) / job->split.output_chunks;
    return at;
}

/* The next `bytes`, from a whole cache line on. */
static int64_t reserve(int64_t *end, int64_t bytes)
{
    const int64_t at = *end;
    *end += (bytes + PL2_LINE - 1) / PL2_LINE * PL2_LINE;
    return at;
}

/* Rows of the largest block of so many. */
static int64_t largest_block(int64_t rows, int64_t block_rows)
{
    const int64_t blocks = max_int(1, (rows + block_rows - 1) / block_rows);
    return (rows + blocks - 1) / blocks;
}

/* The same of all batches, rounded up to whole cache lines: a last batch is smaller, but its blocks need not be. */
static int64_t room(const Job *job, int64_t batch_rows, int64_t item_bytes)
{
    const int64_t line = PL2_LINE / item_bytes, last = batch_rows ? job->data.rows % batch_rows : 0;
    const int64_t rows =
        max_int(largest_block(batch_rows, job->split.block_rows), largest_block(last, job->split.block_rows));
    return max_int(1, (rows + line - 1) / line) * line;
}

/* Numbers of a Jacobian in work: a row with a panel to spare, and for gauss_newton the rows at hand. */
static int64_t jacobian_items(const Net *net, const Job *job)
{
    const int64_t rows = job->second_order == PL2_GAUSS_NEWTON ? PL2_JACOBIAN_ROWS : 0;
    const int64_t row = pl2_jacobian_panels(net) * PL2_JACOBIAN_COLUMNS;
    return job->second_order ? (1 + rows) * row + PL2_JACOBIAN_COLUMNS : 0;
}

/* Plain gradient descent by batches of one block has no gradient in memory, but for that of sparse rows. */
static int subtracts_at_once(const Job *job, int64_t batch_rows)
{
    int all = batch_rows <= job->split.block_rows && !job->data.indptr;
    for (int64_t p = 0; p < job->networks; p++) {
        const Update *u = &job->training.updates[p];
        all = all && !pl2_state_vectors(u) && u->decay != DECAY_l2 && !pl2_clips(u);
    }
    return all;
}

/* The most inputs of a large layer. */
static int64_t widest_large(const Net *net)
{
    int64_t most = 0;
    for (int64_t l = 0; l < net->layers; l++)
        if (net->layer[l].large) most = max_int(most, net->layer[l].in);
    return most;
}

/* Whether large layers' updates read the inputs in strips. */
static int has_strips(const Net *net, const Job *job, int64_t rows, int64_t item_bytes)
{
    const int64_t least = net->lanes * item_bytes < PL2_LINE ? 0 : PL2_STRIPS_ROWS;
    return job->training.updates && net->large && rows >= least;
}

static void lay_out_one(const Net *net, Job *job, int64_t batch_rows, int64_t item_bytes, int64_t team)
{
    const Layer *top = &net->layer[net->layers - 1];
    const int packed = pl2_is_packed(net, job), trains = job->training.updates && job->split.chunks == 1;
    const int sparse = job->data.indptr != NULL;
    Layout *work = &job->work;
    int64_t *end = &work->bytes;
    *work = (Layout){.room = room(job, batch_rows, item_bytes)};
    work->jacobian = reserve(end, jacobian_items(net, job) * item_bytes);
    const int64_t vectors = packed ? 1 + pl2_state_vectors(job->training.updates) : 0;
    work->packed = reserve(end, vectors * net->packed * item_bytes);
    if (trains && !subtracts_at_once(job, batch_rows))
        work->gradient_bytes = (packed ? net->packed : net->params_stride) * item_bytes;
    work->gradient = reserve(end, work->gradient_bytes);
    work->shrink = reserve(end, trains ? net->layers * item_bytes : 0);
    work->panels = reserve(end, team * net->panel_bytes);
    if (has_strips(net, job, work->room, item_bytes))
        work->strips = reserve(end, work->room * widest_large(net) * item_bytes + team * PL2_LINE);
    work->squares = reserve(end, pl2_squares_bytes(net, job));
    work->active = reserve(end, sparse ? net->active_bytes : 0);
    work->loss = reserve(end, work->room * (int64_t)sizeof(double));
    work->targets = reserve(end, work->room * top->stride * item_bytes);
    work->activation = reserve(end, work->room * net->columns * item_bytes);
    work->delta = reserve(end, goes_back(job) ? work->room * net->columns * item_bytes : 0);
    const int slopes = goes_back(job) && (net->slopes || any_drops(job));
    if (slopes) work->slope = reserve(end, work->room * net->columns * item_bytes);
    work->spans = reserve(end, sparse ? work->room * 2 * (int64_t)sizeof(int64_t) : 0);
    const int64_t values = any_drops(job) ? job->data.fullest : 0;
    work->inputs =
        reserve(end, work->room * (sparse && !job->to_inputs ? values : net->x_stride) * item_bytes);
}

static void lay_out_interleaved(const Net *net, Job *job, int64_t item_bytes)
{
    const int64_t units = net->params - net->weights, vector = net->lanes * item_bytes;
    InterleavedLayout *work = &job->interleaved_work;
    int64_t *end = &work->bytes;
    *work = (InterleavedLayout){.rows = min_int(job->training.batch_rows, job->split.interleaved_rows)};
    work->params = reserve(end, net->params * vector);
    work->state = reserve(end, pl2_state_vectors(job->training.updates) * net->params * vector);
    work->gradient = reserve(end, net->params * vector);
    work->l2 = reserve(end, net->layers * vector);
    work->c = reserve(end, net->layers * vector);
    work->decay = reserve(end, net->layers * net->lanes * (int64_t)sizeof(Decay));
    work->loss = reserve(end, net->lanes * (int64_t)sizeof(double));
    work->mass = reserve(end, net->lanes * (int64_t)sizeof(double));
    work->activation = reserve(end, work->rows * units * vector);
    work->delta = reserve(end, work->rows * units * vector);
    if (net->slopes) work->slope = reserve(end, work->rows * units * vector);
    work->targets = reserve(end, net->outputs * vector);
    const int64_t own = job->training.order_stride ? net->inputs * vector : net->x_stride * item_bytes;
    work->inputs = reserve(end, work->rows * own);
}

int64_t pl2_lay_out(const Net *net, Job *job, int64_t batch_rows, int64_t item_bytes, int64_t team)
{
    lay_out_one(net, job, batch_rows, item_bytes, team);
    if (!job->split.grouped) return job->work.bytes;
    lay_out_interleaved(net, job, item_bytes);
    return max_int(job->work.bytes, job->interleaved_work.bytes);
}
