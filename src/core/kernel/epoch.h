/* The batches of an epoch and their updates.  The only file that knows optimizers and decay together. */

static void NAME(add_gradients)(const Net *net, R *sum, const R *part, int64_t count)
{
    for (; count-- > 0; part += net->params_stride)
        for (int64_t i = 0; i < net->params; i++) sum[i] += part[i];
}

/* average <- beta average + (1 - beta) w, of `count` numbers. */
static void NAME(add_to_average)(const Rule *rule, const R *w, R *average, int64_t count)
{
    for (int64_t i = 0; i < count; i += LANES) {
        const int lanes = (int)(count - i < LANES ? count - i : LANES);
        const V old = NAME(load_part)(average + i, lanes), now = NAME(load_part)(w + i, lanes);
        NAME(store_part)(average + i, NAME(faded)(old, rule->kept, rule->lost, rule->rest * now), lanes);
    }
}

/* w <- w - (c w + step(scale g + l2 w)) for `count` numbers, their state vectors d apart, the average of w
   behind the optimizer's. */
static void NAME(descend)(const Update *u, const Rule *rule, V scale, V l2, V c, R *w, const R *g, R *state,
                          int64_t d, int64_t count)
{
#define PL2_CASE(f, states, linear) \
    case OPTIMIZER_##f: \
        for (int64_t i = 0; i < count; i += LANES) { \
            const int lanes = (int)(count - i < LANES ? count - i : LANES); \
            V s[(states) + 1]; \
            for (int q = 0; q < (states); q++) s[q] = NAME(load_part)(state + q * d + i, lanes); \
            const V old = NAME(load_part)(w + i, lanes); \
            const V step = NAME(f)(rule, scale * NAME(load_part)(g + i, lanes) + l2 * old, s); \
            NAME(store_part)(w + i, NAME(decayed)(old, c, step), lanes); \
            for (int q = 0; q < (states); q++) NAME(store_part)(state + q * d + i, s[q], lanes); \
        } \
        break;
    switch (u->optimizer) {
        OPTIMIZERS(PL2_CASE)
    }
#undef PL2_CASE
    if (u->average > 0) NAME(add_to_average)(rule, w, state + pl2_states[u->optimizer] * d, count);
}

/* What lambda of layer l does in the updates by batches whose sample weights sum to mass.  What it adds to
   the gradient may wait, too, where steps are linear: the sum of those that follow from it is the same. */
static Decay NAME(layer_decay)(const Update *u, int64_t l, double mass)
{
    static const int linear[] = {OPTIMIZERS(OPTIMIZER_LINEAR)};
    const double lambda = u->l2[l] * (u->l2_factors ? *u->l2_factors : 1);
    const Decay d = pl2_decay(u->decay, u->eta, lambda, u->n ? u->n : mass);
    return NAME(together)(d, linear[u->optimizer] ? d.c + u->eta * d.l2 : d.c);
}

static void NAME(clip_values)(R *g, R limit, int64_t count)
{
    for (int64_t i = 0; i < count; i++) g[i] = g[i] > limit ? limit : g[i] < -limit ? -limit : g[i];
}

/* The sum over a batch is in `gradient`; returns what makes it the mean, clipped: components where they are, of
   this member's share; the norm by a smaller factor, for which all members add up a part of the squares. */
static R NAME(clip)(const Block *b, const Update *u, double mass, R *gradient, double *squares)
{
    const Net *net = b->net;
    const int64_t count = b->packed ? net->packed : net->params;
    double sum = 0, most = u->clip_norm * mass;
    if (u->clip_value > 0) {
        const R limit = (R)(u->clip_value * mass);
        for (int64_t l = 0; l < net->layers; l++) {
            const Matrix G = NAME(matrix)(b, gradient, l);
            NAME(clip_values)(G.w + G.first * G.pitch, limit, (G.end - G.first) * G.pitch);
            if (b->team->rank == 0) NAME(clip_values)(G.bias, limit, net->layer[l].out);
        }
    }
    if (!(u->clip_norm > 0)) return (R)(1 / mass);
    pl2_team_wait(b->team);
    for (int64_t i = 0, at = 0; i < count; i += PL2_SEGMENT, at++)
        if (at % b->team->size == b->team->rank)
            squares[at] =
                NAME(sum_of_squares)(gradient + i, count - i < PL2_SEGMENT ? count - i : PL2_SEGMENT);
    pl2_team_wait(b->team);
    for (int64_t i = 0, at = 0; i < count; i += PL2_SEGMENT, at++) sum += squares[at];
    const double norm = sqrt(sum);
    return (R)(norm > most && norm < (double)INFINITY ? u->clip_norm / norm : 1 / mass);
}

