/* The whole surface of the engine: shapes, layouts, and a table of verbs.

   Three structs describe everything: a Net (one shape), a Job (what to do with which arrays) and a
   Cursor (how far it has come).  The caller owns all memory, checks everything and hands over one
   work buffer; after that nothing can fail, so no verb returns a status.  A verb works for what is
   `left` of a slice of time, moves the cursor and returns; call it again until `done`.

   Other threads can still write the arrays that were checked.  That changes numbers, never what memory
   is accessed: an index is read once, by pl2_once or pl2_index, and brought into its range by pl2_among
   before it is used. */
/* One batch of m items through a network of layers W_1 .. W_L, items in rows:

     x (m, in) or, gathered, inputs (m, x_stride)
       | W_1, b_1                      params as users have them, or packed: rows padded
     a_1 (m, stride_1)                 activation, layer 1
       ...
     z_L (m, stride_L)                 activation, layer L; where outputs are few (outputs, m)
       | loss with targets             panel: 16 or so items at a time, turned into columns
     delta_L in the place of z_L
       | W_L^T                         panel: a strip of W transposed
     delta_L-1 .. delta_1              delta
       | a^T delta                     gradient, or subtracted from W at once under plain descent

   Of two layers with one output (fused.h) z_2 is made with a_1, and delta_1 with the gradients.

   In columns (feature_major.h) each of these arrays is (units, m); interleaved networks (interleaved.h) have
   (m, units, LANES), a lane for each network. */
#ifndef PL2_CORE_H
#define PL2_CORE_H

#include "costs.h"
#include "team.h"

#include <stdint.h>

/* PL2_SCALAR shows any compiler what one without vectors sees. */
#if defined(__x86_64__) && defined(__GNUC__) && !defined(PL2_SCALAR)
#define PL2_X86
#endif
#if defined(__aarch64__) && defined(__GNUC__) && !defined(PL2_SCALAR)
#define PL2_ARM64
#endif

enum { PL2_THERE, PL2_BACK, PL2_UPDATE, PL2_STAGES }; /* of a block in an epoch */

/* How the items of a block lie: each a row, (rows, features); each a column, (features, rows), so that items
   fill the lanes of vectors; or a single one. */
enum { PL2_ROWS, PL2_COLUMNS, PL2_ONE_ITEM };

enum { PL2_JACOBIAN = 1, PL2_GAUSS_NEWTON }; /* of second_order.h */

/* One layer: a' (m, out) = f(a (m, in) W (in, out) + b (out)). */
typedef struct {
    int64_t in, out;
    int64_t weight, bias; /* where W and b begin in a vector of parameters */
    int64_t stride;       /* `out` padded to whole cache lines: the row length of a' in work */
    int64_t column;       /* sum of the strides before it: a' of m rows begins at m * column */
    /* The same in packed parameters: W has rows `pitch` apart, in a narrow last layer it is W^T. */
    int64_t packed_weight, packed_bias, pitch;
    int32_t large;      /* W fills a cache: its products are made of packed panels; */
    int32_t far;        /* W fills all near ones: of several panels at a time, the next being fetched */
    int32_t activation; /* row of activations.h; unused in the last layer, whose link is the output's */
    double number;      /* what that depends on */
} Layer;

/* One shape: parameters are W_1 .. W_L, then b_1 .. b_L, each matrix in C order (in, out). */
typedef struct {
    int64_t layers, inputs, outputs, weights, params;
    int64_t lanes;         /* numbers of a vector */
    int64_t columns;       /* sum of all strides */
    int64_t params_stride; /* params padded */
    int64_t widest;        /* the largest stride */
    int64_t x_stride;      /* the inputs padded, the row length of gathered items */
    int64_t panel_bytes;   /* of a panel of gemm.h, which also serves the losses */
    int64_t active_bytes;  /* of the list of active rows of sparse.h, padded */
    /* Packed parameters: a network in training lies in work, its rows padded to whole cache lines, so
       that no vector is a part and what is stored is soon loaded again.  So many vectors of them, with the
       optimizer's, are not too large for that. */
    int64_t packed, packed_weights, packed_vectors;
    int32_t large;  /* one of the layers is */
    int32_t slopes; /* one of the activations stores its slope */
    double slice;   /* operations after which signals are looked for */
    int32_t narrow; /* few outputs: the last layer is packed as W^T */
    int32_t output; /* rows of outputs.h: the output, and its loss, */
    int32_t loss;
    double loss_number, label_smoothing; /* what it depends on */
    Layer *layer;
} Net;

