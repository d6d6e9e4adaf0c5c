/* Optimizers: a row each with its name, its number of state vectors, whether its steps are linear in the
   gradients, and its step from the gradient g.  The step is what is subtracted; none of them knows lambda. */
#ifndef OPTIMIZERS
#define OPTIMIZERS(row) \
    row(sgd, 0, 1) row(momentum, 1, 1) row(nesterov, 1, 1) row(adam, 2, 0) row(adamw, 2, 0) \
        row(rmsprop, 1, 0) row(nadam, 2, 0) row(rprop, 2, 0)
#define OPTIMIZER_ENUM(name, states, linear) OPTIMIZER_##name,
#define OPTIMIZER_LINEAR(name, states, linear) linear,
enum { OPTIMIZERS(OPTIMIZER_ENUM) };
#endif

#ifdef R
#define Rule NAME(Rule)
/* The constants of one update, in all lanes, or of as many networks. */
typedef struct {
    V eta, epsilon;
    V momentum, momentum_kept, momentum_lost;
    V kept_1, lost_1, rest_1, kept_2, lost_2, rest_2; /* rest: 1 - beta */
    V corrected;                                      /* eta / (1 - beta_1^t) */
    V root;                                           /* sqrt(1 - beta_2^t) */
    V corrected_root;                                 /* eta sqrt(1 - beta_2^t) / (1 - beta_1^t) */
    V ahead, behind;                                  /* of nadam: eta times the parts of g and m */
    V kept, lost, rest;                               /* of the average: its beta, likewise */
} Rule;

/* beta = kept - lost.  A float32 near 1 is off by up to 3e-8, a large part of 1 - beta, which says how long a
   moment remembers: there 1 is kept, and lost, which is small, has all figures of 1 - beta. */
static double NAME(kept)(double beta) { return beta < 0.5 ? beta : 1; }
static V NAME(kept_part)(double beta) { return NAME(splat)((R)NAME(kept)(beta)); }
static V NAME(lost_part)(double beta) { return NAME(splat)((R)(NAME(kept)(beta) - beta)); }

/* 1 - beta^t; where little is left, by a way that keeps its figures and takes longer. */
static double NAME(correction)(double beta, int64_t t)
{
    const double left = 1 - pow(beta, (double)t);
    return left < 0x1p-10 ? -expm1((double)t * log(beta)) : left;
}

/* Dozat's warming momentum: mu_t = beta_1 (1 - 0.96^(0.004 t) / 2), the numbers of PyTorch.  The parts of g and
   m in a step are (1 - mu_t) / (1 - mu_1 .. mu_t) and mu_t+1 / (1 - mu_1 .. mu_t+1); the product follows
   from t alone, for after some 60 factors it is nothing beside 1. */
static void NAME(nadam_parts)(double beta, int64_t t, double *of_g, double *of_m)
{
    const double slowly = pow(0.96, 0.004);
    const double mu = beta * (1 - pow(slowly, (double)t) / 2),
                 next = beta * (1 - pow(slowly, (double)t + 1) / 2);
    double product = 1, fallen = 1;
    for (int64_t i = 0; i < t && product > 0x1p-60; i++) product *= beta * (1 - (fallen *= slowly) / 2);
    *of_g = (1 - mu) / (1 - product);
    *of_m = next / (1 - product * next);
}

/* The same, taken in float64: of the t-th update of one network. */
static Rule NAME(rule)(const Update *u, int64_t t)
{
    const double corrected = u->eta / NAME(correction)(u->beta_1, t);
    const double root = sqrt(NAME(correction)(u->beta_2, t));
    double of_g = 0, of_m = 0;
    if (u->optimizer == OPTIMIZER_nadam) NAME(nadam_parts)(u->beta_1, t, &of_g, &of_m);
    return (Rule){
        .eta = NAME(splat)((R)u->eta),
        .epsilon = NAME(splat)((R)u->epsilon),
        .momentum = NAME(splat)((R)u->momentum),
        .momentum_kept = NAME(kept_part)(u->momentum),
        .momentum_lost = NAME(lost_part)(u->momentum),
        .kept_1 = NAME(kept_part)(u->beta_1),
        .lost_1 = NAME(lost_part)(u->beta_1),
        .rest_1 = NAME(splat)((R)(1 - u->beta_1)),
        .kept_2 = NAME(kept_part)(u->beta_2),
        .lost_2 = NAME(lost_part)(u->beta_2),
        .rest_2 = NAME(splat)((R)(1 - u->beta_2)),
        .corrected = NAME(splat)((R)corrected),
        .root = NAME(splat)((R)root),
        .corrected_root = NAME(splat)((R)(corrected * root)),
        .ahead = NAME(splat)((R)(u->eta * of_g)),
        .behind = NAME(splat)((R)(u->eta * of_m)),
        .kept = NAME(kept_part)(u->average),
        .lost = NAME(lost_part)(u->average),
        .rest = NAME(splat)((R)(1 - u->average)),
    };
}

