/* Dropout (Srivastava et al., JMLR 2014), inverted: in an update each number that goes into a layer is left out
   with the probability p of that layer, and else counts 1/(1 - p) times.  Which ones follows from (seed, layer,
   update, row of the batch, number) alone, so that any partition of the work leaves out the same.

   A block of random bits is four words, for two numbers in two rows. */
#define Mask NAME(Mask)
/* Before one layer, in one update. */
typedef struct {
    Stream stream;
    uint32_t limit; /* words below it leave out */
    R scale;        /* of what stays */
} Mask;

static Mask NAME(mask)(const Update *u, int64_t l, int64_t t)
{
    const double p = u->dropout[l], limit = p * 0x1p32 + 0.5;
    return (Mask){
        .stream = NAME(stream)(u->seed + (uint64_t)l, (uint64_t)t, 0),
        .limit = limit < 0x1p32 - 1 ? (uint32_t)limit : UINT32_MAX,
        .scale = (R)(1 / (1 - p)),
    };
}

#undef MASKED
enum { NAME(MASKED) = PL2_INTERLEAVED * (int)sizeof(U) / 4 };
#define MASKED NAME(MASKED)

/* What the numbers [first, first + MASKED) of two rows are multiplied by, `first` being even. */
PL2_INLINE void NAME(mask_factors)(const Mask *mask, int64_t first, R factor[2][MASKED])
{
    U bits[2][PL2_INTERLEAVED];
    uint32_t word[2][MASKED];
    NAME(philox)(&mask->stream, (uint64_t)first / 2, bits[0], bits[1]);
    memcpy(word, bits, sizeof word);
    for (int h = 0; h < 2; h++)
        for (int i = 0; i < MASKED; i++) factor[h][i] = word[h][i] < mask->limit ? 0 : mask->scale;
}

/* Some of row i: a (count) <- a f, and f'(z) f into slope, unless that is NULL. */
PL2_INLINE void NAME(drop_some)(const R *factor, int kind, R *a, R *slope, int64_t count)
{
    for (int64_t j = 0; j < count; j += LANES) {
        const V f = NAME(load)(factor + j), old = NAME(load)(a + j);
        if (slope)
            NAME(store)(slope + j,
                        f * NAME(slope)(kind, PL2_STORES_SLOPE(kind) ? NAME(load)(slope + j) : old));
        NAME(store)(a + j, f * old);
    }
}

/* The rows of a (rows, n), activations of a kind, the first of which is row `place` of its batch; and their slopes,
   which from here on are stored whatever the kind. */
static void NAME(drop_rows)(Mask mask, int64_t place, int kind, R *a, R *slope, int64_t rows, int64_t n,
                            int64_t stride)
{
    for (int64_t i = -(place % 2); i < rows; i += 2) {
        mask.stream.particle = (uint32_t)((place + i) / 2);
        for (int64_t j = 0; j < n; j += MASKED) {
            const int64_t count = n - j < MASKED ? n - j : MASKED, at = i * stride + j;
            R factor[2][MASKED];
            NAME(mask_factors)(&mask, j, factor);
            if (i >= 0) NAME(drop_some)(factor[0], kind, a + at, slope ? slope + at : NULL, count);
            if (i + 1 < rows)
                NAME(drop_some)(factor[1], kind, a + at + stride, slope ? slope + at + stride : NULL, count);
        }
    }
}

/* The values of sparse rows, into x->kept. */
static void NAME(drop_values)(Mask mask, int64_t place, const Sparse *x)
{
    for (int64_t i = 0; i < x->rows; i++) {
        const int64_t begin = x->spans[2 * i], count = x->spans[2 * i + 1] - begin;
        mask.stream.particle = (uint32_t)((place + i) / 2);
        for (int64_t k = 0; k < count; k++) {
            const int64_t column = NAME(sparse_column)(x, begin + k);
            R factor[2][MASKED];
            NAME(mask_factors)(&mask, column - column % 2, factor);
            x->kept[i * x->fullest + k] = factor[(place + i) % 2][column % 2] * x->values[begin + k];
        }
    }
}
