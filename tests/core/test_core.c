/* The C core by itself: every verb on random edge shapes, in both types and every instruction set of
   this machine, against a naive computation in float64.  It runs where no Python does: under valgrind,
   under the sanitizers, under qemu.

   test_core [cases [seed [isa]]]

   Each array is a block of its own, exactly as long as it must be.  Where nothing watches the memory
   (GUARD bytes, not 0), a known pattern before and behind it does. */
#include <math.h>
#ifdef _WIN32
#include <malloc.h>
#endif
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "kernel/activations.h"
#include "kernel/decay.h"
#include "kernel/move.h"
#include "kernel/optimizers.h"
#include "kernel/outputs.h"
#include "parts.h"

#ifndef GUARD
#define GUARD 64 /* bytes behind an array; 0 under valgrind and AddressSanitizer, which look themselves */
#endif
#define PATTERN 0xFF /* as numbers NaN, so that what is used unwritten is seen too */

#define COUNT(array) ((int64_t)(sizeof array / sizeof *array))
#define MOST_LAYERS 4
#define WIDEST 320
#define MOST_NETWORKS 19 /* some more than fill the widest vector of float32 */

/* One case: a shape and data, all numbers exact in float32. */
typedef struct {
    const char *isa;
    int64_t bytes; /* of a number */
    int64_t layers, sizes[MOST_LAYERS + 1], activation[MOST_LAYERS];
    int64_t weights, params, networks, rows, batch;
    int32_t output, loss, threads, weightless; /* in its epoch all items weigh 0 */
    double loss_number, smoothing;
    const Update
        *drops; /* in an epoch with dropout: in the t-th update, of the item in this place of its batch */
    int64_t t, place;
    uint64_t random;
    const double *x, *y, *s; /* (rows, inputs), (rows, outputs), (rows) or NULL */
    double l2[MOST_NETWORKS * MOST_LAYERS];
} Case;

static _Thread_local const Case *now;

static void fail(const char *what, double found, double wanted)
{
    const Case *c = now;
    fprintf(stderr,
            "%s: %.17g, wanted %.17g\n  %s float%d rows %d batch %d networks %d output %d threads %d sizes",
            what, found, wanted, c->isa, (int)c->bytes * 8, (int)c->rows, (int)c->batch, (int)c->networks,
            c->output, c->threads);
    for (int64_t l = 0; l <= c->layers; l++) fprintf(stderr, " %d", (int)c->sizes[l]);
    fprintf(stderr, "\n");
    exit(1);
}

#ifdef _WIN32
static void *aligned_memory(size_t bytes) { return _aligned_malloc(bytes, 64); }
static void free_aligned(void *memory) { _aligned_free(memory); }
#else
static void *aligned_memory(size_t bytes)
{
    void *memory = NULL;
    return posix_memalign(&memory, 64, bytes) ? NULL : memory;
}
static void free_aligned(void *memory) { free(memory); }
#endif

/* Memory of which every overrun is seen. */
static void *block(int64_t bytes, int64_t aligned)
{
    /* A vector of numbers is aligned as these are, no better. */
    const int64_t front = aligned > 8 ? 64 : 72;
    char *memory = aligned_memory((size_t)(front + bytes + GUARD));
    if (!memory) exit(2);
    memset(memory, PATTERN, (size_t)(GUARD ? front + bytes + GUARD : front));
    return memory + front;
}

static void release(void *data, int64_t bytes, int64_t aligned)
{
    const int64_t front = aligned > 8 ? 64 : 72;
    const unsigned char *memory = (const unsigned char *)data - front;
    for (int64_t i = 0; i < front; i++)
        if (memory[i] != PATTERN) fail("written before an array, at", (double)(i - front), 0);
    for (int64_t i = 0; i < GUARD; i++)
        if (memory[front + bytes + i] != PATTERN) fail("written behind an array, at", (double)i, 0);
    free_aligned((char *)data - front);
}

static uint64_t bits(Case *c)
{ /* splitmix64 */
    uint64_t z = c->random += 0x9E3779B97F4A7C15u;
    z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9u;
    z = (z ^ z >> 27) * 0x94D049BB133111EBu;
    return z ^ z >> 31;
}

static int64_t below(Case *c, int64_t limit) { return (int64_t)(bits(c) % (uint64_t)limit); }
static double uniform(Case *c) { return (double)(float)((double)(bits(c) >> 11) * 0x1p-53); }
static double huge(const Case *c) { return c->bytes == 4 ? 3e38 : 1.7e308; }
static double number(Case *c) { return (double)(float)(2 * uniform(c) - 1); }

/* Arrays of float64 here, of the type of the case there. */
static void *as_type(const Case *c, const double *from, int64_t count)
{
    void *to = block(count * c->bytes, 1);
    for (int64_t i = 0; i < count; i++)
        if (c->bytes == 4)
            ((float *)to)[i] = (float)from[i];
        else
            ((double *)to)[i] = from[i];
    return to;
}

static void drop(const Case *c, void *array, int64_t count) { release(array, count * c->bytes, 1); }

static double at(const Case *c, const void *array, int64_t i)
{
    return c->bytes == 4 ? (double)((const float *)array)[i] : ((const double *)array)[i];
}

static double *zeros(int64_t count)
{
    double *found = calloc((size_t)count + 1, sizeof *found);
    if (!found) exit(2);
    return found;
}

static void close_to(const char *what, double found, double wanted, double scale)
{
    const double tolerance = now->bytes == 4 ? 3e-4 : 1e-11;
    if (!(fabs(found - wanted) <= tolerance * (scale + 1e-3))) fail(what, found, wanted);
}

static void all_close(const char *what, const void *found, const double *wanted, int64_t count)
{
    double scale = 0;
    for (int64_t i = 0; i < count; i++) scale = fmax(scale, fabs(wanted[i]));
    for (int64_t i = 0; i < count; i++) close_to(what, at(now, found, i), wanted[i], scale);
}

/* ---- the naive computation ---- */

/* Of each layer, and SLOPES further on their slopes. */
enum { SLOPES = MOST_LAYERS + 1 };
typedef double Activations[2 * SLOPES][WIDEST];

static double act(int64_t kind, double z, double *slope)
{
    const double number = pl2_activation_numbers[kind], p = 1 / (1 + exp(-z)), q = tanh(log1p(exp(z)));
    const double alpha = kind == ACTIVATION_selu ? 1.6732632423543772 : number;
    const double scale = kind == ACTIVATION_selu ? 1.0507009873554805 : 1, phi = 0.5 * erfc(-z / sqrt(2));
    const double cubic = 0.044715, root = sqrt(2 / acos(-1)), t = tanh(root * (z + cubic * z * z * z));
    switch (kind) {
        case ACTIVATION_logistic:
            *slope = p * (1 - p);
            return p;
        case ACTIVATION_tanh:
            *slope = 1 - tanh(z) * tanh(z);
            return tanh(z);
        case ACTIVATION_relu:
            *slope = z > 0;
            return z < 0 ? 0 : z;
        case ACTIVATION_leaky_relu:
            *slope = z > 0 ? 1 : number;
            return z < 0 ? number * z : z;
        case ACTIVATION_elu:
        case ACTIVATION_selu:
            *slope = z > 0 ? scale : scale * alpha * exp(z);
            return z > 0 ? scale * z : scale * alpha * expm1(z);
        case ACTIVATION_softplus:
            *slope = p;
            return fmax(z, 0) + log1p(exp(-fabs(z)));
        case ACTIVATION_silu:
            *slope = p + z * p * (1 - p);
            return z * p;
        case ACTIVATION_gelu:
            *slope = phi + z * exp(-z * z / 2) / sqrt(2 * acos(-1));
            return z * phi;
        case ACTIVATION_gelu_tanh:
            *slope = (1 + t) / 2 + z / 2 * (1 - t * t) * root * (1 + 3 * cubic * z * z);
            return z * (1 + t) / 2;
        case ACTIVATION_mish:
            *slope = q + z * (1 - q * q) * p;
            return z * q;
        default:
            *slope = 1;
            return z;
    }
}

