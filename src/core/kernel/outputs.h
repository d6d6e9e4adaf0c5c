/* Outputs, which are links z -> prediction, and losses, each of which goes with one of them; a row each.
   SPEC's "The penalized error".

   Items are in lanes: z and y are n vectors `step` numbers apart, the j-th holding the j-th output of
   LANES items.

   OUTPUT_link: z -> prediction, in place.
   OUTPUT_jacobian: given one item's prediction p (n), the derivatives of p_j by every z.
   OUTPUT_LOSS: z -> the loss's gradient by z, in place; returns the losses.
   OUTPUT_LOSS_of: the same of several vectors of items, beside one another in the rows of z and y. */
#ifndef OUTPUTS
#define PL2_LOSS_VECTORS 8 /* at most */
#define OUTPUTS(row) row(identity) row(logistic) row(softmax) row(exp)
#define OUTPUT_ENUM(name) OUTPUT_##name,
enum { OUTPUTS(OUTPUT_ENUM) };

/* With its output, and its number where none is given.  First come the outputs' own, in their order: canonical,
   so that the gradient is prediction - y. */
#define LOSSES(row) \
    row(identity, squared_error, 0) row(logistic, log_loss, 0) row(softmax, log_loss, 0) \
        row(exp, poisson, 0) row(identity, huber, 1) row(identity, absolute_error, 0) \
            row(identity, quantile, 0.5) row(exp, gamma, 0)
#define LOSS_ENUM(output, name, number) LOSS_##output##_##name,
enum { LOSSES(LOSS_ENUM) };
#endif

#ifdef R
#define PL2_EACH_OUTPUT(n) for (int64_t j = 0; j < (n); j++, z += step)

/* Squared error, half: 1/2 |z - y|^2. */
static void NAME(identity_link)(R *z, int64_t step, int64_t n) { (void)z, (void)step, (void)n; }