/* Of `count` networks, that have made so many steps each, one in each lane; in the other lanes the first's. */
static Rule NAME(rules)(const Update *u, const int64_t *steps, int count)
{
    enum { CONSTANTS = sizeof(Rule) / sizeof(V) };
    Rule all = NAME(rule)(u, steps[0] + 1);
    R lane[CONSTANTS][LANES];
    memcpy(lane, &all, sizeof all);
    for (int r = 1; r < count; r++) {
        R one[CONSTANTS][LANES];
        const Rule rule = NAME(rule)(u + r, steps[r] + 1);
        memcpy(one, &rule, sizeof rule);
        for (int q = 0; q < CONSTANTS; q++) lane[q][r] = one[q][r];
    }
    memcpy(&all, lane, sizeof all);
    return all;
}

PL2_INLINE V NAME(sgd)(const Rule *rule, V g, V *state)
{
    (void)state;
    return rule->eta * g;
}

/* (kept - lost) v + more. */
PL2_INLINE V NAME(faded)(V v, V kept, V lost, V more) { return kept * v + (more - lost * v); }

/* v <- mu v - eta g;  w <- w + v */
PL2_INLINE V NAME(momentum)(const Rule *rule, V g, V *state)
{
    state[0] = NAME(faded)(state[0], rule->momentum_kept, rule->momentum_lost, -rule->eta * g);
    return -state[0];
}

/* v <- mu v - eta g;  w <- w + mu v - eta g, with the new v (Sutskever et al., ICML 2013, eq. 3-4
   in the variable that holds the point looked ahead to) */
PL2_INLINE V NAME(nesterov)(const Rule *rule, V g, V *state)
{
    state[0] = NAME(faded)(state[0], rule->momentum_kept, rule->momentum_lost, -rule->eta * g);
    return rule->eta * g - rule->momentum * state[0];
}

/* m <- beta_1 m + (1 - beta_1) g;  v <- beta_2 v + (1 - beta_2) g^2 */
PL2_INLINE void NAME(moments)(const Rule *rule, V g, V *state)
{
    state[0] = NAME(faded)(state[0], rule->kept_1, rule->lost_1, rule->rest_1 * g);
    state[1] = NAME(faded)(state[1], rule->kept_2, rule->lost_2, rule->rest_2 * (g * g));
}

/* Kingma and Ba, ICLR 2015, end of section 2: epsilon stands beside sqrt(v) before correction. */
PL2_INLINE V NAME(adam)(const Rule *rule, V g, V *state)
{
    NAME(moments)(rule, g, state);
    return rule->corrected_root * state[0] / (NAME(vsqrt)(state[1]) + rule->epsilon);
}

/* Loshchilov and Hutter, ICLR 2019, algorithm 2, without its decay (decay.h): epsilon after
   correction. */
PL2_INLINE V NAME(adamw)(const Rule *rule, V g, V *state)
{
    NAME(moments)(rule, g, state);
    return rule->corrected * state[0] / (NAME(vsqrt)(state[1]) / rule->root + rule->epsilon);
}

/* v <- beta_2 v + (1 - beta_2) g^2, as PyTorch has it: epsilon beside sqrt(v), which is not corrected. */
PL2_INLINE V NAME(rmsprop)(const Rule *rule, V g, V *state)
{
    state[0] = NAME(faded)(state[0], rule->kept_2, rule->lost_2, rule->rest_2 * (g * g));
    return rule->eta * g / (NAME(vsqrt)(state[0]) + rule->epsilon);
}

/* Dozat, ICLR workshop 2016, as PyTorch has it. */
PL2_INLINE V NAME(nadam)(const Rule *rule, V g, V *state)
{
    NAME(moments)(rule, g, state);
    const V step = rule->ahead * g + rule->behind * state[0];
    return step / (NAME(vsqrt)(state[1]) / rule->root + rule->epsilon);
}

/* iRprop- (Igel and Huesken, Improving the Rprop learning algorithm, NC 2000), as PyTorch has it: a step of its
   own for each weight, along the sign of g, that grows while the sign stays.  Where it changes, g is taken
   for 0.  The steps begin with eta: a state of 0 has not begun. */
PL2_INLINE V NAME(rprop)(const Rule *rule, V g, V *state)
{
    const V zero = NAME(splat)(0), least = NAME(splat)((R)1e-6), most = NAME(splat)(50);
    const V product = g * state[0];
    const M turned = NAME(less)(product, zero);
    const V factor = NAME(pick)(NAME(less)(zero, product), NAME(splat)((R)1.2),
                                NAME(pick)(turned, NAME(splat)((R)0.5), NAME(splat)(1)));
    const V size = factor * NAME(pick)(NAME(less)(zero, state[1]), state[1], rule->eta);
    const V large = NAME(pick)(NAME(less)(size, least), least, size);
    state[0] = NAME(pick)(turned, zero, g);
    state[1] = NAME(pick)(NAME(less)(most, large), most, large);
    const V down = NAME(pick)(NAME(less)(state[0], zero), -state[1], state[0]); /* 0 and NaN pass on */
    return NAME(pick)(NAME(less)(zero, state[0]), state[1], down);
}
#endif
