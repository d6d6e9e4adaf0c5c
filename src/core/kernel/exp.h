/* exp of a vector, and what is made of it: logistic, tanh, the normal distribution; and back, log and log1p.

   x = k ln 2 + r with |r| <= ln 2 / 2, and e^x = 2^k e^r (Cody and Waite, Software Manual for the
   Elementary Functions, 1980, ch. 5 and 6).  All are within 2 ULP where the result is a normal number;
   a smaller one is 0 or, where flush-to-zero is off, may be denormal. */
#ifndef PL2_EXP_ONCE
#define PL2_EXP_ONCE
/* Minimax polynomials (Remez) without a constant term; the error is relative to the function. */

/* e^r - 1 for |r| <= ln 2 / 2: 3e-9, and 4e-18. */
static const double pl2_expm1_f32[] = {
    1,
    0.49999993448458666,
    0.16666520629635382,
    0.041668387855390142,
    0.0083687170812417160,
    0.0013814610145257281,
};
static const double pl2_expm1_f64[] = {
    1,
    0.50000000000000106,
    0.16666666666666413,
    0.041666666666530159,
    0.0083333333334944647,
    0.0013888888943630048,
    0.00019841269506571329,
    0.000024801493098929180,
    2.7557586380882426e-6,
    2.7630248379742434e-7,
    2.5000059256054842e-8,
};

/* tanh(x) = x + x p(x^2) / (1 + q(x^2)) for |x| <= 0.55, p and q: 2e-9, and 1e-19. */
static const double pl2_tanh_p_f32[] = {-0.33333321345188326, -0.0015516239151967558};
static const double pl2_tanh_q_f32[] = {0.40464735813225519};
static const double pl2_tanh_p_f64[] = {-0.33333333333333331, -0.020500385543851269, -0.00019924834634491180};
static const double pl2_tanh_q_f64[] = {0.46150115663154955, 0.023293445786986356, 0.00020660903910113703};

#ifdef PL2_AVX512
/* tanh of float32 for 0 <= x < 9.02 in pieces, four from a power of 2 to the next and one below 0.078125: of each the
   place about which it is developed, and the coefficients of tanh(place + r), interpolated at Chebyshev's points.  The
   places are such that their tanh is almost a number of the type.  A piece is told by the lowest three bits of the
   exponent and the highest two of the mantissa. */
