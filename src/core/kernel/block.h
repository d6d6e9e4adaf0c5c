/* The blocks of a job: their place in work, their items, their way through the network, their losses. */

static int64_t NAME(item)(const Job *job, int64_t network, int64_t i)
{
    return job->training.order
               ? pl2_among(pl2_once(&job->training.order[network * job->training.order_stride + i]),
                           job->data.rows)
               : i;
}

/* Rows of the next block of a batch of `rows`, all blocks of it about equal, of so many at most. */
static int64_t NAME(block_rows)(int64_t most, int64_t rows, int64_t done)
{
    const int64_t blocks = (rows + most - 1) / most;
    const int64_t whole = rows / blocks, larger = rows % blocks; /* the first `larger` have one more */
    return whole + (done < larger * (whole + 1));
}

/* Where the items [first, first + rows) of a network begin and end in a CSR x; none is longer than the
   fullest, by which its cost was measured. */
static void NAME(find_spans)(const Job *job, int64_t network, int64_t first, int64_t rows, int64_t *spans)
{
    for (int64_t i = 0; i < rows; i++) {
        const int64_t item = NAME(item)(job, network, first + i);
        const int64_t begin =
            pl2_among(pl2_index(job->data.indptr, job->data.index_bytes, item), job->data.stored + 1);
        const int64_t end =
            pl2_among(pl2_index(job->data.indptr, job->data.index_bytes, item + 1), job->data.stored + 1);
        spans[2 * i] = begin;
        spans[2 * i + 1] = begin + pl2_among(end - begin, job->data.fullest + 1);
    }
}

/* The targets of `count` items from i on as they are given, in columns: y (outputs, step); of class indices 1
   and 0. */
static void NAME(given_targets)(const Job *job, int64_t network, int64_t i, int count, int64_t outputs, R *y,
                                int64_t step)
{
    if (job->data.labels) {
        I label = {0};
        label += (INT)job->data.labels[NAME(item)(job, network, i)];
        if (count > 1) {
            INT each[LANES] = {0};
            for (int r = 0; r < count; r++) each[r] = (INT)job->data.labels[NAME(item)(job, network, i + r)];
            memcpy(&label, each, sizeof label);
        }
        for (int64_t j = 0; j < outputs; j++) NAME(store)(y + j * step, NAME(same)(label, (INT)j));
        return;
    }
    const R *row[LANES];
    for (int r = 0; r < count; r++)
        row[r] = (const R *)job->data.y + NAME(item)(job, network, i + r) * job->data.y_stride;
    NAME(to_feature_major)(row, count, outputs, y, step);
}

/* The classes that an output's probability is spread over. */
PL2_INLINE double NAME(classes)(const Net *net)
{
    return net->output == OUTPUT_softmax ? (double)net->outputs : 2;
}

/* The same as the loss takes them. */
static void NAME(targets)(const Net *net, const Job *job, int64_t network, int64_t i, int count, R *y,
                          int64_t step)
{
    NAME(given_targets)(job, network, i, count, net->outputs, y, step);
    if (net->label_smoothing > 0)
        NAME(smooth)(y, step, net->outputs, net->label_smoothing, NAME(classes)(net));
}

/* The items of a block that begins with item `first`, in columns, x and y. */
static void NAME(gather_feature_major)(const Job *job, int64_t network, int64_t first, const Block *b)
{
    for (int64_t i = b->from; i < b->from + b->rows; i += LANES) {
        const R *row[LANES];
        const int64_t left = b->from + b->rows - i;
        const int count = (int)(left < LANES ? left : LANES);
        for (int r = 0; r < count; r++)
            row[r] = (const R *)job->data.x + NAME(item)(job, network, first + i + r) * job->data.x_stride;
        NAME(to_feature_major)(row, count, b->net->inputs, b->inputs + i, b->room);
        if (job->data.y || job->data.labels)
            NAME(targets)(b->net, job, network, first + i, count, b->targets + i, b->room);
    }
}

/* The same in rows, x alone, each padded with 0. */
static void NAME(gather_rows)(const Job *job, int64_t network, int64_t first, const Block *b)
{
    const Net *net = b->net;
    for (int64_t i = b->from; i < b->from + b->rows; i++) {
        const R *from = (const R *)job->data.x + NAME(item)(job, network, first + i) * job->data.x_stride;
        R *to = b->inputs + i * net->x_stride;
        int64_t j = 0;
        for (; j + LANES <= net->inputs; j += LANES) NAME(store)(to + j, NAME(load)(from + j));
        if (j < net->inputs) NAME(store)(to + j, NAME(load_part)(from + j, (int)(net->inputs - j)));
    }
}

/* What begins so many bytes behind the start of work. */
PL2_INLINE R *NAME(in_work)(void *work, int64_t offset) { return (R *)((char *)work + offset); }

