/* V, a vector of LANES numbers R, and the verbs on it.  The only file that knows registers.

   Compilers with GNU vectors give every verb one instruction or a few; any other sees V = R and
   LANES = 1: correct, slow, the same code.  Included once for each type and instruction set. */
#ifndef PL2_SIMD_ONCE
#define PL2_SIMD_ONCE
#include <math.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#if defined(__GNUC__)
#ifndef PL2_INLINE /* sanitizers say less: their checks, in line everywhere, compile for minutes */
#define PL2_INLINE static inline __attribute__((always_inline, unused))
#endif
#define PL2_UNROLL _Pragma("GCC unroll 16")
/* What is never so: the compiler leaves out the code for it. */
#define PL2_NEVER(condition) \
    if (condition) __builtin_unreachable()
#define PL2_KNOWN(condition) (__builtin_constant_p(condition) && (condition))
#define PL2_PREFETCH(p) __builtin_prefetch(p, 1)
#define PL2_PREFETCH_FAR(p) __builtin_prefetch(p, 0, 2) /* not into the nearest cache */
#if defined(__x86_64__)
#define PL2_ROUNDED(v) __asm__("" : "+v"(v))
#elif defined(__aarch64__)
#define PL2_ROUNDED(v) __asm__("" : "+w"(v))
#else
#define PL2_ROUNDED(v) (void)(v)
#endif
#else
#define PL2_INLINE static inline
#define PL2_UNROLL
#define PL2_NEVER(condition) (void)(condition)
#define PL2_KNOWN(condition) 0
#define PL2_PREFETCH(p) (void)(p)
#define PL2_PREFETCH_FAR(p) (void)(p)
#define PL2_ROUNDED(v) (void)(v)
#endif

/* Denormals cost a hundred cycles each, and the moments of a dead unit stay denormal for ever.
   Each verb sets flush-to-zero on entering and restores what it found on leaving. */
#if defined(__x86_64__) && defined(__GNUC__)
#include <emmintrin.h>
typedef unsigned pl2_flush;
static inline pl2_flush pl2_flush_on(void)
{
    pl2_flush found = _mm_getcsr();
    _mm_setcsr(found | 0x8040); /* flush to zero, denormals are zero */
    return found;
}
static inline void pl2_flush_restore(pl2_flush found) { _mm_setcsr(found); }
#elif defined(__aarch64__) && defined(__GNUC__)
typedef uint64_t pl2_flush;
static inline pl2_flush pl2_flush_on(void)
{
    pl2_flush found;
    __asm__ volatile("mrs %0, fpcr" : "=r"(found));
    __asm__ volatile("msr fpcr, %0" : : "r"(found | 1u << 24));
    return found;
}
static inline void pl2_flush_restore(pl2_flush found) { __asm__ volatile("msr fpcr, %0" : : "r"(found)); }
#else
typedef int pl2_flush;
static inline pl2_flush pl2_flush_on(void) { return 0; }
static inline void pl2_flush_restore(pl2_flush found) { (void)found; }
#endif
#endif

#undef V
#undef I
#undef LANES
#undef PL2_VECTORS
#if defined(__GNUC__) && !defined(PL2_SCALAR)
#define PL2_VECTORS 1
#define LANES (WIDTH / (int)sizeof(R))
typedef R NAME(V) __attribute__((vector_size(WIDTH)));
typedef INT NAME(I) __attribute__((vector_size(WIDTH)));
#else
#define PL2_VECTORS 0
#define LANES 1
typedef R NAME(V);
typedef INT NAME(I);
#endif
#define V NAME(V)
#define I NAME(I)

/* The mask of a comparison: a bit for each lane where registers for that are, else all bits of it. */
#undef M
#if defined(PL2_AVX512)
typedef __typeof__(__builtin_choose_expr(sizeof(R) == 4, (__mmask16)0, (__mmask8)0)) NAME(M);
#else
typedef I NAME(M);
#endif
#define M NAME(M)

/* The largest tile: MR rows of NV vectors of accumulators, beside NV vectors and one broadcast; of 1 or 2 vectors
   MOST_MR rows, or as few sums would wait for each other. */
