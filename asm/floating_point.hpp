// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// floating_point.hpp: rounding mode and exception masks, which each fiber has its own of, and begins with the
// defaults; and the flags that say which exceptions have been raised.
#pragma once

#include <cstdint>

namespace fiber::arch {

#if defined(__x86_64__)
// What a flow begins with: no flag but the one that nearly every computation raises, "inexact". To go from a flow to another
// whose flags differ costs the CPU some 30 ns more: it renames the control bits of MXCSR, but not the flags. Were this one
// clear at first, those that compute would differ from those that do not.
inline constexpr std::uint32_t first_mxcsr = 0x1f80 | 0x20;
inline constexpr std::uint16_t first_x87_control = 0x037f;
#endif

// Undoes what the last user of this stack may have changed. Reading the control words costs about 2 ns,
// writing them many more, and hardly anybody changes them.
inline void begin_floating_point() noexcept {
#if defined(__x86_64__)
    if (__builtin_ia32_stmxcsr() != first_mxcsr)
        __builtin_ia32_ldmxcsr(first_mxcsr);
    std::uint16_t x87;
    asm volatile("fnstcw %0" : "=m"(x87));
    if (x87 != first_x87_control)
        asm volatile("fldcw %0" : : "m"(first_x87_control));
#elif defined(__aarch64__)
    std::uint64_t control;
    asm volatile("mrs %0, fpcr" : "=r"(control));
    if (control != 0)
        asm volatile("msr fpcr, xzr");
#endif
}

} // namespace fiber::arch