/* A block of the items [first, first + rows) of a network, which are still to be gathered. */
static Block NAME(whole_block)(const Net *net, const Job *job, const Team *team, int64_t network,
                               int64_t first, int64_t rows, void *memory)
{
    const Layout *work = &job->work;
    const Data *data = &job->data;
    const int sparse = data->indptr != NULL, columns = job->split.layout == PL2_COLUMNS;
    const Update *u = job->training.updates ? &job->training.updates[network] : NULL;
    const Update *drops = u && u->dropout ? u : NULL;
    const int drops_inputs = drops && drops->dropout[0] > 0;
    const int gathered = !sparse && !columns && ((job->training.order && rows > 1) || drops_inputs);
    const int sparse_to_outputs = sparse && net->layers == 1; /* as rows alone */
    const int packed = pl2_is_packed(net, job);
    const R *x = data->x;
    R *inputs = NAME(in_work)(memory, work->inputs), *panels = NAME(in_work)(memory, work->panels);
    return (Block){
        .net = net,
        .team = team,
        .params = packed ? NAME(in_work)(memory, work->packed) : (R *)job->params + network * net->params,
        .packed = packed,
        .narrow = packed ? net->narrow : net->outputs == 1 && !job->to_inputs && !sparse_to_outputs,
        .layout = job->split.layout,
        .fused = job->split.fused && packed && team->size == 1,
        .few = rows <= PL2_FEW_ROWS,
        .rows = rows,
        .filled = (rows + LANES - 1) / LANES * LANES,
        .room = work->room,
        .x = sparse                ? NULL
             : columns || gathered ? inputs
                                   : x + NAME(item)(job, network, first) * data->x_stride,
        .x_stride = gathered ? net->x_stride : data->x_stride,
        .x_unpadded = !gathered,
        .sparse = {x, data->indices, data->index_bytes, net->inputs, rows,
                   sparse ? (int64_t *)NAME(in_work)(memory, work->spans) : NULL,
                   sparse && drops_inputs ? inputs : NULL, data->fullest},
        .active = sparse ? (int32_t *)NAME(in_work)(memory, work->active) : NULL,
        .act = NAME(in_work)(memory, work->activation),
        .delta = NAME(in_work)(memory, work->delta),
        .slope = work->slope ? NAME(in_work)(memory, work->slope) : NULL,
        .panel = panels + team->rank * (net->panel_bytes / (int64_t)sizeof(R)),
        .strips = work->strips ? NAME(in_work)(memory, work->strips) : NULL,
        .targets = NAME(in_work)(memory, work->targets),
        .loss = (double *)NAME(in_work)(memory, work->loss),
        .inputs = inputs,
        .drops = drops,
        .t = drops ? job->training.steps[network] + 1 : 0,
        .place = drops ? first % job->training.batch_rows : 0,
    };
}

static void NAME(drop_inputs)(const Block *b)
{
    const Mask mask = NAME(mask)(b->drops, 0, b->t);
    const int64_t stride = b->net->x_stride, place = b->place + b->from;
    if (b->sparse.spans)
        NAME(drop_values)(mask, place, &b->sparse);
    else
        NAME(drop_rows)(mask, place, ACTIVATION_identity, b->inputs + b->from * stride, NULL, b->rows,
                        b->net->inputs, stride);
}

/* Its items: into columns, or gathered where they do not lie one after another, or some are left out. */
static void NAME(gather)(const Job *job, int64_t network, int64_t first, const Block *b)
{
    if (b->sparse.spans)
        NAME(find_spans)(job, network, first, b->rows, (int64_t *)b->sparse.spans);
    else if (b->layout == PL2_COLUMNS)
        NAME(gather_feature_major)(job, network, first, b);
    else if (!b->x_unpadded)
        NAME(gather_rows)(job, network, first, b);
    if (NAME(drops)(b, 0)) NAME(drop_inputs)(b);
}

/* A whole block with its items, unless they are held there from a block before. */
static Block NAME(block)(const Net *net, const Job *job, int64_t network, int64_t first, int64_t rows,
                         int held, void *memory)
{
    const Block b = NAME(whole_block)(net, job, &pl2_alone, network, first, rows, memory);
    if (!held) NAME(gather)(job, network, first, &b);
    return b;
}

/* All layers, the last left at z. */
static void NAME(forward)(const Block *b)
{
    if (b->layout == PL2_ONE_ITEM)
        NAME(forward_one)(b);
    else if (b->layout == PL2_COLUMNS)
        NAME(forward_feature_major)(b);
    else if (b->fused && NAME(only_bounds)(b->net->layer->activation))
        NAME(forward_fused)(b);
    else
        NAME(forward_rows)(b);
}

