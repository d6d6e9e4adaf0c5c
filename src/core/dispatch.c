/* The machine -> a row of the table.  The only list of instruction sets. */
#include "core.h"

#include <stddef.h>
#include <string.h>

#include "kernel/activations.h"
#include "kernel/decay.h"
#include "kernel/move.h"
#include "kernel/optimizers.h"
#include "kernel/outputs.h"

#define STRING(name, ...) #name,
#define STATES(name, states, linear) states,
const char *const pl2_activations[] = {ACTIVATIONS(STRING) SLOPE_STORING(STRING) NULL};
const char *const pl2_outputs[] = {OUTPUTS(STRING) NULL};
const char *const pl2_optimizers[] = {OPTIMIZERS(STRING) NULL};
const char *const pl2_decays[] = {DECAYS(STRING) NULL};
const char *const pl2_boundaries[] = {BOUNDARIES(STRING) NULL};
const int32_t pl2_states[] = {OPTIMIZERS(STATES)};

#define LOSS_NAME(output, name, number) #name,
#define LOSS_OUTPUT(output, name, number) OUTPUT_##output,
#define NUMBER(output, name, number) number,
const char *const pl2_losses[] = {LOSSES(LOSS_NAME) NULL};

#define NO(name) 0,
#define YES(name, number) 1,
#define USUAL(name, number) number,
const double pl2_activation_numbers[] = {ACTIVATIONS(NO) SLOPE_STORING(USUAL)};
const int32_t pl2_stores_slope[] = {ACTIVATIONS(NO) SLOPE_STORING(YES)};

const int32_t pl2_loss_outputs[] = {LOSSES(LOSS_OUTPUT)};
const double pl2_loss_numbers[] = {LOSSES(NUMBER)};

#ifdef PL2_X86
#define PL2_ISAS(row) row(base) row(avx2) row(avx512)
#elif defined(PL2_ARM64)
#define PL2_ISAS(row) row(base) row(neon)
#else
#define PL2_ISAS(row) row(base)
#endif

#define DECLARE(isa) \
    extern const Kernels kernels_f32_##isa, kernels_f64_##isa; \
    extern const SecondOrder second_order_f64_##isa;
PL2_ISAS(DECLARE)

typedef struct {
    const char *isa;
    const Kernels *f32, *f64;
    const SecondOrder *second_order;
} Row;

static const Row table[] = {
#define ROW(isa) {#isa, &kernels_f32_##isa, &kernels_f64_##isa, &second_order_f64_##isa},
    PL2_ISAS(ROW)};

const char *const pl2_isas[] = {PL2_ISAS(STRING) NULL};

int pl2_runs(const char *isa)
{
#ifdef PL2_X86
    __builtin_cpu_init();
    if (!strcmp(isa, "avx2")) return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
    if (!strcmp(isa, "avx512"))
        return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq")
               && __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512bw");
#endif
#ifdef PL2_ARM64
    if (!strcmp(isa, "neon")) return 1;
#endif
    return !strcmp(isa, "base");
}

static const Row *row_of(const char *isa)
{
    for (size_t i = 0; i < sizeof table / sizeof *table; i++)
        if (!strcmp(table[i].isa, isa)) return &table[i];
    return NULL;
}

const Kernels *pl2_kernels(int64_t item_bytes, const char *isa)
{
    const Row *row = row_of(isa);
    return !row ? NULL : item_bytes == 4 ? row->f32 : row->f64;
}

const SecondOrder *pl2_second_order(const char *isa)
{
    const Row *row = row_of(isa);
    return row ? row->second_order : NULL;
}