/* One update from the sum over a batch of s dl/dparams, with the state vectors `state`; of this
   member's share of the weights, whose gradient it has made itself.  Biases are never decayed.
   active: NULL, or the only rows of the first weights in the gradient, under plain SGD. */
static void NAME(update)(const Block *b, const Update *u, int64_t t, double mass, R *gradient, R *state,
                         double *squares, int32_t *active)
{
    const Net *net = b->net;
    const Rule rule = NAME(rule)(u, t);
    const R mean = pl2_clips(u) ? NAME(clip)(b, u, mass, gradient, squares) : (R)(1 / mass);
    const V scale = NAME(splat)(mean), none = NAME(splat)(0);
    const int64_t d = b->packed ? net->packed : net->params,
                  weights = b->packed ? net->packed_weights : net->weights;
    for (int64_t l = 0; l < net->layers; l++) {
        const Layer *layer = &net->layer[l];
        const Decay decay = NAME(layer_decay)(u, l, mass);
        const int due = pl2_due(decay.window, t);
        const R l2 = due ? (R)decay.l2 : 0, c = due ? (R)decay.c : 0;
        const Matrix W = NAME(matrix)(b, b->params, l);
        const int64_t at = W.w - b->params + W.first * W.pitch;
        if (l == 0 && active)
            NAME(sparse_descend)(W.w, gradient + at, (R)(u->eta / mass), c, layer->in, layer->out, active);
        else
            NAME(descend)(u, &rule, scale, NAME(splat)(l2), NAME(splat)(c), b->params + at, gradient + at,
                          state + at, d, (W.end - W.first) * W.pitch);
    }
    if (b->team->rank == 0)
        NAME(descend)(u, &rule, scale, none, none, b->params + weights, gradient + weights, state + weights,
                      d, d - weights);
}

/* c of each layer in the t-th update. */
static void NAME(shrinks)(const Net *net, const Update *u, int64_t t, double mass, R *shrink)
{
    for (int64_t l = 0; l < net->layers; l++) {
        const Decay decay = NAME(layer_decay)(u, l, mass);
        shrink[l] = pl2_due(decay.window, t) ? (R)decay.c : 0;
    }
}

/* The whole batch in one block under plain SGD: W <- W - (c W + (eta/m) a^T delta) at once; for CSR
   the first sum goes through work, for a row of W waits there for all rows of x that touch it. */
static void NAME(update_at_once)(const Block *b, R scale, const R *shrink, R *gradient, double *squares)
{
    const Layer *layer = b->net->layer;
    NAME(gradients)(b, &(Gradient){STORE_DECAYED, scale, shrink, b->params, squares, gradient, b->active});
    if (b->active)
        NAME(sparse_descend)(b->params, gradient, scale, shrink[0], layer->in, layer->out, b->active);
}

/* Sums of squares of the weights, band by band, so that they may be shared and add up alike whoever has
   made them; this member's bands into `squares`.  later: not of layers that take them in their update. */
static void NAME(squares_of_bands)(const Block *b, int later, double *squares)
{
    int64_t at = 0;
    for (int64_t l = 0; l < b->net->layers; l++) {
        const Matrix W = NAME(matrix)(b, b->params, l);
        const int64_t bands = NAME(bands)(&W), skipped = later && NAME(takes_squares)(b, &W, l) ? bands : 0;
        for (int64_t band = skipped; band < bands; band++)
            if ((at + band) % b->team->size == b->team->rank)
                squares[at + band] = NAME(band_squares)(&W, band);
        at += bands;
    }
}