static void NAME(deltas)(const Block *b)
{
    if (b->layout == PL2_COLUMNS)
        NAME(deltas_feature_major)(b);
    else if (!b->fused)
        NAME(deltas_rows)(b);
}

static void NAME(gradients)(const Block *b, const Gradient *g)
{
    if (b->layout == PL2_COLUMNS)
        NAME(gradients_feature_major)(b, g);
    else if (b->fused)
        NAME(gradients_fused)(b, g);
    else
        NAME(gradients_rows)(b, g);
}

/* The sample weights of a network, (rows), or NULL. */
static const R *NAME(weights_of)(const Job *job, int64_t network)
{
    const R *all = job->data.sample_weight;
    return all ? all + network * job->data.weight_stride : NULL;
}

/* Sample weights, 0 in lanes without an item; a single item's in all lanes, as its z is. */
static V NAME(sample_weights)(const Block *b, const Job *job, int64_t network, int64_t i, int count)
{
    const R *given = NAME(weights_of)(job, network);
    R s[LANES] = {0};
    if (!given) return NAME(first)(NAME(splat)(1), count);
    if (b->layout == PL2_ONE_ITEM) return NAME(splat)(given[NAME(item)(job, network, i)]);
    for (int r = 0; r < count; r++) s[r] = given[NAME(item)(job, network, i + r)];
    return NAME(load)(s);
}

/* The rows [i, i + count) of the last layer. */
static void NAME(top_rows)(const Block *b, int64_t i, int count, R **row)
{
    const int64_t top = b->net->layers - 1;
    for (int r = 0; r < count; r++) row[r] = NAME(activation)(b, top) + (i + r) * b->net->layer[top].stride;
}

/* The numbers of row i of layer l become 0, with the padding. */
static void NAME(clear_row)(const Block *b, int64_t l, int64_t i, R *numbers)
{
    const Layer *layer = &b->net->layer[l];
    const int columns = b->layout == PL2_COLUMNS;
    if (!numbers) return;
    numbers += i * (columns ? 1 : layer->stride);
    if (!columns) memset(numbers, 0, (size_t)layer->stride * sizeof(R));
    for (int64_t j = 0; columns && j < layer->out; j++) numbers[j * b->room] = 0;
}

/* The same of what dropout has left of the inputs, whose factor may have them overflow. */
static void NAME(clear_inputs)(const Block *b, int64_t i)
{
    const int64_t at = b->from + i, stride = b->net->x_stride, fullest = b->sparse.fullest;
    if (b->sparse.spans)
        memset(b->sparse.kept + at * fullest, 0, (size_t)fullest * sizeof(R));
    else
        memset(b->inputs + at * stride, 0, (size_t)stride * sizeof(R));
}

/* Of the items from row i on those of weight 0, and lanes without an item, are to count for nothing,
   whatever came of them: their deltas are 0, and so become their activations and slopes, for 0 times one that has
   overflowed is NaN. */
static void NAME(silence)(const Block *b, int64_t i, int count, V s)
{
    R each[LANES];
    NAME(store)(each, s);
    for (int r = 0; r < (b->layout == PL2_COLUMNS ? LANES : count); r++) {
        if (each[r] > 0) continue;
        if (NAME(drops)(b, 0)) NAME(clear_inputs)(b, i + r);
        for (int64_t l = 0; l < b->net->layers - 1; l++) {
            NAME(clear_row)(b, l, i + r, NAME(activation)(b, l));
            NAME(clear_row)(b, l, i + r, NAME(stored_slopes)(b, l));
        }
    }
}

/* Of the vector of items from row i on, those there are. */
PL2_INLINE int NAME(filled_lanes)(const Block *b, int64_t i)
{
    return (int)(b->rows - i < LANES ? b->rows - i : LANES);
}

/* Their losses and deltas z, times their sample weights, 0 in unused lanes. */
static V NAME(weigh)(const Block *b, const Job *job, int64_t network, int64_t first, int64_t i, R *z,
                     int64_t step, V loss)
{
    const int count = NAME(filled_lanes)(b, i), one = b->layout == PL2_ONE_ITEM;
    if ((count == LANES || one) && !job->data.sample_weight) return loss;
    const V s = NAME(sample_weights)(b, job, network, first + b->from + i, count), zero = NAME(splat)(0);
    const M counts = NAME(less)(zero, s);
    if (!one && (job->result || job->training.updates)) NAME(silence)(b, i, count, s);
    for (int64_t j = 0; j < b->net->outputs; j++)
        NAME(store)(z + j * step, NAME(pick)(counts, s * NAME(load)(z + j * step), zero));
    return NAME(pick)(counts, s * loss, zero);
}

