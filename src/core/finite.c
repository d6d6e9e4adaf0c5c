/* Whether training has stayed among the finite numbers. */
#include "core.h"

#include <math.h>

static int finite_f32(const float *values, int64_t count)
{
    int finite = 1;
    for (int64_t i = 0; i < count; i++) finite &= isfinite(values[i]) != 0;
    return finite;
}

static int finite_f64(const double *values, int64_t count)
{
    int finite = 1;
    for (int64_t i = 0; i < count; i++) finite &= isfinite(values[i]) != 0;
    return finite;
}

int pl2_finite(const void *values, int64_t count, int64_t item_bytes)
{
    return item_bytes == 4 ? finite_f32(values, count) : finite_f64(values, count);
}