/* clang-format off */
static const float pl2_tanh_table[][32] = {
    {2.24994326, 2.75006676, 3.24991369, 3.75008559, 4.49993181, 5.50019073, 6.49980927, 7.50019073,
     8.50588131, 9, 9, 9, 0, 0.0859364495, 0.101560496, 0.117190413,
     0.140629709, 0.17187272, 0.20312424, 0.23437345, 0.281243235, 0.34375155, 0.406240493, 0.468753487,
     0.562476516, 0.687487423, 0.812479019, 0.937519848, 1.12498033, 1.37504101, 1.62498569, 1.87500703},
    {0.978023648, 0.991860807, 0.996997118, 0.998894632, 0.999753177, 0.999966621, 0.99999547, 0.999999404,
     0.99999994, 1, 1, 1, 0, 0.0857255235, 0.101212747, 0.116656862,
     0.13970992, 0.170200095, 0.200375989, 0.230174243, 0.274055332, 0.330822498, 0.385275871, 0.437191606,
     0.509812593, 0.596365452, 0.670955539, 0.734080672, 0.809294283, 0.879835963, 0.925344169, 0.954045892},
    {0.0434697419, 0.0162121393, 0.00599674694, 0.00220951438, 0.000493584666, 6.67791028e-05, 9.04472472e-06, 1.22314202e-06,
     1.63661099e-07, 0, 0, 0, 1, 0.992651105, 0.989755988, 0.986391187,
     0.980481148, 0.971031904, 0.959849477, 0.947019815, 0.924893677, 0.890556455, 0.8515625, 0.808863521,
     0.740091145, 0.644348264, 0.549818695, 0.461125553, 0.345042765, 0.225888684, 0.143738165, 0.0897964388},
    {-0.0425135531, -0.0160795208, -0.00597844273, -0.0022069558, -0.000493028376, -6.67176428e-05, -9.03666023e-06, -1.22205518e-06,
     -1.63509128e-07, 0, 0, 0, 0, -0.0850955397, -0.100175925, -0.1150693,
     -0.136982948, -0.165269718, -0.192330778, -0.217979565, -0.25347203, -0.294616103, -0.328086466, -0.353628308,
     -0.377307594, -0.384266973, -0.368903905, -0.33850345, -0.279242545, -0.198745817, -0.133007586, -0.085669972},
    {0.0270903464, 0.0105451224, 0.0039617992, 0.00146809372, 0.000328691734, 4.4497574e-05, 6.02752789e-06, 8.1510774e-07,
     1.09061432e-07, 0, 0, 0, -0.333333075, -0.323588848, -0.319779575, -0.315373421,
     -0.30768916, -0.295548379, -0.28141135, -0.265499979, -0.238832518, -0.199386522, -0.157450363, -0.115017839,
     -0.0543409176, 0.0143807102, 0.0642451346, 0.094780229, 0.110974178, 0.0995671451, 0.0751650035, 0.0518009812},
    {-0.0123802507, -0.00514196884, -0.00197602692, -0.000738254341, -0.000171166437, -2.31977883e-05, -3.14266822e-06, -4.25008352e-07,
     -5.69203671e-08, 0, 0, 0, 0, 0.0561026148, 0.0657549575, 0.075143747,
     0.0886334926, 0.105375126, 0.120479219, 0.133750498, 0.149856389, 0.164079264, 0.169943154, 0.168092117,
     0.153290913, 0.119456209, 0.0798977464, 0.0433411337, 0.00363156176, -0.0211399589, -0.0251374133, -0.0208512824},
    {0.00398023752, 0.0019114922, 0.00076856924, 0.000291817676, 6.75140764e-05, 9.170456e-06, 1.24187e-06, 1.68059103e-07,
     2.25090862e-08, 0, 0, 0, 0.13300465, 0.125108391, 0.121928364, 0.118275151,
     0.111955576, 0.102146097, 0.0909806043, 0.0787480175, 0.0590597652, 0.0319510549, 0.00592004368, -0.0171716791,
     -0.043536596, -0.0616198368, -0.0627006069, -0.0530718751, -0.0320188627, -0.00947639346, 0.00141765608, 0.00461030006},
};
/* clang-format on */
#endif

/* 2 atanh(s) / s - 2 by s^2, for |s| <= (sqrt 2 - 1)^2: 8e-10, and 1.2e-18. */
static const double pl2_atanh_f32[] = {0.66666776381896206, 0.39977541548697353, 0.29871728435456758};
static const double pl2_atanh_f64[] = {
    0.66666666666667344, 0.39999999999414664, 0.28571428742390675, 0.22222198572905783,
    0.18183564338608195, 0.15314050280901779, 0.14795951982310834,
};

/* e^(t^2/2) Phi(-t) (t + k) by (t - k) / (t + k), for t up to 13.5 with k = 4, and 38 with k = 5, without its first
   coefficient: 8e-9, and 1.2e-17. */
static const double pl2_mills_f32[] = {
    -0.607896606435266419,  0.387136883337138703,    -0.186522950637299216,
    0.0604044165130152802,  -7.52839301378399641e-3, -3.51748140361137343e-3,
    1.57430346226994808e-3, 1.90582315707402437e-4,  -1.2683244883232513e-4,
};
static const double pl2_mills_f64[] = {
    -0.665382502890056625,  0.495305615969976784,    -0.313533156671313189,   0.165020366170372475,
    -0.0691186387060279405, 0.0207950668000191562,   -2.99337677468717519e-3, -7.97869399081544577e-4,
    5.44899098779009622e-4, -5.93757265273987746e-5,
};
static const double pl2_mills_more_f64[] = {
    -4.97629818902722224e-5, 1.66812051250698188e-5, 3.98142661832936034e-6, -2.76920487712342053e-6,
    -3.37667760208602117e-7, 4.32912812254623957e-7, 4.35913619816500129e-8, -6.55101432118915316e-8,
    -1.02501117862831501e-8, 7.25004104900718269e-9, 2.04286831284887783e-9,
};

