/* Optimizers: a row each with its name, its number of state vectors and its step from the
   gradient g.  The step is what is subtracted; none of them knows lambda. */
#ifndef OPTIMIZERS
#define OPTIMIZERS(row) row(sgd, 0) row(momentum, 1) row(nesterov, 1) row(adam, 2) row(adamw, 2)
#define OPTIMIZER_ENUM(name, states) OPTIMIZER_##name,
#define OPTIMIZER_STATES(name, states) states,
enum { OPTIMIZERS(OPTIMIZER_ENUM) };
#endif

#ifdef R
#define Rule NAME(Rule)
/* The constants of one update, in all lanes, or of as many networks. */
typedef struct {
    V eta, momentum, beta_1, rest_1, beta_2, rest_2, epsilon;
    V corrected;      /* eta / (1 - beta_1^t) */
    V root;           /* sqrt(1 - beta_2^t) */
    V corrected_root; /* eta sqrt(1 - beta_2^t) / (1 - beta_1^t) */
} Rule;

/* The same, taken in float64: of the t-th update of one network. */
static Rule NAME(rule)(const Update *u, int64_t t)
{
    const double corrected = u->eta / (1 - pow(u->beta_1, (double)t));
    const double root = sqrt(1 - pow(u->beta_2, (double)t));
    return (Rule){
        .eta = NAME(splat)((R)u->eta),
        .momentum = NAME(splat)((R)u->momentum),
        .beta_1 = NAME(splat)((R)u->beta_1),
        .rest_1 = NAME(splat)((R)(1 - u->beta_1)),
        .beta_2 = NAME(splat)((R)u->beta_2),
        .rest_2 = NAME(splat)((R)(1 - u->beta_2)),
        .epsilon = NAME(splat)((R)u->epsilon),
        .corrected = NAME(splat)((R)corrected),
        .root = NAME(splat)((R)root),
        .corrected_root = NAME(splat)((R)(corrected * root)),
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

/* v <- mu v - eta g;  w <- w + v */
PL2_INLINE V NAME(momentum)(const Rule *rule, V g, V *state)
{
    state[0] = rule->momentum * state[0] - rule->eta * g;
    return -state[0];
}

/* v <- mu v - eta g;  w <- w + mu v - eta g, with the new v (Sutskever et al., ICML 2013, eq. 3-4
   in the variable that holds the point looked ahead to) */
PL2_INLINE V NAME(nesterov)(const Rule *rule, V g, V *state)
{
    state[0] = rule->momentum * state[0] - rule->eta * g;
    return rule->eta * g - rule->momentum * state[0];
}

/* Kingma and Ba, ICLR 2015, end of section 2: epsilon stands beside sqrt(v) before correction. */
PL2_INLINE V NAME(adam)(const Rule *rule, V g, V *state)
{
    state[0] = rule->beta_1 * state[0] + rule->rest_1 * g;
    state[1] = rule->beta_2 * state[1] + rule->rest_2 * (g * g);
    return rule->corrected_root * state[0] / (NAME(vsqrt)(state[1]) + rule->epsilon);
}

/* Loshchilov and Hutter, ICLR 2019, algorithm 2, without its decay (decay.h): epsilon after
   correction. */
PL2_INLINE V NAME(adamw)(const Rule *rule, V g, V *state)
{
    state[0] = rule->beta_1 * state[0] + rule->rest_1 * g;
    state[1] = rule->beta_2 * state[1] + rule->rest_2 * (g * g);
    return rule->corrected * state[0] / (NAME(vsqrt)(state[1]) / rule->root + rule->epsilon);
}
#endif