/* How one network is trained.  n is what lambda is divided by; 0 means each batch's own m. */
typedef struct {
    int32_t optimizer, decay; /* rows of optimizers.h and of decay.h */
    double eta, n, momentum, beta_1, beta_2, epsilon;
    const double *l2; /* (layers) lambda of each layer */
    /* What the gradient of E0 may be at most, its norm over all parameters or each component; 0: anything. */
    double clip_norm, clip_value;
    double average; /* beta of the average of the parameters, the last state vector; 0: there is none */
    /* Factors of eta and lambda in each batch of the epoch; NULL: 1.  See pl2_scheduled. */
    const double *eta_factors, *l2_factors;
    const double *dropout; /* (layers) what part of that which goes into each layer is left out; NULL: none */
    uint64_t seed;         /* of which parts these are */
} Update;

/* What it is computed on: items, and what is wanted of them.  `void *` arrays are of the table's type R. */
typedef struct {
    int64_t rows;     /* items */
    const void *x;    /* (rows, in) */
    int64_t x_stride; /* elements from one row to the next; may be negative or 0 */
    /* CSR: x holds values alone, those of row i from indptr[i] to indptr[i + 1], their columns are in
       indices, unsorted and repeated as they come.  indptr is NULL where x is dense. */
    const void *indptr, *indices;
    int32_t index_bytes; /* 4 or 8, of both */
    int64_t stored;      /* as many values and indices there are */
    int64_t fullest;     /* values of the row that has most */
    const void *y;       /* (rows, outputs), or NULL where labels are given or none are needed */
    int64_t y_stride;
    const int64_t *labels;     /* (rows) class indices, or NULL */
    const void *sample_weight; /* (rows), or NULL: 1 each */
    int64_t weight_stride;     /* 0: the same for all networks; else rows: (P, rows) */
} Data;

/* Into what the work is split; set by pl2_measure. */
typedef struct {
    double row_cost; /* operations, roughly and at most */
    int64_t passes;  /* so many times a row costs that */
    int64_t block_rows;
    int32_t staged;           /* epoch: a block is so long that one stage of it is enough without a look */
    int32_t layout;           /* of the items of a block: PL2_ROWS, or PL2_COLUMNS: see feature_major.h */
    int32_t fused;            /* packed or interleaved networks, by one thread: see fused.h */
    int64_t grouped;          /* the first so many networks are interleaved (see interleaved.h), */
    int64_t interleaved;      /* so many in a part, which are the lanes of a vector; others have one each */
    int64_t interleaved_rows; /* of a block of theirs, at most */
    int32_t by_units;         /* epoch: a team shares the units of each layer, not the rows of a block */
    int64_t chunks;           /* of blocks, about equal, each of which may go to another thread */
    int64_t output_chunks;    /* input_gradient: of the outputs, for each chunk of blocks; else 1 */
} Split;

/* Of an epoch. */
typedef struct {
    const int64_t *order;  /* the items in their order, or NULL */
    int64_t order_stride;  /* 0: one order for all networks; else rows: (P, rows) */
    int64_t batch_rows;    /* rows of a batch; the last may be smaller */
    const Update *updates; /* (P); NULL where nothing is trained */
    void *state;           /* (P, S, d) the optimizer's state vectors */
    int64_t *steps;        /* (P) updates done so far */
} Training;

