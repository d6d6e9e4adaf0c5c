/* exp of a vector, and what is made of it: expm1, logistic, tanh.

   x = k ln 2 + r with |r| <= ln 2 / 2, and e^x = 2^k e^r (Cody and
   Waite, Software Manual for the Elementary Functions, 1980, ch. 6); e^r - 1 by its series. */
#define PL2_DOUBLE (sizeof(R) == 8)

/* clang-format off */
/* 1/k!: 7 terms leave 5e-9 in float32, 13 terms 4e-18 in float64. */
static const R NAME(series)[] = {
    (R)1,          (R)(1. / 2),       (R)(1. / 6),        (R)(1. / 24),        (R)(1. / 120),
    (R)(1. / 720), (R)(1. / 5040),    (R)(1. / 40320),    (R)(1. / 362880),    (R)(1. / 3628800),
    (R)(1. / 39916800), (R)(1. / 479001600), (R)(1. / 6227020800),
};
/* clang-format on */

/* e^r - 1, and k in *power. */
PL2_INLINE V NAME(reduce)(V x, I *power)
{
    /* Adding 1.5 2^(bits of the mantissa) rounds to an integer and leaves it in the low bits. */
    const V magic = NAME(splat)((R)(PL2_DOUBLE ? 0x1.8p52 : 0x1.8p23));
    const V high = NAME(splat)((R)(PL2_DOUBLE ? 0x1.62e42feep-1 : 0x1.62e4p-1));
    const V low = NAME(splat)((R)(PL2_DOUBLE ? 0x1.a39ef35793c76p-33 : 0x1.7f7d1cp-20));
    const V rounded = x * (R)1.4426950408889634 + magic;
    const V k = rounded - magic, r = (x - k * high) - k * low;
    const int terms = PL2_DOUBLE ? 13 : 7;
    V sum = NAME(splat)(NAME(series)[terms - 1]);
    PL2_UNROLL
    for (int i = terms - 2; i >= 0; i--) sum = sum * r + NAME(series)[i];
    *power = NAME(bits)(rounded) - NAME(bits)(magic);
    return sum * r;
}

/* 2^k for a normal result. */
PL2_INLINE V NAME(power_of_two)(I k)
{
    const int bias = PL2_DOUBLE ? 1023 : 127, mantissa = PL2_DOUBLE ? 52 : 23;
    return NAME(from_bits)((k + bias) << mantissa);
}

/* Overflows to infinity, underflows to 0 and passes NaN on.  2^k is taken in two factors, for k
   itself may lie just outside the range of exponents. */
PL2_INLINE V NAME(exp)(V x)
{
    const V top = NAME(splat)(PL2_DOUBLE ? 710 : 89), bottom = NAME(splat)(PL2_DOUBLE ? -746 : -104);
    x = NAME(pick)(NAME(less)(top, x), top, x);
    x = NAME(pick)(NAME(less)(x, bottom), bottom, x);
    I k;
    const V e = 1 + NAME(reduce)(x, &k);
    const I half = k >> 1;
    return e * NAME(power_of_two)(half) * NAME(power_of_two)(k - half);
}

/* For |x| <= 40. */
PL2_INLINE V NAME(expm1)(V x)
{
    I k;
    const V e = NAME(reduce)(x, &k), scale = NAME(power_of_two)(k);
    return scale * e + (scale - 1);
}

PL2_INLINE V NAME(logistic)(V z) { return 1 / (1 + NAME(exp)(-z)); }

/* expm1(2|z|) / (expm1(2|z|) + 2): no cancellation near 0; from 20 on it is 1. */
PL2_INLINE V NAME(tanh)(V z)
{
    const I sign = NAME(bits)(NAME(splat)((R)-0.0));
    const V limit = NAME(splat)(20), size = NAME(from_bits)(NAME(bits)(z) & ~sign);
    const V e = NAME(expm1)(2 * NAME(pick)(NAME(less)(limit, size), limit, size));
    return NAME(from_bits)(NAME(bits)(e / (e + 2)) | (NAME(bits)(z) & sign));
}
#undef PL2_DOUBLE