/* What dropout multiplies number i of that by which goes into layer l (Philox4x32-10). */
static double kept(const Case *c, int64_t l, int64_t i)
{
    const double p = c->drops && c->drops->dropout ? c->drops->dropout[l] : 0;
    if (p == 0) return 1;
    const uint64_t key = c->drops->seed + (uint64_t)l, t = (uint64_t)c->t;
    uint32_t one = (uint32_t)key, two = (uint32_t)(key >> 32);
    uint32_t x[] = {(uint32_t)(i / 2), (uint32_t)(c->place / 2), (uint32_t)t, (uint32_t)(t >> 32)};
    for (int round = 0; round < 10; round++) {
        const uint64_t a = (uint64_t)x[0] * 0xD2511F53u, b = (uint64_t)x[2] * 0xCD9E8D57u;
        x[0] = (uint32_t)(b >> 32) ^ x[1] ^ one;
        x[2] = (uint32_t)(a >> 32) ^ x[3] ^ two;
        x[1] = (uint32_t)b, x[3] = (uint32_t)a;
        one += 0x9E3779B9u, two += 0xBB67AE85u;
    }
    return x[2 * (c->place % 2) + i % 2] < floor(p * 0x1p32 + 0.5) ? 0 : 1 / (1 - p);
}

static int64_t weight_at(const Case *c, int64_t l)
{
    int64_t found = 0;
    while (l-- > 0) found += c->sizes[l] * c->sizes[l + 1];
    return found;
}

static int64_t bias_at(const Case *c, int64_t l)
{
    int64_t found = c->weights;
    while (l-- > 0) found += c->sizes[l + 1];
    return found;
}

/* a[first] is given; the last layer of the network is left at z. */
static void forward(const Case *c, const double *params, int64_t first, int64_t last, Activations a)
{
    for (int64_t l = first; l < last; l++) {
        const int64_t n = c->sizes[l + 1];
        const double *w = params + weight_at(c, l), *b = params + bias_at(c, l);
        for (int64_t j = 0; j < n; j++) {
            double z = b[j];
            for (int64_t i = 0; i < c->sizes[l]; i++) z += a[l][i] * w[i * n + j];
            a[l + 1][j] = z;
            if (l == c->layers - 1) continue;
            a[l + 1][j] = act(c->activation[l], z, &a[SLOPES + l + 1][j]) * kept(c, l + 1, j);
            a[SLOPES + l + 1][j] *= kept(c, l + 1, j);
        }
    }
}

static void link(const Case *c, const double *z, double *p)
{
    const int64_t n = c->sizes[c->layers];
    double top = z[0], sum = 0;
    for (int64_t j = 0; j < n; j++) top = fmax(top, z[j]);
    for (int64_t j = 0; j < n; j++) sum += exp(z[j] - top);
    for (int64_t j = 0; j < n; j++) {
        p[j] = z[j];
        if (c->output == OUTPUT_logistic) p[j] = 1 / (1 + exp(-z[j]));
        if (c->output == OUTPUT_softmax) p[j] = exp(z[j] - top) / sum;
        if (c->output == OUTPUT_exp) p[j] = exp(z[j]);
    }
}

/* That of one output with a loss which is not the output's own. */
static double other_loss(const Case *c, double p, double y, double *delta)
{
    const double r = p - y, limit = c->loss_number, over = r > 0 ? 1 - limit : -limit;
    switch (c->loss) {
        case LOSS_identity_huber:
            *delta = fmax(-limit, fmin(r, limit));
            return fabs(r) <= limit ? r * r / 2 : limit * (fabs(r) - limit / 2);
        case LOSS_identity_absolute_error:
            *delta = r > 0 ? 1 : -1;
            return fabs(r);
        case LOSS_identity_quantile:
            *delta = over;
            return over * r;
        default:
            *delta = 1 - y / p;
            return y / p + log(p) - log(y) - 1;
    }
}

static double loss_of(const Case *c, const double *z, const double *targets, double *delta)
{
    const int64_t n = c->sizes[c->layers];
    double p[WIDEST], y[WIDEST], loss = 0, given = 0;
    link(c, z, p);
    for (int64_t j = 0; j < n; j++)
        y[j] = (1 - c->smoothing) * targets[j] + c->smoothing / (c->output == OUTPUT_softmax ? (double)n : 2);
    for (int64_t j = 0; j < n; j++) given += y[j];
    for (int64_t j = 0; j < n; j++) {
        delta[j] = p[j] - y[j];
        if (c->loss != c->output) {
            loss += other_loss(c, p[j], y[j], &delta[j]);
            continue;
        }
        if (c->output == OUTPUT_identity) loss += delta[j] * delta[j] / 2;
        if (c->output == OUTPUT_logistic) loss -= y[j] * log(p[j]) + (1 - y[j]) * log(1 - p[j]);
        if (c->output == OUTPUT_softmax) loss -= y[j] * log(p[j]), delta[j] = given * p[j] - y[j];
        if (c->output == OUTPUT_exp) loss += (y[j] > 0 ? y[j] * log(y[j] / p[j]) : 0) - y[j] + p[j];
    }
    return loss;
}

/* delta of the last layer -> of the first (or of the inputs, into it), adding s times the gradient. */
static void backward(const Case *c, const double *params, Activations a, double *delta, double s,
                     double *grad)
{
    for (int64_t l = c->layers - 1; l >= 0; l--) {
        const int64_t n = c->sizes[l + 1], m = c->sizes[l];
        const double *w = params + weight_at(c, l);
        double before[WIDEST];
        for (int64_t i = 0; i < m; i++) {
            before[i] = 0;
            for (int64_t j = 0; j < n; j++) {
                before[i] += delta[j] * w[i * n + j];
                if (grad) grad[weight_at(c, l) + i * n + j] += s * a[l][i] * delta[j];
            }
            if (l) before[i] *= a[SLOPES + l][i];
        }
        for (int64_t j = 0; grad && j < n; j++) grad[bias_at(c, l) + j] += s * delta[j];
        memcpy(delta, before, sizeof before);
    }
}

/* The sum of s loss over some items, of s into *mass, of s dl/dparams into grad. */
static double sum_of_losses(const Case *of, const double *params, const int64_t *items, int64_t count,
                            double *mass, double *grad)
{
    Activations a;
    double sum = 0, delta[WIDEST];
    Case own = *of, *c = &own;
    *mass = 0;
    for (int64_t k = 0; k < count; k++) {
        const int64_t i = items[k];
        const double s = c->s ? c->s[i] : 1;
        if (s == 0) continue; /* whatever it holds */
        c->place = k;
        for (int64_t j = 0; j < c->sizes[0]; j++) a[0][j] = c->x[i * c->sizes[0] + j] * kept(c, 0, j);
        forward(c, params, 0, c->layers, a);
        sum += s * loss_of(c, a[c->layers], c->y + i * c->sizes[c->layers], delta);
        backward(c, params, a, delta, s, grad);
        *mass += s;
    }
    return sum;
}

static double square(const Case *c, const double *params, int64_t l)
{
    double sum = 0;
    for (int64_t i = weight_at(c, l); i < weight_at(c, l + 1); i++) sum += params[i] * params[i];
    return sum;
}