/* Where things lie in the work buffer, in bytes from its start; pl2_lay_out is the only place that knows
   their sizes.  What a job does not need takes no room. */
typedef struct {
    int64_t jacobian; /* a row with a panel to spare, and for gauss_newton the rows at hand, in panels */
    /* Of one network.  `packed`: parameters, then state vectors. */
    int64_t packed, gradient, panels, squares, active, shrink; /* shrink: c of each layer */
    int64_t strips;         /* of a large layer's inputs, see gemm.h; 0 where none are made */
    int64_t gradient_bytes; /* 0 where each product a^T delta is subtracted at once */
    /* Of a block of at most `room` rows, which are whole cache lines. */
    int64_t room;
    int64_t loss;       /* (room), float64 */
    int64_t targets;    /* (outputs, room), columns */
    int64_t activation; /* all layers (room, stride) or (out, room), one after another; see Layer.column */
    int64_t delta;      /* the same; the last layer's take the place of its activations */
    int64_t slope;      /* the same, of activations that store it; 0 where none does, or it is not wanted */
    int64_t spans;      /* CSR: (room, 2) int64 */
    int64_t inputs;     /* (room, x_stride): gathered items, gradients by them; in columns x (in, room); */
                        /* of CSR what dropout has left, (room, fullest) */
    int64_t bytes;      /* of all */
} Layout;

/* The same of a part of interleaved networks; of each number of theirs a vector. */
typedef struct {
    int64_t params, state, gradient;  /* (d), (S, d), (d) */
    int64_t l2, c, decay, loss, mass; /* (layers) each: see decay.h; (1) float64 twice */
    int64_t rows, activation, delta;  /* of a block; (rows, units of all layers) each */
    int64_t slope;                    /* the same, or 0 */
    int64_t targets, inputs;          /* (outputs) of one item; (rows, x_stride) numbers, or (rows, in) */
    int64_t bytes;
} InterleavedLayout;

/* What a verb is to do. */
typedef struct {
    int64_t networks; /* P; 1 but for errors and epoch */
    void *params;     /* (P, d); written by epoch alone */
    Data data;
    Training training;
    int32_t to_inputs;    /* input_gradient: 1, for rows as long as the inputs are to be held */
    int32_t second_order; /* PL2_JACOBIAN or PL2_GAUSS_NEWTON, each with to_inputs; else 0 */
    int32_t every_layer;  /* predict: the outputs of all layers are wanted, not the last's alone */
    const double *rates;  /* errors, gradient: (P, layers), lambda/n: R = sum of rate/2 |W|^2 */
    double *part_sums;    /* errors, gradient: (P, chunks, 2): sums of s loss and of s */
    void *part_gradients; /* (chunks, params_stride) their sums of s dl/dparams; pl2_part_gradients */
    double *sums;         /* (P, 2): E0 and R; epoch: sums over batches of rows E0 and rows R */
    /* predict: (rows, out), or that of each layer, one after another; gradient: (d);
       input_gradient: (rows, outputs, in); jacobian: (rows, outputs, d); gauss_newton: (d, d) */
    void *result;
    Split split;
    Layout work;
    InterleavedLayout interleaved_work;
} Job;

/* Where a verb stands in one part of a job: a network, or the first of some interleaved ones, and a chunk of its
   rows or, in an epoch, all of them.  Starts as pl2_part makes it. */
typedef struct {
    int64_t network, chunk, first_row, last_row; /* the part */
    int64_t first_output, last_output; /* of input_gradient and jacobian; gauss_newton: panels of columns */
    int64_t interleaved;               /* networks that are interleaved, or 0 */
    int64_t batch, row;                /* row: within the batch where there are batches */
    int32_t stage;                     /* epoch, in stages: what is next to be done with the block */
    int64_t output;                    /* input_gradient: the next of the block */
    /* 1 + the first row of the block that is in work already, or 0.  errors: its items, as columns;
       input_gradient: its activations. */
    int64_t held;
    double loss, mass; /* of the batch or chunk: sum of s loss so far; sum of s, the m of SPEC */
    const Team *team;  /* epoch: who does this part together; each of them has a cursor of its own */
    double left;       /* operations until the verb is to return; set before each call */
    int32_t done;
} Cursor;

