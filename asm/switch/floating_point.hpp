// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// floating_point.hpp: the control modes of floating-point arithmetic (rounding, exception masks,
// FTZ and DAZ), and the flags of raised exceptions. Each fiber has its own modes. A flow of control
// begins with the default modes; a fiber then loads the modes of its creator
// (runtime/spawn.cpp).
#pragma once

#include <cstdint>

namespace fiber::arch {

#if defined(__x86_64__)
// The MXCSR of a new flow: the default modes, and of the flags only "inexact", which nearly every
// computation raises. The CPU renames the control bits of MXCSR, but not the flags, so a switch
// between flows with different flags is slow. If "inexact" were clear at first, fibers that compute
// would differ from fibers that do not. Benchmark: yield_2.
inline constexpr std::uint32_t first_mxcsr = 0x1f80 | 0x20;
inline constexpr std::uint16_t first_x87_control = 0x037f;
inline constexpr std::uint32_t mxcsr_flags = 0x3f; // the flags of raised exceptions; the other bits are modes
#endif

// The caller's modes, without the flags. Construct it early and test it late: the CPU takes long to
// read the control registers.
class control_modes {
public:
    control_modes() noexcept {
#if defined(__x86_64__)
        asm volatile("stmxcsr %0" : "=m"(mxcsr_));
        asm volatile("fnstcw %0" : "=m"(x87_));
#elif defined(__aarch64__)
        asm volatile("mrs %0, fpcr" : "=r"(control_));
#endif
    }
    [[nodiscard]] bool are_default() const noexcept {
#if defined(__x86_64__)
        return (mxcsr_ & ~mxcsr_flags) == (first_mxcsr & ~mxcsr_flags) && x87_ == first_x87_control;
#elif defined(__aarch64__)
        return control_ == 0;
#else
        return true;
#endif
    }
    // Makes these modes the caller's. The x87 unit traps at its next instruction if an unmasked
    // exception's flag is raised. Other fibers may have raised flags on this OS thread, so load()
    // clears them.
    void load() const noexcept {
#if defined(__x86_64__)
        asm volatile("fnclex");
        asm volatile("fldcw %0" : : "m"(x87_));
        __builtin_ia32_ldmxcsr((mxcsr_ & ~mxcsr_flags) | (first_mxcsr & mxcsr_flags));
#elif defined(__aarch64__)
        asm volatile("msr fpcr, %0" : : "r"(control_));
#endif
    }

private:
#if defined(__x86_64__)
    std::uint32_t mxcsr_;
    std::uint16_t x87_;
#elif defined(__aarch64__)
    std::uint64_t control_;
#endif
};

// Loads the default modes and the flags of first_mxcsr. It does not test the current modes first:
// reading MXCSR is no faster than loading it, and slower if it was loaded just before.
inline void begin_floating_point() noexcept {
#if defined(__x86_64__)
    __builtin_ia32_ldmxcsr(first_mxcsr);
    asm volatile("fldcw %0" : : "m"(first_x87_control));
#elif defined(__aarch64__)
    asm volatile("msr fpcr, xzr");
#endif
}

} // namespace fiber::arch
