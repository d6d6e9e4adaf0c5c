/* AVX2 with FMA: 16 registers of 32 bytes. */
#include "core.h"

#ifdef PL2_X86
#include <immintrin.h>
#ifdef __clang__ /* which ignores GCC's pragma without a word */
#pragma clang attribute push(__attribute__((target("avx2,fma"))), apply_to = function)
#else
#pragma GCC target("avx2,fma")
#endif

#define PL2_AVX2
#define WIDTH 32
#define R float
#define INT int32_t
#define NAME(f) f##_f32_avx2
#include "kernel/kernel.h"
#undef R
#undef INT
#undef NAME
#define R double
#define INT int64_t
#define NAME(f) f##_f64_avx2
#include "kernel/kernel.h"
#include "kernel/second_order.h"

#ifdef __clang__
#pragma clang attribute pop
#endif
#endif