typedef void Verb(const Net *net, const Job *job, Cursor *at, void *work);
typedef void AddUp(const Net *net, const Job *job);

/* What another thread may write meanwhile, read exactly once: what was compared is what is used. */
#ifdef __GNUC__
#define PL2_ONCE(type, p) __atomic_load_n((const type *)(p), __ATOMIC_RELAXED)
#define PL2_LIKELY(condition) __builtin_expect(condition, 1)
#else
#define PL2_ONCE(type, p) (*(const volatile type *)(p))
#define PL2_LIKELY(condition) (condition)
#endif

static inline int64_t pl2_once(const int64_t *p) { return PL2_ONCE(int64_t, p); }

/* The k-th of an array of int32 or of int64.  The test costs nothing beside what an index leads to,
   and spares a second copy of the code. */
static inline int64_t pl2_index(const void *index, int32_t index_bytes, int64_t k)
{
    return index_bytes == 4 ? PL2_ONCE(int32_t, (const int32_t *)index + k)
                            : pl2_once((const int64_t *)index + k);
}

/* An index into `count` > 0 things, which it is unless it was overwritten after the checks: then 0. */
static inline int64_t pl2_among(int64_t index, int64_t count)
{
    return PL2_LIKELY((uint64_t)index < (uint64_t)count) ? index : 0;
}

/* A swarm to be moved; `void *` arrays are of the table's type R. */
typedef struct {
    int64_t particles;         /* P */
    int64_t size;              /* d, the coordinates of a particle */
    void *x, *v;               /* (P, d) positions and velocities, written */
    const void *best;          /* (P, d) the best place of each particle */
    const int64_t *leader;     /* (P) the particle whose best place each follows, itself even; -1: nobody */
    const void *centre;        /* (d) */
    double *distance;          /* (P) written: squared distance of each, once moved, from the centre */
    const void *v_max;         /* (d) the largest |v|, or NULL */
    const void *lower, *upper; /* (d) bounds; unused with BOUNDARY_none */
    double inertia, c1, c2;
    uint64_t seed, iteration; /* what its random numbers depend on, beside particle and coordinate */
    int32_t boundary;         /* row of move.h */
} Swarm;

/* Moves the particles [first, last), whatever becomes of the others, at the same time even. */
typedef void Move(const Swarm *swarm, int64_t first, int64_t last);

typedef struct {
    int64_t width; /* bytes of a vector */
    Verb *predict, *errors, *gradient, *input_gradient, *epoch;
    AddUp *add_up; /* after all parts of errors and of gradient */
    Move *move;
} Kernels;

typedef struct {
    Verb *gauss_newton, *jacobian;
} SecondOrder;

/* net.c: what follows from a shape.  `layer` (layers) has in, out and activation set. */
void pl2_plan(Net *net, int64_t item_bytes, int64_t width);
/* Sets job->split.  All arrays must be in place. */
void pl2_measure(const Net *net, Job *job, int64_t batch_rows, int64_t item_bytes);
/* Sets job->work and job->interleaved_work, for a team of so many; returns the bytes of a work buffer. */
int64_t pl2_lay_out(const Net *net, Job *job, int64_t batch_rows, int64_t item_bytes, int64_t team);
/* The parts of a job, and the start of one. */
int64_t pl2_parts(const Job *job);
Cursor pl2_part(const Net *net, const Job *job, int64_t part);

/* Bytes of the sums of squares of all weights, a number for each band of a layer's, of half a segment at least. */
static inline int64_t pl2_squares_bytes(const Net *net, const Job *job)
{
    const int64_t most = net->packed > net->params ? net->packed : net->params;
    const int64_t count = job->training.updates ? 2 * most / PL2_SEGMENT + net->layers : 0;
    return count * (int64_t)sizeof(double);
}

