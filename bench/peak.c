/* Chains of fused multiply-adds in as many registers as there are: enough to hide their latency.
   acc <- acc * factor + term; the sum is returned, or the compiler would drop it all.
   Each chain is a variable, because GCC keeps an array in memory. */
#define TWELVE(X) X(0) X(1) X(2) X(3) X(4) X(5) X(6) X(7) X(8) X(9) X(10) X(11)
#define SIXTEEN(X) TWELVE(X) X(12) X(13) X(14) X(15)
#define ONE(i) +1

#if defined(__AVX512F__)
#define BYTES 64
#define CHAINS SIXTEEN
#elif defined(__aarch64__)
#define BYTES 16
#define CHAINS SIXTEEN
#elif defined(__AVX__)
#define BYTES 32
#define CHAINS TWELVE
#else
#define BYTES 16
#define CHAINS TWELVE
#endif

#define DECLARE(i) acc##i = term * i,
#define STEP(i) acc##i = acc##i * factor + term;
#define SUM(i) +acc##i[0]

#define PEAK(NAME, R) \
    typedef R NAME##_vector __attribute__((vector_size(BYTES))); \
    long NAME##_flops(void) { return 2 * (0 CHAINS(ONE)) * (long)(BYTES / sizeof(R)); } \
    double NAME(long steps, double factor_, double term_) \
    { \
        const NAME##_vector zero = {0}, factor = zero + (R)factor_, term = zero + (R)term_; \
        NAME##_vector CHAINS(DECLARE) unused = zero; \
        for (long step = 0; step < steps; step++) { \
            CHAINS(STEP) \
        } \
        return unused[0] CHAINS(SUM); \
    }

PEAK(float32, float)
PEAK(float64, double)
