/* What lambda does to a weight: the one place of the formula.  Knows no optimizer. */
#ifndef DECAYS
#include <math.h>
#include <stdint.h>

#define DECAYS(row) row(l2) row(decoupled) row(fraction)
#define DECAY_ENUM(name) DECAY_##name,
enum { DECAYS(DECAY_ENUM) };

/* c: fraction that an update takes off; l2: lambda/n in the gradient; R = r/2 |W|^2.  Of every 2^window
   updates one takes c and l2, which are those of all of them, the others none: see `together`. */
typedef struct {
    double c, l2, r;
    int window;
} Decay;

static inline Decay pl2_decay(int decay, double eta, double lambda, double n)
{
    Decay d = {0, 0, lambda / n, 0};
    if (decay == DECAY_l2) d.l2 = lambda / n;
    if (decay == DECAY_decoupled) d.c = eta * (lambda / n);
    if (decay == DECAY_fraction) d.c = lambda, d.r = lambda / eta;
    return d;
}

/* 64 bits for each i, as good as random (splitmix64: Steele, Lea and Flood, OOPSLA 2014). */
static inline uint64_t pl2_hash(uint64_t i)
{
    uint64_t z = (i + 1) * 0x9E3779B97F4A7C15u;
    z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9u;
    z = (z ^ z >> 27) * 0x94D049BB133111EBu;
    return z ^ z >> 31;
}

/* Whether the t-th update is the one of its window that takes the decay.  This follows from the step alone:
   a training that is resumed does the same.  A hash says which one it is: were it always the last, and c
   larger in the smaller last batch of each epoch, it might be that batch always, or never. */
static inline int pl2_due(int window, int64_t t)
{
    const uint64_t at = (uint64_t)t - 1, others = ((uint64_t)1 << window) - 1;
    return !window || !((at ^ pl2_hash(at >> window)) & others);
}
#endif

#ifdef R
/* The least part of a weight that R can take off in one update.  A float32 weight is 2^23 to 2^24 units of its
   last place, and whole units are taken off.  Where the gradient is exactly 0 (a dead unit, a constant pixel)
   their rounding never evens out: 2^-17 of a weight, 64 units or more, is right to 0.8 %, 1e-7 of it only to
   30 %, and 2e-8 is nothing.  In float64 the like begins below any c of use: none. */
#define PL2_MIN_DECAY (sizeof(R) == 4 ? 0x1p-17 : 0)

/* The same decay, where less than R can take off in one update is `taken`: that of a window of updates,
   which is enough. */
PL2_INLINE Decay NAME(together)(Decay d, double taken)
{
    enum { LONGEST = 40 }; /* no training has 2^40 updates */
    int exponent;          /* taken / MIN_DECAY is 2^exponent times a number in [1/2, 1) */
    if (!(taken > 0 && taken < PL2_MIN_DECAY)) return d;
    frexp(taken / PL2_MIN_DECAY, &exponent);
    d.window = exponent > -LONGEST ? 1 - exponent : 0;
    const double updates = d.window ? (double)((uint64_t)1 << d.window) : 0;
    d.c *= updates, d.l2 *= updates;
    return d;
}

/* W - (c W + step).  1 - c is never formed: in float32 it would round to 1 for c below 6e-8.  The step is
   rounded first: were it a product, either of the two might be fused with the sum, and not the same one
   in every tile. */
PL2_INLINE V NAME(decayed)(V w, V c, V step)
{
    PL2_ROUNDED(step);
    return w - (c * w + step);
}

/* The squares of `count` numbers in each lane.  Eight vectors are added up in R first where `fast`: among so
   many roundings, either way, they are lost, and a float32 is not widened for each. */
PL2_INLINE Sums NAME(squares)(const R *w, int64_t count, const int fast)
{
    enum { TOGETHER = 8 };
    Sums sums = NAME(no_sums)();
    int64_t i = 0;
    for (; fast && i + TOGETHER * LANES <= count; i += TOGETHER * LANES) {
        V some[2] = {NAME(splat)(0), NAME(splat)(0)};
        PL2_UNROLL
        for (int q = 0; q < TOGETHER; q++) {
            const V v = NAME(load)(w + i + q * LANES);
            some[q % 2] += v * v;
        }
        NAME(add)(&sums, some[0] + some[1]);
    }
    for (; i < count; i += LANES)
        NAME(add_squares)(&sums, NAME(load_part)(w + i, (int)(count - i < LANES ? count - i : LANES)));
    return sums;
}

/* Whether sums of squares, made fast, have lost nothing: a square may be none in R, too large or too small. */
PL2_INLINE int NAME(is_exact)(double sum) { return sizeof(R) == 8 || (sum > 0x1p-90 && sum < INFINITY); }

/* Sum of squares in float64, whatever R is. */
static double NAME(sum_of_squares)(const R *w, int64_t count)
{
    const Sums fast = NAME(squares)(w, count, 1);
    const double sum = NAME(sum_up)(&fast);
    if (NAME(is_exact)(sum)) return sum;
    const Sums exact = NAME(squares)(w, count, 0);
    return NAME(sum_up)(&exact);
}

/* The same of whole vectors, each lane by itself; the first `lanes` of them count. */
static void NAME(lane_squares)(const R *w, int64_t count, double *sum, int lanes)
{
    Sums sums = NAME(squares)(w, count, 1);
    double exact[LANES];
    int lost = 0;
    memcpy(sum, &sums, sizeof sums);
    for (int r = 0; r < lanes; r++) lost |= !NAME(is_exact)(sum[r]);
    if (!lost) return;
    sums = NAME(squares)(w, count, 0);
    memcpy(exact, &sums, sizeof sums);
    for (int r = 0; r < lanes; r++) sum[r] = NAME(is_exact)(sum[r]) ? sum[r] : exact[r];
}
#endif