#undef MR
#undef NV
#undef MOST_MR
#if defined(PL2_AVX512) || defined(PL2_NEON)
#define MR 6
#define NV 4
#define MOST_MR 6
#elif defined(PL2_AVX2)
#define MR 4
#define NV 3
#define MOST_MR 6
#else
#define MR 4
#define NV 3
#define MOST_MR 4
#endif

PL2_INLINE V NAME(load)(const R *p)
{
    V v;
    memcpy(&v, p, sizeof v);
    return v;
}

PL2_INLINE void NAME(store)(R *p, V v) { memcpy(p, &v, sizeof v); }

PL2_INLINE V NAME(splat)(R x)
{
    const V zero = {0};
    return x - zero; /* which is -0 for -0 */
}

PL2_INLINE V NAME(broadcast)(const R *p) { return NAME(splat)(*p); }

/* The same bits as integers and back. */
PL2_INLINE I NAME(bits)(V v)
{
    I i;
    memcpy(&i, &v, sizeof i);
    return i;
}

PL2_INLINE V NAME(from_bits)(I i)
{
    V v;
    memcpy(&v, &i, sizeof v);
    return v;
}

/* 0, 1, 2, ...: what is computed from it and constants is a constant. */
PL2_INLINE I NAME(lane_numbers)(void)
{
    static const INT number[16] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};
    I lane;
    memcpy(&lane, number, sizeof lane);
    return lane;
}

/* a < b, false where either is NaN, and the choice by it. */
#if defined(PL2_AVX512)
PL2_INLINE M NAME(less)(V a, V b)
{
    if (sizeof(R) == 4) return _mm512_cmp_ps_mask((__m512)a, (__m512)b, _CMP_LT_OQ);
    return (M)_mm512_cmp_pd_mask((__m512d)a, (__m512d)b, _CMP_LT_OQ);
}

PL2_INLINE V NAME(pick)(M mask, V yes, V no)
{
    if (sizeof(R) == 4) return (V)_mm512_mask_blend_ps((__mmask16)mask, (__m512)no, (__m512)yes);
    return (V)_mm512_mask_blend_pd((__mmask8)mask, (__m512d)no, (__m512d)yes);
}
#else
PL2_INLINE M NAME(less)(V a, V b)
{
#if PL2_VECTORS
    return a < b;
#else
    return -(INT)(a < b);
#endif
}

PL2_INLINE V NAME(pick)(M mask, V yes, V no)
{
#if defined(PL2_AVX2)
    if (sizeof(R) == 4) return (V)_mm256_blendv_ps((__m256)no, (__m256)yes, (__m256)mask);
    return (V)_mm256_blendv_pd((__m256d)no, (__m256d)yes, (__m256d)mask);
#else
    return NAME(from_bits)((mask & NAME(bits)(yes)) | (~mask & NAME(bits)(no)));
#endif
}
#endif

/* a < b ? b : a, and b < a ? b : a, which are a where either is NaN. */
PL2_INLINE V NAME(larger)(V a, V b)
{
#if defined(PL2_AVX512)
    return sizeof(R) == 4 ? (V)_mm512_max_ps((__m512)b, (__m512)a) : (V)_mm512_max_pd((__m512d)b, (__m512d)a);
#elif defined(PL2_AVX2)
    return sizeof(R) == 4 ? (V)_mm256_max_ps((__m256)b, (__m256)a) : (V)_mm256_max_pd((__m256d)b, (__m256d)a);
#else
    return NAME(pick)(NAME(less)(a, b), b, a);
#endif
}

PL2_INLINE V NAME(smaller)(V a, V b)
{
#if defined(PL2_AVX512)
    return sizeof(R) == 4 ? (V)_mm512_min_ps((__m512)b, (__m512)a) : (V)_mm512_min_pd((__m512d)b, (__m512d)a);
#elif defined(PL2_AVX2)
    return sizeof(R) == 4 ? (V)_mm256_min_ps((__m256)b, (__m256)a) : (V)_mm256_min_pd((__m256d)b, (__m256d)a);
#else
    return NAME(pick)(NAME(less)(b, a), b, a);
#endif
}

