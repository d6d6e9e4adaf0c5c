#include "parts.h"

#include "team.h"

#include <stddef.h>

#define MOST_COST 1e9 /* which fits Pace.cost */

#define SEAT_BYTES ((int64_t)(sizeof(Seat) + PL2_LINE - 1) / PL2_LINE * PL2_LINE)

static int64_t whole_lines(int64_t bytes) { return (bytes + PL2_LINE - 1) / PL2_LINE * PL2_LINE; }

/* A team shares the batches of a network where a block of rows is long enough work for it, and has a
   few vectors of rows, or of the units of each hidden layer, for each. */
static int64_t useful_team(const Net *net, const Job *job, int64_t batch_rows)
{
    const int64_t rows = batch_rows < job->split.block_rows ? batch_rows : job->split.block_rows;
    const double shares = (double)rows * job->split.row_cost / (PL2_MIN_TEAM_SHARE * net->slice);
    int64_t most = job->data.indptr ? 1 : rows / PL2_TEAM_ROWS;
    for (int64_t l = 0; job->split.by_units && l < net->layers - 1; l++) {
        const int64_t units = net->layer[l].out / PL2_TEAM_UNITS;
        most = l && most < units ? most : units;
    }
    return shares < (double)most ? (int64_t)shares : most;
}

static int64_t useful_threads(const Run *run, int64_t batch_rows, int32_t most)
{
    const Job *job = run->job;
    const double rows = (double)job->networks * (double)job->data.rows;
    const double work = rows * (double)job->split.passes * job->split.row_cost;
    const double shares = work / (PL2_MIN_SHARE * run->net->slice);
    const int64_t places = run->together ? useful_team(run->net, job, batch_rows) : run->parts;
    const int64_t threads = shares < (double)places ? (int64_t)shares : places;
    if (threads <= 1) return 1; /* the system is asked for larger work alone */
    if (!most) most = pl2_get_num_threads();
    return most < threads ? most : threads;
}

static int64_t sums_bytes(const Run *run)
{
    return run->job->sums ? whole_lines(run->parts * 2 * (int64_t)sizeof(double)) : 0;
}

/* Behind the gradients of an epoch in chunks there are the squares of its update. */
static int64_t gradients_bytes(const Run *run)
{
    const int64_t apart = pl2_part_gradients(run->job) * run->net->params_stride * run->item_bytes;
    return apart
           + (run->job->training.updates && apart ? whole_lines(pl2_squares_bytes(run->net, run->job)) : 0);
}

int64_t pl2_settle(Run *run, int64_t batch_rows, int32_t most_threads)
{
    pl2_measure(run->net, run->job, batch_rows, run->item_bytes);
    run->parts = pl2_parts(run->job);
    run->together = run->job->training.updates && run->parts == 1 && !run->job->split.grouped;
    run->threads = useful_threads(run, batch_rows, most_threads);
    const int64_t team = run->together ? run->threads : 1, works = run->together ? 1 : run->threads;
    run->work_bytes = whole_lines(pl2_lay_out(run->net, run->job, batch_rows, run->item_bytes, team));
    return run->threads * SEAT_BYTES + works * run->work_bytes + sums_bytes(run) + gradients_bytes(run);
}

static Seat *seat(const Run *run, int64_t i) { return (Seat *)(run->seats + i * SEAT_BYTES); }

void pl2_begin(Run *run, void *memory)
{
    run->seats = memory;
    char *work = run->seats + run->threads * SEAT_BYTES;
    for (int64_t i = 0; i < run->threads; i++) {
        *seat(run, i) = (Seat){.work = work};
        if (!run->together || i == run->threads - 1) work += run->work_bytes;
    }
    run->job->part_sums = (double *)work;
    run->job->part_gradients = (char *)run->job->part_sums + sums_bytes(run);
    run->next = 0;
    run->done = !run->parts;
    run->slice = run->net->slice;
}

/* Works at the part of a seat, the next one where none is begun; returns whether there was any. */
static int work(Run *run, Seat *s, double *left)
{
    if (!s->busy) {
        const int64_t part = pl2_take(&run->next);
        if (part >= run->parts) return 0;
        const int64_t held = s->at.held;
        s->at = pl2_part(run->net, run->job, part);
        s->at.held = held;
        s->at.team = &pl2_alone;
    }
    s->at.left = *left;
    run->verb(run->net, run->job, &s->at, s->work);
    s->spent += *left - s->at.left;
    *left = s->at.left;
    s->busy = !s->at.done;
    return 1;
}

/* A slice of one thread, unless another has come to the end of its own before.  No seats are left
   to no one: whoever finds nothing to do in one goes on to the next. */
static void member(const Team *team, void *task)
{
    Run *run = task;
    const int steps = team->size > 1 ? PL2_SLICE_STEPS : 1;
    int64_t i = pl2_take(&run->seat);
    if (i >= run->threads) return;
    for (int step = 0; step < steps && !pl2_look(&run->stop); step++)
        for (double left = run->slice / steps; left > 0;)
            while (!work(run, seat(run, i), &left))
                if ((i = pl2_take(&run->seat)) >= run->threads) return;
    pl2_set(&run->stop, 1);
}

/* All do the only part, in one work.  Each has a cursor of its own, for a team of
   another size in the next slice to take over. */
static void together_member(const Team *team, void *task)
{
    Run *run = task;
    Seat *s = seat(run, team->rank);
    const double share = run->slice * team->size;
    s->at.team = team;
    s->at.left = share;
    run->verb(run->net, run->job, &s->at, s->work);
    s->spent = share - s->at.left;
}