/* SPEC's update, with the decay of each weight; state (S, params). */
static void naive_update(const Case *c, const Update *u, int64_t t, double n, const double *grad,
                         double *params, double *state)
{
    for (int64_t l = 0, k = 0; k < c->params; k++) {
        while (k < c->weights && k >= weight_at(c, l + 1)) l++;
        const double lambda = k < c->weights ? u->l2[l] : 0, rate = lambda / n, old = params[k];
        const double g = grad[k] + (u->decay == DECAY_l2 ? rate * old : 0);
        double *v = state + k, *w = state + c->params + k, step = u->eta * g;
        double lost = u->decay == DECAY_decoupled  ? u->eta * rate * old
                      : u->decay == DECAY_fraction ? lambda * old
                                                   : 0;
        if (u->optimizer == OPTIMIZER_momentum || u->optimizer == OPTIMIZER_nesterov) {
            *v = u->momentum * *v - u->eta * g;
            step = u->optimizer == OPTIMIZER_momentum ? -*v : u->eta * g - u->momentum * *v;
        }
        if (u->optimizer == OPTIMIZER_adam || u->optimizer == OPTIMIZER_adamw) {
            const double one = 1 - pow(u->beta_1, (double)t), two = sqrt(1 - pow(u->beta_2, (double)t));
            *v = u->beta_1 * *v + (1 - u->beta_1) * g;
            *w = u->beta_2 * *w + (1 - u->beta_2) * g * g;
            step = u->optimizer == OPTIMIZER_adam ? u->eta * two / one * *v / (sqrt(*w) + u->epsilon)
                                                  : u->eta / one * *v / (sqrt(*w) / two + u->epsilon);
        }
        if (u->optimizer == OPTIMIZER_rmsprop) {
            *v = u->beta_2 * *v + (1 - u->beta_2) * g * g;
            step = u->eta * g / (sqrt(*v) + u->epsilon);
        }
        if (u->optimizer == OPTIMIZER_nadam) {
            double product = 1, mu = 0;
            for (int64_t i = 1; i <= t; i++)
                product *= mu = u->beta_1 * (1 - 0.5 * pow(0.96, 0.004 * (double)i));
            const double next = u->beta_1 * (1 - 0.5 * pow(0.96, 0.004 * (double)(t + 1)));
            *v = u->beta_1 * *v + (1 - u->beta_1) * g;
            *w = u->beta_2 * *w + (1 - u->beta_2) * g * g;
            step = u->eta * ((1 - mu) / (1 - product) * g + next / (1 - product * next) * *v)
                   / (sqrt(*w / (1 - pow(u->beta_2, (double)t))) + u->epsilon);
        }
        if (u->optimizer == OPTIMIZER_rprop) {
            const double sign = g * *v;
            *w = fmin(fmax((*w > 0 ? *w : u->eta) * (sign > 0 ? 1.2 : sign < 0 ? 0.5 : 1), 1e-6), 50);
            *v = sign < 0 ? 0 : g;
            step = *v > 0 ? *w : *v < 0 ? -*w : 0;
        }
        params[k] = old - (lost + step);
    }
}

/* ---- what is handed to the core ---- */

typedef struct {
    Net net;
    Job job;
    void *x, *y, *s, *params, *indptr, *indices;
    int64_t *labels;
    int64_t x_count, y_count, stored;
} Given;

static Net plan(Case *c)
{
    Net net = {.layers = c->layers, .output = c->output, .loss = c->loss, .loss_number = c->loss_number};
    net.label_smoothing = c->smoothing;
    net.layer = block(c->layers * (int64_t)sizeof(Layer), 1);
    memset(net.layer, 0, (size_t)c->layers * sizeof(Layer));
    for (int64_t l = 0; l < c->layers; l++) {
        net.layer[l].in = c->sizes[l], net.layer[l].out = c->sizes[l + 1];
        net.layer[l].activation = (int32_t)c->activation[l];
        net.layer[l].number = pl2_activation_numbers[c->activation[l]];
    }
    pl2_plan(&net, c->bytes, pl2_kernels(c->bytes, c->isa)->width);
    /* Slices so short that small cases are interrupted, and shared by threads. */
    net.slice = exp(4 + 12 * uniform(c));
    return net;
}

static void *integers(const int64_t *from, int64_t count, int64_t bytes)
{
    char *to = block(count * bytes, 1);
    for (int64_t i = 0; i < count; i++)
        if (bytes == 4)
            ((int32_t *)to)[i] = (int32_t)from[i];
        else
            ((int64_t *)to)[i] = from[i];
    return to;
}

/* x as rows, which may lie backwards and apart; (rows, width). */
static void give_rows(Case *c, const double *x, int64_t width, int64_t *stride, int64_t *count, void **array,
                      const void **first)
{
    const int64_t apart = width + below(c, 3), backwards = c->rows > 1 && !below(c, 4);
    *count = c->rows ? (c->rows - 1) * apart + width : 0;
    double *padded = zeros(*count);
    for (int64_t i = 0; i < *count; i++) padded[i] = NAN;
    for (int64_t i = 0; i < c->rows; i++)
        memcpy(padded + (backwards ? c->rows - 1 - i : i) * apart, x + i * width, (size_t)width * sizeof *x);
    *array = as_type(c, padded, *count);
    *first = (char *)*array + (backwards ? (c->rows - 1) * apart * c->bytes : 0);
    *stride = backwards ? -apart : apart;
    free(padded);
}

/* The same as CSR, some values in two halves. */
static void give_csr(Case *c, const double *x, int64_t width, Given *g)
{
    const int64_t index_bytes = below(c, 2) ? 4 : 8;
    int64_t *indptr = calloc((size_t)c->rows + 1, sizeof *indptr), stored = 0;
    int64_t *indices = calloc((size_t)(2 * c->rows * width + 1), sizeof *indices);
    double *values = zeros(2 * c->rows * width);
    for (int64_t i = 0; i < c->rows; i++) {
        const int64_t begin = stored;
        for (int64_t j = width - 1; j >= 0; j--) {
            const int twice = !below(c, 5);
            for (int k = 0; x[i * width + j] != 0 && k < 1 + twice; k++, stored++)
                indices[stored] = j, values[stored] = x[i * width + j] / (1 + twice);
        }
        indptr[i + 1] = stored;
        if (stored - begin > g->job.data.fullest) g->job.data.fullest = stored - begin;
    }
    g->job.data.index_bytes = (int32_t)index_bytes;
    g->job.data.x = g->x = as_type(c, values, g->x_count = stored);
    g->job.data.indptr = g->indptr = integers(indptr, c->rows + 1, index_bytes);
    g->job.data.indices = g->indices = integers(indices, stored, index_bytes);
    g->stored = g->job.data.stored = stored;
    free(indptr), free(indices), free(values);
}

static Given give(Case *c, const double *params, const double *x, int64_t width, int sparse)
{
    Given g = {.net = plan(c)};
    g.job.networks = c->networks, g.job.data.rows = c->rows;
    g.job.params = g.params = as_type(c, params, c->networks * c->params);
    if (sparse)
        give_csr(c, x, width, &g);
    else
        give_rows(c, x, width, &g.job.data.x_stride, &g.x_count, &g.x, &g.job.data.x);
    return g;
}

static void give_targets(Case *c, Given *g)
{
    const int64_t n = c->sizes[c->layers];
    int one_hot = c->output == OUTPUT_softmax;
    for (int64_t i = 0; i < c->rows * n; i++) one_hot = one_hot && (c->y[i] == 0 || c->y[i] == 1);
    if (one_hot) {
        g->labels = block(c->rows * 8, 1);
        for (int64_t i = 0; i < c->rows; i++)
            for (int64_t j = 0; j < n; j++)
                if (c->y[i * n + j] == 1) g->labels[i] = j;
        g->job.data.labels = g->labels;
    } else
        give_rows(c, c->y, n, &g->job.data.y_stride, &g->y_count, &g->y, &g->job.data.y);
    if (c->s) g->job.data.sample_weight = g->s = as_type(c, c->s, c->rows);
}