/* 1 in the lanes where two whole numbers are the same, else 0.  As integers, for R holds not all of
   them. */
PL2_INLINE V NAME(same)(I a, INT b)
{
#if PL2_VECTORS
    const I all = {0};
    return NAME(from_bits)((a == all + b) & NAME(bits)(NAME(splat)(1)));
#else
    return (R)(a == b);
#endif
}

/* The first `count` lanes, 0 < count <= LANES; the others read as 0 and are not written. */
#if defined(PL2_AVX512)
PL2_INLINE V NAME(load_part)(const R *p, int count)
{
    if (PL2_KNOWN(count == LANES)) return NAME(load)(p);
    if (sizeof(R) == 4) return (V)_mm512_maskz_loadu_ps((__mmask16)((1u << count) - 1), p);
    return (V)_mm512_maskz_loadu_pd((__mmask8)((1u << count) - 1), p);
}

PL2_INLINE void NAME(store_part)(R *p, V v, int count)
{
    if (count == LANES) /* what is stored whole is sooner loaded again */
        NAME(store)(p, v);
    else if (sizeof(R) == 4)
        _mm512_mask_storeu_ps(p, (__mmask16)((1u << count) - 1), (__m512)v);
    else
        _mm512_mask_storeu_pd(p, (__mmask8)((1u << count) - 1), (__m512d)v);
}
#elif defined(PL2_AVX2)
PL2_INLINE __m256i NAME(lanes)(int count)
{
    if (sizeof(R) == 4) return _mm256_cmpgt_epi32(_mm256_set1_epi32(count), (__m256i)NAME(lane_numbers)());
    return _mm256_cmpgt_epi64(_mm256_set1_epi64x(count), (__m256i)NAME(lane_numbers)());
}

PL2_INLINE V NAME(load_part)(const R *p, int count)
{
    if (PL2_KNOWN(count == LANES)) return NAME(load)(p);
    if (sizeof(R) == 4) return (V)_mm256_maskload_ps((const float *)p, NAME(lanes)(count));
    return (V)_mm256_maskload_pd((const double *)p, NAME(lanes)(count));
}

/* In halves: a masked store takes AMD's processors as long as a dozen others. */
PL2_INLINE void NAME(store_part)(R *p, V v, int count)
{
    if (count == LANES) {
        NAME(store)(p, v);
        return;
    }
    __m128i part = _mm256_castsi256_si128((__m256i)v);
    if (count & (16 / (int)sizeof(R))) {
        _mm_storeu_si128((__m128i *)p, part);
        part = _mm256_extracti128_si256((__m256i)v, 1);
        p += 16 / sizeof(R);
    }
    if (count & (8 / (int)sizeof(R))) {
        _mm_storel_epi64((__m128i *)p, part);
        part = _mm_unpackhi_epi64(part, part);
        p += 8 / sizeof(R);
    }
    if (sizeof(R) == 4 && count & 1) _mm_storeu_si32(p, part);
}
#else
PL2_INLINE V NAME(load_part)(const R *p, int count)
{
    if (count == LANES) return NAME(load)(p);
    R lane[LANES] = {0};
    for (int l = 0; l < count; l++) lane[l] = p[l];
    return NAME(load)(lane);
}

PL2_INLINE void NAME(store_part)(R *p, V v, int count)
{
    if (count == LANES) {
        NAME(store)(p, v);
        return;
    }
    R lane[LANES];
    NAME(store)(lane, v);
    for (int l = 0; l < count; l++) p[l] = lane[l];
}
#endif

/* The first `count` lanes of v, and 0. */
PL2_INLINE V NAME(first)(V v, int count)
{
#if defined(PL2_AVX512)
    if (sizeof(R) == 4) return (V)_mm512_maskz_mov_ps((__mmask16)((1u << count) - 1), (__m512)v);
    return (V)_mm512_maskz_mov_pd((__mmask8)((1u << count) - 1), (__m512d)v);
#elif defined(PL2_AVX2)
    return (V)((__m256i)v & NAME(lanes)(count));
#else
    R lane[LANES];
    for (int l = 0; l < LANES; l++) lane[l] = (R)l;
    return NAME(pick)(NAME(less)(NAME(load)(lane), NAME(splat)((R)count)), v, NAME(splat)(0));
#endif
}

