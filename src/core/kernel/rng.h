/* A counter-based generator: (seed, iteration, particle, coordinate) -> numbers.  Nothing is
   carried from one number to the next, so that any partition of the work gives the same ones.

   Philox4x32-10 (Salmon, Moraes, Dror, Shaw, Parallel random numbers: as easy as 1, 2, 3, SC 2011):
   integers alone, the same for every instruction set. */
#undef U
#define U NAME(U)
#if PL2_VECTORS
typedef uint64_t U __attribute__((vector_size(WIDTH)));
#else
typedef uint64_t U;
#endif

/* What all numbers of one particle in one iteration share: two words of the key, round by round, and
   three of the counter's four. */
#define PL2_ROUNDS 10
#define Stream NAME(Stream)
typedef struct {
    uint64_t key[PL2_ROUNDS][2];
    uint64_t particle, early, late;
} Stream;

static Stream NAME(stream)(uint64_t seed, uint64_t iteration, int64_t particle)
{
    Stream s = {.particle = (uint32_t)particle, .early = (uint32_t)iteration, .late = iteration >> 32};
    for (int r = 0; r < PL2_ROUNDS; r++) {
        s.key[r][0] = (uint32_t)((uint32_t)seed + (uint32_t)r * 0x9E3779B9u);
        s.key[r][1] = (uint32_t)((uint32_t)(seed >> 32) + (uint32_t)r * 0xBB67AE85u);
    }
    return s;
}

PL2_INLINE U NAME(everywhere)(uint64_t word)
{
    const U zero = {0};
    return zero + word;
}

/* The lower halves of a, whatever the upper ones hold, times a word: 64 bits each. */
PL2_INLINE U NAME(wide_product)(U a, uint64_t word)
{
#if defined(PL2_AVX512)
    return (U)_mm512_mul_epu32((__m512i)a, _mm512_set1_epi64((int64_t)word));
#elif defined(PL2_AVX2)
    return (U)_mm256_mul_epu32((__m256i)a, _mm256_set1_epi64x((int64_t)word));
#elif defined(PL2_X86) && WIDTH == 16
    return (U)_mm_mul_epu32((__m128i)a, _mm_set1_epi64x((int64_t)word));
#else
    return (a & 0xFFFFFFFFu) * word;
#endif
}

/* 64 random bits, twice, in each of the lanes of INTERLEAVED vectors, the blocks of which begin at `block`.
   A round waits for the one before it, so that those of two vectors take hardly longer than of one. */
#define PL2_INTERLEAVED 2
PL2_INLINE void NAME(philox)(const Stream *s, uint64_t block, U first[PL2_INTERLEAVED],
                             U second[PL2_INTERLEAVED])
{
    static const uint64_t ahead[] = {0, 1, 2, 3, 4, 5, 6, 7};
    U a[PL2_INTERLEAVED], b[PL2_INTERLEAVED], c[PL2_INTERLEAVED], d[PL2_INTERLEAVED];
    PL2_UNROLL
    for (int k = 0; k < PL2_INTERLEAVED; k++) {
        memcpy(&a[k], ahead, sizeof a[k]); /* lane by lane is a dozen instructions */
        a[k] += block + (uint64_t)k * sizeof(U) / 8;
        b[k] = NAME(everywhere)(s->particle);
        c[k] = NAME(everywhere)(s->early);
        d[k] = NAME(everywhere)(s->late);
    }
    PL2_UNROLL
    for (int r = 0; r < PL2_ROUNDS; r++) {
        PL2_UNROLL
        for (int k = 0; k < PL2_INTERLEAVED; k++) {
            const U p = NAME(wide_product)(a[k], 0xD2511F53u), q = NAME(wide_product)(c[k], 0xCD9E8D57u);
            a[k] = (q >> 32) ^ b[k] ^ s->key[r][0];
            c[k] = (p >> 32) ^ d[k] ^ s->key[r][1];
            b[k] = q;
            d[k] = p;
        }
    }
    PL2_UNROLL
    for (int k = 0; k < PL2_INTERLEAVED; k++) {
        first[k] = (a[k] & 0xFFFFFFFFu) | b[k] << 32;
        second[k] = (c[k] & 0xFFFFFFFFu) | d[k] << 32;
    }
}

/* Bits -> numbers uniform on [0, 1), multiples of 2^-23 or of 2^-52: a mantissa behind the exponent of 1,
   less 1.  Exact, and without a conversion that some instruction sets lack. */
PL2_INLINE V NAME(uniform)(I bits)
{
    const int mantissa = sizeof(R) == 4 ? 23 : 52, width = 8 * (int)sizeof(R);
    const INT mask = ((INT)1 << mantissa) - 1, one = (INT)((sizeof(R) == 4 ? 127LL : 1023LL) << mantissa);
    return NAME(from_bits)(((bits >> (width - mantissa)) & mask) | one) - NAME(splat)(1);
}

/* Two independent numbers for each of the coordinates [first, first + INTERLEAVED * LANES) of a particle,
   first being a multiple of that.  64 bits make one float64 or two float32, the lower half the earlier. */
PL2_INLINE void NAME(two_uniforms)(const Stream *s, int64_t first, V u[PL2_INTERLEAVED], V w[PL2_INTERLEAVED])
{
    U bits[2][PL2_INTERLEAVED];
    I part[2][PL2_INTERLEAVED];
    NAME(philox)(s, (uint64_t)first * sizeof(R) / 8, bits[0], bits[1]);
#if PL2_VECTORS
    memcpy(part, bits, sizeof part);
#else
    for (int k = 0; k < 2; k++)
        for (int l = 0; l < PL2_INTERLEAVED; l++)
            part[k][l] = (INT)(sizeof(R) == 8 ? bits[k][l] : bits[k][0] >> 32 * l);
#endif
    PL2_UNROLL
    for (int k = 0; k < PL2_INTERLEAVED; k++) {
        u[k] = NAME(uniform)(part[0][k]);
        w[k] = NAME(uniform)(part[1][k]);
    }
}