/* z of the last layer -> delta, each times its sample weight, 0 in unused lanes; the sums of s loss over
   each vector of items into `loss`.  The whole block begins with item `first`.  Where items lie in rows, a vector
   of them at a time is turned into columns. */
static void NAME(losses)(const Block *b, const Job *job, int64_t network, int64_t first)
{
    const int64_t n = b->net->outputs;
    const int turned = b->layout == PL2_COLUMNS || b->narrow;
    const int64_t step = turned ? b->room : LANES, most = turned ? PL2_LOSS_VECTORS : 1;
    for (int64_t i = 0; i < b->rows; i += most * LANES) {
        const int64_t at = b->from + i, left = (b->rows - i + LANES - 1) / LANES;
        const int vectors = (int)(left < most ? left : most);
        R *z = turned ? NAME(activation)(b, b->net->layers - 1) + i : b->panel;
        R *y = turned ? b->targets + at : b->panel + n * LANES, *row[LANES];
        V loss[PL2_LOSS_VECTORS];
        for (int v = 0; v < vectors && b->layout != PL2_COLUMNS; v++)
            NAME(targets)(b->net, job, network, first + at + v * LANES, NAME(filled_lanes)(b, i + v * LANES),
                          y + v * LANES, step);
        if (!turned) {
            NAME(top_rows)(b, i, NAME(filled_lanes)(b, i), row);
            NAME(to_feature_major)((const R *const *)row, NAME(filled_lanes)(b, i), n, z, step);
        }
        NAME(loss)(b->net->loss, (R)b->net->loss_number, z, step, y, n, loss, vectors);
        for (int v = 0; v < vectors; v++) {
            const V s = NAME(weigh)(b, job, network, first, i + v * LANES, z + v * LANES, step, loss[v]);
            /* a single item's is in all lanes */
            b->loss[at / LANES + v] =
                NAME(total_in_float64)(b->layout == PL2_ONE_ITEM ? NAME(first)(s, 1) : s);
        }
        if (!turned) NAME(from_feature_major)(z, step, n, row, NAME(filled_lanes)(b, i), 0);
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
    const int turned = b->layout == PL2_COLUMNS || b->narrow;
    for (int64_t i = 0; i < b->rows; i += LANES) {
        const int count = (int)(b->rows - i < LANES ? b->rows - i : LANES);
        const int64_t step = turned ? b->room : LANES;
        R *z = turned ? NAME(activation)(b, b->net->layers - 1) + i : b->panel, *row[LANES], *to[LANES];
        if (!turned) {
            NAME(top_rows)(b, i, count, row);
            NAME(to_feature_major)((const R *const *)row, count, n, z, step);
        }
        NAME(link)(b->net->output, z, step, n);
        for (int r = 0; r < count; r++) to[r] = result + (i + r) * stride;
        NAME(from_feature_major)(z, step, n, to, count, 1);
    }
}

/* The outputs of layer l as rows of `result`, after `forward`; the last layer's once only. */
static void NAME(layer_outputs)(const Block *b, int64_t l, R *result)
{
    const Layer *layer = &b->net->layer[l];
    const R *a = NAME(activation)(b, l);
    if (l == b->net->layers - 1) {
        NAME(predictions)(b, result, layer->out);
        return;
    }
    for (int64_t i = 0; b->layout != PL2_COLUMNS && i < b->rows; i++)
        memcpy(result + i * layer->out, a + i * layer->stride, (size_t)layer->out * sizeof(R));
    for (int64_t i = 0; b->layout == PL2_COLUMNS && i < b->rows; i += LANES) {
        const int count = (int)(b->rows - i < LANES ? b->rows - i : LANES);
        R *to[LANES];
        for (int r = 0; r < count; r++) to[r] = result + (i + r) * layer->out;
        NAME(from_feature_major)(a + i, b->room, layer->out, to, count, 1);
    }
}

/* The sum of the sample weights of items [first, first + rows). */
static double NAME(mass)(const Job *job, int64_t network, int64_t first, int64_t rows)
{
    const R *sample_weight = NAME(weights_of)(job, network);
    double sum = 0;
    if (!sample_weight) return (double)rows;
    for (int64_t i = 0; i < rows; i++) sum += (double)sample_weight[NAME(item)(job, network, first + i)];
    return sum;
}

/* The rows of b through the network, up to the deltas of the last layer. */
static void NAME(there)(const Job *job, int64_t network, int64_t first, const Block *b)
{
    NAME(gather)(job, network, first, b);
    NAME(forward)(b);
    NAME(losses)(b, job, network, first);
}

/* And back, up to the deltas of all layers. */
static void NAME(there_and_back)(const Job *job, int64_t network, int64_t first, const Block *b)
{
    NAME(there)(job, network, first, b);
    if (b->layout != PL2_ONE_ITEM) NAME(deltas)(b);
}