/* Panels of the columns of a Jacobian. */
static inline int64_t pl2_jacobian_panels(const Net *net)
{
    return (net->params + PL2_JACOBIAN_COLUMNS - 1) / PL2_JACOBIAN_COLUMNS;
}

/* Of how many chunks the gradients are kept apart from the result. */
static inline int64_t pl2_part_gradients(const Job *job)
{
    if (job->training.updates) return job->split.chunks > 1 ? job->split.chunks : 0;
    return job->sums && job->result ? job->split.chunks - 1 : 0;
}

/* finite.c: whether all of `count` numbers are finite. */
int pl2_finite(const void *values, int64_t count, int64_t item_bytes);

/* shuffle.c: permute `order` by as many numbers from [0, 1), the places [first, last) of it, from the
   last on; for a whole permutation go on downwards until first is 0. */
void pl2_shuffle(int64_t *order, const double *uniform, int64_t first, int64_t last);

/* swarm.c: its values are float64, those that are compared no NaN. */
extern const char *const pl2_topologies[];
/* The particle with the least value; `best`, which was it before, unless another's is less. */
int64_t pl2_best(const double *values, int64_t particles, int64_t best);
/* The mean of `count` numbers, infinite where their sum is. */
double pl2_mean(const double *values, int64_t count);
/* E = E0 + R of each particle, parts being (P, 2); returns their mean. */
double pl2_add_parts(const double *parts, int64_t particles, double *errors);
/* Puts what was found at x, (P) and (P, row_bytes), where it is better, in place of what was known. */
void pl2_keep(const double *found, const void *x, int64_t particles, int64_t row_bytes, double *values,
              void *bests);
/* leader (P): the best informant of each, itself among them; -1 with random links where that is itself.
   links (P, neighbours), whom each informs, is looked at with these alone. */
void pl2_follow(int32_t topology, const double *values, int64_t particles, const int64_t *links,
                int64_t neighbours, int64_t *leader);

/* dispatch.c: instruction sets, slowest first, and names for Python.  Lists end with NULL. */
extern const char *const pl2_isas[], *const pl2_activations[], *const pl2_outputs[];
extern const char *const pl2_optimizers[], *const pl2_decays[], *const pl2_boundaries[];
extern const double pl2_activation_numbers[]; /* by default */
extern const int32_t pl2_stores_slope[];      /* whether an activation does */
extern const int32_t pl2_states[];            /* state vectors of each optimizer */
extern const char *const pl2_losses[];        /* of each loss its name, */
extern const int32_t pl2_loss_outputs[];      /* the output that it goes with, and its number by default */
extern const double pl2_loss_numbers[];

/* State vectors of a network: the optimizer's, and the average of its parameters. */
static inline int64_t pl2_state_vectors(const Update *u)
{
    return pl2_states[u->optimizer] + (u->average > 0);
}

/* The update by a batch: u itself, or where rates change by the batch what it is there, in `now`. */
static inline const Update *pl2_scheduled(const Update *u, int64_t batch, Update *now)
{
    if (!u->eta_factors && !u->l2_factors) return u;
    *now = *u;
    if (u->eta_factors) now->eta *= u->eta_factors[batch];
    if (u->l2_factors) now->l2_factors += batch;
    return now;
}

/* Whether networks are trained with packed parameters. */
static inline int pl2_is_packed(const Net *net, const Job *job)
{
    const int rows = job->split.layout == PL2_ROWS && !job->data.indptr;
    return job->training.updates && job->split.chunks == 1 && rows
           && 1 + pl2_state_vectors(job->training.updates) <= net->packed_vectors;
}

static inline int pl2_clips(const Update *u) { return u->clip_norm > 0 || u->clip_value > 0; }

int pl2_runs(const char *isa); /* whether this machine runs it */
const Kernels *pl2_kernels(int64_t item_bytes, const char *isa);
const SecondOrder *pl2_second_order(const char *isa); /* of float64 */

#endif
