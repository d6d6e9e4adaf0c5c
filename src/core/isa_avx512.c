/* AVX-512 as every server since Skylake has it: 32 registers of 64 bytes, masks. */
#include "core.h"

#ifdef PL2_X86
#include <immintrin.h>
#ifdef __clang__ /* which ignores GCC's pragma without a word */
#pragma clang attribute push(__attribute__((target("avx512f,avx512dq,avx512vl,avx512bw,avx2,fma"))), \
                             apply_to = function)
#else
#pragma GCC target("avx512f,avx512dq,avx512vl,avx512bw,avx2,fma,prefer-vector-width=512")
#endif

#define PL2_AVX512
#define WIDTH 64
#define R float
#define INT int32_t
#define NAME(f) f##_f32_avx512
#define PL2_HALF_AS_WIDE(f) f##_f32_avx2
#include "kernel/kernel.h"
#undef R
#undef INT
#undef NAME
#undef PL2_HALF_AS_WIDE
#define R double
#define INT int64_t
#define NAME(f) f##_f64_avx512
#define PL2_HALF_AS_WIDE(f) f##_f64_avx2
#include "kernel/kernel.h"
#include "kernel/second_order.h"

#ifdef __clang__
#pragma clang attribute pop
#endif
#endif