static void take_back(const Case *c, Given *g)
{
    drop(c, g->params, c->networks * c->params);
    drop(c, g->x, g->x_count);
    if (g->indptr) release(g->indptr, (c->rows + 1) * g->job.data.index_bytes, 1);
    if (g->indptr) release(g->indices, g->stored * g->job.data.index_bytes, 1);
    if (g->y) drop(c, g->y, g->y_count);
    if (g->labels) release(g->labels, c->rows * 8, 1);
    if (g->s) drop(c, g->s, c->rows);
    release(g->net.layer, c->layers * (int64_t)sizeof(Layer), 1);
}

static void run(const Case *c, Given *g, Verb *verb, int64_t batch_rows, int32_t threads)
{
    Run r = {.net = &g->net,
             .job = &g->job,
             .kernels = pl2_kernels(c->bytes, c->isa),
             .verb = verb,
             .item_bytes = c->bytes};
    const int64_t bytes = pl2_settle(&r, batch_rows, threads);
    if (c->threads % 2) r.pace = pl2_pace(&r, batch_rows); /* may change how many are at work, and no bit */
    void *memory = block(bytes, PL2_LINE);
    pl2_begin(&r, memory);
    while (!r.done) pl2_go_on(&r);
    release(memory, bytes, PL2_LINE);
}

/* Runs a verb with one thread and with several: the same bits. */
static void run_twice(const Case *c, Given *g, Verb *verb, void *result, int64_t bytes)
{
    run(c, g, verb, c->rows, c->threads);
    void *first = malloc((size_t)bytes + 1);
    memcpy(first, result, (size_t)bytes);
    run(c, g, verb, c->rows, 1);
    if (memcmp(first, result, (size_t)bytes)) fail("other bits with other threads", c->threads, 1);
    free(first);
}

/* ---- the verbs ---- */

static void test_predict(Case *c, const double *params)
{
    const int64_t m = c->sizes[0], n = c->sizes[c->layers], networks = c->networks;
    const int64_t before = c->rows * (c->params - c->weights - n), every = below(c, 2); /* layers */
    double *wanted = zeros(before + c->rows * n);
    Activations a;
    for (int64_t i = 0; i < c->rows; i++) {
        double *to = wanted;
        memcpy(a[0], c->x + i * m, (size_t)m * sizeof(double));
        forward(c, params, 0, c->layers, a);
        for (int64_t l = 1; l < c->layers; to += c->rows * c->sizes[l++])
            memcpy(to + i * c->sizes[l], a[l], (size_t)c->sizes[l] * sizeof(double));
        link(c, a[c->layers], to + i * n);
    }
    c->networks = 1;
    Given g = give(c, params, c->x, m, !below(c, 3));
    const int64_t count = c->rows * n + (every ? before : 0);
    void *out = block(count * c->bytes, 1);
    g.job.every_layer = (int32_t)every, g.job.result = out;
    run_twice(c, &g, pl2_kernels(c->bytes, c->isa)->predict, out, count * c->bytes);
    all_close("predict", out, wanted + (every ? 0 : before), count);
    if (every) { /* the last are those of predict alone, bit for bit */
        void *alone = block(c->rows * n * c->bytes, 1);
        g.job.every_layer = 0, g.job.result = alone;
        run(c, &g, pl2_kernels(c->bytes, c->isa)->predict, c->rows, c->threads);
        if (memcmp(alone, (char *)out + before * c->bytes, (size_t)(c->rows * n * c->bytes)))
            fail("predict: other bits with every layer", 0, 0);
        drop(c, alone, c->rows * n);
    }
    drop(c, out, count);
    take_back(c, &g);
    c->networks = networks;
    free(wanted);
}

static void test_input_gradient(Case *c, const double *params)
{
    const int64_t m = c->sizes[0], n = c->sizes[c->layers], count = c->rows * n * m, networks = c->networks;
    double *wanted = zeros(count), p[WIDEST], delta[WIDEST];
    Activations a;
    for (int64_t i = 0; i < c->rows; i++)
        for (int64_t j = 0; j < n; j++) {
            memcpy(a[0], c->x + i * m, (size_t)m * sizeof(double));
            forward(c, params, 0, c->layers, a);
            link(c, a[c->layers], p);
            for (int64_t k = 0; k < n; k++) {
                delta[k] = k == j;
                if (c->output == OUTPUT_logistic) delta[k] *= p[k] * (1 - p[k]);
                if (c->output == OUTPUT_softmax) delta[k] = p[j] * ((k == j) - p[k]);
                if (c->output == OUTPUT_exp) delta[k] *= p[k];
            }
            backward(c, params, a, delta, 0, NULL);
            memcpy(wanted + (i * n + j) * m, delta, (size_t)m * sizeof(double));
        }
    c->networks = 1;
    Given g = give(c, params, c->x, m, !below(c, 3));
    void *out = block(count * c->bytes, 1);
    g.job.to_inputs = 1, g.job.result = out;
    run_twice(c, &g, pl2_kernels(c->bytes, c->isa)->input_gradient, out, count * c->bytes);
    all_close("input_gradient", out, wanted, count);
    drop(c, out, count);
    take_back(c, &g);
    c->networks = networks;
    free(wanted);
}

/* J (rows, outputs, d) of the outputs before their link; and L (rows, outputs, outputs), their losses'
   curvature. */
static void naive_jacobian(const Case *c, const double *params, double *jacobian, double *curvature)
{
    const int64_t n = c->sizes[c->layers];
    double p[WIDEST], delta[WIDEST];
    Activations a;
    for (int64_t i = 0; i < c->rows; i++) {
        memcpy(a[0], c->x + i * c->sizes[0], (size_t)c->sizes[0] * sizeof(double));
        forward(c, params, 0, c->layers, a);
        link(c, a[c->layers], p);
        for (int64_t j = 0; j < n; j++) {
            for (int64_t k = 0; k < n; k++) {
                const double same = k == j;
                delta[k] = same;
                *curvature++ = c->output == OUTPUT_softmax    ? p[j] * (same - p[k])
                               : c->output == OUTPUT_logistic ? same * p[j] * (1 - p[j])
                               : c->output == OUTPUT_exp      ? same * p[j]
                                                              : same;
            }
            backward(c, params, a, delta, 1, jacobian);
            jacobian += c->params;
        }
    }
}

static void test_second_order(Case *c, const double *params)
{
    const int64_t n = c->sizes[c->layers], d = c->params, count = c->rows * n * d, networks = c->networks;
    if (c->bytes == 4 || d > 700 || count * n > 1000000) return; /* the naive way is slow */
    double *jacobian = zeros(count), *curvature = zeros(c->rows * n * n), *wanted = zeros(d * d), mass = 0;
    naive_jacobian(c, params, jacobian, curvature);
    c->networks = 1;
    Given g = give(c, params, c->x, c->sizes[0], 0);
    void *out = block(count * 8, 1);
    g.job.to_inputs = 1, g.job.second_order = PL2_JACOBIAN, g.job.result = out;
    run_twice(c, &g, pl2_second_order(c->isa)->jacobian, out, count * 8);
    all_close("jacobian", out, jacobian, count);
    drop(c, out, count);
    if (c->s) g.job.data.sample_weight = g.s = as_type(c, c->s, c->rows);
    for (int64_t i = 0; i < c->rows; i++) mass += c->s ? c->s[i] : 1;
    for (int64_t r = 0; r < c->rows * n * n; r++) { /* (item, output, output) */
        const int64_t i = r / (n * n);
        const double *left = jacobian + r / n * d, *right = jacobian + (i * n + r % n) * d;
        const double factor = (c->s ? c->s[i] : 1) / mass * curvature[r];
        for (int64_t q = 0; factor && q < d; q++)
            for (int64_t k = 0; k < d; k++) wanted[q * d + k] += factor * left[q] * right[k];
    }
    out = block(d * d * 8, 1);
    g.job.second_order = PL2_GAUSS_NEWTON, g.job.result = out;
    run_twice(c, &g, pl2_second_order(c->isa)->gauss_newton, out, d * d * 8);
    all_close("gauss_newton", out, wanted, d * d);
    drop(c, out, d * d);
    take_back(c, &g);
    c->networks = networks;
    free(jacobian), free(curvature), free(wanted);
}

