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

/* 64 random bits, twice, in each of the lanes, the blocks of which are [block, block + lanes). */
PL2_INLINE void NAME(philox)(const Stream *s, uint64_t block, U *first, U *second)
{
    U a = NAME(everywhere)(block), b = NAME(everywhere)(s->particle);
    U c = NAME(everywhere)(s->early), d = NAME(everywhere)(s->late);
#if PL2_VECTORS
    for (int l = 0; l < WIDTH / 8; l++) a[l] += (uint64_t)l;
#endif
    PL2_UNROLL
    for (int r = 0; r < PL2_ROUNDS; r++) {
        const U p = NAME(wide_product)(a, 0xD2511F53u), q = NAME(wide_product)(c, 0xCD9E8D57u);
        a = (q >> 32) ^ b ^ s->key[r][0];
        c = (p >> 32) ^ d ^ s->key[r][1];
        b = q;
        d = p;
    }
    *first = (a & 0xFFFFFFFFu) | b << 32;
    *second = (c & 0xFFFFFFFFu) | d << 32;
}

/* Bits -> numbers uniform on [0, 1), multiples of 2^-23 or of 2^-52: a mantissa behind the exponent of 1,
   less 1.  Exact, and without a conversion that some instruction sets lack. */
PL2_INLINE V NAME(uniform)(I bits)
{
    const int mantissa = sizeof(R) == 4 ? 23 : 52, width = 8 * (int)sizeof(R);
    const INT mask = ((INT)1 << mantissa) - 1, one = (INT)((sizeof(R) == 4 ? 127LL : 1023LL) << mantissa);
    return NAME(from_bits)(((bits >> (width - mantissa)) & mask) | one) - NAME(splat)(1);
}

/* Two independent numbers for each of the coordinates [first, first + LANES) of a particle, first
   being a multiple of LANES.  64 bits make one float64 or two float32, the lower half the earlier. */
PL2_INLINE void NAME(two_uniforms)(const Stream *s, int64_t first, V *u, V *w)
{
    U bits[2];
    I part[2];
    NAME(philox)(s, (uint64_t)first * sizeof(R) / 8, &bits[0], &bits[1]);
#if PL2_VECTORS
    memcpy(part, bits, sizeof part);
#else
    for (int k = 0; k < 2; k++) part[k] = (INT)(bits[k] >> (first * 8 * (int)sizeof(R)) % 64);
#endif
    *u = NAME(uniform)(part[0]);
    *w = NAME(uniform)(part[1]);
}
