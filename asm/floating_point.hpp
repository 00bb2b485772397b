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

// What the last user of this stack has left, and may have changed, which hardly anybody does. So it is looked at, since to
// load the control words costs more on some CPUs (Xeon); but early, and undone after what else is to be done, since what
// MXCSR has been stored to can be read only some 6 ns later on others (Zen 5).
class used_floating_point {
public:
    used_floating_point() noexcept {
#if defined(__x86_64__)
        asm volatile("stmxcsr %0" : "=m"(mxcsr_));
        asm volatile("fnstcw %0" : "=m"(x87_));
#elif defined(__aarch64__)
        asm volatile("mrs %0, fpcr" : "=r"(control_));
#endif
    }
    void undo() const noexcept {
#if defined(__x86_64__)
        if (mxcsr_ != first_mxcsr)
            __builtin_ia32_ldmxcsr(first_mxcsr);
        if (x87_ != first_x87_control)
            asm volatile("fldcw %0" : : "m"(first_x87_control));
#elif defined(__aarch64__)
        if (control_ != 0)
            asm volatile("msr fpcr, xzr");
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

inline void begin_floating_point() noexcept { used_floating_point().undo(); }

} // namespace fiber::arch
