/* Activations of hidden layers, a row each.
   ACTIVATIONS: name, f(z), and f'(z) told from a = f(z).  logistic and tanh themselves stand in exp.h, for outputs
   use them too.
   SLOPE_STORING: name and the number by default; f(z, number) gives f'(z) beside it, which is stored on the way
   forward.  The slope of most is no function of a, and with the others products need know no number. */
#ifndef ACTIVATIONS
#define ACTIVATIONS(row) row(identity) row(logistic) row(tanh) row(relu)
#define SLOPE_STORING(row) \
    row(leaky_relu, 0.01) row(elu, 1) row(selu, 0) row(softplus, 0) row(silu, 0) row(gelu, 0) \
        row(gelu_tanh, 0) row(mish, 0)
#define ACTIVATION_ENUM(name, ...) ACTIVATION_##name,
enum { ACTIVATIONS(ACTIVATION_ENUM) SLOPE_STORING(ACTIVATION_ENUM) };
#define PL2_STORES_SLOPE(kind) ((kind) > ACTIVATION_relu)
#define PL2_STORED (ACTIVATION_relu + 1) /* any of them */
#endif

#ifdef R
PL2_INLINE V NAME(identity)(V z) { return z; }
PL2_INLINE V NAME(identity_slope)(V a)
{
    (void)a;
    return NAME(splat)(1);
}

PL2_INLINE V NAME(logistic_slope)(V a) { return a * (1 - a); }

PL2_INLINE V NAME(tanh_slope)(V a) { return 1 - a * a; }

/* x < 0 ? 0 : x, so that NaN passes on. */
PL2_INLINE V NAME(relu)(V z) { return NAME(larger)(z, NAME(splat)(0)); }

PL2_INLINE V NAME(relu_slope)(V a)
{
    return NAME(pick)(NAME(less)(NAME(splat)(0), a), NAME(splat)(1), NAME(splat)(0));
}

