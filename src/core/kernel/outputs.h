/* Outputs with their losses, a row each; SPEC's "The penalized error".

   NAME_link: z -> prediction, in place, for one row of n logits.
   NAME_loss: z -> prediction - y, in place, which is the loss's gradient by z; returns the loss.
   NAME_jacobian: given a prediction p, the derivatives of p_j by every z.
   A row of z is padded to whole vectors; y is not, and only its first n numbers are read. */
#ifndef OUTPUTS
#define OUTPUTS(row) row(identity) row(logistic) row(softmax) row(exp)
#define OUTPUT_ENUM(name) OUTPUT_##name,
enum { OUTPUTS(OUTPUT_ENUM) };
#endif

#ifdef R
#define PL2_EACH_VECTOR(j, n) for (int64_t j = 0; j < (n); j += LANES)

/* Squared error, half: 1/2 |z - y|^2. */
static void NAME(identity_link)(R *z, int64_t n) { (void)z, (void)n; }

static double NAME(identity_loss)(R *z, const R *y, int64_t label, int64_t n)
{
    double loss = 0;
    (void)label;
    for (int64_t j = 0; j < n; j++) {
        z[j] -= y[j];
        loss += (double)z[j] * (double)z[j];
    }
    return loss / 2;
}

static void NAME(identity_jacobian)(const R *p, int64_t j, R *d, int64_t n)
{
    (void)p;
    for (int64_t i = 0; i < n; i++) d[i] = (R)(i == j);
}

/* Binary cross-entropy of each output, from the logit: max(z, 0) - y z + log(1 + e^-|z|). */
static void NAME(logistic_link)(R *z, int64_t n)
{
    PL2_EACH_VECTOR(j, n) NAME(store)(z + j, NAME(logistic)(NAME(load)(z + j)));
}

static double NAME(logistic_loss)(R *z, const R *y, int64_t label, int64_t n)
{
    double loss = 0;
    (void)label;
    for (int64_t j = 0; j < n; j++) {
        const double x = (double)z[j];
        loss += (x > 0 ? x : 0) - (double)y[j] * x + log1p(exp(-fabs(x)));
    }
    NAME(logistic_link)(z, n);
    for (int64_t j = 0; j < n; j++) z[j] -= y[j];
    return loss;
}

static void NAME(logistic_jacobian)(const R *p, int64_t j, R *d, int64_t n)
{
    for (int64_t i = 0; i < n; i++) d[i] = i == j ? p[j] * (1 - p[j]) : 0;
}

/* z -> e^(z - max z), not yet divided by their sum.  Returns the sum, and the largest z. */
static double NAME(softmax_terms)(R *z, int64_t n, R *largest)
{
    R top = z[0];
    double sum = 0;
    for (int64_t j = 1; j < n; j++)
        if (!(z[j] <= top)) top = z[j]; /* a NaN wins and is passed on */
    PL2_EACH_VECTOR(j, n) NAME(store)(z + j, NAME(exp)(NAME(load)(z + j) - top));
    for (int64_t j = 0; j < n; j++) sum += (double)z[j];
    *largest = top;
    return sum;
}

static void NAME(softmax_link)(R *z, int64_t n)
{
    R largest;
    const R sum = (R)NAME(softmax_terms)(z, n, &largest);
    PL2_EACH_VECTOR(j, n) NAME(store)(z + j, NAME(load)(z + j) / sum);
}

/* -sum y log p = sum_j y_j (max + log sum - z_j); by a class index without y.
   A row of y need not sum to 1: its gradient is (sum y) p - y. */
static double NAME(softmax_loss)(R *z, const R *y, int64_t label, int64_t n)
{
    double given = 0, wanted = 0;
    R largest;
    if (y)
        for (int64_t j = 0; j < n; j++) given += (double)y[j], wanted += (double)y[j] * (double)z[j];
    else
        given = 1, wanted = (double)z[label];
    const double sum = NAME(softmax_terms)(z, n, &largest);
    const R scale = (R)(given / sum);
    PL2_EACH_VECTOR(j, n) NAME(store)(z + j, NAME(load)(z + j) * scale);
    if (y)
        for (int64_t j = 0; j < n; j++) z[j] -= y[j];
    else
        z[label] -= 1;
    return given * ((double)largest + log(sum)) - wanted;
}

static void NAME(softmax_jacobian)(const R *p, int64_t j, R *d, int64_t n)
{
    for (int64_t i = 0; i < n; i++) d[i] = p[j] * ((R)(i == j) - p[i]);
}

/* Poisson, half the deviance: y log(y / p) - y + p with p = e^z, and 0 log 0 = 0. */
static void NAME(exp_link)(R *z, int64_t n)
{
    PL2_EACH_VECTOR(j, n) NAME(store)(z + j, NAME(exp)(NAME(load)(z + j)));
}

static double NAME(exp_loss)(R *z, const R *y, int64_t label, int64_t n)
{
    double loss = 0;
    (void)label;
    for (int64_t j = 0; j < n; j++) {
        const double target = (double)y[j];
        loss -= target;
        if (target > 0) loss += target * (log(target) - (double)z[j]);
    }
    NAME(exp_link)(z, n);
    for (int64_t j = 0; j < n; j++) {
        loss += (double)z[j];
        z[j] -= y[j];
    }
    return loss;
}

static void NAME(exp_jacobian)(const R *p, int64_t j, R *d, int64_t n)
{
    for (int64_t i = 0; i < n; i++) d[i] = i == j ? p[j] : 0;
}
#endif