/* errors of P networks, and the gradient of the first. */
static void test_gradient(Case *c, const double *params, int of_errors)
{
    const int64_t networks = c->networks;
    int64_t *items = calloc((size_t)c->rows, sizeof *items);
    double *wanted = zeros(c->params), rates[MOST_NETWORKS * MOST_LAYERS], sums[2 * MOST_NETWORKS];
    for (int64_t i = 0; i < c->rows; i++) items[i] = i;
    for (int64_t i = 0; i < networks * c->layers; i++) rates[i] = below(c, 3) ? c->l2[i] : 0;
    if (!of_errors) c->networks = 1;
    Given g = give(c, params, c->x, c->sizes[0], !below(c, 3));
    give_targets(c, &g);
    g.job.rates = rates, g.job.sums = sums;
    if (of_errors)
        run_twice(c, &g, pl2_kernels(c->bytes, c->isa)->errors, sums, c->networks * 2 * 8);
    else {
        g.job.result = block(c->params * c->bytes, 1);
        run_twice(c, &g, pl2_kernels(c->bytes, c->isa)->gradient, g.job.result, c->params * c->bytes);
    }
    for (int64_t p = 0; p < c->networks; p++) {
        double mass, R = 0;
        const double loss =
            sum_of_losses(c, params + p * c->params, items, c->rows, &mass, p ? NULL : wanted);
        for (int64_t l = 0; l < c->layers; l++)
            R += rates[p * c->layers + l] / 2 * square(c, params + p * c->params, l);
        close_to("E0", sums[2 * p], loss / mass, loss / mass);
        close_to("R", sums[2 * p + 1], R, R);
        for (int64_t k = 0; p == 0 && k < c->params; k++) wanted[k] /= mass;
    }
    for (int64_t l = 0; l < c->layers; l++)
        for (int64_t k = weight_at(c, l); k < weight_at(c, l + 1); k++) wanted[k] += rates[l] * params[k];
    if (!of_errors) {
        all_close("gradient", g.job.result, wanted, c->params);
        drop(c, g.job.result, c->params);
    }
    take_back(c, &g);
    c->networks = networks;
    free(items), free(wanted);
}

static void naive_epoch(const Case *of, const Update *u, const int64_t *items, double *params, double *state,
                        int64_t *steps, double *sums)
{
    Case own = *of, *c = &own;
    double *grad = zeros(c->params);
    c->drops = u;
    int decays = 0;
    for (int64_t l = 0; l < c->layers; l++) decays |= u->l2[l] != 0;
    sums[0] = sums[1] = 0;
    for (int64_t start = 0; start < c->rows; start += c->batch) {
        const int64_t batch = c->rows - start < c->batch ? c->rows - start : c->batch;
        double mass;
        memset(grad, 0, (size_t)c->params * sizeof *grad);
        c->t = *steps + 1;
        const double loss = sum_of_losses(c, params, items + start, batch, &mass, grad);
        if (mass == 0) continue;
        const double n = u->n ? u->n : mass;
        sums[0] += (double)batch * loss / mass;
        for (int64_t l = 0; decays && l < c->layers; l++)
            sums[1] += (double)batch * (u->decay == DECAY_fraction ? u->l2[l] / u->eta : u->l2[l] / n) / 2
                       * square(c, params, l);
        for (int64_t k = 0; k < c->params; k++) grad[k] /= mass;
        naive_update(c, u, ++*steps, n, grad, params, state);
    }
    free(grad);
}

static void test_epoch(Case *c, const double *params)
{
    const int64_t P = c->networks, d = c->params, orders = below(c, 2) ? P : 1;
    const int32_t optimizer = (int32_t)below(c, 2) ? 0 : (int32_t)below(c, 8), decay = (int32_t)below(c, 3);
    const int64_t S = pl2_states[optimizer];
    int64_t *order = below(c, 3) ? block(orders * c->rows * 8, 1) : NULL,
            steps[2][MOST_NETWORKS] = {{0}, {0}};
    double *trained = zeros(P * d), *state = zeros(P * (S + 2) * d), sums[2][2 * MOST_NETWORKS] = {{0}, {0}};
    double l2[MOST_NETWORKS * MOST_LAYERS], dropout[MOST_NETWORKS * MOST_LAYERS];
    const int drops = !below(c, 3);
    Update updates[MOST_NETWORKS];
    double eta = 0.02; /* such that wide layers do not diverge */
    for (int64_t l = 0; l <= c->layers; l++) eta = fmin(eta, 0.2 / (double)c->sizes[l]);
    const int none = !below(c, 4), of_n = !below(c, 2);
    const double small = below(c, 3) ? 1 : 1e-4; /* float32 then takes several decays at once */
    for (int64_t q = 0; order && q < orders; q++)
        for (int64_t i = 0; i < c->rows; i++) {
            const int64_t j = below(c, i + 1);
            order[q * c->rows + i] = order[q * c->rows + j];
            order[q * c->rows + j] = i;
        }
    for (int64_t i = 0; i < P * c->layers; i++)
        l2[i] = none ? 0 : c->l2[i] * (decay == DECAY_fraction ? 0.05 : 1) * small;
    for (int64_t i = 0; i < P * c->layers; i++) dropout[i] = below(c, 3) ? 0.4 * uniform(c) : 0;
    for (int64_t p = 0; p < P; p++)
        updates[p] = (Update){.optimizer = optimizer,
                              .decay = decay,
                              .dropout = drops && p != 1 ? dropout + p * c->layers : NULL,
                              .seed = bits(c),
                              .eta = eta * (double)(1 + p),
                              .n = of_n ? 2 * (double)c->rows : 0,
                              .momentum = 0.9,
                              .beta_1 = 0.9,
                              .beta_2 = 0.99,
                              .epsilon = 1e-2,
                              .l2 = l2 + p * c->layers};
    const double *s = c->s, *nothing = zeros(c->rows);
    if (c->weightless) c->s = nothing;
    Given g = give(c, params, c->x, c->sizes[0], !below(c, 3));
    give_targets(c, &g);
    g.job.training.updates = updates, g.job.training.batch_rows = c->batch;
    g.job.training.order = order, g.job.training.order_stride = orders > 1 ? c->rows : 0;
    memcpy(trained, params, (size_t)(P * d) * sizeof *trained);
    void *given = as_type(c, state, P * S * d), *ends[2][2];
    for (int again = 0; again < 2; again++) {
        const int32_t threads = again ? 1 : c->threads;
        g.job.training.state = as_type(c, state, P * S * d);
        g.job.training.steps = steps[again], g.job.sums = sums[again];
        g.job.params = as_type(c, params, P * d);
        run(c, &g, pl2_kernels(c->bytes, c->isa)->epoch, c->batch, threads);
        ends[again][0] = g.job.params, ends[again][1] = g.job.training.state;
    }
    if (memcmp(ends[0][0], ends[1][0], (size_t)(P * d * c->bytes)) || memcmp(sums[0], sums[1], sizeof sums[0])
        || memcmp(ends[0][1], ends[1][1], (size_t)(P * S * d * c->bytes)))
        fail("epoch: other bits with other threads", c->threads, 1);
    for (int64_t p = 0; p < P; p++) {
        int64_t *items = calloc((size_t)c->rows, sizeof *items), t = 0;
        double naive[2];
        for (int64_t i = 0; i < c->rows; i++)
            items[i] = order ? order[(orders > 1 ? p : 0) * c->rows + i] : i;
        naive_epoch(c, &updates[p], items, trained + p * d, state + p * (S + 2) * d, &t, naive);
        close_to("epoch: E0", sums[0][2 * p], naive[0], naive[0]);
        close_to("epoch: R", sums[0][2 * p + 1], naive[1], naive[1]);
        if (steps[0][p] != t) fail("epoch: steps", (double)steps[0][p], (double)t);
        free(items);
    }
    all_close("epoch", ends[0][0], trained, P * d);
    if (!pl2_finite(ends[0][0], P * d, c->bytes)) fail("finite", 0, 1);
    for (int again = 0; again < 2; again++)
        drop(c, ends[again][0], P * d), drop(c, ends[again][1], P * S * d);
    drop(c, given, P * S * d);
    if (order) release(order, orders * c->rows * 8, 1);
    take_back(c, &g);
    c->s = s;
    free(trained), free(state), free((void *)nothing);
}

