/* Outputs with their losses, a row each; SPEC's "The penalized error".

   Items are in lanes: z and y are n vectors `step` numbers apart, the j-th holding the j-th output of
   LANES items.

   NAME_link: z -> prediction, in place.
   NAME_loss: z -> prediction - y, in place, which is the loss's gradient by z; returns the losses.
   NAME_jacobian: given one item's prediction p (n), the derivatives of p_j by every z. */
#ifndef OUTPUTS
#define OUTPUTS(row) row(identity) row(logistic) row(softmax) row(exp)
#define OUTPUT_ENUM(name) OUTPUT_##name,
enum { OUTPUTS(OUTPUT_ENUM) };
#endif

#ifdef R
#define PL2_EACH_OUTPUT(n) for (int64_t j = 0; j < (n); j++, z += step)

/* Squared error, half: 1/2 |z - y|^2. */
static void NAME(identity_link)(R *z, int64_t step, int64_t n) { (void)z, (void)step, (void)n; }

PL2_INLINE V NAME(identity_loss)(R *z, int64_t step, const R *y, int64_t n)
{
    V loss = NAME(splat)(0);
    PL2_EACH_OUTPUT(n)
    {
        const V delta = NAME(load)(z) - NAME(load)(y + j * step);
        NAME(store)(z, delta);
        loss += delta * delta;
    }
    return loss * (R)0.5;
}

static void NAME(identity_jacobian)(const R *p, int64_t j, R *d, int64_t n)
{
    (void)p;
    for (int64_t i = 0; i < n; i++) d[i] = (R)(i == j);
}

/* Binary cross-entropy of each output, from the logit: max(z, 0) - y z + log(1 + e^-|z|). */
static void NAME(logistic_link)(R *z, int64_t step, int64_t n)
{
    PL2_EACH_OUTPUT(n) NAME(store)(z, NAME(logistic)(NAME(load)(z)));
}

PL2_INLINE V NAME(logistic_loss)(R *z, int64_t step, const R *y, int64_t n)
{
    const V zero = NAME(splat)(0);
    V loss = zero;
    PL2_EACH_OUTPUT(n)
    {
        const V logit = NAME(load)(z), target = NAME(load)(y + j * step);
        const M negative = NAME(less)(logit, zero);
        const V e = NAME(exp)(NAME(pick)(negative, logit, -logit));
        loss += (NAME(pick)(negative, zero, logit) - target * logit) + NAME(log1p)(e);
        NAME(store)(z, NAME(pick)(negative, e, NAME(splat)(1)) / (1 + e) - target);
    }
    return loss;
}

static void NAME(logistic_jacobian)(const R *p, int64_t j, R *d, int64_t n)
{
    for (int64_t i = 0; i < n; i++) d[i] = i == j ? p[j] * (1 - p[j]) : 0;
}

static V NAME(largest)(const R *z, int64_t step, int64_t n)
{
    V top = NAME(load)(z);
    PL2_EACH_OUTPUT(n) top = NAME(pick)(NAME(less)(top, NAME(load)(z)), NAME(load)(z), top);
    return top;
}

static void NAME(softmax_link)(R *z, int64_t step, int64_t n)
{
    R *const begin = z;
    const V top = NAME(largest)(z, step, n);
    V sum = NAME(splat)(0);
    PL2_EACH_OUTPUT(n)
    {
        const V e = NAME(exp)(NAME(load)(z) - top);
        NAME(store)(z, e);
        sum += e;
    }
    z = begin;
    PL2_EACH_OUTPUT(n) NAME(store)(z, NAME(load)(z) / sum);
}

/* -sum y log p = sum_j y_j (top - z_j) + (sum y) log(sum_j e^(z_j - top)): of the second sum one term is
   1 and is kept apart, so that small losses come out exactly.  A row of y need not sum to 1: the
   gradient is (sum y) p - y. */
static V NAME(softmax_loss)(R *z, int64_t step, const R *y, int64_t n)
{
    R *const begin = z;
    const V zero = NAME(splat)(0), one = NAME(splat)(1), top = NAME(largest)(z, step, n);
    V given = zero, loss = zero, rest = zero, tops = -one;
    PL2_EACH_OUTPUT(n)
    {
        const V below = NAME(load)(z) - top, target = NAME(load)(y + j * step), e = NAME(exp)(below);
        const M less = NAME(less)(below, zero);
        NAME(store)(z, e);
        given += target;
        loss -= target * below;
        rest += NAME(pick)(less, e, zero);
        tops += NAME(pick)(less, zero, one);
    }
    rest += tops;
    const V scale = given / (1 + rest);
    z = begin;
    PL2_EACH_OUTPUT(n) NAME(store)(z, NAME(load)(z) * scale - NAME(load)(y + j * step));
    return loss + given * NAME(log1p)(rest);
}

static void NAME(softmax_jacobian)(const R *p, int64_t j, R *d, int64_t n)
{
    for (int64_t i = 0; i < n; i++) d[i] = p[j] * ((R)(i == j) - p[i]);
}

/* Poisson, half the deviance: y log(y / p) - y + p with p = e^z, and 0 log 0 = 0.  With d = z - log y
   it is y (e^d - 1 - d), which about d = 0 is within 24 ULP of the value at d.  d itself holds the
   rounding of log y, which moves the loss as one in the last place of z would. */
static void NAME(exp_link)(R *z, int64_t step, int64_t n)
{
    PL2_EACH_OUTPUT(n) NAME(store)(z, NAME(exp)(NAME(load)(z)));
}

PL2_INLINE V NAME(exp_loss)(R *z, int64_t step, const R *y, int64_t n)
{
    const V zero = NAME(splat)(0), one = NAME(splat)(1);
    V loss = zero;
    PL2_EACH_OUTPUT(n)
    {
        const V logit = NAME(load)(z), target = NAME(load)(y + j * step), p = NAME(exp)(logit);
        const M some = NAME(less)(zero, target);
        const V d = NAME(pick)(some, logit - NAME(log)(NAME(pick)(some, target, one)), zero);
        const M near = NAME(less)(d * d, one);
        const V excess = NAME(exp_excess)(NAME(pick)(near, d, zero));
        loss += NAME(pick)(near & some, target * excess, p - target - target * d);
        NAME(store)(z, p - target);
    }
    return loss;
}

static void NAME(exp_jacobian)(const R *p, int64_t j, R *d, int64_t n)
{
    for (int64_t i = 0; i < n; i++) d[i] = i == j ? p[j] : 0;
}
#undef PL2_EACH_OUTPUT

static void NAME(link)(int kind, R *z, int64_t step, int64_t n)
{
#define PL2_CASE(f) \
    case OUTPUT_##f: \
        NAME(f##_link)(z, step, n); \
        break;
    switch (kind) {
        OUTPUTS(PL2_CASE)
    }
#undef PL2_CASE
}

static V NAME(loss)(int kind, R *z, int64_t step, const R *y, int64_t n)
{
#define PL2_CASE(f) \
    case OUTPUT_##f: \
        return NAME(f##_loss)(z, step, y, n);
    switch (kind) {
        OUTPUTS(PL2_CASE)
    }
#undef PL2_CASE
    return NAME(splat)(0);
}

static void NAME(jacobian)(int kind, const R *p, int64_t j, R *d, int64_t n)
{
#define PL2_CASE(f) \
    case OUTPUT_##f: \
        NAME(f##_jacobian)(p, j, d, n); \
        break;
    switch (kind) {
        OUTPUTS(PL2_CASE)
    }
#undef PL2_CASE
}
#endif