static double NAME(batch_penalty)(const Block *b, const Update *u, double mass, const double *squares)
{
    double sum = 0;
    for (int64_t l = 0; l < b->net->layers; l++) {
        const double rate = NAME(layer_decay)(u, l, mass).r;
        const Matrix W = NAME(matrix)(b, b->params, l);
        double square = 0;
        for (int64_t band = NAME(bands)(&W); band > 0; band--) square += *squares++;
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

static R *NAME(state)(const Net *net, const Job *job, int64_t p)
{
    return (R *)job->training.state + p * pl2_state_vectors(&job->training.updates[p]) * net->params;
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

/* Whether an update is plain gradient descent, which takes each product a^T delta off where it is made. */
static int NAME(is_plain)(const Update *u)
{
    const int more = pl2_clips(u) || u->average > 0;
    return u->optimizer == OPTIMIZER_sgd && u->decay != DECAY_l2 && !more;
}

#include "tiny.h"

/* The rows of b on their way there and back, or the next stage of it. */
static void NAME(go)(const Job *job, int64_t p, int64_t first, const Block *b, const Cursor *at)
{
    if (!job->split.staged)
        NAME(there_and_back)(job, p, first, b);
    else if (at->stage == PL2_THERE)
        NAME(there)(job, p, first, b);
    else if (at->stage == PL2_BACK)
        NAME(deltas)(b);
}

/* The same of a whole block whose team shares the units; each gathers its `own` rows, and takes their losses. */
static void NAME(go_by_units)(const Job *job, int64_t p, int64_t first, const Block *whole, const Block *own,
                              const Cursor *at)
{
    if (!job->split.staged || at->stage == PL2_THERE) {
        if (own->rows > 0) NAME(gather)(job, p, first, own);
        NAME(forward_units)(whole, own);
        if (own->rows > 0) NAME(losses)(own, job, p, first);
    }
    if (!job->split.staged || at->stage == PL2_BACK) NAME(deltas_units)(whole);
}

/* The part of a block's operations that comes now: on the way back the first layer has none. */
static double NAME(part_of_block)(const Net *net, const Job *job, const Cursor *at)
{
    const double there = (double)net->weights, back = there - (double)(net->layer->in * net->layer->out);
    if (!job->split.staged) return 1;
    return (at->stage == PL2_BACK ? back : there) / (2 * there + back);
}

/* Whether there is to be a look at what others want before the update. */
static int NAME(halts)(const Job *job, Cursor *at)
{
    if (!job->split.staged) return 0;
    const int updates = at->stage == PL2_UPDATE;
    at->stage = updates ? PL2_THERE : at->stage + 1;
    return !updates;
}

/* One block of the batch under the cursor, with the update if it is the last of its batch.  Until then
   nothing but work and the cursor is written, so a batch can be dropped whole.

   A team shares the rows on the way forward and back, or the units, and then the rows of all W.  Each member has a
   cursor of its own, all the same.  Returns the rows times the part of a block's way that they have gone. */
static double NAME(advance)(const Net *net, const Job *job, Cursor *at, void *memory)
{
    const Team *team = at->team;
    const int64_t p = at->network, start = at->batch * job->training.batch_rows,
                  left = job->data.rows - start;
    const int64_t batch = left < job->training.batch_rows ? left : job->training.batch_rows;
    const int64_t rows = NAME(block_rows)(job->split.block_rows, batch, at->row), first = start + at->row;
    const double part = (double)rows * NAME(part_of_block)(net, job, at);
    Update now;
    const Update *u = pl2_scheduled(&job->training.updates[p], at->batch, &now);
    const int plain = NAME(is_plain)(u);
    if (!at->row) at->mass = NAME(mass)(job, p, start, batch);
    if (at->mass > 0) {
        const int64_t t = job->training.steps[p] + 1;
        Block whole = NAME(whole_block)(net, job, team, p, first, rows, memory);
        R *gradient = NAME(in_work)(memory, job->work.gradient);
        R *state = whole.packed ? whole.params + net->packed : NAME(state)(net, job, p);
        double *squares = (double *)NAME(in_work)(memory, job->work.squares);
        R *shrink = NAME(in_work)(memory, job->work.shrink);
        int32_t *active = plain ? whole.active : NULL;
        const int last = at->row + rows == batch, at_once = plain && rows == batch;
        int64_t own, end;
        const int online = plain && batch == 1 && whole.packed && net->layers > 1 && !u->dropout;
        if (online) whole.layout = PL2_ONE_ITEM;
        const int decays = NAME(decays)(net, u), later = decays && at_once && !online && team->size == 1;
        NAME(member_share)(team, rows, PL2_LINE / (int64_t)sizeof(R), &own, &end);
        const Block b = team->size > 1 ? NAME(rows_of)(&whole, own, end - own) : whole;
        if (job->split.by_units && team->size > 1 && !whole.few)
            NAME(go_by_units)(job, p, first, &whole, &b, at);
        else if (b.rows > 0)
            NAME(go)(job, p, first, &b, at);
        if (NAME(halts)(job, at)) return part;
        if (last && decays) NAME(squares_of_bands)(&whole, later, squares);
        if (at_once && team->rank == 0) NAME(shrinks)(net, u, t, at->mass, shrink);
        pl2_team_wait(team);
        at->loss += NAME(block_loss)(&whole);
        if (last && !later) NAME(note)(job, &whole, u, at, batch, squares);
        if (online) { /* a last batch of one row is too little to share */
            if (team->rank == 0) NAME(backward_one)(&whole, (R)(u->eta / at->mass), shrink);
        } else if (at_once)
            NAME(update_at_once)(&whole, (R)(u->eta / at->mass), shrink, gradient, later ? squares : NULL);
        else
            NAME(gradients)(
                &whole, &(Gradient){at->row ? STORE_ADD : STORE, 1, NULL, gradient, NULL, gradient, active});
        if (later) NAME(note)(job, &whole, u, at, batch, squares);
        if (last && !at_once) NAME(update)(&whole, u, t, at->mass, gradient, state, squares, active);
        if (last && team->rank == 0)
            job->training.steps[p] = t; /* all have read it, and wait to do so again */
        pl2_team_wait(team);
    }
    at->row += rows;
    if (at->row == batch) {
        at->batch++, at->row = 0, at->loss = 0;
        at->done = start + batch == job->data.rows;
    }
    return part;
}

/* The update of an epoch that was one batch, in chunks. */
static void NAME(finish_epoch)(const Net *net, const Job *job, double loss, double mass)
{
    Update now;
    const Update *u = pl2_scheduled(job->training.updates, 0, &now);
    const Cursor at = {.loss = loss, .mass = mass};
    R *gradient = job->part_gradients;
    double *squares = (double *)(gradient + job->split.chunks * net->params_stride);
    const Block b = {.net = net, .team = &pl2_alone, .params = job->params};
    if (!(mass > 0)) return;
    NAME(add_gradients)(net, gradient, gradient + net->params_stride, job->split.chunks - 1);
    NAME(squares_of_bands)(&b, 0, squares);
    NAME(note)(job, &b, u, &at, job->data.rows, squares);
    NAME(update)(&b, u, ++job->training.steps[0], mass, gradient, NAME(state)(net, job, 0), squares, NULL);
}

PL2_INLINE void NAME(copy)(R *there, R *here, int64_t count, int back)
{
    memcpy(back ? there : here, back ? here : there, (size_t)count * sizeof(R));
}

/* A vector laid out as params into packed parameters, or back. */
static void NAME(pack)(const Net *net, R *params, R *packed, int back)
{
    for (int64_t l = 0; l < net->layers; l++) {
        const Layer *layer = &net->layer[l];
        const int64_t n = layer->out;
        R *w = params + layer->weight, *to = packed + layer->packed_weight;
        if (net->narrow && l == net->layers - 1)
            for (int64_t i = 0; i < layer->in * n; i++)
                NAME(copy)(w + i, to + i % n * layer->pitch + i / n, 1, back);
        else
            for (int64_t i = 0; i < layer->in; i++) NAME(copy)(w + i * n, to + i * layer->pitch, n, back);
        NAME(copy)(params + layer->bias, packed + layer->packed_bias, n, back);
    }
}

/* Packs parameters and state of network p, padded with 0, or unpacks them. */
static void NAME(pack_all)(const Net *net, const Job *job, int64_t p, R *packed, int back)
{
    const int64_t states = pl2_state_vectors(&job->training.updates[p]);
    R *state = NAME(state)(net, job, p);
    if (!back) memset(packed, 0, (size_t)((1 + states) * net->packed) * sizeof(R));
    NAME(pack)(net, (R *)job->params + p * net->params, packed, back);
    for (int64_t s = 0; s < states; s++)
        NAME(pack)(net, state + s * net->params, packed + (1 + s) * net->packed, back);
}

/* Items of a network that lives in registers, for what is left of the slice. */
static void NAME(advance_tiny)(const Net *net, const Job *job, Cursor *at, double update_cost)
{
    const double cost = job->split.row_cost + update_cost, most = at->left / cost + 1;
    const int64_t left = job->data.rows - at->batch, items = most < (double)left ? (int64_t)most : left;
    PL2_TINY_BATCHES(net, job, at, items);
    at->left -= (double)items * cost;
}

/* Every batch of one network. */
static void NAME(batches)(const Net *net, const Job *job, Cursor *at, void *memory)
{
    const double update_cost = PL2_UPDATE_COST * (double)net->params;
    const int begun = at->batch || at->row;
    const Team *team = at->team;
    R *packed = NAME(in_work)(memory, job->work.packed),
      *gradient = NAME(in_work)(memory, job->work.gradient);
    const int packs = pl2_is_packed(net, job) && team->rank == 0;
    const pl2_flush found = pl2_flush_on();
    if (NAME(is_tiny)(net, job, &job->training.updates[at->network])) {
        NAME(advance_tiny)(net, job, at, update_cost);
        pl2_flush_restore(found);
        return;
    }
    if (job->data.indptr && !begun) pl2_none_active(net, (int32_t *)NAME(in_work)(memory, job->work.active));
    if (packs) NAME(pack_all)(net, job, at->network, packed, 0);
    if (packs && !at->row) memset(gradient, 0, (size_t)job->work.gradient_bytes);
    pl2_team_wait(team);
    while (at->left > 0 && !at->done) {
        at->left -= NAME(advance)(net, job, at, memory) * job->split.row_cost;
        if (!at->row && !at->stage) at->left -= update_cost;
    }
    if (packs) NAME(pack_all)(net, job, at->network, packed, 1);
    pl2_flush_restore(found);
}