/* ---- the swarm ---- */

static void test_swarm(Case *c)
{
    const int64_t P = 1 + below(c, 9), d = 1 + below(c, 70), K = 1 + below(c, 3),
                  at_bounds = below(c, COUNT(((char[]){0, 1, 2, 3})));
    double *x = zeros(P * d), *v = zeros(P * d), *best = zeros(P * d), *centre = zeros(d), *low = zeros(d),
           *high = zeros(d), *most = zeros(d), *values = block(P * 8, 1), *distance = block(P * 8, 1);
    int64_t *leader = block(P * 8, 1), *links = block(P * K * 8, 1);
    for (int64_t i = 0; i < P * d; i++) x[i] = number(c), v[i] = 3 * number(c), best[i] = number(c);
    for (int64_t i = 0; i < d; i++)
        centre[i] = number(c), low[i] = -1, high[i] = 1, most[i] = 0.5 + uniform(c);
    for (int64_t p = 0; p < P; p++) values[p] = (double)below(c, 4);
    for (int64_t k = 0; k < P * K; k++) links[k] = below(c, P);
    const int64_t winner = pl2_best(values, P, 0);
    for (int32_t topology = 2; topology >= 0; topology--) { /* those of pl2_topologies; random last */
        pl2_follow(topology, values, P, links, K, leader);
        for (int64_t p = 0; p < P; p++) {
            if (leader[p] < -1 || leader[p] >= P) fail("leader", (double)leader[p], (double)P);
            if (leader[p] >= 0 && values[leader[p]] > values[p])
                fail("a leader that is worse", values[leader[p]], values[p]);
        }
        if (topology == 1 && leader[P - 1] != winner)
            fail("global leader", (double)leader[P - 1], (double)winner);
    }
    void *there[2], *moved[2];
    Swarm s = {.particles = P,
               .size = d,
               .leader = leader,
               .distance = distance,
               .inertia = 0.7,
               .c1 = 1.2,
               .c2 = 1.2,
               .seed = bits(c),
               .iteration = bits(c),
               .boundary = (int32_t)at_bounds};
    s.best = as_type(c, best, P * d), s.centre = as_type(c, centre, d);
    s.lower = as_type(c, low, d), s.upper = as_type(c, high, d), s.v_max = as_type(c, most, d);
    const void *v_max = s.v_max;
    if (below(c, 2)) s.v_max = NULL;
    for (int again = 0; again < 2; again++) {
        const int64_t cut = again ? below(c, P + 1) : 0; /* in two parts: the same bits */
        s.x = there[again] = as_type(c, x, P * d), s.v = moved[again] = as_type(c, v, P * d);
        pl2_kernels(c->bytes, c->isa)->move(&s, 0, cut);
        pl2_kernels(c->bytes, c->isa)->move(&s, cut, P);
    }
    if (memcmp(there[0], there[1], (size_t)(P * d * c->bytes))) fail("move: other bits in parts", 0, 1);
    for (int64_t p = 0; p < P; p++) {
        double away = 0;
        for (int64_t i = 0; i < d; i++) {
            const double now_at = at(c, s.x, p * d + i), speed = at(c, s.v, p * d + i);
            away += pow(now_at - centre[i], 2);
            if (at_bounds && fabs(now_at) > 1) fail("move: out of bounds", now_at, 1);
            if (s.v_max && fabs(speed) > most[i] + 1e-6) fail("move: too fast", speed, most[i]);
        }
        close_to("move: distance", distance[p], away, away);
    }
    double *found = block(P * 8, 1);
    for (int64_t p = 0; p < P; p++) found[p] = p % 3 == 0 ? NAN : values[p] + number(c);
    pl2_keep(found, s.x, P, d * c->bytes, values, (void *)s.best);
    for (int64_t p = 0; p < P; p++)
        if (!(values[p] <= found[p]) && found[p] == found[p]) fail("keep", values[p], found[p]);
    for (int again = 0; again < 2; again++) drop(c, there[again], P * d), drop(c, moved[again], P * d);
    drop(c, (void *)s.best, P * d), drop(c, (void *)s.centre, d), drop(c, (void *)s.lower, d);
    drop(c, (void *)s.upper, d), drop(c, (void *)v_max, d);
    release(values, P * 8, 1), release(distance, P * 8, 1), release(leader, P * 8, 1);
    release(links, P * K * 8, 1), release(found, P * 8, 1);
    free(x), free(v), free(best), free(centre), free(low), free(high), free(most);
}

static void test_shuffle(Case *c)
{
    const int64_t count = below(c, 40);
    int64_t *order = block(count * 8, 1), sum = 0;
    double *numbers = block(count * 8, 1);
    for (int64_t i = 0; i < count; i++) order[i] = i, numbers[i] = (double)(bits(c) >> 11) * 0x1p-53;
    const int64_t cut = below(c, count + 1);
    pl2_shuffle(order, numbers, cut, count);
    pl2_shuffle(order, numbers, 0, cut);
    for (int64_t i = 0; i < count; i++) sum += (int64_t)1 << order[i];
    if (sum != ((int64_t)1 << count) - 1) fail("shuffle: no permutation", (double)sum, 0);
    release(order, count * 8, 1), release(numbers, count * 8, 1);
}

static void test_finite(Case *c)
{
    for (int64_t i = 0; i < 9; i++) {
        double values[9] = {0};
        values[i] = i % 2 ? NAN : INFINITY;
        void *array = as_type(c, values, 9);
        if (pl2_finite(array, 9, c->bytes)) fail("finite", 1, 0);
        drop(c, array, 9);
    }
}

/* ---- what other threads write after the checks ---- */

/* Numbers that are no index, and some that are. */
static void trample(Case *c, void *array, int64_t count, int64_t bytes)
{
    static const int64_t bad[] = {-1, -2, 1, 1000003, INT32_MAX, INT32_MIN, INT64_MAX, INT64_MIN, 1LL << 40};
    for (int64_t i = 0; array && i < count; i++) {
        const int64_t found = below(c, 3) ? bad[below(c, COUNT(bad))] : below(c, 4);
        if (below(c, 4) == 0) continue;
        if (bytes == 4)
            ((int32_t *)array)[i] = (int32_t)found;
        else
            ((int64_t *)array)[i] = found;
    }
}

static void trample_all(Case *c, Given *g, int64_t *order, int64_t orders)
{
    if (g->indptr) trample(c, g->indptr, c->rows + 1, g->job.data.index_bytes);
    if (g->indptr) trample(c, g->indices, g->stored, g->job.data.index_bytes);
    trample(c, g->labels, c->rows, 8);
    trample(c, order, orders * c->rows, 8);
}

