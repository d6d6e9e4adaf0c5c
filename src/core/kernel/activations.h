/* Activations of hidden layers: a row each with its name, f(z), and f'(z) told from a = f(z).
   logistic and tanh themselves stand in exp.h, for outputs use them too. */
#ifndef ACTIVATIONS
#define ACTIVATIONS(row) row(identity) row(logistic) row(tanh) row(relu)
#define ACTIVATION_ENUM(name) ACTIVATION_##name,
enum { ACTIVATIONS(ACTIVATION_ENUM) };
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
PL2_INLINE V NAME(relu)(V z)
{
    const V zero = NAME(splat)(0);
    return NAME(pick)(NAME(less)(z, zero), zero, z);
}

PL2_INLINE V NAME(relu_slope)(V a)
{
    return NAME(pick)(NAME(less)(NAME(splat)(0), a), NAME(splat)(1), NAME(splat)(0));
}

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

/* sum <- sum f'(a), of a row of a tile. */
PL2_INLINE void NAME(times_slopes)(int kind, const V *a, V *sum, const int count)
{
#define PL2_CASE(f) \
    case ACTIVATION_##f: \
        PL2_UNROLL \
        for (int v = 0; v < count; v++) sum[v] = sum[v] * NAME(f##_slope)(a[v]); \
        break;
    switch (kind) {
        ACTIVATIONS(PL2_CASE)
    }
#undef PL2_CASE
}

/* relu is so cheap that it is had where z is stored, as the least value of z; identity has none. */
static R NAME(lower_bound)(int kind) { return kind == ACTIVATION_relu ? 0 : -(R)INFINITY; }

/* z -> f(z), in place, of `rows` rows of n numbers, `stride` apart; beyond n they become 0 up to a whole
   vector.  What `lower_bound` has done already is left alone. */
static void NAME(activate)(int kind, R *z, int64_t rows, int64_t n, int64_t stride)
{
#define PL2_CASE(f) \
    case ACTIVATION_##f: \
        for (int64_t i = 0; i < rows; i++, z += stride) { \
            int64_t j = 0; \
            for (; j + LANES < n; j += LANES) NAME(store)(z + j, NAME(f)(NAME(load)(z + j))); \
            NAME(store)(z + j, NAME(first)(NAME(f)(NAME(load)(z + j)), (int)(n - j))); \
        } \
        break;
    if (kind == ACTIVATION_identity || kind == ACTIVATION_relu) return;
    switch (kind) {
        ACTIVATIONS(PL2_CASE)
    }
#undef PL2_CASE
}
#endif