static void go_on_together(Run *run, int32_t threads)
{
    Seat *first = seat(run, 0);
    if (!run->next) first->at = pl2_part(run->net, run->job, run->next++);
    for (int64_t i = 1; i < run->threads; i++) seat(run, i)->at = first->at;
    pl2_team_run(threads, 1, together_member, run);
    run->done = first->at.done;
}

static int finished(const Run *run)
{
    for (int64_t i = 0; i < run->threads; i++)
        if (seat(run, i)->busy) return 0;
    return run->next >= run->parts;
}

static void go_on_apart(Run *run, int32_t threads)
{
    run->seat = run->stop = 0;
    for (int64_t i = 0; i < run->threads; i++) seat(run, i)->spent = 0;
    pl2_team_run(threads, 0, member, run);
    run->done = finished(run);
    const int apart = !run->job->training.updates || run->job->split.chunks > 1;
    if (run->done && run->job->sums && apart) run->kernels->add_up(run->net, run->job);
}

static void go_on(Run *run, int32_t threads)
{
    if (run->together)
        go_on_together(run, threads);
    else
        go_on_apart(run, threads);
}

/* The operations of the slice that has just gone by: together, of one, for all have gone the same way. */
static double spent(const Run *run)
{
    double sum = seat(run, 0)->spent;
    if (!run->together)
        for (int64_t i = 1; i < run->threads; i++) sum += seat(run, i)->spent;
    return sum;
}

/* A pace for each of so many kinds of trainings; kinds that meet in one disturb each other's speed alone. */
#define PACES 256
static Pace paces[PACES];

Pace *pl2_pace(const Run *run, int64_t batch_rows)
{
    const Net *net = run->net;
    const Update *updates = run->job->training.updates;
    if (!updates || run->threads == 1) return NULL;
    uint64_t kind = (uint64_t)(run->item_bytes * net->lanes);
#define PL2_MIX(number) kind = (kind ^ (uint64_t)(number)) * 0x9E3779B97F4A7C15, kind ^= kind >> 29
    for (int64_t l = 0; l < net->layers; l++) PL2_MIX(net->layer[l].in);
    PL2_MIX(net->outputs);
    PL2_MIX(batch_rows);
    PL2_MIX(run->threads);
    PL2_MIX(run->job->networks);
    PL2_MIX(updates->optimizer);
#undef PL2_MIX
    return &paces[kind % PACES];
}

/* Begins with what the way in use costs; the other is as good as unknown. */
static void wait_for_trial(Pace *pace, int32_t patience)
{
    pl2_set(&pace->cost[!pl2_look(&pace->alone)], 0);
    pl2_set(&pace->patience, patience);
    pl2_set(&pace->slices, patience);
}

/* The way in use costs what its slices do on average; the first of all is left out, for it finds caches empty. */
static void learn_usual(Pace *pace, int32_t alone, int32_t now)
{
    const int32_t before = pl2_look(&pace->cost[alone]);
    if (pl2_look(&pace->patience))
        pl2_set(&pace->cost[alone], before ? before + (now - before) / 4 : now);
    else
        wait_for_trial(pace, 1);
}

/* The other way costs what the best slice of its trial does, for the first finds the caches of another thread
   full, or its own empty; the trial ends at once where all is lost. */
static void learn_trial(Pace *pace, int32_t alone, int32_t now, int32_t slices)
{
    const int32_t before = pl2_look(&pace->cost[alone]), usual = pl2_look(&pace->cost[!alone]);
    const int32_t best = before && before < now ? before : now, patience = pl2_look(&pace->patience);
    pl2_set(&pace->cost[alone], best);
    if (slices > -PL2_TRIAL && best < PL2_LOST * usual) return;
    if (best < PL2_GAIN * usual) {
        pl2_set(&pace->alone, alone);
        wait_for_trial(pace, PL2_PATIENCE);
    } else {
        const int32_t longer = patience < PL2_PATIENCE ? PL2_PATIENCE : 4 * patience;
        wait_for_trial(pace, longer < PL2_MOST_PATIENCE ? longer : PL2_MOST_PATIENCE);
    }
}

/* Enters what a slice has cost.  Where two runs do so at once, one of them may be lost. */
static void learn(Pace *pace, int32_t alone, double cost)
{
    const int32_t now = (int32_t)(cost < MOST_COST ? cost : MOST_COST), slices = pl2_look(&pace->slices) - 1;
    pl2_set(&pace->slices, slices);
    if (alone == pl2_look(&pace->alone))
        learn_usual(pace, alone, now);
    else
        learn_trial(pace, alone, now, slices);
}

/* By the clock as long as pays, where there is one: to begin a slice takes threads, and packed parameters. */
static double next_slice(const Run *run, double took)
{
    const double least = run->net->slice, most = PL2_LONG_SLICE * least;
    const double wanted = took > 0 ? run->slice * PL2_SLICE_TIME / took : least;
    return wanted < least ? least : wanted < most ? wanted : most;
}

void pl2_go_on(Run *run)
{
    Pace *pace = run->pace;
    const int trial = pace && pl2_look(&pace->slices) <= 0 && pl2_look(&pace->patience);
    const int32_t alone = pace && (pl2_look(&pace->alone) != 0) != trial;
    if (trial) run->slice = run->net->slice;
    const double start = pl2_now();
    go_on(run, alone ? 1 : (int32_t)run->threads);
    const double took = pl2_now() - start;
    if (pace) learn(pace, alone, 1e3 * took * 0x1p20 / spent(run));
    if (run->job->training.updates) run->slice = next_slice(run, took);
}