/* Every verb on arrays that were overwritten: any numbers, but no memory that is not theirs. */
static void test_trampled(Case *c, const double *params)
{
    const Kernels *kernels = pl2_kernels(c->bytes, c->isa);
    const int64_t m = c->sizes[0], n = c->sizes[c->layers], P = c->networks, d = c->params;
    const int64_t orders = below(c, 2) ? P : 1;
    double rates[MOST_NETWORKS * MOST_LAYERS] = {0}, sums[2 * MOST_NETWORKS] = {0};
    int64_t steps[MOST_NETWORKS] = {0}, *order = block(orders * c->rows * 8, 1);
    const double dropout[MOST_LAYERS] = {0.5, 1 - 0x1p-40, 0, 0.5};
    const int drops = !below(c, 3);
    Update updates[MOST_NETWORKS];
    for (int64_t i = 0; i < orders * c->rows; i++) order[i] = i % c->rows;
    for (int64_t p = 0; p < P; p++)
        updates[p] = (Update){.optimizer = (int32_t)below(c, 5),
                              .dropout = drops ? dropout : NULL,
                              .eta = 1e-9,
                              .momentum = 0.9,
                              .beta_1 = 0.9,
                              .beta_2 = 0.99,
                              .epsilon = 1e-2,
                              .l2 = rates};
    for (int64_t p = 1; p < P; p++) updates[p].optimizer = updates[0].optimizer;
    const int64_t states = P * pl2_states[updates[0].optimizer] * d, count = c->rows * n * m;
    double *none = zeros(states);
    for (int verb = 0; verb < 5; verb++) {
        c->networks = verb < 2 ? P : 1;
        Given g = give(c, params, c->x, m, below(c, 2));
        void *state = as_type(c, none, states), *out = block((count + d) * c->bytes, 1);
        g.job.sums = sums;
        if (verb < 3) give_targets(c, &g), g.job.rates = rates;
        if (verb == 0)
            g.job.training.updates = updates, g.job.training.steps = steps, g.job.training.state = state;
        if (verb == 0) g.job.training.order = order, g.job.training.order_stride = orders > 1 ? c->rows : 0;
        if (verb > 1) g.job.result = out;
        if (verb > 2) g.job.sums = NULL;
        g.job.to_inputs = verb == 4, g.job.training.batch_rows = c->batch;
        trample_all(c, &g, verb ? NULL : order, orders);
        Verb *const verbs[] = {kernels->epoch, kernels->errors, kernels->gradient, kernels->predict,
                               kernels->input_gradient};
        run(c, &g, verbs[verb], verb ? c->rows : c->batch, c->threads);
        drop(c, state, states), drop(c, out, count + d);
        take_back(c, &g);
    }
    c->networks = P;
    release(order, orders * c->rows * 8, 1);
    free(none);
}

static void test_trampled_swarm(Case *c)
{
    const int64_t P = 1 + below(c, 9), d = 1 + below(c, 40), K = 1 + below(c, 3), size = P * d;
    double *numbers = zeros(size), *values = block(P * 8, 1), *distance = block(P * 8, 1);
    int64_t *leader = block(P * 8, 1), *links = block(P * K * 8, 1), *order = block(P * 8, 1);
    for (int64_t p = 0; p < P; p++) values[p] = (double)below(c, 4), order[p] = p, leader[p] = -1;
    for (int64_t k = 0; k < P * K; k++) links[k] = 0;
    trample(c, links, P * K, 8);
    pl2_follow(0, values, P, links, K, leader);
    trample(c, leader, P, 8);
    void *x = as_type(c, numbers, size), *v = as_type(c, numbers, size), *best = as_type(c, numbers, size);
    void *centre = as_type(c, numbers, d);
    const Swarm s = {.particles = P,
                     .size = d,
                     .x = x,
                     .v = v,
                     .best = best,
                     .leader = leader,
                     .centre = centre,
                     .distance = distance,
                     .inertia = 0.7,
                     .c1 = 1,
                     .c2 = 1};
    pl2_kernels(c->bytes, c->isa)->move(&s, 0, P);
    trample(c, values, P, 8); /* as float64 NaN, denormals and the like */
    for (int64_t p = 0; p < P; p++) values[p] *= below(c, 2) ? 1e300 : -1;
    pl2_shuffle(order, values, 0, P);
    drop(c, x, size), drop(c, v, size), drop(c, best, size), drop(c, centre, d);
    release(values, P * 8, 1), release(distance, P * 8, 1), release(leader, P * 8, 1);
    release(links, P * K * 8, 1), release(order, P * 8, 1);
    free(numbers);
}

/* ---- looks at the signals ---- */

/* The most outputs of a row are no longer without a look than one, and threads share them. */
static void test_looks(const char *isa, int64_t bytes)
{
    enum { ROWS = 3, OUTPUTS = 40, INPUTS = 5 };
    const double x[ROWS * INPUTS] = {0}, params[INPUTS * 4 + 4 * OUTPUTS + 4 + OUTPUTS] = {0};
    Case c = {.isa = isa, .bytes = bytes, .layers = 2, .sizes = {INPUTS, 4, OUTPUTS}, .x = x};
    now = &c;
    c.networks = 1, c.rows = ROWS, c.weights = weight_at(&c, 2), c.params = bias_at(&c, 2);
    Given g = give(&c, params, x, INPUTS, 0);
    g.net.slice = 1e4; /* longer than a pass of all rows, much shorter than that of all outputs */
    g.job.to_inputs = 1, g.job.result = block(ROWS * OUTPUTS * INPUTS * bytes, 1);
    Run r = {.net = &g.net, .job = &g.job, .kernels = pl2_kernels(bytes, isa), .item_bytes = bytes};
    r.verb = r.kernels->input_gradient;
    const int64_t memory_bytes = pl2_settle(&r, ROWS, 1);
    void *memory = block(memory_bytes, PL2_LINE);
    int64_t slices = 0;
    const double step = ROWS * g.job.split.row_cost, wanted = floor(OUTPUTS * step / (g.net.slice + step));
    for (pl2_begin(&r, memory); !r.done; slices++) pl2_go_on(&r);
    if (r.parts < 2) fail("looks: parts", (double)r.parts, 2);
    if (wanted < 10 || (double)slices < wanted) fail("looks: slices", (double)slices, wanted);
    release(memory, memory_bytes, PL2_LINE);
    drop(&c, g.job.result, ROWS * OUTPUTS * INPUTS);
    take_back(&c, &g);
}

/* ---- the cases ---- */

/* Widths that end vectors, tiles, panels and lanes, and just do not. */
static const int64_t widths[] = {1, 2, 3, 4, 5, 7, 8, 9, 15, 16, 17, 31, 33, 63, 64, 65, 70, 129, 257, 300};
static const int64_t heights[] = {1, 2, 3, 4, 5, 8, 15, 16, 17, 33, 64, 65, 127, 130, 259};

/* Shapes that come to branches which the random ones seldom find. */
static const struct {
    int64_t layers, sizes[MOST_LAYERS + 1], rows, batch, networks;
    int32_t weightless;
} shapes[] = {
    {2,
     {5, 3, 1},
     65,
     65,
     MOST_NETWORKS,
     0},                              /* more networks than a vector's lanes, more rows than a block */
    {2, {16, 9, 2}, 130, 65, 1, 0},   /* a team on items in lanes */
    {2, {70, 65, 3}, 129, 64, 1, 0},  /* a team of which some have no row of the last batch */
    {2, {320, 320, 1}, 5, 5, 2, 0},   /* too large to be interleaved, or for many gradients */
    {2, {4, 5, 3}, 259, 259, 1, 1},   /* a batch in chunks that weighs nothing */
    {2, {9, 70, 1}, 65, 33, 1, 0},    /* two layers together, and inputs in two bands */
    {2, {31, 257, 1}, 130, 65, 1, 0}, /* the same, and a team which takes them one after the other */
};

