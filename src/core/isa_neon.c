/* NEON, which every arm64 has: 32 registers of 16 bytes. */
#include "core.h"

#ifdef PL2_ARM64
#include <arm_neon.h>

#define PL2_NEON
#define WIDTH 16
#define R float
#define INT int32_t
#define NAME(f) f##_f32_neon
#include "kernel/kernel.h"
#undef R
#undef INT
#undef NAME
#define R double
#define INT int64_t
#define NAME(f) f##_f64_neon
#include "kernel/kernel.h"
#include "kernel/second_order.h"
#endif
