// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// floating_point.hpp: rounding mode and exception masks, which each fiber has its own of, and begins with the
// defaults.
#pragma once

#include <cstdint>

namespace fiber::arch {

// Undoes what the last user of this stack may have changed. Reading the control words costs about 2 ns,
// writing them many more, and hardly anybody changes them.
inline void restore_default_floating_point_control() noexcept {
#if defined(__x86_64__)
    constexpr std::uint32_t sse_default = 0x1f80,
                            sse_flags = 0x3f; // the flags say what has happened: no control
    constexpr std::uint16_t x87_default = 0x037f;
    std::uint32_t sse = __builtin_ia32_stmxcsr();
    if ((sse & ~sse_flags) != sse_default)
        __builtin_ia32_ldmxcsr(sse_default);
    std::uint16_t x87;
    asm volatile("fnstcw %0" : "=m"(x87));
    if (x87 != x87_default)
        asm volatile("fldcw %0" : : "m"(x87_default));
#elif defined(__aarch64__)
    std::uint64_t control;
    asm volatile("mrs %0, fpcr" : "=r"(control));
    if (control != 0)
        asm volatile("msr fpcr, xzr");
#endif
}

} // namespace fiber::arch
