// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// control_modes.hpp: reads all floating-point control modes of the caller for a comparison, and sets
// modes in a scope.
#pragma once

#include <cfenv>
#include <cstdint>

namespace tests {

struct control_modes {
#if defined(__x86_64__)
    static constexpr std::uint32_t flags = 0x3f, flush_to_zero = 0x8000, denormals_are_zero = 0x40;
    static constexpr std::uint32_t zero_divide_mask = 0x200, upward = 0x4000;
    std::uint32_t sse;
    std::uint16_t x87;

    [[nodiscard]] static control_modes of_caller() noexcept {
        control_modes now{};
        asm volatile("stmxcsr %0" : "=m"(now.sse));
        asm volatile("fnstcw %0" : "=m"(now.x87));
        now.sse &= ~flags;
        return now;
    }
    void load() const noexcept {
        asm volatile(
            "fnclex"); // clears flags that other fibers have raised on this OS thread: they would trap
        asm volatile("fldcw %0" : : "m"(x87));
        asm volatile("ldmxcsr %0" : : "m"(sse));
    }
    [[nodiscard]] static constexpr control_modes defaults() noexcept { return {0x1f80, 0x037f}; }
    // Rounding upward, subnormal numbers as zero, a trap for a division by zero, x87 arithmetic of 53 bits.
    [[nodiscard]] static constexpr control_modes unusual() noexcept {
        return {(0x1f80 & ~zero_divide_mask) | upward | flush_to_zero | denormals_are_zero, 0x0a7b};
    }
#elif defined(__aarch64__)
    std::uint64_t fpcr;

    [[nodiscard]] static control_modes of_caller() noexcept {
        control_modes now{};
        asm volatile("mrs %0, fpcr" : "=r"(now.fpcr));
        return now;
    }
    void load() const noexcept { asm volatile("msr fpcr, %0" : : "r"(fpcr)); }
    [[nodiscard]] static constexpr control_modes defaults() noexcept { return {0}; }
    // Rounding upward, subnormal numbers as zero.
    [[nodiscard]] static constexpr control_modes unusual() noexcept { return {0x1400000}; }
#endif
    friend bool operator==(control_modes const&, control_modes const&) = default;
};

// Gives the caller these modes in its scope.
class with_modes {
public:
    explicit with_modes(control_modes const& wanted) noexcept {
        std::fegetenv(&before_);
        wanted.load();
    }
    ~with_modes() { std::fesetenv(&before_); }
    with_modes(with_modes const&) = delete;
    with_modes& operator=(with_modes const&) = delete;

private:
    std::fenv_t before_;
};

} // namespace tests