PL2_INLINE V NAME(vsqrt)(V v)
{
#if defined(PL2_AVX512)
    return sizeof(R) == 4 ? (V)_mm512_sqrt_ps((__m512)v) : (V)_mm512_sqrt_pd((__m512d)v);
#elif defined(PL2_AVX2)
    return sizeof(R) == 4 ? (V)_mm256_sqrt_ps((__m256)v) : (V)_mm256_sqrt_pd((__m256d)v);
#elif defined(PL2_NEON)
    return sizeof(R) == 4 ? (V)vsqrtq_f32((float32x4_t)v) : (V)vsqrtq_f64((float64x2_t)v);
#else
    R lane[LANES];
    NAME(store)(lane, v);
    for (int l = 0; l < LANES; l++) lane[l] = (R)(sizeof(R) == 4 ? sqrtf((float)lane[l]) : sqrt(lane[l]));
    return NAME(load)(lane);
#endif
}

/* Pairwise, so that the order does not depend on the compiler. */
PL2_INLINE R NAME(total)(V v)
{
    R lane[LANES];
    NAME(store)(lane, v);
    for (int half = LANES / 2; half > 0; half /= 2)
        for (int l = 0; l < half; l++) lane[l] += lane[l + half];
    return lane[0];
}

/* Lane l of the result is lane index[l] of a, or of b from LANES on. */
PL2_INLINE V NAME(shuffle)(V a, V b, I index)
{
#if defined(__GNUC__) && !defined(__clang__) && !defined(PL2_SCALAR)
    return __builtin_shuffle(a, b, index);
#else
    R both[2 * LANES], lane[LANES];
    INT from[LANES];
    NAME(store)(both, a);
    NAME(store)(both + LANES, b);
    memcpy(from, &index, sizeof from);
    for (int l = 0; l < LANES; l++) lane[l] = both[from[l]];
    return NAME(load)(lane);
#endif
}

#ifdef PL2_AVX512
/* Of 32 numbers for each lane the one that the lowest 5 bits of its index tell; float32 alone. */
PL2_INLINE V NAME(look_up)(const float *numbers, I index)
{
    return (V)_mm512_permutex2var_ps(_mm512_loadu_ps(numbers), (__m512i)index, _mm512_loadu_ps(numbers + 16));
}
#endif

/* Of each pair of neighbouring groups of `half` lanes, one from a and one from b: the lower, the upper. */
PL2_INLINE V NAME(halves)(V a, V b, const int half, const int upper)
{
    const I lane = NAME(lane_numbers)(), in_upper = lane & (INT)half;
    return NAME(shuffle)(a, b, lane + in_upper * (INT)(LANES / half - 1) + (INT)(upper ? half : 0));
}

/* A square of numbers, transposed by exchanging ever smaller halves. */
PL2_INLINE void NAME(transpose_square)(V *square)
{
    PL2_UNROLL
    for (int half = LANES / 2; half > 0; half /= 2) {
        PL2_UNROLL
        for (int r = 0; r < LANES; r++) {
            if (r & half) continue;
            const V a = square[r], b = square[r + half];
            square[r] = NAME(halves)(a, b, half, 0);
            square[r + half] = NAME(halves)(a, b, half, 1);
        }
    }
}

/* The totals of `count` vectors, a power of 2 up to LANES: that of sum[i] in lane i LANES / count.  The
   square of them is transposed, and added up on the way. */
PL2_INLINE V NAME(totals)(V *sum, const int count)
{
    int left = count;
    PL2_UNROLL
    for (int half = LANES / 2; half > 0; half /= 2) {
        const int pairs = left > 1 ? left / 2 : 1, other = left > 1 ? pairs : 0;
        PL2_UNROLL
        for (int r = 0; r < pairs; r++) {
            const V a = sum[r], b = sum[r + other];
            sum[r] = NAME(halves)(a, b, half, 0) + NAME(halves)(a, b, half, 1);
        }
        left = pairs;
    }
    return sum[0];
}