PL2_INLINE V NAME(identity_squared_error)(R *z, int64_t step, const R *y, int64_t n, R number)
{
    (void)number;
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

PL2_INLINE V NAME(logistic_log_loss)(R *z, int64_t step, const R *y, int64_t n, R number)
{
    (void)number;
    const V zero = NAME(splat)(0);
    V loss = zero;
    PL2_EACH_OUTPUT(n)
    {
        const V logit = NAME(load)(z), target = NAME(load)(y + j * step);
        const M negative = NAME(less)(logit, zero);
        const V e = NAME(exp_below)(NAME(pick)(negative, logit, -logit));
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
    PL2_EACH_OUTPUT(n) top = NAME(larger)(top, NAME(load)(z));
    return top;
}

static void NAME(softmax_link)(R *z, int64_t step, int64_t n)
{
    R *const begin = z;
    const V top = NAME(largest)(z, step, n);
    V sum = NAME(splat)(0);
    PL2_EACH_OUTPUT(n)
    {
        const V e = NAME(exp_below)(NAME(load)(z) - top);
        NAME(store)(z, e);
        sum += e;
    }
    z = begin;
    PL2_EACH_OUTPUT(n) NAME(store)(z, NAME(load)(z) / sum);
}

/* -sum y log p = sum_j y_j (top - z_j) + (sum y) log(sum_j e^(z_j - top)): of the second sum one term is
   1 and is kept apart, so that small losses come out exactly.  A row of y need not sum to 1: the
   gradient is (sum y) p - y.  Here the gradient, the first sum, and of the second sum y and the rest but 1. */
PL2_INLINE V NAME(softmax_but_log)(R *z, int64_t step, const R *y, int64_t n, V *given, V *rest)
{
    R *const begin = z;
    const V zero = NAME(splat)(0), one = NAME(splat)(1), top = NAME(largest)(z, step, n);
    V loss = zero, total = zero, sum = zero, tops = -one;
    PL2_EACH_OUTPUT(n)
    {
        const V below = NAME(load)(z) - top, target = NAME(load)(y + j * step), e = NAME(exp_below)(below);
        const M less = NAME(less)(below, zero);
        NAME(store)(z, e);
        total += target;
        loss -= target * below;
        sum += NAME(pick)(less, e, zero);
        tops += NAME(pick)(less, zero, one);
    }
    *given = total;
    *rest = sum + tops;
    const V scale = total / (1 + *rest);
    z = begin;
    PL2_EACH_OUTPUT(n) NAME(store)(z, NAME(load)(z) * scale - NAME(load)(y + j * step));
    return loss;
}

/* Of several vectors first all exponentials, then all logarithms: each waits for what is before it alone. */
static void NAME(softmax_log_loss_of)(R *z, int64_t step, const R *y, int64_t n, R number, V *loss,
                                      int vectors)
{
    V given[PL2_LOSS_VECTORS], rest[PL2_LOSS_VECTORS];
    (void)number;
    for (int v = 0; v < vectors; v++)
        loss[v] = NAME(softmax_but_log)(z + v * LANES, step, y + v * LANES, n, &given[v], &rest[v]);
    for (int v = 0; v < vectors; v++) loss[v] += given[v] * NAME(log1p)(rest[v]);
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

PL2_INLINE V NAME(exp_poisson)(R *z, int64_t step, const R *y, int64_t n, R number)
{
    (void)number;
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

/* Huber, 1964: with r = z - y and c = r brought between -delta and delta, c (r - c/2), of slope c. */
static V NAME(identity_huber)(R *z, int64_t step, const R *y, int64_t n, R delta)
{
    const V most = NAME(splat)(delta);
    V loss = NAME(splat)(0);
    PL2_EACH_OUTPUT(n)
    {
        const V r = NAME(load)(z) - NAME(load)(y + j * step);
        const V below = NAME(pick)(NAME(less)(r, -most), -most, r);
        const V c = NAME(pick)(NAME(less)(most, r), most, below);
        NAME(store)(z, c);
        loss += c * (r - (R)0.5 * c);
    }
    return loss;
}

/* |z - y| times one number where z is too large, and another where it is too small: the slope in z, which is 0
   where they are equal. */
PL2_INLINE V NAME(tilted)(R *z, int64_t step, const R *y, int64_t n, R large, R small)
{
    const V zero = NAME(splat)(0), over = NAME(splat)(large), under = NAME(splat)(-small);
    V loss = zero;
    PL2_EACH_OUTPUT(n)
    {
        const V r = NAME(load)(z) - NAME(load)(y + j * step);
        const V slope = NAME(pick)(NAME(less)(zero, r), over, NAME(pick)(NAME(less)(r, zero), under, r));
        NAME(store)(z, slope);
        loss += r * slope;
    }
    return loss;
}

static V NAME(identity_absolute_error)(R *z, int64_t step, const R *y, int64_t n, R number)
{
    (void)number;
    return NAME(tilted)(z, step, y, n, 1, 1);
}

/* Koenker and Bassett, 1978: too small a prediction costs q, too large a one 1 - q. */
static V NAME(identity_quantile)(R *z, int64_t step, const R *y, int64_t n, R q)
{
    return NAME(tilted)(z, step, y, n, 1 - q, q);
}

/* Gamma, half the deviance: y/p + log p - log y - 1 with p = e^z, y > 0.  With d = z - log y it is
   e^-d - 1 + d, of slope 1 - e^-d, which near d = 0 is d less the loss. */
static V NAME(exp_gamma)(R *z, int64_t step, const R *y, int64_t n, R number)
{
    (void)number;
    const V zero = NAME(splat)(0), one = NAME(splat)(1);
    V loss = zero;
    PL2_EACH_OUTPUT(n)
    {
        const V d = NAME(load)(z) - NAME(log)(NAME(load)(y + j * step)), e = NAME(exp)(-d);
        const M near = NAME(less)(d * d, one);
        const V excess = NAME(exp_excess)(NAME(pick)(near, -d, zero));
        loss += NAME(pick)(near, excess, (e - 1) + d);
        NAME(store)(z, NAME(pick)(near, d - excess, 1 - e));
    }
    return loss;
}
#undef PL2_EACH_OUTPUT

/* The same of several vectors, one after another. */
#define PL2_LOSS_OF(f) \
    static void NAME(f##_of)(R * z, int64_t step, const R *y, int64_t n, R number, V *loss, int vectors) \
    { \
        for (int v = 0; v < vectors; v++) loss[v] = NAME(f)(z + v * LANES, step, y + v * LANES, n, number); \
    }
PL2_LOSS_OF(identity_squared_error)
PL2_LOSS_OF(logistic_log_loss)
PL2_LOSS_OF(exp_poisson)
PL2_LOSS_OF(identity_huber)
PL2_LOSS_OF(identity_absolute_error)
PL2_LOSS_OF(identity_quantile)
PL2_LOSS_OF(exp_gamma)
#undef PL2_LOSS_OF

/* Label smoothing (Szegedy et al., CVPR 2016, section 7): y (n, step) <- (1 - epsilon) y + epsilon / classes. */
static void NAME(smooth)(R *y, int64_t step, int64_t n, double epsilon, double classes)
{
    const V kept = NAME(splat)((R)(1 - epsilon)), spread = NAME(splat)((R)(epsilon / classes));
    for (int64_t j = 0; j < n; j++) NAME(store)(y + j * step, kept * NAME(load)(y + j * step) + spread);
}

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

static void NAME(loss)(int kind, R number, R *z, int64_t step, const R *y, int64_t n, V *loss, int vectors)
{
#define PL2_CASE(output, f, usual) \
    case LOSS_##output##_##f: \
        NAME(output##_##f##_of)(z, step, y, n, number, loss, vectors); \
        break;
    switch (kind) {
        LOSSES(PL2_CASE)
    }
#undef PL2_CASE
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