#define PL2_DOUBLE (sizeof(R) == 8)
#define PL2_MANTISSA (PL2_DOUBLE ? 52 : 23)
#define PL2_COUNT(array) ((int)(sizeof array / sizeof *array))
#define PL2_POLYNOMIAL_FROM(i, f, x) \
    (PL2_DOUBLE ? NAME(polynomial)(pl2_##f##_f64 + (i), PL2_COUNT(pl2_##f##_f64) - (i), x) \
                : NAME(polynomial)(pl2_##f##_f32 + (i), PL2_COUNT(pl2_##f##_f32) - (i), x))
#define PL2_POLYNOMIAL(f, x) PL2_POLYNOMIAL_FROM(0, f, x)
#define PL2_FIRST(f) ((R)(PL2_DOUBLE ? pl2_##f##_f64[0] : pl2_##f##_f32[0]))
#endif

/* c[0] x + c[1] x^2 + ..., up to 15 terms, by Estrin's scheme: pairs, then pairs of pairs, so that the
   chain of dependent operations grows as the logarithm of the terms. */
PL2_INLINE V NAME(polynomial)(const double *c, int terms, V x)
{
    const V x2 = x * x, x4 = x2 * x2, x8 = x4 * x4;
    const int parts = terms / 2 + 1;
    V part[8];
    part[0] = (R)c[0] * x;
    PL2_UNROLL
    for (int i = 1; i < parts; i++)
        part[i] = 2 * i < terms ? (R)c[2 * i - 1] + (R)c[2 * i] * x : NAME(splat)((R)c[2 * i - 1]);
    PL2_UNROLL
    for (int i = 0; i + 1 < parts; i += 2) part[i] = part[i] + part[i + 1] * x2;
    PL2_UNROLL
    for (int i = 0; i + 2 < parts; i += 4) part[i] = part[i] + part[i + 2] * x4;
    return parts > 4 ? part[0] + part[4] * x8 : part[0];
}

/* ln 2 in two parts: k times the first is exact. */
#define PL2_LN2_HIGH ((R)(PL2_DOUBLE ? 0x1.62e42feep-1 : 0x1.62e4p-1))
#define PL2_LN2_LOW ((R)(PL2_DOUBLE ? 0x1.a39ef35793c76p-33 : 0x1.7f7d1cp-20))

/* The integer k nearest to y, and 2^k where that is a normal number. */
PL2_INLINE V NAME(nearest)(V y, V *power)
{
    /* Adding 1.5 2^mantissa rounds to an integer and leaves it in the low bits; the bias beside it
       makes them the exponent of 2^k. */
    const V magic = NAME(splat)((R)(PL2_DOUBLE ? 0x1.8p52 + 1023 : 0x1.8p23 + 127));
    const V rounded = y + magic;
    *power = NAME(from_bits)(NAME(bits)(rounded) << PL2_MANTISSA);
    return rounded - magic;
}

/* 2^k, and e^x / 2^k - 1. */
PL2_INLINE V NAME(reduce)(V x, V *power)
{
    const V k = NAME(nearest)(x * (R)1.4426950408889634, power);
    return PL2_POLYNOMIAL(expm1, (x - k * PL2_LN2_HIGH) - k * PL2_LN2_LOW);
}

/* Overflows to infinity, underflows to 0 and passes NaN on. */
PL2_INLINE V NAME(exp)(V x)
{
    const V zero = NAME(splat)(0), one = NAME(splat)(1);
    const M above = NAME(less)(NAME(splat)((R)(PL2_DOUBLE ? -0x1.6232bdd7abcd3p9 : -0x1.5d58ap6)), x);
    const M below = NAME(less)(x, NAME(splat)((R)(PL2_DOUBLE ? 0x1.62e42fefa39fp9 : 0x1.62e43p6)));
    V power;
    const V e = 1 + NAME(reduce)(x, &power);
    /* k is added to the exponent, for at the top 2^k alone would overflow. */
    const I shift = NAME(bits)(NAME(pick)(above & below, power, one)) - NAME(bits)(one);
    const V y = NAME(from_bits)(NAME(bits)(e) + shift);
    return NAME(pick)(below, NAME(pick)(above, y, zero), x * (R)INFINITY);
}

/* e^x for x <= 0, the same but sooner: nothing can overflow, so 2^k can be multiplied by; the sum, for without
   fused operations 2^k (e^r - 1) would be flushed to 0 at the bottom. */
PL2_INLINE V NAME(exp_below)(V x)
{
    const V bottom = NAME(splat)((R)(PL2_DOUBLE ? -0x1.6232bdd7abcd3p9 : -0x1.5d58ap6));
    V power;
    const V e = NAME(reduce)(NAME(larger)(x, bottom), &power);
    return NAME(pick)(NAME(less)(x, bottom), NAME(splat)(0), power * (1 + e));
}

/* e^x - 1 for |x| <= 40. */
PL2_INLINE V NAME(expm1)(V x)
{
    V power;
    const V e = NAME(reduce)(x, &power);
    return power * e + (power - 1);
}

/* e^x - 1 - x for |x| <= 1, within 24 ULP: where e^x has k = 0 by the polynomial without its first term, which is x. */
PL2_INLINE V NAME(exp_excess)(V x)
{
    const M near = NAME(less)(x * x, NAME(splat)((R)0.12)); /* (ln 2 / 2)^2 */
    const V small = NAME(pick)(near, x, NAME(splat)(0));
    return NAME(pick)(near, small * PL2_POLYNOMIAL_FROM(1, expm1, small), NAME(expm1)(x) - x);
}

/* 1 / (1 + e^-z), of which 1 + 2^k has no error that is seen. */
PL2_INLINE V NAME(logistic)(V z)
{
    const V zero = NAME(splat)(0), one = NAME(splat)(1), top = NAME(splat)(PL2_DOUBLE ? 40 : 20);
    const V bottom = NAME(splat)((R)(PL2_DOUBLE ? -0x1.6232bdd7abcd3p9 : -0x1.5d58ap6));
    V power;
    const V e = NAME(reduce)(-z, &power), y = 1 / (power + (1 + power * e));
    return NAME(pick)(NAME(less)(top, z), one, NAME(pick)(NAME(less)(z, bottom), zero, y));
}

#ifdef PL2_AVX512
/* float32 where registers hold a table: within 1 ULP, without a division. */
PL2_INLINE V NAME(tanh_by_table)(V z)
{
    enum { TERMS = sizeof pl2_tanh_table / sizeof *pl2_tanh_table - 1, PIECE = 21 };
    const I sign = NAME(bits)(z) & NAME(bits)(NAME(splat)((R)-0.0));
    const V x = NAME(smaller)(NAME(from_bits)(NAME(bits)(z) ^ sign), NAME(splat)((R)9.02));
    const I piece = NAME(bits)(NAME(larger)(x, NAME(splat)((R)0.0625))) >> PIECE;
    const V r = x - NAME(look_up)(pl2_tanh_table[0], piece);
    V y = NAME(look_up)(pl2_tanh_table[TERMS], piece);
    PL2_UNROLL
    for (int i = TERMS - 1; i > 0; i--) y = y * r + NAME(look_up)(pl2_tanh_table[i], piece);
    return NAME(from_bits)(NAME(bits)(y) | sign);
}
#endif

/* 1 - 2 / (1 + e^(2|z|)), which is 1 from 20 on; below 0.55, where the difference would cancel, by a
   fraction of its own, for which the same division serves.  An error of the large e^(2|z|) hardly
   shows in it: ln 2 need not be exact. */
PL2_INLINE V NAME(tanh)(V z)
{
#ifdef PL2_AVX512
    if (!PL2_DOUBLE) return NAME(tanh_by_table)(z);
#endif
    const V one = NAME(splat)(1);
    const I sign = NAME(bits)(z) & NAME(bits)(NAME(splat)((R)-0.0));
    const V x = NAME(smaller)(NAME(from_bits)(NAME(bits)(z) ^ sign), NAME(splat)(20)), square = x * x;
    const M near = NAME(less)(x, NAME(splat)((R)0.55));
    V power;
    const V k = NAME(nearest)(x * (R)2.8853900817779268, &power);
    const V e = PL2_POLYNOMIAL(expm1, (x + x) - k * (R)0.69314718055994531);
    const V p = (x * square) * (PL2_FIRST(tanh_p) + PL2_POLYNOMIAL_FROM(1, tanh_p, square));
    const V above = NAME(pick)(near, p, NAME(splat)(-2));
    const V below = NAME(pick)(near, 1 + PL2_POLYNOMIAL(tanh_q, square), (1 + power) + power * e);
    const V y = NAME(pick)(near, x, one) + above / below;
    return NAME(from_bits)(NAME(bits)(y) | sign);
}

/* log of a normal x > 0; infinity and NaN pass on.  With x = 2^k m, sqrt 1/2 <= m < sqrt 2 and
   f = m - 1, log m = 2 atanh s, s = f / (2 + f); 2 s = f - s f, and f has no error. */
PL2_INLINE V NAME(log)(V x)
{
    const V magic = NAME(splat)((R)(PL2_DOUBLE ? 0x1.8p52 : 0x1.8p23));
    const I root = NAME(bits)(NAME(splat)((R)0.70710678118654752));
    const I power = (NAME(bits)(x) - root) >> PL2_MANTISSA;
    const V k = NAME(from_bits)(NAME(bits)(magic) + power) - magic;
    const V f = NAME(from_bits)(NAME(bits)(x) - (power << PL2_MANTISSA)) - 1, s = f / (2 + f);
    const V rest = s * (f - PL2_POLYNOMIAL(atanh, s * s)) - k * PL2_LN2_LOW;
    return NAME(pick)(NAME(less)(x, NAME(splat)((R)INFINITY)), k * PL2_LN2_HIGH + (f - rest), x);
}

/* log(1 + x) for x >= 0: the logarithm of the rounded sum, and what was lost in it. */
PL2_INLINE V NAME(log1p)(V x)
{
    const V sum = 1 + x, lost = x - (sum - 1);
    return NAME(pick)(NAME(less)(x, NAME(splat)((R)INFINITY)), NAME(log)(sum) + lost / sum, x);
}

/* e^(-t^2/2), and Phi(-t) = (1 - erf(t / sqrt 2)) / 2 for t >= 0, each 0 where it is no normal number.  The square is
   split into a part that has no error and a small one, for an error of the exponent is one of the result. */
PL2_INLINE V NAME(normal_tail)(V t, V *bell)
{
    const INT coarse = PL2_DOUBLE ? -((INT)1 << 27) : -((INT)1 << 12);
    const V zero = NAME(splat)(0), most = NAME(splat)((R)(PL2_DOUBLE ? 37.6 : 13.2));
    const R k = PL2_DOUBLE ? 5 : 4;
    const M beyond = NAME(less)(most, t);
    const V x = NAME(pick)(beyond, most, t), high = NAME(from_bits)(NAME(bits)(x) & coarse);
    const V square = (R)-0.5 * (high * high), rest = (R)-0.5 * ((x - high) * (x + high));
    V power;
    const V n = NAME(nearest)((square + rest) * (R)1.4426950408889634, &power);
    const V e = PL2_POLYNOMIAL(expm1, ((square - n * PL2_LN2_HIGH) - n * PL2_LN2_LOW) + rest);
    const V over = 1 / (x + k), u = (x - k) * over, u2 = u * u, u4 = u2 * u2;
    V p = (R)(PL2_DOUBLE ? 0.769193049750062957 : 0.755285135477250231) + PL2_POLYNOMIAL(mills, u);
    if (PL2_DOUBLE)
        p += (u4 * u4) * u2 * NAME(polynomial)(pl2_mills_more_f64, PL2_COUNT(pl2_mills_more_f64), u);
    *bell = NAME(pick)(beyond, zero, power + power * e);
    return *bell * (p * over);
}
