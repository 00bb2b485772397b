// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// floating_point.hpp: the control modes of floating-point arithmetic (rounding, exception masks, FTZ and DAZ), of which each
// fiber has its own; and the flags that say which exceptions have been raised. A flow of control begins with the default
// modes. A fiber goes on from there to those of its creator: runtime/sched/spawn.cpp.
#pragma once

#include <cstdint>

namespace fiber::arch {

#if defined(__x86_64__)
// What a flow begins with: no flag but the one that nearly every computation raises, "inexact". To go from a flow to another
// whose flags differ costs the CPU some 30 ns more: it renames the control bits of MXCSR, but not the flags. Were this one
// clear at first, those that compute would differ from those that do not.
inline constexpr std::uint32_t first_mxcsr = 0x1f80 | 0x20;
inline constexpr std::uint16_t first_x87_control = 0x037f;
inline constexpr std::uint32_t mxcsr_flags =
    0x3f; // of exceptions that have been raised; the other bits are modes
#endif

// The caller's modes, without the flags. To be read early, and looked at later: what is read comes late.
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
    // Makes them the caller's. The x87 unit traps at its next instruction for a flag that is raised and not masked.
    // Flags that other fibers have raised on this OS thread are therefore cleared.
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

// The default modes, and no flag that makes switches dearer. What the CPU has is not looked at before: to read MXCSR takes as long
// as to load it, and some 6 ns more on a Zen 5 where it was loaded just before.
inline void begin_floating_point() noexcept {
#if defined(__x86_64__)
    __builtin_ia32_ldmxcsr(first_mxcsr);
    asm volatile("fldcw %0" : : "m"(first_x87_control));
#elif defined(__aarch64__)
    asm volatile("msr fpcr, xzr");
#endif
}

} // namespace fiber::arch