/* The lanes from, from + step, ... of v, as the first. */
PL2_INLINE V NAME(every)(V v, const int from, const int step)
{
    return NAME(shuffle)(v, v, (NAME(lane_numbers)() * (INT)step + (INT)from) & (INT)(LANES - 1));
}

/* Sums in float64 of the lanes of many vectors, whatever R is. */
#define Sums NAME(Sums)
#undef HALVES
#if PL2_VECTORS
#define HALVES (8 / (int)sizeof(R))
typedef double NAME(Wide) __attribute__((vector_size(WIDTH)));
#else
#define HALVES 1
typedef double NAME(Wide);
#endif
typedef struct {
    NAME(Wide) half[HALVES];
} Sums;

PL2_INLINE Sums NAME(no_sums)(void)
{
    Sums sums;
    memset(&sums, 0, sizeof sums);
    return sums;
}

PL2_INLINE Sums NAME(widened)(V v)
{
    Sums wide;
#if defined(PL2_AVX512)
    if (sizeof(R) == 4) {
        wide.half[0] = (NAME(Wide))_mm512_cvtps_pd(_mm512_castps512_ps256((__m512)v));
        wide.half[HALVES - 1] = (NAME(Wide))_mm512_cvtps_pd(_mm512_extractf32x8_ps((__m512)v, 1));
        return wide;
    }
#elif defined(PL2_AVX2)
    if (sizeof(R) == 4) {
        wide.half[0] = (NAME(Wide))_mm256_cvtps_pd(_mm256_castps256_ps128((__m256)v));
        wide.half[HALVES - 1] = (NAME(Wide))_mm256_cvtps_pd(_mm256_extractf128_ps((__m256)v, 1));
        return wide;
    }
#endif
    R lane[LANES];
    double each[LANES];
    NAME(store)(lane, v);
    for (int l = 0; l < LANES; l++) each[l] = (double)lane[l];
    memcpy(&wide, each, sizeof wide);
    return wide;
}

PL2_INLINE void NAME(add)(Sums *sums, V v)
{
    const Sums wide = NAME(widened)(v);
    PL2_UNROLL
    for (int h = 0; h < HALVES; h++) sums->half[h] += wide.half[h];
}

PL2_INLINE void NAME(add_squares)(Sums *sums, V v)
{
    const Sums wide = NAME(widened)(v);
    PL2_UNROLL
    for (int h = 0; h < HALVES; h++) sums->half[h] += wide.half[h] * wide.half[h];
}

PL2_INLINE void NAME(add_scaled)(Sums *sums, const Sums *more, double scale)
{
    PL2_UNROLL
    for (int h = 0; h < HALVES; h++) sums->half[h] += more->half[h] * scale;
}

/* Pairwise, the upper half to the lower, whatever the instruction set. */
PL2_INLINE double NAME(sum_up)(const Sums *sums)
{
#if defined(PL2_AVX512) || defined(PL2_AVX2)
#ifdef PL2_AVX512
    const __m512d all = (__m512d)(HALVES == 2 ? sums->half[0] + sums->half[HALVES - 1] : sums->half[0]);
    const __m256d four = _mm512_castpd512_pd256(all) + _mm512_extractf64x4_pd(all, 1);
#else
    const __m256d four = (__m256d)(HALVES == 2 ? sums->half[0] + sums->half[HALVES - 1] : sums->half[0]);
#endif
    const __m128d two = _mm256_castpd256_pd128(four) + _mm256_extractf128_pd(four, 1);
    return _mm_cvtsd_f64(two + _mm_unpackhi_pd(two, two));
#else
    double lane[LANES];
    memcpy(lane, sums, sizeof *sums);
    for (int half = LANES / 2; half > 0; half /= 2)
        for (int l = 0; l < half; l++) lane[l] += lane[l + half];
    return lane[0];
#endif
}

PL2_INLINE double NAME(total_in_float64)(V v)
{
    const Sums wide = NAME(widened)(v);
    return NAME(sum_up)(&wide);
}
