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
#endif
