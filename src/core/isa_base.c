/* What every machine has: SSE2 on x86-64, else what the compiler makes of it. */
#include "core.h"

#define WIDTH 16
#define R float
#define INT int32_t
#define NAME(f) f##_f32_base
#include "kernel/kernel.h"
#undef R
#undef INT
#undef NAME
#define R double
#define INT int64_t
#define NAME(f) f##_f64_base
#include "kernel/kernel.h"
#include "kernel/second_order.h"