static void choose(Case *c)
{
    const int64_t rare = below(c, 4 * COUNT(shapes));
    int64_t product = 1;
    c->layers = 1 + below(c, MOST_LAYERS);
    c->output = (int32_t)below(c, 4);
    c->threads = (int32_t)below(c, 4);         /* 0: as many as there may be */
    for (int64_t l = 0; l <= c->layers; l++) { /* few are large: the naive way is slow */
        const int64_t most = product > 100 ? 9 : COUNT(widths);
        c->sizes[l] = widths[below(c, most)];
        product = c->sizes[l];
        c->activation[l < MOST_LAYERS ? l : 0] = below(c, 2) ? below(c, 4) : below(c, ACTIVATION_mish + 1);
    }
    static const struct {
        int32_t loss;
        double number;
    } others[] = {{LOSS_identity_huber, 0.5},
                  {LOSS_identity_absolute_error, 0},
                  {LOSS_identity_quantile, 0.3},
                  {LOSS_exp_gamma, 0}};
    c->loss = c->output;
    const int64_t other = below(c, 2 * COUNT(others)); /* half of the cases are as before */
    if (other < COUNT(others) && pl2_loss_outputs[others[other].loss] == c->output)
        c->loss = others[other].loss, c->loss_number = others[other].number;
    if ((c->output == OUTPUT_softmax || c->output == OUTPUT_logistic) && !below(c, 3)) c->smoothing = 0.2;
    if (rare < COUNT(shapes)) {
        c->layers = shapes[rare].layers;
        memcpy(c->sizes, shapes[rare].sizes, sizeof c->sizes);
    }
    c->weights = weight_at(c, c->layers);
    c->params = bias_at(c, c->layers);
    c->rows = heights[below(c, c->weights > 1000 ? 9 : COUNT(heights))];
    c->batch = below(c, 3) ? heights[below(c, COUNT(heights))] : c->rows;
    if (c->batch > c->rows) c->batch = c->rows;
    c->networks = 1 + below(c, 3);
    if (rare < COUNT(shapes)) {
        c->rows = shapes[rare].rows, c->batch = shapes[rare].batch;
        c->networks = shapes[rare].networks, c->weightless = shapes[rare].weightless;
    }
}

static void test_case(const char *isa, int64_t bytes, uint64_t seed)
{
    Case c = {.isa = isa, .bytes = bytes, .random = seed};
    now = &c;
    choose(&c);
    const int64_t m = c.sizes[0], n = c.sizes[c.layers];
    double *x = zeros(c.rows * m), *y = zeros(c.rows * n), *s = below(&c, 2) ? zeros(c.rows) : NULL;
    double *params = zeros(c.networks * c.params);
    const int labels = c.output == OUTPUT_softmax && below(&c, 2);
    for (int64_t i = 0; i < c.rows * m; i++) x[i] = below(&c, 3) ? number(&c) : 0;
    const double least = c.loss == LOSS_exp_gamma ? 0.25 : 0;
    for (int64_t i = 0; i < c.rows * n; i++) y[i] = labels ? 0 : least + (below(&c, 4) ? uniform(&c) : 0);
    for (int64_t i = 0; labels && i < c.rows; i++) y[i * n + below(&c, n)] = 1;
    for (int64_t i = 0; s && i < c.rows; i++) s[i] = i && !below(&c, 3) ? 0 : 0.25 + uniform(&c);
    for (int64_t p = 0; p < c.networks; p++)
        for (int64_t l = 0; l < c.layers; l++) {
            const double scale = 1 / sqrt((double)c.sizes[l]);
            double *w = params + p * c.params;
            for (int64_t k = weight_at(&c, l); k < weight_at(&c, l + 1); k++)
                w[k] = (double)(float)(scale * number(&c));
            for (int64_t k = 0; k < c.sizes[l + 1]; k++) w[bias_at(&c, l) + k] = number(&c) / 4;
        }
    for (int64_t i = 0; i < c.networks * c.layers; i++) c.l2[i] = uniform(&c);
    c.x = x, c.y = y, c.s = s;
    test_predict(&c, params);
    test_input_gradient(&c, params);
    test_second_order(&c, params);
    test_trampled(&c, params);
    for (int64_t i = 0; s && i < c.rows; i++) /* rows of weight 0 may overflow */
        for (int64_t j = 0; s[i] == 0 && j < m; j++) x[i * m + j] = (below(&c, 2) ? 1 : -1) * huge(&c);
    test_gradient(&c, params, 0);
    test_gradient(&c, params, 1);
    test_epoch(&c, params);
    test_swarm(&c);
    test_trampled_swarm(&c);
    test_shuffle(&c);
    test_finite(&c);
    free(x), free(y), free(s), free(params);
}

/* All cases at once in threads of our own, whose calls make threads of theirs. */
typedef struct {
    const char *isa;
    int64_t cases;
    uint64_t seed;
} Plan;

static void *some_cases(void *plan)
{
    const Plan *p = plan;
    test_looks(p->isa, 4), test_looks(p->isa, 8);
    for (int64_t k = 0; k < p->cases; k++) {
        test_case(p->isa, 4 + 4 * (k % 2), p->seed + (uint64_t)k * 7919);
        pl2_set_num_threads((int32_t)(k % 3));
        if (pl2_get_num_threads() < 1) fail("threads", 0, 1);
    }
    return NULL;
}

/* More teams at one time than there is room for: a member that calls a team, and so on. */
static void deeper(const Team *team, void *task)
{
    int64_t *depth = task, next = *depth - 1;
    if (team->rank == 0 && next > 0) pl2_team_run(2, 0, deeper, &next);
}

/* One comes so late to the meeting that the others fall asleep. */
static void late(const Team *team, void *task)
{
    int *written = task;
    if (team->rank == 0) {
        nanosleep(&(struct timespec){.tv_nsec = 50000000}, NULL);
        *written = 1;
    }
    pl2_team_wait(team);
    if (!*written) abort();
}

/* ---- what is too large to be tried whole: a copy of the kernels of our own ---- */

#define WIDTH 16
#define R float
#define INT int32_t
#define NAME(f) f##_f32_test
#include "kernel/kernel.h"

/* Labels above 2^24, which float32 does not tell apart.  All outputs of an item lie in one place here,
   where the last one's target stays. */
static void test_labels(void)
{
    const int64_t labels[] = {1 << 24, (1 << 24) + 1};
    const Job job = {.data = {.labels = labels, .rows = 2}};
    float y[LANES];
    for (int64_t last = 0; last < 2; last++)
        for (int64_t item = 0; item < 2; item++) {
            NAME(given_targets)(&job, 0, item, 1, labels[last] + 1, y, 0);
            if (*y != (float)(item == last)) {
                fprintf(stderr, "label %d marks output %d: %g\n", (int)labels[item], (int)labels[last], *y);
                exit(1);
            }
        }
}

int main(int count, char **arguments)
{
    const int64_t cases = count > 1 ? atoll(arguments[1]) : 40;
    const uint64_t seed = count > 2 ? (uint64_t)atoll(arguments[2]) : 1;
    int64_t depth = 100;
    if (pl2_runs("none") || pl2_kernels(8, "none")) return 1;
    test_labels();
    for (const char *const *isa = pl2_isas; *isa; isa++) {
        enum { AT_ONCE = 3 };
        pthread_t thread[AT_ONCE];
        Plan each[AT_ONCE];
        if (!pl2_runs(*isa) || (count > 3 && strcmp(*isa, arguments[3]))) continue;
        for (int k = 0; k < AT_ONCE; k++) {
            each[k] = (Plan){*isa, (cases + AT_ONCE - 1) / AT_ONCE, seed + (uint64_t)k * 1000003};
            if (pthread_create(&thread[k], NULL, some_cases, &each[k])) exit(2);
        }
        for (int k = 0; k < AT_ONCE; k++) pthread_join(thread[k], NULL);
        printf("%s: %d cases\n", *isa, (int)(each[0].cases * AT_ONCE));
    }
    pl2_team_run(2, 0, deeper, &depth);
    for (int i = 0; i < 4; i++) pl2_team_run(2, 1, late, &(int){0});
    return 0;
}