/* f'(z) from a, or of those that store it from what they have stored. */
PL2_INLINE V NAME(slope)(int kind, V a)
{
#define PL2_CASE(f) \
    case ACTIVATION_##f: \
        return NAME(f##_slope)(a);
    switch (kind) {
        ACTIVATIONS(PL2_CASE)
    }
#undef PL2_CASE
    return a;
}

/* What f'(z), told from a as in `slope`, makes of a delta; a dead unit's is 0 whatever it was. */
PL2_INLINE V NAME(times_slope)(int kind, V a, V delta)
{
    if (kind == ACTIVATION_relu) return NAME(pick)(NAME(less)(NAME(splat)(0), a), delta, NAME(splat)(0));
    return delta * NAME(slope)(kind, a);
}

/* The same of a row of a tile. */
PL2_INLINE void NAME(times_slopes)(int kind, const V *a, V *sum, const int count)
{
#define PL2_CASE(f) \
    case ACTIVATION_##f: \
        PL2_UNROLL \
        for (int v = 0; v < count; v++) sum[v] = NAME(times_slope)(ACTIVATION_##f, a[v], sum[v]); \
        break;
    switch (kind) {
        ACTIVATIONS(PL2_CASE)
        default:
            PL2_UNROLL
            for (int v = 0; v < count; v++) sum[v] = sum[v] * a[v];
    }
#undef PL2_CASE
}

PL2_INLINE V NAME(leaky_relu)(V z, R number, V *slope)
{
    const V zero = NAME(splat)(0), small = NAME(splat)(number);
    *slope = NAME(pick)(NAME(less)(zero, z), NAME(splat)(1), small);
    return NAME(pick)(NAME(less)(z, zero), small * z, z);
}

/* high z above 0, low (e^z - 1) below. */
PL2_INLINE V NAME(bent)(V z, R high, R low, V *slope)
{
    const V zero = NAME(splat)(0), least = NAME(splat)(-40);
    const M positive = NAME(less)(zero, z);
    const V e = NAME(expm1)(NAME(pick)(positive, zero, NAME(larger)(z, least)));
    *slope = NAME(pick)(positive, NAME(splat)(high), low + low * e);
    return NAME(pick)(positive, high * z, low * e);
}

PL2_INLINE V NAME(elu)(V z, R number, V *slope) { return NAME(bent)(z, 1, number, slope); }

/* Klambauer et al., Self-normalizing neural networks, NIPS 2017: a mean of 0 and a variance of 1 stay. */
PL2_INLINE V NAME(selu)(V z, R number, V *slope)
{
    (void)number;
    return NAME(bent)(z, (R)1.0507009873554805, (R)1.7580993408473769, slope);
}

/* logistic(z), and e^-|z|. */
PL2_INLINE V NAME(logistic_and_exp)(V z, V *e)
{
    const M negative = NAME(less)(z, NAME(splat)(0));
    *e = NAME(exp_below)(NAME(pick)(negative, z, -z));
    return NAME(pick)(negative, *e, NAME(splat)(1)) / (1 + *e);
}

/* max(z, 0) + log(1 + e^-|z|) */
PL2_INLINE V NAME(softplus)(V z, R number, V *slope)
{
    (void)number;
    const V zero = NAME(splat)(0);
    V e;
    *slope = NAME(logistic_and_exp)(z, &e);
    return NAME(pick)(NAME(less)(z, zero), zero, z) + NAME(log1p)(e);
}

/* Of functions z p(z) with p -> 0: z where p is not 0 in the type, so that -infinity times 0 is 0. */
PL2_INLINE V NAME(not_below)(V z, double least) { return NAME(larger)(z, NAME(splat)((R)least)); }

PL2_INLINE V NAME(silu)(V z, R number, V *slope)
{
    (void)number;
    const V most = NAME(splat)(PL2_DOUBLE ? 720 : 90), low = NAME(larger)(z, -most);
    V e;
    const V p = NAME(logistic_and_exp)(z, &e), x = NAME(pick)(NAME(less)(most, low), most, low);
    *slope = p + (x * p) * (NAME(pick)(NAME(less)(z, NAME(splat)(0)), NAME(splat)(1), e) / (1 + e));
    return low * p;
}

/* z Phi(z) */
PL2_INLINE V NAME(gelu)(V z, R number, V *slope)
{
    (void)number;
    const V zero = NAME(splat)(0), most = NAME(splat)((R)(PL2_DOUBLE ? 40 : 15));
    const M negative = NAME(less)(z, zero);
    const V t = NAME(pick)(negative, -z, z), far = NAME(pick)(NAME(less)(most, t), most, t);
    V bell;
    const V tail = NAME(normal_tail)(t, &bell), p = NAME(pick)(negative, tail, 1 - tail);
    *slope = p + NAME(pick)(negative, -far, far) * bell * (R)0.39894228040143268;
    return NAME(not_below)(z, -40) * p;
}

/* z logistic(2 y), which is z (1 + tanh y) / 2, y = sqrt(2/pi) (z + 0.044715 z^3) */
PL2_INLINE V NAME(gelu_tanh)(V z, R number, V *slope)
{
    (void)number;
    const R linear = (R)1.5957691216057308, cubic = (R)(1.5957691216057308 * 0.044715);
    const V most = NAME(splat)(22), low = NAME(larger)(z, -most);
    const V x = NAME(pick)(NAME(less)(most, low), most, low), square = x * x;
    V e;
    const V y = x * (linear + cubic * square), p = NAME(logistic_and_exp)(y, &e);
    const V other = NAME(pick)(NAME(less)(y, NAME(splat)(0)), NAME(splat)(1), e) / (1 + e);
    *slope = p + x * (p * other) * (linear + 3 * cubic * square);
    return low * p;
}

/* z tanh(log(1 + e^z)) = z n / (n + 2), n = e^z (e^z + 2) */
PL2_INLINE V NAME(mish)(V z, R number, V *slope)
{
    (void)number;
    const V most = NAME(splat)(PL2_DOUBLE ? 40 : 20), low = NAME(not_below)(z, PL2_DOUBLE ? -720 : -90);
    const V x = NAME(pick)(NAME(less)(most, low), most, low), e = NAME(exp)(x);
    const V n = e * (e + 2), over = 1 / (n + 2), p = n * over;
    *slope = p + (x * over) * (4 * e * (e + 1) * over);
    return low * p;
}

/* relu is so cheap that it is had where z is stored, as the least value of z; identity has none. */
static R NAME(lower_bound)(int kind) { return kind == ACTIVATION_relu ? 0 : -(R)INFINITY; }
static int NAME(only_bounds)(int kind) { return kind == ACTIVATION_identity || kind == ACTIVATION_relu; }

/* z -> f(z), in place, of `rows` rows of n numbers, `stride` apart; beyond n they become 0 up to a whole
   vector.  What `lower_bound` has done already is left alone.  f'(z) of those that store it goes to the same place
   in `slope`, unless that is NULL. */
static void NAME(activate)(int kind, R number, R *z, R *slope, int64_t rows, int64_t n, int64_t stride)
{
#define PL2_CASE(f) \
    case ACTIVATION_##f: \
        for (int64_t i = 0; i < rows; i++, z += stride) { \
            int64_t j = 0; \
            for (; j + LANES < n; j += LANES) NAME(store)(z + j, NAME(f)(NAME(load)(z + j))); \
            NAME(store)(z + j, NAME(first)(NAME(f)(NAME(load)(z + j)), (int)(n - j))); \
        } \
        break;
    if (NAME(only_bounds)(kind)) return;
#define PL2_STORING_CASE(f, usual) \
    case ACTIVATION_##f: \
        for (int64_t at = 0; at < rows * stride; at += stride) { \
            for (int64_t j = at; j < at + n; j += LANES) { \
                V s; \
                const int lanes = (int)(at + n - j < LANES ? at + n - j : LANES); \
                const V a = NAME(f)(NAME(load)(z + j), number, &s); \
                NAME(store)(z + j, NAME(first)(a, lanes)); \
                if (slope) NAME(store)(slope + j, NAME(first)(s, lanes)); \
            } \
        } \
        break;
    switch (kind) {
        ACTIVATIONS(PL2_CASE)
        SLOPE_STORING(PL2_STORING_CASE)
    }
#undef PL2_CASE
#undef PL2_STORING_CASE
}
#endif
