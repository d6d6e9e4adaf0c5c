/* What lambda does to a weight: the one place of the formula.  Knows no optimizer. */
#ifndef DECAYS
#define DECAYS(row) row(l2) row(decoupled) row(fraction)
#define DECAY_ENUM(name) DECAY_##name,
enum { DECAYS(DECAY_ENUM) };

/* c: fraction that an update takes off; l2: lambda/n in the gradient; R = r/2 |W|^2. */
typedef struct {
    double c, l2, r;
} Decay;

static inline Decay pl2_decay(int decay, double eta, double lambda, double n)
{
    Decay d = {0, 0, lambda / n};
    if (decay == DECAY_l2) d.l2 = lambda / n;
    if (decay == DECAY_decoupled) d.c = eta * (lambda / n);
    if (decay == DECAY_fraction) d.c = lambda, d.r = lambda / eta;
    return d;
}
#endif

#ifdef R
/* W - (c W + step).  1 - c is never formed: in float32 it would round to 1 for c below 6e-8.  The step is
   rounded first: were it a product, either of the two might be fused with the sum, and not the same one
   in every tile. */
PL2_INLINE V NAME(decayed)(V w, V c, V step)
{
    PL2_ROUNDED(step);
    return w - (c * w + step);
}

PL2_INLINE double NAME(squares)(const R *w, int64_t count, const int chains)
{
    double sum[32] = {0};
    int64_t i = 0;
    for (; i + chains <= count; i += chains)
        for (int j = 0; j < chains; j++) sum[j] += (double)w[i + j] * (double)w[i + j];
    for (int j = 0; i + j < count; j++) sum[j] += (double)w[i + j] * (double)w[i + j];
    for (int half = chains / 2; half > 0; half /= 2)
        for (int j = 0; j < half; j++) sum[j] += sum[j + half];
    return sum[0];
}

/* Sum of squares in float64, whatever R is.  Many chains are soon added up, but not so soon as a few
   numbers. */
static double NAME(sum_of_squares)(const R *w, int64_t count)
{
    return count < 256 ? NAME(squares)(w, count, 8) : NAME(squares)(w, count, 32);
}
#endif
